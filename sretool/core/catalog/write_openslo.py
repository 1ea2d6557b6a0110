"""SLOs as OpenSLO v1 documents: one SLO each, and one Service for each service."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Context
from typing import TYPE_CHECKING, Any, Final

from sretool.core.catalog.foreign import ABOUT
from sretool.core.catalog.writing import (
    TEMPLATE,
    Loss,
    Written,
    common_losses,
    dump_all,
    owned_labels,
    queries,
    seconds,
)
from sretool.core.slo.model import (
    WINDOW,
    BooleanGauge,
    BucketRatio,
    CalendarUnit,
    ErrorRatioQuery,
    EventRatio,
    Freshness,
    Severity,
)
from sretool.core.slo.windows import SHORTEST, default_alerts
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sretool.core.slo.model import BurnAlert, Slo

_VERSION: Final = "openslo/v1"
_PERIODS: Final = {CalendarUnit.WEEK: "1w", CalendarUnit.MONTH: "1M", CalendarUnit.QUARTER: "1Q"}
_FIRST: Final = "2024-01-01 00:00:00"
"""A Monday that begins a month and a quarter."""
_DESCRIPTION: Final = 1050
"""Characters a description may have."""
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_DIGITS: Final = Context(prec=20)


def render(slos: Iterable[Slo], titles: Mapping[str, str]) -> Written:
    """`titles` says what services are called."""
    written, documents, services = Written(), [], dict[str, None]()
    for slo in slos:
        indicator = _indicator(slo)
        if indicator is None:
            written.losses.append(Loss(slo.id, "its parts are looked at in slices of time", whole=True))
            continue
        written.losses += (Loss(slo.id, what) for what in _losses(slo))
        services[slo.service] = None
        documents.append(_slo(slo, *indicator))
    written.text = dump_all([*(_service(name, titles.get(name)) for name in services), *documents])
    return written


def _service(name: str, title: str | None) -> dict[str, Any]:
    metadata = {"name": name} | ({"displayName": title} if title else {})
    return {"apiVersion": _VERSION, "kind": "Service", "metadata": metadata, "spec": {}}


def _slo(slo: Slo, metric: dict[str, Any], method: str, objective: dict[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": slo.name, "displayName": slo.title}
    if labels := owned_labels(slo):
        metadata["labels"] = labels
    if annotations := _annotations(slo):
        metadata["annotations"] = annotations
    spec: dict[str, Any] = {}
    if ABOUT in slo.annotations:
        spec["description"] = slo.annotations[ABOUT][:_DESCRIPTION]
    spec |= {
        "service": slo.service,
        "indicator": {"metadata": {"name": slo.name}, "spec": metric},
        "timeWindow": [_window(slo)],
        "budgetingMethod": method,
        "objectives": [{**objective, "target": float(slo.objective)}],
    }
    if slo.alerts != default_alerts(slo.window, slo.budget):
        spec["alertPolicies"] = [
            _policy(slo, pair, number) for number, pair in enumerate(slo.alerts, start=1)
        ]
    return {"apiVersion": _VERSION, "kind": "SLO", "metadata": metadata, "spec": spec}


def _annotations(slo: Slo) -> dict[str, str]:
    links = {name: value for name in ("runbook", "dashboard") if (value := getattr(slo, name)) is not None}
    return {**links, **{name: text for name, text in slo.annotations.items() if name != ABOUT}}


def _source(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _indicator(slo: Slo) -> tuple[dict[str, Any], str, dict[str, Any]] | None:
    """The metric, the budgeting method, and what the objective says beside its target."""
    sli = slo.sli

    def counted(selector: str) -> dict[str, Any]:
        return _source(f"sum by ({', '.join(slo.group_by)}) ({selector})" if slo.group_by else selector)

    match sli:
        case EventRatio(bad=bad, total=total, good=good):
            kind, selector = ("bad", bad) if bad is not None else ("good", good or "")
            ratio = {"counter": True, kind: counted(selector), "total": counted(total)}
            return {"ratioMetric": ratio}, "Occurrences", {}
        case BucketRatio():
            kind = "good" if sli.good == "below" else "bad"
            ratio = {"counter": True, kind: counted(_bucket(sli)), "total": counted(_count(sli))}
            return {"ratioMetric": ratio}, "Occurrences", {}
        case ErrorRatioQuery(query=query, traffic=None):
            raw = {"rawType": "failure", "raw": _source(query.replace(WINDOW, TEMPLATE))}
            return {"ratioMetric": raw}, "Occurrences", {}
        case BooleanGauge(query=query, slice=length):
            return _sliced(query, "gte", "1", length)
        case Freshness(age=age, threshold=oldest, slice=length):
            return _sliced(age, "lte", seconds(oldest), length)
    found = queries(sli, slo.group_by)
    if found is None:
        return None
    ratio = {"counter": True, "bad": _source(found.bad), "total": _source(found.total)}
    return {"ratioMetric": ratio}, "Occurrences", {}


def _sliced(query: str, op: str, value: str, length: timedelta) -> tuple[dict[str, Any], str, dict[str, Any]]:
    objective = {"op": op, "value": float(value), "timeSliceWindow": _slice(length)}
    return {"thresholdMetric": _source(query)}, "RatioTimeslices", objective


def _bucket(sli: BucketRatio) -> str:
    le = f'le="{format_decimal(sli.threshold)}"'
    return f"{sli.histogram}_bucket{{{sli.matchers + ',' if sli.matchers else ''}{le}}}"


def _count(sli: BucketRatio) -> str:
    return f"{sli.histogram}_count{{{sli.matchers}}}" if sli.matchers else f"{sli.histogram}_count"


def _window(slo: Slo) -> dict[str, Any]:
    if slo.calendar is not None:
        calendar = {"startTime": _FIRST, "timeZone": slo.calendar.zone}
        return {"duration": _PERIODS[slo.calendar.unit], "isRolling": False, "calendar": calendar}
    return {"duration": _duration(slo.window), "isRolling": True}


def _duration(length: timedelta) -> str:
    """In one unit, the largest that has a whole number of it; minutes at least."""
    for unit, size in (("d", timedelta(days=1)), ("h", timedelta(hours=1))):
        if length % size == timedelta():
            return f"{length // size}{unit}"
    return f"{max(length // timedelta(minutes=1), 1)}m"


def _slice(length: timedelta) -> str:
    return _duration(length)


def _policy(slo: Slo, pair: BurnAlert, number: int) -> dict[str, Any]:
    name = f"{slo.name}-{pair.severity.value}-{number}"
    condition = {
        "kind": "burnrate",
        "op": "gt",
        "threshold": float(format_decimal(_DIGITS.create_decimal(pair.factor(slo.window)))),
        "lookbackWindow": _duration(pair.long),
    }
    return {
        "kind": "AlertPolicy",
        "metadata": {"name": name},
        "spec": {
            "alertWhenBreaching": True,
            "conditions": [
                {
                    "kind": "AlertCondition",
                    "metadata": {"name": name},
                    "spec": {"severity": _severity(pair.severity), "condition": condition},
                }
            ],
            "notificationTargets": [],
        },
    }


def _severity(severity: Severity) -> str:
    return severity.value


def _losses(slo: Slo) -> Iterator[str]:
    yield from common_losses(slo)
    minute = timedelta(minutes=1)
    if slo.window % minute:
        yield f"window: {format_duration(slo.window)}: OpenSLO counts in minutes"
    if isinstance(slo.sli, BooleanGauge | Freshness):
        if slo.sli.slice % minute:
            yield f"slice: {format_duration(slo.sli.slice)}: OpenSLO counts in minutes"
        if slo.group_by:
            yield f"group_by: {', '.join(slo.group_by)}: a threshold has one value"
    elif slo.group_by and isinstance(slo.sli, ErrorRatioQuery) and slo.sli.traffic is None:
        yield f"group_by: {', '.join(slo.group_by)}: only where the query itself says it"
    if not _NAME.fullmatch(slo.name):
        yield f"name: {slo.name!r}: OpenSLO's names have small letters, digits and dashes only"
    if len(slo.annotations.get(ABOUT, "")) > _DESCRIPTION:
        yield f"{ABOUT}: a description has {_DESCRIPTION} characters at most"
    if slo.alerts != default_alerts(slo.window, slo.budget):
        for pair in slo.alerts:
            if pair.short != max(pair.long / 12 // SHORTEST * SHORTEST, SHORTEST):
                short, long = format_duration(pair.short), format_duration(pair.long)
                yield f"alerts: the short window of {short} beside {long}"
