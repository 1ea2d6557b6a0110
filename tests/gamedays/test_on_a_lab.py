"""The bundled experiments on a real lab, under `sretool chaos run` and under Chaos Toolkit's own command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.gamedays.conftest import LAB

if TYPE_CHECKING:
    from tests.support.lab import LabHome

pytestmark = pytest.mark.lab

FOLDER = Path(__file__).parents[2] / "experiments"
QUICK = ("replica-crash", "dependency-blackhole")
"""For every `make test`; the others are longer, or spend the budget that the next one needs."""
OTHERS = ("cache-loss", "disk-full", "memory-leak", "cpu-throttle", "network-latency", "db-failover")
ALL = [*QUICK, *(pytest.param(name, marks=pytest.mark.gameday) for name in OTHERS)]
MORE = {"disk-full": ("--vars", "share=75%")}
COSTLY = ("cpu-throttle", "network-latency", "db-failover")
"""They may find that the ones before have spent a budget."""


def verdict(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(folder) / "run.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", ALL)
def test_it_passes_and_leaves_nothing(drills: LabHome, tmp_path: Path, name: str) -> None:
    waived = [word for gate in ("budget", "freeze", "page") for word in ("--waive", gate)]
    done = drills.sretool(
        *("-C", str(tmp_path), "--lab", LAB, "chaos", "run", name, "--yes"),
        *(waived if name in COSTLY else ()),
        *MORE.get(name, ()),
        timeout=900,
    )
    told = done.stderr + done.stdout
    assert done.returncode == 0, told
    run = verdict(done.stdout.strip().splitlines()[-1])
    assert run["verdict"]["outcome"] == "passed", told
    measures = run["measures"]
    assert measures["acked_writes"] > 50
    assert (measures["lost_writes"], measures["rpo_s"]) == (0, 0)
    assert measures["rto_s"] is not None
    # Nothing is left for whoever comes next.
    healed = drills.sretool("chaos", "heal", "--format", "json")
    assert healed.returncode == 0, healed.stderr


@pytest.mark.gameday
@pytest.mark.parametrize("name", [*QUICK, *OTHERS])
def test_it_runs_under_chaos_toolkits_own_command(drills: LabHome, tmp_path: Path, name: str) -> None:
    journal = tmp_path / "journal.json"
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("chaos")), "--no-version-check", "--no-log-file", "run"),
            *("--journal-path", str(journal), "--rollback-strategy", "always"),
            *(("--var", "share=75%") if name == "disk-full" else ()),
            str(FOLDER / f"{name}.yaml"),
        ],
        env={**drills.environment, "SRETOOL_LAB_NAME": LAB},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(journal.read_text(encoding="utf-8"))
    assert (found["status"], found["deviated"]) == ("completed", False)
    # The toolkit says `completed` all the same where the hypothesis was not met before, or activities failed.
    assert [found["steady_states"][when]["steady_state_met"] for when in ("before", "after")] == [True, True]
    failed = [each["activity"]["name"] for each in found["run"] if each["status"] != "succeeded"]
    assert failed == []
