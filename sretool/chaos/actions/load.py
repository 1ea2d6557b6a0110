"""The load that an experiment brings along: a profile of `sretool load list`, until it is stopped."""

from __future__ import annotations

import contextlib
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
from sretool.undo import identity

_BEGIN: Final = 2.0
"""Seconds after which a load test that was refused has ended."""
_END_PATIENCE: Final = 15.0

_running: dict[str, tuple[subprocess.Popen[bytes], Any]] = {}


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
