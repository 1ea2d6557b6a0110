from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from tests.cli.test_slo import CATALOG, RECORDED, SECOND, prometheus, with_value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOBODY = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "slos.yaml"
    path.write_text(CATALOG)
    return path


def gate(url: str, catalog: Path, *arguments: str) -> int:
    return diagnostics.run(group, ["--prometheus", url, "--catalog", str(catalog), "slo", "gate", *arguments])


def left(share: float, age: float = 20) -> Mapping[str, bytes]:
    """Answers in which this share of the budget of 99.9 % is left, evaluated `age` seconds ago."""
    total = next(
        float(item["value"][1])
        for item in json.loads(RECORDED["{__name__=~"])["data"]["result"]
        if item["metric"]["__name__"] == "slo:total:sum"
        and item["metric"]["slo"] == "amas/learning-availability"
    )
    ages = json.loads(RECORDED["timestamp(slo:info"])
    for item in ages["data"]["result"]:
        item["value"][1] = str(time.time() - age)
    bad = with_value("slo:bad:sum", repr((1 - share) * 0.001 * total))
    return {**bad, "timestamp(slo:info": json.dumps(ages).encode()}


def test_old_figures_are_unknown_ones(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(left(0.9, age=3600)) as (url, _):
        assert gate(url, catalog) == 3
    assert "only old data" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("share", "change", "code", "said"),
    [
        (0.9, "normal", 0, "GO  OPEN, amas/learning-availability has 90.0% of its budget left: normal"),
        (0.6, "normal", 0, "normal changes go; needs a second reviewer"),
        (0.3, "non-critical", 1, "STOP  FREEZE FEATURES, amas/learning-availability has 30.0% of"),
        (0.3, "normal", 0, "GO  FREEZE FEATURES"),
        (0.1, "normal", 1, "normal changes wait, hotfix, emergency-fix, rollback go"),
        (0.1, "hotfix", 0, "GO  FREEZE"),
        (-0.2, "hotfix", 1, "STOP  EMERGENCY ONLY, amas/learning-availability has -20.0% of its budget"),
        (-0.2, "rollback", 0, "GO  EMERGENCY ONLY"),
    ],
)
def test_the_budget_decides_in_one_line(
    catalog: Path, capsys: pytest.CaptureFixture[str], share: float, change: str, code: int, said: str
) -> None:
    with prometheus(left(share)) as (url, _):
        assert gate(url, catalog, "--change", change) == code
    captured = capsys.readouterr()
    assert said in captured.out
    assert captured.out.count("\n") == 1
    assert captured.err == ""


def test_json_has_everything_a_job_needs(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(left(0.1)) as (url, _):
        assert gate(url, catalog, "--format", "json") == 1
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["outcome"] == "stop"
    assert document["budget_left"] == pytest.approx(0.1)
    del document["at"], document["budget_left"], document["reason"]
    assert document == {
        "outcome": "stop",
        "change": "normal",
        "exception": None,
        "exception_reason": None,
        "unknown_allowed": False,
        "unknown_reason": None,
        "step": "FREEZE",
        "response_level": 2,
        "response": {"title": "Less than a quarter of the budget is left", "actions": []},
        "slo": "amas/learning-availability",
        "frozen": ["normal", "non-critical"],
        "needs": None,
        "unknown": [],
        "recorded": None,
    }


def test_prometheus_down_refuses(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate(NOBODY, catalog) == 3
    captured = capsys.readouterr()
    assert captured.out.startswith(
        "UNKNOWN  cannot decide: the budget of amas/learning-availability is unknown"
    )
    assert "cannot be reached" in captured.out
    assert captured.out.count("\n") == 1


def test_prometheus_down_is_allowed_where_asked_for_and_recorded(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate(NOBODY, catalog, "--on-unknown", "allow") == 0
    assert gate(NOBODY, catalog, "--on-unknown", "allow", "--reason", "OPS-7: monitoring moves") == 0
    file = tmp_path / "state" / "sretool" / "gate.jsonl"
    out = capsys.readouterr().out
    assert out.startswith("GO  allowed although the budget of")
    assert f"OPS-7: monitoring moves; recorded in {file}" in out
    first, second = (json.loads(line) for line in file.read_text().splitlines())
    assert first["unknown_allowed"] is second["unknown_allowed"] is True
    assert "cannot be reached" in first["reason"]
    assert (first["unknown_reason"], second["unknown_reason"]) == (None, "OPS-7: monitoring moves")
    assert first["exception"] is None


@pytest.mark.parametrize("change", ["normal", "non-critical", "hotfix", "emergency-fix", "rollback"])
def test_no_change_passes_while_prometheus_is_down(
    catalog: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    assert gate(NOBODY, catalog, "--change", change) == 3
    captured = capsys.readouterr()
    assert captured.out.startswith("UNKNOWN  cannot decide")
    assert "--on-unknown allow" in captured.err


def test_a_known_budget_is_not_recorded_as_allowed_unseen(catalog: Path, tmp_path: Path) -> None:
    with prometheus(left(0.9)) as (url, _):
        assert gate(url, catalog, "--on-unknown", "allow") == 0
    assert not (tmp_path / "state").exists()


def test_one_unknown_budget_refuses_unless_it_is_not_asked_about(
    catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog.write_text(CATALOG + SECOND)
    with prometheus(left(0.9)) as (url, _):
        assert gate(url, catalog) == 3
        assert "the budget of amas/write-durability is unknown" in capsys.readouterr().out
        assert gate(url, catalog, "amas/learning-availability") == 0


@pytest.mark.parametrize("down", [False, True], ids=["prometheus up", "prometheus down"])
def test_an_exception_passes_and_is_recorded(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], down: bool
) -> None:
    (tmp_path / ".sretool").mkdir()
    arguments = ("--exception", "security-fix", "--reason", "CVE-2026-1: fix ü")
    with prometheus(left(-1)) as (url, _):
        assert gate(NOBODY if down else url, catalog, "--change", "normal", *arguments) == 0
        assert gate(NOBODY if down else url, catalog, *arguments, "--format", "json") == 0
    captured = capsys.readouterr()
    file = tmp_path / ".sretool" / "gate.jsonl"
    assert captured.out.startswith("GO  exception security-fix")
    assert f"CVE-2026-1: fix ü; recorded in {file}" in captured.out
    first, second = (json.loads(line) for line in file.read_text().splitlines())
    assert first.keys() == second.keys()
    assert (first["exception"], first["exception_reason"], first["change"]) == (
        "security-fix",
        "CVE-2026-1: fix ü",
        "normal",
    )
    assert first["budget_left"] == (None if down else pytest.approx(-1))
    assert first["user"]
    assert first["at"].endswith("Z")


def test_an_exception_that_cannot_be_recorded_still_passes_and_says_so(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    assert gate(NOBODY, catalog, "--exception", "compliance", "--reason", "court order") == 0
    captured = capsys.readouterr()
    assert "recorded in" not in captured.out
    assert "the decision cannot be recorded in" in captured.err
    assert '"exception_reason": "court order"' in captured.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--change", "roll-back"], "the policy knows no change 'roll-back'\n  → did you mean rollback?"),
        (["--exception", "security"], "the policy knows no exception 'security'"),
        (["--exception", "security-fix"], "exception security-fix needs a reason that can be recorded"),
        (["--exception", "security-fix", "--reason", "  "], "needs a reason"),
        (["--reason", "because"], "--reason is given without --exception or --on-unknown allow"),
        (["amas/nothing"], "no objective is named 'amas/nothing'"),
    ],
)
def test_what_cannot_be_asked_is_said_with_exit_2(
    catalog: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert gate(NOBODY, catalog, *arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_the_catalogs_own_policy_holds(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog.write_text(
        CATALOG
        + "policy:\n  gate:\n    - {name: FREE, allow: [deploy, fix]}\n"
        + "    - {below: 95%, name: SHUT, allow: [fix]}\n"
    )
    with prometheus(left(0.9)) as (url, _):
        assert gate(url, catalog) == 1
        assert "STOP  SHUT" in capsys.readouterr().out
        assert gate(url, catalog, "--change", "fix") == 0


def test_status_says_what_waits(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--catalog", str(catalog), "slo", "status"]
    with prometheus(left(0.3)) as (url, _):
        assert diagnostics.run(group, ["--prometheus", url, *options]) == 0
    said = (
        "FREEZE FEATURES: non-critical changes wait, amas/learning-availability has 30.0% of its budget left"
    )
    assert said in capsys.readouterr().out
    with prometheus(left(0.6)) as (url, _):
        assert diagnostics.run(group, ["--prometheus", url, *options]) == 0
    assert "changes wait" not in capsys.readouterr().out
