"""Servers of its own for a test: on free ports of loopback, gone with the test."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PATIENCE = 20


@contextmanager
def prometheus(folder: Path, *options: str) -> Iterator[str]:
    """Its address, once it is ready; `folder` holds prometheus.yml and, in `data`, its blocks."""
    with process(folder, *options) as (url, _):
        yield url


@contextmanager
def process(folder: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """As `prometheus`, with the process, which may be stopped, frozen and killed."""
    program = shutil.which("prometheus")
    assert program is not None, "Prometheus is missing: apt-get install prometheus"
    port = free_port()
    started = subprocess.Popen(
        [
            program,
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--storage.tsdb.retention.time=10y",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
            *options,
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url)
        yield url, started
    finally:
        started.send_signal(signal.SIGCONT)
        started.terminate()
        started.wait(_PATIENCE)


ALERTMANAGER_CONFIG = """
route: {receiver: nobody, group_by: [alertname], group_wait: 1s}
receivers: [{name: nobody}]
"""


@contextmanager
def alertmanager(folder: Path, configuration: str = ALERTMANAGER_CONFIG) -> Iterator[str]:
    """The address of an Alertmanager that tells nobody, once it is ready; `folder` gets its data."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert program is not None, "Alertmanager is missing: apt-get install prometheus-alertmanager"
    (folder / "alertmanager.yml").write_text(configuration)
    port = free_port()
    process = subprocess.Popen(
        [
            program,
            "--config.file=alertmanager.yml",
            "--storage.path=data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=error",
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url)
        yield url
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def fire(url: str, *alerts: dict[str, str], since: datetime | None = None) -> None:
    """Tell Alertmanager that alerts with these labels fire, as Prometheus would."""
    starts = since or datetime.now(UTC)
    body = [
        {
            "labels": labels,
            "annotations": {"summary": f"{labels['alertname']} summary"},
            "startsAt": starts.isoformat(),
            "endsAt": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        }
        for labels in alerts
    ]
    _post(f"{url}/api/v2/alerts", body)


def resolve(url: str, *alerts: dict[str, str]) -> None:
    """Tell Alertmanager that these alerts are over."""
    now = datetime.now(UTC)
    starts, ends = (now - timedelta(minutes=1)).isoformat(), now.isoformat()
    _post(
        f"{url}/api/v2/alerts", [{"labels": labels, "startsAt": starts, "endsAt": ends} for labels in alerts]
    )


def _post(url: str, body: object) -> None:
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


def _wait_until_ready(url: str) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the server did not become ready")
