"""The overview as lines: two status lines, SLO rows, alerts, changes, keys."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from sretool.core.observe.freshness import Freshness
from sretool.core.observe.model import AlertState
from sretool.core.observe.verdict import Tag
from sretool.core.slo.model import Level, Severity
from sretool.tui import format as fmt
from sretool.tui.board import SOURCE_SHORT
from sretool.tui.line import LEVEL_ROLES, Span, cells, crop, plain, rule, spread
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sretool.core.observe.freshness import SourceAge
    from sretool.core.observe.model import Alert, Change, SloStatus
    from sretool.tui.board import View
    from sretool.tui.format import Align, Glyphs
    from sretool.tui.line import Line, Role

_OF_THE_LANGUAGE = "PromQL "
"""What a remark of PromQL itself begins with."""

# --- rows 1 and 2 -----------------------------------------------------------------------------------------


def status_line(view: View, width: int, crumbs: str = "") -> list[Span]:
    """Row 1: where from, how many in which state, how fresh, what time."""
    # When a lost source is asked again goes before where the figures are from, and after their states' names.
    calm = replace(view, retries={})
    for short, known in ((0, view), (1, view), (2, view), (2, calm), (3, calm), (4, calm)):
        left = _counts(known, crumbs, short)
        right = _sources(known, short)
        if cells(left) + cells(right) + 1 <= width:
            return spread(left, right, width)
    return spread(_counts(calm, "", 4), _sources(calm, 4), width)


def _counts(view: View, crumbs: str, short: int) -> list[Span]:
    spans = [Span(" ")]
    if view.session_mark:
        word = view.session_mark if short < 2 else view.session_mark.partition("  ")[0]
        spans += [Span(f" {word} ", "tag"), Span("  ")]
    if view.frozen_at is not None:
        more = f" +{view.missed}" if view.missed else ""
        word = tr("PAUSED") if short > 1 else f"{tr('PAUSED')} {view.clock(view.frozen_at)}"
        spans += [Span(f" {word}{more} ", "tag"), Span("  ")]
    if view.production:
        spans += [Span(tr("PROD"), "spent"), Span(" ")]
    if view.readonly and short < 3:
        spans += [Span(tr("read-only"), "dim"), Span("  ")]
    place = crumbs or (view.origin if short < 3 else "")
    if place:
        spans += [Span(place, "title"), Span("  ")]
    if view.filter:
        spans += [Span(view.filter.words, "key"), Span("  ")]
    if view.waiting or (crumbs and short):
        return spans
    levels = [status.level for status in view.snapshot.statuses]
    for level in Level:
        count = levels.count(level)
        if not count:
            continue
        word = "" if short > 1 and level is not Level.OK else f" {tr(fmt.LEVEL_WORDS[level])}"
        glyph = "" if level is Level.OK else view.glyphs.levels[level]
        role = "stale" if view.stale else LEVEL_ROLES[level]
        spans += [Span(f"{glyph}{count}{word}", role), Span("  " if short < 2 else " ")]
    return [*spans, *_freeze(view, short)]


def _freeze(view: View, short: int) -> list[Span]:
    """What the release gate holds back; nothing while every change may go."""
    gate = view.snapshot.gate
    if gate is None or not gate.frozen or short > 3:
        return []
    name = tr(gate.step.name)
    if short >= 2:
        name = name.partition(" ")[0]
    return [Span(f" {name} ", "stale" if view.stale else "tag"), Span("  " if short < 2 else " ")]


def _sources(view: View, short: int) -> list[Span]:
    spans = _source(view, view.prometheus, short)
    if view.alertmanager is not None:
        spans += [Span("  " if short < 2 else " "), *_source(view, view.alertmanager, short)]
    seconds = short == 0 or (short < 3 and not view.stale)
    return [*spans, Span(f"  {view.clock(view.now, seconds=seconds)}" if short < 3 else "")]


def _source(view: View, source: SourceAge, short: int) -> list[Span]:
    name = SOURCE_SHORT.get(source.name, source.name)
    match source.freshness:
        case Freshness.WAITING:
            return [Span(f"{name} ..", "dim")]
        case Freshness.FRESH:
            return [Span(f"{name} {fmt.age(source.age)}", "dim"), *_remarked(view, source, short)]
        case Freshness.AGEING:
            return [Span(f"{name} {fmt.age(source.age)}", "ticket"), *_remarked(view, source, short)]
        case Freshness.REMEMBERED:
            return [Span(f" {name.upper()} {fmt.age(source.age)} OLD ", "lost")]
        case Freshness.STALE | Freshness.LOST:
            aged = f" {fmt.age(source.age)}" if source.age is not None and short < 3 else ""
            text = f" {name.upper()} {source.freshness.value.upper()}{aged}"
            return [Span(f"{text}{_retry(view, source)} ", "lost")]


def _remarked(view: View, source: SourceAge, short: int) -> list[Span]:
    """That the last answer is not whole, or that the server doubts a query; `i` tells what it said."""
    health = view.snapshot.source(source.name)
    warnings = health.warnings if health is not None else ()
    if not warnings:
        return []
    # What the language itself remarks is about a query; all else is of stores that did not answer.
    partial = any(not each.startswith(_OF_THE_LANGUAGE) for each in warnings)
    word = tr("partial") if partial else tr("warns")
    return [Span(f" {word}" if short < 3 else "!", "ticket")]


def _retry(view: View, source: SourceAge) -> str:
    """When a source that does not answer is asked again, in whole seconds."""
    at = view.retries.get(source.name)
    if source.freshness is not Freshness.LOST or at is None:
        return ""
    seconds = max(math.ceil((at - view.now).total_seconds()), 0)
    return tr(", retry {span}", span=f"{seconds}s")


def verdict_line(view: View, width: int) -> list[Span]:
    """Row 2: the verdict, its tag set apart."""
    text = view.verdict.text(max(width - 2, 1), tr)
    tag = tr(view.verdict.tag.value)
    alarm = view.verdict.tag in (Tag.US, Tag.STALE, Tag.DRILL)
    role: Role = "tag_alarm" if view.verdict.level is Level.PAGE else "tag" if alarm else "bold"
    if len(text) < len(tag):
        return crop([Span(f" {text}", role)], width)
    words = text[len(tag) :]
    tone: Role = LEVEL_ROLES[view.verdict.level] if view.verdict.level else "text"
    if view.verdict.tag is Tag.STALE:
        tone = "text"
    return crop([Span(f" {tag} ", role), Span(words.removeprefix(" "), tone)], width)


# --- the table of SLOs ------------------------------------------------------------------------------------


class Column(NamedTuple):
    key: str
    header: str
    width: int
    align: Align


class SloRow(NamedTuple):
    """One row of the table before it is drawn."""

    status: SloStatus
    stale: bool
    waiting: bool
    mark: str
    """`z` silenced, `a` acknowledged, `?` stale, or a space."""
    alerts: str
    """Open alerts of this SLO: `1 page`."""


_BURN_WINDOWS = {
    "b5m": timedelta(minutes=5),
    "b1h": timedelta(hours=1),
    "b6h": timedelta(hours=6),
    "b3d": timedelta(days=3),
}
_LEAD = 4
"""Cursor, state, mark, space."""
_DISPLAY_ORDER = (
    "name", "sli", "objective", "window", "bar", "budget", "b5m", "b1h", "b6h", "b3d", "gone", "alerts",
    "bad", "tier", "owner", "title",
)  # fmt: skip


def table_columns(width: int, statuses: Sequence[SloStatus]) -> tuple[Column, ...]:
    """The columns for this width: what an on-call needs first stays longest."""
    one_service = len({status.slo.service for status in statuses}) <= 1
    names = [name_of(status, full=not one_service) for status in statuses]
    name_width = max((cell_len(name) for name in names), default=3)
    owners = max((cell_len(status.slo.owner or "") for status in statuses), default=0)
    service = statuses[0].slo.service if statuses and one_service else ""
    header = tr("SLO of {service}", service=service) if service else tr("SERVICE/SLO")
    name = Column("name", header, name_width, "left")
    chosen = {
        "name": name,
        "b1h": Column("b1h", "1h", 6 if width >= 60 else 5, "right"),
        "gone": Column(
            "gone", tr("GONE IN") if width >= 84 else tr("GONE"), 7 if width >= 84 else 5, "right"
        ),
    }
    optional = (
        Column("budget", "", 5, "right"),
        Column("bar", tr("BUDGET LEFT"), 8, "left"),
        Column("b6h", "6h", 6, "right"),
        Column("sli", tr("SLI %"), 7, "right"),
        Column("objective", tr("OBJ %"), 6, "left"),
        Column("b5m", "5m", 6, "right"),
        Column("b3d", "3d", 6, "right"),
        Column("window", tr("WIN"), 3, "right"),
        Column("alerts", tr("ALERTS"), 8, "left"),
        Column("owner", tr("OWNER"), max(owners, 5), "left"),
        Column("bad", tr("BAD/ALL EVENTS"), 15, "right"),
        Column("tier", tr("TIER"), 4, "right"),
        Column("title", tr("WHAT"), 24, "left"),
    )
    used = _LEAD + sum(column.width for column in chosen.values()) + len(chosen) - 1
    for column in optional:
        if column.key == "owner" and not owners:
            continue
        if used + 1 + column.width > width:
            break
        chosen[column.key] = column
        used += 1 + column.width
    spare = width - used
    if spare < 0:
        chosen["name"] = name._replace(width=max(name.width + spare, 3))
    elif "bar" in chosen:
        more = min(spare, 12)
        chosen["bar"] = chosen["bar"]._replace(width=8 + more)
        chosen["name"] = name._replace(width=name.width + min(spare - more, 12))
    else:
        chosen["name"] = name._replace(width=name.width + spare)
    columns = [chosen[key] for key in _DISPLAY_ORDER if key in chosen]
    rest = width - _LEAD - sum(column.width + 1 for column in columns) + 1
    columns[-1] = columns[-1]._replace(width=max(columns[-1].width + rest, 1))
    return tuple(columns)


def name_of(status: SloStatus, *, full: bool) -> str:
    return status.slo.id if full else status.slo.name


def table_header(columns: Sequence[Column], width: int, view: View) -> list[Span]:
    spans = [Span(" " * _LEAD)]
    burn_named = False
    for number, column in enumerate(columns):
        if number:
            spans.append(Span(" "))
        header = column.header
        if column.key in _BURN_WINDOWS and not burn_named:
            header, burn_named = f"{tr('BURN')}{header}" if column.width > 5 else tr("BURN"), True
        if column.key == "name" and view.hidden:
            header = f"{header}, " + tr("{count} hidden", count=view.hidden)
        spans.append(Span(fmt.fit(header, column.width, column.align, view.glyphs.ellipsis), "title"))
    return crop(_spilled(spans), width)


def _spilled(spans: list[Span]) -> list[Span]:
    """`BUDGET LEFT` may run on into the empty header of the percentages beside it."""
    for number, span in enumerate(spans[:-2]):
        follower = spans[number + 2]
        if (
            span.text.strip()
            and tr("BUDGET LEFT").startswith(span.text.rstrip(" …~"))
            and not follower.text.strip()
        ):
            room = cell_len(span.text) + 1 + cell_len(follower.text)
            return [*spans[:number], Span(fmt.fit(tr("BUDGET LEFT"), room), "title"), *spans[number + 3 :]]
    return spans


def slo_rows(view: View) -> list[SloRow]:
    of_slo = alerts_by_slo(view)
    return [row_of(status, view, of_slo.get(status.slo.id, ())) for status in view.statuses]


def alerts_by_slo(view: View) -> dict[str, list[Alert]]:
    of_slo: dict[str, list[Alert]] = {}
    for alert in view.snapshot.alerts:
        if alert.slo is not None:
            of_slo.setdefault(alert.slo, []).append(alert)
    return of_slo


def row_of(status: SloStatus, view: View, alerts: Sequence[Alert]) -> SloRow:
    """One row, with what `alerts`, those of its SLO, say about it."""
    lost = view.stale and not view.waiting
    mark = view.glyphs.stale if lost else _decision(alerts, view.glyphs)
    return SloRow(status, view.stale, view.waiting, mark, _alert_count(alerts))


def _decision(alerts: Iterable[Alert], glyphs: Glyphs) -> str:
    states = {alert.state for alert in alerts}
    if AlertState.FIRING in states or not states:
        return " "
    if AlertState.ACKNOWLEDGED in states:
        return glyphs.acknowledged
    return glyphs.silenced if AlertState.SILENCED in states else " "


def _alert_count(alerts: Iterable[Alert]) -> str:
    if not alerts:
        return ""
    severities = [alert.severity for alert in alerts if alert.state is not AlertState.RESOLVED]
    for severity in Severity:
        if severity in severities:
            return f"{severities.count(severity)} {tr(severity.value)}"
    return f"{len(severities)} {tr('other')}" if severities else ""


def slo_row(row: SloRow, columns: Sequence[Column], glyphs: Glyphs, *, full_names: bool) -> list[Span]:
    """One SLO; the first cell is left to the cursor."""
    status = row.status
    role: Role = "stale" if row.stale or row.waiting else LEVEL_ROLES[status.level]
    glyph = " " if row.waiting else glyphs.levels[status.level]
    spans = [Span(" "), Span(glyph, role), Span(row.mark, "stale" if row.stale else "silenced"), Span(" ")]
    quiet: Role = "stale" if row.stale else "dim" if status.level is Level.OK else "text"
    for number, column in enumerate(columns):
        if number:
            spans.append(Span(" "))
        text, tone = _cell(row, column, glyphs, full_names=full_names)
        strong = tone and not row.stale and status.level is not Level.OK
        cell_role = role if strong else quiet
        if column.key == "name" and status.level is Level.OK and not row.stale:
            cell_role = "text"
        spans.append(Span(fmt.fit(text, column.width, column.align, glyphs.ellipsis), cell_role))
    return spans


def _cell(row: SloRow, column: Column, glyphs: Glyphs, *, full_names: bool) -> tuple[str, bool]:
    """The text of one cell, and whether it wears the colour of the state."""
    status = row.status
    slo = status.slo
    match column.key:
        case "name":
            return name_of(status, full=full_names), True
        case "objective":
            return fmt.objective_percent(slo.objective), False
        case "window":
            return fmt.window_short(slo), False
        case "owner":
            return slo.owner or "", False
        case "title":
            return slo.title, False
        case "tier":
            return "" if slo.tier is None else str(slo.tier), False
        case "alerts":
            return row.alerts, True
    if row.waiting:
        return "", False
    match column.key:
        case "sli":
            return fmt.percent_of_objective(status.sli, slo.objective), False
        case "bar":
            return fmt.bar(status.budget_left, column.width, glyphs), True
        case "budget":
            return fmt.budget_percent(status.budget_left), True
        case "gone":
            spent = status.budget_left is not None and status.budget_left <= 0
            return (tr("spent") if spent else fmt.left_for(status.exhausts_in)), True
        case "bad":
            if status.total is None or status.good is None:
                return fmt.NONE, False
            return f"{fmt.events(status.total - status.good)}/{fmt.events(status.total)}", False
    value = status.burns.get(_BURN_WINDOWS[column.key])
    return fmt.burn(value), value is not None and value > 1


def no_slos_line(view: View, width: int) -> list[Span]:
    """What stands in place of the table while it is empty."""
    said = tr("no SLO matches the filter (esc clears it)") if view.hidden else tr("the catalog has no SLO")
    return crop([Span(f"    {said}", "dim")], width)


# --- alerts, changes, keys --------------------------------------------------------------------------------

_SEVERITY_WORDS = {Severity.PAGE: later("PAGE"), Severity.TICKET: later("TICKET"), None: later("INFO")}
_ALERT_ROLES: dict[Severity | None, Role] = {
    Severity.PAGE: "page",
    Severity.TICKET: "ticket",
    None: "text",
}


def alerts_heading(view: View, width: int, hint: str = "tab") -> list[Span]:
    """`── ALERTS 1 page 2 tickets 1 silenced ── tab ──`, or why there is nothing to count."""
    words = [tr("ALERTS"), *_alert_words(view)]
    return rule(" ".join(words), width, view.glyphs.rule, hint if width >= 60 and view.alerts else "")


def dead_man_line(view: View, width: int) -> list[Span] | None:
    """A row of its own while the alert that always fires does not arrive; None while it does."""
    dead_man = view.snapshot.dead_man
    if dead_man is None or dead_man.missing_since is None:
        return None
    span = fmt.age(view.now - dead_man.missing_since)
    said = tr("{alert} is missing for {span}: pages may reach nobody", alert=dead_man.name, span=span)
    role: Role = "stale" if view.alerts_stale else "page"
    return crop([Span(f" {view.glyphs.levels[Level.PAGE]} {said}", role)], width)


def _alert_words(view: View) -> list[str]:
    if view.alertmanager is None:
        return [tr("not configured")]
    if view.alertmanager.freshness is Freshness.WAITING:
        return []
    states = [alert.state for alert in view.snapshot.alerts]
    open_now = [
        alert.severity
        for alert in view.snapshot.alerts
        if alert.state in (AlertState.FIRING, AlertState.ACKNOWLEDGED)
    ]
    words = []
    for severity, word in (
        (Severity.PAGE, later("page")),
        (Severity.TICKET, later("ticket")),
        (None, later("info")),
    ):
        if severity in open_now:
            words.append(f"{open_now.count(severity)} {tr(word)}")
    hidden = (AlertState.SILENCED, AlertState.INHIBITED, AlertState.PENDING)
    words += [f"{states.count(state)} {tr(fmt.STATE_WORDS[state])}" for state in hidden if state in states]
    if view.alerts_stale:
        as_of = view.alertmanager.as_of
        words.append(f"{tr('as of')} {view.clock(as_of)}" if as_of else tr("unknown"))
    return words or [tr("none open")]


def no_alerts_line(view: View, width: int) -> list[Span]:
    """What stands in place of the list while it is empty."""
    return crop([Span(f" {why_no_alerts(view)}", "dim")], width)


def why_no_alerts(view: View) -> str:
    """Why the list of alerts is empty: nothing open is only one of the reasons."""
    if view.alertmanager is None:
        text = tr("no Alertmanager is configured: give --alertmanager URL")
    elif view.alertmanager.freshness is Freshness.WAITING:
        text = tr("waiting for the first answer of Alertmanager")
    elif view.alertmanager.as_of is None:
        text = f"{tr('Alertmanager has never answered')}: {view.alertmanager.error or tr('unknown')}"
    elif view.snapshot.alerts:
        text = tr("no alert matches the filter")
    elif view.alerts_stale:
        text = tr("alerts are unknown; none was open when Alertmanager last answered")
    else:
        text = tr("no alert is open")
    return text


def alert_row(alert: Alert, view: View, width: int) -> list[Span]:
    """One alert; the first cell is left to the cursor."""
    glyphs = view.glyphs
    stale = view.alerts_stale
    muted = alert.state in (AlertState.SILENCED, AlertState.INHIBITED)
    role: Role = "stale" if stale else "silenced" if muted else _ALERT_ROLES[alert.severity]
    mark = glyphs.stale if stale else glyphs.silenced if alert.state is AlertState.SILENCED else " "
    since = fmt.age(view.now - alert.since)
    state = tr(fmt.STATE_WORDS[alert.state])
    subject = alert_subject(alert)
    owner = alert.labels.get("owner", "")
    spans = [Span(" "), Span(fmt.fit(tr(_SEVERITY_WORDS[alert.severity]), 6), role), Span(f"{mark} ", role)]
    # What is left for name and subject, once age and, where there is room, state and owner have theirs.
    room = width - cells(spans) - 8
    shows_state = room >= 54
    room -= 10 if shows_state else 0
    shows_owner = shows_state and room >= 72
    room -= 18 if shows_owner else 0
    names = max((cell_len(each.name) for each in view.alerts), default=0)
    name_width = min(max(names, cell_len(alert.name)), room)
    if room - name_width < 13:
        name_width = room if room < 34 else room // 2
    quiet: Role = "stale" if stale else "dim" if muted else "text"
    spans.append(Span(fmt.fit(alert.name, name_width, ellipsis=glyphs.ellipsis), quiet if muted else role))
    if room > name_width:
        spans.append(Span(" " + fmt.fit(subject, room - name_width - 1, ellipsis=glyphs.ellipsis), quiet))
    spans.append(Span(" " + fmt.fit(since, 6, "right") + " ", quiet))
    if shows_state:
        spans.append(Span(fmt.fit(state, 10), quiet))
    if shows_owner:
        spans.append(Span(fmt.fit(owner, 18, ellipsis=glyphs.ellipsis), quiet))
    return crop(spans, width)


def alert_subject(alert: Alert) -> str:
    """What the alert is about, beside its name."""
    if alert.slo is not None:
        pair = "/".join(filter(None, (alert.labels.get("long"), alert.labels.get("short"))))
        return f"{alert.slo} {pair}".strip()
    for label in ("instance", "component", "route", "service", "job"):
        if value := alert.labels.get(label):
            return value
    return ""


def change_text(change: Change) -> str:
    """What happened, as a sentence begins."""
    text = tr(change.pattern, **change.values) if change.pattern else change.text
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] if change.kind == "source" else text


def changes_line(view: View, width: int) -> list[Span]:
    """The newest changes in one line: `── SINCE 02:46Z restart app-1 · 03:09Z ... ──`."""
    stroke = view.glyphs.rule
    changes = sorted(view.snapshot.changes, key=lambda change: change.at, reverse=True)
    text = tr("SINCE")
    shown = 0
    for change in changes:
        told = change_text(change)
        # Alerts and sources are known by their names; a bare version is not.
        plain_enough = change.kind in ("alert", "source") or change.kind in told
        kind = "" if plain_enough else f"{tr(change.kind)} "
        part = f" {view.clock(change.at, seconds=False)} {kind}{told}"
        longer = text + (f" {view.glyphs.dot}" if shown else "") + part
        if cell_len(longer) > width - 6 and shown:
            break
        text, shown = longer, shown + 1
    if not shown:
        text = tr("CHANGES none seen yet")
    return rule(
        fmt.fit(text, max(min(cell_len(text), width - 6), 0), ellipsis=view.glyphs.ellipsis), width, stroke
    )


def changes_lines(view: View, width: int, rows: int) -> list[Line]:
    """The newest changes, one a line under a heading, newest first."""
    if rows <= 1:
        return [changes_line(view, width)] if rows == 1 else []
    return listed_changes(view.snapshot.changes, view, width, rows)


def listed_changes(found: Iterable[Change], view: View, width: int, rows: int) -> list[Line]:
    lines: list[Line] = [rule(tr("CHANGES"), width, view.glyphs.rule)]
    changes = sorted(found, key=lambda change: change.at, reverse=True)
    if not changes:
        lines.append(crop([Span(f" {tr('none seen since this dashboard was opened')}", "dim")], width))
    for change in changes[: rows - 1]:
        ago = fmt.fit(tr("{age} ago", age=fmt.age(view.now - change.at)), 10, "right")
        spans = [
            Span(f" {view.clock(change.at)}", "text"),
            Span(ago, "dim"),
            Span(f"  {fmt.fit(tr(change.kind), 9)}", "dim"),
            Span(change_text(change)),
        ]
        lines.append(crop(spans, width))
    return lines


def key_bar(
    keys: Sequence[tuple[str, str]], width: int, last: tuple[str, str] = ("?", "help"), *, lead: str = ""
) -> list[Span]:
    """As many keys as fit after the words of `lead`, and always the way to the rest of them."""
    end = [Span(last[0], "key"), Span(f" {last[1]}", "dim")]
    spans = [Span(f" {lead}  " if lead else " ", "bold")]
    for key, word in keys:
        piece = [Span(key, "key"), Span(f" {word}  ", "dim")]
        if cells(spans) + cells(piece) + cells(end) > width:
            break
        spans += piece
    return crop([*spans, *end], width)


# --- how the rows of the screen are shared out ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Layout:
    """Heights in rows; 0 where a part is not shown."""

    table: int
    """Without its header."""
    lower: int
    """Alerts, and the chart beside them where there is one, with their heading."""
    changes: int
    chart: bool
    """Charts to the left of the alerts; the changes then stand under the alerts, not below everything."""
    side: int = 0
    """Rows of the changes under the alerts."""


def layout(width: int, height: int, slos: int, alerts: int, changes: int) -> Layout:
    """Share `height` rows: two status lines, a header and the keys are always there."""
    chart = width >= 140 and height >= 40
    room = max(height - 4, 1)
    if room <= 5:
        return Layout(room, 0, 0, chart=False)
    since = 1
    want_alerts = 1 + min(max(alerts, 1), max(room // 3, 1))
    if chart:
        table = max(min(slos, room // 2), 3)
        lower = room - table
        side = min(_changes_rows(changes, lower), max(lower - 1 - max(alerts, 1), lower // 3))
        return Layout(table, lower, 0, chart=True, side=side)
    table = min(slos, room - since - want_alerts)
    table = max(table, min(3, room))
    rest = room - table
    lower = min(1 + max(alerts, 1), rest - since)
    spare = rest - lower
    shown = min(spare, _changes_rows(changes, spare))
    # What is left over belongs to the list of alerts: it is where something new will appear.
    return Layout(table, rest - shown, shown, chart=False)


def _changes_rows(changes: int, most: int) -> int:
    return max(min(changes + 1, most), 1) if changes > 1 else 1


def plain_table(view: View, width: int) -> list[str]:
    """The whole overview as text, for a terminal that cannot be drawn on, or none."""
    columns = table_columns(width, view.statuses)
    full = len({status.slo.service for status in view.statuses}) > 1
    lines: list[Line] = [
        status_line(view, width),
        verdict_line(view, width),
        table_header(columns, width, view),
        *(slo_row(row, columns, view.glyphs, full_names=full) for row in slo_rows(view)),
        alerts_heading(view, width, ""),
        *(alert_row(alert, view, width) for alert in view.alerts),
    ]
    table = [plain(line).rstrip() for line in lines]
    if not view.alerts:
        # Text may be as long as it needs: why there is nothing is never cut.
        table.append(f" {why_no_alerts(view)}")
    return table
