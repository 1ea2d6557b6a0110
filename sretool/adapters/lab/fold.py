"""Turning the samples a stopped Prometheus has in its write-ahead log into a block.

At its start Prometheus drops everything in the log that is older than its newest block. Blocks that come
after the log's samples can therefore be added only when those are in a block themselves. Prometheus does that
itself: it is started on the folder with nothing to scrape and asked for a snapshot.
"""

from __future__ import annotations

import ctypes
import fcntl
import http.client
import json
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sretool.errors import BinaryMissing, LabError, ProcessFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEAD = ("wal", "wbl", "chunks_head")
_FREE_WITHIN = 5
"""Seconds."""
_READY_WITHIN = 60.0
"""Seconds; replaying a day of a lab's log takes a few."""


def fold_head(tsdb: Path, prometheus: str | None = None) -> bool:
    """Move the log's samples into a block and the log away; False where there is no log.

    LabError where Prometheus doesn't do its part; the folder is unchanged then.
    """
    shutil.rmtree(tsdb / "snapshots", ignore_errors=True)
    if not any((tsdb / name).exists() for name in _HEAD):
        return False
    program = prometheus or shutil.which("prometheus")
    if program is None:
        raise BinaryMissing("prometheus is not installed", remedy="`sretool doctor` says how to install it")
    _wait_until_free(tsdb)
    known = {path.name for path in tsdb.iterdir()}
    with _serving(tsdb, program) as port:
        name = _ask(port, "POST", "/api/v1/admin/tsdb/snapshot")["data"]["name"]
    for block in sorted((tsdb / "snapshots" / name).iterdir()):
        if block.name not in known:
            block.rename(tsdb / block.name)
    for head in _HEAD:
        if (tsdb / head).exists():
            aside = tsdb / f".{head}"
            (tsdb / head).rename(aside)
            shutil.rmtree(aside)
    shutil.rmtree(tsdb / "snapshots", ignore_errors=True)
    return True


def _wait_until_free(tsdb: Path) -> None:
    """A Prometheus that is ending holds its lock for a moment longer; LabError where one goes on."""
    with (tsdb / "lock").open("a") as lock:
        for _ in range(_FREE_WITHIN * 20):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)
            else:
                return
    raise LabError(f"a Prometheus is running on {tsdb}", remedy="stop it: `sretool lab down`")


@contextmanager
def _serving(tsdb: Path, program: str) -> Iterator[int]:
    """Prometheus on the folder, without anything to do; its port."""
    settings = tsdb / ".fold"
    settings.mkdir(exist_ok=True)
    (settings / "prometheus.yml").write_text("{}\n")
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = int(chosen.getsockname()[1])
    command = [
        program,
        f"--config.file={settings}/prometheus.yml",
        f"--storage.tsdb.path={tsdb}",
        "--storage.tsdb.retention.time=45d",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-admin-api",
        "--log.level=warn",
    ]
    with (settings / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_end_with_parent
        )
    try:
        _wait_until_ready(process, port, settings / "log")
        yield port
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(settings, ignore_errors=True)


def _end_with_parent() -> None:
    """PR_SET_PDEATHSIG: whoever kills us doesn't leave a Prometheus on the folder behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise ProcessFailed(
                f"Prometheus cannot open {log.parent.parent}: {' '.join(last)}",
                remedy="`sretool lab reset` starts from scratch",
            )
        try:
            _ask(port, "GET", "/-/ready")
        except (OSError, LabError):
            time.sleep(0.05)
        else:
            return
    raise ProcessFailed(f"Prometheus took more than {_READY_WITHIN:.0f} s to read {log.parent.parent}")


def _ask(port: int, method: str, path: str) -> dict[str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path)
        reply = connection.getresponse()
        body = reply.read()
    finally:
        connection.close()
    if reply.status != 200:
        raise LabError(f"Prometheus answered {method} {path} with {reply.status}: {body[:200]!r}")
    return dict(json.loads(body)) if body.startswith(b"{") else {}
