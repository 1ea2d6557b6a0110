"""Sloth's files: `version: prometheus/v1`, and the Kubernetes resource PrometheusServiceLevel.

Both say the same with keys of another spelling. The period is not in them: it is 30 days unless an
AlertWindows document stands in the catalog, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.catalog import queries, values
from sretool.core.catalog.foreign import (
    Found,
    Part,
    about,
    owner_and_tier,
    percent,
    runbook_and_dashboard,
    slo_id,
    title_of,
)
from sretool.core.slo.model import BurnAlert, ErrorRatioQuery, Severity, Slo
from sretool.core.slo.rules import ALERT_NAME
from sretool.core.slo.windows import default_alerts, threshold
from sretool.errors import Wrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_PERIOD: Final = timedelta(days=30)

_GENERATOR: Final = "plugins change the rules Sloth generates; these are sretool's own"


@dataclass(frozen=True, slots=True)
class Windows:
    """An AlertWindows document: the period, and pairs of windows in place of the standard ones."""

    period: timedelta
    pairs: tuple[BurnAlert, ...]


@dataclass(frozen=True, slots=True)
class _Spelling:
    """The keys that the two formats spell differently."""

    plugins: str
    error_query: str
    total_query: str
    error_ratio_query: str
    page: str
    ticket: str


_PLAIN: Final = _Spelling(
    "slo_plugins", "error_query", "total_query", "error_ratio_query", "page_alert", "ticket_alert"
)
_KUBERNETES: Final = _Spelling(
    "sloPlugins", "errorQuery", "totalQuery", "errorRatioQuery", "pageAlert", "ticketAlert"
)


def read(document: Part, windows: Windows | None = None) -> Iterator[Found]:
    """The SLOs of a `prometheus/v1` document."""
    document.ignore("version")
    yield from _service(document, _PLAIN, windows)


def read_resource(document: Part, windows: Windows | None = None) -> Iterator[Found]:
    """The SLOs of a PrometheusServiceLevel."""
    document.ignore("apiVersion", "kind", "metadata", "status")
    spec = document.required_part("spec")
    if spec is not None:
        yield from _service(spec, _KUBERNETES, windows)


def read_windows(document: Part) -> Windows | None:
    """An AlertWindows document."""
    document.ignore("apiVersion", "kind", "metadata")
    spec = document.required_part("spec")
    if spec is None:
        return None
    period = spec.value("sloPeriod", values.duration, required=True)
    pairs: list[BurnAlert] = []
    for severity in Severity:
        speeds = spec.required_part(severity.value)
        for speed in ("quick", "slow") if speeds is not None else ():
            pair = speeds.required_part(speed) if speeds is not None else None
            if pair is not None:
                spends = pair.value("errorBudgetPercent", values.positive_number, required=True)
                short = pair.value("shortWindow", values.duration, required=True)
                long = pair.value("longWindow", values.duration, required=True)
                if spends is not None and short is not None and long is not None:
                    pairs.append(BurnAlert(severity, spends / 100, long, short))
    return Windows(period, tuple(pairs)) if period is not None else None


def _service(part: Part, spelling: _Spelling, windows: Windows | None) -> Iterator[Found]:
    service = part.value("service", values.text, required=True)
    labels = part.labels("labels")
    part.leave_out(spelling.plugins, _GENERATOR)
    if not part.has("slos"):
        part.problem(None, "`slos` is missing: the document declares no SLO", Wrong.MISSING)
    for written in part.items("slos"):
        slo = _slo(written, service or "", labels, spelling, windows)
        if slo is not None:
            yield Found(slo, written.file, written.line)


def _slo(
    part: Part, service: str, of_service: Mapping[str, str], spelling: _Spelling, windows: Windows | None
) -> Slo | None:
    name = part.value("name", values.text, required=True)
    objective = part.value("objective", percent, required=True)
    description = part.text("description")
    labels = {**of_service, **part.labels("labels")}
    part.leave_out("plugins", _GENERATOR)
    indicator = part.required_part("sli")
    sli = _sli(indicator, spelling) if indicator is not None else None
    alerting = _alerting(part, spelling)
    if name is None or not service:
        return None
    id_ = slo_id(part, "name", service, name)
    if id_ is None or objective is None or sli is None:
        return None
    period = windows.period if windows is not None else _PERIOD
    pairs = default_alerts(period, 1 - objective)
    if windows is not None:
        pairs = tuple(pair for pair in windows.pairs if threshold(pair, period, 1 - objective) < 1)
    labels |= alerting.labels
    owner, tier = owner_and_tier(labels)
    annotations = {**about(description), **alerting.annotations}
    runbook, dashboard = runbook_and_dashboard(annotations)
    return Slo(
        id=id_,
        title=title_of(name),
        objective=objective,
        window=period,
        sli=sli.sli,
        alerts=tuple(pair for pair in pairs if pair.severity not in alerting.disabled),
        tier=tier,
        owner=owner,
        runbook=runbook,
        dashboard=dashboard,
        labels=labels,
        group_by=sli.group_by,
        annotations=annotations,
    )


def _sli(part: Part, spelling: _Spelling) -> queries.Measured | None:
    kinds = [kind for kind in ("events", "raw", "plugin") if part.has(kind)]
    if len(kinds) != 1:
        part.problem(None, "an sli has either `events` or `raw`")
        return None
    if kinds == ["plugin"]:
        part.ignore("plugin")
        part.problem(
            "plugin", "a plugin is a program of Sloth; write the queries it makes into `events` instead"
        )
        return None
    if kinds == ["raw"]:
        raw = part.part("raw")
        query = raw.value(spelling.error_ratio_query, queries.checked, required=True) if raw else None
        return queries.share_of_bad(query) if query is not None else None
    events = part.part("events")
    if events is None:
        return None
    bad = events.value(spelling.error_query, queries.checked, required=True)
    total = events.value(spelling.total_query, queries.checked, required=True)
    if bad is None or total is None:
        return None
    measured = queries.bad_of_total(bad, total)
    sli = measured.sli
    if isinstance(sli, ErrorRatioQuery) and not queries.counts_per_second(sli.traffic or ""):
        events.warn(
            spelling.total_query,
            "gives no events per second, so numbers of events are only in proportion; ratios are right",
        )
    return measured


@dataclass(frozen=True, slots=True)
class _Alerting:
    labels: dict[str, str]
    """Of all alerts; the SLO's own labels are on them, too."""
    annotations: dict[str, str]
    disabled: frozenset[Severity]


def _alerting(slo: Part, spelling: _Spelling) -> _Alerting:
    part = slo.part("alerting")
    if part is None:
        return _Alerting({}, {}, frozenset())
    if part.text("name") != ALERT_NAME:
        part.leave_out("name", f"alerts are called {ALERT_NAME} and told apart by their labels")
    annotations = part.labels("annotations")
    for templated in [name for name, text in annotations.items() if "{{" in text]:
        part.warn("annotations", f"{templated!r} is taken literally; templates are not filled in")
    disabled: set[Severity] = set()
    for key, severity in ((spelling.page, Severity.PAGE), (spelling.ticket, Severity.TICKET)):
        alert = part.part(key)
        if alert is not None:
            if alert.flag("disable", default=False):
                disabled.add(severity)
            alert.leave_out(
                "labels", "the `severity` of alerts is named once for the whole catalog (`severities`)"
            )
            alert.leave_out("annotations", "annotations are those of all alerts of the SLO")
    return _Alerting(part.labels("labels"), annotations, frozenset(disabled))
