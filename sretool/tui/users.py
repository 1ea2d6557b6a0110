"""The experience and business view as lines: journeys, figures beside their usual, speed, probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from sretool.core.analysis.usual import LEAST_PERIODS
from sretool.core.catalog.watched import FigureGroup, Side
from sretool.core.observe.experience import LATELY, Against, ApdexRow, FigureRow, JourneyRow, ProbeRow
from sretool.core.observe.panels import ABNORMAL, Condition
from sretool.tui import format as fmt
from sretool.tui.line import Span, cells, crop, crop_text, rule
from sretool.tui.panel import glyph, role, with_age
from sretool.tui.quantity import change, quantity, success
from sretool.tui.spark import band, spark
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.observe.experience import Compared, Experience
    from sretool.tui.board import View
    from sretool.tui.format import Glyphs
    from sretool.tui.line import Line, Role

Row = JourneyRow | FigureRow

_ORDER = list(Condition)

AGAINST = {
    Against.USUAL: later("usual"),
    Against.HOUR: later("1h ago"),
    Against.DAY: later("1d ago"),
    Against.WEEK: later("1w ago"),
}

_SIDES = {Side.BELOW: later("below p5"), Side.ABOVE: later("above p95")}

_VITALS = later("export them from the browser (LCP, INP, CLS) and add `figures` of `group: vitals`")
_MONEY = later("add `figures` of `group: money` with a `currency`")
_APDEX = later("add `apdex` with a `histogram` and what is `satisfied`")
_PROBES = later("scrape a blackbox exporter and add `probes`")


def ordered(rows: Sequence[Row]) -> list[Row]:
    """Worst first; what is not configured last."""
    return sorted(rows, key=lambda row: (not_configured(row) is not None, _ORDER.index(row.condition)))


def not_configured(row: Row) -> str | None:
    return row.journey.not_configured if isinstance(row, JourneyRow) else row.figure.not_configured


def key_of(row: Row) -> str:
    return row.journey.id if isinstance(row, JourneyRow) else row.key


def name_of(row: Row) -> str:
    return row.journey.title if isinstance(row, JourneyRow) else row.name


def words(row: Row) -> tuple[str, dict[str, str]]:
    """What a filter looks at: the text, and properties by name."""
    if isinstance(row, JourneyRow):
        of = {"service": row.journey.service or "", "slo": row.journey.slo or "", "journey": row.journey.id}
    else:
        of = {"figure": row.figure.id, "group": row.figure.group.value}
    return f"{key_of(row)}\n{name_of(row)}", {**of, "level": row.condition.value}


def summary(found: Experience, view: View, error: str | None, width: int) -> Line:
    """Row 2: whether users are hurt, and by what."""
    if error is not None:
        return crop([Span(f" {tr('no answer: {error}', error=error)}", "lost")], width)
    rows: tuple[Row, ...] = (*found.journeys, *found.figures)
    configured = [row for row in rows if not_configured(row) is None]
    if not configured and not found.apdex and not found.probes:
        said = tr("nothing of the users' experience is configured")
        return crop([Span(f" {said}", "dim")], width)
    if configured and all(row.at is None for row in configured):
        return crop([Span(f" {tr('asking Prometheus...')}", "dim")], width)
    hurt = [row for row in ordered(found.journeys) if row.condition in ABNORMAL]
    odd = [row for row in ordered(found.figures) if row.condition in ABNORMAL]
    dark = [row for row in configured if row.condition is Condition.NO_DATA]
    if hurt:
        told = ", ".join(_hurt(row) for row in hurt)
        worst = hurt[0].condition
        tag: Role = "tag_alarm" if worst is not Condition.WARN else "tag"
        head = tr("USERS ARE HURT") if worst is not Condition.WARN else tr("USERS NOTICE")
        return crop(
            [Span(f" {head} ", tag if not view.stale else "stale"), Span(told, role(worst, view))], width
        )
    if odd:
        lead = tr("users fare well; unusual: ")
        room = width - cell_len(lead) - 1
        told = whole_texts([_odd(row) for row in odd if isinstance(row, FigureRow)], room)
        return crop([Span(f" {lead}"), Span(told, role(odd[0].condition, view))], width)
    text = tr("users fare well: {count} journeys and figures as usual", count=len(configured) - len(dark))
    if dark:
        text += tr(", {count} without data", count=len(dark))
    return crop([Span(f" {text}", "stale" if view.stale else "dim")], width)


def whole_texts(texts: Sequence[str], width: int) -> str:
    """As many as fit whole, and how many more there are; never a figure cut in two."""
    for count in range(len(texts), 0, -1):
        text = ", ".join(texts[:count])
        if count < len(texts):
            text += f" +{len(texts) - count}"
        if count == 1 or cell_len(text) <= width:
            return text
    return ""


def _hurt(row: Row) -> str:
    assert isinstance(row, JourneyRow)
    value = row.compared.value
    lost = tr("no data") if value is None else quantity(1 - value, "ratio")
    weakest = row.weakest
    where = f" ({tr(weakest.title)})" if weakest is not None else ""
    return tr("{share} of {journey} fail{where}", share=lost, journey=tr(row.journey.title), where=where)


def _odd(row: FigureRow) -> str:
    value = quantity(row.compared.value, row.figure.unit, row.figure.currency)
    side = row.compared.side
    return f"{tr(row.name)} {value} {tr(_SIDES[side]) if side else tr('out of bounds')}"


# --- journeys and figures ---------------------------------------------------------------------------------


def journeys_heading(view: View, width: int, against: Against) -> Line:
    head = f"   {fmt.fit(tr('JOURNEY'), 14)} {fmt.fit(tr('SLI now'), 8, 'right')}"
    head += f" {fmt.fit(tr(AGAINST[against]), 9, 'right')}  {tr('STEPS (pass %)')}"
    right = f"{tr('TREND 2h')} " if width >= 72 else ""
    gap = max(width - cell_len(head) - cell_len(right), 0)
    return crop([Span(head, "title"), Span(" " * gap), Span(right, "title")], width)


def figures_heading(view: View, width: int, against: Against) -> Line:
    head = f"   {fmt.fit(tr('BUSINESS'), 20)} {fmt.fit(tr('now'), 8, 'right')}"
    head += f" {fmt.fit(tr(AGAINST[against]), 9, 'right')} {fmt.fit(tr('delta'), 6, 'right')}"
    if width >= 72:
        head += f"  {fmt.fit(tr('BAND p5..p95'), 17)}"
    return crop([Span(head, "title")], width)


def row_line(row: Row, view: View, width: int, against: Against) -> Line:
    how = not_configured(row)
    if how is not None:
        text = tr("not configured: {how}", how=how)
        return crop_text(
            [Span(f"   {fmt.fit(tr(name_of(row)), 20)} {text}", "dim")], width, view.glyphs.ellipsis
        )
    mark = glyph(row.condition, view.glyphs) + (view.glyphs.stale if view.stale else " ")
    head = Span(f" {mark}", role(row.condition, view, "dim"))
    if row.error is not None and row.at is None:
        said = [head, Span(f"{fmt.fit(tr(name_of(row)), 20)} "), Span(row.error, "no_data")]
        return crop_text(said, width, view.glyphs.ellipsis)
    if isinstance(row, JourneyRow):
        spans = _journey(row, view, width - 3, against)
    else:
        spans = _figure(row, view, width - 3, against)
    return with_age([head, *spans], row.at, view, width)


def _journey(row: JourneyRow, view: View, width: int, against: Against) -> list[Span]:
    compared = row.compared
    tone = role(row.condition, view)
    spans = [
        Span(fmt.fit(tr(row.journey.title), 14, ellipsis=view.glyphs.ellipsis) + " ", tone),
        Span(fmt.fit(success(compared.value), 8, "right"), tone),
        Span(f" {fmt.fit(success(compared.then(against)), 9, 'right')}  ", "dim"),
    ]
    trend = 9 if width >= 69 else 0
    room = width - cells(spans) - trend - 1
    used = 0
    for number, (step, value) in enumerate(row.steps):
        text = f"{' > ' if number else ''}{tr(step.title)} {_pass(value)}"
        if used + cell_len(text) > room:
            spans.append(Span(view.glyphs.ellipsis, "dim"))
            used += 1
            break
        weak = step is row.weakest and value is not None and value < 1
        spans.append(Span(text, tone if weak else "stale" if view.stale else "text"))
        used += cell_len(text)
    if trend:
        low = min((value for _, value in compared.course), default=0.0)
        course = spark(compared.course, view.now, LATELY.over, 8, view.glyphs, low=min(low, 0.9), high=1.0)
        spans += [Span(" " * max(room - used + 1, 1)), Span(course, "chart")]
    return spans


def _pass(value: float | None) -> str:
    return "?" if value is None else success(value).removesuffix("%")


def _figure(row: FigureRow, view: View, width: int, against: Against) -> list[Span]:
    compared, figure = row.compared, row.figure
    tone = role(row.condition, view)
    then = compared.then(against)
    delta = change(compared.value, then)
    spans = [
        Span(fmt.fit(tr(row.name), 20, ellipsis=view.glyphs.ellipsis) + " ", tone),
        Span(fmt.fit(quantity(compared.value, figure.unit, figure.currency), 8, "right"), tone),
        Span(f" {fmt.fit(_then(compared, figure.unit, against, figure.currency), 9, 'right')}", "dim"),
        Span(f" {fmt.fit(tr(delta), 6, 'right')}", "text" if delta not in ("same", fmt.NONE) else "dim"),
    ]
    if width < 69:
        return spans
    if compared.usual is None:
        known = tr(
            "too little history: {count} of {least} {every}",
            count=compared.periods,
            least=LEAST_PERIODS,
            every=tr(compared.every),
        )
        return [*spans, Span(f"  {known}", "dim")]
    drawn = band(compared.value, compared.usual, 17, view.glyphs)
    quiet = role(row.condition, view, "dim")
    side = tr(_SIDES[compared.side]) if compared.side is not None else ""
    spans += [Span(f"  {drawn}", quiet), Span(f" {fmt.fit(side, 9)}", quiet)]
    if width - cells(spans) >= 24:
        of = tr("of {count} {every}", count=compared.usual.periods, every=tr(compared.every))
        spans.append(Span(f"  {fmt.fit(of, 11)}", "dim"))
        top = max((value for _, value in compared.course), default=0.0)
        spans.append(Span(spark(compared.course, view.now, LATELY.over, 8, view.glyphs, high=top), "chart"))
    return spans


def _then(compared: Compared, unit: str, against: Against, currency: str | None = None) -> str:
    then = compared.then(against)
    return fmt.NONE if then is None else quantity(then, unit, currency)


# --- the rest: one line each ------------------------------------------------------------------------------


def other_lines(found: Experience, view: View, width: int) -> list[Line]:
    """Speed, web vitals, probes, money: a line for each, or how to get it."""
    legend = _legend(view.glyphs) if width >= 76 else ""
    return [
        rule(tr("SPEED, PROBES, MONEY"), width, view.glyphs.rule, legend),
        _listed(tr("APDEX"), [_apdex(row, view) for row in found.apdex], _APDEX, view, width),
        _listed(tr("WEB VITALS"), _smalls(found, FigureGroup.VITALS, view), _VITALS, view, width),
        _listed(tr("PROBES"), [_probe(row, view) for row in found.probes], _PROBES, view, width),
        _listed(tr("MONEY"), _smalls(found, FigureGroup.MONEY, view), _MONEY, view, width),
    ]


def _legend(glyphs: Glyphs) -> str:
    """What the signs before journeys and figures say."""
    words = {
        Condition.BAD: tr("limit broken"),
        Condition.WARN: tr("unusual"),
        Condition.OK: tr("in bounds"),
        Condition.NO_DATA: tr("no data"),
    }
    return "  ".join(f"{glyph(condition, glyphs)} {word}" for condition, word in words.items())


def _smalls(found: Experience, group: FigureGroup, view: View) -> list[list[Span]]:
    return [_small(row, view) for row in found.group(group)]


def _listed(title: str, parts: Sequence[Sequence[Span]], how: str, view: View, width: int) -> Line:
    head = Span(f"   {fmt.fit(title, 12)}", "title")
    if not parts:
        said = Span(tr("not configured: {how}", how=tr(how)), "dim")
        return crop_text([head, said], width, view.glyphs.ellipsis)
    spans = [head]
    for number, part in enumerate(parts):
        spans += [Span("   " if number else ""), *part]
    return crop_text(spans, width, view.glyphs.ellipsis)


def _apdex(row: ApdexRow, view: View) -> list[Span]:
    if row.apdex.not_configured is not None:
        return [Span(f"{tr(row.apdex.title)}: {row.apdex.not_configured}", "dim")]
    said = row.error or (tr("no data") if row.value is None else f"{row.value:.2f}")
    mark = "" if row.condition is Condition.OK else f" {glyph(row.condition, view.glyphs)}"
    return [Span(f"{tr(row.apdex.title)} "), Span(f"{said}{mark}", role(row.condition, view))]


def _small(row: FigureRow, view: View) -> list[Span]:
    if row.figure.not_configured is not None:
        return [Span(f"{tr(row.name)}: {row.figure.not_configured}", "dim")]
    value = quantity(row.compared.value, row.figure.unit, row.figure.currency)
    mark = "" if row.condition is Condition.OK else f" {glyph(row.condition, view.glyphs)}"
    return [Span(f"{tr(row.name)} "), Span(f"{row.error or value}{mark}", role(row.condition, view))]


def _probe(row: ProbeRow, view: View) -> list[Span]:
    if row.probe.not_configured is not None:
        return [Span(f"{tr(row.probe.title)}: {row.probe.not_configured}", "dim")]
    if not row.places:
        return [Span(f"{tr(row.probe.title)} "), Span(row.error or tr("no data"), "no_data")]
    fine = len([name for name, well in row.places if well])
    failed = ", ".join(name for name, well in row.places if not well)
    told = f"{fine}/{len(row.places)} ok" + (f" ({tr('failed')}: {failed})" if failed else "")
    return [Span(f"{tr(row.probe.title)} "), Span(told, role(row.condition, view))]


def nothing(section: str, width: int, glyphs: Glyphs) -> Line:
    text = tr("not configured: add `{section}` to the catalog", section=section)
    return crop_text([Span(f"   {text}", "dim")], width, glyphs.ellipsis)


# --- everything about one row -----------------------------------------------------------------------------


def about(row: Row, view: View, width: int, height: int) -> list[Line]:
    """The row under the cursor in full: what it is compared with, and what that is made of."""
    source = row.journey.source if isinstance(row, JourneyRow) else row.figure.source
    lines: list[Line] = [rule(tr(name_of(row)), width, view.glyphs.rule, source or "")]
    how = not_configured(row)
    if how is not None:
        lines.append(crop([Span(f" {tr('not configured: {how}', how=how)}", "dim")], width))
    else:
        lines += [crop([Span(f" {text}")], width) for text in _facts(row)]
    if row.error is not None:
        lines.append(crop([Span(f" {tr('failed')}: {row.error}", "no_data")], width))
    lines += [crop([], width)] * (height - len(lines))
    return lines[:height]


def _facts(row: Row) -> list[str]:
    compared = row.compared
    unit = "ratio" if isinstance(row, JourneyRow) else row.figure.unit
    currency = None if isinstance(row, JourneyRow) else row.figure.currency

    def shown(value: float | None) -> str:
        return success(value) if isinstance(row, JourneyRow) else quantity(value, unit, currency)

    facts = [f"{tr('now')} {shown(compared.value)}"]
    usual = compared.usual
    if usual is not None:
        facts.append(
            tr(
                "usual at this hour {low} .. {middle} .. {high} (p5, p50, p95 of {count} {every})",
                low=shown(usual.low),
                middle=shown(usual.middle),
                high=shown(usual.high),
                count=usual.periods,
                every=tr(compared.every),
            )
        )
    else:
        facts.append(
            tr(
                "usual not known: {count} of {least} {every} with data at this hour",
                count=compared.periods,
                least=LEAST_PERIODS,
                every=tr(compared.every),
            )
        )
    for against in (Against.HOUR, Against.DAY, Against.WEEK):
        then = compared.then(against)
        facts.append(f"{tr(AGAINST[against])} {shown(then)}  {tr(change(compared.value, then))}")
    if isinstance(row, JourneyRow):
        if row.journey.slo is not None:
            facts.append(f"SLO {row.journey.slo}")
        facts += [f"{tr(step.title)} {shown(value)}" for step, value in row.steps]
    return facts
