from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sretool.core.analysis.recording import Points
from sretool.errors import SourceRefused, SourceTooMuch
from sretool.services import backtesting
from tests.support.slos import slo

if TYPE_CHECKING:
    from collections.abc import Sequence

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class FakeHistory:
    """Has recorded some SLOs and counts events of all; refuses long ranges where told so."""

    recorded: Sequence[str] = ()
    most: timedelta = timedelta(days=365)
    refusal: type[Exception] = SourceTooMuch
    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)

    def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Points]:
        self.asked.append((query, start, end))
        assert step == timedelta(minutes=1)
        if end - start > self.most:
            raise self.refusal("too much")
        times = np.arange(int(start.timestamp()), int(end.timestamp()) + 1, 60)
        ones = np.ones(len(times))
        if "slo:(bad|total)" in query:
            return [
                Points({"__name__": f"slo:{what}:rate5m", "slo": id}, times, ones)
                for id in self.recorded
                if id in query
                for what in ("bad", "total")
            ]
        return [Points({"figure": what}, times, ones * 2) for what in ("bad", "total")]

    def close(self) -> None:
        pass


def test_recorded_slos_come_in_batches_and_the_others_one_by_one() -> None:
    slos = [slo(id=f"shop/s{number:02}") for number in range(45)]
    source = FakeHistory(recorded=[each.id for each in slos[1:]])
    told: list[tuple[int, int]] = []
    found = backtesting.read(source, slos, START, START + 10 * DAY, lambda done, of: told.append((done, of)))
    assert [each.origin for each in found] == ["counters"] + ["rules"] * 44
    assert all(each.coverage(START) == 1 for each in found)
    assert len([query for query, _, _ in source.asked if "slo:(bad|total)" in query]) == 6
    assert len([query for query, _, _ in source.asked if "label_replace" in query]) == 2
    assert told == [(0, 2), (1, 2), (2, 2)]


def test_a_range_that_is_too_much_is_halved() -> None:
    source = FakeHistory(recorded=["shop/checkout"], most=2 * DAY)
    (found,) = backtesting.read(source, [slo()], START, START + 7 * DAY)
    assert found.coverage(START) == 1
    assert found.total.tolist() == [1.0] * (7 * 1440 + 1)


def test_a_server_that_answers_nothing_is_not_asked_for_ever() -> None:
    source = FakeHistory(most=timedelta(minutes=-1))
    with pytest.raises(SourceTooMuch):
        backtesting.read(source, [slo()], START, START + 7 * DAY)
    assert len(source.asked) < 20


def test_other_refusals_are_told_at_once() -> None:
    source = FakeHistory(most=timedelta(minutes=-1), refusal=SourceRefused)
    with pytest.raises(SourceRefused):
        backtesting.read(source, [slo()], START, START + 7 * DAY)
    assert len(source.asked) == 1
