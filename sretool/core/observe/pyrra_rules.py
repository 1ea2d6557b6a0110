"""Pyrra's objectives out of the rules it generated, as a server lists them.

Without its generic rules, and of anything grouped, Pyrra records neither target nor window. They stand in the
rules: the window in the name of `metric:increase4w`, the target in the alerts (`> (14 * (1 - 0.99))`), and
what is counted in the expression of `metric:burnrate5m`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import promql_parser as promql

from sretool.core.catalog import queries, values
from sretool.errors import UsageError
from sretool.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta
    from decimal import Decimal

    from sretool.core.observe.model import Rule

_BURNRATE: Final = re.compile(r".+:burnrate(\d+[a-z]+(?:\d+[a-z]+)*)")
_WHOLE: Final = re.compile(r".+:(?:increase|count)(\d+[a-z]+(?:\d+[a-z]+)*)")


@dataclass(frozen=True, slots=True)
class Objective:
    """What the rules of one SLO say."""

    name: str
    target: Decimal
    window: timedelta
    measured: queries.Measured
    labels: Mapping[str, str]
    """Of all its recorded burn rates, but for those that only repeat what it selects."""


def objectives(rules: Iterable[Rule]) -> tuple[Objective, ...]:
    """Those whose rules say everything, by their names."""
    by_name: dict[tuple[str, str], list[Rule]] = {}
    for rule in rules:
        name = rule.labels.get("slo")
        if name:
            by_name.setdefault((name, rule.labels.get("namespace", "")), []).append(rule)
    found = (_objective(name, of_name) for (name, _), of_name in sorted(by_name.items()))
    return tuple(each for each in found if each is not None)


def _objective(name: str, rules: Sequence[Rule]) -> Objective | None:
    burnrates = _by_length(rules, _BURNRATE)
    windows = _by_length(rules, _WHOLE)
    target = next((found for rule in rules if rule.alert and (found := _target(rule.expr))), None)
    if not burnrates or not windows or target is None:
        return None
    shortest = burnrates[0][1]
    try:
        measured = queries.share_at_any_range(shortest.expr)
    except UsageError:
        return None
    if measured is None:
        return None
    labels = {
        label: value for label, value in shortest.labels.items() if label not in _selected(shortest.expr)
    }
    return Objective(name, target, windows[-1][0], measured, labels)


def _by_length(rules: Iterable[Rule], pattern: re.Pattern[str]) -> list[tuple[timedelta, Rule]]:
    """Recording rules whose names end in a length, short to long."""
    found = [
        (parse_duration(match[1]), rule)
        for rule in rules
        if not rule.alert and (match := pattern.fullmatch(rule.name))
    ]
    return sorted(found, key=lambda each: each[0])


def _target(expr: str) -> Decimal | None:
    """The one of `1 - target`; None where an alert compares with none."""
    found: list[Decimal] = []

    def visit(node: Any) -> None:
        if not isinstance(node, promql.BinaryExpr) or str(node.op) != "-":
            return
        if isinstance(node.lhs, promql.NumberLiteral) and isinstance(node.rhs, promql.NumberLiteral):
            try:
                found.append(values.objective(repr(node.rhs.val)))
            except UsageError:
                return

    try:
        promql.walk(promql.parse(expr), pre_visit=visit)
    except ValueError:
        return None
    return found[0] if found else None


def _selected(expr: str) -> set[str]:
    """Labels that its selectors ask for."""
    names: set[str] = set()

    def visit(node: Any) -> None:
        if isinstance(node, promql.MatrixSelector):
            names.update(matcher.name for matcher in node.vector_selector.matchers.matchers)

    promql.walk(promql.parse(expr), pre_visit=visit)
    return names - {"service", "namespace"}
