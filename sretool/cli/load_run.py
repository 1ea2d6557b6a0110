"""`sretool load list` and `load run`: what load tests there are, and one of them carried out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sretool.cli import diagnostics, load_around, load_beside, output
from sretool.cli.load_beside import Beside
from sretool.errors import UsageError, did_you_mean
from sretool.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from sretool.adapters.files.profiles import StoredProfile
    from sretool.adapters.locust.program import Program
    from sretool.cli.context import Settings
    from sretool.cli.load_around import Around
    from sretool.core.plans.load.plan import LoadPlan
    from sretool.core.plans.load.profile import LoadProfile
    from sretool.core.plans.load.target import Target
    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import RunRecord
    from sretool.core.slo.model import Slo
    from sretool.services.load import Control, Order


@click.command(name="list")
@output.format_option
@click.pass_obj
def list_(settings: Settings, output_format: str) -> None:
    """The load profiles of this project and those that come with sretool."""
    from sretool import wiring

    found, broken = wiring.load_profiles(settings.project)
    if output_format == "json":
        output.write_json({"profiles": [_as_json(each.profile, each.folder) for each in found]})
    else:
        rows = [("PROFILE", "LOAD", "TAKES", "TITLE")]
        rows += [(each.profile.name, *_load_words(each.profile), each.profile.title) for each in found]
        for line in output.columns(rows):
            click.echo(line)
    for problem in broken:
        diagnostics.talk(str(problem))
    if broken:
        raise click.exceptions.Exit(diagnostics.USAGE)


def _load_words(profile: LoadProfile) -> tuple[str, str]:
    from datetime import timedelta

    from sretool.core.plans.load.profile import Closed, Open

    match profile.model:
        case Open(rate=shape):
            load = f"up to {shape.highest:g}/s"
        case Closed(users=shape):
            load = f"up to {shape.highest:g} user{'s' if shape.highest != 1 else ''}"
        case _:
            return "its own", "-"
    return load, format_duration(timedelta(seconds=round(shape.seconds)))


def _as_json(profile: LoadProfile, folder: Path) -> dict[str, Any]:
    from sretool.core.plans.load.profile import Closed, Open

    model, shape = profile.model, profile.shape
    highest = shape.highest if shape is not None else None
    return {
        "name": profile.name,
        "title": profile.title,
        "about": profile.about,
        "file": profile.file,
        "folder": folder,
        "model": {Open: "open", Closed: "closed"}.get(type(model), "own"),
        "rate": highest if isinstance(model, Open) else None,
        "users": highest if isinstance(model, Closed) else None,
        "duration_s": profile.seconds,
        "objectives": [str(each) for each in profile.objectives],
        "parameters": [
            {"name": name, "type": each.type, "default": each.default, "about": each.about}
            for name, each in profile.parameters.items()
        ],
    }


# --- what every command that makes load asks for ----------------------------------------------------------


class _Rate(click.ParamType[float]):
    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from sretool.core.plans.load.profile import parse_rate

        rate = value if isinstance(value, float) else parse_rate(value)
        if rate <= 0:
            raise UsageError(f"a rate of {value} is no load")
        return rate


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = value if isinstance(value, float) else parse_duration(value).total_seconds()
        if seconds <= 0:
            raise UsageError(f"a duration of {value} is none")
        return seconds


RATE: Final = _Rate()
DURATION: Final = _Duration()


def plan_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """PROFILE and what says how and against what it is carried out; they come as one `Wanted`."""
    options = [
        click.argument("profile", metavar="PROFILE"),
        click.option("--target", metavar="URL", help="What is put under load; the running lab's without it."),
        click.option("--mapping", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
                     help="What the profile's requests are on this target."),
        click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, metavar="N",
                     help="Processes that make the load."),
        click.option("--seed", type=int, metavar="N", help="The same arrivals and choices each time."),
        click.option("--param", "params", multiple=True, metavar="NAME=VALUE",
                     help="A parameter of the profile; may be repeated."),
        click.option("--data", multiple=True, metavar="NAME=FILE",
                     help="Another file for a data feeder of the profile; may be repeated."),
        click.option("--allow-host", "hosts", multiple=True, metavar="HOST",
                     help="Requests may go to this host, too; may be repeated."),
        click.option("--yes-this-is-mine", "meant", is_flag=True,
                     help="Make load against another machine than this one."),
        click.option("--ca-file", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
                     help="PEM file of the authorities to trust."),
        click.option("--insecure", is_flag=True, help="Do not verify certificates."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class Wanted:
    """`plan_options` as given."""

    profile: str
    target: str | None
    mapping: Path | None
    workers: int
    seed: int | None
    params: tuple[str, ...]
    data: tuple[str, ...]
    hosts: tuple[str, ...]
    meant: bool
    ca_file: str | None
    insecure: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """A profile that can be carried out against its target."""

    stored: StoredProfile
    profile: LoadProfile
    """As adjusted."""
    plan: LoadPlan
    target: Target
    slos: tuple[Slo, ...]
    """Objectives of the catalog that are to hold."""
    around: Around


def given(params: Sequence[str]) -> dict[str, str]:
    return _named(params, "--param", "words=20")


def _data(files: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """Absolute paths, of `known` feeders only."""
    found = _named(files, "--data", "accounts=accounts.csv")
    for name, path in found.items():
        if name not in known:
            raise UsageError(f"the profile has no data {name!r}{did_you_mean(name, known)}")
        if not Path(path).is_file():
            raise UsageError(f"--data {name}: there is no file {path}")
    return {name: str(Path(path).absolute()) for name, path in found.items()}


def _named(options: Sequence[str], option: str, like: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in options:
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{option} {each!r} names nothing", remedy=f"write it like {option} {like}")
        found[name.strip()] = value
    return found


def prepare(
    settings: Settings,
    wanted: Wanted,
    *,
    rate: float | None = None,
    users: int | None = None,
    seconds: float | None = None,
    flat: bool = False,
    bind: str = "",
    join: str = "",
) -> Ready:
    """Profile and target, looked at before anything is sent.

    UsageError and CatalogError for what cannot be, SourceError where the target cannot be reached.
    """
    from dataclasses import replace

    from sretool import wiring
    from sretool.core.plans.load import plan as plans
    from sretool.core.plans.load import shape
    from sretool.core.plans.load import target as targets
    from sretool.core.plans.load.profile import Closed, Open, OwnShape

    stored = wiring.load_profile(wanted.profile, settings.project, wanted.mapping)
    profile = stored.profile
    profile = replace(profile, data={**profile.data, **_data(wanted.data, profile.data)})
    if isinstance(profile.model, OwnShape) and (rate or users):
        if seconds is None:
            raise UsageError(f"nothing says how long {profile.name} is to run", remedy="give --duration")
        if rate and users:
            raise UsageError("a rate and a number of users are two kinds of load", remedy="give one of them")
        model = Open(shape.flat(rate, seconds)) if rate else Closed(shape.flat(users or 0, seconds))
        profile = replace(profile, model=model)
    else:
        profile = profile.adjusted(rate=rate, users=users, seconds=seconds, flat=flat)
    around = load_around.look(settings, wanted.target)
    profile, slos = load_around.with_slos(profile, around)
    target = targets.parse(around.target)
    wiring.check_target(
        target,
        listed=around.load_targets,
        meant=wanted.meant,
        production=around.production,
        ca_file=wanted.ca_file or "",
        insecure=wanted.insecure,
    )
    if warning := wiring.make_room(profile):
        diagnostics.tell(warning)
    plan = plans.resolve(
        profile,
        target,
        folder=str(stored.folder),
        given=given(wanted.params),
        seed=wanted.seed,
        workers=wanted.workers,
        bind=bind,
        join=join,
        hosts=wanted.hosts,
        fingerprint=stored.fingerprint,
        ca_file=wanted.ca_file or "",
        insecure=wanted.insecure,
    )
    return Ready(stored, profile, plan, target, slos, around)


# --- one run ----------------------------------------------------------------------------------------------


@click.command()
@plan_options
@load_beside.beside_options
@click.option("--rate", type=RATE, metavar="R", help="Highest rate of arrivals a second, like 200 or 200/s.")
@click.option("--users", type=click.IntRange(min=1), metavar="N", help="Highest number of users.")
@click.option("--duration", type=DURATION, metavar="D", help="Stretch the whole profile to so long, like 5m.")
@click.option("--flat", is_flag=True, help="Its highest rate or number of users all the time.")
@click.option(
    "--abort-on-breach/--no-abort-on-breach",
    default=None,
    help="End the run when an objective is surely broken; the profile says so, too.",
)
@click.option("--abort-after", type=DURATION, metavar="D", help="Look at objectives after so much measuring.")
@click.option("--abort-delay", type=DURATION, metavar="D", help="An objective must be broken for so long.")
@click.option("--master", metavar="HOST:PORT", help="Lead --workers of other machines, which come here.")
@click.option("--worker", metavar="HOST:PORT", help="Work for the master there, with the same profile.")
@output.format_option
@click.pass_context
def run(
    ctx: click.Context,
    /,
    *,
    master: str | None,
    worker: str | None,
    rate: float | None,
    users: int | None,
    duration: float | None,
    flat: bool,
    abort_on_breach: bool | None,
    abort_after: float | None,
    abort_delay: float | None,
    output_format: str,
    tui: bool,
    metrics_port: str | None,
    **options: Any,
) -> None:
    """Carry out a load profile and judge it by its objectives.

    PROFILE is a name of `sretool load list`, a profile's file, or any locustfile. Ctrl-C ends the run in
    order, a second one at once. The run's folder is the last line of stdout.

    \b
    Exit: 0 objectives hold, 1 broken, 3 the target cannot be reached,
    4 ended early by a broken objective, 6 cannot be told (no requests, or
    the generator did not keep up), 7 the generator failed, 130 Ctrl-C.
    """
    from sretool import wiring
    from sretool.core.plans.load.profile import Abort
    from sretool.services.load import Order

    settings: Settings = ctx.obj
    if master and worker:
        raise UsageError("one process cannot be master and worker", remedy="give --master or --worker")
    beside = Beside(tui, metrics_port)
    program = wiring.start_program()
    ctx.call_on_close(program.kill)
    ready = prepare(
        settings,
        Wanted(**options),
        rate=rate,
        users=users,
        seconds=duration,
        flat=flat,
        bind=_place(master),
        join=_place(worker),
    )
    if worker:
        _work(ready, program)
        return
    abort = ready.profile.abort
    if abort_on_breach is False:
        abort = None
    elif abort_on_breach or abort_after is not None or abort_delay is not None:
        before = abort or Abort(after=5.0, delay=5.0)
        abort = Abort(
            after=abort_after if abort_after is not None else before.after,
            delay=abort_delay if abort_delay is not None else before.delay,
        )
    if abort is not None and not ready.profile.objectives:
        raise UsageError(f"{ready.profile.name} has no objectives that could be broken")
    order = Order(ready.profile, ready.plan, abort)
    record, folder, interrupted = carry_out(settings, ready, order, beside, program)
    if output_format == "json":
        from sretool.core.runs import lines

        output.write_json({**_builtins(lines.document(record)), "folder": folder})
    else:
        _summary(record)
        click.echo(str(folder))
    raise click.exceptions.Exit(
        diagnostics.INTERRUPTED if interrupted else diagnostics.verdict_code(record.verdict)
    )


def _builtins(document: Any) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(document)
    return found


def _place(raw: str | None) -> str:
    """`host:port`, as it is given; the host may be left out of what is listened at."""
    if raw is None:
        return ""
    _, _, port = raw.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"{raw!r} is no place", remedy="write it like 10.0.0.5:5557")
    return raw if ":" in raw else f"127.0.0.1:{raw}"


def _work(ready: Ready, program: Program) -> None:
    """Until the master has no more use for it."""
    import asyncio

    from sretool import wiring

    async def work() -> None:
        control = _control()
        task = asyncio.ensure_future(wiring.work_load(ready.plan, diagnostics.talk, control, program))
        with load_beside.ending(control, task):
            await task

    asyncio.run(work())


def _control() -> Control:
    from sretool.services.load import Control

    return Control()


def carry_out(
    settings: Settings, ready: Ready, order: Order, beside: Beside, program: Program | None = None
) -> tuple[RunRecord, Path, bool]:
    """The run, its folder, and whether somebody interrupted it."""
    from sretool import wiring

    journal = wiring.load_journal(settings.project, settings.environment or {}, ready.stored, ready.plan)
    control = _control()

    def work(on_event: Callable[[RunEvent], None]) -> Coroutine[Any, Any, RunRecord]:
        return wiring.run_load(
            order,
            journal,
            control,
            on_event=on_event,
            slos=ready.slos,
            prometheus=ready.around.prometheus,
            program=program,
        )

    record = load_beside.carry_out(settings, beside, journal, control, work)
    if record is None:
        return journal.run, journal.folder, True
    return record, journal.folder, control.stop.is_set()


def _summary(record: RunRecord) -> None:
    """How it ended, on stdout."""
    from sretool.core.runs.words import value_words

    verdict = record.verdict
    assert verdict is not None
    click.echo(f"{verdict.outcome.value}: {verdict.reason}")
    for check in verdict.checks:
        sign = {True: "ok", False: "BROKEN", None: "?"}[check.ok]
        click.echo(f"  {sign:<6}  {check.name}: {value_words(check.got, check.unit, 3)}")
    measures = record.measures.load
    if measures is None:
        return
    figures = [
        ("requests", value_words(measures.requests, "")),
        ("failures", value_words(measures.failures, "")),
        ("rate", value_words(measures.rate, "1/s")),
        *(
            (name, value_words(value, "s", 3))
            for name, value in (
                ("p50", measures.p50_s),
                ("p95", measures.p95_s),
                ("p99", measures.p99_s),
                ("max", measures.max_s),
            )
        ),
        ("late", value_words(measures.late_starts, "")),
        ("generator", value_words(measures.generator_cpu, "ratio")),
    ]
    click.echo("  ".join(f"{name} {value}" for name, value in figures))
