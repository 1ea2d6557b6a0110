"""Experiments for searches: one variable says how strong the fault is, another how long it stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from chaoslib.experiment import ensure_experiment_is_valid

from sretool.adapters.chaostoolkit import bundled
from sretool.adapters.chaostoolkit.functions import Surroundings
from sretool.cli import gameday_dose
from sretool.core.plans.chaos.lint import lint
from sretool.core.plans.chaos.read import read
from sretool.core.plans.topology import REPLICA_LIMITS

FOLDER = Path(__file__).parents[2] / "experiments"
DOSES = {"cpu": "share", "latency": "latency", "memory": "share"}
README = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DOSES)
def test_it_comes_with_sretool_and_nothing_is_wrong_with_it(name: str) -> None:
    assert f"dose/{name}" in bundled.experiments()
    assert f"| dose/{name} |" in README
    file = FOLDER / "dose" / f"{name}.yaml"
    text = file.read_text(encoding="utf-8")
    ensure_experiment_is_valid(yaml.safe_load(text))
    found = lint(read(str(file), text, {}), Surroundings(FOLDER / "dose"))
    assert found.problems == []
    assert found.warnings == []


@pytest.mark.parametrize(("name", "variable"), DOSES.items())
def test_its_dose_and_its_time_are_variables(name: str, variable: str) -> None:
    file = FOLDER / "dose" / f"{name}.yaml"
    reading = read(str(file), file.read_text(encoding="utf-8"), {}, {variable: 0.25, "hold": 7})
    assert reading.experiment is not None
    makes = next(each for each in reading.experiment.method if each.what == "action")
    assert 0.25 in makes.arguments.values()
    assert sum(each.pause_after for each in reading.experiment.method) == 7
    # A search for what breaks a service is no drill of it.
    assert reading.experiment.block.blast_radius.services == ()


@pytest.mark.parametrize(
    ("name", "asked", "far", "near"),
    [("cpu", 0.2, 0.5, 0.21), ("latency", 300, 240, 309), ("memory", 0.9, 0.7, 0.88)],
)
def test_a_trial_counts_only_where_the_fault_was_as_strong_as_ordered(
    name: str, asked: float, far: float, near: float
) -> None:
    file = FOLDER / "dose" / f"{name}.yaml"
    reading = read(str(file), file.read_text(encoding="utf-8"), {}, {DOSES[name]: asked})
    assert reading.experiment is not None
    found = gameday_dose.ordered(reading.experiment, DOSES[name])
    assert found is not None
    # Each run wants what it is asked for, by whomever.
    assert reading.experiment.block.dose is not None
    assert float(reading.experiment.block.dose.want) == pytest.approx(asked * found.each)
    assert found.follows
    assert found.wrong(asked, asked * found.each / found.want) == ""
    assert found.wrong(asked, near * found.each / found.want) == ""
    assert found.wrong(asked, far * found.each / found.want) == f"the fault was as strong as {far:g}"


def test_a_replica_may_use_as_much_cpu_as_the_experiment_says() -> None:
    written = yaml.safe_load((FOLDER / "dose" / "cpu.yaml").read_text(encoding="utf-8"))
    assert written["configuration"]["cores"] == REPLICA_LIMITS.cpu_cores
