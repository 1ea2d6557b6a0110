"""Experiments for searches: one variable says how strong the fault is, another how long it stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from chaoslib.experiment import ensure_experiment_is_valid

from sretool.adapters.chaostoolkit import bundled
from sretool.adapters.chaostoolkit.functions import Surroundings
from sretool.core.plans.chaos.lint import lint
from sretool.core.plans.chaos.read import read

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
    # How strong the fault is to be is said when it is run.
    assert [each.message for each in found.warnings] == [
        "there is no `dose`: whether the fault took effect stays unknown"
    ]


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
