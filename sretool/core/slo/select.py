"""Choosing SLOs by what somebody types."""

from __future__ import annotations

import re
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.slo.model import Slo, SloId

_ESCAPED = re.compile(r"\\(.)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def select(slos: Sequence[Slo], patterns: Sequence[str]) -> tuple[Slo, ...]:
    """The SLOs that any pattern names, in catalog order; all of them without a pattern.

    A pattern is an id, the beginning of an id or of its name part, or has `*` or `?` in it. The id of one
    group, `service/name{route="/a"}`, gives that group alone. UsageError where one names nothing.
    """
    chosen: dict[SloId, dict[SloId, Slo]] = {}
    for pattern in patterns:
        member = _member(slos, pattern)
        for slo in (member,) if member is not None else _named(slos, pattern):
            chosen.setdefault(slo.base_id, {})[slo.id] = slo
    if not patterns:
        return tuple(slos)
    return tuple(each for slo in slos for each in chosen.get(slo.id, {}).values())


def _member(slos: Sequence[Slo], pattern: str) -> Slo | None:
    """The group that an id with labels names; None where it is no such id."""
    base, brace, inside = pattern.partition("{")
    template = next((slo for slo in slos if slo.is_template and slo.id == base), None)
    if template is None or not brace:
        return None
    labels = {name: _ESCAPED.sub(_unescaped, value) for name, value in _LABEL.findall(inside)}
    if set(labels) != set(template.group_by):
        example = template.member(dict.fromkeys(template.group_by, "…")).id
        raise UsageError(f"{pattern!r} names no group of {base}", remedy=f"write it like {example}")
    return template.member(labels)


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


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
