"""What `slo status` says, against the raw counters of a real Prometheus with 30 days in it.

The raw side adds up 5-minute rates at multiples of 5 minutes, the recorded side at every minute. Over the
window both see the same increments; they differ at its two ends, by at most the events of five minutes there,
and of the minute since the rules were last evaluated, up to the very second of the question: tests that break
things run before. So the SLI and the error ratio must agree to 0.1 % plus
those events' share: nothing for the SLI unless something breaks in these very minutes, and nothing for the
error ratio of a long window; two evening minutes are 0.2 % of the few alerts of one day.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.files import catalog
from sretool.core.slo.model import BucketRatio, EventRatio
from sretool.units import format_decimal, format_duration, parse_time
from tests.support.lab import eventually, query

if TYPE_CHECKING:
    from sretool.adapters.lab.record import LabRecord
    from sretool.core.slo.model import Sli, Slo
    from tests.support.lab import LabHome

pytestmark = pytest.mark.lab

TOLERANCE = 0.001
ENOUGH_BAD_EVENTS = 100
"""Below, single events at the ends of the window weigh too much for a relative comparison."""
STEP = timedelta(minutes=5)
EDGE = timedelta(minutes=7)
"""Five minutes, the minute between two evaluations, and one to spare."""


def raw_rates(sli: Sli, over: str = "[5m]") -> tuple[str, str]:
    """Bad and all events per second, written down here again, apart from the code under test."""
    match sli:
        case EventRatio(bad, total):
            return f"sum(rate({bad}{over}))", f"sum(rate({total}{over}))"
        case BucketRatio(histogram, threshold, matchers, good):
            text = format_decimal(threshold)
            le = f'le=~"{text}|{text}.0"'
            below = f"sum(rate({histogram}_bucket{{{matchers},{le}}}{over}))"
            total = f'sum(rate({histogram}_bucket{{{matchers},le="+Inf"}}{over}))'
            return (below if good == "above" else f"({total} - {below})"), total
        case _:
            raise AssertionError(f"the bundled system has no {type(sli).__name__}")


def added_up(lab: LabRecord, rate: str, length: timedelta, end: float, step: timedelta = STEP) -> float:
    """Events of the `length` that ended at `end`."""
    span = f"[{format_duration(length)}:{format_duration(step)}] @ {end:.3f}"
    found = query(lab.endpoints["prometheus"], f"sum_over_time(({rate}){span})")
    assert len(found) <= 1, rate
    return found[0][1] * step.total_seconds() if found else 0.0


def at_the_edge(lab: LabRecord, sli: Sli, end: float) -> tuple[float, float]:
    """Bad and all events of the `EDGE` that ended at `end`, each counted once and whole."""
    over = f"[{format_duration(EDGE)}] @ {end:.3f}"
    found = [query(lab.endpoints["prometheus"], rate) for rate in raw_rates(sli, over)]
    bad, total = (rows[0][1] * EDGE.total_seconds() if rows else 0.0 for rows in found)
    return bad, total


def status(lab: LabRecord, home: LabHome) -> dict[str, Any]:
    asked = home.sretool("--lab", lab.name, "slo", "status", "--format", "json")
    assert asked.returncode in (0, 1), asked.stderr
    document: dict[str, Any] = json.loads(asked.stdout)
    return document


@pytest.fixture(scope="module")
def document(lab: LabRecord, lab_home: LabHome) -> dict[str, Any]:
    """After the rules of every SLO have been evaluated, which takes up to a minute from the lab's start."""
    slos = len(catalog.load([catalog.bundled("amas")]).slos)
    prometheus = lab.endpoints["prometheus"]
    eventually("rules evaluated", lambda: len(query(prometheus, "slo:total:sum")) == slos, within=90)
    return status(lab, lab_home)


@pytest.mark.parametrize("slo", catalog.load([catalog.bundled("amas")]).slos, ids=lambda slo: slo.name)
def test_status_equals_the_raw_counters(slo: Slo, lab: LabRecord, document: dict[str, Any]) -> None:
    said = next(each for each in document["slos"] if each["id"] == slo.id)
    at = parse_time(document["at"]).timestamp()
    bad_rate, total_rate = raw_rates(slo.sli)
    bad, total = (added_up(lab, rate, slo.window, at) for rate in (bad_rate, total_rate))
    assert total > 0
    start = at - slo.window.total_seconds()
    ends = [at_the_edge(lab, slo.sli, end) for end in (at, start + EDGE.total_seconds())]
    bad_at_the_ends, total_at_the_ends = (sum(events) for events in zip(*ends, strict=True))
    assert said["sli"] == pytest.approx(1 - bad / total, rel=TOLERANCE + bad_at_the_ends / total)
    assert said["total"] == pytest.approx(total, rel=TOLERANCE + EDGE / slo.window)
    assert said["coverage"] > 0.99
    if bad >= ENOUGH_BAD_EVENTS:
        at_the_ends = bad_at_the_ends / bad + total_at_the_ends / total
        assert 1 - said["sli"] == pytest.approx(bad / total, rel=TOLERANCE + at_the_ends)


def test_the_past_is_judged_as_it_was(lab: LabRecord, lab_home: LabHome) -> None:
    """Ten days ago no rules were loaded: the figures come from the history of rates."""
    at = parse_time(status(lab, lab_home)["at"]) - timedelta(days=10)
    asked = lab_home.sretool(
        "--lab", lab.name, "slo", "status", "amas/forgetting", "--format", "json", "--at", at.isoformat()
    )
    (said,) = json.loads(asked.stdout)["slos"]
    slo = next(each for each in catalog.load([catalog.bundled("amas")]).slos if each.id == said["id"])
    bad_rate, total_rate = raw_rates(slo.sli)
    bad, total = (added_up(lab, rate, slo.window, at.timestamp()) for rate in (bad_rate, total_rate))
    assert said["sli"] == pytest.approx(1 - bad / total, rel=TOLERANCE)
    assert said["coverage"] > 0.999
