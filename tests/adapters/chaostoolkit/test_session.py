"""An experiment at work, and everything that may end around it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.chaostoolkit.session import Session
from sretool.errors import ChaosError
from sretool.undo import index, lease
from sretool.undo.heal import heal, left_over
from tests.chaos.test_runner import act, experiment

if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path.cwd())}


def given(folder: Path, seconds: float = 60.0) -> dict[str, Any]:
    fault = act("break", "break_file", path=str(folder / "fault"))
    document = experiment(fault, act("wait", "wait", seconds=seconds))
    return {"experiment": document, "path": str(folder / "x.json")}


async def at_work(folder: Path, seconds: float = 60.0) -> Session:
    """A session whose fault is in."""
    session = Session(folder / "run", folder / "index")
    await session.start(given(folder, seconds), environment=ENVIRONMENT)
    async with aclosing(session.events()) as events:
        async for event in events:
            if event.get("name") == "wait":
                break
    assert (folder / "fault").exists()
    return session


async def test_a_trip_undoes_first_and_then_ends_the_runner(tmp_path: Path) -> None:
    session = await at_work(tmp_path)
    healed = await session.heal()
    assert [each.how for each in healed.results] == ["undone"]
    assert not (tmp_path / "fault").exists()
    assert (await session.finish()).complete
    assert index.folders(tmp_path / "index") == []
    assert not lease.live(tmp_path / "run")


async def test_an_experiment_that_ends_by_itself_leaves_nothing(tmp_path: Path) -> None:
    session = await at_work(tmp_path, seconds=0.1)
    rest = [event["event"] async for event in session.events()]
    assert rest[-1] == "ended"
    # Without rollbacks of its own the fault is still in.
    assert (tmp_path / "fault").exists()
    assert (await session.finish()).complete
    assert not (tmp_path / "fault").exists()


async def test_without_its_warden_we_undo_ourselves(tmp_path: Path) -> None:
    session = await at_work(tmp_path)
    assert session._warden is not None
    session._warden.kill()
    await asyncio.wait_for(session.warden_lost(), 5)
    assert not session.guarded
    assert (await session.heal()).complete
    assert not (tmp_path / "fault").exists()
    assert (await session.finish()).complete


@pytest.mark.slow
async def test_a_runner_that_hangs_is_ended(tmp_path: Path) -> None:
    session = await at_work(tmp_path)
    assert session._runner is not None
    session._runner.send_signal(signal.SIGSTOP)
    assert (await session.finish()).complete
    assert not (tmp_path / "fault").exists()


async def test_a_folder_that_is_looked_after_is_refused(tmp_path: Path) -> None:
    held = lease.Lease(tmp_path / "run")
    with pytest.raises(ChaosError, match="another program looks after"):
        await Session(tmp_path / "run", tmp_path / "index").start(given(tmp_path), environment=ENVIRONMENT)
    held.release()


SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from tests.adapters.chaostoolkit.test_session import at_work

async def main():
    session = await at_work(Path(sys.argv[1]))
    print(session._warden.pid, session._runner.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def until(seen: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


@pytest.mark.parametrize(
    "victims",
    [
        pytest.param("supervisor", id="supervisor"),
        pytest.param("runner supervisor", id="runner and supervisor"),
        pytest.param("supervisor runner", id="supervisor and runner"),
        pytest.param("warden supervisor", id="warden and supervisor"),
    ],
)
def test_killed_programs_leave_nothing(tmp_path: Path, victims: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path)], env=ENVIRONMENT, stdout=subprocess.PIPE
    ) as supervisor:
        assert supervisor.stdout is not None
        warden, runner = map(int, supervisor.stdout.readline().split())
        pids = {"supervisor": supervisor.pid, "warden": warden, "runner": runner}
        for victim in victims.split():
            os.kill(pids[victim], signal.SIGKILL)
    until(lambda: not (tmp_path / "fault").exists(), 5)
    until(lambda: not _lives(runner), 5)


def test_all_killed_the_next_start_undoes(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path)], env=ENVIRONMENT, stdout=subprocess.PIPE
    ) as supervisor:
        assert supervisor.stdout is not None
        warden, runner = map(int, supervisor.stdout.readline().split())
        for pid in (warden, runner, supervisor.pid):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not lease.live(tmp_path / "run"), 5)
    (folder,) = left_over(tmp_path / "index")
    assert heal(folder).complete
    assert not (tmp_path / "fault").exists()
    assert left_over(tmp_path / "index") == []


def _lives(pid: int) -> bool:
    from sretool.undo import identity

    return identity.start_time(pid) is not None
