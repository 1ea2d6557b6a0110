"""Asking a server which objectives other tools' rules already record there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.core.observe.running import QUERY, Running, recognised

if TYPE_CHECKING:
    from sretool.ports import MetricsSource


async def running(source: MetricsSource) -> Running:
    """The objectives that are recorded; raises SourceError."""
    return recognised(await source.instant(QUERY))
