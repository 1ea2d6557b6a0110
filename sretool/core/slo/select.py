"""Choosing SLOs by what somebody types."""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.slo.model import Slo


def select(slos: Sequence[Slo], patterns: Sequence[str]) -> tuple[Slo, ...]:
    """The SLOs that any pattern names, in catalog order; all of them without a pattern.

    A pattern is an id, the beginning of an id or of its name part, or has `*` or `?` in it. UsageError where
    one names nothing.
    """
    chosen = {slo.id for pattern in patterns for slo in _named(slos, pattern)}
    return tuple(slo for slo in slos if not patterns or slo.id in chosen)


def _named(slos: Sequence[Slo], pattern: str) -> Sequence[Slo]:
    if any(char in pattern for char in "*?["):
        found = [slo for slo in slos if fnmatchcase(slo.id, pattern)]
    else:
        found = (
            [slo for slo in slos if pattern == slo.id]
            or [slo for slo in slos if slo.id.startswith(pattern)]
            or [slo for slo in slos if slo.name.startswith(pattern)]
        )
    if not found:
        raise UsageError(f"no objective is named {pattern!r}", remedy=_instead(slos, pattern))
    return found


def _instead(slos: Sequence[Slo], pattern: str) -> str:
    ids = [str(slo.id) for slo in slos]
    names = {slo.name: str(slo.id) for slo in slos}
    close = get_close_matches(pattern, ids, n=1) or [
        names[name] for name in get_close_matches(pattern, names, n=1)
    ]
    if close:
        return f"did you mean {close[0]}?"
    return f"there are: {', '.join(ids)}" if ids else "the catalog has no objectives"
