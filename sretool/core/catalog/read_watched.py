"""What a catalog wants watched beside its objectives: structs of `spec` → `watched`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sretool.core.catalog import model, watched
from sretool.core.slo.model import SloId

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sretool.core.catalog import spec

_APDEX_FAIR = model.Threshold(model.Bound.BELOW, 0.85, "warn")
_APDEX_POOR = model.Threshold(model.Bound.BELOW, 0.7, "bad")
"""Where the definition's ratings "good" and "fair" end."""


def of_files(files: Sequence[spec.CatalogFile]) -> watched.Watched:
    return watched.Watched(
        resources=tuple(_resource(each) for file in files for each in file.resources),
        calls=tuple(_call(each) for file in files for each in file.calls),
        headroom=tuple(_headroom(each) for file in files for each in file.headroom),
        journeys=tuple(_journey(each) for file in files for each in file.journeys),
        figures=tuple(_figure(each) for file in files for each in file.figures),
        apdex=tuple(_apdex(each) for file in files for each in file.apdex),
        probes=tuple(
            watched.Probe(p.id, p.title, p.expr, p.by, p.source, p.not_configured)
            for file in files
            for p in file.probes
        ),
    )


def bound(written: spec.TargetSpec | spec.ThresholdSpec) -> tuple[model.Bound, float]:
    match written.above, written.below:
        case (value, None) if value is not None:
            return model.Bound.ABOVE, float(value)
        case (None, value) if value is not None:
            return model.Bound.BELOW, float(value)
    raise AssertionError("problems() lets only one bound pass")


def thresholds(written: Iterable[spec.ThresholdSpec]) -> tuple[model.Threshold, ...]:
    return tuple(model.Threshold(*bound(each), each.state) for each in written)


def _resource(written: spec.ResourceSpec) -> watched.Resource:
    return watched.Resource(
        id=written.id,
        title=written.title,
        by=written.by,
        utilisation=tuple(
            watched.Measure(m.title, m.expr, "ratio", thresholds(m.thresholds)) for m in written.utilisation
        ),
        saturation=tuple(_measure(each) for each in written.saturation),
        errors=tuple(_measure(each) for each in written.errors),
        source=written.source,
        not_configured=written.not_configured,
    )


def _measure(written: spec.MeasureSpec) -> watched.Measure:
    return watched.Measure(written.title, written.expr, written.unit, thresholds(written.thresholds))


def _call(written: spec.CallSpec) -> watched.Call:
    rate, errors, duration = written.rate, written.errors, written.duration
    return watched.Call(
        id=written.id,
        title=written.title,
        service=written.service,
        to=written.to,
        by=written.by,
        rate=watched.Measure("rate", rate.expr, "per_s") if rate else None,
        errors=watched.Measure("errors", errors.expr, "ratio", thresholds(errors.thresholds))
        if errors
        else None,
        duration=watched.Measure(
            duration.title, duration.expr, duration.unit, thresholds(duration.thresholds)
        )
        if duration
        else None,
        source=written.source,
        not_configured=written.not_configured,
    )


def _headroom(written: spec.HeadroomSpec) -> watched.Headroom:
    return watched.Headroom(
        id=written.id,
        title=written.title,
        by=written.by,
        used=written.used,
        limit=_number_or_query(written.limit),
        unit=written.unit,
        over=written.over,
        thresholds=thresholds(written.thresholds),
        source=written.source,
        not_configured=written.not_configured,
    )


def _number_or_query(text: str | None) -> str | float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _journey(written: spec.JourneySpec) -> watched.Journey:
    return watched.Journey(
        id=written.id,
        title=written.title,
        sli=written.sli,
        steps=tuple(watched.Step(step.title, step.expr) for step in written.steps),
        thresholds=thresholds(written.thresholds),
        service=written.service,
        slo=SloId(written.slo) if written.slo else None,
        source=written.source,
        not_configured=written.not_configured,
    )


def _figure(written: spec.FigureSpec) -> watched.Figure:
    return watched.Figure(
        id=written.id,
        title=written.title,
        group=watched.FigureGroup(written.group),
        expr=written.expr,
        unit=written.unit,
        currency=written.currency,
        by=written.by,
        bad=watched.Side(written.bad),
        cycle=watched.Cycle(written.cycle),
        thresholds=thresholds(written.thresholds),
        source=written.source,
        not_configured=written.not_configured,
    )


def _apdex(written: spec.ApdexSpec) -> watched.Apdex:
    return watched.Apdex(
        id=written.id,
        title=written.title,
        histogram=written.histogram,
        satisfied=written.satisfied,
        tolerating=written.tolerating
        or (written.satisfied * Decimal(4) if written.satisfied is not None else None),
        matchers=written.matchers,
        thresholds=(_APDEX_FAIR, _APDEX_POOR)
        if written.thresholds is None
        else thresholds(written.thresholds),
        source=written.source,
        not_configured=written.not_configured,
    )
