"""Undoing one entry: kinds of undo as data, and what each of them does.

Every kind may be applied any number of times, by several programs at once, before, after or while its fault
is made; each looks whether the thing is still the one that was changed, puts it back, and reads it back.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sretool.undo import identity
from sretool.undo.entry import Result, UndoEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PATIENCE: Final = 2.0
"""Seconds in which a process must have ended or gone on."""
_HTTP_PATIENCE: Final = 3.0
_COMMAND_PATIENCE: Final = 30.0
_CLUSTER_PATIENCE: Final = 90.0
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""No proxy of the environment stands between us and what we undo."""

Outcome = tuple[str, str]
"""`Result.how` and its text."""


def apply(entry: UndoEntry) -> Result:
    """Undo one entry. Never raises: what went wrong is in the result."""
    kind = entry.undo.get("kind", "")
    work = _KINDS.get(kind)
    if work is None:
        return Result(entry.id, entry.fault, "failed", f"this sretool does not know how to undo by {kind!r}")
    if kind in _OF_THIS_BOOT and entry.boot and entry.boot != identity.boot():
        return Result(entry.id, entry.fault, "gone", "the machine was started again since")
    try:
        how, text = work(entry.undo)
    except (KeyError, TypeError, ValueError) as error:
        how, text = "failed", f"its entry makes no sense: {type(error).__name__}: {error}"
    except OSError as error:
        how, text = "failed", f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    return Result(entry.id, entry.fault, how, text)


def longest(undo: Mapping[str, Any]) -> float:
    """Seconds that one attempt takes at most."""
    if undo.get("kind") == "command":
        return float(undo.get("within", _COMMAND_PATIENCE))
    return _HTTP_PATIENCE * 2


def cgroup_write(undo: Mapping[str, Any]) -> Outcome:
    """`path` of a file in a control group, `inode` of the group, `value`, `applied` (all the fault wrote)."""
    path, value = Path(undo["path"]), str(undo["value"])
    try:
        if path.parent.stat().st_ino != undo["inode"]:
            return "gone", f"{path.parent} is another group by now"
        now = path.read_text().strip()
    except FileNotFoundError:
        return "gone", f"{path.parent} no longer exists"
    if _same(now, value):
        return "already", f"{path.name} is {value}"
    applied = undo.get("applied")
    if applied is not None and not any(_same(now, str(each)) for each in applied):
        return "foreign", f"{path.name} is {now}, which the fault did not write"
    path.write_text(value)
    after = path.read_text().strip()
    if not _same(after, value):
        return "failed", f"{path} is {after} after {value} was written"
    return "undone", f"{path.name} {now} → {after}"


def cgroup_remove(undo: Mapping[str, Any]) -> Outcome:
    """`path` of a group of ours, `inode`; `back`: the `cgroup.procs` that its processes go to."""
    path = Path(undo["path"])
    try:
        if path.stat().st_ino != undo["inode"]:
            return "gone", f"{path} is another group by now"
    except FileNotFoundError:
        return "already", f"{path} no longer exists"
    until = time.monotonic() + _PATIENCE
    while True:
        with contextlib.suppress(FileNotFoundError):
            for pid in (path / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    Path(undo["back"]).write_text(pid)
        try:
            path.rmdir()
        except FileNotFoundError:
            return "already", f"{path} no longer exists"
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return "undone", f"{path} removed"


def proceed(undo: Mapping[str, Any]) -> Outcome:
    """Let a stopped process go on: `pid`, `start`; `group` true for its whole group."""
    pid = int(undo["pid"])
    if identity.start_time(pid) != undo["start"]:
        return "gone", f"process {pid} has ended"
    was = identity.stopped(pid)
    _signal(undo, signal.SIGCONT)
    if not _until(lambda: not identity.stopped(pid)):
        return "failed", f"process {pid} is still stopped"
    return ("undone", f"process {pid} goes on") if was else ("already", f"process {pid} was not stopped")


def end(undo: Mapping[str, Any]) -> Outcome:
    """End a process that we started: `pid`, `start`; `group` true for its whole group."""
    pid = int(undo["pid"])
    if identity.start_time(pid) != undo["start"]:
        return "already", f"process {pid} has ended"
    _signal(undo, signal.SIGKILL)
    if not _until(lambda: identity.start_time(pid) != undo["start"]):
        return "failed", f"process {pid} does not end"
    return "undone", f"process {pid} ended"


def toxic_remove(undo: Mapping[str, Any]) -> Outcome:
    """Take a toxic from a proxy: `api`, `proxy`, `toxic`; `pid` and `start` of the proxy where it is ours."""
    base = f"{undo['api'].rstrip('/')}/proxies/{undo['proxy']}/toxics/{undo['toxic']}"
    try:
        status = _http("DELETE", base)
    except OSError as error:
        return _without_server(undo, error)
    if status == 404:
        return "already", f"no toxic {undo['toxic']} on {undo['proxy']}"
    if status >= 300:
        return "failed", f"{base} answers {status}"
    if _http("GET", base) != 404:
        return "failed", f"{base} is still there"
    return "undone", f"toxic {undo['toxic']} removed from {undo['proxy']}"


def proxy_enable(undo: Mapping[str, Any]) -> Outcome:
    """Switch a proxy on again: `api`, `proxy`; `pid` and `start` as above."""
    url = f"{undo['api'].rstrip('/')}/proxies/{undo['proxy']}"
    try:
        status = _http("POST", url, json.dumps({"enabled": True}).encode())
    except OSError as error:
        return _without_server(undo, error)
    if status == 404:
        return "gone", f"no proxy {undo['proxy']}"
    return ("undone", f"proxy {undo['proxy']} on") if status < 300 else ("failed", f"{url} answers {status}")


def file_remove(undo: Mapping[str, Any]) -> Outcome:
    """Remove a file of ours: `path`; `inode` where it existed when the entry was written."""
    path = Path(undo["path"])
    try:
        found = path.lstat()
    except FileNotFoundError:
        return "already", f"{path} no longer exists"
    if undo.get("inode") is not None and found.st_ino != undo["inode"]:
        return "foreign", f"{path} is another file by now"
    path.unlink()
    return "undone", f"{path} removed"


def file_restore(undo: Mapping[str, Any]) -> Outcome:
    """Give a file its content back: `path`, `data` (base64), `mode`; `applied`: SHA-256 of ours."""
    path, data = Path(undo["path"]), base64.b64decode(undo["data"])
    try:
        now = path.read_bytes()
    except FileNotFoundError:
        now = None
    if now == data:
        return "already", f"{path} is as it was"
    if now is not None and undo.get("applied") not in (None, hashlib.sha256(now).hexdigest()):
        return "foreign", f"{path} was changed by somebody else"
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(data)
    draft.chmod(int(undo.get("mode", 0o644)))
    draft.replace(path)
    return "undone", f"{path} is as it was"


def http(undo: Mapping[str, Any]) -> Outcome:
    """A request that may be repeated: `method`, `url`, `body`; `fine`: further statuses that mean undone."""
    body = undo.get("body")
    try:
        status = _http(undo["method"], undo["url"], body.encode() if body is not None else None)
    except OSError as error:
        return _without_server(undo, error)
    if status < 300 or status in undo.get("fine", ()):
        return "undone", f"{undo['method']} {undo['url']}: {status}"
    return "failed", f"{undo['method']} {undo['url']} answers {status}"


def command(undo: Mapping[str, Any]) -> Outcome:
    """A program that may be run again: `argv`, `env` beside ours; 0 is done, 3 nothing was left to do."""
    argv = [str(each) for each in undo["argv"]]
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, **undo.get("env", {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=float(undo.get("within", _COMMAND_PATIENCE)),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return "failed", f"{argv[0]} took longer than {error.timeout:.0f} s"
    said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
    text = said[-1][:200] if said else f"{argv[0]} ended with {done.returncode}"
    return {0: "undone", 3: "already"}.get(done.returncode, "failed"), text


def kubernetes(undo: Mapping[str, Any]) -> Outcome:
    """Something in a cluster, in the words of `sretool.chaos.kubernetes_undo`, which needs its libraries."""
    argv = [sys.executable, "-m", "sretool.chaos.kubernetes_undo", json.dumps(undo)]
    return command({"argv": argv, "within": undo.get("within", _CLUSTER_PATIENCE)})


_KINDS: Final[dict[str, Callable[[Mapping[str, Any]], Outcome]]] = {
    each.__name__: each
    for each in (
        cgroup_write, cgroup_remove, proceed, end, toxic_remove, proxy_enable, file_remove, file_restore,
        http, command, kubernetes,
    )
}  # fmt: skip
_OF_THIS_BOOT: Final = {"cgroup_write", "cgroup_remove", "proceed", "end"}


def _same(one: str, other: str) -> bool:
    """Control groups write some values in another form than they were given."""
    return one.split() == other.split()


def _signal(undo: Mapping[str, Any], number: signal.Signals) -> None:
    pid = int(undo["pid"])
    with contextlib.suppress(ProcessLookupError):
        if undo.get("group"):
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def _until(seen: Callable[[], bool]) -> bool:
    until = time.monotonic() + _PATIENCE
    while not seen():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def _http(method: str, url: str, body: bytes | None = None) -> int:
    """The status; OSError where nobody answers."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"no address of a server: {url}")
    headers = {"Content-Type": "application/json"} if body is not None else {}
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with _DIRECT.open(request, timeout=_HTTP_PATIENCE) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _without_server(undo: Mapping[str, Any], error: OSError) -> Outcome:
    """What an undo at a server that does not answer comes to: with the server its fault is gone as well."""
    pid = undo.get("pid")
    if pid is not None and identity.start_time(int(pid)) != undo.get("start"):
        return "gone", f"process {pid}, which held it, has ended"
    reason = getattr(error, "reason", error)
    return "failed", f"{undo.get('api') or undo.get('url')} does not answer: {reason}"
