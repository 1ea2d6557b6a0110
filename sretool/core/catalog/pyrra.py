"""Pyrra's files: the Kubernetes resource ServiceLevelObjective of `pyrra.dev/v1alpha1`."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from sretool.core.catalog import queries, values
from sretool.core.catalog.foreign import Found, Part, about, percent, slo_id, title_of
from sretool.core.slo.model import BooleanGauge, EventRatio, NativeBucketRatio, Slo
from sretool.core.slo.rules import ALERT_NAME, RESERVED_LABELS
from sretool.core.slo.windows import default_alerts
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.core.slo.model import Sli

_KINDS: Final = ("ratio", "latency", "latencyNative", "bool_gauge")
_PROPAGATED: Final = "pyrra.dev/"
"""Labels of the resource with this prefix become labels of its rules."""
_SERVICE: Final = "service"
"""Propagated label that names the service; without it the namespace stands for it."""
_NOBODY: Final = "default"
"""Kubernetes's own name for the namespace of resources that name none."""


def read(document: Part) -> Iterator[Found]:
    """The SLO of a document."""
    document.ignore("apiVersion", "kind", "status")
    metadata, spec = document.required_part("metadata"), document.required_part("spec")
    if metadata is None or spec is None:
        return
    name = metadata.value("name", values.text, required=True)
    labels = _labels(metadata)
    service = labels.pop(_SERVICE, None) or metadata.text("namespace") or _NOBODY
    metadata.ignore(*metadata.nodes)
    objective = spec.value("target", percent, required=True)
    window = spec.value("window", values.duration, required=True)
    description = spec.text("description")
    indicator = spec.required_part("indicator")
    sli, grouping = _sli(indicator) if indicator is not None else (None, ())
    alerting = _alerts_wanted(spec)
    spec.leave_out("partial_response_strategy", "it is a setting of Thanos's ruler for the generated rules")
    spec.leave_out("performanceOverAccuracy", "the rules record exact rates at any length of the window")
    spec.leave_out("ruleOutput", "it is about the rules Pyrra generates; these are sretool's own")
    id_ = slo_id(metadata, "name", service, name) if name is not None else None
    if id_ is None or objective is None or window is None or sli is None:
        return
    slo = Slo(
        id=id_,
        title=title_of(name or ""),
        objective=objective,
        window=window,
        sli=sli,
        alerts=default_alerts(window, 1 - objective) if alerting else (),
        labels=labels,
        group_by=grouping,
        annotations=about(description),
    )
    yield Found(slo, document.file, document.line)


def _labels(metadata: Part) -> dict[str, str]:
    part = metadata.part("labels")
    if part is None:
        return {}
    found: dict[str, str] = {}
    for key in part.nodes:
        name = key.removeprefix(_PROPAGATED)
        if name == key:
            # It belongs to the Kubernetes object: what selects it, who made it.
            part.ignore(key)
            continue
        value = part.text(key)
        try:
            values.label_name(name)
        except UsageError:
            part.warn(key, "left out, because no label can have this name")
            continue
        if value is not None:
            found[name] = value
    return found


def _alerts_wanted(spec: Part) -> bool:
    part = spec.part("alerting")
    if part is None:
        return True
    wanted = part.flag("burnrates", default=True) and not part.flag("disabled", default=False)
    if part.flag("absent", default=False):
        part.warn("absent", "left out: that series are absent is shown (no data), not alerted on")
    for key in ("name", "absentName"):
        part.leave_out(key, f"alerts are called {ALERT_NAME} and told apart by their labels")
    part.leave_out(
        "severities", "the `severity` of alerts is named once for the whole catalog (`severities`)"
    )
    return wanted


def _sli(part: Part) -> tuple[Sli | None, tuple[str, ...]]:
    kinds = [kind for kind in _KINDS if part.has(kind)]
    if len(kinds) != 1:
        part.problem(None, f"an indicator has one of {', '.join(_KINDS)}")
        part.ignore(*_KINDS)
        return None, ()
    indicator = part.part(kinds[0])
    if indicator is None:
        return None, ()
    grouping = _grouping(indicator)
    match kinds[0]:
        case "ratio":
            bad, total = _metric(indicator, "errors"), _metric(indicator, "total")
            sli: Sli | None = EventRatio(str(bad), str(total)) if bad and total else None
        case "latency":
            good, total = _metric(indicator, "success"), _metric(indicator, "total")
            sli = queries.good_ratio(good, total) if good and total else None
            if good and not any(name == "le" for name, _, _ in good.matchers):
                indicator.problem("success", 'a bucket is wanted: give the metric a matcher like le="0.5"')
                sli = None
        case "latencyNative":
            total = _metric(indicator, "total")
            latency = indicator.value("latency", values.duration, required=True)
            sli = _native(total, latency) if total and latency is not None else None
        case _:
            gauge = indicator.value("metric", _one_selector, required=True)
            sli = BooleanGauge(str(gauge)) if gauge else None
    return sli, grouping


def _native(total: queries.Selector, latency: timedelta) -> NativeBucketRatio:
    seconds = Decimal(latency // timedelta(milliseconds=1)) / 1000
    return NativeBucketRatio(total.name, seconds, total.inside())


def _grouping(indicator: Part) -> tuple[str, ...]:
    labels = tuple(dict.fromkeys(indicator.texts("grouping")))
    for label in labels:
        if label in RESERVED_LABELS:
            indicator.problem(
                "grouping", f"label {label!r} is one the rules need themselves; group by another"
            )
    return tuple(label for label in labels if label not in RESERVED_LABELS)


def _metric(indicator: Part, key: str) -> queries.Selector | None:
    part = indicator.required_part(key)
    return part.value("metric", _one_selector, required=True) if part is not None else None


def _one_selector(raw: str) -> queries.Selector:
    queries.selector(raw)
    found = queries.plain(raw)
    assert found is not None
    return found
