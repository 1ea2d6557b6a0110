"""The alerts view as lines: what is open, who has it, and everything about the one under the cursor."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from sretool.core.alerting.acks import ack_of
from sretool.core.alerting.escalation import Due
from sretool.core.alerting.silences import SilenceState, text_of
from sretool.core.observe import triage as rules
from sretool.core.observe.triage import Stage
from sretool.core.slo.model import Level, Severity
from sretool.tui import format as fmt
from sretool.tui import oncall, overview
from sretool.tui.line import Span, crop, rule
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sretool.core.alerting.silences import Silence
    from sretool.core.observe.model import Alert
    from sretool.core.observe.triage import Open
    from sretool.tui.board import View
    from sretool.tui.format import Align
    from sretool.tui.line import Line, Role
    from sretool.tui.triage import Triage

SEVERITY_WORDS: Final = {Severity.PAGE: "PAGE", Severity.TICKET: "TICKET", None: "INFO"}
SEVERITY_ROLES: Final[dict[Severity | None, Role]] = {
    Severity.PAGE: "page",
    Severity.TICKET: "ticket",
    None: "text",
}
_LEVELS: Final = {Severity.PAGE: Level.PAGE, Severity.TICKET: Level.TICKET}
_LEAD: Final = 4
"""Cursor, mark, state, space."""
_MARGIN: Final = 11
"""Cells before a fact of the detail pane."""
_SAME_START: Final = timedelta(minutes=1)
"""Two starts of one firing, told by Prometheus and by Alertmanager, are no further apart."""
_COUNTED_DOWN: Final = 50
"""New pages whose escalation is looked at for the headline: they are sorted, the oldest come first."""


# --- the list ---------------------------------------------------------------------------------------------


def headline(view: View, triage: Triage, found: Sequence[Alert], width: int) -> Line:
    """Row 2: what needs somebody now, and whether that is me."""
    spans = [Span(" ")]
    if view.alertmanager is None:
        said = tr("no Alertmanager is configured: give --alertmanager URL")
        return crop([*spans, Span(said, "dim")], width)
    duty = oncall.my_duty(triage, view.now)
    if duty is not None:
        spans += [
            Span(f" {tr('YOU ARE PRIMARY')} ", "tag"),
            Span(f" {tr('until')} {oncall.until(duty.end, view)}. "),
        ]
    new = [a for a in found if rules.stage_of(a) is Stage.NEW and a.severity is Severity.PAGE]
    opened = [triage.reader.open(alert, view.now) for alert in new[:_COUNTED_DOWN]]
    waiting = rules.waiting(opened, view.now)
    if triage.marked:
        spans += [Span(f" {tr('{count} marked', count=len(triage.marked))} ", "tag"), Span(" ")]
    if not new:
        return crop([*spans, *_quiet(view, found)], width)
    oldest = view.now - min(alert.since for alert in new)
    need = tr("1 page needs an ack") if len(new) == 1 else tr("{count} pages need an ack", count=len(new))
    spans.append(Span(f"{need}, {tr('oldest')} {fmt.left_for(oldest)}", "page"))
    if waiting.escalates_in is not None:
        spans.append(Span(f" ({tr('escalates in')} {fmt.left_for(waiting.escalates_in)})", "text"))
    if view.alerts_stale:
        spans.append(Span(f" {_as_of(view)}", "stale"))
    return crop(spans, width)


def _quiet(view: View, found: Sequence[Alert]) -> list[Span]:
    """That nobody is needed, as far as Alertmanager is heard; never from its silence."""
    if view.alertmanager is None or view.alertmanager.as_of is None:
        return [Span(overview.why_no_alerts(view), "stale")]
    text = tr("No page needs an ack.") if found else tr("Nothing is open.")
    if not view.alerts_stale:
        return [Span(text, "dim")]
    at = view.clock(view.alertmanager.as_of)
    return [Span(f"{tr('Alerts are unknown since {at}.', at=at)} {tr('Before:')} {text}", "stale")]


def _as_of(view: View) -> str:
    at = view.alertmanager.as_of if view.alertmanager is not None else None
    return f"{tr('as of')} {view.clock(at)}" if at is not None else ""


def sizes(found: Iterable[Open]) -> tuple[int, int]:
    """Cells that services and owners need."""
    services = owners = 0
    for each in found:
        services = max(services, cell_len(_service(each.alert)))
        owners = max(owners, cell_len(each.owner or ""))
    return min(max(services, 7), 16), min(max(owners, 5), 14)


def columns(width: int, taken: tuple[int, int]) -> tuple[tuple[str, str, int, Align], ...]:
    """Key, heading, cells, side; what an on-call needs first stays longest. `taken` is what `sizes` says."""
    service, owner = taken
    fixed: list[tuple[str, str, int, Align]] = [
        ("severity", "SEV", 6, "left"),
        ("service", "SERVICE", service, "left"),
        ("for", "FOR", 5, "right"),
        ("owner", "OWNER", owner, "left"),
        ("state", "STATE", 12 if width < 100 else 16, "left"),
    ]
    if width < 60:
        fixed = [fixed[0], fixed[2], ("state", "STATE", 8, "left")]
    room = width - _LEAD - sum(each[2] + 1 for each in fixed) - 1
    name: tuple[str, str, int, Align] = ("alert", "ALERT", max(room, 8), "left")
    at = 2 if width >= 60 else 1
    return (*fixed[:at], name, *fixed[at:])


def header(width: int, taken: tuple[int, int]) -> Line:
    spans = [Span(" " * _LEAD)]
    for _, title, cells, align in columns(width, taken):
        spans += [Span(fmt.fit(tr(title), cells, align), "title"), Span(" ")]
    return crop(spans, width)


def row(found: Open, view: View, triage: Triage, width: int, taken: tuple[int, int]) -> Line:
    """One alert; the first cell is left to the cursor."""
    alert, stage, stale = found.alert, found.stage, view.alerts_stale
    loud = stage is Stage.NEW
    role: Role = "stale" if stale else SEVERITY_ROLES[alert.severity] if loud else "silenced"
    quiet: Role = "stale" if stale else "text" if loud else "dim"
    marked = "*" if alert.fingerprint in triage.marked else " "
    sign = view.glyphs.stale if stale else _sign(stage, alert, view)
    spans = [Span(" "), Span(marked, "key"), Span(sign, role), Span(" ")]
    for key, _, cells, align in columns(width, taken):
        text, tone = _cell(key, found, view)
        spans.append(Span(fmt.fit(text, cells, align, view.glyphs.ellipsis), role if tone else quiet))
        spans.append(Span(" "))
    return crop(spans, width)


def _sign(stage: Stage, alert: Alert, view: View) -> str:
    match stage:
        case Stage.ACKED:
            return view.glyphs.acknowledged
        case Stage.SILENCED:
            return view.glyphs.silenced
        case Stage.INHIBITED:
            return "i"
        case Stage.NEW:
            return view.glyphs.levels[_LEVELS[alert.severity]] if alert.severity is not None else " "


def _cell(key: str, found: Open, view: View) -> tuple[str, bool]:
    """The text of a cell, and whether it wears the colour of the state."""
    alert = found.alert
    match key:
        case "severity":
            return SEVERITY_WORDS[alert.severity], True
        case "service":
            return _service(alert), False
        case "alert":
            return f"{alert.name} {_about(alert)}".rstrip(), True
        case "for":
            return fmt.left_for(view.now - alert.since), False
        case "owner":
            return found.owner or fmt.NONE, False
        case _:
            return state_text(found), found.stage is Stage.NEW and alert.severity is Severity.PAGE


def _service(alert: Alert) -> str:
    return alert.labels.get("service") or alert.labels.get("job", "")


def _about(alert: Alert) -> str:
    """What tells it from others of its name: `amas/learning-availability 1h/5m`, `app-2`."""
    if alert.slo is not None:
        service = alert.labels.get("service", "")
        subject = overview.alert_subject(alert)
        return subject.removeprefix(f"{service}/")
    return next(
        (alert.labels[label] for label in ("instance", "component", "route") if label in alert.labels), ""
    )


def state_text(found: Open) -> str:
    """`new  esc 7m`, `acked bo`, `silenced`."""
    ack = found.alert.ack
    if found.stage is Stage.ACKED and ack is not None:
        return f"{tr('acked')} {ack.owner}"
    if found.stage is Stage.NEW and found.escalates_in is not None:
        return f"{tr('new')}  {tr('esc')} {fmt.left_for(found.escalates_in)}"
    return tr(found.stage.value)


def nothing_line(view: View, width: int, *, hidden: int) -> Line:
    if hidden:
        return crop([Span(" " + tr("no alert matches the filter (esc clears it)"), "dim")], width)
    return overview.no_alerts_line(view, width)


# --- the alert under the cursor ---------------------------------------------------------------------------


def title(found: Open | None, view: View, width: int) -> Line:
    if found is None:
        return rule("", width, view.glyphs.rule)
    labels = found.alert.labels
    words = (labels.get("service", ""), found.alert.name, _about(found.alert))
    return rule(fmt.fit("  ".join(filter(None, words)), min(width - 8, 70)).rstrip(), width, view.glyphs.rule)


def detail(found: Open, view: View, triage: Triage, width: int, height: int) -> list[Line]:
    """Everything known about one alert, the most useful first, in `height` rows at most."""
    lines: list[Line] = []
    for name, text, role in _facts(found, view, triage):
        lines += _paragraph(tr(name), text, width, role)
    return lines[:height]


_WHY = later("WHY")
_IMPACT = later("IMPACT")
_SINCE = later("SINCE")
_CHANGED = later("CHANGED")
_RUNBOOK = later("RUNBOOK")
_OWNER = later("OWNER")
_ESCALATES = later("ESCALATES")
_SILENCED = later("SILENCED")


def _facts(found: Open, view: View, triage: Triage) -> Iterable[tuple[str, str, Role]]:
    alert = found.alert
    status = next((each for each in view.snapshot.statuses if each.slo.id == alert.slo), None)
    if found.alert.ack is not None:
        yield "ACK", ack_text(found, view), "silenced"
    hiding = [silence for id_ in alert.silenced_by if (silence := triage.silence(id_)) is not None]
    for silence in hiding:
        if ack_of(silence) is None:
            yield _SILENCED, silence_text(silence, view), "silenced"
    yield _WHY, rules.why(alert, status) or tr("the alert says nothing about it"), "text"
    if impact := alert.annotations.get("impact"):
        yield _IMPACT, impact, "text"
    yield _SINCE, f"{view.clock(alert.since)}   {past_text(alert, view, triage)}", "text"
    yield _CHANGED, changes_text(alert, view), "text"
    yield _RUNBOOK, runbook_text(alert, triage), "text"
    yield _OWNER, owner_text(found, triage), "text"
    if found.steps:
        yield _ESCALATES, escalation_text(found, view), "text"
    if alert.receivers:
        yield "SENT TO", ", ".join(alert.receivers), "dim"
    labels = "  ".join(f"{key}={value}" for key, value in sorted(alert.labels.items()) if key != "alertname")
    yield "LABELS", labels, "dim"
    rest = sorted(set(alert.annotations) - {"summary", "description", "impact", "runbook"})
    for name in rest:
        yield name.upper(), alert.annotations[name], "dim"


def _paragraph(name: str, text: str, width: int, role: Role) -> list[Line]:
    rows = fmt.wrapped(text, max(width - _MARGIN - 1, 10)) or [""]
    return [
        crop([Span(fmt.fit(f" {name}" if n == 0 else "", _MARGIN), "title"), Span(each, role)], width)
        for n, each in enumerate(rows)
    ]


def ack_text(found: Open, view: View) -> str:
    """Who has it, since when, and what becomes of it where nobody looks after it."""
    ack = found.alert.ack
    if ack is None:
        return ""
    note = f': "{ack.note}"' if ack.note else ""
    said = f"{ack.owner}, {view.clock(ack.since, seconds=False)}{note}. "
    if not ack.ours:
        return said + tr("made by another tool, which renews it; ends {at}", at=view.clock(ack.ends))
    if view.readonly:
        keeper = tr("this dashboard is read-only and does not renew it")
    else:
        keeper = tr("renewed from here while it fires")
    return (
        said
        + f"{keeper}; "
        + tr("unrenewed it lapses at {at} and the page comes back", at=view.clock(ack.ends))
    )


def silence_text(silence: Silence, view: View) -> str:
    ends = f"{tr('ends in')} {fmt.left_for(silence.ends - view.now)}"
    return f'{tr("by")} {silence.created_by}, {ends}: "{silence.comment}"  {text_of(silence.matchers)}'


def past_text(alert: Alert, view: View, triage: Triage) -> str:
    """`fired 3 times in 30d (last 6 Nov, 22m)`, of the times before this one."""
    past = triage.pasts.get(alert.fingerprint)
    if triage.desk is None:
        return ""
    if past is None or (past.firings is None and past.error is None):
        return tr("asking Prometheus how often it fired ...")
    if past.firings is None:
        return tr("how often it fired is not known: {why}", why=past.error)
    times = len(past.firings)
    before = [firing for firing in past.firings if not firing.going_on]
    if not before:
        first = past.firings[-1].start if times else alert.since
        if first < alert.since - _SAME_START:
            # The question's step is coarser than the pauses between these firings.
            return tr("on and off since {at}", at=view.clock(first, seconds=False))
        return tr("for the first time in 30d") if times else tr("no firing recorded in 30d")
    last = before[0]
    when = fmt.day_or_time(last.start, view.now - last.start, local=view.local_time)
    told = tr("once") if times == 1 else tr("{count} times", count=times)
    return tr("fired {told} in 30d (last {when}, for {lasted})", told=told, when=when,
              lasted=fmt.left_for(last.lasted) if last.lasted else "<5m")  # fmt: skip


def changes_text(alert: Alert, view: View) -> str:
    found = rules.changes_before(alert, view.snapshot.changes)
    if not found:
        return tr("nothing seen in the hour before (deploys: sretool mark)")
    dot = f" {view.glyphs.dot} "
    return dot.join(
        f"{view.clock(change.at, seconds=False)} {overview.change_text(change)} "
        f"({fmt.left_for(before)} {tr('before')})"
        for change, before in found[:3]
    )


def runbook_text(alert: Alert, triage: Triage) -> str:
    name = runbook_of(alert)
    if name is None:
        return tr("none: the rule has no runbook annotation")
    text = triage.system.runbooks.get(name) if triage.system is not None else None
    if text is None:
        return name
    step = first_step(text)
    return f"{name}" + (f"  {tr('step')} 1: {step}" if step else "")


def runbook_of(alert: Alert) -> str | None:
    """Name or address of its runbook."""
    return alert.annotations.get("runbook") or alert.annotations.get("runbook_url")


def first_step(text: str) -> str | None:
    """The first step of a runbook in Markdown: of its first list, the first entry."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith(("1. ", "- ", "* ")):
            said = [stripped.partition(" ")[2].removeprefix("[ ] ")]
            for following in lines[number + 1 :]:
                if not following.startswith("  ") or not following.strip():
                    break
                said.append(following.strip())
            return " ".join(said)
    return None


def owner_text(found: Open, triage: Triage) -> str:
    if found.owner is None:
        return tr("nobody: neither the alert nor the catalog names an owner")
    known = triage.system.owners if triage.system is not None else ()
    owner = next((each for each in known if each.id == found.owner), None)
    title = f" ({owner.title})" if owner is not None else ""
    reached = [t.text for step in found.steps if step.due is Due.PAST for t in step.who]
    return f"{found.owner}{title}" + (
        f"   {tr('told')}: {', '.join(dict.fromkeys(reached))}" if reached else ""
    )


def escalation_text(found: Open, view: View) -> str:
    parts = []
    for step in found.steps:
        who = ", ".join(target.text for target in step.who)
        when = {
            Due.PAST: view.clock(step.at, seconds=False),
            Due.STOPPED: tr("stopped"),
        }.get(step.due, f"{tr('in')} {fmt.left_for(step.at - view.now)}")
        parts.append(f"{step.number}. {when} {who}")
    return f" {view.glyphs.dot} ".join(parts)


# --- silences ---------------------------------------------------------------------------------------------


def silence_columns(width: int) -> tuple[tuple[str, int, Align], ...]:
    fixed: tuple[tuple[str, int, Align], ...] = (
        ("STATE", 8, "left"),
        ("ENDS IN", 7, "right"),
        ("HITS", 4, "right"),
        ("BY", 10, "left"),
    )
    if width < 60:
        fixed = fixed[:3]
    room = max(width - _LEAD - sum(cells + 1 for _, cells, _ in fixed), 10)
    matchers = room if width < 70 else room * 3 // 5
    rest: tuple[tuple[str, int, Align], ...] = (("MATCHERS", matchers, "left"),)
    if width >= 70:
        rest += (("COMMENT", room - matchers - 1, "left"),)
    return fixed + rest


def silence_header(width: int) -> Line:
    spans = [Span(" " * _LEAD)]
    for heading, cells, align in silence_columns(width):
        spans += [Span(fmt.fit(tr(heading), cells, align), "title"), Span(" ")]
    return crop(spans, width)


def silence_row(silence: Silence, hits: int, view: View, triage: Triage, width: int) -> Line:
    """One silence; one that matches nothing is told as such: it may be forgotten, or wrongly written."""
    active = silence.state is SilenceState.ACTIVE
    role: Role = (
        "dim" if silence.state is SilenceState.EXPIRED else "ticket" if active and not hits else "text"
    )
    ack = ack_of(silence)
    sign = view.glyphs.acknowledged if ack is not None else view.glyphs.silenced if active else " "
    marked = "*" if silence.id in triage.marked else " "
    ends = fmt.NONE if silence.state is SilenceState.EXPIRED else fmt.left_for(silence.ends - view.now)
    said = ack.note if ack is not None else silence.comment
    cells = {
        "STATE": tr("ack") if ack is not None and active else tr(silence.state.value),
        "ENDS IN": ends,
        "HITS": str(hits) if active else fmt.NONE,
        "BY": ack.owner if ack is not None else silence.created_by,
        "MATCHERS": text_of(silence.matchers),
        "COMMENT": said,
    }
    spans = [Span(" "), Span(marked, "key"), Span(sign, "silenced"), Span(" ")]
    for heading, size, align in silence_columns(width):
        spans += [Span(fmt.fit(cells[heading], size, align, view.glyphs.ellipsis), role), Span(" ")]
    return crop(spans, width)


def silences_headline(view: View, triage: Triage, width: int) -> Line:
    """How many hide something, how many nothing, and what that has cost."""
    if view.alertmanager is None:
        return crop([Span(" " + tr("no Alertmanager is configured: give --alertmanager URL"), "dim")], width)
    if triage.silences_at is None:
        said = triage.silences_error or tr("waiting for the first answer of Alertmanager")
        return crop([Span(f" {said}", "dim")], width)
    active = [s for s in triage.silences if s.state is SilenceState.ACTIVE]
    acks = sum(1 for silence in active if ack_of(silence) is not None)
    idle = [s for s in active if ack_of(s) is None and not hits_of(s, view)]
    counts = tr("silences {silences}, acks {acks}", silences=len(active) - acks, acks=acks)
    spans = [Span(f" {counts}")]
    if idle:
        spans.append(Span(f"   {tr('{count} match nothing', count=len(idle))}", "ticket"))
    if triage.silences_error is not None:
        spans.append(Span(f"   {tr('as of')} {view.clock(triage.silences_at)}", "stale"))
    return crop(spans, width)


def debt_lines(view: View, triage: Triage, width: int, rows: int) -> list[Line]:
    """Silence debt: what burned while nobody was told."""
    lines: list[Line] = [rule(tr("SILENCE DEBT"), width, view.glyphs.rule)]
    if triage.debts_error is not None:
        lines.append(crop([Span(f" {tr('not known')}: {triage.debts_error}", "dim")], width))
    elif triage.debts is None:
        lines.append(crop([Span(f" {tr('asking Prometheus')} ...", "dim")], width))
    elif not triage.debts:
        said = tr("none: no page of an objective was silenced as far as Alertmanager remembers")
        lines.append(crop([Span(f" {said}", "dim")], width))
    for debt in triage.debts or ():
        if debt.spent is None:
            spent = tr("unknown: its rates are not recorded")
        else:
            spent = tr("{share} of its budget burned", share=fmt.ratio_percent(debt.spent))
        lasted = tr("page silenced for {span}", span=fmt.left_for(debt.silenced_for))
        role: Role = "ticket" if debt.spent is None or debt.spent >= 0.01 else "text"
        lines.append(crop([Span(f" {debt.slo}  "), Span(spent, role), Span(f", {lasted}", "dim")], width))
    return lines[:rows]


def hits_of(silence: Silence, view: View) -> list[Alert]:
    """Open alerts it hides or, where it is not active yet or any more, would hide."""
    return [alert for alert in view.snapshot.alerts if silence.matches(alert.labels)]


def shown_silences(view: View, triage: Triage, *, odd_only: bool, mine_only: bool) -> list[Silence]:
    """Active ones that match nothing first, then by their end; expired ones are gone from here."""
    found = [s for s in triage.silences if s.state is not SilenceState.EXPIRED]
    if odd_only:
        found = [s for s in found if _odd(s, view, triage.longest)]
    if mine_only:
        found = [s for s in found if s.created_by == triage.me]
    return sorted(found, key=lambda s: (ack_of(s) is not None, s.ends))


def _odd(silence: Silence, view: View, longest: timedelta) -> bool:
    """Whether somebody should look at it: it matches nothing, or lasts longer than one may."""
    if ack_of(silence) is not None:
        return False
    return not hits_of(silence, view) or silence.ends - silence.starts > longest


def silence_detail(silence: Silence, view: View, width: int, height: int) -> list[Line]:
    hits = hits_of(silence, view)
    ack = ack_of(silence)
    facts: list[tuple[str, str, Role]] = [("MATCHERS", text_of(silence.matchers), "text")]
    if ack is not None:
        since = tr("since {at}", at=view.clock(ack.since, seconds=False))
        facts += [("ACK", f"{ack.owner}, {since}", "text"), ("NOTE", ack.note, "text")]
    else:
        facts += [("BY", silence.created_by, "text"), ("COMMENT", silence.comment, "text")]
    span = f"{_moment(silence.starts, view)}   {tr('until')} {_moment(silence.ends, view)}"
    facts.append(("FROM", span, "text"))
    if hits:
        facts += [
            ("HITS", f"{SEVERITY_WORDS[each.severity]} {each.name} {_about(each)}", "text") for each in hits
        ]
    else:
        facts.append(("HITS", tr("nothing: forgotten, or wrongly written?"), "ticket"))
    lines: list[Line] = []
    for name, text, role in facts:
        lines += _paragraph(tr(name), text, width, role)
    return lines[:height]


def _moment(moment: datetime, view: View) -> str:
    day = fmt.day_or_time(moment, timedelta(days=3), local=view.local_time)
    return f"{day} {view.clock(moment, seconds=False)}"


# --- previews in dialogs ----------------------------------------------------------------------------------


def hit_notes(hits: Sequence[Alert], warning: str | None, before: str) -> list[Line]:
    """What a silence would hide: now, in the last 30 days, and why that may be more than is meant."""
    pages = sum(1 for alert in hits if alert.severity is Severity.PAGE)
    tickets = sum(1 for alert in hits if alert.severity is Severity.TICKET)
    words = [f"{count} {word}" for count, word in ((pages, "PAGE"), (tickets, "TICKET")) if count]
    kinds = f" ({', '.join(words)})" if words else ""
    now = (
        tr("matches {count} open alerts now", count=len(hits))
        if len(hits) != 1
        else tr("matches 1 open alert now")
    )
    spans = [Span(now + kinds, "page" if pages else "text"), Span(f", {before}" if before else "", "text")]
    lines: list[Line] = [spans]
    lines += [[Span(f"  {alert.name} {_about(alert)}", "dim")] for alert in hits[:3]]
    if len(hits) > 3:
        lines.append([Span(f"  {tr('and {count} more', count=len(hits) - 3)}", "dim")])
    if not hits:
        lines.append([Span(tr("it hides nothing that is open; is it written as meant?"), "ticket")])
    if warning is not None:
        lines.append([Span(f"{tr('WIDE')}: {warning}", "ticket")])
    return lines
