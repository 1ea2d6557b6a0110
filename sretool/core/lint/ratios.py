"""Whether one set of series is part of another, as far as their selectors tell."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING

import promql_parser as ql

from sretool.core.lint.promql import matchers_of, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_SLOW = re.compile(r"\)[*+{]")
"""A repeated group, on which Python's engine can hang; Prometheus's cannot."""
_LITERALS = re.compile(r"[\w ./_-]*")
_BAD_WORDS = re.compile(
    r"(?:^|[_:])(?:err|errors?|fail\w*|5xx|bad|rejected|dropped|timeouts?|exceptions?|denied|lost|aborted)(?:[_:]|$)"
)
_BAD_VALUES = re.compile(
    r"(?i)5(?:\.|xx|0\d|\[)|err|fail|bad|timeout|reject|denied|exception|abort|unavailable"
)
_GOOD_STATUS = re.compile(r"(?i)^\(?(?:[123](?:\.|xx|0\d|\[)|ok|success)")


class Part(Enum):
    YES = auto()
    NO = auto()
    """Something of the first is certainly not in the second."""
    DISJOINT = auto()
    """Nothing of the first is in the second."""
    UNKNOWN = auto()


def part_of(small: ql.VectorSelector, large: ql.VectorSelector) -> tuple[Part, str]:
    """Whether `small`'s series are among `large`'s, and the matcher that says so.

    Of metrics with different names only their labels are compared: they may have different ones.
    """
    doubt = ""
    for wanted in matchers_of(large):
        if wanted.name in ("le", "quantile"):
            continue
        given = [matcher for matcher in matchers_of(small) if matcher.name == wanted.name]
        if not given:
            doubt = doubt or str(wanted)
            continue
        verdicts = [_implies(matcher, wanted) for matcher in given]
        if Part.DISJOINT in verdicts:
            return Part.DISJOINT, str(wanted)
        if Part.YES not in verdicts and all(verdict is Part.NO for verdict in verdicts):
            doubt = doubt or str(wanted)
    if doubt:
        return (Part.NO if _same_metric(small, large) else Part.UNKNOWN), doubt
    return Part.YES, ""


def _same_metric(one: ql.VectorSelector, other: ql.VectorSelector) -> bool:
    return bool(name_of(one)) and family(name_of(one)) == family(name_of(other))


def family(name: str) -> str:
    """The histogram or summary a series belongs to, otherwise its own name."""
    return re.sub(r"_(?:bucket|count|sum)$", "", name)


def _implies(given: ql.Matcher, wanted: ql.Matcher) -> Part:
    """Whether what `given` lets through, `wanted` lets through, too."""
    if given.op == wanted.op and given.value == wanted.value:
        return Part.YES
    values = _values(given)
    if values is None:
        return Part.UNKNOWN
    passed = [_matches(wanted, value) for value in values]
    if None in passed:
        return Part.UNKNOWN
    if all(passed):
        return Part.YES
    return Part.NO if any(passed) else Part.DISJOINT


def _values(matcher: ql.Matcher) -> Sequence[str] | None:
    """Every value a matcher lets through; None where they cannot be listed."""
    if matcher.op == ql.MatchOp.Equal:
        return [matcher.value]
    if matcher.op == ql.MatchOp.Re:
        inner = matcher.value
        if inner.startswith("(") and inner.endswith(")") and inner.count("(") == 1:
            inner = inner[1:-1]
        parts = inner.split("|")
        if all(_LITERALS.fullmatch(part) and "." not in part for part in parts):
            return parts
    return None


def _matches(matcher: ql.Matcher, value: str) -> bool | None:
    if matcher.op == ql.MatchOp.Equal:
        return value == matcher.value
    if matcher.op == ql.MatchOp.NotEqual:
        return value != matcher.value
    if _SLOW.search(matcher.value):
        return None
    try:
        found = re.fullmatch(matcher.value, value) is not None
    except (re.error, RecursionError, OverflowError):
        return None
    return found if matcher.op == ql.MatchOp.Re else not found


def looks_bad(selector: ql.VectorSelector) -> bool:
    """Whether the series count failures, by their names and labels; such series appear with the first one."""
    if _BAD_WORDS.search(name_of(selector)):
        return True
    for matcher in matchers_of(selector):
        if matcher.op in (ql.MatchOp.Equal, ql.MatchOp.Re) and _BAD_VALUES.search(matcher.value):
            return True
        if matcher.op in (ql.MatchOp.NotEqual, ql.MatchOp.NotRe) and _GOOD_STATUS.search(matcher.value):
            return True
    return False
