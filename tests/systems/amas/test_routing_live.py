"""The routing, carried out by a real Alertmanager."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
import yaml

from sretool.core.alerting.scale import scale_routing
from sretool.core.catalog.model import RECEIVER_URL, System

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

PAGE = {"severity": "page", "service": "amas"}
TICKET = {"severity": "ticket", "service": "amas"}
ALERTS: list[dict[str, str]] = [
    {"alertname": "ServiceDown", "priority": "P0", "instance": "app-1", **PAGE},
    {"alertname": "Http5xxRateHigh", "priority": "P1", **PAGE},
    {"alertname": "CpuUsageHigh", "priority": "P1", "instance": "app-2", **PAGE},
    {"alertname": "SLOBudgetBurn", "slo": "amas/a", "long": "1h", **PAGE},
    {"alertname": "SLOBudgetBurn", "slo": "amas/a", "long": "3d", **TICKET},
    {"alertname": "SLOBudgetBurn", "slo": "amas/b", "long": "3d", **TICKET},
    {"alertname": "Watchdog", "severity": "none", "service": "amas"},
]


class Receiver(ThreadingHTTPServer):
    """Remembers which alert came to which receiver."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: set[tuple[str, str]] = set()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        receiver = self.path.removeprefix("/webhook/")
        assert isinstance(self.server, Receiver)
        self.server.heard |= {(alert["labels"]["alertname"], receiver) for alert in body["alerts"]}
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=[True, False], ids=["working hours", "any other hour"])
def at_work(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def configuration(amas: System, receiver: Receiver, at_work: bool) -> str:
    """The system's routing ten times as fast, with working hours that are always, or have long been over."""
    document = yaml.safe_load(scale_routing(amas.alertmanager, 10))
    hours = {"times": [{"start_time": "00:00", "end_time": "24:00"}]} if at_work else {"years": ["2000"]}
    document["time_intervals"] = [{"name": "working-hours", "time_intervals": [hours]}]
    return yaml.safe_dump(document).replace(RECEIVER_URL, f"http://127.0.0.1:{receiver.server_port}")


@pytest.fixture
def alertmanager(amas: System, receiver: Receiver, at_work: bool, tmp_path: Path) -> Iterator[str]:
    """Base address of a running Alertmanager."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert program is not None, "Alertmanager is missing: apt-get install prometheus-alertmanager"
    config = tmp_path / "alertmanager.yml"
    config.write_text(configuration(amas, receiver, at_work))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [program, f"--config.file={config}", f"--storage.path={tmp_path / 'data'}"]
    command += [f"--web.listen-address={address}", "--cluster.listen-address=", "--log.level=error"]
    with subprocess.Popen(command) as process:
        try:
            _wait_until_ready(f"http://{address}/-/ready")
            yield f"http://{address}"
        finally:
            process.terminate()


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            with urlopen(url, timeout=1):
                return
        except (URLError, OSError):
            assert time.monotonic() < deadline, f"no answer from {url}"
            time.sleep(0.05)


def wanted(at_work: bool) -> set[tuple[str, str]]:
    oncall = {"oncall-sre", "oncall-backend"}
    receivers = {
        "ServiceDown": oncall,
        "SLOBudgetBurn": oncall | ({"sre-team"} if at_work else set()),
        "CpuUsageHigh": {"sre-team", "backend-team"} if at_work else {"oncall-sre"},
        "Watchdog": {"deadman"},
    }
    return {(alert, receiver) for alert, names in receivers.items() for receiver in names}


def test_pages_reach_people_within_seconds_and_causes_hide_their_symptoms(
    alertmanager: str, receiver: Receiver, at_work: bool
) -> None:
    body = json.dumps([{"labels": labels} for labels in ALERTS]).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(f"{alertmanager}/api/v2/alerts", body, headers), timeout=5):
        pass
    deadline = time.monotonic() + 10
    while receiver.heard < wanted(at_work) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)  # whatever else would be sent
    assert receiver.heard == wanted(at_work)

    with urlopen(f"{alertmanager}/api/v2/alerts", timeout=5) as reply:
        states = json.load(reply)
    hidden = {
        (state["labels"]["alertname"], state["labels"].get("slo"), state["labels"]["severity"])
        for state in states
        if state["status"]["inhibitedBy"]
    }
    assert hidden == {("Http5xxRateHigh", None, "page"), ("SLOBudgetBurn", "amas/a", "ticket")}
