"""Experiments × moments × ways to end them: whatever happens when, nothing is left.

    python -m tests.kill.matrix [--seeds 3] [--at-once 2] [--only TEXT] [--out FILE]

Every cell is a whole `sretool chaos run` with a state folder of its own. At a moment it is ended in one way;
then the thing it hurt is looked at from outside until all its programs are gone, and once more after the next
start of `sretool` where nobody was left to undo.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import fcntl
import json
import os
import pty
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sretool.undo.heal import open_faults
from tests.kill import worlds
from tests.kill.prometheus import FakePrometheus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tests.kill.worlds import World

_ROOT: Final = Path(__file__).resolve().parents[2]
PROGRAM: Final = "from sretool.cli.main import main; main()"
_MARK: Final = "SRETOOL_KILL_CELL"
_FAULT: Final = 1.5
"""Seconds that a fault stays."""
_PROBE: Final = 0.2
"""Seconds that a probe of the hypothesis takes."""
_BLIND: Final = 3.0
_PATIENCE: Final = 40.0


@dataclass(frozen=True)
class Moment:
    name: str
    line: str
    """Regular expression of the line on stderr that it begins with."""
    within: float = 0.0
    """It is a random time up to so many seconds after that."""


MOMENTS: Final = (
    Moment("start", r"starts$"),
    Moment("in start", r"starts$", 0.5),
    Moment("hypothesis", r"phase hypothesis before"),
    Moment("in hypothesis", r"phase hypothesis before", _PROBE),
    Moment("method", r"phase method"),
    Moment("registered", r" on +undo ready"),
    Moment("made", r"hurt\b.* ok$"),
    Moment("in fault", r"hurt\b.* ok$", _FAULT),
    Moment("hypothesis after", r"phase hypothesis after"),
    Moment("in hypothesis after", r"phase hypothesis after", _PROBE),
    Moment("rollbacks", r"phase rollbacks"),
    Moment("recovery", r"phase recovery", 0.3),
)


@dataclass
class Programs:
    """Those of one cell."""

    supervisor: subprocess.Popen[bytes]
    folder: Path
    prometheus: FakePrometheus
    said: _Said
    terminal: int | None = None

    def of(self, module: str) -> list[int]:
        return [pid for pid, line in _marked(self.folder.name) if module in line]

    def send(self, number: signal.Signals, *modules: str) -> None:
        self._await(module for module in modules if module != "supervisor")
        pids = [pid for module in modules for pid in self.of(module)]
        if "supervisor" in modules:
            pids.append(self.supervisor.pid)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _await(self, modules: Iterable[str]) -> None:
        """Who has not begun yet cannot be killed."""
        for module in modules:
            until = time.monotonic() + _PATIENCE
            while not self.of(module) and self.supervisor.poll() is None and time.monotonic() < until:
                time.sleep(0.005)

    def close_terminal(self) -> None:
        self.said.let_go()
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None


def _signal(number: signal.Signals, *modules: str) -> Callable[[Programs], None]:
    return lambda programs: programs.send(number, *modules)


@dataclass(frozen=True)
class Way:
    """One way to end a run."""

    act: Callable[[Programs], None]
    watched: bool = True
    """Whether somebody is left who undoes."""
    code: int | None = None
    """Of the supervisor where it can end in order while faults may be made."""
    allowed: float = 1.0
    """Seconds until everything is undone."""


_RUNNER, _WARDEN = "sretool.chaos.runner", "sretool.undo.warden"
WAYS: Final[dict[str, Way]] = {
    "INT": Way(_signal(signal.SIGINT, "supervisor"), code=130),
    "TERM": Way(_signal(signal.SIGTERM, "supervisor"), code=130),
    "HUP": Way(_signal(signal.SIGHUP, "supervisor"), code=130),
    "QUIT": Way(_signal(signal.SIGQUIT, "supervisor"), code=130),
    "KILL supervisor": Way(_signal(signal.SIGKILL, "supervisor")),
    "KILL runner": Way(_signal(signal.SIGKILL, _RUNNER)),
    "KILL supervisor, runner": Way(_signal(signal.SIGKILL, "supervisor", _RUNNER)),
    "KILL warden": Way(_signal(signal.SIGKILL, _WARDEN)),
    "KILL all": Way(_signal(signal.SIGKILL, "supervisor", _WARDEN, _RUNNER), watched=False, allowed=10.0),
    "terminal closed": Way(Programs.close_terminal),
    "STOP runner": Way(_signal(signal.SIGSTOP, _RUNNER), allowed=2.0),
    "Prometheus hangs": Way(lambda programs: programs.prometheus.hang(), allowed=_BLIND + 2.0),
}


@dataclass(frozen=True)
class Cell:
    world: str
    moment: Moment
    way: str
    seed: int

    def __str__(self) -> str:
        return f"{self.world} · {self.moment.name} · {self.way} · {self.seed}"


@dataclass(frozen=True)
class Outcome:
    cell: Cell
    left: str
    """What was left in the end, in words; empty: nothing."""
    seconds: float
    """From the end of the run until nothing was broken any more."""
    code: int | None
    was_broken: bool = False
    """Whether the fault was in when the run was ended."""

    @property
    def late(self) -> bool:
        return self.seconds > WAYS[self.cell.way].allowed


def every(seeds: int, chosen: Sequence[str] = ()) -> list[Cell]:
    names = [each for each in worlds.WORLDS if each != "group" or worlds.groups_possible()]
    cells = [
        Cell(world, moment, way, seed)
        for seed in range(seeds)
        for world in names
        for moment in MOMENTS
        for way in WAYS
    ]
    return [each for each in cells if all(word in str(each) for word in chosen)]


def sample(count: int, seed: int) -> list[Cell]:
    """Cells by chance; among the first dozen every world, every moment and every way is there."""
    chance = random.Random(seed)
    cells = every(1)
    names = list(dict.fromkeys(each.world for each in cells))
    moments = chance.sample(MOMENTS, len(MOMENTS))
    found = [
        Cell(names[number % len(names)], moment, way, 0)
        for number, (moment, way) in enumerate(zip(moments, WAYS, strict=True))
    ]
    rest = [each for each in cells if each not in found]
    return found + chance.sample(rest, max(0, count - len(found)))


def play(cell: Cell, keep: Path | None = None) -> Outcome:
    """`keep`: where the folders of cells that went wrong are copied to."""
    with tempfile.TemporaryDirectory(prefix="sretool-kill-") as place:
        folder = Path(place)
        with worlds.WORLDS[cell.world](folder) as world, FakePrometheus() as prometheus:
            outcome = _play(cell, folder, world, prometheus)
        if keep is not None and (outcome.left or outcome.late):
            shutil.copytree(folder, keep / folder.name)
            (keep / folder.name / "cell").write_text(f"{cell}\n{outcome}\n")
        return outcome


def _play(cell: Cell, folder: Path, world: World, prometheus: FakePrometheus) -> Outcome:
    way, chance = WAYS[cell.way], random.Random(str(cell))
    (folder / "experiment.json").write_text(json.dumps(_experiment(world)))
    environment = _environment(folder)
    with _started(folder, environment, prometheus, terminal=cell.way == "terminal closed") as (
        programs,
        said,
    ):
        said.wait_for(cell.moment.line, lambda: programs.supervisor.poll() is not None)
        time.sleep(chance.uniform(0, cell.moment.within))
        was_broken = bool(world.left())
        way.act(programs)
        last = _last_broken(world, programs)
        if programs.of(_RUNNER) and cell.way == "STOP runner":
            programs.send(signal.SIGCONT, _RUNNER)
        if not way.watched:
            last = _after_next_start(world, environment)
        # Its memory is gone a moment before it can be waited for.
        with contextlib.suppress(subprocess.TimeoutExpired):
            programs.supervisor.wait(2)
        code = programs.supervisor.poll()
    return Outcome(cell, _left(world, folder, code, way), last, code, was_broken)


def _last_broken(world: World, programs: Programs) -> float:
    """Seconds from now when something was seen broken for the last time; waits for all programs to go."""
    began = last = time.monotonic()
    name = programs.folder.name
    while time.monotonic() < began + _PATIENCE:
        for _ in range(10):
            if world.left():
                last = time.monotonic()
            time.sleep(0.01)
        programs.supervisor.poll()
        if not _marked(name):
            break
    return last - began


def _after_next_start(world: World, environment: dict[str, str]) -> float:
    began = last = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--version"],
        env={**environment, _MARK: ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as program:
        while program.poll() is None:
            if world.left():
                last = time.monotonic()
            time.sleep(0.01)
    return last - began


def _left(world: World, folder: Path, code: int | None, way: Way) -> str:
    found = []
    if broken := world.left():
        found.append(broken)
    if alive := _marked(folder.name):
        found.append(f"processes: {alive}")
    # A log without faults stays on the index until any command starts again.
    if faults := open_faults(folder / "state/sretool/undo"):
        found.append(f"not undone: {', '.join(faults)}")
    if code is None:
        found.append("the supervisor does not end")
    elif way.code is not None and code not in (way.code, 0, 1, 6):
        found.append(f"it ended with {code}")
    return "; ".join(found)


def _marked(name: str) -> list[tuple[int, str]]:
    """Living processes of a cell: pid and command line."""
    found = []
    wanted = f"{_MARK}={name}".encode()
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if "tests.kill" not in line or "sretool" in line:
                    found.append((int(place.name), line))
    return found


def _environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PYTHONPATH": str(_ROOT),
        _MARK: folder.name,
    }


def _experiment(world: World) -> dict[str, Any]:
    def act(name: str, func: str, **arguments: Any) -> dict[str, Any]:
        provider = {"type": "python", "module": "tests.kill.faults", "func": func, "arguments": arguments}
        return {"type": "action", "name": name, "provider": provider}

    probe = {**act("well", "wait", seconds=_PROBE), "type": "probe", "tolerance": True}
    return {
        "title": "kill",
        "description": "a cell of the kill matrix",
        "steady-state-hypothesis": {"title": "well", "probes": [probe]},
        "method": [act("hurt", world.action, **world.arguments), act("stay", "wait", seconds=_FAULT)],
        "rollbacks": [act("mend", "mend")],
        "extensions": [
            {
                "name": "sretool",
                "fault": "one of the kill matrix",
                "stop_when": [f"blind {_BLIND:.0f}s", "after 1m"],
                "recovery_deadline": "5s",
            }
        ],
    }


class _Said:
    """Lines of a program, read as they come."""

    def __init__(self, descriptor: int) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(descriptor,), daemon=True)
        self._thread.start()

    def let_go(self) -> None:
        """Read no more: a terminal that somebody reads cannot be closed."""
        self._enough.set()
        self._thread.join()

    def _read(self, descriptor: int) -> None:
        rest = b""
        # A terminal whose other side is closed answers with an error.
        with contextlib.suppress(OSError):
            while not self._enough.is_set():
                if not select.select([descriptor], [], [], 0.05)[0]:
                    continue
                data = os.read(descriptor, 4096)
                if not data:
                    break
                *whole, rest = (rest + data).split(b"\n")
                with self._changed:
                    self.lines += [line.decode(errors="replace").rstrip() for line in whole]
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, pattern: str, ended: Callable[[], bool]) -> None:
        """Until a line is there that fits, or the program has ended."""
        seen, until = 0, time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            with self._changed:
                for line in self.lines[seen:]:
                    if re.search(pattern, line):
                        return
                seen = len(self.lines)
                if self._ended or ended():
                    break
                self._changed.wait(0.2)
        raise AssertionError(f"{pattern!r} never came:\n" + "\n".join(self.lines[-20:]))


@contextlib.contextmanager
def _started(
    folder: Path, environment: dict[str, str], prometheus: FakePrometheus, *, terminal: bool
) -> Iterator[tuple[Programs, _Said]]:
    argv = [
        *(sys.executable, "-c", PROGRAM, "--prometheus", prometheus.url),
        *("chaos", "run", str(folder / "experiment.json"), "--yes"),
    ]
    with (folder / "stdout").open("wb") as out:
        if terminal:
            master, slave = pty.openpty()
            program = subprocess.Popen(
                argv,
                env=environment,
                cwd=folder,
                stdin=slave,
                stdout=out,
                stderr=slave,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
            os.close(slave)
            reading = master
        else:
            master = None
            program = subprocess.Popen(
                argv,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.PIPE,
            )
            assert program.stderr is not None
            reading = program.stderr.fileno()
    said = _Said(reading)
    programs = Programs(program, folder, prometheus, said, master)
    try:
        yield programs, said
    finally:
        programs.close_terminal()
        if program.stderr is not None:
            program.stderr.close()
        for pid, _ in _marked(folder.name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        program.kill()
        program.wait()


def table(outcomes: Sequence[Outcome]) -> str:
    """For people: one line for each way to end a run."""
    lines = [
        f"{'way to end':<26} {'cells':>6} {'hurt':>5} {'left':>5} {'late':>5} {'median s':>9} {'worst s':>8}"
    ]
    for way in WAYS:
        of = [each for each in outcomes if each.cell.way == way]
        if of:
            seconds = sorted(each.seconds for each in of)
            hurt = sum(each.was_broken for each in of)
            left, late = sum(bool(each.left) for each in of), sum(each.late for each in of)
            counts = f"{way:<26} {len(of):>6} {hurt:>5} {left:>5} {late:>5}"
            lines.append(f"{counts} {seconds[len(seconds) // 2]:>9.3f} {seconds[-1]:>8.3f}")
    worlds_hurt = Counter(each.cell.world for each in outcomes)
    lines.append(f"{len(outcomes)} cells: " + ", ".join(f"{name} {n}" for name, n in worlds_hurt.items()))
    lines += [f"LEFT {each.cell}: {each.left}" for each in outcomes if each.left]
    lines += [f"late {each.cell}: {each.seconds:.2f} s" for each in outcomes if each.late]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.kill.matrix")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("--only", action="append", default=[], help="text that a cell's name holds")
    parser.add_argument("--count", type=int, help="so many cells by chance")
    parser.add_argument("--out", type=Path, help="where the table goes besides")
    parser.add_argument("--keep", type=Path, help="where folders of cells that go wrong are copied to")
    given = parser.parse_args()
    cells = every(given.seeds, given.only)
    if given.count is not None:
        cells = random.Random(given.count).sample(cells, min(given.count, len(cells)))
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(given.at_once) as pool:
        for outcome in pool.map(partial(_played, keep=given.keep), cells):
            outcomes.append(outcome)
            sign = "LEFT" if outcome.left else "late" if outcome.late else "ok"
            print(
                f"{len(outcomes):5}/{len(cells)} {sign:<4} {outcome.seconds:6.3f} s  {outcome.cell}",
                flush=True,
            )
    text = table(outcomes)
    print(text)
    if given.out is not None:
        given.out.write_text(text + "\n")
    return 1 if any(each.left for each in outcomes) else 0


def _played(cell: Cell, keep: Path | None) -> Outcome:
    try:
        return play(cell, keep)
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        return Outcome(cell, f"it could not be played: {error}", 0.0, None)


if __name__ == "__main__":
    sys.exit(main())
