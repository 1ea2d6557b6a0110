"""Faults in a Kubernetes cluster: pods killed, a node drained, a workload scaled to nothing.

Pods are chosen by namespace and label, the first `count` of them by name; never without a label, never all
that runs in a namespace, never in a namespace of the cluster itself. The cluster is that of the kubeconfig
(`KUBECONFIG`), in `context` or its current one. See `chaos_mesh` for latency, CPU, memory and lost
connections.
"""

from __future__ import annotations

import time
from typing import Any, Final

from chaoslib.exceptions import ActivityFailed
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from sretool.chaos import cluster, undoing
from sretool.chaos.cluster import PATIENCE, told

_LOOK: Final = 0.2

# --- pods that die


def kill_pods(
    label_selector: str, ns: str = "default", count: int = 1, grace: int = 0, context: str = ""
) -> dict[str, Any]:
    """Delete pods, as a crash does it where `grace` (seconds) is 0; their controller makes new ones.

    Gives `{"pods", "at"}`. Pods that nobody would replace are refused. The undo waits until as many as before
    are ready, and a stateful set's under its old name.
    """
    api = cluster.connected(context)
    core: Any = client.CoreV1Api(api)
    chosen, _ = _to_kill(api, label_selector, ns, count, context)
    at = time.time()
    for pod, planned in chosen:
        undoing.before(**planned)
        only_this = client.V1DeleteOptions(
            grace_period_seconds=grace, preconditions=client.V1Preconditions(uid=pod.metadata.uid)
        )
        with told(f"pod {ns}/{pod.metadata.name}"):
            core.delete_namespaced_pod(pod.metadata.name, ns, body=only_this, _request_timeout=PATIENCE)
    return {"pods": [pod.metadata.name for pod, _ in chosen], "at": at}


def plan_kill_pods(
    label_selector: str, ns: str = "default", count: int = 1, grace: int = 0, context: str = ""
) -> list[dict[str, Any]]:
    chosen, there = _to_kill(cluster.connected(context), label_selector, ns, count, context)
    return [cluster.shown(planned, of=there) for _, planned in chosen]


def _to_kill(
    api: Any, label_selector: str, ns: str, count: int, context: str
) -> tuple[list[tuple[Any, dict[str, Any]]], int]:
    """Each pod with what killing it means, and how many could have been chosen."""
    chosen, there = cluster.pods(api, ns, label_selector, count)
    core: Any = client.CoreV1Api(api)
    with told(f"pods of {ns}"):
        every = core.list_namespaced_pod(ns, label_selector=label_selector, _request_timeout=PATIENCE).items
    ready = sum(cluster.is_ready(pod) for pod in every)
    found = []
    for pod in chosen:
        if (owner := cluster.controller(pod)) is None:
            raise ActivityFailed(
                f"pod {ns}/{pod.metadata.name} has no controller: nobody would bring it back"
            )
        words = {"do": "replaced", "ns": ns, "label_selector": label_selector, "ready": ready}
        if owner.kind == "StatefulSet":
            words["name"] = pod.metadata.name
        planned = cluster.planned("pod kill", pod, words, context, prior=f"{ready} ready", heals="restart")
        found.append((pod, planned))
    return found, there


def await_replaced() -> float:
    """Wait until the pods that were killed are replaced and ready; seconds since the first was killed."""
    entries = [
        each.entry
        for each in undoing.log().left()
        if each.entry.undo.get("kind") == "kubernetes" and each.entry.undo.get("do") == "replaced"
    ]
    if not entries:
        raise ActivityFailed("no pod was killed that could be waited for")
    for entry in entries:
        result = undoing.after(entry)
        if not result.ok:
            raise ActivityFailed(f"{entry.target}: {result.text}")
    return time.time() - min(entry.at for entry in entries)


def plan_await_replaced() -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


# --- nodes and workloads


def drain_node(
    label_selector: str = "",
    ns: str = "",
    pod_selector: str = "",
    within: float = 120.0,
    local_data: bool = False,
    context: str = "",
) -> dict[str, Any]:
    """Let one node take no more work, and move its pods elsewhere as their disruption budgets allow it.

    The first node of `label_selector`, or, with `pod_selector` and `ns`, the one that runs most of these
    pods. Gives `{"node", "pods", "at"}`. A node with pods that nobody would replace, or whose local data
    would be lost (unless `local_data`), is refused; so is the last one that takes work. Its undo lets it take
    work again.
    """
    api = cluster.connected(context)
    core: Any = client.CoreV1Api(api)
    node, _ = cluster.node(api, label_selector, ns, pod_selector)
    name = node.metadata.name
    moved = cluster.evictable(api, name, local_data=local_data)
    undoing.before(**_drained(node, context))
    at = time.time()
    with told(f"node {name}"):
        core.patch_node(name, {"spec": {"unschedulable": True}}, _request_timeout=PATIENCE)
    _move(core, moved, within)
    return {
        "node": name,
        "pods": [f"{pod.metadata.namespace}/{pod.metadata.name}" for pod in moved],
        "at": at,
    }


def plan_drain_node(
    label_selector: str = "",
    ns: str = "",
    pod_selector: str = "",
    within: float = 120.0,
    local_data: bool = False,
    context: str = "",
) -> list[dict[str, Any]]:
    api = cluster.connected(context)
    node, _ = cluster.node(api, label_selector, ns, pod_selector)
    found = [cluster.shown(_drained(node, context))]
    for pod in cluster.evictable(api, node.metadata.name, local_data=local_data):
        words = cluster.planned(
            "eviction", pod, {}, context, prior=f"on {node.metadata.name}", heals="restart"
        )
        found.append({**words, "undo": {}})
    return found


def _drained(node: Any, context: str) -> dict[str, Any]:
    words = {"do": "uncordon", "name": node.metadata.name, "uid": node.metadata.uid}
    return {
        "fault": "node drain",
        "target": f"node {node.metadata.name} (uid {node.metadata.uid})",
        "prior": "takes work",
        "heals": "undo",
        "undo": {"kind": "kubernetes", **words, **cluster.server(context)},
    }


def _move(core: Any, pods: list[Any], within: float) -> None:
    """Evict them; a disruption budget may make that wait."""
    until = time.monotonic() + within
    waiting = list(pods)
    refused: dict[str, str] = {}
    """By uid, of those that were asked to go: why they do not; empty where they are on their way."""
    while waiting:
        for pod in list(waiting):
            name, ns, uid = pod.metadata.name, pod.metadata.namespace, pod.metadata.uid
            with told(f"pod {ns}/{name}"):
                if _gone(core, name, ns, uid):
                    waiting.remove(pod)
                elif refused.get(uid, "not asked"):
                    refused[uid] = _evict(core, name, ns, uid)
        if waiting and time.monotonic() > until:
            left = ", ".join(sorted(_still_there(pod, refused[pod.metadata.uid]) for pod in waiting))
            raise ActivityFailed(f"not moved after {within:.0f} s: {left}")
        if waiting:
            time.sleep(_LOOK)


def _still_there(pod: Any, refused: str) -> str:
    name = f"{pod.metadata.namespace}/{pod.metadata.name}"
    return f"{name} ({refused})" if refused else name


def _evict(core: Any, name: str, ns: str, uid: str) -> str:
    """Empty where it goes; else why it does not yet: a disruption budget, or its name is another one's."""
    eviction = client.V1Eviction(
        metadata=client.V1ObjectMeta(name=name, namespace=ns),
        delete_options=client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=uid)),
    )
    try:
        core.create_namespaced_pod_eviction(name, ns, eviction, _request_timeout=PATIENCE)
    except ApiException as error:
        if error.status in (409, 429):
            return cluster.reason(error)
        if error.status != 404:
            raise
    return ""


def _gone(core: Any, name: str, ns: str, uid: str) -> bool:
    try:
        return bool(core.read_namespaced_pod(name, ns, _request_timeout=PATIENCE).metadata.uid != uid)
    except ApiException as error:
        if error.status == 404:
            return True
        raise


def scale_to_zero(
    label_selector: str, ns: str = "default", kind: str = "deployment", context: str = ""
) -> dict[str, Any]:
    """Take every replica from the one workload (`deployment` or `statefulset`) that matches.

    Gives `{"name", "replicas", "at"}`: what it is called, and how many it had. Its undo gives it as many
    again.
    """
    api = cluster.connected(context)
    found = _to_scale(api, label_selector, ns, kind)
    undoing.before(**_scaled(found, ns, kind, context))
    at = time.time()
    with told(f"{kind} {ns}/{found.metadata.name}"):
        cluster.scale(api, ns, kind, found.metadata.name, 0)
    return {"name": found.metadata.name, "replicas": found.spec.replicas, "at": at}


def plan_scale_to_zero(
    label_selector: str, ns: str = "default", kind: str = "deployment", context: str = ""
) -> list[dict[str, Any]]:
    found = _to_scale(cluster.connected(context), label_selector, ns, kind)
    return [cluster.shown(_scaled(found, ns, kind, context))]


def _to_scale(api: Any, label_selector: str, ns: str, kind: str) -> Any:
    found = cluster.workload(api, ns, label_selector, kind)
    if not found.spec.replicas:
        raise ActivityFailed(f"{kind} {ns}/{found.metadata.name} has no replicas already")
    return found


def _scaled(found: Any, ns: str, kind: str, context: str) -> dict[str, Any]:
    name, replicas = found.metadata.name, found.spec.replicas
    words = {
        **{"do": "scale", "workload": kind, "ns": ns, "name": name, "uid": found.metadata.uid},
        **{"replicas": replicas, "applied": 0},
    }
    return {
        "fault": "scale to zero",
        "target": f"{kind} {ns}/{name} (uid {found.metadata.uid})",
        "prior": f"{replicas} replica{'s' if replicas != 1 else ''}",
        "heals": "undo",
        "undo": {"kind": "kubernetes", **words, **cluster.server(context)},
    }
