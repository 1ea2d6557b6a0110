"""`gameday run --tui` in a real terminal, with servers of its own: questions, and every way out."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support import throwaway
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

PROGRAM = [sys.executable, "-c", "import sys; from sretool.cli.main import main; sys.exit(main())"]
_PATIENCE = 30
"""Seconds; only a broken program needs them."""
CATALOG = """
system: {name: room, title: A room}
slos:
  - id: room/answers
    objective: 99%
    window: 30d
    sli: {good: 'prometheus_http_requests_total{code="200"}', total: prometheus_http_requests_total}
"""
PLAN = """
name: talk
title: A game day of questions only
roles:
  - {id: lead, person: ann}
steps:
  - {ask: lead, id: guess, question: How many requests will fail?, within: 2m}
  - {check: lead, id: calm, that: the room is calm, within: 2m}
stop_when: [after 10m, blind 30s]
"""


class Room(NamedTuple):
    folder: Path
    prometheus: str
    alertmanager: str

    def cockpit(self, *more: str) -> Terminal:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SRETOOL_", "NO_"))}
        own = {
            "TERM": "xterm-256color",
            "USER": "mia",
            "LANG": "en_US.UTF-8",
            **{name: str(self.folder) for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")},
        }
        servers = ["--prometheus", self.prometheus, "--alertmanager", self.alertmanager]
        catalog = ["--catalog", str(self.folder / "catalog.yaml")]
        run = ["gameday", "run", str(self.folder / "talk.yaml"), "--yes", "--tui", *more]
        return Terminal([*PROGRAM, "-C", str(self.folder), *servers, *catalog, *run], 100, 30, kept | own)

    def the_run(self) -> Path:
        (folder,) = (self.folder / ".sretool/runs").iterdir()
        return folder

    def record(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = json.loads((self.the_run() / "run.json").read_text())
        return found


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    (tmp_path / ".sretool").mkdir()
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    (tmp_path / "talk.yaml").write_text(PLAN)
    servers = [tmp_path / "prometheus", tmp_path / "alertmanager"]
    for folder in servers:
        folder.mkdir()
    (servers[0] / "prometheus.yml").write_text("global: {scrape_interval: 1s}")
    with throwaway.prometheus(servers[0]) as prometheus, throwaway.alertmanager(servers[1]) as alertmanager:
        yield Room(tmp_path, prometheus, alertmanager)


def _asked(terminal: Terminal, question: str) -> None:
    terminal.wait_for(
        lambda lines: any("ASKED" in line and question in line for line in lines), _PATIENCE, question
    )


def test_what_is_asked_is_answered_in_place_and_the_verdict_is_shown(room: Room) -> None:
    with room.cockpit() as terminal:
        _asked(terminal, "How many requests")
        # Typed ahead: an x of the answer is no key.
        terminal.send("\rabout 12, extra\r")
        _asked(terminal, "the room is calm")
        terminal.send("nxenon\r")
        terminal.wait_for(lambda lines: any("xenon" in line for line in lines), _PATIENCE, "the note")
        terminal.send("\r")
        terminal.wait_for(lambda lines: "y yes" in lines[-1], _PATIENCE, "the choice")
        terminal.send("y")
        terminal.wait_for(lambda lines: "PASSED" in lines[1] and "quit" in lines[-1], _PATIENCE, "the end")
        terminal.send("q")
        assert terminal.wait_for_end(_PATIENCE) == 0
    assert room.record()["verdict"]["outcome"] == "passed"
    told = (room.the_run() / "events.jsonl").read_text()
    assert "about 12, extra" in told
    assert "mia for ann" in told
    assert (room.the_run() / "report.html").is_file()
    assert str(room.the_run()) in "".join(terminal.lines())


def test_one_key_aborts_it_at_once(room: Room) -> None:
    with room.cockpit() as terminal:
        _asked(terminal, "How many requests")
        terminal.send("x")
        terminal.wait_for(lambda lines: "ABORTED" in lines[1], _PATIENCE, "the verdict")
        terminal.send("q")
        code = terminal.wait_for_end(_PATIENCE)
    assert room.record()["verdict"]["reason"].startswith("aborted by mia")
    assert code == 4


def test_a_terminal_that_is_closed_ends_it_in_order(room: Room) -> None:
    terminal = room.cockpit()
    _asked(terminal, "How many requests")
    os.close(terminal._fd)
    until = time.monotonic() + _PATIENCE
    while (ended := os.waitpid(terminal.pid, os.WNOHANG))[0] == 0 and time.monotonic() < until:
        time.sleep(0.1)
    assert ended[0] == terminal.pid
    assert room.record()["verdict"]["outcome"] == "aborted"
    assert (room.the_run() / "report.html").is_file()


def test_without_a_terminal_nothing_begins(room: Room, capfd: pytest.CaptureFixture[str]) -> None:
    from sretool.cli import diagnostics
    from sretool.cli.main import group

    plan = str(room.folder / "talk.yaml")
    assert diagnostics.run(group, ["-C", str(room.folder), "gameday", "run", plan, "--tui"]) == 2
    assert "--tui needs" in capfd.readouterr().err
    assert not (room.folder / ".sretool/runs").exists()
