"""Other tools' SLO files, checked as they are written: Sloth, Pyrra, OpenSLO, slo-generator."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import promql_parser as ql

from sretool.core.lint import objectives, promql
from sretool.core.lint.expression_text import Expression
from sretool.core.lint.expressions import Remark, Use
from sretool.core.lint.findings import Finding, finding
from sretool.core.lint.source import Source, entry, items, line_of, pairs, scalar, text_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml


@dataclass(frozen=True, slots=True)
class Reading:
    """A document while it is checked."""

    source: Source
    queries: list[Expression] = field(default_factory=list)
    """Every query that was read, for checks against a server."""


def kind_of(root: yaml.Node) -> str | None:
    """Whose document it is; None where it is none of these tools'."""
    version = text_at(root, "apiVersion") or ""
    if text_at(root, "version") == "prometheus/v1":
        return "sloth"
    for prefix, kind in (
        ("sloth.slok.dev/", "sloth-resource"),
        ("pyrra.dev/", "pyrra"),
        ("openslo/", "openslo"),
        ("sre.google.com/", "slo-generator"),
    ):
        if version.startswith(prefix):
            return kind
    return None


def check(at: Reading, root: yaml.Node, kind: str) -> Iterator[Finding]:
    match kind:
        case "sloth":
            yield from _sloth(at, root, ("error_query", "total_query", "error_ratio_query"))
        case "sloth-resource":
            spec = entry(root, "spec")
            if spec is not None:
                yield from _sloth(at, spec, ("errorQuery", "totalQuery", "errorRatioQuery"))
        case "pyrra":
            yield from _pyrra(at, root)
        case "openslo":
            yield from _openslo(at, root)
        case "slo-generator":
            yield from _slo_generator(at, root)


def _query(at: Reading, node: yaml.Node | None, use: Use) -> Expression | None:
    written = scalar(node)
    if written is None or not written.value.strip():
        return None
    query = Expression.read(at.source, written, use)
    at.queries.append(query)
    return query


def _windowed(query: Expression, placeholder: str) -> Iterator[Finding]:
    """A query that is asked once for each window of the alerts."""
    if not query.has_window and query.tree is not None:
        yield query.found(
            Remark(
                "SLO105",
                "the query looks at one fixed window, so every burn rate is the same",
                f"write {placeholder} where the range belongs",
            )
        )
    yield from query.findings()


def _sloth(at: Reading, root: yaml.Node, keys: tuple[str, str, str]) -> Iterator[Finding]:
    names: dict[str, int] = {}
    for slo in items(entry(root, "slos")):
        objective = scalar(entry(slo, "objective"))
        if objective is not None:
            yield from objectives.percentage(at.source, objective, "objective")
        name = scalar(entry(slo, "name"))
        if name is not None:
            yield from _unique(at, name, names)
        bad = _query(at, entry(slo, "sli", "events", keys[0]), Use.EVENTS)
        total = _query(at, entry(slo, "sli", "events", keys[1]), Use.EVENTS)
        for query in filter(None, (bad, total)):
            yield from _windowed(query, "{{.window}}")
        if bad is not None and total is not None:
            yield from objectives.parts(bad, total)
            yield from objectives.disappears(bad)
        ratio = _query(at, entry(slo, "sli", "raw", keys[2]), Use.SLI)
        if ratio is not None:
            yield from _windowed(ratio, "{{.window}}")


def _unique(at: Reading, name: yaml.ScalarNode, known: dict[str, int]) -> Iterator[Finding]:
    if name.value in known:
        message = f"SLO {name.value!r} is already in line {known[name.value]}"
        yield finding(at.source.file, line_of(name), "SLO007", message)
    known.setdefault(name.value, line_of(name))


def _pyrra(at: Reading, root: yaml.Node) -> Iterator[Finding]:
    target = scalar(entry(root, "spec", "target"))
    if target is not None:
        yield from objectives.percentage(at.source, target, "target")
    indicator = entry(root, "spec", "indicator")
    ratio, latency = entry(indicator, "ratio"), entry(indicator, "latency")
    bad = _metric(at, entry(ratio, "errors"))
    total = _metric(at, entry(ratio, "total"))
    good, all_ = _metric(at, entry(latency, "success")), _metric(at, entry(latency, "total"))
    others = (_metric(at, entry(indicator, key)) for key in ("bool_gauge",))
    native = _metric(at, entry(indicator, "latencyNative", "total"))
    for query in filter(None, (bad, total, good, all_, native, *others)):
        yield from map(_one_boundary, query.findings())
        if query.tree is not None and not isinstance(query.tree, ql.VectorSelector):
            yield query.found(
                Remark("SLO008", "a series selector is wanted here, without functions and ranges")
            )
    if bad is not None and total is not None:
        yield from objectives.parts(bad, total)
    if good is not None and all_ is not None:
        yield from objectives.parts(good, all_, good=True)
        yield from _bucket_and_count(good, all_)


def _one_boundary(found: Finding) -> Finding:
    """Pyrra wants `le="..."` and nothing else."""
    if found.code != "SLO210":
        return found
    return replace(found, fix="write it as your Prometheus has it; --live tells", edit=None)


def _metric(at: Reading, node: yaml.Node | None) -> Expression | None:
    return _query(at, entry(node, "metric"), Use.EVENTS)


def _bucket_and_count(good: Expression, total: Expression) -> Iterator[Finding]:
    for query, has_le in ((good, True), (total, False)):
        if not isinstance(query.tree, ql.VectorSelector):
            continue
        found = any(matcher.name == "le" for matcher in promql.matchers_of(query.tree))
        name = promql.name_of(query.tree)
        if has_le and not found:
            yield query.found(
                Remark("SLO107", "no le: which bucket is fast enough?", 'add le="..."', at=name)
            )
        if not has_le and name.endswith("_bucket") and not found:
            message = f"the buckets of {name} contain each other: their sum counts an event once per bucket"
            yield query.found(Remark("SLO209", message, f"use {name.removesuffix('_bucket')}_count", at=name))


def _openslo(at: Reading, root: yaml.Node) -> Iterator[Finding]:
    spec = entry(root, "spec")
    for window in (*items(entry(spec, "timeWindow")), *items(entry(spec, "timeWindows"))):
        duration = scalar(entry(window, "duration"))
        if duration is not None:
            yield from objectives.openslo_window(at.source, duration)
    for objective in items(entry(spec, "objectives")):
        yield from _openslo_objective(at, objective)
    for key in ("lookbackWindow", "alertAfter"):
        for holder in (spec, entry(spec, "condition")):
            node = scalar(entry(holder, key))
            if node is not None:
                yield from objectives.openslo_short(at.source, node, key)
    indicator = entry(spec, "indicator", "spec") if entry(spec, "indicator") is not None else spec
    for holder in (indicator, *items(entry(spec, "objectives"))):
        yield from _openslo_queries(at, holder)


def _openslo_objective(at: Reading, objective: yaml.Node) -> Iterator[Finding]:
    target = scalar(entry(objective, "target"))
    if target is not None:
        yield from objectives.share(at.source, target, "target", "targetPercent")
    per_cent = scalar(entry(objective, "targetPercent"))
    if per_cent is not None:
        yield from objectives.percentage(at.source, per_cent, "targetPercent")
    slice_ = scalar(entry(objective, "timeSliceTarget"))
    if slice_ is not None and (value := objectives.number(slice_.value)) is not None and value > 1:
        yield from objectives.share(at.source, slice_, "timeSliceTarget")
    window = scalar(entry(objective, "timeSliceWindow"))
    if window is not None:
        yield from objectives.openslo_short(at.source, window, "timeSliceWindow")


def _openslo_queries(at: Reading, holder: yaml.Node | None) -> Iterator[Finding]:
    for key in ("ratioMetric", "ratioMetrics", "thresholdMetric"):
        metric = entry(holder, key)
        if metric is None:
            continue
        found = {
            name: query
            for name in ("good", "bad", "total", "raw")
            if (query := _openslo_query(at, entry(metric, name))) is not None
        }
        alone = _openslo_query(at, metric)
        for query in (*found.values(), *([alone] if alone else ())):
            yield from query.findings()
        for name in ("good", "bad"):
            if name in found and "total" in found:
                yield from objectives.parts(found[name], found["total"], good=name == "good")
        if "bad" in found and "total" in found:
            yield from objectives.disappears(found["bad"])


def _openslo_query(at: Reading, node: yaml.Node | None) -> Expression | None:
    """A query in PromQL; None where it is another language's, or where it lies elsewhere."""
    kind = text_at(node, "metricSource", "type") or text_at(node, "source") or ""
    if kind.lower() not in ("prometheus", "victoriametrics", "thanos", "mimir", "cortex"):
        return None
    for path in (("metricSource", "spec", "query"), ("metricSource", "spec", "promql"), ("query",)):
        found = _query(at, entry(node, *path), Use.EVENTS)
        if found is not None:
            return found
    return None


def _slo_generator(at: Reading, root: yaml.Node) -> Iterator[Finding]:
    spec = entry(root, "spec")
    goal = scalar(entry(spec, "goal"))
    if goal is not None:
        yield from objectives.share(at.source, goal, "goal")
    if not (text_at(spec, "backend") or "").startswith("prometheus"):
        return
    sli = entry(spec, "service_level_indicator")
    found = {}
    for key, node in pairs(sli):
        if key.value in ("filter_good", "filter_bad", "filter_valid"):
            found[key.value] = _query(at, node, Use.EVENTS)
        elif key.value in ("expression", "query"):
            cut = text_at(spec, "method") == "distribution_cut"
            found[key.value] = _query(at, node, Use.EVENTS if cut else Use.SLI)
    for name, query in found.items():
        if query is None:
            continue
        if name in ("expression", "query") and query.use is Use.SLI:
            yield from _windowed(query, "[window]")
        else:
            yield from query.findings()
    valid = found.get("filter_valid")
    for name in ("filter_good", "filter_bad"):
        part = found.get(name)
        if part is not None and valid is not None:
            yield from objectives.parts(part, valid, good=name == "filter_good")
