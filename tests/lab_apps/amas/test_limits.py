from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.lab_apps.amas.limits import Kind, LocalWindows, RedisWindows, TokenBucket, estimate
from sretool.lab_apps.amas.redis_client import Redis
from sretool.lab_apps.logs import Sparse


def test_burst_goes_through_then_the_rate_decides() -> None:
    bucket = TokenBucket(rate=1000, burst=1500)
    assert sum(bucket.take(0.0) for _ in range(2000)) == 1500
    assert sum(bucket.take(0.5) for _ in range(2000)) == 500


def test_tokens_never_exceed_the_burst() -> None:
    bucket = TokenBucket(rate=10, burst=15)
    bucket.take(0.0)
    assert sum(bucket.take(3600.0) for _ in range(100)) == 15


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=200))
def test_bucket_never_gives_more_than_burst_plus_rate(gaps: list[float]) -> None:
    bucket = TokenBucket(rate=20, burst=5)
    now, given_out = 0.0, 0
    for gap in gaps:
        now += gap
        given_out += bucket.take(now)
    assert given_out <= 5 + 20 * now + 1e-6


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(60.0, 50.0, id="minute just begun: all of the last one"),
        pytest.param(90.0, 30.0, id="half-way: half of it"),
        pytest.param(119.4, 10.4, id="at the end: hardly any"),
    ],
)
def test_the_last_minute_fades_out(at: float, expected: float) -> None:
    assert estimate(40, 10, at) == pytest.approx(expected)


async def test_counts_are_per_kind_and_key() -> None:
    windows = LocalWindows()
    for _ in range(3):
        await windows.hit(Kind.ANSWERS, "1", 0)
    assert await windows.hit(Kind.ANSWERS, "1", 0) == 4
    assert await windows.hit(Kind.QUERIES, "1", 0) == 1
    assert await windows.hit(Kind.ANSWERS, "2", 0) == 1


async def test_a_window_forgets_after_two_quiet_minutes() -> None:
    windows = LocalWindows()
    for _ in range(50):
        await windows.hit(Kind.OTHER, "1", 30)
    assert await windows.hit(Kind.OTHER, "1", 60) == pytest.approx(51)
    assert await windows.hit(Kind.OTHER, "1", 180) == pytest.approx(1)


async def test_the_number_of_keys_is_bounded() -> None:
    windows = LocalWindows(capacity=10)
    for user in range(100):
        await windows.hit(Kind.OTHER, str(user), 0)
    assert await windows.hit(Kind.OTHER, "99", 0) == 2
    assert await windows.hit(Kind.OTHER, "1", 0) == 1


async def test_without_redis_a_replica_counts_for_itself(unused_tcp_port: int) -> None:
    log = Sparse(logging.getLogger("test"))
    windows = RedisWindows(Redis(f"redis://127.0.0.1:{unused_tcp_port}/0", timeout=0.2), log)
    for expected in (1, 2, 3):
        assert await windows.hit(Kind.OTHER, "1", 0) == expected
