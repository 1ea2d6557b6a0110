"""The search with a generator and a server that are only computed, up to the record of its run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.core.analysis.capacity import Ending, Plan
from sretool.core.catalog.watched import Measure, Resource, Watched
from sretool.core.observe.model import Series
from sretool.core.plans.load.messages import Ended
from sretool.core.plans.load.objectives import parse
from sretool.core.plans.load.plan import LoadPlan
from sretool.core.plans.load.profile import LoadProfile, Open
from sretool.core.plans.load.shape import flat
from sretool.core.runs import events
from sretool.core.runs.events import LoadTick, RequestTick, RunEvent, WorkerTick
from sretool.core.runs.model import Measures, Outcome, RunKind, RunRecord, RunState, Verdict
from sretool.core.runs.story import Story
from sretool.errors import LoadFailed, SourceUnreachable
from sretool.services import capacity
from sretool.services.capacity import Order, WatchedResources
from sretool.services.load import Control
from tests.support.queues import Bench, Queue, Server, constant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from sretool.core.observe.model import Sample
    from sretool.core.runs.events import ProcessChange, What

START = datetime(2026, 11, 20, 3, tzinfo=UTC)


class Time:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


class Journal:
    def __init__(self, time: Time) -> None:
        self._time = time
        self.events: list[RunEvent] = []
        self.run = RunRecord("r1", RunKind.CAPACITY, "word", RunState.RUNNING, START)

    def record(self, what: What) -> RunEvent:
        self.events.append(RunEvent(self._time.now(), self._time.seconds, what))
        return self.events[-1]

    def finish(self, verdict: Verdict, measures: Measures | None = None) -> None:
        self.run = replace(
            self.run, state=RunState.FINISHED, verdict=verdict, measures=measures or Measures()
        )

    def of(self, kind: type[What]) -> list[What]:
        return [event.what for event in self.events if isinstance(event.what, kind)]


class Session:
    """Computed seconds as a generator tells them."""

    workers: Sequence[str] = ("local",)
    scenarios: Sequence[str] = ("Reader",)
    versions: Mapping[str, str] = {}

    def __init__(self, bench: Bench, plan: LoadPlan, time: Time, dies_after: int | None) -> None:
        assert isinstance(plan.model, Open)
        self._bench, self._time, self._dies_after = bench, time, dies_after
        self.rate = plan.model.rate.at(0)
        self.rates = [self.rate]
        self._stopped = False
        self.closed = False
        self.ended: Ended | None = None

    async def ticks(self) -> AsyncIterator[LoadTick]:
        told = 0
        while not self._stopped:
            if told == self._dies_after:
                raise LoadFailed("the load generator was killed by SIGKILL")
            second = self._bench.second(self.rate)
            self._time.seconds += 1
            told += 1
            whole = second.totals.whole
            yield LoadTick(
                1.0,
                None,
                (RequestTick("GET /word", whole.requests, whole.failures, whole.latency.counts()),),
                self.rate,
                workers=(WorkerTick("local", second.cpu),),
                lag_s=second.lag_s,
                in_flight=second.in_flight,
            )
        self.ended = Ended("stopped", told)

    async def set_rate(self, rate: float) -> None:
        self.rate = rate
        self.rates.append(rate)

    async def stop(self) -> None:
        self._stopped = True

    async def aclose(self) -> None:
        self.closed = True


class Driver:
    def __init__(self, bench: Bench, time: Time, dies_after: int | None = None) -> None:
        self._bench, self._time, self._dies_after = bench, time, dies_after
        self.session: Session | None = None

    async def start(
        self,
        plan: LoadPlan,
        *,
        changed: Callable[[ProcessChange], None] = lambda _: None,
        log: Path | None = None,
    ) -> Session:
        self.session = Session(self._bench, plan, self._time, self._dies_after)
        return self.session


class Prometheus:
    """Knows CPU that grows with time, or nothing."""

    def __init__(self, series: Mapping[str, Sequence[Series]] | None) -> None:
        self._series = series

    async def instant(self, query: str, at: datetime | None = None) -> Sequence[Sample]:
        return ()

    async def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Series]:
        if self._series is None:
            raise SourceUnreachable("Prometheus at http://p cannot be reached")
        return self._series.get(query, ())

    async def aclose(self) -> None:
        pass


class Case:
    def __init__(
        self, server: Server | None = None, *, dies_after: int | None = None, most: float = 1e9
    ) -> None:
        self.time = Time()
        self.journal = Journal(self.time)
        bench = Bench(server or Queue(constant(1 / 2000)), poisson=False, most=most)
        self.driver = Driver(bench, self.time, dies_after)
        self.control = Control()

    async def found(
        self,
        *objectives: str,
        prometheus: Prometheus | None = None,
        search: Plan | None = None,
        stages: tuple[tuple[str, float], ...] = (),
    ) -> capacity.Answer:
        model = Open(flat(100, 1000), "uniform")
        profile = LoadProfile(
            "word", "One word", "word.py", model, objectives=tuple(parse(each) for each in objectives)
        )
        plan = LoadPlan(profile="word", locustfile="/word.py", target="http://127.0.0.1:1", model=model)
        watched = Watched((Resource("app", "App", (), (Measure("cpu", "cpu", "ratio"),)),))
        return await capacity.run(
            Order(profile, plan, search or Plan(start=100), stages),
            driver=self.driver,
            journal=self.journal,
            clock=self.time,
            control=self.control,
            resources=WatchedResources(prometheus, watched) if prometheus is not None else None,
        )


async def test_a_search_from_its_start_to_its_verdict() -> None:
    case = Case()
    answer = await case.found(
        "p99 < 100ms", stages=(("stage-1", 20), ("stage-2", 200), ("stage-3", 2500), ("unknown", 2000))
    )
    assert answer.result.ending is Ending.FOUND
    assert answer.result.knee == pytest.approx(2000, rel=0.01)
    assert case.journal.run.verdict is not None
    assert case.journal.run.verdict.outcome is Outcome.PASSED
    assert case.journal.run.verdict.reason == "holds 1,970/s, breaks at 2,030/s"
    assert [each.carries for each in answer.stages] == [True, True, False, None]
    assert answer.stages[0].headroom == pytest.approx(97.5, abs=0.5)
    session = case.driver.session
    assert session is not None
    assert session.closed
    # Measures are those of the rate that holds.
    measures = case.journal.run.measures.load
    assert measures is not None
    assert measures.rate == pytest.approx(1970, rel=0.01)
    assert measures.p99_s is not None
    assert measures.p99_s < 0.1


async def test_its_story_has_the_curve_and_the_answer() -> None:
    case = Case()
    answer = await case.found("p99 < 100ms")
    story = Story()
    story.take_all(case.journal.events)
    assert [(point.phase, point.held) for point in story.curve] == [
        (step.phase.value, step.held) for step in answer.result.steps
    ]
    assert story.capacity is not None
    assert story.capacity.lower == answer.result.lower
    assert story.capacity.rounds == 2
    assert any("hold" in phase.name for phase in story.phases)
    assert len(case.journal.of(LoadTick)) >= answer.result.seconds


async def test_a_rate_that_the_profile_wants_is_part_of_the_verdict() -> None:
    for wanted, outcome in (("rate >= 1500/s", Outcome.PASSED), ("rate >= 3000/s", Outcome.FAILED)):
        case = Case()
        await case.found("p99 < 100ms", wanted)
        assert case.journal.run.verdict is not None
        assert case.journal.run.verdict.outcome is outcome
        (check,) = case.journal.run.verdict.checks
        assert check.name == wanted
        assert check.got == pytest.approx(1970, rel=0.01)


async def test_who_was_full_first_is_named() -> None:
    case = Case()
    course = tuple((START + timedelta(seconds=second), min(second / 12, 1.0)) for second in range(60))
    answer = await case.found("p99 < 100ms", prometheus=Prometheus({"cpu": [Series({}, course)]}))
    assert answer.resources is not None
    assert answer.resources[0].title == "App cpu"
    assert answer.resources[0].at == START + timedelta(seconds=11)
    (told,) = case.journal.of(events.CapacityFound)
    assert isinstance(told, events.CapacityFound)
    assert told.resource == "App cpu"


async def test_a_prometheus_that_does_not_answer_costs_only_the_resources() -> None:
    case = Case()
    answer = await case.found("p99 < 100ms", prometheus=Prometheus(None))
    assert answer.resources is None
    assert any("cannot be reached" in note for note in answer.notes)
    assert answer.record.verdict is not None
    assert answer.record.verdict.outcome is Outcome.PASSED


async def test_a_generator_at_its_end_is_no_verdict() -> None:
    case = Case(most=900)
    await case.found("p99 < 100ms")
    assert case.journal.run.verdict is not None
    assert case.journal.run.verdict.outcome is Outcome.INCONCLUSIVE
    assert "generator was at its end before the server" in case.journal.run.verdict.reason


async def test_a_highest_rate_that_holds_is_an_answer() -> None:
    case = Case()
    await case.found("p99 < 100ms", search=Plan(start=100, most=500))
    assert case.journal.run.verdict is not None
    assert case.journal.run.verdict.outcome is Outcome.PASSED
    assert case.journal.run.verdict.reason == "holds 500/s, the highest rate allowed"
    assert case.driver.session is not None
    assert max(case.driver.session.rates) == 500


class Broken:
    def answer(self, at: float) -> tuple[float, bool]:
        return at + 0.001, False


async def test_a_server_that_holds_nothing_fails() -> None:
    case = Case(Broken())
    await case.found("p99 < 100ms", search=Plan(start=10))
    assert case.journal.run.verdict is not None
    assert case.journal.run.verdict.outcome is Outcome.FAILED
    assert "errors < 1% was 100%" in case.journal.run.verdict.reason


async def test_time_that_is_up_is_no_verdict() -> None:
    case = Case()
    await case.found("p99 < 100ms", search=Plan(start=100, within=15))
    assert case.journal.run.verdict is not None
    assert case.journal.run.verdict.outcome is Outcome.INCONCLUSIVE


async def test_a_generator_that_dies_is_an_error() -> None:
    case = Case(dies_after=9)
    await case.found("p99 < 100ms")
    assert case.journal.run.verdict is not None
    assert case.journal.run.verdict.outcome is Outcome.ERROR
    assert "SIGKILL" in case.journal.run.verdict.reason
    assert case.driver.session is not None
    assert case.driver.session.closed


async def test_a_hand_ends_it_in_order() -> None:
    case = Case()
    case.control.stop.set()
    await case.found("p99 < 100ms", search=Plan(start=100, within=15))
    assert case.journal.run.verdict is not None
    assert case.journal.run.verdict.outcome is Outcome.ABORTED


def test_a_profile_without_errors_gets_a_limit_of_them() -> None:
    model = Open(flat(1, 1))
    objectives = tuple(parse(each) for each in ("p95 < 1s", "rate > 5/s", "slo: a/b"))
    profile = LoadProfile("x", "x", "x.py", model, objectives=objectives)
    assert [str(each) for each in capacity.judged(profile)] == ["p95 < 1s", "errors < 1%"]
    strict = replace(profile, objectives=(parse("errors < 5%"),))
    assert [str(each) for each in capacity.judged(strict)] == ["errors < 5%"]
