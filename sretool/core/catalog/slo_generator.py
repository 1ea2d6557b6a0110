"""slo-generator's files: `sre.google.com/v2` ServiceLevelObjective with the Prometheus backend, and the
shared configuration whose error budget policy has the windows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from sretool.core.catalog import queries, values
from sretool.core.catalog.foreign import Found, Part, about, burn_alert, slo_id, title_of
from sretool.core.slo.model import BucketRatio, BurnAlert, ErrorRatioQuery, Severity, Slo
from sretool.core.slo.windows import default_alerts, threshold
from sretool.errors import UsageError, Wrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sretool.core.slo.model import Sli

_WINDOW: Final = timedelta(days=28)
"""The longest step of slo-generator's own sample policy."""

_STANDARD: Final = "default"
_PAGE: Final = "page"
_IDENTITY: Final = ("service_name", "feature_name", "slo_name")
_SUMS: Final = {"sum", "rate", "increase"}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an error budget policy: it alerts when its window has burnt faster than the factor."""

    window: timedelta
    factor: Decimal
    alerts: bool
    pages: bool


Policies = dict[str, tuple[Step, ...]]
"""Error budget policies by name."""


def read_config(document: Part) -> Policies:
    """The error budget policies of a shared configuration; the rest of it is about the tool itself."""
    document.ignore("backends", "exporters", "default_exporters")
    policies = document.part("error_budget_policies")
    found: Policies = {}
    for name in policies.nodes if policies is not None else ():
        policy = policies.part(name) if policies is not None else None
        if policy is not None:
            steps = (_step(step) for step in policy.items("steps"))
            found[name] = tuple(step for step in steps if step is not None)
    return found


def _step(part: Part) -> Step | None:
    part.ignore("name", "message_ok")
    factor = part.value("burn_rate_threshold", values.positive_number, required=True)
    seconds = part.value("window", values.positive_number, required=True)
    alerts = part.flag("alert", default=False)
    message = part.text("message_alert") or ""
    if factor is None or seconds is None:
        return None
    return Step(timedelta(seconds=float(seconds)), factor, alerts, _PAGE in message.lower())


def read(document: Part, policies: Mapping[str, tuple[Step, ...]]) -> Iterator[Found]:
    """The SLO of a document."""
    document.ignore("apiVersion", "kind")
    metadata, spec = document.required_part("metadata"), document.required_part("spec")
    if metadata is None or spec is None:
        return
    name = metadata.value("name", values.text, required=True)
    labels = metadata.labels("labels")
    metadata.ignore(*metadata.nodes)
    objective = spec.value("goal", values.objective, required=True)
    description = spec.text("description")
    spec.leave_out("exporters", "figures are recorded in the Prometheus they come from")
    sli = _sli(spec)
    window, alerts = _policy(spec, policies, objective)
    service, short_name = _names(labels, name or "")
    id_ = slo_id(metadata, "name", service, short_name) if name is not None else None
    if id_ is None or objective is None or sli is None:
        return
    slo = Slo(
        id=id_,
        title=title_of(short_name),
        objective=objective,
        window=window,
        sli=sli,
        alerts=alerts,
        labels={label: value for label, value in labels.items() if label not in _IDENTITY},
        annotations=about(description),
    )
    yield Found(slo, document.file, document.line)


def _names(labels: Mapping[str, str], name: str) -> tuple[str, str]:
    """Service and name: from the labels where they are there, else the parts of `service-name`."""
    service, feature, own = (labels.get(label) for label in _IDENTITY)
    if service and own:
        return service, f"{feature}-{own}" if feature else own
    first, _, rest = name.partition("-")
    return (service or first), (rest or first)


def _policy(
    spec: Part, policies: Mapping[str, tuple[Step, ...]], objective: Decimal | None
) -> tuple[timedelta, tuple[BurnAlert, ...]]:
    name = spec.text("error_budget_policy") or _STANDARD
    budget = 1 - (objective or Decimal(0))
    steps = policies.get(name)
    if not steps:
        key = "error_budget_policy" if spec.has("error_budget_policy") else None
        spec.warn(
            key,
            f"no error budget policy {name!r} is in the catalog: 28d with the standard alerts is taken",
        )
        return _WINDOW, default_alerts(_WINDOW, budget)
    window = max(step.window for step in steps)
    pairs = []
    for step in steps:
        pair = _pair(step, window)
        if not step.alerts:
            continue
        if pair.spends > 1 or threshold(pair, window, budget) >= 1:
            spec.warn(None, f"the alert of {name!r} over {step.window} is left out: it could never fire")
            continue
        pairs.append(pair)
    if pairs:
        spec.warn(
            None, f"each step of {name!r} gets a short window beside its own, which ends its alert in time"
        )
    return window, tuple(pairs)


def _pair(step: Step, window: timedelta) -> BurnAlert:
    severity = Severity.PAGE if step.pages else Severity.TICKET
    return burn_alert(severity, step.factor, step.window, window)


def _sli(spec: Part) -> Sli | None:
    backend = spec.value("backend", values.text, required=True)
    method = spec.value("method", values.text, required=True)
    part = spec.required_part("service_level_indicator")
    if backend is None or part is None or method is None:
        return None
    if backend.partition("/")[0] != "prometheus":
        part.ignore(*part.nodes)
        spec.problem(
            "backend", f"{backend!r} is not read; SLOs of the backend prometheus are", Wrong.UNSUPPORTED
        )
        return None
    match method:
        case "good_bad_ratio":
            return _good_bad_ratio(part)
        case "query_sli":
            return _query_sli(part)
        case "distribution_cut":
            return _distribution_cut(part)
    part.ignore(*part.nodes)
    spec.problem("method", f"{method!r} is not possible; known: distribution_cut, good_bad_ratio, query_sli")
    return None


def _good_bad_ratio(part: Part) -> Sli | None:
    strange = [each for each in part.texts("operators") if each not in _SUMS]
    if strange:
        part.problem(
            "operators", f"{strange[0]!r} is no way to count events here; sum, increase and rate are"
        )
    good = part.value("filter_good", _filter, required=True)
    bad, valid = part.value("filter_bad", _filter), part.value("filter_valid", _filter)
    if not part.has("filter_bad") and not part.has("filter_valid"):
        part.problem(None, "`filter_bad` or `filter_valid` is missing", Wrong.MISSING)
    if good is None or strange:
        return None
    if bad is not None:
        if valid is not None:
            part.warn("filter_valid", "left out: `filter_bad` decides where both are given")
        return queries.good_and_bad(str(good), str(bad))
    return queries.good_ratio(good, valid) if valid is not None else None


def _filter(raw: str) -> queries.Selector:
    """A selector with or without `[window]` behind it."""
    found = queries.plain(raw.strip().removesuffix("[window]"))
    if found is None:
        raise UsageError(f"{raw!r} is no series selector")
    return found


def _query_sli(part: Part) -> Sli | None:
    query = part.value("expression", queries.checked, required=True)
    if query is None:
        return None
    sli = queries.share_of_good(query).sli
    if isinstance(sli, ErrorRatioQuery):
        part.warn(
            "expression", "no counters are found in it: every second counts the same, however many events"
        )
    return sli


def _distribution_cut(part: Part) -> Sli | None:
    buckets = part.value("expression", _filter, required=True)
    cut = part.value("threshold_bucket", values.positive_number, required=True)
    if buckets is None or cut is None:
        return None
    if not buckets.name.endswith("_bucket"):
        part.problem("expression", f"{buckets.name!r} is no bucket series: its name ends in _bucket")
        return None
    return BucketRatio(buckets.name.removesuffix("_bucket"), cut, buckets.inside("le"))
