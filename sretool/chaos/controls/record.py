"""A run folder and its reports for an experiment under Chaos Toolkit's own `chaos run`.

The folder is where those of `sretool chaos run` are, so that `sretool runs` lists and compares it. When the
experiment is over, every fault that is still in is undone, the verdict is made from what was recorded, and
the reports (HTML, Markdown, JSON, JUnit) are written beside it. Nobody watches Prometheus or Alertmanager
here: what was to hold of alerts and budgets stays unknown, so that the verdict is inconclusive at best where
an experiment promises any of it.

`folder`: of the project that the run belongs to; without one, the folder that the toolkit runs in. Under
`sretool chaos run` this control does nothing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sretool import __version__
from sretool.adapters.project import state_folder
from sretool.adapters.store.runs import RunStore
from sretool.chaos import planning, undoing
from sretool.chaos.controls import _feed
from sretool.core.plans.chaos import criteria as holding
from sretool.core.plans.chaos.plan import plan
from sretool.core.plans.chaos.read import read
from sretool.core.plans.chaos.targets import answer
from sretool.core.plans.chaos.verdict import judge
from sretool.core.runs.events import RunnerEnded, Started, WatchEnded, What
from sretool.core.runs.model import RunKind
from sretool.services.chaos_telling import told

if TYPE_CHECKING:
    from sretool.adapters.store.writer import RunWriter
    from sretool.core.plans.chaos.criteria import Criteria
    from sretool.core.runs.events import RunEvent

_NAME = "record"
_log = logging.getLogger("chaostoolkit")


@dataclass
class _Recording:
    writer: RunWriter
    criteria: Criteria
    events: list[RunEvent] = field(default_factory=list)
    broken: bool = False

    def take(self, what: What, at: datetime | None = None) -> None:
        """What the disk does not take is missing from then on; the run goes on."""
        if self.broken:
            return
        try:
            self.events.append(self.writer.record(what, at=at))
        except OSError as error:
            self.broken = True
            _log.error("the run is not recorded any more: %s", error.strerror)


_now: dict[str, _Recording] = {}


def configure_control(
    experiment: dict[str, Any],
    configuration: Any = None,
    secrets: Any = None,
    event_registry: Any = None,
    folder: str = "",
) -> None:
    if _feed.watched():
        return
    criteria = _criteria(experiment, configuration or {})
    try:
        writer = _writer(experiment, Path(folder) if folder else Path.cwd())
    except OSError as error:
        _log.error("the run is not recorded: %s", error.strerror)
        return
    _now["recording"] = recording = _Recording(writer, criteria)
    recording.take(
        Started(
            RunKind.CHAOS,
            str(experiment.get("title", "")),
            checks=holding.to_hold(criteria),
            criteria=holding.document(criteria),
        )
    )
    _feed.join(_NAME, _hear, secrets, event_registry)


def before_activity_control(context: dict[str, Any], **_: Any) -> None:
    _feed.before(_NAME, context)


def after_activity_control(
    context: dict[str, Any],
    state: dict[str, Any] | None = None,
    configuration: dict[str, Any] | None = None,
    secrets: dict[str, Any] | None = None,
    **_: Any,
) -> None:
    _feed.after(_NAME, context, state, configuration, secrets)


def after_experiment_control(state: dict[str, Any] | None = None, **_: Any) -> None:
    recording = _now.get("recording")
    if recording is None:
        return
    if undoing.log.cache_info().currsize:
        undoing.undo()
    _feed.leave(_NAME, _hear)
    del _now["recording"]
    recording.take(RunnerEnded(str((state or {}).get("status", "crashed"))))
    recording.take(WatchEnded(len(recording.events)))
    _finish(recording)


def _hear(line: dict[str, Any]) -> None:
    recording = _now.get("recording")
    if recording is not None:
        found = told(line)
        for what in found.whats:
            recording.take(what, found.at)


def _finish(recording: _Recording) -> None:
    from sretool.cli import chaos_reports

    writer = recording.writer
    verdict, measures = judge(recording.criteria, recording.events)
    try:
        writer.finish(verdict, measures)
        chaos_reports.write(writer.folder, writer.run, datetime.now(UTC))
    except OSError as error:
        _log.error("the run cannot be written down: %s", error.strerror)
    _log.info("%s: %s", verdict.outcome.value, verdict.reason)
    _log.info("the run is in %s", writer.folder)


def _writer(experiment: dict[str, Any], project: Path) -> RunWriter:
    writer = RunStore(state_folder(project, os.environ)).create(
        RunKind.CHAOS,
        str(experiment.get("title", "")),
        versions={"sretool": __version__, "chaostoolkit-lib": metadata.version("chaostoolkit-lib")},
    )
    text = json.dumps(experiment, indent=1, default=str)
    writer.keep_input("experiment.json", text.encode(), "experiment.json")
    return writer


def _criteria(experiment: dict[str, Any], configuration: dict[str, Any]) -> Criteria:
    """What is to hold, as `sretool chaos run` would have it; nothing where the experiment cannot be read."""
    reading = read("experiment.json", json.dumps(experiment, default=str), os.environ, configuration)
    if reading.experiment is None:
        return holding.Criteria()
    answers = {}
    for action in reading.experiment.actions:
        if action.kind == "python":
            call = {"module": action.module, "func": action.func, "arguments": dict(action.arguments)}
            # Where a planning function prints, that is not for the toolkit's screen.
            with contextlib.redirect_stdout(None):
                answers[action.path] = answer(planning.answer(call))
    return holding.criteria(plan(reading.experiment, answers, {}))
