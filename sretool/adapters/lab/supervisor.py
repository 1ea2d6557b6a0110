"""Keeps the processes of one lab running: `python -m sretool.adapters.lab.supervisor DIRECTORY`.

Reads plan.json, starts everything in the order of its dependencies, restarts what ends, and stops it all
on SIGTERM. What happens is appended to events.jsonl, for whoever waits; how things stand is in
state.json. It sleeps until something happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import msgspec

from sretool.adapters.lab import children, leftovers, ports, record
from sretool.adapters.lab.children import Child, Children, User
from sretool.adapters.lab.record import (
    Failure,
    LabRecord,
    LabState,
    Process,
    ProcessState,
    Supervisor,
)
from sretool.core.plans.lab_config import LOCALHOST
from sretool.core.plans.processes import (
    Account,
    CgroupPaths,
    Probe,
    Probing,
    ProcessSpec,
    TaskSpec,
    Topology,
    stop_after,
)
from sretool.errors import DiskFull, LabError, PortTaken, ProcessFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

_PROBE_PAUSE = 0.05
_COMMAND_PROBE_PAUSE = 0.2
"""Between probes that start a program."""
_LONGEST_PROBE_PAUSE = 1.0
"""Reached after some twenty seconds: what is not ready by then needs another thing to come back first."""
_RESTART_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_CLEARING_ROUNDS = 100
"""With a pause after each, five seconds: killed processes are gone by then, unless the kernel is stuck."""
_STABLE = 60.0
"""A process that ran this long is restarted without a longer pause than the first time."""
_LOG_LIMIT = 8 * 1024 * 1024
_LOG_KEPT = 1024 * 1024
_LOG_CHECK = 30.0
NEARLY_FULL = 32 * 1024 * 1024
"""Free bytes below which a failure is put down to the full disk."""


class Plan(msgspec.Struct, frozen=True):
    """plan.json: what `lab up` decided."""

    topology: Topology
    accounts: dict[Account, tuple[str, int, int]]
    """Name, uid and gid; an account that is missing is our own."""
    cgroups: dict[str, CgroupPaths]
    began: float
    """Epoch seconds when the command began; progress is told from here."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of events.jsonl."""

    t: float
    """Seconds since the command began."""
    what: str
    """ready, done, ended, restarted, up, failed, stopping, stopped."""
    name: str = ""
    text: str = ""


class LabSupervisor:
    """One lab from its start to its end."""

    def __init__(self, directory: Path, plan: Plan, lab: LabRecord) -> None:
        self._directory = directory
        self._plan = plan
        self._lab = lab
        self._topology = plan.topology
        self._children = Children()
        self._states = {
            spec.name: Process(name=spec.name, port=spec.port, log=str(self._log_path(spec.name)))
            for spec in plan.topology.processes
        }
        self._live_children: dict[str, Child] = {}
        names = [*self._states, *(task.name for task in plan.topology.tasks)]
        self._passed = {name: asyncio.Event() for name in names}
        """Set once a process was ready for the first time, or a task is done."""
        self._save_due: asyncio.TimerHandle | None = None
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Until SIGTERM or a failed start; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        me = os.getpid()
        boss = Supervisor(pid=me, start_time=record.start_time(me) or 0)
        self._lab = msgspec.structs.replace(self._lab, supervisor=boss, state=LabState.STARTING)
        self._save()
        failure: LabError | None = None
        try:
            await self._keep_all()
        except* LabError as group:
            failure = _first(group)
        if failure is not None:
            told = Failure(kind=type(failure).__name__, message=failure.message, remedy=failure.remedy)
            self._lab = msgspec.structs.replace(self._lab, failure=told)
        await self._stop_all()
        self._end()
        return 0 if failure is None else 1

    # ---- start and restart

    async def _keep_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            work = [group.create_task(self._keep(spec)) for spec in self._topology.processes]
            work += [group.create_task(self._perform(spec)) for spec in self._topology.tasks]
            work.append(group.create_task(self._announce()))
            work.append(group.create_task(self._bound_logs()))
            await self._stop.wait()
            for task in work:
                task.cancel()

    async def _announce(self) -> None:
        for passed in self._passed.values():
            await passed.wait()
        took = time.time() - self._plan.began
        self._lab = msgspec.structs.replace(self._lab, state=LabState.RUNNING, ready_after=round(took, 2))
        self._tell("up")
        self._save()

    async def _await(self, names: Iterable[str]) -> None:
        for name in names:
            await self._passed[name].wait()

    async def _keep(self, spec: ProcessSpec) -> None:
        """Start a process after those it needs, and again whenever it ends."""
        await self._await(spec.after)
        pause = _RESTART_PAUSE
        restarts = 0
        while True:
            began = time.monotonic()
            try:
                ending = await self._live(spec, restarts)
            except LabError as error:
                if not self._passed[spec.name].is_set():
                    raise
                ending = error.message
            self._live_children.pop(spec.name, None)
            pause = _RESTART_PAUSE if time.monotonic() - began > _STABLE else pause
            self._set(spec.name, state=ProcessState.RESTARTING, ready=False, pid=None, start_time=None)
            self._tell("ended", spec.name, f"{ending}; restarts in {pause:.0f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            restarts += 1

    async def _live(self, spec: ProcessSpec, restarts: int) -> str:
        """One life of a process; how it ended. LabError where it never became ready."""
        child = self._start(spec, restarts)
        try:
            await self._until_ready(spec, child)
            self._set(spec.name, state=ProcessState.RUNNING, ready=True)
            self._tell("restarted" if restarts else "ready", spec.name)
            self._passed[spec.name].set()
            ending = _ending(await child.wait())
        except LabError:
            await self._clear(spec, child)
            raise
        await self._clear(spec, child)
        return ending

    def _start(self, spec: ProcessSpec, restarts: int) -> Child:
        if spec.port is not None and not self._passed[spec.name].is_set() and not ports.is_free(spec.port):
            raise PortTaken(
                f"port {spec.port}, meant for {spec.name}, is in use by {ports.listener(spec.port)}",
                remedy="run `sretool lab up` again: it picks another port",
            )
        group = self._plan.cgroups.get(spec.name) if spec.limits is not None else None
        child = self._spawn(
            spec.name,
            spec.argv,
            env=spec.env,
            account=spec.account,
            groups=(group.cpu, group.memory) if group else (),
        )
        self._live_children[spec.name] = child
        self._set(
            spec.name,
            state=ProcessState.STARTING,
            pid=child.pid,
            start_time=child.start_time,
            restarts=restarts,
        )
        return child

    def _spawn(
        self,
        name: str,
        argv: tuple[str, ...],
        *,
        env: dict[str, str],
        account: Account,
        stdin: str = "",
        groups: tuple[str, ...] = (),
    ) -> Child:
        given = self._plan.accounts.get(account)
        try:
            log = os.open(self._log_path(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise self._failed(name, f"the log of {name} cannot be written: {error.strerror}") from error
        try:
            return self._children.spawn(
                argv,
                env={**os.environ, **env, leftovers.MARK: self._lab.marker},
                cwd=str(self._directory) if given is None else "/",
                output=log,
                stdin=stdin,
                user=User(*given) if given else None,
                cgroups=groups,
            )
        finally:
            os.close(log)

    async def _clear(self, spec: ProcessSpec, child: Child) -> None:
        """End what is left of the child's group or works where only it should; wait for all of it."""
        children.signal_group(child, signal.SIGKILL)
        await child.wait()
        if spec.workplace is None:
            return
        for _ in range(_CLEARING_ROUNDS):
            if not leftovers.kill_workers(spec.workplace):
                return
            await asyncio.sleep(_PROBE_PAUSE)

    async def _until_ready(self, spec: ProcessSpec, child: Child) -> None:
        """ProcessFailed where the process ends or, at its first start, takes too long."""
        probing = asyncio.ensure_future(self._probe_until_ready(spec, child))
        try:
            patience = None if self._passed[spec.name].is_set() else spec.ready.within
            done, _ = await asyncio.wait(
                (probing, child.ended), timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await probing
        if child.ended in done:
            raise self._failed(spec.name, f"{spec.name} ended with {_ending(child.ended.result())}")
        if probing not in done:
            raise self._failed(spec.name, f"{spec.name} was not ready after {spec.ready.within:.0f} s")

    async def _probe_until_ready(self, spec: ProcessSpec, child: Child) -> None:
        pause = _COMMAND_PROBE_PAUSE if spec.ready.how is Probing.COMMAND else _PROBE_PAUSE
        while not child.ended.done() and not await self._is_ready(spec):
            await asyncio.sleep(pause)
            pause = min(pause * 1.05, _LONGEST_PROBE_PAUSE)

    async def _is_ready(self, spec: ProcessSpec) -> bool:
        probe = spec.ready
        match probe.how:
            case Probing.TCP:
                return await _accepts(probe.port)
            case Probing.HTTP:
                return await _answers(probe)
            case Probing.COMMAND:
                for argv in probe.commands:
                    child = self._spawn(f"{spec.name}.probe", argv, env=spec.env, account=spec.account)
                    if await self._outcome(child) != 0:
                        return False
                return True
            case _:
                assert_never(probe.how)

    async def _outcome(self, child: Child) -> int:
        try:
            return await child.wait()
        except asyncio.CancelledError:
            children.signal_group(child, signal.SIGKILL)
            raise

    # ---- tasks

    async def _perform(self, spec: TaskSpec) -> None:
        await self._await(spec.after)
        try:
            async with asyncio.timeout(spec.within):
                while (failed := await self._run_commands(spec)) is not None:
                    if not spec.retry:
                        raise self._failed(spec.name, failed)
                    await asyncio.sleep(_COMMAND_PROBE_PAUSE)
        except TimeoutError:
            raise self._failed(spec.name, f"{spec.name} was not done after {spec.within:.0f} s") from None
        self._tell("done", spec.name)
        self._passed[spec.name].set()

    async def _run_commands(self, spec: TaskSpec) -> str | None:
        """What went wrong, or None."""
        for command in spec.commands:
            child = self._spawn(
                spec.name, command.argv, env=spec.env, account=spec.account, stdin=command.stdin
            )
            code = await self._outcome(child)
            if code != 0:
                return f"{spec.name} ended with {_ending(code)}"
        return None

    # ---- stop

    async def _stop_all(self) -> None:
        self._lab = msgspec.structs.replace(self._lab, state=LabState.STOPPING)
        self._save()
        self._tell("stopping")
        gone = {name: asyncio.Event() for name in self._states}
        waits = stop_after(self._topology)
        async with asyncio.TaskGroup() as group:
            for spec in self._topology.processes:
                group.create_task(self._end_process(spec, gone, waits[spec.name]))
        self._sweep()

    async def _end_process(
        self, spec: ProcessSpec, gone: dict[str, asyncio.Event], after: frozenset[str]
    ) -> None:
        for name in after:
            await gone[name].wait()
        child = self._live_children.pop(spec.name, None)
        if child is not None and not child.ended.done():
            # One that a drill has frozen could not even end itself.
            children.signal_group(child, signal.SIGCONT)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, getattr(signal, f"SIG{spec.stop_signal}"))
            await asyncio.wait((child.ended,), timeout=spec.grace)
            await self._clear(spec, child)
        self._set(spec.name, state=ProcessState.STOPPED, ready=False, pid=None, start_time=None)
        gone[spec.name].set()

    def _sweep(self) -> None:
        """What left its group or its parent; and the control groups, which must be empty for that."""
        leftovers.end(self._lab)

    def _end(self) -> None:
        failure = self._lab.failure
        state = LabState.STOPPED if failure is None else LabState.FAILED
        self._lab = msgspec.structs.replace(self._lab, state=state, supervisor=None, cgroups=())
        self._save()
        self._tell("stopped" if failure is None else "failed", text=failure.message if failure else "")

    # ---- what is known and told

    def _set(self, name: str, **changes: object) -> None:
        self._states[name] = msgspec.structs.replace(self._states[name], **changes)
        if self._save_due is None:
            self._save_due = asyncio.get_running_loop().call_later(0.05, self._save)

    def _save(self) -> None:
        if self._save_due is not None:
            self._save_due.cancel()
            self._save_due = None
        self._lab = msgspec.structs.replace(self._lab, processes=tuple(self._states.values()))
        try:
            record.save(self._directory, self._lab)
        except OSError as error:
            # A full disk must not end a running lab; the next change is written again.
            print(f"state.json cannot be written: {error}", file=sys.stderr, flush=True)

    def _tell(self, what: str, name: str = "", text: str = "") -> None:
        event = Event(round(time.time() - self._plan.began, 2), what, name, text)
        with contextlib.suppress(OSError), (self._directory / "events.jsonl").open("ab") as stream:
            stream.write(msgspec.json.encode(event) + b"\n")

    def _log_path(self, name: str) -> Path:
        return self._directory / "logs" / f"{name}.log"

    def _failed(self, name: str, what: str) -> LabError:
        stats = os.statvfs(self._directory)
        if stats.f_bavail * stats.f_frsize < NEARLY_FULL:
            return DiskFull(
                f"{what}: no space is left on the disk of {self._directory}",
                remedy="free some space, then `sretool lab up` again",
            )
        last = _last_line(self._log_path(name))
        return ProcessFailed(
            f"{what}: {last}" if last else what,
            remedy=f"`sretool lab logs {name} --name {self._lab.name}` shows more,"
            " `sretool lab reset` starts over from nothing",
        )

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(_LOG_CHECK)
            for path in (self._directory / "logs").glob("*.log"):
                bound_log(path)


def bound_log(path: Path, limit: int = _LOG_LIMIT, kept: int = _LOG_KEPT) -> None:
    """Empty a log that grew beyond the limit, keeping its end beside it.

    Its writer holds it open in append mode and goes on at the new end.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size <= limit:
            return
        with path.open("rb") as stream:
            stream.seek(-kept, os.SEEK_END)
            path.with_suffix(".log.1").write_bytes(stream.read())
        os.truncate(path, 0)


async def _accepts(port: int) -> bool:
    try:
        # Not wait_for: that of Python 3.11 forgets a cancellation when the connection fails just then.
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_connection(LOCALHOST, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _answers(probe: Probe) -> bool:
    """Whether a GET is answered with 200."""
    request = f"GET {probe.path} HTTP/1.0\r\nHost: {LOCALHOST}:{probe.port}\r\n\r\n"
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection(LOCALHOST, probe.port)
            try:
                writer.write(request.encode())
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return status.split(b" ")[1:2] == [b"200"]


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _last_line(path: Path) -> str:
    try:
        lines = path.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][-300:] if lines else ""


def _first(group: BaseExceptionGroup[LabError]) -> LabError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, LabError)
    return error


def hold(directory: Path) -> int | None:
    """Take the lab's supervision for as long as this process lives; None where another one has it."""
    handle = os.open(directory / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


async def _supervise(directory: Path) -> int:
    plan = msgspec.json.decode((directory / "plan.json").read_bytes(), type=Plan)
    lab = record.load_from(directory)
    if lab is None:
        raise LabError(f"there is no record in {directory}")
    return await LabSupervisor(directory, plan, lab).run()


def main(directory: Path) -> int:
    if hold(directory) is None:
        print(f"{directory} is supervised already", file=sys.stderr)
        return 1
    return asyncio.run(_supervise(directory))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
