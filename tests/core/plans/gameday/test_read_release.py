"""What is asked of a release: as written, and as meant."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sretool.core.analysis.release import Cost, Forecast, GrowthStage, Scale, WaterLine
from sretool.core.plans.gameday.read import GameDayProblems, read

HEAD = "name: p\ntitle: P\nsteps: [{id: peak, load: x}, {id: s, capacity: x}]\n"
WHOLE = """\
release:
  change: normal
  reserve: 20%
  forecast: {peak: 720/min, weekend: 1.5, growth: -2%, ahead: 90d}
  scale: {tested: 2, resource: Replica}
  currency: USD
  stages:
    - id: launch
      rate: 20/s
      search: s
      must: true
      costs:
        - {what: replicas, count: 2, price: 0.1, per: hour, scales: true}
        - {what: storage, count: 100, unit: GB, price: 0.1}
    - {id: growth, rate: 200, search: s}
  water_lines:
    during: peak
    lines:
      - {resource: Replica cpu, safe: 60%, warn: 80%, danger: 95%}
      - {resource: Balancer queue, warn: 20}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(GameDayProblems) as caught:
        read("plan.yaml", HEAD + text)
    return [str(each) for each in caught.value.problems]


def test_a_whole_block() -> None:
    found = read("plan.yaml", HEAD + WHOLE).release
    assert found is not None
    assert (found.change, found.reserve, found.during, found.currency) == ("normal", 0.2, "peak", "USD")
    assert found.forecast == Forecast(12, 1.5, -0.02, 90 * 86400)
    assert found.scale == Scale(2, "Replica")
    costs = (
        Cost("replicas", Decimal(73), Decimal(2), scales=True),
        Cost("storage", Decimal("0.1"), Decimal(100), "GB"),
    )
    assert found.stages == (
        GrowthStage("launch", 20, "s", must=True, costs=costs, line=11),
        GrowthStage("growth", 200, "s", line=18),
    )
    assert found.stages[0].monthly == 156
    assert found.water_lines == (
        WaterLine("Replica cpu", 0.8, 0.6, 0.95, 22),
        WaterLine("Balancer queue", 20, line=23),
    )
    assert (found.lines["change"], found.lines["during"]) == (5, 20)


def test_there_need_be_none() -> None:
    assert read("plan.yaml", HEAD).release is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("release: {reserve: 2%}", "plan.yaml:4: nothing decides: give it `change`, "),
        ("release: {chance: normal}", "plan.yaml:4: unknown key 'chance'; did you mean 'change'?"),
        ("release: {forecast: {peak: 0/s}}", "plan.yaml:4: peak: '0/s' is no load at all"),
        ("release: {forecast: {peak: 2/s}}", "plan.yaml:4: forecast: there is no stage whose traffic"),
        ("release: {forecast: {peak: 2/s, growth: 3%}}", "plan.yaml:4: growth: `ahead` is missing"),
        ("release: {forecast: {peak: 2/s, ahead: 30d}}", "plan.yaml:4: ahead: `growth` is missing"),
        ("release: {forecast: {peak: 2/s, growth: -100%}}", "growth: '-100%' a month leaves nothing"),
        ("release: {stages: [{id: a, rate: 2, search: s, must: maybe}]}", "must: 'maybe' is not"),
        ("release: {water_lines: {during: peak, lines: []}}", "plan.yaml:4: lines: no resource has one"),
        (
            "release: {water_lines: {during: peak, lines: [{resource: cpu, warn: 80%, safe: 90%}]}}",
            "plan.yaml:4: safe: is not below `warn`",
        ),
        (
            "release: {water_lines: {during: peak, lines: [{resource: cpu, warn: 80%, danger: 80%}]}}",
            "plan.yaml:4: danger: is not above `warn`",
        ),
        (
            "release:\n  stages:\n    - id: a\n      rate: 2\n      search: s\n      must: true\n"
            "      costs: [{what: pods, price: -3, scales: true}]",
            "plan.yaml:10: price: '-3' is no price",
        ),
        (
            "release:\n  stages:\n    - id: a\n      rate: 2\n      search: s\n      must: true\n"
            "      costs: [{what: pods, price: 3, scales: true}]",
            "plan.yaml:5: stages: a: `scale` is missing: how many were tested?",
        ),
        (
            "release:\n  change: x\n  stages:\n    - {id: a, rate: 2, search: s}\n"
            "    - {id: a, rate: 3, search: s}",
            "growth stage",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it(text: str, told: str) -> None:
    found = problems(text)
    assert any(told in each for each in found), found
