"""Objectives that Pyrra's and Sloth's rules record on a real Prometheus, grouped ones one for each group."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
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
PER_MINUTE = {
    ("/", "200"): 990,
    ("/", "500"): 10,
    ("/cart", "200"): 480,
    ("/cart", "500"): 20,
}
"""Events of each route and status: 1 % and 4 % of them bad, 2 % of all."""
ERRORS, TOTAL = 'http_requests_total{job="api",code="500"}', 'http_requests_total{job="api"}'


def pyrra(name: str, by: str) -> list[dict[str, Any]]:
    """The two groups Pyrra generates, here evaluated every second."""
    labels = {"slo": name, "job": "api", "team": "web"}

    def burnrate(window: str) -> dict[str, Any]:
        expr = f"sum{by} (rate({ERRORS}[{window}])) / sum{by} (rate({TOTAL}[{window}]))"
        return {"record": f"http_requests:burnrate{window}", "expr": expr, "labels": labels}

    short, long = (f'http_requests:burnrate{window}{{job="api",slo="{name}"}}' for window in ("5m", "1h"))
    alert = {
        "alert": "ErrorBudgetBurn",
        "expr": f"{short} > (14 * (1-0.99)) and {long} > (14 * (1-0.99))",
        "for": "2m0s",
        "labels": {**labels, "severity": "critical", "short": "5m", "long": "1h", "exhaustion": "2d"},
    }
    increase = {
        "record": "http_requests:increase4w",
        "expr": f"sum by (code{', route' if by else ''}) (increase({TOTAL}[4w]))",
        "labels": labels,
    }
    return [
        {"name": f"{name}-increase", "interval": "1s", "rules": [increase]},
        {"name": name, "interval": "1s", "rules": [burnrate("5m"), burnrate("1h"), alert]},
    ]


def ids(name: str) -> dict[str, str]:
    return {"sloth_id": f"shop-{name}", "sloth_service": "shop", "sloth_slo": name, "owner": "web"}


def sloth(name: str) -> list[dict[str, Any]]:

    def ratio(window: str) -> dict[str, Any]:
        expr = f"(sum by (route) (rate({ERRORS}[{window}]))) / (sum by (route) (rate({TOTAL}[{window}])))"
        return {
            "record": f"slo:sli_error:ratio_rate{window}",
            "expr": expr,
            "labels": {**ids(name), "sloth_window": window},
        }

    info = {
        "record": "sloth_slo_info",
        "expr": "vector(1)",
        "labels": {**ids(name), "sloth_objective": "99", "sloth_version": "v0.11.0"},
    }
    days = {"record": "slo:time_period:days", "expr": "vector(30)", "labels": ids(name)}
    return [{"name": f"sloth-{name}", "interval": "1s", "rules": [ratio("5m"), ratio("1h"), days, info]}]


def openmetrics(now: datetime) -> str:
    lines = ["# TYPE http_requests counter"]
    for (route, code), each in PER_MINUTE.items():
        labels = f'job="api",route="{route}",code="{code}"'
        for back in range(120, -1, -1):
            at = int((now - back * MINUTE).timestamp())
            lines.append(f"http_requests_total{{{labels}}} {(120 - back) * each} {at}")
    # What Sloth's rules recorded before the server was started.
    lines.append("# TYPE slo:sli_error:ratio_rate5m unknown")
    for route, share in (("/", 0.01), ("/cart", 0.04)):
        labels = ",".join(f'{name}="{value}"' for name, value in {**ids("pages"), "route": route}.items())
        series = f'slo:sli_error:ratio_rate5m{{{labels},sloth_window="5m"}}'
        lines += (f"{series} {share} {int((now - back * MINUTE).timestamp())}" for back in range(120, 0, -1))
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("rules")
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: apt-get install prometheus"
    folder.joinpath("data.om").write_text(openmetrics(datetime.now(UTC)))
    arguments = [promtool, "tsdb", "create-blocks-from", "openmetrics", "-q", "data.om", "data"]
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True)
    groups = [*pyrra("checkout", ""), *pyrra("routes", " by (route)"), *sloth("pages")]
    folder.joinpath("rules.yml").write_text(json.dumps({"groups": groups}))
    folder.joinpath("prometheus.yml").write_text("rule_files: [rules.yml]\n")
    with prometheus(folder) as url:
        time.sleep(2.5)
        yield url


def run(server: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    code = diagnostics.run(group, ["--prometheus", server, "slo", *arguments, "--format", "json"])
    out, err = capsys.readouterr()
    assert out, err
    return code, json.loads(out), err


def test_status_shows_each_group(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, found, err = run(server, capsys, "status")
    left = {each["id"]: each["budget_left"] for each in found["slos"]}
    assert left == {
        "default/checkout": pytest.approx(-1, abs=0.01),
        'default/routes{route="/"}': pytest.approx(0, abs=0.01),
        'default/routes{route="/cart"}': pytest.approx(-3, abs=0.01),
        'shop/pages{route="/"}': pytest.approx(0, abs=0.1),
        'shop/pages{route="/cart"}': pytest.approx(-3, abs=0.1),
    }
    assert "cannot be shown" not in err


def test_explain_names_who_carries_the_errors(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, found, _ = run(server, capsys, "explain", "default/checkout")
    assert found["ledger"]["spent"] == pytest.approx(2, abs=0.01)
    assert "/cart" in json.dumps(found["suspects"])
    _, found, _ = run(server, capsys, "explain", 'shop/pages{route="/cart"}')
    assert found["ledger"]["spent"] == pytest.approx(4, abs=0.1)
