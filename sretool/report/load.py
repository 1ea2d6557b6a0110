"""A load test for people who were not there: one HTML page, or Markdown for a pull request.

Everything is told by the run's events; the record adds what was tested with what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.generator import KEEPS_UP
from sretool.core.analysis.totals import NANO
from sretool.core.runs.events import LoadTick
from sretool.core.runs.load import NEAR_ITS_LIMIT, WORTH_TELLING_S
from sretool.core.runs.model import RunKind
from sretool.core.runs.slices import Slices
from sretool.core.runs.words import (
    NONE,
    count_words,
    seconds_words,
    share_words,
    value_words,
)
from sretool.report import load_charts, run, templating
from sretool.report.run import Figure, RunReport, kind, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sretool.core.analysis.totals import Total
    from sretool.core.runs.events import CurvePoint, RunEvent, Stage
    from sretool.core.runs.load import Load
    from sretool.core.runs.model import Check, RunRecord
    from sretool.core.runs.story import LogLine

SHARES: Final = (0.5, 0.9, 0.95, 0.99, 0.999)
"""Quantiles of the tables."""
_LATE: Final = 0.001
"""Share of the requests from which on late starts are worth a warning."""


class LoadReport(RunReport):
    """A run as far as its events were taken."""

    def __init__(self, record: RunRecord) -> None:
        super().__init__(record)
        self.slices = Slices()

    def take_all(self, found: Iterable[RunEvent]) -> None:
        for event in found:
            self.story.take(event)
            if isinstance(event.what, LoadTick):
                self.slices.take(event.t, event.what)


def html(report: LoadReport, made_at: datetime) -> str:
    """One page with its styles and pictures inside, without scripts, dark where the reader likes it dark."""
    return _render("load.html.j2", report, made_at, escape=True)


def markdown(report: LoadReport, made_at: datetime) -> str:
    """GitHub's Markdown."""
    return _render("load.md.j2", report, made_at, escape=False)


def _render(template: str, report: LoadReport, made_at: datetime, *, escape: bool) -> str:
    return templating.render(
        template,
        escape=escape,
        filters={
            **run.FILTERS,
            "count": count_words,
            "share": share_words,
            "rate": lambda value: value_words(value, "1/s"),
            "size": size_words,
        },
        functions={
            "charts": load_charts.over_time,
            "distribution": load_charts.distribution,
            "curve": load_charts.curve,
            "carried": carried,
            "carried_kind": carried_kind,
            "headroom": headroom,
            "held": held,
            "held_kind": held_kind,
            "per_second": per_second,
        },
        report=report,
        record=report.record,
        story=report.story,
        search=report.record.kind is RunKind.CAPACITY,
        counted=report.story.counted,
        totals=report.story.counted.totals,
        word=word(report),
        kind=kind(report),
        reason=reason(report),
        figures=figures(report),
        objectives=objectives(report),
        requests=requests(report),
        errors=report.story.counted.failures(),
        health=health(report),
        generators=generators(report),
        happened=happened(report),
        shares=SHARES,
        made_at=made_at,
    )


# --- words


def reason(report: LoadReport) -> str:
    """The run in one sentence."""
    return run.reason(report, "these are its figures up to then", "these are its figures so far")


def figures(report: LoadReport) -> list[Figure]:
    if report.record.kind is RunKind.CAPACITY:
        return _capacity_figures(report)
    counted = report.story.counted
    totals = counted.totals
    whole = totals.whole
    found = [
        Figure("Requests", count_words(whole.requests), f"in {seconds_words(totals.seconds)}"),
        Figure("Rate", value_words(totals.rate(), "1/s"), _of_planned(counted.planned_rate)),
        *(Figure(f"p{share * 100:g}", seconds_words(whole.quantile(share))) for share in (0.5, 0.95, 0.99)),
        Figure("Maximum", seconds_words(whole.most)),
        Figure(
            "Errors",
            share_words(whole.error_share),
            count_words(whole.failures) if whole.failures else "",
            kind="bad" if whole.failures else "",
        ),
    ]
    return found


def _capacity_figures(report: LoadReport) -> list[Figure]:
    """What was found, and how it felt at that rate."""
    found = report.story.capacity
    if found is None:
        return []
    times = f"held {found.rounds} times" if found.rounds > 1 else "held once" if found.rounds else ""
    figures = [
        Figure("Holds", value_words(found.lower, "1/s"), times),
        Figure(
            "Breaks at",
            value_words(found.upper, "1/s"),
            ", ".join(found.why),
            kind="bad" if found.why else "",
        ),
        Figure("Answers stop following at", value_words(found.knee, "1/s")),
    ]
    finished = report.story.finished
    at_it = finished.measures.load if finished is not None else None
    if at_it is not None and found.lower is not None:
        figures += [
            Figure("p50 where it holds", seconds_words(at_it.p50_s)),
            Figure("p99 where it holds", seconds_words(at_it.p99_s)),
        ]
    if found.resource:
        figures.append(Figure("First at its line", found.resource))
    return figures


def carried(stage: Stage) -> str:
    return {True: "yes", False: "no", None: "not known"}[stage.carries]


def carried_kind(stage: Stage) -> str:
    return run.LOOKS[stage.carries]


def headroom(stage: Stage) -> str:
    """`+12%`, `-40%`, `32x`."""
    if stage.headroom is None:
        return NONE
    return f"{stage.headroom + 1:.3g}x" if stage.headroom >= 2 else f"{stage.headroom:+.0%}"


def held(point: CurvePoint) -> str:
    return {True: "holds", False: "broken", None: "generator at its end"}[point.held]


def held_kind(point: CurvePoint) -> str:
    return run.LOOKS[point.held]


def _of_planned(rate: float | None) -> str:
    return "" if rate is None else f"of {value_words(rate, '1/s')} planned"


# --- objectives


@dataclass(frozen=True, slots=True)
class ObjectiveRow:
    """One objective; of those of the catalog both what the client and what the server saw."""

    name: str
    want: str
    client: str
    server: str
    ok: bool | None
    why: str = ""

    @property
    def result(self) -> str:
        return run.RESULTS[self.ok]

    @property
    def kind(self) -> str:
        return run.LOOKS[self.ok]


_CLIENT: Final = " (client)"
_SERVER: Final = " (server)"


def objectives(report: LoadReport) -> list[ObjectiveRow]:
    checks = report.story.checks
    rows: dict[str, ObjectiveRow] = {}
    for check in checks.values():
        name = _objective_of(check.name)
        if name not in rows:
            rows[name] = _objective(name, check, checks.get(name + _SERVER), report)
    return list(rows.values())


def _objective(name: str, check: Check, server: Check | None, report: LoadReport) -> ObjectiveRow:
    client = None if check.name.endswith(_SERVER) else check
    decisions = [each.ok for each in (client, server) if each is not None]
    ok = False if False in decisions else None if None in decisions else True
    return ObjectiveRow(
        name,
        value_words(check.want, check.unit, run.DIGITS),
        value_words(client.got, client.unit, run.DIGITS) if client is not None else "",
        value_words(server.got, server.unit, run.DIGITS) if server is not None else "",
        ok,
        why(report, check.name),
    )


def why(report: LoadReport, check: str) -> str:
    """Why a check came out as it did; empty where nobody said."""
    explained = report.story.explained
    objective = _objective_of(check)
    names = (check, objective, objective + _CLIENT, objective + _SERVER)
    return next((explained[name] for name in names if name in explained), "")


def _objective_of(check: str) -> str:
    return check.removesuffix(_CLIENT).removesuffix(_SERVER)


# --- requests


@dataclass(frozen=True, slots=True)
class RequestRow:
    name: str
    total: Total
    bytes: int

    @property
    def quantiles(self) -> Sequence[float | None]:
        return quantiles(self.total)


def quantiles(total: Total) -> Sequence[float | None]:
    """Those of `SHARES`, seconds."""
    found = total.latency.quantiles(SHARES)
    return [None] * len(SHARES) if found is None else [each / NANO for each in found]


def requests(report: LoadReport) -> list[RequestRow]:
    """Each kind, the most frequent first."""
    counted = report.story.counted
    named = sorted(counted.totals.names.items(), key=lambda each: -each[1].requests)
    return [RequestRow(name, total, counted.bytes[name]) for name, total in named]


def per_second(count: float, seconds: float) -> str:
    return value_words(count / seconds if seconds else None, "1/s")


# --- generators


def health(report: LoadReport) -> tuple[bool, str]:
    """Whether the figures are the server's and not the generators' own, and why."""
    counted = report.story.counted
    judged = report.story.checks.get(KEEPS_UP)
    if judged is not None and judged.ok is None and isinstance(judged.got, str):
        return False, f"{_sentence([judged.got])}."
    if judged is not None and judged.ok:
        return True, _kept_up(counted)
    sent = counted.totals.whole.requests
    doubts = []
    if counted.busiest is not None and counted.busiest >= NEAR_ITS_LIMIT:
        doubts.append(f"a generator used {counted.busiest:.0%} of its core")
    if sent and counted.late_starts / sent >= _LATE:
        doubts.append(
            f"{count_words(counted.late_starts)} requests ({share_words(counted.late_starts / sent)}) "
            "started later than planned"
        )
    if counted.lag_s is not None and counted.lag_s >= WORTH_TELLING_S:
        doubts.append(f"a generator kept everything waiting for up to {seconds_words(counted.lag_s)}")
    if doubts:
        return False, f"{_sentence(doubts)}. Part of the latency may be the generators' own."
    return True, _kept_up(counted)


def _kept_up(counted: Load) -> str:
    if counted.busiest is None:
        return "Nothing is known of the generators' processors."
    late = "no late starts"
    if counted.late_starts:
        late = f"{count_words(counted.late_starts)} late starts, which latencies include"
    return f"The generators kept up: {counted.busiest:.0%} of a core at most, {late}."


def _sentence(parts: Sequence[str]) -> str:
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]


def generators(report: LoadReport) -> list[tuple[str, str]]:
    """What is known of them, in words."""
    counted = report.story.counted
    return [
        ("Processes", str(len(report.story.workers)) if report.story.workers else NONE),
        ("Busiest, of one core", NONE if counted.busiest is None else f"{counted.busiest:.0%}"),
        ("Longest stall of an event loop", seconds_words(counted.lag_s)),
        ("Late starts", count_words(counted.late_starts)),
    ]


# --- the rest


def happened(report: LoadReport) -> list[LogLine]:
    """What is worth knowing beside the figures."""
    return [line for line in report.story.log if line.source in run.TOLD]


def size_words(size: float) -> str:
    """`512 B`, `1.2 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
