"""Children of a test to hurt, control groups of its own, and an undo log of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.lab import cgroups
from sretool.chaos import undoing
from sretool.core.plans.processes import Limits
from sretool.undo import identity
from sretool.undo.log import UndoLog
from tests.support.lab import need_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sretool.core.plans.processes import CgroupPaths


@pytest.fixture(autouse=True)
def undo_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UndoLog]:
    """The log that actions of the test write to, as they would under `sretool chaos run`."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setenv(undoing.LOG, str(folder))
    undoing.log.cache_clear()
    yield UndoLog(folder)
    undoing.log.cache_clear()


@pytest.fixture
def start() -> Iterator[Callable[[str], int]]:
    """Starts a Python program in a session of its own; its pid."""
    children: list[subprocess.Popen[bytes]] = []

    def starter(program: str) -> int:
        child = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
        children.append(child)
        return child.pid

    yield starter
    for child in children:
        child.kill()
        child.wait()


@pytest.fixture
def spinning(start: Callable[[str], int]) -> int:
    """A process that takes all the CPU it gets."""
    return start("while True: pass")


@pytest.fixture
def sleeping(start: Callable[[str], int]) -> int:
    return start("import time; time.sleep(60)")


@dataclass
class Group:
    """A control group with half a core and 64 MiB."""

    cpu: Path
    memory: Path

    def enter(self, pid: int) -> None:
        for folder in {self.cpu, self.memory}:
            (folder / "cgroup.procs").write_text(str(pid))


@pytest.fixture
def group() -> Iterator[Group]:
    prefix = f"sretool-test-{os.getpid()}"
    made: dict[str, CgroupPaths] = cgroups.create(prefix, {"it": Limits(0.5, 64 * 2**20)})
    need_groups(made)
    paths = made["it"]
    yield Group(Path(paths.cpu), Path(paths.memory))
    folders = cgroups.directories(made)
    for pid in cgroups.members(folders):
        os.kill(pid, 9)
    cgroups.remove(folders)
    assert not any(Path(folder).exists() for folder in folders)


def until(true: Callable[[], bool], within: float = 3.0) -> None:
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def gone(pid: int, start: int | None) -> bool:
    return identity.start_time(pid) != start
