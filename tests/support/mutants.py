"""Small changes to the rules of an SLO, and which of them its proofs notice."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import promql_parser as promql

from sretool.core.slo.proof import holds
from sretool.core.slo.simulate import CannotSimulate
from sretool.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sretool.core.slo.proof import Check, Proof
    from sretool.core.slo.rules import Rule
    from sretool.core.slo.simulate import Timeline, Vector


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule of an SLO, changed in one place."""

    index: int
    """Which rule of the group."""
    rule: Rule | None
    """None: the rule is left out."""
    kind: str
    what: str

    def within(self, rules: Sequence[Rule]) -> list[Rule]:
        changed = [] if self.rule is None else [self.rule]
        return [*rules[: self.index], *changed, *rules[self.index + 1 :]]


_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"'
    r"|\[(?P<range>[^\]:]+)(?P<step>:[^\]]*)?\]"
    r"|(?<![\w.])(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)(?![\w.])"
    r"|(?P<operator> (?:>=|[-+*/>]|and|or|unless) )"
    r"|(?P<function>\b[a-z_]+(?= ?\(| by| without))"
)
_OPERATORS = {
    ">": (">=", "<"),
    ">=": (">", "<"),
    "and": ("or", "unless"),
    "or": ("and", "unless"),
    "unless": ("and",),
    "/": ("*",),
    "*": ("/",),
    "+": ("-",),
    "-": ("+",),
}
_FUNCTIONS = {
    "rate": "increase",
    "sum_over_time": "avg_over_time",
    "count_over_time": "sum_over_time",
    "sum": "max",
    "max": "sum",
    "clamp_max": "clamp_min",
}
_OTHER_SEVERITY = {"page": "ticket", "ticket": "page"}


def mutants(rules: Sequence[Rule]) -> Iterator[Mutant]:
    for index, rule in enumerate(rules):
        yield Mutant(index, None, "rule", f"{_name(rule)} left out")
        for kind, what, expr in _expressions(rule.expr):
            yield Mutant(index, replace(rule, expr=expr), kind, f"{_name(rule)}: {what}")
        for name, value in rule.labels.items():
            other = _OTHER_SEVERITY.get(value, f"1{value}")
            labels = {**rule.labels, name: other}
            yield Mutant(index, replace(rule, labels=labels), "label", f"{_name(rule)}: {name}={other}")


def _name(rule: Rule) -> str:
    window = rule.labels.get("window") or "/".join(rule.labels.get(each, "") for each in ("long", "short"))
    return f"{rule.record or rule.alert} {window}"


def _expressions(expr: str) -> Iterator[tuple[str, str, str]]:
    for found in _TOKEN.finditer(expr):
        for kind, old, new in _replacements(found):
            start, end = found.span(kind)
            changed = expr[:start] + new + expr[end:]
            yield kind, f"{old.strip()} → {new.strip()} at {start}", changed
    for number, found in enumerate(re.finditer(r'window="([^"]+)"', expr)):
        for other in ("5m", "3d"):
            if found[1] != other:
                changed = expr[: found.start(1)] + other + expr[found.end(1) :]
                yield "selected window", f"{found[1]} → {other}, selector {number}", changed
    yield from _dropped(expr)


def _replacements(found: re.Match[str]) -> Iterator[tuple[str, str, str]]:
    if found["range"] is not None:
        length = parse_duration(found["range"])
        for other in (length * 1.5, length / 2):
            yield "range", found["range"], format_duration(other)
    if found["number"] is not None:
        value = float(found["number"])
        for other_number in (value * 1.1, value * 0.9) if value else (1.0,):
            yield "number", found["number"], repr(other_number)
    if found["operator"] is not None:
        for other_operator in _OPERATORS[found["operator"].strip()]:
            yield "operator", found["operator"], f" {other_operator} "
    if found["function"] is not None and found["function"] in _FUNCTIONS:
        yield "function", found["function"], _FUNCTIONS[found["function"]]


def _dropped(expr: str) -> Iterator[tuple[str, str, str]]:
    """One side of an operator left out: a guard, a zero-fill, a window of a pair."""
    tree = promql.parse(expr)
    whole = str(tree)
    nodes: list[promql.BinaryExpr] = []

    def visit(node: Any) -> None:
        if isinstance(node, promql.BinaryExpr):
            nodes.append(node)

    promql.walk(tree, pre_visit=visit)
    for node in nodes:
        for side, kept in (("right", node.lhs), ("left", node.rhs)):
            for found in re.finditer(re.escape(str(node)), whole):
                changed = f"{whole[: found.start()]}{kept}{whole[found.end() :]}"
                yield "dropped", f"{side} side of {node.op} at {found.start()}", changed


class Judge:
    """Proofs of one SLO, with what its unchanged rules make of them."""

    def __init__(self, rules: Sequence[Rule], proofs: Sequence[Proof], *, left_open: bool = False) -> None:
        self._rules = rules
        self._cases: list[tuple[Proof, Timeline, list[Vector]]] = []
        for proof in sorted(proofs, key=lambda proof: proof.minutes):
            timeline = proof.timeline(left_open=left_open)
            inputs = timeline.copy()
            made = []
            for rule in rules:
                outcome = timeline.outcome(rule)
                made.append(outcome)
                for labels, trace in outcome.items():
                    timeline.add(labels, trace)
            assert all(holds(check, timeline) for check in proof.checks), proof.name
            self._cases.append((proof, inputs, made))

    def noticed(self, mutant: Mutant) -> str | None:
        """What fails with the changed rule; None: nothing does."""
        affected = {mutant.index}
        names = {_series(self._rules[mutant.index])}
        for index in range(mutant.index + 1, len(self._rules)):
            if any(name in self._rules[index].expr for name in names):
                affected.add(index)
                names.add(_series(self._rules[index]))
        for proof, inputs, made in self._cases:
            checks = [check for check in proof.checks if any(name in check.expr for name in names)]
            if not checks:
                continue
            try:
                timeline = self._changed(mutant, affected, inputs, made)
            except CannotSimulate as error:
                return f"refused: {error.message}"
            failed = _first_failure(checks, timeline)
            if failed is not None:
                return f"{proof.name}: not so: {failed.why} in minute {failed.minute}"
        return None

    def _changed(
        self, mutant: Mutant, affected: set[int], inputs: Timeline, made: Sequence[Vector]
    ) -> Timeline:
        timeline = inputs.copy()
        for index, rule in enumerate(self._rules):
            outcome = made[index]
            if index == mutant.index:
                outcome = timeline.outcome(mutant.rule) if mutant.rule is not None else {}
            elif index in affected:
                outcome = timeline.outcome(rule)
            for labels, trace in outcome.items():
                timeline.add(labels, trace)
        return timeline


def _series(rule: Rule) -> str:
    return rule.record or "ALERTS"


def _first_failure(checks: Sequence[Check], timeline: Timeline) -> Check | None:
    return next((check for check in checks if not holds(check, timeline)), None)
