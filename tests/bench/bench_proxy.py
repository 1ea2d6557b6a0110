"""What the embedded proxy costs in a path in which it does nothing, and how exact its delay is.

`python -m tests.bench.bench_proxy [ROUND_TRIPS]`

A server of the benchmark's own gives back what it gets. A client asks it directly and through the proxy, in
turn, one question at a time: the difference of the medians is what a round trip costs. Then a bulk of data
goes one way, and the proxy's own CPU is read from the kernel.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUESTION = 100
"""Bytes; an answer has as many."""
_BATCH = 200
_BULK = 512 * 2**20
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def server() -> Iterator[int]:
    """The port of one that gives back small questions and swallows a bulk, told by its first byte."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = bytearray(1 << 18)
        with client:
            bulk = 0
            while count := client.recv_into(buffer):
                if bulk or buffer[0] == ord("B"):
                    bulk += count
                    if bulk >= _BULK:
                        client.sendall(b"!")
                        bulk = 0
                else:
                    client.sendall(buffer[:count])

    def accept() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listening.getsockname()[1]
    listening.close()


@contextmanager
def proxy(upstream: int) -> Iterator[tuple[int, int, str]]:
    """Its port, its pid and its API."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, api = one.getsockname()[1], other.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "proxies.json")
        listed = [{"name": "p", "listen": f"127.0.0.1:{port}", "upstream": f"127.0.0.1:{upstream}"}]
        config.write_text(json.dumps(listed))
        argv = ["--api", f"127.0.0.1:{api}", "--config", str(config)]
        with subprocess.Popen([sys.executable, "-m", "sretool.chaos.proxy", *argv], stderr=-3) as process:
            url = f"http://127.0.0.1:{api}"
            while True:
                try:
                    urllib.request.urlopen(f"{url}/version").close()
                    break
                except OSError:
                    time.sleep(0.02)
            yield port, process.pid, url
            process.terminate()


def connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def round_trips(client: socket.socket, count: int) -> list[float]:
    """Seconds of each."""
    question, times = b"q" * _QUESTION, []
    for _ in range(count):
        began = time.perf_counter()
        client.sendall(question)
        got = 0
        while got < _QUESTION:
            got += len(client.recv(4096))
        times.append(time.perf_counter() - began)
    return times


def bulk(client: socket.socket) -> float:
    """Seconds until everything has arrived."""
    piece = b"B" * (1 << 18)
    began = time.perf_counter()
    for _ in range(_BULK // len(piece)):
        client.sendall(piece)
    assert client.recv(1) == b"!"
    return time.perf_counter() - began


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    fields = stat[stat.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def main(count: int) -> None:
    with server() as upstream, proxy(upstream) as (port, pid, url):
        direct, through = connect(upstream), connect(port)
        times: dict[str, list[float]] = {"direct": [], "through": []}
        before = cpu(pid)
        for _ in range(count // _BATCH):
            times["direct"] += round_trips(direct, _BATCH)
            times["through"] += round_trips(through, _BATCH)
        used = cpu(pid) - before
        for name, each in times.items():
            p50, p99 = statistics.median(each), statistics.quantiles(each, n=100)[98]
            print(f"{name:8} {len(each)} round trips: p50 {p50 * 1e6:6.0f} µs, p99 {p99 * 1e6:6.0f} µs")
        added = statistics.median(times["through"]) - statistics.median(times["direct"])
        asked = len(times["through"])
        print(f"added    p50 {added * 1e6:.0f} µs; CPU {used / asked * 1e6:.0f} µs for each round trip")
        for name, client in (("direct", direct), ("through", through)):
            before, took = cpu(pid), bulk(client)
            megabytes = _BULK / 1e6
            per = (cpu(pid) - before) / megabytes * 1e3
            words = f", CPU of the proxy {per:.2f} ms/MB" if name == "through" else ""
            print(f"{name:8} {megabytes:.0f} MB in {took:.2f} s: {megabytes / took:.0f} MB/s{words}")
        before = cpu(pid)
        time.sleep(5)
        print(f"idle     CPU {(cpu(pid) - before) / 5:.2%} of a core, {_resident(pid):.0f} MB")
        body = json.dumps({"type": "latency", "attributes": {"latency": 200}}).encode()
        urllib.request.urlopen(f"{url}/proxies/p/toxics", data=body).close()
        late = [(each - 0.2) * 1e3 for each in round_trips(through, 20)]
        worst = max(late)
        print(f"latency  200 ms: p50 {statistics.median(late):+.1f} ms, worst {worst:+.1f} ms off")


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
