"""Probes of HTTP, networks, traffic, disks and processes."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos import sources
from sretool.chaos.lab import Lab, LabProcess
from sretool.chaos.probes import database, disk, http, network, process, traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.probes.conftest import Server


def test_an_answer_and_none(server: Server) -> None:
    server.answers["/ready"] = (503, {})
    assert http.answers(f"{server.url}/ready", status=503)
    assert not http.answers(f"{server.url}/ready")
    assert not http.answers("http://127.0.0.1:1/ready")
    with pytest.raises(ActivityFailed, match="did not answer with 200"):
        http.answers(f"{server.url}/ready", sure=True)
    with pytest.raises(ActivityFailed, match="not the address of a web server"):
        http.answers("ftp://somewhere")


def test_waiting_for_an_answer(server: Server) -> None:
    answers = iter([503, 503])
    server.answers["/ready"] = lambda _: (next(answers, 200), {})
    assert http.answers(f"{server.url}/ready", wait=5)


def test_all_of_several_have_to_answer(server: Server) -> None:
    sick = iter([503])
    server.answers["/a"] = (200, {})
    server.answers["/b"] = lambda _: (next(sick, 200), {})
    both = [f"{server.url}/a", f"{server.url}/b"]
    assert not http.answers(both)
    assert http.answers(both)
    with pytest.raises(ActivityFailed, match=r"/a, http.*/nowhere did not answer"):
        http.answers([f"{server.url}/a", f"{server.url}/nowhere"], sure=True)
    with pytest.raises(ActivityFailed, match="no address"):
        http.answers([])


def test_share_of_failures(server: Server) -> None:
    answers = iter([500, 200, 503, 200] * 5)
    server.answers["/"] = lambda _: (next(answers), {})
    assert http.failure_share(f"{server.url}/", requests=20, at_once=1) == 0.5
    assert http.failure_share("http://127.0.0.1:1/", requests=3) == 1.0


def test_how_fast_nobody_answers_is_not_known() -> None:
    with pytest.raises(ActivityFailed, match="0 of 3 requests"):
        http.seconds_to_answer("http://127.0.0.1:1/", requests=3)


@pytest.fixture
def silent() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_hanging_is_told_from_failing(silent: str, server: Server) -> None:
    assert network.hanging(silent, tries=2, timeout=0.1) == 1.0
    assert network.hanging(server.url.removeprefix("http://"), "http", tries=2) == 0.0
    assert network.hanging("127.0.0.1:1", tries=2, timeout=0.1) == 0.0
    with pytest.raises(ActivityFailed, match="protocol 'smtp'"):
        network.hanging(silent, "smtp")


def test_share_of_traffic(server: Server) -> None:
    def answer(words: dict[str, str]) -> tuple[int, Any]:
        own = 'proxy="app",server="app-1"' in words["query"]
        result = [{"metric": {}, "value": [1, "3" if own else "12"]}]
        return 200, {"data": {"resultType": "vector", "result": result}}

    server.answers["/api/v1/query"] = answer
    assert traffic.share("app-1", prometheus=server.url) == 0.25
    assert traffic.share_within("app-1", low=0.2, high=0.3, prometheus=server.url)


def test_without_requests_there_are_no_shares(server: Server) -> None:
    server.series("0")
    with pytest.raises(ActivityFailed, match="no requests within 5s"):
        traffic.share("app-1", prometheus=server.url)


def test_a_bare_metric_gets_a_selector(server: Server) -> None:
    asked = []

    def answer(words: dict[str, str]) -> tuple[int, Any]:
        asked.append(words["query"])
        return 200, {"data": {"resultType": "vector", "result": [{"value": [1, "1"]}]}}

    server.answers["/api/v1/query"] = answer
    assert traffic.share("a", requests="requests_total", label="pod", prometheus=server.url) == 1.0
    assert asked == ["sum(rate(requests_total{}[5s]))", 'sum(rate(requests_total{pod="a"}[5s]))']


def test_a_disk_that_is_not_there(tmp_path: Path) -> None:
    assert 0 < disk.used_share(str(tmp_path)) <= 1
    with pytest.raises(ActivityFailed, match="nowhere"):
        disk.used_share("/nowhere")


def test_servers_that_are_away_are_neither_primary_nor_standby() -> None:
    servers = {"a": "postgresql://127.0.0.1:1/app", "b": "postgresql://127.0.0.1:2/app"}
    assert (database.primaries(servers), database.standbys(servers)) == (0, 0)
    with pytest.raises(ActivityFailed, match="0 servers accept writes: a away, b away"):
        database.primary(servers)
    with pytest.raises(ActivityFailed):
        database.redundant(servers=servers)
    with pytest.raises(ActivityFailed, match="only one server"):
        database.redundant(servers={"a": servers["a"]})


class Labs:
    """A lab whose processes a test replaces."""

    def __init__(self) -> None:
        self.processes: dict[str, LabProcess] = {}
        self.run("app-1", 100)

    def run(self, name: str, pid: int, *, ready: bool = True) -> None:
        self.processes[name] = LabProcess(
            name,
            pid,
            start=pid * 10,
            ready=ready,
            restarts=0,
            port=None,
            cpu_group=None,
            memory_group=None,
            log="",
        )

    def find(self, _: str = "") -> Lab:
        names = ("app-1", "app-2")
        return Lab("one", "amas", {}, names, dict(self.processes), directory=Path("/nowhere"), database=None)


@pytest.fixture
def labs(monkeypatch: pytest.MonkeyPatch) -> Labs:
    found = Labs()
    monkeypatch.setattr(sources, "lab", found.find)
    monkeypatch.setattr(process, "_remembered", {})
    return found


def test_a_process_that_came_back_has_ended(labs: Labs) -> None:
    assert process.remember(["app-1"]) == {"app-1": 100}
    assert process.ended(["app-1"]) == 0
    assert not process.restarted("app-1")
    del labs.processes["app-1"]
    assert process.ended(["app-1"]) == 1
    assert not process.restarted("app-1")
    labs.run("app-1", 101, ready=False)
    assert not process.restarted("app-1")
    labs.run("app-1", 101)
    assert process.restarted("app-1")
    assert process.ended(["app-1"]) == 1


def test_what_was_not_remembered_is_not_known(labs: Labs) -> None:
    with pytest.raises(ActivityFailed, match="not remembered"):
        process.ended(["app-1"])
    with pytest.raises(ActivityFailed, match="not running"):
        process.remember(["app-2"])
    assert process.running(["app-1", "app-2"]) == 1
    with pytest.raises(ActivityFailed, match="no process web"):
        process.running(["web"])
