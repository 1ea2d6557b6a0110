"""Burn-rate alerts for many SLOs at once: by tier, by name, for the whole catalog."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import yaml

from sretool.core.analysis.backtest import what_if
from sretool.core.catalog import write_native
from sretool.core.catalog.read import read
from sretool.core.slo.evaluate import Numbers, evaluate
from sretool.core.slo.model import BurnAlert, Level, Severity, Slo
from sretool.core.slo.proof import ANY_RANGES, failures, prove
from sretool.core.slo.rules import group
from sretool.core.slo.windows import default_alerts, threshold
from sretool.errors import CatalogError
from tests.support.sources import RECORDED_AT

POLICIES = """\
alert_policies:
  - id: early
    tiers: [1]
    alerts:
      - {severity: P1, urgency: page, factor: 7, long: 1h, short: 5m}
      - {severity: ticket, spends: 5%, long: 1d, short: 2h}
  - id: office-hours
    tiers: [3]
    alerts: [{severity: ticket, spends: 10%, long: 3d, short: 6h}]
  - id: everybody
    default: true
    alerts: [{severity: page, factor: 14.4, long: 1h, short: 5m}]
"""

ENTRY = "  - {{id: shop/{id}, objective: 99.9%, window: {window}, sli: {{bad: e, total: r}}{more}}}\n"


def entry(id: str, more: str = "", window: str = "30d") -> str:
    return ENTRY.format(id=id, window=window, more=more and f", {more}")


def slos(*entries: str, policies: str = POLICIES) -> dict[str, Slo]:
    system = read({"slos.yaml": policies + "slos:\n" + "".join(entries)})
    return {slo.name: slo for slo in system.slos}


def problems(text: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        read({"slos.yaml": text})
    return [str(problem) for problem in caught.value.problems]


def test_an_slo_has_the_policy_of_its_tier_its_name_or_the_catalog() -> None:
    found = slos(
        entry("first", "tier: 1"),
        entry("third", "tier: 3"),
        entry("named", "tier: 1, alert_policy: office-hours"),
        entry("own", "tier: 1, alerts: []"),
        entry("other", "tier: 2"),
    )
    early = (
        BurnAlert(Severity.PAGE, Decimal(7) * 3600 / 2592000, timedelta(hours=1), timedelta(minutes=5), "P1"),
        BurnAlert(Severity.TICKET, Decimal("0.05"), timedelta(days=1), timedelta(hours=2)),
    )
    assert found["first"].alerts == early
    assert [pair.severity for pair in found["third"].alerts] == [Severity.TICKET]
    assert found["named"].alerts == found["third"].alerts
    assert found["own"].alerts == ()
    (pair,) = found["other"].alerts
    assert pair.spends == Decimal("0.02")


def test_without_a_policy_the_standard_pairs_stay() -> None:
    found = slos(entry("a", "tier: 1"), policies="")
    assert found["a"].alerts == default_alerts(found["a"].window, found["a"].budget)


@pytest.mark.parametrize(("window", "long"), [("30d", 60), ("28d", 60), ("15d", 30)])
def test_a_factor_stays_what_it_is_over_any_window(window: str, long: int) -> None:
    slo = slos(entry("a", "tier: 1", window))["a"]
    assert slo.alerts[0].long == timedelta(minutes=long)
    assert float(threshold(slo.alerts[0], slo.window, slo.budget)) == 0.007
    assert "> 0.007 and " in next(rule.expr for rule in group(slo).rules if rule.alert)


def test_rules_name_the_severity_and_status_knows_how_urgent_it_is() -> None:
    slo = slos(entry("a", "tier: 1"))["a"]
    named = [
        rule.labels["severity"] for rule in group(slo, None, {Severity.PAGE: "sev1"}).rules if rule.alert
    ]
    assert named == ["P1", "ticket"]
    ratios = {timedelta(hours=1): 0.008, timedelta(minutes=5): 0.008}
    assert (
        evaluate(slo, Numbers(at=RECORDED_AT, error_ratios=ratios, total_rate=1.0), None).level is Level.PAGE
    )


@pytest.mark.slow
def test_proofs_hold_for_pairs_of_a_policy() -> None:
    for slo in slos(entry("a", "tier: 1"), entry("b", "tier: 3")).values():
        rules = group(slo).rules
        proven = prove(slo, ranges=ANY_RANGES)
        assert proven.missing is None
        said = {check.why for proof in proven.proofs for check in proof.checks}
        for pair in (rule for rule in rules if rule.alert):
            words = f"{pair.labels['severity']} {pair.labels['long']}/{pair.labels['short']}"
            assert {f"{words} fires", f"{words} is silent"} <= said
        assert all(failures(rules, proof) == () for proof in proven.proofs)


def test_another_target_keeps_the_pairs_of_a_policy() -> None:
    slo = slos(entry("a", "tier: 1"))["a"]
    assert what_if(slo, Decimal("0.99"), None).alerts == slo.alerts
    assert len(what_if(slo, Decimal("0.8"), None).alerts) == 1


def test_what_is_written_is_read_back() -> None:
    slo = slos(entry("a", "tier: 1"))["a"]
    written = write_native.render([slo]).text
    (again,) = read({"slos.yaml": written}).slos
    assert again.alerts == slo.alerts
    assert "P1" in yaml.safe_dump(yaml.safe_load(written))


def test_every_problem_is_shown_at_once_with_its_line() -> None:
    text = """\
alert_policies:
  - id: a
    tiers: [1]
    default: true
    alerts:
      - {severity: critical, spends: 2%, long: 1h, short: 5m}
      - {severity: page, spends: 2%, factor: 3, long: 6h, short: 30m}
      - {severity: page, urgency: ticket, factor: 3, long: 1d, short: 2h}
  - id: b
    tiers: [1]
    default: true
    alerts:
      - {severity: page, spends: 2%, long: 1h, short: 5m}
      - {severity: ticket, spends: 5%, long: 1h, short: 5m}
      - {severity: ticket, factor: 20, long: 3d, short: 6h}
slos:
  - {id: shop/a, objective: 99.9%, window: 30d, sli: {bad: e, total: r}, alert_policy: none-such}
  - {id: shop/b, objective: 99.9%, window: 30d, sli: {bad: e, total: r}, alert_policy: a, alerts: []}
"""
    found = problems(text)
    for line, words in (
        (6, "severity 'critical' needs an `urgency`"),
        (7, "either `spends` or a `factor`"),
        (8, "a page cannot be as urgent as a ticket"),
        (10, "alert policy of tier 1 is already declared"),
        (11, "default alert policy of the catalog is already declared"),
        (12, "the windows 1h/5m (line 14) are there twice"),
        (12, "3d/6h (line 15) spends more than the whole budget"),
        (17, "no alert policy 'none-such' is declared"),
        (18, "either its own `alerts` or an `alert_policy`"),
    ):
        assert any(each.startswith(f"slos.yaml:{line}: ") and words in each for each in found), (
            line,
            words,
            found,
        )


def test_a_policy_that_nobody_declared_is_told() -> None:
    assert problems("slos:\n" + entry("a", "alert_policy: x")) == [
        "slos.yaml:2: no alert policy 'x' is declared: a file has them as `alert_policies`"
    ]
