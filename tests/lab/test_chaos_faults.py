"""Faults in a real lab: each is measured where it acts, healed from its log, and gone then."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
import redis
from chaoslib.exceptions import ActivityFailed
from redis.backoff import NoBackoff
from redis.retry import Retry

from sretool.chaos import lab as labs
from sretool.chaos import undoing
from sretool.chaos.actions import cpu, memory, network, process
from sretool.chaos.probes import resources
from sretool.undo import heal, identity
from sretool.undo.log import UndoLog
from tests.support.lab import need_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sretool.adapters.lab.record import LabRecord

pytestmark = pytest.mark.lab


@pytest.fixture
def log(lab: LabRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UndoLog]:
    """An undo log; whatever the test did is healed from it, and the lab is whole again."""
    monkeypatch.setenv(undoing.LOG, str(tmp_path))
    undoing.log.cache_clear()
    made = UndoLog(tmp_path)
    yield made
    undoing.log.cache_clear()
    assert heal.heal(tmp_path).complete
    until(lambda: all(_is_ready(lab, name) for name in ("app_1", "app_2")), 90)


def until(true: Callable[[], bool], within: float) -> None:
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def _is_ready(lab: LabRecord, name: str) -> bool:
    try:
        return httpx.get(f"{lab.endpoints[name]}/ready", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def through(lab: LabRecord, proxy: str) -> str:
    reply = httpx.get(f"{lab.endpoints['toxiproxy']}/proxies/{proxy}", trust_env=False)
    return str(reply.json()["listen"])


def round_trip(lab: LabRecord) -> float:
    """Median seconds of a query on the way that the service takes to its database."""
    with psycopg.connect(f"postgresql://probe@{through(lab, 'database')}/app", autocommit=True) as connection:
        times = []
        for _ in range(7):
            began = time.monotonic()
            connection.execute("select 1")
            times.append(time.monotonic() - began)
    return statistics.median(times)


def test_latency_is_added_to_each_round_trip_to_the_database(lab: LabRecord, log: UndoLog) -> None:
    before = round_trip(lab)
    network.add_latency("database", 200, lab=lab.name)
    # 200 ms, give or take the larger of 10 ms and 5 %, and what a busy machine adds.
    assert 0.19 < round_trip(lab) - before < 1
    (entry,) = log.left()
    proxy = labs.find(lab.name).process("toxiproxy")
    assert (entry.entry.undo["pid"], entry.entry.undo["start"]) == (proxy.pid, proxy.start)
    assert heal.heal(log.folder).complete
    until(lambda: round_trip(lab) < 0.1, 20)


def test_a_blackhole_hangs_the_cache_and_lets_go_of_it(lab: LabRecord, log: UndoLog) -> None:
    host, _, port = through(lab, "redis").rpartition(":")
    client = redis.Redis(host, int(port), socket_timeout=0.5, retry=Retry(NoBackoff(), 0))
    assert client.ping()
    network.blackhole("redis", lab=lab.name)
    with pytest.raises(redis.exceptions.TimeoutError):
        client.ping()
    assert network.lift_blackhole("redis", lab=lab.name) == 2
    until(lambda: _answers(client), 5)
    client.close()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.RedisError:
        return False


def test_a_replica_gets_half_of_its_cpu_and_all_of_it_back(lab: LabRecord, log: UndoLog) -> None:
    need_groups(lab.cgroups)
    told = cpu.limit_cpu("50%", process="app-2", lab=lab.name)
    assert (told["cores"], told["before_cores"]) == (0.25, 0.5)
    assert resources.cpu_limit("app-2", lab.name) == 0.25
    assert cpu.restore_cpu("app-2", lab.name) == 1
    assert resources.cpu_limit("app-2", lab.name) == 0.5


def test_memory_of_a_replica_is_filled_with_ballast_and_emptied(lab: LabRecord, log: UndoLog) -> None:
    need_groups(lab.cgroups)
    before = labs.find(lab.name).process("app-2")
    told = memory.fill_memory("80%", over_s=1, process="app-2", lab=lab.name)
    assert told["share"] == pytest.approx(0.8, abs=0.03)
    assert memory.free_memory("app-2", lab.name) == 1
    until(lambda: resources.memory_share("app-2", lab.name) < 0.6, 20)
    after = labs.find(lab.name).process("app-2")
    assert (after.pid, after.start) == (before.pid, before.start)


def test_a_replica_leaks_by_its_hook_until_it_is_told_to_stop(lab: LabRecord, log: UndoLog) -> None:
    need_groups(lab.cgroups)
    # Below the 85 % for which the lab restarts a replica.
    told = memory.leak("60%", over_s=2, process="app-2", lab=lab.name)
    assert 0.58 < told["share"] < 0.65
    with pytest.raises(ActivityFailed, match="leaks already"):
        memory.leak("70%", process="app-2", lab=lab.name)
    assert memory.stop_leak("app-2", lab.name) == 1
    until(lambda: resources.memory_share("app-2", lab.name, of="process") < 0.55, 20)


def test_a_paused_replica_answers_nobody_and_the_other_one_does(lab: LabRecord, log: UndoLog) -> None:
    process.pause("app-2", lab.name)
    paused = labs.find(lab.name).process("app-2")
    assert identity.stopped(paused.pid)
    until(lambda: not _is_ready(lab, "app_2"), 10)
    until(lambda: _is_ready(lab, "app_1"), 30)
    assert process.proceed("app-2", lab.name) == 1
    assert not identity.stopped(paused.pid)


def test_a_proxy_that_crashes_comes_back_without_its_toxics(lab: LabRecord, log: UndoLog) -> None:
    network.add_latency("redis", 100, lab=lab.name)
    before = labs.find(lab.name).process("toxiproxy")
    process.kill("toxiproxy", lab.name)
    healed = heal.heal(log.folder)
    assert [each.how for each in healed.results] in (["undone", "already"], ["undone", "gone"])
    after = labs.find(lab.name).process("toxiproxy")
    assert after.pid != before.pid
    reply = httpx.get(f"{lab.endpoints['toxiproxy']}/proxies/redis", trust_env=False)
    assert reply.json()["toxics"] == []
