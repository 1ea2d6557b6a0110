"""The supervisor with small programs: order, restarts, failures, and no one left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import pytest

from sretool.adapters.lab import leftovers, record
from sretool.adapters.lab.record import LabRecord, LabState
from sretool.adapters.lab.supervisor import Event, Plan, bound_log
from sretool.core.plans.processes import Command, Probe, Probing, ProcessSpec, TaskSpec, Topology
from tests.support.lab import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.lab

ALIVE = Probe(Probing.COMMAND, commands=(("true",),), within=5)
MARKER = f"supervisor-test-{os.getpid()}"


@dataclass
class Supervised:
    """A supervisor over processes of the test."""

    directory: Path
    process: subprocess.Popen[bytes]

    @property
    def lab(self) -> LabRecord:
        found = record.load_from(self.directory)
        assert found is not None
        return found

    def events(self) -> list[Event]:
        lines = (self.directory / "events.jsonl").read_bytes().splitlines()
        return [msgspec.json.decode(line, type=Event) for line in lines]

    def wait_until_up(self) -> LabRecord:
        eventually("the lab is up", lambda: self.lab.state is LabState.RUNNING, within=10)
        return self.lab

    def pid(self, name: str) -> int:
        pid = self.lab.process_by_name[name].pid
        assert pid is not None
        return pid


class Start(Protocol):
    def __call__(self, processes: Sequence[ProcessSpec], tasks: Sequence[TaskSpec] = ()) -> Supervised: ...


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Start]:
    """A function that starts a supervisor; what it leaves is ended after the test."""
    started: list[Supervised] = []

    def start(processes: Sequence[ProcessSpec], tasks: Sequence[TaskSpec] = ()) -> Supervised:
        (tmp_path / "logs").mkdir()
        (tmp_path / "events.jsonl").touch()
        topology = Topology(tuple(processes), tuple(tasks), {}, {}, ())
        plan = Plan(topology, {}, {}, time.time())
        (tmp_path / "plan.json").write_bytes(msgspec.json.encode(plan))
        lab = LabRecord(
            name="test",
            system="amas",
            state=LabState.STARTING,
            marker=MARKER,
            scale=1,
            history=False,
            started_at="2026-01-01T00:00:00Z",
            catalog="/",
        )
        record.save(tmp_path, lab)
        process = subprocess.Popen(
            [sys.executable, "-m", "sretool.adapters.lab.supervisor", str(tmp_path)],
            env={**os.environ, leftovers.MARK: MARKER},
            start_new_session=True,
        )
        started.append(Supervised(tmp_path, process))
        return started[-1]

    yield start
    for supervised in started:
        supervised.process.kill()
        supervised.process.wait()
        leftovers.end(supervised.lab)


def sleeper(name: str, *, after: tuple[str, ...] = (), script: str = "exec sleep 60") -> ProcessSpec:
    return ProcessSpec(name=name, argv=("sh", "-c", script), ready=ALIVE, after=after)


def test_processes_start_in_order_and_stop_in_reverse(supervise: Start, tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"

    def noted(name: str) -> str:
        return f"trap 'echo {name} >> {stopped}; exit' TERM; while :; do sleep 0.05; done"

    boss = supervise(
        [
            sleeper("last", after=("middle",), script=noted("last")),
            sleeper("middle", after=("task",), script=noted("middle")),
            sleeper("first", script=noted("first")),
        ],
        [TaskSpec("task", (Command(("cat",), stdin="said by the task\n"),), after=("first",))],
    )
    boss.wait_until_up()
    assert [event.name for event in boss.events()] == ["first", "task", "middle", "last", ""]
    boss.process.send_signal(signal.SIGTERM)
    assert boss.process.wait(10) == 0
    assert stopped.read_text().split() == ["last", "middle", "first"]
    assert boss.lab.state is LabState.STOPPED
    assert (tmp_path / "logs" / "task.log").read_text() == "said by the task\n"
    assert leftovers.find(boss.lab) == {}


def test_a_process_that_ends_is_restarted_without_what_it_left(supervise: Start) -> None:
    boss = supervise([sleeper("a", script="sleep 61 & exec sleep 60")])
    boss.wait_until_up()
    first = boss.pid("a")
    os.kill(first, signal.SIGKILL)
    eventually("it is back", lambda: boss.lab.process_by_name["a"].restarts == 1, within=5)
    eventually("it is ready", lambda: boss.lab.process_by_name["a"].ready, within=5)
    assert boss.pid("a") != first
    with pytest.raises(ProcessLookupError):
        os.killpg(first, 0)
    ended = next(event for event in boss.events() if event.what == "ended")
    assert ended.text == "SIGKILL; restarts in 1 s"


def test_what_works_at_its_place_is_ended_before_it_starts_again(supervise: Start, tmp_path: Path) -> None:
    """As backends of PostgreSQL do, which leave their postmaster's group."""
    place = tmp_path / "pg-1"
    place.mkdir()
    program = place / "postgres"
    program.symlink_to("/bin/sleep")
    script = f"cd {place} && setsid ./postgres 61 & cd / ; exec sleep 60"
    spec = ProcessSpec("a", ("sh", "-c", script), ready=ALIVE, workplace=str(place))
    boss = supervise([spec])
    boss.wait_until_up()

    def backends() -> set[str]:
        return {entry.parent.name for entry in Path("/proc").glob("[0-9]*/cwd") if points_to(entry, place)}

    eventually("it works there", lambda: len(backends()) == 1, within=3)
    before = backends()
    os.kill(boss.pid("a"), signal.SIGKILL)
    eventually("it is restarted", lambda: boss.lab.process_by_name["a"].restarts == 1, within=5)
    eventually("another one works there", lambda: len(backends()) == 1, within=3)
    assert not backends() & before


def points_to(link: Path, place: Path) -> bool:
    try:
        return link.readlink() == place
    except OSError:
        return False


def test_a_process_that_keeps_ending_is_restarted_ever_more_slowly(supervise: Start, tmp_path: Path) -> None:
    script = f"test -e {tmp_path}/once && exit 3; touch {tmp_path}/once; exec sleep 60"
    boss = supervise([sleeper("a", script=script)])
    boss.wait_until_up()
    os.kill(boss.pid("a"), signal.SIGKILL)

    def pauses() -> list[str]:
        return [event.text for event in boss.events() if event.what == "ended"]

    eventually("it ended twice", lambda: len(pauses()) == 2, within=5)
    assert pauses() == ["SIGKILL; restarts in 1 s", "a ended with exit code 3; restarts in 2 s"]
    assert boss.process.poll() is None


def test_a_frozen_process_is_stopped_without_waiting_for_its_grace(supervise: Start) -> None:
    boss = supervise([sleeper("a")])
    boss.wait_until_up()
    os.kill(boss.pid("a"), signal.SIGSTOP)
    boss.process.send_signal(signal.SIGTERM)
    assert boss.process.wait(3) == 0


def test_a_program_that_vanishes_while_the_lab_runs_does_not_end_the_lab(
    supervise: Start, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    boss = supervise([ProcessSpec(name="a", argv=(str(program),), ready=ALIVE), sleeper("b")])
    boss.wait_until_up()
    program.rename(tmp_path / "moved")
    os.kill(boss.pid("a"), signal.SIGKILL)
    eventually("it was tried", lambda: "cannot be started" in boss.events()[-1].text, within=5)
    (tmp_path / "moved").rename(program)
    eventually("it is back", lambda: boss.lab.process_by_name["a"].ready, within=5)


def test_nothing_survives_the_supervisor(supervise: Start) -> None:
    boss = supervise([sleeper("a"), sleeper("b")])
    lab = boss.wait_until_up()
    boss.process.kill()
    boss.process.wait()
    eventually("all are gone", lambda: leftovers.find(lab) == {}, within=3)


def test_what_ignores_the_end_of_its_supervisor_is_found_and_ended(supervise: Start) -> None:
    """A daemon of its own session that SIGTERM doesn't end, started by a process of the lab."""
    boss = supervise([sleeper("a", script="trap '' TERM; setsid sleep 60 & exec sleep 61")])
    lab = boss.wait_until_up()
    boss.process.kill()
    boss.process.wait()
    time.sleep(0.2)
    assert len(leftovers.find(lab)) == 2
    assert leftovers.end(lab) == 2
    assert leftovers.find(lab) == {}


def test_orphans_are_reaped(supervise: Start, tmp_path: Path) -> None:
    note = tmp_path / "orphan"
    boss = supervise([sleeper("a", script=f"(sleep 0.3 & echo $! > {note}); exec sleep 60")])
    boss.wait_until_up()
    orphan = int(note.read_text())
    eventually("it is gone altogether", lambda: not Path(f"/proc/{orphan}").exists(), within=3)


def test_a_first_start_that_fails_ends_the_lab_and_tells_the_last_words(supervise: Start) -> None:
    boss = supervise([sleeper("good"), sleeper("bad", after=("good",), script="echo no licence >&2; exit 4")])
    assert boss.process.wait(10) == 1
    lab = boss.lab
    assert lab.state is LabState.FAILED
    assert lab.failure is not None
    assert lab.failure.kind == "ProcessFailed"
    assert lab.failure.message == "bad ended with exit code 4: no licence"
    assert lab.failure.remedy is not None
    assert "`sretool lab logs bad --name test`" in lab.failure.remedy
    assert leftovers.find(lab) == {}


@pytest.mark.parametrize("pause", ["0", "0.05", "0.1"])
def test_a_server_that_ends_before_it_listens_fails_the_start(supervise: Start, pause: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    script = f"sleep {pause}; echo FATAL >&2; exit 1"
    nowhere = Probe(Probing.TCP, port=port)
    boss = supervise([ProcessSpec(name="a", argv=("sh", "-c", script), ready=nowhere)])
    assert boss.process.wait(3) == 1
    assert boss.lab.failure is not None
    assert boss.lab.failure.message == "a ended with exit code 1: FATAL"


def test_a_process_that_never_becomes_ready_fails_the_start(supervise: Start) -> None:
    never = Probe(Probing.COMMAND, commands=(("true",), ("false",)), within=0.5)
    boss = supervise([ProcessSpec(name="a", argv=("sleep", "60"), ready=never)])
    assert boss.process.wait(10) == 1
    assert boss.lab.failure is not None
    assert boss.lab.failure.message.startswith("a was not ready after 0 s")


def test_a_task_is_tried_again_where_it_may_be(supervise: Start, tmp_path: Path) -> None:
    script = f"test -e {tmp_path}/second || {{ touch {tmp_path}/second; exit 1; }}"
    boss = supervise([sleeper("a")], [TaskSpec("t", (Command(("sh", "-c", script)),), retry=True)])
    boss.wait_until_up()


def test_a_task_that_fails_ends_the_lab(supervise: Start) -> None:
    boss = supervise([sleeper("a")], [TaskSpec("t", (Command(("sh", "-c", "echo broken; exit 2")),))])
    assert boss.process.wait(10) == 1
    assert boss.lab.failure is not None
    assert boss.lab.failure.message == "t ended with exit code 2: broken"


def test_a_port_that_somebody_took_is_told_with_its_holder(supervise: Start) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        boss = supervise([ProcessSpec(name="a", argv=("sleep", "60"), ready=ALIVE, port=port)])
        assert boss.process.wait(10) == 1
    assert boss.lab.failure is not None
    assert boss.lab.failure.kind == "PortTaken"
    assert f"(pid {os.getpid()})" in boss.lab.failure.message


def test_a_program_that_cannot_be_started_is_named(supervise: Start) -> None:
    boss = supervise([ProcessSpec(name="a", argv=("/nowhere/program",), ready=ALIVE)])
    assert boss.process.wait(10) == 1
    assert boss.lab.failure is not None
    assert "/nowhere/program cannot be started" in boss.lab.failure.message


def test_a_second_supervisor_of_the_same_lab_gives_up(supervise: Start) -> None:
    boss = supervise([sleeper("a")])
    boss.wait_until_up()
    second = subprocess.run(
        [sys.executable, "-m", "sretool.adapters.lab.supervisor", str(boss.directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert "is supervised already" in second.stderr
    assert boss.lab.state is LabState.RUNNING


def test_a_log_is_emptied_when_it_grew_too_long_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 1000 + b"the end")
        bound_log(log, limit=1007, kept=7)
        assert log.stat().st_size == 1007
        writer.write(b"!")
        bound_log(log, limit=1007, kept=8)
        writer.write(b"new")
    assert log.read_bytes() == b"new"
    assert (tmp_path / "a.log.1").read_bytes() == b"the end!"
