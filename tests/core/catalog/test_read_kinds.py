"""How a catalog file says kinds of SLIs, windows, groups and exclusions, and what it says wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sretool.core.catalog.read import read
from sretool.core.slo.model import (
    BooleanGauge,
    BucketRatio,
    CalendarUnit,
    CalendarWindow,
    Composite,
    ErrorRatioQuery,
    EventRatio,
    Exclusion,
    Freshness,
    NativeBucketRatio,
    Part,
    Severity,
    Sli,
)
from sretool.errors import CatalogError

HEAD = """\
slos:
  - id: shop/checkout
    objective: 99.9%
    window: 30d
"""


def with_sli(sli: str) -> str:
    return f"{HEAD}    sli: {sli}\n"


COUNTERS = "{bad: errors_total, total: requests_total}"


def problems(text: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        read({"slos.yaml": text})
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "sli"),
    [
        pytest.param("{good: ok, total: t}", EventRatio(None, "t", good="ok"), id="good events"),
        pytest.param(
            "{histogram: h, threshold: 0.3, native: true}",
            NativeBucketRatio("h", Decimal("0.3")),
            id="native histogram",
        ),
        pytest.param(
            "{histogram: h, threshold: 0.3, good: above}",
            BucketRatio("h", Decimal("0.3"), good="above"),
            id="classic histogram",
        ),
        pytest.param(
            "{error_ratio: 'a{x=\"y\"}[{window}]', traffic: 'rate(t[{window}])'}",
            ErrorRatioQuery('a{x="y"}[{window}]', "rate(t[{window}])"),
            id="query",
        ),
        pytest.param("{up: 'probe_success'}", BooleanGauge("probe_success"), id="gauge"),
        pytest.param("{up: up, slice: 5m}", BooleanGauge("up", timedelta(minutes=5)), id="slices"),
        pytest.param(
            "{age: time() - done_seconds, max_age: 1d, slice: 30s}",
            Freshness("time() - done_seconds", timedelta(days=1), timedelta(seconds=30)),
            id="freshness",
        ),
        pytest.param(
            "{weighted: [{bad: b, total: t, weight: 2.5}, {up: up}]}",
            Composite((Part(EventRatio("b", "t"), Decimal("2.5")), Part(BooleanGauge("up")))),
            id="weighted",
        ),
        pytest.param(
            "{worst: [{good: b, total: t}, {histogram: h, threshold: 1}]}",
            Composite((Part(EventRatio(None, "t", good="b")), Part(BucketRatio("h", Decimal(1)))), "worst"),
            id="worst",
        ),
    ],
)
def test_kinds(written: str, sli: Sli) -> None:
    (slo,) = read({"a.yaml": with_sli(written)}).slos
    assert slo.sli == sli


@pytest.mark.parametrize(
    ("written", "words"),
    [
        pytest.param("{}", "an sli has `bad` (or `good`) and `total`", id="nothing"),
        pytest.param("{total: t}", "`bad` is missing", id="total alone"),
        pytest.param("{good: g}", "`total` is missing", id="good alone"),
        pytest.param("{bad: b, good: g, total: t}", "does not go with", id="good and bad"),
        pytest.param("{good: below, total: t}", "a series selector is wanted", id="side as selector"),
        pytest.param("{histogram: h, threshold: 1, good: ok}", "'ok' is not possible", id="selector as side"),
        pytest.param("{histogram: h}", "`threshold` is missing", id="histogram alone"),
        pytest.param("{histogram: h, threshold: 1, native: maybe}", "'maybe' is not possible", id="native"),
        pytest.param("{error_ratio: 'rate(a[5m])'}", "has no {window}", id="fixed range"),
        pytest.param("{error_ratio: 'a[{window}]', total: t}", "does not go with", id="query and counter"),
        pytest.param("{up: up, slice: 7m}", "known: 10s, 15s, 20s, 30s, 1m, 5m", id="slice"),
        pytest.param("{up: up, max_age: 7m}", "`max_age` does not go with `up`", id="age of a gauge"),
        pytest.param("{age: time()}", "`max_age` is missing", id="age alone"),
        pytest.param("{worst: [{up: up}]}", "at least two parts", id="one part"),
        pytest.param("{worst: [{up: up}, {worst: []}]}", "no composite itself", id="composite of composites"),
        pytest.param("{worst: [{up: up}, {up: up, weight: 0}]}", "is not above 0", id="weight"),
        pytest.param("{up: 'sum(up'}", "that nothing closes", id="open bracket"),
        pytest.param("{ups: up}", "unknown key 'ups'; did you mean 'up'?", id="unknown key"),
    ],
)
def test_what_is_wrong_with_an_sli_is_shown_at_its_line(written: str, words: str) -> None:
    found = problems(with_sli(written))
    assert any(each.startswith("slos.yaml:5: ") and words in each for each in found), found


@pytest.mark.parametrize(
    ("unit", "days"), [("week", 7), ("month", 30), ("quarter", 90)], ids=["week", "month", "quarter"]
)
def test_a_calendar_window_has_a_time_zone_and_alerts_for_its_usual_length(unit: str, days: int) -> None:
    text = with_sli(COUNTERS).replace("window: 30d", f"window: {unit}\n    timezone: Europe/Berlin")
    (slo,) = read({"a.yaml": text}).slos
    assert slo.calendar == CalendarWindow(CalendarUnit(unit), "Europe/Berlin")
    assert slo.window == timedelta(days=days)
    assert slo.alerts


def test_everything_else_an_slo_may_say() -> None:
    text = f"""\
severities: {{page: critical}}
exclusions:
  - {{start: 2026-11-20T10:00:00Z, end: 2026-11-20T12:00:00+01:00, reason: Upgrade, slos: ["shop/*"]}}
  - {{start: 2026-11-18T10:00:00Z, end: 2026-11-18T12:00:00Z, reason: Move, slos: [pay/x]}}
{with_sli(COUNTERS)}
    group_by: [service, route]
    min_events: 100
    dashboard: https://grafana.example/d/1
    annotations: {{team: web}}
    exclusions:
      - {{start: 2026-11-19T10:00:00Z, end: 2026-11-19T12:00:00Z, reason: Test}}
"""
    system = read({"a.yaml": text})
    (slo,) = system.slos
    assert system.severities == {Severity.PAGE: "critical"}
    assert (slo.group_by, slo.min_events) == (("service", "route"), 100)
    assert (slo.dashboard, slo.annotations) == ("https://grafana.example/d/1", {"team": "web"})
    begin = datetime(2026, 11, 19, 10, tzinfo=UTC)
    assert slo.exclusions == (
        Exclusion(begin, begin + timedelta(hours=2), "Test"),
        Exclusion(begin + timedelta(days=1), begin + timedelta(days=1, hours=1), "Upgrade"),
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param("group_by: [window]", "one the rules need themselves", id="label of the rules"),
        pytest.param("group_by: [a, a]", "given twice", id="label twice"),
        pytest.param("group_by: [1a]", "not a label's name", id="no label"),
        pytest.param("min_events: 0", "is not above 0", id="no events"),
        pytest.param("min_events: many", "not a whole number", id="word"),
        pytest.param("timezone: Mars/Base", "is no time zone", id="no zone"),
        pytest.param(
            "timezone: Europe/Berlin", "goes with a calendar window only", id="zone of a rolling window"
        ),
        pytest.param("dashboard: grafana", "is not an address", id="dashboard"),
        pytest.param(
            "exclusions: [{start: 2026-11-20, end: 2026-11-19, reason: x}]", "ends after", id="backwards"
        ),
        pytest.param(
            "exclusions: [{start: noon, end: 2026-11-19, reason: x}]", "is not a time", id="no time"
        ),
        pytest.param(
            "exclusions: [{start: 2026-11-20, end: 2026-11-21}]", "`reason` is missing", id="no reason"
        ),
        pytest.param("annotations: [a]", "a mapping is wanted", id="annotations"),
    ],
)
def test_what_is_wrong_with_an_slo_is_shown_at_its_line(more: str, words: str) -> None:
    found = problems(f"{with_sli(COUNTERS)}    {more}\n")
    assert any(each.startswith("slos.yaml:6: ") and words in each for each in found), found


def test_a_window_that_is_neither_tells_both_ways() -> None:
    (found,) = problems(with_sli(COUNTERS).replace("30d", "fortnight"))
    assert found.startswith("slos.yaml:4: window: ")
    assert "one of week, month, quarter" in found


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param("[" * 200_000, 1, "nested more than 100 times", id="brackets"),
        pytest.param("slos:\n" + "- " * 50_000 + "a\n", 2, "nested more than 100 times", id="dashes"),
        pytest.param(
            "".join(f"{'  ' * n}a:\n" for n in range(300)), 101, "nested more than 100", id="indented"
        ),
        pytest.param(BOMB, 6, "aliases make more than", id="bomb"),
        pytest.param("slos: &a [*a]\n", 1, "contains itself", id="itself"),
        pytest.param(
            with_sli("{weighted: &a [{weighted: *a}]}"), 5, "contains itself", id="parts of their own parts"
        ),
        pytest.param("#" * 5_000_001, 1, "more than 5 million characters", id="long"),
        pytest.param("slos: \x00", 1, "not YAML", id="control character"),
    ],
)
def test_what_would_exhaust_the_reader_is_refused(text: str, line: int, words: str) -> None:
    (found,) = problems(text)
    assert found.startswith(f"slos.yaml:{line}: ")
    assert words in found


def test_aliases_are_otherwise_fine() -> None:
    text = with_sli("&requests {bad: errors_total, total: requests_total}")
    again = "  - {id: shop/again, objective: 99%, window: 7d, sli: *requests}\n"
    first, second = read({"a.yaml": text + again}).slos
    assert first.sli == second.sli
