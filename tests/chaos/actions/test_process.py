"""Signals go to whom was meant, and to nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos.actions import process
from sretool.chaos.actions.victims import victim
from sretool.undo import heal, identity
from tests.chaos.actions.conftest import gone

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.undo.log import UndoLog


def test_a_paused_process_goes_on_with_its_inverse(sleeping: int, undo_log: UndoLog) -> None:
    assert process.pause(pid=sleeping)["pid"] == sleeping
    assert identity.stopped(sleeping)
    (open_entry,) = undo_log.left()
    assert open_entry.entry.undo["start"] == identity.start_time(sleeping)
    assert process.proceed(pid=sleeping) == 1
    assert not identity.stopped(sleeping)
    assert undo_log.left() == []
    assert process.proceed(pid=sleeping) == 0


def test_healing_lets_a_paused_process_go_on(sleeping: int, undo_log: UndoLog) -> None:
    process.pause(pid=sleeping)
    healed = heal.heal(undo_log.folder)
    assert [each.how for each in healed.results] == ["undone"]
    assert not identity.stopped(sleeping)


def test_the_plan_says_what_is_done_and_does_nothing(sleeping: int, undo_log: UndoLog) -> None:
    (planned,) = process.plan_pause(pid=sleeping, ttl_s=5)
    assert planned == {
        "fault": "pause",
        "target": f"python (pid {sleeping})",
        "prior": "running",
        "heals": "undo",
        "undo": {
            "kind": "proceed",
            "pid": sleeping,
            "start": identity.start_time(sleeping),
            "group": False,
        },
        "ttl": 5.0,
    }
    assert not identity.stopped(sleeping)
    assert undo_log.read() == []


def test_a_killed_process_is_started_again_by_its_undo(
    sleeping: int, undo_log: UndoLog, tmp_path: Path
) -> None:
    mark = tmp_path / "again"
    begun = identity.start_time(sleeping)
    process.kill(pid=sleeping, start_again=["touch", str(mark)])
    assert gone(sleeping, begun)
    assert not mark.exists()
    assert process.restore(pid=sleeping) == 1
    assert mark.exists()
    assert undo_log.left() == []


def test_a_process_that_nobody_starts_again_is_not_killed(sleeping: int, undo_log: UndoLog) -> None:
    with pytest.raises(ActivityFailed, match="nobody is known to start"):
        process.kill(pid=sleeping)
    assert identity.start_time(sleeping) is not None
    assert process.terminate(pid=sleeping, start_again="")["target"] == f"python (pid {sleeping})"
    assert undo_log.read() == []


def test_one_that_does_not_end_is_told() -> None:
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(ActivityFailed, match=r"does not end within 0\.2 s"):
            process.terminate(pid=child.pid, start_again="", within_s=0.2)
        child.kill()


def test_a_pid_that_is_another_process_by_now_is_left_alone(sleeping: int) -> None:
    who = victim(pid=sleeping)
    os.kill(sleeping, signal.SIGKILL)
    os.waitpid(sleeping, 0)
    with pytest.raises(ActivityFailed, match="has ended by itself"):
        who.send(signal.SIGKILL)


def test_a_warden_is_never_hurt() -> None:
    program = "import time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program, "-m", "sretool.undo.warden"]) as warden:
        with pytest.raises(ActivityFailed, match="is a warden"):
            process.pause(pid=warden.pid)
        warden.kill()


@pytest.mark.parametrize(
    ("pid", "problem"),
    [
        pytest.param(1, "would end itself", id="init"),
        pytest.param(os.getppid(), "would end itself", id="whoever started us"),
        pytest.param(2**22 + 1, "no process", id="nobody"),
        pytest.param("x", "no pid", id="no number"),
        pytest.param(None, "either `process`", id="nothing said"),
    ],
)
def test_whom_no_fault_may_hurt(pid: int | None, problem: str) -> None:
    with pytest.raises(ActivityFailed, match=problem):
        process.plan_pause(pid=pid)
