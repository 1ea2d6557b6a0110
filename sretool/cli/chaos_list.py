"""`sretool chaos list`: the experiments of this project, and those that come with sretool."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from sretool.cli import diagnostics, output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sretool.cli.context import Settings
    from sretool.core.plans.chaos.experiment import Experiment


@dataclass(frozen=True, slots=True)
class _Listed:
    name: str
    file: Path
    bundled: bool
    experiment: Experiment | None
    problems: tuple[str, ...]
    """What is wrong with its form; `sretool chaos plan` finds the rest."""


@click.command(name="list")
@output.format_option
@click.pass_obj
def list_(settings: Settings, output_format: str) -> None:
    """The experiments that can be run by their name.

    Those of this project are in its folder `experiments`, as NAME.yaml,
    NAME.json or NAME/experiment.yaml; the others come with sretool.
    """
    found = list(_all(settings))
    if output_format == "json":
        output.write_json({"experiments": [_plain(each) for each in found]})
        return
    if not found:
        diagnostics.talk("no experiments here")
        return
    click.echo("\n".join(_lines(found)))
    for each in found:
        for problem in each.problems[:1]:
            more = f" (and {len(each.problems) - 1} more)" if len(each.problems) > 1 else ""
            diagnostics.talk(f"{problem}{more}")


def _all(settings: Settings) -> Iterator[_Listed]:
    from sretool import wiring

    environment = settings.environment or {}
    own = wiring.project_experiments(settings.project)
    for name, file in own.items():
        yield _read(name, file, environment, bundled=False)
    for name, file in wiring.bundled_experiments().items():
        if name not in own:
            yield _read(name, file, environment, bundled=True)


def _read(name: str, file: Path, environment: Mapping[str, str], *, bundled: bool) -> _Listed:
    from sretool.core.plans.chaos.read import read

    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        return _Listed(name, file, bundled, None, (f"{file}: cannot be read: {error.strerror}",))
    except UnicodeDecodeError:
        return _Listed(name, file, bundled, None, (f"{file}: is not UTF-8 text",))
    reading = read(str(file), text, environment)
    return _Listed(name, file, bundled, reading.experiment, tuple(str(each) for each in reading.problems))


def _plain(listed: _Listed) -> dict[str, Any]:
    experiment = listed.experiment
    block = experiment.block if experiment else None
    return {
        "name": listed.name,
        "file": listed.file,
        "bundled": listed.bundled,
        "title": experiment.title if experiment else None,
        "tags": list(experiment.tags) if experiment else [],
        "fault": block.fault or None if block else None,
        "fmea": block.fmea if block else None,
        "budget_price": block.budget_price if block else None,
        "expected_alerts": [each.name for each in block.expected_alerts] if block else [],
        "problems": list(listed.problems),
    }


def _lines(found: list[_Listed]) -> Iterator[str]:
    rows = [("NAME", "FMEA", "FROM", "TITLE")]
    for each in found:
        experiment = each.experiment
        title = experiment.title if experiment and experiment.title else "cannot be read"
        fmea = (experiment.block.fmea if experiment else None) or "-"
        place = "sretool" if each.bundled else os.path.relpath(each.file.parent)
        rows.append((each.name, fmea, place, title if not each.problems else f"{title} (has problems)"))
    return output.columns(rows)
