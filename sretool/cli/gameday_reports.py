"""Reports of a game day, made from its run folder and from those of its steps."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from sretool.adapters import project
from sretool.adapters.files import catalog
from sretool.adapters.store import seal
from sretool.adapters.store.runs import FOLDER, RunStore
from sretool.adapters.store.trials import criteria, trials
from sretool.adapters.store.writer import INPUT, RECORD
from sretool.cli import chaos_reports, gameday_release
from sretool.cli.chaos_reports import NAMES
from sretool.cli.gameday_session import CATALOG
from sretool.cli.output import json_text
from sretool.core.analysis.score import scores
from sretool.core.plans.gameday.rounds import MEASURED, of
from sretool.core.runs import lines
from sretool.core.runs.model import RunKind
from sretool.core.runs.rounds import rounds
from sretool.errors import RunUnreadable, SretoolError, UsageError
from sretool.report import gameday, gameday_documents
from sretool.report.gameday_story import Child, GameDayReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sretool.core.analysis.score import ServiceScore
    from sretool.core.catalog.model import System
    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import RunRecord
    from sretool.core.runs.rounds import Rounds
    from sretool.core.runs.story import Story

KINDS: Final = (RunKind.GAMEDAY,)


def texts(
    folder: Path,
    record: RunRecord,
    form: str,
    now: datetime,
    known: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, str]:
    """Name of the file → its text. UsageError where there is no such report.

    `known`: service → experiments that are there for it, tried or not; None: those that were ever tried.
    """
    if form not in NAMES:
        raise UsageError(f"there is no {form} of a game day", remedy=f"ask for one of {', '.join(NAMES)}")
    return {NAMES[form]: _text(told(folder, record, known)[0], form, now, links=False)}


def write(
    folder: Path, record: RunRecord, now: datetime, known: Mapping[str, Iterable[str]] | None = None
) -> list[Path]:
    """Every report into the folder of a run that is over, and the seal on all its files.

    OSError where one cannot be written.
    """
    report, _ = told(folder, record, known)
    made = {name: _text(report, form, now, links=True) for form, name in NAMES.items()}
    for name, text in made.items():
        project.replace_file(folder / name, text.encode())
    seal.put(folder)
    return [folder / name for name in made]


def told(
    folder: Path, record: RunRecord, known: Mapping[str, Iterable[str]] | None = None
) -> tuple[GameDayReport, list[RunEvent]]:
    """What the events say, and the events in the order of their time."""
    report = GameDayReport(record)
    written, report.unreadable = chaos_reports.read(folder)
    found = chaos_reports.in_time(written)
    report.take_all(found)
    if not report.rehearsal:
        report.rounds = rounds_of(report.story, written)
    for step in report.steps:
        if step.run:
            child = _child(folder.parent, step.run, step.plan.id)
            if isinstance(child, Child):
                report.children[step.plan.id] = child
            else:
                report.missing.append(f"the run of {step.plan.id} is not told of: {child}")
    system = _catalog(folder, record)
    if system is not None:
        report.recovery = system.recovery
        report.objectives = {str(slo.id): float(slo.objective) for slo in system.slos}
    report.release = gameday_release.of_run(folder, record, found)
    report.scores = _scores(folder, report, known)
    return report, found


def rounds_of(story: Story, written: Iterable[RunEvent]) -> Rounds | None:
    """`written`: the events in the order they were written. None: it has no rounds."""
    made = {step: of(step) for step in story.steps}
    names = {step: (each.pair, each.fault) for step, each in made.items() if each is not None}
    return rounds(written, names, MEASURED) if names else None


def _child(runs: Path, name: str, step: str) -> Child | str:
    """Why it cannot be read, where it cannot."""
    if not FOLDER.fullmatch(name) or "/" in name:
        return f"{name!r} is no name of a run's folder"
    folder = runs / name
    try:
        record = lines.decode_record((folder / RECORD).read_bytes())
    except FileNotFoundError:
        return f"{folder.name} is not there"
    except (OSError, RunUnreadable) as error:
        return error.message if isinstance(error, RunUnreadable) else str(error.strerror)
    promised = criteria(folder) if record.kind is RunKind.CHAOS else None
    return Child(step, folder.name, record, promised, page=(folder / NAMES["html"]).is_file())


def _catalog(folder: Path, record: RunRecord) -> System | None:
    """As it was then; None where there was none, or it cannot be read any more."""
    paths = {each.sha256: PurePath(each.path) for each in record.inputs}
    copies = {
        copy: paths.get(hashlib.sha256(copy.read_bytes()).hexdigest())
        for copy in (folder / INPUT).glob(f"{CATALOG}*")
    }
    known = {copy: path for copy, path in copies.items() if path is not None and _plain(path)}
    if not known:
        return None
    top = os.path.commonpath([path.parent for path in known.values()])
    # What belongs to a catalog is seen by where it lies in its folder.
    with tempfile.TemporaryDirectory(prefix="sretool-catalog-") as name:
        for copy, path in known.items():
            place = Path(name, path.relative_to(top))
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(copy, place)
        try:
            return catalog.load([Path(name)])
        except SretoolError:
            return None


def _plain(path: PurePath) -> bool:
    """Whether its place below a folder is below that folder."""
    return path.is_absolute() and ".." not in path.parts


def _scores(
    folder: Path, report: GameDayReport, known: Mapping[str, Iterable[str]] | None
) -> tuple[ServiceScore, ...]:
    """Of the services that this day's experiments are about, as they stood at its end."""
    services = {
        service
        for child in report.children.values()
        if child.record.kind is RunKind.CHAOS
        for service in child.record.targets
    }
    if not services:
        return ()
    ended = report.record.ended
    tried = trials(RunStore(folder.parent.parent))
    until = [each for each in tried.found if ended is None or each.at <= ended]
    return tuple(each for each in scores(until, known) if each.service in services)


def _text(report: GameDayReport, form: str, now: datetime, *, links: bool) -> str:
    match form:
        case "html":
            return gameday.html(report, now, links=links)
        case "md":
            return gameday.markdown(report, now)
        case "json":
            return json_text(gameday_documents.document(report)) + "\n"
        case "junit":
            return gameday_documents.junit(report)
        case _:
            raise ValueError(form)
