"""Rounds as their events tell them: what counts, what is too little, and what a set clock does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sretool.core.runs.events import LoadTick, PhaseBegan, RequestTick, RunEvent, StepBegan, StepEnded, What
from sretool.core.runs.model import Outcome
from sretool.core.runs.rounds import RoundSeen, rounds

AT = datetime(2026, 11, 21, 10, tzinfo=UTC)
NAMES = {"without-1": (1, False), "with-1": (1, True)}


class Told:
    def __init__(self) -> None:
        self.events: list[RunEvent] = []
        self.t = 0.0
        self.set = timedelta()

    def tell(self, what: What, *, late: float = 0.0) -> None:
        at = AT + timedelta(seconds=self.t) + self.set
        self.events.append(RunEvent(at, self.t + late, what))

    def round(
        self, step: str, *, ticks: int = 30, bucket: int = 4400, failed: int = 0, jump: float = 0.0,
        outcome: Outcome = Outcome.PASSED, lost: int = 0,
    ) -> None:  # fmt: skip
        self.tell(StepBegan(step))
        self._ticks(5, 9000, 0)
        self.tell(PhaseBegan("measured"))
        self._ticks(ticks // 2, bucket, failed)
        self.set += timedelta(seconds=jump)
        self.t += lost
        self._ticks(ticks - ticks // 2, bucket, failed)
        self.tell(PhaseBegan("between"))
        self._ticks(5, 9000, 0)
        self.tell(StepEnded(step, outcome, "" if outcome is Outcome.PASSED else "as it came"))

    def _ticks(self, count: int, bucket: int, failed: int) -> None:
        for _ in range(count):
            self.t += 1
            # What a child wrote is taken in a moment later.
            self.tell(LoadTick(1.0, None, (RequestTick("GET /", 40, failed, ((bucket, 40),)),)), late=0.3)

    def seen(self, step: str) -> RoundSeen:
        return next(each for each in rounds(self.events, NAMES, "measured").rounds if each.step == step)


def test_only_the_measured_stretch_counts() -> None:
    of = Told()
    of.round("without-1")
    of.round("with-1", failed=4, bucket=4500)
    found = rounds(of.events, NAMES, "measured")
    assert found.pairs == 1
    one, other = found.rounds
    assert (one.requests, other.requests) == (1200, 1200)
    assert (one.figures["errors"], other.figures["errors"]) == (0.0, 0.1)
    assert other.figures["throughput"] == pytest.approx(36)
    assert one.figures["p95"] < other.figures["p95"]
    assert [each.measure.name for each in found.compared] == ["p95", "p99", "errors", "throughput"]
    assert [each.worse for each in found.compared] == [None] * 4


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"jump": 40.0}, "the clock was set meanwhile"),
        ({"jump": -40.0}, "the clock was set meanwhile"),
        ({"lost": 20}, "the load tells 30 of 50 s"),
        ({"outcome": Outcome.ABORTED}, "as it came"),
    ],
)
def test_what_does_not_count(words: dict[str, float], why: str) -> None:
    of = Told()
    of.round("without-1")
    of.round("with-1", **words)  # type: ignore[arg-type]
    assert of.seen("with-1").why == why
    assert rounds(of.events, NAMES, "measured").pairs == 0


def test_a_percentile_takes_some_requests_beyond_it() -> None:
    of = Told()
    of.round("with-1", ticks=6)
    # 240 requests: 12 beyond the 95th, 2 beyond the 99th percentile.
    assert set(of.seen("with-1").figures) == {"p95", "errors", "throughput"}


def test_a_round_that_is_not_over_does_not_count() -> None:
    of = Told()
    of.round("with-1")
    assert of.events.pop().what == StepEnded("with-1", Outcome.PASSED)
    assert of.seen("with-1").why == "it was not over"


def test_a_step_that_is_no_round_is_passed_over() -> None:
    of = Told()
    of.tell(StepBegan("wait"))
    assert rounds(of.events, NAMES, "measured").rounds == ()
