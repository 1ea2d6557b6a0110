"""The load that an experiment brings along: a profile of `sretool load list`, or clients that never rest."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from chaoslib.exceptions import ActivityFailed

from sretool.chaos import sources, undoing
from sretool.chaos.probes.http import address
from sretool.undo import identity

_BEGIN: Final = 2.0
"""Seconds after which a load test that was refused has ended."""
_END_PATIENCE: Final = 15.0

_running: dict[str, tuple[subprocess.Popen[bytes], Any]] = {}
_pressing: dict[str, subprocess.Popen[bytes]] = {}


def start_load(
    profile: str,
    rate: float,
    duration: str = "10m",
    parameters: dict[str, Any] | None = None,
    target: str = "",
    lab: str = "",
    name: str = "load",
) -> dict[str, Any]:
    """Put load on `target` (the lab's service without one): `profile` at `rate` requests per second.

    The whole profile, its ramp included, takes `duration`; `parameters` are the profile's own. It ends with
    `stop_load`, with the experiment, or after `duration`. Gives `{"pid", "target", "log"}`; how it went is in
    the run folder that the log names last.
    """
    if name in _running:
        raise ActivityFailed(f"the load {name!r} is running already")
    address = target or sources.lab(lab).endpoints.get("app", "")
    if not address:
        raise ActivityFailed("give a `target` or a lab")
    descriptor, path = tempfile.mkstemp(prefix=f"{name}-", suffix=".log")
    argv = ["load", "run", profile, "--target", address, "--rate", str(rate), "--duration", duration]
    for key, value in (parameters or {}).items():
        argv += ["--param", f"{key}={value}"]
    with open(descriptor, "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", "from sretool.cli.main import main; main()", *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    entry = undoing.before(
        f"load {profile} at {rate:g}/s",
        target=address,
        undo={"kind": "end", "pid": process.pid, "start": identity.start_time(process.pid), "group": True},
        prior="no such load",
        helper=True,
    )
    _running[name] = (process, entry)
    time.sleep(_BEGIN)
    if process.poll() is not None:
        del _running[name]
        undoing.after(entry)
        said = Path(path).read_text(errors="replace").strip().splitlines()
        raise ActivityFailed(f"the load did not begin: {said[-1] if said else process.returncode}")
    return {"pid": process.pid, "target": address, "log": path}


def plan_start_load(
    profile: str,
    rate: float,
    duration: str = "10m",
    parameters: dict[str, Any] | None = None,
    target: str = "",
    lab: str = "",
    name: str = "load",
) -> list[dict[str, Any]]:
    """It hurts nothing that users would not: load."""
    return []


def stop_load(name: str = "load") -> int:
    """End the load in order; gives the exit code of the load test (0 its objectives held, 1 they did not)."""
    if name not in _running:
        raise ActivityFailed(f"there is no load {name!r}")
    process, entry = _running.pop(name)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_PATIENCE)
    undoing.after(entry)
    return process.wait()


def plan_stop_load(name: str = "load") -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


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
