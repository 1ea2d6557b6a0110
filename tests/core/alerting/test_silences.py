"""Matchers and silences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.alerting.silences import (
    Matcher,
    Silence,
    SilenceState,
    exactly,
    parse_length,
    parse_matchers,
    proposed,
    text_of,
    wide,
)
from sretool.errors import UsageError

NOW = datetime(2026, 11, 20, 3, 12, tzinfo=UTC)
DOWN = {"alertname": "ServiceDown", "service": "amas", "instance": "app-1", "severity": "page"}


@pytest.mark.parametrize(
    ("text", "matchers"),
    [
        ('service="amas"', [Matcher("service", "amas")]),
        ("a=b,alertname=Down", [Matcher("a", "b"), Matcher("alertname", "Down")]),
        ('{a!="b", c=~"x|y"}', [Matcher("a", "b", equal=False), Matcher("c", "x|y", regex=True)]),
        ('a="b",d!~"z.*"', [Matcher("a", "b"), Matcher("d", "z.*", equal=False, regex=True)]),
        (r'path="a\"b\\c\nd"', [Matcher("path", 'a"b\\c\nd')]),
        ('note="a,b=c"', [Matcher("note", "a,b=c")]),
    ],
)  # fmt: skip
def test_matchers_are_read_as_alertmanager_writes_them(text: str, matchers: list[Matcher]) -> None:
    assert parse_matchers(text) == tuple(matchers)
    assert parse_matchers(text_of(matchers)) == tuple(matchers)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no matcher"),
        ("service", "'service' is not a matcher"),
        ('service="amas" alertname="x"', "is not a matcher"),
        ('service="amas', "is not a matcher"),
        ('a=~"("', "not a regular expression"),
        ('a=~".*"', "all alerts would be silenced"),
        ('a!="b"', "all alerts would be silenced"),
        ('a=""', "all alerts would be silenced"),
    ],
)
def test_what_is_no_matcher_is_told(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(")) as failure:
        parse_matchers(text)
    assert failure.value.remedy


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=12),
        min_size=1,
    )
)  # fmt: skip
def test_the_exact_matchers_of_an_alert_mean_it_and_survive_being_written(labels: dict[str, str]) -> None:
    matchers = exactly(labels)
    assert all(matcher.matches(labels) for matcher in matchers)
    assert parse_matchers(text_of(matchers)) == matchers


def test_a_regex_is_anchored() -> None:
    assert Matcher("alertname", "Service.*", regex=True).matches(DOWN)
    assert not Matcher("alertname", "Service", regex=True).matches(DOWN)
    assert Matcher("zone", ".*", regex=True).matches(DOWN)


def test_the_proposal_leaves_out_what_changes() -> None:
    assert text_of(proposed(DOWN)) == 'alertname="ServiceDown", service="amas", instance="app-1"'


@pytest.mark.parametrize(
    ("matchers", "hits", "said"),
    [
        ('alertname="ServiceDown"', [DOWN], None),
        ('service="amas"', [DOWN], "names no alert"),
        ('alertname=~".+"', [DOWN], "means every alert"),
        ('alertname=~"A|B"', [{"alertname": "A"}, {"alertname": "B"}], "2 different alerts"),
        ('alertname="A"', [{"alertname": "A", "service": each} for each in "xy"], "2 services"),
        ('alertname="A",service!="x"', [{"alertname": "A"}], None),
    ],
)  # fmt: skip
def test_wide_matchers_are_warned_of(matchers: str, hits: list[dict[str, str]], said: str | None) -> None:
    found = wide(parse_matchers(matchers), hits)
    assert found is None if said is None else found is not None and said in found


def test_a_silence_has_a_cap() -> None:
    assert parse_length("4h") == timedelta(hours=4)
    with pytest.raises(UsageError, match="2d is longer than a silence may be"):
        parse_length("2d")
    assert parse_length("2d", timedelta(days=7)) == timedelta(days=2)
    with pytest.raises(UsageError):
        parse_length("soon")
    with pytest.raises(UsageError, match="hides nothing"):
        parse_length("0s")


def test_the_part_of_a_time_a_silence_covers() -> None:
    hour = timedelta(hours=1)
    silence = Silence("s", exactly(DOWN), NOW, NOW + hour, "mia", "x", SilenceState.ACTIVE)
    assert silence.within(NOW - hour, NOW + hour / 2) == (NOW, NOW + hour / 2)
    assert silence.within(NOW + hour, NOW + 2 * hour) is None
