"""A game day for people who were not there: one HTML page, or Markdown for a pull request.

What is to be known first stands on the first page: the verdict, what was to hold, how each experiment went
and what is to be done. Everything is told by the run's events and by those of its steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup
from markupsafe import escape as markup_escape

from sretool.core.analysis.score import Aspect
from sretool.core.plans.chaos import criteria as holding
from sretool.core.runs import differences
from sretool.core.runs.model import Outcome, RunKind, RunState
from sretool.core.runs.words import NONE, count_words, seconds_words, share_words, value_words
from sretool.report import chaos, gameday_actions, gameday_charts, release, run, templating
from sretool.report.gameday_story import ANSWERED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sretool.core.analysis.score import ServiceScore
    from sretool.core.runs.model import ChaosMeasures, Verdict
    from sretool.core.runs.story import Firing, StepSpan
    from sretool.report.gameday_story import Child, GameDayReport

_TOLD: Final = (*run.TOLD, "check")
ALREADY: Final = "already"
"""When a page was taken whose ack lasted from the time before."""


def html(report: GameDayReport, made_at: datetime, *, links: bool = False) -> str:
    """One page with its styles and pictures inside, without scripts, dark where the reader likes it dark.

    `links`: to the reports of its steps, for a page that lies in the run's folder.
    """
    section = release.html(report.release) if report.release is not None else None
    return _render("gameday.html.j2", report, made_at, escape=True, section=section, links=links)


def markdown(report: GameDayReport, made_at: datetime) -> str:
    """GitHub's Markdown."""
    section = release.markdown(report.release) if report.release is not None else ""
    return _render("gameday.md.j2", report, made_at, escape=False, section=section)


def _render(
    template: str,
    report: GameDayReport,
    made_at: datetime,
    *,
    escape: bool,
    section: Any,
    links: bool = False,
) -> str:
    # Trials of a search, or rounds, are compared with one another and not with what they promise.
    tried = report.experiments if report.rehearsal else []
    return templating.render(
        template,
        escape=escape,
        filters={
            **run.FILTERS,
            "count": run.count,
            "points": points_words,
            "coded": _coded,
        },
        functions={
            "pictures": gameday_charts.over_time,
            "left_out": gameday_charts.left_out,
            "lanes": gameday_charts.lanes,
            "trend": gameday_charts.trend,
            "change": change,
        },
        report=report,
        record=report.record,
        story=report.story,
        word=run.word(report),
        kind=run.kind(report),
        reason=chaos.reason(report),
        figures=figures(report),
        checks=chaos.checks(report),
        rehearsal=report.rehearsal,
        name=report.name,
        target=", ".join(report.hurt),
        differences=[differences.row(each) for each in report.rounds.compared] if report.rounds else [],
        pairs=report.rounds.pairs if report.rounds else 0,
        experiments=[experiment(report, each) for each in tried],
        others=[step(report, each) for each in report.steps if each not in tried],
        actions=list(gameday_actions.actions(report)),
        faults=[chaos.fault_row(report, each) for each in report.faults],
        alerts=alerts(report),
        answers=answers(report),
        said=said(report),
        recovery=recovery(report),
        scores=report.scores,
        promises=chaos.promises(report),
        happened=chaos.happened(report, _TOLD),
        unreadable=report.unreadable,
        release=section,
        links=links,
        heads=HEADS,
        aspects=list(Aspect),
        made_at=made_at,
    )


def _coded(text: str) -> Markup:
    """What stands between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(markup_escape(text))))


_CODE: Final = re.compile("`([^`]+)`")


# --- figures


def figures(report: GameDayReport) -> list[run.Figure]:
    """Those that a game day is compared by; what nobody measured has a dash."""
    day = report.day
    if day is None:
        return []
    budget = run.Figure("Budget", share_words(day.budget_spent), "spent, the worst")
    if not report.rehearsal:
        return [run.Figure("Faults made", run.count(day.experiments)), budget]
    if report.release is not None and not day.experiments:
        return [*release.figures(report.release), budget]
    passed = "" if day.experiments is None else f"of {day.experiments} experiments"
    pages = "" if not day.pages else f"{day.pages_acked or 0} of {day.pages} pages"
    faults = "the worst"
    of = "" if day.acked_writes is None else f"of {count_words(day.acked_writes)}"
    less = day.experiments is not None and (day.experiments_passed or 0) < day.experiments
    found = [
        ("Passed", run.count(day.experiments_passed), passed, "bad" if less else ""),
        ("RTO", _span(day.rto_s), faults, ""),
        ("RPO", _span(day.rpo_s), faults, ""),
        ("Lost writes", run.count(day.lost_writes), of, "bad" if day.lost_writes else ""),
        ("Detected in", _span(day.mttd_s), "mean", ""),
        ("Taken in", _span(day.mtta_s), pages or "mean", ""),
        ("Mended in", _span(day.mttr_s), "mean", ""),
        ("Budget", share_words(day.budget_spent), "spent, the worst", ""),
    ]
    if day.undone is False:
        found.append(("Undone", "no", "sretool chaos heal", "bad"))
    return [
        run.Figure(name, text, beside if text != NONE else "", kind) for name, text, beside, kind in found
    ]


def _span(seconds: float | None) -> str:
    """Means have no more digits than they mean."""
    if seconds is None:
        return NONE
    return "0s" if seconds == 0 else seconds_words(seconds, 3)


# --- steps


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    beside: str = ""
    """What was promised."""
    kind: str = ""
    """`good`, `bad`, or empty."""


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    step: StepSpan
    title: str
    word: str
    kind: str
    why: str
    child: Child | None
    cells: tuple[Cell, ...]
    """RTO, RPO, lost writes, detected, taken, mended, budget."""


HEADS: Final = ("RTO", "RPO", "Lost", "Detected", "Taken", "Mended", "Budget")


def experiment(report: GameDayReport, step: StepSpan) -> ExperimentRow:
    child = report.children.get(step.plan.id)
    measured = child.measures if child is not None else None
    if measured is None and step.ended is not None:
        measured = step.ended.chaos
    word, kind = _outcome(step, child)
    name = title(step, child)
    alike = [each for each in report.experiments if title(each, report.children.get(each.plan.id)) == name]
    return ExperimentRow(
        step,
        f"{step.plan.id}: {name}" if len(alike) > 1 else name,
        word,
        kind,
        why(step, child),
        child,
        tuple(_cells(report, step, child, measured)) if measured is not None else (),
    )


def title(step: StepSpan, child: Child | None) -> str:
    """Of a step that was hidden, what it turned out to be."""
    return child.record.title if child is not None else step.plan.title


def _outcome(step: StepSpan, child: Child | None) -> tuple[str, str]:
    """In a word, and how it looks."""
    if step.ended is not None:
        if not step.ended.undone:
            return "not undone", "bad"
        outcome = step.ended.outcome
        return outcome.value, run.look(outcome)
    if child is not None and child.record.state is RunState.LOST:
        return "broke off", "bad"
    return ("not over", "warn") if step.begin is not None else ("not begun", "warn")


def why(step: StepSpan, child: Child | None) -> str:
    """Empty where it went as it should."""
    verdict: Verdict | None = child.verdict if child is not None else None
    if verdict is not None and verdict.outcome is not Outcome.PASSED:
        return verdict.reason
    return step.ended.why if step.ended is not None else ""


def _cells(
    report: GameDayReport, step: StepSpan, child: Child | None, measured: ChaosMeasures
) -> Iterator[Cell]:
    verdict = child.verdict if child is not None else None
    checks = {each.name: each.ok for each in verdict.checks} if verdict is not None else {}
    of = child.criteria if child is not None else None

    def cell(text: str, check: str, promised: float | None = None) -> Cell:
        kind = "good" if checks.get(check) else "bad" if checks.get(check) is False else ""
        return Cell(text, "" if promised is None else f"of {_span(promised)}", kind)

    yield cell(_span(measured.rto_s), holding.RTO, of.rto_s if of is not None else None)
    yield cell(_span(measured.rpo_s), holding.RPO, of.rpo_s if of is not None else None)
    yield cell(run.count(measured.lost_writes), holding.LOST)
    yield _detected(of.expected_alerts if of is not None else (), checks, measured)
    yield _taken(report, step)
    yield cell(_span(measured.mttr_s), holding.RECOVERED, of.recovery_deadline_s if of is not None else None)
    price = of.budget_price if of is not None else None
    spent = cell(share_words(measured.budget_spent), holding.BUDGET)
    yield Cell(spent.text, "" if price is None else f"of {value_words(price, 'ratio')}", spent.kind)


def _detected(
    expected: tuple[holding.AlertCriterion, ...], checks: dict[str, bool | None], measured: ChaosMeasures
) -> Cell:
    """Against the shortest of the promises."""
    found = {checks.get(holding.alert_check(each.name)) for each in expected}
    kind = "" if not found else "bad" if False in found else "" if None in found else "good"
    within = min((each.within_s for each in expected), default=None)
    return Cell(_span(measured.mttd_s), "" if within is None else f"of {_span(within)}", kind)


def _taken(report: GameDayReport, step: StepSpan) -> Cell:
    """From a page of its faults to whoever takes it."""
    pages = [each for each in report.story.firings if report.is_page(each)]
    return _taken_of(report, [each for each in pages if report.step_of(each) == step.plan.id])


def _taken_of(report: GameDayReport, firings: list[Firing]) -> Cell:
    """Of a measurement nobody is to take anything."""
    taken = [(each.taken_at - each.at).total_seconds() for each in firings if each.taken_at is not None]
    if taken:
        by = sorted({each.taken_by for each in firings if each.taken_by})
        # An ack may be older than what it holds back: it was for the time before.
        since = [each for each in taken if each >= 0]
        text = _span(sum(since) / len(since)) if since else ALREADY
        return Cell(text, f"by {', '.join(by)}" if by else "")
    pages = [each for each in firings if report.is_page(each)]
    if not report.rehearsal or not pages:
        return Cell(NONE)
    if any(map(report.missed, pages)):
        return Cell("nobody", kind="bad")
    # It was over before anybody had to.
    return Cell("nobody", f"over in {_span(max(map(report.lasted, pages)))}")


@dataclass(frozen=True, slots=True)
class StepRow:
    step: StepSpan
    title: str
    word: str
    kind: str
    why: str
    lasted: float | None
    child: Child | None


def step(report: GameDayReport, of: StepSpan) -> StepRow:
    child = report.children.get(of.plan.id)
    word, kind = _outcome(of, child)
    if of.plan.noted and kind == "bad":
        word, kind = f"{word}, only noted", "warn"
    lasted = None if of.begin is None else (of.end if of.end is not None else report.end) - of.begin
    # A load that its steps were over before is ended, and that is as it should be.
    passed = of.ended is not None and of.ended.outcome is Outcome.PASSED
    said = _result(child) if passed else why(of, child)
    faults = [each.text for each in report.faults if each.fault.partition("/")[0] == of.plan.id]
    # What nobody planned has no other name than its id.
    what = ", ".join(faults) if of.plan.title == of.plan.id and faults else of.plan.title
    return StepRow(of, what, word, kind, said, lasted, child)


def _result(child: Child | None) -> str:
    """What its run came to, where a word is not all."""
    if child is None:
        return ""
    load = child.record.measures.load
    if load is None or not load.requests or child.record.kind is not RunKind.LOAD:
        # Searches and rounds say what they found.
        found = child.verdict if child.record.kind in (RunKind.GAMEDAY, RunKind.CAPACITY) else None
        return found.reason if found is not None else ""
    failed = share_words((load.failures or 0) / load.requests)
    return f"{count_words(load.requests)} requests, {failed} failed, p99 {_span(load.p99_s)}"


# --- who noticed, who said what


@dataclass(frozen=True, slots=True)
class AlertRow:
    tag: str
    name: str
    severity: str
    step: str
    many: int
    """How often it fired."""
    fired: float
    """The first time."""
    after: float | None
    """Seconds after the newest fault before it."""
    taken: Cell
    resolved: float | None
    """Seconds from the first time until it was over the last time; None: it still fires."""


def alerts(report: GameDayReport) -> list[AlertRow]:
    """Each alert that fired, once for each step whose fault was the newest then."""
    groups: dict[tuple[str, str | None, str | None], list[Firing]] = {}
    for each in report.story.firings:
        groups.setdefault((each.name, each.severity, report.step_of(each)), []).append(each)
    rows = []
    for (name, severity, during), firings in groups.items():
        first = min(firings, key=lambda each: each.at)
        faults = [fault.on_at for fault in report.story.faults.values() if fault.on_at <= first.at]
        over = [each.resolved_at for each in firings]
        known = report.alerts.get(name)
        rows.append(
            AlertRow(
                known.tag if known is not None else "",
                name,
                severity or "",
                during or "",
                len(firings),
                report.seconds(first),
                (first.at - max(faults)).total_seconds() if faults else None,
                _taken_of(report, firings),
                None if None in over else max((each - first.at).total_seconds() for each in over if each),
            )
        )
    return rows


@dataclass(frozen=True, slots=True)
class AnswerRow:
    t: float | None
    """Of the answer."""
    role: str
    question: str
    answer: str
    by: str
    took: float | None
    """Seconds to the answer."""
    kind: str


def answers(report: GameDayReport) -> list[AnswerRow]:
    """Every question that was asked."""
    rows = []
    for each in report.steps:
        if each.plan.kind not in ANSWERED and each.asked is None:
            continue
        if each.begin is None:
            continue
        question = each.asked.question if each.asked is not None else each.plan.title
        answer = each.answer.answer if each.answer is not None else "no answer"
        outcome = each.ended.outcome if each.ended is not None else None
        kind = "warn" if each.answer is None else "bad" if outcome is Outcome.FAILED else ""
        at = each.end if each.answer is not None else None
        rows.append(
            AnswerRow(
                at,
                each.plan.role,
                question,
                answer,
                each.answer.by if each.answer is not None else "",
                None if at is None else at - each.begin,
                kind,
            )
        )
    return rows


def said(report: GameDayReport) -> list[tuple[float, str, str]]:
    """Notes and marks: when, which of both, in words."""
    return sorted(each for each in report.marks if each[1] in ("note", "mark"))


# --- recovery objectives


@dataclass(frozen=True, slots=True)
class RecoveryRow:
    failure: str
    rto: Cell
    rpo: Cell
    tried: str
    """Experiments of this day that promise just that."""
    kind: str


def recovery(report: GameDayReport) -> list[RecoveryRow]:
    """What the catalog promises for each kind of failure, against what the experiments for it measured.

    An experiment stands for the kind of failure whose RTO and RPO it promises.
    """
    rows = []
    for each in report.recovery if report.experiments else ():
        rto, rpo = each.rto.total_seconds(), each.rpo.total_seconds()
        tried = [
            child
            for child in report.children.values()
            if child.criteria is not None and (child.criteria.rto_s, child.criteria.rpo_s) == (rto, rpo)
        ]
        rtos = [child.measures.rto_s if child.measures is not None else None for child in tried]
        rpos = [child.measures.rpo_s if child.measures is not None else None for child in tried]
        names = ", ".join(child.record.title for child in tried)
        cells = _worst(rtos, rto), _worst(rpos, rpo)
        kind = "" if not tried else "bad" if any(cell.kind == "bad" for cell in cells) else "good"
        rows.append(RecoveryRow(each.failure, *cells, names or "not tried", kind))
    return rows


def _worst(measured: list[float | None], most: float) -> Cell:
    """None of them counts as kept where one was not measured."""
    known = [each for each in measured if each is not None]
    beside = f"of {_span(most)}"
    if not known:
        return Cell(NONE, beside, "bad" if measured else "")
    worst = max(known)
    kept = worst <= most and len(known) == len(measured)
    return Cell(_span(worst), beside, "good" if kept else "bad")


# --- the rest


def points_words(score: float) -> str:
    """Never 100 where it is not all."""
    return "100" if score >= 100 else f"{min(score, 99.9):.1f}"


def change(score: ServiceScore) -> float | None:
    """From the game day before to the last; None: there are not two."""
    days = score.days
    return days[-1].score - days[-2].score if len(days) > 1 else None
