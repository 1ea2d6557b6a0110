"""Asking a server which objectives other tools' rules already record there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.core.observe.running import QUERY, Running, needs_rules, recognised
from sretool.errors import SourceRefused, SourceReplyInvalid

if TYPE_CHECKING:
    from sretool.ports import RulesSource


async def running(source: RulesSource) -> Running:
    """The objectives that are recorded; raises SourceError."""
    samples = await source.instant(QUERY)
    if not needs_rules(samples):
        return recognised(samples)
    try:
        return recognised(samples, await source.rules())
    except (SourceRefused, SourceReplyInvalid):
        # Not every store evaluates rules, or lists them.
        return recognised(samples)
