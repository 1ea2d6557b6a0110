"""`load run --tui` in a real terminal, with load that is really made."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

PROGRAM = [sys.executable, "-c", "import sys; from sretool.cli.main import main; sys.exit(main())"]
_PATIENCE = 30
"""Seconds; only a broken program needs them."""
LOCUSTFILE = """
from sretool.load import HttpUser, task

class Reader(HttpUser):
    @task
    def read(self):
        self.client.get("/words")
"""


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def target() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".sretool").mkdir()
    (tmp_path / "mine.py").write_text(LOCUSTFILE)
    return tmp_path


def cockpit(project: Path, target: str, seconds: int, *more: str) -> Terminal:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SRETOOL_", "NO_COLOR"))}
    own = {"TERM": "xterm-256color", "XDG_STATE_HOME": str(project), "XDG_CONFIG_HOME": str(project)}
    load = ["run", str(project / "mine.py"), "--target", target, "--rate", "20", "--duration", f"{seconds}s"]
    return Terminal([*PROGRAM, "-C", str(project), "load", *load, "--tui", *more], 100, 30, kept | own)


def the_run(project: Path) -> Path:
    (folder,) = (project / ".sretool/runs").iterdir()
    return folder


def test_the_end_is_shown_and_the_program_ends_with_the_runs_exit_code(project: Path, target: str) -> None:
    with cockpit(project, target, 4) as terminal:
        terminal.wait_for(lambda lines: "RUNNING" in lines[1], _PATIENCE, "the run")
        terminal.wait_for(lambda lines: any("GET /words" in line for line in lines), _PATIENCE, "requests")
        terminal.wait_for(lambda lines: "quit" in lines[-1], _PATIENCE, "the end")
        terminal.wait_for(lambda lines: "RUNNING" not in lines[1], _PATIENCE, "the verdict")
        terminal.send("q")
        code = terminal.wait_for_end(_PATIENCE)
    record = json.loads((the_run(project) / "run.json").read_text())
    # A busy machine may make the generator doubtful; the code is that of the verdict.
    assert code == {"passed": 0, "inconclusive": 6}[record["verdict"]["outcome"]]
    assert record["measures"]["requests"] > 20
    # Where the screen was before, the summary and the folder follow.
    assert str(the_run(project)) in "".join(terminal.lines())
    assert (the_run(project) / "report.html").is_file()


def test_the_stop_key_ends_it_in_order(project: Path, target: str) -> None:
    with cockpit(project, target, 60) as terminal:
        terminal.wait_for(lambda lines: any("GET /words" in line for line in lines), _PATIENCE, "requests")
        terminal.send("x")
        terminal.wait_for(lambda lines: "STOP THE LOAD?" in "".join(lines), _PATIENCE, "the question")
        terminal.send("\t")
        terminal.read(0.3)
        terminal.send("\r")
        terminal.wait_for(lambda lines: "ABORTED" in lines[1], _PATIENCE, "the verdict")
        terminal.send("q")
        code = terminal.wait_for_end(_PATIENCE)
    record = json.loads((the_run(project) / "run.json").read_text())
    assert record["verdict"]["reason"] == "stopped by hand"
    assert code == 130
    assert "stopped by hand" in (the_run(project) / "report.md").read_text()


def test_a_terminal_that_is_closed_ends_it_in_order(project: Path, target: str) -> None:
    terminal = cockpit(project, target, 60)
    terminal.wait_for(lambda lines: any("GET /words" in line for line in lines), _PATIENCE, "requests")
    os.close(terminal._fd)
    until = time.monotonic() + _PATIENCE
    while (ended := os.waitpid(terminal.pid, os.WNOHANG))[0] == 0 and time.monotonic() < until:
        time.sleep(0.1)
    assert ended[0] == terminal.pid
    record = json.loads((the_run(project) / "run.json").read_text())
    assert record["verdict"]["outcome"] == "aborted"
    assert record["verdict"]["reason"] == "ended by SIGHUP"
    assert record["measures"]["requests"] > 0
    assert (the_run(project) / "report.html").is_file()


def test_a_locustfile_without_users_closes_the_screen_with_one_message(project: Path, target: str) -> None:
    (project / "mine.py").write_text("import locust\n")
    with cockpit(project, target, 60) as terminal:
        code = terminal.wait_for_end(_PATIENCE)
        said = "\n".join(terminal.lines())
    assert code == 2
    assert "sretool:" in said
    assert "Traceback" not in said
    assert list((project / ".sretool/runs").iterdir()) == []
