"""Sessions of learners: what one asks for, one request after the other, and users that make them.

A session begins (`start`), fetches a list (`words`), goes through it item by item (`decide`, `answer`),
looks at statistics now and then (`summary`, `overview`) and ends (`end`). What the mapping of a target lacks
is left out, so a shop's visit is one as well: log in, list products, put one into the cart, check out.
"""

from __future__ import annotations

import math
import random
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Final

from locust import task

from sretool.load.clock import now
from sretool.load.mapped import MappedUser
from sretool.load.open import OpenUser

if TYPE_CHECKING:
    from collections.abc import Container, Generator


SHORTEST, LONGEST = 20, 50
"""Requests of a session."""
SUMMARY: Final = 0.025
"""Share of requests for the learner's own statistics."""
OVERVIEW: Final = 0.003
"""Share of requests for the statistics of all."""
RIGHT: Final = 0.7
"""Share of right answers."""


def session(
    values: dict[str, Any], chance: random.Random, has: Container[str], requests: int
) -> Generator[str, bool, None]:
    """Names of the requests of one session. What is sent in says whether the last one succeeded.

    `values` are read and written by the requests; `items` is the list that a request saved, `item` what of it
    comes next.
    """
    made = 0
    if "start" in has:
        made += 1
        if not (yield "start"):
            return
    items: deque[Any] = deque()
    typical_ms = chance.uniform(3500, 8000)
    while made < requests - 1:
        look = chance.random()
        if look < SUMMARY and "summary" in has:
            made += 1
            yield "summary"
        elif look < SUMMARY + OVERVIEW and "overview" in has:
            made += 1
            yield "overview"
        elif not items:
            made += 1
            if (yield "words"):
                found = values.get("items")
                items.extend(found if isinstance(found, list) else ())
        else:
            values["item"] = items.popleft()
            if "decide" in has:
                made += 1
                if not (yield "decide"):
                    continue
            if "answer" in has:
                values["correct"] = chance.random() < RIGHT
                values["response_ms"] = int(
                    min(max(chance.lognormvariate(math.log(typical_ms), 0.5), 300), 60_000)
                )
                made += 1
                yield "answer"
    if "end" in has:
        yield "end"


class Visit:
    """A session under way."""

    __slots__ = ("_last", "_names", "next", "ready", "values")

    def __init__(self, values: dict[str, Any], names: Generator[str, bool, None]) -> None:
        self.values, self._names = values, names
        self.next: str | None = next(names)
        """Name of the request that comes next; None: it is over."""
        self.ready = 0
        """When that may be made at the earliest, on the clock of `sretool.load.clock`."""

    def told(self, succeeded: bool) -> None:
        try:
            self.next = self._names.send(succeeded)
        except StopIteration:
            self.next = None


class Visitor(MappedUser):
    """Makes sessions, each of another user."""

    abstract = True
    needs = ("words",)

    uses = ("start", "decide", "answer", "end", "summary", "overview")
    gives = frozenset({"user", "decision", "item", "items", "correct", "response_ms"})

    @classmethod
    def visit(cls, *, under_way: bool = False) -> Visit:
        """A new session; `under_way`: only the rest of one."""
        values: dict[str, Any] = {"user": cls.new_user(), "decision": None}
        if cls.accounts is not None:
            values.update(cls.accounts.next())
        requests = round(random.triangular(SHORTEST, LONGEST, LONGEST))
        if under_way:
            requests = random.randint(2, requests)
        has = [name for name in cls.prepared if name not in cls.leaves_out]
        return Visit(values, session(values, random.Random(random.random()), has, requests))

    def go_on(self, visit: Visit) -> None:
        """Make the next request of a session; one that was turned away for its number comes again."""
        assert visit.next is not None
        succeeded = self.ask(visit.next, visit.values)
        if self.hold_off:
            visit.ready = now() + int(self.hold_off * 1e9)
        else:
            visit.told(succeeded)


class Learner(Visitor):
    """A user that makes one session after the other and thinks between its requests."""

    abstract = True

    _visit: Visit | None = None
    _began = False

    @task
    def next_request(self) -> None:
        if self._visit is None:
            # The users of a test that begins are somewhere in their sessions, not all at the start.
            self._visit = self.visit(under_way=not self._began)
            self._began = True
        self.go_on(self._visit)
        if self._visit.next is None:
            self._visit = None
            self.client.cookiejar.clear()
        else:
            self.wait_as_told()


class Learners(OpenUser, Visitor):
    """Arrivals each of which is one request: the next of the session that has rested longest.

    So the rate is one of requests, and they are made in the order and with the values of sessions. As many
    sessions are under way as it takes for each to rest between two requests. Connections and cookies are not
    a session's own; a login's token belongs into a value.
    """

    abstract = True

    rests: ClassVar[float] = 2.0
    """Seconds between two requests of a session at least."""

    _resting: ClassVar[deque[Visit]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._resting = deque()

    @task
    def next_request(self) -> None:
        resting = self._resting
        visit = resting.popleft() if resting and resting[0].ready <= now() else self.visit()
        try:
            self.go_on(visit)
        finally:
            if visit.next is not None:
                visit.ready = max(visit.ready, now() + int(self.rests * 1e9))
                resting.append(visit)
