"""SLOs as a file of this project's own format; it can say everything an `Slo` holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, assert_never

from sretool.core.catalog.writing import Written, dump, percent
from sretool.core.slo.model import (
    BooleanGauge,
    BucketRatio,
    Composite,
    ErrorRatioQuery,
    EventRatio,
    Freshness,
    NativeBucketRatio,
)
from sretool.core.slo.windows import default_alerts
from sretool.units import format_decimal, format_duration, format_time

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from sretool.core.slo.model import BurnAlert, SimpleSli, Sli, Slo


def render(slos: Iterable[Slo]) -> Written:
    return Written(dump({"slos": [_slo(slo) for slo in slos]}))


def _slo(slo: Slo) -> dict[str, Any]:
    out: dict[str, Any] = {"id": str(slo.id), "title": slo.title, "objective": f"{percent(slo.objective)}%"}
    if slo.calendar is None:
        out["window"] = format_duration(slo.window)
    else:
        out["window"] = slo.calendar.unit.value
        if slo.calendar.zone != "UTC":
            out["timezone"] = slo.calendar.zone
    out["sli"] = _sli(slo.sli)
    if slo.group_by:
        out["group_by"] = list(slo.group_by)
    if slo.alerts != default_alerts(slo.window, slo.budget):
        out["alerts"] = [_pair(pair, slo.window) for pair in slo.alerts]
    if slo.exclusions:
        out["exclusions"] = [
            {"start": format_time(each.start), "end": format_time(each.end), "reason": each.reason}
            for each in slo.exclusions
        ]
    for key in ("min_events", "tier", "owner", "runbook", "dashboard"):
        value = getattr(slo, key)
        if value is not None:
            out[key] = value
    for key in ("labels", "annotations"):
        texts = dict(getattr(slo, key))
        if texts:
            out[key] = texts
    return out


_SHORT: Final = 15
"""Digits; a share with more has no end and was written as a factor."""


def _pair(pair: BurnAlert, window: timedelta) -> dict[str, str]:
    if len(pair.spends.as_tuple().digits) > _SHORT:
        speed = {"factor": format_decimal(round(pair.factor(window), _SHORT))}
    else:
        speed = {"spends": f"{percent(pair.spends)}%"}
    return {
        "severity": pair.label,
        **({"urgency": pair.severity.value} if pair.name is not None else {}),
        **speed,
        "long": format_duration(pair.long),
        "short": format_duration(pair.short),
    }


def _sli(sli: Sli) -> dict[str, Any]:
    if not isinstance(sli, Composite):
        return _simple(sli)
    parts = []
    for part in sli.parts:
        weight = {"weight": format_decimal(part.weight)} if part.weight != 1 else {}
        parts.append({**_simple(part.sli), **weight})
    return {sli.how: parts}


def _simple(sli: SimpleSli) -> dict[str, Any]:
    match sli:
        case EventRatio(bad=bad, total=total, good=good):
            return {"bad": bad, "total": total} if bad is not None else {"good": good, "total": total}
        case BucketRatio() | NativeBucketRatio():
            return _histogram(sli)
        case ErrorRatioQuery(query=query, traffic=traffic):
            return {"error_ratio": query} | ({"traffic": traffic} if traffic is not None else {})
        case BooleanGauge(query=query, slice=length):
            return {"up": query, **_slice(length)}
        case Freshness(age=age, threshold=oldest, slice=length):
            return {"age": age, "max_age": format_duration(oldest), **_slice(length)}
    assert_never(sli)


def _histogram(sli: BucketRatio | NativeBucketRatio) -> dict[str, Any]:
    out: dict[str, Any] = {"histogram": sli.histogram, "threshold": format_decimal(sli.threshold)}
    if sli.matchers:
        out["matchers"] = sli.matchers
    if sli.good == "above":
        out["good"] = "above"
    if isinstance(sli, NativeBucketRatio):
        out["native"] = True
    return out


def _slice(length: timedelta) -> dict[str, str]:
    text = format_duration(length)
    return {"slice": text} if text != "1m" else {}
