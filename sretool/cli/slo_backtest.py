"""`sretool slo backtest`: the alerts that the rules would have raised on what was recorded."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from sretool.cli import diagnostics
from sretool.cli.known import incidents_option, spans
from sretool.cli.options import parsed
from sretool.cli.output import format_option, write_json
from sretool.units import format_decimal, format_duration, format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from decimal import Decimal

    from sretool.cli.context import Settings
    from sretool.core.analysis.backtest import Alarm, Detection, Score
    from sretool.core.analysis.recording import Recording
    from sretool.core.slo.ledger import Span
    from sretool.core.slo.model import Slo
    from sretool.ports import Endpoint

_MINUTE: Final = timedelta(minutes=1)
_WELL_COVERED: Final = 0.99
_ROWS: Final = 100
"""Alarms that people read; programs get all of them."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command was asked."""

    since: datetime
    until: datetime
    known: tuple[Span, ...]
    hold: timedelta
    objective: Decimal | None
    window: timedelta | None

    @property
    def changed(self) -> bool:
        return self.objective is not None or self.window is not None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the replay of one set of pairs gave."""

    recordings: tuple[Recording, ...]
    alarms: tuple[Alarm, ...]
    """Of all objectives, by their starts."""
    score: Score[Alarm]


@click.command(name="backtest")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True, max=3650),
    default=30.0,
    show_default="30",
    help="How much of the past is replayed.",
)
@click.option("--until", "until_text", metavar="TIME", help="Where it ends; now without it.")
@incidents_option
@click.option("--objective", "objective_text", metavar="RATIO", help="What if this were the target: 99.5%.")
@click.option("--window", "window_text", metavar="DURATION", help="What if this were the rolling window: 7d.")
@click.option(
    "--for",
    "hold_text",
    metavar="DURATION",
    default="0s",
    help="How long a pair must be above its limits before it fires; the rules have none.",
)
@click.option(
    "--rules",
    "rule_files",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Rule files whose alerts are replayed, too; may be repeated. Those of the catalog without it.",
)
@format_option
@click.pass_context
def command(
    ctx: click.Context,
    ids: tuple[str, ...],
    days: float,
    until_text: str | None,
    incidents: Path | None,
    objective_text: str | None,
    window_text: str | None,
    hold_text: str,
    rule_files: tuple[Path, ...],
    output_format: str,
) -> None:
    """The alerts that the burn-rate pairs would have raised on recorded history, minute by minute.

    With known incidents it says which of them the alerts found and how fast, and which alerts were false.
    With --objective or --window the pairs are those of another target or window. Objectives that no rules
    record are computed from their counters. Beside them it replays the plain alerting rules of the catalog or
    of --rules: each expression at every evaluation of its group, `for` and `keep_firing_for` honoured.

    Ends with 0, with 6 where an objective has no data at all, 3 where Prometheus cannot be asked.
    """
    from sretool.cli import objectives, slo_backtest_symptoms
    from sretool.core.analysis.backtest import score, what_if
    from sretool.core.catalog import values
    from sretool.core.slo.select import select

    until = _until(until_text)
    since = _whole_minute(until - timedelta(days=days))
    objective = _option("--objective", values.objective, objective_text)
    window = _option("--window", values.duration, window_text)
    hold = _option("--for", values.duration_or_none, hold_text) or timedelta()
    settings: Settings = ctx.obj
    sources = settings.resolve_sources(catalog_needed=False)
    system = objectives.load(sources)
    slos = select(system.slos, ids)
    rules = slo_backtest_symptoms.read(rule_files, system.rule_files if not ids else {})
    asked = _Asked(since, until, spans(incidents, sources.catalog), hold, objective, window)
    others = [what_if(slo, objective, window) for slo in slos] if asked.changed else []
    recordings = _read(sources.prometheus, slos, others, asked)
    symptoms = slo_backtest_symptoms.replay(sources.prometheus, rules, since, until)
    known = score(symptoms.firings, asked.known, since, until) if asked.known else None
    as_it_is = _outcome(recordings, asked)
    found = as_it_is
    if asked.changed:
        changed = (replace(each, slo=what_if(each.slo, objective, window)) for each in recordings)
        found = _outcome(tuple(changed), asked)
    if output_format == "json":
        write_json(_as_json(asked, found, as_it_is) | slo_backtest_symptoms.as_json(symptoms, known))
    else:
        lines = [*_text(asked, found, as_it_is), *slo_backtest_symptoms.text(symptoms, known, until)]
        click.echo("\n".join(lines))
    blind = any(each.coverage(since) == 0 for each in recordings)
    ctx.exit(diagnostics.NO_DATA if blind or not recordings else diagnostics.OK)


def _until(text: str | None) -> datetime:
    """The end of the replay: the newest minute that was surely evaluated, or the one asked for."""
    from sretool.cli.slo import past_moment

    if text is None:
        return _whole_minute(datetime.now(UTC) - _MINUTE)
    return _whole_minute(past_moment(text))


def _whole_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


T = TypeVar("T")


def _option(name: str, parse: Callable[[str], T], text: str | None) -> T | None:
    return None if text is None else parsed(name, parse, text)


def _read(
    prometheus: Endpoint, slos: Sequence[Slo], others: Sequence[Slo], asked: _Asked
) -> tuple[Recording, ...]:
    """What was recorded of the objectives, from early enough for the pairs of both sets."""
    from sretool import wiring
    from sretool.core.analysis.backtest import warm_up
    from sretool.services import backtesting

    start = _whole_minute(asked.since - warm_up((*slos, *others)) - asked.hold)
    source = wiring.history(prometheus)
    try:
        return backtesting.read(source, slos, start, asked.until, _progress, others)
    finally:
        source.close()


def _progress(done: int, of: int) -> None:
    """A line that is written over itself, for people who wait."""
    if sys.stderr.isatty():
        text = f"reading history, {done} of {of} weeks" if done < of else ""
        click.echo(f"\r{text:<40}\r", err=True, nl=False)


def _outcome(recordings: Sequence[Recording], asked: _Asked) -> _Outcome:
    from sretool.core.analysis.backtest import replay, score

    alarms = [alarm for each in recordings for alarm in replay(each, asked.since, asked.hold)]
    alarms.sort(key=lambda alarm: (alarm.start, alarm.slo.id, alarm.pair.long))
    return _Outcome(tuple(recordings), tuple(alarms), score(alarms, asked.known, asked.since, asked.until))


# --- JSON


def _as_json(asked: _Asked, found: _Outcome, as_it_is: _Outcome) -> dict[str, Any]:
    return {
        "since": asked.since,
        "until": asked.until,
        "for_s": asked.hold,
        "slos": [_recording_as_json(each, asked.since) for each in found.recordings],
        "firings": [_alarm_as_json(alarm, found.score) for alarm in found.alarms],
        "score": _score_as_json(found) if asked.known else None,
        "as_it_is": _summary_as_json(as_it_is, scored=bool(asked.known)) if asked.changed else None,
    }


def _recording_as_json(recording: Recording, since: datetime) -> dict[str, Any]:
    slo = recording.slo
    return {
        "id": slo.id,
        "objective": slo.objective,
        "window_s": slo.window,
        "coverage": recording.coverage(since),
        "origin": recording.origin,
        "pairs": [
            {
                "severity": pair.severity,
                "long_s": pair.long,
                "short_s": pair.short,
                "factor": pair.factor(slo.window),
            }
            for pair in slo.alerts
        ],
    }


def _alarm_as_json(alarm: Alarm, score: Score[Alarm]) -> dict[str, Any]:
    return {
        "slo": alarm.slo.id,
        "severity": alarm.pair.severity,
        "long_s": alarm.pair.long,
        "short_s": alarm.pair.short,
        "start": alarm.start,
        "end": alarm.end,
        "peak_burn": alarm.peak_burn,
        "budget_eaten": alarm.eaten,
        "budget_eaten_before": alarm.eaten_before,
        "incidents": [span.name for span in score.explain(alarm)],
    }


def _score_as_json(found: _Outcome) -> dict[str, Any]:
    return {
        **_summary_as_json(found, scored=True),
        "incidents": [_detection_as_json(each) for each in found.score.detections],
        "outside": found.score.outside,
    }


def _summary_as_json(found: _Outcome, *, scored: bool) -> dict[str, Any]:
    score = found.score
    counts = _by_severity(found.alarms)
    out: dict[str, Any] = {"pages": counts["page"], "tickets": counts["ticket"]}
    if scored:
        out |= {
            "precision": score.precision,
            "recall": score.recall,
            "page_recall": score.page_recall,
            "false": len(score.false),
        }
    return out


def _detection_as_json(each: Detection[Alarm]) -> dict[str, Any]:
    return {
        "name": each.incident.name,
        "kind": each.incident.kind,
        "start": each.incident.start,
        "end": each.incident.end,
        "detected": each.first is not None,
        "page_after_s": each.delay(each.page),
        "page_slo": each.page.slo.id if each.page is not None else None,
        "ticket_after_s": each.delay(each.ticket),
        "ticket_slo": each.ticket.slo.id if each.ticket is not None else None,
    }


# --- text

_HEADINGS: Final = ("FIRED", "OBJECTIVE", "PAIR", "START (UTC)", "LASTED", "PEAK", "EATEN")
_NUMERIC_FROM: Final = 4


def _text(asked: _Asked, found: _Outcome, as_it_is: _Outcome) -> list[str]:
    lines = [_title(asked, found), ""]
    lines += _table(found, asked)
    if asked.known:
        lines += ["", *_incidents(found.score)]
    lines += ["", _summary("", found, scored=bool(asked.known))]
    if asked.changed:
        lines.append(_summary("as it is: ", as_it_is, scored=bool(asked.known)))
    return [*lines, *_doubts(found.recordings, asked.since)]


def _title(asked: _Asked, found: _Outcome) -> str:
    number = len(found.recordings)
    changes = [
        f"target {format_decimal(asked.objective * 100)}%" if asked.objective is not None else "",
        f"window {format_duration(asked.window)}" if asked.window is not None else "",
    ]
    what_if = ", ".join(filter(None, changes))
    return (
        f"{number} objective{'s' if number != 1 else ''} replayed from {format_time(asked.since)}"
        f" to {format_time(asked.until)}" + (f", what if: {what_if}" if what_if else "")
    )


def _table(found: _Outcome, asked: _Asked) -> list[str]:
    if not found.alarms:
        return ["no pair would have fired"]
    headings = (*_HEADINGS, "KNOWN AS") if asked.known else _HEADINGS
    left_out = len(found.alarms) - _ROWS
    rows = [_cells(alarm, found.score, asked) for alarm in found.alarms[-_ROWS:]]
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    before = [f"{left_out} earlier ones are left out; --format json has them"] if left_out > 0 else []
    return before + [
        " ".join(
            cell.rjust(width) if _NUMERIC_FROM <= number < len(_HEADINGS) else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (headings, *rows)
    ]


def _cells(alarm: Alarm, score: Score[Alarm], asked: _Asked) -> tuple[str, ...]:
    lasted = _span((alarm.end or asked.until) - alarm.start)
    cells = (
        alarm.pair.severity.value,
        alarm.slo.id,
        _pair(alarm),
        f"{alarm.start:%Y-%m-%d %H:%M}",
        lasted if alarm.end is not None else f"{lasted}+",
        f"{alarm.peak_burn:.1f}x" if alarm.peak_burn < 100 else f"{alarm.peak_burn:.0f}x",
        f"{(alarm.eaten_before + alarm.eaten) * 100:.1f}%",
    )
    if not asked.known:
        return cells
    return (*cells, ", ".join(span.name for span in score.explain(alarm)) or "nothing known")


def _incidents(score: Score[Alarm]) -> list[str]:
    return [
        f"{each.incident.name} ({each.incident.start:%Y-%m-%d %H:%M},"
        f" {_span(each.incident.end - each.incident.start)}): {_found(each)}"
        for each in score.detections
    ]


def _found(each: Detection[Alarm]) -> str:
    said = [
        f"{alarm.pair.severity} {_after(each, alarm)} by {alarm.slo.id} {_pair(alarm)}"
        for alarm in (each.page, each.ticket)
        if alarm is not None
    ]
    return ", ".join(said) or "MISSED"


def _after(each: Detection[Alarm], alarm: Alarm) -> str:
    delay = each.delay(alarm)
    early = alarm.start < each.incident.start
    return "was firing already" if early else f"after {_span(delay or timedelta())}"


def _summary(prefix: str, found: _Outcome, *, scored: bool) -> str:
    counts, score = _by_severity(found.alarms), found.score
    text = f"{prefix}{_count(counts['page'], 'page')}, {_count(counts['ticket'], 'ticket')}"
    if not scored:
        return text
    right = score.alarms - len(score.false)
    seen = sum(1 for each in score.detections if each.first is not None)
    paged = sum(1 for each in score.detections if each.page is not None)
    return (
        f"{text}; precision {_ratio(score.precision)} ({right} of {score.alarms} alarms),"
        f" recall {_ratio(score.recall)} ({seen} of {_count(len(score.detections), 'incident')},"
        f" {paged} paged)" + (f"; {score.outside} known ones lie outside" if score.outside else "")
    )


def _doubts(recordings: Iterable[Recording], since: datetime) -> list[str]:
    """What the figures rest on, where that is less than everything."""
    from sretool.core.analysis.backtest import inexact

    lines = []
    for each in recordings:
        coverage = each.coverage(since)
        if coverage == 0:
            lines.append(f"{each.slo.id}: no data, neither recorded by rules nor of its counters")
        elif coverage < _WELL_COVERED:
            lines.append(f"{each.slo.id}: only {coverage:.1%} of the span has data ({each.origin})")
        if not each.slo.alerts:
            lines.append(f"{each.slo.id}: no pair could fire at this target and window")
        uneven = inexact(each)
        if uneven:
            named = ", ".join(map(format_duration, uneven))
            lines.append(f"{each.slo.id}: {named} out of 5-minute rates, so up to 4 minutes early or late")
    return ["", *lines] if lines else []


def _by_severity(alarms: Iterable[Alarm]) -> Counter[str]:
    return Counter(alarm.pair.severity.value for alarm in alarms)


def _pair(alarm: Alarm) -> str:
    return f"{format_duration(alarm.pair.long)}/{format_duration(alarm.pair.short)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _ratio(value: float | None) -> str:
    return f"{value:.0%}" if value is not None else "-"


def _span(duration: timedelta) -> str:
    return format_duration(timedelta(minutes=round(duration / _MINUTE)))
