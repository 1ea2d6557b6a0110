from __future__ import annotations

from datetime import timedelta

import pytest

from sretool.core.analysis.trend import Direction
from sretool.core.catalog.model import Bound, Threshold
from sretool.core.catalog.watched import Headroom
from sretool.core.observe import infra
from sretool.core.observe.model import Sample, Series
from sretool.core.observe.panels import Condition, judge
from sretool.core.observe.questions import Answers, Found, Track, portions
from tests.support import watched
from tests.support.dashboard import NOW

SYSTEM = watched.system()
MINUTE = timedelta(minutes=1)


def known() -> Answers:
    """Every value and every curve of the shop."""
    found = dict(watched.answers().found)
    tracks = {}
    for expr, span in infra.wanted(SYSTEM.watched).past:
        start, end = span.start(NOW), span.end(NOW)
        series = tuple(
            Series(each.labels, tuple(point for point in each.points if start <= point[0] <= end))
            for each in watched.curves().get(expr, ())
        )
        tracks[expr, span] = Track(series, end, NOW)
    return Answers(found, tracks)


def test_the_worst_measure_makes_a_row() -> None:
    rows = {row.name: row for row in infra.assemble(SYSTEM.watched, known(), NOW).use}
    node = rows["eu-1b node-17"]
    assert node.condition is Condition.EMERGENCY
    assert node.utilisation is not None
    assert (node.utilisation.title, node.utilisation.value) == ("cpu", 0.985)
    assert node.worst is not None
    assert node.worst.title == "cpu"
    assert [each.condition for each in node.measures] == [
        Condition.EMERGENCY,
        Condition.OK,
        Condition.BAD,
        Condition.WARN,
        Condition.WARN,
    ]
    assert rows["eu-1a node-03"].condition is Condition.OK


def test_requests_are_compared_with_an_hour_ago() -> None:
    rows = {row.call.id: row for row in infra.assemble(SYSTEM.watched, known(), NOW).calls}
    pay = rows["pay"]
    assert pay.condition is Condition.BAD
    assert pay.before[1] == pytest.approx(0.0005, rel=0.05)
    assert pay.before[2] == pytest.approx(350, rel=0.05)
    assert rows["db"].errors is None
    assert rows["fx"].condition is Condition.NO_DATA


def test_what_fills_up_says_when() -> None:
    rows = {row.name: row for row in infra.assemble(SYSTEM.watched, known(), NOW).headroom}
    assert rows["conn pool web-1"].full_in == pytest.approx(timedelta(minutes=5, seconds=27), abs=MINUTE)
    assert rows["conn pool web-1"].condition is Condition.BAD
    assert rows["disk node-17"].full_in == pytest.approx(timedelta(minutes=90), abs=MINUTE)
    assert rows["queue payouts"].trend.direction is Direction.RISING
    assert rows["queue payouts"].full_in is None
    assert rows["replication lag"].trend.direction is Direction.STEADY


def test_what_fills_up_within_a_day_is_worth_a_look_whatever_its_share() -> None:
    headroom = Headroom("a", "a", used="used", limit=100.0, over=timedelta(hours=1), source="x")
    span = infra.trend_span(headroom)
    end = span.end(NOW)
    points = tuple((end - MINUTE * (60 - number), 20 + number * 0.1) for number in range(61))
    answers = Answers(
        {"used": Found((Sample({}, NOW, 26.0),), NOW)},
        {("used", span): Track((Series({}, points),), end, NOW)},
    )
    (row,) = infra.headroom_rows(headroom, answers)
    assert row.full_in is None
    assert row.condition is Condition.OK
    (near,) = infra.headroom_rows(
        Headroom("a", "a", used="used", limit=30.0, over=timedelta(hours=1), source="x"), answers
    )
    assert near.full_in == pytest.approx(timedelta(minutes=40), abs=MINUTE)
    assert near.condition is Condition.BAD


def test_a_limit_without_labels_is_everybodys() -> None:
    headroom = Headroom(
        "a", "a", by=("pod",), used="used", limit="limit", over=timedelta(hours=1), source="x"
    )
    answers = Answers(
        {
            "used": Found((Sample({"pod": "a"}, NOW, 5.0), Sample({"pod": "b"}, NOW, 9.0)), NOW),
            "limit": Found((Sample({}, NOW, 10.0),), NOW),
        }
    )
    assert [row.share for row in infra.headroom_rows(headroom, answers)] == [0.5, 0.9]


def test_without_answers_every_row_is_there_without_data() -> None:
    found = infra.assemble(SYSTEM.watched, Answers(), NOW)
    assert {row.condition for row in found.headroom} == {Condition.NO_DATA}
    assert [row.name for row in found.use] == ["Node", "Pod", "GPU"]


@pytest.mark.parametrize(
    ("value", "condition"),
    [
        pytest.param(None, Condition.NO_DATA, id="no data"),
        pytest.param(0.7, Condition.OK, id="exactly on it"),
        pytest.param(0.71, Condition.WARN, id="beyond the first"),
        pytest.param(0.95, Condition.BAD, id="beyond both"),
    ],
)
def test_a_value_is_judged_by_the_worst_threshold_it_is_beyond(
    value: float | None, condition: Condition
) -> None:
    limits = (Threshold(Bound.ABOVE, 0.7, "warn"), Threshold(Bound.ABOVE, 0.9, "bad"))
    assert judge(value, limits) is condition


def test_a_view_needs_few_requests() -> None:
    wanted = infra.wanted(SYSTEM.watched)
    assert len(portions(wanted.now)) == 1
    assert len({span for _, span in wanted.past}) <= 3
