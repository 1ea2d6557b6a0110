"""Runs one experiment: `python -m sretool.chaos.runner`, started by `sretool chaos run`, in its own session.

The first line of standard input is a JSON object: `experiment` (as loaded), `path`, `configuration` and
`secrets` (values given on the command line), `log` (folder of the undo log), `runtime` (the experiment's own
settings), `guards` (names of probes that are asked every `guards_every` seconds). Events go to the
descriptor in `SRETOOL_EVENTS`, the toolkit's log to standard error. When standard input ends, whoever started
us is gone: everything is undone and this program ends.

Rollbacks are played whatever happens, nothing asks the outside whether there is a newer version, and the
experiment's own `runtime`, which the toolkit's function ignores, is honoured.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaoslib.control import load_global_controls
from chaoslib.experiment import run_experiment
from chaoslib.run import RunEventHandler
from chaoslib.types import Schedule, Strategy

from sretool.chaos import asking, telling, undoing
from sretool.chaos.telling import tell
from sretool.undo.heal import heal
from sretool.undo.log import UndoLog

if TYPE_CHECKING:
    from collections.abc import Mapping


class Teller(RunEventHandler):
    """Where the experiment stands."""

    def started(self, experiment: Mapping[str, Any], journal: Mapping[str, Any]) -> None:
        tell("started", title=experiment.get("title", ""))

    def start_hypothesis_before(self, experiment: Mapping[str, Any]) -> None:
        telling.section("hypothesis")
        tell("phase", name="hypothesis before")

    def hypothesis_before_completed(
        self, experiment: Mapping[str, Any], state: Mapping[str, Any] | None, journal: Mapping[str, Any]
    ) -> None:
        tell("hypothesis", when="before", met=_met(state))

    def start_method(self, experiment: Mapping[str, Any]) -> None:
        telling.section("method")
        tell("phase", name="method")

    def continuous_hypothesis_iteration(self, iteration_index: int, state: Any) -> None:
        tell("hypothesis", when="during", met=_met(state), iteration=iteration_index)

    def start_hypothesis_after(self, experiment: Mapping[str, Any]) -> None:
        telling.section("hypothesis")
        tell("phase", name="hypothesis after")

    def hypothesis_after_completed(
        self, experiment: Mapping[str, Any], state: Mapping[str, Any] | None, journal: Mapping[str, Any]
    ) -> None:
        tell("hypothesis", when="after", met=_met(state))

    def start_rollbacks(self, experiment: Mapping[str, Any]) -> None:
        telling.section("rollbacks")
        tell("phase", name="rollbacks")

    def interrupted(self, experiment: Mapping[str, Any], journal: Mapping[str, Any]) -> None:
        tell("interrupted")

    def signal_exit(self) -> None:
        tell("interrupted")


def _met(state: Mapping[str, Any] | None) -> bool | None:
    """None: nobody knows, because the probes themselves failed or there were none."""
    if not state:
        return None
    probes = state.get("probes")
    if isinstance(probes, list) and any(each.get("status") != "succeeded" for each in probes):
        return None
    met = state.get("steady_state_met")
    return met if isinstance(met, bool) else None


def run(given: Mapping[str, Any]) -> dict[str, Any]:
    """The toolkit's journal of the experiment."""
    experiment: dict[str, Any] = given["experiment"]
    runtime: dict[str, Any] = dict(given.get("runtime") or {})
    runtime["rollbacks"] = {"strategy": "always"}
    hypothesis = runtime.get("hypothesis") or {}
    settings = {
        "runtime": runtime,
        "controls": {"sretool": {"provider": {"type": "python", "module": "sretool.chaos.telling"}}},
    }
    load_global_controls(settings)
    journal: dict[str, Any] = run_experiment(
        experiment,
        settings=settings,
        experiment_vars=(given.get("configuration") or {}, given.get("secrets") or {}),
        strategy=Strategy.from_string(hypothesis.get("strategy", "default")),
        schedule=Schedule(
            continuous_hypothesis_frequency=float(hypothesis.get("frequency", 1.0)),
            fail_fast=bool(hypothesis.get("fail_fast", False)),
        ),
        event_handlers=[Teller()],
    )
    return journal


def main() -> int:
    first = sys.stdin.buffer.readline()
    if not first:
        return 7
    given = json.loads(first)
    folder = Path(given["log"])
    os.environ[undoing.LOG] = str(folder)
    _log_without_secrets()
    # The warden holds us while it undoes, and ends us when nobody else is left to do so.
    UndoLog(folder).actor(os.getpid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(
        target=_watch_over_us, args=(folder,), daemon=True, name="pipe of the supervisor"
    ).start()
    os.chdir(Path(given["path"]).resolve().parent)
    try:
        asking.begin(
            given["experiment"], given, given.get("guards") or (), float(given.get("guards_every") or 1.0)
        )
        journal = run(given)
    except Exception as error:
        # Whatever a driver or an experiment does wrong becomes an event, and the verdict an error.
        logging.getLogger("chaostoolkit").exception("the experiment could not be run")
        tell("failed", text=f"{type(error).__name__}: {error}")
        return 7
    tell("ended", status=journal.get("status"), deviated=journal.get("deviated"))
    _keep(journal, folder)
    return 0


class _Hiding(logging.Formatter):
    """Values of secrets stay out of the toolkit's log, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return str(telling.without_secrets(super().format(record)))


def _log_without_secrets() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Hiding("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _watch_over_us(folder: Path) -> None:
    """Undo everything and end as soon as the other end of standard input is gone."""
    # Not through `sys.stdin`: its lock, held by a thread, would stop the interpreter from ending.
    while os.read(0, 4096):
        pass
    heal(folder)
    os._exit(4)


def _keep(journal: Mapping[str, Any], folder: Path) -> None:
    """The journal beside the log, without the values of secrets."""
    raw = folder / "raw"
    raw.mkdir(exist_ok=True)
    text = json.dumps(telling.without_secrets(journal), default=repr, indent=1)
    (raw / "journal.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
