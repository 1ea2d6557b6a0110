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

import os
import time
from inspect import CO_GENERATOR
from types import FunctionType, GeneratorType
from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent.exceptions import BlockingSwitchOutError
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING, DefaultTaskSet

from sretool.load.client import FixedPlan, Response
from sretool.load.clock import now, sleep_until
from sretool.load.users import HttpUser

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from locust import TaskSet

    Task = Generator[Any, Any, None]
    Next = Callable[[], Task | None]

_READ: Final = 64 * 1024


class Command:
    """Something that a task yields and that is done in the user's greenlet."""

    __slots__ = ("arguments", "do", "options")

    def __init__(self, do: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        self.do, self.arguments, self.options = do, arguments, options


class GeneratorUser(HttpUser):
    """An HttpUser whose tasks may yield requests; tasks that are plain functions work as well."""

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
        queue, choose = tasks._task_queue, tasks.get_next_task

        def make() -> Task | None:
            """The next task as a generator; None where it is another kind, which stays in the queue."""
            task = queue.popleft() if queue else choose()
            if task.__class__ is FunctionType and task.__code__.co_flags & CO_GENERATOR:
                made: Task = task(self)
                return made
            queue.appendleft(task)
            return None

        while True:
            generator = make()
            if generator is not None:
                self._drive(generator, make)
            elif queue:
                tasks.execute_task(queue.popleft())
            if self._state is LOCUST_STATE_STOPPING:
                raise StopUser
            if not client.yielded:
                gevent.sleep(0)
            client.yielded = False

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
                self._drive(made, None)

        tasks.execute_task = execute_task  # type: ignore[method-assign]

    def _drive(self, generator: Task, make: Next | None) -> None:
        """Run the generator to its end, and those that `make` gives after it as long as callbacks can."""
        client = self.client
        running: Task | None = generator
        answer: Any = None
        error: BaseException | None = None
        while running is not None:
            try:
                if error is not None:
                    command, error = running.throw(error), None
                else:
                    command = running.send(answer)
            except StopIteration:
                return
            callbacks: _Callbacks | None = None
            while True:
                try:
                    if command.__class__ is FixedPlan and running is not None:
                        if command.origin.idle and not client.jar.changes:
                            callbacks = _Callbacks(self, running, command, make)
                            command, answer = callbacks.run()
                            running, callbacks = callbacks.generator, None
                            if command is not _NOTHING:
                                continue
                        else:
                            answer = client.send_plan(command)
                    elif command.__class__ is Command:
                        answer = command.do(*command.arguments, **command.options)
                    else:
                        error = TypeError(f"a task yields requests (`yield self.get(...)`), not {command!r}")
                except BaseException as raised:
                    if callbacks is not None:
                        running = callbacks.generator
                    if running is None:
                        # The task's own.
                        raise
                    # A kill, or what a command raised: for the task to see.
                    error = raised
                break


_NOTHING: Final = object()
"""No command is left to do."""
_NO_BLOCKING: Final = (
    "a task that yields requests must not block: `yield self.sleep(1)` and `yield self.get(...)` instead"
)


class _Callbacks:
    """Exchanges of one user in the callbacks of one connection."""

    def __init__(self, user: GeneratorUser, generator: Task, plan: FixedPlan, make: Next | None) -> None:
        self.generator: Task | None = generator
        self.plan = plan
        self._user, self._make = user, make

    def run(self) -> tuple[Any, Any]:
        """What `generator` yielded, or `_NOTHING` and the answer that it waits for.

        Afterwards `generator` is the one to go on with; None: all have ended.
        """
        user, client, make, plan = self._user, self._user.client, self._make, self.plan
        origin = plan.origin
        connection = origin.idle.pop()
        hub = gevent.get_hub()
        wake, leave = gevent.getcurrent().switch, hub.switch
        write, read, monotonic, clock = os.write, os.read, time.monotonic, now
        fd, known, listeners, own = connection.fd, connection.known, client._listeners, client._own
        jar, plan_class, response_class = client.jar, FixedPlan, Response
        send = self.generator.send if self.generator is not None else None
        start = client.begin() if client.due else clock()
        me = object()

        def readable() -> None:
            nonlocal plan, send, start
            try:
                data = read(fd, _READ)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            end = data.find(b"\r\n\r\n")
            head = known(data[:end])
            if (
                head is None
                or not head.simple
                or len(data) - end - 4 != head.length
                or end <= 0
                or len(listeners) > own
            ):
                wake((me, "answer", data))
                return
            slot = plan.slot
            slot.append(clock() - start)
            body = data[end + 4 :]
            slot.size += len(body)
            try:
                try:
                    command = send(response_class(plan, head, body))  # type: ignore[misc]
                except StopIteration:
                    self.generator = None
                    if make is None or user._state is LOCUST_STATE_STOPPING:
                        wake((me, "end", None))
                        return
                    self.generator = generator = make()
                    if generator is None:
                        wake((me, "end", None))
                        return
                    send = generator.send
                    try:
                        command = send(None)
                    except StopIteration:
                        # A task without a request: others get their turn before the next.
                        self.generator = None
                        wake((me, "end", None))
                        return
            except BlockingSwitchOutError:
                wake((me, "error", TypeError(_NO_BLOCKING)))
                return
            except BaseException as error:
                wake((me, "error", error))
                return
            if command.__class__ is not plan_class or command.origin is not origin or jar.changes:
                wake((me, "other", command))
                return
            plan = command
            start = clock()
            connection.waits_since = monotonic()
            payload = plan.payload
            try:
                sent = write(fd, payload)
            except OSError:
                sent = -1
            if sent != len(payload):
                wake((me, "unsent", sent))

        watcher = connection.readable
        client.yielded = True
        keep = False
        try:
            connection.waits_since = monotonic()
            try:
                sent = write(fd, plan.payload)
            except OSError:
                sent = -1
            why: str = "unsent"
            told: Any = None
            if sent == len(plan.payload):
                watcher.start(readable)
                what: Any = None
                # Others' wake-ups are passed over.
                while not (isinstance(what, tuple) and what and what[0] is me):
                    what = leave()
                watcher.stop()
                _, why, told = what
            if why == "answer":
                keep = True
                return _NOTHING, client.resume(plan, connection, told, start)
            if why == "unsent":
                # Closed meanwhile, or a full buffer: the ordinary way, over another connection.
                return _NOTHING, client.send_plan(plan, start)
            keep = True
            connection.waits_since = 0.0
            origin.idle.append(connection)
            if why == "error":
                self.generator = None
                raise told
            return (told if why == "other" else _NOTHING), None
        finally:
            if not keep:
                connection.close()
