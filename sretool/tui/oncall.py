"""The on-call view as lines: who has duty, whom the open pages reach next, what to hand over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len

from sretool.core.alerting import escalation, handoff
from sretool.core.alerting import oncall as calendar
from sretool.core.alerting.escalation import Due
from sretool.core.observe.triage import Stage, stage_of
from sretool.core.slo.model import Level, Severity, time_zone
from sretool.tui import format as fmt
from sretool.tui.line import Span, crop, rule
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sretool.core.alerting.firings import Firing
    from sretool.core.alerting.oncall import Shift
    from sretool.core.catalog.oncall import Schedule
    from sretool.core.observe.triage import Open
    from sretool.tui.board import View
    from sretool.tui.line import Line, Role
    from sretool.tui.triage import Triage

NOT_CONFIGURED: Final = (
    later("on-call is not configured: no `oncall` section in the catalog."),
    later("Add members, schedules (zone, handover, members) and escalations (labels, steps)"),
    later("to a catalog file; `sretool lab up` runs a system that has one."),
)
_LEAD: Final = 4
_GOAL: Final = 2.0
"""Pages in a shift that leave time to understand each of them."""


class Duty(NamedTuple):
    """One schedule and who has it."""

    schedule: Schedule
    present: Shift
    following: Shift | None
    pages: tuple[Firing, ...] | None
    """Of the last seven days; None: not known."""
    open_pages: int


def duties(view: View, triage: Triage) -> list[Duty]:
    oncall = triage.oncall
    pages = None if triage.week is None else [f for f in triage.week if handoff.is_page(f)]
    paging = [a for a in view.snapshot.alerts if a.severity is Severity.PAGE and stage_of(a) is Stage.NEW]
    found = []
    for schedule in oncall.schedules:
        present, following = calendar.now_and_next(oncall, schedule, view.now)
        of_schedule = None if pages is None else escalation.pages_of(oncall, schedule, pages)
        open_pages = sum(
            schedule.id in escalation.schedules_paged(oncall, alert.labels, alert.since)
            for alert in paging[:500]
        )
        found.append(Duty(schedule, present, following, of_schedule, open_pages))
    return found


def my_duty(triage: Triage, now: datetime) -> Shift | None:
    """The shift in which I am primary; None where I am not, or nobody knows who I am."""
    if triage.me is None:
        return None
    for schedule in triage.oncall.schedules:
        if calendar.on_duty(triage.oncall, schedule, now)[0] == triage.me:
            return calendar.now_and_next(triage.oncall, schedule, now)[0]
    return None


def until(moment: datetime, view: View) -> str:
    """`08:00Z`, with its day where that is not today: `Mon 08:00Z`."""
    far = moment - view.now > timedelta(hours=20)
    local = moment.astimezone() if view.local_time else moment
    return (f"{tr(_DAYS[local.weekday()])} " if far else "") + view.clock(moment, seconds=False)


_DAYS: Final = tuple(later(day) for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))


def headline(view: View, triage: Triage, width: int) -> Line:
    """Row 2: whether it is me, until when, and who is next."""
    if not triage.oncall:
        return crop([Span(" " + tr(NOT_CONFIGURED[0]), "dim")], width)
    if triage.me is None:
        said = tr("who you are is not configured: set `me` in ~/.config/sretool/config.toml")
        return crop([Span(f" {said}", "dim")], width)
    for duty in duties(view, triage):
        if duty.present.primary != triage.me:
            continue
        left = fmt.left_for(duty.present.end - view.now)
        spans = [Span(" "), Span(f" {tr('YOU ARE PRIMARY')} ", "tag")]
        spans.append(Span(f" {duty.schedule.id} {tr('until')} {until(duty.present.end, view)} ({left}). "))
        if duty.following is not None:
            spans.append(Span(f"{tr('Next')}: {_name(duty.following.primary, triage)}. "))
        return crop([*spans, Span(_tonight(duty.pages, view))], width)
    for schedule in triage.oncall.schedules:
        if calendar.on_duty(triage.oncall, schedule, view.now)[1] == triage.me:
            said = tr("you ({me}) are backup of {schedule}", me=triage.me, schedule=schedule.id)
            return crop([Span(f" {said}")], width)
    return crop([Span(" " + tr("you ({me}) are not on call", me=triage.me), "dim")], width)


def _tonight(pages: Sequence[Firing] | None, view: View) -> str:
    if pages is None:
        return ""
    lately = sum(page.start > view.now - handoff.BACK for page in pages)
    return tr("Pages in 12h: {count}", count=lately)


def _name(member: str | None, triage: Triage) -> str:
    if member is None:
        return tr("NOBODY")
    known = triage.oncall.member(member)
    return known.title if known is not None else member


# --- who has duty -----------------------------------------------------------------------------------------


def columns(width: int) -> tuple[tuple[str, int, bool], ...]:
    """Heading, cells, right-aligned."""
    found: list[tuple[str, int, bool]] = [("SCHEDULE", 15, False), ("PRIMARY", 15, False)]
    if width >= 60:
        found += [("BACKUP", 10, False)]
    if width >= 76:
        found += [("MANAGER", 9 if width < 110 else 26, False)]
    found += [("UNTIL", 10, False)]
    if width >= 60:
        found += [("OPEN", 4, True), ("7d", 4, True)]
    if width >= 110:
        found += [("NEXT", 24, False), ("LOCAL", 11, False)]
    return tuple(found)


def header(width: int) -> Line:
    spans = [Span(" " * _LEAD)]
    for heading, cells, right in columns(width):
        spans += [Span(fmt.fit(tr(heading), cells, "right" if right else "left"), "title"), Span(" ")]
    return crop(spans, width)


def row(duty: Duty, view: View, triage: Triage, width: int) -> Line:
    """One schedule; the first cell is left to the cursor."""
    present, schedule = duty.present, duty.schedule
    gap, planned = present.gap, _planned(duty, triage)
    mine = triage.me is not None and present.primary == triage.me
    role: Role = ("dim" if planned else "page") if gap else "page" if duty.open_pages else "text"
    sign = (
        ("?" if not planned else " ") if gap else view.glyphs.levels[Level.PAGE] if duty.open_pages else " "
    )
    you = f" ({tr('you')})" if mine else ""
    following = duty.following
    cells = {
        "SCHEDULE": schedule.id,
        "PRIMARY": f"{_name(present.primary, triage)}{you}",
        "BACKUP": _name(present.backup, triage) if present.backup else fmt.NONE,
        "MANAGER": _name(schedule.manager, triage) if schedule.manager else fmt.NONE,
        "UNTIL": until(present.end, view),
        "OPEN": str(duty.open_pages),
        "7d": fmt.NONE if duty.pages is None else str(len(duty.pages)),
        "NEXT": ""
        if following is None
        else f"{_name(following.primary, triage)} {until(following.start, view)}",
        "LOCAL": f"{view.now.astimezone(time_zone(schedule.zone)):%H:%M %Z}",
    }
    if gap:
        reason = tr("outside its hours") if planned else tr("a gap in the rota")
        cells |= {"BACKUP": f"<- {reason}", "MANAGER": ""}
    spans = [Span(" "), Span(" "), Span(sign, role), Span(" ")]
    for heading, size, right in _shown(columns(width), gap=gap):
        text = fmt.fit(cells[heading], size, "right" if right else "left", view.glyphs.ellipsis)
        spans += [Span(text, role if heading in ("PRIMARY", "OPEN") else "text"), Span(" ")]
    return crop(spans, width)


def _shown(listed: tuple[tuple[str, int, bool], ...], *, gap: bool) -> list[tuple[str, int, bool]]:
    """Of a gap the cells of backup and manager are one, which says why nobody is there."""
    if not gap:
        return list(listed)
    spare = sum(size + 1 for heading, size, _ in listed if heading == "MANAGER")
    return [
        (heading, size + spare if heading == "BACKUP" else size, right)
        for heading, size, right in listed
        if heading != "MANAGER"
    ]


def _planned(duty: Duty, triage: Triage) -> bool:
    """Whether a gap is one that the schedule's hours leave."""
    return not _inside(duty.present, triage, duty.schedule)


# --- whom the open pages reach ----------------------------------------------------------------------------


def escalation_lines(view: View, triage: Triage, width: int, rows: int) -> list[Line]:
    """The timetable of the open pages, the one that escalates first on top."""
    pages = [
        triage.reader.open(alert, view.now)
        for alert in view.snapshot.alerts
        if alert.severity is Severity.PAGE and stage_of(alert) in (Stage.NEW, Stage.ACKED)
    ][:50]
    far = timedelta.max
    pages.sort(key=lambda page: page.escalates_in if page.escalates_in is not None else far)
    lines: list[Line] = []
    if not pages:
        lines.append(rule(tr("ESCALATION"), width, view.glyphs.rule))
        lines.append(crop([Span(" " + tr("no page is open"), "dim")], width))
    for page in pages:
        lines += _timetable(page, view, triage, width)
    return lines[:rows]


def _timetable(page: Open, view: View, triage: Triage, width: int) -> list[Line]:
    ack = page.alert.ack
    taken = f"  {tr('acked')} {ack.owner} {view.clock(ack.since, seconds=False)}" if ack is not None else ""
    service = page.alert.labels.get("service", "")
    title = f"{tr('ESCALATION')} {service} {page.alert.name}{taken}"
    lines: list[Line] = [rule(fmt.fit(title, min(cell_len(title), width - 8)), width, view.glyphs.rule)]
    if not page.steps:
        said = tr("no escalation of the catalog fits its labels") if triage.oncall else tr(NOT_CONFIGURED[0])
        return [*lines, crop([Span(f" {said}", "dim")], width)]
    for step in page.steps:
        who = ", ".join(target.text for target in step.who)
        role: Role = (
            "dim" if step.due in (Due.STOPPED, Due.LATER) else "page" if step.due is Due.NEXT else "text"
        )
        state = {
            Due.PAST: tr("due"),
            Due.STOPPED: tr("stopped by the ack"),
        }.get(step.due, f"{tr('in')} {fmt.left_for(step.at - view.now)}")
        how = f"  {step.how}" if step.how else ""
        lines.append(
            crop(
                [
                    Span(f" {view.clock(step.at)}  {step.number}  "),
                    Span(fmt.fit(who + how, max(width - 36, 10), ellipsis=view.glyphs.ellipsis), role),
                    Span(f"  {state}", role),
                ],
                width,
            )
        )
    return lines


# --- handing over -----------------------------------------------------------------------------------------


def handoff_lines(view: View, triage: Triage, width: int, rows: int) -> list[Line]:
    """The last 12 hours, what is open, what is noise, and what the week did to people."""
    lines: list[Line] = [rule(tr("HANDOFF (last 12h)"), width, view.glyphs.rule)]
    for text, role in handoff_texts(view, triage):
        lines.append(crop([Span(f" {text}", role)], width))
    return lines[:rows]


def handoff_texts(view: View, triage: Triage) -> Iterable[tuple[str, Role]]:
    if triage.week is None:
        why = triage.week_error
        if triage.desk is None:
            why = tr("no Alertmanager is configured: give --alertmanager URL")
        yield tr("not known: {why}", why=why) if why else tr("asking Prometheus ..."), "dim"
        return
    found = handoff.handoff(triage.week, triage.silences, view.now)
    ends = len(found.silences_ending)
    ending = (
        tr("1 silence ends in the next 12h")
        if ends == 1
        else tr("{count} silences end in the next 12h", count=ends)
    )
    pages, tickets = len(found.pages), len(found.tickets)
    paged = tr("1 page") if pages == 1 else tr("{count} pages", count=pages)
    ticketed = tr("1 ticket") if tickets == 1 else tr("{count} tickets", count=tickets)
    yield tr("{pages}, {tickets}, {ending}", pages=paged, tickets=ticketed, ending=ending), "text"
    for alert in [a for a in view.snapshot.alerts if stage_of(a) in (Stage.NEW, Stage.ACKED)][:4]:
        opened = triage.reader.open(alert, view.now)
        who = f"{tr('acked')} {alert.ack.owner}" if alert.ack is not None else tr("nobody has it")
        about = alert.slo or alert.labels.get("instance") or alert.labels.get("service", "")
        owner = f", {opened.owner}" if opened.owner else ""
        since = fmt.left_for(view.now - alert.since)
        role: Role = "page" if alert.ack is None and alert.severity is Severity.PAGE else "text"
        yield f"{tr('open')}: {alert.name} {about} {since}, {who}{owner}", role
    for name, times in found.noise[:2]:
        yield (
            tr(
                "noise: {name} fired {times}x in 7d, each time over by itself: tune it",
                name=name,
                times=times,
            ),
            "ticket",
        )
    yield from _loads(view, triage)


def _loads(view: View, triage: Triage) -> Iterable[tuple[str, Role]]:
    for duty in duties(view, triage):
        if not duty.pages:
            continue
        load = handoff.load(duty.pages, duty.schedule.zone)
        per_shift = load.pages * duty.schedule.turn_days / 7
        worn = load.nights > 2 or per_shift > _GOAL
        said = tr(
            "load on {schedule}: nights {nights} of 7, {pages} pages in 7d",
            schedule=duty.schedule.id, nights=load.nights, pages=load.pages,
        )  # fmt: skip
        yield said, "ticket" if worn else "text"


def handoff_note(view: View, triage: Triage) -> str:
    """The hand-over as text to send or keep."""
    lines = [f"{tr('Hand-over')} {view.now:%Y-%m-%d %H:%MZ}  {view.origin}".rstrip()]
    for duty in duties(view, triage):
        following = (
            f", {tr('then')} {_name(duty.following.primary, triage)}" if duty.following is not None else ""
        )
        primary, ends = _name(duty.present.primary, triage), until(duty.present.end, view)
        lines.append(f"- {duty.schedule.title}: {primary} {tr('until')} {ends}{following}")
    lines += [f"- {text}" for text, _ in handoff_texts(view, triage)]
    return "\n".join(lines)


# --- the rota as a calendar -------------------------------------------------------------------------------


def calendar_lines(
    view: View, triage: Triage, width: int, ahead: timedelta = timedelta(days=28)
) -> list[Line]:
    """Every shift of the next four weeks; gaps stand out."""
    lines: list[Line] = []
    oncall = triage.oncall
    for schedule in oncall.schedules:
        lines.append(rule(f"{schedule.title}  {schedule.zone}", width, view.glyphs.rule))
        for shift in calendar.shifts(oncall, schedule, view.now, view.now + ahead):
            zone = time_zone(schedule.zone)
            start, end = shift.start.astimezone(zone), shift.end.astimezone(zone)
            role: Role = (
                "page" if shift.gap and _inside(shift, triage, schedule) else "dim" if shift.gap else "text"
            )
            spans = [
                Span(f" {_day(start)} {start:%H:%M} - {_day(end)} {end:%H:%M}  ", "dim"),
                Span(fmt.fit(_name(shift.primary, triage), 16), role),
                Span(f"{tr('backup')} {_name(shift.backup, triage)}" if shift.backup else "", "dim"),
            ]
            lines.append(crop(spans, width))
    if not lines:
        lines = [crop([Span(f" {tr(text)}", "dim")], width) for text in NOT_CONFIGURED]
    return lines


def _inside(shift: Shift, triage: Triage, schedule: Schedule) -> bool:
    hours = triage.oncall.named_hours(schedule.hours) if schedule.hours is not None else None
    return hours is None or calendar.within(hours, shift.start)


def _day(moment: datetime) -> str:
    return f"{tr(_DAYS[moment.weekday()])} {moment.day:>2} {moment:%b}"
