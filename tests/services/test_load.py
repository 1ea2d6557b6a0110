"""A load test's journal and verdict, with load that somebody else has made up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.store.runs import RunStore
from sretool.core.analysis.generator import KEEPS_UP
from sretool.core.plans.load.messages import Ended
from sretool.core.plans.load.objectives import parse
from sretool.core.plans.load.plan import LoadPlan
from sretool.core.plans.load.profile import Abort, LoadProfile, Open
from sretool.core.plans.load.shape import Shape, Stage
from sretool.core.runs import lines
from sretool.core.runs.events import (
    Checked,
    Explained,
    Finished,
    GuardTripped,
    LoadTick,
    PhaseBegan,
    ProcessChange,
    RunEvent,
    Started,
    WorkerTick,
)
from sretool.core.runs.model import Check, Outcome, RunKind, RunRecord
from sretool.errors import LoadFailed, UsageError
from sretool.services.load import Control, Order, Span, run, under
from tests.support.runs import request_tick

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from sretool.core.runs.load import Load

T0 = datetime(2026, 11, 21, 10, tzinfo=UTC)


def tick(
    *,
    requests: int = 100,
    failures: int = 0,
    milliseconds: float = 10,
    seconds: float = 1.0,
    cpu: float = 0.3,
    late: int = 0,
    lag: float = 0.001,
) -> LoadTick:
    one = request_tick("GET /a", [milliseconds / 1000] * requests, failures, "broken")
    return LoadTick(
        seconds=seconds,
        users=None,
        requests=(one,) if requests else (),
        target_rate=100.0,
        late_starts=late,
        workers=(WorkerTick("local", cpu),),
        lag_s=lag,
    )


@dataclass
class MadeUp:
    """Load whose ticks are given; it goes on until they are all told, or somebody stops it."""

    given: Sequence[LoadTick]
    breaks: LoadFailed | None = None
    workers: Sequence[str] = ("local",)
    scenarios: Sequence[str] = ("Reader",)
    versions: Mapping[str, str] = field(default_factory=dict)
    ended: Ended | None = None
    stopped: bool = False
    closed: bool = False
    on_tick: Callable[[int], None] = lambda _: None
    unserved: int = 0

    async def ticks(self) -> AsyncIterator[LoadTick]:
        for number, each in enumerate(self.given):
            if self.stopped:
                break
            self.on_tick(number)
            yield each
            await asyncio.sleep(0)
        if self.breaks is not None:
            raise self.breaks
        self.ended = Ended("stopped" if self.stopped else "done", 0, self.unserved)

    async def set_rate(self, rate: float) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        self.stopped = True

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class Driver:
    session: MadeUp
    problem: Exception | None = None
    never: bool = False

    async def start(
        self, plan: LoadPlan, *, changed: Callable[[ProcessChange], None] = print, log: Path | None = None
    ) -> MadeUp:
        if self.problem is not None:
            raise self.problem
        if self.never:
            await asyncio.Event().wait()
        changed(ProcessChange("vm:1", "joined", 1))
        return self.session


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        self.seconds += 1
        return T0 + timedelta(seconds=self.seconds)


@dataclass
class Setting:
    record: RunRecord
    events: list[RunEvent]
    folder: Path

    def of(self, kind: type) -> list[Any]:
        return [each.what for each in self.events if isinstance(each.what, kind)]

    @property
    def outcome(self) -> tuple[Outcome, str]:
        assert self.record.verdict is not None
        return self.record.verdict.outcome, self.record.verdict.reason


async def carried_out(
    tmp_path: Path,
    session: MadeUp | Driver,
    objectives: Sequence[str] = ("p95 < 50ms", "errors < 1%"),
    *,
    warm_up: float = 0.0,
    abort: Abort | None = None,
    control: Control | None = None,
    server: Any = None,
) -> Setting:
    shape = Shape((Stage(0, 100, 2, "ramp"), Stage(100, 100, 8, "hold")))
    profile = LoadProfile(
        "p", "P", "p.py", Open(shape), objectives=tuple(map(parse, objectives)), warm_up=warm_up
    )
    plan = LoadPlan(profile="p", locustfile="/p.py", target="http://127.0.0.1:1", model=Open(shape))
    store = RunStore(tmp_path, now=lambda: T0)
    heard: list[RunEvent] = []
    with store.create(RunKind.LOAD, "p") as journal:
        record = await run(
            Order(profile, plan, abort),
            driver=session if isinstance(session, Driver) else Driver(session),
            journal=journal,
            clock=Clock(),
            control=control or Control(),
            on_event=heard.append,
            server=server,
        )
    written = [lines.decode(each) for each in (journal.folder / "events.jsonl").read_bytes().splitlines()]
    told = [each.what for each in written if each is not None and not isinstance(each.what, Finished)]
    assert told == [each.what for each in heard]
    return Setting(record, [each for each in written if each is not None], journal.folder)


async def test_objectives_that_hold(tmp_path: Path) -> None:
    session = MadeUp([tick()] * 10)
    found = await carried_out(tmp_path, session)
    assert found.outcome == (Outcome.PASSED, "all 2 objectives hold")
    assert session.closed
    (started,) = found.of(Started)
    assert [(each.name, each.seconds) for each in started.phases] == [("ramp", 2), ("hold", 8)]
    assert (started.seconds, started.users) == (10, 100)
    assert [check.name for check in started.checks] == ["p95 < 50ms", "errors < 1%"]
    assert [each.name for each in found.of(PhaseBegan)] == ["ramp", "hold"]
    assert [(each.name, each.state) for each in found.of(ProcessChange)] == [
        ("vm:1", "joined"),
        ("local", "started"),
    ]
    measures = found.record.measures.load
    assert measures is not None
    assert (measures.requests, measures.failures, measures.rate) == (1000, 0, 100)
    assert measures.p95_s == pytest.approx(0.01, rel=1e-3)


async def test_objectives_that_do_not(tmp_path: Path) -> None:
    found = await carried_out(tmp_path, MadeUp([tick(failures=5)] * 10))
    assert found.outcome == (Outcome.FAILED, "1 of 2 objectives broken: errors < 1%")
    assert found.record.verdict is not None
    assert {check.name: check.ok for check in found.record.verdict.checks} == {
        "p95 < 50ms": True,
        "errors < 1%": False,
        "the generator keeps up": True,
    }


async def test_the_warm_up_is_on_record_and_neither_judged_nor_counted(tmp_path: Path) -> None:
    session = MadeUp([tick(milliseconds=500, failures=100)] * 3 + [tick()] * 7)
    found = await carried_out(tmp_path, session, warm_up=3)
    assert found.outcome[0] is Outcome.PASSED
    assert [each.name for each in found.of(PhaseBegan)] == ["warm-up", "hold"]
    begins = [number for number, each in enumerate(found.events) if each.what == PhaseBegan("hold")]
    ticks = [number for number, each in enumerate(found.events) if isinstance(each.what, LoadTick)]
    assert ticks[2] < begins[0] < ticks[3]
    assert found.record.measures.load is not None
    assert (found.record.measures.load.requests, found.record.measures.load.failures) == (700, 0)


async def test_how_the_objectives_stand_is_told_while_it_runs(tmp_path: Path) -> None:
    session = MadeUp([tick(milliseconds=500)] * 6 + [tick()] * 200)
    found = await carried_out(tmp_path, session)
    assert found.outcome[0] is Outcome.PASSED
    told = [each.what.check for each in found.events if isinstance(each.what, Checked)]
    decisions = [bool(check.ok) for check in told if check.name == "p95 < 50ms"]
    assert 40 < len(decisions) < 45
    assert (decisions[0], decisions[-1]) == (False, True)
    assert decisions == sorted(decisions)


async def test_a_broken_objective_ends_it_early_where_that_is_wanted(tmp_path: Path) -> None:
    session = MadeUp([tick(failures=50)] * 10)
    found = await carried_out(tmp_path, session, abort=Abort(after=2, delay=2))
    assert found.outcome[0] is Outcome.ABORTED
    assert found.outcome[1] == "ended early, errors < 1% was broken: 50% against 1%"
    assert len(found.of(LoadTick)) == 4
    assert found.of(GuardTripped) == [GuardTripped("errors < 1%", "50% against 1%")]
    assert (await carried_out(tmp_path, MadeUp([tick(failures=50)] * 10))).outcome[0] is Outcome.FAILED


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (tick(cpu=0.97), "a generator used more than 90% of its core in 10 of 10 seconds"),
        (tick(lag=0.5), "a generator's event loop kept things waiting"),
        (tick(late=60, milliseconds=80), "600 of 1000 requests began late"),
        (tick(requests=0), "not one request was made"),
    ],
)
async def test_what_the_generator_did_itself_is_no_verdict(
    tmp_path: Path, bad: LoadTick, reason: str
) -> None:
    found = await carried_out(tmp_path, MadeUp([bad] * 10))
    assert found.outcome[0] is Outcome.INCONCLUSIVE
    assert found.outcome[1].startswith(reason)


async def test_objectives_that_hold_although_requests_began_late_do_hold(tmp_path: Path) -> None:
    found = await carried_out(tmp_path, MadeUp([tick(late=60)] * 10))
    assert found.outcome == (Outcome.PASSED, "all 2 objectives hold")
    assert found.of(Checked)[-1].check == Check(
        KEEPS_UP, "yes", "yes; 600 of 1000 requests began late, which latencies include", ok=True
    )
    # That they began late is not why they failed.
    found = await carried_out(tmp_path, MadeUp([tick(late=60, failures=20)] * 10))
    assert found.outcome == (Outcome.FAILED, "1 of 2 objectives broken: errors < 1%")
    # Nobody knows how those would have fared that never began.
    found = await carried_out(tmp_path, MadeUp([tick(late=60)] * 10, unserved=11))
    assert found.outcome[0] is Outcome.INCONCLUSIVE


async def test_an_objective_of_what_nobody_asked_for_cannot_be_told(tmp_path: Path) -> None:
    found = await carried_out(tmp_path, MadeUp([tick()] * 10), ["GET /b: p95 < 50ms"])
    assert found.outcome == (Outcome.INCONCLUSIVE, "nothing was measured of GET /b: p95 < 50ms")


async def test_a_profile_without_objectives_passes(tmp_path: Path) -> None:
    found = await carried_out(tmp_path, MadeUp([tick()] * 2), [])
    assert found.outcome == (Outcome.PASSED, "200 requests made; the profile has no objectives")
    found = await carried_out(tmp_path, MadeUp([tick(failures=7), tick()]), [])
    assert found.outcome == (Outcome.PASSED, "200 requests made, 7 failed; the profile has no objectives")


@pytest.mark.parametrize("objectives", [[], ["p95 < 50ms"]])
async def test_a_test_whose_every_request_failed_has_not_passed(
    tmp_path: Path, objectives: list[str]
) -> None:
    found = await carried_out(tmp_path, MadeUp([tick(failures=100)] * 2), objectives)
    assert found.outcome == (Outcome.FAILED, "every one of 200 requests failed")


async def test_one_objective(tmp_path: Path) -> None:
    found = await carried_out(tmp_path, MadeUp([tick()] * 2), ["p95 < 50ms"])
    assert found.outcome == (Outcome.PASSED, "the objective holds")


async def test_somebody_ends_it(tmp_path: Path) -> None:
    control = Control()
    session = MadeUp([tick()] * 10, on_tick=lambda number: control.stop.set() if number == 4 else None)
    found = await carried_out(tmp_path, session, control=control)
    assert found.outcome == (Outcome.ABORTED, "interrupted by hand")
    assert len(found.of(LoadTick)) < 10
    assert session.closed


async def test_somebody_ends_it_while_workers_are_waited_for(tmp_path: Path) -> None:
    control = Control()
    asyncio.get_running_loop().call_soon(control.stop.set)
    found = await carried_out(tmp_path, Driver(MadeUp([]), never=True), control=control)
    assert found.outcome == (Outcome.ABORTED, "interrupted by hand before it began")


async def test_a_generator_that_breaks_off_is_an_error_of_the_run(tmp_path: Path) -> None:
    session = MadeUp([tick()] * 3, breaks=LoadFailed("the load generator was killed by SIGKILL"))
    found = await carried_out(tmp_path, session)
    assert found.outcome == (Outcome.ERROR, "the load generator was killed by SIGKILL")
    assert found.record.measures.load is not None
    assert found.record.measures.load.requests == 300
    assert session.closed


async def test_an_impossible_locustfile_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such word"):
        await carried_out(tmp_path, Driver(MadeUp([]), problem=UsageError("no such word")))


class Side:
    def __init__(self, *checks: tuple[Check, str]) -> None:
        self.given = checks
        self.span: Span | None = None
        self.requests = 0

    async def checks(self, span: Span, load: Load) -> Sequence[tuple[Check, str]]:
        self.span, self.requests = span, load.totals.whole.requests
        return self.given


async def test_the_servers_are_heard_about_what_was_judged(tmp_path: Path) -> None:
    side = Side(
        (Check("slo: a/b", 0.99, 0.995, "ratio", ok=True), ""),
        (Check("slo: a/b (server)", 0.99, 0.98, "ratio", ok=False), "it counts others, too"),
    )
    found = await carried_out(
        tmp_path, MadeUp([tick()] * 10), ["p95 < 50ms", "slo: a/b"], warm_up=2, server=side
    )
    assert found.outcome == (Outcome.FAILED, "1 of 3 objectives broken: slo: a/b (server)")
    assert found.of(Explained) == [Explained("slo: a/b (server)", "it counts others, too")]
    assert side.requests == 800
    assert side.span is not None
    assert T0 < side.span.begin < side.span.end


async def test_load_ends_although_that_cannot_be_written_down() -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    session, control = MadeUp([]), Control()

    async def stopped() -> bool:
        async with under(control, session, full):
            control.stop.set()
            await asyncio.sleep(0.01)
            assert session.stopped
        return True

    with pytest.raises(OSError, match="No space"):
        await stopped()
    assert session.closed
