"""Targets, windows and pairs of series of objectives, however their file spells them."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING

import promql_parser as ql

from sretool.core.lint import promql
from sretool.core.lint.expressions import Remark, not_part
from sretool.core.lint.findings import Finding, finding
from sretool.core.lint.ratios import looks_bad
from sretool.core.lint.source import Source, edit_of, line_of
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml

    from sretool.core.lint.expression_text import Expression

_HUNDRED = Decimal(100)


def number(text: str) -> Decimal | None:
    """A plain finite number of a size that can be measured."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value.adjusted()) < 30 else None


def share(source: Source, node: yaml.ScalarNode, name: str, instead: str = "") -> Iterator[Finding]:
    """A target written as a ratio: above 0, below 1; `instead` is the key that takes per cent."""
    value = number(node.value)
    if value is None:
        yield finding(source.file, line_of(node), "SLO101", f"{name}: {node.value!r} is not a number")
    elif value == 1 or value <= 0 or value >= _HUNDRED:
        yield _no_budget(source, node, name, Decimal(1))
    elif value > 1:
        meant = format_decimal(value / _HUNDRED)
        other = f", or use {instead}" if instead else ""
        edit = edit_of(node, node.value, meant)
        message = f"{name}: {node.value} is a percentage where a ratio is wanted"
        yield finding(source.file, line_of(node), "SLO102", message, f"write {meant}{other}", edit=edit)


def percentage(source: Source, node: yaml.ScalarNode, name: str) -> Iterator[Finding]:
    """A target written in per cent without the sign: above 1, below 100."""
    value = number(node.value)
    if value is None:
        yield finding(source.file, line_of(node), "SLO101", f"{name}: {node.value!r} is not a number")
    elif value <= 0 or value >= _HUNDRED:
        yield _no_budget(source, node, name, _HUNDRED)
    elif value <= 1:
        meant = format_decimal(value * _HUNDRED)
        if value == 1:
            yield finding(source.file, line_of(node), "SLO102", f"{name}: 1 is 1 % here", "aim below 100")
            return
        edit = edit_of(node, node.value, meant)
        message = f"{name}: {node.value} is a ratio where per cent are wanted"
        yield finding(source.file, line_of(node), "SLO102", message, f"write {meant}", edit=edit)


def _no_budget(source: Source, node: yaml.ScalarNode, name: str, all_: Decimal) -> Finding:
    value = number(node.value)
    if value == all_:
        message = f"{name}: {node.value} leaves no error budget, so the first failure breaks it for good"
        return finding(source.file, line_of(node), "SLO101", message, "aim a little lower")
    message = f"{name}: {node.value} is not between 0 and {all_}"
    return finding(source.file, line_of(node), "SLO101", message)


def native(source: Source, node: yaml.ScalarNode) -> Iterator[Finding]:
    """sretool's own `objective`: a ratio, or per cent with the sign."""
    text = node.value.strip()
    value = number(text.removesuffix("%"))
    if value is None:
        return
    if text.endswith("%"):
        if Decimal("0.5") <= value < 1:
            meant = text.removesuffix("%").strip()
            edit = edit_of(node, node.value, meant)
            message = f"objective: {text} is a ratio with a per cent sign: {format_decimal(value / 100)}"
            yield finding(source.file, line_of(node), "SLO102", message, f"write {meant}", edit=edit)
    elif 1 < value < _HUNDRED:
        edit = edit_of(node, node.value, f"{text}%")
        message = f"objective: {text} is not a ratio between 0 and 1"
        yield finding(source.file, line_of(node), "SLO102", message, f"write {text}%", edit=edit)


def reach(spends: Decimal, budget: Decimal, window: timedelta, long: timedelta) -> Fraction:
    """The error ratio a pair fires above: share times window over long window times budget."""
    if long <= timedelta():
        return Fraction(0)
    return (
        Fraction(spends)
        * Fraction(budget)
        * Fraction(window / timedelta(seconds=1))
        / Fraction(long / timedelta(seconds=1))
    )


def unreachable(limit: Fraction, budget: Decimal, long: timedelta) -> str:
    factor = float(limit / Fraction(budget))
    return (
        f"the pair over {format_duration(long)} fires above {factor:.4g} times the budget of"
        f" {float(budget * 100):.6g} %, that is {float(limit) * 100:.4g} % bad events: it never can"
    )


def parts(small: Expression, large: Expression, *, good: bool = False) -> Iterator[Finding]:
    """Numerator and denominator of an objective that its file gives apart."""
    if small.tree is None or large.tree is None:
        return
    if str(small.tree) == str(large.tree):
        which = "good" if good else "bad"
        yield small.found(
            Remark("SLO106", f"{which} events and all events are the same: {small.text.strip()}")
        )
        return
    left, right = promql.selectors(small.tree), promql.selectors(large.tree)
    if len(right) == 1:
        for each in left:
            for remark in not_part(each, right[0], strict=True):
                yield small.found(remark)
    labels = promql.labels(small.tree), promql.labels(large.tree)
    if None not in labels and labels[0] != labels[1]:
        names = [f"({', '.join(sorted(each or ()))})" for each in labels]
        message = f"bad and all events have different labels, {names[0]} and {names[1]}, so nothing matches"
        yield small.found(Remark("SLO214", message, "aggregate both by the same labels"))


def disappears(bad: Expression) -> Iterator[Finding]:
    """Whether the SLO has no figure at all until the first failure, because its generator divides as is."""
    if bad.tree is None or any(
        isinstance(part, ql.BinaryExpr) and promql.operator(part) == "or" for part, _ in promql.walk(bad.tree)
    ):
        return
    series = next((each for each in promql.selectors(bad.tree) if looks_bad(each)), None)
    if series is not None:
        name = promql.name_of(series) or "the bad events"
        yield bad.found(
            Remark(
                "SLO211",
                f"no result while {name} has no bad series, as at first",
                "add: or 0 * (the query of all events)",
                at=name,
            )
        )


_OPENSLO_DURATION = re.compile(r"(\d+)([mhdwMQY])")


def openslo_window(source: Source, node: yaml.ScalarNode) -> Iterator[Finding]:
    """A budget's window: months are M."""
    found = _OPENSLO_DURATION.fullmatch(node.value.strip())
    if found and found[2] == "m" and int(found[1]) < 60:
        months = f"{found[1]}M"
        edit = edit_of(node, node.value, months) if int(found[1]) in (1, 3, 6, 12) else None
        message = f"a window of {node.value}: m are minutes, months are M"
        yield finding(source.file, line_of(node), "SLO104", message, f"write {months} for months", edit=edit)


def openslo_short(source: Source, node: yaml.ScalarNode, key: str) -> Iterator[Finding]:
    """What is minutes or hours long: M are months."""
    found = _OPENSLO_DURATION.fullmatch(node.value.strip())
    if found and found[2] in "MQY":
        minutes = f"{found[1]}m"
        edit = edit_of(node, node.value, minutes) if found[2] == "M" else None
        message = f"{key}: {node.value}: M are months, minutes are m"
        yield finding(source.file, line_of(node), "SLO104", message, f"write {minutes}", edit=edit)
