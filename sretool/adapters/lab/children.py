"""Children of the supervisor: started so that none outlives it, and all of them reaped.

Every child gets a session of its own, so that its whole group can be signalled, and the kernel's
promise to send it SIGTERM when the supervisor dies. The promise is bound to the thread that
started the child: everything here runs in the main thread. The supervisor adopts grandchildren
that lose their parent and reaps them: an unreaped postmaster counts as running for pg_ctl, and its
node would never come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sretool.adapters.lab import record
from sretool.errors import ProcessFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class User:
    """Whose rights a child gets instead of ours."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Child:
    """A process of ours; its pid is also the number of its process group."""

    pid: int
    start_time: int
    ended: asyncio.Future[int]
    """Its exit code, -N where signal N ended it. To wait for it, use `wait`."""

    async def wait(self) -> int:
        """The exit code; whoever is cancelled while waiting leaves the others waiting."""
        return await asyncio.shield(self.ended)


class Children:
    """All children of this process; make one, in the main thread, inside the loop."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._loop = asyncio.get_running_loop()
        if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "cannot become the reaper of orphans")
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        output: int,
        stdin: str = "",
        user: User | None = None,
        cgroups: Sequence[str] = (),
    ) -> Child:
        """Start a program; `output` is the descriptor of its log, `cgroups` directories to put it in.

        ProcessFailed where it cannot be started at all.
        """
        reader = _pipe_with(stdin)
        try:
            popen = subprocess.Popen(
                argv,
                env=env,
                cwd=cwd,
                stdin=reader,
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=user.uid if user else None,
                group=user.gid if user else None,
                extra_groups=[] if user else None,
                preexec_fn=_before_exec(os.getpid(), cgroups),
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ProcessFailed(f"{argv[0]} cannot be started: {error}") from error
        finally:
            os.close(reader)
        # Reaped by `_reap`; the object must not try it, too.
        popen.returncode = 0
        ended: asyncio.Future[int] = self._loop.create_future()
        self._waiting[popen.pid] = ended
        return Child(popen.pid, record.start_time(popen.pid) or 0, ended)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            ended = self._waiting.pop(pid, None)
            if ended is not None and not ended.done():
                ended.set_result(os.waitstatus_to_exitcode(status))


def signal_group(child: Child, number: int) -> None:
    """Signal the child and what is left of its group; nothing where all of it is gone.

    The number of a group stays taken while any member lives, so this never reaches a stranger as
    long as the child or its group is known to exist: call it right after the end, or before.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _pipe_with(text: str) -> int:
    """A descriptor to read `text` from; short enough for the pipe's buffer."""
    reader, writer = os.pipe()
    try:
        os.write(writer, text.encode())
    finally:
        os.close(writer)
    return reader


def _before_exec(parent: int, cgroups: Sequence[str]) -> Callable[[], None]:
    files = [Path(directory, "cgroup.procs") for directory in dict.fromkeys(cgroups)]

    def prepare() -> None:
        for file in files:
            file.write_bytes(b"0")
        # After the change of user, which would clear it.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
