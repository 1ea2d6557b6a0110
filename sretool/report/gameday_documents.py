"""A game day for programs: one JSON document, or JUnit's XML with its claims, steps and experiments."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from sretool.core.analysis.score import Aspect
from sretool.core.runs import differences
from sretool.core.runs.model import Outcome
from sretool.report import chaos, chaos_documents, gameday, gameday_actions, release, run_documents
from sretool.report.run import word
from sretool.report.run_documents import Suite

if TYPE_CHECKING:
    from sretool.core.analysis.score import ServiceScore
    from sretool.core.runs.story import Firing, StepSpan
    from sretool.report.gameday_story import Child, GameDayReport


def document(report: GameDayReport) -> dict[str, Any]:
    """Ratios 0..1, seconds since the run began, and null where nothing is known."""
    started = report.story.started
    return chaos_documents.head(report) | {
        "measures": asdict(report.day) if report.day is not None else None,
        "people": dict(started.people) if started is not None else {},
        "steps": [_step(report, each) for each in report.steps],
        "faults": [
            {
                "fault": each.fault,
                "text": each.text,
                "target": each.target,
                "begin_s": each.begin,
                "end_s": each.end,
                "how": each.how or None,
                "undone": each.ok and each.end is not None,
            }
            for each in report.faults
        ],
        "alerts": [_firing(report, each) for each in report.story.firings],
        "answers": [
            {"role": each.role, "question": each.question, "answer": each.answer, "by": each.by, "t": each.t}
            for each in gameday.answers(report)
        ],
        "notes": [{"t": t, "kind": sort, "text": text} for t, sort, text in gameday.said(report)],
        "actions": [asdict(each) for each in gameday_actions.actions(report)],
        "recovery": [
            {
                "failure": each.failure,
                "rto_s": each.rto.total_seconds(),
                "rpo_s": each.rpo.total_seconds(),
                "strategy": each.strategy,
            }
            for each in report.recovery
        ],
        "scores": [_score(each) for each in report.scores],
        "release": release.document(report.release) if report.release is not None else None,
        "differences": [differences.document(each) for each in report.rounds.compared]
        if report.rounds is not None
        else None,
        "missing": list(report.missing),
        "slos": chaos_documents.slos(report),
        "log": chaos_documents.log(report),
    }


def _step(report: GameDayReport, of: StepSpan) -> dict[str, Any]:
    plan, ended, child = of.plan, of.ended, report.children.get(of.plan.id)
    return {
        "id": plan.id,
        "kind": plan.kind,
        "title": gameday.title(of, child),
        "hidden": plan.hidden,
        "begin_s": of.begin,
        "end_s": of.end,
        "outcome": ended.outcome.value if ended is not None else None,
        "why": gameday.why(of, child) or None,
        "undone": ended.undone if ended is not None else None,
        "run": _run(child) if child is not None else None,
    }


def _run(child: Child) -> dict[str, Any]:
    verdict, measures = child.verdict, child.record.measures
    of = child.criteria
    return {
        "id": child.record.id,
        "folder": child.folder,
        "verdict": {"outcome": verdict.outcome.value, "reason": verdict.reason} if verdict else None,
        "checks": [run_documents.check(each) for each in verdict.checks] if verdict is not None else [],
        "promised": {"rto_s": of.rto_s, "rpo_s": of.rpo_s, "budget_price": of.budget_price} if of else None,
        "measures": {
            name: value
            for part in (measures.load, measures.chaos)
            if part is not None
            for name, value in asdict(part).items()
        },
    }


def _firing(report: GameDayReport, of: Firing) -> dict[str, Any]:
    return {
        "name": of.name,
        "severity": of.severity,
        "step": report.step_of(of),
        "firing_s": report.seconds_of(of.at),
        "taken_s": report.seconds_of(of.taken_at),
        "taken_by": of.taken_by or None,
        "resolved_s": report.seconds_of(of.resolved_at),
    }


def _score(of: ServiceScore) -> dict[str, Any]:
    return {
        "service": of.service,
        "score": round(of.score, 3),
        "change": gameday.change(of),
        "parts": {each.value: round(of.part(each), 6) for each in Aspect},
        "game_days": [{"run": each.parent, "at": each.at, "score": round(each.score, 3)} for each in of.days],
    }


def junit(report: GameDayReport) -> str:
    """A suite of what was to hold, one of the steps, and one of each experiment's checks.

    A game day without a verdict to give (aborted, inconclusive, broken) is an error: nothing else in the file
    could make a pipeline stop for it.
    """
    record = report.record
    took = (record.ended - record.started).total_seconds() if record.ended is not None else report.end
    name = f"gameday.{record.title}"
    held = Suite.of(f"game day {record.title}", name, record.started, took)
    for check in report.story.checks.values():
        held.check(check, chaos.in_words)
    held.run(report.verdict, word(report), chaos.reason(report))
    steps = Suite.of("steps", f"{name}.steps", record.started, took)
    for each in report.steps:
        ended, child = each.ended, report.children.get(each.plan.id)
        outcome = ended.outcome if ended is not None else None
        ok = True if outcome is Outcome.PASSED else None if outcome in _OPEN else False
        said = gameday.why(each, child) or (outcome.value if outcome is not None else "not carried out")
        lasted = each.end - each.begin if each.begin is not None and each.end is not None else None
        steps.case(each.plan.id, ok, said, lasted)
    suites = [held, steps]
    for child in report.children.values():
        if child.verdict is None:
            continue
        own = child.record
        lasted = (own.ended - own.started).total_seconds() if own.ended is not None else 0.0
        suite = Suite.of(f"{own.kind.value} {own.title}", f"{name}.{child.step}", own.started, lasted)
        for check in child.verdict.checks:
            suite.check(check, chaos.in_words)
        suite.run(child.verdict, child.verdict.outcome.value, child.verdict.reason)
        suites.append(suite)
    return run_documents.junit(suites)


_OPEN: Final = (None, Outcome.INCONCLUSIVE)
