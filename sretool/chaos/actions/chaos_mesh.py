"""Latency, lost connections, CPU and memory in pods of a Kubernetes cluster, by objects of Chaos Mesh.

One object for each pod, which is named in it, so that nothing else can be hit; each ends by itself after
`duration`, and is removed before that by whoever undoes. Pods are chosen as in `kubernetes`.
"""

from __future__ import annotations

import math
import secrets
import time
from datetime import timedelta
from typing import Any, Final

from chaoslib.exceptions import ActivityFailed
from kubernetes import client

from sretool.chaos import cluster, undoing
from sretool.chaos.cluster import PATIENCE, told
from sretool.chaos.kubernetes_undo import GROUP, TOKEN, VERSION
from sretool.errors import UsageError
from sretool.units import format_duration, parse_duration

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
    spec = _slow(to_label_selector, to_ns or ns, delay, jitter)
    fault = f"latency {delay} to {to_label_selector}"
    return _made(fault, "networkchaos", spec, label_selector, ns, duration, count, context)


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
    _slow(to_label_selector, to_ns or ns, delay, jitter)
    fault = f"latency {delay} to {to_label_selector}"
    return _would(fault, "networkchaos", label_selector, ns, duration, count, context)


def _slow(to_label_selector: str, to_ns: str, delay: str, jitter: str) -> dict[str, Any]:
    added = {
        "latency": _span(delay, "delay"),
        "jitter": _span(jitter, "jitter", least=0.0),
        "correlation": "0",
    }
    return {"action": "delay", "delay": added, **_towards(to_label_selector, to_ns)}


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
    spec = _lost(to_label_selector, to_ns or ns)
    fault = f"blackhole to {to_label_selector}"
    return _made(fault, "networkchaos", spec, label_selector, ns, duration, count, context)


def plan_blackhole(
    label_selector: str,
    to_label_selector: str,
    ns: str = "default",
    to_ns: str = "",
    duration: str = "5m",
    count: int = 1,
    context: str = "",
) -> list[dict[str, Any]]:
    _lost(to_label_selector, to_ns or ns)
    fault = f"blackhole to {to_label_selector}"
    return _would(fault, "networkchaos", label_selector, ns, duration, count, context)


def _lost(to_label_selector: str, to_ns: str) -> dict[str, Any]:
    everything = {"loss": "100", "correlation": "0"}
    return {"action": "loss", "loss": everything, **_towards(to_label_selector, to_ns)}


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
    _share(share)
    fault = f"CPU {share:.0%} of the limit"
    return _made(fault, "stresschaos", _Cpu(share, container), label_selector, ns, duration, count, context)


def plan_cpu_limit(
    label_selector: str,
    ns: str = "default",
    share: float = 0.5,
    container: str = "",
    duration: str = "5m",
    count: int = 1,
    context: str = "",
) -> list[dict[str, Any]]:
    _share(share)
    fault = f"CPU {share:.0%} of the limit"
    return _would(
        fault, "stresschaos", label_selector, ns, duration, count, context, spec=_Cpu(share, container)
    )


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
    _share(share)
    fault = f"memory {share:.0%} of the limit"
    return _made(
        fault, "stresschaos", _Memory(share, used, container), label_selector, ns, duration, count, context
    )


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
    _share(share)
    fault = f"memory {share:.0%} of the limit"
    spec = _Memory(share, used, container)
    return _would(fault, "stresschaos", label_selector, ns, duration, count, context, spec=spec)


class _Cpu:
    def __init__(self, share: float, container: str) -> None:
        self._share, self._container = share, container

    def __call__(self, pod: Any) -> dict[str, Any]:
        name, cores = cluster.limit(pod, "cpu", self._container)
        taken = cores * (1 - self._share)
        workers = max(math.ceil(taken), 1)
        stress = {"cpu": {"workers": workers, "load": max(round(100 * taken / workers), 1)}}
        return {"stressors": stress, "containerNames": [name]}


class _Memory:
    def __init__(self, share: float, used: str, container: str) -> None:
        self._share, self._container = share, container
        self._used = cluster.quantity(used)

    def __call__(self, pod: Any) -> dict[str, Any]:
        name, limit = cluster.limit(pod, "memory", self._container)
        size = limit * self._share - self._used
        if size <= 0:
            raise ActivityFailed(
                f"pod {pod.metadata.name} uses {self._used:.0f} bytes, {self._share:.0%} of its limit already"
            )
        stress = {"memory": {"workers": 1, "size": f"{math.floor(size)}B"}}
        return {"stressors": stress, "containerNames": [name]}


def _share(share: float) -> None:
    if not isinstance(share, float) or not 0 < share < 1:
        raise ActivityFailed(f"`share` is {share!r}; give a number between 0 and 1, like 0.5")


_Spec = dict[str, Any] | _Cpu | _Memory


def _made(
    fault: str,
    plural: str,
    spec: _Spec,
    label_selector: str,
    ns: str,
    duration: str,
    count: int,
    context: str,
) -> dict[str, Any]:
    """One object of Chaos Mesh for each pod, and each at work when this returns."""
    seconds = _seconds(duration, "duration")
    api = cluster.connected(context)
    chosen, _ = cluster.pods(api, ns, label_selector, count)
    # Everything that can be refused is, before the first fault is made.
    bodies = [(pod, _body(pod, plural, ns, spec, seconds)) for pod in chosen]
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
        undoing.before(**cluster.planned(fault, pod, words, context, ttl=seconds, heals="duration"))
        _create(body, plural, ns, context)
    for pod, body in bodies:
        _await_made(api, plural, ns, body["metadata"]["name"], f"pod {ns}/{pod.metadata.name}")
    return {
        "pods": [pod.metadata.name for pod, _ in bodies],
        "objects": [body["metadata"]["name"] for _, body in bodies],
        "at": at,
    }


def _would(
    fault: str,
    plural: str,
    label_selector: str,
    ns: str,
    duration: str,
    count: int,
    context: str,
    spec: _Spec | None = None,
) -> list[dict[str, Any]]:
    seconds = _seconds(duration, "duration")
    chosen, there = cluster.pods(cluster.connected(context), ns, label_selector, count)
    for pod in chosen:
        _body(pod, plural, ns, spec or {}, seconds)
    words = {"do": "delete", "plural": plural, "ns": ns}
    return [
        cluster.shown(cluster.planned(fault, pod, words, context, ttl=seconds, heals="duration"), of=there)
        for pod in chosen
    ]


def _body(pod: Any, plural: str, ns: str, spec: _Spec, seconds: float) -> dict[str, Any]:
    token = secrets.token_hex(8)
    own = spec if isinstance(spec, dict) else spec(pod)
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": _KINDS[plural],
        "metadata": {
            "name": f"sretool-{token}",
            "namespace": ns,
            "labels": {"app.kubernetes.io/managed-by": "sretool"},
            "annotations": {TOKEN: token},
        },
        "spec": {
            **own,
            "mode": "all",
            "selector": {"pods": {ns: [pod.metadata.name]}},
            "duration": f"{math.ceil(seconds)}s",
        },
    }


def _create(body: dict[str, Any], plural: str, ns: str, context: str) -> None:
    from chaosk8s.crd.actions import create_custom_object

    with told(f"{plural} in {ns}"):
        made = create_custom_object(
            GROUP, VERSION, plural, ns=ns, resource=body, secrets=cluster.secrets(context)
        )
    # A refusal for a name that is taken comes back as if it were the object.
    if made.get("kind") == "Status":
        raise ActivityFailed(f"{plural} in {ns}: {made.get('message')}")


def _await_made(api: Any, plural: str, ns: str, name: str, target: str) -> None:
    objects: Any = client.CustomObjectsApi(api)
    until = time.monotonic() + _IN
    while True:
        with told(f"{plural} {ns}/{name}"):
            found = objects.get_namespaced_custom_object(
                GROUP, VERSION, ns, plural, name, _request_timeout=PATIENCE
            )
        status = found.get("status") or {}
        conditions = {each["type"]: each["status"] for each in status.get("conditions") or ()}
        if conditions.get("AllInjected") == "True":
            return
        if time.monotonic() > until:
            raise ActivityFailed(
                f"Chaos Mesh has not made its fault in {target} after {_IN:.0f} s{_why_not(status)}"
            )
        time.sleep(_LOOK)


def _why_not(status: dict[str, Any]) -> str:
    """The newest thing that the records of a chaos object complain about."""
    records = (status.get("experiment") or {}).get("containerRecords") or ()
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
