from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sretool.core.observe.model import Sample, Series
from sretool.core.observe.questions import (
    PANEL,
    QUERY_LENGTH,
    Span,
    apart,
    continued,
    floor,
    halves,
    joined,
    portions,
)

AT = datetime(2026, 11, 21, 10, 0, 7, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_joined_expressions_may_end_with_comments() -> None:
    query = joined(["up # all of them", "sum(x)"])
    assert query == (
        f'label_replace((\nup # all of them\n), "{PANEL}", "0", "", "") or '
        f'label_replace((\nsum(x)\n), "{PANEL}", "1", "", "")'
    )


def test_values_come_back_by_expression_without_the_joining_label() -> None:
    samples = [
        Sample({PANEL: "1", "instance": "a"}, AT, 1.0),
        Sample({PANEL: "0"}, AT, 2.0),
        Sample({PANEL: "9"}, AT, 3.0),
        Sample({"stray": "x"}, AT, 4.0),
    ]
    found = apart(["up", "sum(x)"], samples)
    assert [(s.labels, s.value) for s in found["up"]] == [({}, 2.0)]
    assert [(s.labels, s.value) for s in found["sum(x)"]] == [({"instance": "a"}, 1.0)]


@given(st.lists(st.text(min_size=1, max_size=2 * QUERY_LENGTH), max_size=20))
def test_portions_keep_everything_in_order_and_only_a_single_long_one_is_too_long(exprs: list[str]) -> None:
    found = portions(exprs)
    assert [expr for portion in found for expr in portion] == exprs
    for portion in found:
        assert len(portion) == 1 or sum(map(len, portion)) <= QUERY_LENGTH


@given(st.lists(st.text(), min_size=2))
def test_halves_lose_nothing(exprs: list[str]) -> None:
    first, second = halves(tuple(exprs))
    assert first + second == tuple(exprs)
    assert first
    assert second


def test_a_curve_goes_on_without_repeating_and_without_what_is_too_old() -> None:
    known = (Series({"a": "1"}, ((AT, 1.0), (AT + MINUTE, 2.0))), Series({"a": "2"}, ((AT, 5.0),)))
    new = (
        Series({"a": "1"}, ((AT + MINUTE, 9.0), (AT + 2 * MINUTE, 3.0))),
        Series({"a": "3"}, ((AT + MINUTE, 7.0),)),
    )
    found = continued(known, new, AT + MINUTE)
    assert {series.labels["a"]: series.points for series in found} == {
        "1": ((AT + MINUTE, 2.0), (AT + 2 * MINUTE, 3.0)),
        "3": ((AT + MINUTE, 7.0),),
    }


def test_spans_end_on_whole_steps() -> None:
    span = Span(timedelta(hours=1), timedelta(minutes=5))
    assert span.end(AT) == datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    assert span.start(AT) == datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    assert floor(AT, MINUTE) == AT.replace(second=0)
    assert not Span(timedelta(hours=1), MINUTE, back=timedelta(days=7)).live
    assert not Span(timedelta(hours=1), MINUTE, until=AT).live
