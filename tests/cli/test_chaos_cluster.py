"""An experiment that names a Kubernetes cluster is judged by the cluster it would act on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from sretool.cli import chaos_prepare
from sretool.cli.context import Settings
from sretool.core.plans.chaos.read import read

if TYPE_CHECKING:
    from sretool.core.plans.chaos.experiment import Experiment

FOLDER = Path(__file__).parents[2] / "experiments"


def experiment(file: Path) -> Experiment:
    found = read(str(file), file.read_text(encoding="utf-8"), {}).experiment
    assert found is not None
    return found


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443"}}],
        "contexts": [{"name": "production-eu", "context": {"cluster": "c"}}],
        "current-context": "production-eu",
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    return {"KUBECONFIG": str(tmp_path / "config")}


def test_the_current_context_is_where_it_acts(environment: dict[str, str]) -> None:
    where = chaos_prepare.where_of_cluster(FOLDER / "kubernetes" / "replica-crash.yaml", environment)
    assert where == {"kubernetes": "production-eu", "kubernetes server": "https://10.0.0.1:6443"}


def test_an_experiment_on_a_lab_names_no_cluster(environment: dict[str, str]) -> None:
    assert chaos_prepare.where_of_cluster(FOLDER / "replica-crash.yaml", environment) == {}


@pytest.mark.parametrize(
    ("where", "production"),
    [
        pytest.param({"kubernetes": "production-eu"}, True, id="by its context"),
        pytest.param(
            {"kubernetes": "eu", "kubernetes server": "https://prod.example"}, True, id="by its server"
        ),
        pytest.param({"kubernetes": "production-eu", "lab": "amas"}, True, id="while a lab runs"),
        pytest.param({"lab": "production"}, False, id="a lab alone"),
        pytest.param({"kubernetes": "test"}, False, id="a test cluster"),
    ],
)
def test_a_cluster_is_production_whatever_else_runs_here(
    tmp_path: Path, where: dict[str, str], production: bool
) -> None:
    settings = Settings(project=tmp_path, environment={})
    found = experiment(FOLDER / "kubernetes" / "replica-crash.yaml")
    assert chaos_prepare.is_production(settings, None, found, where) is production


def test_kubernetes_is_loaded_by_nothing_that_does_not_act_on_it() -> None:
    """Not by the command line, nor by the program that asks other actions what they would hurt."""
    modules = (
        *("sretool.cli.main", "sretool.cli.chaos_plan", "sretool.cli.chaos_prepare", "sretool.wiring"),
        *("sretool.chaos.planning", "sretool.chaos.actions.lab", "sretool.chaos.actions.network"),
        *("sretool.chaos.actions.ledger", "sretool.chaos.actions.undo", "sretool.undo.heal"),
    )
    program = (
        f"import sys, {', '.join(modules)}; print(sorted({{'kubernetes', 'chaosk8s'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    assert done.stdout == b"[]\n"
