"""What the events of a game day and of its steps know for the draft of a post-mortem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.core.runs.model import Outcome
from sretool.core.runs.words import clock_words, seconds_words
from sretool.report import gameday, gameday_actions, postmortem
from sretool.report.postmortem import Findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.report.gameday_story import GameDayReport


def findings(report: GameDayReport) -> Findings:
    return Findings(
        tuple(_detection(report)),
        tuple(_recovery(report)),
        tuple(gameday_actions.actions(report)),
        tuple(_wrong(report)),
        tuple(_well(report)),
    )


def _detection(report: GameDayReport) -> Iterator[str]:
    for row in gameday.alerts(report):
        after = "" if row.after is None else f", {seconds_words(row.after, 3)} after the newest fault"
        during = f" during {row.step}" if row.step else ""
        by = f" ({row.taken.beside})" if row.taken.beside else ""
        taken = {
            "nobody": "nobody took it",
            "-": "nobody was to take it",
            gameday.ALREADY: f"its ack of before still held{by}",
        }.get(row.taken.text, f"it was taken within {row.taken.text}{by}")
        over = (
            "still firing at the end"
            if row.resolved is None
            else f"over {seconds_words(row.resolved, 3)} later"
        )
        many = f" {row.many} times, first" if row.many > 1 else ""
        yield f"{row.name} fired{many} at {clock_words(row.fired)}{during}{after}; {taken}; {over}."
    yield from postmortem.silent(report)
    day = report.day
    for name, value in (
        ("Mean time to detection", day.mttd_s if day is not None else None),
        ("Mean time to acknowledgement", day.mtta_s if day is not None else None),
    ):
        if value is not None:
            yield f"{name}: {seconds_words(value, 3)}."


def _recovery(report: GameDayReport) -> Iterator[str]:
    yield from postmortem.faults(report)
    for step in report.experiments:
        row = gameday.experiment(report, step)
        told = [
            f"{name} {cell.text}{f' {cell.beside}' if cell.beside else ''}"
            for name, cell in zip(gameday.HEADS, row.cells, strict=False)
            if name in ("RTO", "RPO", "Mended") and cell.text != "-"
        ]
        if told:
            yield f"{row.title}: {', '.join(told)}."


def _wrong(report: GameDayReport) -> Iterator[str]:
    """Steps that did not come out as they should, with what of them is broken."""
    for step in report.steps:
        child = report.children.get(step.plan.id)
        if step.ended is None or step.ended.outcome is Outcome.PASSED:
            continue
        why = gameday.why(step, child)
        yield f"{gameday.title(step, child)} {step.ended.outcome.value}{f': {why}' if why else ''}"


def _well(report: GameDayReport) -> Iterator[str]:
    for step in report.experiments:
        if step.ended is not None and step.ended.outcome is Outcome.PASSED:
            yield f"{gameday.title(step, report.children.get(step.plan.id))} passed"
