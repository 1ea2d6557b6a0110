"""Users of an open model: they arrive when they arrive, whether or not the server has answered the last.

    class Visitor(OpenUser):
        rate = 200

        @task
        def look(self):
            self.client.get("/words")

Each of Locust's users of such a class makes `rate` arrivals a second, so `-u 1` is what is wanted: the
visitors are members of a pool of its own, which grows as needed up to `max_users`. An arrival is one task;
its first request's latency counts from the moment it was due. What cannot start at once waits, and counts
as late.
"""

from __future__ import annotations

import logging
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Final

import gevent
from gevent import GreenletExit, getcurrent
from gevent.pool import Group
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, DefaultTaskSet

from sretool.load.arrivals import Kind, arrivals
from sretool.load.clock import Timer, now
from sretool.load.users import HttpUser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locust import TaskSet
    from locust.env import Environment

_LOOK: Final = 0.05
"""Seconds between two looks whether the test is over."""
_logger = logging.getLogger(__name__)


class OpenUser(HttpUser):
    """An HttpUser that comes once, does one task and is gone; others come meanwhile."""

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
        """Arrivals a second, so many seconds after the start. From outside, set a `staticmethod`."""
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
        return self.__dict__.get("_tasks_under_way")

    @_taskset_instance.setter
    def _taskset_instance(self, tasks: TaskSet | None) -> None:
        self.__dict__["_tasks_under_way"] = tasks
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
            while self._state is not LOCUST_STATE_STOPPING:
                gevent.sleep(_LOOK)
                if pool.failed is not None:
                    raise pool.failed
            pool.finish()
        finally:
            pool.end()
        raise StopUser


def _nothing() -> None:
    pass


class Pool:
    """The members of one user, and the arrivals that they serve."""

    def __init__(self, user: OpenUser) -> None:
        self._user = user
        self._idle: list[Any] = []
        """Switches into members that wait, the last to finish first."""
        self.waiting: deque[int] = deque()
        """When the arrivals that no member has taken were due."""
        self._members = Group()
        self._users: set[OpenUser] = set()
        self._starting = 0
        self._due: list[int] = []
        self._next = 0
        self._coming: Iterator[list[float]] = arrivals(user.rate_at, user.arrivals, user.seed)
        self._timer: Timer | None = None
        self.failed: BaseException | None = None
        """What ended the arrivals before their time."""
        self.started = 0

    @property
    def members(self) -> int:
        return len(self._members)

    @property
    def busy(self) -> int:
        return len(self._members) - len(self._idle)

    def start(self) -> None:
        for _ in range(min(self._user.min_users, self._user.max_users)):
            self._grow()
        while self._starting:
            gevent.sleep(0.01)
        self.started = now()
        self._timer = Timer(self._arrive)
        # Only the event loop may switch into members: they come back to it.
        self._timer.set(self.started)

    def finish(self) -> None:
        """No further arrivals; those that have come are served, as long as Locust waits for them."""
        if self._timer is not None:
            self._timer.close()
        for each in self._users:
            # Ends task sets that would go on for ever.
            each._state = LOCUST_STATE_STOPPING
        while self._members and (self.waiting or self.busy):
            gevent.sleep(0.01)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.close()
        self._members.kill()

    def _fetch(self) -> None:
        """The next moments at which somebody comes; a rate of zero is looked at again a step later."""
        started = self.started
        due = next(self._coming)
        steps = 1
        while not due and steps < 1000:
            due = next(self._coming)
            steps += 1
        self._due = [started + int(each * 1e9) for each in due]
        self._next = 0

    def _arrive(self) -> None:
        """In the event loop: all that are due by now."""
        moment = now()
        idle, waiting = self._idle, self.waiting
        due, position = self._due, self._next
        try:
            while True:
                if position == len(due):
                    self._fetch()
                    due, position = self._due, 0
                    if not due:
                        self._timer.set(moment + 1_000_000_000)  # type: ignore[union-attr]
                        return
                time_ = due[position]
                if time_ > moment:
                    break
                position += 1
                self._next = position
                if idle:
                    idle.pop()(time_)
                else:
                    waiting.append(time_)
                    if self._starting < len(waiting) and len(self._members) < self._user.max_users:
                        self._grow()
            self._timer.set(time_)  # type: ignore[union-attr]
        except BaseException as error:
            self.failed = error

    def _grow(self) -> None:
        self._starting += 1
        self._members.spawn(self._serve)

    def _serve(self) -> None:
        """The life of a member."""
        user, environment = self._user, self._user.environment
        starting = True
        member: Any = None
        try:
            member = type(user)(environment)
            member._pool = self
            member._state = LOCUST_STATE_RUNNING
            member._greenlet = getcurrent()
            del member.on_start, member.on_stop
            self._users.add(member)
            tasks = member._taskset_instance = DefaultTaskSet(member)
            member.on_start()
            self._starting -= 1
            starting = False
            client, idle, waiting = member.client, self._idle, self.waiting
            choose, execute = tasks.get_next_task, tasks.execute_task
            me, leave = getcurrent().switch, gevent.get_hub().switch
            while True:
                if waiting:
                    due = waiting.popleft()
                else:
                    idle.append(me)
                    due = leave()
                    while due.__class__ is not int:
                        # Somebody else's wake-up.
                        due = leave()
                client.due = due
                try:
                    execute(choose())
                except (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately):
                    pass
                except (StopUser, StopTest, GreenletExit):
                    raise
                except Exception as error:
                    _tell(member, error)
                client.due = 0
        except StopUser:
            if not starting:
                member.on_stop()
        except StopTest as error:
            self.failed = error
        except GreenletExit:
            if not starting:
                member.on_stop()
        except Exception as error:
            # Its start failed: as with any user, it is told and the user is gone.
            _tell(member or user, error)
        finally:
            if starting:
                self._starting -= 1
            if member is not None:
                self._users.discard(member)
                member.client.close()


def _tell(user: Any, error: Exception) -> None:
    """As Locust does with what a task raises."""
    environment = user.environment
    environment.events.user_error.fire(user_instance=user, exception=error, tb=error.__traceback__)
    if not environment.catch_exceptions:
        raise error
    _logger.error("%s\n%s", error, traceback.format_exc())
