"""`sretool load capacity`: the highest rate that holds the objectives."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from sretool.cli import diagnostics, load_beside, load_run, output
from sretool.cli.load_beside import Beside
from sretool.cli.load_run import DURATION, RATE
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from sretool.cli.context import Settings
    from sretool.cli.load_run import Ready
    from sretool.core.analysis.capacity import Result, Step
    from sretool.core.catalog.watched import Watched
    from sretool.core.observe.saturation import Reached
    from sretool.core.plans.load.profile import LoadProfile
    from sretool.core.runs.events import RunEvent, Stage
    from sretool.ports import Endpoint
    from sretool.services.capacity import Answer, Order

_START: Final = 10.0
"""Arrivals per second to begin with, where the profile has no rate of its own."""
_START_MOST: Final = 50.0
"""The same at most: it grows from there within seconds, and none begins with an overload."""


@click.command()
@load_run.plan_options
@load_beside.beside_options
@click.option(
    "--from", "start", type=RATE, metavar="R", help="First rate; a quarter of the profile's, at most 50/s."
)
@click.option("--to", "most", type=RATE, metavar="R", help="Highest rate that is tried.")
@click.option(
    "--objective",
    "texts",
    multiple=True,
    metavar="TEXT",
    help="Instead of the profile's, like 'p95 < 200ms'; may be repeated.",
)
@click.option(
    "--hold", type=DURATION, default="6s", show_default=True, metavar="D", help="How long a rate has to hold."
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 20),
    default=2,
    show_default=True,
    metavar="N",
    help="How often the answer has to hold.",
)
@click.option(
    "--warm-up",
    type=DURATION,
    default="2s",
    show_default=True,
    metavar="D",
    help="Not judged, at the first rate.",
)
@click.option(
    "--precision",
    default="2%",
    show_default=True,
    metavar="SHARE",
    help="Half the width of the interval aimed at.",
)
@click.option(
    "--within",
    type=DURATION,
    default="2m",
    show_default=True,
    metavar="D",
    help="When to end with what is known.",
)
@click.option(
    "--arrivals",
    type=click.Choice(["poisson", "uniform"]),
    help="At random or evenly; as the profile says without it.",
)
@click.option(
    "--stage",
    "stages",
    multiple=True,
    metavar="NAME=RATE",
    help="A stage of growth to answer; the profiles stage-* without it.",
)
@output.format_option
@click.pass_context
def capacity(
    ctx: click.Context,
    /,
    *,
    start: float | None,
    most: float | None,
    texts: tuple[str, ...],
    hold: float,
    rounds: int,
    warm_up: float,
    precision: str,
    within: float,
    arrivals: str | None,
    stages: tuple[str, ...],
    output_format: str,
    tui: bool,
    metrics_port: str | None,
    **options: Any,
) -> None:
    """Find the highest rate at which a profile's objectives hold.

    The rate grows until something gives; rates just below and just above are then held, and the
    answer is held again before it counts. After a rate at which requests failed it waits until none
    do, at most three minutes. Which resource reached its line first is read from
    Prometheus where a catalog says what is watched.

    \b
    Exit: 0 found (or the highest rate allowed holds), 1 no rate holds or the
    profile asks for a higher one, 3 the target cannot be reached, 6 cannot be
    told (time was up, or the generator was at its end first), 7 the generator
    failed, 130 Ctrl-C.
    """  # fmt: skip
    from sretool.core.analysis.capacity import Plan
    from sretool.core.plans.load import objectives
    from sretool.services.capacity import Order
    from sretool.units import parse_ratio

    settings: Settings = ctx.obj
    beside = Beside(tui, metrics_port)
    ready = load_run.prepare(settings, load_run.Wanted(**options))
    profile = ready.profile
    if texts:
        profile = replace(profile, objectives=tuple(objectives.parse(text) for text in texts))
    width = float(parse_ratio(precision))
    if not 0.001 <= width <= 0.5:
        raise UsageError(f"a precision of {precision} cannot be aimed at", remedy="give 0.1% to 50%, like 2%")
    search = Plan(
        start=start or _start(profile),
        most=most or float("inf"),
        warm_up=warm_up,
        hold=hold,
        rounds=rounds,
        precision=width,
        within=within,
    )
    if search.start > search.most:
        raise UsageError(f"the search begins at {search.start:g}/s, above its end", remedy="lower --from")
    if ready.slos:
        names = ", ".join(str(slo.id) for slo in ready.slos)
        diagnostics.tell(f"not judged by the second, so not part of the search: {names}")
    plan = _endless(ready, profile, search.start, within, arrivals)
    order = Order(profile, plan, search, _stages(settings, stages))
    answer, folder, interrupted = _carry_out(
        settings, replace(ready, profile=profile, plan=plan), order, beside
    )
    if answer is None:
        raise click.exceptions.Exit(diagnostics.INTERRUPTED)
    if output_format == "json":
        output.write_json({**_as_json(answer), "folder": folder})
    else:
        for line in _text(answer, ready, profile):
            click.echo(line)
        click.echo(str(folder))
    raise click.exceptions.Exit(
        diagnostics.INTERRUPTED if interrupted else diagnostics.verdict_code(answer.record.verdict)
    )


def _start(profile: LoadProfile) -> float:
    from sretool.core.plans.load.profile import Open

    if not isinstance(profile.model, Open):
        return _START
    return min(max(profile.model.rate.highest / 4, 1.0), _START_MOST)


def _endless(ready: Ready, profile: LoadProfile, start: float, within: float, arrivals: str | None) -> Any:
    """The plan with arrivals at a rate that is set from outside."""
    import msgspec

    from sretool.core.plans.load.profile import Open
    from sretool.core.plans.load.shape import flat

    model = profile.model if isinstance(profile.model, Open) else Open(flat(start, within))
    model = msgspec.structs.replace(
        model, rate=flat(start, within + 3600), arrivals=arrivals or model.arrivals
    )
    return msgspec.structs.replace(ready.plan, model=model)


def _stages(settings: Settings, given: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    from sretool import wiring
    from sretool.core.plans.load.profile import Open, parse_rate

    if given:
        found = []
        for each in given:
            name, equals, raw = each.rpartition("=")
            if not equals or not name.strip():
                raise UsageError(f"--stage {each!r} is no stage", remedy="write it like --stage launch=200/s")
            found.append((name.strip(), parse_rate(raw)))
        return tuple(found)
    profiles = [stored.profile for stored in wiring.load_profiles(settings.project)[0]]
    return tuple(
        (each.name, each.model.rate.highest)
        for each in profiles
        if each.name.startswith("stage-") and isinstance(each.model, Open)
    )


def _carry_out(
    settings: Settings, ready: Ready, order: Order, beside: Beside
) -> tuple[Answer | None, Path, bool]:
    """The answer, the run's folder, and whether somebody interrupted it."""
    from sretool import wiring
    from sretool.core.runs.model import RunKind
    from sretool.services.load import Control

    journal = wiring.load_journal(
        settings.project, settings.environment or {}, ready.stored, ready.plan, kind=RunKind.CAPACITY
    )
    control = Control()
    watching = _watching(ready)

    def work(on_event: Callable[[RunEvent], None]) -> Coroutine[Any, Any, Answer]:
        return wiring.search_capacity(order, journal, control, on_event=on_event, watching=watching)

    answer = load_beside.carry_out(settings, beside, journal, control, work)
    if answer is None:
        return None, journal.folder, True
    wiring.keep_in_run(journal.folder, "capacity.json", output.json_text(_as_json(answer)).encode() + b"\n")
    return answer, journal.folder, control.stop.is_set()


def _watching(ready: Ready) -> tuple[Endpoint, Watched] | None:
    """Whom to ask what the servers use up; None where nobody knows, or nothing is watched."""
    around = ready.around
    if around.prometheus is None or around.system is None:
        return None
    return around.prometheus, around.system.watched


# --- what is told -----------------------------------------------------------------------------------------


def _as_json(answer: Answer) -> dict[str, Any]:
    result, record = answer.result, answer.record
    verdict = record.verdict
    return {
        "run": record.id,
        "outcome": verdict.outcome.value if verdict is not None else None,
        "reason": verdict.reason if verdict is not None else None,
        "ending": result.ending.value,
        "capacity": {
            "rate": result.lower,
            "arrivals": result.asked,
            "lower": result.lower,
            "upper": result.upper,
            "knee": result.knee,
            "saturates": result.saturates,
            "confirmed": result.rounds,
            "broke_first": list(result.why),
        },
        "search_s": result.seconds,
        "stages": [
            {"name": each.name, "rate": each.rate, "carries": each.carries, "headroom": each.headroom}
            for each in answer.stages
        ],
        "resources": None
        if answer.resources is None
        else [
            {
                "name": each.title,
                "line": each.line,
                "most": each.most,
                "reached_at": each.at,
                "before": each.before,
            }
            for each in answer.resources
        ],
        "steps": [_step(step) for step in result.steps],
        "notes": list(answer.notes),
    }


def _step(step: Step) -> dict[str, Any]:
    whole = step.totals.whole
    return {
        "phase": step.phase.value,
        "at_s": step.at,
        "seconds": step.seconds,
        "asked": step.asked,
        "rate": step.rate,
        "done": step.done,
        "good": step.good,
        "growth": step.growth,
        "p50_s": whole.quantile(0.5),
        "p95_s": whole.quantile(0.95),
        "p99_s": whole.quantile(0.99),
        "errors": whole.error_share,
        "held": step.held,
        "why": list(step.why),
    }


def _text(answer: Answer, ready: Ready, profile: LoadProfile) -> list[str]:
    from sretool.core.runs.words import seconds_words
    from sretool.services.capacity import SOME_ERRORS, judged

    result, verdict = answer.result, answer.record.verdict
    assert verdict is not None
    held = judged(profile)
    lines = [
        f"{verdict.outcome.value}: {verdict.reason}",
        f"  of {profile.name} on {ready.target.url}, where {', '.join(map(str, held))}"
        + (" (not in the profile)" if SOME_ERRORS in held and SOME_ERRORS not in profile.objectives else ""),
    ]
    at = [step for step in result.steps if step.held and step.asked == result.asked]
    if result.lower is not None and at:
        p95, p99 = (seconds_words(at[-1].totals.whole.quantile(share), 3) for share in (0.95, 0.99))
        arrivals = f", {result.asked:,.4g} arrivals/s" if _several(result) else ""
        times = f"held {result.rounds} time{'s' if result.rounds != 1 else ''}{arrivals}"
        lines.append(f"  holds   {_rate(result.lower):>10}  {times}, p95 {p95}, p99 {p99}")
    if result.upper is not None:
        lines.append(f"  breaks  {_rate(result.upper):>10}  {'; '.join(result.why)}")
    if result.knee is not None:
        what = "the server completes no more" if result.saturates else "the objectives break first"
        lines.append(f"  knee    {_rate(result.knee):>10}  {what}")
    lines.append(f"  search  {result.seconds:>8.0f} s  {len(result.steps)} steps")
    lines += _resources(answer)
    lines += [f"  note: {note}" for note in answer.notes]
    curve = _curve(result)
    if curve:
        lines += ["", *curve]
    if answer.stages:
        lines += ["", *_stage_table(answer.stages)]
    return lines


def _several(result: Result) -> bool:
    """Whether an arrival makes another number of requests than one."""
    return bool(result.asked and result.lower and abs(result.lower / result.asked - 1) > 0.1)


def _resources(answer: Answer) -> list[str]:
    if answer.resources is None:
        return []
    crossed = [each for each in answer.resources if each.at is not None and not each.before]
    if crossed:
        first = crossed[0]
        after = (first.at - answer.record.started).total_seconds() if first.at is not None else 0.0
        rate = next((step.rate for step in reversed(answer.result.steps) if step.at <= after), None)
        at = f" at about {_rate(rate)}" if rate is not None else ""
        return [f"  first   {first.title}: over {_share(first, first.line)} after {after:.0f} s{at}"]
    if not answer.resources:
        return ["  first   no resource has any data"]
    nearest = [each for each in answer.resources if not each.before]
    if not nearest:
        return ["  first   every resource was over its line from the beginning"]
    top = nearest[0]
    return [
        f"  first   no resource reached its line; the nearest: {top.title}, "
        f"{_share(top, top.most)} of {_share(top, top.line)}"
    ]


def _share(reached: Reached, value: float) -> str:
    return f"{value:.0%}" if reached.line <= 1 else f"{value:.4g}"


def _curve(result: Result) -> list[str]:
    from sretool.cli.load_curve import ASCII, UNICODE, Point, draw

    points = [
        Point(step.done if step.saturated else step.rate, latency, bool(step.held))
        for step in result.steps
        if step.held is not None and (latency := step.totals.whole.quantile(0.99)) is not None
    ]
    columns = min(shutil.get_terminal_size().columns, 100)
    signs = UNICODE if (sys.stdout.encoding or "").lower().startswith("utf") else ASCII
    return draw(points, limit=result.lower, width=columns, signs=signs)


def _stage_table(stages: tuple[Stage, ...]) -> list[str]:
    wide = max(len("STAGE"), *(len(each.name) for each in stages))
    lines = [f"  {'STAGE':<{wide}}  {'WANTED':>9}  CARRIED  HEADROOM"]
    for each in stages:
        carried = {True: "yes", False: "no", None: "?"}[each.carries]
        lines.append(
            f"  {each.name:<{wide}}  {_rate(each.rate):>9}  {carried:<7}  {_headroom(each.headroom):>8}"
        )
    return lines


def _headroom(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{share + 1:,.1f}x" if share >= 2 else f"{share:+.0%}"


def _rate(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.3g}/s"
