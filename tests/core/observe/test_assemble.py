from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sretool.core.observe import assemble, plan
from sretool.core.observe.model import AlertState, Sample, Series
from sretool.core.slo.budget import Count
from sretool.core.slo.evaluate import Numbers
from sretool.core.slo.model import Level, Severity, SloId
from sretool.core.slo.windows import STANDARD_WINDOWS
from tests.support.slos import slo
from tests.support.sources import alert

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def sample(name: str, value: float, slo: str = "shop/checkout", **labels: str) -> Sample:
    return Sample({"__name__": name, "slo": slo, **labels}, NOON, value)


RECORDED = (
    sample("slo:info", 1, window="30d", objective="0.999"),
    sample("slo:bad:sum", 40, window="30d"),
    sample("slo:total:sum", 100_000, window="30d"),
    sample("slo:total:rate5m", 2.5),
    sample("slo:coverage:ratio", 0.75, window="30d"),
    sample("slo:error_ratio:rate", 0.0005, window="1h"),
    sample("slo:error_ratio:rate", 0.0007, window="16h48m"),
)


def test_recorded_series_become_numbers() -> None:
    evaluated = NOON - timedelta(seconds=42)
    found, _ = assemble.recorded_numbers([slo()], RECORDED, {SloId("shop/checkout"): evaluated}, NOON)
    assert found == {
        "shop/checkout": Numbers(
            at=evaluated,
            bad=40,
            total=100_000,
            error_ratios={HOUR: 0.0005, timedelta(hours=16, minutes=48): 0.0007},
            total_rate=2.5,
            coverage=0.75,
        )
    }


def test_sums_over_another_window_are_of_other_rules() -> None:
    whole, rates = assemble.recorded_numbers([slo(days=28)], RECORDED, {}, NOON)
    assert whole == {}
    assert rates[SloId("shop/checkout")].total is None
    assert rates[SloId("shop/checkout")].total_rate == 2.5


def test_an_slo_without_rules_is_missing_and_strangers_are_ignored() -> None:
    assert assemble.recorded_numbers([slo(id="shop/other")], RECORDED, {}, NOON) == ({}, {})


def test_a_window_that_is_no_duration_is_ignored() -> None:
    odd = sample("slo:error_ratio:rate", 0.5, window="fortnight")
    whole, _ = assemble.recorded_numbers([slo()], [RECORDED[0], odd], {}, NOON)
    assert whole[SloId("shop/checkout")].error_ratios == {}


def test_history_without_rules_is_completed_from_its_rates() -> None:
    month, week = slo(id="shop/a"), slo(id="shop/b", days=7)
    known = {each.id: Numbers(NOON, total_rate=2.5) for each in (month, week)}
    answers = [
        Sample({"slo": "shop/a", "figure": figure}, NOON, value)
        for figure, value in (
            ("ratio:1h", 0.01),
            ("bad:30d", 5.0),
            ("total:30d", 500.0),
            ("bad:7d", 1.0),
            ("coverage:30d", 0.5),
        )
    ]
    found = assemble.rated_numbers([month, week], answers, known)
    assert found[month.id] == Numbers(NOON, 5, 500, {HOUR: 0.01}, 2.5, 0.5)
    assert found[week.id] == known[week.id]


def test_raw_answers_are_told_apart_by_their_figure() -> None:
    answers = [
        Sample({"figure": figure}, NOON, value)
        for figure, value in (
            ("0:rate", 2.0),
            ("0:ratio:1h", 0.01),
            ("0:ratio:3d", 0.02),
            ("0:bad", 5.0),
            ("0:total", 500.0),
            ("0:coverage", 0.5),
            ("1:rate", 7.0),
            ("9:rate", 1.0),
            ("strange", 1.0),
        )
    ]
    found = assemble.raw_numbers([slo(id="shop/a"), slo(id="shop/b")], answers, NOON)
    ratios = {HOUR: 0.01, timedelta(days=3): 0.02}
    assert found[SloId("shop/a")] == Numbers(NOON, 5, 500, ratios, 2, 0.5)
    assert found[SloId("shop/b")] == Numbers(NOON, total_rate=7)


def test_ages_tell_when_rules_ran_and_when_anything_was_scraped() -> None:
    ran, scraped = NOON - timedelta(seconds=50), NOON - timedelta(seconds=1)
    times, last = assemble.evaluation_times(
        [
            Sample({"slo": "shop/checkout"}, NOON, ran.timestamp()),
            Sample({}, NOON, scraped.timestamp()),
        ]
    )
    assert (times, last) == ({"shop/checkout": ran}, scraped)


def test_pasts_come_from_hourly_sums() -> None:
    now = NOON + timedelta(seconds=31)
    until = NOON - timedelta(seconds=30)
    series = [
        Series({"slo": "shop/checkout", "figure": "bad"}, ((until, 3.0),)),
        Series({"slo": "shop/checkout", "figure": "total"}, ((until - HOUR, 10.0), (until, 20.0))),
    ]
    found = assemble.pasts([slo(), slo(id="shop/other")], series, now)
    assert list(found) == ["shop/checkout"]
    past = found[SloId("shop/checkout")]
    assert len(past.counts) == 720
    assert past.counts[-3:] == (None, Count(0, 10), Count(3, 20))


def test_worst_first() -> None:
    quiet = Numbers(NOON, 0, 1e6, dict.fromkeys(STANDARD_WINDOWS, 0.0), 1.0, 1.0)
    numbers = {
        "ok/poor": replace(quiet, bad=900),
        "ok/rich": quiet,
        "page/x": replace(quiet, error_ratios=dict.fromkeys(STANDARD_WINDOWS, 0.5)),
        "spent/x": replace(quiet, bad=5000),
        "ticket/x": replace(quiet, error_ratios=dict.fromkeys(STANDARD_WINDOWS, 0.004)),
    }
    slos = [slo(id=id) for id in ("ok/rich", "nodata/x", "ok/poor", "ticket/x", "spent/x", "page/x")]
    found = assemble.statuses(slos, {SloId(id): each for id, each in numbers.items()}, {}, NOON)
    assert [(status.slo.id, status.level) for status in found] == [
        ("page/x", Level.PAGE),
        ("spent/x", Level.SPENT),
        ("ticket/x", Level.TICKET),
        ("nodata/x", Level.NO_DATA),
        ("ok/poor", Level.OK),
        ("ok/rich", Level.OK),
    ]


def test_alerts_are_ordered_by_what_needs_somebody_first() -> None:
    later = NOON + HOUR
    ordered = assemble.open_alerts(
        [
            alert("silenced", state=AlertState.SILENCED, since=NOON),
            alert("none", severity=None, since=NOON),
            alert("ticket", severity=Severity.TICKET, since=NOON),
            alert("late page", since=later),
            alert("page", since=NOON),
        ]
    )
    assert [each.name for each in ordered] == ["page", "late page", "ticket", "none", "silenced"]


def test_an_alert_that_always_fires_is_nothing_to_act_on() -> None:
    heartbeat = replace(alert("Watchdog", severity=None), labels={"severity": "none"})
    assert assemble.open_alerts([heartbeat, alert("page")]) == (alert("page"),)


def start(instance: str, at: datetime) -> Sample:
    return Sample({"figure": "restart", "instance": instance, "job": "j"}, NOON, at.timestamp())


@pytest.mark.parametrize(
    ("starts", "texts"),
    [
        pytest.param([start("app-1", NOON)], ["app-1 started"], id="one"),
        pytest.param(
            [start("app-2", NOON), start("app-1", NOON - HOUR)],
            ["app-1 started", "app-2 started"],
            id="two apart, oldest first",
        ),
        pytest.param(
            [start(f"p{number}", NOON + timedelta(seconds=5 * number)) for number in range(9)],
            ["9 processes started"],
            id="a whole system",
        ),
    ],
)
def test_restarts(starts: list[Sample], texts: list[str]) -> None:
    assert [change.text for change in assemble.changes(starts)] == texts


def test_an_alerts_start_is_a_change() -> None:
    labels = {"figure": "alert", "alertname": "SLOBudgetBurn", "slo": "shop/checkout", "long": "1h"}
    (change,) = assemble.changes([Sample(labels, NOON, NOON.timestamp())])
    assert (change.kind, change.text, change.at) == ("alert", "SLOBudgetBurn shop/checkout 1h", NOON)


def test_processes_that_started_together_leave_the_list_together() -> None:
    def started(after: timedelta) -> list[str]:
        """What is told `after` the last of ten starts, of what a server still finds then."""
        end = NOON - after
        starts = [start(f"p{number}", end - timedelta(seconds=10 * number)) for number in range(10)]
        found = [each for each in starts if NOON.timestamp() - each.value < plan.STARTS_BACK.total_seconds()]
        return [change.text for change in assemble.changes(found)]

    just = plan.CHANGES_BACK - timedelta(seconds=1)
    assert started(just) == ["10 processes started"]
    assert started(plan.CHANGES_BACK + timedelta(seconds=1)) == []
    assert started(plan.STARTS_BACK - timedelta(seconds=30)) == []
