"""OpenSLO's files: v1, v1beta1 and v1alpha, whose documents may refer to each other across files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.catalog import queries, values
from sretool.core.catalog.foreign import (
    Found,
    Part,
    about,
    burn_alert,
    owner_and_tier,
    percent,
    runbook_and_dashboard,
    slo_id,
    slug,
    title_of,
)
from sretool.core.catalog.spec import SLICES
from sretool.core.slo.model import (
    WINDOW,
    BooleanGauge,
    BurnAlert,
    CalendarUnit,
    CalendarWindow,
    ErrorRatioQuery,
    Severity,
    Slo,
)
from sretool.core.slo.windows import SHORTEST, default_alerts, threshold
from sretool.errors import UsageError, Wrong
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from decimal import Decimal

VERSIONS: Final = ("openslo/v1", "openslo/v1beta1", "openslo/v1alpha")

_PROMETHEUS: Final = {"prometheus", "promql", "thanos", "mimir", "cortex", "victoriametrics", "sloth"}
"""Types of sources that are asked in PromQL."""

_OPERATORS: Final = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_DAYS: Final = {"d": 1, "w": 7, "M": 30, "Q": 90, "Y": 365}
_UNITS: Final = {
    "Minute": "m",
    "Hour": "h",
    "Day": "d",
    "Week": "w",
    "Month": "M",
    "Quarter": "Q",
    "Year": "Y",
}
_CALENDAR: Final = {"w": CalendarUnit.WEEK, "M": CalendarUnit.MONTH, "Q": CalendarUnit.QUARTER}
_STARTS: Final = {"w": "on Monday", "M": "on the 1st", "Q": "on the 1st of January, April, July, October"}
_DURATION: Final = re.compile(r"\s*(\d+)\s*([a-zA-Z]+)\s*")
_MINUTE: Final = timedelta(minutes=1)
_DEFAULT_WINDOW: Final = timedelta(days=30)
_PAGES: Final = {"page", "critical", "high", "sev1", "p1", "emergency"}


@dataclass(slots=True)
class Catalog:
    """The documents that SLOs refer to, by name."""

    slis: dict[str, Part] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    """DataSource → its type."""
    policies: dict[str, Part] = field(default_factory=dict)
    conditions: dict[str, Part] = field(default_factory=dict)
    services: dict[str, str] = field(default_factory=dict)
    """Service → what it is called."""


@dataclass(frozen=True, slots=True)
class _Period:
    window: timedelta
    calendar: CalendarWindow | None = None


def read(documents: Iterable[Part]) -> tuple[list[Found], dict[str, str]]:
    """The SLOs of all documents of a catalog, and what their services are called."""
    catalog, slos = Catalog(), []
    for document in documents:
        document.ignore("apiVersion", "kind")
        kind = document.nodes["kind"][1].value if "kind" in document.nodes else None
        match kind:
            case "SLO":
                slos.append(document)
            case "SLI":
                _keep(document, "SLI", catalog.slis)
            case "AlertPolicy":
                _keep(document, "AlertPolicy", catalog.policies)
            case "AlertCondition":
                _keep(document, "AlertCondition", catalog.conditions)
            case "DataSource":
                _source(document, catalog)
            case "Service":
                _service(document, catalog)
            case "AlertNotificationTarget":
                document.ignore(*document.nodes)
                document.warn(None, "left out: who gets an alert is a matter of Alertmanager's routes")
            case _:
                document.ignore(*document.nodes)
                document.problem("kind", f"{kind!r} is not a kind of OpenSLO")
    found = [each for document in slos for each in _slo(document, catalog)]
    for kept in (*catalog.slis.values(), *catalog.policies.values(), *catalog.conditions.values()):
        # Nobody has used it; that is no reason to call its keys unknown.
        if not kept.read - {"apiVersion", "kind"}:
            kept.ignore(*kept.nodes)
    return found, catalog.services


def _keep(document: Part, kind: str, where: dict[str, Part]) -> None:
    metadata = document.required_part("metadata")
    name = metadata.value("name", values.text, required=True) if metadata is not None else None
    if metadata is not None:
        metadata.ignore(*metadata.nodes)
    document.read.discard("metadata")
    if name is not None:
        document.intake.declare(f"OpenSLO {kind}", name, document.file, document.line)
        where.setdefault(name, document)


def _source(document: Part, catalog: Catalog) -> None:
    metadata, spec = document.required_part("metadata"), document.required_part("spec")
    if metadata is None or spec is None:
        return
    metadata.ignore(*metadata.nodes)
    # How to reach a server is said by --prometheus and the environment, never by a catalog.
    spec.ignore("description", "connectionDetails")
    name, kind = metadata.text("name"), spec.text("type")
    if name is not None and kind is not None:
        catalog.sources[name] = kind


def _service(document: Part, catalog: Catalog) -> None:
    metadata = document.required_part("metadata")
    document.ignore("spec")
    if metadata is None:
        return
    name = metadata.value("name", values.text, required=True)
    title = metadata.text("displayName")
    metadata.ignore(*metadata.nodes)
    if name is not None:
        catalog.services[slug(name)] = title or name


def _slo(document: Part, catalog: Catalog) -> Iterator[Found]:
    metadata, spec = document.required_part("metadata"), document.required_part("spec")
    if metadata is None or spec is None:
        return
    name = metadata.value("name", values.text, required=True)
    service = spec.value("service", values.text, required=True)
    title = metadata.text("displayName")
    labels, notes = metadata.labels("labels"), metadata.labels("annotations")
    (owner, tier), (runbook, dashboard) = owner_and_tier(labels), runbook_and_dashboard(notes)
    description = spec.text("description")
    period = _period(spec)
    objectives = list(spec.items("objectives"))
    if not objectives:
        spec.problem(None, "`spec.objectives` is missing: there is nothing to hold", Wrong.MISSING)
    indicator = _indicator(spec, catalog)
    if any(each.has("indicator") or each.has("indicatorRef") for each in objectives):
        spec.warn(
            "objectives", "the composite itself is not computed; each of its objectives is an SLO of its own"
        )
    alerts = _alerts(spec, catalog, period) if period is not None else None
    for number, objective in enumerate(objectives, start=1):
        sli, target = _sli(spec, objective, indicator, catalog), _target(objective)
        suffix = _suffix(objective, number) if len(objectives) > 1 else ""
        id_ = (
            slo_id(objective if suffix else metadata, None if suffix else "name", service, name + suffix)
            if (name is not None and service is not None)
            else None
        )
        if sli is None or target is None or id_ is None or period is None:
            continue
        pairs = default_alerts(period.window, 1 - target) if alerts is None else alerts
        slo = Slo(
            id=id_,
            title=(title or title_of(name or "")) + (f" ({title_of(suffix)})" if suffix else ""),
            objective=target,
            window=period.window,
            sli=sli.sli,
            alerts=tuple(pair for pair in pairs if threshold(pair, period.window, 1 - target) < 1),
            tier=tier,
            owner=owner,
            runbook=runbook,
            labels=labels,
            calendar=period.calendar,
            group_by=sli.group_by,
            annotations={**about(description), **notes},
            dashboard=dashboard,
        )
        if len(slo.alerts) < len(pairs):
            objective.warn(None, "an alert is left out: no error ratio could reach its threshold")
        yield Found(slo, document.file, metadata.line_of("name"))


def _suffix(objective: Part, number: int) -> str:
    shown = objective.text("displayName")
    return f"-{slug(shown)}" if shown and slug(shown) else f"-{number}"


def _target(objective: Part) -> Decimal | None:
    objective.ignore("displayName")
    target = objective.value("target", values.objective)
    of_hundred = objective.value("targetPercent", percent)
    given = [key for key in ("target", "targetPercent") if objective.has(key)]
    if len(given) != 1:
        objective.problem(None, "an objective has either `target` or `targetPercent`")
    return target if target is not None else of_hundred


# --- time windows ---


def duration(raw: str) -> tuple[timedelta, str, int]:
    """`"4w"` → its length, unit and count; `m` is minutes, `M` months of 30 days."""
    match = _DURATION.fullmatch(raw)
    if match is None or match[2] not in {"m", "h", *_DAYS}:
        raise UsageError(f"{raw!r} is not a duration", remedy="write it like 5m, 1h, 28d, 4w, 1M, 1Q or 1Y")
    count, unit = int(match[1]), match[2]
    if count == 0 or count > 10_000_000:
        raise UsageError(f"{raw!r} is not a possible length of time")
    lengths = {"m": _MINUTE, "h": timedelta(hours=1)}
    try:
        return count * lengths.get(unit, timedelta(days=_DAYS.get(unit, 0))), unit, count
    except OverflowError:
        raise UsageError(f"{raw!r} is too long") from None


def _length(raw: str) -> timedelta:
    """Of a time slice: a bare number is in minutes."""
    return duration(f"{raw}m" if raw.strip().isdecimal() else raw)[0]


def _period(spec: Part) -> _Period | None:
    key = "timeWindows" if spec.has("timeWindows") else "timeWindow"
    windows = list(spec.items(key))
    if not windows:
        spec.warn(None, "there is no time window: a rolling one of 30d is taken")
        return _Period(_DEFAULT_WINDOW)
    if len(windows) > 1:
        spec.problem(key, "there can be one time window only")
        return None
    part = windows[0]
    length = part.value("duration", duration)
    where = "duration"
    if not part.has("duration"):
        unit, count, where = part.text("unit"), part.value("count", values.positive_whole), "unit"
        if unit not in _UNITS or count is None:
            part.problem(None, "a time window has a `duration`, or a `unit` and a `count`")
            return None
        length = duration(f"{count}{_UNITS[unit]}")
    calendar = part.part("calendar")
    rolling = part.flag("isRolling", default=calendar is None)
    if length is None:
        return None
    if rolling:
        if calendar is not None:
            part.warn("calendar", "left out: the window rolls")
            calendar.ignore(*calendar.nodes)
        return _rolling(part, where, *length)
    if calendar is None and part.has("isRolling"):
        part.warn("isRolling", "a calendar is missing; its periods are taken to start at midnight UTC")
    return _of_calendar(part, where, calendar, length)


def _rolling(part: Part, key: str, window: timedelta, unit: str, count: int) -> _Period | None:
    if window < timedelta(hours=1):
        months = f"; did you mean {count}M (months)?" if unit == "m" else ""
        part.problem(key, f"a window of {format_duration(window)} is too short for a budget{months}")
        return None
    if unit in "MQY":
        part.warn(
            key, f"a rolling window has a fixed length: {count}{unit} is taken as {format_duration(window)}"
        )
    return _Period(window)


def _of_calendar(
    part: Part, key: str, calendar: Part | None, length: tuple[timedelta, str, int]
) -> _Period | None:
    _, unit, count = length
    zone = calendar.value("timeZone", values.zone) if calendar is not None else None
    start = calendar.text("startTime") if calendar is not None else None
    if (count, unit) in ((7, "d"), (3, "M")):
        count, unit = 1, "w" if unit == "d" else "Q"
    if count != 1 or unit not in _CALENDAR:
        months = "; m is minutes, write 1M for a month" if (count, unit) == (1, "m") else ""
        part.problem(key, f"calendar periods are 1w, 1M or 1Q, not {count}{unit}{months}")
        return None
    if calendar is not None and start is not None and not _aligned(start, _CALENDAR[unit]):
        when = {"w": "on Monday", "M": "on the 1st", "Q": "on the 1st of January, April, July and October"}[
            unit
        ]
        calendar.warn("startTime", f"periods are taken to start {when} at midnight, not at {start}")
    made = CalendarWindow(_CALENDAR[unit], zone or "UTC")
    return _Period(made.nominal, made)


def _aligned(start: str, unit: CalendarUnit) -> bool:
    """Whether a period of the unit starts at this local time."""
    try:
        moment = values.moment(start)
    except UsageError:
        return False
    return CalendarWindow(unit).start(moment) == moment


# --- indicators ---


def _indicator(holder: Part, catalog: Catalog) -> Part | None:
    """The spec of the indicator that an SLO or an objective has or refers to."""
    if holder.has("indicator"):
        if holder.has("indicatorRef"):
            holder.problem("indicatorRef", "does not go with `indicator`")
        inline = holder.part("indicator")
        if inline is None:
            return None
        inline.ignore("metadata")
        # v1alpha has the metric itself where later versions have metadata and spec.
        return inline.part("spec") if inline.has("spec") else inline
    name = holder.text("indicatorRef")
    if name is None:
        return None
    known = catalog.slis.get(name)
    if known is None:
        hint = f"; known: {', '.join(sorted(catalog.slis))}" if catalog.slis else ""
        holder.problem("indicatorRef", f"no SLI {name!r} is in the catalog{hint}")
        return None
    known.ignore("metadata")
    return next((each for each in known.parts if each.name == "spec"), None) or known.required_part("spec")


def _sli(spec: Part, objective: Part, shared: Part | None, catalog: Catalog) -> queries.Measured | None:
    own = _indicator(objective, catalog)
    objective.leave_out("compositeWeight", "composites are not computed")
    indicator = own or shared
    if objective.has("ratioMetrics"):
        return _budgeted(spec, objective, _old_ratio(objective), catalog)
    if indicator is None:
        if not any(part.has(key) for part in (spec, objective) for key in ("indicator", "indicatorRef")):
            spec.problem(None, "`spec.indicator` or `spec.indicatorRef` is missing", Wrong.MISSING)
        objective.ignore("op", "value", "timeSliceTarget", "timeSliceWindow", "ratioMetrics")
        return None
    indicator.ignore("description")
    if indicator.has("thresholdMetric"):
        if indicator.has("ratioMetric"):
            indicator.problem("ratioMetric", "does not go with `thresholdMetric`")
        return _thresholded(spec, objective, indicator, catalog)
    return _budgeted(spec, objective, indicator.required_part("ratioMetric"), catalog)


def _old_ratio(objective: Part) -> Part | None:
    """The ratio of v1alpha, which stands in the objective."""
    return objective.part("ratioMetrics")


def _query(part: Part | None, catalog: Catalog) -> tuple[Part, str, str] | None:
    """Where the PromQL of a metric stands, under which key, and the query itself."""
    if part is None:
        return None
    if part.has("metricSource"):
        source = part.part("metricSource")
        if source is None:
            return None
        kind, reference = source.text("type"), source.text("metricSourceRef")
        if kind is None and reference is not None:
            kind = catalog.sources.get(reference)
            if kind is None:
                source.warn(
                    "metricSourceRef", f"no DataSource {reference!r} is in the catalog; taken as Prometheus"
                )
        holder = source.required_part("spec")
        where = source
    else:
        # v1alpha.
        kind, holder, where = part.text("source"), part, part
        part.ignore("queryType", "metadata")
    if holder is None:
        return None
    if kind is not None and kind.lower() not in _PROMETHEUS:
        where.problem(None, f"metrics of {kind} are not read; those of Prometheus are", Wrong.UNSUPPORTED)
        holder.ignore(*holder.nodes)
        return None
    key = next((key for key in ("query", "promql", "expression") if holder.has(key)), "query")
    raw = holder.value(key, values.text, required=True)
    holder.leave_out("dimensions", "group in the query itself")
    if raw is None:
        return None
    query = queries.with_window(raw)
    try:
        queries.parse_vector(query)
    except UsageError as error:
        holder.problem(key, error.message)
        return None
    return holder, key, query


@dataclass(frozen=True, slots=True)
class _Amount:
    """How many events there were over `{window}`."""

    query: str
    counters: queries.Selector | None = None
    by: tuple[str, ...] = ()
    per_second: str | None = None
    """PromQL of events per second where the query is not made of rates."""


def _amount(part: Part | None, counter: bool | None, catalog: Catalog) -> _Amount | None:
    found = _query(part, catalog)
    if found is None:
        return None
    holder, key, query = found
    ranges = set(queries.literal_ranges(query))
    ranged = bool(ranges) or WINDOW in query
    counted = queries.counters(query)
    if counted is not None and not ranged and counter is None:
        counter = counted[0].name.endswith(("_total", "_count", "_bucket"))
        holder.warn(key, f"`counter` is not given; by its name it is {'one' if counter else 'none'}")
    if counted is not None and (ranged or counter):
        counters, by = counted
        return _Amount(f"sum by ({', '.join(by)}) (rate({counters}[{WINDOW}]))", counters, by)
    if WINDOW in query:
        return _Amount(query)
    if len(ranges) == 1 and counter is not False:
        (written,) = ranges
        holder.warn(key, f"its range of {written} is replaced by that of each window")
        return _Amount(queries.replace_range(query, written))
    if counter:
        holder.problem(key, "a counter needs a range: write sum(rate(x[{{.window}}]))")
        return None
    values_of = f"(({query})[{WINDOW}:1m])"
    return _Amount(f"sum_over_time{values_of}", per_second=f"avg_over_time{values_of}")


def _budgeted(spec: Part, objective: Part, ratio: Part | None, catalog: Catalog) -> queries.Measured | None:
    for key in ("op", "value"):
        objective.leave_out(key, "it has a meaning only for a thresholdMetric")
    method, slices = _method(spec, objective)
    measured = _ratio(ratio, catalog) if ratio is not None else None
    if measured is None or method is None:
        return None
    if method == "Occurrences":
        return measured
    if slices is None:
        return None
    sli, by = measured.sli, measured.group_by
    share = f"{sli.bad_rate(slices, by)} / ({sli.total_rate(slices, by)} > 0)"
    if method == "RatioTimeslices":
        mean = f"avg_over_time(({share})[{WINDOW}:{format_duration(slices)}])"
        return queries.Measured(ErrorRatioQuery(mean), by)
    wanted = objective.value("timeSliceTarget", values.ratio, required=True)
    if wanted is None:
        return None
    return queries.Measured(BooleanGauge(f"(1 - {share}) >= bool {format_decimal(wanted)}", slices), by)


def _method(spec: Part, objective: Part) -> tuple[str | None, timedelta | None]:
    """How the budget is counted, and the length of its slices."""
    method = spec.value("budgetingMethod", values.text, required=True)
    if method is not None and method not in ("Occurrences", "Timeslices", "RatioTimeslices"):
        spec.problem(
            "budgetingMethod", f"{method!r} is not possible; known: Occurrences, RatioTimeslices, Timeslices"
        )
        return None, None
    if method != "Timeslices":
        objective.leave_out("timeSliceTarget", f"it has no meaning for {method}")
    if method == "Occurrences":
        objective.leave_out("timeSliceWindow", "it has no meaning for Occurrences")
        return method, None
    if not objective.has("timeSliceWindow"):
        objective.warn(None, "`timeSliceWindow` is missing: slices of one minute are taken")
        return method, _MINUTE
    length = objective.value("timeSliceWindow", _length)
    if length is not None and length not in SLICES:
        known = ", ".join(map(format_duration, SLICES))
        objective.problem("timeSliceWindow", f"{format_duration(length)} is not possible; known: {known}")
        return method, None
    return method, length


def _ratio(part: Part, catalog: Catalog) -> queries.Measured | None:
    if part.has("raw"):
        return _precomputed(part, catalog)
    key = "incremental" if part.has("incremental") else "counter"
    counter = part.flag(key, default=False) if part.has(key) else None
    kinds = [kind for kind in ("good", "bad") if part.has(kind)]
    if len(kinds) != 1:
        part.problem(None, "a ratio has `total` and either `good` or `bad`, or `raw`")
        part.ignore("good", "bad", "total")
        return None
    part.ignore("rawType")
    some = _amount(part.part(kinds[0]), counter, catalog)
    total = _amount(part.required_part("total"), counter, catalog)
    if some is None or total is None:
        return None
    if some.counters is not None and total.counters is not None and some.by == total.by:
        make = queries.good_ratio if kinds == ["good"] else queries.bad_ratio
        return queries.Measured(make(some.counters, total.counters), total.by)
    make_of = queries.good_of_total if kinds == ["good"] else queries.bad_of_total
    measured = make_of(some.query, total.query)
    if isinstance(measured.sli, ErrorRatioQuery) and total.per_second is not None:
        return queries.Measured(ErrorRatioQuery(measured.sli.query, total.per_second), measured.group_by)
    return measured


def _precomputed(part: Part, catalog: Catalog) -> queries.Measured | None:
    for key in ("good", "bad", "total"):
        if part.has(key):
            part.problem(key, "does not go with `raw`")
    part.ignore("counter", "good", "bad", "total")
    kind = part.value("rawType", values.text, required=True)
    if kind not in (None, "success", "failure"):
        part.problem("rawType", f"{kind!r} is not possible; known: failure, success")
        return None
    found = _query(part.part("raw"), catalog)
    if found is None or kind is None:
        return None
    query = found[2] if WINDOW in found[2] else f"avg_over_time(({found[2]})[{WINDOW}:1m])"
    return queries.share_of_good(query) if kind == "success" else queries.share_of_bad(query)


def _thresholded(spec: Part, objective: Part, indicator: Part, catalog: Catalog) -> queries.Measured | None:
    metric = indicator.part("thresholdMetric")
    found = _query(metric, catalog)
    op = objective.value("op", values.text, required=True)
    limit = objective.value("value", values.number, required=True)
    method, slices = _method(spec, objective)
    if op is not None and op not in _OPERATORS:
        objective.problem("op", f"{op!r} is not possible; known: gt, gte, lt, lte")
        return None
    if found is None or op is None or limit is None or method is None:
        return None
    holder, key, query = found
    every = slices or _MINUTE
    query = query.replace(WINDOW, format_duration(max(every, SHORTEST)))
    by = queries.grouping(query)
    good = f"({query}) {_OPERATORS[op]} bool {format_decimal(limit)}"
    if method == "Occurrences":
        holder.warn(key, "a value counts as one event once a minute, however often it is measured")
        return queries.Measured(BooleanGauge(good), by)
    if slices is None:
        return None
    if method == "RatioTimeslices":
        return queries.Measured(BooleanGauge(good, slices), by)
    wanted = objective.value("timeSliceTarget", values.ratio, required=True)
    if wanted is None:
        return None
    step = "10s" if slices <= _MINUTE else "1m"
    share = f"avg_over_time(({good})[{format_duration(slices)}:{step}])"
    return queries.Measured(BooleanGauge(f"{share} >= bool {format_decimal(wanted)}", slices), by)


# --- alerts ---


def _alerts(spec: Part, catalog: Catalog, period: _Period) -> tuple[BurnAlert, ...] | None:
    """The pairs of the policies; None where there is no policy: then the standard ones."""
    if not spec.has("alertPolicies"):
        spec.ignore("alertPolicies")
        return None
    pairs: list[BurnAlert] = []
    for entry in spec.items("alertPolicies"):
        policy = _referred(entry, "alertPolicyRef", "AlertPolicy", catalog.policies)
        if policy is not None:
            pairs += _of_policy(policy, catalog, period)
    return tuple(dict.fromkeys(pairs))


def _referred(entry: Part, key: str, kind: str, known: Mapping[str, Part]) -> Part | None:
    """The spec of an inline object or of the one that is referred to."""
    if not entry.has(key):
        entry.ignore("kind", "apiVersion", "metadata", key)
        return entry.required_part("spec")
    name = entry.text(key)
    target = known.get(name or "")
    if target is None:
        entry.warn(key, f"left out: no {kind} {name!r} is in the catalog")
        return None
    target.ignore("metadata")
    return next((each for each in target.parts if each.name == "spec"), None) or target.required_part("spec")


def _of_policy(policy: Part, catalog: Catalog, period: _Period) -> Iterator[BurnAlert]:
    policy.ignore("description")
    # Where alerts go and that they say when they end is Alertmanager's business.
    policy.ignore("notificationTargets", "alertWhenResolved")
    if policy.flag("alertWhenNoData", default=False):
        policy.warn("alertWhenNoData", "left out: that there is no data is shown, not alerted on")
    breaching = policy.flag("alertWhenBreaching", default=True)
    for entry in policy.items("conditions"):
        spec = _referred(entry, "conditionRef", "AlertCondition", catalog.conditions)
        pair = _condition(spec, period) if spec is not None else None
        if pair is not None and breaching:
            yield pair


def _condition(spec: Part, period: _Period) -> BurnAlert | None:
    spec.ignore("description")
    severity = spec.text("severity") or ""
    part = spec.required_part("condition")
    if part is None:
        return None
    part.ignore("type")
    kind = part.text("kind")
    if kind not in (None, "burnrate", "Burnrate"):
        part.warn("kind", f"left out: {kind!r} is no kind of alert that is known")
        part.ignore(*part.nodes)
        return None
    if part.text("op") in ("lt", "lte"):
        part.warn("op", "read as gt: an alert fires when the budget burns faster than the threshold")
    factor = part.value("threshold", values.positive_number, required=True)
    long = part.value("lookbackWindow", _length, required=True)
    part.leave_out("alertAfter", "a short window beside the long one does its work")
    if factor is None or long is None:
        return None
    pages = severity.lower() in _PAGES
    pair = burn_alert(Severity.PAGE if pages else Severity.TICKET, factor, long, period.window)
    if pair.spends > 1 or long < 2 * pair.short or long > period.window:
        part.warn(
            "threshold",
            f"left out: {format_decimal(factor)}x over {format_duration(long)} is no alert before the end",
        )
        return None
    return pair
