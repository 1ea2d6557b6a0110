"""Plain alerting rules, and when they would have fired on a recorded past.

An evaluation at which an expression gives a series makes its alert active. Active for as long as `for` says,
it fires; it ends with the first evaluation without the series, `keep_firing_for` later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import promql_parser as promql

from sretool.core.catalog import document, values
from sretool.core.catalog.foreign import Part
from sretool.core.slo.model import Severity
from sretool.core.slo.windows import RULE_INTERVAL
from sretool.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from sretool.core.analysis.recording import Points

_OF_PAIRS: Final = frozenset({"slo", "long", "short"})
"""Labels of burn-rate alerts, which are replayed from the objectives themselves."""
_NOBODY: Final = "none"
"""Severity of alerts that ask for nobody, such as a dead man's switch."""
_PAGES: Final = ("page", "critical")


@dataclass(frozen=True, slots=True, eq=False)
class SymptomRule:
    """One alerting rule of a rule file."""

    name: str
    expr: str
    hold: timedelta
    """`for`."""
    keep: timedelta
    """`keep_firing_for`."""
    interval: timedelta
    """How often its group is evaluated."""
    labels: Mapping[str, str]
    file: str
    line: int

    @property
    def severity(self) -> Severity:
        """A page where its label says so (or `critical`), otherwise somebody looks in time."""
        return Severity.PAGE if self.labels.get("severity") in _PAGES else Severity.TICKET

    @property
    def looks_back(self) -> timedelta:
        """How long after its last bad event it may begin to fire: the longest range it reads, and `for`."""
        ranges = [timedelta()]

        def visit(expr: Any) -> None:
            if isinstance(expr, promql.MatrixSelector | promql.SubqueryExpr):
                ranges.append(expr.range or timedelta())

        try:
            promql.walk(promql.parse(self.expr), pre_visit=visit)
        except ValueError:
            # The server knows more of the language than the parser.
            return self.hold
        return max(ranges) + self.hold


@dataclass(frozen=True, slots=True)
class Symptom:
    """One time a rule would have fired."""

    rule: SymptomRule
    labels: Mapping[str, str]
    """Of the series its expression gave."""
    start: datetime
    end: datetime | None
    """First evaluation at which it no longer fired; None: it still fires at the end of the data."""

    @property
    def severity(self) -> Severity:
        return self.rule.severity

    @property
    def looks_back(self) -> timedelta:
        return self.rule.looks_back


def read(file: str, text: str) -> tuple[SymptomRule, ...]:
    """Alerting rules of a Prometheus rule file or a PrometheusRule; CatalogError with every problem.

    Burn-rate alerts of objectives and alerts that ask for nobody are left out.
    """
    intake = document.Intake()
    found: list[SymptomRule] = []
    roots = document.compose_all(file, text, intake)
    if not roots and not intake.problems:
        intake.problem(file, 1, "the file is empty; it should hold `groups` of rules")
    for root in roots:
        part = Part.of(root, file, intake)
        holder = part.required_part("spec") if part is not None and part.has("kind") else part
        if holder is not None:
            if not holder.has("groups"):
                holder.problem(None, "`groups` is missing: a rule file holds groups of rules")
            found += _rules(holder)
    if intake.problems:
        raise CatalogError(tuple(sorted(intake.problems, key=lambda problem: problem.line)))
    return tuple(found)


def _rules(holder: Part) -> Iterator[SymptomRule]:
    for group in holder.items("groups"):
        interval = group.value("interval", values.duration) or RULE_INTERVAL
        common = group.labels("labels")
        for rule in group.items("rules"):
            name = rule.text("alert")
            if name is None:
                continue
            expr = rule.value("expr", values.promql, required=True)
            labels = common | rule.labels("labels")
            hold, keep = (
                rule.value(key, values.duration_or_none) or timedelta() for key in ("for", "keep_firing_for")
            )
            if expr is None or labels.keys() >= _OF_PAIRS or labels.get("severity") == _NOBODY:
                continue
            yield SymptomRule(name, expr, hold, keep, interval, labels, rule.file, rule.line)


def replay(
    rule: SymptomRule, answers: Iterable[Points], since: datetime, last: datetime
) -> tuple[Symptom, ...]:
    """Firings at or after `since` out of the values of its expression at every evaluation up to `last`."""
    times: dict[tuple[tuple[str, str], ...], list[NDArray[np.int64]]] = {}
    for series in answers:
        labels = {name: value for name, value in series.labels.items() if name != "__name__"}
        times.setdefault(tuple(sorted(labels.items())), []).append(series.times)
    found = [
        Symptom(rule, dict(labels), start, end)
        for labels, parts in times.items()
        for start, end in _firings(rule, np.unique(np.concatenate(parts)), last)
        if end is None or end > since
    ]
    return tuple(sorted(found, key=lambda each: (each.start, sorted(each.labels.items()))))


def _firings(
    rule: SymptomRule, times: NDArray[np.int64], last: datetime
) -> Iterator[tuple[datetime, datetime | None]]:
    """From evaluations at which the alert was active, seconds since the epoch in order."""
    step, hold, keep = (int(each.total_seconds()) for each in (rule.interval, rule.hold, rule.keep))
    end_of_data = int(last.timestamp())
    start: int | None = None
    over = 0
    breaks = np.flatnonzero(np.diff(times) > step) + 1
    for run in np.split(times, breaks):
        first, gone = int(run[0]), int(run[-1]) + step
        if start is not None and first > over:
            yield _moment(start), _moment(over)
            start = None
        if start is None:
            # The first evaluation that is `for` after the one at which it became active.
            fires = first + -(-hold // step) * step
            if fires >= gone:
                continue
            start = fires
        over = gone + -(-keep // step) * step
    if start is not None:
        yield _moment(start), _moment(over) if over <= end_of_data else None


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of replaying rules."""

    rules: tuple[SymptomRule, ...]
    firings: tuple[Symptom, ...]
    """By their starts."""
    silent: Mapping[SymptomRule, str]
    """Rules of which nothing can be said, and why."""
