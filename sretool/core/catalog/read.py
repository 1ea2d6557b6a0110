"""Catalog files → `System`, or one `CatalogError` with everything that is wrong in all of them.

What a file is follows from what is in it: `groups` makes it a Prometheus rule file, `route` an Alertmanager
configuration, `.md` a runbook, what `dialects` recognises another tool's SLOs, anything else the native
format of `spec`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

import yaml

from sretool.core.catalog import dialects, document, kpis, model, read_oncall, read_watched, spec, values
from sretool.core.slo import policy
from sretool.core.slo.model import (
    BooleanGauge,
    BucketRatio,
    BurnAlert,
    Composite,
    ErrorRatioQuery,
    EventRatio,
    Exclusion,
    Freshness,
    NativeBucketRatio,
    Part,
    Severity,
    Slo,
    SloId,
)
from sretool.core.slo.windows import default_alerts, fitted, usable
from sretool.errors import CatalogError, UsageError, Wrong

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sretool.core.slo.model import SimpleSli
    from sretool.core.slo.model import Sli as SloSli
    from sretool.errors import Problem

HISTORY_FILE = "history.yaml"
"""Lies beside a bundled system's catalog: what its lab's past looks like. Not part of the catalog."""

INCIDENTS_FILE = "incidents.yaml"
"""Lies beside a catalog: what is known of the past, for ledgers. Not part of the catalog."""


@dataclass(slots=True)
class _Sorted:
    """The files by what they are."""

    native: list[spec.CatalogFile] = field(default_factory=list)
    foreign: list[dialects.Document] = field(default_factory=list)
    rule_files: dict[str, str] = field(default_factory=dict)
    alertmanager: str = ""
    runbooks: dict[str, str] = field(default_factory=dict)


def read(files: Mapping[str, str], unreadable: Sequence[Problem] = ()) -> model.System:
    """The system that these files (name → text) describe together; CatalogError with every problem found.

    `unreadable` are the files that belong to them and have no text: problems, too. What the others refer to
    may be in them.
    """
    intake = document.Intake(problems=[*unreadable])
    found = _Sorted()
    for name, text in files.items():
        _sort(name, text, found, intake)
    _check_services(found.native, intake)
    _check_policy(found.native, intake)
    read_oncall.check(found.native, intake)
    _check_alert_policies(found.native, intake)
    others = dialects.read(found.foreign, intake) if found.foreign else dialects.Reading()
    if not unreadable:
        intake.check_references()
    if not others.found and not any(file.slos for file in found.native) and not intake.problems:
        first = next(iter(files), "catalog")
        intake.problem(
            first, 1, "no SLO is declared: a catalog has `slos` in at least one file", Wrong.OF_SET
        )
    if intake.problems:
        raise CatalogError(_in_order(intake.problems, files), _in_order(intake.warnings, files))
    return replace(_system(found, others), warnings=_in_order(intake.warnings, files))


def _in_order(found: Iterable[Problem], files: Iterable[str]) -> tuple[Problem, ...]:
    order = {name: position for position, name in enumerate(files)}
    return tuple(sorted(found, key=lambda problem: (order.get(problem.file, -1), problem.line)))


def _sort(name: str, text: str, found: _Sorted, intake: document.Intake) -> None:
    base = name.rsplit("/", 1)[-1]
    if base.endswith(".md"):
        runbook = base.removesuffix(".md")
        intake.declare("runbook", runbook, name, 1)
        found.runbooks[runbook] = text
        return
    if base in (HISTORY_FILE, INCIDENTS_FILE):
        return
    for root in document.compose_all(name, text, intake):
        _sort_document(name, text, root, found, intake)


def _sort_document(name: str, text: str, root: yaml.Node, found: _Sorted, intake: document.Intake) -> None:
    base = name.rsplit("/", 1)[-1]
    keys = {key.value for key, _ in _pairs(root)}
    if "groups" in keys:
        intake.declare("rule file", base, name, 1)
        _check_rules(root, name, intake)
        found.rule_files[base] = text
    elif keys == {"canary"}:
        # How releases go out: another reader's, and no part of the catalog.
        return
    elif "route" in keys:
        intake.declare("Alertmanager configuration", "of the catalog", name, 1)
        found.alertmanager = text
    elif foreign := list(dialects.documents(name, root)):
        found.foreign += foreign
    elif file := document.decode(root, spec.CatalogFile, name, intake):
        found.native.append(file)


def _check_rules(root: yaml.Node, name: str, intake: document.Intake) -> None:
    """The parts of a Prometheus rule file that the catalog depends on; promtool judges the rest."""
    for group in _items(_entry(root, "groups")):
        for rule in _items(_entry(group, "rules")):
            expression = _entry(rule, "expr")
            if isinstance(expression, yaml.ScalarNode):
                try:
                    values.promql(expression.value)
                except UsageError as error:
                    intake.problem(name, document.line_of(expression), f"expr: {error.message}")
            else:
                intake.problem(name, document.line_of(rule), "a rule needs an `expr`", Wrong.MISSING)
            runbook = _entry(_entry(rule, "annotations"), "runbook")
            if isinstance(runbook, yaml.ScalarNode):
                intake.refer("runbook", runbook.value, name, document.line_of(runbook))


def _entry(node: yaml.Node | None, key: str) -> yaml.Node | None:
    return next((value for name, value in _pairs(node) if name.value == key), None)


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    """Of a mapping, those with a plain key."""
    if not isinstance(node, yaml.MappingNode):
        return []
    return [(name, value) for name, value in node.value if isinstance(name, yaml.ScalarNode)]


def _items(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _check_services(files: Iterable[spec.CatalogFile], intake: document.Intake) -> None:
    """The service in an SLO's id is one of the services, where any are declared."""
    for file in files:
        for slo in file.slos:
            service = slo.id.partition("/")[0]
            intake.refer("service", service, slo.place.file, slo.place.line_of("id"))


def _check_policy(files: Iterable[spec.CatalogFile], intake: document.Intake) -> None:
    """A catalog has one policy at most."""
    for written in (file.policy for file in files if file.policy is not None):
        intake.declare("policy", "of the catalog", written.place.file, written.place.line)


def _check_alert_policies(files: Iterable[spec.CatalogFile], intake: document.Intake) -> None:
    """A tier has one alert policy at most, and so has the catalog."""
    for policy_ in (each for file in files for each in file.alert_policies):
        place = policy_.place
        for tier in policy_.tiers:
            intake.declare("alert policy of tier", str(tier), place.file, place.line_of("tiers"))
        if policy_.default == "true":
            intake.declare("default alert policy", "of the catalog", place.file, place.line_of("default"))
    named = {each.id for file in files for each in file.alert_policies}
    for slo in (slo for file in files for slo in file.slos if slo.alert_policy and not named):
        message = f"no alert policy {slo.alert_policy!r} is declared: a file has them as `alert_policies`"
        intake.problem(slo.place.file, slo.place.line_of("alert_policy"), message)


@dataclass(frozen=True, slots=True)
class _AlertPolicies:
    """Which pairs an SLO has that has none of its own."""

    by_id: Mapping[str, spec.AlertPolicySpec]
    by_tier: Mapping[int, spec.AlertPolicySpec]
    default: spec.AlertPolicySpec | None

    @classmethod
    def of(cls, files: Iterable[spec.CatalogFile]) -> _AlertPolicies:
        written = [each for file in files for each in file.alert_policies]
        return cls(
            {each.id: each for each in written},
            {tier: each for each in written for tier in each.tiers},
            next((each for each in written if each.default == "true"), None),
        )

    def alerts(self, slo: spec.SloSpec) -> tuple[BurnAlert, ...]:
        if slo.alerts is not None:
            return tuple(_pair(each, each.long, each.short, slo.length) for each in slo.alerts)
        meant = self.by_id.get(slo.alert_policy) if slo.alert_policy is not None else None
        if meant is None and slo.tier is not None:
            meant = self.by_tier.get(slo.tier)
        meant = meant or self.default
        budget = 1 - slo.objective
        if meant is None:
            return default_alerts(slo.length, budget)
        pairs = (_pair(each, *fitted(each, slo.length), slo.length) for each in meant.alerts)
        return usable(pairs, slo.length, budget)


def _pair(written: spec.BurnAlertSpec, long: timedelta, short: timedelta, window: timedelta) -> BurnAlert:
    own_name = written.severity not in tuple(Severity)
    severity = Severity(written.urgency or written.severity)
    spends = written.spent(long, window)
    return BurnAlert(severity, spends, long, short, written.severity if own_name else None)


def _system(found: _Sorted, others: dialects.Reading) -> model.System:
    native = found.native
    excluded = [exclusion for file in native for exclusion in file.exclusions]
    alerting = _AlertPolicies.of(native)
    slos = tuple(_slo(slo, excluded, alerting) for file in native for slo in file.slos)
    slos += tuple(_excluding(each.slo, excluded) for each in others.found)
    named = next((file.system for file in native if file.system), None)
    name = named.name if named else slos[0].service
    ruled = next((file.policy for file in native if file.policy), None)
    return model.System(
        name=name,
        title=named.title if named else name,
        services=tuple(
            model.Service(s.id, s.title, s.owner, s.tier, s.job, s.parts)
            for file in native
            for s in file.services
        )
        + tuple(_foreign_services(native, others)),
        tiers=tuple(
            model.Tier(t.tier, t.title, t.availability, t.latency_p95, t.error_ratio)
            for file in native
            for t in file.tiers
        ),
        owners=tuple(model.Owner(o.id, o.title, o.contact, o.duties) for file in native for o in file.owners),
        dependencies=tuple(
            model.Dependency(d.id, d.title, d.needs, d.provider, d.sla, d.breaks, d.fallback, d.up)
            for file in native
            for d in file.dependencies
        ),
        slis=tuple(_sli(sli) for file in native for sli in file.slis),
        slos=slos,
        places=_places(native, others),
        severities=_severities(native),
        policy=_policy(ruled) if ruled else policy.DEFAULT,
        oncall=read_oncall.oncall(native),
        dashboards=tuple(_dashboard(board) for file in native for board in file.dashboards),
        rule_files=found.rule_files,
        alertmanager=found.alertmanager,
        runbooks=found.runbooks,
        load_targets=tuple(each for file in native for each in file.load_targets),
        kpis=tuple(_kpi(each) for file in native for each in file.kpis),
        critical_paths=tuple(_critical_path(path) for file in native for path in file.critical_paths),
        impacts=tuple(
            model.Impact(i.module, i.tier, i.breaks, i.users) for file in native for i in file.impacts
        ),
        degradation=tuple(
            model.DegradationLevel(d.level, d.title, d.trigger, d.measures, d.effect)
            for file in native
            for d in file.degradation
        ),
        recovery=tuple(
            model.RecoveryObjective(r.failure, r.rto, r.rpo, r.strategy)
            for file in native
            for r in file.recovery
        ),
        watched=read_watched.of_files(native),
    )


def _foreign_services(
    native: Iterable[spec.CatalogFile], others: dialects.Reading
) -> Iterator[model.Service]:
    known = {service.id for file in native for service in file.services}
    for name, title in others.services.items():
        if name not in known:
            yield model.Service(name, title)


def _places(native: Iterable[spec.CatalogFile], others: dialects.Reading) -> dict[SloId, tuple[str, int]]:
    places = {SloId(slo.id): (slo.place.file, slo.place.line) for file in native for slo in file.slos}
    return places | {each.slo.id: (each.file, each.line) for each in others.found}


def _slo(written: spec.SloSpec, of_catalog: Iterable[spec.ExclusionSpec], alerting: _AlertPolicies) -> Slo:
    return Slo(
        id=SloId(written.id),
        title=written.title or written.id.partition("/")[2].replace("-", " "),
        objective=written.objective,
        window=written.length,
        sli=_measure(written.sli),
        alerts=alerting.alerts(written),
        tier=written.tier,
        owner=written.owner,
        runbook=written.runbook,
        labels=dict(written.labels),
        calendar=written.calendar,
        group_by=written.group_by,
        exclusions=tuple(sorted(_exclusions(written, of_catalog), key=lambda each: each.start)),
        min_events=written.min_events,
        annotations=dict(written.annotations),
        dashboard=written.dashboard,
    )


def _exclusions(slo: spec.SloSpec, of_catalog: Iterable[spec.ExclusionSpec]) -> Iterator[Exclusion]:
    for written in (*slo.exclusions, *_meant(slo.id, of_catalog)):
        yield Exclusion(written.start, written.end, written.reason)


def _meant(slo_id: str, of_catalog: Iterable[spec.ExclusionSpec]) -> Iterator[spec.ExclusionSpec]:
    """Those of the catalog that are about this SLO."""
    for each in of_catalog:
        if not each.slos or any(fnmatchcase(slo_id, pattern) for pattern in each.slos):
            yield each


def _excluding(slo: Slo, of_catalog: Iterable[spec.ExclusionSpec]) -> Slo:
    """An SLO of a foreign file with the catalog's exclusions."""
    spans = (Exclusion(each.start, each.end, each.reason) for each in _meant(slo.id, of_catalog))
    return replace(slo, exclusions=tuple(sorted(spans, key=lambda each: each.start)))


def _severities(files: Iterable[spec.CatalogFile]) -> dict[Severity, str]:
    written = [file.severities for file in files if file.severities is not None]
    named = [
        pair for each in written for pair in ((Severity.PAGE, each.page), (Severity.TICKET, each.ticket))
    ]
    return {severity: name for severity, name in named if name is not None}


def _measure(written: spec.RatioSpec) -> SloSli:
    how: Literal["weighted", "worst"]
    for how, parts in (("weighted", written.weighted), ("worst", written.worst)):
        if parts is not None:
            return Composite(tuple(Part(_ratio(part), part.weight or Decimal(1)) for part in parts), how)
    return _ratio(written)


def _ratio(written: spec.RatioSpec) -> SimpleSli:
    """`RatioSpec.problems()` lets only whole ones pass."""
    every = written.slice or timedelta(minutes=1)
    match written:
        case spec.RatioSpec(histogram=str(histogram), threshold=Decimal() as threshold):
            kind = NativeBucketRatio if written.native == "true" else BucketRatio
            return kind(
                histogram, threshold, written.matchers, "above" if written.good == "above" else "below"
            )
        case spec.RatioSpec(error_ratio=str(query)):
            return ErrorRatioQuery(query, written.traffic)
        case spec.RatioSpec(up=str(query)):
            return BooleanGauge(query, every)
        case spec.RatioSpec(age=str(query), max_age=timedelta() as oldest):
            return Freshness(query, oldest, every)
        case spec.RatioSpec(total=str(total)):
            return EventRatio(written.bad, total, written.good)
    raise AssertionError("an sli without a kind")


def _sli(written: spec.SliSpec) -> model.Sli:
    target = written.target
    return model.Sli(
        id=written.id,
        title=written.title,
        group=written.group,
        query=written.query,
        unit=written.unit,
        target=model.Target(*read_watched.bound(target)) if target else None,
        meaning=written.meaning,
    )


def _kpi(written: spec.KpiSpec) -> kpis.Kpi:
    return kpis.Kpi(
        id=written.id,
        title=written.title,
        unit=written.unit,
        query=written.query,
        runs=kpis.FromRuns(written.runs) if written.runs is not None else None,
        goals=tuple(
            kpis.Goal(each.since, model.Target(*read_watched.bound(each))) for each in written.targets
        ),
    )


def _dashboard(written: spec.DashboardSpec) -> model.Dashboard:
    return model.Dashboard(
        id=written.id,
        title=written.title,
        refresh=written.refresh,
        range=written.range,
        panels=tuple(_panel(panel) for panel in written.panels),
    )


def _panel(written: spec.PanelSpec) -> model.Panel:
    return model.Panel(
        title=written.title,
        kind=written.kind,
        unit=written.unit,
        row=written.row,
        queries=tuple(model.PanelQuery(query.expr, query.legend) for query in written.queries),
        thresholds=read_watched.thresholds(written.thresholds),
        source=written.source,
        not_configured=written.not_configured,
    )


def _critical_path(written: spec.CriticalPathSpec) -> model.CriticalPath:
    hops = tuple(
        model.Hop(hop.title, hop.budget, tuple(_part(part) for part in hop.parts), hop.measured, hop.unit)
        for hop in written.hops
    )
    return model.CriticalPath(written.id, written.title, hops, written.guarantees, written.service)


def _part(written: spec.PartSpec) -> model.Hop:
    return model.Hop(written.title, written.budget, (), written.measured, written.unit)


def _policy(written: spec.PolicySpec) -> policy.Policy:
    standard = policy.DEFAULT
    levels, gate, exceptions = written.levels, written.gate, written.exceptions
    return policy.Policy(
        levels=standard.levels
        if levels is None
        else tuple(policy.ResponseLevel(_mark(each), each.title, each.actions) for each in levels),
        gate=standard.gate
        if gate is None
        else tuple(
            policy.GateStep(each.name, each.allow, _mark(each) if number else None, each.asks)
            for number, each in enumerate(gate)
        ),
        exceptions=standard.exceptions
        if exceptions is None
        else tuple(policy.ExceptionKind(each.id, each.title) for each in exceptions),
    )


def _mark(written: spec.ResponseLevelSpec | spec.GateStepSpec) -> policy.Mark:
    match written.below, written.upto:
        case (value, None) if value is not None:
            return policy.Mark(value, inclusive=False)
        case (None, value) if value is not None:
            return policy.Mark(value, inclusive=True)
    raise AssertionError("problems() lets only one mark pass")
