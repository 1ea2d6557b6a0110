"""Ports are free, stay the same, and are nobody else's."""

from __future__ import annotations

import os
import socket

import pytest

from sretool.adapters.lab import ports


def listen() -> socket.socket:
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


def test_recorded_ports_are_taken_again() -> None:
    first = ports.choose(["a", "b"], recorded={}, reserved=(), seed="x")
    assert ports.choose(["a", "b"], recorded=first, reserved=(), seed="another") == first


def test_a_recorded_port_that_is_in_use_now_is_replaced() -> None:
    with listen() as server:
        taken = server.getsockname()[1]
        assert not ports.is_free(taken)
        chosen = ports.choose(["a"], recorded={"a": taken}, reserved=(), seed="x")
    assert chosen["a"] != taken


def test_ports_of_other_labs_are_left_alone_even_when_they_are_down() -> None:
    first = ports.choose(["a", "b"], recorded={}, reserved=(), seed="x")
    second = ports.choose(["a", "b"], recorded={}, reserved=first.values(), seed="x")
    assert not set(first.values()) & set(second.values())


def test_all_ports_differ_and_lie_below_those_of_outgoing_connections() -> None:
    names = [str(number) for number in range(40)]
    chosen = ports.choose(names, recorded={}, reserved=(), seed="x")
    assert len(set(chosen.values())) == len(names)
    assert all(ports.LOWEST <= port < 65536 for port in chosen.values())
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        lowest_outgoing = int(file.read().split()[0])
    if lowest_outgoing > ports.LOWEST + 1000:
        assert max(chosen.values()) < lowest_outgoing


def test_who_listens_is_named() -> None:
    with listen() as server:
        assert ports.listener(server.getsockname()[1]).endswith(f"(pid {os.getpid()})")


@pytest.mark.parametrize("seed", ["a", "b"])
def test_the_search_begins_where_the_seed_says(seed: str) -> None:
    again = [ports.choose(["a"], recorded={}, reserved=(), seed=seed) for _ in range(2)]
    assert again[0] == again[1]
