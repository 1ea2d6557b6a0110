"""`sretool gameday rounds`: the same load with and without a fault, and what the fault changes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from sretool.cli import gameday_options, gameday_together, output
from sretool.cli.gameday_together import Wanted
from sretool.cli.load_run import DURATION, RATE
from sretool.errors import UsageError
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.cli.context import Settings
    from sretool.cli.gameday_together import Prepared, Surrounded
    from sretool.core.runs.rounds import Rounds
    from sretool.services.gameday_rounds import Made, Order

_LEAD: Final = 10.0
"""Seconds until an experiment has asked for its steady state, about."""


@click.command()
@gameday_together.options
@click.option("--load", "profile", required=True, metavar="PROFILE", help="A name of `sretool load list`.")
@click.option(
    "--pairs", type=click.IntRange(1, 50), default=4, show_default=True, metavar="N", help="Pairs of rounds."
)
@click.option(
    "--window",
    type=DURATION,
    default="30s",
    show_default=True,
    metavar="D",
    help="What is compared: so long from the fault on.",
)
@click.option(
    "--capacity",
    is_flag=True,
    help="Compare the highest rate that holds; the fault must stay in for so long.",
)
@click.option(
    "--within",
    type=DURATION,
    default="90s",
    show_default=True,
    metavar="D",
    help="How long one search for the highest rate may take.",
)
@click.option("--to", "most", type=RATE, metavar="R", help="Highest rate that such a search tries.")
@gameday_options.seed_option("the order and the arrivals")
@output.format_option
@click.pass_obj
def rounds(
    settings: Settings,
    /,
    *,
    pairs: int,
    window: float,
    capacity: bool,
    within: float,
    most: float | None,
    seed: int,
    yes: bool,
    output_format: str,
    **options: Any,
) -> None:
    """Measure what a fault changes: rounds of the same load with and without it.

    EXPERIMENT is a file or a name of `sretool chaos list`. Two rounds make a
    pair, with the same arrivals; the seed decides which comes first. Latencies,
    errors and throughput of the time from the fault on are compared pair by
    pair, with the interval that holds the difference 19 times in 20. Everything
    is undone however this ends. The run's folder is the last line of stdout.

    \b
    Exit: 0 measured, 2 the command line is wrong, 4 aborted or refused by a
    guard, 5 something could not be undone, 6 too few rounds count, 7 the run
    itself failed, 130 interrupted and undone.
    """
    from sretool.services import gameday_rounds as services

    if capacity and options["rate"] is not None:
        raise UsageError("a search decides the rate itself", remedy="give --to R for the highest one")
    if most is not None and not capacity:
        raise UsageError(
            f"--to {most:g} is of a search for the highest rate",
            remedy="give --capacity, or --rate R instead",
        )
    prepared = gameday_together.prepare(settings, Wanted(**options))
    order = _order(prepared, pairs, window, seed, capacity=capacity, within=within, most=most)

    async def work(around: Surrounded) -> Made:
        return await services.run(order, around.around, around.journal, around.control, around.on_event)

    plan = {
        "kind": "rounds",
        "experiment": str(prepared.experiment.file),
        "load": options["profile"],
        "pairs": pairs,
        "window_s": window,
        "capacity": capacity,
        "seed": seed,
        "plan_hash": prepared.experiment.plan.hash,
    }
    made, folder = gameday_together.carry_out(
        prepared, order.title, plan=plan, yes=yes, show=_shown(prepared, order), work=work
    )
    document = {**plan, **_document(made)}
    raise gameday_together.finish(
        made.ending, folder, "rounds", document, [*_lines(made, order)], output_format
    )


def _order(
    prepared: Prepared,
    pairs: int,
    window: float,
    seed: int,
    *,
    capacity: bool,
    within: float,
    most: float | None,
) -> Order:
    from sretool.services.gameday_rounds import Order

    plan = prepared.experiment.plan
    return Order(
        title=f"rounds of {prepared.experiment.file.stem}",
        pairs=pairs,
        seed=seed,
        window=window,
        lead=_LEAD,
        load=() if capacity else prepared.load(),
        capacity=prepared.capacity(within, most) if capacity else (),
        chaos=prepared.chaos(),
        dosed=plan.block.dose is not None,
        longest=prepared.longest,
        people={"lead": prepared.experiment.me},
        blast_radius=prepared.blast_radius,
        limits=prepared.limits,
    )


def _shown(prepared: Prepared, order: Order) -> Iterator[str]:
    what = "searches for the highest rate of" if order.capacity else "rounds of the load"
    span = "" if order.capacity else f", {format_duration(timedelta(seconds=order.window))} of each compared"
    yield ""
    yield f"{2 * order.pairs} {what} {prepared.wanted.profile}, every second one with this fault{span}"
    yield f"seed {order.seed}; ends when any error budget has lost {prepared.wanted.budget}"


def _lines(made: Made, order: Order) -> Iterator[str]:
    verdict = made.ending.record.verdict
    assert verdict is not None
    yield f"{verdict.outcome.value}: {verdict.reason}"
    found = made.rounds
    yield f"  {found.pairs} of {order.pairs} pairs count"
    if found.compared:
        yield ""
        yield from table(found)
    missing = [f"  {each.step} does not count: {each.why}" for each in found.rounds if each.why]
    yield from ("", *missing) if missing else ()


def table(found: Rounds) -> Iterator[str]:
    """What the fault changes, one measure a line."""
    from sretool.core.runs import differences

    yield f"  {'':<10}  {'WITHOUT':>9}  {'WITH':>9}  {'CHANGE':>9}  {'19 TIMES IN 20':<21}  BY CHANCE"
    for each in map(differences.row, found.compared):
        yield (
            f"  {each.measure:<10}  {each.without:>9}  {each.with_:>9}  {each.change:>9}  {each.interval:<21}"
            f"  {each.chance}"
        ).rstrip()


def _document(made: Made) -> dict[str, Any]:
    from sretool.core.runs import differences

    verdict = made.ending.record.verdict
    return {
        "run": made.ending.record.id,
        "outcome": verdict.outcome.value if verdict is not None else None,
        "reason": verdict.reason if verdict is not None else None,
        "pairs_that_count": made.rounds.pairs,
        "differences": [differences.document(each) for each in made.rounds.compared],
        "rounds": _rounds(made.rounds),
    }


def _rounds(found: Rounds) -> list[dict[str, Any]]:
    return [
        {
            "step": each.step,
            "pair": each.pair,
            "fault": each.fault,
            "begin": each.begin,
            "end": each.end,
            "requests": each.requests,
            **each.figures,
            "counts": not each.why,
            "why": each.why or None,
        }
        for each in found.rounds
    ]
