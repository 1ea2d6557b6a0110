"""Latency, lost connections, CPU and memory in pods of a Kubernetes cluster, by objects of Chaos Mesh.

One object for each pod, which is named in it, so that nothing else can be hit; each ends by itself after
`duration`, and is removed before that by whoever undoes. Pods are chosen as in `kubernetes`.
"""

from __future__ import annotations

import math
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from chaoslib.exceptions import ActivityFailed
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from sretool.chaos import cluster, undoing
from sretool.chaos.cluster import PATIENCE, told
from sretool.chaos.kubernetes_undo import GROUP, TOKEN, VERSION
from sretool.errors import UsageError
from sretool.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

_IN: Final = 30.0
"""Seconds in which Chaos Mesh must have made its fault."""
_LOOK: Final = 0.2
_LONGEST: Final = 3600.0
"""Seconds that a fault may be ordered for."""
_KINDS: Final = {"networkchaos": "NetworkChaos", "stresschaos": "StressChaos"}


def latency(
    label_selector: str,
    to_label_selector: str,
    ns: str = "default",
    to_ns: str = "",
    delay: str = "200ms",
    jitter: str = "0ms",
    duration: str = "5m",
    count: int = 1,
    context: str = "",
) -> dict[str, Any]:
    """Add `delay` to each round trip from the chosen pods to those of `to_label_selector`.

    Gives `{"pods", "objects", "at"}`.
    """
    wanted = _latency(to_label_selector, to_ns or ns, delay, jitter)
    return _made(wanted, label_selector, ns, duration, count, context)


def plan_latency(
    label_selector: str,
    to_label_selector: str,
    ns: str = "default",
    to_ns: str = "",
    delay: str = "200ms",
    jitter: str = "0ms",
    duration: str = "5m",
    count: int = 1,
    context: str = "",
) -> list[dict[str, Any]]:
    wanted = _latency(to_label_selector, to_ns or ns, delay, jitter)
    return _would(wanted, label_selector, ns, duration, count, context)


def _latency(to_label_selector: str, to_ns: str, delay: str, jitter: str) -> _Wanted:
    added = {
        "latency": _span(delay, "delay"),
        "jitter": _span(jitter, "jitter", least=0.0),
        "correlation": "0",
    }
    spec = {"action": "delay", "delay": added, **_towards(to_label_selector, to_ns)}
    return _Wanted(f"latency {delay} to {to_label_selector}", "networkchaos", lambda _: spec)


def blackhole(
    label_selector: str,
    to_label_selector: str,
    ns: str = "default",
    to_ns: str = "",
    duration: str = "5m",
    count: int = 1,
    context: str = "",
) -> dict[str, Any]:
    """Lose everything from the chosen pods to those of `to_label_selector`: connections hang.

    Gives `{"pods", "objects", "at"}`.
    """
    wanted = _blackhole(to_label_selector, to_ns or ns)
    return _made(wanted, label_selector, ns, duration, count, context)


def plan_blackhole(
    label_selector: str,
    to_label_selector: str,
    ns: str = "default",
    to_ns: str = "",
    duration: str = "5m",
    count: int = 1,
    context: str = "",
) -> list[dict[str, Any]]:
    wanted = _blackhole(to_label_selector, to_ns or ns)
    return _would(wanted, label_selector, ns, duration, count, context)


def _blackhole(to_label_selector: str, to_ns: str) -> _Wanted:
    everything = {"loss": "100", "correlation": "0"}
    spec = {"action": "loss", "loss": everything, **_towards(to_label_selector, to_ns)}
    return _Wanted(f"blackhole to {to_label_selector}", "networkchaos", lambda _: spec)


def _towards(label_selector: str, ns: str) -> dict[str, Any]:
    """Chaos Mesh takes labels one by one; only `name=value` has that form."""
    chosen = cluster.checked_selector(label_selector, "pod")
    labels = dict(each.replace("==", "=").split("=", 1) for each in chosen.split(",") if "=" in each)
    if len(labels) != len(chosen.split(",")) or any("!" in name for name in labels):
        raise ActivityFailed(f"to_label_selector is {chosen!r}; write it like app=db,role=primary")
    selector = {
        "namespaces": [cluster.checked_namespace(ns)],
        "labelSelectors": {name.strip(): value.strip() for name, value in labels.items()},
    }
    return {"direction": "to", "target": {"mode": "all", "selector": selector}}


def cpu_limit(
    label_selector: str,
    ns: str = "default",
    share: float = 0.5,
    container: str = "",
    duration: str = "5m",
    count: int = 1,
    context: str = "",
) -> dict[str, Any]:
    """Take CPU away from the chosen pods until `share` (0..1) of their limit is left, by stress beside them.

    Gives `{"pods", "objects", "at"}`. A pod without a limit of CPU is refused.
    """
    return _made(_cpu(share, container), label_selector, ns, duration, count, context)


def plan_cpu_limit(
    label_selector: str,
    ns: str = "default",
    share: float = 0.5,
    container: str = "",
    duration: str = "5m",
    count: int = 1,
    context: str = "",
) -> list[dict[str, Any]]:
    return _would(_cpu(share, container), label_selector, ns, duration, count, context)


def _cpu(share: float, container: str) -> _Wanted:
    _check_share(share)

    def spec(pod: Any) -> dict[str, Any]:
        name, cores = cluster.limit(pod, "cpu", container)
        taken = cores * (1 - share)
        workers = max(math.ceil(taken), 1)
        stress = {"cpu": {"workers": workers, "load": max(round(100 * taken / workers), 1)}}
        return {"stressors": stress, "containerNames": [name]}

    return _Wanted(f"CPU {share:.0%} of the limit", "stresschaos", spec)


def memory_stress(
    label_selector: str,
    ns: str = "default",
    share: float = 0.9,
    used: str = "0",
    container: str = "",
    duration: str = "5m",
    count: int = 1,
    context: str = "",
) -> dict[str, Any]:
    """Fill memory beside the chosen pods up to `share` (0..1) of their limit.

    `used`: what they use themselves, like `180Mi`, so that both together come to that share. Gives `{"pods",
    "objects", "at"}`. A pod without a limit of memory is refused.
    """
    return _made(_memory(share, used, container), label_selector, ns, duration, count, context)


def plan_memory_stress(
    label_selector: str,
    ns: str = "default",
    share: float = 0.9,
    used: str = "0",
    container: str = "",
    duration: str = "5m",
    count: int = 1,
    context: str = "",
) -> list[dict[str, Any]]:
    return _would(_memory(share, used, container), label_selector, ns, duration, count, context)


def _memory(share: float, used: str, container: str) -> _Wanted:
    _check_share(share)
    used_bytes = cluster.quantity(used)

    def spec(pod: Any) -> dict[str, Any]:
        name, limit = cluster.limit(pod, "memory", container)
        size = limit * share - used_bytes
        if size <= 0:
            raise ActivityFailed(
                f"pod {pod.metadata.name} uses {used_bytes:.0f} bytes, {share:.0%} of its limit already"
            )
        stress = {"memory": {"workers": 1, "size": f"{math.floor(size)}B"}}
        return {"stressors": stress, "containerNames": [name]}

    return _Wanted(f"memory {share:.0%} of the limit", "stresschaos", spec)


def _check_share(share: float) -> None:
    if not isinstance(share, float) or not 0 < share < 1:
        raise ActivityFailed(f"`share` is {share!r}; give a number between 0 and 1, like 0.5")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A fault of Chaos Mesh's, before anybody is chosen for it."""

    fault: str
    """In words."""
    plural: str
    """Of its kind, as addresses name it."""
    spec: Callable[[Any], dict[str, Any]]
    """For one pod; ActivityFailed where it cannot be had there."""


def _made(
    wanted: _Wanted, label_selector: str, ns: str, duration: str, count: int, context: str
) -> dict[str, Any]:
    """One object of Chaos Mesh for each pod, and each at work when this returns."""
    seconds, plural = _seconds(duration, "duration"), wanted.plural
    api = cluster.connected(context)
    chosen, _ = cluster.pods(api, ns, label_selector, count)
    _check_installed(api, plural, ns)
    # Everything that can be refused is, before the first fault is made.
    bodies = [(pod, _body(pod, wanted, ns, seconds)) for pod in chosen]
    objects: Any = client.CustomObjectsApi(api)
    at = time.time()
    for pod, body in bodies:
        meta = body["metadata"]
        words = {
            "do": "delete",
            "plural": plural,
            "ns": ns,
            "name": meta["name"],
            "token": meta["annotations"][TOKEN],
        }
        undoing.before(**cluster.planned(wanted.fault, pod, words, context, ttl=seconds, heals="duration"))
        with told(f"{plural} in {ns}"):
            objects.create_namespaced_custom_object(
                GROUP, VERSION, ns, plural, body, _request_timeout=PATIENCE
            )
    for pod, body in bodies:
        _await_made(api, plural, ns, body["metadata"]["name"], f"pod {ns}/{pod.metadata.name}")
    return {
        "pods": [pod.metadata.name for pod, _ in bodies],
        "objects": [body["metadata"]["name"] for _, body in bodies],
        "at": at,
    }


def _would(
    wanted: _Wanted, label_selector: str, ns: str, duration: str, count: int, context: str
) -> list[dict[str, Any]]:
    seconds = _seconds(duration, "duration")
    api = cluster.connected(context)
    chosen, there = cluster.pods(api, ns, label_selector, count)
    _check_installed(api, wanted.plural, ns)
    for pod in chosen:
        wanted.spec(pod)
    words = {"do": "delete", "plural": wanted.plural, "ns": ns}
    return [
        cluster.shown(
            cluster.planned(wanted.fault, pod, words, context, ttl=seconds, heals="duration"), of=there
        )
        for pod in chosen
    ]


def _check_installed(api: Any, plural: str, ns: str) -> None:
    """ActivityFailed where the API server knows no such objects, or we may not read them."""
    objects: Any = client.CustomObjectsApi(api)
    with told(f"{plural} in {ns}"):
        try:
            objects.list_namespaced_custom_object(
                GROUP, VERSION, ns, plural, limit=1, _request_timeout=PATIENCE
            )
        except ApiException as error:
            if error.status != 404:
                raise
            raise ActivityFailed(
                f"the cluster has no {plural} of {GROUP}: Chaos Mesh is not installed in it"
            ) from None


def _body(pod: Any, wanted: _Wanted, ns: str, seconds: float) -> dict[str, Any]:
    token = secrets.token_hex(8)
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": _KINDS[wanted.plural],
        "metadata": {
            "name": f"sretool-{token}",
            "namespace": ns,
            "labels": {"app.kubernetes.io/managed-by": "sretool"},
            "annotations": {TOKEN: token},
        },
        "spec": {
            **wanted.spec(pod),
            "mode": "all",
            "selector": {"pods": {ns: [pod.metadata.name]}},
            "duration": f"{math.ceil(seconds)}s",
        },
    }


def _await_made(api: Any, plural: str, ns: str, name: str, target: str) -> None:
    objects: Any = client.CustomObjectsApi(api)
    until = time.monotonic() + _IN
    while True:
        with told(f"{plural} {ns}/{name}"):
            found = objects.get_namespaced_custom_object(
                GROUP, VERSION, ns, plural, name, _request_timeout=PATIENCE
            )
        if cluster.conditions(found).get("AllInjected") == "True":
            return
        if time.monotonic() > until:
            raise ActivityFailed(
                f"Chaos Mesh has not made its fault in {target} after {_IN:.0f} s{_why_not(found)}"
            )
        time.sleep(_LOOK)


def _why_not(found: dict[str, Any]) -> str:
    """The newest thing that the records of a chaos object complain about."""
    records = ((found.get("status") or {}).get("experiment") or {}).get("containerRecords") or ()
    said = [
        str(event["message"])
        for record in records
        for event in record.get("events") or ()
        if event.get("message")
    ]
    return f": {said[-1]}" if said else ""


# --- words


def _seconds(written: str, name: str, least: float = 1.0) -> float:
    try:
        found = parse_duration(str(written)).total_seconds()
    except UsageError as error:
        raise ActivityFailed(f"`{name}`: {error.message}; {error.remedy}") from error
    if not least <= found <= _LONGEST:
        raise ActivityFailed(f"`{name}` is {written}; give a time from {least:g} s to {_LONGEST / 3600:g} h")
    return found


def _span(written: str, name: str, least: float = 0.001) -> str:
    """In Go's notation, which is that of Chaos Mesh: it knows no days."""
    return format_duration(timedelta(seconds=_seconds(written, name, least)))
