"""Users of an open model: they arrive when they arrive, whether or not the server has answered the last.

    class Visitor(OpenUser):
        rate = 200

        @task
        def look(self):
            self.client.get("/words")

Each of Locust's users of such a class makes `rate` arrivals a second, so `-u 1` is what is wanted: the
visitors are members of a pool of its own, which grows as needed up to `max_users`. An arrival is one task;
its first request's latency counts from the moment it was due. What cannot start at once waits, and counts
as late. The tasks of a
class of both kinds, `Visitor(OpenUser, GeneratorUser)`, may yield their requests, which costs less.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final

import gevent
from gevent import GreenletExit, getcurrent
from gevent.exceptions import BlockingSwitchOutError
from gevent.pool import Group
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, DefaultTaskSet

from sretool.load.arrivals import STEP, Kind, arrivals
from sretool.load.client import LATE_NS, FixedPlan
from sretool.load.clock import Timer, now
from sretool.load.generators import DrivenUser, yields
from sretool.load.lane import NO_BLOCKING, Lane, Rest, Ward
from sretool.load.users import chooser

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from locust import TaskSet
    from locust.env import Environment

_LOOK: Final = 0.05
"""Seconds between two looks whether the test is over."""
_AHEAD: Final = 10
"""Steps of the rate that are looked at before it is their time: so late may a change of the rate be."""
_MANY: Final = 100
"""Arrivals in a step, from which on those of `_TOGETHER` nanoseconds may begin at once."""
_TOGETHER: Final = 50_000
_TRIES: Final = 10
"""Members in a row that may fail to start before nobody is expected any more."""
_logger = logging.getLogger(__name__)


class PoolFailed(Exception):
    """Nobody can serve the arrivals."""


class OpenUser(DrivenUser):
    """A user that comes once, does one task and is gone; others come meanwhile."""

    abstract = True

    rate: ClassVar[float] = 1.0
    """Arrivals a second, where `rate_at` isn't overridden."""
    arrivals: ClassVar[Kind] = "poisson"
    """`poisson`: independent of each other; `uniform`: evenly spaced."""
    seed: ClassVar[int | None] = None
    """Makes the times of a run those of every run with this seed."""
    min_users: ClassVar[int] = 0
    """Members that are there before the first arrival."""
    max_users: ClassVar[int] = 10_000
    """Members at most; further arrivals wait for one of them."""

    _pool: Pool | None = None
    """That this user is a member of."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # Locust's own user only lets others arrive: what is done at the start and the end is theirs to do.
        self.__dict__.update(on_start=_nothing, on_stop=_nothing)

    def rate_at(self, seconds: float) -> float:
        """Arrivals a second, so many seconds after the start.

        From outside, set a `staticmethod`: before the start, or while it runs.
        """
        return self.rate

    @property
    def pool(self) -> Pool:
        """The members that do this user's work; how many of them, and how many arrivals wait."""
        assert self._pool is not None
        return self._pool

    def wait_time(self) -> float:
        return 0

    @property
    def _taskset_instance(self) -> TaskSet | None:
        return self._tasks_under_way

    @_taskset_instance.setter
    def _taskset_instance(self, tasks: TaskSet | None) -> None:
        self._tasks_under_way = tasks
        if tasks is None:
            return
        if self._pool is None:
            tasks.execute_next_task = self._receive  # type: ignore[method-assign]
        else:
            self._prepare(tasks)

    def _receive(self) -> None:
        """Instead of a task: let visitors arrive until the test is over."""
        if self._pool is None:
            self._pool = Pool(self)
        pool = self._pool
        try:
            pool.start()
            while self._state is not LOCUST_STATE_STOPPING and pool.failed is None:
                gevent.sleep(_LOOK)
            if pool.failed is None:
                pool.finish()
            else:
                self._give_up(pool.failed)
        finally:
            pool.end()
        raise StopUser

    def _give_up(self, error: BaseException) -> None:
        """Without arrivals there is no test: end it, as Locust ends one that can't begin."""
        environment = self.environment
        if isinstance(error, Exception):
            environment.events.user_error.fire(user_instance=self, exception=error, tb=error.__traceback__)
        if not environment.catch_exceptions:
            raise error
        _logger.error("%s: no further arrivals: %s: %s", type(self).__name__, type(error).__name__, error)
        environment.process_exit_code = environment.process_exit_code or 1
        if (runner := environment.runner) is not None:
            options = environment.parsed_options
            gevent.spawn(runner.quit if options and options.headless else runner.stop)


def _nothing() -> None:
    pass


class Pool:
    """The members of one user, and the arrivals that they serve."""

    def __init__(self, user: OpenUser) -> None:
        self._user = user
        self.idle: list[_Member] = []
        """Members that wait; the last of them is the next to go."""
        self.waiting: deque[int] = deque()
        """When the arrivals that no member has taken were due."""
        self._members = Group()
        self.users: set[OpenUser] = set()
        self._starting = self._failures = 0
        self._due: list[int] = []
        self._next = 0
        self._steps = 0
        # Looked up anew each time: it may be another one by then.
        self._coming: Iterator[list[float]] = arrivals(
            lambda seconds: user.rate_at(seconds), user.arrivals, user.seed
        )
        self._timer: Timer | None = None
        self.failed: BaseException | None = None
        """What ended the arrivals before their time."""
        self.started = 0
        self._until = sys.maxsize
        """Nobody comes after this moment."""
        self._all_came = False

    @property
    def members(self) -> int:
        return len(self._members)

    @property
    def busy(self) -> int:
        return len(self._members) - len(self.idle)

    def start(self) -> None:
        for _ in range(min(self._user.min_users, self._user.max_users)):
            self._grow()
        while self._starting and self.failed is None:
            gevent.sleep(0.01)
        self.started = now()
        self._timer = Timer(self._arrive)
        # Only the event loop may switch into members: they come back to it.
        self._timer.set(self.started)

    def finish(self) -> None:
        """No further arrivals; those that have come are served, as long as Locust waits for them."""
        if self._timer is not None:
            # Whoever was due while this process was kept from the processor has come as well.
            self._until = now()
            self._timer.set(self._until)
            while not self._all_came and self.failed is None:
                gevent.sleep(0.001)
            self._timer.close()
        for each in self.users:
            # Ends task sets that would go on for ever.
            each._state = LOCUST_STATE_STOPPING
        while self._members and (self.waiting or self.busy) and self.failed is None:
            gevent.sleep(0.01)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.close()
        self._members.kill()

    def _fetch(self) -> int:
        """The next moments at which somebody comes; where nobody does, the moment to ask again."""
        started = self.started
        due: list[float] = []
        ahead = 0
        while not due and ahead < _AHEAD:
            due = next(self._coming)
            ahead += 1
        self._steps += ahead
        self._due = [started + int(each * 1e9) for each in due]
        self._next = 0
        return started + int(self._steps * STEP * 1e9)

    def _arrive(self) -> None:
        """In the event loop: all that are due by now."""
        moment = min(now(), self._until)
        idle, waiting, ward = self.idle, self.waiting, Ward.of_process()
        due, position = self._due, self._next
        try:
            while True:
                if position == len(due):
                    again = self._fetch()
                    due, position = self._due, 0
                    if not due:
                        if again > moment:
                            self._rest(again)
                            ward.send()
                            return
                        continue
                time_ = due[position]
                if time_ > moment:
                    break
                position += 1
                self._next = position
                if idle:
                    member = idle.pop()
                    rest = member.begin(time_)
                    if rest is not None:
                        member.switch(rest)
                else:
                    waiting.append(time_)
                    if self._starting < len(waiting) and len(self._members) < self._user.max_users:
                        self._grow()
            # Where many come, the timer itself would cost more than they do.
            self._rest(time_ if len(due) < _MANY else max(time_, moment + _TOGETHER))
            ward.send()
        except BaseException as error:
            self.failed = error

    def _rest(self, until: int) -> None:
        """Look again then, unless nobody comes any more."""
        assert self._timer is not None
        if until > self._until:
            self._all_came = True
        else:
            self._timer.set(until)

    def _grow(self) -> None:
        self._starting += 1
        self._members.spawn(self._serve)

    def _serve(self) -> None:
        """The life of a member."""
        kind, environment = type(self._user), self._user.environment
        user: Any = None
        member: _Member | None = None
        try:
            user = kind(environment)
            user._pool = self
            user._state = LOCUST_STATE_RUNNING
            user._greenlet = getcurrent()
            del user.on_start, user.on_stop
            self.users.add(user)
            user._taskset_instance = DefaultTaskSet(user)
            user.on_start()
            member = _Member(self, user)
            self._starting -= 1
            self._failures = 0
            member.serve()
        except StopTest as error:
            self.failed = error
        except Exception as error:
            if not isinstance(error, StopUser):
                # As with any user, it is told and the user is gone.
                _tell(user or self._user, error)
            if member is None:
                self._not_started(error)
        except GreenletExit:
            pass
        finally:
            if member is not None:
                member.end()
                with suppress(StopUser, StopTest, GreenletExit):
                    user.on_stop()
            else:
                self._starting -= 1
            if user is not None:
                self.users.discard(user)
                user.client.close()

    def _not_started(self, error: Exception) -> None:
        self._failures += 1
        if self.failed is None and self._failures >= _TRIES and self.members <= self._starting:
            why = "it stopped itself" if isinstance(error, StopUser) else f"{type(error).__name__}: {error}"
            self.failed = PoolFailed(
                f"on_start failed for {self._failures} users in a row, and nobody else is left: {why}"
            )


class _Member:
    """One that visits, and the greenlet in which it does what callbacks can't."""

    def __init__(self, pool: Pool, user: OpenUser) -> None:
        tasks = user._taskset_instance
        assert tasks is not None
        self._pool, self._user, self._client = pool, user, user.client
        self._choose, self._execute = chooser(tasks), tasks.execute_task
        self._yielding: set[Any] = set()
        self._lane: Lane | None = None
        self.switch = getcurrent().switch
        self._renew()

    def _renew(self) -> None:
        self._visits: Any = _visits(self._user)
        next(self._visits)
        self._send = self._visits.send

    def begin(self, due: int, *, soon: bool = True) -> Rest | None:
        """The visit that was due then, as far as it needs no greenlet; what needs one.

        `soon`: its request goes out when the event loop sends those of others, too.
        """
        task = self._choose()
        if task not in self._yielding:
            if not yields(task):
                return Rest("task", task, None, due)
            self._yielding.add(task)
        client = self._client
        try:
            command = self._send(task)
        except BlockingSwitchOutError:
            return Rest("error", TypeError(NO_BLOCKING))
        except BaseException as error:
            return Rest("error", error)
        lane = self._lane
        if command.__class__ is not FixedPlan or client.jar.changes:
            return command if command is _OVER else Rest("other", command, None, due)
        if lane is None or command.origin is not lane.origin:
            if lane is not None:
                self._leave()
            if not command.origin.idle:
                return Rest("other", command, None, due)
            lane = self._lane = Lane(client, command.origin, self._send, self._go_on)
        if soon:
            lane.begin_soon(command, due)
            return None
        moment = now()
        if moment - due > LATE_NS:
            client.recorder.late += 1
        return None if lane.begin(command, due, moment) else Rest("unsent", None, command, due)

    def _go_on(self, rest: Rest) -> None:
        """In the event loop, where a callback of the lane ends."""
        if rest is _OVER:
            waiting = self._pool.waiting
            if not waiting:
                self._pool.idle.append(self)
                return
            more = self.begin(waiting.popleft())
            if more is None:
                return
            rest = more
        elif rest.why == "idle":
            self._leave(usable=False)
            return
        self.switch(rest)

    def serve(self) -> None:
        """In the member's greenlet, for ever."""
        waiting, idle, leave = self._pool.waiting, self._pool.idle, gevent.get_hub().switch
        while True:
            rest: Any
            if waiting:
                rest = self.begin(waiting.popleft(), soon=False)
            else:
                idle.append(self)
                rest = None
            while rest.__class__ is not Rest:
                # Others' wake-ups are passed over.
                rest = leave()
            try:
                self._do(rest)
            except (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately):
                pass
            except (StopUser, StopTest, GreenletExit):
                raise
            except Exception as error:
                _tell(self._user, error)
            if self._visits.gi_frame is None:
                # Raised by a task: the rest of its visit is gone.
                self._renew()
                self._leave()
            self._client.due = 0

    def _do(self, rest: Rest) -> None:
        """What callbacks have left, to the end of the visit."""
        if rest is _OVER:
            return
        user, lane = self._user, self._lane
        answer: Any = None
        command = rest.what
        if lane is not None:
            # The greenlet reads and writes now.
            self._lane = None
            if rest.why in ("answer", "unsent"):
                lane.stop()
            else:
                lane.leave()
        if rest.why in ("task", "other"):
            self._client.due = rest.start
        if rest.why == "task":
            self._execute(command)
            return
        if rest.why == "error":
            raise command
        error: BaseException | None = None
        if rest.why in ("answer", "unsent"):
            assert lane is not None
            try:
                answer = user._finished(rest, lane)
            except BaseException as raised:
                error = raised
            command = self._next(answer, error)
        while command is not _OVER:
            answer = error = None
            try:
                answer = user._done(command)
            except BaseException as raised:
                # For the task to see.
                error = raised
            command = self._next(answer, error)

    def _next(self, answer: Any, error: BaseException | None) -> Any:
        return self._send(answer) if error is None else self._visits.throw(error)

    def _leave(self, *, usable: bool = True) -> None:
        if self._lane is not None:
            lane, self._lane = self._lane, None
            if usable:
                lane.leave()
            else:
                lane.stop()
                lane.connection.close()

    def end(self) -> None:
        with suppress(ValueError):
            self._pool.idle.remove(self)
        # A visit under way ends in its `finally` clauses.
        with suppress(Exception):
            self._visits.close()
        self._leave(usable=False)


_OVER: Final = Rest("over")
"""The end of a visit."""


def _visits(user: OpenUser) -> Generator[Any, Any, None]:
    """Tasks that are sent in; what they yield comes out, and `_OVER` after each."""
    while True:
        yield from (yield _OVER)(user)


def _tell(user: Any, error: Exception) -> None:
    """As Locust does with what a task raises."""
    environment = user.environment
    environment.events.user_error.fire(user_instance=user, exception=error, tb=error.__traceback__)
    if not environment.catch_exceptions:
        raise error
    _logger.error("%s\n%s", error, traceback.format_exc())
