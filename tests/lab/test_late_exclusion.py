"""An exclusion written after a maintenance, on a real Prometheus whose rules counted it."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from tests.support.throwaway import prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
WORK = (NOW - 30 * HOUR, NOW - 29 * HOUR)
"""One of two events is bad."""
SECONDS = (0, 30, 60, 120, 180, 240)
"""By so much later the work is said to have begun and ended, so that some edges are no step's."""
INCIDENT = (NOW - 10 * HOUR, NOW - 9 * HOUR)
"""One of ten is."""
PER_MINUTE = 60
CATALOG = """\
slos:
  - id: shop/orders
    title: Orders
    objective: 99%
    window: 7d
    sli: {bad: bad_total, total: all_total}
"""


def exclusion(late: timedelta) -> str:
    start, end = (each + late for each in WORK)
    return f"exclusions:\n  - {{start: {start.isoformat()}, end: {end.isoformat()}, reason: upgrade}}\n"


EXCLUSION = exclusion(timedelta())


def bad_in(minute: datetime) -> float:
    """Events of the minute that ends there."""
    for (start, end), share in ((WORK, 0.5), (INCIDENT, 0.1)):
        if start < minute <= end:
            return share * PER_MINUTE
    return 0.0


def minutes() -> list[datetime]:
    return [NOW - n * MINUTE for n in range(7 * 1440 + 10, -1, -1)]


def bad_rates() -> list[float]:
    """What is recorded at each of the minutes: over five minutes, per second."""
    counts = [bad_in(each) for each in minutes()]
    return [sum(counts[max(place - 4, 0) : place + 1]) / 300 for place in range(len(counts))]


def openmetrics() -> str:
    rates = {"bad": bad_rates(), "total": [PER_MINUTE / 60] * len(minutes())}
    lines = []
    for what, values in rates.items():
        lines.append(f"# TYPE slo:{what}:rate5m gauge")
        lines += (
            f'slo:{what}:rate5m{{slo="shop/orders"}} {value} {int(at.timestamp())}'
            for at, value in zip(minutes(), values, strict=True)
        )
    lines.append("# TYPE ALERTS gauge")
    labels = 'alertname="SLOBudgetBurn",alertstate="firing",slo="shop/orders",severity="page"'
    lines += (f"ALERTS{{{labels}}} 1 {int((WORK[0] + n * MINUTE).timestamp())}" for n in range(5, 60))
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("late")
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: apt-get install prometheus"
    folder.joinpath("data.om").write_text(openmetrics())
    arguments = [promtool, "tsdb", "create-blocks-from", "openmetrics", "-q", "data.om", "data"]
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True)
    folder.joinpath("prometheus.yml").write_text("{}\n")
    folder.joinpath("before.yaml").write_text(CATALOG)
    folder.joinpath("after.yaml").write_text(CATALOG + EXCLUSION)
    for late in SECONDS:
        folder.joinpath(f"after{late}.yaml").write_text(CATALOG + exclusion(timedelta(seconds=late)))
    with prometheus(folder) as url:
        yield url, folder


def run(
    server: tuple[str, Path], capsys: pytest.CaptureFixture[str], catalog: str, *arguments: str
) -> tuple[dict[str, Any], str]:
    url, folder = server
    options = ["--prometheus", url, "--catalog", str(folder / catalog), "slo", *arguments]
    diagnostics.run(group, options)
    out, err = capsys.readouterr()
    assert out, err
    return json.loads(out), err


AT = ("--at", NOW.isoformat(), "--format", "json")
WHOLE = 7 * 1440 * PER_MINUTE
"""Events of the window."""


def test_status_gives_back_what_the_work_took(
    server: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before, _ = run(server, capsys, "before.yaml", "status", *AT)
    after, _ = run(server, capsys, "after.yaml", "status", *AT)
    spent = (0.5 * 3600 + 0.1 * 3600) / (0.01 * WHOLE)
    assert before["slos"][0]["budget_left"] == pytest.approx(1 - spent, abs=0.002)
    counted = WHOLE - 3600
    assert after["slos"][0]["budget_left"] == pytest.approx(1 - 360 / (0.01 * counted), abs=0.002)
    assert after["slos"][0]["total"] == pytest.approx(counted, rel=0.002)
    url, folder = server
    options = ["--prometheus", url, "--catalog", str(folder / "after.yaml"), "slo", "status"]
    diagnostics.run(group, [*options, "--at", NOW.isoformat()])
    assert "alerts evaluated before an exclusion was written stay as they were" in capsys.readouterr().out


def test_the_ledger_shows_the_work_at_no_cost(
    server: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    found, _ = run(server, capsys, "after.yaml", "explain", "shop/orders", *AT)
    ledger = found["ledger"]
    (work,) = (each for each in ledger["entries"] if "upgrade" in json.dumps(each))
    assert work["share"] == 0
    assert ledger["spent"] == pytest.approx(360 / (0.01 * (WHOLE - 3600)), abs=0.002)
    assert sum(each["share"] for each in ledger["entries"]) == pytest.approx(ledger["spent"])


@pytest.mark.parametrize("late", SECONDS)
def test_a_months_report_is_without_the_work(
    server: tuple[str, Path], capsys: pytest.CaptureFixture[str], late: int
) -> None:
    """Exactly without the samples from the exclusion's start on until no rate holds anything of it."""
    asked = ("report", "--month", f"{WORK[1]:%Y-%m}", "--to", "json")
    start, end = (each + timedelta(seconds=late) for each in WORK)
    for catalog, away in (("before.yaml", None), (f"after{late}.yaml", (start, end + 5 * MINUTE))):
        document, _ = run(server, capsys, catalog, *asked)
        begin, until = (datetime.fromisoformat(document[edge]) for edge in ("start", "until"))
        kept = [
            rate
            for at, rate in zip(minutes(), bad_rates(), strict=True)
            if begin < at <= until and not (away is not None and away[0] <= at < away[1])
        ]
        sli = document["slos"][0]["sli"]
        assert sli == pytest.approx(1 - sum(kept) / len(kept), abs=1e-9)
