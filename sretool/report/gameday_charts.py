"""The pictures of a game day: what was done when, what objectives and load did meanwhile, how scores went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from sretool.core.plans.gameday import claims
from sretool.core.plans.gameday.claims import Claims
from sretool.core.runs.model import Outcome
from sretool.core.runs.words import clock_words
from sretool.errors import UsageError
from sretool.report import chaos_charts
from sretool.report.chaos_charts import Lane, span
from sretool.report.gameday_story import ANSWERED
from sretool.report.plot import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sretool.core.analysis.score import ServiceScore
    from sretool.core.runs.story import StepSpan
    from sretool.report.chaos_story import Point, SloReading
    from sretool.report.gameday_story import GameDayReport

_SLOS: Final = 6
"""Objectives with a picture of their own, at most: those that suffered most."""
_LOADS: Final = ("load", "capacity")


def over_time(report: GameDayReport) -> list[Picture]:
    """Those that this day has figures for."""
    own = _indicators(report) if _of_objectives(report) else ()
    return [*own, *chaos_charts.over_time(report)]


def _of_objectives(report: GameDayReport) -> bool:
    """Whether they are worth a picture: a measurement is about its load, and keeps no catalog."""
    return report.rehearsal or bool(report.objectives)


def _indicators(report: GameDayReport) -> Iterator[Picture]:
    """Share of good events, one picture an objective, with what the catalog or a claim asks of it."""
    for slo in _moved(report)[:_SLOS]:
        points = _points(report, slo)
        known = [value for _, value in points if value is not None]
        limits = _claimed(report, slo)
        objective = report.objectives.get(slo)
        if objective is not None:
            limits.append((objective, f"objective {chaos_charts.percent(objective)}"))
        low = min([*known, *(bound for bound, _ in limits)])
        # A line along the edge could not be told from it.
        room = max((1 - low) * 0.08, 1e-4)
        title = f"Good events of {slo}"
        high, low = 1 + room, max(low - room, 0.0)
        plot = chaos_charts.over_run(report, title, high, chaos_charts.percent, low=low, height=90)
        # What is worst of neighbours is the lowest here.
        worst = [(t, None if value is None else -value) for t, value in points]
        drawn = [(t, None if value is None else -value) for t, value in chaos_charts.thinned(worst)]
        plot.line(drawn, "line", chaos_charts.gap(report, drawn))
        for bound, text in limits:
            plot.limit(bound, text)
        yield Picture(f"Good events: {slo}", plot.svg())


def _moved(report: GameDayReport) -> list[str]:
    """Objectives whose share of good events was not the same all the time; what spent most comes first."""
    spent = {
        slo: max((each.budget_spent for each in found if each.budget_spent is not None), default=0.0)
        for slo, found in report.slos.items()
        if len({value for _, value in _points(report, slo) if value is not None}) > 1
    }
    return sorted(spent, key=lambda slo: -spent[slo])


def left_out(report: GameDayReport) -> str:
    """Objectives without a picture, in words; empty: every one has its own, or none is to have one."""
    if not _of_objectives(report):
        return ""
    moved = _moved(report)
    silent = [slo for slo in report.slos if all(value is None for _, value in _points(report, slo))]
    still = [slo for slo in report.slos if slo not in (*moved, *silent)]
    told = [f"not drawn, as they spent less: {', '.join(moved[_SLOS:])}"] if moved[_SLOS:] else []
    told += [f"did not move: {', '.join(still)}"] if still else []
    told += [f"no data: {', '.join(silent)}"] if silent else []
    return "; ".join(told)


def _points(report: GameDayReport, slo: str) -> list[Point]:
    objective = report.objectives.get(slo)
    return [(each.t, _good(each, objective)) for each in report.slos[slo]]


def _good(reading: SloReading, objective: float | None) -> float | None:
    """Share of good events over the shortest window that alerts look at, as its burn rate tells it.

    Where the objective is not known: over the objective's own window, which hardly moves within a day.
    """
    if objective is None or reading.burn is None:
        return reading.sli
    return max(0.0, 1 - reading.burn * (1 - objective))


def _claimed(report: GameDayReport, slo: str) -> list[tuple[float, str]]:
    found = []
    for check in report.story.checks.values():
        try:
            claim = claims.parse(check.name)
        except UsageError:
            continue
        if claim.kind is Claims.SLI and claim.slo == slo and claim.bound is not None:
            found.append((claim.bound, check.name))
    return found


# --- what happened when


def lanes(report: GameDayReport) -> Markup | None:
    """Load, steps and people, then what experiments have, one row each."""
    return chaos_charts.drawn(report, [*_steps(report), *chaos_charts.happened(report), _marks(report)])


def _steps(report: GameDayReport) -> Iterator[Lane]:
    """Steps that go on beside others have a row of their own, and so have those that wait for somebody."""
    loads, steps, people = Lane("Load"), Lane("Steps"), Lane("People")
    for each in report.steps:
        if each.begin is None:
            continue
        end = each.end if each.end is not None else max(report.end, 1.0)
        lane = loads if each.plan.kind in _LOADS else people if each.plan.kind in ANSWERED else steps
        lane.bars.append((each.begin, end, _kind(each), _said(report, each, end)))
        if each.answer is not None:
            words = f"{clock_words(end)} {each.answer.by or each.plan.role}: {each.answer.answer}"
            people.points.append((end, "note", words))
    held = Lane("Held")
    for moment in report.held:
        end = moment.end if moment.end is not None else max(report.end, 1.0)
        held.bars.append((moment.begin, end, "silent", f"by {moment.state}\n{span(moment.begin, end)}"))
    yield from (loads, steps, people, held)


def _kind(step: StepSpan) -> str:
    return "phase" if step.ended is None or step.ended.outcome is Outcome.PASSED else "phase wrong"


def _said(report: GameDayReport, step: StepSpan, end: float) -> str:
    assert step.begin is not None
    child = report.children.get(step.plan.id)
    name = child.record.title if child is not None else step.plan.id
    outcome = f" {step.ended.outcome.value}" if step.ended is not None else ""
    # What went wrong is not told by a colour alone.
    name = f"✗ {name}" if _kind(step) != "phase" else name
    return f"{name}\n{span(step.begin, end)}{outcome}"


def _marks(report: GameDayReport) -> Lane:
    return Lane(
        "Marks",
        points=[(t, "other", f"{clock_words(t)} {text}") for t, sort, text in report.marks if sort == "mark"],
    )


# --- scores


def trend(score: ServiceScore) -> Markup | None:
    """The score after each game day, 0 to 100; None before the second."""
    points = [each.score for each in score.days[-_DAYS:]]
    return _spark(points) if len(points) > 1 else None


_DAYS: Final = 12
_WIDE: Final = 96
_HIGH: Final = 22


def _spark(points: Sequence[float]) -> Markup:
    step = (_WIDE - 8) / (len(points) - 1)
    placed = [
        (4 + step * number, _HIGH - 3 - (_HIGH - 6) * value / 100) for number, value in enumerate(points)
    ]
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    x, y = placed[-1]
    said = ", ".join(f"{value:.0f}" for value in points)
    return Markup(
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" class="spark"><title>{said}</title>'
        f'<polyline points="{drawn}" class="line"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" class="reading"/>'
        "</svg>"
    )
