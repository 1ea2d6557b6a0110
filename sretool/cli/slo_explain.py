"""`sretool slo explain`: why an objective stands as it does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from sretool.cli import diagnostics, known
from sretool.cli.output import format_option, write_json
from sretool.cli.slo import PATIENCE, burn_text, exit_code, level_word, past_moment, span_text
from sretool.core.slo.ledger import Kind
from sretool.core.slo.model import Level
from sretool.errors import UsageError
from sretool.report import documents
from sretool.units import format_decimal, format_duration, format_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from sretool.cli.context import Settings
    from sretool.core.observe.explanation import Explanation, PairState, Suspicion
    from sretool.core.observe.model import SloStatus
    from sretool.core.slo.firing import Firing
    from sretool.core.slo.ledger import Entry, Ledger, Span
    from sretool.core.slo.model import Slo
    from sretool.core.slo.suspects import Breakdown, Suspect
    from sretool.ports import Endpoint

_STANDS_OUT: Final = 0.05
"""Share of the bad events that a value has beyond its share of the traffic, from which it is a suspect."""

_VALUES_SHOWN: Final = 4


@click.command(name="explain")
@click.argument("id_", metavar="ID")
@click.option("--at", "at_text", metavar="TIME", help="A past moment: RFC 3339 or seconds since the epoch.")
@known.incidents_option
@format_option
@click.pass_context
def command(
    ctx: click.Context, id_: str, at_text: str | None, incidents: Path | None, output_format: str
) -> None:
    """Why one objective stands as it does, and what becomes of it.

    Which window pairs fire, since when, and when they clear if errors stop now; what spent the budget, as a
    ledger that adds up exactly; which label values carry the errors. ID is service/name or its beginning.
    Without a catalog it is one that the rules of Sloth or Pyrra already record on the server.

    Ends as `slo status` does: 0 where it is ok or needs a ticket, 1 where it pages or its budget is spent,
    6 without data, 3 where Prometheus cannot be asked.
    """
    from sretool.cli import objectives
    from sretool.core.slo.select import select

    settings: Settings = ctx.obj
    at = past_moment(at_text) if at_text is not None else None
    sources = settings.resolve_sources(catalog_needed=False)
    chosen = select(objectives.load(sources).slos, [id_.partition("{")[0]])
    spans = known.spans(incidents, sources.catalog)
    found = _read(sources.prometheus, chosen, id_, at, spans)
    if output_format == "json":
        write_json(documents.explanation(found))
    else:
        click.echo("\n".join(_text(found)))
    if found.status.problem is not None:
        diagnostics.tell(f"{found.status.slo.id}: {found.status.problem}", "check the selectors of its SLI")
    ctx.exit(exit_code([found.status]))


def _read(
    prometheus: Endpoint, slos: Sequence[Slo], id_: str, at: datetime | None, spans: Sequence[Span]
) -> Explanation:
    import asyncio

    from sretool import wiring
    from sretool.services import explaining

    async def once() -> Explanation:
        source, now = wiring.metrics(prometheus, PATIENCE), wiring.SystemClock().now()
        try:
            statuses, recorded = await explaining.read_status(slos, source, now, at)
            status = _one(statuses, id_)
            from_rules = bool(recorded & {status.slo.id, status.slo.base_id})
            return await explaining.explain(status, source, at or now, spans, from_rules=from_rules)
        finally:
            await source.aclose()

    return asyncio.run(once())


def _one(statuses: Sequence[SloStatus], id_: str) -> SloStatus:
    exact = [status for status in statuses if status.slo.id == id_] or list(statuses)
    if len(exact) > 1:
        ids = ", ".join(sorted(status.slo.id for status in exact)[:8])
        raise UsageError(f"{id_!r} names {len(exact)} objectives", remedy=f"choose one: {ids}")
    return exact[0]


# --- text


def _text(found: Explanation) -> Iterator[str]:
    yield from _heading(found)
    yield ""
    yield from _pairs(found)
    if found.ledger is not None:
        yield ""
        yield from _ledger(found, found.ledger)
    if found.suspicion is not None:
        yield ""
        yield from _suspects(found.suspicion)


def _heading(found: Explanation) -> Iterator[str]:
    status, slo = found.status, found.status.slo
    style: dict[str, Any] = {Level.PAGE: {"fg": "red"}, Level.SPENT: {"fg": "red"}}.get(status.level, {})
    yield f"{click.style(level_word(status.level), bold=True, **style)}  {slo.id}  {slo.title}"
    goal = f"{format_decimal(slo.objective * 100)}% good over {_window(slo)}"
    if status.sli is None or status.budget_left is None or found.events_left is None:
        yield f"goal {goal}; there is no data of this window at {format_time(found.at)}"
        return
    decimals = len(format_decimal(slo.objective * 100).partition(".")[2]) + 2
    yield f"goal {goal}; it is {status.sli * 100:.{decimals}f}% at {format_time(found.at)}"
    left = found.events_left
    events = f"{_number(abs(left))} more {'may go' if left >= 0 else 'than may have gone'} bad"
    yield f"budget: {status.budget_left:.1%} left, {events} at the window's traffic"
    if status.exhausts_in is not None:
        yield f"at the present burn it is gone in {span_text(status.exhausts_in)}"
    elif status.recovers_in is not None:
        yield f"at the present burn it is above 0 again in {span_text(status.recovers_in)}"
    elif status.budget_left < 0:
        yield f"at the present burn it does not recover within {format_duration(slo.window)}"
    if status.coverage is not None and status.coverage < 0.99:
        yield f"only {status.coverage:.1%} of the window has data"


def _window(slo: Slo) -> str:
    return str(slo.calendar) if slo.calendar is not None else format_duration(slo.window)


def _pairs(found: Explanation) -> Iterator[str]:
    slo = found.status.slo
    firing = [state for state in found.pairs if state.fires]
    if not slo.alerts:
        yield "It has no burn-rate alerts."
        return
    if not firing:
        worst = max(
            found.pairs, key=lambda state: (state.burn_long or 0.0) / float(state.pair.factor(slo.window))
        )
        yield (
            f"Nothing fires: it burns {burn_text(worst.burn_long)} over {format_duration(worst.pair.long)},"
            f" limit {_factor(worst, slo)}."
        )
        return
    for state in firing:
        yield f"{click.style(state.pair.severity.upper(), bold=True)} {_firing(state, found)}"
    burning = found.burning
    if burning is not None:
        yield (
            f"Burning since {_moment(burning.start)}: {_number(burning.bad)} of {_number(burning.total)}"
            f" events were bad, {burning.eaten:.1%} of the budget."
        )
    if found.clears_in is not None:
        yield f"If errors stop now, the last of these clears in {span_text(found.clears_in)}."


def _firing(state: PairState, found: Explanation) -> str:
    pair, slo = state.pair, found.status.slo
    text = (
        f"{format_duration(pair.long)}/{format_duration(pair.short)}: burns {burn_text(state.burn_long)} and"
        f" {burn_text(state.burn_short)}, limit {_factor(state, slo)}"
    )
    if state.since is not None:
        before = "before " if state.since.earlier else ""
        text += f"; since {before}{_moment(state.since.at)} ({span_text(found.at - state.since.at)})"
    if state.clears_in is not None:
        text += f"; clears {span_text(state.clears_in)} after errors stop"
    return text


def _factor(state: PairState, slo: Slo) -> str:
    return f"{float(state.pair.factor(slo.window)):.4g}x"


def _ledger(found: Explanation, ledger: Ledger) -> Iterator[str]:
    yield f"What spent the budget since {_moment(ledger.since)}"
    rows = [
        (f"{float(entry.share):.2%}", _number(float(entry.bad)), _when(entry), _what(entry))
        for entry in ledger.biggest
        if entry.kind is not Kind.EDGES or abs(entry.share) >= 0.0001
    ]
    rows.append((f"{float(ledger.spent):.2%}", _number(float(ledger.bad)), "", "in all"))
    headings = ("OF BUDGET", "BAD", "WHEN", "WHAT")
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for share, bad, when, what in (headings, *rows):
        yield (f"{share.rjust(widths[0])}  {bad.rjust(widths[1])}  {when.ljust(widths[2])}  {what}".rstrip())
    if any(entry.left_out is not None for entry in ledger.entries):
        yield "(excluded time counts nowhere above; alerts that Prometheus evaluated in it stay as they were)"
    if found.alerts_replayed and any(entry.alerts for entry in ledger.entries):
        yield "(alerts from before the rules were loaded are what these would have said)"


def _when(entry: Entry) -> str:
    if entry.start is None or entry.end is None:
        return "throughout" if entry.kind is Kind.BACKGROUND else "last moments"
    return f"{_moment(entry.start)}, {span_text(entry.end - entry.start)}"


def _what(entry: Entry) -> str:
    if entry.kind is Kind.BACKGROUND:
        return "background"
    if entry.kind is Kind.EDGES:
        return "not in the steps above yet"
    peak = f", peak {burn_text(entry.peak_burn)}" if entry.peak_burn else ""
    alerts = sorted({_pair_name(firing) for firing in entry.alerts})
    fired = f"; fired {', '.join(alerts)}" if alerts else ""
    if entry.left_out is not None:
        away = f"{_number(entry.left_out.bad)} bad of {_number(entry.left_out.total)} events"
        return f"{entry.kind}{f' {entry.name!r}' if entry.name else ''}, excluded: {away}{fired}"
    return f"{entry.kind}{f' {entry.name!r}' if entry.name else ''}{peak}{fired}"


def _pair_name(firing: Firing) -> str:
    if firing.long is None:
        return firing.alert
    return f"{firing.severity or 'alert'} {format_duration(firing.long)}"


def _suspects(suspicion: Suspicion) -> Iterator[str]:
    length = span_text(suspicion.end - suspicion.start)
    yield f"Where its errors came from: {suspicion.of}, {_moment(suspicion.start)}, {length}"
    if suspicion.unknown is not None:
        yield f"  not known: {suspicion.unknown}"
        return
    for each in suspicion.breakdowns:
        yield from _breakdown(each)
    places = [each for each in suspicion.breakdowns if not each.tells_kind]
    if not any(each.values[0].excess >= _STANDS_OUT for each in places):
        yield "  No place stands out: the errors are spread as the traffic is."


def _breakdown(breakdown: Breakdown) -> Iterator[str]:
    # What an error is called is shown by how many there are of it, a place by how much it stands out.
    values = breakdown.values
    plain = breakdown.tells_kind or values[0].excess < _STANDS_OUT
    shown = sorted(values, key=lambda each: -each.share) if plain else values
    for number, suspect in enumerate(shown[:_VALUES_SHOWN]):
        label = breakdown.label if number == 0 else ""
        yield f"  {label:<10} {suspect.value:<32} {_suspect(suspect, breakdown)}".rstrip()
    if len(shown) > _VALUES_SHOWN:
        yield f"  {'':<10} and {len(shown) - _VALUES_SHOWN} more"


def _suspect(suspect: Suspect, breakdown: Breakdown) -> str:
    text = f"{suspect.share:6.1%} of the errors"
    if not breakdown.tells_kind and suspect.traffic_share is not None:
        text += f", {suspect.traffic_share:.1%} of the traffic"
    if not breakdown.tells_kind and suspect.error_ratio is not None:
        text += f"; {suspect.error_ratio:.2%} of its own fail"
    return text


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"


def _moment(at: datetime) -> str:
    return f"{at + timedelta(seconds=30):%Y-%m-%d %H:%M}"
