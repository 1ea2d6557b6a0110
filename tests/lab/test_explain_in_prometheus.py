"""The known incidents of the reference system's past, as `slo explain` and `slo report` account for them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.files.catalog import bundled as folder_of
from sretool.adapters.lab.history import bundled, finish, prepare
from sretool.cli import diagnostics
from sretool.cli.main import group
from tests.lab.test_history_in_prometheus import HOUR, Prometheus, serving
from tests.systems.test_amas_history import only_what_slos_count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sretool.core.plans.history import Occurrence

pytestmark = pytest.mark.lab

LEARNING = 'job="danci-backend",route=~"/api/(learning|amas)/.*"'
TIMED = 'job="danci-backend",route=~"/api/learning/.*|/api/amas/decide"'
BAD = {
    ("database-failover", "amas/learning-availability"): f"http_request_5xx_total{{{LEARNING}}}",
    ("bad-release", "amas/learning-availability"): f"http_request_5xx_total{{{LEARNING}}}",
    ("database-failover", "amas/write-durability"): 'db_write_failed_total{job="danci-backend"}',
    ("slow-queries", "amas/learning-latency"): f"http_request_duration_seconds_count{{{TIMED}}}"
    f' - ignoring(le) http_request_duration_seconds_bucket{{{TIMED},le="0.2"}}',
    (
        "worker-stall",
        "amas/forgetting-alert-delivery",
    ): 'forgetting_alert_delivery_seconds_count{job="amas-worker"}'
    ' - ignoring(le) forgetting_alert_delivery_seconds_bucket{job="amas-worker",le=~"600(\\\\.0)?"}',
}
"""Counters whose growth in an incident is what it cost an SLO."""


@dataclass(frozen=True, slots=True)
class Past:
    prometheus: Prometheus
    now: int
    incidents: dict[str, Occurrence]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    folder = tmp_path_factory.mktemp("amas")
    now = int(time.time()) // 300 * 300
    made = replace(bundled("amas"), plan=only_what_slos_count().plan)
    prepare(made, folder / "tsdb", folder / "cache", now)
    finish(folder / "tsdb", now, made)
    history = made.history(now // HOUR * HOUR)
    with serving(folder) as prometheus:
        yield Past(prometheus, now, {each.incident.id: each for each in history.occurrences})


def sretool(past: Past, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    url = f"http://127.0.0.1:{past.prometheus.port}"
    code = diagnostics.run(
        group, ["--prometheus", url, "--catalog", str(folder_of("amas")), "slo", *arguments]
    )
    said = capsys.readouterr()
    assert code in (0, 1), said.err
    document: dict[str, Any] = json.loads(said.out)
    return document


def explained(past: Past, capsys: pytest.CaptureFixture[str], slo: str, *more: str) -> dict[str, Any]:
    return sretool(past, capsys, "explain", slo, "--format", "json", *more)


def grown(past: Past, counters: str, start: int, end: int) -> float:
    """Without extrapolation: the last value before, and the one that has the last minute in it."""
    ends = [past.prometheus.value(f"sum({counters})", at) for at in (start, end + 60)]
    return ends[1] - ends[0]


def text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


@pytest.mark.parametrize(("incident", "slo"), BAD, ids=lambda value: value.rpartition("/")[2])
def test_a_known_incident_has_its_size(
    incident: str, slo: str, past: Past, capsys: pytest.CaptureFixture[str]
) -> None:
    known = past.incidents[incident]
    # Half a day after it every SLO's window still holds all of it.
    at = min(known.end + 12 * HOUR, past.now)
    found = explained(past, capsys, slo, "--at", text(at))
    ledger = found["ledger"]
    assert sum(entry["share"] for entry in ledger["entries"]) == pytest.approx(ledger["spent"], abs=1e-9)
    assert ledger["spent"] == pytest.approx(1 - found["budget_left"], abs=1e-9)
    (entry,) = (
        entry
        for entry in ledger["entries"]
        if entry["kind"] == "incident"
        and datetime.fromisoformat(entry["start"]).timestamp() <= known.start + 300
        and datetime.fromisoformat(entry["end"]).timestamp() >= known.end
    )
    cost = grown(past, BAD[incident, slo], known.start, known.end)
    assert cost > 15
    assert entry["bad"] == pytest.approx(cost, rel=0.03, abs=3)
    assert datetime.fromisoformat(entry["start"]).timestamp() >= known.start - 300
    assert datetime.fromisoformat(entry["end"]).timestamp() <= known.end + 900


def test_in_the_middle_of_an_incident_its_pairs_fire_since_it_began(
    past: Past, capsys: pytest.CaptureFixture[str]
) -> None:
    known = past.incidents["bad-release"]
    found = explained(past, capsys, "amas/learning-availability", "--at", text(known.start + 45 * 60))
    fast = found["pairs"][0]
    assert fast["firing"]
    # 7 % of 0.1 % budget: 1.44 % of an hour is reached in some 13 minutes.
    assert 10 * 60 <= datetime.fromisoformat(fast["since"]).timestamp() - known.start <= 16 * 60
    assert 3 * 60 <= fast["clears_in_s"] <= 5 * 60
    assert abs(datetime.fromisoformat(found["burning"]["since"]).timestamp() - known.start) <= 300
    labels = {each["label"] for each in found["suspects"]["labels"]}
    assert {"route", "instance"} <= labels


def test_the_month_adds_up(past: Past, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = past.incidents["bad-release"]
    file = tmp_path / "incidents.yaml"
    file.write_text(
        f"incidents:\n  - name: Bad release\n    start: {text(known.start)}\n    end: {text(known.end)}\n"
    )
    month = f"{datetime.fromtimestamp(known.start, UTC):%Y-%m}"
    found = sretool(past, capsys, "report", "--month", month, "--to", "json", "--incidents", str(file))
    for slo in found["slos"]:
        shares = [entry["share"] for entry in slo["ledger"]["entries"]]
        assert sum(shares) == pytest.approx(1 - slo["budget_left"], abs=1e-9)
        assert sum(week["bad"] for week in slo["weeks"]) == pytest.approx(slo["ledger"]["bad"])
    available = next(slo for slo in found["slos"] if slo["id"] == "amas/learning-availability")
    (named,) = (entry for entry in available["ledger"]["entries"] if entry["name"] == "Bad release")
    cost = grown(past, BAD["bad-release", "amas/learning-availability"], known.start, known.end)
    assert named["bad"] == pytest.approx(cost, rel=0.03)
    assert "page" in {alert["severity"] for alert in named["alerts"]}
