"""A Kubernetes cluster as faults see it: how it is reached, and what may be hurt in it.

It is reached as Chaos Toolkit's own Kubernetes extension does: the kubeconfig of the environment, in the
context that is named. Whatever goes wrong is `ActivityFailed`, with the server's own reason.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator  # noqa: TC003 - activities are asked for their types
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from chaosk8s import create_k8s_api_client
from chaoslib.exceptions import ActivityFailed
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException, list_kube_config_contexts, new_client_from_config
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

PATIENCE: Final = 10.0
"""Seconds for one answer of the API server."""
_FORBIDDEN: Final = ("kube-system", "kube-public", "kube-node-lease")
"""Namespaces of the cluster itself."""
_MANY: Final = 500
"""Pods of a namespace that are looked at to see whether there are others than those chosen."""
_MIRROR: Final = "kubernetes.io/config.mirror"
_CONTROL: Final = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
_APART: Final = re.compile(r",(?![^(]*\))")
"""Between two requirements of a selector."""
_NAMES: Final = re.compile(r"\s*[^\s!=,()]+\s*(?:={1,2}\s*[^\s!=,()]+|\s+in\s*\([^()]*[^\s(),][^()]*\))\s*")
"""A requirement that only what carries a certain value can meet."""
_SIZES: Final = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30,
                 "Ti": 2**40, "": 1}  # fmt: skip


def connected(context: str = "") -> Any:
    """ActivityFailed where the kubeconfig has no such context."""
    with told("the kubeconfig"):
        if _config() is None:
            # Inside the cluster, or at an address of the environment.
            return create_k8s_api_client(secrets(context))
        named = context or os.environ.get("KUBERNETES_CONTEXT") or None
        options = client.Configuration()
        # Whoever hangs once is not asked again: an answer takes `PATIENCE`, not several times that.
        options.retries = Retry(total=3, read=0)
        return new_client_from_config(_config(), named, client_configuration=options)  # type: ignore[no-untyped-call]


def _config() -> str | None:
    """The kubeconfig of the environment as it is now; None: there is none."""
    named = os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    return named if any(Path(each).exists() for each in named.split(os.pathsep)) else None


def secrets(context: str) -> dict[str, str]:
    """For functions of the toolkit's own extension."""
    return {"KUBERNETES_CONTEXT": context} if context else {}


def server(context: str = "") -> dict[str, str]:
    """How an undo reaches this cluster again, whichever context is the current one by then."""
    name = context or os.environ.get("KUBERNETES_CONTEXT", "") or _current()
    config = os.environ.get("KUBECONFIG")
    if not config:
        return {"context": name}
    return {"context": name, "config": os.pathsep.join(map(os.path.abspath, config.split(os.pathsep)))}


def _current() -> str:
    """Empty where there is no kubeconfig."""
    if _config() is None:
        return ""
    with told("the kubeconfig"):
        _, active = list_kube_config_contexts(_config())  # type: ignore[no-untyped-call]
    return str(active["name"]) if active else ""


@contextmanager
def told(what: str) -> Iterator[None]:
    """ActivityFailed for everything that can go wrong between us and the API server."""
    try:
        yield
    except ApiException as error:
        raise ActivityFailed(f"{what}: {reason(error)}") from error
    except ConfigException as error:
        raise ActivityFailed(f"{what}: {error}") from error
    except HTTPError as error:
        why = getattr(error, "reason", error)
        raise ActivityFailed(f"{what}: the API server does not answer: {why}") from error


def reason(error: ApiException) -> str:
    """`403: pods is forbidden: …`, with causes that are told beside it."""
    try:
        said = json.loads(error.body or "")
    except ValueError:
        said = {}
    if not isinstance(said, dict):
        said = {}
    text = str(said.get("message") or error.reason)
    for cause in (said.get("details") or {}).get("causes") or ():
        if (more := cause.get("message") or "") not in text:
            text += f" {more}"
    return f"{error.status}: {text}"


# --- what may be chosen


def checked_selector(label_selector: str, what: str) -> str:
    """ActivityFailed where it is missing, or names nothing that must be there: it would choose everything."""
    written = (label_selector or "").strip()
    if not written:
        raise ActivityFailed(f"give `label_selector`: without one every {what} would be chosen")
    if not any(_NAMES.fullmatch(each) for each in _APART.split(written)):
        raise ActivityFailed(f"{written!r} names no value that a {what} must have; write it like app=api")
    return written


def checked_namespace(ns: str) -> str:
    written = (ns or "").strip()
    if not written or "*" in written:
        raise ActivityFailed("give `ns`, one namespace: all of them are never chosen")
    if written in _FORBIDDEN:
        raise ActivityFailed(f"{written} belongs to the cluster itself: nothing in it is chosen")
    return written


def checked_count(count: int, there: int, what: str) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ActivityFailed(f"`count` is {count!r}; give a whole number from 1 on, like --vars count:int=2")
    if count > there:
        raise ActivityFailed(f"{what} has {there}, fewer than the {count} to be chosen")
    return count


def pods(api: Any, ns: str, label_selector: str, count: int) -> tuple[list[Any], int]:
    """The first `count` running pods by name, and how many there are.

    ActivityFailed where nothing matches, or where what would be chosen is all that runs in the namespace.
    """
    ns, selector = checked_namespace(ns), checked_selector(label_selector, "pod")
    core: Any = client.CoreV1Api(api)
    with told(f"pods of {ns}"):
        listed = core.list_namespaced_pod(ns, label_selector=selector, _request_timeout=PATIENCE).items
    running = sorted((pod for pod in listed if is_running(pod)), key=lambda pod: str(pod.metadata.name))
    if not running:
        raise ActivityFailed(f"no running pod matches {selector!r} in {ns}")
    checked_count(count, len(running), f"{selector!r} in {ns}")
    with told(f"pods of {ns}"):
        others = core.list_namespaced_pod(
            ns, field_selector="status.phase=Running", limit=_MANY, _request_timeout=PATIENCE
        ).items
    if len([pod for pod in others if is_running(pod)]) <= count:
        raise ActivityFailed(
            f"{selector!r} with count {count} is everything that runs in {ns}: never all of it"
        )
    return running[:count], len(running)


def is_running(pod: Any) -> bool:
    return bool(pod.status.phase == "Running" and pod.metadata.deletion_timestamp is None)


def is_ready(pod: Any) -> bool:
    conditions = pod.status.conditions or ()
    return is_running(pod) and any(each.type == "Ready" and each.status == "True" for each in conditions)


def conditions(found: dict[str, Any]) -> dict[str, str]:
    """What an object of Chaos Mesh says of its state: `AllInjected` → `True`, …"""
    return {each["type"]: each["status"] for each in (found.get("status") or {}).get("conditions") or ()}


def controller(of: Any) -> Any | None:
    """Its owner that would replace it; None: nobody would."""
    return next((each for each in of.metadata.owner_references or () if each.controller), None)


def limit(pod: Any, resource: str, container: str = "") -> tuple[str, float]:
    """Name of a container and its limit of `cpu` (cores) or `memory` (bytes).

    Without `container` the first one that has such a limit; ActivityFailed where there is none.
    """
    name = pod.metadata.name
    for each in pod.spec.containers:
        if container in ("", each.name):
            limits = (each.resources.limits if each.resources else None) or {}
            if resource in limits:
                return each.name, quantity(limits[resource])
    of = f"container {container}" if container else "no container"
    raise ActivityFailed(
        f"pod {name}: {of} {'has no' if container else 'has a'} limit of {resource}; a share of what?"
    )


def quantity(written: str) -> float:
    """`500m` → 0.5, `512Mi` → 536870912; ActivityFailed where it is none."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?(?:e\d+)?)([a-zA-Z]*)", str(written).strip())
    if found is None or found[2] not in _SIZES:
        raise ActivityFailed(f"{written!r} is no quantity of Kubernetes")
    return float(found[1]) * _SIZES[found[2]]


# --- nodes


def node(api: Any, label_selector: str, ns: str = "", pod_selector: str = "") -> tuple[Any, int]:
    """The node to be drained, and how many there are to choose from.

    With `pod_selector` the one of the matching nodes that runs most of these pods. Nodes of the control plane
    are never chosen, nor one without which nothing could be scheduled any more.
    """
    core: Any = client.CoreV1Api(api)
    selector = checked_selector(label_selector, "node") if label_selector or not pod_selector else None
    with told("nodes"):
        every = core.list_node(_request_timeout=PATIENCE).items
        matching = (
            core.list_node(label_selector=selector, _request_timeout=PATIENCE).items if selector else every
        )
    useful = {each.metadata.name for each in every if _takes_work(each)}
    candidates = {each.metadata.name: each for each in matching if each.metadata.name in useful}
    if not candidates:
        raise ActivityFailed(f"no node that takes work matches {selector!r}")
    if len(useful) < 2:
        raise ActivityFailed(f"{next(iter(useful))} is the only node that takes work: it is never drained")
    if not pod_selector:
        return candidates[min(candidates)], len(candidates)
    ns, chosen = checked_namespace(ns), checked_selector(pod_selector, "pod")
    with told(f"pods of {ns}"):
        there = core.list_namespaced_pod(ns, label_selector=chosen, _request_timeout=PATIENCE).items
    hosts = [pod.spec.node_name for pod in there if is_running(pod) and pod.spec.node_name in candidates]
    if not hosts:
        raise ActivityFailed(f"no running pod matches {chosen!r} in {ns} on such a node")
    return candidates[min(hosts, key=lambda name: (-hosts.count(name), name))], len(candidates)


def _takes_work(node: Any) -> bool:
    labels = node.metadata.labels or {}
    ready = any(each.type == "Ready" and each.status == "True" for each in node.status.conditions or ())
    return ready and not node.spec.unschedulable and not any(label in labels for label in _CONTROL)


def evictable(api: Any, name: str, *, local_data: bool) -> list[Any]:
    """Pods of a node that a drain moves elsewhere.

    ActivityFailed where one would be lost: nobody replaces it, or its local data would go without
    `local_data`.
    """
    core: Any = client.CoreV1Api(api)
    with told(f"pods of node {name}"):
        listed = core.list_pod_for_all_namespaces(
            field_selector=f"spec.nodeName={name}", _request_timeout=PATIENCE
        ).items
    found = []
    for pod in listed:
        owner = controller(pod)
        finished = pod.status.phase in ("Succeeded", "Failed")
        if _MIRROR in (pod.metadata.annotations or {}) or finished:
            continue
        if owner is not None and owner.kind == "DaemonSet":
            continue
        label = f"pod {pod.metadata.namespace}/{pod.metadata.name} on {name}"
        if owner is None:
            raise ActivityFailed(f"{label} has no controller: nobody would bring it back")
        if not local_data and any(each.empty_dir is not None for each in pod.spec.volumes or ()):
            raise ActivityFailed(
                f"{label} keeps data in an emptyDir, which would be lost; say local_data: true"
            )
        found.append(pod)
    return found


# --- workloads

_SCALED: Final = {
    "deployment": ("list_namespaced_deployment", "patch_namespaced_deployment_scale"),
    "statefulset": ("list_namespaced_stateful_set", "patch_namespaced_stateful_set_scale"),
}


def workload(api: Any, ns: str, label_selector: str, kind: str) -> Any:
    """The one that matches; ActivityFailed where it is none or several."""
    if kind not in _SCALED:
        raise ActivityFailed(f"`kind` is {kind!r}; give one of {', '.join(_SCALED)}")
    ns, selector = checked_namespace(ns), checked_selector(label_selector, kind)
    with told(f"{kind}s of {ns}"):
        listed = getattr(client.AppsV1Api(api), _SCALED[kind][0])(
            ns, label_selector=selector, _request_timeout=PATIENCE
        ).items
    names = [each.metadata.name for each in listed]
    if len(listed) != 1:
        said = f"{len(names)}: {', '.join(sorted(names))}" if names else "none"
        raise ActivityFailed(f"{selector!r} must match one {kind} in {ns}, and matches {said}")
    return listed[0]


def scale(api: Any, ns: str, kind: str, name: str, replicas: int) -> None:
    """Raises as the client does."""
    getattr(client.AppsV1Api(api), _SCALED[kind][1])(
        name, ns, {"spec": {"replicas": replicas}}, _request_timeout=PATIENCE
    )


# --- words of an undo


def planned(
    fault: str,
    pod: Any,
    words: dict[str, Any],
    context: str,
    *,
    prior: str = "",
    heals: str,
    ttl: float | None = None,
) -> dict[str, Any]:
    """In the words of `undoing.before`."""
    return {
        "fault": fault,
        "target": f"pod {pod.metadata.namespace}/{pod.metadata.name} (uid {pod.metadata.uid})",
        "prior": prior,
        "heals": heals,
        "ttl": ttl,
        "undo": {"kind": "kubernetes", **words, **server(context)},
    }


def shown(planned: dict[str, Any], of: int | None = None) -> dict[str, Any]:
    """For a plan, which is the same on every machine: where a kubeconfig lies has no part in it."""
    undo = {name: value for name, value in planned["undo"].items() if name != "config"}
    return {**planned, "undo": undo, **({"of": of} if of is not None else {})}
