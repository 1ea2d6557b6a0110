"""Prometheus rules that record and alert on SLOs, as data and as the text of a rule file.

Every SLO has one group of its own, because only within a group are rules evaluated in order and at one
instant, and the group carries its own interval, because a sum over time weighs by sample density.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import yaml

from sretool.core.slo.promql import recorded
from sretool.core.slo.windows import RATE_WINDOW, RULE_INTERVAL, burn_windows, reads_counters, threshold
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from sretool.core.slo.model import BurnAlert, Severity, Slo

ALERT_NAME = "SLOBudgetBurn"

RESERVED_LABELS: Final = frozenset(
    {
        *("alertname", "alertstate", "slo", "severity", "owner", "tier", "window", "long", "short"),
        *("objective", "calendar", "part", "figure", "le"),
    }
)
"""Labels that have a meaning of their own in rules and queries; an SLO cannot be grouped by them."""

NO_NAMES: Final[Mapping[Severity, str]] = {}
"""Severities are called what they are."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: a recording one has `record`, an alerting one `alert`."""

    expr: str
    record: str | None = None
    alert: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated one after the other at the same instant."""

    name: str
    interval: timedelta
    rules: tuple[Rule, ...]


def render(
    slos: Sequence[Slo],
    runbook_base: str | None = None,
    severities: Mapping[Severity, str] = NO_NAMES,
) -> str:
    """A Prometheus rule file (YAML), one group per SLO; runbook names become paths below `runbook_base`.

    `severities` names the `severity` labels of the alerts where they are not called page and ticket.
    """
    groups = [_as_yaml(group(slo, runbook_base, severities)) for slo in slos]
    return _yaml({"groups": groups})


def render_kubernetes(
    slos: Sequence[Slo],
    runbook_base: str | None = None,
    severities: Mapping[Severity, str] = NO_NAMES,
    *,
    namespace: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> str:
    """The same groups as PrometheusRule resources (YAML documents), one for each service.

    `labels` are those a Prometheus resource selects its rules by.
    """
    services: dict[str, list[Slo]] = {}
    for slo in slos:
        services.setdefault(slo.service, []).append(slo)
    documents = []
    for service, of_service in services.items():
        metadata: dict[str, Any] = {"name": f"slo-{_dns_name(service)}"}
        if namespace is not None:
            metadata["namespace"] = namespace
        if labels:
            metadata["labels"] = dict(labels)
        groups = [_as_yaml(group(slo, runbook_base, severities)) for slo in of_service]
        resource = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": metadata,
            "spec": {"groups": groups},
        }
        documents.append(_yaml(resource))
    return "---\n".join(documents)


def _dns_name(text: str) -> str:
    """`text` as part of a Kubernetes name: small letters, digits, dots and dashes, none at the ends."""
    return re.sub(r"[^a-z0-9.-]", "-", text.lower()).strip(".-")


def _yaml(document: Mapping[str, Any]) -> str:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return text


def group(
    slo: Slo, runbook_base: str | None = None, severities: Mapping[Severity, str] = NO_NAMES
) -> RuleGroup:
    """The rules of one SLO in order of evaluation: what later ones read comes first."""
    return RuleGroup(
        name=f"slo:{slo.id}",
        interval=RULE_INTERVAL,
        rules=(
            _info(slo),
            *_rates(slo),
            *(_error_ratio(slo, window) for window in burn_windows(slo)),
            *_over_the_window(slo),
            *_events(slo),
            *(_burn_alert(slo, pair, runbook_base, severities) for pair in slo.alerts),
        ),
    )


def decimal_text(value: Fraction) -> str:
    """The shortest decimal that is read as the float nearest to `value`: 0.0144, not 0.014400000000000001."""
    return format_decimal(Decimal(repr(float(value))))


def _info(slo: Slo) -> Rule:
    """Facts about the SLO; its time is when the group was last evaluated."""
    facts = {"window": format_duration(slo.window), "objective": format_decimal(slo.objective)}
    if slo.calendar is not None:
        facts["calendar"] = str(slo.calendar)
    labels = {**_own_labels(slo), **_identity(slo), **facts, **_ownership(slo)}
    return Rule(record="slo:info", expr="vector(1)", labels=labels)


def _rates(slo: Slo) -> tuple[Rule, ...]:
    labels = _identity(slo)
    return (
        Rule(record="slo:bad:rate5m", expr=slo.bad_rate(RATE_WINDOW), labels=labels),
        Rule(record="slo:total:rate5m", expr=slo.total_rate(RATE_WINDOW), labels=labels),
    )


def _error_ratio(slo: Slo, window: timedelta) -> Rule:
    """Bad share over `window`; absent, never 0 or NaN, where there was no traffic."""
    if reads_counters(slo, window):
        bad, total = slo.bad_rate(window), slo.total_rate(window)
    else:
        bad = _summed("slo:bad:rate5m", slo, window)
        total = _summed("slo:total:rate5m", slo, window)
    labels = {**_identity(slo), "window": format_duration(window)}
    return Rule(record="slo:error_ratio:rate", expr=f"{bad} / ({total} > 0)", labels=labels)


def _summed(name: str, slo: Slo, window: timedelta) -> str:
    """PromQL of the recorded rates added up over `window`.

    An event counts a fifth in each of the five evaluations after it, so events of the last five minutes are
    not fully in the sum yet: at a steady rate (1 + 2 + 3 + 4) / 5 = 2 evaluations' worth is missing. The
    present rate, twice, puts that back; a step is then seen as early as in the raw counters. Where there is
    no present rate the sum stands alone: `slo:info` is always there. At the far end the oldest rate looks
    back beyond the window, so the range is shorter: it holds three samples fewer than minutes, whether its
    ends belong to it (Prometheus 2) or not (3), and with the two of the present that makes the window's
    length.
    """
    series = recorded(name, slo)
    summed = f"sum_over_time({series}[{format_duration(window - 2.5 * RULE_INTERVAL)}])"
    # The information of an SLO with groups knows nothing of them.
    none = f"0 * {summed}" if slo.group_by else f"0 * max by (slo, service) ({recorded('slo:info', slo)})"
    return f"({summed} + (2 * {series} or {none}))"


def _over_the_window(slo: Slo) -> tuple[Rule, ...]:
    """Sums over a rolling window; a calendar window changes its length and is summed when it is asked for."""
    if slo.calendar is not None:
        return ()
    window = format_duration(slo.window)
    labels = {**_identity(slo), "window": window}
    bad, total = recorded("slo:bad:rate5m", slo), recorded("slo:total:rate5m", slo)
    per_sample = int(RULE_INTERVAL.total_seconds())
    samples = slo.window // RULE_INTERVAL
    return (
        Rule(record="slo:bad:sum", expr=f"sum_over_time({bad}[{window}]) * {per_sample}", labels=labels),
        Rule(record="slo:total:sum", expr=f"sum_over_time({total}[{window}]) * {per_sample}", labels=labels),
        Rule(
            record="slo:coverage:ratio",
            # Prometheus 2 counts the samples at both ends of a range, one more than fit between them.
            expr=f"clamp_max(count_over_time({total}[{window}]) / {samples}, 1)",
            labels=labels,
        ),
    )


def _events(slo: Slo) -> tuple[Rule, ...]:
    """Events over the long window of every pair, where an alert needs a number of them."""
    if slo.min_events is None:
        return ()
    per_sample = int(RULE_INTERVAL.total_seconds())
    total = recorded("slo:total:rate5m", slo)
    return tuple(
        Rule(
            record="slo:events:sum",
            expr=f"sum_over_time({total}[{format_duration(window)}]) * {per_sample}",
            labels={**_identity(slo), "window": format_duration(window)},
        )
        for window in sorted({pair.long for pair in slo.alerts})
    )


def _burn_alert(
    slo: Slo, pair: BurnAlert, runbook_base: str | None, severities: Mapping[Severity, str]
) -> Rule:
    limit = threshold(pair, slo.window, slo.budget)
    long, short = (
        f"max without (window) ({recorded('slo:error_ratio:rate', slo, window)}) > {decimal_text(limit)}"
        for window in (pair.long, pair.short)
    )
    guard = ""
    if slo.min_events is not None:
        events = recorded("slo:events:sum", slo, pair.long)
        guard = f" and max without (window) ({events}) >= {slo.min_events}"
    return Rule(
        alert=ALERT_NAME,
        expr=f"{long} and {short}{guard}",
        labels={
            **_own_labels(slo),
            "severity": pair.name or severities.get(pair.severity, str(pair.severity)),
            **_identity(slo),
            **_ownership(slo),
            "long": format_duration(pair.long),
            "short": format_duration(pair.short),
        },
        annotations=_annotations(slo, pair, runbook_base),
    )


def _annotations(slo: Slo, pair: BurnAlert, runbook_base: str | None) -> dict[str, str]:
    limit = threshold(pair, slo.window, slo.budget)
    factor = f"{float(limit / Fraction(slo.budget)):.4g}"
    long, short, window = (format_duration(each) for each in (pair.long, pair.short, slo.window))
    texts = {
        "summary": _literal(slo.title or slo.id)
        + _of_group(slo)
        + f" burns its error budget more than {factor}x too fast",
        "description": "{{ $value | humanizePercentage }}"
        + _literal(
            f" of events were bad over {long}, and it goes on over {short}. Above"
            f" {_percent(limit)} this spends {_percent(Fraction(pair.spends))} of the"
            f" {window} budget of {_percent(Fraction(slo.budget))} in {long}."
        ),
    }
    if slo.runbook is not None:
        texts["runbook"] = _literal(_runbook(slo.runbook, runbook_base))
    if slo.dashboard is not None:
        texts["dashboard"] = _literal(slo.dashboard)
    return texts | {name: _literal(text) for name, text in slo.annotations.items()}


def _of_group(slo: Slo) -> str:
    """Template text that names the group an alert is about."""
    named = ", ".join(f"{name}={{{{ $labels.{name} }}}}" for name in slo.group_by)
    return f" ({named})" if named else ""


def _runbook(name: str, base: str | None) -> str:
    if base is None or "://" in name:
        return name
    return f"{base.rstrip('/')}/{name}.md"


def _identity(slo: Slo) -> dict[str, str]:
    """Labels that tell SLOs apart; a group's own are in the data and must not be written over."""
    identity = {"slo": str(slo.base_id)}
    return identity if "service" in slo.group_by else identity | {"service": slo.service}


def _own_labels(slo: Slo) -> dict[str, str]:
    """The file's labels, as far as they do not hide what the rules or the groups say."""
    taken = RESERVED_LABELS.union(slo.group_by, ("service",))
    return {name: _literal(value) for name, value in slo.labels.items() if name not in taken}


def _ownership(slo: Slo) -> dict[str, str]:
    owner = {"owner": _literal(slo.owner)} if slo.owner is not None else {}
    return owner | ({"tier": str(slo.tier)} if slo.tier is not None else {})


def _literal(text: str) -> str:
    """`text` so that Prometheus's template engine leaves it as it is."""
    return text.replace("{{", '{{ "{{" }}')


def _percent(ratio: Fraction) -> str:
    return f"{float(ratio * 100):.6g}%"


def _as_yaml(rule_group: RuleGroup) -> dict[str, Any]:
    return {
        "name": rule_group.name,
        "interval": format_duration(rule_group.interval),
        "rules": [_rule_as_yaml(rule) for rule in rule_group.rules],
    }


def _rule_as_yaml(rule: Rule) -> dict[str, Any]:
    what = {"record": rule.record} if rule.record is not None else {"alert": rule.alert}
    out: dict[str, Any] = {**what, "expr": rule.expr}
    if rule.labels:
        out["labels"] = dict(rule.labels)
    if rule.annotations:
        out["annotations"] = dict(rule.annotations)
    return out
