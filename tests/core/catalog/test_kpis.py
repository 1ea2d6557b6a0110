"""Quarters, the catalog's KPIs, and which goal counts when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.catalog.kpis import UNITS, FromRuns, Goal, Kpi, Quarter, quarter, quarter_of
from sretool.core.catalog.model import Bound, Target
from sretool.core.catalog.read import read
from sretool.errors import CatalogError, UsageError

SLOS = """\
slos:
  - {id: shop/checkout, objective: 99.9%, window: 30d, sli: {bad: errors_total, total: requests_total}}
kpis:
"""
AMAS = Path(__file__).parents[3] / "sretool/systems/amas"


def problems(kpi: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        read({"slos.yaml": f"{SLOS}{kpi}"})
    return [str(each) for each in caught.value.problems]


@given(st.datetimes(datetime(1970, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC)))
def test_every_moment_is_in_exactly_one_quarter(at: datetime) -> None:
    found = quarter_of(at)
    assert found.start <= at < found.end
    assert quarter_of(found.end).start == found.end
    assert quarter(str(found)) == found


def test_a_quarter_is_one_of_utc() -> None:
    east = timezone(timedelta(hours=8))
    assert quarter_of(datetime(2026, 10, 1, 7, 59, tzinfo=east)) == Quarter(2026, 3)


@pytest.mark.parametrize("text", ["2026", "Q4", "2026Q5", "2026Q0", "26Q1", "0000Q1", "2026-10", ""])
def test_what_is_no_quarter_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="is not a quarter"):
        quarter(text)


def test_the_last_goal_holds_on() -> None:
    first, last = Target(Bound.ABOVE, 0.995), Target(Bound.ABOVE, 0.999)
    found = Kpi("a", "A", "ratio", goals=(Goal(Quarter(2026, 1), first), Goal(Quarter(2026, 3), last)))
    asked = [found.goal(quarter(each)) for each in ("2025Q4", "2026Q1", "2026Q2", "2026Q3", "2027Q1")]
    assert asked == [None, first, first, last, last]


def test_a_catalog_says_what_is_to_be_reached() -> None:
    found = read(
        {"slos.yaml": f"{SLOS}  - {{id: mttr, title: MTTR, unit: s, runs: mttr, targets: "
        "[{since: 2026Q1, below: 1800}]}\n"}
    )  # fmt: skip
    goal = Goal(Quarter(2026, 1), Target(Bound.BELOW, 1800.0))
    assert found.kpis == (Kpi("mttr", "MTTR", "s", None, FromRuns.MTTR, (goal,)),)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{id: a, title: A, unit: s}", "a KPI has a `query`, or `runs`"),
        ("{id: a, title: A, unit: ratio, runs: mttr}", "mttr of runs is in s, not in ratio"),
        ("{id: a, title: A, unit: s, query: up}", "has no {window}"),
        ("{id: a, title: A, unit: s, runs: mttr, targets: [{since: soon, below: 1}]}", "is not a quarter"),
        ("{id: a, title: A, unit: s, runs: mttr, targets: [{since: 2026Q1}]}", "either `above` or `below`"),
        (
            "{id: a, title: A, unit: s, runs: mttr,"
            " targets: [{since: 2026Q2, below: 1}, {since: 2026Q1, below: 2}]}",
            "go from quarter to quarter",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(written: str, told: str) -> None:
    (problem,) = problems(f"  - {written}\n")
    assert problem.startswith("slos.yaml:4: ")
    assert told in problem


def test_the_bundled_system_has_five_with_goals_for_every_quarter_from_2026_on() -> None:
    kpis = read({str(file): file.read_text() for file in AMAS.glob("*s.yaml")}).kpis
    assert [each.id for each in kpis] == ["availability", "latency-p95", "errors-5xx", "mttr", "mttd"]
    last = {each.id: goal.value for each in kpis if (goal := each.goal(quarter("2026Q4")))}
    assert last == {
        "availability": 0.999,
        "latency-p95": 0.15,
        "errors-5xx": 0.001,
        "mttr": 600,
        "mttd": 60,
    }
    for each in kpis:
        assert [str(goal.since) for goal in each.goals] == ["2026Q1", "2026Q2", "2026Q3"]
        assert each.runs is not None
        assert UNITS[each.runs] == each.unit
