"""Looking at what a server has measured, family by family, until objectives can be proposed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from sretool.core.catalog.discover.propose import WINDOW, Look, Proposal, Row, fitting, propose
from sretool.core.catalog.discover.recognise import Passed, Plan, leads, plan
from sretool.errors import SourceError, SourceUnreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from datetime import datetime

    from sretool.core.catalog.discover.recognise import Lead
    from sretool.ports import SurveySource

_T = TypeVar("_T")

_AT_ONCE: Final = 4
"""Questions that a server has to answer at a time: each may read a month of many series."""

_DAY: Final = timedelta(days=1)


class Survey:
    """One look at one server."""

    def __init__(self, source: SurveySource, now: datetime, days: int) -> None:
        self._source = source
        self._first = now - (days - 1) * _DAY
        self._now = now
        self._days = days
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self.names = 0
        """How many metrics the server has."""
        self.known: tuple[Lead, ...] = ()
        """What was recognised among them."""

    async def run(self) -> Proposal:
        """Raises SourceError where nothing can be asked; a family that alone cannot be is passed over."""
        names = await self._source.metric_names()
        self.names = len(names)
        self.known = leads(names)
        if not self.known:
            return Proposal((), (), WINDOW)
        types = await _or(self._source.metric_types(), {})
        kept = await _or(self._source.retention(), None)
        results = await asyncio.gather(*(self._look(lead) for lead in self.known))
        plans = [result for result in results if not isinstance(result, Passed)]
        passed = [result for result in results if isinstance(result, Passed)]
        return propose(plans, passed, Look(self._days, fitting(kept), types, self._now))

    async def _look(self, lead: Lead) -> tuple[Plan, Sequence[Row]] | Passed:
        async with self._turn:
            try:
                planned = plan(
                    lead, await self._source.label_names(lead.asked, self._first - _DAY, self._now)
                )
                if isinstance(planned, Passed):
                    return planned
                return planned, await self._rows(planned)
            except SourceUnreachable:
                raise
            except SourceError as error:
                return Passed(lead.metrics, f"could not be asked about: {error.message}")

    async def _rows(self, planned: Plan) -> Sequence[Row]:
        return [
            Row(role, series.labels, dict(series.points))
            for role, query in planned.queries
            for series in await self._source.range(query, self._first, self._now, _DAY)
        ]


async def _or(answer: Awaitable[_T], otherwise: _T) -> _T:
    """What only Prometheus itself tells: `otherwise` where the store does not."""
    try:
        return await answer
    except SourceUnreachable:
        raise
    except SourceError:
        return otherwise
