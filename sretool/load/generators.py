"""Users whose tasks are generators: a request is yielded, its answer comes back from the `yield`.

    class Reader(GeneratorUser):
        @task
        def read(self):
            answer = yield self.get("/words")

While answers are what they mostly are, no greenlet is switched at all: the event loop's callback reads the
answer, sends it into the generator and writes the request that comes out. Everything else (a first
connection, a redirect, a failure, the end of the test) happens in the user's greenlet, as with any user.
A generator may run in that callback, so it must not block itself: it yields `self.sleep(1)`, too.
"""

from __future__ import annotations

from inspect import CO_GENERATOR
from types import FunctionType, GeneratorType
from typing import TYPE_CHECKING, Any

import gevent
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING, DefaultTaskSet

from sretool.load.client import FixedPlan
from sretool.load.clock import now, sleep_until
from sretool.load.lane import Lane, Rest
from sretool.load.users import HttpUser, chooser

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Generator

    from locust import TaskSet

    from sretool.load.client import Response

    Task = Generator[Any, Any, None]


class Command:
    """Something that a task yields and that is done in the user's greenlet."""

    __slots__ = ("arguments", "do", "options")

    def __init__(self, do: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        self.do, self.arguments, self.options = do, arguments, options


class DrivenUser(HttpUser):
    """What it takes for tasks to be generators."""

    abstract = True

    def _prepare(self, tasks: TaskSet) -> None:
        """Let the tasks of this set, and of those inside it, be generators."""
        owner = self if isinstance(tasks, DefaultTaskSet) else tasks

        def execute_task(task: Any) -> None:
            if isinstance(task, type):
                inner = task(owner)
                self._prepare(inner)
                inner.run()
                return
            made = task() if getattr(task, "__self__", None) is tasks else task(owner)
            if isinstance(made, GeneratorType):
                self._drive(made)

        tasks.execute_task = execute_task  # type: ignore[method-assign]

    def _drive(self, tasks: Task) -> None:
        """Run a generator of commands to its end."""
        client = self.client
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                if error is not None:
                    raised, error = error, None
                    command = tasks.throw(raised)
                else:
                    command = tasks.send(answer)
            except StopIteration:
                return
            rest: Rest | None = Rest("other", command)
            while rest is not None and rest.why == "other":
                command, rest = rest.what, None
                try:
                    if command.__class__ is FixedPlan and command.origin.idle and not client.jar.changes:
                        rest, lane = self._wait_in_lane(tasks, command)
                        if rest.why in ("answer", "unsent"):
                            answer = self._finished(rest, lane)
                    else:
                        answer = self._done(command)
                except BaseException as raised:
                    # A kill, or what a command raised: for the task to see.
                    error = raised
            if rest is not None and error is None:
                if rest.why == "end":
                    return
                if rest.why == "error":
                    # The task's own.
                    raise rest.what

    def _wait_in_lane(self, tasks: Task, plan: FixedPlan) -> tuple[Rest, Lane]:
        """Let callbacks go on with the generator's requests; what they leave over."""
        wake, leave = gevent.getcurrent().switch, gevent.get_hub().switch
        client = self.client
        lane = Lane(client, plan.origin, tasks.send, wake)
        moment = now()
        start = client.begin(moment) if client.due else moment
        client.yielded = True
        try:
            rest: Any = None if lane.begin(plan, start, moment) else Rest("unsent", None, plan, start)
            # Others' wake-ups are passed over.
            while rest.__class__ is not Rest:
                rest = leave()
        except BaseException:
            lane.stop()
            lane.connection.close()
            raise
        if rest.why in ("answer", "unsent"):
            lane.stop()
        else:
            lane.leave()
        return rest, lane

    def _finished(self, rest: Rest, lane: Lane) -> Response:
        """The answer to a request that callbacks could not finish."""
        client = self.client
        assert rest.plan is not None
        if rest.why == "answer":
            return client.resume(rest.plan, lane.connection, rest.what, rest.start)
        # Closed meanwhile, or a full buffer: over another connection.
        lane.connection.close()
        return client.send_plan(rest.plan, rest.start)

    def _done(self, command: Any) -> Any:
        """What a command gives, done in this greenlet."""
        if command.__class__ is FixedPlan:
            return self.client.send_plan(command)
        if command.__class__ is Command:
            return command.do(*command.arguments, **command.options)
        raise TypeError(f"a task yields requests (`yield self.get(...)`), not {command!r}")


class GeneratorUser(DrivenUser):
    """A user whose tasks may yield requests; tasks that are plain functions work as well."""

    abstract = True

    def get(self, url: str, name: str | None = None, **options: Any) -> FixedPlan | Command:
        """A GET request, to be yielded; takes what `self.client.get` takes."""
        client = self.client
        if options or client.thoughtful or client.jar.changes:
            return Command(client.request, "GET", url, name=name, **options)
        return client._plans.get(url if name is None else (url, name)) or client.plan(url, name)

    def request(self, method: str, url: str, **options: Any) -> Command:
        """Any request, to be yielded; takes what `self.client.request` takes."""
        return Command(self.client.request, method, url, **options)

    def post(self, url: str, data: Any = None, json: Any = None, **options: Any) -> Command:
        return Command(self.client.request, "POST", url, data=data, json=json, **options)

    def sleep(self, seconds: float) -> Command:
        """A pause, to be yielded."""
        return Command(lambda: sleep_until(now() + int(seconds * 1e9)))

    def _execute_tasks(self) -> None:
        tasks, client = self._taskset_instance, self.client
        assert tasks is not None
        queue = tasks._task_queue
        choose = chooser(tasks)
        while True:
            self._drive(self._yielding(queue, choose))
            if queue:
                tasks.execute_task(queue.popleft())
            if self._state is LOCUST_STATE_STOPPING:
                raise StopUser
            if not client.yielded:
                gevent.sleep(0)
            client.yielded = False

    def _yielding(self, queue: deque[Any], choose: Callable[[], Any]) -> Task:
        """One task after the other, as long as they are generators; one that isn't stays in the queue."""
        client = self.client
        known: set[Any] = set()
        while True:
            task = queue.popleft() if queue else choose()
            if task not in known:
                if not yields(task):
                    queue.appendleft(task)
                    return
                known.add(task)
            yield from task(self)
            # A task without a request lets others run before the next.
            if self._state is LOCUST_STATE_STOPPING or not client.yielded:
                return
            client.yielded = False


def yields(task: Any) -> bool:
    """Whether a task is a generator function."""
    return task.__class__ is FunctionType and bool(task.__code__.co_flags & CO_GENERATOR)
