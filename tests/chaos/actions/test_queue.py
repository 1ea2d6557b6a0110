"""Packets that wait in the kernel: added to each round trip, and gone whatever ends."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos.actions import packet_queue, queue
from sretool.undo import heal, identity
from tests.chaos.actions.conftest import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.undo.log import UndoLog


@pytest.fixture(scope="module")
def queues() -> None:
    problem = queue.queue_problem() if os.geteuid() == 0 else "NFQUEUE needs root"
    if problem is not None:
        pytest.skip(f"{problem}: run as root, with iptables, on a kernel with nfnetlink_queue")


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))
    if server.getsockname()[1] > 45_535:
        server.close()
        server = socket.create_server(("127.0.0.1", 31_313))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                while data := client.recv(1000):
                    client.sendall(data)

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def round_trip(client: socket.socket) -> float:
    began = time.monotonic()
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    return time.monotonic() - began


@pytest.mark.usefixtures("queues")
def test_each_round_trip_takes_so_much_longer_until_it_is_undone(port: int, undo_log: UndoLog) -> None:
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        assert min(round_trip(client) for _ in range(5)) < 0.05
        queue.delay_packets(port, latency_ms=60)
        assert sorted(each.entry.undo["kind"] for each in undo_log.left()) == ["command", "end"]
        for _ in range(3):
            assert 0.059 < min(round_trip(client) for _ in range(3)) < 1
        with pytest.raises(ActivityFailed, match="wait already"):
            queue.delay_packets(port)
        assert queue.restore_packets(port) == 1
        assert min(round_trip(client) for _ in range(5)) < 0.05
    assert undo_log.left() == []


@pytest.mark.usefixtures("queues")
def test_packets_pass_when_the_helper_is_killed_and_healing_removes_the_rules(
    port: int, undo_log: UndoLog
) -> None:
    queue.delay_packets(port, latency_ms=60)
    helper = next(each.entry.undo for each in undo_log.left() if each.entry.undo["kind"] == "end")
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        os.kill(helper["pid"], signal.SIGKILL)
        until(lambda: identity.start_time(helper["pid"]) != helper["start"])
        assert min(round_trip(client) for _ in range(5)) < 0.05
    assert heal.heal(undo_log.folder).complete
    # Rules that were still there would be refused.
    assert len(queue.plan_delay_packets(port)) == 1


def test_messages_are_what_the_kernel_sends_and_takes() -> None:
    header = packet_queue.attribute(1, struct.pack(">IHB", 77, 0x0800, 3))
    other = packet_queue.attribute(10, b"payload")
    told = packet_queue.message(3 << 8, 5, other, header) + packet_queue.message(3 << 8, 5, header)
    assert list(packet_queue.packets(told)) == [77, 77]
    assert list(packet_queue.packets(packet_queue.message((3 << 8) | 1, 5, header))) == []
    assert list(packet_queue.packets(b"\0" * 40)) == []
    assert len(packet_queue.attribute(1, b"abc")) == 8


def test_where_there_is_none_it_says_so(monkeypatch: pytest.MonkeyPatch, undo_log: UndoLog) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(queue, "queue_problem", lambda: "the kernel has no nfnetlink_queue")
    with pytest.raises(ActivityFailed, match="no nfnetlink_queue; use a proxy"):
        queue.delay_packets(5432)
    with pytest.raises(ActivityFailed, match="port: 60000 is above"):
        queue.plan_delay_packets(60_000)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ActivityFailed, match="NFQUEUE needs root"):
        queue.delay_packets(5432)
    assert undo_log.read() == []
