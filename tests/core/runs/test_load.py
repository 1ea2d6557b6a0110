"""The load of a stretch of a run."""

from __future__ import annotations

from sretool.core.runs.events import LoadTick, WorkerTick
from sretool.core.runs.load import Load


def busiest(*seconds_and_cpu: tuple[float, float]) -> float | None:
    load = Load()
    for seconds, cpu in seconds_and_cpu:
        load.take(LoadTick(seconds, 5, (), workers=(WorkerTick("local", cpu),)))
    return load.busiest


def test_what_the_end_itself_costs_is_not_the_loads() -> None:
    assert busiest((1.0, 0.05), (1.0, 0.04), (0.03, 0.8)) == 0.05
    assert busiest((0.03, 0.8)) == 0.8
    assert busiest() is None
