"""Which pid files may go before PostgreSQL starts again."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.lab import pidfiles, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    for folder in ("pg-1", "run/pg_autoctl/x/pg-1", "sockets"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def zombie() -> Iterator[int]:
    """A process that has ended and that nobody has reaped."""
    with subprocess.Popen(["true"]) as process:
        while record.start_time(process.pid) is not None:
            time.sleep(0.01)
        yield process.pid


def write(database: Path, pid: int) -> list[Path]:
    files = [
        database / "pg-1/postmaster.pid",
        database / "run/pg_autoctl/x/pg-1/pg_autoctl.pid",
        database / "sockets/.s.PGSQL.25431.lock",
    ]
    for file in files:
        file.write_text(f"{pid}\n{database}/pg-1\n")
    return files


def left(database: Path, files: list[Path]) -> list[str]:
    pidfiles.remove_stale(database, database / "sockets")
    return [file.name for file in files if file.exists()]


def test_those_of_a_process_that_nobody_reaped_go(database: Path, zombie: int) -> None:
    assert left(database, write(database, zombie)) == []


def test_those_of_a_stranger_that_got_the_number_go(database: Path) -> None:
    assert left(database, write(database, os.getpid())) == []


def test_one_without_a_number_goes(database: Path) -> None:
    files = write(database, 0)
    files[0].write_text("")
    assert left(database, files) == []


def test_those_of_a_server_at_work_stay(database: Path) -> None:
    with subprocess.Popen(["sleep", "60"], cwd=database / "pg-1") as server:
        files = write(database, server.pid)
        assert left(database, files) == [file.name for file in files]
        server.kill()


def test_a_cluster_somebody_still_works_in_keeps_its_lock(database: Path, zombie: int) -> None:
    """A backend that outlived its postmaster."""
    files = write(database, zombie)
    with subprocess.Popen(["sleep", "60"], cwd=database / "pg-1") as backend:
        assert left(database, files) == ["postmaster.pid"]
        backend.kill()


def test_a_database_that_is_not_there_has_none(tmp_path: Path) -> None:
    pidfiles.remove_stale(tmp_path / "none", tmp_path / "none" / "sockets")
