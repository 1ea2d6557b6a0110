"""What Prometheus makes of rules, minute by minute, without Prometheus.

Reads the text of expressions, not the SLO they were made from, so that a wrong factor or window in a rule is
seen. Covers the part of PromQL that rules of SLOs use and refuses the rest. Time is a grid of whole minutes
from 0, a sample and an evaluation in each; every operation works on all minutes at once. The grid may be
finer: rules are evaluated in whole minutes all the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import promql_parser as promql
from numpy.typing import NDArray

from sretool.errors import SretoolError
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sretool.core.slo.rules import Rule

Labels = frozenset[tuple[str, str]]
"""Names and values, `__name__` among them."""

_NO_LABELS: Final[Labels] = frozenset()

MINUTE: Final = timedelta(minutes=1)

_LOOKBACK: Final = 5
"""Minutes for which a sample is the present value of a series that has not ended."""


class CannotSimulate(SretoolError):
    """An expression that is not PromQL, is not covered here, or that Prometheus would refuse."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One series or one element of an expression's value, over all minutes."""

    values: NDArray[np.float64]
    present: NDArray[np.bool_]
    """Where False, there is no sample and the value means nothing."""
    ends: bool = False
    """Whether it is gone in the minute after its last sample, as what rules record is; scraped series stay
    for some minutes."""

    def at(self, minute: int) -> float | None:
        return float(self.values[minute]) if self.present[minute] else None


Vector = dict[Labels, Trace]
Number = NDArray[np.float64]
"""One number a minute: what PromQL calls a scalar."""

Value = Vector | Number


class Timeline:
    """Series over `minutes` minutes and what expressions make of them."""

    def __init__(self, minutes: int, *, left_open: bool = False, per_minute: int = 1) -> None:
        """`left_open`: ranges are without their oldest instant, as in Prometheus 3; otherwise they hold both
        ends, as in Prometheus 2. `per_minute`: samples in a minute, a divisor of 60."""
        self.instants = (minutes - 1) * per_minute + 1
        """Of the grid; the last minute is its first instant only."""
        self.left_open = left_open
        self.per_minute = per_minute
        self.step = MINUTE / per_minute
        self._series: dict[str, Vector] = {}

    def add(self, labels: Labels, trace: Trace) -> None:
        """Put in a series; samples that it has already stay where the new trace has none."""
        of_name = self._series.setdefault(_name(labels), {})
        known = of_name.get(labels)
        of_name[labels] = trace if known is None else _merged(trace, known)

    def feed(self, labels: Mapping[str, str], values: Sequence[float | None]) -> None:
        """Put in a scraped series from minute 0 on; None where the scrape failed."""
        array, present = np.zeros(self.instants), np.zeros(self.instants, dtype=np.bool_)
        given = np.array([np.nan if value is None else value for value in values[: self.instants]])
        present[: len(given)] = ~np.isnan(given)
        array[: len(given)] = np.nan_to_num(given)
        self.add(frozenset(labels.items()), Trace(array, present))

    def copy(self) -> Timeline:
        """Of its own, so that other rules can be played from here on."""
        minutes = (self.instants - 1) // self.per_minute + 1
        twin = Timeline(minutes, left_open=self.left_open, per_minute=self.per_minute)
        twin._series = {name: dict(vector) for name, vector in self._series.items()}
        return twin

    def evaluate(self, expr: str) -> Value:
        """The expression in every minute."""
        return _Evaluation(self).value(parse(expr))

    def at(self, expr: str, minute: int) -> dict[Labels, float]:
        """The expression's elements in one minute; a number is an element without labels."""
        value = self.evaluate(expr)
        if isinstance(value, np.ndarray):
            return {frozenset(): float(value[minute * self.per_minute])}
        found = ((labels, trace.at(minute * self.per_minute)) for labels, trace in value.items())
        return {labels: number for labels, number in found if number is not None}

    def play(self, rules: Iterable[Rule]) -> None:
        """Evaluate rules of one group, in their order, in every minute."""
        for rule in rules:
            self.play_one(rule)

    def play_one(self, rule: Rule) -> None:
        """Evaluate one rule in every minute and keep what it records, or its ALERTS."""
        for labels, trace in self.outcome(rule).items():
            self.add(labels, trace)

    def outcome(self, rule: Rule) -> Vector:
        """The series one rule would write: what it records, or its ALERTS."""
        value = self.evaluate(rule.expr)
        elements = {_NO_LABELS: _everywhere(value)} if isinstance(value, np.ndarray) else value
        if rule.record is not None:
            name, more = rule.record, {}
        else:
            name, more = "ALERTS", {"alertname": str(rule.alert), "alertstate": "firing"}
        out: Vector = {}
        for labels, trace in elements.items():
            own = dict(labels) | dict(rule.labels) | more | {"__name__": name}
            shown = trace if rule.record is not None else replace(trace, values=np.ones(self.instants))
            evaluated = np.arange(self.instants) % self.per_minute == 0
            put(out, frozenset(own.items()), replace(shown, present=shown.present & evaluated, ends=True))
        return out

    def named(self, name: str) -> Vector:
        """All series of one name."""
        return dict(self._series.get(name, {}))

    def selected(self, selector: promql.VectorSelector) -> Vector:
        """Samples of the series a selector names, as they were written."""
        if selector.offset or selector.at is not None:
            raise CannotSimulate(f"{selector}: offsets and @ are not covered")
        wanted = _matchers(selector)
        names = [selector.name] if selector.name else list(self._series)
        return {
            labels: trace
            for name in names
            for labels, trace in self._series.get(name, {}).items()
            if all(matches(dict(labels).get(label, "")) for label, matches in wanted)
        }

    def since(self, span: timedelta) -> NDArray[np.int64]:
        """The first instant of a range of that length, for each instant at which it ends."""
        back, rest = divmod(span, self.step)
        if self.left_open and not rest:
            back -= 1
        return np.maximum(np.arange(self.instants) - back, 0)


@lru_cache(maxsize=4096)
def parse(expr: str) -> promql.Expr:
    try:
        return promql.parse(expr)
    except ValueError as error:
        raise CannotSimulate(f"not PromQL: {expr}: {error}") from error


def matchers_of(selector: promql.VectorSelector) -> list[tuple[str, promql.MatchOp, str]]:
    """Label, operator and value of each condition of a selector."""
    return [(matcher.name, matcher.op, matcher.value) for matcher in selector.matchers.matchers]


def matching(op: promql.MatchOp, value: str) -> Callable[[str], bool]:
    """Whether a label's value meets a condition; a label that is missing has the value ""."""
    if op == promql.MatchOp.Equal:
        return lambda text: text == value
    if op == promql.MatchOp.NotEqual:
        return lambda text: text != value
    pattern = re.compile(value)
    wanted = op == promql.MatchOp.Re
    return lambda text: (pattern.fullmatch(text) is not None) == wanted


def _matchers(selector: promql.VectorSelector) -> list[tuple[str, Callable[[str], bool]]]:
    return [(name, matching(op, value)) for name, op, value in matchers_of(selector)]


def _name(labels: Labels) -> str:
    return dict(labels).get("__name__", "")


def _nameless(labels: Labels) -> Labels:
    return frozenset(pair for pair in labels if pair[0] != "__name__")


def _merged(first: Trace, second: Trace) -> Trace:
    """`first` where it has samples, `second` elsewhere."""
    values = np.where(first.present, first.values, second.values)
    return Trace(values, first.present | second.present, first.ends and second.ends)


_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
}
_SET: Final = ("and", "or", "unless")


class _Evaluation:
    """One expression on one timeline."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def value(self, expr: Any) -> Value:
        match expr:
            case promql.NumberLiteral():
                return np.full(self._timeline.instants, float(expr.val))
            case promql.ParenExpr():
                return self.value(expr.expr)
            case promql.VectorSelector():
                return self._instant(expr)
            case promql.AggregateExpr():
                return self._aggregate(expr)
            case promql.BinaryExpr():
                return self._binary(expr)
            case promql.Call():
                return self._call(expr)
            case promql.UnaryExpr():
                return self._each(expr.expr, np.negative)
        raise CannotSimulate(f"{expr}: not covered")

    def _vector(self, expr: Any) -> Vector:
        value = self.value(expr)
        if isinstance(value, np.ndarray):
            raise CannotSimulate(f"{expr}: a vector is needed, not a number")
        return value

    def _number(self, expr: Any) -> Number:
        value = self.value(expr)
        if not isinstance(value, np.ndarray):
            raise CannotSimulate(f"{expr}: a number is needed")
        return value

    def _each(self, expr: Any, change: Callable[[Any], Any]) -> Value:
        value = self.value(expr)
        if isinstance(value, np.ndarray):
            changed: Number = change(value)
            return changed
        return {_nameless(labels): replace(t, values=change(t.values)) for labels, t in value.items()}

    # --- selectors and ranges

    def _instant(self, selector: promql.VectorSelector) -> Vector:
        return {labels: self._current(t) for labels, t in self._timeline.selected(selector).items()}

    def _current(self, trace: Trace) -> Trace:
        """The newest sample that is not too old."""
        if trace.ends or trace.present.all():
            return trace
        minutes = np.arange(self._timeline.instants)
        newest = _newest(trace.present)
        age = _LOOKBACK * self._timeline.per_minute - self._timeline.left_open
        known = (newest >= 0) & (minutes - newest <= age)
        return Trace(trace.values[np.maximum(newest, 0)], known)

    def _range(self, expr: Any) -> tuple[Vector, timedelta]:
        """The samples of each series and the length of the range before each minute."""
        match expr:
            case promql.MatrixSelector():
                return self._timeline.selected(expr.vector_selector), expr.range
            case promql.SubqueryExpr():
                return self._subquery(expr)
            case promql.ParenExpr():
                return self._range(expr.expr)
        raise CannotSimulate(f"{expr}: a range is needed")

    def _subquery(self, expr: promql.SubqueryExpr) -> tuple[Vector, timedelta]:
        step = expr.step or MINUTE
        if step % self._timeline.step or expr.range is None or expr.offset or expr.at is not None:
            grid = format_duration(self._timeline.step)
            raise CannotSimulate(f"{expr}: steps are multiples of {grid}, offsets and @ are not covered")
        looked_at = np.arange(self._timeline.instants) % (step // self._timeline.step) == 0
        value = self.value(expr.expr)
        vector = {_NO_LABELS: _everywhere(value)} if isinstance(value, np.ndarray) else value
        return {labels: replace(t, present=t.present & looked_at) for labels, t in vector.items()}, expr.range

    # --- functions

    def _call(self, expr: promql.Call) -> Value:
        name, args = expr.func.name, expr.args
        with np.errstate(all="ignore"):
            if name in ("rate", "increase"):
                return self._over(args[0], lambda trace, span: self._increase(trace, span, name))
            if name in _OVER_TIME:
                fold = _OVER_TIME[name]
                return self._over(args[0], lambda trace, span: fold(trace, self._timeline.since(span)))
            if name in ("clamp_min", "clamp_max"):
                limit, clamp = self._number(args[1]), np.maximum if name == "clamp_min" else np.minimum
                return self._each(args[0], lambda values: clamp(values, limit))
            if name == "abs":
                return self._each(args[0], np.abs)
            if name == "label_replace":
                return self._label_replace(args)
            if name == "vector":
                return {frozenset(): _everywhere(self._number(args[0]))}
            if name == "time":
                return (np.arange(self._timeline.instants) * self._timeline.step.total_seconds()).astype(
                    np.float64
                )
            if name == "absent":
                return self._absent(self._vector(args[0]))
        raise CannotSimulate(f"{name}(): not covered")

    def _absent(self, vector: Vector) -> Vector:
        missing = np.ones(self._timeline.instants, dtype=np.bool_)
        for trace in vector.values():
            missing &= ~trace.present
        return {frozenset(): Trace(np.ones(len(missing)), missing)}

    def _label_replace(self, args: Sequence[Any]) -> Vector:
        vector = self._vector(args[0])
        target, replacement, source, pattern = (arg.val for arg in args[1:])
        out: Vector = {}
        for labels, trace in vector.items():
            named = dict(labels)
            found = re.fullmatch(pattern, named.get(source, ""))
            if found is not None:
                named[target] = found.expand(re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", replacement))
            key = frozenset(pair for pair in named.items() if pair[1])
            put(out, key, trace)
        return out

    def _over(self, arg: Any, fold: Callable[[Trace, timedelta], Trace]) -> Vector:
        vector, span = self._range(arg)
        out: Vector = {}
        for labels, trace in vector.items():
            put(out, _nameless(labels), fold(trace, span))
        return out

    def _increase(self, trace: Trace, span: timedelta, name: str) -> Trace:
        """Growth of a counter, extrapolated to the ends of the range as Prometheus does."""
        present = trace.present
        minutes = np.arange(self._timeline.instants)
        since = self._timeline.since(span)
        first, last = _oldest(present)[since], _newest(present)
        counts = np.concatenate(([0], np.cumsum(present)))
        number = counts[minutes + 1] - counts[since]
        known = number >= 2
        first, last = np.where(known, first, 0), np.where(known, last, 1)
        grown = trace.values[last] - trace.values[first] + _resets(trace)[last] - _resets(trace)[first]
        length, step = span.total_seconds(), self._timeline.step.total_seconds()
        to_start = first * step - (minutes * step - length)
        to_end = (minutes - last) * step
        sampled = (last - first) * step
        spacing = sampled / np.maximum(number - 1, 1)
        to_zero = sampled * (trace.values[first] / np.where(grown > 0, grown, 1))
        to_start = np.where((grown > 0) & (trace.values[first] >= 0), np.minimum(to_zero, to_start), to_start)
        reach = spacing * 1.1
        covered = sampled + np.where(to_start < reach, to_start, spacing / 2)
        covered = covered + np.where(to_end < reach, to_end, spacing / 2)
        factor = covered / np.where(sampled > 0, sampled, 1)
        grown *= factor / length if name == "rate" else factor
        return Trace(grown.astype(np.float64), known)

    # --- aggregation

    def _aggregate(self, expr: promql.AggregateExpr) -> Vector:
        name = str(expr.op)
        if name not in _FOLDS or expr.param is not None:
            raise CannotSimulate(f"{name}: not covered")
        groups: dict[Labels, list[Trace]] = {}
        for labels, trace in self._vector(expr.expr).items():
            groups.setdefault(_grouped(labels, expr.modifier), []).append(trace)
        return {labels: _folded(name, traces) for labels, traces in groups.items()}

    # --- operators

    def _binary(self, expr: promql.BinaryExpr) -> Value:
        name = str(expr.op)
        left, right = self.value(expr.lhs), self.value(expr.rhs)
        as_number = expr.modifier is not None and expr.modifier.return_bool
        with np.errstate(all="ignore"):
            if name in _SET:
                return self._set_operation(name, left, right, expr.modifier)
            if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
                number: Number = (_COMPARISONS | _ARITHMETIC)[name](left, right).astype(np.float64)
                return number
            if isinstance(left, np.ndarray):
                assert not isinstance(right, np.ndarray)
                scalar = _everywhere(left)
                return {
                    self._kept(labels, name, as_number): _combined(name, scalar, trace, as_number, trace)
                    for labels, trace in right.items()
                }
            if isinstance(right, np.ndarray):
                scalar = _everywhere(right)
                return {
                    self._kept(labels, name, as_number): _combined(name, trace, scalar, as_number)
                    for labels, trace in left.items()
                }
            return self._matched(name, left, right, expr.modifier, as_number)

    @staticmethod
    def _kept(labels: Labels, name: str, as_number: bool) -> Labels:
        return labels if name in _COMPARISONS and not as_number else _nameless(labels)

    def _matched(
        self, name: str, left: Vector, right: Vector, modifier: promql.BinModifier | None, as_number: bool
    ) -> Vector:
        one = promql.VectorMatchCardinality
        card = modifier.card if modifier is not None else one.OneToOne
        if card == one.OneToMany:
            raise CannotSimulate("group_right: not covered")
        partners: dict[Labels, list[Trace]] = {}
        for labels, trace in right.items():
            self._refuse_twins(partners.setdefault(_key(labels, modifier), []), trace)
        out: Vector = {}
        taken: dict[Labels, list[Trace]] = {}
        for labels, trace in left.items():
            key = _key(labels, modifier)
            for partner in partners.get(key, ()):
                made = _combined(name, trace, partner, as_number)
                if card == one.OneToOne:
                    both = replace(made, present=trace.present & partner.present)
                    self._refuse_twins(taken.setdefault(key, []), both)
                kept = self._kept(labels, name, as_number)
                if card == one.OneToOne and modifier is not None and modifier.matching is not None:
                    kept = _key(kept, modifier, keep_name=True)
                put(out, kept, made)
        return out

    @staticmethod
    def _refuse_twins(known: list[Trace], trace: Trace) -> None:
        if any((each.present & trace.present).any() for each in known):
            raise CannotSimulate("several elements of one side belong to one element of the other")
        known.append(trace)

    def _set_operation(
        self, name: str, left: Value, right: Value, modifier: promql.BinModifier | None
    ) -> Vector:
        if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
            raise CannotSimulate(f"{name}: both sides must be vectors")
        there = _presence(right, modifier)
        nowhere = np.zeros(self._timeline.instants, dtype=np.bool_)
        if name == "or":
            here = _presence(left, modifier)
            out = dict(left)
            for labels, trace in right.items():
                free = trace.present & ~here.get(_key(labels, modifier), nowhere)
                addition = replace(trace, present=free)
                out[labels] = _merged(out[labels], addition) if labels in out else addition
            return out
        out = {}
        for labels, trace in left.items():
            other = there.get(_key(labels, modifier), nowhere)
            out[labels] = replace(trace, present=trace.present & (other if name == "and" else ~other))
        return out


def put(out: Vector, labels: Labels, trace: Trace) -> None:
    """Add one element; CannotSimulate where another with the same labels is there at the same time."""
    known = out.get(labels)
    if known is not None and (known.present & trace.present).any():
        raise CannotSimulate("two elements with the same labels")
    out[labels] = trace if known is None else _merged(trace, known)


def _everywhere(number: Number) -> Trace:
    return Trace(number, np.ones(len(number), dtype=np.bool_))


def _combined(name: str, left: Trace, right: Trace, as_number: bool, shown: Trace | None = None) -> Trace:
    """`left name right`; a comparison keeps the value of `shown` (the left side) where it holds."""
    present = left.present & right.present
    if name in _ARITHMETIC:
        return Trace(_ARITHMETIC[name](left.values, right.values), present)
    holds = _COMPARISONS[name](left.values, right.values)
    if as_number:
        return Trace(holds.astype(np.float64), present)
    return Trace((shown or left).values, present & holds)


def _key(labels: Labels, modifier: promql.BinModifier | None, keep_name: bool = False) -> Labels:
    """The labels by which elements of two sides belong together."""
    match_on = modifier.matching if modifier is not None else None
    named = labels if keep_name else _nameless(labels)
    if match_on is None:
        return named
    if match_on.type == promql.LabelModifierType.Include:
        return frozenset(pair for pair in named if pair[0] in match_on.labels)
    return frozenset(pair for pair in named if pair[0] not in match_on.labels)


def _grouped(labels: Labels, modifier: promql.AggModifier | None) -> Labels:
    if modifier is None:
        return frozenset()
    if modifier.type == promql.AggModifierType.By:
        return frozenset(pair for pair in labels if pair[0] in modifier.labels)
    return frozenset(pair for pair in _nameless(labels) if pair[0] not in modifier.labels)


def _presence(vector: Vector, modifier: promql.BinModifier | None) -> dict[Labels, NDArray[np.bool_]]:
    out: dict[Labels, NDArray[np.bool_]] = {}
    for labels, trace in vector.items():
        key = _key(labels, modifier)
        out[key] = out[key] | trace.present if key in out else trace.present
    return out


# --- sums over elements and over time


def _sum(values: NDArray[np.float64], present: NDArray[np.bool_]) -> NDArray[np.float64]:
    summed: NDArray[np.float64] = np.where(present, values, 0).sum(axis=0)
    return summed


_FOLDS: Final[dict[str, Callable[[NDArray[np.float64], NDArray[np.bool_]], NDArray[np.float64]]]] = {
    "sum": _sum,
    "count": lambda values, present: present.sum(axis=0).astype(np.float64),
    "group": lambda values, present: np.ones(values.shape[1]),
    "avg": lambda values, present: _sum(values, present) / np.maximum(present.sum(axis=0), 1),
    "max": lambda values, present: np.fmax.reduce(np.where(present, values, np.nan)),
    "min": lambda values, present: np.fmin.reduce(np.where(present, values, np.nan)),
}


def _folded(name: str, traces: Sequence[Trace]) -> Trace:
    if len(traces) == 1 and name in ("sum", "max", "min", "avg"):
        return traces[0]
    values = np.array([trace.values for trace in traces])
    present = np.array([trace.present for trace in traces])
    return Trace(_FOLDS[name](values, present), np.logical_or.reduce(present))


def _newest(present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each minute the newest one up to it with a sample; -1 where there is none."""
    return np.maximum.accumulate(np.where(present, np.arange(len(present)), -1))


def _oldest(present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each minute the first one from it on with a sample; the number of minutes where there is none."""
    count = len(present)
    return np.minimum.accumulate(np.where(present, np.arange(count), count)[::-1])[::-1]


def _resets(trace: Trace) -> NDArray[np.float64]:
    """What a counter lost by starting again, up to each minute."""
    at = np.flatnonzero(trace.present)
    values = trace.values[at]
    lost = np.zeros(len(trace.values))
    fell = np.flatnonzero(np.diff(values) < 0)
    lost[at[fell + 1]] = values[fell]
    return np.cumsum(lost)


def _summed(trace: Trace, since: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of `values` over each range; NaN where one of them is not a finite number."""
    finite = np.isfinite(values)
    # In extended precision, as Prometheus compensates for rounding when it adds up.
    terms = np.where(trace.present & finite, values, 0).astype(np.longdouble)
    sums = np.concatenate((terms[:1] * 0, np.cumsum(terms)))
    wrong = np.concatenate(([0], np.cumsum(trace.present & ~finite)))
    ends = np.arange(1, len(values) + 1)
    summed = (sums[ends] - sums[since]).astype(np.float64)
    return np.where(wrong[ends] > wrong[since], np.nan, summed)


def _counted(trace: Trace, since: NDArray[np.int64]) -> NDArray[np.float64]:
    counts = np.concatenate(([0], np.cumsum(trace.present)))
    return (counts[np.arange(1, len(trace.present) + 1)] - counts[since]).astype(np.float64)


def _sum_over_time(trace: Trace, since: NDArray[np.int64]) -> Trace:
    return Trace(_summed(trace, since, trace.values), _counted(trace, since) > 0)


def _count_over_time(trace: Trace, since: NDArray[np.int64]) -> Trace:
    number = _counted(trace, since)
    return Trace(number, number > 0)


def _avg_over_time(trace: Trace, since: NDArray[np.int64]) -> Trace:
    number = _counted(trace, since)
    return Trace(_summed(trace, since, trace.values) / np.maximum(number, 1), number > 0)


def _last_over_time(trace: Trace, since: NDArray[np.int64]) -> Trace:
    newest = _newest(trace.present)
    return Trace(trace.values[np.maximum(newest, 0)], newest >= since)


def _extreme(trace: Trace, since: NDArray[np.int64], fold: Any, neutral: float) -> Trace:
    values = np.where(trace.present, trace.values, neutral)
    found = [fold(values[begin : end + 1]) for end, begin in enumerate(since.tolist())]
    return Trace(np.array(found), _counted(trace, since) > 0)


_OVER_TIME: Final[dict[str, Callable[[Trace, NDArray[np.int64]], Trace]]] = {
    "sum_over_time": _sum_over_time,
    "count_over_time": _count_over_time,
    "avg_over_time": _avg_over_time,
    "last_over_time": _last_over_time,
    "max_over_time": lambda trace, since: _extreme(trace, since, np.max, -np.inf),
    "min_over_time": lambda trace, since: _extreme(trace, since, np.min, np.inf),
}
