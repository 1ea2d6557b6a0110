"""Changes that people and pipelines write down: deploys, flags, scalings, notes."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003
from typing import Final

from sretool.core.observe.model import Change
from sretool.errors import UsageError

KINDS: Final = ("deploy", "flag", "scale", "note")
"""The usual ones; any other word may be used."""
_OWN: Final = frozenset({"restart", "alert", "resolved", "source"})
"""Kinds of changes that are found out, never told."""
_KIND: Final = re.compile(r"[a-z][a-z0-9_-]{0,23}")
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VERBS: Final = {"deploy": "deployed", "scale": "scaled", "note": ""}


@dataclass(frozen=True, slots=True)
class Mark:
    """One line of `marks.jsonl`."""

    at: datetime
    kind: str
    text: str
    service: str | None = None
    """None: it concerns everything."""
    by: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def checked_kind(kind: str) -> str:
    """UsageError where `kind` cannot be one."""
    if kind in _OWN:
        raise UsageError(
            f"{kind!r} is what sretool calls changes it finds itself", remedy=f"use {', '.join(KINDS)}"
        )
    if not _KIND.fullmatch(kind):
        raise UsageError(
            f"{kind!r} is not a kind of change", remedy=f"use {', '.join(KINDS)}, or one lower-case word"
        )
    return kind


def parse_labels(pairs: tuple[str, ...]) -> dict[str, str]:
    """`("zone=eu-1b",)` → {"zone": "eu-1b"}; UsageError where one is no pair."""
    labels: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not _LABEL.fullmatch(name):
            raise UsageError(f"{pair!r} is not a label", remedy="write it like zone=eu-1b")
        labels[name] = value
    return labels


def as_change(mark: Mark) -> Change:
    """The mark among the changes of a snapshot: `checkout deployed v412 by mia`."""
    verb = _VERBS.get(mark.kind, mark.kind)
    words = [mark.service or "", verb, mark.text]
    if mark.by:
        words.append(f"by {mark.by}" if mark.kind != "note" else f"({mark.by})")
    labels = dict(mark.labels)
    if mark.service:
        labels["service"] = mark.service
    return Change(mark.at, mark.kind, " ".join(filter(None, words)), labels)


def concerning(changes: tuple[Change, ...], service: str) -> tuple[Change, ...]:
    """Those of `service`, and those that concern everything."""
    return tuple(
        change
        for change in changes
        if change.labels.get("service", service) == service
        # Alerts of an objective may name nothing but it.
        and change.labels.get("slo", service).partition("/")[0] == service
    )
