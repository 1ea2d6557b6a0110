"""`sretool alerts` with a real Alertmanager and a real Prometheus."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from sretool.cli import diagnostics
from sretool.cli.main import group
from tests.support.throwaway import alertmanager, fire, prometheus, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.lab

DOWN = {
    "alertname": "ServiceDown",
    "service": "amas",
    "severity": "page",
    "priority": "P0",
    "instance": "app-1",
}
DISK = {
    "alertname": "DiskUsageHigh",
    "service": "amas",
    "severity": "ticket",
    "priority": "P3",
    "instance": "db-1",
}
RULES = """
groups:
  - name: all
    interval: 1s
    rules: [{alert: ServiceDown, expr: vector(1), labels: {severity: page, instance: app-1}}]
"""


class Servers:
    def __init__(self, prometheus: str, alertmanager: str) -> None:
        self.prometheus = prometheus
        self.alertmanager = alertmanager


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    (folder / "prometheus.yml").write_text("global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n")
    (folder / "rules.yml").write_text(RULES)
    with alertmanager(folder) as am, prometheus(folder) as prom:
        fire(am, DOWN, DISK)
        time.sleep(2.5)
        yield Servers(prom, am)


@pytest.fixture
def alerts(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command: exit code, stdout, stderr."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("USER", "mia")

    def run(*arguments: str) -> tuple[int, str, str]:
        given = ["--catalog", "sretool/systems/amas", "--prometheus", servers.prometheus,
                 "--alertmanager", servers.alertmanager, "alerts", *arguments]  # fmt: skip
        runner = CliRunner()
        with runner.isolation() as (out, err, _):
            code = diagnostics.run(group, given)
            return code, out.getvalue().decode(), err.getvalue().decode()

    return run


def _states(alerts: Callable[..., tuple[int, str, str]]) -> dict[str, str]:
    _, out, _ = alerts("list", "--format", "json")
    return {each["name"]: each["state"] for each in json.loads(out)["alerts"]}


def _until(alerts: Callable[..., tuple[int, str, str]], name: str, state: str) -> None:
    for _ in range(50):
        if _states(alerts).get(name) == state:
            return
        time.sleep(0.1)
    raise AssertionError(f"{name} is not {state}: {_states(alerts)}")


def test_the_list_says_whether_a_page_waits(alerts: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = alerts("list")
    assert code == diagnostics.FAILED
    first = next(line for line in out.splitlines() if "ServiceDown" in line)
    assert first.startswith("PAGE")
    assert "backend-team" in first
    assert "new, escalates in" in first
    assert alerts("list", "severity=ticket")[0] == diagnostics.OK
    _, out, _ = alerts("list", "alertname=ServiceDown", "--format", "json")
    (found,) = json.loads(out)["alerts"]
    assert (found["severity"], found["state"], found["owner"], found["ack"]) == (
        "page",
        "new",
        "backend-team",
        None,
    )
    assert found["escalation"][0]["to"] == ["oncall-sre", "oncall-backend"]


def test_the_life_of_an_ack(alerts: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = alerts("ack", "alertname=ServiceDown", "--note", "looking")
    assert code == diagnostics.OK
    assert "ServiceDown" in out
    assert "unless a dashboard is open" in err
    _until(alerts, "ServiceDown", "acked")
    code, out, _ = alerts("list")
    assert code == diagnostics.OK
    assert "acked by mia" in out
    assert json.loads(alerts("ack", "--renew", "--format", "json")[1]) == {"renewed": 0, "dropped": 0}
    assert alerts("ack", "alertname=ServiceDown", "--release")[0] == diagnostics.OK
    _until(alerts, "ServiceDown", "new")
    assert alerts("ack", "alertname=NoSuch")[0] == diagnostics.FAILED
    assert alerts("ack")[0] == diagnostics.USAGE


def test_the_life_of_a_silence(alerts: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = alerts("silence", "add", "alertname=DiskUsageHigh", "--comment", "known", "--for", "10m")
    assert code == diagnostics.OK
    id_ = out.strip()
    assert "matches 1 open alerts (0 pages), 0 in the last 30d" in err
    _until(alerts, "DiskUsageHigh", "silenced")
    _, out, _ = alerts("silence", "list", "--format", "json")
    (found,) = json.loads(out)["silences"]
    assert (found["id"], found["by"], found["comment"], len(found["hits"])) == (id_, "mia", "known", 1)
    assert 590 < found["ends_in_s"] <= 600
    assert alerts("silence", "extend", id_[:8], "--by", "1h")[1].strip() == id_
    assert alerts("silence", "extend", id_, "--by", "24h")[0] == diagnostics.USAGE
    assert alerts("silence", "list", "--idle")[1] == ""
    assert alerts("silence", "expire", id_)[0] == diagnostics.OK
    _until(alerts, "DiskUsageHigh", "new")
    assert "expired" in alerts("silence", "list", "--expired")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["alertname=ServiceDown", "--comment", "x"], "hides 1 open pages"),
        (["service=amas", "--comment", "x"], "names no alert"),
        (["alertname=DiskUsageHigh", "--comment", "x", "--for", "3d"], "longer than a silence may be"),
        (["alertname=DiskUsageHigh", "--comment", " "], "the comment is empty"),
        (["alertname", "--comment", "x"], "is not a matcher"),
        (['a=~".*"', "--comment", "x"], "all alerts would be silenced"),
    ],
)
def test_a_silence_that_is_risky_or_wrong_is_not_made(
    alerts: Callable[..., tuple[int, str, str]], arguments: list[str], said: str
) -> None:
    before = alerts("silence", "list", "--expired", "--format", "json")[1]
    code, out, err = alerts("silence", "add", *arguments)
    assert (code, out) == (diagnostics.USAGE, "")
    assert said in err
    after = alerts("silence", "list", "--expired", "--format", "json")[1]
    assert len(json.loads(after)["silences"]) == len(json.loads(before)["silences"])


def test_history_counts_firings_not_samples(alerts: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = alerts("history", "--days", "1", "--format", "json")
    assert code == diagnostics.OK
    (found,) = json.loads(out)["alerts"]
    assert (found["name"], found["times"], found["firing"]) == ("ServiceDown", 1, True)
    assert "ServiceDown" in alerts("history", "alertname=ServiceDown")[1]
    assert alerts("history", "alertname=Other")[1] == ""


def test_routes_are_those_alertmanager_runs_with(alerts: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = alerts("route", "severity=page")
    assert code == diagnostics.OK
    assert out.startswith("nobody  (reminds every 4h")
    assert alerts("route", "severity")[0] == diagnostics.USAGE


def test_an_alert_that_is_over_leaves_the_list(
    alerts: Callable[..., tuple[int, str, str]], servers: Servers
) -> None:
    resolve(servers.alertmanager, DOWN, DISK)
    for _ in range(50):
        if not _states(alerts):
            break
        time.sleep(0.1)
    code, out, err = alerts("list")
    assert (code, out) == (diagnostics.OK, "")
    assert "no alert is open" in err


def test_an_alertmanager_that_is_not_there(
    alerts: Callable[..., tuple[int, str, str]], servers: Servers
) -> None:
    servers.alertmanager = "http://127.0.0.1:9"
    code, out, err = alerts("list")
    assert (code, out) == (diagnostics.UNREACHABLE, "")
    assert "cannot be reached" in err
