"""Latency where there is no proxy in the path: packets to a port wait in a queue of the kernel's (NFQUEUE).

Needs root, `iptables` and a kernel with nfnetlink_queue; `sretool chaos doctor` says whether this machine has
them. Should the helper that holds the packets end in any way, the kernel lets all of them pass at once.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from typing import Any, Final

from chaoslib.exceptions import ActivityFailed

from sretool.chaos.actions import helper
from sretool.chaos.actions.faults import Fault, figure, seconds, undone

_MODULE: Final = "sretool.chaos.actions.packet_queue"
_IPTABLES: Final = ("iptables", "-w", "5")
_FIRST_QUEUE: Final = 20_000
"""Queues below are more likely to be somebody else's."""


def delay_packets(
    port: int | str,
    latency_ms: float | str = 200,
    loopback_only: bool = True,
    ttl_s: float | None = None,
) -> dict[str, Any]:
    """Let every TCP packet that this machine sends to `port` wait for `latency_ms` milliseconds.

    That adds it to each round trip of clients on this machine, also to connecting. `loopback_only`: only what
    is sent to 127.0.0.1; with false also to that port of other machines (IPv4). `ttl_s`: seconds after which
    it is undone whatever happens. Gives `{"port", "queue"}`. Undone by removing our own rule, which is told
    from others by its comment, then by ending the helper.
    """
    rule, waits, number = _faults(port, latency_ms, loopback_only, ttl_s)
    delay = figure(latency_ms, "latency_ms") / 1000
    helper.start(_MODULE, [str(number), "--delay", f"{delay:g}"], waits).answer()
    rule.register()
    done = _run("-I", _rule(number, loopback_only))
    if done.returncode != 0:
        restore_packets(port)
        raise ActivityFailed(f"iptables: {done.stderr.strip() or done.returncode}")
    return {"port": number - _FIRST_QUEUE, "queue": number}


def plan_delay_packets(
    port: int | str,
    latency_ms: float | str = 200,
    loopback_only: bool = True,
    ttl_s: float | None = None,
) -> list[dict[str, Any]]:
    return [_faults(port, latency_ms, loopback_only, ttl_s)[0].planned()]


def restore_packets(port: int | str) -> int:
    """Undo `delay_packets`; gives how many faults were undone."""
    number = _number(port)
    count = undone(kind="command", queue=number)
    undone(kind="end", queue=number)
    helper.reap()
    return count


def plan_restore_packets(port: int | str) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


def queue_problem() -> str | None:
    """Why this machine has no NFQUEUE; tried in a network of its own, where it hurts nobody."""
    for program, package in (("iptables", "iptables"), ("unshare", "util-linux")):
        if shutil.which(program) is None:
            return f"{program} is not installed (package {package})"
    words = ["unshare", "-n", *_IPTABLES, "-I", *_rule(_FIRST_QUEUE + 1, loopback_only=True)]
    tried = subprocess.run(words, capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return None
    said = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[0]
    return f"the kernel has no NFQUEUE ({said})"


def _number(port: int | str) -> int:
    """The queue for a port: its own, so that two ports can wait at once."""
    number = int(figure(port, "port", least=1))
    if number > 65535 - _FIRST_QUEUE:
        raise ActivityFailed(f"port: {number} is above {65535 - _FIRST_QUEUE}, which has no queue of its own")
    return _FIRST_QUEUE + number


def _rule(number: int, loopback_only: bool) -> list[str]:
    """Chain and rule, without what is to be done with it."""
    return [
        "OUTPUT",
        *("-p", "tcp"),
        *(("-d", "127.0.0.1") if loopback_only else ()),
        *("--dport", str(number - _FIRST_QUEUE)),
        *("-m", "comment", "--comment", f"sretool-{number}"),
        *("-j", "NFQUEUE", "--queue-num", str(number), "--queue-bypass"),
    ]


def _run(what: str, rule: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_IPTABLES, what, *rule], capture_output=True, text=True, check=False)


def _faults(
    port: int | str, latency_ms: float | str, loopback_only: bool, ttl_s: float | None
) -> tuple[Fault, Fault, int]:
    """The rule, the helper, and the number of the queue."""
    number, latency = _number(port), figure(latency_ms, "latency_ms")
    if os.geteuid() != 0:
        raise ActivityFailed("NFQUEUE needs root; use a proxy (network.add_latency) instead")
    problem = queue_problem()
    if problem is not None:
        raise ActivityFailed(f"{problem}; use a proxy (network.add_latency) instead")
    rule = _rule(number, loopback_only)
    if _run("-C", rule).returncode == 0:
        raise ActivityFailed(f"packets to port {port} wait already")
    check, remove = (shlex.join([*_IPTABLES, what, *rule]) for what in ("-C", "-D"))
    told = f"packets wait for {latency:g} ms"
    target = f"TCP port {number - _FIRST_QUEUE} of {'127.0.0.1' if loopback_only else 'any machine'}"
    script = f"{check} 2>/dev/null || exit 3; exec {remove}"
    standing = Fault(
        fault=told,
        target=target,
        prior="no rule of ours",
        undo={"kind": "command", "argv": ["sh", "-c", script], "queue": number},
        heals="reboot",
        ttl=seconds(ttl_s),
    )
    waits = Fault(
        fault=f"{told}: the helper that holds them",
        target=target,
        prior="no helper",
        undo={**helper.PLANNED, "queue": number},
        ttl=seconds(ttl_s),
        helper=True,
    )
    return standing, waits, number
