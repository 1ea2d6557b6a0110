"""Silences: which alerts their matchers mean, how wide they are, how long they may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sretool.core.slo.promql import quote
from sretool.errors import UsageError
from sretool.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

LONGEST: Final = timedelta(hours=24)
"""A silence that is needed for longer than a day is a rule that should be changed."""

_MATCHER: Final = re.compile(
    r"""\s*(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)\s*(?P<op>=~|!~|!=|=)\s*
        (?: "(?P<quoted>(?:[^"\\]|\\.)*)" | (?P<bare>[^",{}\s]*) )\s*""",
    re.VERBOSE,
)
_ESCAPED: Final = re.compile(r"\\(.)")
_HOW: Final = 'write matchers like service=shop,alertname=~"Http.*"'


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; a label that is not there has the value ""."""

    name: str
    value: str
    equal: bool = True
    regex: bool = False
    """Anchored at both ends, as Alertmanager does."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        got = labels.get(self.name, "")
        found = bool(_compiled(self.value).fullmatch(got)) if self.regex else got == self.value
        return found is self.equal

    def __str__(self) -> str:
        sign = ("=~" if self.regex else "=") if self.equal else ("!~" if self.regex else "!=")
        return f"{self.name}{sign}{quote(self.value)}"


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        # RE2 knows a little that re does not; such a pattern is compared as plain text rather than guessed.
        return re.compile(re.escape(pattern), re.DOTALL)


class SilenceState(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence as Alertmanager keeps it."""

    id: str
    matchers: tuple[Matcher, ...]
    starts: datetime
    ends: datetime
    created_by: str
    comment: str
    state: SilenceState
    updated: datetime | None = None

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(matcher.matches(labels) for matcher in self.matchers)

    def within(self, start: datetime, end: datetime) -> tuple[datetime, datetime] | None:
        """The part of `start` … `end` it covers; None where it covers none of it."""
        begin, until = max(self.starts, start), min(self.ends, end)
        return (begin, until) if begin < until else None


@dataclass(frozen=True, slots=True)
class NewSilence:
    """What Alertmanager is asked to keep; with an id it replaces the silence of that id."""

    matchers: tuple[Matcher, ...]
    starts: datetime
    ends: datetime
    created_by: str
    comment: str
    id: str | None = None


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """`service=amas,alertname=~"Http.*"`; UsageError where that cannot be read, or would mean every alert."""
    found = read_matchers(text)
    if not found:
        raise UsageError("there is no matcher", remedy=_HOW)
    if all(matcher.matches({}) for matcher in found):
        raise UsageError(
            "every matcher also matches a label that is not there, so that all alerts would be silenced",
            remedy="name a label and the value it must have",
        )
    return found


def read_matchers(text: str) -> tuple[Matcher, ...]:
    """Matchers as Alertmanager writes them, whatever they mean; UsageError says what cannot be read."""
    inner = text.strip().removeprefix("{").removesuffix("}").strip()
    found: list[Matcher] = []
    position = 0
    while position < len(inner):
        match = _MATCHER.match(inner, position)
        rest = inner[match.end() : match.end() + 1] if match else ""
        if match is None or rest not in ("", ","):
            raise UsageError(f"{inner[position:][:40]!r} is not a matcher", remedy=_HOW)
        found.append(_matcher(match))
        position = match.end() + 1
    return tuple(found)


def _matcher(match: re.Match[str]) -> Matcher:
    quoted, sign = match["quoted"], match["op"]
    value = _ESCAPED.sub(_unescape, quoted) if quoted is not None else match["bare"]
    matcher = Matcher(match["name"], value, equal=sign in ("=", "=~"), regex=sign in ("=~", "!~"))
    if matcher.regex:
        try:
            re.compile(value)
        except re.error as error:
            raise UsageError(f"{value!r} is not a regular expression: {error}", remedy=_HOW) from None
    return matcher


def _unescape(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]


def text_of(matchers: Iterable[Matcher]) -> str:
    """`service="amas", alertname="ServiceDown"`"""
    return ", ".join(map(str, matchers))


def exactly(labels: Mapping[str, str]) -> tuple[Matcher, ...]:
    """Matchers of one alert: every label as it is."""
    return tuple(Matcher(name, value) for name, value in sorted(labels.items()) if value)


PROPOSED: Final = ("alertname", "service", "slo", "instance")


def proposed(labels: Mapping[str, str]) -> tuple[Matcher, ...]:
    """Matchers that mean an alert whatever else changes about it: its name, and what it is about."""
    return tuple(Matcher(name, labels[name]) for name in PROPOSED if labels.get(name))


def wide(matchers: Sequence[Matcher], hits: Iterable[Mapping[str, str]]) -> str | None:
    """Why these matchers may hide more than is meant; None where they do not."""
    hit = list(hits)
    names = {labels.get("alertname", "") for labels in hit}
    services = {labels["service"] for labels in hit if labels.get("service")}
    if not any(matcher.equal and not (matcher.regex and matcher.matches({})) for matcher in matchers):
        return "says only what an alert must not be"
    if not any(matcher.name == "alertname" and matcher.equal for matcher in matchers):
        return "names no alert: future alerts are hidden, too"
    if any(m.regex and m.equal and m.name == "alertname" and m.value in (".*", ".+") for m in matchers):
        return "means every alert: future alerts are hidden, too"
    if len(services) > 1:
        return f"hides alerts of {len(services)} services"
    if len(names) > 1:
        return f"hides {len(names)} different alerts"
    return None


def parse_length(text: str, longest: timedelta = LONGEST) -> timedelta:
    """How long a silence lasts; UsageError where that is not a duration, or too long."""
    length = parse_duration(text.strip())
    if not length:
        raise UsageError("a silence of no time hides nothing", remedy="write it like 15m or 4h")
    if length > longest:
        raise UsageError(
            f"{format_duration(length)} is longer than a silence may be ({format_duration(longest)})",
            remedy="silence for less and extend it later; silence_longest in the config is the cap",
        )
    return length
