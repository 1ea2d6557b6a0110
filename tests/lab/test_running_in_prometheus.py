"""SLOs that Sloth's and Pyrra's rules record are shown without any file, from a real Prometheus."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.prometheus.source import Prometheus
from sretool.cli import diagnostics
from sretool.cli.main import group
from sretool.ports import Endpoint
from sretool.services.reading import MetricsReader
from sretool.services.recognising import running
from tests.support.throwaway import prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sretool.core.observe.model import Rule, Sample, Series

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


MANY = 150
HUNDREDS = {
    **{
        series: value
        for n in range(MANY)
        for labels in [f'sloth_id="shop-s{n}",sloth_service="shop",sloth_slo="s{n}"']
        for series, value in (
            (f'sloth_slo_info{{{labels},sloth_objective="99.9"}}', 1.0),
            (f"slo:time_period:days{{{labels}}}", 30.0),
            (f'slo:sli_error:ratio_rate5m{{{labels},sloth_window="5m"}}', n / 1e5),
            (f'slo:sli_error:ratio_rate1h{{{labels},sloth_window="1h"}}', n / 1e5),
        )
    },
    **{
        series: value
        for n in range(MANY)
        for series, value in (
            (f'pyrra_objective{{slo="p{n}"}}', 0.995),
            (f'pyrra_window{{slo="p{n}"}}', 28 * 86400.0),
            (f'pyrra_requests:rate5m{{slo="p{n}"}}', 200.0),
            (f'pyrra_errors:rate5m{{slo="p{n}"}}', n / 75),
        )
    },
}


def openmetrics(now: datetime, recorded: Mapping[str, float]) -> str:
    lines: list[str] = []
    for series, value in sorted(recorded.items()):
        lines.append(f"# TYPE {series.partition('{')[0]} unknown")
        lines += (f"{series} {value} {int((now - n * MINUTE).timestamp())}" for n in range(120, -1, -1))
    seen = dict.fromkeys(lines)
    return "\n".join([*seen, "# EOF", ""])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from serving(tmp_path_factory.mktemp("prometheus"), RECORDED)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from serving(tmp_path_factory.mktemp("hundreds"), HUNDREDS)


def serving(folder: Path, recorded: Mapping[str, float]) -> Iterator[str]:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: apt-get install prometheus"
    folder.joinpath("data.om").write_text(openmetrics(datetime.now(UTC), recorded))
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


class Counting:
    """A server that counts what it is asked."""

    def __init__(self, url: str) -> None:
        self._inner = Prometheus(Endpoint(url), deadline=timedelta(seconds=30))
        self.asked = 0

    async def instant(self, query: str, at: datetime | None = None) -> Sequence[Sample]:
        self.asked += 1
        return await self._inner.instant(query, at)

    async def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Series]:
        self.asked += 1
        return await self._inner.range(query, start, end, step)

    async def rules(self) -> Sequence[Rule]:
        self.asked += 1
        return await self._inner.rules()

    async def aclose(self) -> None:
        await self._inner.aclose()


async def test_hundreds_are_read_with_six_questions_and_as_each_alone(many: str) -> None:
    source, now = Counting(many), datetime.now(UTC)
    try:
        found = await running(source)
        assert len(found.slos) == 2 * MANY
        reading = await MetricsReader(found.slos, source).read(now, now)
        assert source.asked <= 6
        assert reading.shortfall is None
        assert len(reading.pasts) > MANY
        for slo in (found.slos[3], found.slos[MANY + 3], found.slos[-1]):
            alone = await MetricsReader([slo], source).read(now, now)
            assert reading.numbers[slo.id] == alone.numbers[slo.id]
            assert reading.pasts.get(slo.id) == alone.pasts.get(slo.id)
    finally:
        await source.aclose()


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
