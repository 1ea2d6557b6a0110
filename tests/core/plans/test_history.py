from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sretool.core.plans.history import RATE_WINDOW, STEP, History, MachinePart, Segment
from sretool.core.plans.history_file import read
from sretool.core.plans.traffic import AMAS_LAB
from sretool.errors import CatalogError, UsageError
from tests.support.history import ANCHOR, AVAILABILITY, SLOS, SMALL, history, plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sretool.core.plans.history import Track

HOUR = 3600


def named(tracks: Sequence[Track], name: str, **labels: str) -> Track:
    wanted = {"__name__": name, **labels}.items()
    (found,) = [track for track in tracks if wanted <= dict(track.labels).items()]
    return found


def summed(tracks: Sequence[Track], name: str, **labels: str) -> NDArray[np.float64]:
    wanted = {"__name__": name, **labels}.items()
    return np.asarray(sum(track.values for track in tracks if wanted <= dict(track.labels).items()))


def is_counter(track: Track) -> bool:
    return dict(track.labels)["__name__"].endswith(("_total", "_bucket", "_count", "_sum"))


def over(begin: int, end: int, carried: Sequence[float] | None = None) -> list[Track]:
    return list(history().tracks(Segment(begin, end, carried)))


@pytest.fixture(scope="module")
def whole() -> list[Track]:
    """All of the small past."""
    made = history()
    return list(made.tracks(Segment(made.begins, ANCHOR)))


def test_samples_are_at_every_whole_minute_and_at_the_end() -> None:
    times = Segment(ANCHOR + 7, ANCHOR + 150).times()
    assert (times - ANCHOR).tolist() == [7, 60, 120, 150]


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        pytest.param(Segment(60, 60), [60], id="a single instant"),
        pytest.param(Segment(61, 61), [61], id="a single instant off the minute"),
        pytest.param(Segment(60, 180), [60, 120, 180], id="whole minutes"),
        pytest.param(Segment(60, 180, [0.0]), [120, 180], id="going on leaves out what is there"),
        pytest.param(Segment(65, 90, [0.0]), [90], id="going on within a minute"),
    ],
)
def test_times_of_a_segment(segment: Segment, expected: list[int]) -> None:
    assert segment.times().tolist() == expected


def test_counters_begin_at_zero_and_never_fall(whole: list[Track]) -> None:
    for track in filter(is_counter, whole):
        assert track.values[0] == 0, track.labels
        assert np.all(np.diff(track.values) >= 0), track.labels


def test_counters_of_events_are_whole_numbers(whole: list[Track]) -> None:
    for track in whole:
        if dict(track.labels)["__name__"].endswith(("requests_total", "_bucket", "_count")):
            assert np.array_equal(track.values, np.floor(track.values))


def test_the_same_past_twice_is_the_same(whole: list[Track]) -> None:
    made = history()
    again = list(made.tracks(Segment(made.begins, ANCHOR)))
    assert [track.labels for track in again] == [track.labels for track in whole]
    assert all(np.array_equal(one.values, two.values) for one, two in zip(again, whole, strict=True))


def test_every_series_occurs_once(whole: list[Track]) -> None:
    assert len({track.labels for track in whole}) == len(whole)


@settings(max_examples=15, deadline=None)
@given(begin=st.integers(0, 46 * HOUR), length=st.integers(1, 3 * HOUR), cut=st.floats(0, 1))
def test_growth_does_not_depend_on_where_a_segment_begins(begin: int, length: int, cut: float) -> None:
    """One segment, and the same stretch cut in two where the second goes on from the first."""
    start = history().begins + begin
    middle = start + round(length * cut)
    at_once = over(start, start + length)
    first = over(start, middle)
    second = over(middle, start + length, [track.values[-1] for track in first])
    for one, two in zip(at_once, second, strict=True):
        if is_counter(one) and len(two.values):
            assert two.values[-1] == pytest.approx(one.values[-1])


def test_a_minutes_events_are_the_same_in_a_short_and_in_a_long_segment(whole: list[Track]) -> None:
    start = ANCHOR - 5 * HOUR
    short = over(start, start + HOUR)
    at = int(np.flatnonzero(whole[0].times == start)[0])
    for long_track, short_track in zip(whole, short, strict=True):
        if is_counter(long_track):
            piece = long_track.values[at : at + len(short_track.values)]
            assert np.allclose(piece - piece[0], short_track.values)


@pytest.mark.parametrize("slo", SLOS, ids=lambda slo: slo.name)
def test_recorded_rates_are_those_of_the_raw_counters(whole: list[Track], slo: object) -> None:
    if slo is AVAILABILITY:
        bad, total = summed(whole, "errors_total"), summed(whole, "requests_total")
    else:
        total = summed(whole, "duration_seconds_count")
        bad = total - summed(whole, "duration_seconds_bucket", le="0.2")
    back = RATE_WINDOW // STEP
    for name, counter in (("slo:bad:rate5m", bad), ("slo:total:rate5m", total)):
        recorded = named(whole, name, slo=slo.id)  # type: ignore[attr-defined]
        assert dict(recorded.labels)["service"] == "shop"
        assert np.allclose(recorded.values[back:], (counter[back:] - counter[:-back]) / RATE_WINDOW)


def test_recorded_rates_go_on_across_a_restart() -> None:
    """A new segment's counters begin at zero; what the SLO recorded does not."""
    tracks = over(ANCHOR - HOUR, ANCHOR)
    total = named(tracks, "slo:total:rate5m", slo="shop/availability")
    assert total.values[0] == pytest.approx(AMAS_LAB.rate_at(ANCHOR - HOUR), rel=0.3)


def test_outcomes_and_buckets_add_up(whole: list[Track]) -> None:
    requests = summed(whole, "requests_total")
    assert np.array_equal(requests, summed(whole, "duration_seconds_count"))
    assert np.array_equal(requests, summed(whole, "duration_seconds_bucket", le="+Inf"))
    assert np.array_equal(summed(whole, "requests_total", status="500"), summed(whole, "errors_total"))
    for low, high in pairwise(("0.1", "0.2", "1.0", "+Inf")):
        assert np.all(
            summed(whole, "duration_seconds_bucket", le=low)
            <= summed(whole, "duration_seconds_bucket", le=high)
        )


def test_traffic_follows_the_pattern(whole: list[Track]) -> None:
    requests = summed(whole, "requests_total")
    times = whole[0].times
    for hours_ago in (3, 12, 20, 40):
        at = int(np.flatnonzero(times == ANCHOR - hours_ago * HOUR)[0])
        expected = sum(AMAS_LAB.rate_at(float(t)) * STEP for t in times[at : at + 60])
        assert requests[at + 60] - requests[at] == pytest.approx(expected, abs=5 * expected**0.5)


def test_an_incident_is_as_big_as_the_plan_says(whole: list[Track]) -> None:
    outage, slow = history().occurrences
    errors = named(whole, "slo:bad:rate5m", slo="shop/availability")
    raw = summed(whole, "errors_total")

    def grown(counter: NDArray[np.float64], begin: int, end: int) -> float:
        first, last = (int(np.flatnonzero(errors.times == t)[0]) for t in (begin, end))
        return float(counter[last] - counter[first])

    requests = grown(summed(whole, "requests_total"), outage.start, outage.end)
    assert grown(raw, outage.start, outage.end) == pytest.approx(0.5 * requests, abs=5 * requests**0.5)
    assert grown(raw, outage.end, outage.end + 600) < 0.02 * requests

    requests = grown(summed(whole, "requests_total"), slow.start, slow.end)
    quick = grown(summed(whole, "duration_seconds_bucket", le="0.2"), slow.start, slow.end)
    assert quick == pytest.approx(0.5 * 0.98 * requests, abs=5 * requests**0.5)


def test_incidents_lie_where_the_plan_says() -> None:
    outage, slow = history().occurrences
    local = (outage.start + 8 * HOUR) % 86400
    assert local == 20 * HOUR
    assert 86400 <= ANCHOR - outage.start < 2 * 86400
    assert outage.end - outage.start == 600
    assert slow.start == ANCHOR - 6 * HOUR


def test_a_gauge_has_the_incidents_level_and_stays_within_its_bounds(whole: list[Track]) -> None:
    outage, _ = history().occurrences
    queue = named(whole, "queue_length")
    inside = (queue.times >= outage.start) & (queue.times < outage.end)
    assert np.all(queue.values[inside] == 99)
    assert np.all(queue.values[~inside] < 30)
    assert queue.values.min() >= 0


ON_A_MACHINE = """\
title: A host
pattern: amas-lab
days: 2
streams: []
families:
  - {kind: meter, name: idle_seconds_total, labels: {job: node}, of: processor, per_second: 0.9, unit: 0.01}
  - kind: gauge
    name: free_bytes
    labels: {job: node}
    of: disk
    level: available
    per_day: -100
    most: size
"""


def test_series_of_the_host_are_those_of_the_machines_parts() -> None:
    machine = {
        "processor": (MachinePart({"cpu": "0"}, {}), MachinePart({"cpu": "1"}, {})),
        "disk": (MachinePart({"device": "/dev/vda"}, {"size": 5000.0, "available": 4900.0}),),
    }
    made = History(plan(ON_A_MACHINE), AMAS_LAB, (), ANCHOR, machine)
    first, second, disk = made.tracks(Segment(ANCHOR - 2 * 24 * HOUR, ANCHOR))
    assert [dict(track.labels)["cpu"] for track in (first, second)] == ["0", "1"]
    assert first.values[-1] == pytest.approx(0.9 * 2 * 24 * HOUR)
    assert dict(disk.labels)["device"] == "/dev/vda"
    assert (disk.values[0], disk.values[-1]) == (5000, 4900)


def test_a_machine_without_such_parts_has_no_such_series() -> None:
    made = History(plan(ON_A_MACHINE), AMAS_LAB, (), ANCHOR)
    assert list(made.tracks(Segment(ANCHOR - 60, ANCHOR))) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        pytest.param("of: processor", "of: cpu", 6, "not 'cpu'", id="kind of part"),
        pytest.param("level: available", "level: free", 11, "'free' is not known of disk", id="number"),
        pytest.param("most: size", "most: total", 13, "'total' is not known of disk", id="bound"),
    ],
)
def test_what_a_machine_does_not_have_is_refused(old: str, new: str, line: int, message: str) -> None:
    with pytest.raises(CatalogError) as caught:
        plan(ON_A_MACHINE.replace(old, new))
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.line == line


def test_processes_started_where_their_segment_begins() -> None:
    text = ON_A_MACHINE + "  - {kind: started, name: start_time_seconds, labels: {job: shop}}\n"
    made = History(plan(text), AMAS_LAB, (), ANCHOR)
    (first,) = made.tracks(Segment(ANCHOR, ANCHOR + 60))
    (second,) = made.tracks(Segment(ANCHOR + 60, ANCHOR + 120, [float(first.values[-1])]))
    assert set(first.values) | set(second.values) == {ANCHOR}


def test_an_slo_that_counts_nothing_of_the_past_is_refused() -> None:
    other = plan(SMALL.replace("name: requests_total", "name: orders_total"))
    made = History(other, AMAS_LAB, SLOS, ANCHOR)
    with pytest.raises(UsageError, match="no series that shop/availability counts"):
        list(made.tracks(Segment(ANCHOR - 600, ANCHOR)))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        pytest.param("pattern: amas-lab\n", "", 1, "missing required field `pattern`", id="missing"),
        pytest.param("per_request: 1", "per_reqest: 1", 6, "unknown field `per_reqest`", id="unknown key"),
        pytest.param("days: 2", "days: many", 3, "Expected `int`, got `str`", id="wrong type"),
        pytest.param("{a: 0.5, b: 0.5}", "{a: 0.5, b: 0.4}", 8, "add up to 0.9", id="shares"),
        pytest.param("kind: histogram", "kind: histgram", 14, "Invalid value 'histgram'", id="unknown kind"),
        pytest.param('["0.1", "0.2", "1.0"]', '["0.2", "0.1"]', 17, "each above the one before", id="bounds"),
        pytest.param('only: ["500"]', 'only: ["501"]', 13, "has no outcome '501'", id="unknown outcome"),
        pytest.param("duration: 10m", "duration: 10 min", 26, "is not a duration", id="duration"),
        pytest.param("family: queue_length", "family: queue", 29, "no gauge is called 'queue'", id="effect"),
        pytest.param('at: "20:00"', 'at: "8pm"', 25, "is not a time of day", id="time of day"),
        pytest.param("title: A shop", "title: [A shop", 2, "not YAML", id="not YAML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in SMALL
    with pytest.raises(CatalogError) as caught:
        read(SMALL.replace(old, new, 1), "history.yaml")
    (problem,) = caught.value.problems
    assert message in problem.message
    assert (problem.file, problem.line) == ("history.yaml", line)


def test_all_problems_of_a_file_are_told_at_once() -> None:
    text = SMALL.replace('only: ["500"]', 'only: ["501"]').replace("duration: 10m", "duration: soon")
    with pytest.raises(CatalogError) as caught:
        read(text, "history.yaml")
    assert [problem.line for problem in caught.value.problems] == [13, 26]
