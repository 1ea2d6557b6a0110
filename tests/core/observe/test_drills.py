"""How everybody hears of a drill."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sretool.core.observe.drills import announced, announcement, is_drill
from sretool.core.observe.model import Alert, AlertState, Drill

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
DRILL = Drill("A replica crashes", NOW, ("learning", "tutor"))


def alert(state: AlertState = AlertState.FIRING, drill: Drill = DRILL) -> Alert:
    """As Alertmanager gives the announcement back."""
    sent = announcement(drill, run="abc123", by="mia", ends=NOW + timedelta(minutes=1))
    return Alert("f", sent.labels["alertname"], None, state, sent.starts, sent.labels, sent.annotations)


def test_what_is_announced_is_what_others_see() -> None:
    assert announced([alert()]) == (DRILL,)
    assert announced([alert(drill=Drill("Anything", NOW))]) == (Drill("Anything", NOW),)


def test_a_silenced_announcement_is_still_a_drill_and_a_resolved_one_is_none() -> None:
    assert announced([alert(AlertState.SILENCED)]) == (DRILL,)
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
