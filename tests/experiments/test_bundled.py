"""The experiments that come with sretool: nothing is wrong with them; each says all that a verdict needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from chaoslib.experiment import ensure_experiment_is_valid

from sretool import systems
from sretool.adapters.chaostoolkit import bundled
from sretool.adapters.chaostoolkit.functions import Surroundings
from sretool.core.plans.chaos.experiment import Stop
from sretool.core.plans.chaos.lint import lint
from sretool.core.plans.chaos.read import read

if TYPE_CHECKING:
    from sretool.core.plans.chaos.experiment import Experiment

FOLDER = Path(__file__).parents[2] / "experiments"
LAB = (
    "cache-loss", "cpu-throttle", "db-failover", "dependency-blackhole", "disk-full", "memory-leak",
    "network-latency", "replica-crash",
)  # fmt: skip
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def experiment(name: str) -> Experiment:
    file = FOLDER / f"{name}.yaml"
    found = read(str(file), file.read_text(encoding="utf-8"), {}).experiment
    assert found is not None
    return found


def test_all_of_them_come_with_sretool() -> None:
    assert set(LAB) <= set(bundled.experiments())


@pytest.mark.parametrize("name", LAB)
def test_nothing_is_wrong_with_it(name: str) -> None:
    file = FOLDER / f"{name}.yaml"
    found = lint(read(str(file), file.read_text(encoding="utf-8"), {}), Surroundings(FOLDER))
    assert found.problems == []
    # A probe of the dose is asked on both sides of the fault, under one name.
    assert [each.message for each in found.warnings if "is given twice" not in each.message] == []


@pytest.mark.parametrize("name", LAB)
def test_chaos_toolkit_takes_it(name: str) -> None:
    ensure_experiment_is_valid(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", LAB)
def test_it_says_what_a_verdict_needs(name: str) -> None:
    found = experiment(name)
    block = found.block
    assert block.fault
    assert block.fmea
    assert f"| {block.fmea} |" in README
    assert block.dose is not None
    assert block.objectives.rto is not None
    assert block.objectives.of_writes
    assert block.budget_price is not None
    assert block.blast_radius.max_targets is not None
    assert [each.kind for each in block.stop_when].count(Stop.AFTER) == 1
    assert found.asked_before
    assert found.asked_after


@pytest.mark.parametrize("name", LAB)
def test_the_dose_is_asked_before_and_during_the_fault(name: str) -> None:
    found = experiment(name)
    assert found.block.dose is not None
    asked = [place for place, each in enumerate(found.method) if each.name == found.block.dose.probe]
    makes = [
        place
        for place, each in enumerate(found.method)
        if each.what == "action" and each.func in
        ("add_latency", "blackhole", "crash", "failover", "fill_disk", "leak", "limit_cpu")
    ]  # fmt: skip
    assert len(makes) == 1
    assert any(place < makes[0] for place in asked)
    assert any(place > makes[0] for place in asked)


@pytest.mark.parametrize("name", LAB)
def test_its_alerts_are_of_the_labs_rules(name: str) -> None:
    rules = Path(systems.__file__).parent / "amas" / "rules"
    names = {
        rule["alert"]
        for file in rules.glob("*.yml")
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert {each.name for each in experiment(name).block.expected_alerts} <= names


@pytest.mark.parametrize("name", LAB)
def test_it_has_its_section_of_the_readme(name: str) -> None:
    assert f"\n## {name}\n" in README
