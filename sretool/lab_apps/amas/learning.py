"""The learning-experience metrics, computed from rows.

Each looks back from the newest activity, not from the clock, so a lab that was stopped for days shows at once
what it showed before. The windows are wide enough that a few hundred users give steady figures and are of
*settled* rows: a session or a review list of the last half hour may still be under way.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sretool.core.plans.traffic import AMAS_LAB

if TYPE_CHECKING:
    from psycopg import AsyncConnection

RETENTION_DAYS = 7
"""Complete days that are pooled: of one day's few hundred users the ratio would be noise."""
WINDOW = timedelta(hours=24)
SETTLED = timedelta(minutes=30)
IDLE_IS_OVER = timedelta(minutes=20)
FLOW_ANSWERS = 10
FLOW_ACCURACY = (0.60, 0.85)
FLOW_VARIATION = 0.5
"""Largest standard deviation over mean of the answering times."""

RETENTION = """
SELECT sum((again.user_id IS NOT NULL)::int)::float8 / nullif(count(*), 0)
FROM user_days d LEFT JOIN user_days again ON again.user_id = d.user_id AND again.day = d.day + %(days)s::int
WHERE d.day + %(days)s::int BETWEEN %(today)s::date - %(pooled)s::int AND %(today)s::date - 1
"""
"""Users active on a day who were active again `days` later; `today`, which is not over, is left out."""

REVIEW_HITS = """
SELECT count(answered_at)::float8 / nullif(count(*), 0)
FROM review_predictions WHERE predicted_at > %(since)s AND predicted_at <= %(until)s
"""
"""Words reviewed over words that were to be reviewed."""

PREDICTIONS = """
SELECT count(*) FILTER (WHERE correct = (predicted_recall >= 0.5))::float8 / nullif(count(*), 0)
FROM review_predictions
WHERE answered_at IS NOT NULL AND predicted_at > %(since)s AND predicted_at <= %(until)s
"""

SESSIONS = """
SELECT
    count(*) FILTER (WHERE state = 'open' AND seen_at <= %(idle)s)::float8
        / nullif(count(*) FILTER (WHERE state = 'ended' OR seen_at <= %(idle)s), 0),
    avg(extract(epoch FROM ended_at - started_at)) FILTER (WHERE state = 'ended')::float8,
    count(*) FILTER (
        WHERE answers >= %(flow_answers)s
        AND correct BETWEEN answers * %(flow_least)s AND answers * %(flow_most)s
        AND sum_s > 0
        AND sqrt(greatest(sum_s2 / answers - (sum_s / answers) ^ 2, 0)) < %(flow_variation)s * sum_s / answers
    )::float8 / nullif(count(*), 0)
FROM sessions WHERE state <> 'lost' AND started_at > %(since)s AND started_at <= %(until)s
"""
"""Drop-out: sessions left without an end over all that are over; mean length of the ended; share in flow."""

NEWEST = "SELECT max(started_at) FROM sessions"

GAUGES = (
    "learning_retention_rate_1d",
    "learning_retention_rate_7d",
    "learning_retention_rate_30d",
    "learning_review_hit_rate",
    "learning_session_dropout_rate",
    "learning_forgetting_prediction_accuracy",
    "learning_flow_session_ratio",
    "learning_average_session_seconds",
)


async def compute(connection: AsyncConnection[tuple[Any, ...]]) -> dict[str, float | None]:
    """Every gauge by name; None where there are no rows to compute it from."""
    newest = await _one(connection, NEWEST, {})
    if newest[0] is None:
        return dict.fromkeys(GAUGES)
    until = newest[0] - SETTLED
    values = {
        "since": until - WINDOW,
        "until": until,
        "idle": newest[0] - IDLE_IS_OVER,
        "flow_answers": FLOW_ANSWERS,
        "flow_least": FLOW_ACCURACY[0],
        "flow_most": FLOW_ACCURACY[1],
        "flow_variation": FLOW_VARIATION,
        "today": (newest[0] + AMAS_LAB.utc_offset).date(),
        "pooled": RETENTION_DAYS,
    }
    retention = [(await _one(connection, RETENTION, {**values, "days": days}))[0] for days in (1, 7, 30)]
    hits = (await _one(connection, REVIEW_HITS, values))[0]
    accuracy = (await _one(connection, PREDICTIONS, values))[0]
    dropout, seconds, flow = await _one(connection, SESSIONS, values)
    return dict(zip(GAUGES, (*retention, hits, dropout, accuracy, flow, seconds), strict=True))


async def _one(
    connection: AsyncConnection[tuple[Any, ...]], query: str, values: dict[str, Any]
) -> tuple[Any, ...]:
    row = await (await connection.execute(query.encode(), values)).fetchone()
    assert row is not None  # aggregates
    return row
