from __future__ import annotations

from dataclasses import replace

import pytest

from sretool.lab_apps.amas.degradation import HOLD, Durations, Ladder, Signs, demanded

HEALTHY = Signs(
    requests=200,
    error_ratio=0.0,
    p95=0.02,
    native_failing=False,
    database_queries=300,
    database_p95=0.005,
    database_open=False,
    request_rate=5.0,
    capacity=1000.0,
    cpu_share=0.1,
)


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        pytest.param({}, 0, id="healthy"),
        pytest.param({"error_ratio": 0.06}, 1, id="5xx over 5 %"),
        pytest.param({"error_ratio": 1.0, "requests": 5}, 0, id="a handful of requests proves nothing"),
        pytest.param({"p95": 1.1}, 1, id="p95 over 1 s"),
        pytest.param({"native_failing": True}, 2, id="native model failing"),
        pytest.param({"database_p95": 2.1}, 3, id="database over 2 s"),
        pytest.param({"database_open": True}, 3, id="database breaker open"),
        pytest.param({"request_rate": 1001.0}, 4, id="over capacity"),
        pytest.param({"cpu_share": 0.91}, 4, id="CPU over 90 % of its limit"),
        pytest.param({"cpu_share": 0.91, "native_failing": True, "p95": 3.0}, 4, id="the highest wins"),
    ],
)
def test_level_demanded_by_the_signs(changes: dict[str, object], level: int) -> None:
    assert demanded(replace(HEALTHY, **changes)) == level  # type: ignore[arg-type]


def test_goes_up_at_once_and_down_after_holding() -> None:
    ladder = Ladder()
    assert ladder.tick(0, 3) == 3
    assert ladder.tick(1, 0) == 3
    assert ladder.tick(HOLD - 0.1, 0) == 3
    assert ladder.tick(HOLD, 0) == 0


def test_needing_it_again_prolongs_the_level() -> None:
    ladder = Ladder()
    ladder.tick(0, 2)
    ladder.tick(8, 2)
    assert ladder.tick(12, 0) == 2
    assert ladder.tick(18, 0) == 0


def test_summary_is_of_the_window_only() -> None:
    durations = Durations()
    for _ in range(100):
        durations.add(0, 5.0, bad=True)
    for number in range(100):
        durations.add(40, number / 100)
    assert durations.summary(40) == (100, 0.0, 0.95)
    assert durations.summary(200) == (0, 0.0, 0.0)
