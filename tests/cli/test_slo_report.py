from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from tests.cli.test_slo import CATALOG, prometheus
from tests.support import outage

if TYPE_CHECKING:
    from pathlib import Path

END = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
"""Of the last month that is over."""
START = (END - timedelta(days=1)).replace(day=1)
FAILED = START + timedelta(days=9, hours=12)
MONTH = f"{START:%Y-%m}"


@pytest.fixture(scope="module")
def answers() -> dict[str, bytes]:
    """An hour in which half of the events went bad, on the tenth."""
    step = timedelta(minutes=5)

    def bad(at: datetime) -> float:
        return 300.0 if FAILED < at <= FAILED + timedelta(hours=1) else 0.1

    counts = outage.Ranges(bad, lambda _: 600.0).body(START + step, END, step)
    whole = float((END - START) // timedelta(minutes=1))
    return {
        **outage.answers(),
        "[4m59s999ms]": counts,
        "count_over_time(slo:info": outage.vector([({}, whole)]),
    }


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "slos.yaml"
    path.write_text(CATALOG)
    return path


def run(answers: dict[str, bytes], catalog: Path, *arguments: str) -> int:
    with prometheus(answers) as (url, _):
        options = ["--prometheus", url, "--catalog", str(catalog), "slo", "report"]
        return diagnostics.run(group, [*options, *arguments])


def test_json_has_the_month(
    answers: dict[str, bytes], catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(answers, catalog, "--month", MONTH, "--to", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["month"], found["complete"]) == (MONTH, True)
    (one,) = found["slos"]
    assert one["coverage"] == 1
    assert one["met"] is True
    incident, background = one["ledger"]["entries"]
    assert incident["start"] == f"{FAILED:%Y-%m-%dT%H:%M:%SZ}"
    assert incident["end"] == f"{FAILED + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    assert incident["bad"] == 3600
    assert background["kind"] == "background"
    assert incident["share"] + background["share"] == pytest.approx(1 - one["budget_left"])
    assert [alert["alert"] for alert in found["other_alerts"]] == ["DiskFull"]


def test_a_page_is_written_where_it_was_asked_for(
    answers: dict[str, bytes], catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "month.html"
    assert run(answers, catalog, "--month", MONTH, "--to", "html", "--out", str(out)) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert f"wrote {out}" in said.err
    text = out.read_text()
    assert text.startswith("<!doctype html>")
    assert "Learning API availability" in text


def test_markdown_goes_to_stdout(
    answers: dict[str, bytes], catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(answers, catalog, "--month", MONTH, "amas/learning-availability") == 0
    assert capsys.readouterr().out.startswith(f"# Service levels, {START:%B %Y}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--month", "2026-13"], "is not a month"),
        (["--month", "9999-01"], "has not begun yet"),
        ([], "Missing option '--month'"),
        (["--month", MONTH, "nothing"], "no objective is named"),
        (["--month", MONTH, "--out", "/nowhere/x.md"], "cannot write /nowhere/x.md"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str],
    message: str,
    answers: dict[str, bytes],
    catalog: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(answers, catalog, *arguments) == 2
    assert message in capsys.readouterr().err


def test_no_prometheus_is_exit_three(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--prometheus", "http://127.0.0.1:1", "--catalog", str(catalog), "slo", "report"]
    assert diagnostics.run(group, [*options, "--month", MONTH]) == 3
    assert "Traceback" not in capsys.readouterr().err


def test_a_zone_moves_the_months_ends(
    answers: dict[str, bytes], catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(answers, catalog, "--month", MONTH, "--to", "json", "--zone", "Asia/Kolkata") == 0
    found = json.loads(capsys.readouterr().out)
    begins = START - timedelta(hours=5, minutes=30)
    assert found["zone"] == found["slos"][0]["zone"] == "Asia/Kolkata"
    assert found["start"] == f"{begins:%Y-%m-%dT%H:%M:%SZ}"


def test_a_bad_zone_is_one_clear_error(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run({}, catalog, "--month", MONTH, "--zone", "Berlin/Mitte") == 2
    assert capsys.readouterr().err == (
        "sretool: --zone: 'Berlin/Mitte' is no time zone\n  → write it like Europe/Berlin or UTC\n"
    )
