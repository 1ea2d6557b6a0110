"""The evaluator of rules, against promtool on the same series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.slo.simulate import CannotSimulate, Timeline
from tests.support.promtool import Rules

if TYPE_CHECKING:
    from pathlib import Path

A = [0, 60, 120, 180, None, None, 300, 360, 10, 70, 130, 190]
B = [0, 600, 1200, 1800, None, None, 3000, 3600, 4200, 4800, 5400, 6000]
EXPRESSIONS = [
    "sum(rate(a[5m]))",
    "sum(increase(a[3m]))",
    "sum(rate(a[5m])) / (sum(rate(b[5m])) > 0)",
    "sum(rate(none[5m])) or 0 * sum(rate(b[5m]))",
    "sum_over_time(sum(b)[6m:1m])",
    "avg(avg_over_time(a[4m]))",
    "count(count_over_time(b[4m]))",
    "max(max_over_time(a[5m])) - min(min_over_time(a[5m]))",
    "clamp_max(sum(a), 100)",
    "sum(a) > bool 100",
    "sum(b) and sum(a) > 100",
    "sum(b) unless sum(a) > 100",
    "time() - sum(a)",
    'sum(label_replace(a, "x", "y", "", ""))',
    "0 / (sum(a) * 0)",
]


def timeline(minutes: int = 12) -> Timeline:
    out = Timeline(minutes)
    out.feed({"__name__": "a", "i": "x"}, A)
    out.feed({"__name__": "b", "i": "x"}, B)
    return out


def test_expressions_have_the_values_promtool_gives(tmp_path: Path) -> None:
    asked = [(expr, minute) for expr in EXPRESSIONS for minute in (2, 5, 7, 9, 11)]

    def notation(values: list[int | None]) -> str:
        return " ".join("_" if value is None else str(value) for value in values)

    said = Rules("groups: []\n", {'a{i="x"}': notation(A), 'b{i="x"}': notation(B)}).values(tmp_path, asked)
    known = timeline()
    for (expr, minute), value in zip(asked, said, strict=True):
        found = list(known.at(expr, minute).values())
        wanted = [] if value is None else [pytest.approx(value, nan_ok=True)]
        assert found == wanted, (expr, minute)


@pytest.mark.parametrize(
    ("expr", "what"),
    [
        pytest.param("sum(", "not PromQL", id="syntax"),
        pytest.param("histogram_fraction(0, 1, a)", "not covered", id="function"),
        pytest.param("a offset 5m", "not covered", id="offset"),
        pytest.param('a * on () {i="x"}', "belong to one element", id="twins"),
        pytest.param("topk(3, a)", "not covered", id="aggregate"),
    ],
)
def test_what_is_not_covered_is_refused(expr: str, what: str) -> None:
    with pytest.raises(CannotSimulate, match=what):
        timeline().evaluate(expr)


@given(st.lists(st.integers(0, 1000), min_size=7, max_size=30))
def test_a_rate_of_a_steady_scrape_is_growth_over_time(growth: list[int]) -> None:
    values: list[float | None] = [0.0]
    for each in growth:
        values.append((values[-1] or 0) + each)
    known = Timeline(len(values))
    known.feed({"__name__": "c"}, values)
    end = len(values) - 1
    (rate,) = known.at("rate(c[5m])", end).values()
    assert rate == pytest.approx(sum(growth[-5:]) / 300)


@given(st.lists(st.one_of(st.none(), st.integers(0, 1000)), min_size=3, max_size=30), st.integers(1, 12))
def test_sums_over_time_hold_both_ends_or_not_the_oldest(values: list[int | None], minutes: int) -> None:
    for left_open in (False, True):
        known = Timeline(len(values), left_open=left_open)
        known.feed({"__name__": "c"}, values)
        end = len(values) - 1
        first = max(end - minutes + left_open, 0)
        wanted = [value for value in values[first:] if value is not None]
        found = list(known.at(f"sum_over_time(c[{minutes}m])", end).values())
        assert found == ([sum(wanted)] if wanted else [])
