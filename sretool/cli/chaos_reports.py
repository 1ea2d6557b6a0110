"""Reports of an experiment, made from its run folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sretool.adapters import project
from sretool.adapters.store import seal
from sretool.adapters.store.tail import EventTail
from sretool.adapters.store.writer import EVENTS
from sretool.cli.output import json_text
from sretool.core.runs.model import RunKind
from sretool.errors import UsageError
from sretool.report import chaos, chaos_documents
from sretool.report.chaos_story import ChaosReport

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import RunRecord

NAMES: Final = {"html": "report.html", "md": "report.md", "json": "report.json", "junit": "junit.xml"}
"""Form → name of its file in the run's folder."""
KINDS: Final = (RunKind.CHAOS,)
"""Kinds of runs there are reports of."""


def texts(folder: Path, record: RunRecord, form: str, now: datetime) -> dict[str, str]:
    """Name of the file → its text. UsageError where there is no such report."""
    if record.kind not in KINDS:
        raise UsageError(
            f"{record.id} is a {record.kind.value} run, and reports are made of experiments",
            remedy=f"sretool runs show {record.id} tells what there is",
        )
    if form not in NAMES:
        raise UsageError(f"there is no {form} of an experiment", remedy=f"ask for one of {', '.join(NAMES)}")
    return {NAMES[form]: _text(_report(folder, record), form, now)}


def write(folder: Path, record: RunRecord, now: datetime) -> list[Path]:
    """Every report into the folder of a run that is over, and the seal on all its files.

    OSError where one cannot be written.
    """
    report = _report(folder, record)
    made = {name: _text(report, form, now) for form, name in NAMES.items()}
    for name, text in made.items():
        project.replace_file(folder / name, text.encode())
    seal.put(folder)
    return [folder / name for name in made]


def _report(folder: Path, record: RunRecord) -> ChaosReport:
    return told(folder, record)[0]


def told(folder: Path, record: RunRecord) -> tuple[ChaosReport, list[RunEvent]]:
    """What the events say, and the events in the order of their time."""
    report = ChaosReport(record)
    written, report.unreadable = read(folder)
    found = in_time(written)
    report.take_all(found)
    return report, found


def read(folder: Path) -> tuple[list[RunEvent], str]:
    """A run's events as they were written, and which lines are none, in words."""
    tail = EventTail(folder / EVENTS)
    found = list(tail.rest())
    return found, f"{tail.lost} and left out: {tail.first_unreadable}" if tail.lost else ""


def in_time(written: Iterable[RunEvent]) -> list[RunEvent]:
    """Several programs tell what they see, each a little after it was so."""
    return sorted(written, key=lambda event: event.t)


def _text(report: ChaosReport, form: str, now: datetime) -> str:
    match form:
        case "html":
            return chaos.html(report, now)
        case "md":
            return chaos.markdown(report, now)
        case "json":
            return json_text(chaos_documents.document(report)) + "\n"
        case "junit":
            return chaos_documents.junit(report)
        case _:
            raise ValueError(form)
