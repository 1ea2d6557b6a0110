"""Clients that never rest: load where it is wanted, on one instance for example.

For whole profiles of load give the experiment a `load` in its block of `sretool`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

from chaoslib.exceptions import ActivityFailed

from sretool.chaos.probes.http import address

_END_PATIENCE: Final = 15.0

_pressing: dict[str, subprocess.Popen[bytes]] = {}


def press(
    url: str,
    clients: int = 8,
    headers: dict[str, str] | None = None,
    lab: str = "",
    name: str = "clients",
) -> dict[str, Any]:
    """Let so many `clients` ask for `url` (or `lab:ENDPOINT/path`), each again as soon as it is answered.

    No more than `clients` requests ever wait: a server is kept busy, not drowned. `{client}` in a header is
    the client's number. They end with `release` or with the experiment. Gives `{"pid", "url"}`.
    """
    if name in _pressing:
        raise ActivityFailed(f"the clients {name!r} are at work already")
    if clients < 1:
        raise ActivityFailed(f"{clients} clients ask for nothing")
    given = {"url": address(url, lab), "clients": clients, "headers": headers or {}}
    # They end when their standard input does, so whatever ends us ends them: there is nothing to undo.
    process = subprocess.Popen(
        [sys.executable, "-m", "sretool.chaos.press"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(given).encode() + b"\n")
    process.stdin.flush()
    _pressing[name] = process
    return {"pid": process.pid, "url": given["url"]}


def plan_press(
    url: str,
    clients: int = 8,
    headers: dict[str, str] | None = None,
    lab: str = "",
    name: str = "clients",
) -> list[dict[str, Any]]:
    """It hurts nothing that users would not: load."""
    return []


def release(name: str = "clients") -> dict[str, Any]:
    """End the clients; gives `{"seconds", "answers": {status: number}, "failures"}`."""
    if name not in _pressing:
        raise ActivityFailed(f"there are no clients {name!r}")
    process = _pressing.pop(name)
    try:
        said, _ = process.communicate(timeout=_END_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    try:
        found: dict[str, Any] = json.loads(said)
    except ValueError as error:
        raise ActivityFailed(f"the clients {name!r} ended without a word") from error
    return found


def plan_release(name: str = "clients") -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []
