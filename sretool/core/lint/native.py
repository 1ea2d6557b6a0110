"""sretool's own catalog files: what a catalog may say and still be wrong.

That keys exist and values can be read is `catalog.read`'s business; here is what needs PromQL or arithmetic.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import promql_parser as ql
import yaml

from sretool.core.catalog import values
from sretool.core.lint import objectives, promql
from sretool.core.lint.expression_text import Expression
from sretool.core.lint.expressions import SCRAPES, USUAL_SCRAPE, Remark, Use
from sretool.core.lint.findings import Finding, finding
from sretool.core.lint.source import Source, entry, items, line_of, scalar
from sretool.core.slo.windows import default_alerts
from sretool.errors import UsageError
from sretool.units import format_duration, parse_ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

_CALENDAR_DAYS: Final = {"week": 7, "month": 30, "quarter": 90}
_SELECTORS: Final = ("bad", "good", "total")
_WATCHED: Final = {
    "dependencies": ("up",),
    "critical_paths": ("hops",),
    "resources": ("utilisation", "saturation", "errors"),
    "calls": ("rate", "errors", "duration"),
    "headroom": ("used", "limit"),
    "journeys": ("sli", "steps"),
    "figures": ("expr",),
    "probes": ("expr",),
    "kpis": ("query",),
}
"""Section → its keys that are queries, or that hold mappings with queries."""
_QUERIES: Final = {"error_ratio": Use.SLI, "traffic": Use.SHOWN, "up": Use.SHOWN, "age": Use.SHOWN}


def expressions(source: Source, root: yaml.Node) -> Iterator[Expression]:
    for sli in items(entry(root, "slis")):
        yield from _read(source, entry(sli, "query"), Use.SHOWN)
    for board in items(entry(root, "dashboards")):
        for panel in items(entry(board, "panels")):
            for query in items(entry(panel, "queries")):
                yield from _read(source, entry(query, "expr"), Use.SHOWN)
    yield from _watched(source, root)
    for slo in items(entry(root, "slos")):
        for sli in slis_of(slo):
            for key in _SELECTORS:
                if key != "good" or entry(sli, "total") is not None:
                    yield from _read(source, entry(sli, key), Use.EVENTS)
            for key, use in _QUERIES.items():
                yield from _read(source, entry(sli, key), use)


def _watched(source: Source, root: yaml.Node) -> Iterator[Expression]:
    """What is watched beside the objectives."""
    for section, keys in _WATCHED.items():
        for each in items(entry(root, section)):
            for key in keys:
                node = entry(each, key)
                inner = items(node) or ([node] if isinstance(node, yaml.MappingNode) else [])
                for part in inner:
                    yield from _read(source, entry(part, "expr") or entry(part, "measured"), Use.SHOWN)
                    for below in items(entry(part, "parts")):
                        yield from _read(source, entry(below, "measured"), Use.SHOWN)
                limit = key == "limit" and _is_number(node)
                if not inner and not limit:
                    yield from _read(source, node, Use.SHOWN)


def _is_number(node: yaml.Node | None) -> bool:
    written = scalar(node)
    try:
        return written is not None and float(written.value) is not None
    except ValueError:
        return False


def _read(source: Source, node: yaml.Node | None, use: Use) -> Iterator[Expression]:
    written = scalar(node)
    if written is not None and written.value.strip():
        yield Expression.read(source, written, use)


def slis_of(slo: yaml.Node) -> list[yaml.Node]:
    """An SLO's `sli`, or the parts of a composite one."""
    sli = entry(slo, "sli")
    if sli is None:
        return []
    return [*items(entry(sli, "weighted")), *items(entry(sli, "worst"))] or [sli]


def check(source: Source, root: yaml.Node) -> Iterator[Finding]:
    for slo in items(entry(root, "slos")):
        objective = scalar(entry(slo, "objective"))
        if objective is not None:
            yield from objectives.native(source, objective)
        for sli in slis_of(slo):
            yield from _sli(source, sli)
        yield from _alerts(source, root, slo)


def _sli(source: Source, sli: yaml.Node) -> Iterator[Finding]:
    total = scalar(entry(sli, "total"))
    if total is not None:
        for key in ("bad", "good"):
            part = scalar(entry(sli, key))
            if part is not None:
                small = Expression.read(source, part, Use.EVENTS)
                large = Expression.read(source, total, Use.EVENTS)
                yield from objectives.parts(small, large, good=key == "good")
        yield from _all_events(Expression.read(source, total, Use.EVENTS))
    query = scalar(entry(sli, "error_ratio"))
    if query is not None and query.value.strip() and "{window}" not in query.value:
        yield finding(source.file, line_of(query), "SLO105", "error_ratio: no range is {window} long")


def _all_events(total: Expression) -> Iterator[Finding]:
    """A total that counts an event several times."""
    if isinstance(total.tree, ql.VectorSelector):
        name = promql.name_of(total.tree)
        has_le = any(matcher.name == "le" for matcher in promql.matchers_of(total.tree))
        if name.endswith("_bucket") and not has_le:
            message = f"the buckets of {name} contain each other: their sum counts an event once per bucket"
            yield total.found(Remark("SLO209", message, f"use {name.removesuffix('_bucket')}_count", at=name))


def window_of(slo: yaml.Node) -> timedelta | None:
    """What burn-rate alerts are fitted to; None where the file does not say it in a usable way."""
    node = scalar(entry(slo, "window"))
    if node is None:
        return None
    if node.value.strip() in _CALENDAR_DAYS:
        return timedelta(days=_CALENDAR_DAYS[node.value.strip()])
    try:
        return values.duration(node.value)
    except UsageError:
        return None


def budget_of(slo: yaml.Node) -> Decimal | None:
    node = scalar(entry(slo, "objective"))
    if node is None:
        return None
    try:
        budget = 1 - parse_ratio(node.value)
    except UsageError:
        return None
    return budget if 0 < budget < 1 else None


def _alerts(source: Source, root: yaml.Node, slo: yaml.Node) -> Iterator[Finding]:
    window, budget = window_of(slo), budget_of(slo)
    if window is None or budget is None or window > timedelta(days=3660):
        return
    written = entry(slo, "alerts")
    policy = _policy(root, slo) if written is None else None
    if policy is not None:
        yield from _of_policy(source, policy, slo, window, budget)
        return
    if written is None:
        if not default_alerts(window, budget):
            message = (
                f"no standard alert can fire: every pair's limit is above 100 % at a budget of {budget:%}"
            )
            yield finding(source.file, line_of(slo), "SLO103", message, "write `alerts` that spend less")
        return
    for alert in items(written):
        try:
            long, short = (values.duration(_text(alert, key)) for key in ("long", "short"))
            limit = _limit(alert, budget, window, long)
        except (UsageError, ArithmeticError):
            continue
        if limit >= 1:
            message = objectives.unreachable(limit, budget, long)
            yield finding(source.file, line_of(alert), "SLO103", message, "spend less, or look longer")
        if short < SCRAPES * USUAL_SCRAPE:
            message = f"the short window of {format_duration(short)} holds fewer than {SCRAPES} scrapes"
            yield finding(source.file, line_of(alert), "SLO108", message, "use 1m or more")


def _limit(alert: yaml.Node, budget: Decimal, window: timedelta, long: timedelta) -> Fraction:
    """The error ratio an alert fires above, as its share or its factor says."""
    if entry(alert, "factor") is not None:
        return Fraction(Decimal(_text(alert, "factor"))) * Fraction(budget)
    return objectives.reach(values.share(_text(alert, "spends")), budget, window, long)


def _policy(root: yaml.Node, slo: yaml.Node) -> yaml.Node | None:
    """The alert policy of the same file that an SLO without alerts has: by name, by tier, the default one."""
    policies = list(items(entry(root, "alert_policies")))
    name, tier = _text(slo, "alert_policy"), _text(slo, "tier")
    if name:
        return next((policy for policy in policies if _text(policy, "id") == name), None)
    of_tier = (p for p in policies if tier and tier in [t.value for t in items(entry(p, "tiers"))])
    default = (p for p in policies if _text(p, "default") == "true")
    return next(of_tier, None) or next(default, None)


def _of_policy(
    source: Source, policy: yaml.Node, slo: yaml.Node, window: timedelta, budget: Decimal
) -> Iterator[Finding]:
    """None of its alerts can fire for this SLO; those that cannot are left out where others can."""
    limits = []
    for alert in items(entry(policy, "alerts")):
        try:
            # Windows are those of 30 days and shrink with the SLO's, which leaves the limit as it is.
            meant = window if window >= timedelta(days=28) else timedelta(days=30)
            limits.append(_limit(alert, budget, meant, values.duration(_text(alert, "long"))))
        except (UsageError, ArithmeticError):
            return
    if limits and min(limits) >= 1:
        message = (
            f"no alert of the policy {_text(policy, 'id')!r} can fire: every limit is above 100 % at a"
            f" budget of {budget:%}"
        )
        yield finding(source.file, line_of(slo), "SLO103", message, "write `alerts` that spend less")


def _text(node: yaml.Node, key: str) -> str:
    found = scalar(entry(node, key))
    return found.value if found is not None else ""
