"""`sretool load capacity` with a real generator before a real server of which is known how much it can do."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

SRETOOL = str(Path(sys.executable).with_name("sretool"))
LIMIT = 250.0

LOCUSTFILE = """
from sretool.load import HttpUser, task

class Reader(HttpUser):
    @task
    def word(self):
        self.client.get("/word")
"""

PROFILE = """
name: word
title: One request
locustfile: word.py
open:
  arrivals: uniform
  stages:
    - {rate: 100, for: 10s}
objectives:
  - p95 < 150ms
"""


class Limited:
    """Answers one request after the other, `LIMIT` a second, whatever waits."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._free = 0.0
        self.port = 0
        self._begun = threading.Event()
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._main, daemon=True)

    def __enter__(self) -> Limited:
        self._thread.start()
        assert self._begun.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._answer())

    async def _answer(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._begun.set()
        await self._over.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                now = self._loop.time()
                self._free = max(self._free, now) + 1 / LIMIT
                await asyncio.sleep(self._free - now)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()


@pytest.fixture
def server() -> Iterator[Limited]:
    with Limited() as limited:
        yield limited


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".sretool").mkdir()
    profiles = tmp_path / "loadprofiles"
    profiles.mkdir()
    (profiles / "word.py").write_text(LOCUSTFILE)
    (profiles / "word.yaml").write_text(PROFILE)
    return tmp_path


def command(project: Path, port: int, *options: str) -> list[str]:
    target = f"http://127.0.0.1:{port}"
    return [SRETOOL, "-C", str(project), "load", "capacity", "word", "--target", target, *options]


def test_the_limit_of_a_server_is_found(project: Path, server: Limited) -> None:
    options = ("--from", "60", "--hold", "4s", "--stage", "small=20/s", "--stage", "large=900/s")
    ended = subprocess.run(
        [*command(project, server.port, *options), "--format", "json"],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    capacity = found["capacity"]
    # A thousand requests in four seconds tell three per cent, and tests share their cores.
    assert capacity["lower"] == pytest.approx(LIMIT, rel=0.12)
    assert capacity["lower"] < capacity["upper"]
    assert capacity["confirmed"] == 2
    assert [(stage["name"], stage["carries"]) for stage in found["stages"]] == [
        ("small", True),
        ("large", False),
    ]
    folder = Path(found["folder"])
    record = json.loads((folder / "run.json").read_text())
    assert record["kind"] == "capacity"
    assert record["verdict"]["outcome"] == "passed"
    assert record["measures"]["rate"] == pytest.approx(capacity["lower"], rel=0.05)
    assert json.loads((folder / "capacity.json").read_text())["capacity"] == capacity
    points = [line for line in (folder / "events.jsonl").read_text().splitlines() if '"curve_point"' in line]
    assert len(points) == len(found["steps"])


def test_the_text_has_answer_curve_and_stages(project: Path, server: Limited) -> None:
    options = ("--to", "100", "--from", "50", "--hold", "2s", "--rounds", "1", "--warm-up", "1s")
    ended = subprocess.run(
        command(project, server.port, *options), capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("passed: holds ")
    assert lines[0].endswith(", the highest rate allowed")
    assert "p95 < 150ms, errors < 1% (not in the profile)" in lines[1]
    assert any("●" in line for line in lines)
    assert any(line.split()[:1] == ["stage-1"] for line in lines)
    assert Path(lines[-1]).is_dir()


def test_ctrl_c_ends_the_search_and_keeps_its_run(project: Path, server: Limited) -> None:
    process = subprocess.Popen(
        command(project, server.port), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        time.sleep(6)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    record = json.loads((Path(out.splitlines()[-1]) / "run.json").read_text())
    assert record["verdict"]["outcome"] == "aborted"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--from", "200", "--to", "100"), "above its end"),
        (("--objective", "p95 < 200"), "time with its unit"),
        (("--stage", "20/s"), "is no stage"),
        (("--precision", "90%"), "cannot be aimed at"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    project: Path, server: Limited, options: tuple[str, ...], says: str
) -> None:
    ended = subprocess.run(
        command(project, server.port, *options), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not os.listdir(project / ".sretool")


def test_a_target_that_is_down_is_told_at_once(project: Path) -> None:
    ended = subprocess.run(command(project, 1), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr
