"""Healing goes on whatever the program that makes faults was doing when it was stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from sretool.undo import index
from sretool.undo.entry import UndoEntry
from sretool.undo.heal import finish, heal, open_faults
from sretool.undo.log import UndoLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WRITER = """
import fcntl, os, sys, time
from pathlib import Path
from sretool.undo.log import UndoLog
log = UndoLog(Path(sys.argv[1]))
log.actor(os.getpid())
held = log.try_lock()
print("held", flush=True)
time.sleep(60)
"""


@contextmanager
def writer(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that makes faults, and hangs while it writes into the log."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        start_new_session=True,
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        try:
            yield program
        finally:
            program.kill()


def broken(folder: Path) -> Path:
    fault = folder / "fault"
    UndoLog(folder).open(
        UndoEntry("1", "a file", str(fault), undo={"kind": "file_remove", "path": str(fault)})
    )
    fault.touch()
    return fault


def test_a_program_that_hangs_while_it_writes_does_not_keep_faults_in(tmp_path: Path) -> None:
    fault = broken(tmp_path)
    with writer(tmp_path) as program:
        began = time.monotonic()
        assert heal(tmp_path).complete
        assert time.monotonic() - began < 5
        assert program.wait(5) == -signal.SIGKILL
    assert not fault.exists()


def test_one_that_was_stopped_while_it_writes_does_not_either(tmp_path: Path) -> None:
    fault = broken(tmp_path)
    with writer(tmp_path) as program:
        program.send_signal(signal.SIGSTOP)
        assert heal(tmp_path).complete
    assert not fault.exists()


@pytest.mark.slow
def test_a_healer_that_hangs_holds_nobody_back_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    fault = broken(tmp_path)
    monkeypatch.setattr("sretool.undo.heal._TURN_PATIENCE", 0.1)
    with (tmp_path / "undo.healing").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        assert heal(tmp_path).complete
    assert not fault.exists()


def test_finishing_tells_what_was_undone_and_takes_the_log_off_the_index(tmp_path: Path) -> None:
    places, folder = tmp_path / "index", tmp_path / "run"
    folder.mkdir()
    index.add(places, folder)
    broken(folder)
    assert open_faults(places) == (f"a file ({folder / 'fault'})",)
    assert [each.how for each in finish(folder, places).results] == ["undone"]
    assert index.folders(places) == []
    assert open_faults(places) == ()


def test_a_log_that_makes_no_sense_is_told_and_breaks_nothing(tmp_path: Path) -> None:
    places, folder = tmp_path / "index", tmp_path / "run"
    folder.mkdir()
    index.add(places, folder)
    fault = broken(folder)
    log = folder / "undo.jsonl"
    log.write_bytes(b"\x00\x00 no line\n" + log.read_bytes())
    healed = finish(folder, places)
    assert not healed.complete
    assert not fault.exists()
    assert "undo.jsonl:1: not a line of an undo log" in healed.problem
    assert index.folders(places) == [folder]
    assert "cannot be read" in open_faults(places)[0]


def test_half_an_entry_of_the_index_goes_with_its_program(tmp_path: Path) -> None:
    gone, here = tmp_path / "abc.999999999", tmp_path / f"abc.{os.getpid()}"
    gone.touch()
    here.touch()
    assert index.folders(tmp_path) == []
    assert not gone.exists()
    assert here.exists()
