"""Whom an action hurts: a process by its identity, and the control group it has for itself.

A process is named as of a lab (`process`, `lab`) or by its number (`pid`). `primary` and `standby` name the
node of the lab's database that has this part at present.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chaoslib.exceptions import ActivityFailed

from sretool.adapters.lab import cgroups
from sretool.chaos import sources
from sretool.undo import identity

if TYPE_CHECKING:
    import signal

    from sretool.chaos.lab import LabProcess

_ROLES: Final = ("primary", "standby")


@dataclass(frozen=True, slots=True)
class Victim:
    """One process, told from any that gets its pid later."""

    label: str
    """As targets are told: `amas/app-1 (pid 812)`."""
    name: str
    """Of a process of a lab; empty elsewhere."""
    pid: int
    start: int
    """Clock ticks after boot."""
    group: bool
    """Whether its process group is its own, and hurt with it."""
    of: int | None
    """How many processes could have been chosen."""
    cpu_group: str | None
    memory_group: str | None

    def check(self) -> None:
        """ActivityFailed where it has ended since, or its pid is another's by now."""
        if identity.start_time(self.pid) != self.start:
            raise ActivityFailed(f"{self.label} has ended by itself just now")

    def send(self, number: signal.Signals) -> None:
        """A signal to it, checked right before."""
        self.check()
        with contextlib.suppress(ProcessLookupError):
            try:
                (os.killpg if self.group else os.kill)(self.pid, number)
            except PermissionError:
                raise ActivityFailed(
                    f"{self.label} belongs to somebody else; run this as its user or as root"
                ) from None


@dataclass(frozen=True, slots=True)
class Group:
    """A control group that is hurt as a whole."""

    label: str
    """As targets are told."""
    folder: Path
    of: int | None
    """How many processes could have been chosen; None: it was named itself."""


def group_of(process: str, lab: str, pid: int | None, cgroup: str, controller: str, otherwise: str) -> Group:
    """The group `cgroup`, or the one for `cpu` or `memory` that a process has for itself.

    ActivityFailed where it has none, and `otherwise` what to do then.
    """
    if cgroup:
        if process or pid:
            raise ActivityFailed("say whom: one of `process`, `pid` and `cgroup`")
        folder = group_folder(cgroup)
        return Group(f"control group {folder}", folder, None)
    who = victim(process, lab, pid)
    own = who.cpu_group if controller == "cpu" else who.memory_group
    if own is None:
        limit = "CPU" if controller == "cpu" else controller
        raise ActivityFailed(
            f"{who.label} has no control group of its own with a limit of {limit}; {otherwise}"
        )
    folder = Path(own)
    return Group(f"{who.label}, control group {folder.name}", folder, who.of)


def victim(process: str = "", lab: str = "", pid: int | str | None = None) -> Victim:
    """Exactly one of `process` and `pid`; ActivityFailed where there is none, or it may not be hurt."""
    if bool(process) == (pid not in (None, "")):
        raise ActivityFailed("say whom: either `process` (of a lab) or `pid`")
    return _of_lab(process, lab) if process else _by_pid(str(pid))


def _of_lab(process: str, lab: str) -> Victim:
    found = sources.lab(lab)
    with sources.told():
        one: LabProcess = found.node(process) if process in _ROLES else found.process(process)
    return Victim(
        label=f"{found.name}/{one.label}",
        name=one.name,
        pid=one.pid,
        start=one.start,
        group=True,
        of=sum(_kind(each) == _kind(one.name) for each in found.names),
        cpu_group=one.cpu_group,
        memory_group=one.memory_group,
    )


def _kind(name: str) -> str:
    """`app-1` and `app-2` are two of a kind."""
    stem, _, number = name.rpartition("-")
    return stem if number.isdigit() else name


def _by_pid(written: str) -> Victim:
    try:
        pid = int(written)
    except ValueError:
        raise ActivityFailed(f"{written!r} is no pid") from None
    start = identity.start_time(pid)
    if start is None:
        raise ActivityFailed(f"there is no process {pid}")
    if pid == 1 or pid in _ourselves():
        raise ActivityFailed(f"process {pid} runs this experiment: it would end itself")
    if b"sretool.undo.warden" in Path(f"/proc/{pid}/cmdline").read_bytes():
        raise ActivityFailed(f"process {pid} is a warden: nobody would undo what is done to it")
    name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    return Victim(
        label=f"{name} (pid {pid})",
        name="",
        pid=pid,
        start=start,
        group=False,
        of=None,
        cpu_group=_own_group(pid, "cpu"),
        memory_group=_own_group(pid, "memory"),
    )


def _ourselves() -> set[int]:
    """This process and those that started it."""
    pids = set()
    pid = os.getpid()
    while pid > 1 and pid not in pids:
        pids.add(pid)
        stat = Path(f"/proc/{pid}/stat").read_text()
        pid = int(stat[stat.rindex(")") + 2 :].split()[1])
    return pids


def group_folder(written: str) -> Path:
    """A control group that an experiment names; ActivityFailed where there is none, or we are in it."""
    folder = Path(written)
    if not folder.is_dir():
        raise ActivityFailed(f"there is no control group {written}")
    if is_ours(folder):
        raise ActivityFailed(f"{written} holds this experiment itself: it would hurt whoever undoes it")
    return folder


def is_ours(folder: Path) -> bool:
    """Whether this process, or one that started it, is in the group or below it."""
    ours = {str(pid) for pid in _ourselves()}
    for inside in (folder, *(each.parent for each in folder.rglob("cgroup.procs"))):
        try:
            members = (inside / "cgroup.procs").read_text().split()
        except OSError:
            continue
        if ours & set(members):
            return True
    return False


def _own_group(pid: int, controller: str) -> str | None:
    """Folder of the process's group that has this controller; None where it shares that with us."""
    try:
        mounts = cgroups.parse_mounts(Path("/proc/self/mountinfo").read_text())
        membership = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return None
    for mount in mounts:
        if mount.version == 1 and controller not in mount.controllers:
            continue
        folder = cgroups.own_group(mount, membership)
        if folder is None or folder == Path(mount.point) or is_ours(folder):
            continue
        if any((folder / file).exists() for file in cgroups.LIMITS[controller]):
            return str(folder)
    return None
