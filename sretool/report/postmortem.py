"""A draft of a post-mortem for a run that did not pass: all that its events know, and places for the rest.

Figures come from events only. What people must find out or decide stands in `_italics, as a question?_`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos import criteria as holding
from sretool.core.plans.chaos import verdict
from sretool.core.runs import events
from sretool.core.runs.model import Outcome
from sretool.core.runs.words import (
    clock_words,
    count_words,
    seconds_words,
    share_words,
    value_words,
)
from sretool.report import chaos, templating

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import Check
    from sretool.report.chaos_story import Alert, ChaosReport

_PREFIX: Final = "alert "
_RECEIVED: Final = " received"


def needed(outcome: Outcome | None) -> bool:
    """Whether there is anything to write about; None: the run broke off."""
    return outcome is not Outcome.PASSED


_OF_EXPERIMENT: Final = verdict.PREMISES | {
    holding.HELPERS,
    holding.WATCHED,
    holding.TARGETS,
    holding.DOSE_AFTER,
}
"""Checks on how the exercise was done: where they hold, nothing of the service went well."""

_WHO: Final = {"act": "fault", "hum": "person", "proc": "process", "sig": "signal"}
"""Who says a line of the log, where its short name says little."""


@dataclass(slots=True)
class Requests:
    """What clients asked, before the first fault and since."""

    before: int = 0
    failed_before: int = 0
    since: int = 0
    failed_since: int = 0

    @classmethod
    def of(cls, happened: Iterable[RunEvent]) -> Requests:
        """`happened`: in the order of their time."""
        found, fault = cls(), False
        for event in happened:
            match event.what:
                case events.FaultOn():
                    fault = True
                case events.LoadTick(requests=ticks):
                    asked, failed = sum(each.requests for each in ticks), sum(each.failures for each in ticks)
                    if fault:
                        found.since += asked
                        found.failed_since += failed
                    else:
                        found.before += asked
                        found.failed_before += failed
                case _:
                    pass
        return found


@dataclass(frozen=True, slots=True)
class Action:
    text: str
    kind: str
    """`detect`, `recover`, `prevent`, `measure`."""
    check: str
    """Why."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the events know, in sentences."""

    detection: tuple[str, ...]
    recovery: tuple[str, ...]
    actions: tuple[Action, ...]
    wrong: tuple[str, ...] = ()
    """Beside the checks that are broken."""
    well: tuple[str, ...] = ()


def markdown(
    report: ChaosReport, requests: Requests, made_at: datetime, findings: Findings | None = None
) -> str:
    """GitHub's Markdown. `findings`: where they are not those of a single experiment."""
    rows = chaos.checks(report)
    found = findings or Findings(tuple(detection(report)), tuple(recovery(report)), tuple(actions(report)))
    return templating.render(
        "postmortem.md.j2",
        escape=False,
        filters={"clock": clock_words, "moment": _moment, "time": _time},
        functions={},
        report=report,
        record=report.record,
        story=report.story,
        word=chaos.word(report),
        reason=chaos.reason(report),
        people=report.story.started.people if report.story.started is not None else {},
        impact=list(impact(report, requests)),
        timeline=[(line, _since(report, line.t)) for line in chaos.happened(report)],
        found=found,
        broken=[(row, report.story.explained.get(row.name, "")) for row in rows if row.ok is False],
        unknown=[row for row in rows if row.ok is None],
        held=[row for row in rows if row.ok and row.name not in _OF_EXPERIMENT],
        who=_WHO,
        unreadable=report.unreadable,
        made_at=made_at,
    )


# --- what the events know ---------------------------------------------------------------------------------


def impact(report: ChaosReport, requests: Requests) -> Iterator[str]:
    """One sentence each; none where nothing was measured."""
    asked, failed = requests.since, requests.failed_since
    if report.first_fault is None:
        asked, failed = requests.before, requests.failed_before
    if asked:
        since = "" if report.first_fault is None else " since the first fault"
        before = ""
        if report.first_fault is not None and requests.before:
            before = f" (before: {share_words(requests.failed_before / requests.before)})"
        yield (
            f"{count_words(failed)} of {count_words(asked)} requests failed{since},"
            f" {share_words(failed / asked)}{before}."
        )
    writes = report.story.writes
    if writes is not None and writes.lost is not None and writes.acked is not None:
        yield f"{count_words(writes.lost)} of {count_words(writes.acked)} acknowledged writes were lost."
    for slo, readings in sorted(report.slos.items()):
        spent = [each.budget_spent for each in readings if each.budget_spent is not None]
        burns = [each.burn for each in readings if each.burn is not None]
        if spent or burns:
            said = [f"{share_words(spent[-1])} of its error budget was spent"] if spent else []
            said += [f"it burned up to {max(burns):.1f} times as fast as it may"] if burns else []
            yield f"{slo}: {', '.join(said)}."


def detection(report: ChaosReport) -> Iterator[str]:
    measured = report.measures
    for alert in report.alerts.values():
        yield of_alert(report, alert)
    never = {each.name for each in report.criteria.expected_alerts} - report.alerts.keys()
    for name in sorted(never):
        yield f"{name} was expected and never came."
    yield from silent(report)
    if measured is not None and measured.mttd_s is not None:
        took = seconds_words(measured.mttd_s, 3)
        yield f"Time to detection: {took} from the fault to the first alert for it."
    acked = [
        t - alert.firing
        for alert in report.alerts.values()
        for t, words in alert.others
        if alert.firing is not None and words.startswith("acknowledged") and t >= alert.firing
    ]
    if acked:
        yield f"Time to acknowledgement: {seconds_words(min(acked), 3)} from firing to the first one."


def of_alert(report: ChaosReport, alert: Alert) -> str:
    row = chaos.alert_row(report, alert)
    expected = f"expected {row.expected}" if row.expected.startswith("within") else ""
    expected = expected or ("not expected" if alert.expected is False else "")
    when = "was pending and did not fire" if row.firing is None else f"fired {_after(report, row.firing)}"
    beside = [f"Alertmanager got it {_after(report, row.received)}"] if row.received is not None else []
    begin = report.first_fault or 0.0
    beside += [f"{words} {_after(report, t - begin)}" for t, words in alert.others]
    beside += [f"resolved {_after(report, row.resolved)}"] if row.resolved is not None else []
    if row.firing is not None and row.resolved is None:
        beside.append("still firing at the end")
    told = f" ({expected})" if expected else ""
    return f"{', '.join([f'{alert.name}{told} {when}', *beside])}."


def silent(report: ChaosReport) -> Iterator[str]:
    for source in sorted({each.state for each in report.silent}):
        yield f"{source} did not answer all the time: what it did not say may have happened all the same."


def faults(report: ChaosReport) -> Iterator[str]:
    for fault in report.faults:
        end = chaos.fault_row(report, fault)
        yield f"{fault.text}: in for {seconds_words(end.lasted, 3)}, {end.end}."


def recovery(report: ChaosReport) -> Iterator[str]:
    yield from faults(report)
    measured, promised = report.measures, report.criteria
    if measured is None:
        return
    for name, got, want in (
        ("RTO", measured.rto_s, promised.rto_s),
        ("RPO", measured.rpo_s, promised.rpo_s),
        ("Everything as before", measured.mttr_s, None),
    ):
        if got is not None or want is not None:
            of = "" if want is None else f" ({seconds_words(want) if want else '0s'} promised)"
            words = "not measured" if got is None else seconds_words(got, 3) if got else "0s"
            yield f"{name}: {words}{of}."


def actions(report: ChaosReport) -> Iterator[Action]:
    """One for each thing that did not hold, then for what nobody could tell."""
    checks = report.story.checks.values()
    yield from (mend(each) for each in checks if each.ok is False)
    over = report.verdict is not None
    yield from (
        Action(f"Have “{each.name}” measured", "measure", f"{each.name} is not known")
        for each in checks
        if each.ok is None and over
    )
    for fault in report.faults:
        if not fault.undo_ready:
            yield Action(
                f"Have the undo of {fault.text} ready before it is made", "prevent", "no undo was ready"
            )
    if not over:
        yield Action("Find out why the program that ran it ended", "measure", "the run broke off")


def mend(check: Check) -> Action:
    """What to do where it is broken."""
    got, want = chaos.in_words(check.got, check.unit), chaos.in_words(check.want, check.unit)
    why = f"{check.name}: {got}, wanted {want}"
    name = check.name
    if name.startswith(_PREFIX) and name.endswith(_RECEIVED):
        alert = name.removeprefix(_PREFIX).removesuffix(_RECEIVED)
        return Action(f"Find out why {alert} reached nobody: routes, silences, Alertmanager", "detect", why)
    if name.startswith(_PREFIX) and name != holding.RESOLVED:
        alert = name.removeprefix(_PREFIX)
        return Action(f"Have {alert} fire within {want}: expression, `for`, interval", "detect", why)
    found = _MENDED.get(name)
    if found is None:
        return Action(f"Make “{name}” hold: {got} now, {want} wanted", "prevent", why)
    text, kind = found
    return Action(text.format(got=got, want=want), kind, why)


_MENDED: Final = {
    holding.RTO: ("Bring the time to recovery from {got} to {want}", "recover"),
    holding.RPO: ("Bring the age of what is lost from {got} to {want}", "prevent"),
    holding.LOST: ("Find out where {got} acknowledged writes went, and keep them", "prevent"),
    holding.DUPLICATED: ("Make writes that are sent again count once ({got} were there twice)", "prevent"),
    holding.RESURRECTED: ("Find out why {got} refused writes are there", "prevent"),
    holding.ONE_PRIMARY: ("Fence the old primary, so that two never take writes at once", "prevent"),
    holding.REDUNDANCY: ("Have every copy come back by itself", "recover"),
    holding.RECOVERED: ("Have everything as before within {want}", "recover"),
    holding.RESOLVED: ("Find out what kept alerts firing: {got}", "recover"),
    holding.UNEXPECTED: ("Decide of {got}: expect it in the plan, or mend what it told of", "detect"),
    holding.BUDGET: ("Bring the price in error budget from {got} to {want}", "prevent"),
    holding.UNDONE: ("Undo what is left (`sretool chaos heal`) and find out why: {got}", "recover"),
    holding.DOSE_AFTER: ("Find out why the fault is still felt although it is undone", "recover"),
    holding.DOSE: ("Make the fault as strong as ordered ({got}, not {want})", "measure"),
    holding.DOSE_BEFORE: ("Find out why the fault was felt before it was made", "measure"),
    holding.FAULT_MADE: ("Repair the experiment: {got}", "measure"),
    holding.TARGETS: ("Keep the experiment to {want} targets", "prevent"),
    holding.STEADY_BEFORE: ("Bring the service into its steady state before the next attempt", "prevent"),
    holding.STEADY_DURING: ("Have the service keep its steady state while the fault is in", "prevent"),
    holding.STEADY_AFTER: ("Have the service come back to its steady state", "recover"),
}
"""What to do where a check is broken, in the words of its figures, and of which kind that is."""


# --- words ------------------------------------------------------------------------------------------------


def _after(report: ChaosReport, seconds: float | None) -> str:
    """`26s after the fault`."""
    if seconds is None:
        return value_words(None, "s")
    whole = round(abs(seconds), 1)
    of = "the fault" if report.first_fault is not None else "the start"
    return f"{seconds_words(whole, 3) if whole else '0s'} {'before' if seconds < 0 else 'after'} {of}"


def _since(report: ChaosReport, t: float) -> str:
    since = report.since_fault(t)
    if since is None:
        return ""
    whole = round(since)
    return f"{'−' if whole < 0 else '+'}{clock_words(abs(whole))}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _time(at: datetime) -> str:
    return f"{at:%H:%M:%S}"
