"""The live line of a load test: what stands in it, and that it fits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sretool.core.runs.events import (
    Checked,
    GuardTripped,
    LoadTick,
    PhaseBegan,
    RunEvent,
    Started,
    What,
    WorkerTick,
)
from sretool.core.runs.live import LiveLines
from sretool.core.runs.model import Check, RunKind
from tests.support.runs import request_tick

BEGAN = datetime(2026, 11, 20, 3, tzinfo=UTC)


def tick(latencies: list[float], failures: int = 0, **more: object) -> LoadTick:
    return LoadTick(
        1.0,
        300,
        (request_tick("GET /", latencies, failures),),
        120.0,
        workers=(WorkerTick("w1", 0.41),),
        **more,  # type: ignore[arg-type]
    )


def lines(*happened: tuple[float, What], width: int = 80, every: float = 1.0) -> list[str]:
    live = LiveLines(width, every)
    said = [
        line for t, what in happened for line in live.take(RunEvent(BEGAN + timedelta(seconds=t), t, what))
    ]
    return said + live.rest()


def test_a_line_a_second_under_a_header() -> None:
    header, first, second = lines((41, tick([0.012] * 118)), (42, tick([0.012] * 50 + [2.5] * 50, 25)))
    assert header.split() == [
        *("time", "rate", "plan", "p50", "p95", "p99", "errors"),
        *("users", "late", "cpu", "checks"),
    ]
    assert first.split() == ["00:41", "118", "120", "12ms", "12ms", "12ms", "0%", "300", "0", "41%"]
    assert second.split() == ["00:42", "100", "120", "12ms", "2.5s", "2.5s", "25.00%", "300", "0", "41%"]
    assert header.index("rate") + 4 == first.index(" 118") + 4


def test_the_header_comes_back_every_twenty_lines() -> None:
    said = lines(*((float(t), tick([0.01])) for t in range(41)))
    assert [number for number, line in enumerate(said) if "p95" in line] == [0, 21, 42]


def test_several_seconds_to_a_line_add_up_and_the_rest_is_told_at_the_end() -> None:
    happened = [(float(t), tick([0.01] * 10, late_starts=1)) for t in range(1, 26)]
    _, *figures = lines(*happened, every=10.0)
    assert [line.split()[0] for line in figures] == ["00:10", "00:20", "00:25"]
    assert [line.split()[8] for line in figures] == ["10", "10", "5"]
    assert all(line.split()[1] == "10" for line in figures)


def test_broken_objectives_stand_at_the_end_of_the_line_and_are_told_once() -> None:
    started = Started(RunKind.LOAD, "x", checks=(Check("p99 < 200ms", 0.2, unit="s"), Check("errors < 1%")))
    ok = Checked(Check("errors < 1%", 0.01, 0.0, "ratio", ok=True))
    bad = Checked(Check("p99 < 200ms", 0.2, 0.41, "s", ok=False))
    said = lines((0, started), (1, ok), (1, tick([0.01])), (2, bad), (2, bad), (2, tick([0.01])), width=120)
    assert said[-3].endswith("41%  1/2 hold")
    assert said[-2].split() == ["00:02", "check", "p99", "<", "200ms", "broken"]
    assert said[-1].endswith("41%  1 broken  p99 < 200ms: 410ms")


def test_eighty_columns_say_how_many_are_broken() -> None:
    bad = [Checked(Check(f"p{share} < 200ms", 0.2, 0.41, "s", ok=False)) for share in (95, 99)]
    said = lines(*((0.0, each) for each in bad), (3600 * 5, tick([0.0123] * 99_999, late_starts=9999)))
    assert said[-1].endswith("9999  41%  2 broken")


def test_phases_and_guards_are_told_between_the_figures() -> None:
    said = lines((0, PhaseBegan("warm-up")), (9, GuardTripped("p99 < 2s", "p99 3s")), width=60)
    assert said == ["  00:00  run   phase warm-up", "  00:09  guard p99 < 2s: p99 3s  tripped"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_asked_for(width: int) -> None:
    bad = Checked(Check("POST /a/very/long/path/of/a/request: p99.9 <= 200ms", 0.2, 0.41, "s", ok=False))
    busy = tick([1.2345] * 100_000, 50_000, late_starts=123_456)
    said = lines((0, bad), (360_000, busy), width=width)
    whole = lines((0, bad), (360_000, busy), width=999)
    assert all(len(line) <= width for line in said)
    assert all(long.startswith(short) for long, short in zip(whole, said, strict=True))


def test_without_requests_nothing_is_claimed() -> None:
    assert lines((1, LoadTick(1.0, None, (), in_flight=7)))[-1].split() == [
        *("00:01", "0", "-", "-", "-", "-", "-", "7", "0", "-"),
    ]
