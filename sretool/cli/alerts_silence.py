"""`sretool alerts silence`: made with a preview, a reason and an end; listed with what they hide."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from sretool.cli import diagnostics
from sretool.cli.alerts import matchers_of, me, now, place, read_alerts, run, span_text
from sretool.cli.output import columns, format_option, write_json
from sretool.errors import UsageError
from sretool.units import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from sretool.cli.context import Settings
    from sretool.core.alerting.silences import Silence
    from sretool.core.observe.model import Alert


@click.group(name="silence")
def command() -> None:
    """Silences: add, list, extend, expire."""


@command.command()
@click.argument("matchers", metavar="MATCHER...", nargs=-1, required=True)
@click.option("--for", "length", metavar="DURATION", default="1h", show_default=True, help="How long.")
@click.option("--comment", required=True, help="Why nobody needs to be told.")
@click.option("--by", "given", metavar="NAME", help="Who; default: `me` of the configuration.")
@click.option("--yes", is_flag=True, help="Do not ask where it is wide or hides pages.")
@format_option
@click.pass_context
def add(
    ctx: click.Context,
    matchers: tuple[str, ...],
    length: str,
    comment: str,
    given: str | None,
    yes: bool,
    output_format: str,
) -> None:
    """Silence the alerts that fit; prints the silence's id.

    MATCHER is like service=amas or alertname=~"Http.*". What it hides now and would have hidden in the last
    30 days is told first; where it is wide or hides a page, that has to be confirmed.
    """
    from sretool.core.alerting.firings import common_labels
    from sretool.core.alerting.silences import parse_length, text_of, wide
    from sretool.core.slo.model import Severity

    wanted = matchers_of(matchers)
    lasts = parse_length(length, _longest(ctx))
    if not comment.strip():
        raise UsageError("the comment is empty", remedy="say why nobody needs to be told")
    who = me(ctx, given)
    at = place(ctx)
    alerts = read_alerts(at)
    hits = [alert for alert in alerts if all(matcher.matches(alert.labels) for matcher in wanted)]
    external = common_labels([alert.labels for alert in alerts])
    before = run(at, lambda duty: duty.hit_before(wanted, external))
    pages = [alert for alert in hits if alert.severity is Severity.PAGE]
    warning = wide(wanted, [alert.labels for alert in hits])
    diagnostics.talk(
        f"{text_of(wanted)} matches {len(hits)} open alerts ({len(pages)} pages), {before} in the last 30d"
    )
    if warning is not None:
        diagnostics.talk(f"wide: it {warning}")
    if (pages or warning is not None) and not yes:
        _confirm(pages)
    id_ = run(at, lambda duty: duty.silence(wanted, lasts, who, comment))
    if output_format == "json":
        write_json(
            {"id": id_, "ends": now() + lasts, "hits": len(hits), "pages": len(pages), "hit_30d": before}
        )
    else:
        click.echo(id_)


def _confirm(pages: Sequence[Alert]) -> None:
    what = f"hides {len(pages)} open pages" if pages else "may hide more than is meant"
    if not sys.stdin.isatty():
        raise UsageError(f"the silence {what}", remedy="narrow it, or say --yes")
    click.confirm(f"It {what}. Silence?", default=False, abort=True, err=True)


def _longest(ctx: click.Context) -> timedelta:
    from sretool.cli import looks

    settings: Settings = ctx.obj
    return looks.silence_longest(settings.configuration())


@command.command(name="list")
@click.option("--expired", is_flag=True, help="Also those that are over.")
@click.option("--idle", is_flag=True, help="Only those that match nothing now.")
@format_option
@click.pass_context
def list_(ctx: click.Context, expired: bool, idle: bool, output_format: str) -> None:
    """Silences with what they hide now; acks are told apart."""
    from sretool.core.alerting.acks import ack_of
    from sretool.core.alerting.silences import SilenceState, text_of

    at, moment = place(ctx), now()
    silences = run(at, lambda duty: duty.silences())
    alerts = read_alerts(at)
    hits = {silence.id: [a for a in alerts if silence.matches(a.labels)] for silence in silences}
    shown = [
        silence
        for silence in sorted(silences, key=lambda each: (ack_of(each) is not None, each.ends))
        if (expired or silence.state is not SilenceState.EXPIRED) and not (idle and hits[silence.id])
    ]
    if output_format == "json":
        write_json({"at": moment, "silences": [_as_json(each, hits[each.id], moment) for each in shown]})
        return
    if not shown:
        click.echo("no silence", err=True)
        return
    rows = [("ID", "STATE", "ENDS IN", "HITS", "BY", "MATCHERS", "COMMENT")]
    for silence in shown:
        ack = ack_of(silence)
        ends = "-" if silence.state is SilenceState.EXPIRED else span_text(silence.ends - moment)
        state = "ack" if ack is not None and silence.state is SilenceState.ACTIVE else silence.state.value
        rows.append(
            (
                silence.id,
                state,
                ends,
                str(len(hits[silence.id])),
                silence.created_by if ack is None else ack.owner,
                text_of(silence.matchers),
                silence.comment if ack is None else ack.note,
            )
        )
    for line in columns(rows):
        click.echo(line)


def _as_json(silence: Silence, hits: Sequence[Alert], at: datetime) -> dict[str, Any]:
    from sretool.core.alerting.acks import ack_of
    from sretool.core.alerting.silences import SilenceState

    ack = ack_of(silence)
    over = silence.state is SilenceState.EXPIRED
    return {
        "id": silence.id,
        "state": silence.state,
        "starts": silence.starts,
        "ends": silence.ends,
        "ends_in_s": None if over else silence.ends - at,
        "by": silence.created_by,
        "comment": silence.comment,
        "matchers": [
            {"name": m.name, "value": m.value, "equal": m.equal, "regex": m.regex} for m in silence.matchers
        ],
        "ack": None if ack is None else {"owner": ack.owner, "note": ack.note, "since": ack.since},
        "hits": [alert.fingerprint for alert in hits],
    }


@command.command()
@click.argument("id_", metavar="ID")
@click.option("--by", "by", metavar="DURATION", default="1h", show_default=True, help="How much longer.")
@click.pass_context
def extend(ctx: click.Context, id_: str, by: str) -> None:
    """Let a silence end later; prints the id it has now."""
    from sretool.core.alerting.silences import parse_length

    longest = _longest(ctx)
    more = parse_length(by, longest)
    at = place(ctx)
    silence = _found(run(at, lambda duty: duty.silences()), id_)
    ends = max(silence.ends, now()) + more
    if ends - now() > longest:
        raise UsageError(
            f"it would end at {format_time(ends)}, later than a silence may", remedy="extend it by less"
        )
    click.echo(run(at, lambda duty: duty.extend(silence, more)))


@command.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.pass_context
def expire(ctx: click.Context, ids: tuple[str, ...]) -> None:
    """End silences now."""
    at = place(ctx)
    silences = run(at, lambda duty: duty.silences())
    whole = [_found(silences, id_).id for id_ in ids]
    run(at, lambda duty: duty.expire(whole))
    for id_ in whole:
        click.echo(id_)


def _found(silences: Sequence[Silence], start: str) -> Silence:
    """The silence whose id begins so."""
    found = [silence for silence in silences if silence.id.startswith(start)]
    if len(found) != 1:
        what = "no silence has" if not found else f"{len(found)} silences have"
        raise UsageError(
            f"{what} an id that begins with {start!r}", remedy="sretool alerts silence list --expired"
        )
    return found[0]
