"""`sretool runs compare` of two game days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from sretool.cli import diagnostics, output
from sretool.cli.load_compare import markdown
from sretool.errors import UsageError

if TYPE_CHECKING:
    from sretool.adapters.store.runs import StoredRun
    from sretool.core.plans.gameday.compare import Comparison, Day, Relevant, Row
    from sretool.report.gameday_story import GameDayReport

_HEAD: Final = ("OF", "MEASURE", "BEFORE", "AFTER", "VERDICT")


def compare(
    before: StoredRun, after: StoredRun, relevant: Relevant, *, any_plan: bool, output_format: str
) -> int:
    """Says it, and gives the exit code. UsageError where one is still going on."""
    from sretool.cli import gameday_reports
    from sretool.core.analysis.compare import Change
    from sretool.core.plans.gameday.compare import compare as compared
    from sretool.core.runs.model import RunState

    reports = []
    for run in (before, after):
        if run.record.state is RunState.RUNNING:
            raise UsageError(f"run {run.record.id} is not over yet", remedy="wait for its end, or stop it")
        report = gameday_reports.told(run.folder, run.record)[0]
        if not report.rehearsal:
            raise UsageError(
                f"{run.record.id} ({run.record.title}) measures a fault, and is no game day to compare",
                remedy=f"`sretool runs report {run.record.id}` tells what it found",
            )
        reports.append(report)
    found = compared(_day(reports[0]), _day(reports[1]), relevant)
    other = None
    if before.record.title != after.record.title and not any_plan:
        other = (
            f"not the same game day: {before.record.title} before, {after.record.title} after (--any-load)"
        )
    verdict = Change.UNCLEAR if other is not None else found.verdict
    reason = other or _reason(found)
    notes = [*found.notes, *_changed(reports[0], reports[1])]
    if output_format == "json":
        output.write_json(
            {
                "before": {"run": before.record.id, "baseline": None, "folder": before.folder},
                "after": {"run": after.record.id, "folder": after.folder},
                "verdict": verdict.value,
                "reason": reason,
                "rows": [_as_json(row) for row in found.rows],
                "notes": notes,
            }
        )
    else:
        names = before.record.id, after.record.id
        if output_format == "md":
            lines = markdown(names, verdict.value, reason, _HEAD, _cells(found), notes)
        else:
            lines = _text(names, verdict.value, reason, found, notes)
        for line in lines:
            click.echo(output.plain(line))
    codes = {Change.WORSE: diagnostics.FAILED, Change.UNCLEAR: diagnostics.NO_DATA}
    return codes.get(verdict, diagnostics.OK)


def _day(report: GameDayReport) -> Day:
    from sretool.core.plans.gameday.compare import Day, Tried

    verdict = report.verdict
    tried = {}
    for step in report.experiments:
        child, ended = report.children.get(step.plan.id), step.ended
        measures = child.measures if child is not None else ended.chaos if ended is not None else None
        title = child.record.title if child is not None else step.plan.title
        tried[title] = Tried(ended.outcome if ended is not None else None, measures)
    return Day(
        outcome=verdict.outcome if verdict is not None else None,
        claims=tuple(report.story.checks.values()),
        measures=report.day,
        experiments=tried,
        scores={each.service: each.score for each in report.scores},
    )


def _changed(before: GameDayReport, after: GameDayReport) -> list[str]:
    """What of the two is not the same, so that their figures are to be read with care."""
    one, other = (
        {each.path.rpartition("/")[2]: each.sha256 for each in report.record.inputs}
        for report in (before, after)
    )
    one.pop("plan.json", None)
    changed = sorted(name for name in one.keys() & other.keys() if one[name] != other[name])
    found = [f"changed between them: {', '.join(changed)}"] if changed else []
    lost = [report.record.id for report in (before, after) if report.verdict is None]
    return [*found, *(f"{each} broke off" for each in lost)]


def _reason(found: Comparison) -> str:
    from sretool.core.analysis.compare import Change

    if found.worse:
        names = ", ".join(" ".join(filter(None, (row.of, row.measure))) for row in found.worse[:4])
        return f"{names} and {len(found.worse) - 4} more" if len(found.worse) > 4 else names
    match found.verdict:
        case Change.UNCLEAR:
            return "one of them came to no verdict"
        case Change.BETTER:
            return "nothing is worse, something is better"
        case _:
            return "no change that matters"


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "of": row.of or None,
        "measure": row.measure,
        "unit": row.unit,
        "before": row.before,
        "after": row.after,
        "verdict": row.verdict.value,
    }


def _cells(found: Comparison) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    last = None
    for row in found.rows:
        of = "" if row.of == last else row.of or "the whole day"
        last = row.of
        before, after = (_value(each, row.unit) for each in (row.before, row.after))
        rows.append((of, row.measure, before, after, row.verdict.value))
    return rows


def _value(value: float | str | None, unit: str) -> str:
    from sretool.core.runs.words import value_words

    return "0s" if value == 0 and unit == "s" else value_words(value, unit, 3)


def _text(
    names: tuple[str, str], verdict: str, reason: str, found: Comparison, notes: list[str]
) -> list[str]:
    head = f"{names[1]} against {names[0]}: {verdict}: {reason}"
    table = output.columns([_HEAD, *_cells(found)], right=(2, 3))
    return [head, "", *table, *([""] if notes else []), *(f"note: {note}" for note in notes)]
