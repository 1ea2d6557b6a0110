"""`sretool runs score`: how much of what experiments ask of each service is proven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from sretool.cli import diagnostics, output
from sretool.errors import UsageError
from sretool.units import parse_duration, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sretool.cli.context import Settings
    from sretool.core.analysis.score import ServiceScore, Standing, Trial

_SHOWN: Final = 5
"""Points of a trend."""


@click.command(short_help="The resiliency score of each service.")
@click.option("--since", metavar="TIME", help="Only runs since then count: 90d, or 2026-10-01T00:00:00Z.")
@click.option("--service", "services", metavar="ID", multiple=True, help="Only this one; may be repeated.")
@output.format_option
@click.pass_obj
def score(settings: Settings, since: str | None, services: tuple[str, ...], output_format: str) -> None:
    """The resiliency score of each service, 0 to 100, and how it went from run to run.

    \b
    An experiment's newest run is asked about four things, each worth a quarter:
      hypotheses  the steady state held during and after the fault, no alert was
                  unexpected, the price in error budget was kept
      detection   every expected alert fired in time and reached Alertmanager
      recovery    RTO and RPO were kept, no write was lost, all was as before in time
      undo        every fault was put back, and is felt no more

    Of each it gets the share that was measured and held. What was not measured or not asked counts as if it
    had not held; of a run that was cut off, or whose fault was not as ordered, only undo counts. A service
    has the mean over its experiments: those that were ever run, and those in the project's folder
    `experiments`. One that was not tried counts 0.

    Ends with 6 where no experiment names a service.
    """
    from sretool import wiring
    from sretool.adapters.store.trials import trials
    from sretool.core.analysis.score import scores

    begin = _moment(since) if since is not None else None
    store = wiring.runs(settings.project, settings.environment or {})
    tried = trials(store)
    for remark in tried.remarks:
        diagnostics.tell(remark)
    found = scores(tried.found, known(settings), begin)
    for name in services:
        if name not in {each.service for each in found}:
            named = ", ".join(each.service for each in found) or "none"
            raise UsageError(f"no experiment names a service {name!r} (known: {named})")
    found = tuple(each for each in found if not services or each.service in services)
    if output_format == "json":
        output.write_json(
            {"folder": store.root, "since": begin, "services": [_document(each) for each in found]}
        )
    else:
        _say(found)
    if not found:
        diagnostics.talk(f"no experiments on services in {store.root}")
        click.get_current_context().exit(diagnostics.NO_DATA)


def _moment(text: str) -> datetime:
    from datetime import UTC, datetime

    try:
        length = parse_duration(text)
    except UsageError:
        try:
            return parse_time(text)
        except UsageError:
            raise UsageError(
                f"--since {text} is neither a duration nor a time", remedy="write 90d or 2026-10-01T00:00:00Z"
            ) from None
    try:
        return datetime.now(UTC) - length
    except OverflowError:
        raise UsageError(f"--since {text} is longer than time is known") from None


def known(settings: Settings) -> dict[str, list[str]]:
    """Service → the project's own experiments that name it."""
    from sretool import wiring
    from sretool.core.plans.chaos.read import read

    found: dict[str, list[str]] = {}
    for file in wiring.project_experiments(settings.project).values():
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            diagnostics.tell(f"{file}: cannot be read and does not count: {reason}")
            continue
        reading = read(str(file), text, settings.environment or {})
        if reading.experiment is None:
            diagnostics.tell(f"{reading.problems[0]}: it does not count")
            continue
        for service in reading.experiment.block.blast_radius.services:
            found.setdefault(service, []).append(reading.experiment.title)
    return found


# --- shown ----------------------------------------------------------------------------------------------


def _say(found: tuple[ServiceScore, ...]) -> None:
    from sretool.core.analysis.score import Aspect

    if not found:
        return
    rows = [("SERVICE", "SCORE", "CHANGE", *(each.upper() for each in Aspect), "TRIED", "TREND")]
    for each in found:
        tried = sum(one.newest is not None for one in each.experiments)
        rows.append(
            (
                each.service,
                _points(each.score),
                "-" if each.change is None else f"{each.change:+.1f}",
                *(f"{each.part(aspect):.0%}" for aspect in Aspect),
                f"{tried} of {len(each.experiments)}",
                " > ".join(f"{point.score:.0f}" for point in each.trend[-_SHOWN:]) or "-",
            )
        )
    for line in output.columns(rows, right=range(1, len(rows[0]) - 1)):
        click.echo(line)
    lower = list(dict.fromkeys(_lowers(found)))
    if lower:
        click.echo("\nWHAT LOWERS IT")
        for line in lower:
            click.echo(f"  {line}")


def _points(score: float) -> str:
    """Never 100.0 where it is not all."""
    return "100" if score == 100 else f"{min(score, 99.9):.1f}"


def _lowers(found: tuple[ServiceScore, ...]) -> Iterator[str]:
    standing = {each.experiment: each for service in found for each in service.experiments}
    for each in sorted(standing.values(), key=lambda one: (one.score, one.experiment)):
        if each.newest is None:
            concerned = [
                one.service
                for one in found
                if any(own.experiment == each.experiment and own.newest is None for own in one.experiments)
            ]
            yield f"{each.experiment}: not tried ({', '.join(concerned)})"
        elif each.score < 100:
            yield f"{each.experiment}: {_points(each.score)} in {each.newest.run}, {_why(each.newest)}"


def _why(trial: Trial) -> str:
    from sretool.core.analysis.score import Aspect

    said = []
    for aspect in Aspect:
        answers = trial.answers.get(aspect, ())
        if not trial.valid and aspect is not Aspect.UNDO:
            continue
        held, unknown = sum(each is True for each in answers), sum(each is None for each in answers)
        if not answers:
            said.append(f"no {aspect.value} asked")
        elif held < len(answers):
            words = f"{aspect.value} {held} of {len(answers)}"
            said.append(f"{words} ({unknown} not known)" if unknown else words)
    if not trial.valid:
        said.insert(0, "it says nothing about its fault")
    return ", ".join(said)


def _document(found: ServiceScore) -> dict[str, Any]:
    from sretool.core.analysis.score import Aspect

    return {
        "service": found.service,
        "score": round(found.score, 3),
        "change": None if found.change is None else round(found.change, 3),
        "parts": {each.value: round(found.part(each), 6) for each in Aspect},
        "experiments": [_standing(each) for each in found.experiments],
        "trend": [
            {"at": each.at, "run": each.run, "parent": each.parent, "score": round(each.score, 3)}
            for each in found.trend
        ],
    }


def _standing(of: Standing) -> dict[str, Any]:
    newest = of.newest
    told: dict[str, Any] = {"experiment": of.experiment, "score": round(of.score, 3), "run": None}
    if newest is None:
        return told
    answers = {aspect.value: list(each) for aspect, each in newest.answers.items()}
    return told | {"run": newest.run, "at": newest.at, "valid": newest.valid, "answers": answers}
