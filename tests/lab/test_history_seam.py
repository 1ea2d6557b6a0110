"""Where the generated history of a whole lab ends and its live samples begin."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest

from sretool.adapters.lab.history import bundled
from sretool.core.plans.history import STEP, Segment
from sretool.core.plans.traffic import AMAS_LAB
from tests.support.lab import eventually

if TYPE_CHECKING:
    from sretool.adapters.lab.record import LabRecord

pytestmark = pytest.mark.lab

Series = frozenset[tuple[str, str]]
BEFORE = 900
"""Seconds of history that are looked at."""


def query(lab: LabRecord, expression: str, at: float) -> list[Any]:
    address = urlsplit(lab.endpoints["prometheus"])
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        connection.request("GET", f"/api/v1/query?{urlencode({'query': expression, 'time': at})}")
        reply = json.load(connection.getresponse())
    finally:
        connection.close()
    assert reply["status"] == "success", reply
    found: list[Any] = reply["data"]["result"]
    return found


def started(lab: LabRecord) -> float:
    """When the lab's Prometheus started: everything before is history, or samples of an earlier start."""
    start_time = 'process_start_time_seconds{job="prometheus"}'
    eventually("Prometheus scrapes", lambda: query(lab, start_time, time.time()), within=30)
    (found,) = query(lab, start_time, time.time())
    return float(found["value"][1])


def generated(lab: LabRecord) -> set[Series]:
    now = int(time.time())
    return {frozenset(track.labels) for track in bundled(lab.system).history(now).tracks(Segment(now, now))}


def sample_times(lab: LabRecord, names: set[str], end: float, seam: float) -> dict[Series, list[float]]:
    seconds = int(end - seam) + BEFORE
    return {
        frozenset(series["metric"].items()): [float(at) for at, _ in series["values"]]
        for name in names
        for series in query(lab, f"{name}[{seconds}s]", end)
    }


def test_every_generated_series_is_continued_live_without_a_gap(lab: LabRecord) -> None:
    seam = started(lab)
    expected = generated(lab)
    names = {dict(series)["__name__"] for series in expected}
    # An SLO's rates are recorded once a minute, so the last ones come a minute after the start.
    end = seam + STEP + 10
    time.sleep(max(end - time.time(), 0))
    found = sample_times(lab, names, end, seam)

    def lacking(wanted: bool) -> dict[str, int]:
        """Names of generated series without samples before or after the seam, with their number."""
        return Counter(
            dict(series)["__name__"]
            for series in expected
            if not any((at > seam) == wanted for at in found.get(series, ()))
        )

    assert lacking(wanted=False) == {}, "no history"
    assert lacking(wanted=True) == {}, "not continued live; does the lab run with all its programs?"
    for series in expected:
        widest = max(later - earlier for earlier, later in pairwise(found[series]))
        if dict(series)["__name__"].startswith("slo:"):
            # Evaluated within a minute of the start, a second or two after the last generated sample.
            start_up = seam + 1 - max(at for at in found[series] if at <= seam)
            assert widest <= STEP + start_up, dict(series)
        else:
            assert widest <= STEP, dict(series)


def test_rates_over_the_seam_are_those_of_the_traffic(lab: LabRecord) -> None:
    seam = started(lab)
    end = min(time.time(), seam + 300)
    usual = [AMAS_LAB.rate_at(end - ago) for ago in range(0, BEFORE, STEP)]
    rates = f'sum(rate(http_request_total{{job="danci-backend"}}[5m]))[{BEFORE}s:15s]'
    (highest,) = query(lab, f"max_over_time({rates})", end)
    (lowest,) = query(lab, f"min_over_time({rates})", end)
    assert float(highest["value"][1]) <= 2 * max(usual)
    assert float(lowest["value"][1]) >= 0.4 * min(usual)


def test_budgets_have_their_whole_window_from_the_start(lab: LabRecord) -> None:
    slos = {str(slo.id) for slo in bundled(lab.system).slos}

    def covered() -> dict[str, float]:
        found = query(lab, "slo:coverage:ratio", time.time())
        return {series["metric"]["slo"]: float(series["value"][1]) for series in found}

    eventually("every SLO is evaluated", lambda: covered().keys() == slos, within=STEP + 15)
    assert min(covered().values()) >= 0.99
