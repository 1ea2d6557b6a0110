"""SLOs that Sloth's and Pyrra's rules record are shown without any file, from a real Prometheus."""

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

pytestmark = pytest.mark.lab

MINUTE = timedelta(minutes=1)
SLOTH = 'sloth_id="shop-orders",sloth_service="shop",sloth_slo="orders"'
RECORDED = {
    # A bad share of 0.05 % for two hours: half of what 99.9 % allows.
    f'sloth_slo_info{{{SLOTH},sloth_objective="99.9",team="web"}}': 1.0,
    f"slo:time_period:days{{{SLOTH}}}": 30.0,
    f'slo:sli_error:ratio_rate5m{{{SLOTH},sloth_window="5m"}}': 0.0005,
    f'slo:sli_error:ratio_rate1h{{{SLOTH},sloth_window="1h"}}': 0.0006,
    # 99 of 100 requests are good where 99.5 % should be.
    'pyrra_objective{slo="checkout"}': 0.995,
    'pyrra_window{slo="checkout"}': 7 * 86400.0,
    'pyrra_requests:rate5m{slo="checkout"}': 200.0,
    'pyrra_errors:rate5m{slo="checkout"}': 2.0,
    'http_requests:burnrate5m{slo="checkout",route="/"}': 0.01,
    'http_requests:burnrate5m{slo="grouped",route="/"}': 0.01,
}


def openmetrics(now: datetime) -> str:
    lines: list[str] = []
    for series, value in RECORDED.items():
        lines.append(f"# TYPE {series.partition('{')[0]} unknown")
        lines += (f"{series} {value} {int((now - n * MINUTE).timestamp())}" for n in range(120, -1, -1))
    seen = dict.fromkeys(lines)
    return "\n".join([*seen, "# EOF", ""])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: apt-get install prometheus"
    folder = tmp_path_factory.mktemp("prometheus")
    folder.joinpath("data.om").write_text(openmetrics(datetime.now(UTC)))
    arguments = [promtool, "tsdb", "create-blocks-from", "openmetrics", "-q", "data.om", "data"]
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True)
    folder.joinpath("prometheus.yml").write_text("{}\n")
    with prometheus(folder) as url:
        yield url


def test_status_needs_no_file(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = diagnostics.run(group, ["--prometheus", server, "slo", "status", "--format", "json"])
    out, err = capsys.readouterr()
    statuses = {each["id"]: each for each in json.loads(out)["slos"]}
    assert set(statuses) == {"shop/orders", "default/checkout"}
    sloth, pyrra = statuses["shop/orders"], statuses["default/checkout"]
    assert sloth["budget_left"] == pytest.approx(0.5)
    # What is recorded for a window goes before the mean of the shortest.
    assert sloth["burn"]["1h"] == pytest.approx(0.6)
    assert sloth["burn"]["6h"] == pytest.approx(0.5)
    assert pyrra["budget_left"] == pytest.approx(-1)
    assert pyrra["burn"]["5m"] == pytest.approx(2)
    assert pyrra["total"] == pytest.approx(200 * 7200, rel=0.05)
    assert code == 1
    assert "1 objective is recorded by Sloth" in err
    assert "cannot be shown (grouped)" in err


def run(server: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = diagnostics.run(group, ["--prometheus", server, "slo", *arguments])
    return code, json.loads(capsys.readouterr().out)


def test_explain_needs_no_file(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = run(server, capsys, "explain", "default/checkout", "--format", "json")
    assert code == 1
    assert found["ledger"]["spent"] == pytest.approx(2)
    assert sum(each["share"] for each in found["ledger"]["entries"]) == pytest.approx(2)
    code, found = run(server, capsys, "explain", "shop/orders", "--format", "json")
    assert code == 0
    assert found["ledger"]["spent"] == pytest.approx(0.5, rel=0.05)


def test_gate_report_and_backtest_need_no_file(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = run(server, capsys, "gate", "--format", "json")
    assert (code, found["outcome"], found["slo"]) == (1, "stop", "default/checkout")
    month = f"{datetime.now(UTC) - 10 * MINUTE:%Y-%m}"
    code, found = run(server, capsys, "report", "--month", month, "--to", "json")
    assert (code, {each["id"]: each["met"] for each in found["slos"]}) == (
        0,
        {"shop/orders": True, "default/checkout": False},
    )
    code, found = run(server, capsys, "backtest", "--days", "0.05", "--format", "json")
    assert code == 0
    assert {each["id"]: each["origin"] for each in found["slos"]} == {
        "shop/orders": "counters",
        "default/checkout": "counters",
    }


def test_a_server_without_any_says_what_to_do(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path_factory.mktemp("empty")
    folder.joinpath("prometheus.yml").write_text("{}\n")
    with prometheus(folder) as url:
        assert diagnostics.run(group, ["--prometheus", url, "slo", "status"]) == 2
    assert "none of Sloth or Pyrra run on this Prometheus" in capsys.readouterr().err
