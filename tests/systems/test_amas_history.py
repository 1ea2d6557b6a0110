"""The reference system's past: complete, calm at its end, with budgets that have been used but not spent."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest
import yaml

from sretool.adapters.files.catalog import bundled as folder_of
from sretool.adapters.files.catalog import load
from sretool.adapters.lab.history import bundled
from sretool.core.plans.history import STEP, History, Segment
from sretool.core.plans.history_file import Counter, Histogram
from sretool.core.plans.traffic import AMAS_LAB
from sretool.core.slo.rules import group

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from sretool.core.slo.model import Slo

SOURCE = bundled("amas")
LEFT = {
    "amas/learning-availability": (0.35, 0.6),
    "amas/learning-latency": (0.5, 0.75),
    "amas/write-durability": (0.2, 0.75),
    "amas/forgetting-alert-delivery": (0.45, 0.7),
    "amas/decision-confidence": (0.8, 0.95),
    "amas/stats-availability": (0.75, 0.95),
    "amas/admin-availability": (0.85, 1.0),
}
"""What is left of each budget when a lab is made: between which shares, whatever the weekday."""
NOT_IN_HISTORY = {
    "amas:http_5xx:error_ratio": "recorded every second and read back over minutes only",
}


def only_what_slos_count() -> History:
    """The same past without the series that no SLO reads."""
    read = " ".join(repr(slo.sli) for slo in SOURCE.slos)
    families = [
        family
        for family in SOURCE.plan.families
        if isinstance(family, Counter | Histogram) and re.search(rf"\b{family.name}\b", read)
    ]
    plan = msgspec.structs.replace(SOURCE.plan, families=families)
    return History(plan, AMAS_LAB, SOURCE.slos)


class Rates:
    """The recorded rates of all SLOs at the moment a lab is made."""

    def __init__(self, anchor: datetime) -> None:
        at = int(anchor.timestamp())
        made = History(only_what_slos_count().plan, AMAS_LAB, SOURCE.slos, at // 3600 * 3600)
        self._begins = made.begins
        self.occurrences = {happened.incident.id: happened for happened in made.occurrences}
        self._by_series: dict[tuple[str, str], NDArray[np.float64]] = {}
        for track in made.tracks(Segment(made.begins, at // STEP * STEP)):
            labels = dict(track.labels)
            if "slo" in labels:
                self._by_series[labels["slo"], labels["__name__"]] = track.values

    def ratio(self, slo: Slo, seconds: float, ago: int = 0) -> float:
        """Bad over all events in a window that ended `ago` minutes before."""
        bad, total = (self._by_series[slo.id, f"slo:{what}:rate5m"] for what in ("bad", "total"))
        end = len(bad) - ago
        window = slice(end - int(seconds // STEP), end)
        events = float(total[window].sum())
        return float(bad[window].sum()) / events if events else 0.0

    def events(self, slo_id: str, what: str, begin: int, end: int) -> float:
        """Events of an SLO in a stretch; the recorded rate spreads each over the five minutes after it."""
        first, last = ((moment - self._begins) // STEP + 1 for moment in (begin, end + 300))
        rates = self._by_series[slo_id, f"slo:{what}:rate5m"][first:last]
        return float(rates.sum()) * STEP


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(datetime(2026, 11, 18, 3, 20, tzinfo=UTC), id="wednesday morning"),
        pytest.param(
            datetime(2026, 11, 20, 13, 59, tzinfo=UTC), id="friday evening peak", marks=pytest.mark.slow
        ),
        pytest.param(
            datetime(2026, 11, 22, 19, 0, tzinfo=UTC), id="monday night trough", marks=pytest.mark.slow
        ),
    ],
)
def rates(request: pytest.FixtureRequest) -> Rates:
    return Rates(request.param)


def test_every_slo_has_its_budgets_range() -> None:
    assert {slo.id for slo in SOURCE.slos} == set(LEFT)


def test_budgets_are_used_but_not_spent(rates: Rates) -> None:
    for slo in SOURCE.slos:
        left = 1 - rates.ratio(slo, slo.window.total_seconds()) / float(slo.budget)
        low, high = LEFT[slo.id]
        assert low <= left <= high, f"{slo.id}: {left:.0%} left"


@pytest.mark.parametrize(
    ("incident", "slo", "share"),
    [
        ("database-failover", "amas/learning-availability", 0.35),
        ("database-failover", "amas/write-durability", 0.022),
        ("slow-queries", "amas/learning-latency", 0.3),
        ("bad-release", "amas/learning-availability", 0.07),
        ("bad-release", "amas/stats-availability", 0.07),
        ("bad-release", "amas/learning-latency", 0.4),
        ("worker-stall", "amas/forgetting-alert-delivery", 0.9),
    ],
)
def test_an_incident_costs_what_the_file_says(rates: Rates, incident: str, slo: str, share: float) -> None:
    happened = rates.occurrences[incident]
    bad = rates.events(slo, "bad", happened.start, happened.end)
    # A sum of five-minute rates over the stretch and the five minutes after it has those minutes' events too.
    lasted = happened.end - happened.start
    events = rates.events(slo, "total", happened.start, happened.end) * lasted / (lasted + 300)
    assert bad == pytest.approx(share * events, abs=0.12 * share * events + 5 * (share * events) ** 0.5)


def test_no_burn_alert_fires_in_the_last_hours(rates: Rates) -> None:
    for slo in SOURCE.slos:
        for pair in slo.alerts:
            limit = float(pair.factor(slo.window) * slo.budget)
            for ago in range(0, 360, 7):
                long = rates.ratio(slo, pair.long.total_seconds(), ago)
                short = rates.ratio(slo, pair.short.total_seconds(), ago)
                assert not (long > limit and short > limit), f"{slo.id} {pair} {ago} min ago"


def test_series_are_unique_and_their_number_is_bounded() -> None:
    made = SOURCE.history(1_800_000_000)
    tracks = list(made.tracks(Segment(1_800_000_000, 1_800_000_060)))
    assert len({track.labels for track in tracks}) == len(tracks)
    assert len(tracks) <= 900


def test_recorded_rates_have_the_labels_of_the_slos_rules() -> None:
    made = SOURCE.history(1_800_000_000)
    history = {
        track.labels
        for track in made.tracks(Segment(1_800_000_000, 1_800_000_060))
        if "slo:" in track.labels[0][1]
    }
    rules = {
        tuple(sorted({"__name__": rule.record, **rule.labels}.items()))
        for slo in SOURCE.slos
        for rule in group(slo).rules
        if rule.record in ("slo:bad:rate5m", "slo:total:rate5m")
    }
    assert history == rules


def test_everything_that_is_read_has_a_past() -> None:
    have = set()
    for family in SOURCE.plan.families:
        endings = ("_bucket", "_count", "_sum") if isinstance(family, Histogram) else ("",)
        have |= {family.name + ending for ending in endings}
    assert set(metrics_read()) - have - set(NOT_IN_HISTORY) == set()


def metrics_read() -> Iterator[str]:
    """Names of all raw metrics in the catalog's indicators, panels and symptom rules."""
    system = load([folder_of("amas")])
    panels = (panel for dashboard in system.dashboards for panel in dashboard.panels)
    queries = [sli.query for sli in system.slis] + [query.expr for panel in panels for query in panel.queries]
    rules = [
        rule
        for text in system.rule_files.values()
        for group_ in yaml.safe_load(text)["groups"]
        for rule in group_["rules"]
    ]
    queries += [rule["expr"] for rule in rules]
    for query in queries:
        plain = re.sub(r'"[^"]*"', '""', query)
        plain = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", plain)
        plain = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", plain)
        for name in re.findall(r"[a-zA-Z_:][\w:]*(?!\w*\s*\()", plain):
            if ("_" in name or name == "up") and not name.startswith("slo:") and f"{name}(" not in plain:
                yield name
