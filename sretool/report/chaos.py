"""An experiment for people who were not there: one HTML page, or Markdown for a pull request.

Everything is told by the run's events; the record adds what was hurt with what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos import criteria as holding
from sretool.core.runs.words import (
    NONE,
    count_words,
    number_words,
    seconds_words,
    value_words,
)
from sretool.report import chaos_charts, run, templating
from sretool.report.run import Figure, kind
from sretool.report.run import word as word

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sretool.core.runs.events import WritesFound
    from sretool.core.runs.model import Check
    from sretool.core.runs.story import LogLine
    from sretool.report.chaos_story import Alert, ChaosReport, Fault

_SMALL: Final = 1e-5
"""Shares below it are not told exactly."""


def html(report: ChaosReport, made_at: datetime) -> str:
    """One page with its styles and pictures inside, without scripts, dark where the reader likes it dark."""
    return _render("chaos.html.j2", report, made_at, escape=True)


def markdown(report: ChaosReport, made_at: datetime) -> str:
    """GitHub's Markdown."""
    return _render("chaos.md.j2", report, made_at, escape=False)


def _render(template: str, report: ChaosReport, made_at: datetime, *, escape: bool) -> str:
    return templating.render(
        template,
        escape=escape,
        filters={
            **run.FILTERS,
            "count": run.count,
            "after": _after,
        },
        functions={"pictures": chaos_charts.over_time, "lanes": chaos_charts.lanes},
        report=report,
        record=report.record,
        story=report.story,
        word=word(report),
        kind=kind(report),
        reason=reason(report),
        figures=figures(report),
        checks=checks(report),
        faults=[fault_row(report, each) for each in report.faults],
        alerts=[alert_row(report, each) for each in report.alerts.values()],
        writes=writes(report.story.writes),
        servers=report.story.writes.servers if report.story.writes is not None else (),
        promises=promises(report),
        happened=happened(report),
        unreadable=report.unreadable,
        made_at=made_at,
    )


# --- words


def reason(report: ChaosReport) -> str:
    """The run in one sentence."""
    return run.reason(report, "this is what it saw up to then", "this is what was seen so far")


def figures(report: ChaosReport) -> list[Figure]:
    """Those that were measured, and those that were promised all the same."""
    measured, promised = report.measures, report.criteria
    checks = report.story.checks
    if measured is None:
        return []
    found: list[Figure] = []

    def add(title: str, value: float | None, text: str, check: str, beside: str = "") -> None:
        asked = checks.get(check)
        if value is None and asked is None:
            return
        broken = {False: "bad", None: "warn"}.get(asked.ok, "") if asked is not None else ""
        found.append(Figure(title, text, beside, broken))

    add("RTO", measured.rto_s, _span(measured.rto_s), holding.RTO, _within(promised.rto_s))
    add("RPO", measured.rpo_s, _span(measured.rpo_s), holding.RPO, _within(promised.rpo_s))
    acked = f"of {count_words(measured.acked_writes)}" if measured.acked_writes is not None else ""
    add("Lost writes", measured.lost_writes, run.count(measured.lost_writes), holding.LOST, acked)
    add("Detected in", measured.mttd_s, _span(measured.mttd_s), "")
    add("Mended in", measured.mttr_s, _span(measured.mttr_s), "")
    dose = checks.get(holding.DOSE)
    if dose is not None:
        ordered = f"of {value_words(dose.want, dose.unit)} ordered"
        got = dose.got if isinstance(dose.got, float | int) else None
        add("Dose", got, value_words(dose.got, dose.unit, 3), holding.DOSE, ordered)
    price = promised.budget_price
    of = f"of {value_words(price, 'ratio')} at most" if price is not None else ""
    add("Budget spent", measured.budget_spent, in_words(measured.budget_spent, "ratio"), holding.BUDGET, of)
    return found


def _within(span: float | None) -> str:
    return "" if span is None else f"{_span(span)} at most"


# --- checks


@dataclass(frozen=True, slots=True)
class CheckRow:
    name: str
    want: str
    got: str
    ok: bool | None

    @property
    def result(self) -> str:
        return run.RESULTS[self.ok]

    @property
    def kind(self) -> str:
        return run.LOOKS[self.ok]


def checks(report: ChaosReport) -> list[CheckRow]:
    """What is broken first, then what nobody knows, in the order of the plan."""
    rows = [_row(each) for each in report.story.checks.values()]
    return sorted(rows, key=lambda row: {False: 0, None: 1, True: 2}[row.ok])


def _row(check: Check) -> CheckRow:
    return CheckRow(check.name, in_words(check.want, check.unit), in_words(check.got, check.unit), check.ok)


def in_words(value: float | str | None, unit: str) -> str:
    """As of a check; no time at all has no unit that would mean anything, no share is written as 2e-05."""
    if isinstance(value, float | int):
        if value == 0 and unit == "s":
            return "0s"
        if unit == "ratio" and 0 < abs(value) < _SMALL:
            return f"<{_SMALL:.3%}"
    return value_words(value, unit, run.DIGITS)


# --- faults


@dataclass(frozen=True, slots=True)
class FaultRow:
    fault: Fault
    lasted: float
    end: str
    """How it ended, in words."""
    kind: str


def fault_row(report: ChaosReport, fault: Fault) -> FaultRow:
    until = fault.end if fault.end is not None else report.end
    if not fault.ok:
        return FaultRow(fault, until - fault.begin, "could not be undone", "bad")
    if fault.end is None:
        return FaultRow(fault, until - fault.begin, "still in", "bad")
    undo = "" if fault.undo_ready else ", no undo was ready"
    return FaultRow(fault, until - fault.begin, fault.how + undo, "good" if not undo else "warn")


# --- alerts


@dataclass(frozen=True, slots=True)
class AlertRow:
    """Times are seconds after the first fault, or after the run's start where there was none."""

    alert: Alert
    expected: str
    pending: float | None
    firing: float | None
    received: float | None
    resolved: float | None
    theory: str
    """How long it may stay pending, against how long it did."""
    kind: str


def alert_row(report: ChaosReport, alert: Alert) -> AlertRow:
    begin = report.first_fault or 0.0
    deadline = next(
        (each.within_s for each in report.criteria.expected_alerts if each.name == alert.name), None
    )
    fired = None if alert.firing is None else alert.firing - begin
    good: bool | None = None
    if deadline is not None:
        expected = f"within {seconds_words(deadline)}"
        good = fired is not None and fired <= deadline
    else:
        expected = {True: "yes", False: "no", None: NONE}[alert.expected]
        unwanted = alert.expected is False and fired is not None
        good = False if unwanted and report.criteria.unexpected_fail else None

    def after(t: float | None) -> float | None:
        return None if t is None else t - begin

    return AlertRow(
        alert,
        expected,
        after(alert.pending),
        fired,
        after(alert.received),
        after(alert.resolved),
        _theory(alert),
        {True: "good", False: "bad", None: ""}[good],
    )


def _theory(alert: Alert) -> str:
    if alert.took is None:
        return NONE
    against = "" if alert.theory is None else f" of {seconds_words(alert.theory)}"
    return f"{seconds_words(alert.took)}{against}"


# --- writes


def writes(found: WritesFound | None) -> list[tuple[str, str, str]]:
    """What, how many or whether, and how that looks; empty where no client kept a ledger."""
    if found is None:
        return []
    counted = [
        ("Acknowledged", found.acked, False),
        ("Acknowledged and lost", found.lost, True),
        ("There more than once", found.duplicated, True),
        ("Refused and there all the same", found.resurrected, True),
        ("Without an answer", found.unknown, False),
    ]
    rows = [(name, run.count(value), "bad" if harm and value else "") for name, value, harm in counted]
    told = [
        ("Another server took over", found.promoted, ""),
        ("Two servers took writes at once", found.split_brain, "yes"),
        ("Every copy is back", found.redundant, "no"),
    ]
    for name, value, bad in told:
        if value is not None:
            answer = "yes" if value else "no"
            rows.append((name, answer, "bad" if answer == bad else ""))
    return rows


# --- the rest


def promises(report: ChaosReport) -> list[tuple[str, str]]:
    """What the plan said beside its checks."""
    started = report.story.started
    if started is None:
        return []
    rows = [("Can be hurt", "; ".join(started.blast_radius)), ("Ends early on", "; ".join(started.guards))]
    rows += [(role.capitalize(), name) for role, name in started.people.items()]
    deadline = report.criteria.recovery_deadline_s
    rows.append(("Everything as before within", seconds_words(deadline) if deadline is not None else ""))
    rows.append(("Plan", started.plan_hash[:16]))
    return [row for row in rows if row[1]]


def happened(report: ChaosReport, told: Collection[str] = run.TOLD) -> list[LogLine]:
    """What is worth knowing beside the figures: of sources that are `told`; of probes what failed."""
    return [
        line
        for line in report.story.log
        if line.source in told or (line.source == "probe" and line.good is False)
    ][:_LINES]


_LINES: Final = 400
"""Told at most; the events hold the rest."""


def _span(seconds: float | None) -> str:
    """No time at all has no unit that would mean anything."""
    return "0s" if seconds == 0 else seconds_words(seconds)


def _after(value: float | None) -> str:
    """`+58s`, `−3s`."""
    if value is None:
        return NONE
    # A tenth of a second is more than the clocks of alerts tell.
    whole = f"{abs(value):.1f}".removesuffix(".0")
    words = f"{number_words(float(whole))}s" if abs(value) < 120 else seconds_words(abs(value))
    return f"{'−' if value < 0 else '+'}{words}"
