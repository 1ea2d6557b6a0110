"""SLOs as Sloth's `prometheus/v1` documents, one for each service."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sretool.core.catalog.foreign import ABOUT, title_of
from sretool.core.catalog.writing import (
    TEMPLATE,
    Loss,
    Written,
    common_losses,
    dump_all,
    owned_labels,
    percent,
    queries,
)
from sretool.core.slo.model import WINDOW, ErrorRatioQuery, Severity
from sretool.core.slo.rules import ALERT_NAME
from sretool.core.slo.windows import default_alerts
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sretool.core.slo.model import Slo

_PERIOD: Final = timedelta(days=30)


def render(slos: Iterable[Slo]) -> Written:
    written = Written()
    services: dict[str, list[dict[str, Any]]] = {}
    for slo in slos:
        sli = _sli(slo)
        if sli is None:
            written.losses.append(Loss(slo.id, "its parts are looked at in slices of time", whole=True))
            continue
        written.losses += (Loss(slo.id, what) for what in _losses(slo))
        services.setdefault(slo.service, []).append(_slo(slo, sli))
    written.text = dump_all(
        {"version": "prometheus/v1", "service": service, "slos": of_service}
        for service, of_service in services.items()
    )
    return written


def _slo(slo: Slo, sli: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"name": slo.name, "objective": float(percent(slo.objective))}
    description = _description(slo)
    if description:
        out["description"] = description
    if labels := owned_labels(slo):
        out["labels"] = labels
    return {**out, "sli": sli, "alerting": _alerting(slo)}


def _description(slo: Slo) -> str:
    own_title = slo.title if slo.title != title_of(slo.name) else ""
    return slo.annotations.get(ABOUT, "") or own_title


def _sli(slo: Slo) -> dict[str, Any] | None:
    if isinstance(slo.sli, ErrorRatioQuery) and slo.sli.traffic is None:
        return {"raw": {"error_ratio_query": slo.sli.query.replace(WINDOW, TEMPLATE)}}
    found = queries(slo.sli, slo.group_by)
    return {"events": {"error_query": found.bad, "total_query": found.total}} if found is not None else None


def _alerting(slo: Slo) -> dict[str, Any]:
    annotations = {name: text for name, text in slo.annotations.items() if name != ABOUT}
    for name in ("runbook", "dashboard"):
        value = getattr(slo, name)
        if value is not None:
            annotations[name] = value
    out: dict[str, Any] = {"name": ALERT_NAME}
    if annotations:
        out["annotations"] = annotations
    for severity in Severity:
        if not any(pair.severity is severity for pair in slo.alerts):
            out[f"{severity.value}_alert"] = {"disable": True}
    return out


def _losses(slo: Slo) -> Iterator[str]:
    yield from common_losses(slo)
    if slo.calendar is not None:
        yield f"window: {slo.calendar}: Sloth's windows roll"
    elif slo.window != _PERIOD:
        yield f"window: {format_duration(slo.window)}: Sloth takes 30d unless it is started with another one"
    standard = default_alerts(slo.window, slo.budget)
    kept = {pair.severity for pair in slo.alerts}
    if slo.alerts != tuple(pair for pair in standard if pair.severity in kept):
        yield "alerts: Sloth has its own pairs of windows"
    if slo.annotations.get(ABOUT) and slo.title != title_of(slo.name):
        yield f"title: {slo.title!r}: the description takes its place"
