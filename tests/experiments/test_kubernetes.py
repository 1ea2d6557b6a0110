"""The experiments for Kubernetes: nothing is wrong with them, they say what they would hurt, and they run.

They run against an API server on loopback, as `tests.chaos.test_kubernetes` says, where a real one may be
named.
"""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from chaoslib.experiment import ensure_experiment_is_valid

from sretool.adapters.chaostoolkit import bundled, planning
from sretool.adapters.chaostoolkit.functions import Surroundings
from sretool.core.plans.chaos.experiment import Stop
from sretool.core.plans.chaos.lint import askable, lint, lint_targets
from sretool.core.plans.chaos.read import Reading, read
from tests.support import kubernetes_server
from tests.support.kubernetes_server import DEPLOYMENTS, NODES, PODS, Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[2] / "experiments" / "kubernetes"
NAMES = (
    "cache-loss", "cpu-throttle", "db-failover", "memory-leak", "network-latency", "node-drain",
    "replica-crash",
)  # fmt: skip
README = (FOLDER.parent / "README.md").read_text(encoding="utf-8")


def reading(name: str) -> Reading:
    file = FOLDER / f"{name}.yaml"
    return read(str(file), file.read_text(encoding="utf-8"), {})


@pytest.fixture
def service() -> Iterator[str]:
    """What stands for the service: it always answers."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/ready"
        server.shutdown()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[Cluster, dict[str, str]]]:
    """A cluster with the service in it, and the environment of a program that uses it."""
    with kubernetes_server.running(tmp_path) as (found, config):
        for name in ("w1", "w2"):
            found.node(name, {"kubernetes.io/os": "linux"})
        found.deployment("amas-api", 2, ns="amas", limits={"cpu": "1", "memory": "512Mi"})
        found.deployment("amas-db", 2, ns="amas")
        found.deployment("amas-redis", 1, ns="amas")
        primary = next(key for key, raw in found.there(PODS) if raw["metadata"]["labels"]["app"] == "amas-db")
        found.objects[primary].patch({"metadata": {"labels": {"role": "primary"}}})
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KUBE")}
        yield found, {**environment, "KUBECONFIG": str(config), "XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wrong_with_it(name: str) -> None:
    found = lint(reading(name), Surroundings(FOLDER))
    assert found.problems == []
    assert [each.message for each in found.warnings if "is given twice" not in each.message] == []
    ensure_experiment_is_valid(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_a_verdict_needs_and_chooses_by_variables(name: str) -> None:
    experiment = reading(name).experiment
    assert experiment is not None
    block = experiment.block
    assert block.fault
    assert block.dose is not None
    assert block.budget_price is not None
    assert block.blast_radius.max_targets is not None
    assert [each.kind for each in block.stop_when].count(Stop.AFTER) == 1
    asked = [each.name for each in experiment.method].count(block.dose.probe)
    assert asked == 2
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    chosen = [line for line in text.splitlines() if "label_selector:" in line]
    assert chosen
    assert all('label_selector: "${' in line and 'context: "${context}"' in line for line in chosen)


def test_they_are_found_by_name_and_stand_in_the_readme() -> None:
    for name in NAMES:
        assert f"kubernetes/{name}" in bundled.experiments()
        assert f"| kubernetes/{name} |" in README


@pytest.mark.lab
@pytest.mark.parametrize("name", NAMES)
def test_its_plan_names_exact_targets_and_hurts_nothing(
    name: str, cluster: tuple[Cluster, dict[str, str]]
) -> None:
    found, environment = cluster
    around, read_ = Surroundings(FOLDER), reading(name)
    answers = planning.ask(askable(read_, around), FOLDER, environment)
    assert lint_targets(read_, answers).problems == []
    targets = [target for each in answers.values() for target in each.targets or ()]
    assert targets
    assert all("uid" in target.target for target in targets)
    assert {method for method, _ in found.asked} == {"GET"}


@pytest.mark.lab
@pytest.mark.parametrize("name", ["replica-crash", "node-drain"])
def test_it_runs_under_chaos_toolkits_own_command_and_leaves_nothing(
    name: str, cluster: tuple[Cluster, dict[str, str]], service: str, tmp_path: Path
) -> None:
    found, environment = cluster
    found.startup = 4.0
    journal = tmp_path / "journal.json"
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("chaos")), "--no-version-check"),
            *("--log-file", str(tmp_path / "log"), "run", "--journal-path", str(journal)),
            str(FOLDER / f"{name}.yaml"),
        ],
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        check=False,
        env={**environment, "SRETOOL_SERVICE_URL": service},
    )
    told = json.loads(journal.read_text())
    assert (done.returncode, told["status"], told["deviated"]) == (0, "completed", False), (
        done.stderr.decode()
    )
    doses = [
        run["output"]
        for run in told["run"]
        if run["activity"]["name"] in ("replicas missing", "nodes that take no work")
    ]
    assert doses == [0, 1]
    assert not any(raw["spec"].get("unschedulable") for _, raw in found.there(NODES))
    assert found.raw((DEPLOYMENTS, "amas", "amas-api")) is not None
    assert len([raw for _, raw in found.there(PODS) if raw["metadata"]["labels"]["app"] == "amas-api"]) == 2
