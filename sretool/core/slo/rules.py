"""Prometheus rules that record and alert on SLOs, as data and as the text of a rule file.

Every SLO has one group of its own, because only within a group are rules evaluated in order and at one
instant, and the group carries its own interval, because a sum over time weighs by sample density.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import yaml

from sretool.core.slo.promql import recorded
from sretool.core.slo.windows import LONGEST_RAW, RATE_WINDOW, RULE_INTERVAL, burn_windows, threshold
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from sretool.core.slo.model import BurnAlert, Slo

ALERT_NAME = "SLOBudgetBurn"


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


def render(slos: Sequence[Slo], runbook_base: str | None = None) -> str:
    """A Prometheus rule file (YAML), one group per SLO; runbook names become paths below `runbook_base`."""
    groups = [_as_yaml(group(slo, runbook_base)) for slo in slos]
    return yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=10_000)


def group(slo: Slo, runbook_base: str | None = None) -> RuleGroup:
    """The rules of one SLO in order of evaluation: what later ones read comes first."""
    return RuleGroup(
        name=f"slo:{slo.id}",
        interval=RULE_INTERVAL,
        rules=(
            _info(slo),
            *_rates(slo),
            *(_error_ratio(slo, window) for window in burn_windows(slo)),
            *_over_the_window(slo),
            *(_burn_alert(slo, pair, runbook_base) for pair in slo.alerts),
        ),
    )


def decimal_text(value: Fraction) -> str:
    """The shortest decimal that is read as the float nearest to `value`: 0.0144, not 0.014400000000000001."""
    return format_decimal(Decimal(repr(float(value))))


def _info(slo: Slo) -> Rule:
    """Facts about the SLO; its time is when the group was last evaluated."""
    facts = {"window": format_duration(slo.window), "objective": format_decimal(slo.objective)}
    return Rule(record="slo:info", expr="vector(1)", labels={**_identity(slo), **facts, **_ownership(slo)})


def _rates(slo: Slo) -> tuple[Rule, ...]:
    labels = _identity(slo)
    return (
        Rule(record="slo:bad:rate5m", expr=slo.sli.bad_rate(RATE_WINDOW), labels=labels),
        Rule(record="slo:total:rate5m", expr=slo.sli.total_rate(RATE_WINDOW), labels=labels),
    )


def _error_ratio(slo: Slo, window: timedelta) -> Rule:
    """Bad share over `window`; absent, never 0 or NaN, where there was no traffic."""
    if window <= LONGEST_RAW:
        bad, total = slo.sli.bad_rate(window), slo.sli.total_rate(window)
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
    no present rate the sum stands alone: `slo:info` is always there.
    """
    series = recorded(name, slo)
    none = f"0 * max by (slo, service) ({recorded('slo:info', slo)})"
    return f"(sum_over_time({series}[{format_duration(window)}]) + (2 * {series} or {none}))"


def _over_the_window(slo: Slo) -> tuple[Rule, ...]:
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


def _burn_alert(slo: Slo, pair: BurnAlert, runbook_base: str | None) -> Rule:
    limit = threshold(pair, slo.window, slo.budget)
    long, short = (
        f"max without (window) ({recorded('slo:error_ratio:rate', slo, window)}) > {decimal_text(limit)}"
        for window in (pair.long, pair.short)
    )
    return Rule(
        alert=ALERT_NAME,
        expr=f"{long} and {short}",
        labels={
            "severity": str(pair.severity),
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
        "summary": _literal(f"{slo.title or slo.id} burns its error budget more than {factor}x too fast"),
        "description": "{{ $value | humanizePercentage }}"
        + _literal(
            f" of events were bad over {long}, and it goes on over {short}. Above"
            f" {_percent(limit)} this spends {_percent(Fraction(pair.spends))} of the"
            f" {window} budget of {_percent(Fraction(slo.budget))} in {long}."
        ),
    }
    if slo.runbook is not None:
        texts["runbook"] = _literal(_runbook(slo.runbook, runbook_base))
    return texts


def _runbook(name: str, base: str | None) -> str:
    if base is None or "://" in name:
        return name
    return f"{base.rstrip('/')}/{name}.md"


def _identity(slo: Slo) -> dict[str, str]:
    return {"slo": slo.id, "service": slo.service}


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
