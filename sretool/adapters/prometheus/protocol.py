"""Prometheus's HTTP API without I/O: what to send for a query, and what an answer means."""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import msgspec

from sretool.adapters.http import HttpRequest
from sretool.core.observe.model import Rule, RuleAlert, Sample, Series
from sretool.errors import SourceRefused, SourceReplyInvalid, UsageError
from sretool.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_T = TypeVar("_T")

Point = tuple[float, str]
"""Seconds since the epoch, and the value as text so that NaN and ±Inf can be written in JSON."""


class _Data(msgspec.Struct):
    resultType: str
    result: msgspec.Raw


class _Envelope(msgspec.Struct):
    status: str
    data: _Data | None = None
    errorType: str = ""
    error: str = ""
    warnings: list[str] = []
    infos: list[str] = []


class _VectorItem(msgspec.Struct):
    metric: dict[str, str]
    value: Point | None = None
    """None for native histograms, which have no single value."""


class _MatrixItem(msgspec.Struct):
    metric: dict[str, str]
    values: list[Point] = []


class _FactsEnvelope(msgspec.Struct):
    status: str
    data: msgspec.Raw = msgspec.Raw(b"")


class _Metadata(msgspec.Struct):
    type: str = "unknown"


class _Runtime(msgspec.Struct):
    storageRetention: str = ""


class _Target(msgspec.Struct):
    labels: dict[str, str] = {}
    scrapeInterval: str = ""


class _Targets(msgspec.Struct):
    activeTargets: list[_Target] = []


class _Rule(msgspec.Struct):
    name: str
    query: str
    type: str = "recording"
    labels: dict[str, str] = {}


class _Group(msgspec.Struct):
    rules: list[_Rule] = []


class _ActiveAlert(msgspec.Struct):
    state: str
    labels: dict[str, str] = {}
    activeAt: datetime | None = None


class _AlertRule(msgspec.Struct):
    name: str
    duration: float = 0.0
    alerts: list[_ActiveAlert] = []


class _AlertGroup(msgspec.Struct):
    rules: list[_AlertRule] = []
    interval: float | None = None


class _AlertGroups(msgspec.Struct):
    groups: list[_AlertGroup] = []


class _Groups(msgspec.Struct):
    groups: list[_Group] = []


@dataclass(frozen=True, slots=True)
class Vector:
    """Values at one instant, and what the server thinks of the query."""

    samples: tuple[Sample, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Values over a range."""

    series: tuple[Series, ...]
    warnings: tuple[str, ...]


def instant_request(query: str, at: datetime | None, deadline: timedelta) -> HttpRequest:
    """A query at one instant; `deadline` lets the server give up when nobody waits any more."""
    when = {} if at is None else {"time": _seconds(at)}
    return HttpRequest("/api/v1/query", {"query": query, **when, **_timeout(deadline)})


def range_request(
    query: str, start: datetime, end: datetime, step: timedelta, deadline: timedelta
) -> HttpRequest:
    """A query at every `step` from `start` to `end`."""
    span = {"start": _seconds(start), "end": _seconds(end), "step": f"{step.total_seconds():g}"}
    return HttpRequest("/api/v1/query_range", {"query": query, **span, **_timeout(deadline)})


def label_names_request(metric: str, start: datetime, end: datetime) -> HttpRequest:
    """The names of the labels of one metric's series."""
    span = {"start": _seconds(start), "end": _seconds(end)}
    return HttpRequest("/api/v1/labels", {"match[]": metric, **span})


def read_vector(body: bytes, where: str) -> Vector:
    """Answer to an instant query: a vector or a scalar; raises SourceReplyInvalid for anything else."""
    envelope, data = _open(body, where)
    match data.resultType:
        case "vector":
            items = _decode(data.result, list[_VectorItem], where)
            points = [(item.metric, item.value) for item in items if item.value is not None]
        case "scalar":
            points = [({}, _decode(data.result, tuple[float, str], where))]
        case other:
            raise SourceReplyInvalid(f"{where} answered an instant query with {other[:20]!r}")
    with _numbers_of(where):
        found = [_sample(metric, point) for metric, point in points]
    return Vector(tuple(sample for sample in found if sample is not None), _warnings(envelope))


def read_matrix(body: bytes, where: str) -> Matrix:
    """Answer to a range query; raises SourceReplyInvalid where it is none."""
    envelope, data = _open(body, where)
    if data.resultType != "matrix":
        raise SourceReplyInvalid(f"{where} answered a range query with {data.resultType[:20]!r}")
    items = _decode(data.result, list[_MatrixItem], where)
    with _numbers_of(where):
        series = [Series(item.metric, _points(item.values)) for item in items]
    return Matrix(tuple(each for each in series if each.points), _warnings(envelope))


NAMES_REQUEST = HttpRequest("/api/v1/label/__name__/values")
TYPES_REQUEST = HttpRequest("/api/v1/metadata")
RUNTIME_REQUEST = HttpRequest("/api/v1/status/runtimeinfo")
RULES_REQUEST = HttpRequest("/api/v1/rules")
ALERT_RULES_REQUEST = HttpRequest("/api/v1/rules?type=alert")
TARGETS_REQUEST = HttpRequest("/api/v1/targets?state=active")


def read_names(body: bytes, where: str) -> frozenset[str]:
    """Values of a label, or names of labels."""
    return frozenset(_facts(body, list[str], where))


def read_types(body: bytes, where: str) -> dict[str, str]:
    """Metric → type, where all its targets agree on one."""
    metadata = _facts(body, dict[str, list[_Metadata]], where)
    types = {name: {each.type for each in entries} for name, entries in metadata.items()}
    return {name: found.pop() for name, found in types.items() if len(found) == 1}


def read_retention(body: bytes, where: str) -> timedelta | None:
    """How long samples are kept; None where only their size is limited."""
    written = _facts(body, _Runtime, where).storageRetention
    for part in written.split(" or "):
        with suppress(UsageError):
            return parse_duration(part) or None
    return None


def read_rules(body: bytes, where: str) -> tuple[Rule, ...]:
    """Every rule that is loaded."""
    return tuple(
        Rule(rule.name, rule.query, rule.labels, rule.type == "alerting")
        for group in _facts(body, _Groups, where).groups
        for rule in group.rules
    )


def read_rule_alerts(body: bytes, where: str) -> tuple[RuleAlert, ...]:
    """Every alert that is pending or fires."""
    return tuple(
        RuleAlert(
            name=rule.name,
            labels={name: value for name, value in alert.labels.items() if name != "alertname"},
            firing=alert.state == "firing",
            since=alert.activeAt,
            for_s=rule.duration,
            interval_s=group.interval,
        )
        for group in _facts(body, _AlertGroups, where).groups
        for rule in group.rules
        for alert in rule.alerts
    )


def read_intervals(body: bytes, where: str) -> dict[str, timedelta]:
    """Job → the longest interval at which one of its targets is scraped."""
    intervals: dict[str, timedelta] = {}
    for target in _facts(body, _Targets, where).activeTargets:
        with suppress(UsageError):
            interval, job = parse_duration(target.scrapeInterval), target.labels.get("job", "")
            intervals[job] = max(intervals.get(job, interval), interval)
    return intervals


def _facts(body: bytes, form: type[_T], where: str) -> _T:
    """The data of an answer that is no query result."""
    envelope = _decode(body, _FactsEnvelope, where)
    if envelope.status != "success" or not bytes(envelope.data):
        raise SourceReplyInvalid(f"{where} sent an answer without data")
    return _decode(envelope.data, form, where)


def error_text(body: bytes) -> str | None:
    """The error text of an answer whose HTTP status says it failed; None where it carries none."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return " ".join(envelope.error.split()) or None


def _open(body: bytes, where: str) -> tuple[_Envelope, _Data]:
    envelope = _decode(body, _Envelope, where)
    if envelope.status != "success":
        raise SourceRefused(
            f"{where} refused the query: {' '.join(envelope.error.split()) or envelope.status}"
        )
    if envelope.data is None:
        raise SourceReplyInvalid(f"{where} sent an answer without data")
    return envelope, envelope.data


def _decode(body: bytes | msgspec.Raw, form: type[_T], where: str) -> _T:
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SourceReplyInvalid(
            f"{where} sent an answer that is not Prometheus's: {' '.join(str(error).split())[:120]}",
            remedy="check that the address is Prometheus's API and not a login or proxy page",
        ) from error


@contextmanager
def _numbers_of(where: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, OverflowError, OSError) as error:
        raise SourceReplyInvalid(f"{where} sent a time or value that is no number: {error}") from error


def _sample(metric: dict[str, str], point: Point) -> Sample | None:
    value = _number(point[1])
    return Sample(metric, _moment(point[0]), value) if value is not None else None


def _points(values: Iterable[Point]) -> tuple[tuple[datetime, float], ...]:
    return tuple(
        (_moment(seconds), value) for seconds, text in values if (value := _number(text)) is not None
    )


def _number(text: str) -> float | None:
    """None for NaN and ±Inf: no data is no sample."""
    value = float(text)
    return value if math.isfinite(value) else None


@lru_cache(maxsize=4096)
def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _seconds(moment: datetime) -> str:
    return f"{moment.timestamp():.3f}"


def _timeout(deadline: timedelta) -> dict[str, str]:
    return {"timeout": f"{max(round(deadline / timedelta(milliseconds=1)), 1)}ms"}


def _warnings(envelope: _Envelope) -> tuple[str, ...]:
    return (*envelope.warnings, *(f"info: {said}" for said in envelope.infos))
