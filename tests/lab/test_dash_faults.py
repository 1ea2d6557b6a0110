"""What the dashboard shows while a real Prometheus is frozen, dies, lies about the time or is cut off."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.files import catalog
from sretool.adapters.prometheus.source import Prometheus
from sretool.core.observe import freshness
from sretool.core.observe.freshness import Freshness
from sretool.core.slo.model import Level
from sretool.ports import Endpoint
from sretool.services.watch import Watch
from tests.support import prometheus_server, throwaway
from tests.support.faulty import FaultyServer, reply
from tests.support.proxy import Mood, Proxy
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

SLOS = 60
PROGRAM = [sys.executable, "-c", "import sys; from sretool.cli.main import main; sys.exit(main())"]
NO_NUMBERS = 7
"""The SLO whose rules record what is no number."""


@dataclass
class Lab:
    url: str
    process: subprocess.Popen[bytes]
    catalog: Path


def _rules() -> str:
    rules = []
    for number in range(SLOS):
        labels = {"slo": f"svc-{number:04}/availability", "service": f"svc-{number:04}"}
        ratio = "0.02" if number == 0 else "(0 / 0)" if number == NO_NUMBERS else "0.0001"
        values = [("slo:info", "30d", "1"), ("slo:bad:sum", "30d", "1000"), ("slo:total:sum", "30d", "1e7")]
        values += [("slo:coverage:ratio", "30d", "1"), ("slo:total:rate5m", "", "40")]
        values += [("slo:error_ratio:rate", window, ratio) for window in ("5m", "30m", "1h", "2h", "6h")]
        for name, window, value in values:
            if number == NO_NUMBERS and name == "slo:bad:sum":
                value = "(1 / 0)"
            own = labels | ({"window": window} if window else {})
            rules.append({"record": name, "expr": f"vector({value})", "labels": own})
    return json.dumps({"groups": [{"name": "slos", "interval": "1s", "rules": rules}]})


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    (folder / "rules.yml").write_text(_rules())
    (folder / "prometheus.yml").write_text("rule_files: [rules.yml]\n")
    slos = tmp_path / "catalog"
    slos.mkdir()
    (slos / "slos.yaml").write_text(prometheus_server.catalog(SLOS))
    with throwaway.process(folder) as (url, process):
        _wait_for_rules(url)
        yield Lab(url, process, slos)


def _wait_for_rules(url: str) -> None:
    """Until then everything would be asked of raw counters, which there are none of."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with urllib.request.urlopen(f"{url}/api/v1/query?query=count(slo:info)") as answer:
            if f'"{SLOS}"' in answer.read().decode():
                return
        time.sleep(0.1)
    raise AssertionError("the rules were not evaluated")


def _dash(lab: Lab, tmp_path: Path, *options: str, url: str | None = None) -> Terminal:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SRETOOL_")}
    environment |= {"TERM": "xterm-256color", "XDG_STATE_HOME": str(tmp_path / "state")}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    argv = [*PROGRAM, "--catalog", str(lab.catalog), "--prometheus", url or lab.url, *options]
    return Terminal([*argv, "dash", "--refresh", "1s"], 120, 40, environment)


def _live(lines: list[str]) -> bool:
    return lines[1].startswith(" IT IS US  svc-0000/availability burns 20") and " PROM " not in lines[0]


def _stale(lines: list[str]) -> bool:
    return lines[1].startswith(" STALE") and "PROM LOST" in lines[0]


def _figures(terminal: Terminal) -> list[str]:
    """Of all rows on the screen, once no more of them are being painted."""
    shown: list[str] = []
    for _ in range(40):
        terminal.read(0.4)
        before, shown = shown, [line[4:40] for line in terminal.lines()[3:] if "/availability" in line]
        if shown == before:
            break
    return shown


def test_a_frozen_server_is_marked_keeps_every_value_and_is_back_by_itself(lab: Lab, tmp_path: Path) -> None:
    with _dash(lab, tmp_path) as terminal:
        terminal.wait_for(_live, 20, "live")
        before = _figures(terminal)
        lab.process.send_signal(signal.SIGSTOP)
        terminal.wait_for(_stale, 12, "frozen: STALE")
        assert _figures(terminal) == before
        assert terminal.lines()[3][2] == "?"
        lab.process.send_signal(signal.SIGCONT)
        terminal.wait_for(_live, 10, "thawed")


def test_a_killed_server_is_told_by_its_cause_and_a_new_start_shows_what_was_known(
    lab: Lab, tmp_path: Path
) -> None:
    with _dash(lab, tmp_path) as terminal:
        terminal.wait_for(_live, 20, "live")
        lab.process.kill()
        lab.process.wait()
        terminal.wait_for(_stale, 8, "killed: STALE")
        # The question that was open when it died is told as torn first.
        terminal.wait_for(lambda lines: "cannot be reached" in "\n".join(lines), 10, "why")
        terminal.send("q")
        assert terminal.wait_for_end(10) == 0
    with _dash(lab, tmp_path) as again:
        again.wait_for(lambda lines: "svc-0000/availability paged" in lines[1], 10, "the last snapshot")
        again.wait_for(_stale, 10, "STALE from the start")
        assert again.lines()[3][2] == "?"


@pytest.mark.parametrize("mood", ["garbage", "truncate", "fail"])
def test_bad_answers_clear_nothing(mood: Mood, lab: Lab, tmp_path: Path) -> None:
    with Proxy(lab.url) as proxy, _dash(lab, tmp_path, url=proxy.url) as terminal:
        terminal.wait_for(_live, 20, "live")
        before = _figures(terminal)
        proxy.be(mood)
        terminal.wait_for(_stale, 8, f"{mood}: STALE")
        assert _figures(terminal) == before
        proxy.be("well")
        terminal.wait_for(_live, 10, f"{mood}: back")


def test_five_thousand_alerts_leave_the_keys_awake(lab: Lab, tmp_path: Path) -> None:
    alerts = [
        {
            "fingerprint": f"{number:016x}",
            "labels": {
                "alertname": f"Noise{number % 50}",
                "instance": f"node-{number}",
                "severity": "ticket",
            },
            "annotations": {"summary": "too much of it"},
            "startsAt": "2026-01-01T00:00:00Z",
            "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
            "receivers": [{"name": "chat"}],
        }
        for number in range(5000)
    ]
    body = json.dumps(alerts).encode()
    with (
        FaultyServer(lambda _: reply(body)) as server,
        _dash(lab, tmp_path, "--alertmanager", server.url) as terminal,
    ):
        terminal.wait_for(_live, 20, "live")
        terminal.wait_for(lambda lines: "5000 ticket" in "\n".join(lines), 20, "all of them counted")
        terminal.send("G")
        terminal.wait_for(_last_row, 5, "the last row")
        terminal.send("q")
        assert terminal.wait_for_end(10) == 0


def _last_row(lines: list[str]) -> bool:
    return any(line.startswith(">") and "svc-0059" in line for line in lines)


class _Skewed:
    """Our clock, wrong by `off`."""

    def __init__(self, off: timedelta) -> None:
        self._off = off

    def now(self) -> datetime:
        return datetime.now(UTC) + self._off


@pytest.mark.parametrize(
    ("off", "mark"),
    [
        pytest.param(timedelta(minutes=10), Freshness.STALE, id="ours is ahead"),
        pytest.param(timedelta(minutes=-10), Freshness.FRESH, id="ours is behind"),
    ],
)
async def test_a_clock_that_is_wrong_never_makes_old_out_of_new_without_a_word(
    lab: Lab, off: timedelta, mark: Freshness
) -> None:
    slos = catalog.load([lab.catalog]).slos
    source, clock = Prometheus(Endpoint(lab.url)), _Skewed(off)
    watch = Watch(slos, source, None, clock)
    snapshot = await watch.poll_metrics()
    health = snapshot.source("prometheus")
    assert health is not None
    age = freshness.judge(health, clock.now(), timedelta(seconds=1), freshness.SAMPLE_EVERY)
    assert age.freshness is mark
    assert age.age is not None
    assert age.age >= timedelta()
    await watch.aclose()


async def test_what_is_no_number_is_no_data_and_what_is_new_is_read_alone(lab: Lab) -> None:
    slos = catalog.load([lab.catalog]).slos
    source, clock = Prometheus(Endpoint(lab.url)), _Skewed(timedelta())
    watch = Watch(slos, source, None, clock)
    deadline = time.monotonic() + 10
    while (first := await watch.poll_metrics()).statuses[0].level is not Level.PAGE:
        assert time.monotonic() < deadline
        await _second()
    levels = {status.slo.id: status.level for status in first.statuses}
    blind = [id for id, level in levels.items() if level is Level.NO_DATA]
    assert blind == [f"svc-{NO_NUMBERS:04}/availability"]
    await _second()
    second = await watch.poll_metrics()
    assert watch._reader._recorded is not None
    assert {status.slo.id: status.level for status in second.statuses} == levels
    assert max(status.at for status in second.statuses) > max(status.at for status in first.statuses)
    await watch.aclose()


async def _second() -> None:
    import asyncio

    await asyncio.sleep(1.1)
