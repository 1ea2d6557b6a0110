"""Faults that need no lab, each with an undo of another kind: what experiments of the kill matrix do.

Between its entry in the undo log and the fault there is a short time, so that a kill can fall into it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from sretool.chaos import undoing
from sretool.undo import identity

_GAP = 0.1
_BURNER = """
import pathlib, sys, time
if sys.stdin.readline():
    pathlib.Path(sys.argv[1]).touch()
    time.sleep(600)
"""


def wait(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def file(path: str) -> None:
    undoing.before("a file", path, {"kind": "file_remove", "path": path})
    time.sleep(_GAP)
    Path(path).touch()


def content(path: str) -> None:
    before, after = Path(path).read_bytes(), b"broken"
    undo = {
        "kind": "file_restore",
        "path": path,
        "data": base64.b64encode(before).decode(),
        "applied": hashlib.sha256(after).hexdigest(),
    }
    undoing.before("a changed file", path, undo)
    time.sleep(_GAP)
    Path(path).write_bytes(after)


def stop(pid: int) -> None:
    undo = {"kind": "proceed", "pid": pid, "start": identity.start_time(pid)}
    undoing.before("a stopped process", f"process {pid}", undo)
    time.sleep(_GAP)
    os.kill(pid, signal.SIGSTOP)


def burner(mark: str) -> None:
    """A process of our own; it waits for its entry before it does harm."""
    child = subprocess.Popen(
        [sys.executable, "-c", _BURNER, mark], stdin=subprocess.PIPE, start_new_session=True
    )
    undo = {"kind": "end", "pid": child.pid, "start": identity.start_time(child.pid)}
    undoing.before("a process", f"process {child.pid}", undo)
    time.sleep(_GAP)
    assert child.stdin is not None
    child.stdin.write(b"go\n")
    child.stdin.flush()


def group(path: str, inode: int, value: str) -> None:
    file = Path(path)
    undo = {
        "kind": "cgroup_write",
        "path": path,
        "inode": inode,
        "value": file.read_text().strip(),
        "applied": [value],
    }
    undoing.before("a limit", path, undo)
    time.sleep(_GAP)
    file.write_text(value)


def toxic(api: str, proxy: str) -> None:
    undoing.before("latency", proxy, {"kind": "toxic_remove", "api": api, "proxy": proxy, "toxic": "slow"})
    time.sleep(_GAP)
    document = {"name": "slow", "type": "latency", "attributes": {"latency": 200}}
    _post(f"{api}/proxies/{proxy}/toxics", document)


def proxy_off(api: str, proxy: str) -> None:
    undoing.before("a closed proxy", proxy, {"kind": "proxy_enable", "api": api, "proxy": proxy})
    time.sleep(_GAP)
    _post(f"{api}/proxies/{proxy}", {"enabled": False})


def command(path: str) -> None:
    """Undone by a program."""
    argv = [
        sys.executable,
        "-c",
        "import os, sys; os.path.exists(sys.argv[1]) and os.rmdir(sys.argv[1])",
        path,
    ]
    undoing.before("a folder", path, {"kind": "command", "argv": argv})
    time.sleep(_GAP)
    Path(path).mkdir()


def mend() -> int:
    """What the rollbacks of every experiment do."""
    return len(undoing.undo())


def _post(url: str, document: dict[str, Any]) -> None:
    request = urllib.request.Request(
        url, json.dumps(document).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=5):
        pass
