"""The ledger as a program, against a service that keeps, forgets or refuses what it is sent."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos import undoing
from sretool.chaos.actions import ledger as actions
from sretool.chaos.probes import ledger as probes

if TYPE_CHECKING:
    from collections.abc import Iterator


class Service:
    """Answers writes as it is told to."""

    def __init__(self) -> None:
        self.status = 200
        self.pause = 0.0
        self.seen: list[dict[str, Any]] = []
        self.begun = self.ended = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, reply = outer.answer(self.path, json.loads(body or b"{}"))
                data = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("X-Served-By", "one")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/begin":
            self.begun += 1
            return 200, {"number": f"s{self.begun}"}
        if path.startswith("/end/"):
            self.ended += 1
            return 200, {}
        self.seen.append(body)
        time.sleep(self.pause)
        return self.status, {"by": "db-1"}

    def asked(self, more: int) -> None:
        """Wait until so many more writes have come."""
        wanted, until = len(self.seen) + more, time.monotonic() + 30
        while len(self.seen) < wanted:
            assert time.monotonic() < until, f"{len(self.seen)} writes, {wanted} wanted"
            time.sleep(0.01)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    one = Service()
    yield one
    one.close()


def configuration(service: Service, **more: Any) -> dict[str, Any]:
    return {
        "url": service.url,
        "rate": 50,
        "timeout_s": 0.5,
        "settle_s": 0,
        "writers": 3,
        "first_user": 100,
        "instance": "x-served-by",
        "begin": {"path": "/begin", "body": {}, "take": {"session": "number"}},
        "write": {
            "path": "/write",
            "body": {"user": "{user}", "session": "{session}", "at": "{time}", "n": "{n}"},
            "id": "{user}/{micros}",
            "server": "by",
        },
        "end": {"path": "/end/{session}"},
        **more,
    }


class Program:
    def __init__(self, folder: Path, configuration: object) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sretool.chaos.ledger", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.say(configuration)

    def say(self, words: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def finish(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said

    @property
    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "journal.jsonl").read_text().splitlines()]


def test_every_write_is_on_the_disk_and_counted(service: Service, tmp_path: Path) -> None:
    program = Program(tmp_path, configuration(service))
    assert program.hear() == {"event": "writing"}
    service.asked(20)
    fault = time.time()
    program.say({"mark": fault})
    service.status = 503
    service.asked(15)
    service.status = 200
    service.asked(15)
    program.say({"stop": True})
    result = program.hear()["result"]
    assert program.finish() == (0, "")
    assert result == json.loads((tmp_path / "result.json").read_text())
    sent = [line["id"] for line in program.journal if "sent" in line]
    assert result["sent"] == len(sent) == len(set(sent)) == len(service.seen)
    assert result["acked"] + result["unknown"] == result["sent"]
    assert result["unknown"] > 5
    assert 0.2 < result["rto_s"] < time.time() - fault
    assert result["fault_at"] == pytest.approx(fault, abs=0.01)
    assert [each["name"] for each in result["instances"]] == ["one"]
    # Nobody looked at a server: nothing is claimed of it.
    assert (result["lost"], result["rpo_s"], result["redundant"], result["rto_database_s"]) == (None,) * 4
    assert (service.begun, service.ended) == (3, 3)
    assert {each["user"] for each in service.seen} == {100, 101, 102}
    assert all(isinstance(each["n"], int) and each["session"].startswith("s") for each in service.seen)


@pytest.mark.slow
def test_a_service_that_hangs_holds_nothing_up(service: Service, tmp_path: Path) -> None:
    program = Program(tmp_path, configuration(service, rate=40))
    program.hear()
    service.pause = 5.0
    began = time.monotonic()
    # One after the other these would take two minutes.
    service.asked(25)
    assert time.monotonic() - began < 20
    program.say({"stop": True})
    result = program.hear()["result"]
    assert result["unknown"] >= 20
    program.finish()


@pytest.mark.slow
def test_an_outage_is_seen_to_its_end(service: Service, tmp_path: Path) -> None:
    program = Program(tmp_path, configuration(service))
    program.hear()
    program.say({"mark": time.time()})
    service.status = 503
    service.asked(10)
    program.say({"stop": True, "calm": 1.0, "within": 30})
    # It does not stop while writes fail, and not at the first one that is well again.
    service.asked(30)
    service.status = 200
    well = time.monotonic()
    result = program.hear()["result"]
    assert time.monotonic() - well >= 0.9
    assert result["rto_s"] > 0
    acked = [line for line in program.journal if line.get("status") == 200]
    assert len(acked) > 20
    assert program.finish()[0] == 0


@pytest.mark.slow
def test_an_outage_that_does_not_end_is_not_waited_for_for_ever(service: Service, tmp_path: Path) -> None:
    program = Program(tmp_path, configuration(service, late_s=0.1))
    program.hear()
    program.say({"mark": time.time()})
    # Answered, but too late to count as well.
    service.pause = 0.2
    service.asked(10)
    program.say({"stop": True, "calm": 1.0, "within": 1.5})
    assert program.hear()["result"]["rto_s"] is None
    assert program.finish()[0] == 0


@pytest.mark.slow
def test_whoever_is_gone_waits_for_no_end_of_an_outage(service: Service, tmp_path: Path) -> None:
    program = Program(tmp_path, configuration(service))
    program.hear()
    service.status = 503
    service.asked(10)
    program.say({"stop": True, "calm": 1.0, "within": 600})
    service.asked(10)
    assert program.finish()[0] == 0
    assert not (tmp_path / "result.json").exists()


@pytest.mark.slow
def test_without_whoever_started_it_it_ends(service: Service, tmp_path: Path) -> None:
    program = Program(tmp_path, configuration(service))
    program.hear()
    assert program.finish()[0] == 0
    assert not (tmp_path / "result.json").exists()
    assert any("ended" in line for line in program.journal)


def test_what_ends_it_hard_leaves_what_was_acknowledged(service: Service, tmp_path: Path) -> None:
    program = Program(tmp_path, configuration(service))
    program.hear()
    service.asked(10)
    program.process.kill()
    program.finish()
    acked = [line for line in program.journal if line.get("status") == 200]
    assert acked
    assert {line["n"] for line in acked} <= {line["n"] for line in program.journal if "sent" in line}


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"rate": 0}, id="rate 0"),
        pytest.param({"rate": "often"}, id="no rate"),
        pytest.param({"writers": 0}, id="no writers"),
        pytest.param({"write": {"path": "/write"}}, id="no id"),
        pytest.param({"servers": [{"name": "a"}]}, id="no address"),
    ],
)
def test_a_configuration_that_makes_no_sense(service: Service, tmp_path: Path, wrong: dict[str, Any]) -> None:
    code, said = Program(tmp_path, configuration(service, **wrong)).finish()
    assert code == 2
    assert said.startswith("ledger: the configuration makes no sense")
    assert len(said.splitlines()) == 1


def test_a_folder_that_cannot_be_written(service: Service, tmp_path: Path) -> None:
    code, said = Program(tmp_path / "nowhere", configuration(service)).finish()
    assert (code, len(said.splitlines())) == (2, 1)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As under `chaos run`, with an undo log that is there already."""
    monkeypatch.setenv("SRETOOL_UNDO_LOG", str(tmp_path))
    undoing.log.cache_clear()


@pytest.mark.slow
@pytest.mark.usefixtures("alone")
def test_as_activities(service: Service) -> None:
    given = configuration(service)
    started = actions.start_ledger(config=given, name="mine")
    with pytest.raises(ActivityFailed, match="running already"):
        actions.start_ledger(config=given, name="mine")
    with pytest.raises(ActivityFailed, match="not been stopped yet"):
        probes.acked("mine")
    command_line = Path(f"/proc/{started['pid']}/cmdline").read_text()
    assert service.url not in command_line
    actions.mark_fault("mine")
    service.asked(10)
    result = actions.stop_ledger("mine")
    assert probes.acked("mine") == result["acked"] > 5
    assert probes.rto("mine") >= 0.0
    with pytest.raises(ActivityFailed, match="does not know lost"):
        probes.lost("mine")
    with pytest.raises(ActivityFailed, match="no running ledger"):
        actions.stop_ledger("mine")


@pytest.mark.slow
@pytest.mark.usefixtures("alone")
def test_a_service_that_takes_no_writes_is_no_beginning(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "_BEGIN_PATIENCE", 0.5)
    service.status = 503
    with pytest.raises(ActivityFailed, match="no write was acknowledged within"):
        actions.start_ledger(config=configuration(service), name="never")
    with pytest.raises(ActivityFailed, match="no running ledger"):
        actions.stop_ledger("never")
