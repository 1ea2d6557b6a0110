"""Users whose tasks yield their requests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import gevent
import pytest
from gevent.pool import Group
from locust import TaskSet, constant, task
from locust.exception import StopUser

from sretool.load.generators import GeneratorUser
from sretool.load.transport import TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

    from tests.load.conftest import Heard

    Make = Callable[..., Any]
    Counted = Callable[[str, str], tuple[int, int, int]]


def run(user: Any, seconds: float = 5.0) -> None:
    """As Locust does, until the user ends itself."""
    with gevent.Timeout(seconds, AssertionError("goes on")):
        user.start(Group()).join()


def told(user: Make, *steps: Any, **attributes: Any) -> list[Any]:
    """The answers to what one task yields; a step is given the user."""
    answers: list[Any] = []

    @task
    def all_of_them(self: Any) -> Any:
        for step in steps:
            answer = yield step(self)
            answers.append(answer)
        raise StopUser

    run(user(base=GeneratorUser, tasks=[all_of_them], **attributes))
    return answers


def test_answers_come_back_from_the_yield(user: Make, counted: Counted) -> None:
    answers = told(user, *[lambda self: self.get("/hello")] * 50, lambda self: self.get("/echo", "other"))
    assert [each.text for each in answers[:50]] == ["hello"] * 50
    assert answers[50].json()["target"] == "/echo"
    assert counted("GET", "/hello") == (50, 0, 250)
    assert counted("GET", "other")[0] == 1


def test_whatever_is_not_a_plain_answer_goes_the_long_way(user: Make, counted: Counted) -> None:
    paths = ["/hello", "/redirect?left=2", "/hello", "/encoded?as=br", "/chunked?step=99", "/close-between",
             "/hello", "/status?code=500", "/large?bytes=300000", "/nothing", "/hello", "/until-close",
             "/plain-and-more", "/hello", "/dies-when-kept", "/hello", "/raw?bytes=x"]  # fmt: skip
    answers = told(user, *[lambda self, path=path: self.get(path) for path in paths])
    texts = [(each.status_code, len(each.content or b"")) for each in answers]
    assert [status for status, _ in texts] == [200] * 7 + [500, 200, 0] + [200] * 6 + [0]
    assert texts[8] == (200, 300_000)
    assert answers[12].text == "mine"
    assert counted("GET", "/hello") == (6, 0, 30)
    assert counted("GET", "/nothing")[:2] == (1, 1)


def test_other_requests_and_pauses(user: Make) -> None:
    began = time.monotonic()
    answers = told(
        user,
        lambda self: self.get("/hello"),
        lambda self: self.post("/echo", json=[1]),
        lambda self: self.sleep(0.2),
        lambda self: self.request("PUT", "/echo", data="x"),
        lambda self: self.get("/cookie?set=a%3D1"),
        lambda self: self.get("/echo"),
    )
    assert time.monotonic() - began >= 0.2
    assert answers[1].json()["body"] == "[1]"
    assert answers[3].json()["method"] == "PUT"
    assert "a=1" in dict(answers[5].json()["headers"])["Cookie"]


def test_cookies_of_a_kept_connection(user: Make) -> None:
    answers = told(
        user, *[lambda self, p=p: self.get(p) for p in ("/hello", "/hello", "/cookie?set=a%3D1", "/echo")]
    )
    assert "a=1" in dict(answers[3].json()["headers"])["Cookie"]


def test_timeouts(user: Make) -> None:
    steps = [lambda self, p=p: self.get(p) for p in ("/hello", "/hello", "/slow?seconds=3", "/hello")]
    answers = told(user, *steps, network_timeout=0.3)
    assert isinstance(answers[2].error, TimedOut)
    assert answers[3].text == "hello"


def test_listeners_hear_everything(user: Make, heard: Heard) -> None:
    told(user, *[lambda self: self.get("/hello")] * 4)
    assert [each["response"].text for each in heard] == ["hello"] * 4


@pytest.mark.parametrize("after", [0, 1, 3])
def test_what_a_task_raises_reaches_locust(user: Make, environment: Environment, after: int) -> None:
    told_errors: list[Any] = []
    environment.catch_exceptions = True
    environment.events.user_error.add_listener(lambda exception, **_: told_errors.append(exception))
    rounds: list[int] = []

    @task
    def breaks(self: Any) -> Any:
        rounds.append(1)
        if len(rounds) == 3:
            raise StopUser
        for _ in range(after):
            yield self.get("/hello")
        raise KeyError("mine")

    run(user(base=GeneratorUser, tasks=[breaks]))
    assert [str(each) for each in told_errors] == ["'mine'"] * 2


def test_blocking_in_a_task_is_told(user: Make, environment: Environment) -> None:
    @task
    def blocks(self: Any) -> Any:
        for _ in range(3):
            yield self.get("/hello")
        gevent.sleep(0.1)

    one = user(base=GeneratorUser, tasks=[blocks])
    greenlet = one.start(Group())
    greenlet.join(5)
    assert isinstance(greenlet.exception, TypeError)
    assert "must not block" in str(greenlet.exception)


def test_yielding_something_else_is_told(user: Make) -> None:
    @task
    def wrong(self: Any) -> Any:
        yield self.get("/hello")
        yield "/hello"

    greenlet = user(base=GeneratorUser, tasks=[wrong]).start(Group())
    greenlet.join(5)
    assert "a task yields requests" in str(greenlet.exception)


def test_a_kill_reaches_the_task(user: Make) -> None:
    ends: list[str] = []

    @task
    def long(self: Any) -> Any:
        try:
            yield self.get("/hello")
            yield self.get("/hello")
            yield self.get("/slow?seconds=5")
        finally:
            ends.append("cleaned up")

    one = user(base=GeneratorUser, tasks=[long], on_stop=lambda self: ends.append("stopped"))
    group = Group()
    one.start(group)
    gevent.sleep(0.3)
    one.stop(force=True)
    group.join(2)
    assert ends == ["cleaned up", "stopped"]


def test_a_gentle_stop_lets_the_task_end(user: Make) -> None:
    rounds: list[int] = []

    @task
    def short(self: Any) -> Any:
        yield self.get("/hello")
        yield self.get("/hello")
        rounds.append(1)

    one = user(base=GeneratorUser, tasks=[short])
    group = Group()
    one.start(group)
    gevent.sleep(0.2)
    assert one.stop() is False
    assert group.join(2) is not False
    assert not group
    assert len(rounds) > 2


def test_waits_and_other_kinds_of_tasks(user: Make, counted: Counted) -> None:
    rounds: list[str] = []

    class Inner(TaskSet):
        @task
        def inner(self: Any) -> Any:
            answer = yield self.user.get("/hello", "inner")
            rounds.append(answer.text)
            self.interrupt()

    @task
    def function(self: Any) -> None:
        rounds.append(self.client.get("/hello", "function").text)
        if counted("GET", "function")[0] > 3 and counted("GET", "inner")[0] > 3:
            raise StopUser

    for wait in ({}, {"wait_time": constant(0.001)}):
        run(user(base=GeneratorUser, tasks=[Inner, function], **wait))
    assert set(rounds) == {"hello"}
