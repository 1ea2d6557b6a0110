"""A throw-away PostgreSQL with the seeded rows, and a Redis."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from sretool.adapters.lab import programs
from sretool.lab_apps.amas import schema, seeding
from sretool.lab_apps.amas.migrate import migrate
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEEDED_AT = datetime(2026, 5, 20, 6, 30, tzinfo=UTC)
"""14:30 of a Wednesday for the users."""


def server_binary(name: str) -> str:
    """PostgreSQL's own programs are not on PATH on Debian."""
    path = programs.find(name)
    assert path is not None, f"{name} is needed: install postgresql"
    return str(path)


@dataclass
class PostgresServer:
    """A server of its own; never run by root, which PostgreSQL refuses."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    _names: list[str] = field(default_factory=list)

    @property
    def demote(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        user = pwd.getpwnam("postgres")
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    @property
    def user(self) -> str:
        return "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres", "postgres")
        subprocess.run(
            [server_binary("initdb"), "-D", str(self.directory / "data"), "--auth=trust", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.directory,
            **self.demote,
        )

    def start(self) -> None:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.directory,
            "fsync": "off",
            "shared_buffers": "32MB",
        }
        self.process = subprocess.Popen(
            [server_binary("postgres"), "-D", str(self.directory / "data")]
            + [f"--{name}={value}" for name, value in options.items()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.directory,
            **self.demote,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "PostgreSQL did not start"
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """At once, as in a crash."""
        assert self.process
        self.process.send_signal(signal.SIGQUIT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            # PostgreSQL 15 works in its signal handlers, and now and then one of them waits for itself.
            self.process.kill()
            self.process.wait(20)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        pids = [self.process.pid, *map(int, children)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def copy(self, template: str) -> Iterator[str]:
        name = f"test_{time.monotonic_ns()}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield self.url(name)
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        server = PostgresServer(Path(directory), free_port())
        server.create()
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def seeded(postgres: PostgresServer) -> str:
    """Name of a database with the seeded rows, to be copied."""
    postgres.execute("CREATE DATABASE seeded")
    with psycopg.connect(postgres.url("seeded"), autocommit=True) as connection:
        migrate(connection, SEEDED_AT)
    return "seeded"


@pytest.fixture(scope="session")
def tables(postgres: PostgresServer) -> str:
    """URL of a database with tables and no rows."""
    postgres.execute("CREATE DATABASE tables")
    with psycopg.connect(postgres.url("tables"), autocommit=True) as connection:
        connection.execute(schema.DDL.encode())
    return postgres.url("tables")


@pytest.fixture(scope="session")
def small(postgres: PostgresServer) -> str:
    """Name of a database with the rows of one day, to be copied."""
    postgres.execute("CREATE DATABASE small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeding, "SESSION_DAYS", 1)
        with psycopg.connect(postgres.url("small"), autocommit=True) as connection:
            migrate(connection, SEEDED_AT)
    return "small"


@pytest.fixture
def database(postgres: PostgresServer, small: str) -> Iterator[str]:
    """URL of a database of the test's own with the day before SEEDED_AT."""
    with postgres.copy(small) as url:
        yield url


@pytest.fixture
def whole_database(postgres: PostgresServer, seeded: str) -> Iterator[str]:
    """URL of a database of the test's own with all rows that a lab has at SEEDED_AT."""
    with postgres.copy(seeded) as url:
        yield url


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[tuple[int, Callable[[], None]]]:
    """Port of a Redis of the test's own, and how to kill it."""
    port = free_port()
    binary = shutil.which("redis-server")
    assert binary, "redis-server is needed: install redis-server"
    process = subprocess.Popen(
        [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )

    def kill() -> None:
        process.kill()
        process.wait(5)

    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        assert time.monotonic() < deadline, "Redis did not start"
        time.sleep(0.02)
    yield port, kill
    kill()
