"""The page of one service: who owns it, what it promises and answers, whom it needs, who suffers with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.core.observe import marks
from sretool.core.observe.panels import Condition
from sretool.core.slo.model import Level
from sretool.tui import format as fmt
from sretool.tui import infra, overview
from sretool.tui.line import LEVEL_ROLES, Span, cells, crop, rule
from sretool.tui.panel import glyph, role
from sretool.tui.quantity import quantity
from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from sretool.core.observe.model import SloStatus
    from sretool.core.observe.service import DependencyRow, HopRow, PathRows, ServicePage
    from sretool.tui.board import View
    from sretool.tui.line import Line, Role


def state_line(page: ServicePage, statuses: Sequence[SloStatus], view: View, width: int) -> Line:
    """Row 2: the worst of the service, its tier and owner."""
    level = min((each.level for each in statuses), key=list(Level).index, default=Level.NO_DATA)
    tone: Role = "stale" if view.stale else LEVEL_ROLES[level]
    word = fmt.LEVEL_WORDS[level].upper()
    mark = view.glyphs.levels[level] + (view.glyphs.stale if view.stale else "")
    spans = [
        Span(f" {mark} {tr(word) if statuses else tr('no SLO')}", tone),
        Span(f"  {tr(page.service.title)}", "bold"),
    ]
    if page.tier is not None:
        spans.append(
            Span(
                f"   {tr('tier')} {page.tier.number}: {tr(page.tier.title)},"
                f" {fmt.objective_percent(page.tier.availability)}%,"
                f" p95 {quantity(page.tier.latency_p95.total_seconds(), 's')}"
            )
        )
    if page.owner is not None:
        spans.append(Span(f"   {tr('owner')} {page.owner.title}"))
        if page.owner.contact:
            spans.append(Span(f" ({page.owner.contact})", "dim"))
    elif page.service.owner is None:
        spans.append(Span(f"   {tr('owner not configured')}", "dim"))
    return crop(spans, width)


def page_lines(page: ServicePage, statuses: Sequence[SloStatus], view: View, width: int) -> list[Line]:
    """Everything of the page under row 2; longer than the screen, in two columns where there is room."""
    promises = _slos(page, statuses, view, width)
    if width < 140:
        return [
            *promises,
            *_alerts(page, view, width),
            *_calls(page, view, width),
            *_paths(page, view, width),
            *_needs(page, view, width),
            *_breaks(page, view, width),
            *_changes(page, view, width),
        ]
    half = (width - 1) // 2
    left = [
        *_slos(page, statuses, view, half),
        *_calls(page, view, half),
        *_paths(page, view, half),
    ]
    right = [
        *_needs(page, view, width - half - 1),
        *_breaks(page, view, width - half - 1),
        *_alerts(page, view, width - half - 1),
        *_changes(page, view, width - half - 1),
    ]
    height = max(len(left), len(right))
    left += [crop([], half)] * (height - len(left))
    right += [crop([], width - half - 1)] * (height - len(right))
    return [[*one, Span(view.glyphs.axis, "dim"), *other] for one, other in zip(left, right, strict=True)]


def _slos(page: ServicePage, statuses: Sequence[SloStatus], view: View, width: int) -> list[Line]:
    lines: list[Line] = [rule(tr("OBJECTIVES"), width, view.glyphs.rule)]
    if not statuses:
        return [*lines, _dim(tr("not configured: add `slos` of this service to the catalog"), width)]
    for status in statuses:
        tone: Role = "stale" if view.stale else LEVEL_ROLES[status.level]
        burn = next((value for _, value in sorted(status.burns.items()) if value is not None), None)
        spans = [
            Span(f" {view.glyphs.levels[status.level]} {fmt.fit(status.slo.name, 26)}", tone),
            Span(fmt.fit(fmt.percent_of_objective(status.sli, status.slo.objective), 9, "right")),
            Span(f" {tr('of')} {fmt.fit(fmt.objective_percent(status.slo.objective), 7)}"),
            Span(tr("{share} left", share=fmt.fit(fmt.budget_percent(status.budget_left), 5, "right")), tone),
            Span(f"  {fmt.burn(burn)}", "dim"),
        ]
        lines.append(crop(spans, width))
    return lines


def _alerts(page: ServicePage, view: View, width: int) -> list[Line]:
    own = [
        alert
        for alert in view.snapshot.alerts
        if alert.labels.get("service") == page.service.id
        or (alert.slo or "").partition("/")[0] == page.service.id
    ]
    if view.alertmanager is None:
        how = tr("not configured: give --alertmanager or put it into the context")
        return [rule(tr("ALERTS"), width, view.glyphs.rule), _dim(how, width)]
    heading = tr("ALERTS: {count}", count=len(own)) if own else tr("ALERTS: none open")
    lines: list[Line] = [rule(heading, width, view.glyphs.rule, "Alertmanager")]
    return [*lines, *(overview.alert_row(alert, view, width) for alert in own[:8])]


def _calls(page: ServicePage, view: View, width: int) -> list[Line]:
    lines: list[Line] = [rule(tr("REQUESTS (RED)"), width, view.glyphs.rule, tr("vs 1h ago"))]
    if not page.calls:
        how = tr("not configured: add `calls` with this `service` to the catalog")
        return [*lines, _dim(how, width)]
    return [*lines, *(infra.row_line(row, view, width, wide=False) for row in page.calls)]


def _paths(page: ServicePage, view: View, width: int) -> list[Line]:
    lines: list[Line] = []
    for rows in page.paths:
        if rows.hops:
            lines += _path(rows, view, width)
    if lines:
        return lines
    how = tr("not configured: add `critical_paths` with hops to the catalog")
    return [rule(tr("LATENCY BUDGET"), width, view.glyphs.rule), _dim(how, width)]


def _path(rows: PathRows, view: View, width: int) -> list[Line]:
    title = f"{tr('LATENCY BUDGET')} {tr(rows.path.title)}"
    lines: list[Line] = [rule(title, width, view.glyphs.rule)]
    lines += [_hop(row, view, width) for row in rows.hops]
    budget, took = rows.path.budget, rows.took
    if budget is not None:
        condition = Condition.NO_DATA if took is None else Condition.WARN if took > budget else Condition.OK
        spans = [
            Span(f" {glyph(condition, view.glyphs)} {fmt.fit(tr('whole path'), 24)}", "bold"),
            Span(fmt.fit(_time(took), 8, "right"), role(condition, view)),
            Span(f" {tr('of')} {fmt.fit(_time(budget), 8)}"),
        ]
        if rows.unmeasured:
            text = "1 hop not measured" if rows.unmeasured == 1 else "{count} hops not measured"
            spans.append(Span(tr(text, count=rows.unmeasured), "dim"))
        lines.append(crop(spans, width))
    return lines


def _hop(row: HopRow, view: View, width: int) -> Line:
    indent = "  " * row.depth
    title = fmt.fit(indent + tr(row.hop.title), 24)
    budget = f" {tr('of')} {fmt.fit(_time(row.hop.budget), 8)}"
    if row.hop.measured is None:
        told = tr("not measured: set `measured`")
        spans = [Span(f"   {title}", "dim"), Span(fmt.fit(fmt.NONE, 8, "right"), "dim")]
        return crop([*spans, Span(budget, "dim"), Span(told, "dim")], width)
    spans = [
        Span(f" {glyph(row.condition, view.glyphs)} {title}", role(row.condition, view)),
        Span(fmt.fit(_time(row.took), 8, "right"), role(row.condition, view)),
        Span(budget),
    ]
    if row.took is not None:
        share = row.took / row.hop.budget
        spans.append(Span(fmt.bar(share, 10, view.glyphs), role(row.condition, view, "chart")))
        spans.append(Span(fmt.fit(quantity(share, "ratio"), 6, "right"), role(row.condition, view, "dim")))
    else:
        spans.append(Span(row.error or tr("no data"), "no_data"))
    return crop(spans, width)


def _needs(page: ServicePage, view: View, width: int) -> list[Line]:
    lines: list[Line] = [rule(tr("DEPENDS ON"), width, view.glyphs.rule, tr("state, SLA of the provider"))]
    if not page.needs:
        how = tr("not configured: add `parts` to the service and `dependencies` to the catalog")
        return [*lines, _dim(how, width)]
    for row in page.needs:
        lines.append(_dependency(row, view, width))
        lines += [
            crop([Span("     "), *infra.row_line(call, view, width - 5, wide=False)], width)
            for call in row.calls
        ]
    return lines


def _breaks(page: ServicePage, view: View, width: int) -> list[Line]:
    lines: list[Line] = [rule(tr("BREAKS WITH IT"), width, view.glyphs.rule, tr("who needs it"))]
    if not page.breaks and not page.impacts:
        how = tr("not configured: add `dependencies` that need it, or `impacts`, to the catalog")
        return [*lines, _dim(how, width)]
    lines += [_dependency(row, view, width) for row in page.breaks]
    for impact in page.impacts:
        text = f"{tr(impact.breaks)}; {tr(impact.users)}"
        spans = [Span(f"   {fmt.fit(tr(impact.module), 20)} {tr('tier')} {impact.tier}  "), Span(text, "dim")]
        lines.append(crop(spans, width))
    return lines


def _dependency(row: DependencyRow, view: View, width: int) -> Line:
    dependency = row.dependency
    indent = "  " * (row.depth - 1)
    mark = glyph(row.condition, view.glyphs) if row.watched else " "
    spans = [
        Span(
            f" {mark} {fmt.fit(indent + dependency.id, 20)}",
            role(row.condition, view) if row.watched else "text",
        )
    ]
    words = {
        Condition.OK: tr("up"),
        Condition.WARN: tr("partly down"),
        Condition.BAD: tr("DOWN"),
        Condition.NO_DATA: tr("no data"),
    }
    state = words[row.condition] if row.watched else tr("not watched")
    spans.append(Span(fmt.fit(state, 12), role(row.condition, view, "text") if row.watched else "dim"))
    if dependency.sla is not None:
        who = f" {dependency.provider}" if dependency.provider else ""
        spans.append(Span(f"SLA {fmt.objective_percent(dependency.sla)}%{who}  "))
    told = dependency.breaks or ""
    if dependency.fallback and width - cells(spans) - len(told) > 20:
        told += f"; {tr('else')}: {tr(dependency.fallback)}"
    spans.append(Span(tr(told) if told == dependency.breaks else told, "dim"))
    return crop(spans, width)


def _changes(page: ServicePage, view: View, width: int) -> list[Line]:
    own = marks.concerning(view.snapshot.changes, page.service.id)
    return overview.listed_changes(own, view, width, min(len(own) + 2, 8))


def _time(span: timedelta | None) -> str:
    return fmt.NONE if span is None else quantity(span.total_seconds(), "s")


def _dim(text: str, width: int) -> Line:
    return crop([Span(f"   {text}", "dim")], width)
