"""A warden as a process: everybody it depends on is ended in every way, and nothing is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from sretool.undo import index, lease
from sretool.undo.entry import UndoEntry
from sretool.undo.heal import heal, left_over, settle
from sretool.undo.lease import Lease
from sretool.undo.log import Sealed, UndoLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Watched:
    """A log with a warden and a fault: a file that is there until it is undone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "run"
        self.places = folder / "index"
        self.lease = Lease(self.folder)
        self.log = UndoLog(self.folder)
        index.add(self.places, self.folder)
        self.warden = subprocess.Popen(
            [
                *(sys.executable, "-m", "sretool.undo.warden", str(self.folder)),
                *("--lease", str(self.lease.descriptor), "--index", str(self.places)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[self.lease.descriptor],
            start_new_session=True,
        )
        self.fault = folder / "fault"

    def make(self, name: str = "f1", ttl: float | None = None) -> None:
        undo = {"kind": "file_remove", "path": str(self.fault)}
        self.log.open(UndoEntry(name, "a file", str(self.fault), undo, ttl=ttl))
        self.fault.touch()

    def say(self, word: str) -> None:
        assert self.warden.stdin is not None
        self.warden.stdin.write(f"{word}\n".encode())
        self.warden.stdin.flush()

    def answer(self) -> dict[str, object]:
        assert self.warden.stdout is not None
        found: dict[str, object] = json.loads(self.warden.stdout.readline())
        return found

    def let_go(self) -> None:
        assert self.warden.stdin is not None
        self.warden.stdin.close()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.warden.kill()
    made.warden.wait()
    assert made.warden.stdin is not None
    assert made.warden.stdout is not None
    made.warden.stdin.close()
    made.warden.stdout.close()


def until(seen: Callable[[], object]) -> None:
    for _ in range(1000):
        if seen():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")


def test_it_undoes_when_its_supervisor_is_gone(watched: Watched) -> None:
    watched.make()
    watched.let_go()
    assert watched.warden.wait() == 0
    assert not watched.fault.exists()
    assert index.folders(watched.places) == []


def test_it_undoes_on_request_and_lets_nothing_come_after(watched: Watched) -> None:
    watched.make()
    watched.say("heal")
    assert watched.answer()["complete"] is True
    assert not watched.fault.exists()
    with pytest.raises(Sealed):
        watched.make("f2")


def test_it_goes_when_the_experiment_is_over(watched: Watched) -> None:
    watched.make()
    watched.say("done")
    assert [each["how"] for each in watched.answer()["results"]] == ["undone"]  # type: ignore[attr-defined]
    assert watched.warden.wait() == 0


def test_what_is_overdue_is_undone_while_the_experiment_goes_on(watched: Watched) -> None:
    watched.make(ttl=0.2)
    until(lambda: not watched.fault.exists())
    watched.make("f2")
    assert watched.fault.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_signals_of_a_terminal_do_not_end_it(watched: Watched, number: signal.Signals) -> None:
    watched.say("heal")
    watched.answer()
    watched.warden.send_signal(number)
    watched.say("heal")
    assert watched.answer()["complete"] is True


def test_asked_to_end_it_undoes_first(watched: Watched) -> None:
    watched.make()
    watched.say("beat")
    until(lambda: _ignores(watched.warden.pid, signal.SIGINT))
    watched.warden.terminate()
    assert watched.warden.wait() == 0
    assert not watched.fault.exists()


def _ignores(pid: int, number: int) -> bool:
    with open(f"/proc/{pid}/status") as file:
        (line,) = [line for line in file if line.startswith("SigIgn")]
    return bool(int(line.split()[1], 16) >> (number - 1) & 1)


def test_who_makes_faults_is_ended_when_nobody_watches_over_him(watched: Watched) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as actor:
        watched.log.actor(actor.pid)
        watched.make()
        watched.let_go()
        assert actor.wait() == -signal.SIGKILL
        assert watched.warden.wait() == 0


def test_a_fault_made_after_its_undo_is_found_in_the_end(watched: Watched) -> None:
    watched.make()
    assert heal(watched.folder).complete
    # Its maker was held between writing the entry and making the fault.
    watched.fault.touch()
    assert settle(watched.folder).complete
    assert not watched.fault.exists()


def test_without_a_warden_the_next_start_finds_what_is_left(watched: Watched) -> None:
    watched.make()
    assert lease.live(watched.folder)
    assert left_over(watched.places) == []
    watched.warden.kill()
    watched.warden.wait()
    watched.lease.release()
    assert not lease.live(watched.folder)
    assert left_over(watched.places) == [watched.folder.resolve()]
    assert heal(watched.folder).complete
    assert left_over(watched.places) == []
    assert not watched.fault.exists()


def test_a_holder_that_hangs_is_not_waited_for(watched: Watched) -> None:
    watched.make()
    watched.warden.send_signal(signal.SIGSTOP)
    long_ago = time.time() - lease.PATIENCE - 1
    os.utime(watched.folder / lease.FILE, (long_ago, long_ago))
    assert left_over(watched.places) == [watched.folder.resolve()]
    watched.warden.send_signal(signal.SIGCONT)


def test_an_undo_that_fails_is_tried_again_and_told(tmp_path: Path) -> None:
    log = UndoLog(tmp_path)
    undo = {"kind": "command", "argv": ["false"]}
    log.open(UndoEntry("f1", "a fault", "target", undo))
    healed = heal(tmp_path, tries=2)
    assert not healed.complete
    assert log.left()[0].failures == 2


def test_two_holders_of_a_lease_there_are_never(tmp_path: Path) -> None:
    first = Lease(tmp_path)
    with pytest.raises(BlockingIOError):
        Lease(tmp_path)
    first.release()
    Lease(tmp_path).release()
