from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.alerting.scale import scale_expression, scale_routing, scale_rules
from sretool.units import format_duration, parse_duration


@pytest.mark.parametrize(
    ("written", "scaled"),
    [
        ("rate(a[5m])", "rate(a[30s])"),
        ("rate(a[1h30m])", "rate(a[9m])"),
        ("rate(a[30s])", "rate(a[5s])"),
        ("rate(a[2s])", "rate(a[2s])"),
        ("max_over_time(rate(a[5m])[30m:1m])", "max_over_time(rate(a[30s])[3m:6s])"),
        ("max_over_time(a[30m:])", "max_over_time(a[3m:])"),
        ("max_over_time(a[ 30m : 1s ])", "max_over_time(a[3m:1s])"),
        ("a offset 30s", "a offset 3s"),
        ("a offset -5m", "a offset -30s"),
        ("a offset 5s", "a offset 1s"),
        ("a{b=\"[5m] offset 5m\",c='[5m]'}[5m]", "a{b=\"[5m] offset 5m\",c='[5m]'}[30s]"),
        ('a{b="\\"[5m]"}', 'a{b="\\"[5m]"}'),
        ("label_replace(a, 'b', `[5m]`, 'c', '')", "label_replace(a, 'b', `[5m]`, 'c', '')"),
        ("a[5m] # as in [5m]\n + b[5m]", "a[30s] # as in [5m]\n + b[30s]"),
        ("offset_5m > 5", "offset_5m > 5"),
        ("rate(a[5m]) * 60 > 10", "rate(a[30s]) * 60 > 10"),
    ],
)
def test_only_times_of_an_expression_change(written: str, scaled: str) -> None:
    assert scale_expression(written, 10) == scaled


RULES = """
groups:
  - name: g5m
    interval: 30s
    rules:
      - record: a:rate5m
        expr: rate(a[5m])
        labels: {window: 5m, for: 5m}
      - alert: A
        expr: |
          a:rate5m > 1
          and b{c="for 5m"} > 2
        for: 1m
        keep_firing_for: 5m
        annotations: {summary: above for 5m, description: "a[5m] {{ $value }}"}
      - {alert: B, expr: up == 0, for: 0s}
      - {alert: C, expr: 1, for: 3s}
  - name: default
    rules: []
"""


def test_times_of_a_rule_file_change_and_nothing_else() -> None:
    scaled = yaml.safe_load(scale_rules(RULES, 10))
    expected = yaml.safe_load(RULES)
    first = expected["groups"][0]
    first["interval"] = "3s"
    first["rules"][0]["expr"] = "rate(a[30s])"
    first["rules"][1] |= {"for": "6s", "keep_firing_for": "30s"}
    first["rules"][3] |= {"for": "1s", "expr": "1"}
    assert scaled == expected


def test_a_factor_of_one_leaves_the_text_alone() -> None:
    assert scale_rules(RULES, 1) is RULES


def test_expressions_of_several_lines_stay_readable() -> None:
    assert "        and b" in scale_rules(RULES, 10) or "      and b" in scale_rules(RULES, 10)


def test_a_rule_shared_by_an_alias_is_divided_once() -> None:
    text = (
        "groups:\n- name: a\n  rules: &r\n  - {alert: A, expr: 'a[50m]', for: 50m}\n- {name: b, rules: *r}\n"
    )
    scaled = yaml.safe_load(scale_rules(text, 10))
    assert [group["rules"] for group in scaled["groups"]] == [
        [{"alert": "A", "expr": "a[5m]", "for": "5m"}]
    ] * 2


def test_routing_is_divided_down_to_its_last_child() -> None:
    text = """
route:
  receiver: a
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  routes:
    - matchers: [x="y"]
      group_wait: 0s
      routes: &deep [{receiver: b, repeat_interval: 10m, active_time_intervals: [h]}]
    - {matchers: [x="z"], routes: *deep}
global: {resolve_timeout: 5m}
"""
    expected: dict[str, Any] = yaml.safe_load(text)
    expected["route"] |= {"group_wait": "3s", "group_interval": "30s", "repeat_interval": "24m"}
    expected["route"]["routes"][0]["routes"][0]["repeat_interval"] = "1m"
    assert yaml.safe_load(scale_routing(text, 10)) == expected
    assert scale_routing(text, 1) is text


SECONDS = st.integers(1, 40 * 86400).map(lambda seconds: timedelta(seconds=seconds))


@given(duration=SECONDS, factor=st.integers(2, 100))
def test_a_scaled_range_is_the_quotient_but_never_below_the_least_nor_above_what_it_was(
    duration: timedelta, factor: int
) -> None:
    scaled = scale_expression(f"rate(a[{format_duration(duration)}])", factor)
    window = parse_duration(scaled.removeprefix("rate(a[").removesuffix("])"))
    least = min(timedelta(seconds=5), duration)
    assert window <= duration
    assert window == least or abs(window - duration / factor) <= timedelta(seconds=0.5)
    assert window >= least


@given(st.text(alphabet="a{}=\"\\'`[]()5mhs: #offset\n", max_size=60))
def test_text_within_quotes_is_never_touched(text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert scale_expression(f"a{{b={quoted}}}[10m]", 10) == f"a{{b={quoted}}}[1m]"
