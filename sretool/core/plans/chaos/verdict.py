"""The verdict on an experiment, made of its events and of what was to hold, and of nothing else.

In this order:

1. `error`: a fault is still in, or the program that played the experiment failed.
2. `aborted`: a stop condition or a person ended it; everything is undone.
3. `inconclusive`: events are missing, the steady state was not there before, or the fault was not as ordered:
   what was measured says nothing about it.
4. `failed`: something that was to hold was measured, and does not.
5. `inconclusive`: something that was to hold could not be measured.
6. `passed`: everything that was to hold was measured, and holds.

A check is `ok` None where nobody knows; only True counts as held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos import budget, detection, dose, recovery, traffic
from sretool.core.plans.chaos import criteria as names
from sretool.core.plans.chaos.dose import DoseFound
from sretool.core.plans.chaos.recovery import writes
from sretool.core.plans.chaos.timeline import Timeline, finite
from sretool.core.runs import events
from sretool.core.runs.model import (
    ChaosMeasures,
    Check,
    Measures,
    Outcome,
    ServerMeasure,
    Verdict,
)
from sretool.core.runs.story import Story
from sretool.core.runs.words import value_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sretool.core.plans.chaos.criteria import Criteria
    from sretool.core.plans.chaos.detection import Detection
    from sretool.core.runs.events import RunEvent

PREMISES: Final = frozenset(
    {names.STEADY_BEFORE, names.FAULT_MADE, names.PROBES, names.DOSE, names.DOSE_BEFORE}
)
"""Checks without which the others say nothing."""
INCOMPLETE: Final = "the record of the run is not complete"
"""Reason of a verdict where events are missing."""


@dataclass(frozen=True, slots=True)
class _Found:
    timeline: Timeline
    detection: Detection
    dose: DoseFound


def judge(criteria: Criteria, happened: Sequence[RunEvent]) -> tuple[Verdict, Measures]:
    """`happened`: every event of the run, in whatever order; an event `Finished` says nothing here."""
    timeline = Timeline(criteria, happened)
    found = _Found(
        timeline,
        detection.detect(criteria, timeline),
        dose.measure(criteria.dose, timeline) if criteria.dose else DoseFound(),
    )
    checks = tuple(_checks(criteria, found))
    outcome, reason = _outcome(criteria, timeline, checks)
    return Verdict(outcome, reason, checks), _measures(criteria, found, happened)


def undone(verdict: Verdict) -> bool:
    """Whether everything is put back, as far as anybody can say."""
    return all(each.ok is True for each in verdict.checks if each.name == names.UNDONE)


# --- checks -------------------------------------------------------------------------------------------------


def _checks(of: Criteria, found: _Found) -> Iterator[Check]:
    timeline = found.timeline
    if of.asked_before:
        yield _steady("before", names.STEADY_BEFORE, timeline)
    if of.actions:
        yield _fault_made(of, timeline)
    if of.helpers:
        yield _helpers(of, timeline)
    if of.probes:
        yield _probes(of, timeline)
        yield from _wanted(of, timeline)
    if of.dose:
        yield from dose.checks(of.dose, found.dose)
    if of.max_targets is not None:
        yield _targets(of.max_targets, timeline)
    if of.asked_during:
        yield _steady("during", names.STEADY_DURING, timeline)
    if of.asked_after:
        yield _steady("after", names.STEADY_AFTER, timeline)
    yield from detection.checks(of, found.detection, timeline)
    yield from recovery.checks(of, found.detection, timeline)
    if of.budget_price is not None:
        yield budget.check(of, timeline)
    if of.actions:
        yield _undone(of, timeline)


def _steady(when: str, name: str, timeline: Timeline) -> Check:
    told = [(t, what.met) for t, what in timeline.of(events.SteadyState) if what.when == when]
    answers = {met for _, met in told}
    if False in answers:
        return Check(name, want="met", got="not met", ok=False)
    if not told or None in answers:
        return Check(name, want="met", got=None)
    on = timeline.fault_on
    inside = [t for t, _ in told if timeline.faults_in(t, t)]
    if when == "during" and on is not None and not inside:
        return Check(name, want="met", got="not asked while the fault was in")
    if (when == "before" and on is not None and min(t for t, _ in told) > on) or (
        when == "after" and on is not None and max(t for t, _ in told) < on
    ):
        return Check(name, want="met", got=f"not asked {when} the fault")
    return Check(name, want="met", got="met", ok=True)


def _fault_made(of: Criteria, timeline: Timeline) -> Check:
    wrong = _not_well("action", of.actions, timeline)
    if not wrong and timeline.fault_on is None:
        wrong = "no fault was made"
    return Check(names.FAULT_MADE, want="yes", got=wrong or "yes", ok=not wrong)


def _helpers(of: Criteria, timeline: Timeline) -> Check:
    wrong = _not_well("action", of.helpers, timeline)
    return Check(names.HELPERS, want="all", got=wrong or "all", ok=None if wrong else True)


def _probes(of: Criteria, timeline: Timeline) -> Check:
    wrong = _not_well("probe", of.probes, timeline)
    return Check(names.PROBES, want="all", got=wrong or "all", ok=None if wrong else True)


def _wanted(of: Criteria, timeline: Timeline) -> Iterator[Check]:
    """What the toolkit does not look at: it goes on whatever a probe of the method answers."""
    asked = [each for each in timeline.steps if each.what == "probe" and each.section == "method" and each.ok]
    wrong = sorted({each.name for each in asked if each.met is False})
    unknown = {each.name for each in asked if each.name in of.tolerated and each.met is None}
    if wrong:
        yield Check(names.WANTED, want="all", got=f"not: {', '.join(wrong)}", ok=False)
    elif unknown:
        yield Check(names.WANTED, want="all", got=f"not known: {', '.join(sorted(unknown))}")
    elif of.tolerated:
        yield Check(names.WANTED, want="all", got="all", ok=True)


def _not_well(what: str, wanted: Sequence[str], timeline: Timeline) -> str:
    """What of the method failed or is missing; empty where all went well."""
    ended = [
        each
        for each in timeline.steps
        if each.what == what and each.section == "method" and each.name in wanted
    ]
    failed = sorted({each.name for each in ended if not each.ok})
    if failed:
        return f"failed: {', '.join(failed)}"
    missing = _missing(wanted, [each.name for each in ended])
    return f"missing: {', '.join(missing)}" if missing else ""


def _missing(wanted: Sequence[str], there: Sequence[str]) -> list[str]:
    return sorted({name for name in wanted if list(there).count(name) < list(wanted).count(name)})


def _targets(most: int, timeline: Timeline) -> Check:
    hurt = {each.target for each in timeline.faults}
    got = len(hurt) if timeline.faults else None
    return Check(names.TARGETS, want=most, got=got, ok=None if got is None else got <= most)


def _undone(of: Criteria, timeline: Timeline) -> Check:
    left = sorted({each.text for each in timeline.faults if not each.undone})
    if left:
        return Check(names.UNDONE, want="all", got=f"still in: {', '.join(left)}", ok=False)
    if of.unknown and timeline.fault_on is not None:
        # No log knows how to undo these: the experiment's own rollbacks have to.
        played = [each for each in timeline.steps if each.section == "rollbacks"]
        failed = sorted({each.name for each in played if not each.ok})
        if failed:
            return Check(names.UNDONE, want="all", got=f"failed: {', '.join(failed)}", ok=False)
        missing = _missing(of.rollbacks, [each.name for each in played])
        if missing or not of.rollbacks:
            return Check(names.UNDONE, want="all", got=f"not played: {', '.join(missing) or 'no rollbacks'}")
    return Check(names.UNDONE, want="all", got="all", ok=True)


# --- outcome ------------------------------------------------------------------------------------------------


def _outcome(of: Criteria, timeline: Timeline, checks: Sequence[Check]) -> tuple[Outcome, str]:
    by_name = {each.name: each for each in checks}
    broken = [each for each in checks if each.ok is False]
    unknown = [each for each in checks if each.ok is None]
    error = _error(by_name, timeline)
    if error:
        return Outcome.ERROR, error
    stopped = _stopped(timeline)
    if stopped:
        return Outcome.ABORTED, stopped
    premises = [each for each in checks if each.name in PREMISES and each.ok is not True]
    if premises and premises[0].name == names.STEADY_BEFORE and timeline.fault_on is None:
        # The rest is missing because nothing was done.
        return Outcome.INCONCLUSIVE, f"no fault was made: {_said(premises[:1])}"
    if premises:
        besides = [each for each in broken if each.name not in PREMISES]
        also = f"; besides, {_said(besides)}" if besides else ""
        return Outcome.INCONCLUSIVE, f"it says nothing about this fault: {_said(premises)}{also}"
    if not timeline.complete:
        return Outcome.INCONCLUSIVE, INCOMPLETE
    if broken:
        return Outcome.FAILED, _said(broken)
    if unknown:
        return Outcome.INCONCLUSIVE, f"not measured: {_said(unknown)}"
    if not any(each.name not in (*PREMISES, names.UNDONE, names.WATCHED, names.TARGETS) for each in checks):
        return Outcome.INCONCLUSIVE, "nothing was to hold"
    if of.actions and of.dose is None:
        return Outcome.INCONCLUSIVE, "the experiment has no dose: whether the fault took effect is not known"
    return Outcome.PASSED, "everything that was to hold was measured, and holds"


def _error(checks: dict[str, Check], timeline: Timeline) -> str:
    left = checks.get(names.UNDONE)
    if left is not None and left.ok is False:
        return f"not everything is undone: {left.got}"
    after = checks.get(names.DOSE_AFTER)
    if after is not None and after.ok is False:
        return "the fault is still felt although it is undone"
    ended = timeline.last(events.RunnerEnded)
    if ended is None:
        return "the program that plays the experiment did not come to an end"
    _, what = ended
    said = f": {what.text}" if what.text else ""
    if what.status in ("completed", "interrupted"):
        return ""
    if what.status == "failed" and any(each.met is not True for _, each in timeline.of(events.SteadyState)):
        # What the toolkit says where a probe of the hypothesis failed.
        return ""
    if any(True for _ in timeline.of(events.GuardTripped)):
        return ""
    return f"the experiment ended as {what.status}{said}"


def _stopped(timeline: Timeline) -> str:
    for _, what in timeline.of(events.GuardTripped):
        # Who ended it by hand says so already.
        said = what.text.startswith(what.guard) or not what.text
        return (what.text or what.guard) if said else f"{what.guard}: {what.text}"
    ended = timeline.last(events.RunnerEnded)
    if ended is not None and ended[1].status == "interrupted":
        return ended[1].text or "interrupted"
    return ""


def _said(checks: Sequence[Check]) -> str:
    return ", ".join(_words(each) for each in checks)


def _words(check: Check) -> str:
    if check.got is None:
        return f"{check.name} unknown"
    return f"{check.name} {value_words(check.got, check.unit)} (wanted {value_words(check.want, check.unit)})"


# --- measures -----------------------------------------------------------------------------------------------


def _measures(of: Criteria, found: _Found, happened: Sequence[RunEvent]) -> Measures:
    timeline = found.timeline
    story = Story()
    story.take_all(each for each in happened if isinstance(each.what, events.LoadTick))
    account = writes(timeline)
    told = account[1] if account is not None else events.WritesFound()
    strength = found.dose.share(of.dose) if of.dose else None
    return Measures(
        load=story.load_measures(),
        chaos=ChaosMeasures(
            rto_s=recovery.rto_s(of, timeline),
            rpo_s=finite(told.rpo_s),
            lost_writes=told.lost,
            acked_writes=told.acked,
            duplicated_writes=told.duplicated,
            resurrected_writes=told.resurrected,
            unknown_writes=told.unknown,
            servers=tuple(
                ServerMeasure(each.name, each.acked_before, each.acked_after, each.first_ack_after_t)
                for each in told.servers
            ),
            mttd_s=detection.mttd_s(of, found.detection),
            mttr_s=recovery.mttr_s(of, found.detection, timeline),
            dose=strength,
            dose_before=found.dose.before,
            dose_during=found.dose.during,
            dose_after=found.dose.after,
            budget_spent=budget.spent(of, timeline),
            alerts=detection.measures(of, found.detection, timeline),
            traffic=traffic.measures(timeline),
        ),
    )
