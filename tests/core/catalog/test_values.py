from __future__ import annotations

from decimal import Decimal

import pytest

from sretool.core.catalog import values
from sretool.errors import UsageError


@pytest.mark.parametrize(
    "selector",
    [
        "up",
        "job:errors:rate5m",
        'up{job="a"}',
        'up{job="a",instance!~"b|c",}',
        "up{job='a'}",
        "up{job=`a`}",
        '{__name__=~"a.*"}',
        'x{path="/a[0]",q="(1)"}',
        ' up {job = "a"} ',
    ],
)
def test_series_selectors(selector: str) -> None:
    assert values.selector(selector) == selector.strip()


@pytest.mark.parametrize(
    "selector",
    [
        "",
        "{}",
        "sum(up)",
        "up[5m]",
        "up offset 5m",
        "up{job}",
        "up{job=a}",
        'up{job="a"',
        "a or b",
        "a + b",
        "5xx",
    ],
)
def test_anything_else_is_no_series_selector(selector: str) -> None:
    with pytest.raises(UsageError):
        values.selector(selector)


@pytest.mark.parametrize("matchers", ["", 'a="b"', 'a="}",b=~"x"', ' a = "b" , c!="d" '])
def test_label_matchers(matchers: str) -> None:
    assert values.matchers(matchers) == matchers.strip()


@pytest.mark.parametrize("matchers", ['{a="b"}', "a", "a=b", 'a="b" c="d"', 'a=="b"'])
def test_anything_else_is_no_matcher(matchers: str) -> None:
    with pytest.raises(UsageError):
        values.matchers(matchers)


@pytest.mark.parametrize("expression", ['a{b="("}', "sum by (x) (rate(a[5m])) # (", "a{b='\"'} > 1"])
def test_brackets_in_strings_and_comments_do_not_count(expression: str) -> None:
    assert values.promql(expression) == expression


@pytest.mark.parametrize("expression", ["", "sum(a", "sum(a]", "a)", 'a{b="c}', "a{b='c\"}"])
def test_expressions_that_are_not_closed(expression: str) -> None:
    with pytest.raises(UsageError):
        values.promql(expression)


def test_a_histogram_is_named_without_its_suffix() -> None:
    with pytest.raises(UsageError) as caught:
        values.metric_name("request_seconds_bucket")
    assert caught.value.remedy == "write request_seconds"


@pytest.mark.parametrize(("raw", "value"), [("0.2", "0.2"), ("1e-3", "0.001"), ("600", "600")])
def test_numbers_stay_as_written(raw: str, value: str) -> None:
    assert values.positive_number(raw) == Decimal(value)


@pytest.mark.parametrize("raw", ["200ms", "0", "-1", "nan", "inf", "", "1e999999", "1e-999999"])
def test_what_no_threshold_can_be(raw: str) -> None:
    with pytest.raises(UsageError):
        values.positive_number(raw)


@pytest.mark.parametrize("raw", ["99999999999999y", "1e-999999", "0." + "9" * 40])
def test_quantities_beyond_all_measure_are_refused(raw: str) -> None:
    with pytest.raises(UsageError):
        values.duration(raw) if raw.endswith("y") else values.objective(raw)


@pytest.mark.parametrize(("raw", "seconds"), [("0", 0), ("0s", 0), ("90s", 90)])
def test_a_duration_may_be_none_where_that_makes_sense(raw: str, seconds: int) -> None:
    assert values.duration_or_none(raw).total_seconds() == seconds
