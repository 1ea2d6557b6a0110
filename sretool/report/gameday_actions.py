"""What is to be done after a game day: one item for each thing that did not hold, and what people said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sretool.core.plans.gameday import claims, judge
from sretool.core.plans.gameday.claims import Claims
from sretool.core.runs.model import Outcome, RunKind, RunState
from sretool.errors import UsageError
from sretool.report import chaos, release
from sretool.report.gameday_story import ANSWERED
from sretool.report.postmortem import Action, mend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.core.runs.model import Check
    from sretool.core.runs.story import StepSpan
    from sretool.report.gameday_story import Child, GameDayReport

ACTIONS: Final = "actions"
"""A question whose step is called so asks for items of this list."""
_OF_STEPS: Final = (Claims.EXPERIMENTS, Claims.LOADS, Claims.CHECKS)
"""Claims that say no more than the steps themselves."""
_OF_EXPERIMENTS: Final = {
    Claims.DETECTED: "detect",
    Claims.RECOVERED: "recover",
    Claims.LOST_WRITES: "prevent",
}
"""Claims that an experiment may break by itself already, and of which kind its items then are."""


def actions(report: GameDayReport) -> Iterator[Action]:
    """What is worst first: a fault that is still in, guards, experiments, claims, what people said."""
    for fault in report.faults:
        left = fault.end is None and report.record.state is not RunState.RUNNING
        if not fault.ok or left:
            yield Action(f"Undo {fault.text} (`sretool chaos heal`), and find out why it stayed", "recover",
                         f"{fault.fault} is still in")  # fmt: skip
    if not report.rehearsal:
        return
    yield from _of_guards(report)
    broken: set[str] = set()
    for each in report.experiments:
        child = report.children.get(each.plan.id)
        for item in _of_experiment(each, child):
            broken.add(item.kind)
            yield item
    for check in report.story.checks.values():
        yield from _of_claim(report, check, broken)
    if report.release is not None:
        yield from release.actions(report.release)
    for name in _untaken(report):
        yield Action(
            f"Find out why nobody took {name}", "detect", f"{name} fired, and nobody acknowledged it"
        )
    for each in report.steps:
        yield from _of_step(report, each)


def _untaken(report: GameDayReport) -> list[str]:
    """Pages that stayed and that nobody took, nor another one of the same alert during the same step."""
    pages = [(each, report.step_of(each)) for each in report.story.firings if report.is_page(each)]
    taken = {(each.name, step) for each, step in pages if each.taken_at is not None}
    missed = {(each.name, step) for each, step in pages if report.missed(each)}
    return sorted({name for name, _ in missed - taken})


def _of_guards(report: GameDayReport) -> Iterator[Action]:
    """What a guard has ended it for; nothing where somebody wanted its end."""
    steps = {each.plan.id for each in report.steps}
    for _, sort, text in report.marks:
        guard, _, said = text.partition(": ")
        if sort != "guard" or guard in steps or guard in (judge.INTERRUPTED, _STOP_FILE):
            continue
        if guard.startswith(judge.BLIND):
            yield Action("Find out why nobody could see what happened", "measure", said or guard)
        elif guard == judge.LOAD:
            yield Action("Find out where the load has gone", "measure", said)
        else:
            yield Action(f"Find out what went beyond “{guard}”", "prevent", said or guard)


_STOP_FILE: Final = "stop file"
"""Guard of a game day that somebody ended for the whole machine."""


def _of_experiment(step: StepSpan, child: Child | None) -> Iterator[Action]:
    if child is None or child.verdict is None:
        going = child is not None and child.record.state is RunState.RUNNING
        if step.begin is not None and not going and (step.end is not None or child is not None):
            what = f"Find out why {step.plan.id} broke off, and try it again"
            yield Action(what, "measure", f"{step.plan.id} has no verdict")
        return
    verdict, name = child.verdict, child.record.title
    if verdict.outcome is Outcome.PASSED:
        return
    if verdict.outcome is Outcome.ABORTED:
        # What was not measured because it was ended says nothing.
        yield Action(f"Try it again: {name}", "measure", f"{name}: {verdict.reason}")
        return
    wrong = [each for each in verdict.checks if each.ok is False]
    for each in wrong:
        item = mend(each)
        yield Action(item.text, item.kind, f"{name}: {item.check}")
    if not wrong:
        yield Action(f"Have {name} measured, and try it again", "measure", f"{name}: {verdict.reason}")


def _of_claim(report: GameDayReport, check: Check, broken: set[str]) -> Iterator[Action]:
    if check.ok:
        return
    try:
        claim = claims.parse(check.name)
    except UsageError:
        # A condition of the release.
        return
    if claim.kind in _OF_STEPS or _OF_EXPERIMENTS.get(claim.kind) in broken:
        return
    got, want = chaos.in_words(check.got, check.unit), chaos.in_words(check.want, check.unit)
    if check.ok is None:
        if report.verdict is not None:
            yield Action(f"Have “{check.name}” measured", "measure", f"{check.name} is not known")
        return
    why = f"{check.name}: {got}"
    match claim.kind:
        case Claims.ACKED:
            yield Action(f"Have pages taken within {want}: {got} now", "detect", why)
        case Claims.NO_PAGE:
            names = sorted({each.name for each in report.story.firings if each.resolved_at is None})
            yield Action(f"Find out what keeps {', '.join(names) or 'a page'} firing", "recover", why)
        case Claims.UNDONE:
            if all(fault.ok and fault.end is not None for fault in report.faults):
                yield Action(f"Undo what is left (`sretool chaos heal`): {got}", "recover", why)
        case _:
            yield Action(f"Make “{check.name}” hold: {got} now", "prevent", why)


def _of_step(report: GameDayReport, step: StepSpan) -> Iterator[Action]:
    ended = step.ended
    if ended is None or step in report.experiments:
        return
    said, child = step.answer, report.children.get(step.plan.id)
    if step.plan.kind == "ask" and step.plan.id == ACTIONS and said is not None:
        yield Action(said.answer, "agreed", f"said by {said.by or step.plan.role}")
    elif step.plan.kind == "check" and ended.outcome is Outcome.FAILED:
        that = step.asked.question if step.asked is not None else step.plan.title
        by = said.by if said is not None and said.by else step.plan.role
        yield Action(f"Make it so: {that}", "prevent", f"{by} answered no")
    elif step.plan.kind in ANSWERED and said is None and ended.outcome is Outcome.INCONCLUSIVE:
        yield Action(f"Ask {step.plan.role} again: {step.plan.title}", "measure", "there was no answer")
    elif step.plan.kind == "wait for" and ended.outcome is Outcome.FAILED:
        yield Action(f"Find out why it was not so in time: {step.plan.title}", "recover", ended.why)
    elif child is not None and child.record.kind is RunKind.LOAD and ended.outcome is Outcome.FAILED:
        wrong = [each for each in (child.verdict.checks if child.verdict else ()) if each.ok is False]
        for each in wrong:
            item = mend(each)
            yield Action(item.text, "prevent", f"{child.record.title}: {item.check}")
