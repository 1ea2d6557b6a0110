"""Pid files that PostgreSQL and pg_auto_failover left behind when they were killed.

Both take the number in such a file for a running server as long as the kernel knows it, be it a zombie that
nobody has reaped or a stranger that got the number later, and refuse to start.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sretool.adapters.lab import record

if TYPE_CHECKING:
    from collections.abc import Iterator


def remove_stale(database: Path, sockets: Path) -> None:
    """Remove those of processes that are gone or don't work on this database.

    One of a living process of the database stays, and so does postmaster.pid as long as anything works in
    its cluster: it is what keeps a second server away from the same files.
    """
    for file in _files(database, sockets):
        pid = _pid(file)
        if file.name == "postmaster.pid":
            held = any(_works_in(other, file.parent) for other in _pids())
        else:
            held = pid is not None and _belongs_to(pid, database)
        if not held:
            file.unlink(missing_ok=True)


def _files(database: Path, sockets: Path) -> Iterator[Path]:
    yield from sorted(database.glob("*/postmaster.pid"))
    yield from sorted((database / "run").rglob("*.pid"))
    yield from sorted(sockets.glob(".s.PGSQL.*.lock"))


def _pid(file: Path) -> int | None:
    try:
        return abs(int(file.read_text().split("\n", 1)[0]))
    except (OSError, ValueError):
        return None


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(folder.resolve())
    except OSError:
        return False


def _belongs_to(pid: int, database: Path) -> bool:
    """Whether it lives and is called, placed or surrounded by variables of this database."""
    if record.start_time(pid) is None:
        return False
    try:
        texts = [Path(f"/proc/{pid}/{part}").read_bytes() for part in ("cmdline", "environ")]
    except OSError:
        return False
    return _works_in(pid, database) or any(str(database).encode() in text for text in texts)
