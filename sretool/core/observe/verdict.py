"""The one line an on-call reads first: is it us, what, how long is left, which key next.

Every word of it is a fact of the snapshot: a state Prometheus gave, an alert Alertmanager holds, the age of
either. Where a fact is missing the line says so (UNSURE, STALE) instead of concluding from what is left.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sretool.core.observe.freshness import Freshness
from sretool.core.observe.model import AlertState
from sretool.core.slo.model import Level, Severity
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sretool.core.observe.freshness import SourceAge
    from sretool.core.observe.model import Alert, SloStatus, Snapshot


class Tag(StrEnum):
    """The answer to "is it us?"."""

    US = "IT IS US"
    NOT_US = "NOT US"
    CLEAR = "ALL CLEAR"
    UNSURE = "UNSURE"
    STALE = "STALE"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, the words that carry it and the reasons behind it."""

    tag: Tag
    parts: tuple[str, ...]
    """What follows the tag, the most important first; joined they read as one line."""
    level: Level | None
    """State that gives the tag its colour; None: quiet."""
    reasons: tuple[str, ...]
    """How it was reached: the rule, then what it looked at."""
    rest: tuple[str, ...] = ()
    """What explains `parts`; the most important first."""
    key: str = ""
    """The keys that lead on; said last, but worth more than the rest. Empty: none."""

    def text(self, width: int) -> str:
        """The line in at most `width` cells: first the parts, then the key, then what fits of the rest."""
        line = self.tag.value
        for number, part in enumerate(self.parts):
            longer = f"{line}  {part}" if number == 0 else f"{line}{part}"
            if _cells(longer) > width:
                return _cut(longer, width) if number == 0 else self._with_key(line, width)
            line = longer
        ending = f"  > {self.key}" if self.key else ""
        for part in self.rest:
            if _cells(line + part + ending) <= width:
                line += part
        return self._with_key(line, width)

    def _with_key(self, line: str, width: int) -> str:
        longer = f"{line}  > {self.key}"
        return longer if self.key and _cells(longer) <= width else line


_PAGING = frozenset({AlertState.FIRING, AlertState.ACKNOWLEDGED})
_BREAK_EVEN = 1.0
"""Below this burn rate a budget grows back rather than shrinks."""


def judge(
    snapshot: Snapshot, prometheus: SourceAge, alertmanager: SourceAge | None, now: datetime
) -> Verdict:
    """The verdict on one snapshot; `alertmanager` is None where none is configured."""
    if prometheus.freshness is Freshness.WAITING:
        return Verdict(Tag.UNSURE, ("waiting for the first answer of Prometheus",), None, ("no answer yet",))
    if not prometheus.freshness.usable:
        return _stale(snapshot, prometheus, alertmanager, now)
    finding = (
        _burning_page(snapshot, prometheus)
        or _page_without_burn(snapshot, alertmanager, now)
        or _spent_or_slow(snapshot, prometheus)
        or _unknown(snapshot)
        or _alerts_unknown(snapshot, alertmanager)
        or _foreign_page(snapshot, now)
        or _clear(snapshot, alertmanager, now)
    )
    inputs = (_counts(snapshot.statuses), *_gate_fact(snapshot), *_source_facts(prometheus, alertmanager))
    return replace(finding, reasons=(*finding.reasons, *inputs))


def _stale(
    snapshot: Snapshot, prometheus: SourceAge, alertmanager: SourceAge | None, now: datetime
) -> Verdict:
    why = prometheus.error or "it answers, but its newest sample is old"
    reasons = (
        "Prometheus cannot be trusted now, so every row keeps its last state, marked `?`;"
        " nothing may turn ok until it answers with new samples.",
        f"Prometheus: {prometheus.freshness.value}, {why}",
    )
    if prometheus.as_of is None:
        return Verdict(Tag.STALE, (f"Prometheus has never answered: {why}",), None, reasons)
    frozen = f"frozen at {prometheus.as_of:%H:%M:%S}Z"
    pages = [alert for alert in _pages(snapshot.alerts) if alert.state in _PAGING]
    if alertmanager is not None and alertmanager.freshness.usable:
        said = f": {len(pages)} page{'s' if len(pages) != 1 else ''}"
        named = f", {_alert_name(pages[0])} {_span(now - pages[0].since)}" if pages else ""
        parts = (frozen, f"; Alertmanager is live{said}", named)
    elif alertmanager is not None:
        parts = (frozen, "; Alertmanager is lost as well", "")
    else:
        parts = (frozen, "; order kept", "")
    worst = next((status for status in snapshot.statuses if status.level is Level.PAGE), None)
    last = f"; last known: {worst.slo.id} paged" if worst is not None else ""
    kept = tuple(part for part in (*parts, last) if part)
    return Verdict(Tag.STALE, kept, Level.PAGE if worst is not None or pages else None, reasons)


def _burning_page(snapshot: Snapshot, prometheus: SourceAge) -> Verdict | None:
    paging = [status for status in snapshot.statuses if status.level is Level.PAGE]
    if not paging:
        return None
    worst = paging[0]
    silenced = _silenced(snapshot.alerts, worst)
    others = f", {len(paging) - 1} more" if len(paging) > 1 else ""
    gone = _gone_words(worst, prometheus)
    # That somebody has silenced it comes before how long is left.
    parts = (worst.slo.id, _burn_words(worst), ", silenced" if silenced else gone)
    rest = (gone if silenced else "", others, _owner(worst))
    pairs = "; ".join(
        f"{format_duration(pair.long)} and {format_duration(pair.short)} both above"
        f" {float(pair.factor(worst.slo.window)):.3g}x"
        for pair in worst.firing
    )
    reasons = (
        "An SLO with a page-level burn is ours: users are hurt now."
        + (" Its page is silenced; the burn is not." if silenced else ""),
        f"{worst.slo.id}: {pairs or 'page level by its rules'}",
    )
    return Verdict(Tag.US, _kept(parts), Level.PAGE, reasons, _kept(rest), "enter")


def _page_without_burn(snapshot: Snapshot, alertmanager: SourceAge | None, now: datetime) -> Verdict | None:
    """A page of one of our services, while no SLO burns at page level."""
    if alertmanager is None:
        return None
    ours = {status.slo.service for status in snapshot.statuses}
    open_pages = [
        alert
        for alert in _pages(snapshot.alerts)
        if alert.state in _PAGING and (alert.slo is not None or alert.labels.get("service") in ours)
    ]
    if not open_pages:
        return None
    of_slos = {status.slo.id: status for status in snapshot.statuses}
    symptoms = [alert for alert in open_pages if alert.slo is None]
    if symptoms:
        first = symptoms[0]
        more = f", {len(open_pages) - 1} more" if len(open_pages) > 1 else ""
        aged = "" if alertmanager.freshness.usable else f" (alerts of {_span(alertmanager.age)} ago)"
        said = (
            f"{_alert_name(first)} pages",
            f" for {_span(now - first.since)}{aged}",
        )
        more_said = (", no SLO burns at page level", more, _alert_owner(first))
        reasons = (
            "A page of our own service is open although no SLO burns fast enough to page.",
            f"{_alert_name(first)}: {first.annotations.get('summary', 'no summary')}",
        )
        return Verdict(Tag.US, said, Level.PAGE, reasons, _kept(more_said), "tab, enter")
    first = open_pages[0]
    status = of_slos.get(first.slo) if first.slo is not None else None
    if status is None:
        return None
    short, long = _short_and_long(status)
    falling = short is not None and short < _BREAK_EVEN
    parts = (
        status.slo.id,
        f"{' recovers' if falling else ' no longer pages'}: burn now {_burn(short)}",
    )
    rest = (f", 1h {_burn(long)}", ", its page is still open")
    reasons = (
        "The burn is below page level again, but Alertmanager has not closed the page yet.",
        f"{status.slo.id}: shortest window {_burn(short)}, 1h {_burn(long)}",
    )
    return Verdict(Tag.US, parts, Level.TICKET, reasons, rest, "enter")


def _spent_or_slow(snapshot: Snapshot, prometheus: SourceAge) -> Verdict | None:
    spent = [status for status in snapshot.statuses if status.level is Level.SPENT]
    slow = [status for status in snapshot.statuses if status.level is Level.TICKET]
    others = len(spent) + len(slow) - 1
    more = f", {others} more" if others > 0 else ""
    if spent:
        worst = spent[0]
        left = f" ({worst.budget_left * 100:.0f}%)" if worst.budget_left is not None else ""
        back = f", back in {_span(worst.recovers_in)}" if worst.recovers_in is not None else ""
        short, long = _short_and_long(worst)
        burns = short is not None and short >= _BREAK_EVEN
        said = (worst.slo.id, f" spent its budget{left}")
        burning = f", burns {_burn(long)}" if burns else f", burn now {_burn(short)}"
        more_said = (burning, back, more, _owner(worst))
        reasons = (
            "A budget is spent; nothing pages. Ours, and for working hours: hold risky changes.",
            f"{worst.slo.id}: {left.strip(' ()') or 'unknown'} of the budget left",
        )
        return Verdict(Tag.US, said, Level.SPENT, reasons, _kept(more_said), "enter")
    if slow:
        worst = slow[0]
        parts = (
            worst.slo.id,
            _burn_words(worst),
            " slowly",
            _gone_words(worst, prometheus),
        )
        rest = (more, _owner(worst))
        reasons = (
            "A slow burn: a ticket for this shift, nobody is paged.",
            f"{worst.slo.id}:{_burn_words(worst)}",
        )
        return Verdict(Tag.US, _kept(parts), Level.TICKET, reasons, _kept(rest), "enter")
    return None


def _unknown(snapshot: Snapshot) -> Verdict | None:
    blind = [status for status in snapshot.statuses if status.level is Level.NO_DATA]
    if not blind:
        return None
    names = [status.slo.id for status in blind]
    head = f"{len(blind)} of {_slos(len(snapshot.statuses))} without data"
    parts = (head, f": {names[0]}", *(f", {name}" for name in names[1:]))
    rest = len(snapshot.statuses) - len(blind)
    reasons = (
        "An SLO without data is never counted as ok.",
        f"{rest} with data hold; without: {', '.join(names)}",
        *(f"{status.slo.id}: {status.problem}" for status in blind if status.problem),
    )
    return Verdict(Tag.UNSURE, parts, Level.NO_DATA, reasons)


def _alerts_unknown(snapshot: Snapshot, alertmanager: SourceAge | None) -> Verdict | None:
    if alertmanager is None or alertmanager.freshness.usable:
        return None
    if alertmanager.freshness is Freshness.WAITING:
        said = "; waiting for Alertmanager"
    elif alertmanager.age is None:
        said = "; alerts unknown: Alertmanager has never answered"
    else:
        said = f"; alerts unknown: Alertmanager lost {_span(alertmanager.age)}"
    reasons = (
        "Every SLO holds, but pages of symptoms cannot be seen while Alertmanager is away.",
        f"Alertmanager: {alertmanager.error or alertmanager.freshness.value}",
    )
    level = None if alertmanager.freshness is Freshness.WAITING else Level.NO_DATA
    return Verdict(Tag.UNSURE, (f"{_slos(len(snapshot.statuses))} hold", said), level, reasons)


def _foreign_page(snapshot: Snapshot, now: datetime) -> Verdict | None:
    """What pages belongs to none of our services."""
    pages = [alert for alert in _pages(snapshot.alerts) if alert.state in _PAGING]
    if not pages:
        return None
    first = pages[0]
    service = first.labels.get("service")
    whose = f" of {service}" if service else ", which names no service"
    parts = (
        f"our {_slos(len(snapshot.statuses))} hold",
        f"; {_alert_name(first)}{whose} pages",
        f" for {_span(now - first.since)}",
    )
    reasons = (
        "Every SLO of ours holds; what pages carries another service's label, or none.",
        f"{_alert_name(first)}: {first.annotations.get('summary', 'no summary')}",
    )
    return Verdict(Tag.NOT_US, parts, Level.TICKET, reasons, key="tab, enter")


def _clear(snapshot: Snapshot, alertmanager: SourceAge | None, now: datetime) -> Verdict:
    if not snapshot.statuses:
        return Verdict(Tag.UNSURE, ("the catalog has no SLO",), Level.NO_DATA, ("nothing to judge",))
    tickets = sum(
        1 for alert in snapshot.alerts if alert.severity is Severity.TICKET and alert.state in _PAGING
    )
    silenced = [alert for alert in _pages(snapshot.alerts) if alert.state is AlertState.SILENCED]
    if alertmanager is None:
        pages = ", no Alertmanager configured: pages unknown"
    elif silenced:
        pages = (
            f", {len(silenced)} page{'s' if len(silenced) > 1 else ''} silenced: {_alert_name(silenced[0])}"
        )
    else:
        pages = ", no page open"
    ended = max((change.at for change in snapshot.changes if change.kind == "resolved"), default=None)
    parts = (
        f"{len(snapshot.statuses)} of {_slos(len(snapshot.statuses))} hold",
        pages,
        f", {tickets} ticket{'s' if tickets > 1 else ''}" if tickets else "",
        f", last alert ended {_span(now - ended)} ago" if ended is not None else "",
    )
    reasons = ("Every SLO has data, none burns at ticket or page level, no page of ours is open.",)
    return Verdict(Tag.CLEAR, _kept(parts), None, reasons)


def _pages(alerts: Iterable[Alert]) -> list[Alert]:
    return [alert for alert in alerts if alert.severity is Severity.PAGE]


def _silenced(alerts: Iterable[Alert], status: SloStatus) -> bool:
    states = {alert.state for alert in _pages(alerts) if alert.slo == status.slo.id}
    return AlertState.SILENCED in states and not states & _PAGING


def _kept(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for part in parts if part)


def _short_and_long(status: SloStatus) -> tuple[float | None, float | None]:
    """Burn over the shortest window known, and over one hour (or the next longer one known)."""
    windows = sorted(status.burns)
    long = next((window for window in windows if window >= timedelta(hours=1)), None)
    return (
        status.burns[windows[0]] if windows else None,
        status.burns[long] if long is not None else None,
    )


def _burn(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.1f}x" if value < 100 else f"{value:.0f}x"


def _burn_words(status: SloStatus) -> str:
    pair = status.firing[0] if status.firing else None
    value = status.burns.get(pair.long) if pair is not None else None
    if value is None:
        value = _short_and_long(status)[1]
    return f" burns {_burn(value)}" if value is not None else ""


def _gone_words(status: SloStatus, prometheus: SourceAge) -> str:
    if status.budget_left is not None and status.budget_left <= 0:
        return f", budget spent ({status.budget_left * 100:.0f}%)"
    if status.exhausts_in is None or prometheus.freshness is not Freshness.FRESH:
        return ""
    return f", gone in {_span(status.exhausts_in)}"


def _owner(status: SloStatus) -> str:
    return f"  {status.slo.owner}" if status.slo.owner else ""


def _alert_owner(alert: Alert) -> str:
    owner = alert.labels.get("owner")
    return f"  {owner}" if owner else ""


def _alert_name(alert: Alert) -> str:
    instance = alert.labels.get("instance")
    return f"{alert.name} {instance}" if instance else alert.name


def _slos(count: int) -> str:
    return f"{count} SLO{'s' if count != 1 else ''}"


def _counts(statuses: Iterable[SloStatus]) -> str:
    levels = [status.level for status in statuses]
    return "SLOs: " + ", ".join(
        f"{levels.count(level)} {level.value.replace('_', ' ')}" for level in Level if level in levels
    )


def _gate_fact(snapshot: Snapshot) -> tuple[str, ...]:
    gate = snapshot.gate
    if gate is None:
        return ()
    waiting = f"; wait: {', '.join(gate.frozen)}" if gate.frozen else ""
    said = f"Release gate: {gate.step.name} by {gate.slo}, {gate.left * 100:.1f}% left{waiting}"
    if gate.response is None:
        return (said,)
    actions = "; ".join(gate.response.actions)
    return (said, f"Response level {gate.level}: {gate.response.title}" + (f": {actions}" if actions else ""))


def _source_facts(prometheus: SourceAge, alertmanager: SourceAge | None) -> tuple[str, ...]:
    def fact(label: str, source: SourceAge) -> str:
        age = f", {_span(source.age)} old" if source.age is not None else ""
        return f"{label}: {source.freshness.value}{age}" + (f", {source.error}" if source.error else "")

    if alertmanager is None:
        return (fact("Prometheus", prometheus), "Alertmanager: not configured (--alertmanager URL)")
    return (fact("Prometheus", prometheus), fact("Alertmanager", alertmanager))


def _span(duration: timedelta | None) -> str:
    """The two largest units at most: `18h29m`, `6d`, `41s`."""
    if duration is None:
        return "?"
    seconds = max(int(duration.total_seconds()), 0)
    if seconds >= 2 * 86400:
        return f"{seconds // 86400}d"
    if seconds >= 3600:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"
    if seconds >= 60:
        return f"{seconds // 60}m"
    return f"{seconds}s"


def _cells(text: str) -> int:
    """Terminal cells: wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _cut(text: str, width: int) -> str:
    out, used = "", 0
    for char in text:
        size = _cells(char)
        if used + size > width:
            break
        out, used = out + char, used + size
    return out
