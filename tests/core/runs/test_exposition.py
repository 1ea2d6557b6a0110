"""What Prometheus reads of a running load test, as its own client library reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sretool.core.runs.events import (
    Checked,
    LoadTick,
    PhaseBegan,
    PlannedPhase,
    RunEvent,
    Started,
    What,
    WorkerTick,
)
from sretool.core.runs.exposition import BOUNDS, Exposition
from sretool.core.runs.model import Check, RunKind
from tests.support.runs import request_tick

BEGAN = datetime(2026, 11, 20, 3, tzinfo=UTC)


def exposed(*happened: What) -> Exposition:
    exposition = Exposition("kx72pa", "mixed", "http://127.0.0.1:8000")
    for t, what in enumerate(happened):
        exposition.take(RunEvent(BEGAN + timedelta(seconds=t), float(t), what))
    return exposition


def samples(exposition: Exposition) -> dict[str, float]:
    """`name{label=value,…}` → value."""
    return {
        sample.name + "{" + ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items())) + "}": sample.value
        for family in text_string_to_metric_families(exposition.text())
        for sample in family.samples
    }


def test_counters_add_up_from_the_beginning_warm_up_included() -> None:
    tick = LoadTick(1.0, 7, (request_tick("GET /", [0.01] * 10, 2, "503"),), late_starts=1, errors={"odd": 1})
    read = samples(exposed(PhaseBegan("warm-up"), tick, PhaseBegan("hold"), tick))
    assert read["sretool_load_requests_total{request=GET /}"] == 20
    assert read["sretool_load_failures_total{request=GET /}"] == 4
    assert read["sretool_load_received_bytes_total{request=GET /}"] == 4000
    assert read["sretool_load_errors_total{error=503,request=GET /}"] == 4
    assert read["sretool_load_errors_total{error=odd,request=}"] == 2
    assert read["sretool_load_late_starts_total{}"] == 2


def test_histograms_are_classic_and_cumulative() -> None:
    latencies = [0.0004, 0.003, 0.0249, 0.3, 0.3, 7.0, 100.0]
    exposition = exposed(LoadTick(1.0, None, (request_tick("GET /", latencies),)))
    read = samples(exposition)
    name = "sretool_load_request_duration_seconds"
    found = [read[f"{name}_bucket{{le={bound:g},request=GET /}}"] for bound in BOUNDS]
    assert found == [sum(each <= bound for each in latencies) for bound in BOUNDS]
    assert read[f"{name}_bucket{{le=+Inf,request=GET /}}"] == read[f"{name}_count{{request=GET /}}"] == 7
    assert read[f"{name}_sum{{request=GET /}}"] == pytest.approx(sum(latencies))


def test_gauges_are_those_of_the_last_tick_and_only_what_is_known() -> None:
    workers = (WorkerTick("w1", 0.4), WorkerTick("w2", None))
    first = LoadTick(1.0, 5, (), 100.0, workers=workers, lag_s=0.002, in_flight=3)
    read = samples(exposed(first, LoadTick(1.0, None, (), 120.0, workers=workers, in_flight=0)))
    assert read["sretool_load_planned_rate{}"] == 120
    assert read["sretool_load_in_flight{}"] == 0
    assert read["sretool_load_generator_cpu_ratio{generator=w1}"] == 0.4
    assert not {"sretool_load_users{}", "sretool_load_event_loop_lag_seconds{}"} & read.keys()
    assert "sretool_load_generator_cpu_ratio{generator=w2}" not in read


def test_phases_and_objectives() -> None:
    started = Started(RunKind.LOAD, "x", phases=(PlannedPhase("warm-up", 5), PlannedPhase("hold", 5)))
    broken = Checked(Check("p99 < 1s", 1.0, 2.0, "s", ok=False))
    waiting = Checked(Check("errors < 1%", 0.01))
    read = samples(exposed(started, PhaseBegan("warm-up"), PhaseBegan("hold"), broken, waiting))
    assert read["sretool_load_phase{phase=hold}"] == 1
    assert read["sretool_load_phase{phase=warm-up}"] == 0
    assert read["sretool_load_objective_holds{objective=p99 < 1s}"] == 0
    assert "sretool_load_objective_holds{objective=errors < 1%}" not in read


def test_words_of_errors_are_escaped_and_few() -> None:
    odd = 'a "quoted" \\ thing\nin two lines'
    many = (request_tick("GET /", [0.1], 1, f"error {number}") for number in range(150))
    tick = LoadTick(1.0, None, (request_tick("GET /", [0.1], 1, odd), *many))
    read = samples(exposed(tick))
    assert read[f"sretool_load_errors_total{{error={odd},request=GET /}}"] == 1
    errors = [key for key in read if key.startswith("sretool_load_errors_total")]
    assert len(errors) == 101
    assert read["sretool_load_errors_total{error=other,request=GET /}"] == 51


def test_before_the_first_tick_there_is_the_run() -> None:
    read = samples(exposed())
    info = "sretool_load_info{profile=mixed,run=kx72pa,target=http://127.0.0.1:8000}"
    assert read == {info: 1, "sretool_load_late_starts_total{}": 0}
