from __future__ import annotations

from sretool.lab_apps.amas.breaker import CallBreaker, DatabaseBreaker, State


def called(breaker: CallBreaker, at: float, failures: int, calls: int) -> None:
    for number in range(calls):
        if breaker.allows(at):
            breaker.report(at, failed=number < failures)


def opened(at: float = 0.0) -> CallBreaker:
    breaker = CallBreaker()
    called(breaker, at, failures=5, calls=10)
    assert breaker.state(at) is State.OPEN
    return breaker


def test_stays_closed_at_exactly_the_permitted_share_of_failures() -> None:
    breaker = CallBreaker()
    called(breaker, 0, failures=0, calls=90)
    called(breaker, 1, failures=10, calls=10)
    assert breaker.state(1) is State.CLOSED


def test_opens_above_the_permitted_share() -> None:
    breaker = CallBreaker()
    called(breaker, 0, failures=0, calls=88)
    called(breaker, 1, failures=11, calls=11)
    assert breaker.state(1) is State.OPEN


def test_few_calls_prove_nothing() -> None:
    breaker = CallBreaker()
    called(breaker, 0, failures=9, calls=9)
    assert breaker.state(0) is State.CLOSED


def test_failures_older_than_the_window_do_not_count() -> None:
    breaker = CallBreaker()
    called(breaker, 0, failures=9, calls=9)
    called(breaker, 61, failures=0, calls=10)
    assert breaker.state(61) is State.CLOSED


def test_lets_nothing_through_for_a_minute_and_then_every_tenth_call() -> None:
    breaker = opened(at=0)
    assert not breaker.allows(59.9)
    let_through = [breaker.allows(60) for _ in range(30)]
    assert breaker.state(60) is State.HALF_OPEN
    assert let_through.count(True) == 3


def test_closes_after_ten_good_trials() -> None:
    breaker = opened(at=0)
    called(breaker, 60, failures=0, calls=100)
    assert breaker.state(60) is State.CLOSED


def test_opens_again_when_trials_fail() -> None:
    breaker = opened(at=0)
    for _ in range(40):
        if breaker.allows(60):
            breaker.report(60, failed=True)
    assert breaker.state(60) is State.OPEN
    assert not breaker.allows(119)
    assert breaker.state(120) is State.HALF_OPEN


def test_closing_forgets_the_failures_before() -> None:
    breaker = opened(at=0)
    called(breaker, 60, failures=0, calls=100)
    called(breaker, 61, failures=1, calls=15)
    assert breaker.state(61) is State.CLOSED


def database(at: float = 0.0, *, queries: int = 0, slow: int = 0, timeouts: int = 0) -> DatabaseBreaker:
    breaker = DatabaseBreaker()
    for number in range(queries):
        breaker.query(at, slow=number < slow, timed_out=number < timeouts)
    return breaker


def test_database_breaker_opens_on_more_than_twenty_slow_queries_a_minute() -> None:
    breaker = database(queries=100, slow=20)
    breaker.tick(1, 0.1)
    assert breaker.allows_writes
    breaker.query(1, slow=True, timed_out=False)
    breaker.tick(2, 0.1)
    assert breaker.state is State.OPEN
    assert not breaker.allows_writes


def test_database_breaker_opens_on_more_than_five_per_cent_timeouts() -> None:
    breaker = database(queries=40, timeouts=2)
    breaker.tick(1, 0.1)
    assert breaker.state is State.CLOSED
    breaker = database(queries=40, timeouts=3)
    breaker.tick(1, 0.1)
    assert breaker.state is State.OPEN


def test_a_pool_full_for_a_moment_is_no_reason() -> None:
    breaker = DatabaseBreaker()
    for second in range(5):
        breaker.tick(second, 1.0)
    breaker.tick(5, 0.5)
    breaker.tick(6, 1.0)
    assert breaker.allows_writes
    for second in range(7, 12):
        breaker.tick(second, 1.0)
    assert breaker.state is State.OPEN


def test_database_breaker_closes_after_a_calm_minute() -> None:
    breaker = database(queries=100, slow=30)
    states = {}
    for second in range(130):
        breaker.tick(second, 0.2)
        states[second] = breaker.state
    assert states[59] is State.OPEN
    assert states[61] is State.HALF_OPEN
    assert states[119] is State.HALF_OPEN
    assert states[121] is State.CLOSED


def test_a_timeout_during_the_calm_minute_begins_it_anew() -> None:
    breaker = database(queries=100, slow=30)
    for second in range(90):
        breaker.tick(second, 0.2)
    states = [breaker.state]
    breaker.query(90, slow=False, timed_out=True)
    breaker.tick(90, 0.2)
    states.append(breaker.state)
    for second in range(91, 150):
        breaker.tick(second, 0.2)
    states.append(breaker.state)
    assert states == [State.HALF_OPEN, State.OPEN, State.HALF_OPEN]


def test_a_busy_pool_keeps_it_open() -> None:
    breaker = database(queries=100, slow=30)
    for second in range(200):
        breaker.tick(second, 0.8)
    assert breaker.state is State.OPEN
