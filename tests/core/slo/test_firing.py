from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sretool.core.slo.budget import time_to_detect
from sretool.core.slo.firing import Firing, Rates, clears_in, firing_since, firings, rates
from sretool.core.slo.rules import render
from sretool.core.slo.windows import CANONICAL
from sretool.units import format_duration
from tests.support.promtool import Rules
from tests.support.slos import slo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MINUTE = timedelta(minutes=1)
UNTIL = datetime(2026, 11, 21, 12, tzinfo=UTC)
SLO = slo("0.999")
PAGE, SLOW_PAGE, TICKET, SLOW_TICKET = CANONICAL


def seen(bad_share: Callable[[int], float], minutes: int, per_minute: float = 60.0) -> Rates:
    """Minute by minute from minute 0; the rate at a minute is of the five before it."""

    def rate(of: Callable[[int], float]) -> tuple[float, ...]:
        events = [of(minute) for minute in range(minutes + 1)]
        return tuple(sum(events[max(number - 4, 0) : number + 1]) / 300 for number in range(minutes + 1))

    return Rates(UNTIL, MINUTE, rate(lambda m: per_minute * bad_share(m)), rate(lambda _: per_minute))


def minute_of(moment: datetime, of: Rates) -> int:
    return round((moment - of.at(0)) / MINUTE)


def outage(first: int, length: int, share: float = 1.0) -> Callable[[int], float]:
    """Bad share of the minute that ends at each."""
    return lambda minute: share if first < minute <= first + length else 0.0


@pytest.mark.parametrize("share", [1.0, 0.1, 0.03])
@pytest.mark.parametrize("pair", CANONICAL, ids=lambda pair: format_duration(pair.long))
def test_a_step_is_seen_when_theory_says(pair: object, share: float) -> None:
    assert isinstance(pair, type(PAGE))
    day = 1440
    history = seen(outage(4 * day, 2 * day, share), 5 * day)
    (found,) = firings(SLO, pair, history, "x")
    due = time_to_detect(pair, SLO.window, SLO.budget, share)
    assert due is not None
    assert abs(minute_of(found.start, history) - 4 * day - due / MINUTE) <= 1
    assert found.end is None
    since = firing_since(SLO, pair, history)
    assert since is not None
    assert (since.at, since.earlier) == (found.start, False)


@pytest.mark.slow
def test_alerts_start_and_end_as_promtool_says(tmp_path: Path) -> None:
    """A blip of five minutes after half an hour of traffic."""
    first, minutes = 30, 190
    history = seen(outage(first, 5), minutes)
    rules = Rules(
        render([SLO]),
        {
            "requests_total": f"0+60x{minutes}",
            "errors_total": f"0+0x{first} 60+60x4 300+0x{minutes}",
        },
    )
    asked = [(pair, minute) for pair in (PAGE, SLOW_PAGE, TICKET) for minute in range(first - 5, minutes, 2)]
    answers = rules.values(
        tmp_path,
        [
            (f'count(ALERTS{{alertstate="firing",long="{format_duration(pair.long)}"}})', minute)
            for pair, minute in asked
        ],
    )
    for pair in (PAGE, SLOW_PAGE, TICKET):
        on = [minute for (of, minute), value in zip(asked, answers, strict=True) if of is pair and value]
        (found,) = firings(SLO, pair, history, "x")
        assert abs(minute_of(found.start, history) - on[0]) <= 2
        end = minute_of(found.end, history) if found.end is not None else minutes
        assert abs(end - on[-1]) <= 3


@settings(max_examples=60)
@given(
    length=st.integers(1, 200),
    share=st.sampled_from([1.0, 0.5, 0.1, 0.03]),
    pair=st.sampled_from(CANONICAL),
)
def test_it_clears_when_it_was_said_it_would(length: int, share: float, pair: object) -> None:
    """Errors do stop at the moment of the question, and the pair is played on."""
    assert isinstance(pair, type(PAGE))
    before, after = 60, pair.long // MINUTE + 20
    whole = seen(outage(before, length, share), before + length + after)
    now = before + length
    until = whole.at(now)
    then = Rates(until, MINUTE, whole.bad[: now + 1], whole.total[: now + 1])
    said = clears_in(SLO, pair, then)
    running = [
        each for each in firings(SLO, pair, whole, "x") if each.start <= until and (each.end or until) > until
    ]
    if said is None:
        assert not running
        return
    assert running[0].end is not None
    assert abs(running[0].end - until - said) <= MINUTE


def test_traffic_ahead_is_that_of_the_day_before() -> None:
    """At night few requests come in, so the errors of the evening weigh longer."""
    day = 1440

    def total(minute: int) -> float:
        return 60.0 if minute % day < day // 2 else 0.6

    def made(traffic: Callable[[int], float]) -> Rates:
        now = day + day // 2
        bad = tuple(1.0 if now - 30 < minute <= now else 0.0 for minute in range(now + 1))
        return Rates(UNTIL, MINUTE, bad, tuple(traffic(minute) / 60 for minute in range(now + 1)))

    steady, by_day = clears_in(SLO, PAGE, made(lambda _: 60.0)), clears_in(SLO, PAGE, made(total))
    assert steady is not None
    assert by_day is not None
    assert by_day >= steady


def test_what_fires_from_the_first_minute_on_began_before() -> None:
    since = firing_since(SLO, PAGE, seen(lambda _: 1.0, 120))
    assert since is not None
    assert since.earlier


def test_too_few_events_fire_nothing() -> None:
    quiet = slo("0.999", min_events=50)
    history = seen(outage(300, 30), 330, per_minute=0.1)
    assert firing_since(SLO, PAGE, history) is not None
    assert firing_since(quiet, PAGE, history) is None


def test_no_data_and_no_traffic_fire_nothing() -> None:
    none = rates([], [], UNTIL - 10 * MINUTE, UNTIL, MINUTE)
    assert none.bad == (0.0,) * 11
    assert firing_since(SLO, PAGE, none) is None
    assert clears_in(SLO, PAGE, none) is None
    assert list(firings(SLO, PAGE, none, "x")) == []


def test_points_find_their_minutes() -> None:
    start = UNTIL - 2 * MINUTE
    found = rates([(start, 1.0), (UNTIL, -1e-12)], [(start + MINUTE, 2.0)], start, UNTIL, MINUTE)
    assert (found.bad, found.total) == ((1.0, 0.0, 0.0), (0.0, 2.0, 0.0))


def test_a_firing_tells_its_windows() -> None:
    history = seen(outage(300, 10), 400)
    (found,) = firings(SLO, PAGE, history, "SLOBudgetBurn")
    assert isinstance(found, Firing)
    assert (found.alert, found.severity, found.long, found.short) == (
        "SLOBudgetBurn",
        PAGE.severity,
        PAGE.long,
        PAGE.short,
    )
