"""Thirty days of history in the data folder of a lab's Prometheus, up to the moment it starts.

    python -m sretool.adapters.lab.history prepare --system amas --tsdb DIR --cache DIR
    python -m sretool.adapters.lab.history finish --tsdb DIR

`prepare`, while the lab boots, puts the generated past into an empty folder, from the cache where a fresh one
is there, or takes up the live samples a stopped lab left behind; both bring the folder up to the present
minute. `finish`, right before Prometheus starts, adds what has passed since. A stretch that follows live
samples has counters that begin at zero: a restart, as every reader of counters knows it.

Everything is added as whole blocks that are renamed into place one after the other, and nothing is taken away
before what replaces it is there: whenever this is killed, what is left is a data folder that Prometheus and
the next `prepare` can use.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import json
import os
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sretool.adapters.lab.blocks import BlockStats, write_block
from sretool.adapters.lab.fold import fold_head
from sretool.adapters.lab.machine import this_machine
from sretool.core.catalog.read import HISTORY_FILE, read
from sretool.core.plans import history_file
from sretool.core.plans.history import DAY, STEP, VERSION, History, Segment
from sretool.core.plans.traffic import PATTERNS
from sretool.errors import DiskFull, LabError, SretoolError, UsageError, WrongOwner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from sretool.adapters.lab.blocks import Labels
    from sretool.core.plans.history import Machine
    from sretool.core.slo.model import Slo

MARK = "history.json"
"""File in a generated block's folder that says what it is; Prometheus ignores it."""
FRESH = 6 * 3600
"""Seconds for which a cached past is given to new labs. Incidents must not get much older than the plan says:
one of 17 hours ago would leave the day that its SLO looks back."""


class Mark(msgspec.Struct, frozen=True):
    """What a generated block is."""

    system: str
    key: str
    """Digest of everything that decides its samples."""
    anchor: int
    """When the past was made; incidents lie before it."""
    until: int
    """Time of its last sample."""
    carried: list[float]
    """Every series' last value, from which counters can go on."""


@dataclass(frozen=True, slots=True)
class _Block:
    path: Path
    first: int
    """Time of its first sample, ms."""
    last: int
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class Source:
    """Everything that a system's history is made of."""

    system: str
    plan: history_file.HistoryPlan
    slos: tuple[Slo, ...]
    key: str
    """Digest of what decides which series there are and what they count."""
    machine: Machine

    def history(self, anchor: int) -> History:
        return History(self.plan, PATTERNS[self.plan.pattern], self.slos, anchor, self.machine)


@dataclass(slots=True)
class Outcome:
    """What was done, for the line on stdout."""

    did: str = "nothing"
    series: int = 0
    samples: int = 0
    bytes: int = 0
    blocks: int = 0
    since: int | None = None
    """First sample in the data folder, seconds since the epoch."""
    until: int | None = None
    seconds: float = 0.0

    def add(self, did: str, stats: BlockStats) -> None:
        self.did = did if self.did == "nothing" else f"{self.did}, {did}"
        self.series = max(self.series, stats.series)
        self.samples += stats.samples
        self.bytes += stats.size


def bundled(system: str) -> Source:
    """The history of a system that comes with sretool; CatalogError or UsageError where there is none."""
    folder = Path(str(resources.files("sretool.systems"))) / system
    path = folder / HISTORY_FILE
    if not path.is_file():
        raise UsageError(f"system {system!r} has no history", remedy=f"write {path}")
    files = {file.name: file.read_text() for file in sorted(folder.glob("*.yaml")) if file != path}
    return source(system, path.read_text(), read(files).slos, file=str(path), machine=this_machine())


def source(
    system: str,
    text: str,
    slos: Sequence[Slo],
    *,
    file: str = HISTORY_FILE,
    machine: Machine | None = None,
) -> Source:
    """A history from its file's text, the objectives whose rates are recorded and what the machine has."""
    machine = machine or {}
    plan = history_file.read(text, file)
    pattern = PATTERNS.get(plan.pattern)
    if pattern is None:
        raise UsageError(f"{file}: no traffic pattern is called {plan.pattern!r}: {', '.join(PATTERNS)}")
    parts = repr([(kind, dict(part.labels)) for kind, found in machine.items() for part in found])
    decisive = "\0".join((str(VERSION), system, text, repr(pattern), repr(tuple(slos)), parts))
    key = blake2b(decisive.encode(), digest_size=8).hexdigest()
    return Source(system, plan, tuple(slos), key, machine)


def prepare(made_of: Source, tsdb: Path, cache: Path, now: int, prometheus: str | None = None) -> Outcome:
    """Bring the data folder of a stopped Prometheus to the whole minute before `now`."""
    began = time.monotonic()
    outcome = Outcome()
    with _disk(tsdb):
        tsdb.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(tsdb)
        if fold_head(tsdb, prometheus):
            outcome.did = "folded"
        found = _blocks(tsdb)
        newest = max((block.last for block in found), default=None)
        if newest is not None and newest < (now - made_of.plan.days * DAY) * 1000:
            for block in found:
                shutil.rmtree(block.path)
            newest = None
        if newest is None:
            _install(made_of, tsdb, cache, now, outcome)
        elif not any(block.mark for block in found):
            _precede(made_of, tsdb, min(block.first for block in found), now, outcome)
        _extend(made_of, tsdb, now // STEP * STEP, outcome)
    return _told(tsdb, outcome, began)


def finish(tsdb: Path, now: int, made_of: Source | None = None) -> Outcome:
    """Add what has passed since `prepare`; its last sample is at `now`."""
    began = time.monotonic()
    outcome = Outcome()
    with _disk(tsdb):
        _clear_leftovers(tsdb)
        if made_of is None:
            system = next((block.mark.system for block in _blocks(tsdb) if block.mark), None)
            if system is None:
                raise LabError(f"{tsdb} has no generated history", remedy="run `prepare` first")
            made_of = bundled(system)
        _extend(made_of, tsdb, now, outcome)
    return _told(tsdb, outcome, began)


def _told(tsdb: Path, outcome: Outcome, began: float) -> Outcome:
    found = _blocks(tsdb)
    outcome.blocks = len(found)
    if found:
        outcome.since = min(block.first for block in found) // 1000
        outcome.until = max(block.last for block in found) // 1000
    outcome.seconds = round(time.monotonic() - began, 3)
    return outcome


# --- the data folder


def _blocks(folder: Path) -> list[_Block]:
    """The complete blocks of a folder; a dot in its name marks one that is being made or removed."""
    found = []
    for meta in folder.glob("*/meta.json"):
        if "." not in meta.parent.name:
            times = json.loads(meta.read_text())
            found.append(_Block(meta.parent, times["minTime"], times["maxTime"] - 1, _mark(meta.parent)))
    return found


def _mark(block: Path) -> Mark | None:
    """None where the block wasn't generated, or by a version that wrote other marks."""
    try:
        return msgspec.json.decode((block / MARK).read_bytes(), type=Mark)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _clear_leftovers(folder: Path) -> None:
    """What a killed run was building."""
    for path in folder.glob(".*"):
        if path.is_dir():
            shutil.rmtree(path)


def _extend(made_of: Source, tsdb: Path, until: int, outcome: Outcome) -> None:
    """Samples from after the folder's newest until `until`."""
    found = _blocks(tsdb)
    newest = max(found, key=lambda block: block.last)
    ahead = newest.last // 1000 - until
    if ahead > STEP:
        raise LabError(
            f"{tsdb} has samples {ahead} s in the future; Prometheus would refuse new ones until then",
            remedy="set the clock, or start the lab from scratch with `sretool lab reset`",
        )
    if newest.last >= until * 1000:
        return
    marks = [block.mark for block in found if block.mark]
    anchor = max((mark.anchor for mark in marks), default=until)
    mark = newest.mark
    if mark and mark.key == made_of.key and mark.until * 1000 == newest.last:
        segment = Segment(mark.until, until, mark.carried)
    else:
        next_minute = newest.last // (STEP * 1000) * STEP + STEP
        segment = Segment(min(next_minute, until), until)
    outcome.add("extended", _write(made_of, anchor, segment, tsdb))


def _precede(made_of: Source, tsdb: Path, first: int, now: int, outcome: Outcome) -> None:
    """The past before the first sample (ms) of a lab that ran without history."""
    anchor = first // 1000 // 3600 * 3600
    history = made_of.history(anchor)
    if first // 1000 > now - made_of.plan.days * DAY:
        segment = Segment(history.begins, first // 1000 - 1)
        outcome.add("generated", _write(made_of, anchor, segment, tsdb))


def _write(made_of: Source, anchor: int, segment: Segment, folder: Path) -> BlockStats:
    history = made_of.history(anchor)
    carried: list[float] = []

    def series() -> Iterator[tuple[Labels, NDArray[np.int64], NDArray[np.float64]]]:
        for track in history.tracks(segment):
            carried.append(float(track.values[-1]))
            yield track.labels, track.times * 1000, track.values

    def mark() -> dict[str, bytes]:
        own = Mark(made_of.system, made_of.key, anchor, segment.until, carried)
        return {MARK: msgspec.json.encode(own)}

    return write_block(folder, series(), mark)


# --- the cache


def _install(made_of: Source, tsdb: Path, cache: Path, now: int, outcome: Outcome) -> None:
    """Put a past of this hour, or of the hours before, into an empty data folder."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _clear_leftovers(cache)
        ready = _fresh(made_of, cache, now)
        if ready is None:
            anchor = now // 3600 * 3600
            history = made_of.history(anchor)
            stats = _write(made_of, anchor, Segment(history.begins, now // STEP * STEP), cache)
            ready = cache / stats.ulid
            outcome.add("generated", stats)
        else:
            meta = json.loads((ready / "meta.json").read_text())["stats"]
            size = sum(file.stat().st_size for file in ready.rglob("*") if file.is_file())
            outcome.add("cached", BlockStats(ready.name, meta["numSeries"], meta["numSamples"], size))
        building = tsdb / ".installing"
        shutil.copytree(ready, building, copy_function=_link)
        building.rename(tsdb / ready.name)


def _fresh(made_of: Source, cache: Path, now: int) -> Path | None:
    """The cached past, if it may still be used; others of this system are removed."""
    usable = None
    for block in _blocks(cache):
        mark = block.mark
        if mark and mark.key == made_of.key and mark.anchor <= mark.until <= now < mark.anchor + FRESH:
            usable = block.path
        elif mark is None or mark.system == made_of.system:
            shutil.rmtree(block.path)
    return usable


def _link(origin: str, copy: str) -> None:
    """A second name for the same file: blocks are never written to. A copy across file systems."""
    try:
        os.link(origin, copy)
    except OSError:
        shutil.copy2(origin, copy)


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Trouble with files, as a LabError."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"no space is left for the lab's history on the disk of {where}",
                remedy="it takes 200 MB: free some, or set XDG_CACHE_HOME and XDG_STATE_HOME to another disk",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise WrongOwner(
                f"the lab's history cannot be written: {where}: {error.strerror}",
                remedy="give it to your user, or set XDG_CACHE_HOME and XDG_STATE_HOME to folders of yours",
            ) from error
        raise LabError(f"the lab's history cannot be written: {where}: {error.strerror}") from error


def main(argv: Sequence[str] | None = None) -> int:
    """The two commands; one JSON line on stdout, what is wrong on stderr."""
    parser = argparse.ArgumentParser(prog="python -m sretool.adapters.lab.history")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("prepare", "finish"):
        command = commands.add_parser(name)
        command.add_argument("--system", required=name == "prepare")
        command.add_argument("--tsdb", type=Path, required=True, help="Prometheus's data folder")
        command.add_argument("--cache", type=Path, required=name == "prepare")
        command.add_argument("--until", type=int, help="seconds since the epoch instead of now")
        command.add_argument("--prometheus", help="the program, where it isn't on PATH")
    given = parser.parse_args(argv)
    now = int(time.time()) if given.until is None else given.until
    try:
        made_of = bundled(given.system) if given.system else None
        if given.command == "prepare" and made_of is not None:
            outcome = prepare(made_of, given.tsdb, given.cache, now, given.prometheus)
        else:
            outcome = finish(given.tsdb, now, made_of)
    except SretoolError as error:
        print(f"history: {error.message}", file=sys.stderr)
        if error.remedy:
            print(f"  → {error.remedy}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 7
    print(json.dumps(asdict(outcome)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
