"""Controls under Chaos Toolkit's own `chaos run`: everything is heard once, recorded, and judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sretool.adapters.store.runs import RunStore
from sretool.core.runs.model import Outcome
from sretool.undo import index
from sretool.undo.heal import left_over

DRIVER = '''\
from pathlib import Path
from sretool.chaos import undoing
def break_it(path, password=""):
    undoing.before("a file", target=path, undo={"kind": "file_remove", "path": path})
    Path(path).touch()
def plan_break_it(path, password=""):
    """One file."""
    print("not for the screen")
    return [{"target": path, "fault": "a file", "undo": {"kind": "file_remove", "path": path}}]
def mend_it(path):
    return len(undoing.undo(target=path))
def plan_mend_it(path):
    """Nothing."""
    return []
def how_many(path):
    return int(Path(path).exists())
def fail():
    raise RuntimeError("no answer")
'''


def activity(what: str, func: str, **words: Any) -> dict[str, Any]:
    arguments = words.pop("arguments", {})
    provider = {"type": "python", "module": "driver_recorded", "func": func, "arguments": arguments}
    return {"type": what, "name": words.pop("name", func), "provider": provider, **words}


def experiment(fault: str, *, controls: list[dict[str, Any]], mends: bool = True) -> dict[str, Any]:
    where = {"path": fault}
    asked = activity("probe", "how_many", arguments=where)
    method = [asked, activity("action", "break_it", arguments=where), asked]
    return {
        "title": "A file appears",
        "description": "And goes again.",
        "configuration": {},
        "steady-state-hypothesis": {
            "title": "It is not there",
            "probes": [activity("probe", "how_many", name="none", arguments=where, tolerance=0)],
        },
        "method": [*method, activity("action", "mend_it", arguments=where)] if mends else method,
        "rollbacks": [],
        "controls": controls,
        "extensions": [
            {
                "name": "sretool",
                "dose": {"want": "1", "tolerance": "0", "probe": "how_many"},
                "unexpected_alerts": "allow",
            }
        ],
    }


def control(name: str, **arguments: Any) -> dict[str, Any]:
    return {
        "name": name,
        "provider": {"type": "python", "module": f"sretool.chaos.controls.{name}", "arguments": arguments},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "driver_recorded.py").write_text(DRIVER)
    (tmp_path / ".sretool").mkdir()
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("SRETOOL_")},
        "PYTHONPATH": f"{folder}{os.pathsep}{Path.cwd()}",
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
    }


def play(folder: Path, document: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    (folder / "x.json").write_text(json.dumps(document))
    return subprocess.run(
        [str(Path(sys.executable).parent / "chaos"), "--no-version-check", "run", "x.json"],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_run_is_recorded_judged_and_reported(folder: Path) -> None:
    fault = str(folder / "fault")
    done = play(folder, experiment(fault, controls=[control("record")]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not for the screen" not in done.stdout
    (run,) = RunStore(folder / ".sretool").newest()
    assert run.record.verdict is not None
    assert run.record.verdict.outcome is Outcome.PASSED, run.record.verdict.reason
    assert run.record.measures.chaos is not None
    assert run.record.measures.chaos.dose == 1.0
    assert {"report.html", "report.md", "report.json", "junit.xml"} <= {
        file.name for file in run.folder.iterdir()
    }
    assert str(run.folder) in done.stdout + done.stderr


def test_what_is_still_in_at_the_end_is_undone_and_the_verdict_knows(folder: Path) -> None:
    fault = folder / "fault"
    play(folder, experiment(str(fault), controls=[control("record")], mends=False))
    assert not fault.exists()
    assert left_over(index.place(environment(folder))) == []
    (run,) = RunStore(folder / ".sretool").newest()
    assert run.record.verdict is not None
    assert run.record.verdict.outcome is Outcome.FAILED
    assert "steady state after" in run.record.verdict.reason


@pytest.mark.slow
def test_nothing_is_heard_twice_where_two_controls_listen(folder: Path) -> None:
    lines = folder / "live.jsonl"
    controls = [control("live", path=str(lines)), control("record")]
    play(folder, experiment(str(folder / "fault"), controls=controls))
    told = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [each["event"] for each in told].count("fault_on") == 1
    assert [each["event"] for each in told].count("fault_off") == 1
    assert [each["name"] for each in told if each["event"] == "activity" and each["state"] == "ok"] == [
        "none", "how_many", "break_it", "how_many", "mend_it", "none",
    ]  # fmt: skip
    assert [each["met"] for each in told if each["event"] == "hypothesis"] == [True, True]
    (run,) = RunStore(folder / ".sretool").newest()
    assert run.record.verdict is not None
    assert run.record.verdict.outcome is Outcome.PASSED


@pytest.mark.slow
def test_values_of_secrets_are_in_neither(folder: Path) -> None:
    lines = folder / "live.jsonl"
    controls = [control("live", path=str(lines)), control("record")]
    document = experiment(str(folder / "fault"), controls=controls)
    document["secrets"] = {"login": {"password": {"type": "env", "key": "WORD"}}}
    document["method"].insert(0, activity("probe", "fail"))
    document["method"][2]["provider"]["secrets"] = ["login"]
    os_environ = environment(folder) | {"WORD": "geheim-1234"}
    (folder / "x.json").write_text(json.dumps(document))
    subprocess.run(
        [str(Path(sys.executable).parent / "chaos"), "--no-version-check", "run", "x.json"],
        cwd=folder, env=os_environ, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    (run,) = RunStore(folder / ".sretool").newest()
    for file in (lines, *(each for each in run.folder.rglob("*") if each.is_file())):
        assert b"geheim-1234" not in file.read_bytes(), file
    assert run.record.verdict is not None
    assert run.record.verdict.outcome is Outcome.INCONCLUSIVE
    assert "probes answered" in run.record.verdict.reason


@pytest.mark.slow
def test_a_disk_that_takes_nothing_does_not_stop_the_experiment(folder: Path) -> None:
    (folder / ".sretool").rmdir()
    (folder / ".sretool").mkdir()
    (folder / ".sretool" / "runs").write_text("in the way")
    document = experiment(
        str(folder / "fault"), controls=[control("record"), control("live", path="/proc/x")]
    )
    done = play(folder, document)
    assert done.returncode == 0
    assert "the run is not recorded" in done.stdout + done.stderr
    assert not (folder / "fault").exists()
