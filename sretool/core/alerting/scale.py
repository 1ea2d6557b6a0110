"""Prometheus rules and Alertmanager routing with their times divided by a factor, for a lab that runs faster.

Only times change: ranges, subqueries and offsets in expressions, `for`, `keep_firing_for` and group
intervals. Thresholds stay, so an expression must not hide a time in a number; `rate(x[5m]) * 60` hides none,
it is a rate per real minute at every scale. Names, label values, annotations and texts stay as they are.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import yaml

from sretool.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

_DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
_TIMES = re.compile(
    rf"""
      (?P<kept>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|\#[^\n]*)
    | \[ \s* (?P<range>{_DURATION}) \s* (?: (?P<colon>:) \s* (?P<step>{_DURATION})? \s* )? \]
    | \b offset \s+ (?P<sign>-?) \s* (?P<offset>{_DURATION}) \b
    """,
    re.VERBOSE | re.DOTALL,
)
_SHORTEST = timedelta(seconds=1)
_SHORTEST_RANGE = timedelta(seconds=5)
"""A rate needs several scrapes, and a lab scrapes every second."""


def scale_rules(text: str, factor: int) -> str:
    """A rule file with every time divided by `factor`: at least 1 s, and at least 5 s for a range."""
    if factor == 1:
        return text
    document = _parse(text)
    for group in document.get("groups") or ():
        _divide(group, "interval", factor)
        for rule in group.get("rules") or ():
            rule["expr"] = scale_expression(str(rule["expr"]), factor)
            _divide(rule, "for", factor)
            _divide(rule, "keep_firing_for", factor)
    return _dump(document)


def scale_expression(expression: str, factor: int) -> str:
    """PromQL with every range, subquery window and offset divided by `factor`."""

    def scaled(found: re.Match[str]) -> str:
        if found["kept"] is not None:
            return found["kept"]
        if found["offset"] is not None:
            return f"offset {found['sign']}{_divided(found['offset'], factor, _SHORTEST)}"
        window = _divided(found["range"], factor, _SHORTEST_RANGE)
        if found["colon"] is None:
            return f"[{window}]"
        step = _divided(found["step"], factor, _SHORTEST) if found["step"] else ""
        return f"[{window}:{step}]"

    return _TIMES.sub(scaled, expression)


def scale_routing(text: str, factor: int) -> str:
    """An Alertmanager configuration whose waits and cool-downs are divided by `factor`; hours of day stay."""
    if factor == 1:
        return text
    document = _parse(text)
    _each_route(document["route"], lambda route: _scale_route(route, factor))
    return _dump(document)


def _each_route(route: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> None:
    change(route)
    for child in route.get("routes") or ():
        _each_route(child, change)


def _scale_route(route: dict[str, Any], factor: int) -> None:
    for key in ("group_wait", "group_interval", "repeat_interval"):
        _divide(route, key, factor)


def _divide(mapping: dict[str, Any], key: str, factor: int) -> None:
    """Divides the duration at `key`, where there is one; none stays none (`for: 0s`)."""
    written = mapping.get(key)
    if written and parse_duration(str(written)):
        mapping[key] = _divided(str(written), factor, _SHORTEST)


def _divided(written: str, factor: int, shortest: timedelta) -> str:
    """Whole seconds, rounded; what was 0 stays 0, and nothing becomes longer than it was."""
    duration = parse_duration(written)
    seconds = timedelta(seconds=round(duration / factor / timedelta(seconds=1)))
    return format_duration(min(max(seconds, shortest), duration))


def _parse(text: str) -> Any:
    return _unshared(yaml.load(text, Loader=yaml.CSafeLoader))


def _unshared(value: Any) -> Any:
    """The same document with every YAML alias as a copy of its own, so that nothing is divided twice."""
    match value:
        case dict():
            return {key: _unshared(item) for key, item in value.items()}
        case list():
            return [_unshared(item) for item in value]
    return value


class _Dumper(yaml.SafeDumper):
    """Expressions of several lines stay readable."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _dump(document: Any) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
