from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.core.analysis.canary import Outcome, Verdict
from sretool.core.catalog.canary import DEFAULT, Stage
from sretool.core.observe.canary import Sides
from sretool.core.observe.model import Sample, Series
from sretool.errors import SourceTimeout, UsageError
from sretool.services.canary import Order, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.errors import SourceError

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDER = Order(replace(DEFAULT, criteria=DEFAULT.criteria[:1]), Sides('version="v2"', 'version="v1"'), 1)


@dataclass
class Versions:
    """A server with two versions: requests and failures a minute."""

    canary: tuple[float, float] = (100.0, 0.1)
    baseline: tuple[float, float] = (2000.0, 2.0)
    shared: float = 0.0
    error: SourceError | None = None
    asked: list[str] = field(default_factory=list)
    ranges: list[tuple[datetime, datetime, timedelta]] = field(default_factory=list)

    def _value(self, query: str) -> float:
        self.asked.append(query)
        if self.error is not None:
            raise self.error
        if " and " in query:
            return self.shared
        if "last_over_time" in query:
            return 1.0
        side = self.canary if 'version="v2"' in query else self.baseline
        length = re.search(r"\[(?:(\d+)h)?(?:(\d+)m)?\]", query)
        assert length is not None
        minutes = int(length[1] or 0) * 60 + int(length[2] or 0)
        return side["5xx" in query] * minutes

    async def instant(self, query: str, at: datetime | None = None) -> Sequence[Sample]:
        value = self._value(query)
        return [Sample({}, at or AT, value)] if value or " and " not in query else []

    async def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Series]:
        self.ranges.append((start, end, step))
        value, count = self._value(query), int((end - start) / step) + 1
        return [Series({}, tuple((start + step * number, value) for number in range(count)))]

    async def aclose(self) -> None:
        pass


async def test_a_stage_is_judged_as_long_as_it_lasts() -> None:
    server = Versions()
    found = await judge(ORDER, server, AT)
    assert (found.outcome, found.window.length) == (Outcome.PROMOTE, timedelta(minutes=30))
    assert found.criteria[0].canary.events == 3000
    assert set(server.ranges) == {(AT - timedelta(minutes=29), AT, timedelta(minutes=1))}
    assert found.notes == ()


async def test_the_begin_of_the_stage_can_be_said() -> None:
    found = await judge(replace(ORDER, since=AT - timedelta(minutes=10)), Versions(), AT)
    assert (found.outcome, found.remaining) == (Outcome.HOLD, timedelta(minutes=20))


async def test_a_bad_version_goes_back() -> None:
    found = await judge(ORDER, Versions(canary=(100.0, 3.0)), AT)
    assert (found.outcome, found.reason) == (Outcome.ROLLBACK, "roll-back rule: 5xx answers")
    assert found.criteria[0].verdict is Verdict.FAILED


async def test_a_canary_within_its_own_baseline_is_refused() -> None:
    with pytest.raises(UsageError, match="42 series are both canary"):
        await judge(ORDER, Versions(shared=42), AT)


async def test_a_server_that_is_away_is_one_error() -> None:
    with pytest.raises(SourceTimeout, match="no answer"):
        await judge(ORDER, Versions(error=SourceTimeout("no answer")), AT)


async def test_a_server_that_goes_away_between_two_questions_is_one_error() -> None:
    class Leaving(Versions):
        def _value(self, query: str) -> float:
            if "increase" in query:
                raise SourceTimeout("no answer")
            return super()._value(query)

    with pytest.raises(SourceTimeout, match="no answer"):
        await judge(ORDER, Leaving(), AT)


async def test_all_traffic_on_the_canary_wants_the_past_for_a_baseline() -> None:
    policy = replace(ORDER.policy, stages=(Stage(1.0, timedelta(minutes=30)),))
    order = replace(ORDER, policy=policy)
    (note,) = (await judge(order, Versions(), AT)).notes
    assert "--baseline-offset" in note
    server = Versions()
    found = await judge(replace(order, sides=replace(order.sides, earlier=timedelta(days=1))), server, AT)
    assert found.notes == ()
    assert sum("offset 1d" in query for query in server.asked) == 4


async def test_a_stage_younger_than_a_slice_has_no_slices() -> None:
    server = Versions()
    policy = replace(ORDER.policy, over=timedelta(minutes=5))
    found = await judge(Order(policy, ORDER.sides, 1, AT - timedelta(minutes=2)), server, AT)
    assert server.ranges == []
    assert found.outcome is Outcome.HOLD
    assert found.notes == ("the stage is younger than one slice of the roll-back rules",)
