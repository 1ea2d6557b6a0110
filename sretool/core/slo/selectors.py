"""Which series an objective reads: the selectors in its queries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import promql_parser as promql

from sretool.core.slo.model import BucketRatio, NativeBucketRatio
from sretool.core.slo.promql import quote
from sretool.core.slo.windows import RATE_WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sretool.core.slo.model import Slo

_OPS: Final = (
    (promql.MatchOp.Equal, "="),
    (promql.MatchOp.NotEqual, "!="),
    (promql.MatchOp.Re, "=~"),
    (promql.MatchOp.NotRe, "!~"),
)
"""The parser's operators cannot be keys of a mapping."""


def selectors(exprs: Iterable[str]) -> dict[str, promql.VectorSelector]:
    """All selectors of some expressions, each once, by their text; ValueError where one is no PromQL."""
    found: dict[str, promql.VectorSelector] = {}

    def visit(expr: Any) -> None:
        if isinstance(expr, promql.MatrixSelector):
            visit(expr.vector_selector)
        if isinstance(expr, promql.VectorSelector):
            found.setdefault(text_of(expr), expr)

    for expr in exprs:
        promql.walk(promql.parse(expr), pre_visit=visit)
    return found


def text_of(selector: promql.VectorSelector) -> str:
    """The series alone, without offset and @; the parser's own text leaves quotes as they are."""
    inside = ",".join(
        each.name + next(sign for op, sign in _OPS if op == each.op) + quote(each.value)
        for each in selector.matchers.matchers
    )
    return (selector.name or "") + (f"{{{inside}}}" if inside or not selector.name else "")


def jobs(slo: Slo, known: Iterable[str]) -> tuple[frozenset[str], ...]:
    """For each selector that is `needed` and names its job: which of the `known` jobs it may read."""
    exprs, names = _needed(slo), tuple(known)
    try:
        found = selectors(exprs).values()
    except ValueError:
        return ()
    of_job = ([each for each in one.matchers.matchers if each.name == "job"] for one in found)
    return tuple(
        frozenset(name for name in names if all(_fits(each, name) for each in matchers))
        for matchers in of_job
        if matchers
    )


def _fits(matcher: promql.Matcher, value: str) -> bool:
    if matcher.op in (promql.MatchOp.Equal, promql.MatchOp.NotEqual):
        return bool((matcher.value == value) == (matcher.op == promql.MatchOp.Equal))
    try:
        fits = re.fullmatch(matcher.value, value) is not None
    except re.error:
        # RE2 knows a few things that Python does not: such a job may be any.
        return True
    return fits == bool(matcher.op == promql.MatchOp.Re)


def needed(slo: Slo) -> tuple[str, ...]:
    """Selectors without whose series an SLO has no figures; none where its queries cannot be read.

    Error counters may be missing, as there may have been no error yet. Of a histogram both sides are needed.
    """
    try:
        return tuple(selectors(_needed(slo)))
    except ValueError:
        return ()


def _needed(slo: Slo) -> list[str]:
    exprs = [slo.sli.total_rate(RATE_WINDOW, slo.group_by)]
    if isinstance(slo.sli, BucketRatio | NativeBucketRatio):
        exprs.append(slo.sli.bad_rate(RATE_WINDOW, slo.group_by))
    return exprs
