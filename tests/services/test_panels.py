from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sretool.core.observe.model import Sample, Series
from sretool.core.observe.questions import PANEL, Span, Wanted
from sretool.errors import SourceError, SourceRefused, SourceTimeout, SourceUnreachable
from sretool.services.panels import REQUESTS, Panels
from tests.support.sources import FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
HOUR = Span(timedelta(hours=1), timedelta(minutes=1))


@dataclass
class JoinedMetrics:
    """Answers joined queries: 1 for every expression in them, as a server would that may refuse some."""

    clock: FakeClock
    refused: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    lost: bool = False
    stuck: bool = False
    asked: list[tuple[str, ...]] = field(default_factory=list)
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)

    def _exprs(self, query: str) -> list[str]:
        return re.findall(r"label_replace\(\(\n(.*?)\n\), ", query, re.DOTALL)

    def _check(self, query: str) -> list[str]:
        exprs = self._exprs(query)
        self.asked.append(tuple(exprs))
        if self.lost:
            raise SourceUnreachable("Prometheus at http://p cannot be reached: refused", remedy="start it")
        if self.stuck or self.late & set(exprs):
            raise SourceTimeout("Prometheus at http://p gave no answer in 5 s")
        bad = self.refused & set(exprs)
        if bad:
            raise SourceRefused(f"Prometheus at http://p answered HTTP 400: cannot do {bad.pop()}")
        return exprs

    async def instant(self, query: str, at: datetime | None = None) -> Sequence[Sample]:
        exprs = self._check(query)
        return [
            Sample({PANEL: str(number), "of": expr}, self.clock.now(), 1.0)
            for number, expr in enumerate(exprs)
        ]

    async def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Series]:
        exprs = self._check(query)
        self.spans.append((start, end))
        count = int((end - start) / step) + 1
        points = tuple((start + step * number, float(number)) for number in range(count))
        return [Series({PANEL: str(number)}, points) for number, _ in enumerate(exprs)]

    async def aclose(self) -> None:
        pass


def asking(**faults: object) -> tuple[Panels, JoinedMetrics, FakeClock]:
    clock = FakeClock(AT)
    metrics = JoinedMetrics(clock, **faults)  # type: ignore[arg-type]
    return Panels(metrics, clock), metrics, clock


def many(count: int) -> tuple[str, ...]:
    return tuple(f"metric_{number}" for number in range(count))


async def test_many_expressions_are_one_request_and_each_gets_its_own_values() -> None:
    panels, metrics, _ = asking()
    answers = await panels.ask(Wanted(now=many(40)))
    assert (len(metrics.asked), answers.requests) == (1, 1)
    assert [answers.now(expr).samples[0].labels for expr in many(3)] == [{"of": e} for e in many(3)]


async def test_however_much_is_wanted_a_refresh_asks_six_times_at_most_and_all_get_their_turn() -> None:
    panels, _, clock = asking()
    wanted = tuple(f"metric_{number}{{x='{'y' * 3000}'}}" for number in range(60))
    for _ in range(3):
        clock.advance(timedelta(seconds=5))
        assert (await panels.ask(Wanted(now=wanted))).requests <= REQUESTS
    answers = await panels.ask(Wanted(now=wanted))
    assert all(answers.now(expr).at is not None for expr in wanted)


async def test_a_refused_expression_fails_alone_and_says_what_the_server_said() -> None:
    panels, _, clock = asking(refused={"metric_7"})
    for _ in range(4):
        answers = await panels.ask(Wanted(now=many(40)))
        assert answers.requests <= REQUESTS
        assert answers.error is None
        clock.advance(timedelta(seconds=5))
    assert answers.now("metric_7").error == "cannot do metric_7"
    others = [answers.now(expr) for expr in many(40) if expr != "metric_7"]
    assert all(found.samples and found.error is None for found in others)


async def test_a_broken_expression_is_tried_again_once_a_minute_and_may_recover() -> None:
    panels, metrics, clock = asking(refused={"metric_1"})
    await panels.ask(Wanted(now=many(2)))
    clock.advance(timedelta(seconds=5))
    metrics.asked.clear()
    await panels.ask(Wanted(now=many(2)))
    assert metrics.asked == [("metric_0",)]
    metrics.refused.clear()
    clock.advance(timedelta(minutes=1))
    answers = await panels.ask(Wanted(now=many(2)))
    assert answers.now("metric_1").samples
    assert answers.now("metric_1").error is None


async def test_a_slow_expression_is_found_while_the_server_answers_others() -> None:
    panels, _, clock = asking(late={"metric_2"})
    for _ in range(3):
        answers = await panels.ask(Wanted(now=many(4)))
        clock.advance(timedelta(seconds=5))
    assert answers.now("metric_2").error is not None
    assert all(answers.now(expr).samples for expr in ("metric_0", "metric_1", "metric_3"))


async def test_a_server_that_hangs_takes_nothing_apart() -> None:
    panels, metrics, clock = asking()
    await panels.ask(Wanted(now=many(40)))
    metrics.stuck = True
    clock.advance(timedelta(seconds=5))
    answers = await panels.ask(Wanted(now=many(40)))
    assert answers.error is not None
    assert all(answers.now(expr).samples and not answers.now(expr).error for expr in many(40))
    metrics.stuck = False
    metrics.asked.clear()
    clock.advance(timedelta(seconds=5))
    await panels.ask(Wanted(now=many(40)))
    assert len(metrics.asked) == 1


async def test_a_lost_server_clears_nothing() -> None:
    panels, metrics, clock = asking()
    first = await panels.ask(Wanted(now=many(3), past=(("metric_0", HOUR),)))
    metrics.lost = True
    clock.advance(timedelta(minutes=5))
    answers = await panels.ask(Wanted(now=many(3), past=(("metric_0", HOUR),)))
    assert answers.error == "Prometheus at http://p cannot be reached: refused"
    assert answers.now("metric_0") == first.now("metric_0")
    assert answers.track("metric_0", HOUR) == first.track("metric_0", HOUR)


async def test_a_curve_is_fetched_once_and_then_only_goes_on() -> None:
    panels, metrics, clock = asking()
    wanted = Wanted(past=(("metric_0", HOUR),))
    await panels.ask(wanted)
    clock.advance(timedelta(seconds=20))
    assert (await panels.ask(wanted)).requests == 0
    clock.advance(timedelta(minutes=2))
    answers = await panels.ask(wanted)
    assert metrics.spans == [
        (AT - timedelta(hours=1), AT),
        (AT + timedelta(minutes=1), AT + timedelta(minutes=2)),
    ]
    (series,) = answers.track("metric_0", HOUR).series
    assert series.points[0][0] == AT + timedelta(minutes=2) - timedelta(hours=1)
    assert series.points[-1][0] == AT + timedelta(minutes=2)
    assert len(series.points) == 61


async def test_what_ended_in_the_past_is_asked_again_after_ten_minutes_only() -> None:
    panels, metrics, clock = asking()
    week_ago = Span(timedelta(hours=1), timedelta(minutes=5), back=timedelta(days=7))
    wanted = Wanted(past=(("metric_0", week_ago),))
    for _ in range(10):
        await panels.ask(wanted)
        clock.advance(timedelta(minutes=1))
    assert len(metrics.spans) == 1
    await panels.ask(wanted)
    assert [end for _, end in metrics.spans] == [
        AT - timedelta(days=7),
        AT - timedelta(days=7) + timedelta(minutes=10),
    ]


async def test_an_error_that_is_about_us_is_the_sources_and_no_panels() -> None:
    class Closed(JoinedMetrics):
        async def instant(self, query: str, at: datetime | None = None) -> Sequence[Sample]:
            error: SourceError = SourceRefused(
                "Prometheus at http://p answered HTTP 401", remedy="check the token"
            )
            raise error

    clock = FakeClock(AT)
    answers = await Panels(Closed(clock), clock).ask(Wanted(now=many(3)))
    assert answers.error == "Prometheus at http://p answered HTTP 401"
    assert all(answers.now(expr).error is None for expr in many(3))
