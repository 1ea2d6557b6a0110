"""Load that is really made, by real processes, counted by a server of our own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.locust.driver import Locust, Session
from sretool.core.plans.load.plan import LoadPlan
from sretool.core.plans.load.profile import Closed, Open, OwnShape
from sretool.core.plans.load.shape import Shape, Stage, flat
from sretool.errors import LoadFailed, UsageError
from tests.support.counting import counting_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sretool.core.plans.load.profile import Model
    from sretool.core.runs.events import LoadTick, ProcessChange
    from tests.support.counting import CountingServer

pytestmark = pytest.mark.lab

USERS = """
from sretool.load import GeneratorUser, HttpUser, task
from sretool.load.parameters import param

print("what a locustfile prints goes nowhere near the messages")
PATH = param("path", "/a")

class Reader(HttpUser):
    @task
    def read(self):
        self.client.get(PATH)

class Slow(GeneratorUser):
    @task
    def wait(self):
        answer = yield self.get("/slow")
        assert answer.text == "ok"
"""

STOCK = """
from locust import FastHttpUser, HttpUser, LoadTestShape, between, events, task

@events.init_command_line_parser.add_listener
def _(parser):
    parser.add_argument("--word", default="")

class Old(HttpUser):
    wait_time = between(0.01, 0.02)
    @task
    def read(self):
        self.client.get("/" + self.environment.parsed_options.word)

class Fast(FastHttpUser):
    wait_time = between(0.01, 0.02)
    @task
    def read(self):
        self.client.get("/fast")

class Steps(LoadTestShape):
    def tick(self):
        return (4, 4) if self.get_run_time() < 2 else None
"""


@pytest.fixture
async def server() -> AsyncIterator[CountingServer]:
    async with counting_server() as found:
        yield found


@pytest.fixture
def plan(tmp_path: Path, server: CountingServer) -> Callable[..., LoadPlan]:
    def make(model: Model, text: str = USERS, **more: object) -> LoadPlan:
        file = tmp_path / "users.py"
        file.write_text(text)
        options: dict[str, object] = {"target": server.url, "seed": 1, "allowed_hosts": ("127.0.0.1",)}
        return LoadPlan(profile="p", locustfile=str(file), model=model, **(options | more))  # type: ignore[arg-type]

    return make


async def all_of(session: Session) -> list[LoadTick]:
    return [tick async for tick in session.ticks()]


def requests(ticks: list[LoadTick]) -> Counter[str]:
    found: Counter[str] = Counter()
    for tick in ticks:
        for each in tick.requests:
            found[each.name] += each.requests
            assert sum(count for _, count in each.latency) == each.requests
    return found


async def test_arrivals_are_as_many_as_planned_and_all_are_told(
    plan: Callable[..., LoadPlan], server: CountingServer
) -> None:
    model = Open(Shape((Stage(0, 100, 1), Stage(100, 100, 2))), "uniform")
    session = await Locust().start(plan(model, parameters={"path": "/b"}, scenarios={"Reader": 3, "Slow": 1}))
    ticks = await all_of(session)
    found = requests(ticks)
    assert found == {"GET /b": server.answered["/b"], "GET /slow": server.answered["/slow"]}
    assert session.ended is not None
    assert (session.ended.why, session.ended.requests) == ("done", server.total)
    # Each class loses less than one arrival to its end.
    assert server.total == pytest.approx(250, abs=2)
    assert found["GET /b"] == pytest.approx(187.5, abs=2)
    assert [round(tick.target_rate or 0) for tick in ticks] == pytest.approx([50, 100, 100], abs=6)
    assert sum(tick.seconds for tick in ticks) == pytest.approx(3, abs=0.5)
    slow = [each for tick in ticks for each in tick.requests if each.name == "GET /slow"]
    assert min(each.least or 0 for each in slow) >= 0.05
    assert all((each.least or 0) <= (each.total or 0) / each.requests <= (each.most or 0) for each in slow)
    assert all(tick.workers[0].cpu is not None and tick.lag_s is not None for tick in ticks)
    assert (session.scenarios, session.workers) == (("Reader", "Slow"), ("local",))


async def test_users_of_a_closed_model(plan: Callable[..., LoadPlan], server: CountingServer) -> None:
    model = Closed(Shape((Stage(1, 5, 1), Stage(5, 5, 1))))
    session = await Locust().start(plan(model, scenarios={"Slow": 1}))
    ticks = await all_of(session)
    assert max(tick.users or 0 for tick in ticks) == 5
    assert requests(ticks)["GET /slow"] == server.total > 50


async def test_any_locustfile_with_its_own_shape_and_options(
    plan: Callable[..., LoadPlan], server: CountingServer
) -> None:
    ticks = await all_of(await Locust().start(plan(OwnShape(), STOCK, parameters={"word": "hello"})))
    assert requests(ticks) == {"GET /hello": server.answered["/hello"], "GET /fast": server.answered["/fast"]}
    assert server.answered["/hello"] > 50
    assert server.answered["/fast"] > 50


async def test_another_rate_at_once_and_the_end_before_its_time(
    plan: Callable[..., LoadPlan], server: CountingServer
) -> None:
    session = await Locust().start(plan(Open(flat(20, 60), "uniform"), scenarios={"Reader": 1}))
    ticks = []
    async for tick in session.ticks():
        ticks.append(tick)
        if len(ticks) == 1:
            await session.set_rate(200)
        if len(ticks) == 3:
            await session.stop()
    assert session.ended is not None
    assert session.ended.why == "stopped"
    counts = [sum(each.requests for each in tick.requests) for tick in ticks]
    assert counts[0] == pytest.approx(20, abs=2)
    assert counts[1] == pytest.approx(200, abs=25)
    assert ticks[2].target_rate == 200
    assert sum(counts) == server.total


async def test_two_workers_count_what_the_server_counts(
    plan: Callable[..., LoadPlan], server: CountingServer
) -> None:
    changes: list[ProcessChange] = []
    session = await Locust().start(plan(Open(flat(200, 3)), workers=2), changed=changes.append)
    ticks = await all_of(session)
    assert [each.state for each in changes] == ["joined", "joined"]
    assert len(set(session.workers)) == 2
    assert requests(ticks).total() == server.total == session.ended.requests  # type: ignore[union-attr]
    assert server.total == pytest.approx(600, abs=5 * 600**0.5)
    assert all(len(tick.workers) == 2 for tick in ticks)


async def test_what_a_lost_worker_did_is_done_by_the_other(
    plan: Callable[..., LoadPlan], server: CountingServer
) -> None:
    changes: list[ProcessChange] = []
    session = await Locust().start(plan(Open(flat(200, 5), "uniform"), workers=2), changed=changes.append)
    ticks = []
    async for tick in session.ticks():
        ticks.append(tick)
        if len(ticks) == 1:
            assert changes[0].pid is not None
            os.kill(changes[0].pid, signal.SIGKILL)
    assert [(each.name, each.state) for each in changes[2:]] == [(changes[0].name, "lost")]
    late = [sum(each.requests for each in tick.requests) for tick in ticks[2:]]
    assert late == pytest.approx([200, 200, 200], abs=60)
    assert len(ticks[-1].workers) == 1
    # What the dead one had not told is gone, and nothing else.
    assert 0 <= server.total - requests(ticks).total() < 60


async def test_without_workers_there_is_no_load(plan: Callable[..., LoadPlan]) -> None:
    changes: list[ProcessChange] = []
    session = await Locust().start(plan(Open(flat(20, 30)), workers=2), changed=changes.append)
    for each in changes[:2]:
        assert each.pid is not None
        os.kill(each.pid, signal.SIGKILL)
    with pytest.raises(LoadFailed, match="every worker was lost"):
        await all_of(session)
    await session.aclose()


async def test_workers_of_other_machines_need_the_same_profile(
    plan: Callable[..., LoadPlan], server: CountingServer
) -> None:
    model = Open(flat(100, 2), "uniform")
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    changes: list[ProcessChange] = []

    def changed(change: ProcessChange) -> None:
        changes.append(change)
        if change.state == "listening":
            listening.set_result(change.text.partition(",")[0])

    master = asyncio.create_task(
        Locust().start(plan(model, bind="127.0.0.1:0", workers=1, fingerprint="f"), changed=changed)
    )
    place = await listening
    stranger = await Locust().start(plan(model, join=place, fingerprint="g"))
    with pytest.raises(UsageError, match="files of the profile g instead of f"):
        await all_of(stranger)
    worker = await Locust().start(plan(model, join=place, fingerprint="f"))
    session = await master
    ticks = await all_of(session)
    await all_of(worker)
    assert requests(ticks).total() == server.total == pytest.approx(200, abs=3)
    assert [each.state for each in changes] == ["listening", "refused", "joined"]
    await stranger.aclose()


async def test_a_server_that_dies_is_a_failure_of_requests_only(
    plan: Callable[..., LoadPlan], server: CountingServer
) -> None:
    session = await Locust().start(plan(Open(flat(50, 4), "uniform"), scenarios={"Reader": 1}))
    ticks = []
    async for tick in session.ticks():
        ticks.append(tick)
        if len(ticks) == 2:
            await server.stop()
    last = ticks[-1].requests[0]
    assert last.failures == last.requests == pytest.approx(50, abs=5)
    assert sum(last.errors.values()) == last.failures
    assert "refused" in " ".join(last.errors).lower()


async def test_nothing_is_sent_where_nobody_said(
    plan: Callable[..., LoadPlan], server: CountingServer
) -> None:
    session = await Locust().start(
        plan(Open(flat(20, 1), "uniform"), parameters={"path": "/away"}, scenarios={"Reader": 1})
    )
    ticks = await all_of(session)
    errors = {words for tick in ticks for each in tick.requests for words in each.errors}
    assert len(errors) == 1
    assert "127.0.0.2 is no target of this test" in errors.pop()


async def test_no_client_of_a_locustfile_gets_beyond_the_target(
    plan: Callable[..., LoadPlan], server: CountingServer
) -> None:
    text = """
from locust import FastHttpUser, HttpUser, constant, task

class Old(HttpUser):
    wait_time = constant(0.1)
    @task
    def away(self):
        self.client.get("/away", name="followed")

class Fast(FastHttpUser):
    wait_time = constant(0.1)
    @task
    def away(self):
        self.client.get("/away", name="followed")
        self.client.get(self.host.replace("127.0.0.1", "127.0.0.3"), name="elsewhere")
        self.client.get(self.host.replace("127.0.0.1", "localhost"), name="at home")
"""
    ticks = await all_of(await Locust().start(plan(Closed(flat(2, 1)), text)))
    found = {each.name: each for each in ticks[0].requests}
    assert found["GET followed"].failures > 0
    assert found["GET elsewhere"].failures == found["GET elsewhere"].requests > 0
    assert found["GET at home"].failures == 0
    words = {words for each in found.values() for words in each.errors}
    assert all("is no target of this test" in each for each in words)
    assert server.answered.keys() == {"/away", "/"}


async def test_what_tasks_raise_is_told_with_its_place(plan: Callable[..., LoadPlan], tmp_path: Path) -> None:
    text = USERS.replace("self.client.get(PATH)", "raise ValueError('no such word')")
    session = await Locust().start(
        plan(Open(flat(20, 1)), text, scenarios={"Reader": 1}), log=tmp_path / "log"
    )
    ticks = await all_of(session)
    words = {each for tick in ticks for each in tick.errors}
    assert words == {"a task raised no such word (users.py:11)"}
    assert (tmp_path / "log").read_text().count("Traceback") < 15


@pytest.mark.parametrize(
    ("text", "more", "problem"),
    [
        ("def (", {}, r"users.py:1: "),
        ("\nx = 1 / 0", {}, r"users.py:2: ZeroDivisionError: division by zero"),
        ("x = 1", {}, "has no user class"),
        ("import sys; sys.exit(3)", {}, r"users.py:1: SystemExit: 3"),
        (USERS, {"scenarios": {"Raeder": 1}}, "no user class 'Raeder'.* it has Reader, Slow"),
        (
            "from sretool.load.parameters import param\nparam('missing')",
            {},
            "users.py:2: no parameter 'missing'",
        ),
        (STOCK, {}, "is one of Locust's own classes, which know no arrival rate"),
        (USERS, {"model": OwnShape()}, "has no LoadTestShape"),
        (USERS, {"locustfile": "/nowhere/x.py"}, "no locustfile /nowhere/x.py"),
    ],
)
async def test_what_is_wrong_with_a_locustfile_is_told(
    plan: Callable[..., LoadPlan], text: str, more: dict[str, object], problem: str
) -> None:
    import msgspec

    wanted = plan(Open(flat(20, 30)), text)
    with pytest.raises(UsageError, match=problem):
        await Locust().start(msgspec.structs.replace(wanted, **more))


async def test_a_generator_that_is_killed_is_told_of(plan: Callable[..., LoadPlan], tmp_path: Path) -> None:
    session = await Locust().start(plan(Open(flat(20, 30))), log=tmp_path / "log")
    assert session._hello is not None
    os.kill(session._hello.pid, signal.SIGKILL)
    with pytest.raises(LoadFailed, match="killed by SIGKILL") as caught:
        await all_of(session)
    assert str(tmp_path / "log") in (caught.value.remedy or "")
    await session.aclose()


async def test_one_that_tells_rubbish_is_no_generator(plan: Callable[..., LoadPlan], tmp_path: Path) -> None:
    false = tmp_path / "python"
    false.write_text("#!/bin/sh\nread plan\necho 'segfault in libevent'\nsleep 60\n")
    false.chmod(0o755)
    with pytest.raises(LoadFailed, match="something else than load: 'segfault in libevent'"):
        await Locust(str(false)).start(plan(Open(flat(20, 30))))


async def test_a_generator_whose_master_is_gone_ends_by_itself(plan: Callable[..., LoadPlan]) -> None:
    from sretool.core.plans.load import plan as plans

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "sretool.load.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(plans.encode(plan(Open(flat(20, 60)), workers=2)) + b"\n")
    await process.stdin.drain()
    lines = [await process.stdout.readline() for _ in range(5)]
    assert b'"tick"' in lines[-1]
    process.stdin.close()
    *_, last = (await asyncio.wait_for(process.stdout.read(), 10)).splitlines()
    assert b'"left alone"' in last
    assert await process.wait() == 0
