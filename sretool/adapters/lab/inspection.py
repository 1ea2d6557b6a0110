"""What this machine offers a lab, finding by finding, each with its remedy."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sretool.adapters.lab import cgroups, install, ports, programs, record
from sretool.core.plans import topology
from sretool.core.plans.findings import Finding, State
from sretool.errors import PortTaken

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDED_DISK = 2 * 1024**3
NEEDED_MEMORY = 1536 * 1024**2
"""What a whole lab takes at most."""
_GIB = 1024**3
_LIBRARIES = (
    "hiredis",
    "httptools",
    "prometheus_client",
    "psycopg",
    "psycopg_pool",
    "redis",
    "starlette",
    "uvicorn",
)


def inspect() -> Iterator[Finding]:
    """Programs first, then what they need around them; findings come as they are made."""
    for program in programs.PROGRAMS:
        yield _program(program)
    yield _failover()
    yield _libraries()
    yield _limits()
    yield _database_user()
    yield _disk()
    yield _memory()
    yield _ports()
    yield _labs()


def _program(program: programs.Program) -> Finding:
    path = programs.find(program.name)
    if path is None:
        state = State.FAILED if program.needed else State.LIMITED
        remedy = install.install_command((program.package,))
        return Finding(program.name, state, f"not installed; without it {program.without}", remedy)
    version = programs.version(program.name, path)
    if version is None:
        return Finding(
            program.name,
            State.FAILED if program.needed else State.LIMITED,
            f"{path} does not start",
            f"run `{path} {program.version_option}` to see why",
        )
    return Finding(program.name, State.OK, f"{version}, {path}")


def _failover() -> Finding:
    subject, home = "PostgreSQL failover", programs.postgres()
    if home is None or not home.failover:
        detail = "PostgreSQL has no pg_auto_failover: it runs alone, nothing takes over"
        return Finding(subject, State.LIMITED, detail, install.install_command((programs.FAILOVER_PACKAGE,)))
    if programs.find("pg_autoctl") is None:
        return Finding(subject, State.LIMITED, "pg_autoctl is missing: no standby takes over")
    return Finding(subject, State.OK, f"a standby of PostgreSQL {home.version} takes over")


def _libraries() -> Finding:
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        return Finding(
            "Python libraries",
            State.FAILED,
            f"the lab's programs need {', '.join(missing)}",
            "pip install 'sretool[lab]'",
        )
    return Finding("Python libraries", State.OK, "those of the lab's programs are there")


def _limits() -> Finding:
    subject = "CPU and memory limits"
    found = cgroups.tried()
    if found is None:
        return Finding(
            subject,
            State.LIMITED,
            f"no control group can be made: {_why_no_groups()}; replicas share the machine without limits",
            "run the lab as root, or give your user cgroups of its own (systemd: loginctl enable-linger)",
        )
    version, folder = found
    return Finding(subject, State.OK, f"control groups {version} below {folder}")


def _why_no_groups() -> str:
    try:
        mounts = cgroups.parse_mounts(Path("/proc/self/mountinfo").read_text())
    except OSError:
        mounts = []
    if not mounts:
        return "none is mounted"
    versions = " and ".join(f"v{version}" for version in sorted({mount.version for mount in mounts}))
    who = "root" if os.geteuid() == 0 else "this user"
    return f"{versions} is mounted, but {who} may not write there, or cpu and memory are not handed on"


def _database_user() -> Finding:
    subject = "PostgreSQL's user"
    if os.geteuid() != 0:
        return Finding(subject, State.OK, f"{_name(os.geteuid())}, as everything else")
    for name in ("postgres", "nobody"):
        if any(entry.pw_name == name for entry in pwd.getpwall()):
            return Finding(subject, State.OK, f"{name}, because PostgreSQL refuses to run as root")
    return Finding(
        subject,
        State.FAILED,
        "PostgreSQL refuses to run as root, and there is no user postgres or nobody",
        "useradd --system postgres, or run the lab as an ordinary user",
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _disk() -> Finding:
    place = record.labs_dir()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    detail = f"{free / _GIB:.1f} GiB free at {place}"
    if free < NEEDED_DISK:
        return Finding(
            "disk",
            State.FAILED,
            f"{detail}; a lab needs {NEEDED_DISK / _GIB:.0f} GiB",
            "free some, or set XDG_STATE_HOME to a folder on another disk",
        )
    return Finding("disk", State.OK, detail)


def _memory() -> Finding:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return Finding("memory", State.LIMITED, "how much is free cannot be read from /proc/meminfo")
    fields = dict(line.split(":", 1) for line in lines)
    available = int(fields.get("MemAvailable", "0").split()[0]) * 1024
    detail = f"{available / _GIB:.1f} GiB available"
    if available < NEEDED_MEMORY:
        return Finding(
            "memory",
            State.LIMITED,
            f"{detail}; a lab can take {NEEDED_MEMORY / _GIB:.1f} GiB",
            "end some programs first",
        )
    return Finding("memory", State.OK, detail)


def _ports() -> Finding:
    try:
        found = ports.choose(topology.PORTS, recorded={}, reserved=(), seed="doctor")
    except PortTaken as error:
        return Finding("ports", State.FAILED, error.message, error.remedy)
    return Finding("ports", State.OK, f"{len(found)} free ones on 127.0.0.1 from {min(found.values())}")


def _labs() -> Finding:
    labs = record.every()
    running = [f"{lab.name} (system {lab.system})" for lab in labs if record.supervised(lab)]
    lost = [lab.name for lab in labs if lab.state in record.ALIVE and not record.supervised(lab)]
    if lost:
        return Finding(
            "labs",
            State.LIMITED,
            f"the supervisor of {', '.join(lost)} is gone without having stopped it",
            "; ".join(f"sretool lab down --name {name}" for name in lost),
        )
    return Finding("labs", State.OK, f"running: {', '.join(running) or 'none'}")
