"""The bar for budgets and alerts, from the text of the rules, and by promtool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from sretool.core.slo.budget import time_to_clear, time_to_detect
from sretool.core.slo.feed import Source
from sretool.core.slo.model import Severity
from sretool.core.slo.rules import group
from sretool.core.slo.simulate import MINUTE
from sretool.units import format_duration
from tests.support.correctness import (
    BY_CASE,
    CLEAN,
    expected,
    faults,
    shapes,
    simulated,
    simulated_budgets,
    within,
)
from tests.support.promtool import Rules

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.correctness import Fault


def test_recorded_budgets_are_within_a_tenth_of_a_percent_of_the_truth() -> None:
    found = simulated_budgets()
    assert len(found) == 5
    for shape in shapes():
        share, _ = found[shape.name]
        assert share == pytest.approx(shape.truth, rel=0.001), shape.name


def test_the_usual_average_of_ratios_is_far_off() -> None:
    found = simulated_budgets()
    off = {shape.name: (found[shape.name][1], shape.truth) for shape in shapes()}
    average, truth = off["night burst"]
    assert average is not None
    assert average > 20 * truth
    assert off["no traffic at night"][0] is None
    late, truth = off["first error on day 30"]
    assert late is not None
    assert late > 30 * truth


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: fault.name)
def test_alerts_of_a_fault_start_and_end_as_counted(fault: Fault) -> None:
    for found, wanted in zip(simulated(fault), expected(fault), strict=True):
        assert within(found, wanted, minutes=0)


@pytest.mark.parametrize(
    "fault", [fault for fault in faults() if fault.step is not None], ids=lambda fault: fault.name
)
def test_counting_agrees_with_the_closed_form(fault: Fault) -> None:
    assert fault.step is not None
    for pair, found in zip(BY_CASE.alerts, expected(fault), strict=True):
        begins = time_to_detect(pair, BY_CASE.window, BY_CASE.budget, fault.step)
        ends = time_to_clear(pair, BY_CASE.window, BY_CASE.budget, fault.step)
        if begins is None or begins > fault.lasts * MINUTE:
            assert found == ()
            continue
        assert ends is not None
        (episode,) = found
        # A ratio that reaches the limit exactly is above it one evaluation later.
        assert episode.start - CLEAN - begins / MINUTE in (0, 1)
        assert episode.end == CLEAN + fault.lasts + ends / MINUTE


@pytest.mark.lab
@pytest.mark.parametrize(
    ("severity", "clean"),
    [
        pytest.param(Severity.PAGE, 360, id="pages after six clean hours"),
        # Three clean days take promtool minutes; counting takes those that there are.
        pytest.param(Severity.TICKET, 719, id="tickets of an SLO half a day old"),
    ],
)
def test_promtool_finds_the_alerts_of_nine_faults_where_counting_says(
    tmp_path: Path, severity: Severity, clean: int
) -> None:
    number_of = [n for n, pair in enumerate(BY_CASE.alerts) if pair.severity is severity]
    pairs = [BY_CASE.alerts[n] for n in number_of]
    windows = {format_duration(window) for pair in pairs for window in (pair.long, pair.short)}
    rules = [
        rule
        for rule in group(BY_CASE).rules
        if str(rule.record).endswith("rate5m")
        or (rule.record == "slo:error_ratio:rate" and rule.labels["window"] in windows)
        or rule.labels.get("severity") == severity
    ]
    written = [
        {
            **({"record": rule.record} if rule.record else {"alert": rule.alert}),
            "expr": rule.expr,
            "labels": dict(rule.labels),
        }
        for rule in rules
    ]
    series: list[dict[str, str]] = []
    asked: list[tuple[str, int, int | None]] = []
    for fault in faults():
        for name, good, bad in (("errors_total", 0, 1), ("requests_total", 1, 1)):
            source = Source({"__name__": name, "case": fault.name}, False, good, bad)
            written_as = f'{name}{{case="{fault.name}"}}'
            series.append({"series": written_as, "values": source.notation(fault.whole(clean))})
        counted = expected(fault, clean)
        for pair, wanted in zip(
            [rule for rule in rules if rule.alert], [counted[n] for n in number_of], strict=True
        ):
            alert = f'ALERTS{{alertstate="firing",case="{fault.name}",long="{pair.labels["long"]}"}}'
            last = sum(phase.minutes for phase in fault.whole(clean))
            if not wanted:
                asked.append((f"count(count_over_time({alert}[2d]))", last, None))
            for episode in wanted:
                assert episode.end is not None
                asked += [
                    (f"count({alert})", episode.start - 2, None),
                    (f"count({alert})", episode.start + 1, 1),
                    (f"count({alert})", episode.end - 2, 1),
                    (f"count({alert})", episode.end + 1, None),
                    # And at no other time.
                    (
                        f"abs(sum(sum_over_time({alert}[2d])) - {episode.end - episode.start}) <= bool 2",
                        last,
                        1,
                    ),
                ]
    test = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [
            {
                "expr": expr,
                "eval_time": f"{minute}m",
                "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
            }
            for expr, minute, value in asked
        ],
    }
    text = yaml.safe_dump({"groups": [{"name": "slo", "interval": "1m", "rules": written}]})
    tests = yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]})
    # Within one evaluation.
    assert Rules(text, {}).passes(tmp_path, tests)
