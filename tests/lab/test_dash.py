"""The dashboard on a real lab: live figures, an outage of Prometheus, recovery without a key."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from sretool.adapters.lab.record import LabRecord

pytestmark = pytest.mark.lab

PROGRAM = [sys.executable, "-c", "import sys; from sretool.cli.main import main; sys.exit(main())"]


def _pid(lab: LabRecord, name: str) -> int:
    pid = next(process.pid for process in lab.processes if process.name == name)
    assert pid is not None
    return pid


def _dash(lab: LabRecord) -> Terminal:
    environment = dict(os.environ) | {"TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    argv = [*PROGRAM, "--lab", lab.name, "dash", "--refresh", "1s"]
    return Terminal(argv, 80, 24, environment)


def _figures(lines: list[str]) -> list[str]:
    """The rows of the SLOs without cursor, state and mark."""
    return [line[4:] for line in lines[3:10]]


def _name(figures: str) -> str:
    return figures.split()[0]


def _frozen(lines: list[str]) -> bool:
    """The verdict says so and every row carries the mark."""
    return lines[1].startswith(" STALE") and all(line[2:3] == "?" for line in lines[3:10])


def _live(lines: list[str]) -> bool:
    rows = lines[3:10]
    return "STALE" not in lines[1] and all("x" in line and line[2:3] != "?" for line in rows)


def test_an_outage_of_prometheus_freezes_the_screen_and_ends_by_itself(lab: LabRecord) -> None:
    with _dash(lab) as terminal:
        terminal.wait_for(_live, 20, "live figures")
        assert any("forgetting-alert-delivery" in line for line in terminal.lines())
        assert f"lab {lab.name} ÷{lab.scale}" in terminal.lines()[0]
        prometheus = _pid(lab, "prometheus")
        os.kill(prometheus, signal.SIGSTOP)
        try:
            terminal.wait_for(_frozen, 12, "STALE")
            assert "PROM LOST" in terminal.lines()[0]
            frozen = _figures(terminal.lines())
            terminal.read(2.5)
            assert _figures(terminal.lines()) == frozen
        finally:
            os.kill(prometheus, signal.SIGCONT)
        terminal.wait_for(_live, 10, "recovery")
        assert sorted(map(_name, frozen)) == sorted(map(_name, _figures(terminal.lines())))
        terminal.send("q")
        assert terminal.wait_for_end(10) == 0
