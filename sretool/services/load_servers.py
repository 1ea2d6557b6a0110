"""Objectives of the catalog, judged by what the servers under load counted themselves."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.analysis import sides
from sretool.core.analysis.sides import ClientSide, ServerSide
from sretool.core.runs.model import Check
from sretool.core.slo.model import BucketRatio, EventRatio, NativeBucketRatio
from sretool.errors import SourceError
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from sretool.core.analysis.sides import Sides
    from sretool.core.runs.load import Load
    from sretool.core.slo.model import Slo
    from sretool.ports import MetricsSource
    from sretool.services.load import Span

_LONGEST_WAIT: Final = 15.0
"""Seconds to wait at most until the servers' last figures were read."""
_LEAST_WINDOW: Final = timedelta(seconds=1)
SERVER: Final = " (server)"
"""Behind the name of the objective, in the name of the check of what the server counted."""


class Servers:
    """What Prometheus says of the objectives a test is to keep to; without one only the client is heard."""

    def __init__(
        self,
        slos: Sequence[Slo],
        source: MetricsSource | None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._slos, self._source, self._sleep = slos, source, sleep

    async def checks(self, span: Span, load: Load) -> Sequence[tuple[Check, str]]:
        if not self._slos:
            return ()
        client = ClientSide(load.totals.whole, load.totals.seconds, _unanswered(load))
        found: list[tuple[Check, str]] = []
        if self._source is None:
            return [(_client_check(slo, _differ(slo, client, ServerSide(None))), "") for slo in self._slos]
        source = self._source
        every = await self._scrapes(source)
        # What happened last is in a sample that is yet to be taken.
        await self._sleep(min(every or 0.0, _LONGEST_WAIT))
        for slo in self._slos:
            server, problem = await _server(source, slo, span, every)
            seen = _differ(slo, client, server)
            own = _client_check(slo, seen)
            if own.got is not None:
                found.append((own, ""))
            found.append((_server_check(slo, server), problem or (seen.text if seen is not None else "")))
        return found

    async def _scrapes(self, source: MetricsSource) -> float | None:
        """Seconds between two samples of the target that is read least often."""
        try:
            counts = await source.instant("min(count_over_time(up[2m]))")
        except SourceError:
            return None
        most = max((sample.value for sample in counts), default=0.0)
        return 120 / most if most else None


def _unanswered(load: Load) -> int:
    """Failures that are no answer: what HTTP calls a status is one."""
    return sum(each.times for each in load.failures() if each.request and "status" not in each.text.lower())


async def _server(source: MetricsSource, slo: Slo, span: Span, every: float | None) -> tuple[ServerSide, str]:
    """What the server counted, and why it is not known."""
    window = max(timedelta(seconds=round((span.end - span.begin).total_seconds())), _LEAST_WINDOW)
    try:
        bad = await _value(source, slo.bad_rate(window), span.end)
        total = await _value(source, slo.total_rate(window), span.end)
        bounds = await _bounds(source, slo)
    except SourceError as error:
        return ServerSide(None), f"the server's figure is not known: {error.message}"
    seconds = window.total_seconds()
    if bad is None or not total:
        text = f"the server has no events of {slo.id} in {format_duration(window)}"
        return ServerSide(None, None if total is None else 0.0, seconds, every, bounds), text
    return ServerSide(1 - bad / total, total * seconds, seconds, every, bounds), ""


async def _value(source: MetricsSource, query: str, at: datetime) -> float | None:
    """Of all groups together."""
    samples = await source.instant(query, at)
    return sum(sample.value for sample in samples) if samples else None


async def _bounds(source: MetricsSource, slo: Slo) -> tuple[float, ...]:
    """Of the histogram an objective reads, in seconds."""
    sli = slo.sli
    if not isinstance(sli, BucketRatio):
        return ()
    samples = await source.instant(f"count by (le) ({sli.histogram}_bucket{{{sli.matchers}}})")
    found = sorted(float(sample.labels["le"]) for sample in samples if "le" in sample.labels)
    return tuple(bound * _second(sli.histogram) for bound in found if bound < float("inf"))


def _second(histogram: str) -> float:
    """Seconds in the unit of a histogram, which its name ends with."""
    return 0.001 if histogram.endswith(("_ms", "_milliseconds")) else 1.0


def _differ(slo: Slo, client: ClientSide, server: ServerSide) -> Sides | None:
    """None: only the server can know it."""
    match slo.sli:
        case EventRatio():
            return sides.availability(client, server)
        case BucketRatio() | NativeBucketRatio() as sli if sli.good == "below":
            return sides.latency(client, server, float(sli.threshold) * _second(sli.histogram))
        case _:
            return None


def _client_check(slo: Slo, seen: Sides | None) -> Check:
    return _check(f"slo: {slo.id}", slo, seen.client if seen is not None else None)


def _server_check(slo: Slo, server: ServerSide) -> Check:
    return _check(f"slo: {slo.id}{SERVER}", slo, server.good)


def _check(name: str, slo: Slo, got: float | None) -> Check:
    want = float(slo.objective)
    return Check(name, want, got, "ratio", None if got is None else got >= want)
