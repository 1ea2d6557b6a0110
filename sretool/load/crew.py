"""Who makes the load: this process, or workers that it leads over Locust's own protocol."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
import socket
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import gevent
import gevent.os
import locust
import locust.runners
from gevent.event import Event
from locust.exception import RPCError
from locust.rpc import Message
from locust.runners import STATE_MISSING, MasterRunner

from sretool.core.plans.load.plan import PROTOCOL
from sretool.core.runs.events import ProcessChange, WorkerTick
from sretool.load import scenarios
from sretool.load.health import Health
from sretool.load.recorder import Recorder
from sretool.load.transport import WATCHDOG

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from locust.env import Environment

    from sretool.core.plans.load.plan import LoadPlan
    from sretool.load.scenarios import Pace

    Tell: TypeAlias = Callable[[ProcessChange], None]

HELLO: Final = "sretool_hello"
"""Worker to master: who I am."""
REFUSED: Final = "sretool_refused"
WELCOME: Final = "sretool_welcome"
"""Master to a worker: among how many the load is divided, and, where it is late, how long ago it began."""
RATE: Final = "sretool_rate"
TELL: Final = "sretool_tell"
"""Master to workers: report now; the number comes back with the report."""
STOP: Final = "sretool_stop"
STOPPED: Final = "sretool_stopped"
HEALTH: Final = "sretool_health"
"""Our part of a worker's report."""

_GATHER: Final = 30.0
"""Seconds to wait for local workers; for those of other machines it is as long as it takes."""
_REPORT: Final = 0.5
"""Seconds to wait for the reports of one tick; what is later counts in the next."""
_SETTLE: Final = 5.0
"""Seconds beyond a plan's grace to wait for workers to stop."""
_RARELY: Final = 3600.0
"""Seconds between two reports that nobody asked for."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How those who make the load are."""

    workers: tuple[WorkerTick, ...]
    lag: float | None
    """The longest of any of them, seconds."""
    in_flight: int


class CannotLead(Exception):
    """The workers are not there."""


def condition(environment: Environment, health: Health) -> dict[str, Any]:
    """Of this process, since the time before."""
    cpu, lag = health.take()
    waiting = sum(len(pool.waiting) for pool in scenarios.pools(environment))
    return {"cpu": cpu, "lag": lag, "in_flight": WATCHDOG.under_way() + waiting}


def stop_users(environment: Environment) -> int:
    """Let requests under way end; how many arrivals never began."""
    pools = scenarios.pools(environment)
    runner = environment.runner
    assert runner is not None
    runner.stop()
    return sum(len(pool.waiting) for pool in pools)


def identity(plan: LoadPlan) -> dict[str, Any]:
    """What master and workers must have in common, and who this is."""
    return {
        "sretool": version("sretool"),
        "locust": locust.__version__,
        "protocol": PROTOCOL,
        "profile": plan.profile,
        "fingerprint": plan.fingerprint,
        "plan": plan.digest,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "python": platform.python_version(),
    }


class Alone:
    """This process makes the load itself."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def join(self, environment: Environment) -> None:
        """Become the runner of this environment."""
        self._environment = environment
        environment.create_local_runner()
        self._health = Health()

    @property
    def listening(self) -> str:
        """Where workers are waited for; empty: nowhere."""
        return ""

    def gather(self, over: Event) -> tuple[str, ...]:
        """Wait until all who make the load are there; their names."""
        self._health.take()
        return ("local",)

    def condition(self) -> Condition:
        found = condition(self._environment, self._health)
        return Condition((WorkerTick("local", found["cpu"]),), found["lag"], found["in_flight"])

    def watch(self) -> None:
        """Look after those who make the load."""

    def set_rate(self, rate: float) -> None:
        self._pace.set(rate)

    def stop(self) -> int:
        """Let requests under way end; how many arrivals never began."""
        return stop_users(self._environment)

    def close(self) -> None:
        self._health.close()


@dataclass(slots=True)
class _Known:
    """A worker as the master knows it."""

    name: str
    reported: int = 0
    """The last call for a report that it has answered."""
    health: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False
    unserved: int = 0
    lost: bool = False


class _Master(MasterRunner):
    """Locust's, that takes nobody for a worker who has not said that it has the same profile."""

    def __init__(
        self, environment: Environment, host: str, port: int, admit: Callable[[str, Any], bool]
    ) -> None:
        self._admit = admit
        self._ready: dict[str, Message] = {}
        self._admitted: set[str] = set()
        super().__init__(environment, host, port)

    def handle_message(self, client_id: str, msg: Message) -> None:
        if client_id in self._admitted:
            super().handle_message(client_id, msg)
        elif msg.type == "client_ready":
            self._ready[client_id] = msg
            self.server.send_to_client(Message("ack", {"index": self.get_worker_index(client_id)}, client_id))
        elif msg.type == HELLO and client_id in self._ready:
            ready = self._ready.pop(client_id)
            if self._admit(client_id, msg.data):
                self._admitted.add(client_id)
                super().handle_message(client_id, ready)

    def missing(self, client_id: str) -> None:
        """What Locust does when heartbeats stay away, at once."""
        client = self.clients.get(client_id)
        if client is not None and client.state != STATE_MISSING:
            client.state = STATE_MISSING
            client.user_classes_count = {}
            if self._users_dispatcher is not None:
                self._users_dispatcher.remove_worker(client)


class Crew:
    """Workers over Locust's own protocol: processes of this machine, or whoever comes from others."""

    def __init__(self, plan: LoadPlan, processes: dict[int, tuple[int, int]], tell: Tell, pace: Pace) -> None:
        """`processes`: number of a worker of this machine → its process, and the end of the pipe that tells
        it the port."""
        self._plan, self._processes, self._tell, self._pace = plan, processes, tell, pace
        self._workers: dict[str, _Known] = {}
        """By Locust's id of them."""
        self._pids: dict[int, str] = {}
        self._asked = 0
        self._changed = Event()

    def join(self, environment: Environment) -> None:
        host, _, port = (self._plan.bind or "127.0.0.1:0").rpartition(":")
        host = host.strip("[]") or "*"
        try:
            self._runner = environment._create_runner(_Master, host, int(port), self._admit)
        except (SystemExit, RPCError) as error:
            raise CannotLead(f"nobody can listen on {self._plan.bind}: the port is taken") from error
        self.listening = f"{host}:{self._runner.server.port}"
        self._runner.register_message(STOPPED, self._stopped)
        environment.events.worker_report.add_listener(self._reported)
        for _, pipe in self._processes.values():
            os.write(pipe, f"{self._runner.server.port}\n".encode())
            os.close(pipe)

    def gather(self, over: Event) -> tuple[str, ...]:
        until = time.monotonic() + _GATHER
        while len(self._here) < self._plan.workers and not over.is_set():
            self._changed.clear()
            self._bury()
            if self._processes and time.monotonic() > until:
                raise CannotLead(f"only {len(self._here)} of {self._plan.workers} workers began")
            self._changed.wait(0.05)
        return tuple(each.name for each in self._here)

    def condition(self) -> Condition:
        """All that workers have counted so far is told to this process first."""
        self._asked += 1
        self._runner.send_message(TELL, {"number": self._asked})
        until = time.monotonic() + _REPORT
        while any(each.reported < self._asked for each in self._here) and time.monotonic() < until:
            self._changed.clear()
            self._bury()
            self._changed.wait(0.02)
        told = [each for each in self._here if each.health]
        return Condition(
            tuple(WorkerTick(each.name, each.health.get("cpu")) for each in told),
            max((each.health["lag"] for each in told), default=None),
            sum(each.health["in_flight"] for each in told),
        )

    def watch(self) -> None:
        """Who is lost is told, and what it did is done by the others."""
        self._bury()
        lost = []
        for client_id, worker in self._workers.items():
            client = self._runner.clients.get(client_id)
            missing = client is None or client.state == STATE_MISSING
            if missing and not worker.lost:
                worker.lost = True
                lost.append(worker)
            elif worker.lost and not missing:
                worker.lost = False
                self._tell(ProcessChange(worker.name, "returned"))
        for worker in lost:
            left = f"{len(self._here)} of {self._plan.workers} left"
            self._tell(ProcessChange(worker.name, "lost", text=left))
        if lost and not self._here:
            raise CannotLead("every worker was lost")
        if lost:
            users = self._runner.target_user_count
            # In its own time: it waits for the reports of those that are left.
            gevent.spawn(self._runner.start, users, max(users, 1))

    def set_rate(self, rate: float) -> None:
        self._runner.send_message(RATE, {"rate": rate})

    def stop(self) -> int:
        self._runner.send_message(STOP)
        until = time.monotonic() + self._plan.grace + _SETTLE
        while any(not each.stopped for each in self._here) and time.monotonic() < until:
            self._changed.clear()
            self._bury()
            for client_id, worker in self._workers.items():
                client = self._runner.clients.get(client_id)
                worker.lost = client is None or client.state == STATE_MISSING
            self._changed.wait(0.02)
        return sum(each.unserved for each in self._workers.values())

    def close(self) -> None:
        for client in list(self._runner.clients.values()):
            self._runner.server.send_to_client(Message("quit", None, client.id))
        until = time.monotonic() + 1.0
        while self._processes and time.monotonic() < until:
            self._bury()
            gevent.sleep(0.01)
        for process, _ in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    @property
    def _here(self) -> list[_Known]:
        return [each for each in self._workers.values() if not each.lost]

    def _bury(self) -> None:
        """Workers of this machine that have ended are missing at once, not after some heartbeats."""
        for number, (process, _) in list(self._processes.items()):
            found, status = os.waitpid(process, os.WNOHANG)
            if not found:
                continue
            del self._processes[number]
            known = self._pids.get(process)
            if known is not None:
                self._runner.missing(known)
            elif not self._pace.elapsed:
                code = os.waitstatus_to_exitcode(status)
                raise CannotLead(f"worker {number} ended with {code} before it began")

    def _admit(self, client_id: str, told: dict[str, Any]) -> bool:
        mine = identity(self._plan)
        name = f"{told.get('host')}:{told.get('pid')}"
        wrong = [key for key in COMMON if told.get(key) != mine[key]]
        if wrong:
            text = ", ".join(f"{_WORDS[key]} {told.get(key)} instead of {mine[key]}" for key in wrong)
            self._runner.server.send_to_client(Message(REFUSED, {"why": text}, client_id))
            self._tell(ProcessChange(name, "refused", told.get("pid"), text))
            return False
        self._workers[client_id] = _Known(name)
        self._pids[told["pid"]] = client_id
        self._tell(ProcessChange(name, "joined", told["pid"]))
        welcome = {
            "workers": self._plan.workers,
            "elapsed": self._pace.elapsed or None,
            "rate": self._pace.fixed,
        }
        self._runner.server.send_to_client(Message(WELCOME, welcome, client_id))
        self._changed.set()
        return True

    def _reported(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        worker = self._workers.get(client_id)
        if worker is None or HEALTH not in data:
            return
        worker.health = data[HEALTH]
        worker.reported = max(worker.reported, data[HEALTH]["number"])
        self._changed.set()

    def _stopped(self, environment: Environment, msg: Message, **_: Any) -> None:
        worker = self._workers.get(msg.node_id)
        if worker is not None:
            worker.stopped = True
            worker.unserved = msg.data["unserved"]
            self._changed.set()


COMMON: Final = ("sretool", "locust", "protocol", "profile", "fingerprint", "plan")
_WORDS: Final = {
    "sretool": "sretool",
    "locust": "Locust",
    "protocol": "protocol",
    "profile": "profile",
    "fingerprint": "files of the profile",
    "plan": "target, load or parameters",
}


def raise_workers(plan: LoadPlan) -> tuple[dict[int, tuple[int, int]], int, int]:
    """Fork the workers of this machine before anything is opened that they must not share.

    (Number → process and pipe, 0, -1) in the master; in a worker (nothing, its number, the pipe to read).
    """
    processes: dict[int, tuple[int, int]] = {}
    master = os.getpid()
    for number in range(1, plan.workers + 1):
        hear, say = os.pipe()
        process = gevent.os.fork_gevent()
        if not process:
            for _, pipe in processes.values():
                os.close(pipe)
            os.close(say)
            die_with(master)
            return {}, number, hear
        os.close(hear)
        processes[number] = process, say
    return processes, 0, -1


_PR_SET_PDEATHSIG: Final = 1


def die_with(parent: int) -> None:
    """Nothing of a test outlives who leads it, however that ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class Worker:
    """One that makes load as a master tells it."""

    def __init__(self, plan: LoadPlan, environment: Environment, pace: Pace) -> None:
        self._plan, self._environment, self._pace = plan, environment, pace

    def work(self, host: str, port: int) -> str:
        """Until the master has no more use for it; why it was refused, or nothing."""
        # The master asks for what it wants to know.
        locust.runners.WORKER_REPORT_INTERVAL = _RARELY
        locust.runners.WORKER_LOG_REPORT_INTERVAL = -1
        environment = self._environment
        self._why = ""
        self._number = 0
        self._health: Health | None = None
        runner: Any = environment.create_worker_runner(host, port)
        self._runner = runner
        Recorder.of(environment)
        self._health = Health()
        environment.events.report_to_master.add_listener(self._report)
        # What was kept waiting before is not the test's.
        environment.events.test_start.add_listener(self._starts)
        for message, listener in (
            (TELL, self._tell),
            (RATE, lambda msg, **_: self._pace.set(msg.data["rate"])),
            (WELCOME, self._welcome),
            (REFUSED, self._refused),
        ):
            runner.register_message(message, listener)
        runner.register_message(STOP, self._stop, concurrent=True)
        environment.events.init.fire(environment=environment, runner=runner, web_ui=None)
        runner.send_message(HELLO, identity(self._plan))
        runner.greenlet.join()
        return self._why

    def leave(self) -> None:
        """Tell the master, and work no more."""
        gevent.spawn(self._quit)

    def _quit(self) -> None:
        self._environment.events.quitting.fire(environment=self._environment, reverse=True)
        self._runner.quit()

    def _starts(self, **_: Any) -> None:
        if self._health is not None:
            self._health.take()

    def _report(self, data: dict[str, Any], **_: Any) -> None:
        if self._health is not None:
            data[HEALTH] = condition(self._environment, self._health) | {"number": self._number}

    def _tell(self, msg: Message, **_: Any) -> None:
        self._number = msg.data["number"]
        self._runner._send_stats()

    def _welcome(self, msg: Message, **_: Any) -> None:
        self._pace.workers = msg.data["workers"]
        if msg.data["elapsed"] is not None:
            self._pace.begin(msg.data["elapsed"])
        if msg.data["rate"] is not None:
            self._pace.set(msg.data["rate"])

    def _refused(self, msg: Message, **_: Any) -> None:
        self._why = msg.data["why"]
        gevent.spawn(self._runner.quit)

    def _stop(self, **_: Any) -> None:
        unserved = stop_users(self._environment)
        self._runner._send_stats()
        self._runner.send_message(STOPPED, {"unserved": unserved})
