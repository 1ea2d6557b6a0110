"""`sretool gameday list`: the game days there are, and what is due again, by the runs of this project."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from sretool.cli import diagnostics, output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from sretool.cli.context import Settings
    from sretool.core.plans.gameday.due import Due
    from sretool.core.runs.model import RunRecord

_Listed: TypeAlias = "tuple[Due, Path, bool]"
"""What is due when, its file, and whether it comes with sretool."""


@click.command(name="list")
@click.option("--due", "only_due", is_flag=True, help="Only what is due now.")
@output.format_option
@click.pass_obj
def list_(settings: Settings, only_due: bool, output_format: str) -> None:
    """The game days and experiments there are, and which of them are due.

    Plans of this project are in its folder `experiments/gamedays`; the others
    come with sretool. How often something is due is its `every`; it was done
    when a run of this project came to its end, passed or failed.
    """
    from sretool import wiring

    now = wiring.SystemClock().now()
    problems: list[str] = []
    gamedays = list(_gamedays(settings, now, problems))
    experiments = list(_experiments(settings, now, problems))
    if only_due:
        gamedays = [each for each in gamedays if each[0].now]
        experiments = [each for each in experiments if each[0].now]
    if output_format == "json":
        document = {
            "gamedays": [
                {**_plain(due), "file": file, "bundled": bundled} for due, file, bundled in gamedays
            ],
            "experiments": [{**_plain(due), "file": file} for due, file, _ in experiments],
            "problems": problems,
        }
        output.write_json(document)
    else:
        click.echo("\n".join(_lines(gamedays, experiments, now)))
    for each in problems:
        diagnostics.talk(each)


def _gamedays(settings: Settings, now: datetime, problems: list[str]) -> Iterator[_Listed]:
    from sretool import wiring
    from sretool.core.plans.gameday.due import due
    from sretool.core.runs.model import RunKind
    from sretool.errors import CatalogError, UsageError

    runs = _runs(settings, RunKind.GAMEDAY, problems)
    for name, (file, bundled) in wiring.gameday_names(settings.project).items():
        try:
            _, plan = wiring.gameday(str(file), settings.project)
        except CatalogError as error:
            more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
            problems.append(f"{error.problems[0]}{more}")
            continue
        except UsageError as error:
            problems.append(error.message)
            continue
        yield due(name, plan.title, plan.every, str(file), runs, now), file, bundled


def _experiments(settings: Settings, now: datetime, problems: list[str]) -> Iterator[_Listed]:
    """Those that say how often they are due."""
    from sretool import wiring
    from sretool.core.plans.chaos.read import read
    from sretool.core.plans.gameday.due import due
    from sretool.core.runs.model import RunKind

    runs = _runs(settings, RunKind.CHAOS, problems)
    known = wiring.bundled_experiments()
    own = wiring.project_experiments(settings.project)
    for name, file in sorted((known | own).items()):
        try:
            found = read(str(file), file.read_text(encoding="utf-8"), settings.environment or {}).experiment
        except (OSError, UnicodeDecodeError):
            continue  # `sretool chaos list` tells.
        if found is not None and found.block.every is not None:
            yield due(name, found.title, found.block.every, str(file), runs, now), file, name not in own


def _runs(settings: Settings, kind: Any, problems: list[str]) -> Sequence[RunRecord]:
    from sretool import wiring

    store = wiring.runs(settings.project, settings.environment or os.environ)
    try:
        found = [each.record for each in store.newest(None, (kind,)) if not each.hidden]
    except FileNotFoundError:
        return []
    # What was done and cannot be read would be called due again without a word.
    told = [f"left out: {each.folder}: {each.problem}" for each in store.damaged]
    problems += [each for each in told if each not in problems]
    return found


def _plain(due: Due) -> dict[str, Any]:
    return {
        "name": due.name,
        "title": due.title,
        "every": due.every.value if due.every else None,
        "last": _run(due.last),
        "tried": _run(due.tried),
        "due": due.now,
        "due_at": due.at,
    }


def _run(record: RunRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    outcome = record.verdict.outcome.value if record.verdict else None
    return {"id": record.id, "started": record.started, "state": record.state.value, "outcome": outcome}


def _lines(gamedays: Sequence[_Listed], experiments: Sequence[_Listed], now: datetime) -> Iterator[str]:
    if gamedays:
        yield from _table("GAME DAY", gamedays, now)
    if experiments:
        if gamedays:
            yield ""
        yield from _table("EXPERIMENT", experiments, now)
    if not gamedays and not experiments:
        yield "nothing is due"


def _table(head: str, listed: Sequence[_Listed], now: datetime) -> Iterator[str]:
    rows = [(head, "ONCE A", "LAST", "DUE", "TITLE")]
    for due, _, _ in listed:
        every = due.every.value if due.every else "-"
        rows.append((due.name, every, _last(due, now), _due(due, now), due.title))
    return output.columns(rows)


def _last(due: Due, now: datetime) -> str:
    if due.last is not None and due.last.verdict is not None:
        return f"{_ago(now - due.last.started)} ago, {due.last.verdict.outcome.value}"
    if due.tried is not None:
        outcome = due.tried.verdict.outcome.value if due.tried.verdict else due.tried.state.value
        return f"never; {outcome} {_ago(now - due.tried.started)} ago"
    return "never"


def _due(due: Due, now: datetime) -> str:
    if due.now:
        return "NOW" if due.at is None else f"NOW, {_ago(now - due.at)} late"
    return "-" if due.at is None else f"in {_ago(due.at - now)}"


def _ago(span: timedelta) -> str:
    """`3d`, `5h`, `12m`: the largest unit."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
