"""The budgets of five shapes of traffic over 30 days, by the rules' own queries in a real Prometheus."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sretool.adapters.lab.blocks import write_block
from sretool.core.slo.rules import group
from tests.lab.test_history_in_prometheus import Prometheus
from tests.support.correctness import BY_CASE, MONTH, USUAL_RATIO, shapes, sums, usual_average

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sretool.adapters.lab.blocks import Labels

pytestmark = pytest.mark.lab

POINTS = 10_800
"""Steps of one range query; Prometheus answers at most 11,000."""


@contextmanager
def running(folder: Path) -> Iterator[Prometheus]:
    server = Prometheus(folder)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.process.terminate()
        server.process.wait()


def samples(labels: dict[str, str], start: int, values: list[float | None]) -> tuple[Labels, Any, Any]:
    """One series for a block: a sample a minute, none where there is none."""
    there = [number for number, value in enumerate(values) if value is not None]
    times = (start + 60 * np.array(there, dtype=np.int64)) * 1000
    kept = np.array([values[number] for number in there], dtype=np.float64)
    return tuple(sorted(labels.items())), times, kept


def evaluated(server: Prometheus, record: str, expr: str, start: int) -> Iterator[tuple[Labels, Any, Any]]:
    """What a recording rule would have written, minute by minute, since `start`."""
    found: dict[str, list[float | None]] = {}
    for first in range(0, MONTH + 1, POINTS):
        begin, end = start + 60 * first, start + 60 * min(first + POINTS - 1, MONTH)
        asked = server.get("/api/v1/query_range", query=expr, start=begin, end=end, step=60)
        for series in asked:
            values = found.setdefault(series["metric"]["case"], [None] * (MONTH + 1))
            for at, value in series["values"]:
                values[round((at - start) / 60)] = float(value)
    for case, values in found.items():
        yield samples(
            {"__name__": record, "case": case, "slo": str(BY_CASE.id), "service": "bar"}, start, values
        )


def by_case(server: Prometheus, expr: str, at: int) -> dict[str, float]:
    found = server.get("/api/v1/query", query=expr, time=at)
    return {series["metric"]["case"]: float(series["value"][1]) for series in found}


def test_recorded_budgets_are_within_a_tenth_of_a_percent_of_the_truth(tmp_path: Path) -> None:
    start = int(time.time()) // 60 * 60 - 60 * (MONTH + 10)
    end = start + 60 * MONTH
    data = tmp_path / "tsdb"
    data.mkdir()
    write_block(
        data,
        [
            samples({"__name__": name, "case": shape.name}, start, values)
            for shape in shapes()
            for name, values in zip(("errors_total", "requests_total"), shape.counters(), strict=True)
        ],
    )
    rates = {str(r.record): r.expr for r in group(BY_CASE).rules if str(r.record).endswith("rate5m")}
    with running(tmp_path) as server:
        recorded = [
            series
            for record, expr in {**rates, "usual:ratio_rate5m": USUAL_RATIO}.items()
            for series in evaluated(server, record, expr, start)
        ]
    write_block(data, recorded)
    bad_sum, total_sum = sums()
    with running(tmp_path) as server:
        bad, total = (by_case(server, rule.expr, end) for rule in (bad_sum, total_sum))
        usual = by_case(server, usual_average(), end)
    for shape in shapes():
        assert bad[shape.name] / total[shape.name] == pytest.approx(shape.truth, rel=0.001), shape.name
    assert usual["night burst"] > 20 * next(s.truth for s in shapes() if s.name == "night burst")
    assert np.isnan(usual["no traffic at night"])
