"""KPIs asked of a server that is told what to say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sretool.core.catalog.kpis import Quarter
from sretool.core.observe.model import Sample, Series
from sretool.core.plans.kpis import ServerSays
from sretool.errors import SourceReplyInvalid
from sretool.services.indicators import ask
from tests.support.sources import FakeMetrics

Q4 = Quarter(2026, 4)
AT = Q4.start
DAY = timedelta(days=1)
QUERY = "sum(increase(bad[{window}]))"


def daily(*days: int) -> list[Series]:
    return [Series({}, tuple((Q4.start + day * DAY, 0.5) for day in days))]


async def test_the_quarter_so_far_and_its_days_with_data() -> None:
    source = FakeMetrics(lambda _: [Sample({}, AT, 0.25)], lambda _: daily(3, 4))
    found = await ask(QUERY, Q4, Q4.start + 10.5 * DAY, source)
    assert found == ServerSays(0.25, 2, 10)
    assert source.asked == ["sum(increase(bad[907200s]))", "sum(increase(bad[86400s]))"]


async def test_a_quarter_that_is_over_is_asked_as_a_whole() -> None:
    source = FakeMetrics(lambda _: [Sample({}, AT, 0.25)], lambda _: daily(1))
    found = await ask(QUERY, Q4, datetime(2027, 6, 1, tzinfo=UTC), source)
    assert found == ServerSays(0.25, 1, 92)
    assert source.asked[0] == f"sum(increase(bad[{92 * 86400}s]))"


async def test_no_answer_is_no_value() -> None:
    assert await ask(QUERY, Q4, Q4.start + 2 * DAY, FakeMetrics(lambda _: [])) == ServerSays(None, 0, 2)
    nan = FakeMetrics(lambda _: [Sample({}, AT, float("nan"))])
    assert await ask(QUERY, Q4, Q4.start + 2 * DAY, nan) == ServerSays(None, 0, 2)


async def test_on_its_first_day_no_days_are_asked() -> None:
    source = FakeMetrics(lambda _: [Sample({}, AT, 1.0)])
    assert await ask(QUERY, Q4, Q4.start + timedelta(hours=1), source) == ServerSays(1.0)
    assert len(source.asked) == 1


async def test_several_series_are_no_kpi() -> None:
    source = FakeMetrics(lambda _: [Sample({"a": "1"}, AT, 1.0), Sample({"a": "2"}, AT, 2.0)])
    with pytest.raises(SourceReplyInvalid, match="2 series where one is wanted"):
        await ask(QUERY, Q4, Q4.start + DAY, source)
