"""The report of a month whose rules were gone before its end, on a real Prometheus."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from tests.support.throwaway import prometheus

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

MINUTE = timedelta(minutes=1)
LAST = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=24)
"""The rules' last evaluation."""
MINUTES = [LAST - n * MINUTE for n in range(5 * 1440, -1, -1)]
CATALOG = """\
slos:
  - {id: shop/orders, title: Orders, objective: 99%, window: 7d, sli: {bad: bad_total, total: all_total}}
  - {id: shop/refunds, title: Refunds, objective: 99%, window: 7d, sli: {bad: b_total, total: a_total}}
"""


def bad_rate(at: datetime) -> float:
    """An hour of the last day has one bad event in ten."""
    return 0.1 if LAST - timedelta(hours=3) < at <= LAST - timedelta(hours=2) else 0.0


def openmetrics() -> str:
    lines = []
    for what in ("bad", "total"):
        lines.append(f"# TYPE slo:{what}:rate5m gauge")
        for at in MINUTES:
            value = bad_rate(at) if what == "bad" else 1.0
            lines.append(f'slo:{what}:rate5m{{slo="shop/orders"}} {value} {int(at.timestamp())}')
    return "\n".join([*lines, "# EOF", ""])


def test_what_was_recorded_is_shown_with_its_coverage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: apt-get install prometheus"
    tmp_path.joinpath("data.om").write_text(openmetrics())
    arguments = [promtool, "tsdb", "create-blocks-from", "openmetrics", "-q", "data.om", "data"]
    subprocess.run(arguments, cwd=tmp_path, check=True, capture_output=True)
    tmp_path.joinpath("prometheus.yml").write_text("{}\n")
    catalog = tmp_path / "slos.yaml"
    catalog.write_text(CATALOG)
    with prometheus(tmp_path) as url:
        options = ["--prometheus", url, "--catalog", str(catalog), "slo", "report"]
        diagnostics.run(group, [*options, "--month", f"{LAST:%Y-%m}", "--to", "json"])
        out, err = capsys.readouterr()
        assert out, err
        diagnostics.run(group, [*options, "--month", f"{LAST:%Y-%m}"])
        said = capsys.readouterr().out
    document = json.loads(out)
    begin, until = (datetime.fromisoformat(document[edge]) for edge in ("start", "until"))
    known = [at for at in MINUTES if begin < at <= until]
    orders, refunds = document["slos"]
    assert orders["sli"] == pytest.approx(1 - sum(map(bad_rate, known)) / len(known), abs=1e-9)
    assert orders["coverage"] == pytest.approx(len(known) / ((until - begin) / MINUTE), abs=0.001)
    assert f"{orders['coverage']:.0%} of the time known" in said
    assert (refunds["sli"], refunds["coverage"]) == (None, 0)
