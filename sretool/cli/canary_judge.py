"""`sretool canary judge`: promote, hold, or roll back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sretool.adapters.files.texts import text_of
from sretool.cli import diagnostics, options
from sretool.cli.canary_words import as_json, as_text
from sretool.cli.output import format_option, write_json
from sretool.core.analysis.canary import Outcome
from sretool.errors import SourceError, UsageError
from sretool.units import parse_duration, parse_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.cli.context import Settings, Sources
    from sretool.core.analysis.canary import Checked, Judgement
    from sretool.core.catalog.canary import CanaryPolicy, Check
    from sretool.core.catalog.model import System
    from sretool.ports import MetricsSource
    from sretool.services.canary import Order

EXIT_CODES: Final = {
    Outcome.PROMOTE: diagnostics.OK,
    Outcome.ROLLBACK: diagnostics.FAILED,
    Outcome.HOLD: diagnostics.NO_DATA,
}
PATIENCE: Final = timedelta(seconds=30)
"""For one query."""
_LOOKS: Final = 60
"""How often a stage is looked at with --watch."""
_LEAST_PAUSE: Final = timedelta(seconds=1)


@click.command()
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--stage", "number", type=int, required=True, metavar="N",
              help="From 1; 0 judges the checklist before the release.")  # fmt: skip
@click.option("--canary", metavar="SELECTOR", help='Series of the new version: version="v2".')
@click.option("--baseline", metavar="SELECTOR", help='Series of the old version: version="v1".')
@click.option("--since", "since_text", metavar="TIME",
              help="Begin of the stage, or how long ago (10m); by default as long as it lasts.")  # fmt: skip
@click.option("--at", "at_text", metavar="TIME", help="Judge as of then; by default now.")
@click.option("--baseline-offset", "offset_text", metavar="DURATION",
              help="Compare with the baseline so long ago, where all traffic is the canary's.")  # fmt: skip
@click.option("--service", metavar="ID", help="Of the catalog: whose series and budgets are meant.")
@click.option("--confirm", "confirmed", multiple=True, metavar="ID",
              help="An item of the checklist that holds; may be repeated.")  # fmt: skip
@click.option("--watch", is_flag=True, help="Go on until the stage is over or the canary is to go back.")
@format_option
@click.pass_context
def judge(
    ctx: click.Context,
    file: Path | None,
    number: int,
    canary: str | None,
    baseline: str | None,
    since_text: str | None,
    at_text: str | None,
    offset_text: str | None,
    service: str | None,
    confirmed: tuple[str, ...],
    watch: bool,
    output_format: str,
) -> None:
    """Whether a canary may get more traffic.

    FILE says what is compared and by which limits; without it canary.yaml beside the catalog, else the
    standard: 5% for 30m, 25% for 1h, 100% for 24h; 5xx at most 0.5 points and p95 at most 100ms above the
    baseline, median decision confidence above 0.5.

    Each criterion is judged at the file's confidence (95%) by an exact comparison that knows few requests;
    what is not clear yet, or not known, holds the stage up and never promotes.

    Ends with 0 to promote, 1 to roll back, 6 to hold, 3 where Prometheus does not answer.

    \b
    Argo Rollouts, by the exit code of a job, or of `sretool canary serve`:
      provider: {web: {url: "http://sretool:9798/judge?stage=1&since=30m&…",
                       jsonPath: "{$.outcome}"}}
      successCondition: result == "promote"
      failureCondition: result == "rollback"
      inconclusiveLimit: 60   # while it is held
    Flagger:
      webhooks: [{name: canary, type: confirm-promotion,
                  url: "http://sretool:9798/gate/promote",
                  metadata: {stage: "1", canary: …, baseline: …}}]
    """
    settings: Settings = ctx.obj
    sources = settings.resolve_sources(catalog_needed=False)
    system = catalog(sources)
    policy = policy_of(file, sources, system, service)
    at = _moment("--at", at_text) if at_text is not None else _now()
    if number == 0:
        found = _before_release(policy, confirmed, sources, system, at)
    else:
        if confirmed:
            raise UsageError("--confirm belongs to the checklist", remedy="give it with --stage 0")
        order = order_of(policy, number, canary, baseline, since_text, offset_text, at)
        if watch and at_text is not None:
            raise UsageError("--watch and --at exclude each other", remedy="leave one of them out")
        found = asyncio.run(judged(sources, order, at, watch=watch))
    if output_format == "json":
        write_json(as_json(policy, found))
    else:
        click.echo(as_text(policy, found))
    ctx.exit(EXIT_CODES[found.outcome])


def policy_of(
    file: Path | None, sources: Sources, system: System | None, service: str | None
) -> CanaryPolicy:
    """The file given, else the one beside the catalog, else the standard; for the service named.

    CanaryError with every problem of the file, UsageError where there is no such service.
    """
    from dataclasses import replace

    from sretool.core.catalog import canary

    if file is None:
        beside = ((path if path.is_dir() else path.parent) / canary.CANARY_FILE for path in sources.catalog)
        file = next((each for each in beside if each.is_file()), None)
    policy = canary.read(str(file), text_of(file)) if file is not None else canary.DEFAULT
    if service is None:
        return policy
    known = {each.id: each for each in system.services} if system is not None else {}
    if service not in known:
        names = ", ".join(known) or "none"
        raise UsageError(f"the catalog has no service {service!r} (known: {names})")
    job = known[service].job
    # A file for this very service has said which series it means.
    if job is not None and policy.service != service:
        from sretool.core.slo.promql import quote

        policy = replace(policy, matchers=f"job={quote(job)}")
    return replace(policy, service=service)


def order_of(
    policy: CanaryPolicy,
    number: int,
    canary: str | None,
    baseline: str | None,
    since_text: str | None,
    offset_text: str | None,
    at: datetime,
) -> Order:
    """What is to be judged; UsageError where that makes no sense."""
    from sretool.core.observe.canary import Sides
    from sretool.services.canary import Order

    if not 1 <= number <= len(policy.stages):
        stages = ", ".join(
            f"{place} ({stage.weight * 100:.4g}%)" for place, stage in enumerate(policy.stages, 1)
        )
        raise UsageError(f"there is no stage {number}", remedy=f"stages are {stages}, and 0 before them")
    earlier = _length("--baseline-offset", offset_text) if offset_text is not None else timedelta(0)
    mine, other = _side("--canary", canary), _side("--baseline", baseline)
    if mine == other and not earlier:
        raise UsageError(
            f"canary and baseline are the same: {{{mine}}}",
            remedy="name what tells the versions apart, or compare with the past (--baseline-offset)",
        )
    return Order(policy, Sides(mine, other, earlier), number, _since(since_text, at))


def _side(option: str, text: str | None) -> str:
    """Label matchers, with or without braces."""
    from sretool.core.catalog import values

    if text is None or not text.strip():
        problem = "is missing" if text is None else "is empty: it would mean every version"
        raise UsageError(f"{option} {problem}", remedy=f"write it like {option} 'version=\"v2\"'")
    bare = text.strip()
    if bare.startswith("{") and bare.endswith("}"):
        bare = bare[1:-1]
    return options.parsed(option, values.matchers, bare) or _side(option, "")


def _since(text: str | None, at: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        length = parse_duration(text)
    except UsageError:
        length = at - _moment("--since", text)
    if length <= timedelta(0):
        raise UsageError(
            f"--since {text} is not before {at:%Y-%m-%dT%H:%M:%SZ}", remedy="give the begin of the stage"
        )
    if length > timedelta(days=60):
        raise UsageError(f"--since {text} is more than 60 days ago")
    return at - length


def _moment(option: str, text: str) -> datetime:
    return options.parsed(option, parse_time, text).replace(microsecond=0)


def _length(option: str, text: str) -> timedelta:
    found = options.parsed(option, parse_duration, text)
    if not found:
        raise UsageError(f"{option}: {text} is no time at all", remedy="write it like 1d")
    return found


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def catalog(sources: Sources) -> System | None:
    from sretool.cli import objectives

    return objectives.of_catalog(sources.catalog) if sources.catalog else None


async def judged(sources: Sources, order: Order, at: datetime, *, watch: bool = False) -> Judgement:
    """The verdict of the servers known; with `watch` the one a stage ends with."""
    from sretool import wiring
    from sretool.services import canary

    source = wiring.metrics(sources.prometheus, PATIENCE)
    try:
        if watch:
            return await _watched(order, source, at)
        return await canary.judge(order, source, at)
    finally:
        await source.aclose()


async def _watched(order: Order, source: MetricsSource, at: datetime) -> Judgement:
    """Until the stage is over, or the verdict is to roll back; says on stderr what changes on the way.

    A server that is away for a while is waited for.
    """
    from dataclasses import replace

    from sretool.services import canary

    stage = order.policy.stages[order.number - 1]
    order = replace(order, since=order.since or at)
    assert order.since is not None
    end, pause = order.since + stage.lasts, max(stage.lasts / _LOOKS, _LEAST_PAUSE)
    said = ""
    while True:
        now = _now()
        try:
            found = await canary.judge(order, source, max(now, order.since + _LEAST_PAUSE))
        except SourceError as error:
            if now >= end:
                raise
            said = _say(error.message, said)
        else:
            if found.outcome is not Outcome.HOLD or now >= end:
                return found
            said = _say(f"hold: {found.reason}", said)
        left = end - datetime.now(UTC)
        await asyncio.sleep(max(min(pause, left + _LEAST_PAUSE), _LEAST_PAUSE).total_seconds())


def _say(line: str, said: str) -> str:
    if line != said:
        diagnostics.talk(f"{_now():%H:%M:%S}  {line}")
    return line


# -- before the release


def _before_release(
    policy: CanaryPolicy, confirmed: Sequence[str], sources: Sources, system: System | None, at: datetime
) -> Judgement:
    from sretool.core.analysis.canary import Checked, before_release

    by_hand = [check.id for check in policy.checklist if check.budget_above is None]
    for each in confirmed:
        if each not in by_hand:
            known = ", ".join(by_hand) or "nothing"
            raise UsageError(f"nobody can confirm {each!r}", remedy=f"the checklist asks for {known}")
    checked = []
    for check in policy.checklist:
        if check.budget_above is not None:
            checked.append(_budget(check, check.budget_above, policy, sources, system))
        elif check.id in confirmed:
            checked.append(Checked(check, True))
        else:
            checked.append(Checked(check, None, f"not confirmed (--confirm {check.id})"))
    return before_release(checked, at)


def _budget(
    check: Check, above: float, policy: CanaryPolicy, sources: Sources, system: System | None
) -> Checked:
    """By the objective that has least of its budget left."""
    from sretool.cli.slo import read_snapshot
    from sretool.core.analysis.canary import Checked
    from sretool.core.observe.release import standings

    slos = [
        slo
        for slo in (system.slos if system is not None else ())
        if policy.service is None or slo.service == policy.service
    ]
    if not slos:
        return Checked(check, None, "no objectives are known: give --catalog PATH")
    snapshot = read_snapshot(sources.prometheus, slos, None)
    found = standings(snapshot.statuses, snapshot.at)
    known = [(each.left, each.slo) for each in found if each.left is not None]
    if known and min(known)[0] <= above:
        left, slo = min(known)
        return Checked(check, False, f"{slo} has {left * 100:.1f}% left")
    if len(known) < len(found) or not found:
        unknown = next((each.slo for each in found if each.left is None), "any objective")
        return Checked(check, None, f"the budget of {unknown} is not known")
    return Checked(check, True, f"{min(known)[1]} has {min(known)[0] * 100:.1f}% left, the least of all")
