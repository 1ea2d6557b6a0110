"""What is asked of a release, and what came of it, in words and for programs."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from sretool.cli import output
from sretool.core.analysis.release import Decision
from sretool.core.runs.words import NONE, value_words
from sretool.report import release_words as words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from sretool.core.analysis.release import GrowthStage, Judged, Release
    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import RunRecord

_WIDTH: Final = 80
_SIGNS: Final = {Decision.GO: "GO", Decision.NO_GO: "NO-GO", Decision.OPEN: "OPEN"}


def asked(release: Release) -> Iterator[str]:
    """Before: one line for each thing that decides, then the stages that are an outlook."""
    for each in release.stages:
        if each.must:
            yield f"stage {each.id} is carried: {_stage(each, release)}"
    if release.forecast is not None:
        rate = value_words(release.forecast.rate, "1/s")
        reserve = f", and {value_words(release.reserve, 'ratio')} more" if release.reserve else ""
        yield f"the forecast peak is carried: {rate}{reserve}"
    for line in release.water_lines:
        yield f"{line.resource} below {words.level(line, line.warn)} in {release.during}"
    if release.change:
        yield f"error budgets let a {release.change} change through"
    for each in release.stages:
        if not each.must:
            yield f"as an outlook: stage {each.id}: {_stage(each, release)}"


def _stage(stage: GrowthStage, release: Release) -> str:
    cost = stage.monthly
    costs = f", {words.money(cost, release.currency)} a month" if cost is not None else ""
    return f"{value_words(stage.rate, '1/s')}{costs}"


def document(release: Release) -> dict[str, Any]:
    """Before, for programs."""
    forecast = release.forecast
    return {
        "change": release.change or None,
        "reserve": release.reserve,
        "forecast": {**asdict(forecast), "rate": forecast.rate} if forecast is not None else None,
        "stages": [
            {
                "id": each.id,
                "rate": each.rate,
                "search": each.search,
                "must": each.must,
                "monthly": None if each.monthly is None else float(each.monthly),
            }
            for each in release.stages
        ],
        "during": release.during or None,
        "water_lines": [
            {"resource": each.resource, "safe": each.safe, "warn": each.warn, "danger": each.danger}
            for each in release.water_lines
        ],
        "scale": asdict(release.scale) if release.scale is not None else None,
        "currency": release.currency or None,
    }


def lines(judged: Judged) -> Iterator[str]:
    """After: what was decided and why, the stages, the resources at the peak, the gate."""
    yield f"release: {_SIGNS[judged.decision]}"
    for each in judged.reasons:
        yield from textwrap.wrap(each, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    if judged.stages:
        yield ""
        rows = [words.stage_row(judged, each) for each in judged.stages]
        for columns in words.STAGE_COLUMNS:
            shown = (0, *columns)
            yield from _table(
                [words.STAGE_HEAD[each] for each in shown], [[row[each] for each in shown] for row in rows]
            )
            yield ""
        for each in words.remarks(judged):
            yield from textwrap.wrap(each, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    if judged.headroom is not None:
        yield from textwrap.wrap(
            words.headroom(judged), _WIDTH, initial_indent="  ", subsequent_indent="    "
        )
    if judged.lines:
        peak = f" of {value_words(judged.peak, '1/s')}" if judged.peak is not None else ""
        yield ""
        yield f"  used at the peak{peak}"
        yield from _table(words.LINE_HEAD, [words.line_row(each) for each in judged.lines])
    if judged.gate is not None:
        yield ""
        said = f"gate: {judged.gate.reason}"
        yield from textwrap.wrap(said, _WIDTH, initial_indent="  ", subsequent_indent="    ")


def of_run(folder: Path, record: RunRecord, happened: Iterable[RunEvent] | None = None) -> Judged | None:
    """What a game day found out about a release, by the plan's copy in its folder.

    None: nothing was asked of one, or the copy cannot be read. `happened`: its events where they were read
    already.
    """
    from sretool.adapters.store.tail import EventTail
    from sretool.adapters.store.writer import EVENTS, INPUT
    from sretool.core.plans.gameday.read import read
    from sretool.core.plans.gameday.release import judged
    from sretool.errors import SretoolError

    if not record.inputs:
        return None
    name = record.inputs[0].path.replace("\\", "/").rpartition("/")[2]
    try:
        plan = read(name, (folder / INPUT / name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, SretoolError):
        return None
    if plan.release is None:
        return None
    return judged(plan.release, EventTail(folder / EVENTS).rest() if happened is None else happened)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The first column to the left, the others to the right."""
    cells = [[each.upper() for each in head], *([cell or NONE for cell in row] for row in rows)]
    for line in output.columns(cells, right=range(1, len(head))):
        yield f"  {line}"
