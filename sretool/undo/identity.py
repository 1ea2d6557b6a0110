"""Telling a process from another that got its pid later."""

from __future__ import annotations

from pathlib import Path

_STATE, _START = 0, 19
"""Fields of /proc/PID/stat after the name in brackets."""


def boot() -> str:
    """Names this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """When it started, in clock ticks since boot; None where it has ended (a zombie has)."""
    fields = _fields(pid)
    return None if fields is None or fields[_STATE] in ("Z", "X") else int(fields[_START])


def stopped(pid: int) -> bool:
    """Whether a signal has stopped it."""
    fields = _fields(pid)
    return fields is not None and fields[_STATE] in ("T", "t")


def _fields(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes().decode("utf-8", "replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()
