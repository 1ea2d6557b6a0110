"""Faults in a Kubernetes cluster, over the wire of an API server on loopback.

Nothing here is a real cluster. With `SRETOOL_TEST_KUBECONFIG` the last tests use the one it names.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos import cluster as clusters
from sretool.chaos import kubernetes_undo, undoing
from sretool.chaos.actions import chaos_mesh, kubernetes
from sretool.chaos.probes import kubernetes as probes
from sretool.undo.entry import Result
from sretool.undo.heal import heal
from sretool.undo.log import UndoLog
from tests.support import kubernetes_server
from tests.support.faulty import FaultyServer
from tests.support.kubernetes_server import DEPLOYMENTS, NETWORK, NODES, PODS, STRESS, Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

KUBECTL = shutil.which("kubectl")
NO_KUBECTL = "kubectl is not installed: put it on the PATH, nobody else looks at the cluster from outside"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Two workers and a control plane; three pods of `api`, one of `db`, one of something else."""
    monkeypatch.setenv(undoing.LOG, str(tmp_path))
    for name in ("KUBERNETES_CONTEXT", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    undoing.log.cache_clear()
    with kubernetes_server.running(tmp_path) as (found, config):
        monkeypatch.setenv("KUBECONFIG", str(config))
        found.node("control", {"node-role.kubernetes.io/control-plane": ""})
        found.node("w1", {"zone": "a"})
        found.node("w2", {"zone": "b"})
        found.deployment("api", 3, node=None, limits={"cpu": "500m", "memory": "256Mi"})
        found.deployment("db", 1, node="w2")
        found.deployment("web", 1, node="w2")
        yield found
    undoing.log.cache_clear()


def names(cluster: Cluster, resource: Any = PODS, app: str = "api") -> list[str]:
    return sorted(
        raw["metadata"]["name"]
        for _, raw in cluster.there(resource)
        if resource != PODS or raw["metadata"]["labels"].get("app") == app
    )


def objects(cluster: Cluster, resource: Any) -> list[dict[str, Any]]:
    return [raw for _, raw in cluster.there(resource)]


def undone(folder: Path) -> list[str]:
    """How each entry of the log was undone, the newest first."""
    log = UndoLog(folder)
    found = []
    for each in log.left():
        code, text = kubernetes_undo.undone(each.entry.undo)
        assert code != kubernetes_undo.FAILED, text
        how = "undone" if code == kubernetes_undo.UNDONE else "already"
        log.close(Result(each.entry.id, each.entry.fault, how, text))
        found.append(how)
    return found


# --- what is never chosen


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param({"label_selector": ""}, "without one every pod", id="no selector"),
        pytest.param({"label_selector": "  "}, "without one every pod", id="blank"),
        pytest.param({"label_selector": "app!=web"}, "names no value", id="all but one"),
        pytest.param({"label_selector": "!debug"}, "names no value", id="all without a label"),
        pytest.param({"label_selector": "app"}, "names no value", id="all that have a label"),
        pytest.param({"label_selector": "app notin (web)"}, "names no value", id="not in"),
        pytest.param({"label_selector": "app=nothing"}, "no running pod matches", id="nothing"),
        pytest.param({"label_selector": "app=api", "ns": ""}, "one namespace", id="no namespace"),
        pytest.param({"label_selector": "app=api", "ns": "*"}, "one namespace", id="every namespace"),
        pytest.param({"label_selector": "app=api", "ns": "kube-system"}, "cluster itself", id="system"),
        pytest.param({"label_selector": "app=api", "ns": "other"}, "no running pod", id="elsewhere"),
        pytest.param({"label_selector": "app=api", "count": 4}, "fewer than the 4", id="too many"),
        pytest.param({"label_selector": "app=api", "count": 0}, "from 1 on", id="none"),
        pytest.param({"label_selector": "app=api", "count": "2"}, "count:int=2", id="a word for a number"),
        pytest.param({"label_selector": "app in (api,db,web)", "count": 5}, "never all of it", id="all"),
        pytest.param({"label_selector": "app=api", "context": "nowhere"}, "nowhere", id="no such context"),
    ],
)
def test_what_is_never_chosen(cluster: Cluster, tmp_path: Path, words: dict[str, Any], said: str) -> None:
    words = {"ns": "shop", **words}
    with pytest.raises(ActivityFailed, match=said):
        kubernetes.kill_pods(**words)
    with pytest.raises(ActivityFailed, match=said):
        kubernetes.plan_kill_pods(**words)
    with pytest.raises(ActivityFailed, match=said):
        chaos_mesh.latency(to_label_selector="app=db", **words)
    assert len(names(cluster)) == 3
    assert not (tmp_path / "undo.jsonl").exists()
    assert {method for method, _ in cluster.asked} <= {"GET"}


@pytest.mark.parametrize(
    "selector", ["app=api", "app == api", "app in (api)", "app=api,!debug", "app in (x, api)"]
)
def test_selectors_that_name_what_they_want(cluster: Cluster, selector: str) -> None:
    assert len(kubernetes.plan_kill_pods(selector, ns="shop")) == 1


def test_pods_that_end_already_are_not_chosen(cluster: Cluster) -> None:
    first = names(cluster)[0]
    cluster.objects[PODS, "shop", first].patch({"metadata": {"deletionTimestamp": "2026-11-20T00:00:00Z"}})
    (planned,) = kubernetes.plan_kill_pods("app=api", ns="shop")
    assert first not in planned["target"]
    assert planned["of"] == 2


def test_a_plan_is_the_same_wherever_it_is_made(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    first = chaos_mesh.plan_latency("app=api", "app=db", ns="shop")
    copy = Path(os.environ["KUBECONFIG"]).with_name("elsewhere")
    shutil.copy(os.environ["KUBECONFIG"], copy)
    monkeypatch.setenv("KUBECONFIG", str(copy))
    assert chaos_mesh.plan_latency("app=api", "app=db", ns="shop") == first
    assert first[0]["undo"]["context"] == "test"
    assert {method for method, _ in cluster.asked} == {"GET"}


# --- pods


def test_several_kubeconfigs_are_one(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{os.environ['KUBECONFIG']}{os.pathsep}/there/is/none")
    assert chaos_mesh.latency("app=api", "app=db", ns="shop")["pods"] == names(cluster)[:1]


@pytest.mark.lab
def test_a_killed_pod_is_replaced_and_that_is_its_undo(cluster: Cluster, tmp_path: Path) -> None:
    before = names(cluster)
    killed = kubernetes.kill_pods("app=api", ns="shop")
    assert killed["pods"] == before[:1]
    assert before[0] not in names(cluster)
    assert len(names(cluster)) == 3
    (entry,) = UndoLog(tmp_path).left()
    assert entry.entry.heals == "restart"
    assert kubernetes.await_replaced() >= 0
    assert UndoLog(tmp_path).left() == []


def test_a_pod_that_was_replaced_meanwhile_is_left_alone(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = names(cluster)[0]
    real = undoing.before

    def replaced_now(**words: Any) -> Any:
        cluster.objects[PODS, "shop", name].patch({"metadata": {"uid": "another"}})
        return real(**words)

    monkeypatch.setattr(undoing, "before", replaced_now)
    with pytest.raises(ActivityFailed, match=r"409: .*UID"):
        kubernetes.kill_pods("app=api", ns="shop")
    assert name in names(cluster)


def test_a_pod_that_nobody_replaces_is_not_killed(cluster: Cluster) -> None:
    cluster.pod("lonely", labels={"app": "lonely"}, owner=None)
    with pytest.raises(ActivityFailed, match="no controller"):
        kubernetes.kill_pods("app=lonely", ns="shop")
    assert len(names(cluster, app="lonely")) == 1


def test_pods_that_do_not_come_back_are_an_undo_that_failed(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.idle = True
    monkeypatch.setattr(kubernetes_undo, "BACK", 0.3)
    kubernetes.kill_pods("app=api", ns="shop")
    (standing,) = UndoLog(tmp_path).left()
    code, text = kubernetes_undo.undone(standing.entry.undo)
    assert (code, text) == (1, "2 of 3 pods shop/app=api are ready after 0 s")


# --- Chaos Mesh


def test_latency_is_one_object_for_each_pod_with_its_duration(cluster: Cluster, tmp_path: Path) -> None:
    pods = names(cluster)[:2]
    made = chaos_mesh.latency("app=api", "app=db", ns="shop", delay="200ms", duration="90s", count=2)
    assert made["pods"] == pods
    assert [each["spec"]["selector"] for each in objects(cluster, NETWORK)] == [
        {"pods": {"shop": [pod]}} for pod in pods
    ]
    spec = objects(cluster, NETWORK)[0]["spec"]
    assert (spec["action"], spec["mode"], spec["direction"]) == ("delay", "all", "to")
    assert (spec["duration"], spec["delay"]["latency"]) == ("90s", "200ms")
    target = {"namespaces": ["shop"], "labelSelectors": {"app": "db"}}
    assert spec["target"] == {"mode": "all", "selector": target}
    entries = UndoLog(tmp_path).left()
    assert [each.entry.ttl for each in entries] == [90, 90]
    assert len({each.entry.target for each in entries}) == 2
    assert undone(tmp_path) == ["undone", "undone"]
    assert objects(cluster, NETWORK) == []


def test_every_span_has_a_form_that_chaos_mesh_reads(cluster: Cluster) -> None:
    chaos_mesh.latency("app=api", "app=db", ns="shop", delay="1s", jitter="20ms", duration="1h")
    spec = objects(cluster, NETWORK)[0]["spec"]
    assert (spec["delay"]["latency"], spec["delay"]["jitter"], spec["duration"]) == ("1s", "20ms", "3600s")


def test_a_blackhole_loses_everything(cluster: Cluster) -> None:
    chaos_mesh.blackhole("app=api", "app=db", ns="shop")
    spec = objects(cluster, NETWORK)[0]["spec"]
    assert (spec["action"], spec["loss"]["loss"]) == ("loss", "100")


def test_cpu_is_a_share_of_the_pods_own_limit(cluster: Cluster) -> None:
    chaos_mesh.cpu_limit("app=api", ns="shop", share=0.5)
    (made,) = objects(cluster, STRESS)
    # Half of 500m is left: a worker that takes 250m, a quarter of a core.
    assert made["spec"]["stressors"] == {"cpu": {"workers": 1, "load": 25}}
    assert made["spec"]["containerNames"] == ["main"]


def test_memory_is_filled_up_to_a_share_of_the_pods_own_limit(cluster: Cluster) -> None:
    chaos_mesh.memory_stress("app=api", ns="shop", share=0.9, used="100Mi")
    (made,) = objects(cluster, STRESS)
    size = int(0.9 * 256 * 2**20 - 100 * 2**20)
    assert made["spec"]["stressors"] == {"memory": {"workers": 1, "size": f"{size}B"}}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        pytest.param(
            lambda: chaos_mesh.cpu_limit("app=db", ns="shop"), "no container has a limit", id="no limit"
        ),
        pytest.param(
            lambda: chaos_mesh.cpu_limit("app=api", ns="shop", container="x"),
            "container x",
            id="no container",
        ),
        pytest.param(lambda: chaos_mesh.cpu_limit("app=api", ns="shop", share=1.5), "`share`", id="too much"),
        pytest.param(
            lambda: chaos_mesh.memory_stress("app=api", ns="shop", used="255Mi"), "already", id="full already"
        ),
        pytest.param(
            lambda: chaos_mesh.memory_stress("app=api", ns="shop", used="lots"), "no quantity", id="quantity"
        ),
        pytest.param(
            lambda: chaos_mesh.latency("app=api", "app=db", ns="shop", delay="fast"), "`delay`", id="delay"
        ),
        pytest.param(
            lambda: chaos_mesh.latency("app=api", "app=db", ns="shop", duration="2d"), "`duration`", id="days"
        ),
        pytest.param(
            lambda: chaos_mesh.latency("app=api", "app in (db)", ns="shop"), "app=db,role", id="target set"
        ),
        pytest.param(lambda: chaos_mesh.latency("app=api", "", ns="shop"), "every pod", id="target missing"),
    ],
)
def test_orders_that_make_no_sense(cluster: Cluster, tmp_path: Path, call: Any, said: str) -> None:
    with pytest.raises(ActivityFailed, match=said):
        call()
    assert not (tmp_path / "undo.jsonl").exists()
    assert {method for method, _ in cluster.asked} <= {"GET"}


def test_a_fault_that_chaos_mesh_does_not_make_is_no_fault(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.idle = True
    monkeypatch.setattr(chaos_mesh, "_IN", 0.3)
    with pytest.raises(ActivityFailed, match="has not made its fault"):
        chaos_mesh.latency("app=api", "app=db", ns="shop")
    cluster.idle = False
    assert undone(tmp_path) == ["undone"]
    assert objects(cluster, NETWORK) == []


def test_an_object_that_chaos_mesh_does_not_let_go_is_told(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chaos_mesh.latency("app=api", "app=db", ns="shop")
    cluster.stubborn = True
    monkeypatch.setattr(kubernetes_undo, "LET_GO", 0.3)
    (standing,) = UndoLog(tmp_path).left()
    code, text = kubernetes_undo.undone(standing.entry.undo)
    assert code == 1
    assert "was not taken back" in text


def test_an_object_of_somebody_else_under_its_name_stays(cluster: Cluster, tmp_path: Path) -> None:
    chaos_mesh.latency("app=api", "app=db", ns="shop")
    name = names(cluster, NETWORK)[0]
    cluster.objects[NETWORK, "shop", name].patch({"metadata": {"annotations": {kubernetes_undo.TOKEN: "x"}}})
    assert undone(tmp_path) == ["already"]
    assert names(cluster, NETWORK) == [name]


@pytest.mark.parametrize("status", [403, 500])
def test_what_the_server_refuses_is_told_with_its_reason(cluster: Cluster, status: int) -> None:
    cluster.refuse["create networkchaos"] = (status, "networkchaos is forbidden for nobody")
    with pytest.raises(ActivityFailed, match="networkchaos is forbidden for nobody"):
        chaos_mesh.latency("app=api", "app=db", ns="shop")


# --- nodes and workloads


def test_a_drained_node_takes_no_work_until_it_is_undone(cluster: Cluster, tmp_path: Path) -> None:
    drained = kubernetes.drain_node(ns="shop", pod_selector="app=api")
    name = drained["node"]
    assert len(drained["pods"]) == 2
    assert probes.cordoned_nodes() == 1
    assert probes.pods_on_cordoned_nodes("app=api", ns="shop") == 0
    assert len(names(cluster)) == 3
    assert undone(tmp_path) == ["undone"]
    raw = cluster.raw((NODES, None, name))
    assert raw is not None
    assert not raw["spec"]["unschedulable"]


def test_a_plan_of_a_drain_lists_the_node_and_every_pod(cluster: Cluster) -> None:
    planned = kubernetes.plan_drain_node("zone=b")
    assert planned[0]["target"].startswith("node w2")
    assert len(planned) == 1 + sum(raw["spec"]["nodeName"] == "w2" for _, raw in cluster.there(PODS))
    assert {each["fault"] for each in planned[1:]} == {"eviction"}


def test_a_disruption_budget_makes_a_drain_wait(cluster: Cluster) -> None:
    cluster.budget_blocks = 3
    assert kubernetes.drain_node("zone=b")["node"] == "w2"
    assert cluster.budget_blocks == 0


def test_a_budget_that_never_allows_it_ends_in_time(cluster: Cluster, tmp_path: Path) -> None:
    cluster.budget_blocks = 10**6
    began = time.monotonic()
    with pytest.raises(ActivityFailed, match="not moved after 1 s: shop/"):
        kubernetes.drain_node("zone=b", within=1.0)
    assert time.monotonic() - began < 4
    assert undone(tmp_path) == ["undone"]


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        pytest.param({"owner": None}, "no controller", id="unmanaged"),
        pytest.param({"volumes": [{"name": "tmp", "emptyDir": {}}]}, "emptyDir", id="local data"),
    ],
)
def test_a_node_whose_pods_would_be_lost_is_not_drained(
    cluster: Cluster, pod: dict[str, Any], said: str
) -> None:
    cluster.pod("precious", node="w2", **pod)
    with pytest.raises(ActivityFailed, match=said):
        kubernetes.drain_node("zone=b")
    assert probes.cordoned_nodes() == 0


def test_pods_that_belong_to_a_node_stay_on_it(cluster: Cluster) -> None:
    cluster.pod("agent", "kube-system", node="w2", owner=("DaemonSet", "ds"))
    cluster.pod("static", "kube-system", node="w2", annotations={"kubernetes.io/config.mirror": "x"})
    cluster.pod("done", node="w2", phase="Succeeded", owner=None)
    moved = kubernetes.drain_node("zone=b")["pods"]
    assert not any(word in pod for pod in moved for word in ("agent", "static", "done"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param({}, "give `label_selector`", id="nothing named"),
        pytest.param(
            {"label_selector": "node-role.kubernetes.io/control-plane="}, "no value", id="control plane"
        ),
        pytest.param({"label_selector": "zone=c"}, "no node that takes work", id="nothing"),
        pytest.param({"pod_selector": "app=api"}, "one namespace", id="pods of everywhere"),
    ],
)
def test_nodes_that_are_never_drained(cluster: Cluster, words: dict[str, Any], said: str) -> None:
    with pytest.raises(ActivityFailed, match=said):
        kubernetes.drain_node(**words)


def test_the_last_node_is_never_drained(cluster: Cluster) -> None:
    cluster.objects[NODES, None, "w1"].patch({"spec": {"unschedulable": True}})
    with pytest.raises(ActivityFailed, match="w2 is the only node"):
        kubernetes.drain_node("zone=b")


def test_a_workload_gets_its_replicas_back(cluster: Cluster, tmp_path: Path) -> None:
    assert kubernetes.scale_to_zero("app=api", ns="shop")["replicas"] == 3
    assert names(cluster) == []
    assert probes.ready_pods("app=api", ns="shop") == 0
    assert undone(tmp_path) == ["undone"]
    assert probes.all_ready("app=api", ns="shop", least=3)


def test_replicas_that_somebody_else_set_meanwhile_stay(cluster: Cluster, tmp_path: Path) -> None:
    kubernetes.scale_to_zero("app=api", ns="shop")
    cluster.objects[DEPLOYMENTS, "shop", "api"].patch({"spec": {"replicas": 5}})
    assert undone(tmp_path) == ["already"]
    assert probes.replicas("app=api", ns="shop") == 5


def test_a_workload_that_was_made_anew_is_another_one(cluster: Cluster, tmp_path: Path) -> None:
    kubernetes.scale_to_zero("app=api", ns="shop")
    cluster.objects[DEPLOYMENTS, "shop", "api"].patch({"metadata": {"uid": "another"}})
    assert undone(tmp_path) == ["already"]
    assert probes.replicas("app=api", ns="shop") == 0


def test_one_workload_and_no_other_is_scaled(cluster: Cluster) -> None:
    with pytest.raises(ActivityFailed, match="matches 2: api, db"):
        kubernetes.scale_to_zero("app in (api,db)", ns="shop")
    cluster.objects[DEPLOYMENTS, "shop", "db"].patch({"spec": {"replicas": 0}})
    with pytest.raises(ActivityFailed, match="has no replicas already"):
        kubernetes.scale_to_zero("app=db", ns="shop")
    with pytest.raises(ActivityFailed, match="`kind`"):
        kubernetes.scale_to_zero("app=api", ns="shop", kind="pod")


# --- undoing


def test_undoing_may_be_repeated_and_may_come_first(cluster: Cluster, tmp_path: Path) -> None:
    chaos_mesh.latency("app=api", "app=db", ns="shop")
    kubernetes.scale_to_zero("app=api", ns="shop")
    entries = [each.entry.undo for each in UndoLog(tmp_path).left()]
    assert [kubernetes_undo.undone(each)[0] for each in entries] == [0, 0]
    assert [kubernetes_undo.undone(each)[0] for each in entries] == [3, 3]


def test_a_server_that_is_away_is_an_undo_that_failed(cluster: Cluster, tmp_path: Path) -> None:
    kubernetes.scale_to_zero("app=api", ns="shop")
    (standing,) = UndoLog(tmp_path).left()
    config = Path(os.environ["KUBECONFIG"])
    text = config.read_text()
    config.write_text(text.replace(text.split("127.0.0.1:")[1].split()[0], "1"))
    code, said = kubernetes_undo.undone(standing.entry.undo)
    assert code == 1
    assert "does not answer" in said
    config.write_text(text)
    assert kubernetes_undo.undone(standing.entry.undo)[0] == 0


def test_a_server_that_hangs_is_waited_for_once(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "PATIENCE", 0.4)
    config = Path(os.environ["KUBECONFIG"])
    text = config.read_text()
    with FaultyServer(lambda _: None) as server:
        server.hang.set()
        config.write_text(text.replace(text.split("server: ")[1].split()[0], server.url))
        began = time.monotonic()
        with pytest.raises(ActivityFailed, match=r"does not answer: .*timed out"):
            kubernetes.plan_kill_pods("app=api", ns="shop")
        assert time.monotonic() - began < 1.2


@pytest.mark.lab
def test_whoever_heals_does_so_by_a_program_of_its_own(cluster: Cluster, tmp_path: Path) -> None:
    chaos_mesh.latency("app=api", "app=db", ns="shop")
    kubernetes.drain_node("zone=a")
    kubernetes.scale_to_zero("app=db", ns="shop")
    healed = heal(tmp_path)
    assert [each.how for each in healed.results] == ["undone"] * 3
    assert objects(cluster, NETWORK) == []
    assert probes.cordoned_nodes() == 0
    assert len(names(cluster, app="db")) == 1


def test_no_secret_is_in_the_log(cluster: Cluster, tmp_path: Path) -> None:
    chaos_mesh.latency("app=api", "app=db", ns="shop")
    assert "t0ken" not in (tmp_path / "undo.jsonl").read_text()


def test_the_log_undoes_in_the_context_the_fault_was_made_in(cluster: Cluster, tmp_path: Path) -> None:
    kubernetes.scale_to_zero("app=api", ns="shop", context="production-eu")
    (standing,) = UndoLog(tmp_path).left()
    assert standing.entry.undo["context"] == "production-eu"
    assert standing.entry.undo["config"] == os.environ["KUBECONFIG"]


@pytest.mark.lab
def test_whoever_is_killed_while_a_fault_is_in_leaves_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """A program like the one that plays an experiment, and `kill -9`."""
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    del environment[undoing.LOG]
    program = (
        "import time; from sretool.chaos.actions import chaos_mesh, kubernetes;"
        "chaos_mesh.latency('app=api', 'app=db', ns='shop');"
        "kubernetes.scale_to_zero('app=db', ns='shop');"
        "print('in', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"in\n"
        assert len(objects(cluster, NETWORK)) == 1
        assert names(cluster, app="db") == []
        child.send_signal(signal.SIGKILL)
    until = time.monotonic() + 60
    while (objects(cluster, NETWORK) or not names(cluster, app="db")) and time.monotonic() < until:
        time.sleep(0.1)
    assert objects(cluster, NETWORK) == []
    assert len(names(cluster, app="db")) == 1


# --- probes


def test_probes_count_what_is_there(cluster: Cluster) -> None:
    assert probes.ready_pods("app=api", ns="shop") == 3
    assert probes.missing_pods("app=api", ns="shop") == 0
    cluster.idle = True
    kubernetes.kill_pods("app=api", ns="shop")
    assert probes.missing_pods("app=api", ns="shop") == 1
    assert probes.all_ready("app=api", ns="shop") is False
    with pytest.raises(ActivityFailed, match="not ready as a whole"):
        probes.all_ready("app=api", ns="shop", sure=True)
    cluster.idle = False
    cluster.live()
    assert probes.all_ready("app=api", ns="shop", wait=5)


def test_faults_that_are_in_are_counted(cluster: Cluster) -> None:
    assert probes.faults_made("networkchaos", ns="shop") == 0
    chaos_mesh.latency("app=api", "app=db", ns="shop", count=2)
    assert probes.faults_made("networkchaos", ns="shop") == 2


def test_restarts_of_pods_that_are_not_there_are_not_zero(cluster: Cluster) -> None:
    with pytest.raises(ActivityFailed, match="no pod matches"):
        probes.restarts("app=nothing", ns="shop")


# --- seen from outside


@pytest.mark.lab
@pytest.mark.skipif(KUBECTL is None, reason=NO_KUBECTL)
def test_kubectl_sees_the_faults_and_that_they_are_gone(cluster: Cluster, tmp_path: Path) -> None:
    assert KUBECTL is not None

    def see(*words: str) -> list[dict[str, Any]]:
        done = subprocess.run(
            [KUBECTL or "", *words, "-o", "json"],
            check=True,
            capture_output=True,
            timeout=30,
            env={**os.environ, "HOME": str(tmp_path)},
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)["items"]
        return found

    chaos_mesh.latency("app=api", "app=db", ns="shop", duration="90s")
    kubernetes.drain_node("zone=a")
    kubernetes.scale_to_zero("app=db", ns="shop")
    (fault,) = see("get", "networkchaos", "-n", "shop")
    assert fault["spec"]["duration"] == "90s"
    assert [
        each["metadata"]["name"] for each in see("get", "nodes") if each["spec"].get("unschedulable")
    ] == ["w1"]
    assert see("get", "pods", "-n", "shop", "-l", "app=db") == []
    undone(tmp_path)
    assert see("get", "networkchaos", "-n", "shop") == []
    assert not any(each["spec"].get("unschedulable") for each in see("get", "nodes"))
    assert len(see("get", "pods", "-n", "shop", "-l", "app=db")) == 1


# --- a real cluster

LIVE = os.environ.get("SRETOOL_TEST_KUBECONFIG")


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A namespace of our own in the cluster that is named, with three small pods in it."""
    if not LIVE:
        pytest.skip(
            "nothing was tried on a real cluster: let SRETOOL_TEST_KUBECONFIG name the kubeconfig of one"
        )
    if KUBECTL is None:
        pytest.skip(NO_KUBECTL)
    monkeypatch.setenv("KUBECONFIG", LIVE)
    monkeypatch.setenv(undoing.LOG, str(tmp_path))
    undoing.log.cache_clear()
    # The one of the test before may still be on its way out.
    ns = f"sretool-test-{uuid.uuid4().hex[:8]}"

    def call(*words: str) -> None:
        subprocess.run([KUBECTL or "", *words], check=True, capture_output=True, timeout=180)

    call("create", "namespace", ns)
    try:
        for name, count in (("api", "2"), ("db", "1")):
            call(
                "create",
                "deployment",
                name,
                "--image=registry.k8s.io/pause:3.9",
                f"--replicas={count}",
                "-n",
                ns,
            )
            call("rollout", "status", f"deployment/{name}", "-n", ns, "--timeout=120s")
        yield ns
    finally:
        undoing.log.cache_clear()
        call("delete", "namespace", ns, "--wait=false")


@pytest.mark.lab
def test_pods_and_replicas_of_a_real_cluster_come_back(live: str, tmp_path: Path) -> None:
    assert len(kubernetes.kill_pods("app=api", ns=live)["pods"]) == 1
    kubernetes.await_replaced()
    assert probes.all_ready("app=api", ns=live, least=2, wait=60)
    kubernetes.scale_to_zero("app=db", ns=live)
    assert undone(tmp_path)[0] == "undone"
    assert probes.all_ready("app=db", ns=live, wait=60)


@pytest.mark.lab
def test_latency_in_a_real_cluster_is_made_and_taken_back(live: str, tmp_path: Path) -> None:
    found = subprocess.run(
        [KUBECTL or "", "get", "crd", "networkchaos.chaos-mesh.org", "--ignore-not-found", "-o", "name"],
        check=True,
        capture_output=True,
        timeout=30,
    )
    if not found.stdout:
        pytest.skip("Chaos Mesh is not installed in that cluster: install its chart chaos-mesh/chaos-mesh")
    chaos_mesh.latency("app=api", "app=db", ns=live, duration="60s")
    assert probes.faults_made("networkchaos", ns=live) == 1
    assert undone(tmp_path) == ["undone"]
    assert probes.faults_made("networkchaos", ns=live) == 0
