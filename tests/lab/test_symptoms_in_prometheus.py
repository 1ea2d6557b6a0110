"""Plain alerting rules are replayed on the history of a real Prometheus."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from tests.cli.test_slo import CATALOG
from tests.support.throwaway import prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

MINUTE = timedelta(minutes=1)
START = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 10
"""More points at the rules' intervals than Prometheus gives in one answer."""
DOWN = ((1000, 1010), (5000, 5001), (9000, 9004), (9006, 9010))
"""Minutes in which the gauge is 0, the second ends not among them."""
RULES = """\
groups:
  - name: plain
    interval: 1m
    rules:
      - {alert: Down, expr: pump == 0, for: 3m, labels: {severity: page}}
      - {alert: Sticky, expr: pump == 0, keep_firing_for: 5m, labels: {severity: ticket}}
      - {alert: Lost, expr: no_such_metric > 1, labels: {severity: page}}
      - {alert: Never, expr: pump > 1, labels: {severity: page}}
"""
INCIDENTS = """\
incidents:
  - {name: pump stands, start: 2026-11-01T16:40:00Z, end: 2026-11-01T16:50:00Z}
  - {name: unseen, start: 2026-11-02T00:00:00Z, end: 2026-11-02T00:10:00Z}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("symptoms")
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: apt-get install prometheus"
    lines = ["# TYPE pump gauge"]
    for minute in range(DAYS * 1440):
        stands = any(first <= minute < last for first, last in DOWN)
        lines.append(f'pump{{site="a"}} {0 if stands else 1} {int((START + minute * MINUTE).timestamp())}')
    folder.joinpath("data.om").write_text("\n".join([*lines, "# EOF", ""]))
    arguments = [promtool, "tsdb", "create-blocks-from", "openmetrics", "-q", "data.om", "data"]
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True)
    for name, text in (("rules.yml", RULES), ("known.yaml", INCIDENTS), ("slos.yaml", CATALOG)):
        folder.joinpath(name).write_text(text)
    folder.joinpath("prometheus.yml").write_text("{}\n")
    with prometheus(folder) as url:
        yield url, folder


def run(server: tuple[str, Path], *arguments: str) -> int:
    url, folder = server
    until = START + DAYS * timedelta(days=1) - MINUTE
    options = ["--prometheus", url, "--catalog", str(folder / "slos.yaml"), "slo", "backtest"]
    options += ["--days", "9.9", "--until", until.isoformat(), "--rules", str(folder / "rules.yml")]
    return diagnostics.run(group, [*options, "--incidents", str(folder / "known.yaml"), *arguments])


def minutes(firings: list[dict[str, Any]], rule: str) -> list[tuple[int, int]]:
    def minute(text: str) -> int:
        return (datetime.fromisoformat(text) - START) // MINUTE

    return [(minute(each["start"]), minute(each["end"])) for each in firings if each["rule"] == rule]


def test_rules_fire_at_the_minutes_theory_says(
    server: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    # The objectives have no data here, which is told by the exit code.
    assert run(server, "--format", "json") == diagnostics.NO_DATA
    found = json.loads(capsys.readouterr().out)["symptoms"]
    assert minutes(found["firings"], "Down") == [(1003, 1010), (9003, 9004), (9009, 9010)]
    assert minutes(found["firings"], "Sticky") == [(1000, 1015), (5000, 5006), (9000, 9015)]
    problems = {each["name"]: each["problem"] for each in found["rules"]}
    assert problems == {"Down": None, "Sticky": None, "Lost": "no data of no_such_metric", "Never": None}
    assert found["score"]["recall"] == 0.5
    assert found["score"]["precision"] == pytest.approx(2 / 6)
    assert found["score"]["incidents"][0] == {
        "name": "pump stands",
        "detected": True,
        "after_s": 0,
        "rule": "Sticky",
    }


def test_people_read_a_table_beside_the_burn_alerts(
    server: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run(server)
    out = capsys.readouterr().out
    assert "4 alerting rules replayed beside them" in out
    assert "Sticky site=a 2026-11-01 16:40 15m    pump stands" in out
    assert "rules.yml:7: Lost: no data of no_such_metric" in out
