"""A month's report for people who don't open a terminal: Markdown, or one HTML page by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.slo.ledger import Kind
from sretool.core.slo.model import Severity
from sretool.report import svg, templating
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sretool.core.observe.month import Month, MonthOfSlo, Period, Stretch
    from sretool.core.slo.firing import Firing
    from sretool.core.slo.ledger import Entry
    from sretool.core.slo.model import Slo

_MINUTE: Final = timedelta(minutes=1)


def html(month: Month, made_at: datetime) -> str:
    """One page with its styles and pictures inside, without scripts; prints well."""
    return _render("month.html.j2", month, made_at, escape=True)


def markdown(month: Month, made_at: datetime) -> str:
    """GitHub's Markdown."""
    return _render("month.md.j2", month, made_at, escape=False)


def _render(template: str, month: Month, made_at: datetime, *, escape: bool) -> str:
    return templating.render(
        template,
        escape=escape,
        filters={
            "percent": _percent,
            "reached": reached,
            "number": _number,
            "moment": _moment,
            "span": span,
            "label": label,
            "week": _week,
        },
        functions={
            "verdict": verdict,
            "title": title,
            "clock": clock,
            "own_clock": own_clock,
            "sentence": sentence,
            "partly": partly,
            "goal": goal,
            "own_window": own_window,
            "entry_name": entry_name,
            "excluded": excluded,
            "has_excluded": has_excluded,
            "entry_time": entry_time,
            "numbered": numbered,
            "background": background,
            "alert_counts": alert_counts,
            "burn_down": svg.burn_down,
            "gauge": svg.gauge,
            "pair": pair,
        },
        month=month,
        made_at=made_at,
        headline=headline(month),
        state=state(month),
    )


# --- words


def headline(month: Month) -> str:
    """The month in one sentence."""
    judged = [each for each in month.slos if each.met is not None]
    kept = sum(1 for each in judged if each.met)
    so_far = "" if month.complete else " so far"
    if not judged:
        return f"Nothing is known of {title(month)}."
    if kept == len(judged):
        many = "The one objective" if kept == 1 else f"All {kept} objectives"
        text = f"{many} {'was' if kept == 1 else 'were'} kept in {title(month)}{so_far}."
    else:
        text = f"{kept} of {len(judged)} objectives were kept in {title(month)}{so_far}."
    unknown = len(month.slos) - len(judged)
    return text + (f" Of {unknown} there is no data." if unknown else "")


def title(month: Month) -> str:
    """`"November 2026"`."""
    return f"{month.period.local(month.start):%B %Y}"


def state(month: Month) -> str:
    """What the figures cover."""
    period = month.period
    whole = f"{_moment(month.start, period)} to {_moment(month.end, period)} {period.zone}"
    if month.complete:
        return f"Calendar month, {whole}."
    return (
        f"Calendar month, {whole}. It is not over: figures are up to {_moment(month.until, period)}"
        f" {period.zone}, and budgets are those of the events until then."
    )


def clock(month: Month) -> str:
    """Whose times are shown."""
    own = any(each.period.zone != month.period.zone for each in month.slos)
    return f"Times are {month.period.zone}{' where an objective names no other zone' if own else ''}."


def own_clock(found: MonthOfSlo, month: Month) -> str:
    """What is said of an SLO whose month is not the report's; nothing of others."""
    period = found.period
    if period.zone == month.period.zone:
        return ""
    end = _moment(period.until, period)
    return f"Its month is that of its own calendar, {period.zone}, up to {end} there; so are its times."


def label(slo: Slo) -> str:
    """Its title, with the group it is about."""
    values = ", ".join(value for _, value in slo.group)
    return f"{slo.title or slo.base_id}{f' ({values})' if values else ''}"


def verdict(found: MonthOfSlo) -> str:
    return {True: "kept", False: "missed", None: "no data"}[found.met]


def partly(found: MonthOfSlo) -> str:
    """A verdict over a part of the time says so."""
    return f" ({found.coverage:.0%} of the time known)" if 0 < found.coverage < 0.99 else ""


def sentence(found: MonthOfSlo) -> str:
    """The SLO's month in plain words."""
    slo, ledger = found.slo, found.ledger
    if ledger is None or found.sli is None:
        return "There is no data of this month."
    bad, allowed = float(ledger.bad), float(ledger.allowed)
    text = (
        f"{reached(found)} of {_number(float(ledger.total))} events were good; {goal(slo)} was promised."
        f" {_number(bad)} went wrong, of {_number(allowed)} that were allowed."
    )
    biggest = next((entry for entry in ledger.biggest if entry.start is not None and entry.bad > 0), None)
    if biggest is None:
        return text + " No single event stands out."
    part = float(biggest.bad / ledger.bad)
    return (
        text
        + f" {_share_word(part)} of it happened on {entry_time(biggest, found.period)}{_called(biggest)}."
    )


def _share_word(part: float) -> str:
    if part > 0.995:
        return "All"
    return f"{part:.0%}"


def _called(entry: Entry) -> str:
    return f" ({entry.name})" if entry.name else ""


def goal(slo: Slo) -> str:
    """`"99.9%"`."""
    return f"{format_decimal(slo.objective * 100)}%"


def reached(found: MonthOfSlo) -> str:
    """The good share with two more places than the promise has."""
    if found.sli is None:
        return "–"
    if found.sli == 1:
        return "100%"
    places = len(format_decimal(found.slo.objective * 100).partition(".")[2]) + 2
    text = f"{found.sli * 100:.{places}f}%"
    # Rounding must not turn a single failure into none.
    return text if not text.startswith("100") else f"{100 - 10**-places:.{places}f}%"


def own_window(found: MonthOfSlo) -> str:
    """How the SLO stands over the window it is really measured by."""
    slo, status = found.slo, found.status
    window = (
        f"the running {slo.calendar.unit.value} ({slo.calendar.zone})"
        if slo.calendar is not None
        else f"rolling {format_duration(slo.window)}"
    )
    if status.sli is None or status.budget_left is None:
        return f"Its own window is {window}, of which there is no data at the end of this period."
    left = status.budget_left
    stood = f"{_percent(left)} of that budget was left" if left >= 0 else f"overspent by {_percent(-left)}"
    return f"Its own window is {window}: at the end of this period {stood}."


def numbered(found: MonthOfSlo) -> list[tuple[int, Entry]]:
    """The entries that have a time, numbered as in the picture."""
    if found.ledger is None:
        return []
    return list(enumerate((entry for entry in found.ledger.entries if entry.start is not None), 1))


def background(found: MonthOfSlo) -> list[Entry]:
    """The entries without a time."""
    if found.ledger is None:
        return []
    return [entry for entry in found.ledger.entries if entry.start is None]


def entry_name(entry: Entry) -> str:
    if entry.name is not None:
        return entry.name
    match entry.kind:
        case Kind.BACKGROUND:
            return "Single failures throughout"
        case Kind.EDGES:
            return "Last moments"
        case _:
            return "Unnamed incident"


def excluded(entry: Entry) -> str:
    """What of the entry does not count; nothing where all of it does."""
    away = entry.left_out
    if away is None:
        return ""
    return f", excluded: {_number(away.bad)} of {_number(away.total)} events that went wrong do not count"


def has_excluded(found: MonthOfSlo) -> bool:
    """Whether alerts may have been evaluated on events that do not count."""
    return found.ledger is not None and any(entry.left_out is not None for entry in found.ledger.entries)


def entry_time(entry: Entry, period: Period) -> str:
    """`"Sun 15 Nov, 12:15–13:50"`."""
    if entry.start is None or entry.end is None:
        return "throughout"
    start, end = period.local(entry.start), period.local(entry.end)
    if start.date() == end.date():
        return f"{_day(start)}, {start:%H:%M}–{end:%H:%M}"
    return f"{_day(start)}, {start:%H:%M} – {_day(end)}, {end:%H:%M}"


def alert_counts(alerts: Sequence[Firing]) -> str:
    """`"2 pages, 1 ticket"`."""
    found = []
    for severity in Severity:
        number = sum(1 for each in alerts if each.severity is severity)
        if number:
            found.append(f"{number} {severity}{'s' if number > 1 else ''}")
    return ", ".join(found) or "none"


def pair(firing: Firing) -> str:
    """The windows that fired."""
    if firing.long is None or firing.short is None:
        return ""
    return f"{format_duration(firing.long)} / {format_duration(firing.short)}"


# --- figures


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.1f}%".replace("-", "−")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"


def _day(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b}"


def _week(week: Stretch, period: Period) -> str:
    first, last = period.local(week.start), period.local(week.end - _MINUTE)
    return _day(first) if last.date() == first.date() else f"{_day(first)} – {_day(last)}"


def _moment(at: datetime, period: Period) -> str:
    local = period.local(at)
    return f"{local.day} {local:%b %Y %H:%M}"


def span(length: timedelta | None) -> str:
    """`"1 h 35 min"`; None is what has not ended."""
    if length is None:
        return "still firing"
    minutes = round(length / _MINUTE)
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "under a minute"
