"""Toxics set and taken away through the API, each in the undo log before."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos.actions import network
from sretool.undo import heal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sretool.undo.log import UndoLog


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A proxy `p` in a process of its own."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    config: Path = tmp_path_factory.mktemp("proxy") / "proxies.json"
    config.write_text(json.dumps([{"name": "p", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}]))
    argv = [
        sys.executable,
        "-m",
        "sretool.chaos.proxy",
        "--api",
        f"127.0.0.1:{port}",
        "--config",
        str(config),
    ]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as proxy:
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 20
        while True:
            try:
                httpx.get(f"{url}/version", trust_env=False)
                break
            except httpx.HTTPError:
                assert time.monotonic() < until
                time.sleep(0.02)
        yield url
        proxy.terminate()


@pytest.fixture(autouse=True)
def _clean(api: str) -> Iterator[None]:
    yield
    httpx.post(f"{api}/reset", trust_env=False)


def toxics(api: str) -> dict[str, Any]:
    return {each["name"]: each for each in httpx.get(f"{api}/proxies/p/toxics", trust_env=False).json()}


def test_latency_is_one_toxic_on_what_comes_back(api: str, undo_log: UndoLog) -> None:
    made = network.add_latency("p", latency_ms="200", jitter_ms=10, api=api)
    assert toxics(api) == {"sretool-latency": made}
    assert (made["stream"], made["attributes"]) == ("downstream", {"latency": 200, "jitter": 10})
    (entry,) = undo_log.left()
    assert entry.entry.fault == "latency 200 ms ± 10 ms on p"
    with pytest.raises(ActivityFailed, match="has a toxic sretool-latency already"):
        network.add_latency("p", api=api)
    assert network.remove_latency("p", api=api) == 1
    assert toxics(api) == {}
    assert undo_log.left() == []
    assert network.remove_latency("p", api=api) == 0


@pytest.mark.parametrize(
    ("name", "words", "names"),
    [
        ("add_latency", {}, ["sretool-latency"]),
        (
            "limit_bandwidth",
            {"rate_kb_s": 10},
            ["sretool-bandwidth-downstream", "sretool-bandwidth-upstream"],
        ),
        ("blackhole", {}, ["sretool-blackhole-downstream", "sretool-blackhole-upstream"]),
        ("reset_connections", {"after_ms": 5}, ["sretool-reset"]),
        (
            "add_toxic",
            {"type": "slicer", "attributes": {"average_size": "64"}},
            ["sretool-slicer-downstream"],
        ),
    ],
)
def test_each_fault_is_planned_made_and_healed(
    api: str, undo_log: UndoLog, name: str, words: dict[str, Any], names: list[str]
) -> None:
    planned = getattr(network, f"plan_{name}")("p", api=api, **words)
    assert toxics(api) == {}
    assert undo_log.read() == []
    getattr(network, name)("p", api=api, **words)
    assert sorted(toxics(api)) == names
    assert [each.entry.undo for each in undo_log.read()] == [each["undo"] for each in planned]
    assert heal.heal(undo_log.folder).complete
    assert toxics(api) == {}


def test_inverses_undo_their_own_fault_only(api: str) -> None:
    network.blackhole("p", api=api)
    network.limit_bandwidth("p", 10, api=api)
    network.reset_connections("p", api=api)
    network.add_toxic("p", "slow_close", {"delay": 5}, stream="upstream", api=api)
    assert network.lift_bandwidth("p", api=api) == 2
    assert network.stop_resets("p", api=api) == 1
    assert network.remove_toxic("p", "slow_close", stream="upstream", api=api) == 1
    assert sorted(toxics(api)) == ["sretool-blackhole-downstream", "sretool-blackhole-upstream"]
    assert network.lift_blackhole("p", api=api) == 2


def test_a_proxy_is_switched_off_and_on(api: str, undo_log: UndoLog) -> None:
    network.refuse_connections("p", api=api)
    assert httpx.get(f"{api}/proxies/p", trust_env=False).json()["enabled"] is False
    with pytest.raises(ActivityFailed, match="is switched off already"):
        network.add_latency("p", api=api)
    assert network.accept_connections("p", api=api) == 1
    assert httpx.get(f"{api}/proxies/p", trust_env=False).json()["enabled"] is True
    assert undo_log.left() == []


def test_proxies_may_have_any_name(api: str, undo_log: UndoLog) -> None:
    body = {"name": "my proxy?", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}
    httpx.post(f"{api}/proxies", json=body, trust_env=False)
    network.add_latency("my proxy?", api=api)
    network.refuse_connections("my proxy?", api=api)
    assert heal.heal(undo_log.folder).complete
    now = httpx.get(f"{api}/proxies", trust_env=False).json()["my proxy?"]
    assert (now["enabled"], now["toxics"]) == (True, [])
    httpx.delete(f"{api}/proxies/my%20proxy%3F", trust_env=False)


def test_what_cannot_be_done_is_told_before_anything_is(api: str, undo_log: UndoLog) -> None:
    for words, problem in (
        ({"proxy": "q", "api": api}, r"has no proxy 'q'; it has p"),
        ({"proxy": "p", "api": api, "latency_ms": "long"}, "latency_ms: 'long' is no number"),
        ({"proxy": "p", "api": api, "toxicity": 1.5}, "toxicity: 1.5 is above 1"),
        ({"proxy": "p", "api": "http://127.0.0.1:1"}, "does not answer"),
    ):
        with pytest.raises(ActivityFailed, match=problem):
            network.add_latency(**words)
    with pytest.raises(ActivityFailed, match="answers 400: invalid toxic type"):
        network.add_toxic("p", "slow", api=api)
    assert toxics(api) == {}
    assert heal.heal(undo_log.folder).complete


def test_netem_refuses_where_it_cannot_work(monkeypatch: pytest.MonkeyPatch, undo_log: UndoLog) -> None:
    with pytest.raises(ActivityFailed, match="say what to do"):
        network.add_netem("lo")
    if os.geteuid() == 0:
        with pytest.raises(ActivityFailed, match="no network device 'none'"):
            network.add_netem("none", latency_ms=10)
        monkeypatch.setattr(network, "netem_problem", lambda: "the kernel has no netem")
        with pytest.raises(ActivityFailed, match="the kernel has no netem; use a proxy"):
            network.add_netem("lo", latency_ms=10)
    else:
        with pytest.raises(ActivityFailed, match="needs root"):
            network.add_netem("lo", latency_ms=10)
    assert undo_log.read() == []
