"""Faults in a Kubernetes cluster, against what a real API server said to the same requests.

Its version is in each file of tests/data/kubernetes; `tests.support.kubernetes_replies` says how to record
them anew.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from chaoslib.exceptions import ActivityFailed
from kubernetes import client

from sretool.chaos import cluster as clusters
from sretool.chaos import kubernetes_undo, undoing
from sretool.chaos.actions import chaos_mesh, kubernetes
from sretool.chaos.probes import kubernetes as probes
from sretool.undo.entry import Result
from sretool.undo.log import UndoLog
from tests.support import kubernetes_replies
from tests.support.kubernetes_replies import NS, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Cluster = Callable[[str], Any]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv(undoing.LOG, str(tmp_path))
    for name in ("KUBERNETES_CONTEXT", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    undoing.log.cache_clear()
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0123456789abcdef"[: 2 * size])

    @contextmanager
    def of(name: str) -> Iterator[World]:
        with kubernetes_replies.cluster(name, tmp_path) as (world, config):
            monkeypatch.setenv("KUBECONFIG", str(config))
            if world.api is None:
                # Nothing takes its time.
                for module in (kubernetes, chaos_mesh, kubernetes_undo):
                    monkeypatch.setattr(module, "_LOOK", 0.02)
            yield world

    yield of
    undoing.log.cache_clear()


def deployment(name: str, replicas: int, **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    container = {
        "name": "main",
        "image": "registry.k8s.io/pause:3.9",
        "resources": {"limits": {"cpu": "100m", "memory": "32Mi"}},
    }
    pod = {"containers": [container], "automountServiceAccountToken": False, **spec}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def stateful_set(name: str, replicas: int) -> dict[str, Any]:
    same = deployment(name, replicas)
    return {**same, "kind": "StatefulSet", "spec": {**same["spec"], "serviceName": name}}


def budget(name: str, app: str, least: int) -> dict[str, Any]:
    """A PodDisruptionBudget."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": app}}},
    }


def left(folder: Path) -> list[dict[str, Any]]:
    """What is to be undone, the newest first."""
    return [dict(each.entry.undo) for each in UndoLog(folder).left()]


def undone(folder: Path) -> list[str]:
    """What became of each, the newest first."""
    log = UndoLog(folder)
    found = []
    for each in log.left():
        code, text = kubernetes_undo.undone(each.entry.undo)
        assert code != kubernetes_undo.FAILED, text
        log.close(Result(each.entry.id, each.entry.fault, "undone", text))
        found.append(text)
    return found


# --- pods


def test_a_killed_pod_is_replaced(cluster: Cluster, tmp_path: Path) -> None:
    with cluster("kill") as world:
        world.have(deployment("api", 2), deployment("web", 1))
        killed = kubernetes.kill_pods("app=api", ns=NS)
        assert len(killed["pods"]) == 1
        (entry,) = left(tmp_path)
        assert (entry["do"], entry["ready"]) == ("replaced", 2)
        assert undone(tmp_path) == [f"2 pods {NS}/app=api are ready"]
        assert probes.all_ready("app=api", ns=NS, least=2)
        assert probes.restarts("app=api", ns=NS) == 0
        assert killed["pods"][0] not in str(kubernetes.plan_kill_pods("app=api", ns=NS, count=2))


def test_a_pod_with_grace_is_gone_only_when_it_ended(cluster: Cluster, tmp_path: Path) -> None:
    with cluster("kill-grace") as world:
        world.have(deployment("api", 2), deployment("web", 1))
        kubernetes.kill_pods("app=api", ns=NS, grace=5)
        assert probes.missing_pods("app=api", ns=NS) == 1
        assert undone(tmp_path) == [f"2 pods {NS}/app=api are ready"]


def test_a_pod_made_anew_under_its_name_is_another_one(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = undoing.before
    with cluster("kill-another") as world:
        world.have(stateful_set("db", 2), deployment("web", 1))

        def somebody_was_faster(**words: Any) -> Any:
            world.do(lambda api: anew(world, api, "db-0"))
            return real(**words)

        monkeypatch.setattr(undoing, "before", somebody_was_faster)
        with pytest.raises(ActivityFailed, match=r"409: .*UID in the precondition"):
            kubernetes.kill_pods("app=db", ns=NS)
        assert probes.all_ready("app=db", ns=NS, kind="statefulset", least=2)


def test_a_primary_is_back_when_its_pod_is_and_not_when_another_has_its_label(
    cluster: Cluster, tmp_path: Path
) -> None:
    with cluster("kill-primary") as world:
        world.have(stateful_set("db", 2), deployment("web", 1))
        world.do(lambda api: label(api, "db-0", "primary"))
        assert kubernetes.kill_pods("app=db,role=primary", ns=NS)["pods"] == ["db-0"]
        world.do(lambda api: label(api, "db-1", "primary"))
        assert probes.ready_pods("app=db,role=primary", ns=NS) == 1
        assert probes.missing_pods("app=db", ns=NS, kind="statefulset") == 1
        assert undone(tmp_path) == [f"1 pods {NS}/app=db,role=primary are ready"]
        assert probes.missing_pods("app=db", ns=NS, kind="statefulset") == 0


def label(api: Any, name: str, role: str) -> None:
    client.CoreV1Api(api).patch_namespaced_pod(name, NS, {"metadata": {"labels": {"role": role}}})


def anew(world: World, api: Any, name: str) -> None:
    """Delete a pod of a stateful set, and wait until there is another one of its name."""
    core: Any = client.CoreV1Api(api)
    before = core.read_namespaced_pod(name, NS).metadata.uid
    core.delete_namespaced_pod(name, NS, grace_period_seconds=0)

    def another() -> bool:
        found = [pod for pod in core.list_namespaced_pod(NS).items if pod.metadata.name == name]
        return bool(found) and found[0].metadata.uid != before and clusters.is_ready(found[0])

    world.wait(another)


def test_a_pod_that_nobody_replaces_is_not_killed(cluster: Cluster) -> None:
    with cluster("kill-alone") as world:
        alone = {"name": "alone", "labels": {"app": "alone"}}
        spec = deployment("alone", 1)["spec"]["template"]["spec"]
        world.have({"apiVersion": "v1", "kind": "Pod", "metadata": alone, "spec": spec}, deployment("web", 1))
        with pytest.raises(ActivityFailed, match="no controller"):
            kubernetes.kill_pods("app=alone", ns=NS)


# --- nodes


def test_a_drain_waits_for_a_disruption_budget(cluster: Cluster, tmp_path: Path) -> None:
    with cluster("drain") as world:
        world.have(deployment("api", 3, affinity=together("api")), budget("api", "api", 2))
        drained = kubernetes.drain_node(ns=NS, pod_selector="app=api")
        assert len(drained["pods"]) >= 2
        assert probes.cordoned_nodes("kubernetes.io/os=linux") == 1
        assert probes.pods_on_cordoned_nodes("app=api", ns=NS) == 0
        assert undone(tmp_path) == [f"node {drained['node']} takes work again"]
        assert probes.cordoned_nodes() == 0


def together(app: str) -> dict[str, Any]:
    """On one node as far as it goes."""
    term = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "kubernetes.io/hostname"}
    like = {"weight": 100, "podAffinityTerm": term}
    return {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [like]}}


def test_a_drain_that_a_budget_never_allows_ends_in_time(cluster: Cluster, tmp_path: Path) -> None:
    with cluster("drain-never") as world:
        world.have(deployment("api", 1), budget("api", "api", 1))
        with pytest.raises(
            ActivityFailed, match=f"not moved after 1 s: {NS}/api-.* \\(429: .* needs 1 healthy"
        ):
            kubernetes.drain_node(ns=NS, pod_selector="app=api", within=1.0)
        assert "takes work again" in undone(tmp_path)[0]


def test_a_drain_of_pods_with_two_budgets_says_why_it_cannot_be(cluster: Cluster, tmp_path: Path) -> None:
    with cluster("drain-two-budgets") as world:
        world.have(deployment("api", 1), budget("one", "api", 0), budget("two", "api", 0))
        with pytest.raises(ActivityFailed, match="more than one PodDisruptionBudget"):
            kubernetes.drain_node(ns=NS, pod_selector="app=api")
        assert "takes work again" in undone(tmp_path)[0]


def test_a_pod_that_is_made_anew_while_a_node_is_drained_has_moved(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under its old name, between being looked at and being evicted."""
    real = kubernetes._gone
    faster: list[bool] = []
    with cluster("drain-another") as world:
        world.have(stateful_set("db", 1))

        def gone(*words: Any) -> bool:
            found = real(*words)
            if not faster:
                faster.append(True)
                world.do(lambda api: anew(world, api, "db-0"))
            return found

        monkeypatch.setattr(kubernetes, "_gone", gone)
        assert kubernetes.drain_node(ns=NS, pod_selector="app=db")["pods"] == [f"{NS}/db-0"]
        assert "takes work again" in undone(tmp_path)[0]


# --- workloads


@pytest.mark.parametrize("kind", ["deployment", "statefulset"])
def test_a_workload_gets_its_replicas_back(cluster: Cluster, tmp_path: Path, kind: str) -> None:
    with cluster(f"scale-{kind}") as world:
        world.have(deployment("app", 2) if kind == "deployment" else stateful_set("app", 2))
        scaled = kubernetes.scale_to_zero("app=app", ns=NS, kind=kind)
        assert (scaled["name"], scaled["replicas"]) == ("app", 2)
        assert probes.replicas("app=app", ns=NS, kind=kind) == 0
        (entry,) = left(tmp_path)
        assert undone(tmp_path) == [f"{kind} {NS}/app 0 → 2 replicas"]
        assert kubernetes_undo.undone(entry) == (kubernetes_undo.NOTHING, f"{kind} {NS}/app has 2 replicas")


# --- Chaos Mesh


@pytest.mark.parametrize(
    ("name", "make"),
    [
        pytest.param(
            "latency", lambda: chaos_mesh.latency("app=api", "app=db", ns=NS, delay="200ms"), id="latency"
        ),
        pytest.param("blackhole", lambda: chaos_mesh.blackhole("app=api", "app=db", ns=NS), id="blackhole"),
        pytest.param("cpu", lambda: chaos_mesh.cpu_limit("app=api", ns=NS, share=0.5), id="CPU"),
        pytest.param("memory", lambda: chaos_mesh.memory_stress("app=api", ns=NS, used="8Mi"), id="memory"),
    ],
)
def test_a_fault_of_chaos_mesh_is_made_and_taken_back(
    cluster: Cluster, tmp_path: Path, name: str, make: Callable[[], dict[str, Any]]
) -> None:
    with cluster(f"mesh-{name}") as world:
        world.have(deployment("api", 2), deployment("db", 1))
        made = make()
        plural = "networkchaos" if name in ("latency", "blackhole") else "stresschaos"
        assert probes.faults_made(plural, ns=NS) == 1
        (entry,) = left(tmp_path)
        assert entry["name"] == made["objects"][0]
        assert undone(tmp_path) == [f"{plural} {NS}/{entry['name']} removed"]
        assert kubernetes_undo.undone(entry) == (
            kubernetes_undo.NOTHING,
            f"no {plural} {NS}/{entry['name']}",
        )
        assert probes.faults_made(plural, ns=NS) == 0


def test_a_name_that_is_taken_is_no_fault(cluster: Cluster, tmp_path: Path) -> None:
    with cluster("mesh-taken") as world:
        world.have(deployment("api", 2), deployment("db", 1))
        chaos_mesh.latency("app=api", "app=db", ns=NS)
        with pytest.raises(ActivityFailed, match=r'409: .*"sretool-0123456789abcdef" already exists'):
            chaos_mesh.latency("app=api", "app=db", ns=NS)
        assert len(undone(tmp_path)) == 2


def test_a_cluster_without_chaos_mesh_is_told_before_anything_is_made(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group that the server does not have, whatever it is called."""
    monkeypatch.setattr(chaos_mesh, "GROUP", "chaos-mesh.example")
    with cluster("mesh-missing") as world:
        world.have(deployment("api", 2), deployment("db", 1))
        for call in (chaos_mesh.latency, chaos_mesh.plan_latency):
            with pytest.raises(ActivityFailed, match="Chaos Mesh is not installed"):
                call("app=api", "app=db", ns=NS)
        assert left(tmp_path) == []


# --- what a server refuses


def test_what_is_not_allowed_is_told_with_the_servers_reason(cluster: Cluster, tmp_path: Path) -> None:
    with cluster("forbidden") as world:
        world.have(deployment("api", 2), deployment("web", 1))
        refused: list[tuple[str, Callable[..., Any], dict[str, str]]] = [
            ("delete pods", kubernetes.kill_pods, {"label_selector": "app=api", "ns": NS}),
            ("list pods", kubernetes.kill_pods, {"label_selector": "app=api", "ns": "default"}),
            ("list deployments", kubernetes.scale_to_zero, {"label_selector": "app=api", "ns": NS}),
            ("list nodes", kubernetes.drain_node, {"label_selector": "zone=a"}),
            (
                "list networkchaos",
                chaos_mesh.latency,
                {"label_selector": "app=api", "to_label_selector": "app=web", "ns": NS},
            ),
        ]
        for what, call, words in refused:
            verb, plural = what.split()
            with pytest.raises(ActivityFailed, match=f'403: .* cannot {verb} resource "{plural}"'):
                call(**words, context="reader")
        with pytest.raises(ActivityFailed, match="401: Unauthorized"):
            kubernetes.kill_pods("app=api", ns=NS, context="stranger")
        # The one whose pod was to be killed: as many are ready as before.
        assert undone(tmp_path) == [f"2 pods {NS}/app=api are ready"]


def test_selectors_that_the_server_does_not_read(cluster: Cluster) -> None:
    with cluster("selectors") as world:
        world.have(deployment("web", 1))
        for selector in ("app=a b", "app=api,in (x", "app=" + 70 * "a", "-x=y"):
            with pytest.raises(ActivityFailed, match=r"400: |names no value"):
                kubernetes.kill_pods(selector, ns=NS)
