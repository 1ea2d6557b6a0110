from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sretool.core.analysis.backtest import Alarm, inexact, replay, score, warm_up, what_if
from sretool.core.analysis.recording import STEP, Recording
from sretool.core.slo.budget import time_to_detect
from sretool.core.slo.firing import firings, rates
from sretool.core.slo.ledger import Kind, Span
from sretool.core.slo.model import BurnAlert, Severity
from tests.support.slos import slo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from numpy.typing import NDArray

    from sretool.core.slo.model import Slo

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MINUTES = 10 * 24 * 60
CHECKOUT = slo("0.999")


def recording(
    share: Callable[[NDArray[np.int64]], object],
    of: Slo = CHECKOUT,
    minutes: int = MINUTES,
    per_minute: object = 600,
) -> Recording:
    """What rules record of an SLO whose bad share is `share` of the minute."""
    number = np.arange(minutes)
    events = np.broadcast_to(np.asarray(per_minute, dtype=float), (minutes,))
    bad = np.broadcast_to(np.asarray(share(number), dtype=float), (minutes,)) * events

    def rate(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        summed = np.concatenate((np.zeros(5), np.cumsum(counts)))
        return (summed[5:] - summed[:-5]) / 300

    return Recording(of, int(START.timestamp()), rate(bad), rate(events), "rules")


def with_longer(made: Recording, share: object, per_minute: object, *lengths: int) -> Recording:
    """With rates over more than five minutes, too."""
    events = np.asarray(per_minute, dtype=float)
    bad = np.asarray(share, dtype=float) * events

    def rate(counts: NDArray[np.float64], length: int) -> NDArray[np.float64]:
        summed = np.concatenate((np.zeros(length), np.cumsum(counts)))
        return (summed[length:] - summed[:-length]) / (60 * length)

    return replace(made, longer={each: (rate(bad, each), rate(events, each)) for each in lengths})


def between(first: int, last: int, share: float) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    return lambda number: np.where((number >= first) & (number < last), share, 0.0)


def by_pair(alarms: Sequence[Alarm], long: timedelta) -> list[Alarm]:
    return [alarm for alarm in alarms if alarm.pair.long == long]


@pytest.mark.parametrize("share", [1.0, 0.1, 0.015, 0.007, 0.0035, 0.0009])
def test_a_lasting_step_is_seen_when_theory_says(share: float) -> None:
    step = 5 * 24 * 60
    alarms = replay(recording(between(step, MINUTES, share)), START)
    for pair in CHECKOUT.alerts:
        expected = time_to_detect(pair, CHECKOUT.window, CHECKOUT.budget, share)
        found = by_pair(alarms, pair.long)
        if expected is None:
            assert found == []
        else:
            (alarm,) = found
            # The first value that holds an event of the step is the one at its end, a minute after it began.
            seen = alarm.start - (START + (step - 1) * MINUTE)
            # Longer windows are 1440 or 4320 recorded values and the newest twice more: 0.14 % longer.
            assert abs(seen - expected) <= (MINUTE if pair.long <= 6 * HOUR else 2 * MINUTE), pair
            assert alarm.end is None


def test_a_blip_pages_at_once_and_clears_with_its_windows() -> None:
    blip = 7000
    alarms = replay(recording(between(blip, blip + 5, 1.0)), START)
    (page,) = by_pair(alarms, HOUR)
    (ticket,) = by_pair(alarms, 3 * DAY)
    at = START + (blip - 1) * MINUTE
    assert page.start - at == MINUTE
    assert page.end is not None
    assert page.end - at == 10 * MINUTE
    (slow,) = by_pair(alarms, 6 * HOUR)
    assert slow.end is not None
    assert abs(slow.end - at - 34 * MINUTE) <= MINUTE
    assert ticket.end is not None
    assert abs(ticket.end - at - 364 * MINUTE) <= 2 * MINUTE


def test_what_an_alarm_costs() -> None:
    first = 6000
    (page,) = by_pair(replay(recording(between(first, first + 30, 0.5)), START), HOUR)
    budget = 0.001 * 600 * 30 * 24 * 60
    assert page.peak_burn == pytest.approx(500)
    assert page.eaten + page.eaten_before == pytest.approx(30 * 300 / budget, rel=0.06)
    assert 0 < page.eaten_before < page.eaten


def test_eaten_budget_is_of_the_events_of_the_window_that_ended_with_it() -> None:
    short = slo("0.999", days=1)
    fivefold = np.where(np.arange(MINUTES) < 8 * 24 * 60, 3000, 600)
    (page, *_) = replay(
        recording(between(MINUTES - 60, MINUTES - 30, 0.5), short, per_minute=fivefold), START
    )
    assert page.eaten + page.eaten_before == pytest.approx(30 * 300 / (0.6 * 1440), rel=0.2)


def test_for_delays_and_drops_short_ones() -> None:
    """An alert is pending until it was above its limits for as long as `for` says."""
    first = 6000
    made = recording(between(first, first + 5, 1.0))
    (at_once,) = by_pair(replay(made, START), HOUR)
    (held,) = by_pair(replay(made, START, 4 * MINUTE), HOUR)
    assert held.start - at_once.start == 4 * MINUTE
    assert held.end == at_once.end
    assert at_once.end is not None
    assert by_pair(replay(made, START, at_once.end - at_once.start), HOUR) == []


def test_zero_traffic_fires_nothing_and_hides_nothing() -> None:
    night = np.where(np.arange(MINUTES) % 1440 < 480, 0, 600)
    made = recording(between(6500, 6510, 1.0), per_minute=night)
    assert replay(recording(lambda n: 0.0 * n, per_minute=night), START) == ()
    assert {alarm.pair.severity for alarm in replay(made, START)} == {Severity.PAGE, Severity.TICKET}
    silent = recording(lambda n: 0.0 * n, per_minute=0)
    assert replay(silent, START) == ()


def test_gaps_end_an_alert_when_its_short_window_is_empty() -> None:
    made = recording(between(6000, 6060, 0.5))
    for series in (made.bad, made.total):
        series[6030:] = np.nan
    (page,) = by_pair(replay(made, START), HOUR)
    assert page.end == START + 6030 * MINUTE


def test_nothing_recorded_is_no_alarm() -> None:
    nothing = np.full(100, np.nan)
    made = Recording(CHECKOUT, int(START.timestamp()), nothing, nothing, "nothing")
    assert replay(made, START) == ()
    assert made.coverage(START) == 0
    assert replay(replace(made, bad=nothing[:0], total=nothing[:0]), START) == ()


def test_a_floor_of_events_keeps_a_low_traffic_slo_quiet() -> None:
    trickle = np.where(np.arange(MINUTES) % 60 == 0, 1, 0)
    one_bad = recording(between(6000, 6001, 1.0), per_minute=trickle)
    assert replay(one_bad, START) != ()
    guarded = replace(one_bad, slo=replace(CHECKOUT, min_events=100))
    assert by_pair(replay(guarded, START), HOUR) == []


def test_only_what_fires_in_the_span_is_told_but_the_past_before_it_counts() -> None:
    made = recording(between(3000, 3060, 0.5))
    since = START + 3030 * MINUTE
    (page,) = by_pair(replay(made, since), HOUR)
    assert page.start < since
    assert by_pair(replay(made, START + 4000 * MINUTE), HOUR) == []
    assert warm_up([CHECKOUT]) == 3 * DAY + 5 * MINUTE


UNEVEN = st.integers(0, 1000).map(lambda number: number * math.pi / 3200)
"""Shares of which no sum is just at a limit, where rounding decides."""


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(6 * 60 + 6, 2800), st.integers(1, 300), UNEVEN), min_size=1, max_size=4),
    st.sampled_from(["0.99", "0.999", "0.9999"]),
    st.sampled_from([2.5, 5.0, 15.0, 30.0]),
)
def test_it_agrees_with_the_pairs_played_one_by_one(
    spells: list[tuple[int, int, float]], objective: str, days: float
) -> None:
    """Up to 6 h the rules read counters, and five-minute rates tile windows of whole five minutes.

    From the first whole window on: one that reaches back before the first minute has no fixed beginning.
    """
    of = slo(objective, days=days)
    of = replace(of, alerts=tuple(pair for pair in of.alerts if pair.long <= 6 * HOUR))

    def share(number: NDArray[np.int64]) -> object:
        each = [between(first, first + long, much)(number) for first, long, much in spells]
        return np.minimum(np.sum(each, axis=0), 1)

    made = recording(share, of, minutes=3000)
    assert inexact(made) == ()
    times = [START + number * MINUTE for number in range(3000)]
    seen = rates(
        zip(times, made.bad.tolist(), strict=True),
        zip(times, made.total.tolist(), strict=True),
        times[0],
        times[-1],
        MINUTE,
    )
    for pair in of.alerts:
        one_by_one = [(each.start, each.end) for each in firings(of, pair, seen, "x")]
        assert [(each.start, each.end) for each in by_pair(replay(made, START), pair.long)] == one_by_one


def test_what_if_derives_the_pairs_anew() -> None:
    other = what_if(CHECKOUT, Decimal("0.99"), 7 * DAY)
    assert (other.objective, other.window) == (Decimal("0.99"), 7 * DAY)
    assert other.alerts == slo("0.99", days=7).alerts
    assert what_if(CHECKOUT, Decimal("0.9"), None).alerts == slo("0.9").alerts


PAGE = BurnAlert(Severity.PAGE, Decimal("0.02"), HOUR, 5 * MINUTE)
TICKET = BurnAlert(Severity.TICKET, Decimal("0.1"), 3 * DAY, 6 * HOUR)


def alarm(start: int, end: int | None, pair: BurnAlert = PAGE) -> Alarm:
    """Minutes after START."""
    stop = START + end * MINUTE if end is not None else None
    return Alarm(CHECKOUT, pair, START + start * MINUTE, stop, 20.0, 0.01, 0.02)


def span(start: int, end: int, name: str = "outage", kind: Kind = Kind.INCIDENT) -> Span:
    return Span(name, START + start * MINUTE, START + end * MINUTE, kind)


def test_precision_recall_and_detection_time() -> None:
    alarms = [alarm(103, 170), alarm(108, 600, TICKET), alarm(2000, 2010)]
    found = score(alarms, [span(100, 160), span(1000, 1010, "unseen")], START, START + 10 * DAY)
    assert found.precision == pytest.approx(2 / 3)
    assert (found.recall, found.page_recall) == (0.5, 0.5)
    assert found.false == (alarms[2],)
    outage, unseen = found.detections
    assert (outage.delay(outage.page), outage.delay(outage.ticket)) == (3 * MINUTE, 8 * MINUTE)
    assert outage.first == alarms[0]
    assert (unseen.first, unseen.delay(unseen.first)) == (None, None)
    assert found.explain(alarms[0])[0].name == "outage"


def test_an_alarm_belongs_while_its_short_window_can_hold_the_incident() -> None:
    known = [span(100, 160)]
    until = START + 10 * DAY
    assert score([alarm(164, 170)], known, START, until).recall == 1
    assert score([alarm(166, 170)], known, START, until).recall == 0
    assert score([alarm(400, 900, TICKET)], known, START, until).recall == 1


def test_an_alarm_that_fires_already_detects_only_where_no_other_does() -> None:
    known = [span(100, 160)]
    (only,) = score([alarm(10, 120)], known, START, START + DAY).detections
    assert only.delay(only.page) == timedelta()
    (both,) = score([alarm(10, 120), alarm(130, 140)], known, START, START + DAY).detections
    assert both.delay(both.page) == 30 * MINUTE


def test_alarms_of_maintenance_are_neither_right_nor_wrong() -> None:
    found = score([alarm(5, 20)], [span(0, 30, "move", Kind.MAINTENANCE)], START, START + DAY)
    assert (found.precision, found.recall, found.alarms, found.false) == (None, None, 0, ())


def test_what_lies_outside_is_counted_and_left_out() -> None:
    none: list[Alarm] = []
    found = score(none, [span(-100, -50), span(10, 20)], START, START + DAY)
    assert (found.outside, len(found.detections), found.recall) == (1, 1, 0)


def test_a_month_of_a_hundred_slos_is_arithmetic_for_seconds() -> None:
    made = recording(between(30000, 30100, 0.1), minutes=33 * 24 * 60)
    began = datetime.now(UTC)
    assert len(replay(made, START)) >= 4
    assert datetime.now(UTC) - began < timedelta(seconds=2)
    assert len(made.total) * STEP == 33 * 24 * 3600


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(5, 60), st.integers(61, 360))
def test_windows_of_any_minutes_are_exact_to_the_minute(chance: Random, short: int, long: int) -> None:
    """Against the events of every minute themselves, however bursty they are."""
    minutes = 1500
    share = np.zeros(minutes)
    for _ in range(12):
        first = chance.randrange(minutes)
        share[first : first + chance.randrange(1, 40)] = chance.choice((0.002, 0.02, 0.3))
    events = np.array([chance.choice((0, 60, 600, 6000)) for _ in range(minutes)], dtype=float)
    pair = BurnAlert(Severity.PAGE, Decimal("0.02"), long * MINUTE, short * MINUTE)
    of = replace(CHECKOUT, alerts=(pair,))
    made = recording(lambda number: share, of, minutes, events)
    lengths = {5 + window % 5 for window in (short, long)} - {5}
    alarms = replay(with_longer(made, share, events, *lengths), START)
    limit = float(pair.factor(of.window) * of.budget)
    fires = [
        False,
        *(all(_ratio(share, events, at, w) > limit for w in (long, short)) for at in range(minutes)),
    ]
    starts = [at for at in range(minutes) if fires[at + 1] and not fires[at]]
    ends = [at for at in range(minutes) if fires[at] and not fires[at + 1]]
    assert [(alarm.start - START) // MINUTE for alarm in alarms] == starts
    assert [(alarm.end - START) // MINUTE for alarm in alarms if alarm.end is not None] == ends
    assert inexact(with_longer(made, share, events, *lengths)) == ()


def _ratio(share: NDArray[np.float64], events: NDArray[np.float64], at: int, window: int) -> float:
    inside = slice(max(at + 1 - window, 0), at + 1)
    total = events[inside].sum()
    return float((share[inside] * events[inside]).sum() / total) if total else 0.0


def test_windows_of_which_too_little_was_read_are_named() -> None:
    pair = BurnAlert(Severity.PAGE, Decimal("0.02"), timedelta(minutes=84), timedelta(minutes=7))
    made = recording(between(0, 1, 0), replace(CHECKOUT, alerts=(pair,)), 100)
    assert inexact(made) == (timedelta(minutes=7), timedelta(minutes=84))
    assert inexact(with_longer(made, np.zeros(100), np.ones(100), 7)) == (timedelta(minutes=84),)
