"""From a foreign file's queries to an SLI: counters are recognised where the query is a sum of their rates,
any other query is kept as it is.

Whether a query has such a form is read from its syntax tree, never from its text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, Literal

import promql_parser

from sretool.core.slo.model import (
    WINDOW,
    BooleanGauge,
    BucketRatio,
    ErrorRatioQuery,
    EventRatio,
    NativeBucketRatio,
)
from sretool.core.slo.promql import quote
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.slo.model import SimpleSli

_MARK: Final = "433s"
"""Stands for a window while a query is parsed; no file means a range of 433 s."""
_MARKED: Final = timedelta(seconds=433)

_TEMPLATE: Final = re.compile(r"\{\{\s*\.window\s*\}\}")
_BARE: Final = re.compile(r"\[\s*window\b")
_RANGE: Final = re.compile(r"\[\s*(\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*)\s*(?=[\]:])")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`', re.DOTALL)
_INCREASE: Final = re.compile(rf"(?P<string>{_STRING.pattern})|\bincrease(?=\s*\()", re.DOTALL)
_OPS: Final = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


@dataclass(frozen=True, slots=True)
class Selector:
    """A plain set of series."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    """(label, operator, value)."""

    def __str__(self) -> str:
        inside = self.inside()
        return f"{self.name}{{{inside}}}" if inside else self.name

    def inside(self, without: str | None = None) -> str:
        return ",".join(f"{name}{op}{quote(value)}" for name, op, value in self.matchers if name != without)


def with_window(query: str) -> str:
    """`query` with the placeholder of this project in place of `{{.window}}` and `[window]`."""
    return _BARE.sub(f"[{WINDOW}", _TEMPLATE.sub(WINDOW, query.strip()))


def parse(query: str) -> promql_parser.Expr:
    """The tree of a query that may hold `{window}`; UsageError where it is no PromQL."""
    try:
        return promql_parser.parse(query.replace(WINDOW, _MARK))
    except ValueError as error:
        raise UsageError(f"is not PromQL: {error}") from None


def parse_vector(query: str) -> None:
    """UsageError where a query is no PromQL, or gives no series: a number, a text, a range."""
    parse(query)
    try:
        parse(f"count({query}\n)")
    except UsageError:
        raise UsageError("gives no series: an instant vector is wanted") from None


def checked(raw: str) -> str:
    """A query over a window, ready for an SLI."""
    query = with_window(raw)
    parse_vector(query)
    if WINDOW not in query:
        raise UsageError(
            "has no window", remedy="put {{.window}} where the range belongs: rate(x[{{.window}}])"
        )
    return query


def selector(raw: str) -> str:
    """A series selector, without a range."""
    found = _selector(parse(raw))
    if found is None:
        raise UsageError(f"{raw!r} is an expression; a series selector is wanted")
    return str(found)


def plain(raw: str) -> Selector | None:
    """The selector a query is; None where it is anything else."""
    try:
        return _selector(parse(raw))
    except UsageError:
        return None


def _selector(expr: object) -> Selector | None:
    if not isinstance(expr, promql_parser.VectorSelector) or expr.offset is not None or expr.at is not None:
        return None
    if expr.matchers.or_matchers:
        return None
    matchers = tuple((m.name, _OPS[str(m.op).rpartition(".")[2]], m.value) for m in expr.matchers.matchers)
    if expr.name is None:
        return Selector("", matchers)
    return Selector(expr.name, matchers)


def _bare(expr: object) -> object:
    while isinstance(expr, promql_parser.ParenExpr):
        expr = expr.expr
    return expr


@dataclass(frozen=True, slots=True)
class Measured:
    """An SLI and the labels whose every combination of values has one of its own."""

    sli: SimpleSli
    group_by: tuple[str, ...] = ()


def _summed(expr: object, *, any_range: bool = False) -> tuple[Selector, tuple[str, ...]] | None:
    """The counters and the labels of `sum by (labels) (rate(counters[window]))`, with or without zeros where
    there are none (`or 0 * …`)."""
    expr = _without_zeros(_bare(expr))
    if not isinstance(expr, promql_parser.AggregateExpr) or str(expr.op) != "sum":
        return None
    by = _by(expr)
    counted = _rated(_bare(expr.expr), any_range=any_range)
    return (counted, by) if by is not None and counted is not None else None


def _without_zeros(expr: object) -> object:
    if not isinstance(expr, promql_parser.BinaryExpr) or str(expr.op) != "or":
        return expr
    if expr.modifier is not None and expr.modifier.matching is not None:
        return expr
    filler = _bare(expr.rhs)
    zeros = (
        isinstance(filler, promql_parser.BinaryExpr)
        and str(filler.op) == "*"
        and isinstance(filler.lhs, promql_parser.NumberLiteral)
        and filler.lhs.val == 0
    )
    return _bare(expr.lhs) if zeros else expr


def _rated(call: object, *, any_range: bool) -> Selector | None:
    if not isinstance(call, promql_parser.Call) or call.func.name not in ("rate", "increase"):
        return None
    ranged = _bare(call.args[0])
    if not isinstance(ranged, promql_parser.MatrixSelector) or not (any_range or ranged.range == _MARKED):
        return None
    return _selector(ranged.vector_selector)


def _by(expr: promql_parser.AggregateExpr) -> tuple[str, ...] | None:
    """The labels an aggregation keeps; None where it names those it drops."""
    if expr.modifier is None:
        return ()
    return tuple(sorted(expr.modifier.labels)) if str(expr.modifier.type).endswith("By") else None


def counters(query: str) -> tuple[Selector, tuple[str, ...]] | None:
    """What a query counts whatever its range, and by which labels: `x`, `sum by (l) (x)`, `rate(x[5m])`,
    `sum by (l) (rate(x[5m]))`."""
    expr = _bare(parse(query))
    if not isinstance(expr, promql_parser.AggregateExpr):
        counted = _selector(expr) or _rated(expr, any_range=True)
        return (counted, ()) if counted is not None else None
    by, inner = _by(expr), _bare(expr.expr)
    counted = _selector(inner) or _rated(inner, any_range=True)
    return (counted, by) if str(expr.op) == "sum" and by is not None and counted is not None else None


def grouping(query: str) -> tuple[str, ...]:
    """The labels that a query's aggregations keep, where all of them keep the same."""
    return _kept(parse(query)) or ()


def _kept(expr: object) -> tuple[str, ...] | None:
    """None for a number, which has no labels to lose."""
    expr = _bare(expr)
    if isinstance(expr, promql_parser.NumberLiteral):
        return None
    if isinstance(expr, promql_parser.AggregateExpr):
        return _by(expr) or ()
    if isinstance(expr, promql_parser.BinaryExpr):
        sides = [side for side in map(_kept, (expr.lhs, expr.rhs)) if side is not None]
        return sides[0] if sides and all(side == sides[0] for side in sides) else ()
    return ()


def _operands(query: str, op: str) -> tuple[Selector, Selector, tuple[str, ...]] | None:
    """The counters of `sum(rate(a[w])) op sum(rate(b[w]))`, and their common labels."""
    expr = _bare(parse(query))
    if not isinstance(expr, promql_parser.BinaryExpr) or str(expr.op) != op or expr.modifier is not None:
        return None
    left, right = _summed(expr.lhs), _summed(expr.rhs)
    if left is None or right is None or left[1] != right[1]:
        return None
    return left[0], right[0], left[1]


def bad_of_total(bad: str, total: str) -> Measured:
    """The SLI of two `checked` queries: bad events and all events over a window."""
    everything = _summed(parse(total))
    if everything is not None:
        all_events, by = everything
        some = _summed(parse(bad))
        if some is not None and some[1] == by:
            return Measured(bad_ratio(some[0], all_events), by)
        difference = _operands(bad, "-")
        if difference is not None and difference[2] == by and _same(difference[0], all_events):
            return Measured(good_ratio(difference[1], all_events), by)
    query = f"({bad}) / ({total})"
    return Measured(ErrorRatioQuery(query, traffic(total)), grouping(query))


def good_of_total(good: str, total: str) -> Measured:
    """The SLI of two `checked` queries: good events and all events over a window."""
    some, everything = _summed(parse(good)), _summed(parse(total))
    if some is not None and everything is not None and some[1] == everything[1]:
        return Measured(good_ratio(some[0], everything[0]), some[1])
    query = f"(({total}) - (({good}) or 0 * ({total}))) / ({total})"
    return Measured(ErrorRatioQuery(query, traffic(total)), grouping(f"({good}) / ({total})"))


def share_of_bad(query: str) -> Measured:
    """The SLI of a `checked` query that gives the bad share itself."""
    quotient = _operands(query, "/")
    if quotient is not None:
        return Measured(bad_ratio(quotient[0], quotient[1]), quotient[2])
    return Measured(ErrorRatioQuery(query), grouping(query))


def share_of_good(query: str) -> Measured:
    """The SLI of a `checked` query that gives the good share itself."""
    quotient = _operands(query, "/")
    if quotient is not None:
        return Measured(good_ratio(quotient[0], quotient[1]), quotient[2])
    return Measured(ErrorRatioQuery(f"1 - ({query})"), grouping(query))


def share_at_any_range(query: str) -> Measured | None:
    """The SLI of a query that gives the bad share over some range, read for every range: counters, the good
    ones taken from all, gauges that are 1 or 0, a native histogram; None where it is anything else."""
    expr = _bare(parse(query))
    if not isinstance(expr, promql_parser.BinaryExpr):
        return None
    if str(expr.op) == "-":
        return _too_slow(expr)
    if str(expr.op) != "/":
        return None
    total = _summed(expr.rhs, any_range=True)
    if total is None:
        return _not_up(expr)
    bad = _summed(expr.lhs, any_range=True)
    if bad is not None:
        return Measured(bad_ratio(bad[0], total[0]), total[1]) if bad[1] == total[1] else None
    rest = _difference(expr.lhs)
    if rest is None:
        return None
    everything, good = (_summed(side, any_range=True) for side in rest)
    if everything is None or good is None or not _same(everything[0], total[0]):
        return None
    alike = everything[1] == good[1] == total[1]
    return Measured(good_ratio(good[0], total[0]), total[1]) if alike else None


def _difference(expr: object) -> tuple[object, object] | None:
    expr = _bare(expr)
    if not isinstance(expr, promql_parser.BinaryExpr) or str(expr.op) != "-" or expr.modifier is not None:
        return None
    return expr.lhs, expr.rhs


def _not_up(expr: promql_parser.BinaryExpr) -> Measured | None:
    """`(sum by (l) (count_over_time(x[w])) - sum by (l) (sum_over_time(x[w]))) / sum by (l) (count…)`."""
    rest = _difference(expr.lhs)
    if rest is None:
        return None
    all_, up, again = (
        _aggregated(side, function)
        for side, function in (
            (rest[0], "count_over_time"),
            (rest[1], "sum_over_time"),
            (expr.rhs, "count_over_time"),
        )
    )
    if all_ is None or up is None or again is None or not all_ == up == again:
        return None
    return Measured(BooleanGauge(str(all_[0])), all_[1])


def _too_slow(expr: promql_parser.BinaryExpr) -> Measured | None:
    """`1 - histogram_fraction(0, limit, sum by (l) (rate(x[w])))`."""
    call = _bare(expr.rhs)
    if not isinstance(expr.lhs, promql_parser.NumberLiteral) or expr.lhs.val != 1:
        return None
    if not isinstance(call, promql_parser.Call) or call.func.name != "histogram_fraction":
        return None
    limit, rates = _bare(call.args[1]), _summed(call.args[2], any_range=True)
    if not isinstance(limit, promql_parser.NumberLiteral) or rates is None:
        return None
    name, inside = rates[0].name, rates[0].inside()
    return Measured(NativeBucketRatio(name, Decimal(repr(limit.val)).normalize(), inside), rates[1])


def _aggregated(expr: object, function: str) -> tuple[Selector, tuple[str, ...]] | None:
    """Series and labels of `sum by (labels) (function(series[w]))`."""
    expr = _bare(expr)
    if not isinstance(expr, promql_parser.AggregateExpr) or str(expr.op) != "sum":
        return None
    by, call = _by(expr), _bare(expr.expr)
    if by is None or not isinstance(call, promql_parser.Call) or call.func.name != function:
        return None
    ranged = _bare(call.args[0])
    if not isinstance(ranged, promql_parser.MatrixSelector):
        return None
    series = _selector(ranged.vector_selector)
    return (series, by) if series is not None else None


@dataclass(frozen=True, slots=True)
class Quotient:
    """What a query for a share counts, where it is a quotient of sums of rates."""

    kind: Literal["bad", "good"]
    """Which events are above the line."""
    some: tuple[Selector, ...]
    total: tuple[Selector, ...]


def quotient(query: str) -> Quotient | None:
    """The counters of a query for the bad share: `a / t`, `(a + b) / t`, `1 - g / t` or `(t - g) / t`, each a
    sum of rates whatever it is summed by; None where it is anything else."""
    try:
        expr: object = _bare(parse(query))
    except UsageError:
        return None
    kind: Literal["bad", "good"] = "bad"
    difference = _difference(expr)
    if difference is not None and isinstance(_bare(difference[0]), promql_parser.NumberLiteral):
        if _bare(difference[0]).val != 1:  # type: ignore[attr-defined]
            return None
        kind, expr = "good", _bare(difference[1])
    if not isinstance(expr, promql_parser.BinaryExpr) or str(expr.op) != "/":
        return None
    total = _terms(expr.rhs)
    above: object = expr.lhs
    rest = _difference(above)
    if rest is not None and kind == "bad" and total and _terms(rest[0]) == total:
        kind, above = "good", rest[1]
    some = _terms(above)
    return Quotient(kind, some, total) if some and total else None


def _terms(expr: object) -> tuple[Selector, ...]:
    """Counters whose summed rates are added up; none where there is anything else among them."""
    expr = _bare(expr)
    if isinstance(expr, promql_parser.BinaryExpr):
        if str(expr.op) == "+":
            sides = _terms(expr.lhs), _terms(expr.rhs)
            return (*sides[0], *sides[1]) if all(sides) else ()
        # A filter that keeps what there was traffic for changes nothing that is counted.
        keeps = str(expr.op) in (">", "or") and isinstance(_filler(expr.rhs), promql_parser.NumberLiteral)
        inner = _without_zeros(expr)
        return _terms(expr.lhs) if keeps else _terms(inner) if inner is not expr else ()
    if not isinstance(expr, promql_parser.AggregateExpr) or str(expr.op) != "sum":
        return ()
    counted = _rated(_bare(expr.expr), any_range=True)
    return (counted,) if counted is not None else ()


def _filler(expr: object) -> object:
    """The number of `0` or `vector(0)`."""
    expr = _bare(expr)
    if isinstance(expr, promql_parser.Call) and expr.func.name == "vector":
        expr = _bare(expr.args[0])
    return expr


def good_and_bad(good: str, bad: str) -> SimpleSli:
    """The SLI of counters of which none holds all events: selectors of the good and of the bad ones."""

    def rate(of: str) -> str:
        return f"sum(rate({of}[{WINDOW}]))"

    good_rate, bad_rate = (f"({rate(one)} or 0 * {rate(other)})" for one, other in ((good, bad), (bad, good)))
    total = f"({good_rate} + {bad_rate})"
    return ErrorRatioQuery(f"{bad_rate} / {total}", total)


def bad_ratio(bad: Selector, total: Selector) -> SimpleSli:
    above = _bucket(bad, total, "above")
    return above or EventRatio(str(bad), str(total))


def good_ratio(good: Selector, total: Selector) -> SimpleSli:
    below = _bucket(good, total, "below")
    return below or EventRatio(None, str(total), str(good))


def _bucket(bucket: Selector, total: Selector, good: str) -> BucketRatio | None:
    """`h_bucket{le="x",m}` of `h_count{m}` as a ratio of a histogram."""
    base = total.name.removesuffix("_count")
    if base == total.name or bucket.name != f"{base}_bucket":
        return None
    boundaries = [_boundary(op, value) for name, op, value in bucket.matchers if name == "le"]
    rest = {matcher for matcher in bucket.matchers if matcher[0] != "le"}
    if len(boundaries) != 1 or boundaries[0] is None or rest != set(total.matchers):
        return None
    return BucketRatio(base, boundaries[0], total.inside(), "above" if good == "above" else "below")


def _boundary(op: str, value: str) -> Decimal | None:
    """The boundary a matcher of `le` means; None where it may mean several."""
    if op == "=~":
        # Prometheus 3 writes 1 as 1.0, so careful files match both.
        value = value.removesuffix("(\\.0)?")
    elif op != "=":
        return None
    try:
        boundary = Decimal(value)
    except InvalidOperation:
        return None
    return boundary.normalize() if boundary.is_finite() else None


def _same(one: Selector, other: Selector) -> bool:
    return one.name == other.name and set(one.matchers) == set(other.matchers)


def traffic(total: str) -> str:
    """Events per second out of a query of events over a window."""
    return _INCREASE.sub(lambda match: match["string"] or "rate", total)


def counts_per_second(query: str) -> bool:
    """Whether the query is made of rates, so that its value does not grow with the window."""
    return bool(re.search(r"\b(?:i?rate|avg_over_time)\s*\(", _STRING.sub("", query)))


def literal_ranges(query: str) -> Sequence[str]:
    """The ranges written out in a query: `["5m"]`."""
    return [match[1] for match in _RANGE.finditer(_STRING.sub("", query))]


def replace_range(query: str, written: str) -> str:
    """`query` with `{window}` in place of the one range it has."""
    pieces = re.split(f"({_STRING.pattern})", query, flags=re.DOTALL)
    ranged = re.compile(rf"\[\s*{re.escape(written)}\s*(?=[\]:])")
    return "".join(
        piece if number % 2 else ranged.sub(f"[{WINDOW}", piece) for number, piece in enumerate(pieces)
    )
