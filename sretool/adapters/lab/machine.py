"""What this machine has, as the node exporter will report it.

The host's series are labelled with the machine's own devices and have its own sizes, so their history can
only be written where it will be read.
"""

from __future__ import annotations

import os
from pathlib import Path

from sretool.core.plans.history import Machine, MachinePart

_PROC = Path("/proc")


def this_machine(proc: Path = _PROC) -> Machine:
    """Parts by kind; a kind is empty where the machine doesn't tell."""
    return {
        "processor": _processors(proc),
        "memory": _memory(proc),
        "disk": _root_disk(proc),
        "network": _networks(proc),
    }


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _processors(proc: Path) -> tuple[MachinePart, ...]:
    names = (line.split()[0] for line in _lines(proc / "stat") if line)
    numbers = (name.removeprefix("cpu") for name in names if name.startswith("cpu"))
    return tuple(MachinePart({"cpu": number}, {}) for number in numbers if number.isdigit())


def _memory(proc: Path) -> tuple[MachinePart, ...]:
    kilobytes = {
        name: float(rest.split()[0])
        for name, _, rest in (line.partition(":") for line in _lines(proc / "meminfo"))
        if rest.split()
    }
    if not {"MemTotal", "MemAvailable"} <= kilobytes.keys():
        return ()
    total, available = kilobytes["MemTotal"] * 1024, kilobytes["MemAvailable"] * 1024
    return (MachinePart({}, {"total": total, "available": available}),)


def _root_disk(proc: Path) -> tuple[MachinePart, ...]:
    """The file system at /: the one mount point that every machine has."""
    mounts = [line.split() for line in _lines(proc / "self" / "mounts")]
    at_root = [mount for mount in mounts if len(mount) > 2 and mount[1] == "/"]
    if not at_root:
        return ()
    device, _, kind = at_root[-1][:3]
    found = os.statvfs("/")
    numbers = {
        "size": float(found.f_blocks * found.f_frsize),
        "available": float(found.f_bavail * found.f_frsize),
    }
    return (MachinePart({"device": device, "fstype": kind, "mountpoint": "/"}, numbers),)


def _networks(proc: Path) -> tuple[MachinePart, ...]:
    names = (line.partition(":")[0].strip() for line in _lines(proc / "net" / "dev") if ":" in line)
    return tuple(MachinePart({"device": name}, {}) for name in names if name != "lo")
