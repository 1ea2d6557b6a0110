"""Why client and server differ, with figures that follow from what was put in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.analysis.sides import ClientSide, ServerSide, availability, latency
from sretool.core.analysis.totals import Total

MS = 1e6


def client(
    latencies_ms: list[float], *, failures: int = 0, unanswered: int = 0, seconds: float = 100
) -> ClientSide:
    total = Total(len(latencies_ms), failures)
    total.latency.add([each * MS for each in latencies_ms])
    return ClientSide(total, seconds, unanswered)


def test_sides_that_agree_say_so() -> None:
    sides = availability(client([1.0] * 1000, failures=10), ServerSide(0.99, 1000, 100, 1))
    assert sides.client == pytest.approx(0.99)
    assert sides.unexplained == 0
    assert sides.text.startswith("both sides agree")
    assert "20 requests at the edges" in sides.text


def test_requests_that_never_reached_the_server() -> None:
    sides = availability(client([1.0] * 10_000, failures=600, unanswered=600), ServerSide(1.0, 9400, 100, 1))
    assert "about 600 of 10,000 requests never reached the server (6.00%, 600 of them without" in sides.text
    assert "6.00% lower" in sides.text
    assert sides.unexplained == pytest.approx(0, abs=1e-9)


def test_requests_of_others_on_the_server() -> None:
    sides = availability(client([1.0] * 10_000), ServerSide(0.999, 15_000, 100, 1))
    assert "5,000 requests that this test did not send" in sides.text


def test_answers_that_only_the_client_calls_failures() -> None:
    sides = availability(client([1.0] * 10_000, failures=500), ServerSide(1.0, 10_000, 100, 1))
    assert "500 answers failures that the server calls good (5.00%" in sides.text
    assert sides.unexplained == pytest.approx(0, abs=1e-9)


def test_time_on_the_way() -> None:
    # The server says 90 % within 100 ms; the client sees everything 30 ms later.
    server_ms = [50.0] * 80 + [95.0] * 10 + [300.0] * 10
    sides = latency(client([each + 30 for each in server_ms] * 10), ServerSide(0.9, 1000, 100, 1), 0.1)
    assert sides.client == pytest.approx(0.8)
    assert "reaches the client within 125ms: 25ms more on the way" in sides.text
    assert sides.unexplained == pytest.approx(0, abs=1e-9)


def test_a_histogram_without_a_boundary_at_the_threshold() -> None:
    times = [40.0] * 70 + [80.0] * 20 + [200.0] * 10
    coarse = ServerSide(0.7, 100, 100, 1, bounds=(0.05, 0.1, 0.25))
    sides = latency(client(times), coarse, 0.09)
    assert "no boundary at 90ms, only 50ms and 100ms: 20.00% of the requests" in sides.text
    assert sides.unexplained == 0
    exact = ServerSide(0.9, 100, 100, 1, bounds=(0.05, 0.09, 0.25))
    assert "boundary" not in latency(client(times), exact, 0.09).text


def test_windows_of_different_length() -> None:
    sides = availability(client([1.0] * 6000, failures=60, seconds=60), ServerSide(0.999, 30_000, 300, 15))
    assert "the server's figure covers 300s, the client's 60s" in sides.text


def test_a_server_slower_than_its_clients() -> None:
    assert "others too" in latency(client([10.0] * 1000), ServerSide(0.5, 1000, 100, 1), 0.1).text


def test_what_nothing_accounts_for_is_said() -> None:
    sides = availability(client([1.0] * 10_000), ServerSide(0.9, 10_000, 100, 1))
    assert sides.unexplained is not None
    assert sides.unexplained > 0.09
    assert "remain unexplained" in sides.text


def test_a_side_without_data() -> None:
    assert "the server has no figure" in availability(client([1.0]), ServerSide(None)).text
    assert "the client has no figure" in latency(client([]), ServerSide(0.9, 10, 100), 0.1).text


@given(
    st.lists(st.floats(0.1, 1000), max_size=50),
    st.integers(0, 50),
    st.floats(0, 1),
    st.floats(0, 10_000),
    st.floats(0.001, 2),
    st.lists(st.floats(0.001, 3), max_size=5),
)
def test_whatever_is_counted_can_be_told(
    times: list[float], failures: int, good: float, requests: float, threshold: float, bounds: list[float]
) -> None:
    ours = client(times, failures=min(failures, len(times)))
    theirs = ServerSide(good, requests, 60, 15, sorted(bounds))
    for sides in (availability(ours, theirs), latency(ours, theirs, threshold)):
        assert sides.text
        if sides.client is not None:
            assert 0 <= sides.client <= 1
            assert sides.unexplained is not None
            assert 0 <= sides.unexplained <= 1
