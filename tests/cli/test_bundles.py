"""`sretool runs bundle` and `sretool chaos verify FILE`: evidence that is judged again anywhere."""

from __future__ import annotations

import json
import shutil
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sretool.adapters.store import bundle, seal
from sretool.cli import chaos_reports, diagnostics
from sretool.cli.main import group
from sretool.core.runs import lines
from tests.support import chaos_runs
from tests.support.runs import aborted_game_day, passed_load, store_at

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one experiment that failed."""
    project = tmp_path_factory.mktemp("project")
    (project / ".sretool").mkdir()
    run = chaos_runs.judged(chaos_runs.failover(project / ".sretool", seconds=150, lost=2))
    chaos_reports.write(run.folder, run.run, NOW)
    return project


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it; the working directory is elsewhere, where nothing is known of it."""
    shutil.copytree(made, tmp_path / "project")
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "project"


def bundled(project: Path, *arguments: str) -> None:
    out = ["--out", "run.tar", *arguments]
    assert diagnostics.run(group, ["-C", str(project), "runs", "bundle", "last", *out]) == 0
    (project / "run.tar").rename("run.tar")


def looked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = diagnostics.run(group, ["chaos", "verify", "run.tar", "--format", "json", *arguments])
    return code, json.loads(capsys.readouterr().out)


def again(harm: dict[str, tuple[str, str]], *, sealed: tuple[str, ...] = ()) -> None:
    """The bundle unpacked, texts in files replaced, seals in `sealed` (`run`, `bundle`) renewed, repacked."""
    there = Path("there")
    there.mkdir()
    (run,) = bundle.unpack(Path("run.tar"), there)
    for name, (old, new) in harm.items():
        text = (run / name).read_text()
        assert old in text
        (run / name).write_text(text.replace(old, new))
    if "run" in sealed:
        seal.put(run)
    if "bundle" in sealed:
        seal.put(there)
    with tarfile.open("run.tar", "w") as archive:
        for name in (seal.FILE, *seal.names(there)):
            archive.add(there / name, name, recursive=False)


def test_a_bundle_is_judged_again_where_nothing_is_known_of_its_project(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundled(project)
    shutil.rmtree(project)
    code, found = looked(capsys)
    assert (code, found["ok"], found["findings"]) == (0, True, [])
    (run,) = found["runs"]
    assert (run["verdict"]["outcome"], run["recorded"], run["findings"]) == ("failed", run["verdict"], [])
    assert diagnostics.run(group, ["chaos", "verify", "./run.tar"]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert (first, second) == ("bundle run.tar", "  ok      files: 8, all as bundled")


def test_the_file_is_named_like_the_folder_and_the_same_each_time(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = (project / ".sretool/runs").iterdir()
    told = []
    for _ in range(2):
        assert diagnostics.run(group, ["-C", str(project), "runs", "bundle", "last"]) == 0
        told.append(capsys.readouterr())
    assert told[0].out == f"{folder.name}.tar\n"
    assert told[0].err == told[1].err


def test_a_changed_line_is_told_by_file_and_line_once(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundled(project)
    again({"events.jsonl": ('"lost":2', '"lost":0')})
    code, found = looked(capsys)
    (run,) = found["runs"]
    events = (Path("there") / run["folder"] / "events.jsonl").read_text().splitlines()
    number = next(place for place, line in enumerate(events, start=1) if '"writes_found"' in line)
    assert code == 1
    assert found["findings"] == []
    assert {"file": "events.jsonl", "line": number, "text": "this line was changed"} in run["findings"]
    assert any("lost_writes 2, the events say 0" in each["text"] for each in run["findings"])


@pytest.mark.parametrize("sealed", [("bundle",), ("bundle", "run")])
def test_new_seals_do_not_hide_a_verdict_that_the_events_do_not_give(
    project: Path, capsys: pytest.CaptureFixture[str], sealed: tuple[str, ...]
) -> None:
    bundled(project)
    digest = looked(capsys)[1]["seal"]
    harm = {
        "run.json": ('"outcome": "failed"', '"outcome": "passed"'),
        "events.jsonl": ('"outcome":"failed"', '"outcome":"passed"'),
    }
    again(harm, sealed=sealed)
    code, found = looked(capsys)
    assert code == 1
    assert found["runs"][0]["verdict"]["outcome"] == "failed"
    code, found = looked(capsys, "--seal", digest)
    assert [each["file"] for each in found["findings"]] == ["seal.json"]


def test_the_digest_of_the_bundle_or_of_the_run_shows_that_it_is_this_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundled(project)
    found = looked(capsys)[1]
    for digest in (found["seal"], found["runs"][0]["seal"]):
        assert looked(capsys, "--seal", digest[:12])[0] == 0
    assert looked(capsys, "--seal", "0" * 12)[0] == 1


def test_an_added_and_a_missing_file_are_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundled(project)
    with tarfile.open("run.tar") as archive:
        members = [(each, archive.extractfile(each)) for each in archive.getmembers()]
        kept = [(each, data) for each, data in members if not each.name.endswith("report.md")]
        with tarfile.open("less.tar", "w") as less:
            for each, data in kept:
                less.addfile(each, data)
            less.addfile(tarfile.TarInfo(kept[1][0].name.split("/")[0] + "/notes.txt"))
    Path("less.tar").rename("run.tar")
    code, found = looked(capsys)
    told = {(each["file"], each["text"]) for each in found["runs"][0]["findings"]}
    assert code == 1
    assert told == {("report.md", "is missing"), ("notes.txt", "was added")}
    assert found["findings"] == []


def test_steps_of_a_game_day_are_in_its_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".sretool").mkdir()
    aborted_game_day(*store_at(tmp_path / ".sretool"))
    (parent,) = (tmp_path / ".sretool/runs").iterdir()
    step = chaos_runs.judged(chaos_runs.failover(tmp_path / ".sretool", seconds=120))
    record = replace(step.run, parent=parent.name.rpartition("-")[2])
    (step.folder / "run.json").write_bytes(lines.encode_record(record))
    chaos_reports.write(step.folder, record, NOW)
    passed_load(*store_at(tmp_path / ".sretool"))
    assert diagnostics.run(group, ["runs", "bundle", parent.name, "--out", "run.tar"]) == 0
    code, found = looked(capsys)
    assert code == 0
    assert [each["run"] for each in found["runs"]] == [record.id]
    assert found["not_judged"] == [record.parent]


def test_a_run_without_a_verdict_and_a_bundle_without_an_experiment_confirm_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".sretool").mkdir()
    chaos_runs.failover(tmp_path / ".sretool", watched=False).close()
    assert diagnostics.run(group, ["runs", "bundle", "last", "--out", "run.tar"]) == 0
    code, found = looked(capsys)
    assert (code, found["runs"][0]["recorded"]) == (6, None)
    store = store_at(tmp_path / "other/.sretool")
    passed_load(*store)
    monkeypatch.chdir(tmp_path / "other")
    assert diagnostics.run(group, ["runs", "bundle", "last", "--out", "run.tar"]) == 0
    assert looked(capsys)[0] == 6
    assert diagnostics.run(group, ["chaos", "verify", "run.tar"]) == 6
    assert "no experiment is in it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "told"), [("nowhere/run.tar", "there is no file"), ("run.tar", "is no bundle")]
)
def test_what_is_no_bundle_is_one_clear_error(
    project: Path, capsys: pytest.CaptureFixture[str], name: str, told: str
) -> None:
    Path("run.tar").write_text("title: db-failover\n")
    assert diagnostics.run(group, ["chaos", "verify", name]) == diagnostics.USAGE
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error


def test_a_folder_in_the_place_of_a_file_is_one_clear_error(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = (project / ".sretool/runs").iterdir()
    with tarfile.open("run.tar", "w") as archive:
        for name in (seal.FILE, f"{folder.name}/run.json/x"):
            file = Path("data")
            file.write_bytes(seal.text({}))
            archive.add(file, name)
    assert diagnostics.run(group, ["chaos", "verify", "run.tar"]) == diagnostics.USAGE
    assert "run.tar is no bundle of ours" in capsys.readouterr().err


def test_a_run_that_goes_on_is_not_bundled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".sretool").mkdir()
    with chaos_runs.failover(tmp_path / ".sretool"):
        assert diagnostics.run(group, ["runs", "bundle", "last"]) == diagnostics.USAGE
    assert "still running" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.tar"))


def test_a_place_that_cannot_be_written_is_one_clear_error(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["-C", str(project), "runs", "bundle", "last", "--out", "nowhere/run.tar"]
    assert diagnostics.run(group, arguments) == diagnostics.USAGE
    assert "cannot write nowhere/run.tar: No such file or directory" in capsys.readouterr().err
