"""Arrivals at their times, and users that arrive."""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import pytest
from gevent.monkey import get_original
from gevent.pool import Group
from hypothesis import given
from hypothesis import strategies as st
from locust import TaskSet, task
from locust.exception import StopUser

from sretool.core.analysis.latency import quantile
from sretool.load import clock
from sretool.load.arrivals import STEP, arrivals
from sretool.load.generators import GeneratorUser
from sretool.load.open import OpenUser
from sretool.load.recorder import Recorder
from tests.load.counts import planned

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

    Make = Callable[..., Any]
    Counted = Callable[[str, str], tuple[int, int, int]]


def until(seconds: float, **how: Any) -> list[float]:
    return [each for some in islice(arrivals(**how), round(seconds / STEP)) for each in some]


# --- when -------------------------------------------------------------------------------------------------


@given(st.floats(0.5, 5000), st.integers(1, 4))
def test_uniform_arrivals_are_evenly_spaced(rate: float, seconds: int) -> None:
    due = until(seconds, rate_at=lambda _: rate, kind="uniform")
    assert abs(len(due) - rate * seconds) <= 1
    assert all(abs(each - (k + 1) / rate) < 1e-9 for k, each in enumerate(due))


@given(st.floats(0, 500), st.floats(0, 500))
def test_a_ramp_is_the_integral_of_its_rate(first: float, last: float) -> None:
    due = until(2, rate_at=lambda t: first + (last - first) * t / 2, kind="uniform")
    assert due == sorted(due)
    for k, each in enumerate(due):
        assert first * each + (last - first) * each * each / 4 == pytest.approx(k + 1, abs=1e-6)


def test_poisson_arrivals_are_independent() -> None:
    due = until(50, rate_at=lambda _: 400, kind="poisson", seed=1)
    gaps = [b - a for a, b in pairwise(due)]
    assert len(due) == pytest.approx(20_000, abs=4 * 20_000**0.5)
    assert statistics.mean(gaps) == pytest.approx(1 / 400, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(1 / 400, rel=0.05)


def test_a_seed_repeats_a_run() -> None:
    first, again, other = (until(3, rate_at=lambda _: 50, kind="poisson", seed=s) for s in (7, 7, 8))
    assert first == again != other


def test_nobody_comes_at_a_rate_of_zero() -> None:
    due = until(3, rate_at=lambda t: 0 if t < 2 else 100, kind="uniform")
    assert due[0] == pytest.approx(2.01, abs=0.011)
    assert len(due) == pytest.approx(100, abs=1)


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none(rate: float) -> None:
    with pytest.raises(ValueError, match="the rate after 0 s"):
        until(1, rate_at=lambda _: rate)


def test_nobody_wakes_too_early() -> None:
    for _ in range(200):
        due = clock.now() + 2_345_678
        clock.sleep_until(due)
        assert clock.now() >= due


def test_sleepers_wake_in_order() -> None:
    order: list[int] = []

    def sleep(number: int) -> None:
        clock.sleep_until(clock.now() + number * 10_000_000)
        order.append(number)

    sleepers = [gevent.spawn(sleep, number) for number in (3, 1, 4, 2, 0)]
    sleepers[2].kill()
    gevent.joinall(sleepers, timeout=2)
    assert order == [0, 1, 2, 3]


# --- who --------------------------------------------------------------------------------------------------


def visit(one: Any, seconds: float) -> None:
    group = Group()
    greenlet = one.start(group)
    gevent.sleep(seconds)
    if not greenlet.dead:
        one.stop()
    assert group.join(5) is not False
    if greenlet.exception is not None:
        raise greenlet.exception


@task
def hello(self: Any) -> None:
    self.client.get("/hello")


def test_as_many_come_as_the_rate_says(user: Make, counted: Counted) -> None:
    visit(user(base=OpenUser, tasks=[hello], rate=300.0, arrivals="uniform", min_users=5), 1.5)
    assert counted("GET", "/hello")[0] in planned(450)
    assert counted("GET", "/hello")[1] == 0


def test_who_is_due_at_once(user: Make, counted: Counted) -> None:
    """The first of 20,000 a second is due before the clock of the pool has been read."""
    one = user(base=OpenUser, tasks=[hello], rate=20_000.0, arrivals="uniform", min_users=5, max_users=5)
    group = Group()
    one.start(group)
    gevent.sleep(0.5)
    one.stop(force=True)
    assert group.join(2) is not False
    assert counted("GET", "/hello")[0] > 50


def test_a_rate_from_outside(user: Make, counted: Counted) -> None:
    ramp = staticmethod(lambda seconds: 400 * seconds)
    visit(user(base=OpenUser, tasks=[hello], rate_at=ramp, arrivals="uniform"), 1.0)
    assert counted("GET", "/hello")[0] in planned(200)


def test_who_was_due_before_the_end_comes(user: Make, counted: Counted) -> None:
    """The processor is somebody else's until the test is to end."""
    one = user(base=OpenUser, tasks=[hello], rate=200.0, arrivals="uniform", min_users=5)
    group = Group()
    one.start(group)
    gevent.sleep(0.5)
    began = one.pool.started
    get_original("time", "sleep")(0.5)
    due = (clock.now() - began) / 1e9 * 200
    one.stop()
    assert group.join(5) is not False
    assert counted("GET", "/hello")[0] >= int(due)


def test_arrivals_do_not_wait_for_a_slow_server(user: Make, counted: Counted) -> None:
    @task
    def slow(self: Any) -> None:
        self.client.get("/slow?seconds=0.5")

    one = user(base=OpenUser, tasks=[slow], rate=40.0, arrivals="uniform")
    visit(one, 1.0)
    assert counted("GET", "/slow?seconds=0.5")[0] in planned(40)


def test_what_cannot_start_waits_and_is_late(user: Make, environment: Environment, counted: Counted) -> None:
    @task
    def slow(self: Any) -> None:
        self.client.get("/slow?seconds=0.1")

    one = user(base=OpenUser, tasks=[slow], rate=40.0, arrivals="uniform", max_users=2, min_users=2)
    visit(one, 1.0)
    requests = counted("GET", "/slow?seconds=0.1")[0]
    assert requests in planned(40)
    taken = Recorder.of(environment).take()
    assert requests - 6 <= taken.late <= requests
    # Two at once, 20 a second: the last of 40 waits about a second.
    assert environment.stats.total.max_response_time > 800


def test_weights_task_sets_and_starts(user: Make, counted: Counted) -> None:
    starts: list[Any] = []

    class Session(TaskSet):
        @task
        def browse(self: Any) -> None:
            self.client.get("/hello", "first")
            self.client.get("/hello", "second")
            self.interrupt()

    one = user(
        base=OpenUser, tasks=[hello, hello, hello, Session], rate=300.0,
        on_start=lambda self: starts.append(self), min_users=3,
    )  # fmt: skip
    visit(one, 1.5)
    singles, firsts = counted("GET", "/hello")[0], counted("GET", "first")[0]
    assert firsts == counted("GET", "second")[0]
    assert singles / firsts == pytest.approx(3, rel=0.6)
    assert len(starts) >= 3
    assert one not in starts


def test_what_tasks_raise_reaches_locust(user: Make, environment: Environment) -> None:
    told: list[Any] = []
    environment.catch_exceptions = True
    environment.events.user_error.add_listener(lambda exception, **_: told.append(exception))

    @task
    def breaks(self: Any) -> None:
        raise KeyError("mine")

    @task
    def leaves(self: Any) -> None:
        raise StopUser

    visit(user(base=OpenUser, tasks=[breaks, leaves, hello], rate=100.0), 0.5)
    assert told
    assert {str(each) for each in told} == {"'mine'"}


def test_a_rate_that_breaks_ends_the_user(user: Make, environment: Environment) -> None:
    one = user(base=OpenUser, tasks=[hello], rate_at=staticmethod(lambda seconds: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        visit(one, 0.5)


def test_a_rate_that_changes_meanwhile(user: Make, counted: Counted) -> None:
    one = user(base=OpenUser, tasks=[hello], rate_at=staticmethod(lambda _: 0.1), arrivals="uniform")
    group = Group()
    one.start(group)
    gevent.sleep(0.3)
    type(one).rate_at = staticmethod(lambda _: 200.0)
    gevent.sleep(1.0)
    one.stop()
    assert group.join(5) is not False
    assert counted("GET", "/hello")[0] in planned(180)


@pytest.mark.parametrize("min_users", [0, 3])
def test_nobody_who_starts(user: Make, environment: Environment, min_users: int) -> None:
    """Arrivals would wait for ever: the test ends, and says why."""
    told: list[str] = []
    environment.catch_exceptions = True
    environment.events.user_error.add_listener(lambda exception, **_: told.append(str(exception)))

    def on_start(_: Any) -> None:
        raise KeyError("no such login")

    one = user(base=OpenUser, tasks=[hello], rate=100.0, min_users=min_users, on_start=on_start)
    group = Group()
    one.start(group)
    assert group.join(3) is not False
    assert told[0] == "'no such login'"
    assert re.match(r"on_start failed for \d\d users in a row, and nobody else is left: KeyError", told[-1])
    assert environment.process_exit_code == 1


def test_some_who_do_not_start(user: Make, environment: Environment, counted: Counted) -> None:
    environment.catch_exceptions = True
    tries: list[int] = []

    def on_start(_: Any) -> None:
        tries.append(1)
        if len(tries) % 5:
            raise KeyError

    visit(user(base=OpenUser, tasks=[hello], rate=100.0, arrivals="uniform", on_start=on_start), 1.0)
    assert counted("GET", "/hello")[0] in planned(100)


# --- tasks that yield -------------------------------------------------------------------------------------


class Yielding(OpenUser, GeneratorUser):
    abstract = True


@task
def yielded(self: Any) -> Any:
    answer = yield self.get("/hello")
    assert answer.text == "hello"


def test_arrivals_of_generators(user: Make, environment: Environment, counted: Counted) -> None:
    one = user(base=Yielding, tasks=[yielded], rate=500.0, arrivals="uniform", min_users=10)
    visit(one, 1.0)
    n, failures, _ = counted("GET", "/hello")
    assert n in planned(500)
    assert failures == 0
    assert Recorder.of(environment).take().late < n


def test_visits_of_every_kind(user: Make, counted: Counted, environment: Environment) -> None:
    told: list[Any] = []
    environment.catch_exceptions = True
    environment.events.user_error.add_listener(lambda exception, **_: told.append(exception))
    ends: list[str] = []
    paths = ["/hello", "/chunked?step=99", "/close-between", "/status?code=500", "/nothing", "/until-close",
             "/redirect", "/large?bytes=300000", "/plain-and-more"]  # fmt: skip

    @task
    def all_of_them(self: Any) -> Any:
        codes = []
        for path in paths:
            answer = yield self.get(path)
            codes.append(answer.status_code)
        yield self.sleep(0.01)
        answer = yield self.post("/echo", json=[1])
        assert answer.json()["body"] == "[1]"
        assert codes == [200, 200, 200, 500, 0, 200, 200, 200, 200]
        ends.append("well")

    @task
    def raises(self: Any) -> Any:
        try:
            yield self.get("/hello")
            raise KeyError("mine")
        finally:
            ends.append("raised")

    @task
    def blocks(self: Any) -> Any:
        yield self.get("/hello")
        gevent.sleep(0.01)

    @task
    def wrong(self: Any) -> Any:
        yield self.get("/hello")
        yield "/hello"

    class Nested(TaskSet):
        @task
        def inner(self: Any) -> Any:
            answer = yield self.user.get("/hello", "inner")
            ends.append(answer.text)
            self.interrupt()

    tasks = [all_of_them, raises, blocks, wrong, Nested, hello, yielded]
    visit(user(base=Yielding, tasks=tasks, rate=150.0, min_users=2), 1.5)
    assert set(ends) == {"well", "raised", "hello"}
    kinds = {str(each).partition(":")[0] for each in told}
    assert kinds <= {
        "'mine'",
        "a task that yields requests must not block",
        "a task yields requests (`yield self.get(...)`), not '/hello'",
    }
    assert "'mine'" in kinds
    n, failures, _ = counted("GET", "/hello")
    assert n > failures == 0
    assert counted("GET", "/nothing")[0] == counted("GET", "/nothing")[1] > 0


def test_generators_wait_for_a_member(user: Make, environment: Environment, counted: Counted) -> None:
    @task
    def slow(self: Any) -> Any:
        yield self.get("/slow?seconds=0.1")

    one = user(base=Yielding, tasks=[slow], rate=40.0, arrivals="uniform", max_users=2, min_users=2)
    visit(one, 1.0)
    assert counted("GET", "/slow?seconds=0.1")[0] in planned(40)
    assert environment.stats.total.max_response_time > 800
    assert Recorder.of(environment).take().late > 30


def test_a_kill_reaches_visits(user: Make) -> None:
    ends: list[str] = []

    @task
    def long(self: Any) -> Any:
        try:
            yield self.get("/hello")
            yield self.get("/hello")
            yield self.get("/slow?seconds=5")
        finally:
            ends.append("visit")

    one = user(base=Yielding, tasks=[long], rate=50.0, on_stop=lambda self: ends.append("stopped"))
    group = Group()
    one.start(group)
    gevent.sleep(0.5)
    members = one.pool.members
    one.stop(force=True)
    assert group.join(2) is not False
    assert ends.count("stopped") == members > 5
    assert ends.count("visit") > 5


def test_a_connection_that_ends_between_visits(user: Make, counted: Counted) -> None:
    @task
    def once(self: Any) -> Any:
        answer = yield self.get("/close-between")
        assert answer.text == "bye"

    @task
    def more(self: Any) -> Any:
        answer = yield self.get("/hello-and-later")
        assert answer.text == "hello"

    for each, path in ((once, "/close-between"), (more, "/hello-and-later")):
        visit(user(base=Yielding, tasks=[each], rate=20.0, arrivals="uniform", min_users=1), 1.0)
        n, failures, _ = counted("GET", path)
        assert n in planned(20)
        assert failures == 0


def test_a_kill_ends_everybody(user: Make) -> None:
    ends: list[Any] = []

    @task
    def slow(self: Any) -> None:
        self.client.get("/slow?seconds=5")

    one = user(base=OpenUser, tasks=[slow], rate=50.0, on_stop=lambda self: ends.append(self))
    group = Group()
    one.start(group)
    gevent.sleep(0.3)
    members = one.pool.members
    one.stop(force=True)
    assert group.join(2) is not False
    assert (len(ends), one.pool.members) == (members, 0)


@pytest.mark.slow
def test_a_stalling_server_is_told_as_it_is(
    user: Make, environment: Environment, authority: Path, counted: Counted
) -> None:
    """Half a second in two: what arrives meanwhile waits for the rest of it."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("server.py")), str(authority)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["plain"]
    host = f"http://127.0.0.1:{port}"
    one = user(base=OpenUser, tasks=[hello], rate=100.0, arrivals="uniform", min_users=80, host=host)
    group = Group()
    try:
        one.start(group)
        # A connection for each member before the clock starts.
        gevent.sleep(2)
        Recorder.of(environment).take()
        for _ in range(2):
            os.kill(process.pid, signal.SIGSTOP)
            began = time.monotonic()
            gevent.sleep(0.5)
            stalled = time.monotonic() - began
            os.kill(process.pid, signal.SIGCONT)
            gevent.sleep(1.5)
        (requests,) = Recorder.of(environment).take().requests
        one.stop()
        group.join(5)
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)
    assert requests.n in planned(400)
    p50, p99 = (quantile(requests.buckets, share) for share in (0.5, 0.99))
    assert p50 is not None
    assert p99 is not None
    assert p50 < 0.3e9
    # A quarter of all arrive in a stall; 1 % are those of its first 4 %.
    assert 0.8 * stalled * 1e9 < p99 < 2 * stalled * 1e9
