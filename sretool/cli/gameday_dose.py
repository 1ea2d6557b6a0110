"""`sretool gameday dose`: the smallest dose of a fault that breaks an objective."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from sretool.cli import gameday_together, output
from sretool.cli.gameday_together import Wanted
from sretool.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from datetime import datetime

    from sretool.cli.context import Settings
    from sretool.cli.gameday_together import Prepared, Surrounded
    from sretool.core.plans.chaos.experiment import Experiment
    from sretool.core.plans.gameday.dose import Aim
    from sretool.core.plans.load.objectives import Objective
    from sretool.core.runs.load import Load
    from sretool.core.runs.model import Check
    from sretool.core.slo.model import Slo
    from sretool.services.gameday_dose import Made, Order, Ordered


@click.command()
@gameday_together.options
@click.option("--load", "profile", metavar="PROFILE", help="A name of `sretool load list`.")
@click.option("--variable", required=True, metavar="NAME", help="The experiment's variable that is the dose.")
@click.option("--from", "mild", required=True, metavar="X", help="The mildest dose.")
@click.option("--to", "harsh", required=True, metavar="Y", help="The harshest dose; may be the lower number.")
@click.option("--check", metavar="TEXT", help="What is to hold as the load sees it, like 'p95 < 200ms'.")
@click.option("--slo", metavar="ID", help="Instead: an objective of the catalog, as its servers count.")
@click.option(
    "--precision",
    default="5%",
    show_default=True,
    metavar="SHARE",
    help="How narrow the answer is to be, of the way from X to Y.",
)
@click.option(
    "--confirm",
    type=click.IntRange(0, 10),
    default=1,
    show_default=True,
    metavar="N",
    help="How often each end of the answer is tried again.",
)
@click.option(
    "--trials",
    type=click.IntRange(2, 100),
    default=14,
    show_default=True,
    metavar="N",
    help="The most experiments that are made.",
)
@output.format_option
@click.pass_obj
def dose(
    settings: Settings,
    /,
    *,
    variable: str,
    mild: str,
    harsh: str,
    check: str | None,
    slo: str | None,
    precision: str,
    confirm: int,
    trials: int,
    yes: bool,
    output_format: str,
    **options: Any,
) -> None:
    """Find the smallest dose of a fault that breaks an objective, by halving.

    EXPERIMENT is a file or a name of `sretool chaos list`, like dose/latency.
    It is made again and again with another dose, the mildest first; harsher
    ones only as far as needed. Both ends of the answer are tried again. What is
    judged is the time that the fault was in. Everything is undone however this
    ends. The run's folder is the last line of stdout.

    \b
    Exit: 0 found (or nothing breaks it), 2 the command line is wrong,
    4 aborted or refused by a guard, 5 something could not be undone,
    6 cannot be told, 7 the run itself failed, 130 interrupted and undone.
    """
    from sretool.services import gameday_dose as services

    aim = _aim(mild, harsh, precision, confirm, trials)
    objective = _objective(check, slo, options["profile"])
    wanted = Wanted(**options)
    if any(each.partition("=")[0].partition(":")[0] == variable for each in wanted.variables):
        raise UsageError(f"--vars {variable}: it is the dose, which the search decides")
    # What it hurts is looked at with the harshest dose.
    given = f"{variable}:{'int' if aim.whole else 'float'}={services.figure(aim.harsh)}"
    prepared = gameday_together.prepare(settings, wanted, extra=(given,))
    plan = prepared.experiment.plan
    names = plan.experiment.document.get("configuration") or {}
    if variable not in names:
        raise UsageError(f"the experiment has no variable {variable!r}{did_you_mean(variable, names)}")
    if plan.production:
        raise UsageError(
            "what breaks production is not searched for: each dose would be a plan of its own to approve"
        )
    judged = _slo(prepared, slo) if slo is not None else None
    order = _order(prepared, aim, variable, objective, judged)

    async def work(around: Surrounded) -> Made:
        return await services.run(order, around.around, around.journal, around.control, around.on_event)

    asked = {
        "kind": "dose",
        "experiment": str(prepared.experiment.file),
        "load": options["profile"],
        "variable": variable,
        "from": aim.mild,
        "to": aim.harsh,
        "check": order.what,
        "precision": aim.precision,
        "confirm": confirm,
    }
    made, folder = gameday_together.carry_out(
        prepared, order.title, plan=asked, yes=yes, show=_shown(prepared, order), work=work
    )
    raise gameday_together.finish(
        made.ending, folder, "dose", {**asked, **_document(made)}, [*_lines(made, order)], output_format
    )


def _aim(mild: str, harsh: str, precision: str, confirm: int, trials: int) -> Aim:
    from sretool.core.plans.gameday.dose import Aim

    ends = []
    for option, text in (("--from", mild), ("--to", harsh)):
        try:
            ends.append(float(text))
        except ValueError:
            raise UsageError(
                f"{option} {text}: a dose is a number, in the unit of the experiment's variable"
            ) from None
    whole = all(text.strip().lstrip("+-").isdecimal() for text in (mild, harsh))
    return Aim(ends[0], ends[1], gameday_together.share("--precision", precision), confirm, trials, whole)


def _objective(check: str | None, slo: str | None, profile: str | None) -> Objective | None:
    from sretool.core.plans.load import objectives
    from sretool.core.plans.load.objectives import Measure

    if (check is None) == (slo is None):
        both = "--check and --slo are two things that are not to break"
        raise UsageError(
            "nothing says what is not to break" if check is None else both,
            remedy="give --check TEXT or --slo ID, one of them",
        )
    if check is None:
        return None
    if profile is None:
        raise UsageError(f"--check {check!r} is of a load", remedy="give --load PROFILE, or --slo ID")
    found = objectives.parse(check)
    if found.measure is Measure.SLO:
        raise UsageError(
            f"--check {check!r} is an objective of the catalog", remedy=f"give --slo {found.slo}"
        )
    return found


def _slo(prepared: Prepared, wanted: str) -> Slo:
    from sretool.cli import objectives

    sources = prepared.experiment.sources
    if sources is None or not sources.catalog:
        raise UsageError("no catalog of objectives is known", remedy="give --catalog PATH, or --check TEXT")
    known = {str(each.id): each for each in objectives.load(sources).slos}
    if wanted not in known:
        raise UsageError(f"there is no objective {wanted!r}{did_you_mean(wanted, known)}")
    return known[wanted]


def _order(
    prepared: Prepared, aim: Aim, variable: str, objective: Objective | None, slo: Slo | None
) -> Order:
    from sretool.services.gameday_dose import Order

    return Order(
        title=f"dose of {prepared.experiment.file.stem}",
        aim=aim,
        variable=variable,
        what=str(slo.id) if slo is not None else str(objective),
        check=objective,
        server=_server(prepared, slo) if slo is not None else None,
        load=prepared.load() if prepared.wanted.profile is not None else (),
        chaos=prepared.chaos(),
        longest=prepared.longest,
        people={"lead": prepared.experiment.me},
        blast_radius=prepared.blast_radius,
        limits=prepared.limits,
        ordered=ordered(prepared.experiment.plan.experiment, variable),
    )


def ordered(experiment: Experiment, variable: str) -> Ordered | None:
    """Where the experiment says what it wants measured, and the variable's own value is that figure."""
    from sretool.services.gameday_dose import Ordered

    dose = experiment.block.dose
    if dose is not None and (each := _follows(experiment, variable)) is not None:
        return Ordered(float(dose.want), float(dose.tolerance), each, follows=True)
    own = (experiment.document.get("configuration") or {}).get(variable)
    if dose is None or isinstance(own, bool) or not isinstance(own, int | float) or not own:
        return None
    want = float(dose.want)
    # 200 or 0.2 where 200ms is wanted, 50 or 0.5 where it is 50%: another figure is of something else.
    same = any(math.isclose(own, want * times, rel_tol=1e-6) for times in (1, 100, 1000))
    return Ordered(want, float(dose.tolerance), want / own) if same else None


def _follows(experiment: Experiment, variable: str) -> float | None:
    """How much one of `variable` is of what the experiment wants, written with it (`"${latency}ms"`)."""
    from sretool.core.plans.chaos import spec

    blocks = (each for each in experiment.document.get("extensions") or () if isinstance(each, dict))
    written = next((each.get("dose") for each in blocks if each.get("name") == spec.NAME), None)
    name = f"${{{variable}}}"
    want = written.get("want") if isinstance(written, dict) else None
    if not isinstance(want, str) or name not in want:
        return None
    try:
        return float(spec.quantity(want.replace(name, "1"))[0])
    except UsageError:
        return None


def _server(prepared: Prepared, slo: Slo) -> Callable[[datetime, datetime, Load], Awaitable[Check]]:
    """What the servers counted for an objective in a stretch of time; it may be nothing."""
    from datetime import timedelta

    from sretool import wiring
    from sretool.services.load import Span
    from sretool.services.load_servers import SERVER, Servers

    sources = prepared.experiment.sources
    assert sources is not None

    async def judged(begin: datetime, end: datetime, load: Load) -> Check:
        source = wiring.metrics(sources.prometheus, timedelta(seconds=10))
        try:
            found = await Servers((slo,), source).checks(Span(begin, end), load)
        finally:
            await source.aclose()
        return next(check for check, _ in found if check.name.endswith(SERVER))

    return judged


def _shown(prepared: Prepared, order: Order) -> Iterator[str]:
    from sretool.services.gameday_dose import figure

    under = f" under the load {prepared.wanted.profile}" if prepared.wanted.profile else ""
    yield ""
    yield (
        f"This with {order.variable} from {figure(order.aim.mild)} to {figure(order.aim.harsh)}{under},"
        f" until it is known where {order.what} breaks"
    )
    yield (
        f"at most {order.aim.most} experiments; ends when any error budget has lost {prepared.wanted.budget}"
    )


def _lines(made: Made, order: Order) -> Iterator[str]:
    from sretool.core.runs.words import value_words
    from sretool.services.gameday_dose import figure

    verdict, result = made.ending.record.verdict, made.result
    assert verdict is not None
    yield f"{verdict.outcome.value}: {verdict.reason}"
    if not result.confirmed:
        yield "  the ends of this were not tried again"
    if not result.trials:
        return
    wide = max(len(order.variable), *(len(figure(each.dose)) for each in result.trials))
    yield ""
    yield f"  {'TRIAL':>5}  {order.variable.upper():>{wide}}  {'':<6}  {order.what}"
    checks = {each.name.partition(":")[0]: each for each in made.checks}
    for number, each in enumerate(result.trials, 1):
        check = checks.get(f"trial-{number}")
        got = each.why if check is None or check.got is None else value_words(check.got, check.unit, 4)
        said = {True: "breaks", False: "holds", None: "?"}[each.broke]
        yield f"  {number:>5}  {figure(each.dose):>{wide}}  {said:<6}  {got}"


def _document(made: Made) -> dict[str, Any]:
    verdict, result = made.ending.record.verdict, made.result
    return {
        "run": made.ending.record.id,
        "outcome": verdict.outcome.value if verdict is not None else None,
        "reason": verdict.reason if verdict is not None else None,
        "ending": result.ending.value,
        "holds": result.holds,
        "breaks": result.breaks,
        "monotone": result.monotone,
        "confirmed": result.confirmed,
        "trials": [{"dose": each.dose, "broke": each.broke, "why": each.why} for each in result.trials],
    }
