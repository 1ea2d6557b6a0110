"""`sretool alerts`: what is open, who has it, how often it fired, whom it reaches; acks and silences."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

import click

from sretool.cli import diagnostics
from sretool.cli.output import columns, format_option, write_json
from sretool.errors import UsageError
from sretool.units import format_duration, format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from sretool.cli.context import Settings
    from sretool.core.alerting.firings import Firing
    from sretool.core.alerting.silences import Matcher
    from sretool.core.catalog.model import System
    from sretool.core.observe.model import Alert
    from sretool.core.observe.triage import Open
    from sretool.services.duty import Duty

T = TypeVar("T")

_STYLES: Final[dict[str, dict[str, Any]]] = {
    "page": {"fg": "red", "bold": True},
    "ticket": {"fg": "yellow"},
}


class _Group(click.Group):
    """`silence` is a module of its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), "silence"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "silence":
            return super().get_command(ctx, cmd_name)
        return cast("click.Command", import_module("sretool.cli.alerts_silence").command)


@click.group(name="alerts", cls=_Group)
def command() -> None:
    """Alerts: what is open and who has it; acks, silences, history, routes."""


class Place(NamedTuple):
    """The servers a command talks to, and what is known of the system there."""

    duty: Callable[[], Duty]
    system: System | None
    """None: no catalog is known."""
    settings: Settings


def place(ctx: click.Context) -> Place:
    """UsageError where no Alertmanager is known."""
    from sretool import wiring
    from sretool.adapters.files import catalog

    settings: Settings = ctx.obj
    sources = settings.resolve_sources(catalog_needed=False)
    if sources.alertmanager is None:
        raise UsageError("no Alertmanager is known", remedy="give --alertmanager URL, or start a lab")
    system = catalog.load(sources.catalog) if sources.catalog else None
    severities = system.severities if system is not None else {}
    alertmanager, prometheus = sources.alertmanager, sources.prometheus
    return Place(lambda: wiring.duty(alertmanager, prometheus, severities), system, settings)


def run(at: Place, work: Callable[[Duty], Coroutine[None, None, T]]) -> T:
    """What `work` makes of the duty service; raises its SourceError."""

    async def once() -> T:
        duty = at.duty()
        try:
            return await work(duty)
        finally:
            await duty.aclose()

    return asyncio.run(once())


def me(ctx: click.Context, given: str | None) -> str:
    """Under which name: the option, the configuration, the user of this machine."""
    settings: Settings = ctx.obj
    name = given or settings.configuration().me or os.environ.get("USER") or os.environ.get("LOGNAME")
    if not name:
        raise UsageError(
            "nobody knows who you are", remedy="give --by NAME, or set `me` in the configuration"
        )
    return name


def matchers_of(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """Several arguments add up: `service=amas severity=page`."""
    from sretool.core.alerting.silences import parse_matchers

    return parse_matchers(",".join(texts))


def read_alerts(at: Place) -> tuple[Alert, ...]:
    slos = at.system.slos if at.system is not None else ()
    return run(at, lambda duty: duty.alerts(slos))


def now() -> datetime:
    return datetime.now(UTC)


# --- list -------------------------------------------------------------------------------------------------


@command.command(name="list")
@click.argument("matchers", metavar="[MATCHER]...", nargs=-1)
@click.option(
    "--state",
    "states",
    type=click.Choice(["new", "acked", "silenced", "inhibited"]),
    multiple=True,
    help="Only in this state; may be repeated.",
)
@format_option
@click.pass_context
def list_(ctx: click.Context, matchers: tuple[str, ...], states: tuple[str, ...], output_format: str) -> None:
    """Open alerts, the most urgent first, with owner, state and escalation.

    MATCHER is like severity=page or alertname=~"Http.*"; several must all fit.

    Ends with 0 where no page waits for somebody, 1 where one does, 3 where Alertmanager cannot be asked.
    """
    from sretool.core.observe.triage import Reader, Stage
    from sretool.core.slo.model import Severity

    at = place(ctx)
    reader, moment = Reader(at.system), now()
    wanted = matchers_of(matchers) if matchers else ()
    opened = [reader.open(alert, moment) for alert in read_alerts(at)]
    shown = [
        each
        for each in opened
        if (not states or each.stage in states) and all(m.matches(each.alert.labels) for m in wanted)
    ]
    if output_format == "json":
        write_json({"at": moment, "alerts": [_as_json(each, moment) for each in shown]})
    elif not shown:
        click.echo("no alert is open" if not opened else "no open alert fits", err=True)
    else:
        _table(shown, moment)
    waits = any(each.stage is Stage.NEW and each.alert.severity is Severity.PAGE for each in shown)
    ctx.exit(diagnostics.FAILED if waits else diagnostics.OK)


def _as_json(found: Open, at: datetime) -> dict[str, Any]:
    alert, ack = found.alert, found.alert.ack
    return {
        "fingerprint": alert.fingerprint,
        "name": alert.name,
        "severity": alert.severity,
        "service": alert.labels.get("service"),
        "slo": alert.slo,
        "state": found.stage,
        "owner": found.owner,
        "since": alert.since,
        "for_s": at - alert.since,
        "ack": None
        if ack is None
        else {"owner": ack.owner, "note": ack.note, "since": ack.since, "ends": ack.ends},
        "silenced_by": list(alert.silenced_by),
        "escalates_in_s": found.escalates_in,
        "escalation": [
            {
                "step": row.number,
                "at": row.at,
                "due": row.due,
                "to": [target.id for target in row.who],
                "who": [target.member for target in row.who],
            }
            for row in found.steps
        ],
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "receivers": list(alert.receivers),
    }


def _table(shown: Sequence[Open], at: datetime) -> None:
    rows = [("SEV", "SERVICE", "ALERT", "FOR", "OWNER", "STATE")]
    rows += [_row(each, at) for each in shown]
    for line, found in zip(columns(rows), [None, *shown], strict=True):
        severity = found.alert.severity if found is not None and found.stage == "new" else None
        click.echo(click.style(line, **_STYLES[severity]) if severity is not None else line)


def _row(found: Open, at: datetime) -> tuple[str, str, str, str, str, str]:
    alert = found.alert
    severity = alert.severity.value.upper() if alert.severity is not None else "INFO"
    pair = "/".join(filter(None, (alert.labels.get("long"), alert.labels.get("short"))))
    about = f"{alert.slo} {pair}" if alert.slo is not None else alert.labels.get("instance", "")
    state = found.stage.value
    if alert.ack is not None:
        state = f"acked by {alert.ack.owner}"
    elif found.escalates_in is not None:
        state = f"new, escalates in {span_text(found.escalates_in)}"
    return (
        severity,
        alert.labels.get("service", "-"),
        f"{alert.name} {about}".strip(),
        span_text(at - alert.since),
        found.owner or "-",
        state,
    )


def span_text(span: timedelta) -> str:
    """In its two largest units: `2h5m`, `41m`."""
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds}s"
    unit = 60 if seconds < 48 * 3600 else 3600
    return format_duration(timedelta(seconds=seconds // unit * unit))


# --- ack --------------------------------------------------------------------------------------------------


@command.command()
@click.argument("matchers", metavar="[MATCHER]...", nargs=-1)
@click.option("--note", default="", help="What you look at.")
@click.option("--by", "given", metavar="NAME", help="Who takes it; default: `me` of the configuration.")
@click.option("--release", is_flag=True, help="Give acknowledged alerts back instead.")
@click.option("--renew", is_flag=True, help="Only look after the acks there are: for a cron job.")
@format_option
@click.pass_context
def ack(
    ctx: click.Context,
    matchers: tuple[str, ...],
    note: str,
    given: str | None,
    release: bool,
    renew: bool,
    output_format: str,
) -> None:
    """Acknowledge the open alerts that fit.

    An ack is a silence of exactly one alert with a mark (ACK!), as karma makes them. It lasts 15 minutes and
    is renewed while the alert fires by any dashboard that is open, or by `sretool alerts ack --renew`; where
    nobody renews it, it lapses and the page comes back. When the alert is over it is dropped.

    Ends with 0, 1 where no open alert fits, 3 where Alertmanager cannot be asked.
    """
    from sretool.core.alerting.acks import LENGTH

    at = place(ctx)
    if renew:
        kept = run(at, lambda duty: duty.keep_acks())
        diagnostics.talk(f"renewed {kept.renewed}, dropped {kept.dropped}")
        if output_format == "json":
            write_json({"renewed": kept.renewed, "dropped": kept.dropped})
        return
    if not matchers:
        raise UsageError("which alerts?", remedy="give matchers: sretool alerts ack alertname=ServiceDown")
    wanted = matchers_of(matchers)
    fitting = [a for a in read_alerts(at) if all(matcher.matches(a.labels) for matcher in wanted)]
    chosen = [
        a for a in fitting if (a.ack is not None if release else not a.silenced_by or a.ack is not None)
    ]
    owner = me(ctx, given)
    if release:
        run(at, lambda duty: duty.release(chosen))
    else:
        run(at, lambda duty: duty.ack(chosen, owner, note))
    if output_format == "json":
        alerts = [{"fingerprint": alert.fingerprint, "name": alert.name} for alert in chosen]
        write_json({"owner": owner, "alerts": alerts, "ends": None if release else now() + LENGTH})
    else:
        for alert in chosen:
            click.echo(f"{alert.fingerprint}  {alert.name}")
    if not chosen:
        diagnostics.tell("no open alert fits", "sretool alerts list shows what is open")
        ctx.exit(diagnostics.FAILED)
    if not release:
        diagnostics.talk(
            f"lapses at {format_time(now() + LENGTH)} unless a dashboard is open or `ack --renew` runs"
        )


# --- history ----------------------------------------------------------------------------------------------


@command.command()
@click.argument("matchers", metavar="[MATCHER]...", nargs=-1)
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True, help="How far back.")
@format_option
@click.pass_context
def history(ctx: click.Context, matchers: tuple[str, ...], days: int, output_format: str) -> None:
    """How often alerts fired, and for how long, out of Prometheus' ALERTS; most often first.

    A firing is a stretch of time, not a sample; both its ends are right to the step the text names.
    """
    from sretool.core.alerting.firings import step_for

    at = place(ctx)
    wanted = matchers_of(matchers) if matchers else ()
    back = timedelta(days=days)
    found = run(at, lambda duty: duty.past(wanted, back))
    by_alert: dict[tuple[tuple[str, str], ...], list[Firing]] = {}
    for firing in found:
        by_alert.setdefault(tuple(sorted(firing.labels.items())), []).append(firing)
    ranked = sorted(by_alert.values(), key=len, reverse=True)
    end = now()
    if output_format == "json":
        step = step_for(back)
        write_json(
            {"from": end - back, "to": end, "step_s": step, "alerts": [_past_as_json(f) for f in ranked]}
        )
        return
    if not ranked:
        click.echo(f"nothing fired in {days}d", err=True)
        return
    rows: list[tuple[str, ...]] = [("TIMES", "ALERT", "SEV", "LAST", "LASTED", "IN ALL")]
    rows += [_past_row(firings, end) for firings in ranked]
    for line in columns(rows):
        click.echo(line)
    diagnostics.talk(f"to {format_duration(step_for(back))}")


def _past_row(found: Sequence[Firing], end: datetime) -> tuple[str, ...]:
    from sretool.core.alerting.handoff import name_of

    last = found[0]
    total = sum((firing.lasted for firing in found), timedelta())
    when = "firing" if last.going_on else f"{span_text(end - last.end)} ago"
    severity = last.labels.get("severity", "-")
    return (str(len(found)), name_of(last), severity, when, span_text(last.lasted), span_text(total))


def _past_as_json(found: Sequence[Firing]) -> dict[str, Any]:
    labels = dict(found[0].labels)
    return {
        "name": labels.get("alertname"),
        "labels": labels,
        "times": len(found),
        "firing": found[0].going_on,
        "total_s": sum((firing.lasted for firing in found), timedelta()),
        "firings": [{"start": f.start, "end": f.end, "lasted_s": f.lasted} for f in found],
    }


# --- route ------------------------------------------------------------------------------------------------


@command.command()
@click.argument("labels", metavar="LABEL=VALUE...", nargs=-1, required=True)
@format_option
@click.pass_context
def route(ctx: click.Context, labels: tuple[str, ...], output_format: str) -> None:
    """Which receivers an alert with these labels reaches, by the configuration Alertmanager runs with."""
    from sretool.core.alerting.routing import reached

    given: dict[str, str] = {}
    for text in labels:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{text!r} is no label", remedy="write it like severity=page")
        given[name] = value.strip('"')
    at = place(ctx)
    found = reached(run(at, lambda duty: duty.routing()), given)
    if output_format == "json":
        write_json(
            {
                "labels": given,
                "receivers": [
                    {
                        "receiver": each.receiver,
                        "path": list(each.path),
                        "group_by": list(each.group_by),
                        "group_wait": each.group_wait,
                        "repeat_interval": each.repeat_interval,
                        "only_in": list(each.only_in),
                        "not_in": list(each.not_in),
                    }
                    for each in found
                ],
            }
        )
        return
    for each in found:
        when = "".join(
            (
                f", only in {', '.join(each.only_in)}" if each.only_in else "",
                f", not in {', '.join(each.not_in)}" if each.not_in else "",
            )
        )
        click.echo(f"{each.receiver}  (reminds every {each.repeat_interval}{when})")
        for depth, matchers in enumerate(each.path):
            click.echo(f"{'  ' * (depth + 1)}{matchers}")
