from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.slo.budget import Count, Past
from sretool.core.slo.firing import Firing
from sretool.core.slo.ledger import Kind, Ledger, Span, ledger
from sretool.core.slo.model import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

UNTIL = datetime(2026, 11, 21, tzinfo=UTC)
STEP = timedelta(minutes=5)
BUDGET = Decimal("0.001")


def past(bad: Sequence[float], total: float = 1000.0) -> Past:
    return Past(UNTIL, STEP, tuple(Count(each, total) for each in bad))


def at(step: float, of: int) -> datetime:
    """When that step of so many begins."""
    return UNTIL - (of - step) * STEP


def made(bad: Sequence[float], *spans: Span, firings: Sequence[Firing] = ()) -> Ledger:
    found = ledger(past(bad), BUDGET, spans, firings)
    assert found is not None
    return found


def told(found: Ledger) -> list[tuple[str, str | None, float]]:
    return [(entry.kind.value, entry.name, float(entry.bad)) for entry in found.entries]


def test_a_stretch_of_fast_burning_is_an_incident_and_the_rest_background() -> None:
    found = made([0.5] * 10 + [100, 200, 50] + [0.5] * 10)
    assert told(found) == [("incident", None, 350), ("background", None, 10)]
    incident = found.entries[0]
    assert (incident.start, incident.end) == (at(10, 23), at(13, 23))
    assert incident.peak_burn == pytest.approx(200)
    assert found.spent == Fraction(360) / 23


def test_short_pauses_do_not_end_an_incident_and_long_ones_do() -> None:
    found = made([100, 0, 0, 100, 0, 0, 0, 100])
    assert told(found) == [("incident", None, 200), ("incident", None, 100), ("background", None, 0)]


def test_what_is_too_small_to_matter_stays_in_the_background() -> None:
    assert told(made([2.0] + [0.0] * 999)) == [("background", None, 2)]


def test_a_known_incident_gives_its_name_to_all_of_the_burning_it_is_in() -> None:
    outage = Span("failover", at(5, 20), at(6, 20))
    found = made([0] * 4 + [50, 100, 100, 50, 20] + [0] * 11, outage)
    assert told(found) == [("incident", "failover", 320), ("background", None, 0)]
    assert found.entries[0].end == at(9, 20)


def test_a_chaos_run_shows_even_where_it_spent_nothing() -> None:
    found = made([0.1] * 10, Span("kill a replica", at(3, 10), at(4, 10), Kind.CHAOS))
    assert found.entries[0].kind is Kind.CHAOS
    assert float(found.entries[0].bad) == pytest.approx(0.2), "the rates of its step show until the next one"


def test_what_a_maintenance_window_overran_is_an_incident_of_its_own() -> None:
    window = Span("upgrade", at(2, 12), at(4, 12), Kind.MAINTENANCE)
    found = made([0, 0, 100, 100, 100, 100, 100, 0, 0, 0, 0, 0], window)
    assert told(found) == [
        ("maintenance", "upgrade", 300),
        ("incident", None, 200),
        ("background", None, 0),
    ]


def test_of_two_that_claim_the_same_minutes_the_maintenance_has_them() -> None:
    window = Span("upgrade", at(2, 10), at(5, 10), Kind.MAINTENANCE)
    noticed = Span("noticed by users", at(3, 10), at(4, 10))
    assert told(made([0, 0, 9, 9, 9, 0, 0, 0, 0, 0], noticed, window)) == [
        ("maintenance", "upgrade", 27),
        ("incident", "noticed by users", 0),
        ("background", None, 0),
    ]


def test_spans_outside_the_window_do_not_show() -> None:
    before, after = (Span("x", at(step, 5), at(step + 1, 5)) for step in (-3, 6))
    assert told(made([0.5] * 5, before, after)) == [("background", None, 2.5)]


def test_alerts_that_fired_meanwhile_are_told() -> None:
    page = Firing("SLOBudgetBurn", Severity.PAGE, at(4, 12), at(7, 12))
    ticket = Firing("SLOBudgetBurn", Severity.TICKET, at(9, 12), None)
    found = made([0, 0, 0, 100, 100, 0, 0, 0, 0, 0, 0, 0], firings=(page, ticket))
    assert found.entries[0].alerts == (page,)


def test_what_the_status_counts_beyond_the_steps_is_an_entry() -> None:
    found = ledger(past([0.5] * 4), BUDGET, counted=Count(7.0, 4100.0))
    assert found is not None
    assert told(found) == [("background", None, 2), ("edges", None, 5)]
    assert found.spent == Fraction(7) / (Fraction(BUDGET) * 4100)


def test_rounding_of_the_status_is_no_entry() -> None:
    found = ledger(past([0.5] * 4), BUDGET, counted=Count(2.0 + 1e-12, 4000.0))
    assert found is not None
    assert [entry.kind for entry in found.entries] == [Kind.BACKGROUND]


@pytest.mark.parametrize("counts", [(), (None, None), (Count(0, 0),)], ids=["empty", "no data", "no traffic"])
def test_without_events_there_is_no_ledger(counts: tuple[Count | None, ...]) -> None:
    assert ledger(Past(UNTIL, STEP, counts), BUDGET) is None


counts = st.one_of(
    st.none(),
    st.builds(
        lambda total, share: Count(total * share, total),
        st.floats(0, 1e9, allow_subnormal=False),
        st.one_of(st.just(0.0), st.floats(0, 0.01), st.floats(0, 1)),
    ),
)
spans = st.builds(
    lambda start, length, kind: Span("x", at(start, 40), at(start + length, 40), kind),
    st.floats(-10, 50),
    st.floats(0.01, 60),
    st.sampled_from([Kind.INCIDENT, Kind.CHAOS, Kind.MAINTENANCE]),
)


@given(
    st.lists(counts, max_size=40),
    st.lists(spans, max_size=5),
    st.sampled_from(["0.5", "0.05", "0.001", "0.00001"]),
    st.one_of(st.none(), st.builds(Count, st.floats(0, 1e9), st.floats(1, 1e9))),
)
def test_entries_add_up_exactly_to_what_is_gone(
    happened: list[Count | None], known: list[Span], budget: str, counted: Count | None
) -> None:
    found = ledger(Past(UNTIL, STEP, tuple(happened)), Decimal(budget), known, counted=counted)
    if found is None:
        return
    assert sum(entry.bad for entry in found.entries) == found.bad
    assert sum(entry.total for entry in found.entries) == found.total
    assert sum(entry.share for entry in found.entries) == found.spent == found.bad / found.allowed
    unnamed = [entry for entry in found.entries if entry.start is not None and entry.name is None]
    for one, two in pairwise(unnamed):
        assert one.end is not None
        assert two.start is not None
        assert one.end <= two.start
