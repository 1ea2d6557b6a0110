from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.store.runs import RunStore
from sretool.cli import diagnostics
from sretool.cli.main import group
from sretool.core.runs.model import Outcome, RunKind, Verdict
from tests.cli.test_slo import CATALOG, prometheus
from tests.support import outage
from tests.support.sources import RECORDED_AT

if TYPE_CHECKING:
    from pathlib import Path

ID = "amas/learning-availability"
AT = ("--at", RECORDED_AT.isoformat())


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "slos.yaml"
    path.write_text(CATALOG)
    return path


def run(catalog: Path, *arguments: str, evaluations: int = 43_200) -> int:
    with prometheus(outage.answers(evaluations)) as (url, _):
        options = ["--prometheus", url, "--catalog", str(catalog), "slo", "explain"]
        return diagnostics.run(group, [*options, *arguments])


def test_json_tells_pairs_ledger_and_suspects(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(catalog, ID, *AT, "--format", "json") == 1, "it pages"
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    fast = found["pairs"][0]
    assert (fast["long_s"], fast["firing"], fast["since_earlier"]) == (3600, True, False)
    assert fast["since"] == "2026-11-21T07:03:14Z", "as its alert was recorded"
    slow = found["pairs"][1]
    # No alert of it was recorded: five minutes at half are 0.7 % of six hours, above its 0.6 %.
    assert slow["since"] == "2026-11-21T06:54:14Z"
    assert 0 < fast["clears_in_s"] <= 300
    assert found["clears_in_s"] == max(pair["clears_in_s"] for pair in found["pairs"])
    assert found["burning"]["since"] == "2026-11-21T06:53:14Z"
    assert found["burning"]["budget_eaten"] == pytest.approx(2400 / 5184)
    ledger = found["ledger"]
    assert ledger["spent"] == pytest.approx(1 - found["budget_left"])
    assert sum(entry["share"] for entry in ledger["entries"]) == pytest.approx(ledger["spent"], abs=1e-12)
    incident, background = ledger["entries"]
    assert (incident["kind"], incident["start"]) == ("incident", "2026-11-21T06:53:14Z")
    assert incident["bad"] == pytest.approx(2400)
    assert [alert["long_s"] for alert in incident["alerts"]] == [3600]
    assert background["kind"] == "background"
    (route,) = found["suspects"]["labels"]
    assert (route["label"], route["values"][0]["value"]) == ("route", "/b")
    assert route["values"][0]["share"] == pytest.approx(0.75)
    assert [(alert["start"], alert["end"]) for alert in found["alerts"]] == [
        ("2026-11-14T07:33:14Z", "2026-11-14T07:43:14Z"),
        ("2026-11-21T07:03:14Z", None),
    ]
    assert found["alerts_replayed"] is False


def test_text_says_it_in_words(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(catalog, "amas", *AT) == 1
    text = capsys.readouterr().out
    assert "PAGE 1h/5m: burns 20.0x and 20.0x, limit 14.4x; since 2026-11-21 07:03" in text
    assert "If errors stop now, the last of these clears in" in text
    assert "2026-11-21 06:53, 40m" in text
    assert "/b" in text
    assert "75.0% of the errors, 25.0% of the traffic" in text


def test_a_file_beside_the_catalog_names_the_incident(
    catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = catalog.parent / "incidents.yaml"
    beside.write_text(
        "incidents:\n  - {name: Bad release, start: 2026-11-21T06:50:00Z, end: 2026-11-21T07:00:00Z}\n"
    )
    run(catalog.parent, ID, *AT)
    assert "incident 'Bad release'" in capsys.readouterr().out


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs of nobody else."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "sretool"


def test_an_experiment_of_the_project_is_named_by_its_title(
    catalog: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([datetime(2026, 11, 21, 6, 50, tzinfo=UTC), *[datetime(2026, 11, 21, 7, tzinfo=UTC)] * 9])
    store = RunStore(state, now=lambda: next(clock))
    store.create(RunKind.CHAOS, "A replica crashes").finish(Verdict(Outcome.PASSED, "it held"))
    run(catalog, ID, *AT, "--format", "json")
    spent = json.loads(capsys.readouterr().out)["ledger"]["entries"]
    (drill,) = (each for each in spent if each["kind"] == "chaos")
    assert drill["name"] == "A replica crashes"
    assert drill["share"] > 0


@pytest.mark.slow
def test_young_rules_have_their_alerts_played(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(catalog, ID, *AT, "--format", "json", evaluations=10)
    found = json.loads(capsys.readouterr().out)
    assert found["alerts_replayed"] is True
    assert {alert["long_s"] for alert in found["alerts"]} >= {3600, 21600}


def test_a_broken_incidents_file_is_one_clear_error(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "known.yaml"
    bad.write_text("incidents:\n  - name: x\n")
    assert run(catalog, ID, "--incidents", str(bad)) == 2
    errors = capsys.readouterr().err
    assert f"{bad}:2: `start` is missing" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["amas/nothing"], "no objective is named"),
        ([ID, "--at", "2126-01-01T00:00:00Z"], "lies in the future"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], message: str, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(catalog, *arguments) == 2
    assert message in capsys.readouterr().err


def test_no_prometheus_is_exit_three(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--prometheus", "http://127.0.0.1:1", "--catalog", str(catalog), "slo", "explain", ID]
    assert diagnostics.run(group, options) == 3
    assert "Traceback" not in capsys.readouterr().err


def test_without_data_it_says_so(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus({}) as (url, _):
        options = ["--prometheus", url, "--catalog", str(catalog), "slo", "explain", ID]
        assert diagnostics.run(group, options) == 6
    assert "there is no data of this window" in capsys.readouterr().out
