"""A recorded session without servers: in ten minutes a page comes, Prometheus is lost, and all ends well."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sretool.core.observe.model import Series
from sretool.core.observe.questions import Answers, Found, Span, Track
from sretool.core.observe.recording import Seen
from sretool.core.observe.replay import Recorder, Recording
from sretool.core.slo.model import Level
from tests.support.dashboard import NOW, health, history, quiet, ratios, snapshot, some_alerts, status

if TYPE_CHECKING:
    from sretool.core.observe.model import Snapshot

MINUTE = timedelta(minutes=1)
START = NOW
HOURS = Span(6 * timedelta(hours=1), MINUTE)
PAGED_AT = START + 3 * MINUTE
LOST_AT = START + 6 * MINUTE
ENDED_AT = START + 8 * MINUTE
END = START + 10 * MINUTE

CALM = quiet()
OF = CALM[0].slo
RATIO = f"error_ratio({OF.id})[1m]"


def lines() -> list[Any]:
    """What was written down: a snapshot a minute, charts of one SLO, and what was on screen."""
    written: list[Any] = []
    recorder = Recorder(written.append, {"refresh": timedelta(seconds=5), "origin": "lab amas"}, START)
    for number in range(11):
        at = START + number * MINUTE
        recorder.snapshot(_snapshot(number, at), at)
        if number == 1:
            recorder.query(OF.id, MINUTE, RATIO, at)
            recorder.history(OF.id, history(OF, at), at)
            recorder.answers(_answers(at), at)
        if number == 4:
            recorder.seen(Seen("one SLO", OF.id, ("enter", "v")), at)
        if number == 6:
            recorder.history(OF.id, "connection refused", at)
        if number == 9:
            recorder.history(OF.id, history(OF, at), at)
            recorder.answers(_answers(at), at)
    return written


def session() -> Recording:
    return Recording(lines())


def _answers(at: datetime) -> Answers:
    points = ratios(OF, HOURS.start(at), HOURS.end(at), MINUTE)
    track = Track((Series({}, points),), HOURS.end(at), at)
    return Answers({"up": Found((), at)}, {(RATIO, HOURS): track})


def _snapshot(number: int, at: datetime) -> Snapshot:
    paging = 3 <= number < 8
    first = status(OF, Level.PAGE, burn=20.0, budget_left=0.5, at=at) if paging else replace(CALM[0], at=at)
    statuses = (first, *(replace(each, at=at) for each in CALM[1:]))
    lost = 6 <= number < 8
    shown = snapshot(statuses, alerts=some_alerts()[:1] if paging else ())
    sources = (
        replace(health(ok=not lost), checked_at=at, good_at=at if not lost else START + 5 * MINUTE),
        replace(health("alertmanager"), checked_at=at, good_at=at),
    )
    return replace(shown, seq=number + 1, at=at, sources=sources)
