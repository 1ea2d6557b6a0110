"""How everybody hears of a drill."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sretool.core.observe.drills import announced, announcement, is_drill
from sretool.core.observe.model import Alert, AlertState, Drill

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
DRILL = Drill("A replica crashes", NOW, ("learning", "tutor"))
SEEN = replace(DRILL, runs=("abc123",))


def alert(
    state: AlertState = AlertState.FIRING,
    drill: Drill = DRILL,
    *,
    run: str = "abc123",
    parent: str | None = None,
) -> Alert:
    """As Alertmanager gives the announcement back."""
    sent = announcement(drill, run=run, by="mia", ends=NOW + timedelta(minutes=1), parent=parent)
    return Alert("f", sent.labels["alertname"], None, state, sent.starts, sent.labels, sent.annotations)


def test_what_is_announced_is_what_others_see() -> None:
    assert announced([alert()]) == (SEEN,)
    anything = Drill("Anything", NOW)
    assert announced([alert(drill=anything)]) == (replace(anything, runs=("abc123",)),)


def test_a_game_day_stands_for_its_steps() -> None:
    day, step = alert(drill=Drill("A day", NOW)), alert(run="def456", parent="abc123")
    assert [drill.name for drill in announced([step, day])] == ["A day"]
    assert announced([step]) == (replace(DRILL, runs=("def456", "abc123")),)


def test_a_silenced_announcement_is_still_a_drill_and_a_resolved_one_is_none() -> None:
    assert announced([alert(AlertState.SILENCED)]) == (SEEN,)
    assert announced([alert(AlertState.RESOLVED)]) == ()


def test_other_alerts_are_no_drills() -> None:
    page = Alert("g", "ServiceDown", None, AlertState.FIRING, NOW, {"drill": "x"}, {})
    assert not is_drill(page)
    assert announced([page]) == ()


def test_the_end_says_how_it_ended() -> None:
    begin = announcement(DRILL, run="abc123", by="mia", ends=NOW + timedelta(minutes=1))
    end = announcement(DRILL, run="abc123", by="mia", ends=NOW, verdict="passed, it held")
    assert begin.labels == end.labels
    assert "mia runs" in begin.annotations["summary"]
    assert end.annotations["summary"].endswith("has ended: passed, it held")
