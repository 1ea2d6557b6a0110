"""Reports of a run, made from its folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sretool.adapters import project
from sretool.adapters.store.tail import EventTail
from sretool.adapters.store.writer import EVENTS
from sretool.cli import chaos_reports, gameday_reports
from sretool.cli.chaos_reports import NAMES
from sretool.cli.output import json_text
from sretool.core.runs.model import RunKind
from sretool.errors import UsageError
from sretool.report import load, load_csv, load_documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import RunRecord

KINDS: Final = (RunKind.LOAD, RunKind.CAPACITY)
"""Kinds of runs whose reports are made here; those of experiments and game days are made beside."""


def texts(
    folder: Path,
    record: RunRecord,
    form: str,
    now: datetime,
    known: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, str]:
    """Name of a file → its text: one file, for `csv` three. UsageError where this run has no such report.

    `known`: service → experiments that count in its score, tried or not.
    """
    if record.kind in gameday_reports.KINDS:
        return gameday_reports.texts(folder, record, form, now, known)
    if record.kind in chaos_reports.KINDS:
        return chaos_reports.texts(folder, record, form, now)
    if record.kind not in KINDS:
        raise UsageError(
            f"{record.id} is a {record.kind.value} run, and there are no reports of these",
            remedy=f"sretool runs show {record.id} tells what there is",
        )
    if form == "csv":
        return load_csv.files(_events(folder))
    return {NAMES[form]: _text(_report(folder, record), form, now)}


def write(
    folder: Path, record: RunRecord, now: datetime, known: Mapping[str, Iterable[str]] | None = None
) -> list[Path]:
    """Every report into the run's folder; OSError where one cannot be written."""
    if record.kind in gameday_reports.KINDS:
        return gameday_reports.write(folder, record, now, known)
    if record.kind in chaos_reports.KINDS:
        return chaos_reports.write(folder, record, now)
    report = _report(folder, record)
    made = {name: _text(report, form, now) for form, name in NAMES.items()} | load_csv.files(_events(folder))
    for name, text in made.items():
        project.replace_file(folder / name, text.encode())
    return [folder / name for name in made]


def _report(folder: Path, record: RunRecord) -> load.LoadReport:
    report = load.LoadReport(record)
    report.take_all(_events(folder))
    return report


def _text(report: load.LoadReport, form: str, now: datetime) -> str:
    match form:
        case "html":
            return load.html(report, now)
        case "md":
            return load.markdown(report, now)
        case "json":
            return json_text(load_documents.document(report)) + "\n"
        case "junit":
            return load_documents.junit(report)
        case _:
            raise ValueError(form)


def _events(folder: Path) -> Iterator[RunEvent]:
    return EventTail(folder / EVENTS).rest()
