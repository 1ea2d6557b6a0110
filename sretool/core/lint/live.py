"""What a server can say about linted files: questions as PromQL, and what the answers mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import promql_parser as ql

from sretool.core.lint import promql
from sretool.core.lint.expressions import SCRAPES, Remark
from sretool.core.lint.findings import Finding, Severity, finding
from sretool.core.lint.ratios import looks_bad
from sretool.core.slo.model import BucketRatio, EventRatio, NativeBucketRatio
from sretool.core.slo.windows import threshold
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sretool.core.lint.expression_text import Expression
    from sretool.core.lint.run import Report
    from sretool.core.observe.model import Sample
    from sretool.core.slo.model import BurnAlert, Slo

MANY: Final = 10_000
"""Series of one selector from which on a query takes seconds."""
_AT_ONCE: Final = 25
"""Questions in one query."""
_DAY: Final = timedelta(days=1)
_MADE_BY_PROMETHEUS: Final = frozenset({"ALERTS", "ALERTS_FOR_STATE"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server says about itself; None or nothing where it does not tell."""

    names: frozenset[str]
    """Of all its metrics."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Metric → "counter", "gauge", "histogram", …; a histogram by its base name."""
    retention: timedelta | None = None
    intervals: Mapping[str, timedelta] = field(default_factory=dict)
    """Job → how often it is scraped."""


@dataclass(frozen=True, slots=True)
class Series:
    """A set of series somebody asks for, apart from how it is written."""

    selector: str
    name: str

    @classmethod
    def of(cls, written: ql.VectorSelector) -> Series | None:
        name = promql.name_of(written)
        if not name or written.matchers.or_matchers:
            return None
        inside = ",".join(str(matcher) for matcher in promql.matchers_of(written))
        return cls(f"{name}{{{inside}}}" if inside else name, name)


@dataclass(frozen=True, slots=True)
class Questions:
    """Everything to ask, each once; the answer to a question has its number as label `n`."""

    counted: tuple[str, ...]
    """How many series each has."""
    buckets: tuple[str, ...]
    """Which `le` each has, by name of the bucket series."""
    traffic: tuple[str, ...]
    """Events per second, of SLOs in the order of the report."""

    def queries(self) -> Iterator[tuple[str, str]]:
        """(kind of question, PromQL of several)."""
        yield from (("counted", each) for each in _joined(self.counted, "count({})"))
        yield from (("buckets", each) for each in _joined(self.buckets, "count by (le) ({})"))
        yield from (("traffic", each) for each in _joined(self.traffic, "sum({})"))


def _joined(what: Sequence[str], form: str) -> Iterator[str]:
    marked = [
        f'label_replace({form.format(each)}, "n", "{number}", "", "")' for number, each in enumerate(what)
    ]
    for first in range(0, len(marked), _AT_ONCE):
        yield " or ".join(marked[first : first + _AT_ONCE])


def questions(report: Report, facts: Facts) -> Questions:
    counted: dict[str, None] = {}
    buckets: dict[str, None] = {}
    for _, written, series in _uses(report):
        if series.name not in facts.names:
            continue
        counted.setdefault(series.selector)
        for matcher in promql.matchers_of(written):
            counted.setdefault(_with_label(series.name, matcher.name))
        if series.name.endswith("_bucket"):
            buckets.setdefault(series.name)
    for slo in report.slos:
        if isinstance(slo.sli, BucketRatio) and f"{slo.sli.histogram}_bucket" in facts.names:
            buckets.setdefault(f"{slo.sli.histogram}_bucket")
    traffic = tuple(slo.sli.total_rate(_DAY) for slo in _with_events(report))
    return Questions(tuple(counted), tuple(buckets), traffic)


def _with_label(name: str, label: str) -> str:
    return f'{name}{{{label}!=""}}'


def _uses(report: Report) -> Iterator[tuple[Expression, ql.VectorSelector, Series]]:
    for expression in report.expressions:
        if expression.tree is None:
            continue
        for written in promql.selectors(expression.tree):
            series = Series.of(written)
            if series is not None and not series.name.startswith("slo:"):
                yield expression, written, series


def _with_events(report: Report) -> list[Slo]:
    """SLOs whose events are single events, not slices of time."""
    kinds = (EventRatio, BucketRatio, NativeBucketRatio)
    return [slo for slo in report.slos if isinstance(slo.sli, kinds) and slo.alerts]


@dataclass(slots=True)
class Answers:
    """What came back, by question."""

    counted: dict[str, float] = field(default_factory=dict)
    buckets: dict[str, list[str]] = field(default_factory=dict)
    traffic: dict[str, float] = field(default_factory=dict)

    def add(self, kind: str, asked: Questions, samples: Sequence[Sample]) -> None:
        for sample in samples:
            number = int(sample.labels.get("n", "-1"))
            if kind == "counted":
                self.counted[asked.counted[number]] = sample.value
            elif kind == "buckets":
                self.buckets.setdefault(asked.buckets[number], []).append(sample.labels.get("le", ""))
            else:
                self.traffic[asked.traffic[number]] = sample.value


def judge(report: Report, facts: Facts, answers: Answers) -> list[Finding]:
    """What is wrong with the files on this server."""
    recorded = frozenset(report.recorded)
    found: list[Finding] = []
    for expression, written, series in _uses(report):
        if series.name in recorded or series.name in _MADE_BY_PROMETHEUS:
            continue
        found += (expression.found(remark) for remark in _of_series(written, series, facts, answers))
    for expression in report.expressions:
        found += (expression.found(remark) for remark in _of_ranges(expression, facts))
    found += _of_slos(report, facts, answers)
    return list(dict.fromkeys(found))


def _of_series(
    written: ql.VectorSelector, series: Series, facts: Facts, answers: Answers
) -> Iterator[Remark]:
    appears_later = looks_bad(written)
    severity = Severity.WARNING if appears_later else None
    if series.name not in facts.names:
        close = get_close_matches(series.name, facts.names, n=1, cutoff=0.7)
        hint = f"did you mean {close[0]}?" if close else None
        yield Remark(
            "SLO301", f"the server has no metric {series.name}", hint, at=series.name, severity=severity
        )
        return
    count = answers.counted.get(series.selector, 0)
    if not count:
        without = [
            matcher.name
            for matcher in promql.matchers_of(written)
            if matcher.value and not answers.counted.get(_with_label(series.name, matcher.name))
        ]
        why = f": it has no label {without[0]}" if without else ""
        message = f"no series of {series.name} has these labels{why}"
        severity = None if without else severity
        bucket = any(matcher.name == "le" for matcher in promql.matchers_of(written))
        if not (bucket and series.name in answers.buckets):
            yield Remark("SLO302", message, at=series.name, severity=severity)
    elif count > MANY:
        message = f"{series.selector} has {count:.0f} series: a query over a long window will be slow"
        yield Remark("SLO306", message, "record its rate first", at=series.name)
    for matcher in promql.matchers_of(written):
        if matcher.name == "le" and matcher.op == ql.MatchOp.Equal and series.name in answers.buckets:
            yield from _of_bucket(matcher.value, series.name, answers.buckets[series.name])


def _of_bucket(wanted: str, name: str, there: Sequence[str]) -> Iterator[Remark]:
    if wanted in there:
        return
    number = _decimal(wanted)
    same = next((each for each in there if number is not None and _decimal(each) == number), None)
    written = f'le="{wanted}"'
    if same is not None:
        yield Remark(
            "SLO303",
            f"{written}: the server writes this bucket of {name} {same}",
            f'write le="{same}"',
            at=written,
        )
    else:
        yield Remark("SLO303", f"{written} is no bucket of {name}", _nearest(number, there), at=written)


def _nearest(wanted: Decimal | None, there: Sequence[str]) -> str | None:
    known = sorted(each for each in map(_decimal, there) if each is not None and each.is_finite())
    if wanted is None or not wanted.is_finite() or not known:
        return f"it has {', '.join(map(format_decimal, known))}" if known else None
    below = [each for each in known if each < wanted][-1:]
    above = [each for each in known if each > wanted][:1]
    return f"the nearest are {' and '.join(map(format_decimal, below + above))}"


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return None if value.is_nan() else value.normalize() if value.is_finite() else value


def _of_ranges(expression: Expression, facts: Facts) -> Iterator[Remark]:
    if expression.tree is None:
        return
    for part, path in promql.walk(expression.tree):
        if isinstance(part, ql.SubqueryExpr) and part.range is not None:
            yield from _longer_than_kept(part.range, facts)
        if not isinstance(part, ql.MatrixSelector):
            continue
        yield from _longer_than_kept(part.range, facts)
        name = promql.name_of(part.vector_selector)
        rated = path and isinstance(path[-1], ql.Call) and path[-1].func.name in promql.RATES
        if rated and facts.types.get(name) == "gauge":
            yield Remark(
                "SLO307",
                f"the server says {name} is a gauge: every fall counts as a reset",
                "use delta",
                at=name,
            )
        interval = _interval(part.vector_selector, facts)
        if ":" not in name and interval is not None and part.range < SCRAPES * interval:
            yield Remark(
                "SLO305",
                f"[{format_duration(part.range)}] holds fewer than {SCRAPES} scrapes: {name} is scraped every"
                f" {format_duration(interval)}",
                f"use {format_duration(SCRAPES * interval)} or more",
                at=name,
            )


def _longer_than_kept(window: timedelta, facts: Facts) -> Iterator[Remark]:
    if facts.retention is not None and window > facts.retention:
        yield Remark("SLO304", _kept(window, facts.retention), "keep data longer, or look back less")


def _kept(window: timedelta, retention: timedelta) -> str:
    return f"a window of {format_duration(window)}, but the server keeps {format_duration(retention)}"


def _interval(written: ql.VectorSelector, facts: Facts) -> timedelta | None:
    """Of the job it names, otherwise the shortest of any."""
    for matcher in promql.matchers_of(written):
        if matcher.name == "job" and matcher.op == ql.MatchOp.Equal and matcher.value in facts.intervals:
            return facts.intervals[matcher.value]
    return min(facts.intervals.values(), default=None)


def _of_slos(report: Report, facts: Facts, answers: Answers) -> Iterator[Finding]:
    for slo in report.slos:
        file, line = report.places.get(slo.id, ("", 1))
        if facts.retention is not None and slo.calendar is None and slo.window > facts.retention:
            message = f"{slo.id}: {_kept(slo.window, facts.retention)}"
            yield finding(file, line, "SLO304", message, "keep data longer, or use a shorter window")
        if isinstance(slo.sli, BucketRatio):
            yield from _of_histogram(slo, slo.sli, file, line, facts, answers)
    for slo in _with_events(report):
        file, line = report.places.get(slo.id, ("", 1))
        rate = answers.traffic.get(slo.sli.total_rate(_DAY))
        if rate:
            yield from _low_traffic(slo, rate, file, line)


def _of_histogram(
    slo: Slo, sli: BucketRatio, file: str, line: int, facts: Facts, answers: Answers
) -> Iterator[Finding]:
    name = f"{sli.histogram}_bucket"
    there = answers.buckets.get(name)
    if there is None:
        close = get_close_matches(name, facts.names, n=1, cutoff=0.7)
        hint = f"did you mean {close[0].removesuffix('_bucket')}?" if close else None
        yield finding(file, line, "SLO301", f"{slo.id}: the server has no metric {name}", hint)
    elif sli.threshold not in (_decimal(each) for each in there):
        shown = format_decimal(sli.threshold)
        message = f"{slo.id}: {shown} is no bucket of {sli.histogram}"
        yield finding(file, line, "SLO303", message, _nearest(sli.threshold, there))


def _low_traffic(slo: Slo, rate: float, file: str, line: int) -> Iterator[Finding]:
    """Whether one bad event lies above an alert's limit: fewer than 1 / (factor · budget) events in it."""
    for pair in slo.alerts:
        limit = float(threshold(pair, slo.window, slo.budget))
        events = rate * pair.long.total_seconds()
        if events < 1 / limit and not slo.min_events:
            yield finding(file, line, "SLO109", _low_text(slo, pair, events, 1 / limit), "set min_events")
            return


def _low_text(slo: Slo, pair: BurnAlert, events: float, needed: float) -> str:
    return (
        f"{slo.id}: one bad event fires the {pair.severity} over {format_duration(pair.long)}, which sees"
        f" {events:.3g} events; it takes {needed:.4g} so that one is not enough"
    )
