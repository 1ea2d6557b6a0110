"""What goes through a proxy, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import TYPE_CHECKING

import pytest

from sretool.chaos.proxy.stages import slices

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.proxy.conftest import Rig


async def round_trip(
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], data: bytes = b"x"
) -> float:
    """Seconds until all of `data` came back."""
    reader, writer = connection
    began = time.monotonic()
    writer.write(data)
    assert await reader.readexactly(len(data)) == data
    return time.monotonic() - began


async def ended(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], within: float = 10.0) -> bytes:
    """What comes until the proxy hangs up; ConnectionResetError where it breaks off."""
    async with asyncio.timeout(within):
        return await connection[0].read()


async def test_data_goes_both_ways_unchanged_and_is_counted(rig: Rig) -> None:
    connection = await rig.connect()
    data = bytes(range(256)) * 8192
    await round_trip(connection, data)
    _, text = await rig.ask("GET", "/metrics")
    for name in ("received", "sent"):
        for stream in ("upstream", "downstream"):
            (line,) = (
                line
                for line in text.splitlines()
                if line.startswith(f'toxiproxy_proxy_{name}_bytes_total{{direction="{stream}"')
            )
            assert line.endswith(f'upstream="127.0.0.1:{rig.upstream.port}"}} {len(data)}')


async def test_an_end_is_passed_on_to_the_server_and_to_the_client(rig: Rig) -> None:
    reader, writer = await rig.connect()
    await round_trip((reader, writer))
    writer.close()
    await _until(lambda: rig.upstream.ended == 1)
    connection = await rig.connect()
    await round_trip(connection)
    rig.upstream.writers[-1].close()
    assert await ended(connection) == b""


async def test_what_a_server_said_before_it_hung_up_still_arrives(rig: Rig) -> None:
    await rig.toxic("latency", latency=50)
    connection = await rig.connect()
    connection[1].write(b"x")
    await _until(lambda: bool(rig.upstream.received))
    rig.upstream.writers[-1].write(b"y" * 100_000)
    rig.upstream.writers[-1].close()
    assert len(await ended(connection)) == 100_001


async def test_without_a_server_the_client_is_turned_away(rig: Rig) -> None:
    await rig.ask("POST", "/proxies/p", {"upstream": "127.0.0.1:1"})
    with contextlib.suppress(ConnectionResetError):
        assert await ended(await rig.connect()) == b""


async def test_latency_is_added_to_each_round_trip_whatever_the_number_of_pieces(rig: Rig) -> None:
    connection = await rig.connect()
    await rig.toxic("latency", latency=100)
    assert 0.099 < await round_trip(connection) < 5
    reader, writer = connection
    for _ in range(20):
        writer.write(b"z" * 100)
        await asyncio.sleep(0.002)
    last = time.monotonic()
    await reader.readexactly(2000)
    assert 0.09 < time.monotonic() - last < 5


async def test_latencies_of_both_streams_and_one_behind_the_other_add_up(rig: Rig) -> None:
    await rig.ask(
        "POST", "/proxies/p/toxics", {"name": "a", "type": "latency", "attributes": {"latency": 40}}
    )
    await rig.ask(
        "POST", "/proxies/p/toxics", {"name": "b", "type": "latency", "attributes": {"latency": 30}}
    )
    await rig.toxic("latency", stream="upstream", latency=50)
    assert 0.119 < await round_trip(await rig.connect()) < 5


async def test_jitter_varies_the_delay_and_keeps_the_order(rig: Rig) -> None:
    await rig.toxic("latency", latency=20, jitter=15)
    reader, writer = await rig.connect()
    sent = b""
    for number in range(50):
        writer.write(b"%03d" % number)
        sent += b"%03d" % number
        await asyncio.sleep(0.001)
    assert await reader.readexactly(len(sent)) == sent
    times = [await round_trip((reader, writer)) for _ in range(12)]
    assert min(times) > 0.004
    assert max(times) - min(times) > 0.004


async def test_a_toxic_that_goes_lets_go_of_what_it_held(rig: Rig) -> None:
    name = await rig.toxic("latency", latency=60_000)
    reader, writer = await rig.connect()
    writer.write(b"held")
    await _until(lambda: rig.upstream.received == b"held")
    await rig.ask("DELETE", f"/proxies/p/toxics/{name}")
    assert await reader.readexactly(4) == b"held"
    assert await round_trip((reader, writer)) < 5


async def test_a_toxic_that_changes_changes_what_is_under_way(rig: Rig) -> None:
    name = await rig.toxic("latency", latency=60_000)
    reader, writer = await rig.connect()
    writer.write(b"held")
    await _until(lambda: rig.upstream.received == b"held")
    status, made = await rig.ask("PATCH", f"/proxies/p/toxics/{name}", {"attributes": {"latency": 10}})
    assert (status, made["attributes"]) == (200, {"latency": 10, "jitter": 0})
    assert await reader.readexactly(4) == b"held"


async def test_bandwidth_lets_so_much_through_in_a_second(rig: Rig) -> None:
    await rig.toxic("bandwidth", rate=500)
    assert 0.19 < await round_trip(await rig.connect(), b"b" * 100_000) < 5


async def test_no_bandwidth_lets_nothing_through_until_there_is_some(rig: Rig) -> None:
    name = await rig.toxic("bandwidth", rate=0)
    reader, writer = await rig.connect()
    writer.write(b"held")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.read(1)
    await rig.ask("POST", f"/proxies/p/toxics/{name}", {"attributes": {"rate": 1000}})
    assert await reader.readexactly(4) == b"held"


async def test_a_sender_has_to_wait_for_a_narrow_line(rig: Rig) -> None:
    await rig.toxic("bandwidth", stream="upstream", rate=100)
    rig.upstream.echo = False
    _, writer = await rig.connect()
    writer.write(b"b" * 50_000_000)
    await asyncio.sleep(0.5)
    link = next(iter(rig.proxies.get("p")._connections)).links
    held = sum(stage.held for each in link.values() for stage in each._stages)
    assert held < 1_000_000
    assert len(rig.upstream.received) < 200_000
    writer.transport.abort()


async def test_a_client_that_does_not_read_does_not_fill_the_proxy(rig: Rig) -> None:
    await rig.connect()
    await _until(lambda: bool(rig.upstream.writers))
    writer = rig.upstream.writers[-1]
    writer.write(b"d" * 50_000_000)
    await asyncio.sleep(0.3)
    assert writer.transport.get_write_buffer_size() > 30_000_000


async def test_the_end_comes_later_with_slow_close_and_data_does_not(rig: Rig) -> None:
    await rig.toxic("slow_close", delay=120)
    connection = await rig.connect()
    assert min([await round_trip(connection) for _ in range(5)]) < 0.1
    rig.upstream.writers[-1].close()
    began = time.monotonic()
    assert await ended(connection) == b""
    assert 0.11 < time.monotonic() - began < 5


async def test_timeout_loses_everything_and_then_hangs_up(rig: Rig) -> None:
    await rig.toxic("timeout", timeout=80)
    connection = await rig.connect()
    connection[1].write(b"lost")
    began = time.monotonic()
    assert await ended(connection) == b""
    assert 0.05 < time.monotonic() - began < 5
    assert rig.upstream.received == b"lost"


async def test_a_timeout_of_0_hangs_until_it_is_taken_away_and_then_hangs_up(rig: Rig) -> None:
    idle = await rig.connect()
    await round_trip(idle)
    name = await rig.toxic("timeout", stream="upstream", timeout=0)
    connection = await rig.connect()
    connection[1].write(b"lost")
    with pytest.raises(TimeoutError):
        await ended(connection, 0.15)
    await rig.ask("DELETE", f"/proxies/p/toxics/{name}")
    # Bytes are missing in the stream: nothing that followed would make sense.
    assert await ended(connection) == b""
    assert await ended(idle) == b""
    assert rig.upstream.received == b"x"


async def test_reset_peer_breaks_off_both_ends(rig: Rig) -> None:
    await rig.toxic("reset_peer", timeout=20)
    connection = await rig.connect()
    connection[1].write(b"x")
    began = time.monotonic()
    with pytest.raises(ConnectionResetError):
        await ended(connection)
    assert 0.015 < time.monotonic() - began < 5
    await _until(lambda: rig.upstream.ended == 1)


async def test_slicer_cuts_data_into_pieces_without_losing_any(rig: Rig) -> None:
    await rig.toxic("slicer", average_size=100, size_variation=40, delay=10_000)
    reader, writer = await rig.connect()
    data = bytes(range(250)) * 4
    writer.write(data)
    pieces: list[bytes] = []
    began = time.monotonic()
    while sum(map(len, pieces)) < len(data):
        pieces.append(await reader.read(65536))
    assert b"".join(pieces) == data
    # Eight or more are sent; a busy machine reads some of them together.
    assert len(pieces) >= 3
    assert time.monotonic() - began > 0.06


def test_slices_cover_everything_once_and_none_is_much_too_long() -> None:
    for length, average, variation in ((0, 10, 3), (1, 0, 0), (1000, 10, 0), (1000, 64, 30), (5, 1, 900)):
        cut = slices(length, average, variation)
        assert [start for start, _ in cut] == [0, *(stop for _, stop in cut[:-1])]
        assert cut[-1][1] == length
        assert all(stop - start <= max(1, average + variation) for start, stop in cut)


async def test_limit_data_hangs_up_after_so_many_bytes_of_each_connection(rig: Rig) -> None:
    await rig.toxic("limit_data", bytes=10)
    for _ in range(2):
        connection = await rig.connect()
        connection[1].write(b"0123456789abc")
        assert await ended(connection) == b"0123456789"


async def test_toxicity_is_the_share_of_connections_that_are_hurt(rig: Rig) -> None:
    await rig.toxic("limit_data", toxicity=0.5, bytes=0)
    hurt = 0
    for _ in range(60):
        reader, writer = await rig.connect()
        writer.write(b"x")
        async with asyncio.timeout(10):
            hurt += await reader.read(1) == b""
        writer.close()
    assert 12 <= hurt <= 48
    await rig.ask("PATCH", "/proxies/p/toxics/limit_data_downstream", {"toxicity": 0})
    assert await round_trip(await rig.connect()) < 5


async def test_a_proxy_that_is_switched_off_takes_nobody_and_ends_who_is_there(rig: Rig) -> None:
    connection, port = await rig.connect(), rig.port
    await round_trip(connection)
    await rig.ask("PATCH", "/proxies/p", {"enabled": False})
    with contextlib.suppress(ConnectionResetError):
        assert await ended(connection) == b""
    with pytest.raises(ConnectionRefusedError):
        await rig.connect()
    await rig.ask("PATCH", "/proxies/p", {"enabled": True})
    assert rig.port == port
    await round_trip(await rig.connect())


async def test_connections_that_end_are_forgotten(rig: Rig) -> None:
    proxy = rig.proxies.get("p")
    for _ in range(20):
        _, writer = connection = await rig.connect()
        await round_trip(connection)
        writer.close()
    await _until(lambda: not proxy._connections and not proxy._dialing)


async def test_whatever_toxics_come_and_go_no_byte_is_lost_or_out_of_order(rig: Rig) -> None:
    chance = random.Random(7)
    kinds: dict[str, Callable[[], dict[str, int]]] = {
        "noop": dict,
        "latency": lambda: {"latency": chance.randrange(0, 30), "jitter": chance.randrange(0, 10)},
        "bandwidth": lambda: {"rate": chance.randrange(500, 5000)},
        "slicer": lambda: {
            "average_size": chance.randrange(1, 2000),
            "size_variation": chance.randrange(0, 500),
            "delay": chance.randrange(0, 50),
        },
        "slow_close": lambda: {"delay": 10},
    }
    stop = asyncio.Event()

    async def stir() -> None:
        there: dict[str, str] = {}
        while not stop.is_set():
            name = f"t{chance.randrange(4)}"
            if name not in there:
                there[name] = chance.choice(list(kinds))
                body = {
                    "name": name,
                    "type": there[name],
                    "stream": chance.choice(["upstream", "downstream"]),
                    "toxicity": chance.choice([0.5, 1]),
                    "attributes": kinds[there[name]](),
                }
                status, _ = await rig.ask("POST", "/proxies/p/toxics", body)
            elif chance.random() < 0.5:
                body = {"attributes": kinds[there[name]](), "toxicity": chance.choice([0.5, 1])}
                status, _ = await rig.ask("PATCH", f"/proxies/p/toxics/{name}", body)
            else:
                del there[name]
                status, _ = await rig.ask("DELETE", f"/proxies/p/toxics/{name}")
            assert status < 300
            await asyncio.sleep(0.005)

    async def talk() -> None:
        reader, writer = await rig.connect()
        for _ in range(12):
            data = chance.randbytes(chance.randrange(1, 20_000))
            writer.write(data)
            assert await reader.readexactly(len(data)) == data
        writer.close()

    stirring = asyncio.create_task(stir())
    async with asyncio.timeout(60):
        await asyncio.gather(*(talk() for _ in range(8)))
    stop.set()
    await stirring


async def _until(true: object, within: float = 2.0) -> None:
    assert callable(true)
    until = time.monotonic() + within
    while not true():
        assert time.monotonic() < until
        await asyncio.sleep(0.005)
