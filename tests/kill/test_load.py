"""Experiments that bring their load: a `sretool load run` as a child, against a server that counts."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kill.prometheus import FakePrometheus
from tests.kill.test_run import Shell, act, until_there
from tests.support.counting import CountingServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

# Slow to begin, quick to end, and broken from the first answer on: none of it may show in an experiment.
PROFILE = """\
name: small
title: A small one
locustfile: small.py
open:
  arrivals: uniform
  stages: [{rate: [0, 10], for: 30s}, {rate: 10, for: 1s}]
objectives:
  - p95 < 1us
abort: {after: 1s, delay: 1s}
"""
USERS = """\
from sretool.load import HttpUser, task

class Reader(HttpUser):
    @task
    def read(self):
        self.client.get("/a")
"""


@pytest.fixture
def server() -> Iterator[CountingServer]:
    found, loop = CountingServer(), asyncio.new_event_loop()
    loop.run_until_complete(found.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield found
    asyncio.run_coroutine_threadsafe(found.stop(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    project = tmp_path / "project"
    (project / "loadprofiles").mkdir(parents=True)
    (project / ".sretool").mkdir()
    (project / "loadprofiles/small.yaml").write_text(PROFILE)
    (project / "loadprofiles/small.py").write_text(USERS)
    with FakePrometheus() as prometheus:
        yield Shell(tmp_path, prometheus)


def brings(target: str, **more: object) -> list[dict[str, object]]:
    load = {"profile": "small", "rate": 40, "target": target}
    block = {"name": "sretool", "fault": "a small one", "stop_when": ["after 1m"], "load": load}
    return [block | {"baseline": "8s", "recovery_deadline": "1s"} | more]


def silent(server: CountingServer) -> bool:
    """Nobody asks any more."""
    before = server.begun
    time.sleep(0.5)
    return server.begun == before


def test_it_is_there_before_the_fault_and_gone_after_it(shell: Shell, server: CountingServer) -> None:
    fault = shell.folder / "fault"
    hurt = act("hurt", "file", path=str(fault))
    file = shell.write(hurt, act("stay", "wait", seconds=3), extensions=brings(server.url))
    # From another folder: profiles are those of the project.
    with shell.start("-C", str(shell.folder / "project"), "chaos", "run", file, "--yes") as program:
        until_there(fault, program)
        began, before = time.monotonic(), server.total
        time.sleep(2)
        rate = (server.total - before) / (time.monotonic() - began)
        out, err = program.communicate(timeout=60)
    # All of it at once, whatever the profile's slope is.
    assert before > 40, err
    assert 20 < rate < 60
    # Nobody knows its dose, and nothing else is wrong: what the profile promises is not its hypothesis.
    assert program.returncode == 6, err
    assert "has no dose" in out
    assert silent(server)
    folder = Path(out.splitlines()[-1])
    (child,) = (each for each in folder.parent.iterdir() if "-load-" in each.name)
    ticks = [line for line in (child / "events.jsonl").read_text().splitlines() if '"load_tick"' in line]
    assert len(ticks) >= 5
    assert "Traceback" not in (folder / "raw/load.log").read_text()


def test_without_its_load_an_experiment_ends(shell: Shell) -> None:
    stay = act("stay", "wait", seconds=30)
    fault = shell.folder / "fault"
    file = shell.write(act("hurt", "file", path=str(fault)), stay, extensions=brings("http://127.0.0.1:1"))
    code, out, err = shell.run("-C", str(shell.folder / "project"), "chaos", "run", file, "--yes")
    assert code == 4, err
    assert "the load ended by itself with 3" in out
    record = json.loads((Path(out.splitlines()[-1]) / "run.json").read_text())
    assert record["verdict"]["outcome"] == "aborted"
    assert not fault.exists()


def test_whoever_kills_the_run_ends_its_load(shell: Shell, server: CountingServer) -> None:
    fault = shell.folder / "fault"
    hurt = act("hurt", "file", path=str(fault))
    file = shell.write(hurt, act("stay", "wait", seconds=60), extensions=brings(server.url))
    with shell.start("-C", str(shell.folder / "project"), "chaos", "run", file, "--yes") as program:
        until_there(fault, program)
        program.send_signal(signal.SIGKILL)
        program.communicate(timeout=20)
    until = time.monotonic() + 20
    while not silent(server):
        assert time.monotonic() < until, "the load goes on"
    assert not fault.exists()


def test_nobody_knows_where_the_load_goes(shell: Shell) -> None:
    load = {"profile": "small"}
    file = shell.write(
        act("stay", "wait", seconds=1),
        extensions=[{"name": "sretool", "stop_when": ["after 1m"], "load": load}],
    )
    code, _, err = shell.run("chaos", "run", file, "--yes")
    assert code == 4
    assert "refused (load): nothing says what to put under the load 'small'" in err
