"""Lanes that are served together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gevent
import pytest
from gevent import socket

from sretool.load.clock import now
from sretool.load.generators import GeneratorUser
from sretool.load.lane import Lane, Rest, Ward
from sretool.load.recorder import Recorder
from sretool.load.transport import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from locust.env import Environment

    from sretool.load.client import FixedPlan, Session

    Asking = Generator[Any, Any, None]

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
SLOW = 0.03
"""Seconds that a task may think about an answer."""


class Road:
    """A lane, the other end of its connection, and what became of it."""

    def __init__(self, client: Session, plan: FixedPlan, asks: Callable[[Road], Asking]) -> None:
        near, self.far = socket.socketpair()
        plan.origin.idle.append(Connection(near, client._heads, 5.0))
        self.told: list[str | None] = []
        self.rests: list[Rest] = []
        self.plan = plan
        tasks: Any = asks(self)
        next(tasks)
        self.lane = Lane(client, plan.origin, tasks.send, self.hand_over)

    def hand_over(self, rest: Rest) -> None:
        self.rests.append(rest)

    def begin(self) -> None:
        assert self.lane.begin(self.plan, now(), now())
        assert self.far.recv(4096) == self.plan.payload

    def answered(self) -> None:
        self.far.sendall(ANSWER)

    def asked_again(self) -> bool:
        self.far.setblocking(False)
        try:
            return bool(self.far.recv(4096) == self.plan.payload)
        except BlockingIOError:
            return False


def for_ever(road: Road) -> Asking:
    while True:
        answer = yield road.plan
        road.told.append(answer.text)


@pytest.fixture
def roads(user: Callable[..., Any]) -> Iterator[Callable[..., list[Road]]]:
    def make(*asks: Callable[[Road], Asking]) -> list[Road]:
        client = user(base=GeneratorUser).client
        made.extend(Road(client, client.plan("/x"), each) for each in asks)
        for each in made:
            each.begin()
        return made

    made: list[Road] = []
    yield make
    for each in made:
        each.lane.stop()
        each.lane.connection.close()
        each.far.close()


def settle() -> None:
    gevent.sleep(0.05)


def test_each_gets_its_answer_and_asks_again(roads: Callable[..., list[Road]]) -> None:
    some = roads(for_ever, for_ever, for_ever)
    for each in some[:2]:
        each.answered()
    settle()
    assert [each.told for each in some] == [["hi"], ["hi"], []]
    assert [each.asked_again() for each in some] == [True, True, False]


def test_what_one_thinks_about_is_not_the_latency_of_another(
    roads: Callable[..., list[Road]], environment: Environment
) -> None:
    def slowly(road: Road) -> Asking:
        while True:
            yield road.plan
            until = now() + int(SLOW * 1e9)
            while now() < until:
                pass

    some = roads(*[slowly] * 4)
    for each in some:
        each.answered()
    settle()
    Recorder.of(environment).count()
    entry = environment.stats.get("/x", "GET")
    assert entry.num_requests == 4
    # The last was given its answer after three others had thought.
    assert entry.max_response_time - (entry.min_response_time or 0) < SLOW * 1e3


def test_who_is_stopped_meanwhile_gets_nothing(roads: Callable[..., list[Road]]) -> None:
    def ends_the_other(road: Road) -> Asking:
        yield road.plan
        some[1].lane.stop()
        yield road.plan

    some = roads(ends_the_other, for_ever)
    for each in some:
        each.answered()
    settle()
    assert some[1].told == []
    assert [each.asked_again() for each in some] == [True, False]
    some[1].lane.stop()


def test_who_is_stopped_before_the_sending_sends_nothing(roads: Callable[..., list[Road]]) -> None:
    def ends_the_other(road: Road) -> Asking:
        yield road.plan
        some[0].lane.stop()
        yield road.plan

    some = roads(for_ever, ends_the_other)
    for each in some:
        each.answered()
    settle()
    assert some[0].told == ["hi"]
    assert [each.asked_again() for each in some] == [False, True]


def test_an_error_of_one_leaves_the_others_alone(
    roads: Callable[..., list[Road]], capsys: pytest.CaptureFixture[str]
) -> None:
    def once(road: Road) -> Asking:
        yield road.plan

    def broken(rest: Rest) -> None:
        raise RuntimeError(f"cannot take: {rest.why}")

    some = roads(for_ever, once, for_ever)
    some[1].lane.hand_over = broken
    for each in some:
        each.answered()
    settle()
    assert "RuntimeError: cannot take: end" in capsys.readouterr().err
    assert [each.asked_again() for each in some] == [True, False, True]


def test_a_server_that_hangs_up(roads: Callable[..., list[Road]]) -> None:
    (one,) = roads(for_ever)
    one.far.close()
    with gevent.Timeout(5):
        while not one.rests:
            gevent.sleep(0.01)
    assert [(each.why, each.what) for each in one.rests[:1]] == [("answer", b"")]


def test_late_ones_are_counted_when_they_are_sent(roads: Callable[..., list[Road]]) -> None:
    some = roads(for_ever, for_ever)
    recorder, moment = some[0].lane.client.recorder, now()
    some[0].lane.begin_soon(some[0].plan, moment - 5_000_000)
    some[1].lane.begin_soon(some[1].plan, moment)
    assert not some[0].asked_again()
    Ward.of_process().send()
    assert [each.asked_again() for each in some] == [True, True]
    assert recorder.late == 1
