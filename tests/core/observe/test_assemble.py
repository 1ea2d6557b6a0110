from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sretool.core.alerting import acks
from sretool.core.alerting.silences import Silence, SilenceState
from sretool.core.observe import assemble, plan
from sretool.core.observe.model import AlertState, Sample, Series, Targets
from sretool.core.slo.budget import Count
from sretool.core.slo.evaluate import Numbers
from sretool.core.slo.exclusions import key
from sretool.core.slo.model import CalendarUnit, CalendarWindow, Exclusion, Level, Severity, SloId
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


ROUTES = slo(id="shop/routes", group_by=("route",))


def of_route(name: str, value: float, route: str, **labels: str) -> Sample:
    return sample(name, value, "shop/routes", route=route, **labels)


def test_groups_are_those_that_have_recorded_series() -> None:
    samples = [
        sample("slo:info", 1, "shop/routes", window="30d"),
        of_route("slo:total:sum", 10, "/b", window="30d"),
        of_route("slo:total:rate5m", 1, "/a"),
        of_route("slo:total:sum", 10, "/a", window="30d"),
    ]
    plain = slo(id="shop/plain")
    found = assemble.members([plain, ROUTES], samples)
    assert [each.id for each in found] == ["shop/plain", 'shop/routes{route="/a"}', 'shop/routes{route="/b"}']
    assert assemble.members([ROUTES], []) == (ROUTES,)
    whole, rates = assemble.recorded_numbers(found, samples, {}, NOON)
    assert {name: each.total for name, each in whole.items()} == {
        'shop/routes{route="/a"}': 10,
        'shop/routes{route="/b"}': 10,
    }
    assert rates == {}


def test_raw_answers_name_their_groups() -> None:
    answers = [
        Sample({"figure": "0:rate", "route": "/a"}, NOON, 2.0),
        Sample({"figure": "0:ratio:1h", "route": "/a"}, NOON, 0.01),
        Sample({"figure": "0:events:1h", "route": "/b"}, NOON, 7.0),
    ]
    found = assemble.raw_numbers([ROUTES], answers, NOON)
    first, second = (each.id for each in assemble.raw_members([ROUTES], answers))
    assert found[first] == Numbers(NOON, total_rate=2, error_ratios={HOUR: 0.01})
    assert found[second] == Numbers(NOON, events={HOUR: 7})


def test_an_excluded_span_is_taken_away_and_not_missing() -> None:
    begin = NOON - 2 * HOUR
    spans = (Exclusion(begin, begin + HOUR, "a"), Exclusion(begin + HOUR / 2, begin + HOUR, "b"))
    shut = slo(days=1, exclusions=spans)
    span = key(begin, begin + HOUR + timedelta(minutes=5))
    answers = [
        Sample({"slo": shut.id, "figure": f"excluded:{what}:{span}"}, NOON, value)
        for what, value in (("bad", 30.0), ("total", 600.0), ("count", 65.0))
    ]
    known = {shut.id: Numbers(NOON, bad=40, total=10_000, coverage=1.0)}
    assert assemble.with_sums([shut], answers, known, NOON)[shut.id] == Numbers(NOON, 10, 9400, coverage=1)
    # Rules that knew of it recorded nothing meanwhile.
    half = {shut.id: Numbers(NOON, bad=40, total=10_000, coverage=(1440 - 65) / 1440)}
    assert assemble.with_sums([shut], [], half, NOON)[shut.id] == Numbers(
        NOON,
        40,
        10_000,
        coverage=pytest.approx(1),  # type: ignore[arg-type]
    )


def test_burns_are_those_of_the_time_that_counts() -> None:
    begin = NOON - HOUR / 2
    shut = slo(days=30, min_events=10, exclusions=(Exclusion(begin, begin + HOUR / 6, "a"),))
    spans = plan.counted_spans(shut, HOUR, NOON)
    assert spans == [(NOON - HOUR, begin), (NOON - HOUR / 4, NOON)]
    answers = [
        Sample({"slo": shut.id, "figure": f"counted:{what}:{key(*span)}"}, NOON, value)
        for span, values in zip(spans, ((3.0, 300.0), (1.0, 100.0)), strict=True)
        for what, value in zip(("bad", "total"), values, strict=True)
    ]
    known = {
        shut.id: Numbers(
            NOON, bad=4, total=1e6, error_ratios={HOUR: 0.5, HOUR / 12: 0.002}, events={HOUR: 900.0}
        )
    }
    found = assemble.with_sums([shut], answers, known, NOON)[shut.id]
    assert found.error_ratios[HOUR] == 0.01
    assert found.error_ratios[HOUR / 12] == 0.002
    assert found.events == {HOUR: 400.0}
    query = plan.sums([shut], NOON)
    assert query is not None
    assert all(f"counted:bad:{key(*span)}" in query for span in spans)


def test_a_window_of_which_nothing_counts_has_no_burn() -> None:
    shut = slo(exclusions=(Exclusion(NOON - HOUR, NOON + HOUR, "a"),))
    known = {shut.id: Numbers(NOON, error_ratios={HOUR / 12: 0.5})}
    assert HOUR / 12 not in assemble.with_sums([shut], [], known, NOON)[shut.id].error_ratios


def test_a_calendar_window_gets_the_sums_so_far() -> None:
    month = slo(calendar=CalendarWindow(CalendarUnit.MONTH))
    start = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
    answers = [
        Sample({"slo": month.id, "figure": f"elapsed:{what}:{start}"}, NOON, value)
        for what, value in (("bad", 3.0), ("total", 600.0), ("count", 14_760.0))
    ]
    found = assemble.with_sums([month], answers, {month.id: Numbers(NOON, 1, 1, coverage=1)}, NOON)
    assert found[month.id] == Numbers(NOON, 3, 600, coverage=0.5)
    assert assemble.with_sums([month], [], {month.id: Numbers(NOON, 1, 1)}, NOON)[month.id].total is None


def test_an_alert_belongs_to_its_group_and_is_as_severe_as_its_pair() -> None:
    member = ROUTES.member({"route": "/a"})
    labels = {"slo": "shop/routes", "route": "/a", "long": "1h", "short": "5m", "severity": "critical"}
    told = replace(alert("SLOBudgetBurn", severity=None), labels=labels)
    (found,) = assemble.open_alerts([told], [member])
    assert (found.slo, found.severity) == ('shop/routes{route="/a"}', Severity.PAGE)
    (stranger,) = assemble.open_alerts([told], [])
    assert stranger.severity is None


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


@pytest.mark.parametrize(
    ("hidden_by", "state"),
    [
        pytest.param(("ack",), AlertState.ACKNOWLEDGED, id="an ack alone"),
        pytest.param(("ack", "plain"), AlertState.SILENCED, id="an ack and a silence"),
        pytest.param(("plain",), AlertState.SILENCED, id="a silence alone"),
        pytest.param(("unknown",), AlertState.SILENCED, id="a silence that is not known"),
    ],
)
def test_an_alert_that_only_acks_hide_is_acknowledged(hidden_by: tuple[str, ...], state: AlertState) -> None:
    told = replace(alert("Down"), state=AlertState.SILENCED, silenced_by=hidden_by)
    new = acks.take(told.labels, "mia", "looking", NOON)
    ack = Silence("ack", new.matchers, NOON, NOON + HOUR, "mia", new.comment, SilenceState.ACTIVE)
    (found,) = assemble.open_alerts([told], silences=[ack, replace(ack, id="plain", comment="deploy")])
    assert found.state is state
    assert (found.ack.owner if found.ack else None) == ("mia" if state is AlertState.ACKNOWLEDGED else None)


def test_targets_are_counted_by_job() -> None:
    counted = {("up", "app"): 1.0, ("targets", "app"): 2.0, ("up", "lb"): 2.0, ("targets", "lb"): 1.0}
    counted |= {("targets", "gone"): 3.0}
    samples = [Sample({"figure": f, "job": j}, NOON, value) for (f, j), value in counted.items()]
    found = assemble.targets(samples)
    assert found == (Targets("app", 1, 2), Targets("gone", 0, 3), Targets("lb", 1, 1))


def test_an_slo_that_nothing_counts_for_does_not_hold_but_what_is_bad_stays() -> None:
    of = slo(id="shop/checkout")
    nothing = Targets("app", 0, 2)
    for ratio, seen, unseen in ((0.0, Level.OK, Level.NO_DATA), (0.5, Level.PAGE, Level.PAGE)):
        windows = {window: ratio for pair in of.alerts for window in (pair.short, pair.long)}
        numbers = Numbers(at=NOON, bad=1.0, total=1e6, total_rate=5.0, error_ratios=windows)
        judging = assemble.Judging()
        for blind, level in ((None, seen), (nothing, unseen), (None, seen)):
            gone = {of.id: blind} if blind is not None else {}
            (found,) = judging.statuses([of], {of.id: numbers}, {}, NOON, None, gone)
            assert (found.level, found.blind) == (level, blind)
