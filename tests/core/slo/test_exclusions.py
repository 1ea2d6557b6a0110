"""What an exclusion takes away, and that nothing else goes with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.slo.budget import Count, Past
from sretool.core.slo.exclusions import (
    counting,
    excluded,
    key,
    left_out,
    partial,
    without,
    without_rates,
)
from sretool.core.slo.firing import Rates
from sretool.core.slo.ledger import Kind, Span, ledger
from sretool.core.slo.model import Exclusion
from sretool.core.slo.windows import RATE_WINDOW
from tests.support.slos import slo

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE, STEP = timedelta(minutes=1), timedelta(minutes=5)
STEPS = 48


def ago(minutes: int) -> datetime:
    return AT - minutes * MINUTE


spans = st.lists(
    st.tuples(st.integers(-30, 300), st.integers(1, 90)).map(
        lambda drawn: Exclusion(ago(drawn[0] + drawn[1]), ago(drawn[0]), "work")
    ),
    max_size=4,
).map(tuple)
SECOND = timedelta(seconds=1)
spans_of_seconds = st.lists(
    st.tuples(st.integers(-1800, 18_000), st.integers(1, 5400)).map(
        lambda drawn: Exclusion(AT - (drawn[0] + drawn[1]) * SECOND, AT - drawn[0] * SECOND, "work")
    ),
    max_size=4,
).map(tuple)
minutes = st.lists(st.tuples(st.integers(0, 9), st.integers(10, 99)), min_size=STEPS * 5, max_size=STEPS * 5)


def of_minutes(found: list[tuple[int, int]]) -> Past:
    """Steps of five minutes out of events a minute, each minute counted at its end."""
    groups = [found[number : number + 5] for number in range(0, len(found), 5)]
    return Past(AT, STEP, tuple(Count(sum(b for b, _ in g), sum(t for _, t in g)) for g in groups))


def sampled(found: list[tuple[int, int]], early: timedelta = timedelta()) -> list[datetime]:
    """When each minute's events are recorded: at its end, or as much before as the rules' turn comes."""
    return [AT - n * MINUTE - early for n in range(len(found) - 1, -1, -1)]


def sums(
    found: list[tuple[int, int]],
    asked: list[tuple[datetime, datetime]],
    early: timedelta = timedelta(),
    *,
    closed: bool = False,
) -> dict[str, float]:
    """What a server would say of ranges, which hold their end, and if they are `closed` also their start."""
    out: dict[str, float] = {}
    for start, end in asked:
        inside = [
            each
            for at, each in zip(sampled(found, early), found, strict=True)
            if start < at <= end or (closed and at == start)
        ]
        out[f"bad:{key(start, end)}"] = float(sum(bad for bad, _ in inside))
        out[f"total:{key(start, end)}"] = float(sum(total for _, total in inside))
    return out


@given(spans)
def test_what_counts_and_what_does_not_tile_the_time(exclusions: tuple[Exclusion, ...]) -> None:
    shut, begin = slo(exclusions=exclusions), ago(240)
    away, rest = excluded(shut, begin, AT), counting(shut, begin, AT)
    assert (rest is None) == (not away)
    pieces = sorted([*away, *(rest if rest is not None else [(begin, AT)])])
    assert pieces[0][0] == begin
    assert pieces[-1][1] == AT
    for one, two in pairwise(pieces):
        assert one[1] == two[0]
    for start, end in away:
        assert any(
            each.start <= start and end <= each.end + 4 * (RATE_WINDOW + 90 * MINUTE) for each in exclusions
        )


@pytest.mark.slow
@given(spans | spans_of_seconds, minutes, st.integers(0, 59).map(lambda each: each * SECOND), st.booleans())
def test_taking_away_by_steps_is_taking_away_by_samples(
    exclusions: tuple[Exclusion, ...], found: list[tuple[int, int]], early: timedelta, closed: bool
) -> None:
    shut, whole = slo(exclusions=exclusions), of_minutes(found)
    asked = partial(shut, AT, STEP, STEPS)
    kept = without(shut, whole, sums(found, asked, early, closed=closed), Count(0, 0))
    wanted = [
        each
        for at, each in zip(sampled(found, early), found, strict=True)
        if not any(other.start <= at < other.end + RATE_WINDOW for other in exclusions)
    ]
    assert sum(count.bad for count in kept.counts if count) == sum(bad for bad, _ in wanted)
    assert sum(count.total for count in kept.counts if count) == sum(total for _, total in wanted)
    taken = left_out(whole, kept)
    for one, two, three in zip(whole.counts, kept.counts, taken.counts, strict=True):
        assert one is not None
        assert two is not None
        assert three is not None
        assert (one.bad, one.total) == (two.bad + three.bad, two.total + three.total)


@given(spans, minutes)
def test_a_ledger_of_what_counts_adds_up_exactly_and_maintenance_spends_nothing(
    exclusions: tuple[Exclusion, ...], found: list[tuple[int, int]]
) -> None:
    shut, whole = slo(exclusions=exclusions), of_minutes(found)
    kept = without(shut, whole, sums(found, partial(shut, AT, STEP, STEPS)), Count(0, 0))
    known = [Span(e.reason, e.start, e.end, Kind.MAINTENANCE, excluded=True) for e in exclusions]
    made = ledger(kept, shut.budget, known, left_out=left_out(whole, kept))
    if made is None:
        assert all(count is not None and count.total == 0 for count in kept.counts)
        return
    assert sum(entry.bad for entry in made.entries) == made.bad
    assert sum(entry.share for entry in made.entries) == made.spent
    shown = [entry for entry in made.entries if entry.kind is Kind.MAINTENANCE]
    assert all(entry.left_out is not None and entry.bad == entry.share == 0 for entry in shown)


def test_the_maintenance_is_shown_with_what_it_took_away() -> None:
    work = Exclusion(ago(60), ago(35), "upgrade")
    shut = slo(exclusions=(work,))
    whole = Past(AT, STEP, tuple(Count(50.0 if 4 <= n < 12 else 0.0, 100.0) for n in range(48, 0, -1)))
    # One sample of the step that ends with it, and four of the five of the last.
    parts = partial(shut, AT, STEP, STEPS)
    taken = [(0.0, 20.0), (40.0, 80.0)]
    sums_of = {
        f"{what}:{key(*part)}": value
        for part, events in zip(parts, taken, strict=True)
        for what, value in zip(("bad", "total"), events, strict=True)
    }
    kept = without(shut, whole, sums_of, Count(0, 0))
    made = ledger(
        kept,
        shut.budget,
        [Span("upgrade", work.start, work.end, Kind.MAINTENANCE, "exclusions", excluded=True)],
        left_out=left_out(whole, kept),
    )
    assert made is not None
    (entry,) = [each for each in made.entries if each.kind is Kind.MAINTENANCE]
    assert (entry.start, entry.end) == (work.start, work.end)
    assert entry.share == entry.bad == 0
    assert entry.left_out == Count(240.0, 600.0)
    assert entry.source == "exclusions"


def test_a_step_that_is_excluded_as_a_whole_is_what_it_is_to_be() -> None:
    shut = slo(exclusions=(Exclusion(ago(20), ago(10), "work"),))
    past = Past(AT, STEP, (Count(1, 2),) * 5)
    # The steps hold their ends: that of the maintenance's start holds its first sample, too.
    assert without(shut, past, {}, None).counts == (Count(1, 2), None, None, Count(1, 2), Count(1, 2))
    assert without(slo(), past, {}, None) is past


@given(spans)
def test_rates_are_left_out_as_long_as_they_hold_excluded_events(exclusions: tuple[Exclusion, ...]) -> None:
    shut = slo(exclusions=exclusions)
    seen = Rates(AT, MINUTE, (1.0,) * 200, (2.0,) * 200)
    kept = without_rates(shut, seen)
    for number, rate in enumerate(kept.bad):
        at = seen.at(number)
        shut_then = any(each.start <= at < each.end + RATE_WINDOW for each in exclusions)
        assert rate == (0.0 if shut_then else 1.0)
        assert kept.total[number] == (0.0 if shut_then else 2.0)


@pytest.mark.parametrize("until", [AT, AT.replace(microsecond=123_456)])
def test_spans_end_on_whole_seconds(until: datetime) -> None:
    shut = slo(exclusions=(Exclusion(ago(3), ago(-60), "work"),))
    assert excluded(shut, ago(60), until) == [(ago(3), AT)]
