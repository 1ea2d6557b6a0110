"""Control groups for processes with limits of their own, in cgroup v1 or v2, where we may make them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sretool.core.plans.processes import CgroupPaths, Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LIMITS: Final = {"cpu": ("cpu.max", "cpu.cfs_quota_us"), "memory": ("memory.max", "memory.limit_in_bytes")}
"""Controller → the file with its limit, in version 2 and in version 1."""
_PERIOD_US = 100_000
_WEIGHT: Final = {"cpu.weight": "1000", "cpu.shares": "10240"}
"""Ten times what others have, so that a process gets what its limit says on a busy machine, too."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted hierarchy."""

    version: int
    root: str
    """Which part of the hierarchy is mounted: "/" outside of containers."""
    point: str
    controllers: frozenset[str]
    """v1: those of this hierarchy. v2: empty, each group tells its own."""


def parse_mounts(mountinfo: str) -> list[Mount]:
    """The cgroup hierarchies of /proc/self/mountinfo."""
    mounts = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _source, options = [*after.split(" "), "", "", ""][:3]
        fields = before.split(" ")
        if kind == "cgroup2":
            mounts.append(Mount(2, fields[3], fields[4], frozenset()))
        elif kind == "cgroup":
            mounts.append(Mount(1, fields[3], fields[4], frozenset(options.split(","))))
    return mounts


def own_group(mount: Mount, membership: str) -> Path | None:
    """Our own directory in that hierarchy by /proc/self/cgroup; the mount point where it isn't visible."""
    for line in membership.splitlines():
        number, controllers, path = line.split(":", 2)
        if (mount.version == 2 and number == "0") or mount.controllers & set(controllers.split(",")):
            inside = path[len(mount.root) :] if mount.root != "/" and path.startswith(mount.root) else path
            own = Path(mount.point, inside.lstrip("/"))
            return own if own.is_dir() else Path(mount.point)
    return None


def create(prefix: str, limits: Mapping[str, Limits]) -> dict[str, CgroupPaths]:
    """A group per process, with its limits set and tried out; empty where that cannot be had.

    All or nothing: a lab in which one replica of two is limited would mislead.
    """
    try:
        mounts = parse_mounts(Path("/proc/self/mountinfo").read_text())
        membership = Path("/proc/self/cgroup").read_text()
    except OSError:
        return {}
    for make in (create_v1, create_v2):
        made = make(prefix, limits, mounts, membership)
        if made:
            return made
    return {}


def remove(directories: Iterable[str], *, patience: float = 1.0) -> None:
    """Remove groups; the last processes in them may still be ending."""
    until = time.monotonic() + patience
    for directory in dict.fromkeys(directories):
        while Path(directory).is_dir():
            try:
                os.rmdir(directory)
            except OSError:
                if time.monotonic() > until:
                    break
                time.sleep(0.02)


def prefix(marker: str) -> str:
    """What the names of a lab's groups begin with; a hyphen and the process follow."""
    return f"sretool-{marker}"


def named(prefix: str) -> tuple[str, ...]:
    """Groups that `create` made for this prefix, wherever they are."""
    try:
        mounts = parse_mounts(Path("/proc/self/mountinfo").read_text())
    except OSError:
        return ()
    places = {mount.point for mount in mounts if mount.version == 2 or mount.controllers & {"cpu", "memory"}}
    return tuple(
        os.path.join(above, folder)
        for place in sorted(places)
        for above, folders, _ in os.walk(place)
        for folder in folders
        if folder.startswith(f"{prefix}-")
    )


def members(directories: Iterable[str]) -> set[int]:
    """Pids of the processes in these groups."""
    pids: set[int] = set()
    for directory in directories:
        with contextlib.suppress(OSError):
            pids.update(int(pid) for pid in Path(directory, "cgroup.procs").read_text().split())
    return pids


def directories(groups: Mapping[str, CgroupPaths]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for group in groups.values() for path in (group.cpu, group.memory)))


def tried() -> tuple[str, Path] | None:
    """`v1` or `v2`, and the folder that groups with limits can be made in; None: nowhere."""
    made = create(f"sretool-doctor-{os.getpid()}", {"try": Limits(0.5, 64 * 1024**2)})
    folders = directories(made)
    remove(folders)
    return ("v2" if len(folders) == 1 else "v1", Path(folders[0]).parent) if folders else None


def create_v1(
    prefix: str, limits: Mapping[str, Limits], mounts: list[Mount], membership: str
) -> dict[str, CgroupPaths]:
    parents = {}
    for controller in ("cpu", "memory"):
        mount = next((m for m in mounts if m.version == 1 and controller in m.controllers), None)
        parent = own_group(mount, membership) if mount else None
        if parent is None:
            return {}
        parents[controller] = parent
    made: dict[str, CgroupPaths] = {}
    try:
        for name, limit in limits.items():
            cpu, memory = (parents[key] / f"{prefix}-{name}" for key in ("cpu", "memory"))
            made[name] = CgroupPaths(str(cpu), str(memory))
            cpu.mkdir(exist_ok=True)
            memory.mkdir(exist_ok=True)
            (cpu / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (cpu / "cpu.cfs_quota_us").write_text(str(round(limit.cpu_cores * _PERIOD_US)))
            (cpu / "cpu.shares").write_text(_WEIGHT["cpu.shares"])
            (memory / "memory.limit_in_bytes").write_text(str(limit.memory_bytes))
        _try_out(made)
    except OSError:
        remove(directories(made))
        return {}
    return made


def create_v2(
    prefix: str, limits: Mapping[str, Limits], mounts: list[Mount], membership: str
) -> dict[str, CgroupPaths]:
    """Below the nearest ancestor that hands on both controllers, or can be made to.

    A group with processes in it, as our own one has, can't hand any on (except the root); those
    above it can.
    """
    mount = next((m for m in mounts if m.version == 2), None)
    own = own_group(mount, membership) if mount else None
    if mount is None or own is None:
        return {}
    for parent in (own, *own.parents):
        made = _create_below(parent, prefix, limits)
        if made or parent == Path(mount.point):
            return made
    return {}


def _create_below(parent: Path, prefix: str, limits: Mapping[str, Limits]) -> dict[str, CgroupPaths]:
    wanted = {"cpu", "memory"}
    made: dict[str, CgroupPaths] = {}
    try:
        if not wanted <= set((parent / "cgroup.controllers").read_text().split()):
            return {}
        if not wanted <= set((parent / "cgroup.subtree_control").read_text().split()):
            (parent / "cgroup.subtree_control").write_text("+cpu +memory")
        for name, limit in limits.items():
            group = parent / f"{prefix}-{name}"
            made[name] = CgroupPaths(str(group), str(group))
            group.mkdir(exist_ok=True)
            (group / "cpu.max").write_text(f"{round(limit.cpu_cores * _PERIOD_US)} {_PERIOD_US}")
            (group / "cpu.weight").write_text(_WEIGHT["cpu.weight"])
            (group / "memory.max").write_text(str(limit.memory_bytes))
        _try_out(made)
    except OSError:
        remove(directories(made))
        return {}
    return made


def _try_out(groups: Mapping[str, CgroupPaths]) -> None:
    """Put a process into each group: being allowed to make a group isn't being allowed to fill it."""
    for group in groups.values():
        script = 'for file; do echo 0 > "$file/cgroup.procs" || exit 1; done'
        done = subprocess.run(["sh", "-c", script, "sh", group.cpu, group.memory], capture_output=True)
        if done.returncode != 0:
            raise PermissionError(done.stderr.decode(errors="replace"))
