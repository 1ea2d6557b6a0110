"""User classes for locustfiles: Locust's own in every respect but cost and truth of their latencies."""

from __future__ import annotations

import ssl
from random import random
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

import gevent
from locust import User
from locust.exception import StopTest, StopUser
from locust.user.task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    DefaultTaskSet,
)
from locust.user.users import RestMixin

from sretool.load.client import Response, Session
from sretool.load.clock import now, sleep_until
from sretool.load.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from locust import TaskSet
    from locust.env import Environment


class HttpUser(User, RestMixin[Any]):
    """A user with an HTTP client whose interface is FastHttpUser's."""

    abstract = True

    network_timeout: ClassVar[float] = 60.0
    """Seconds for a whole answer."""
    connection_timeout: ClassVar[float] = 60.0
    """Seconds for a connection, its TLS handshake included."""
    max_redirects: ClassVar[int] = 30
    insecure: ClassVar[bool] = False
    """True: certificates are not verified."""
    ca_file: ClassVar[str | None] = None
    """PEM file of the authorities to trust instead of the system's."""
    client_cert: ClassVar[tuple[str, str | None] | None] = None
    """PEM files of the certificate to show and of its key."""
    ssl_context_factory: ClassVar[Callable[..., ssl.SSLContext] | None] = None
    """Makes the TLS context instead of the three above."""
    default_headers: ClassVar[Mapping[str, str] | None] = None
    proxy_host: ClassVar[str | None] = None
    proxy_port: ClassVar[int | None] = None
    kept_body: ClassVar[int] = 16 * 1024 * 1024
    """Bytes of a body that are kept for `content`, `text` and `json`; longer ones are only counted."""
    allowed_hosts: ClassVar[Collection[str] | None] = None
    """The only hosts that anything is sent to, redirects included; None: any."""
    _tasks_under_way: TaskSet | None = None

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        if self.host is None:
            raise StopTest("no host: set it on the user class, or give --host")
        proxy = (self.proxy_host, self.proxy_port or 80) if self.proxy_host else None
        self.client = Session(
            self.host,
            self,
            Recorder.of(environment),
            tls=self._tls_context,
            network_timeout=self.network_timeout,
            connection_timeout=self.connection_timeout,
            max_redirects=self.max_redirects,
            default_headers=self.default_headers,
            proxy=proxy,
            allowed_hosts=self.allowed_hosts,
            kept_body=self.kept_body,
        )

    @property
    def _taskset_instance(self) -> TaskSet | None:
        return self._tasks_under_way

    @_taskset_instance.setter
    def _taskset_instance(self, tasks: TaskSet | None) -> None:
        self._tasks_under_way = tasks
        if tasks is None:
            return
        self._prepare(tasks)
        if type(self).wait_time is User.wait_time:
            tasks.execute_next_task = self._execute_tasks  # type: ignore[method-assign]
        else:
            tasks.wait = self._wait  # type: ignore[method-assign]

    def _prepare(self, tasks: TaskSet) -> None:
        """For subclasses whose tasks are more than functions."""

    def _execute_tasks(self) -> None:
        """One task after the other, as long as nothing lies between them.

        Locust sleeps for 0 seconds after each, so that others get their turn; where a task made a request,
        they had it. Whatever a task raises goes to Locust's own loop, which then comes back here.
        """
        tasks, client = self._taskset_instance, self.client
        assert tasks is not None
        queue, choose, execute = tasks._task_queue, chooser(tasks), tasks.execute_task
        task = queue.popleft()
        while True:
            if task.__class__ is FunctionType:
                task(self)
            else:
                execute(task)
            if self._state is LOCUST_STATE_STOPPING:
                raise StopUser
            if not client.yielded:
                gevent.sleep(0)
            client.yielded = False
            task = queue.popleft() if queue else choose()

    def _wait(self) -> None:
        """The next request's latency counts from the moment the wait should have ended."""
        if self._state is LOCUST_STATE_STOPPING:
            raise StopUser
        self._state = LOCUST_STATE_WAITING
        seconds = max(self._taskset_instance.wait_time(), 0)  # type: ignore[union-attr]
        self.client.due = now() + int(seconds * 1e9)
        sleep_until(self.client.due)
        if self._state is LOCUST_STATE_STOPPING:
            raise StopUser
        self._state = LOCUST_STATE_RUNNING

    def _tls_context(self) -> ssl.SSLContext:
        if (make := type(self).ssl_context_factory) is not None:
            return make()
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.client_cert is not None:
            context.load_cert_chain(*self.client_cert)
        return context


def chooser(tasks: TaskSet) -> Callable[[], Any]:
    """What `get_next_task` gives, where it is Locust's own: one of the user's tasks at random."""
    if getattr(tasks.get_next_task, "__func__", None) is not DefaultTaskSet.get_next_task:
        return tasks.get_next_task
    user, get_next_task = tasks.user, tasks.get_next_task

    def choose() -> Any:
        among = user.tasks
        if len(among) == 1:
            return among[0]
        # Without tasks Locust tells what is wrong.
        return among[int(random() * len(among))] if among else get_next_task()

    return choose


__all__ = ["HttpUser", "Response", "chooser"]
