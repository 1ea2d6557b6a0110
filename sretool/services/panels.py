"""Asking for what a screen beside the SLOs shows: at most six requests a refresh, whatever is on it.

An expression that Prometheus refuses must not take its neighbours with it: the query it was joined into is
halved until it stands alone, and alone it is tried again only now and then. Values are kept whatever happens
to the source; who shows them sees how old they are.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.observe import questions
from sretool.core.observe.questions import Answers, Found, Span, Track, Wanted
from sretool.errors import SourceError, SourceRefused, SourceReplyInvalid, SourceTimeout, SourceTooMuch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.observe.model import Sample, Series
    from sretool.ports import Clock, MetricsSource

REQUESTS: Final = 6
"""Of one refresh at most."""

PAST_EVERY: Final = timedelta(minutes=10)
"""What ended in the past moves slowly."""

BROKEN_EVERY: Final = timedelta(minutes=1)

REGROUP_AFTER: Final = timedelta(minutes=10)
"""What was taken apart is joined again, in case its time has come."""

_AT_ONCE: Final = 3
_KEPT: Final = 600
"""Expressions whose last answer is remembered."""

_ALIVE: Final = "vector(1)"


@dataclass(slots=True)
class _Group:
    """Expressions that go into one request."""

    exprs: tuple[str, ...]
    span: Span | None
    """None: their present values."""
    asked_at: datetime | None = None
    due_at: datetime | None = None


class Panels:
    """Keeps the answers to whatever is wanted, for one Prometheus."""

    def __init__(self, metrics: MetricsSource, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._found: dict[str, Found] = {}
        self._tracks: dict[tuple[str, Span], Track] = {}
        self._groups: dict[Span | None, list[_Group]] = {}
        self._grouped_at: datetime | None = None
        self._lost = False
        """Whether the last refresh got no answer: then nobody asks whose fault it is."""

    async def ask(self, wanted: Wanted) -> Answers:
        """One refresh; a source that fails is told in the answers, which are never fewer than before."""
        now = self._clock.now()
        self._arrange(wanted, now)
        gate = asyncio.Semaphore(_AT_ONCE)
        requests, lost = 0, None
        # What is taken apart is asked again at once, as far as the requests go.
        while lost is None and (due := self._due(now)[: REQUESTS - requests]):
            requests += len(due)
            async with asyncio.TaskGroup() as tasks:
                asked = [tasks.create_task(self._attempt(group, now, gate)) for group in due]
            failed = [
                (group, error) for group, task in zip(due, asked, strict=True) if (error := task.result())
            ]
            answering = len(failed) < len(due)
            if failed and not answering and not self._lost and requests < REQUESTS and _all_late(failed):
                # Is it the server, or is it what was asked?
                requests += 1
                answering = await self._alive()
            for group, error in failed:
                if _about_the_query(error) or (isinstance(error, SourceTimeout) and answering):
                    self._take_apart(group, error, now)
                else:
                    lost = error.message
        self._lost = lost is not None
        self._forget(wanted)
        return Answers(dict(self._found), dict(self._tracks), lost, requests)

    def _arrange(self, wanted: Wanted, now: datetime) -> None:
        """Groups for what is wanted; those that are there already stay: they know who is broken."""
        by_span: dict[Span | None, list[str]] = {}
        for expr in questions.unique(wanted.now):
            by_span.setdefault(None, []).append(expr)
        for expr, span in questions.unique(wanted.past):
            by_span.setdefault(span, []).append(expr)
        again = self._grouped_at is None or now - self._grouped_at >= REGROUP_AFTER
        if again:
            self._grouped_at = now
        groups: dict[Span | None, list[_Group]] = {}
        for of_span, exprs in by_span.items():
            known = self._groups.get(of_span, [])
            if not again and {expr for group in known for expr in group.exprs} == set(exprs):
                groups[of_span] = known
            else:
                groups[of_span] = self._regrouped(exprs, of_span)
        self._groups = groups

    def _regrouped(self, exprs: Sequence[str], span: Span | None) -> list[_Group]:
        broken = [expr for expr in exprs if self._error(expr, span) is not None]
        sound = [expr for expr in exprs if expr not in broken]
        return [_Group(portion, span) for portion in (*questions.portions(sound), *((e,) for e in broken))]

    def _error(self, expr: str, span: Span | None) -> str | None:
        if span is None:
            return self._found.get(expr, Found()).error
        return self._tracks.get((expr, span), Track()).error

    def _due(self, now: datetime) -> list[_Group]:
        """The present first, curves that go on next, the past last; who has waited longest goes first."""
        waiting = [
            (self._rank(group), group.asked_at or datetime.min.replace(tzinfo=now.tzinfo), number, group)
            for number, group in enumerate(group for groups in self._groups.values() for group in groups)
            if self._is_due(group, now)
        ]
        waiting.sort(key=lambda each: each[:3])
        present = [group for rank, _, _, group in waiting if rank == 0]
        others = [group for rank, _, _, group in waiting if rank]
        # However much is shown of the present, curves get their turn.
        room = REQUESTS - min(len(others), 2)
        chosen = present[:room]
        return [*chosen, *others[: REQUESTS - len(chosen)]]

    def _rank(self, group: _Group) -> int:
        if group.span is None:
            return 0
        return 1 if group.span.live else 2

    def _is_due(self, group: _Group, now: datetime) -> bool:
        if group.asked_at == now or (group.due_at is not None and now < group.due_at):
            return False
        if group.span is None:
            return True
        known = [self._tracks.get((expr, group.span), Track()) for expr in group.exprs]
        if any(track.until is None for track in known):
            return True
        end = group.span.end(now)
        if group.span.live:
            return any(track.until is not None and track.until < end for track in known)
        if group.span.until is not None:
            return any(track.until != end for track in known)
        return any(track.at is None or now - track.at >= PAST_EVERY for track in known)

    async def _attempt(self, group: _Group, now: datetime, gate: asyncio.Semaphore) -> SourceError | None:
        async with gate:
            group.asked_at = now
            try:
                if group.span is None:
                    samples = await self._metrics.instant(questions.joined(group.exprs))
                    self._take_samples(group, samples)
                else:
                    await self._ask_range(group, group.span, now)
            except SourceError as error:
                return error
        group.due_at = None
        return None

    def _take_samples(self, group: _Group, samples: Sequence[Sample]) -> None:
        at = self._clock.now()
        for expr, found in questions.apart(group.exprs, samples).items():
            self._found.pop(expr, None)
            self._found[expr] = Found(found, at)

    async def _ask_range(self, group: _Group, span: Span, now: datetime) -> None:
        start, end = span.start(now), span.end(now)
        known = [self._tracks.get((expr, span), Track()) for expr in group.exprs]
        ends = [track.until for track in known]
        begin = start
        if span.live and all(until is not None for until in ends):
            begin = max(start, min(until for until in ends if until is not None) + span.step)
        series = await self._metrics.range(questions.joined(group.exprs), begin, end, span.step)
        self._take_series(group, span, series, start, end)

    def _take_series(
        self, group: _Group, span: Span, series: Sequence[Series], start: datetime, end: datetime
    ) -> None:
        at = self._clock.now()
        for expr, new in questions.tracks_apart(group.exprs, series).items():
            known = self._tracks.pop((expr, span), Track()).series if span.live else ()
            self._tracks[expr, span] = Track(questions.continued(known, new, start), end, at)

    def _take_apart(self, group: _Group, error: SourceError, now: datetime) -> None:
        """Halve a group that failed; an expression that stands alone is the one that is broken."""
        groups = self._groups[group.span]
        if len(group.exprs) > 1:
            place = groups.index(group)
            groups[place : place + 1] = [_Group(half, group.span) for half in questions.halves(group.exprs)]
            return
        (expr,) = group.exprs
        group.due_at = now + BROKEN_EVERY
        if group.span is None:
            self._found[expr] = replace(self._found.get(expr, Found()), error=_said(error))
        else:
            key = (expr, group.span)
            self._tracks[key] = replace(self._tracks.get(key, Track()), error=_said(error))

    async def _alive(self) -> bool:
        try:
            await self._metrics.instant(_ALIVE)
        except SourceError:
            return False
        return True

    def _forget(self, wanted: Wanted) -> None:
        """What nobody has wanted for long."""
        held = {*wanted.now, *(expr for expr, _ in wanted.past)}
        for expr in [expr for expr in self._found if expr not in held][:-_KEPT]:
            del self._found[expr]
        spans = set(wanted.past)
        for key in [key for key in self._tracks if key not in spans][:-_KEPT]:
            del self._tracks[key]


def _about_the_query(error: SourceError) -> bool:
    """Whether another query may fare better: nothing is said about who we are or where we ask."""
    return isinstance(error, SourceRefused | SourceTooMuch | SourceReplyInvalid) and error.remedy is None


def _all_late(failed: Sequence[tuple[_Group, SourceError]]) -> bool:
    return all(isinstance(error, SourceTimeout) for _, error in failed)


def _said(error: SourceError) -> str:
    """What the server said, without its address, which the status line has."""
    head, colon, said = error.message.partition(": ")
    return said if colon and "answered HTTP" in head else error.message
