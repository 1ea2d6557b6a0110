"""A program of our own as a child: it says what it says, ends when it is asked, and ends with us."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from sretool.adapters.children.program import Program
from tests.support.processes import lives

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_ALONE = """
import os, signal, subprocess, sys, time
child = (
    "import time\\n"
    "from sretool.adapters.children.bound import end_with\\n"
    f"end_with({os.getpid()}, 15)\\n"
    "print('bound', flush=True)\\n"
    "time.sleep(60)\\n"
)
started = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE, start_new_session=True)
started.stdout.readline()
print(started.pid, flush=True)
time.sleep(60)
"""


def _eventually(check: Callable[[], bool], within: float = 20.0) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.02)
    return False


async def test_its_code_and_its_last_complaint(tmp_path: Path) -> None:
    program = Program(("load", "run", "no-such-profile"), tmp_path / "step.log", dict(os.environ))
    await program.start()
    assert await program.wait() == 2
    assert program.said().startswith("there is no load profile 'no-such-profile'")


async def test_nothing_was_said(tmp_path: Path) -> None:
    assert Program(("--version",), tmp_path / "step.log", {}).said() == ""


async def test_what_heeds_no_signal_is_killed(tmp_path: Path) -> None:
    # A pipe that nobody writes into keeps it reading the profile for good.
    pipe = tmp_path / "profile.yaml"
    os.mkfifo(pipe)
    program = Program(
        ("load", "run", str(pipe)), tmp_path / "step.log", dict(os.environ), ((signal.SIGURG, 0.2),)
    )
    await program.start()
    await asyncio.sleep(0.5)
    program.stop()
    program.stop()
    async with asyncio.timeout(20):
        assert await program.wait() == -signal.SIGKILL


async def test_one_that_was_to_end_before_it_began_ends(tmp_path: Path) -> None:
    pipe = tmp_path / "profile.yaml"
    os.mkfifo(pipe)
    program = Program(("load", "run", str(pipe)), tmp_path / "step.log", dict(os.environ))
    program.stop()
    await program.start()
    async with asyncio.timeout(20):
        assert await program.wait() != 0


def test_it_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", _ALONE], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert lives(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert _eventually(lambda: not lives(child))


def test_it_ends_at_once_where_its_parent_is_gone_already() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from sretool.adapters.children.bound import end_with; end_with(1, 15); print('on')",
        ],
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == b""
