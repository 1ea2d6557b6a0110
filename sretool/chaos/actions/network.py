"""A worse network: through a proxy with Toxiproxy's API, or in the kernel with `tc netem`.

A proxy is named as its API knows it; in a lab those are `database` and `redis`, between the service and what
it depends on. `api` is the address of the API (a real Toxiproxy does as well); without it that of `lab`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any, Final
from urllib.parse import quote

import httpx
from chaoslib.exceptions import ActivityFailed

from sretool.chaos import sources
from sretool.chaos.actions.faults import Fault, figure, seconds, share, undone

PATIENCE: Final = 5.0
"""Seconds for one request to an API."""
_HANDLE: Final = "5e1e:"
"""Of our queueing discipline, so that nobody else's is taken for it."""
_BOTH: Final = ("upstream", "downstream")


# ---- latency


def add_latency(
    proxy: str,
    latency_ms: float | str = 200,
    jitter_ms: float | str = 0,
    toxicity: float | str = 1.0,
    api: str = "",
    lab: str = "",
    ttl_s: float | None = None,
) -> dict[str, Any]:
    """Add `latency_ms` milliseconds to each round trip through `proxy`, give or take `jitter_ms`.

    `api`: address of any Toxiproxy; without it that of `lab` (the only one that runs where none is named).
    `toxicity`: share of connections that are hurt, 0–1. `ttl_s`: seconds after which it is undone whatever
    happens. What is under way is delayed, not lost. Gives the toxic as the API has it. Undone by taking the
    toxic `sretool-latency` away: what it held is delivered at once.
    """
    return _put(_latency(proxy, latency_ms, jitter_ms, toxicity, api, lab, ttl_s))


def plan_add_latency(
    proxy: str,
    latency_ms: float | str = 200,
    jitter_ms: float | str = 0,
    toxicity: float | str = 1.0,
    api: str = "",
    lab: str = "",
    ttl_s: float | None = None,
) -> list[dict[str, Any]]:
    return [
        each.fault.planned() for each in _latency(proxy, latency_ms, jitter_ms, toxicity, api, lab, ttl_s)
    ]


def remove_latency(proxy: str, api: str = "", lab: str = "") -> int:
    """Undo `add_latency`; gives how many faults were undone.

    `api`: address of any Toxiproxy; without it that of `lab` (the only one that runs where none is named).
    """
    return _taken(proxy, api, lab, "sretool-latency")


def plan_remove_latency(proxy: str, api: str = "", lab: str = "") -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


# ---- bandwidth


def limit_bandwidth(
    proxy: str, rate_kb_s: float | str, api: str = "", lab: str = "", ttl_s: float | None = None
) -> dict[str, Any]:
    """Let `rate_kb_s` thousand bytes per second and direction through each connection of `proxy`, at least 1.

    `api`: address of any Toxiproxy; without it that of `lab` (the only one that runs where none is named).
    Gives the toxic for what the server sends. Undone by taking the toxics `sretool-bandwidth-…` away.
    """
    return _put(_bandwidth(proxy, rate_kb_s, api, lab, ttl_s))


def plan_limit_bandwidth(
    proxy: str, rate_kb_s: float | str, api: str = "", lab: str = "", ttl_s: float | None = None
) -> list[dict[str, Any]]:
    return [each.fault.planned() for each in _bandwidth(proxy, rate_kb_s, api, lab, ttl_s)]


def lift_bandwidth(proxy: str, api: str = "", lab: str = "") -> int:
    """Undo `limit_bandwidth`; gives how many faults were undone.

    `api`: address of any Toxiproxy; without it that of `lab` (the only one that runs where none is named).
    """
    return sum(_taken(proxy, api, lab, f"sretool-bandwidth-{stream}") for stream in _BOTH)


def plan_lift_bandwidth(proxy: str, api: str = "", lab: str = "") -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


# ---- connections that hang, break or are refused


def blackhole(
    proxy: str, toxicity: float | str = 1.0, api: str = "", lab: str = "", ttl_s: float | None = None
) -> dict[str, Any]:
    """Lose everything that goes through `proxy`, both ways: connections are accepted, and hang.

    `api`: address of any Toxiproxy; without it that of `lab` (the only one that runs where none is named).
    `toxicity`: share of connections and directions, 0–1. Undone by taking the toxics `sretool-blackhole-…`
    away, which also ends the connections that lost something: their clients connect anew.
    """
    return _put(_blackhole(proxy, toxicity, api, lab, ttl_s))


def plan_blackhole(
    proxy: str, toxicity: float | str = 1.0, api: str = "", lab: str = "", ttl_s: float | None = None
) -> list[dict[str, Any]]:
    return [each.fault.planned() for each in _blackhole(proxy, toxicity, api, lab, ttl_s)]


def lift_blackhole(proxy: str, api: str = "", lab: str = "") -> int:
    """Undo `blackhole`; gives how many faults were undone.

    `api`: address of any Toxiproxy; without it that of `lab` (the only one that runs where none is named).
    """
    return sum(_taken(proxy, api, lab, f"sretool-blackhole-{stream}") for stream in _BOTH)


def plan_lift_blackhole(proxy: str, api: str = "", lab: str = "") -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


def reset_connections(
    proxy: str,
    after_ms: float | str = 0,
    toxicity: float | str = 1.0,
    api: str = "",
    lab: str = "",
    ttl_s: float | None = None,
) -> dict[str, Any]:
    """Break each connection of `proxy` off (TCP reset) `after_ms` milliseconds after its server answered.

    `api`: address of any Toxiproxy; without it that of `lab` (the only one that runs where none is named).
    `toxicity`: share of connections, 0–1. Undone by taking the toxic `sretool-reset` away.
    """
    return _put(_resets(proxy, after_ms, toxicity, api, lab, ttl_s))


def plan_reset_connections(
    proxy: str,
    after_ms: float | str = 0,
    toxicity: float | str = 1.0,
    api: str = "",
    lab: str = "",
    ttl_s: float | None = None,
) -> list[dict[str, Any]]:
    return [each.fault.planned() for each in _resets(proxy, after_ms, toxicity, api, lab, ttl_s)]


def stop_resets(proxy: str, api: str = "", lab: str = "") -> int:
    """Undo `reset_connections`; gives how many faults were undone.

    `api`: address of any Toxiproxy; without it that of `lab` (the only one that runs where none is named).
    """
    return _taken(proxy, api, lab, "sretool-reset")


def plan_stop_resets(proxy: str, api: str = "", lab: str = "") -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


def refuse_connections(
    proxy: str, api: str = "", lab: str = "", ttl_s: float | None = None
) -> dict[str, Any]:
    """Switch `proxy` off: connections end and new ones are refused.

    Undone by switching it on again. `api`: address of any Toxiproxy; without it that of `lab` (the only one
    that runs where none is named).
    """
    fault = _refusal(proxy, api, lab, ttl_s)
    fault.register()
    url = f"{fault.undo['api']}/proxies/{_in_url(proxy)}"
    return _ask("POST", url, {"enabled": False})


def plan_refuse_connections(
    proxy: str, api: str = "", lab: str = "", ttl_s: float | None = None
) -> list[dict[str, Any]]:
    return [_refusal(proxy, api, lab, ttl_s).planned()]


def accept_connections(proxy: str, api: str = "", lab: str = "") -> int:
    """Undo `refuse_connections`; gives how many faults were undone.

    `api`: address of any Toxiproxy; without it that of `lab` (the only one that runs where none is named).
    """
    return undone(kind="proxy_enable", api=_api(api, lab)["api"], proxy=_in_url(proxy))


def plan_accept_connections(proxy: str, api: str = "", lab: str = "") -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


# ---- any toxic


def add_toxic(
    proxy: str,
    type: str,
    attributes: dict[str, Any] | None = None,
    stream: str = "downstream",
    toxicity: float | str = 1.0,
    name: str = "",
    api: str = "",
    lab: str = "",
    ttl_s: float | None = None,
) -> dict[str, Any]:
    """Set any toxic of Toxiproxy's: `type` with its `attributes`, on the `upstream` or `downstream` stream.

    `api`: address of any Toxiproxy; without it that of `lab` (the only one that runs where none is named).
    `toxicity`: share of connections, 0–1; `name` is `sretool-TYPE-STREAM` unless given. Gives the toxic as
    the API has it. Undone by taking it away.
    """
    return _put([_any(proxy, type, attributes, stream, toxicity, name, api, lab, ttl_s)])


def plan_add_toxic(
    proxy: str,
    type: str,
    attributes: dict[str, Any] | None = None,
    stream: str = "downstream",
    toxicity: float | str = 1.0,
    name: str = "",
    api: str = "",
    lab: str = "",
    ttl_s: float | None = None,
) -> list[dict[str, Any]]:
    return [_any(proxy, type, attributes, stream, toxicity, name, api, lab, ttl_s).fault.planned()]


def remove_toxic(
    proxy: str, type: str = "", stream: str = "downstream", name: str = "", api: str = "", lab: str = ""
) -> int:
    """Undo `add_toxic`; gives how many faults were undone.

    `api`: address of any Toxiproxy; without it that of `lab` (the only one that runs where none is named).
    """
    return _taken(proxy, api, lab, name or f"sretool-{type}-{stream}")


def plan_remove_toxic(
    proxy: str, type: str = "", stream: str = "downstream", name: str = "", api: str = "", lab: str = ""
) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


# ---- in the kernel


def add_netem(
    device: str,
    latency_ms: float | str = 0,
    jitter_ms: float | str = 0,
    loss: float | str = 0,
    ttl_s: float | None = None,
) -> dict[str, Any]:
    """Delay by `latency_ms` give or take `jitter_ms` milliseconds, or lose a share (`loss`, 0.01 or 1%) of
    everything that leaves this machine by a network `device`.

    Hurts every connection of that device, so never `lo` without need. Needs root and a kernel with sch_netem
    (`sretool chaos doctor`). Gives `{"device", "netem"}`. Undone by removing our queueing discipline; a
    discipline that somebody else has set is neither replaced nor removed.
    """
    fault, words = _netem(device, latency_ms, jitter_ms, loss, ttl_s)
    fault.register()
    done = _tc("qdisc", "add", "dev", device, "root", "handle", _HANDLE, "netem", *words)
    if done.returncode != 0:
        undone(kind="command", argv=fault.undo["argv"])
        raise ActivityFailed(f"tc: {done.stderr.strip() or done.returncode}")
    return {"device": device, "netem": " ".join(words)}


def plan_add_netem(
    device: str,
    latency_ms: float | str = 0,
    jitter_ms: float | str = 0,
    loss: float | str = 0,
    ttl_s: float | None = None,
) -> list[dict[str, Any]]:
    return [_netem(device, latency_ms, jitter_ms, loss, ttl_s)[0].planned()]


def remove_netem(device: str) -> int:
    """Undo `add_netem`; gives how many faults were undone."""
    return undone(kind="command", argv=_netem_undo(device))


def plan_remove_netem(device: str) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


# ---- toxics as faults


class _Toxic:
    """One toxic to set, and what it means."""

    def __init__(
        self,
        told: str,
        where: dict[str, Any],
        proxy: str,
        toxic: dict[str, Any],
        ttl_s: float | None,
    ) -> None:
        self.where = where["api"]
        self.proxy = proxy
        self.toxic = toxic
        self.fault = Fault(
            fault=told,
            target=f"proxy {proxy} at {where['api']}",
            prior=f"no toxic {toxic['name']}",
            undo={"kind": "toxic_remove", "proxy": _in_url(proxy), "toxic": _in_url(toxic["name"]), **where},
            ttl=seconds(ttl_s),
        )


def _toxic(
    told: str,
    proxy: str,
    name: str,
    kind: str,
    stream: str,
    toxicity: float | str,
    attributes: dict[str, Any],
    api: str,
    lab: str,
    ttl_s: float | None,
) -> _Toxic:
    if stream not in _BOTH:
        raise ActivityFailed(f"stream: {stream!r} is neither upstream nor downstream")
    of = share(toxicity, "toxicity")
    if of > 1:
        raise ActivityFailed(f"toxicity: {toxicity!r} is above 1")
    where = _api(api, lab)
    existing = _switched_on(proxy, where)
    if any(each["name"] == name for each in existing.get("toxics", ())):
        raise ActivityFailed(f"proxy {proxy} at {where['api']} has a toxic {name} already")
    body = {"name": name, "type": kind, "stream": stream, "toxicity": of, "attributes": attributes}
    text = f"{told} on {proxy}" + (f" for {of:.0%} of its connections" if of < 1 else "")
    return _Toxic(text, where, proxy, body, ttl_s)


def _latency(
    proxy: str,
    latency_ms: float | str,
    jitter_ms: float | str,
    toxicity: float | str,
    api: str,
    lab: str,
    ttl_s: float | None,
) -> list[_Toxic]:
    # One delay for each round trip: on what comes back.
    latency, jitter = figure(latency_ms, "latency_ms"), figure(jitter_ms, "jitter_ms")
    attributes = {"latency": round(latency), "jitter": round(jitter)}
    told = f"latency {latency:g} ms" + (f" ± {jitter:g} ms" if jitter else "")
    name = "sretool-latency"
    return [_toxic(told, proxy, name, "latency", "downstream", toxicity, attributes, api, lab, ttl_s)]


def _bandwidth(proxy: str, rate_kb_s: float | str, api: str, lab: str, ttl_s: float | None) -> list[_Toxic]:
    rate = round(figure(rate_kb_s, "rate_kb_s", least=1))
    return [
        _toxic(
            f"bandwidth {rate} kB/s {stream}",
            proxy,
            f"sretool-bandwidth-{stream}",
            "bandwidth",
            stream,
            1.0,
            {"rate": rate},
            api,
            lab,
            ttl_s,
        )
        for stream in _BOTH
    ]


def _blackhole(proxy: str, toxicity: float | str, api: str, lab: str, ttl_s: float | None) -> list[_Toxic]:
    return [
        _toxic(
            f"blackhole {stream}",
            proxy,
            f"sretool-blackhole-{stream}",
            "timeout",
            stream,
            toxicity,
            {"timeout": 0},
            api,
            lab,
            ttl_s,
        )
        for stream in _BOTH
    ]


def _resets(
    proxy: str, after_ms: float | str, toxicity: float | str, api: str, lab: str, ttl_s: float | None
) -> list[_Toxic]:
    after = round(figure(after_ms, "after_ms"))
    told, name = f"resets after {after} ms", "sretool-reset"
    attributes = {"timeout": after}
    return [_toxic(told, proxy, name, "reset_peer", "downstream", toxicity, attributes, api, lab, ttl_s)]


def _any(
    proxy: str,
    kind: str,
    attributes: dict[str, Any] | None,
    stream: str,
    toxicity: float | str,
    name: str,
    api: str,
    lab: str,
    ttl_s: float | None,
) -> _Toxic:
    words = {key: _whole(value) for key, value in (attributes or {}).items()}
    written = ", ".join(f"{key} {value}" for key, value in words.items())
    told = f"{kind} {stream}" + (f" ({written})" if written else "")
    return _toxic(
        told, proxy, name or f"sretool-{kind}-{stream}", kind, stream, toxicity, words, api, lab, ttl_s
    )


def _whole(value: Any) -> Any:
    """A number that came out of a variable as text."""
    return int(value) if isinstance(value, str) and value.strip().lstrip("-").isdigit() else value


def _put(wanted: list[_Toxic]) -> dict[str, Any]:
    """Set toxics, each put into the undo log before; the last one as the API has it."""
    made: dict[str, Any] = {}
    for each in wanted:
        each.fault.register()
        url = f"{each.where}/proxies/{_in_url(each.proxy)}/toxics"
        made = _ask("POST", url, each.toxic)
    return made


def _taken(proxy: str, api: str, lab: str, toxic: str) -> int:
    where = _api(api, lab)["api"]
    return undone(kind="toxic_remove", api=where, proxy=_in_url(proxy), toxic=_in_url(toxic))


def _in_url(name: str) -> str:
    """A name as it stands in an address."""
    return quote(name, safe="")


def _refusal(proxy: str, api: str, lab: str, ttl_s: float | None) -> Fault:
    where = _api(api, lab)
    _switched_on(proxy, where)
    return Fault(
        fault=f"connections refused on {proxy}",
        target=f"proxy {proxy} at {where['api']}",
        prior="on",
        undo={"kind": "proxy_enable", "proxy": _in_url(proxy), **where},
        ttl=seconds(ttl_s),
    )


def _switched_on(proxy: str, where: dict[str, Any]) -> dict[str, Any]:
    """As the API has it; ActivityFailed where it is off."""
    found = _ask("GET", f"{where['api']}/proxies/{_in_url(proxy)}", proxy=proxy)
    if not found.get("enabled", False):
        raise ActivityFailed(f"proxy {proxy} at {where['api']} is switched off already")
    return found


def _api(api: str, lab: str) -> dict[str, Any]:
    """`api`; with `pid` and `start` of the lab's own proxy, whose end is the end of every fault in it."""
    if api:
        return {"api": api.rstrip("/")}
    found = sources.lab(lab)
    with sources.told():
        address, process = found.endpoint("toxiproxy"), found.process("toxiproxy")
    return {"api": address, "pid": process.pid, "start": process.start}


def _ask(method: str, url: str, body: dict[str, Any] | None = None, *, proxy: str = "") -> dict[str, Any]:
    try:
        with httpx.Client(timeout=PATIENCE, trust_env=False) as client:
            reply = client.request(method, url, json=body)
        document = reply.json()
    except httpx.HTTPError as error:
        raise ActivityFailed(f"{url} does not answer: {error}") from error
    except ValueError as error:
        raise ActivityFailed(f"{url} is no Toxiproxy: it answers no JSON") from error
    if reply.status_code == 404 and proxy:
        base = url.rpartition("/proxies/")[0]
        known = ", ".join(sorted(_ask("GET", f"{base}/proxies"))) or "none"
        raise ActivityFailed(f"{base} has no proxy {proxy!r}; it has {known}")
    if reply.status_code >= 300 or not isinstance(document, dict):
        reason = document.get("error") if isinstance(document, dict) else json.dumps(document)[:200]
        raise ActivityFailed(f"{url} answers {reply.status_code}: {reason}")
    return document


# ---- tc


def _netem(
    device: str, latency_ms: float | str, jitter_ms: float | str, loss: float | str, ttl_s: float | None
) -> tuple[Fault, list[str]]:
    latency, jitter = figure(latency_ms, "latency_ms"), figure(jitter_ms, "jitter_ms")
    lost = 0.0 if str(loss).strip().rstrip("%") in ("0", "0.0", "") else share(loss, "loss")
    if not latency and not lost:
        raise ActivityFailed("say what to do to the network: latency_ms or loss")
    words = ["delay", f"{latency:g}ms", *([f"{jitter:g}ms"] if jitter else [])] if latency else []
    words += ["loss", f"{lost * 100:g}%"] if lost else []
    _check_netem(device)
    fault = Fault(
        fault=f"netem {' '.join(words)}",
        target=f"network device {device}",
        prior="no netem",
        undo={"kind": "command", "argv": _netem_undo(device)},
        heals="reboot",
        ttl=seconds(ttl_s),
    )
    return fault, words


def _check_netem(device: str) -> None:
    if os.geteuid() != 0:
        raise ActivityFailed("netem needs root; use a proxy (add_latency) instead")
    if not os.path.isdir(f"/sys/class/net/{device}"):
        known = ", ".join(sorted(os.listdir("/sys/class/net")))
        raise ActivityFailed(f"there is no network device {device!r}; there are {known}")
    present = _tc("qdisc", "show", "dev", device).stdout
    if "netem" in present:
        raise ActivityFailed(f"device {device} has netem already: {present.strip().splitlines()[0]}")
    problem = netem_problem()
    if problem is not None:
        raise ActivityFailed(f"{problem}; use a proxy (add_latency) instead")


def netem_problem() -> str | None:
    """Why this machine has no netem; tried in a network of its own, where it hurts nobody."""
    if shutil.which("tc") is None:
        return "tc is not installed (package iproute2)"
    if shutil.which("unshare") is None:
        return "unshare is not installed (package util-linux)"
    tried = subprocess.run(
        ["unshare", "-n", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode == 0:
        return None
    said = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
    said = said.removeprefix("Error: ").rstrip(".")
    return f"the kernel has no netem ({said})"


def _netem_undo(device: str) -> list[str]:
    script = (
        f"tc qdisc show dev \"$0\" | grep -q 'netem {_HANDLE}' || exit 3;"
        f' exec tc qdisc del dev "$0" root handle {_HANDLE}'
    )
    return ["sh", "-c", script, device]


def _tc(*words: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("tc") is None:
        raise ActivityFailed("tc is not installed (package iproute2); use a proxy (add_latency) instead")
    return subprocess.run(["tc", *words], capture_output=True, text=True, check=False)
