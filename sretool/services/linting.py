"""Linted files held against a server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from sretool.core.lint import live
from sretool.errors import SourceRefused, SourceReplyInvalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence
    from datetime import timedelta

    from sretool.core.lint.findings import Finding
    from sretool.core.lint.run import Report
    from sretool.core.observe.model import Sample

T = TypeVar("T")

_AT_ONCE: Final = 4
"""Questions under way."""


class Server(Protocol):
    """A metrics server that tells about itself. Every method raises a `SourceError` and nothing else."""

    async def instant(self, query: str) -> Sequence[Sample]: ...

    async def metric_names(self) -> frozenset[str]: ...

    async def metric_types(self) -> Mapping[str, str]: ...

    async def retention(self) -> timedelta | None: ...

    async def scrape_intervals(self) -> Mapping[str, timedelta]: ...


async def against_server(report: Report, server: Server) -> list[Finding]:
    """What is wrong with the files on this server; raises SourceError where it cannot be asked.

    What only Prometheus itself tells (types, retention, intervals) is left out where the server refuses.
    """
    names = await server.metric_names()
    types, retention, intervals = await asyncio.gather(
        _or(server.metric_types(), {}), _or(server.retention(), None), _or(server.scrape_intervals(), {})
    )
    facts = live.Facts(names, types, retention, intervals)
    asked = live.questions(report, facts)
    answers = live.Answers()
    gate = asyncio.Semaphore(_AT_ONCE)

    async def ask(kind: str, query: str) -> None:
        async with gate:
            answers.add(kind, asked, await server.instant(query))

    async with asyncio.TaskGroup() as group:
        for kind, query in asked.queries():
            group.create_task(ask(kind, query))
    return live.judge(report, facts, answers)


async def _or(asked: Awaitable[T], otherwise: T) -> T:
    try:
        return await asked
    except (SourceRefused, SourceReplyInvalid):
        return otherwise
