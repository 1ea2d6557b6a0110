"""What is wrong with a PromQL expression, whatever file it stands in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import promql_parser as ql

from sretool.core.lint import promql
from sretool.core.lint.findings import Severity
from sretool.core.lint.ratios import Part, family, looks_bad, part_of
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SCRAPES: Final = 4
"""A rate needs two samples, and one scrape may fail on either side."""
USUAL_SCRAPE: Final = timedelta(seconds=15)
"""What is taken for the scrape interval where no server can be asked."""


class Use(Enum):
    """What an expression is for."""

    SHOWN = auto()
    ALERT = auto()
    RECORDED = auto()
    SLI = auto()
    """The ratio behind an objective."""
    EVENTS = auto()
    """One half of such a ratio."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A finding that does not know yet which line it stands on."""

    code: str
    message: str
    fix: str | None = None
    at: str | None = None
    """Text of the expression it is about; None: its beginning."""
    replace: tuple[str, str] | None = None
    """Text of the expression and what to write instead, where that is safe."""
    severity: Severity | None = None
    offset: int | None = None
    """Characters before what is wrong, where that is known better than by `at`."""


_GAUGE = re.compile(
    r"(?:^up|_ratio|_percent|_percentage|_info|_timestamp|_timestamp_seconds|_start_time_seconds|_celsius"
    r"|_limit|_limit_bytes|_usage_bytes|_resident_memory_bytes|_heap_bytes|_temperature|_in_use)$"
)
_COUNTER = re.compile(r"(?<!uptime_seconds)_(?:total|bucket)$")
_RATIO = re.compile(r"(?:^|[:_])ratio(?:[:_]|$)")
_OF_EVENTS = re.compile(
    r"(?i)(?:^|[:_])(?:sl[io]|err\w*|fail\w*|success\w*|availab\w*|[1-5]xx|hit|miss)(?:[:_]|$)"
)
_LOOKS_ONLY: Final = frozenset(
    {"absent", "absent_over_time", "timestamp", "present_over_time", "changes", "resets"}
)


def check(expr: ql.Expr, use: Use, *, scrape: timedelta | None = USUAL_SCRAPE) -> list[Remark]:
    """Every remark on an expression; `scrape` None leaves ranges alone."""
    found: list[Remark] = []
    for part, path in promql.walk(expr):
        match part:
            case ql.Call():
                found += _call(part, path)
            case ql.AggregateExpr():
                found += _aggregation(part, path)
            case ql.BinaryExpr():
                found += _operator(part, path, use)
            case ql.VectorSelector():
                found += _selector(part, path, use)
            case ql.MatrixSelector() if scrape is not None:
                found += _range(part, scrape)
    return list(dict.fromkeys(found))


def _call(call: ql.Call, path: Sequence[ql.Expr]) -> Iterator[Remark]:
    name = call.func.name
    argument = call.args[-1] if call.args else None
    if name == "histogram_quantile" and len(call.args) == 2:
        yield from _quantile(call)
    elif name in promql.RATES and isinstance(argument, ql.SubqueryExpr):
        sums = [
            part
            for part, _ in promql.walk(argument.expr)
            if isinstance(part, ql.AggregateExpr) and promql.operator(part) in ("sum", "avg", "max", "min")
        ]
        if sums:
            how = promql.operator(sums[0])
            yield Remark(
                "SLO206",
                f"{name} of a {how}: when one series restarts, the {how} drops, which counts as a reset",
                f"write {how}({name}(...[range]))",
                at=f"{name}(",
            )
    elif isinstance(argument, ql.MatrixSelector):
        yield from _type_by_name(name, promql.name_of(argument.vector_selector))
    if name == "avg_over_time" and argument is not None:
        yield from _average(argument, "avg_over_time", path)


def _type_by_name(function: str, metric: str) -> Iterator[Remark]:
    if function in promql.RATES and _GAUGE.search(metric):
        yield Remark(
            "SLO207",
            f"{function} over {metric}, which its name calls a gauge: every fall counts as a reset",
            f"use delta or deriv, or {function} over a counter",
            at=metric,
        )
    elif function in promql.GAUGE_CHANGES and _COUNTER.search(metric):
        yield Remark(
            "SLO207",
            f"{function} over {metric}, which its name calls a counter: a restart makes it negative",
            "use rate or increase",
            at=metric,
        )


def _quantile(call: ql.Call) -> Iterator[Remark]:
    wanted = promql.constant(call.args[0])
    if wanted is not None and not 0 <= wanted <= 1:
        meant = format_decimal(wanted / 100) if 1 < wanted <= 100 else None
        shown = format_decimal(wanted)
        old = f"histogram_quantile({shown},"
        yield Remark(
            "SLO205",
            f"the quantile {shown} is not between 0 and 1, so the result is infinite",
            f"write {meant}" if meant else None,
            at="histogram_quantile",
            replace=(old, f"histogram_quantile({meant},") if meant else None,
        )
    inner = call.args[1]
    parts = list(promql.walk(inner))
    buckets = [
        (part, path)
        for part, path in parts
        if isinstance(part, ql.VectorSelector) and promql.name_of(part).endswith("_bucket")
    ]
    if not buckets:
        return
    metric = promql.name_of(buckets[0][0])
    sums = [part for part, _ in parts if isinstance(part, ql.AggregateExpr)]
    left = promql.labels(inner)
    without_le = any(
        part.modifier is not None
        and part.modifier.type == ql.AggModifierType.Without
        and "le" in part.modifier.labels
        for part in sums
    )
    if without_le or (left is not None and "le" not in left):
        yield Remark(
            "SLO202",
            f"histogram_quantile needs the label le, which is aggregated away from {metric}",
            "keep it: sum by (le) (rate(...))",
            at="histogram_quantile",
        )
    elif not sums:
        yield Remark(
            "SLO204",
            f"a quantile of every single series of {metric}, not of all of them",
            f"write histogram_quantile(φ, sum by (le) (rate({metric}[...])))",
            at="histogram_quantile",
        )
    if not any(_is_range(part) for _, path in buckets for part in path):
        yield Remark(
            "SLO203",
            f"{metric} counts since each process started: without rate the quantile is of all that time",
            f"write rate({metric}[5m]) inside the sum",
            at=metric,
        )


def _is_range(part: ql.Expr) -> bool:
    return isinstance(part, ql.MatrixSelector | ql.SubqueryExpr)


def _aggregation(part: ql.AggregateExpr, path: Sequence[ql.Expr]) -> Iterator[Remark]:
    how = promql.operator(part)
    if how == "avg":
        yield from _average(part.expr, "avg", path)
    if how in ("sum", "avg"):
        yield from _summary_quantile(part, how)
    if how == "sum" and not _inside_quantile(path):
        yield from _buckets_added(part)


def _inside_quantile(path: Sequence[ql.Expr]) -> bool:
    return any(isinstance(part, ql.Call) and part.func.name.startswith("histogram_") for part in path)


def _buckets_added(part: ql.AggregateExpr) -> Iterator[Remark]:
    left = promql.labels(part)
    if left is None or "le" in left:
        return
    for inner, path in promql.walk(part.expr):
        if not isinstance(inner, ql.VectorSelector) or any(isinstance(p, ql.AggregateExpr) for p in path):
            continue
        name = promql.name_of(inner)
        has_le = any(matcher.name == "le" for matcher in promql.matchers_of(inner))
        if name.endswith("_bucket") and not has_le:
            yield Remark(
                "SLO209",
                f"the buckets of {name} contain each other: their sum counts an event once per bucket",
                f"use {name.removesuffix('_bucket')}_count for all events, or choose one with le=...",
                at=name,
            )


def _summary_quantile(part: ql.AggregateExpr, how: str) -> Iterator[Remark]:
    inner = promql.bare(part.expr)
    if isinstance(inner, ql.VectorSelector) and any(
        matcher.name == "quantile" for matcher in promql.matchers_of(inner)
    ):
        yield Remark(
            "SLO215",
            f"{how} of quantiles of {promql.name_of(inner) or 'a summary'}: that is no quantile of anything",
            "use a histogram, or show each series",
            at="quantile",
        )


def _average(argument: ql.Expr, how: str, path: Sequence[ql.Expr]) -> Iterator[Remark]:
    inner = promql.bare(argument)
    if isinstance(inner, ql.SubqueryExpr):
        inner = promql.bare(inner.expr)
    if isinstance(inner, ql.MatrixSelector):
        inner = inner.vector_selector
    match inner:
        case ql.Call() if inner.func.name == "histogram_quantile":
            what = "quantiles"
        case ql.BinaryExpr() if promql.operator(inner) == "/" and _rated(inner.lhs) and _rated(inner.rhs):
            what = "ratios"
        case ql.VectorSelector() if _RATIO.search(promql.name_of(inner)):
            what = f"the ratios {promql.name_of(inner)}"
        case ql.VectorSelector() if "quantile" in promql.name_of(inner):
            what = f"the quantiles {promql.name_of(inner)}"
        case _:
            return
    yield Remark(
        "SLO215",
        f"{how} of {what}: a quiet minute or instance weighs as much as a busy one",
        "add up numerators and denominators first, or buckets, then divide",
        at=how,
    )


def _rated(expr: ql.Expr) -> bool:
    return any(isinstance(part, ql.Call) and part.func.name in promql.RATES for part, _ in promql.walk(expr))


_ARITHMETIC: Final = frozenset(
    {"+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", "and", "unless"}
)


def _operator(part: ql.BinaryExpr, path: Sequence[ql.Expr], use: Use) -> Iterator[Remark]:
    sign = promql.operator(part)
    if sign in _ARITHMETIC and not (promql.is_scalar(part.lhs) or promql.is_scalar(part.rhs)):
        yield from _different_labels(part, sign)
    if sign == "/":
        yield from _ratio(part, path, use)
    elif sign == "or":
        yield from _or_zero(part)
    elif sign in (">", ">="):
        yield from _out_of_reach(part, sign)


def _different_labels(part: ql.BinaryExpr, sign: str) -> Iterator[Remark]:
    left, right = promql.labels(part.lhs), promql.labels(part.rhs)
    modifier = part.modifier
    matching = modifier.matching if modifier is not None else None
    if left is not None and right is not None:
        if matching is None:
            alone = left ^ right
        elif matching.type == ql.LabelModifierType.Include:
            alone = frozenset(matching.labels) & (left ^ right)
        else:
            alone = (left ^ right) - frozenset(matching.labels)
        if alone:
            yield Remark(
                "SLO214",
                f"the sides of {sign!r} have different labels, {_set(left)} and {_set(right)}",
                "aggregate both by the same labels, or add on(...) and group_left",
            )
    elif sign == "/" and matching is None:
        yield from _different_selectors(part)


def _different_selectors(part: ql.BinaryExpr) -> Iterator[Remark]:
    """A division of single series: each is divided by the one with the very same labels."""
    sides = [_single(part.lhs), _single(part.rhs)]
    left, right = sides
    if left is None or right is None or family(promql.name_of(left)) != family(promql.name_of(right)):
        return
    fixed = {m.name for m in promql.matchers_of(left) if m.op in (ql.MatchOp.Equal, ql.MatchOp.Re)}
    also = {m.name for m in promql.matchers_of(right)}
    extra = sorted(fixed - also)
    one_has_le = promql.name_of(left).endswith("_bucket") != promql.name_of(right).endswith("_bucket")
    if one_has_le:
        why = "only one side has the label le, so nothing matches"
    elif extra and promql.name_of(left) == promql.name_of(right):
        why = f"each series is divided by itself, {extra[0]} being on both sides: the result is always 1"
    else:
        return
    yield Remark(
        "SLO214",
        f"a division of single series: {why}",
        "sum both sides first, or add ignoring(...)",
        at=promql.name_of(left),
    )


def _single(expr: ql.Expr) -> ql.VectorSelector | None:
    """The selector of a side that is not aggregated."""
    inner = promql.bare(expr)
    if isinstance(inner, ql.BinaryExpr) and promql.is_scalar(inner.rhs):
        inner = promql.bare(inner.lhs)
    if isinstance(inner, ql.Call) and inner.func.name in promql.RATES and inner.args:
        inner = inner.args[0]
    if isinstance(inner, ql.MatrixSelector):
        return inner.vector_selector
    return inner if isinstance(inner, ql.VectorSelector) else None


def _set(names: frozenset[str]) -> str:
    return f"({', '.join(sorted(names))})"


def _ratio(part: ql.BinaryExpr, path: Sequence[ql.Expr], use: Use) -> Iterator[Remark]:
    if not (_rated(part.lhs) and _rated(part.rhs)):
        return
    compared = _compared(part, path)
    numerator = promql.selectors(part.lhs)
    denominator = promql.selectors(part.rhs)
    bad = next((each for each in numerator if looks_bad(each)), None)
    filled = _is_filled(part.lhs) or any(
        isinstance(around, ql.BinaryExpr) and promql.operator(around) == "or" for around in path
    )
    if bad is not None and not filled and not compared and not any(looks_bad(each) for each in denominator):
        yield Remark(
            "SLO211",
            f"no result while {promql.name_of(bad) or 'the bad events'} has no bad series, as at first",
            "write (bad or 0 * total) / total",
            at=promql.name_of(bad),
        )
    if use in (Use.RECORDED, Use.SLI) and not compared and not _is_guarded(part.rhs):
        yield Remark(
            "SLO212",
            "0 / 0 is NaN while there is no traffic, and NaN spoils every sum and average over time",
            "write / (total > 0)",
            at=promql.name_of(denominator[0]) if denominator else None,
        )
    yield from _not_part(part, use)


def _compared(part: ql.Expr, path: Sequence[ql.Expr]) -> bool:
    """Whether only a value above something matters, as in an alert: then no result means no alert."""
    return any(
        isinstance(around, ql.BinaryExpr) and promql.operator(around) in (">", ">=") for around in path
    )


def _is_filled(expr: ql.Expr) -> bool:
    """Whether something stands in where the numerator has no series."""
    return any(
        isinstance(part, ql.BinaryExpr) and promql.operator(part) == "or" for part, _ in promql.walk(expr)
    )


def _is_guarded(expr: ql.Expr) -> bool:
    inner = promql.bare(expr)
    match inner:
        case ql.BinaryExpr() if promql.operator(inner) in (">", "!=", ">="):
            return promql.is_scalar(inner.rhs)
        case ql.BinaryExpr() if promql.operator(inner) == "or":
            return True
        case ql.Call():
            return inner.func.name == "clamp_min"
        case _:
            return False


def _not_part(part: ql.BinaryExpr, use: Use) -> Iterator[Remark]:
    small, large = promql.selectors(part.lhs), promql.selectors(part.rhs)
    if len(large) != 1:
        return
    for each in small:
        yield from not_part(each, large[0], strict=use is Use.SLI)


def not_part(small: ql.VectorSelector, large: ql.VectorSelector, *, strict: bool) -> Iterator[Remark]:
    """Whether a numerator's events are among the denominator's; `strict` where the two make an objective."""
    verdict, why = part_of(small, large)
    same = family(promql.name_of(small)) == family(promql.name_of(large))
    if verdict is Part.DISJOINT or (verdict is Part.NO and same):
        none = "none" if verdict is Part.DISJOINT else "not all"
        shown = promql.name_of(small) or "the numerator"
        yield Remark(
            "SLO213",
            f"{none} of the events of {shown} are in the denominator, which has {why}",
            "give both sides the same matchers, the numerator more of them",
            at=promql.name_of(small) or None,
            severity=Severity.ERROR if strict and same else Severity.WARNING,
        )


def _or_zero(part: ql.BinaryExpr) -> Iterator[Remark]:
    right = promql.bare(part.rhs)
    left = promql.labels(part.lhs)
    if left and isinstance(right, ql.Call) and right.func.name == "vector":
        yield Remark(
            "SLO216",
            f"vector(0) has no labels, so it fills in nothing for the missing ones of {_set(left)}",
            f"write or 0 * sum by {_set(left)} (total)",
            at="vector",
        )


def _out_of_reach(part: ql.BinaryExpr, sign: str) -> Iterator[Remark]:
    limit = promql.constant(part.rhs)
    if limit is None or limit < 1 or (sign == ">=" and limit == 1):
        return
    left = promql.bare(part.lhs)
    match left:
        case ql.VectorSelector():
            name = promql.name_of(left)
            is_share = bool(_RATIO.search(name) and _OF_EVENTS.search(name))
        case ql.BinaryExpr() if promql.operator(left) == "/" and _rated(left.lhs) and _rated(left.rhs):
            small, large = promql.selectors(left.lhs), promql.selectors(left.rhs)
            name = promql.name_of(small[0]) if small else ""
            is_share = (
                not _is_scaled(left)
                and len(small) == len(large) == 1
                and promql.name_of(small[0]) == promql.name_of(large[0])
                and part_of(small[0], large[0])[0] is Part.YES
            )
        case _:
            return
    if not is_share:
        return
    shown = format_decimal(limit.normalize())
    literal = isinstance(promql.bare(part.rhs), ql.NumberLiteral)
    meant = f"{shown} % is {format_decimal(limit / 100)}" if literal and Decimal(1) < limit <= 100 else None
    yield Remark(
        "SLO217", f"a share of events is never above {shown}: this cannot fire", meant, at=name or None
    )


def _is_scaled(expr: ql.Expr) -> bool:
    """Whether a number other than 0 takes part: `100 * a / b` is no share."""
    return any(isinstance(part, ql.NumberLiteral) and part.val != 0 for part, _ in promql.walk(expr))


def _selector(part: ql.VectorSelector, path: Sequence[ql.Expr], use: Use) -> Iterator[Remark]:
    name = promql.name_of(part)
    for matcher in promql.matchers_of(part):
        if matcher.name == "le" and matcher.op == ql.MatchOp.Equal:
            yield from _boundary(matcher.value)
    if (
        _COUNTER.search(name)
        and ":" not in name
        and use is not Use.EVENTS
        and not _counts_rightly(part, path)
    ):
        yield Remark(
            "SLO208",
            f"{name} counts since each process started: its value alone says little",
            f"write rate({name}[5m]) or increase(...)",
            at=name,
        )


def _boundary(value: str) -> Iterator[Remark]:
    written = f'le="{value}"'
    try:
        number = Decimal(value)
    except ArithmeticError:
        number = Decimal("NaN")
    if number.is_infinite():
        return
    if number.is_nan():
        yield Remark(
            "SLO107", f"{written} can be no bucket: le is a plain number in the metric's unit", at=written
        )
        return
    plain = format_decimal(number)
    if number == number.to_integral_value():
        either = f'le=~"{plain}(\\\\.0)?"'
        yield Remark(
            "SLO210",
            f"{written}: Prometheus 2 keeps what was exposed, mostly {plain}; 3 makes it {plain}.0",
            f"write {either}, which matches both",
            at=written,
            replace=(written, either),
        )
    elif value != plain:
        yield Remark(
            "SLO107",
            f"{written} matches no bucket: the label is text, and servers write {plain}",
            f'write le="{plain}"',
            at=written,
            replace=(written, f'le="{plain}"'),
        )


def _counts_rightly(part: ql.VectorSelector, path: Sequence[ql.Expr]) -> bool:
    """Whether a counter's plain value is no mistake here."""
    inner: ql.Expr = part
    for around in reversed(path):
        match around:
            case ql.MatrixSelector() | ql.SubqueryExpr():
                return True
            case ql.Call() if around.func.name in _LOOKS_ONLY or around.func.name.startswith("histogram_"):
                return True
            case ql.AggregateExpr() if promql.operator(around) in ("count", "group", "count_values"):
                return True
            case ql.BinaryExpr():
                sign = promql.operator(around)
                other = around.rhs if inner is around.lhs or str(inner) == str(around.lhs) else around.lhs
                if sign in ("/", "-") and _holds_gauges(other):
                    return True
                if promql.constant(other) == 0 or (
                    sign in ("and", "unless") and str(around.rhs) == str(inner)
                ):
                    return True
                if sign == "-" and any(each.offset for each in promql.selectors(around)):
                    return True
        inner = around
    return False


def _holds_gauges(expr: ql.Expr) -> bool:
    """Whether the other side of an operator has a gauge: then a name in _total is a capacity, no counter."""
    return not _rated(expr) and any(not _COUNTER.search(promql.name_of(s)) for s in promql.selectors(expr))


def _range(part: ql.MatrixSelector, scrape: timedelta) -> Iterator[Remark]:
    if part.range < SCRAPES * scrape:
        yield Remark(
            "SLO108",
            f"[{format_duration(part.range)}] holds fewer than {SCRAPES} scrapes at one every"
            f" {format_duration(scrape)}: a missed one leaves a gap",
            f"use {format_duration(SCRAPES * scrape)} or more",
            at=promql.name_of(part.vector_selector) or None,
        )
