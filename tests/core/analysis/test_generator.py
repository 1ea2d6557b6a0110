from __future__ import annotations

from sretool.core.analysis.generator import Keeping


def watched(*, cpu: list[float], lag: float = 0.001, requests: int = 100, late: int = 0) -> Keeping:
    keeping = Keeping()
    for each in cpu:
        keeping.take(cpu=each, lag=lag, requests=requests, late=late)
    return keeping


def test_a_generator_with_time_to_spare_is_trusted() -> None:
    assert watched(cpu=[0.5] * 20).overload() == ()
    assert Keeping().overload() == ()
    assert Keeping().tardiness() == ""


def test_one_busy_second_is_an_accident() -> None:
    assert watched(cpu=[0.99, 0.5, 0.5]).overload() == ()
    assert watched(cpu=[0.99] * 2 + [0.5] * 30).overload() == ()


def test_a_busy_core_is_no_measure_of_the_server() -> None:
    (reason,) = watched(cpu=[0.95] * 5 + [0.5] * 5).overload()
    assert reason == "a generator used more than 90% of its core in 5 of 10 seconds"


def test_a_loop_that_keeps_things_waiting() -> None:
    (reason,) = watched(cpu=[0.5] * 4, lag=0.25).overload()
    assert "more than 100 ms in 4 of 4 seconds (at worst 250 ms)" in reason


def test_late_requests() -> None:
    assert watched(cpu=[0.5] * 4, late=5).tardiness() == ""
    late = watched(cpu=[0.5] * 4, late=50)
    assert late.tardiness() == "200 of 400 requests began late"
    assert late.overload() == ()
    # What never began at all was not a request.
    assert watched(cpu=[0.5], requests=10, late=90).tardiness() == "90 of 90 requests began late"


def test_what_was_not_measured_is_no_reason() -> None:
    keeping = Keeping()
    keeping.take(cpu=None, lag=None, requests=5, late=0)
    assert keeping.overload() == ()
    assert keeping.tardiness() == ""
