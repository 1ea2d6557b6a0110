from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.adapters.files import catalog
from sretool.core.observe import recording
from sretool.core.observe.model import (
    Alert,
    AlertState,
    Change,
    DeadMan,
    Drill,
    Probe,
    Series,
    SloStatus,
    Snapshot,
    SourceHealth,
)
from sretool.core.observe.questions import Answers, Found, Span, Track
from sretool.core.slo.model import Level, Severity, SloId
from tests.support.dashboard import NOW, amas, snapshot, some_alerts, some_changes, status

moments = st.datetimes(
    datetime(2020, 1, 1),
    datetime(2030, 1, 1),
    timezones=st.just(UTC),
)
spans = st.timedeltas(timedelta(), timedelta(days=90))
labels = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3)
numbers = st.none() | st.floats(allow_nan=False)
texts = st.text(max_size=12)

alerts = st.builds(
    Alert,
    fingerprint=texts,
    name=texts,
    severity=st.none() | st.sampled_from(Severity),
    state=st.sampled_from(AlertState),
    since=moments,
    labels=labels,
    annotations=labels,
    slo=st.none() | texts.map(SloId),
    receivers=st.lists(texts, max_size=2).map(tuple),
    silenced_by=st.lists(texts, max_size=2).map(tuple),
)
statuses = st.builds(
    replace,
    st.sampled_from(amas()),
    at=moments,
    sli=numbers,
    budget_left=numbers,
    level=st.sampled_from(Level),
    burns=st.dictionaries(spans, numbers, max_size=3),
    exhausts_in=st.none() | spans,
    problem=st.none() | texts,
)
sources = st.builds(
    SourceHealth,
    name=st.sampled_from(["prometheus", "alertmanager"]),
    ok=st.booleans(),
    checked_at=moments,
    latency=st.none() | spans,
    error=st.none() | texts,
    good_at=st.none() | moments,
    data_at=st.none() | moments,
)
snapshots = st.builds(
    Snapshot,
    seq=st.integers(0, 10**9),
    at=moments,
    took=spans,
    statuses=st.lists(statuses, max_size=5).map(tuple),
    alerts=st.lists(alerts, max_size=4).map(tuple),
    sources=st.lists(sources, max_size=2).map(tuple),
    changes=st.lists(st.builds(Change, moments, texts, texts, labels), max_size=3).map(tuple),
    drills=st.lists(st.builds(Drill, texts, moments), max_size=1).map(tuple),
    probes=st.lists(st.builds(Probe, texts, st.booleans(), moments), max_size=2).map(tuple),
    dead_man=st.none() | st.builds(DeadMan, texts, st.none() | moments, st.none() | moments),
)


def written(plain: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(plain))


@pytest.mark.slow
@given(st.lists(snapshots, min_size=1, max_size=5))
def test_a_session_comes_back_as_it_was(session: list[Snapshot]) -> None:
    before: Snapshot | None = None
    read: Snapshot | None = None
    for each in session:
        read = recording.apply(read, written(recording.difference(before, each)))
        assert read == each
        before = each


def test_what_does_not_change_is_not_written_again() -> None:
    first = snapshot(amas(), alerts=some_alerts(), changes=some_changes())
    other = replace(first.statuses[0], sli=0.5)
    second = replace(first, seq=2, statuses=(other, *first.statuses[1:]))
    change = recording.difference(first, second)
    assert set(change["changed"]) == {"seq", "statuses"}
    assert change["changed"]["statuses"] == {"items": {other.slo.id: {"+": {"sli": 0.5}}}}
    assert len(json.dumps(change)) < len(json.dumps(recording.difference(None, first))) / 20


def test_a_new_order_and_items_that_come_and_go() -> None:
    first = snapshot(amas(), alerts=some_alerts())
    second = replace(first, statuses=first.statuses[3:0:-1], alerts=some_alerts()[1:3])
    read = recording.apply(first, written(recording.difference(first, second)))
    assert read == second
    third = replace(second, statuses=(*second.statuses, status()))
    assert recording.apply(second, written(recording.difference(second, third))) == third


@pytest.mark.parametrize(
    "value",
    [
        math.inf,
        time(8, 30),
        NOW.date(),
        -math.inf,
        Decimal("0.99900"),
        frozenset({"a", "b"}),
        {timedelta(hours=1): None},
        {"t": "not a time", "c": ("x",)},
        (1, (2.5, "three", None, True)),
        Level.PAGE,
    ],
)
def test_values_come_back_exactly(value: object) -> None:
    back = recording.decode(written(recording.encode(value)))
    assert back == value
    assert type(back) is type(value)


def test_nan_comes_back_as_nan() -> None:
    assert math.isnan(recording.decode(written(recording.encode(math.nan))))


@pytest.mark.parametrize(
    "plain",
    [
        {"c": ["os:path", {}]},
        {"c": ["observe.model:Nothing", {}]},
        {"c": ["observe.recording:encode", {}]},
        {"c": ["observe.model:Sample", {"labels": 1}]},
        {"e": ["slo.model:Level", "gone"]},
        {"t": "yesterday"},
        {"x": 1},
        {"t": 1, "d": 2},
        {},
    ],
)
def test_what_is_no_recorded_value_is_refused(plain: object) -> None:
    with pytest.raises(recording.RecordingUnreadable):
        recording.decode(plain)


def test_what_is_no_value_of_the_core_is_not_recorded() -> None:
    with pytest.raises(TypeError):
        recording.encode(Path("/tmp"))
    with pytest.raises(TypeError):
        recording.encode(object())


def test_a_field_of_a_newer_version_is_passed_over() -> None:
    plain = recording.encode(Found((), NOW))
    plain["c"][1]["colour"] = "red"
    assert recording.decode(plain) == Found((), NOW)


def test_a_recording_begins_with_a_whole_snapshot() -> None:
    with pytest.raises(recording.RecordingUnreadable, match="whole snapshot"):
        recording.apply(None, {"changed": {}})


def test_answers_come_back_and_only_new_ones_are_written() -> None:
    span = Span(timedelta(hours=1), timedelta(minutes=1))
    track = Track((Series({}, ((NOW, 1.0),)),), NOW, NOW)
    first = Answers({"up": Found((), NOW)}, {("rate", span): track})
    second = replace(first, found={**first.found, "down": Found((), None, "refused")}, error="gone")
    change = recording.added_answers(Answers(), first)
    assert change is not None
    read = recording.with_answers(Answers(), written(change))
    assert read == first
    assert recording.added_answers(first, first) is None
    more = recording.added_answers(first, second)
    assert more is not None
    assert [expr for expr, _ in more["found"]] == ["down"]
    assert more["tracks"] == []
    assert recording.with_answers(read, written(more)) == second


def test_a_whole_catalog_can_be_recorded() -> None:
    system = catalog.load([catalog.bundled("amas")])
    assert recording.decode(written(recording.encode(system))) == system


def test_statuses_keep_their_objective_as_one_object() -> None:
    first = snapshot(amas())
    second = replace(first, statuses=tuple(replace(each, sli=0.1) for each in first.statuses))
    read = recording.apply(first, recording.difference(first, second))
    assert all(isinstance(each, SloStatus) for each in read.statuses)
    assert all(new.slo is old.slo for new, old in zip(read.statuses, first.statuses, strict=True))
