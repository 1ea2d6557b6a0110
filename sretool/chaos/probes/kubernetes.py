"""What a Kubernetes cluster has, and whether it is as wanted: pods, workloads, nodes, faults of Chaos Mesh.

Labels and namespaces are named as for faults; a selector that matches nothing is no answer where something
must be there to be counted.
"""

from __future__ import annotations

from typing import Any

from chaoslib.exceptions import ActivityFailed
from kubernetes import client

from sretool.chaos import cluster
from sretool.chaos.cluster import PATIENCE, told
from sretool.chaos.kubernetes_undo import GROUP, VERSION
from sretool.chaos.sources import sure_of, wait_until


def ready_pods(label_selector: str, ns: str = "default", context: str = "") -> int:
    """How many pods are running and ready; 0 where none matches."""
    return sum(cluster.is_ready(pod) for pod in _pods(label_selector, ns, context))


def absent(label_selector: str, ns: str = "default", context: str = "") -> int:
    """1 where no pod that matches is ready, 0 where one is: the dose of taking all of them away."""
    return int(ready_pods(label_selector, ns, context) == 0)


def ready_pods_within(
    label_selector: str,
    ns: str = "default",
    least: int = 1,
    wait: float = 0.0,
    context: str = "",
    sure: bool = False,
) -> bool:
    """Whether `least` pods are running and ready, `wait` seconds from now at the latest.

    `sure`: fail instead of giving False, so that no run passes without it.
    """
    problem = f"fewer than {least} pods {ns}/{label_selector} are ready after {wait:.0f} s"
    return sure_of(wait_until(lambda: ready_pods(label_selector, ns, context) >= least, wait), sure, problem)


def missing_pods(
    label_selector: str, ns: str = "default", kind: str = "deployment", context: str = ""
) -> int:
    """How many replicas of the one workload that matches are wanted and not ready."""
    found = cluster.workload(cluster.connected(context), ns, label_selector, kind)
    labels = found.spec.selector.match_labels or {}
    pods = ",".join(f"{name}={value}" for name, value in labels.items()) or label_selector
    return max(int(found.spec.replicas or 0) - ready_pods(pods, ns, context), 0)


def replicas(label_selector: str, ns: str = "default", kind: str = "deployment", context: str = "") -> int:
    """How many replicas of the one workload that matches are wanted."""
    return int(cluster.workload(cluster.connected(context), ns, label_selector, kind).spec.replicas or 0)


def all_ready(
    label_selector: str,
    ns: str = "default",
    kind: str = "deployment",
    least: int = 1,
    wait: float = 0.0,
    context: str = "",
    sure: bool = False,
) -> bool:
    """Whether every replica that is wanted is ready, and `least` of them are wanted.

    `wait`: seconds that it may take. `sure`: fail instead of giving False, so that no run passes without it.
    """

    def are() -> bool:
        enough = replicas(label_selector, ns, kind, context) >= least
        return enough and missing_pods(label_selector, ns, kind, context) == 0

    problem = f"{kind} {ns}/{label_selector} is not ready as a whole after {wait:.0f} s"
    return sure_of(wait_until(are, wait), sure, problem)


def restarts(label_selector: str, ns: str = "default", context: str = "") -> int:
    """How often containers of these pods were started again since the pods are there."""
    found = _pods(label_selector, ns, context)
    if not found:
        raise ActivityFailed(f"no pod matches {label_selector!r} in {ns}")
    return sum(each.restart_count for pod in found for each in pod.status.container_statuses or ())


def cordoned_nodes(label_selector: str = "", context: str = "") -> int:
    """How many nodes take no new work because somebody said so; without a label of all nodes."""
    return sum(bool(node.spec.unschedulable) for node in _nodes(label_selector, context))


def pods_on_cordoned_nodes(label_selector: str, ns: str = "default", context: str = "") -> int:
    """How many running pods are still on nodes that take no new work."""
    away = {node.metadata.name for node in _nodes("", context) if node.spec.unschedulable}
    found = _pods(label_selector, ns, context)
    return sum(cluster.is_running(pod) and pod.spec.node_name in away for pod in found)


def faults_made(plural: str, ns: str = "default", context: str = "") -> int:
    """How many objects of Chaos Mesh (`networkchaos`, `stresschaos`, …) say that their fault is in."""
    objects: Any = client.CustomObjectsApi(cluster.connected(context))
    ns = cluster.checked_namespace(ns)
    with told(f"{plural} in {ns}"):
        found = objects.list_namespaced_custom_object(GROUP, VERSION, ns, plural, _request_timeout=PATIENCE)
    made = 0
    for each in found.get("items") or ():
        conditions = cluster.conditions(each)
        made += conditions.get("AllInjected") == "True" and conditions.get("AllRecovered") != "True"
    return made


def _pods(label_selector: str, ns: str, context: str) -> list[Any]:
    core: Any = client.CoreV1Api(cluster.connected(context))
    ns, selector = cluster.checked_namespace(ns), cluster.checked_selector(label_selector, "pod")
    with told(f"pods of {ns}"):
        return list(core.list_namespaced_pod(ns, label_selector=selector, _request_timeout=PATIENCE).items)


def _nodes(label_selector: str, context: str) -> list[Any]:
    core: Any = client.CoreV1Api(cluster.connected(context))
    chosen = {"label_selector": label_selector} if label_selector else {}
    with told("nodes"):
        return list(core.list_node(_request_timeout=PATIENCE, **chosen).items)
