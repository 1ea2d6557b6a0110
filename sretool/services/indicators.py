"""What a Prometheus says of key performance indicators over a quarter."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.plans.kpis import ServerSays
from sretool.core.slo.model import WINDOW
from sretool.errors import SourceReplyInvalid

if TYPE_CHECKING:
    from datetime import datetime

    from sretool.core.catalog.kpis import Quarter
    from sretool.ports import MetricsSource

_DAY: Final = timedelta(days=1)


async def ask(query: str, quarter: Quarter, now: datetime, source: MetricsSource) -> ServerSays:
    """The value over the quarter up to `now`, and of how many days there is any; raises SourceError.

    `query` has `{window}` and gives one value.
    """
    until = min(now, quarter.end)
    answer = await source.instant(_over(query, until - quarter.start), until)
    if len(answer) > 1:
        raise SourceReplyInvalid(f"{len(answer)} series where one is wanted, of {query!r}")
    whole = (until - quarter.start) // _DAY
    if not answer or not math.isfinite(answer[0].value):
        return ServerSays(None, 0, whole)
    if not whole:
        return ServerSays(answer[0].value)
    first, last = quarter.start + _DAY, quarter.start + whole * _DAY
    daily = await source.range(_over(query, _DAY), first, last, _DAY)
    days = {at for series in daily for at, value in series.points if math.isfinite(value)}
    return ServerSays(answer[0].value, len(days), whole)


def _over(query: str, window: timedelta) -> str:
    return query.replace(WINDOW, f"{max(round(window.total_seconds()), 1)}s")
