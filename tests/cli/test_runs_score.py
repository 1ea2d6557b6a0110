"""`sretool runs score` on real folders."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from sretool.core.runs import lines
from tests.support import chaos_runs
from tests.support.runs import passed_load, store_at

if TYPE_CHECKING:
    from pathlib import Path

EXPERIMENT = """\
title: memory leak
description: One replica's memory grows
method: []
extensions:
  - name: sretool
    blast_radius: {services: [pg-1, learning]}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".sretool").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def drill(project: Path, *, day: int = 0, lost: int = 0) -> Path:
    """A failover that began so many days later."""
    folder = chaos_runs.judged(chaos_runs.failover(project / ".sretool", lost=lost)).folder
    record = lines.decode_record((folder / "run.json").read_bytes())
    moved = replace(record, started=record.started + timedelta(days=day))
    (folder / "run.json").write_bytes(lines.encode_record(moved))
    return folder.rename(folder.with_name(f"{moved.started:%Y%m%dT%H%M%SZ}{folder.name[16:]}"))


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert diagnostics.run(group, ["runs", "score", "--format", "json", *arguments]) == 0
    services = json.loads(capsys.readouterr().out)["services"]
    return {each["service"]: each for each in services}


def test_the_score_of_each_service_and_its_trend(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drill(project, lost=2)
    drill(project, day=3)
    passed_load(*store_at(project / ".sretool"))
    found = asked(capsys)
    assert list(found) == ["pg-1"]
    assert found["pg-1"]["score"] == 100
    assert [each["score"] for each in found["pg-1"]["trend"]] == [93.75, 100]
    assert found["pg-1"]["parts"] == {"hypotheses": 1, "detection": 1, "recovery": 1, "undo": 1}


def test_experiments_of_the_project_that_were_not_tried_count_0(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drill(project)
    (project / "experiments").mkdir()
    (project / "experiments/leak.yaml").write_text(EXPERIMENT)
    found = asked(capsys)
    assert {name: each["score"] for name, each in found.items()} == {"learning": 0, "pg-1": 50}
    assert diagnostics.run(group, ["runs", "score", "--service", "pg-1"]) == 0
    header, row, *rest = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["SERVICE", "SCORE", "CHANGE"]
    assert row.split() == ["pg-1", "50.0", "-", "50%", "50%", "50%", "50%", "1", "of", "2", "50"]
    assert rest == ["", "WHAT LOWERS IT", "  memory leak: not tried (pg-1)"]


def test_what_lowers_it_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = drill(project, lost=2).name.rpartition("-")[2]
    assert diagnostics.run(group, ["runs", "score"]) == 0
    assert f"  db-failover: 93.8 in {run}, recovery 3 of 4" in capsys.readouterr().out


@pytest.mark.parametrize("harm", ["run.json", "events.jsonl"])
def test_a_newest_run_that_is_damaged_lowers_it(
    project: Path, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    drill(project)
    newest = drill(project, day=1)
    (newest / harm).write_text("nonsense\n")
    found = asked(capsys)["pg-1"]
    assert found["score"] == 0
    assert [each["score"] for each in found["trend"]] == [100, 0]


def test_a_damaged_run_at_no_moment_there_is_counts_for_nothing_and_is_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = drill(project)
    strange = newest.parent / f"20261399T000000Z-{newest.name.partition('-')[2]}"
    strange.mkdir()
    (strange / "run.json").write_text("nonsense\n")
    assert diagnostics.run(group, ["runs", "score", "--format", "json"]) == 0
    told = capsys.readouterr()
    assert [each["score"] for each in json.loads(told.out)["services"]] == [100]
    assert strange.name in told.err


def test_a_run_that_broke_off_counts_0_and_one_that_goes_on_not_at_all(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with chaos_runs.failover(project / ".sretool"):
        assert diagnostics.run(group, ["runs", "score"]) == diagnostics.NO_DATA
        assert "no experiments on services" in capsys.readouterr().err
    chaos_runs.failover(project / ".sretool", watched=False).close()
    assert asked(capsys)["pg-1"]["score"] <= 25


def test_since_is_a_duration_or_a_time(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drill(project)
    assert asked(capsys, "--since", "2026-11-20T00:00:00Z")["pg-1"]["score"] == 100
    late = asked(capsys, "--since", "2026-11-21T00:00:00Z")["pg-1"]
    assert (late["score"], late["trend"], late["experiments"][0]["run"]) == (0, [], None)
    assert diagnostics.run(group, ["runs", "score", "--since", "soon"]) == diagnostics.USAGE
    assert "--since soon is neither a duration nor a time" in capsys.readouterr().err


def test_a_service_that_nobody_names_is_one_clear_error(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drill(project)
    assert diagnostics.run(group, ["runs", "score", "--service", "shop"]) == diagnostics.USAGE
    assert "no experiment names a service 'shop' (known: pg-1)" in capsys.readouterr().err
