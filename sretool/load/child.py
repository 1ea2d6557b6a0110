"""The program that makes the load: `python -m sretool.load.child`.

A plan comes in on standard input, commands after it, one line of JSON each; on standard output goes what
happens, a line each second. The end of the input means that whoever wanted the load is gone: it stops. What a
locustfile prints goes to standard error.
"""

from __future__ import annotations

import logging
import math
import os
import platform
import random
import signal
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

# isort: split
# Before anything else imports Locust.
import sretool.load.sooner  # noqa: F401

# isort: split
import gevent
import gevent.os
from gevent.event import Event
from locust import __version__ as locust_version
from locust import events
from locust.argument_parser import get_parser
from locust.dispatch import UsersDispatcher
from locust.env import Environment

from sretool.core.plans.load import messages
from sretool.core.plans.load import plan as plans
from sretool.core.plans.load.messages import Began, Changed, Ended, Failed, Hello, Ticked
from sretool.core.plans.load.profile import Closed, Open, OwnShape
from sretool.load import parameters, scenarios
from sretool.load.crew import Alone, CannotLead, Crew, Worker, raise_workers
from sretool.load.fence import Fence
from sretool.load.recorder import Recorder
from sretool.load.scenarios import Pace, Unusable
from sretool.load.ticks import Ticker

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from typing import TypeAlias

    from locust import LoadTestShape

    from sretool.core.plans.load.messages import Message
    from sretool.core.plans.load.plan import LoadPlan
    from sretool.core.runs.events import ProcessChange

    Processes: TypeAlias = dict[int, tuple[int, int]]
    """Number of a worker → its process, and the pipe to it."""

_LOOK: Final = 0.1
"""Seconds between two looks after the workers."""
_SHAPE_STEP: Final = 0.25
"""Seconds between two looks at how many users a closed model wants."""
_OWN_STEP: Final = 1.0
"""The same of a locustfile's own shape, as under Locust."""
_DESERTED: Final = 3
"""Ticks without users after which none is waited for."""
_MOST_LINES: Final = 1000
"""Different lines of the log that are counted."""
_MOST_PLAN: Final = 16 * 1024 * 1024
"""Bytes of a plan."""


class Wire:
    """Lines out to whoever started this program; nothing else gets there."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        # What a locustfile prints must not be taken for ours.
        os.dup2(2, 1)
        self._broken = False

    def tell(self, message: Message) -> None:
        if self._broken:
            return
        data = messages.encode(message)
        try:
            while data:
                data = data[gevent.os.nb_write(self._out, data) :]
        except OSError:
            # Nobody listens any more; the end of the input says so, too.
            self._broken = True

    def start(self) -> None:
        gevent.os.make_nonblocking(self._out)


def read_plan() -> tuple[LoadPlan, bytes]:
    """The plan, and what of the commands came with it; ValueError where it is none."""
    data = b""
    while b"\n" not in data:
        more = os.read(0, 65536)
        if not more:
            raise ValueError("no plan on standard input")
        data += more
        if len(data) > _MOST_PLAN:
            raise ValueError("the plan is too long")
    line, _, rest = data.partition(b"\n")
    return plans.decode(line), rest


class Test:
    """One plan carried out by this process, or by workers that this process leads."""

    def __init__(self, plan: LoadPlan, wire: Wire, processes: Processes) -> None:
        self._plan, self._wire = plan, wire
        self._over = Event()
        self._why = "done"
        self._pace = Pace(plan)
        self._environment, self._shape = surroundings(plan, self._pace, worker=0)
        self._crew: Alone | Crew = (
            Crew(plan, processes, self._changed, self._pace) if processes or plan.bind else Alone(self._pace)
        )
        self._crew.join(self._environment)
        self._recorder = Recorder.of(self._environment)
        self._ticker = Ticker(self._environment, self._recorder)
        self._users = Event()
        """Set when all users of the beginning are there."""
        events.spawning_complete.add_listener(lambda **_: self._users.set())
        events.init.fire(environment=self._environment, runner=self._environment.runner, web_ui=None)

    def run(self) -> None:
        plan, runner = self._plan, self._environment.runner
        assert runner is not None
        self._wire.tell(
            Hello(
                pid=os.getpid(),
                versions={"locust": locust_version, "python": platform.python_version()},
                scenarios=tuple(each.__name__ for each in self._environment.user_classes),
                listening=self._crew.listening,
            )
        )
        workers = self._crew.gather(self._over)
        if isinstance(plan.model, Open) and not self._over.is_set():
            everyone = sum(each.fixed_count for each in self._environment.user_classes)
            starting = gevent.spawn(runner.start, everyone, everyone)
            while not (self._users.wait(0.01) or self._over.is_set()):
                self._crew.watch()
            starting.join()
        if not self._over.is_set():
            self._pace.begin(anew=False)
            self._ticker.start()
            self._wire.tell(Began(workers))
            driver = None if isinstance(plan.model, Open) else gevent.spawn(self._drive)
            self._tick_until_over()
            if driver is not None:
                driver.kill()
        users = self._user_count
        unserved = self._crew.stop()
        self._tick(users, unserved)
        self._crew.close()
        events.quitting.fire(environment=self._environment, reverse=True)
        self._wire.tell(Ended(self._why, self._ticker.requests, unserved))
        events.quit.fire(exit_code=0)

    def end(self, why: str) -> None:
        """Come to the end early."""
        if not self._over.is_set():
            self._why = why
            self._over.set()

    def command(self, line: bytes) -> None:
        try:
            command = messages.decode_command(line)
        except ValueError as error:
            logging.getLogger("sretool").error("not a command: %s", error)
            return
        if command.set_rate is not None:
            self._crew.set_rate(command.set_rate)
            self._pace.set(command.set_rate)
        if command.stop:
            self.end("stopped")

    def _changed(self, change: ProcessChange) -> None:
        self._wire.tell(Changed(change))

    def _tick_until_over(self) -> None:
        """A tick each second. That of the last second is left to whoever stops the users."""
        seconds = self._plan.seconds
        number = 1
        deserted = 0
        while not self._over.is_set():
            due = float(number)
            last = seconds is not None and due >= seconds - 1e-6
            if last:
                due = seconds or due
            while (left := due - self._pace.elapsed) > 0 and not self._over.is_set():
                self._over.wait(min(left, _LOOK))
                self._crew.watch()
            if last or self._over.is_set():
                return
            self._tick(self._user_count)
            deserted = deserted + 1 if self._deserted() else 0
            if deserted >= _DESERTED:
                self.end(self._why_deserted())
                return
            number = max(number + 1, math.floor(self._pace.elapsed) + 1)

    def _deserted(self) -> bool:
        """Whether no user is there though some should be."""
        model = self._plan.model
        if isinstance(model, Closed) and model.users.at(self._pace.elapsed) < 1:
            return False
        return not isinstance(model, OwnShape) and self._users.is_set() and not self._user_count

    def _why_deserted(self) -> str:
        runner = self._environment.runner
        assert runner is not None
        said = [each["msg"] for each in runner.exceptions.values() if each["msg"]]
        return f"all users have ended: {said[-1]}" if said else "all users have ended"

    @property
    def _user_count(self) -> int:
        runner = self._environment.runner
        assert runner is not None
        return runner.user_count

    def _tick(self, users: int, unserved: int = 0) -> None:
        condition = self._crew.condition()
        elapsed = self._pace.elapsed
        is_open = isinstance(self._plan.model, Open)
        tick = self._ticker.take(
            users=None if is_open else users,
            target_rate=self._pace.rate(max(elapsed - 0.5, 0.0)),
            workers=condition.workers,
            lag=condition.lag,
            in_flight=condition.in_flight,
            unserved=unserved,
        )
        self._wire.tell(Ticked(elapsed, tick))

    # --- closed models ------------------------------------------------------------------------------------

    def _drive(self) -> None:
        model = self._plan.model
        try:
            if isinstance(model, Closed):
                self._follow(model)
            else:
                self._follow_own()
        except Exception as error:
            logging.getLogger("sretool").exception("the shape failed")
            self.end(f"the shape failed: {error}")

    def _follow(self, model: Closed) -> None:
        runner = self._environment.runner
        assert runner is not None
        wanted = 0
        while True:
            now_wanted = round(model.users.at(self._pace.elapsed))
            if now_wanted != wanted and self._pace.elapsed < model.users.seconds:
                step = abs(now_wanted - wanted)
                wanted = now_wanted
                runner.start(wanted, model.spawn_rate or max(step, 1))
            gevent.sleep(_SHAPE_STEP)

    def _follow_own(self) -> None:
        runner, shape = self._environment.runner, self._shape
        assert runner is not None
        assert shape is not None
        shape.reset_time()
        before = None
        while (wanted := shape.tick()) is not None:
            if wanted != before:
                users, rate, *classes = wanted
                runner.start(round(users), rate, user_classes=classes[0] if classes else None)
                before = wanted
            gevent.sleep(_OWN_STEP)
        self.end("done")


def surroundings(plan: LoadPlan, pace: Pace, worker: int) -> tuple[Environment, LoadTestShape | None]:
    """Locust's environment for a plan, and the shape of the locustfile where it is to decide."""
    parameters.install(plan)
    if plan.seed is not None:
        random.seed(f"{plan.seed}/{worker}")
    found, shapes = scenarios.load(plan.locustfile)
    classes = scenarios.chosen(found, plan, pace, worker)
    if isinstance(plan.model, OwnShape) and not shapes:
        raise Unusable(f"{plan.locustfile} has no LoadTestShape, so a rate or a number of users is needed")
    if plan.allowed_hosts:
        # A test on three machines talks to its master, too, but not through Python's sockets.
        Fence(scenarios.hosts(classes, plan)).close()
    shape = shapes[0] if isinstance(plan.model, OwnShape) else None
    environment = Environment(
        user_classes=classes,
        shape_class=shape,
        events=events,
        host=plan.target,
        tags=list(plan.tags) or None,
        stop_timeout=plan.grace,
        locustfile=os.path.basename(plan.locustfile),
        parsed_locustfiles=[plan.locustfile],
        parsed_options=options(plan),
        dispatcher_class=scenarios.EvenDispatcher if isinstance(plan.model, Open) else UsersDispatcher,
    )
    return environment, shape


def options(plan: LoadPlan) -> Namespace:
    """What a locustfile finds in `environment.parsed_options`: Locust's defaults, and its own options with
    the values of the parameters of their names."""
    parser = get_parser(default_config_files=[])
    own = {action.dest: action for action in parser._actions if action.option_strings}
    given: list[str] = []
    for name, value in plan.parameters.items():
        action = own.get(name.replace("-", "_"))
        if action is not None:
            given += [action.option_strings[-1]] + ([] if action.nargs == 0 else [str(value)])
    try:
        found: Namespace = parser.parse_known_args(given)[0]
    except SystemExit:
        raise Unusable(f"{plan.locustfile} does not take {' '.join(given)}") from None
    found.host, found.stop_timeout = plan.target, plan.grace
    # Whoever shares something out between workers must know how many there are.
    found.expect_workers = plan.workers
    return found


def _listen(rest: bytes, command: Callable[[bytes], None], end: Callable[[str], None]) -> None:
    """Commands, until there is nobody left to give any."""
    gevent.os.make_nonblocking(0)
    while True:
        *whole, rest = rest.split(b"\n")
        for line in whole:
            command(line)
        try:
            more = gevent.os.nb_read(0, 65536)
        except OSError:
            more = b""
        if not more:
            end("left alone")
            return
        rest += more


class _Seldom(logging.Filter):
    """Lets the same line through 10 times, and then once for each further power of ten."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        key = record.name, record.getMessage()
        self._seen[key] += 1
        count = self._seen[key]
        if len(self._seen) > _MOST_LINES:
            self._seen.clear()
        return count <= 10 or math.log10(count).is_integer()


def _log() -> None:
    """To standard error: what a locustfile says, and warnings of Locust's own."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("locust", "urllib3", "geventhttpclient"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_Seldom())
    # Users may come as fast as the profile says.
    logging.getLogger("locust.runners").addFilter(lambda record: "spawn rate is very high" not in record.msg)


def main() -> int:
    wire = Wire()
    _log()
    try:
        plan, rest = read_plan()
        processes: Processes = {}
        if plan.workers > 1 and not (plan.bind or plan.join):
            processes, number, pipe = raise_workers(plan)
            if number:
                return _work(plan, number, pipe)
        wire.start()
        if plan.join:
            return _work_elsewhere(plan, wire, rest)
        test = Test(plan, wire, processes)
        for each in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(each, test.end, "stopped")
        gevent.spawn(_listen, rest, test.command, test.end)
        test.run()
    except (Unusable, ValueError) as error:
        wire.tell(Failed(str(error), usage=True))
        return 1
    except CannotLead as error:
        wire.tell(Failed(str(error)))
        return 1
    except BaseException as error:
        logging.getLogger("sretool").exception("the load generator failed")
        wire.tell(Failed(f"the load generator failed: {type(error).__name__}: {error}"))
        return 1
    return 0


def _work(plan: LoadPlan, number: int, pipe: int) -> int:
    """As one of the workers that a master of this machine has raised."""
    # Commands are for the master alone.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pace = Pace(plan)
        environment, _ = surroundings(plan, pace, worker=number)
        with os.fdopen(pipe) as hear:
            port = hear.readline().strip()
        if port:
            Worker(plan, environment, pace).work("127.0.0.1", int(port))
    except Unusable:
        # The master finds the same, and tells it.
        return 1
    except BaseException:
        logging.getLogger("sretool").exception("worker %s failed", number)
        return 1
    return 0


def _work_elsewhere(plan: LoadPlan, wire: Wire, rest: bytes) -> int:
    """As a worker of a master on another machine."""
    pace = Pace(plan)
    environment, _ = surroundings(plan, pace, worker=random.SystemRandom().randrange(1, 2**31))
    host, _, port = plan.join.rpartition(":")
    worker = Worker(plan, environment, pace)

    def leave(why: str) -> None:
        worker.leave()

    for each in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(each, leave, "stopped")
    gevent.spawn(_listen, rest, lambda line: leave(line.decode()), leave)
    wire.tell(
        Hello(
            pid=os.getpid(),
            versions={"locust": locust_version, "python": platform.python_version()},
            scenarios=tuple(each.__name__ for each in environment.user_classes),
        )
    )
    wire.tell(Began((f"worker of {plan.join}",)))
    refused = worker.work(host.strip("[]"), int(port))
    if refused:
        wire.tell(Failed(f"the master at {plan.join} refused this worker: {refused}", usage=True))
        return 1
    wire.tell(Ended("done", environment.stats.total.num_requests))
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Whatever greenlets and threads a locustfile has left behind: everything is told.
    os._exit(code)
