"""`sretool demo` from nothing to nothing, as a user runs it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.lab.record import LabState
from tests.support.lab import LabHome, traces
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

SLOS = 7


@pytest.fixture
def home() -> Iterator[LabHome]:
    # Short, because sockets live below it where PostgreSQL runs as ourselves.
    folder = Path(tempfile.mkdtemp(prefix="sretool-demo-"))
    home = LabHome(folder)
    try:
        yield home
    finally:
        home.sretool("lab", "reset", "--name", "amas")
        shutil.rmtree(folder, ignore_errors=True)


def test_without_a_terminal_it_prints_the_objectives_and_leaves_nothing(home: LabHome) -> None:
    done = home.sretool("demo", "--for", "1", timeout=240)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("ok ") and " amas/" in line]
    assert len(rows) == SLOS
    assert not [row for row in rows if row.startswith("no data")]
    assert "waiting for live data" in done.stderr
    assert done.stderr.endswith("the lab 'amas' is stopped\n")
    assert home.lab("amas").state is LabState.STOPPED
    assert traces(home.lab("amas")) == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "kill"])
def test_interrupted_while_the_lab_comes_up_it_leaves_nothing(home: LabHome, end: signal.Signals) -> None:
    with subprocess.Popen(
        home.command("demo", "--no-history"), env=home.environment, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stderr is not None
        assert any("pg-monitor ready" in line for line in demo.stderr)
        demo.send_signal(end)
        said = demo.stderr.read()
        assert demo.wait(60) == 130
    assert said.endswith("the lab 'amas' is stopped\n")
    assert "Traceback" not in said
    assert traces(home.lab("amas")) == []


def test_in_a_terminal_it_opens_the_dashboard_on_a_lab_that_was_up_and_leaves_it_up(home: LabHome) -> None:
    home.up("amas", "--no-history")
    environment = {**home.environment, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    with Terminal(home.command("demo"), 100, 30, environment) as terminal:
        terminal.wait_for(
            lambda lines: any("learning-availability" in line for line in lines), 30, "the objectives"
        )
        terminal.send("q")
        assert terminal.wait_for_end(20) == os.EX_OK
    assert "was up before and stays up" in terminal.written.decode(errors="replace")
    assert home.lab("amas").state is LabState.RUNNING
