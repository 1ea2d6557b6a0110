"""What experiments can do on a machine, and what to do about what they cannot; made from facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping  # noqa: TC003 - fields are looked up where documents are read
from dataclasses import dataclass
from typing import Any, Final

from sretool.core.plans.findings import Finding, State


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What was found on the machine; a `…_problem` says why not, None that it can be done."""

    root: bool
    python: str
    toolkit: str | None
    """Version of chaostoolkit-lib; None: not installed."""
    kubernetes: str | None
    """Version of chaostoolkit-kubernetes; None: not installed."""
    kubeconfig: str | None
    """The file there is; None: there is none."""
    log_folder: str
    """Where what is left to undo is kept."""
    log_problem: str | None
    log_ms: float | None
    """Milliseconds for one line to be on the disk."""
    left: tuple[str, ...]
    """Folders of runs with faults that nobody looks after."""
    proxy_problem: str | None
    uvloop: bool
    netem_problem: str | None
    queue_problem: str | None
    cgroups: str | None
    """`v1` or `v2`; None: no group with limits can be made."""
    cgroups_problem: str | None
    systemd_problem: str | None
    lab: str | None
    """The lab that runs; None: none, or several."""
    lab_proxies: tuple[str, ...]
    """Of the lab's Toxiproxy."""
    disk_free: int
    disk_reserve: int
    """Bytes, on the file system of `/`."""


_LOG_SLOW_MS: Final = 50.0
"""A fault waits for its line to be on the disk."""


def facts(document: Mapping[str, Any]) -> HostFacts:
    """From JSON; TypeError where it is something else."""
    lists = {name: tuple(document[name]) for name in ("left", "lab_proxies")}
    return HostFacts(**{**document, **lists})


def findings(host: HostFacts) -> Iterator[Finding]:
    """What everything rests on first, then faults by kind."""
    yield _toolkit(host)
    yield _log(host)
    yield _left(host)
    yield _proxy(host)
    yield _kernel_network(host)
    yield _groups(host)
    yield _systemd(host)
    yield _signals(host)
    yield _disk(host)
    yield _lab(host)
    yield _kubernetes(host)


def _toolkit(host: HostFacts) -> Finding:
    if host.toolkit is None:
        return Finding("Chaos Toolkit", State.FAILED, "not installed: nothing runs experiments", "make env")
    return Finding("Chaos Toolkit", State.OK, f"chaostoolkit-lib {host.toolkit} on Python {host.python}")


def _log(host: HostFacts) -> Finding:
    subject = "undo log"
    if host.log_problem is not None:
        return Finding(
            subject,
            State.FAILED,
            f"{host.log_folder} cannot be used: {host.log_problem}; no fault is made without it",
            "free some space, or set XDG_STATE_HOME to a folder of yours on a local disk",
        )
    took = host.log_ms or 0.0
    detail = f"a line is on the disk in {took:.1f} ms, {host.log_folder}"
    if took > _LOG_SLOW_MS:
        return Finding(
            subject,
            State.LIMITED,
            f"{detail}: each fault waits for it",
            "set XDG_STATE_HOME to a quicker disk",
        )
    return Finding(subject, State.OK, detail)


def _left(host: HostFacts) -> Finding:
    if host.left:
        where = host.left[0] + (f" and {len(host.left) - 1} more" if len(host.left) > 1 else "")
        return Finding("faults left", State.FAILED, f"not undone yet: {where}", "sretool chaos heal")
    return Finding("faults left", State.OK, "none on this machine")


def _proxy(host: HostFacts) -> Finding:
    subject = "network by proxy"
    if host.proxy_problem is not None:
        return Finding(
            subject,
            State.LIMITED,
            f"the embedded proxy does not start: {host.proxy_problem}",
            "give the address of a Toxiproxy as `api` of the action",
        )
    if not host.uvloop:
        detail = "works, with more CPU for each byte: uvloop is not installed"
        return Finding(subject, State.OK, detail, "pip install 'sretool[lab]'")
    return Finding(subject, State.OK, "latency, bandwidth, resets, blackholes, without root")


def _kernel_network(host: HostFacts) -> Finding:
    subject = "network by kernel"
    ways = [
        name
        for name, problem in (("netem", host.netem_problem), ("NFQUEUE", host.queue_problem))
        if problem is None
    ]
    if len(ways) == 2:
        return Finding(subject, State.OK, "tc netem and NFQUEUE")
    problems = "; ".join(each for each in (host.netem_problem, host.queue_problem) if each is not None)
    remedy = "use the actions that work by proxy" if not ways else None
    if not host.root:
        remedy = "run the experiment as root, or use the actions that work by proxy"
    if ways:
        return Finding(subject, State.OK, f"{ways[0]}; {problems}", remedy)
    return Finding(subject, State.LIMITED, problems, remedy)


def _groups(host: HostFacts) -> Finding:
    subject = "CPU and memory limits"
    if host.cgroups is None:
        remedy = "run as root, or give your user control groups (systemd: loginctl enable-linger)"
        return Finding(
            subject,
            State.LIMITED,
            f"{host.cgroups_problem}; CPU can be taken with slow_down, memory only with a leak of its own",
            remedy,
        )
    return Finding(subject, State.OK, f"control groups {host.cgroups}: limits, ballast")


def _systemd(host: HostFacts) -> Finding:
    subject = "limits of systemd units"
    if host.systemd_problem is not None:
        return Finding(subject, State.LIMITED, host.systemd_problem, "use limit_cpu with a pid or a cgroup")
    if not host.root:
        return Finding(subject, State.LIMITED, "needs root", "run the experiment as root")
    return Finding(subject, State.OK, "systemctl set-property --runtime")


def _signals(host: HostFacts) -> Finding:
    if host.root:
        return Finding("signals", State.OK, "to every process: kill, pause, slow_down")
    return Finding(
        "signals",
        State.LIMITED,
        "to this user's own processes only: kill, pause, slow_down",
        "run the experiment as root for others",
    )


def _disk(host: HostFacts) -> Finding:
    free, reserve = host.disk_free / 2**30, host.disk_reserve / 2**30
    detail = f"any file system; {reserve:.1f} GiB of that of / always stay free ({free:.1f} GiB are)"
    if host.disk_free <= host.disk_reserve:
        return Finding("full disks", State.LIMITED, detail, "choose a folder on a file system of its own")
    return Finding("full disks", State.OK, detail)


def _lab(host: HostFacts) -> Finding:
    if host.lab is None:
        return Finding("lab", State.LIMITED, "none is chosen or running: give experiments their own targets",
                       "sretool lab up")  # fmt: skip
    if not host.lab_proxies:
        return Finding(
            "lab",
            State.LIMITED,
            f"{host.lab} runs, and its proxy does not answer",
            f"sretool lab logs toxiproxy --name {host.lab}",
        )
    return Finding("lab", State.OK, f"{host.lab}, with proxies {', '.join(host.lab_proxies)}")


def _kubernetes(host: HostFacts) -> Finding:
    if host.kubernetes is None:
        return Finding("Kubernetes", State.LIMITED, "chaostoolkit-kubernetes is not installed", "make env")
    if host.kubeconfig is None:
        return Finding(
            "Kubernetes",
            State.LIMITED,
            f"chaostoolkit-kubernetes {host.kubernetes}, and no cluster is configured",
            "set KUBECONFIG, or write ~/.kube/config",
        )
    return Finding("Kubernetes", State.OK, f"chaostoolkit-kubernetes {host.kubernetes}, {host.kubeconfig}")
