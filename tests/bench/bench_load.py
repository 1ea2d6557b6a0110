"""What a request costs each load generator, and what it says of a server that stalls.

`python -m tests.bench.bench_load [--rounds 15] [--seconds 1] [--only cpu,open,stall,memory,start]`

A server of our own (nginx) has the first core, the generator the last; requests are counted by the server,
and generators take turns. Only ratios within one run compare.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

CORES = sorted(os.sched_getaffinity(0))
USERS = 50
PORT = 18_091

CONFIGURATION = """
worker_processes 1;
worker_cpu_affinity {mask};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 3600;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /status {{ stub_status; }}
        location / {{ default_type application/json; return 200 '{{"a": "{body}"}}'; }}
    }}
}}
"""

USER_CLASSES = {
    "FastHttpUser": """
        from locust import FastHttpUser, task
        class Someone(FastHttpUser):
            @task
            def ask(self): self.client.get("/x")
    """,
    "sretool": """
        from sretool.load import HttpUser, task
        class Someone(HttpUser):
            @task
            def ask(self): self.client.get("/x")
    """,
    "sretool, listened to": """
        from locust import events
        from sretool.load import HttpUser, task
        @events.request.add_listener
        def heard(**request): pass
        class Someone(HttpUser):
            @task
            def ask(self): self.client.get("/x")
    """,
    "sretool, yielding": """
        from sretool.load import GeneratorUser, task
        class Someone(GeneratorUser):
            @task
            def ask(self): yield self.get("/x")
    """,
}

OPEN_CLASS = """
    import json, os, sys, time
    from locust import events
    from sretool.load import GeneratorUser, OpenUser, Recorder, task
    from sretool.core.analysis.latency import quantile
    class Someone(OpenUser, GeneratorUser):
        rate, arrivals = {rate}, "uniform"
        min_users = max_users = {members}
        def on_start(self):
            # Connections are there before the clock starts.
            self.client.get("/warm")
        @task
        def ask(self): yield self.get("/x")
    seconds = 0.0
    @events.test_stopping.add_listener
    def stopping(environment, **_):
        global seconds
        greenlet, = environment.runner.user_greenlets
        seconds = (time.perf_counter_ns() - greenlet.args[0].pool.started) / 1e9
    @events.quitting.add_listener
    def tell(environment, **_):
        taken = Recorder.of(environment).take()
        one, = [each for each in taken.requests if each.name == "/x"]
        at = [(quantile(one.buckets, share) or 0) / 1e6 for share in (.5, .9, .95, .99, .999)]
        print(json.dumps([one.n, one.n / seconds, taken.late, at]), file=sys.stderr)
"""

STOCK_PACED = """
    from locust import FastHttpUser, constant_throughput, task
    class Someone(FastHttpUser):
        wait_time = constant_throughput(20)
        @task
        def ask(self): self.client.get("/x")
"""


def served() -> int:
    """Requests that the server has counted."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/status") as answer:
        return int(answer.read().split()[9])


@contextmanager
def nginx(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    configuration = folder / "nginx.conf"
    mask = "".join("1" if core == CORES[0] else "0" for core in reversed(range(max(CORES) + 1)))
    text = CONFIGURATION.format(folder=folder, port=PORT, body="x" * 190, mask=mask)
    configuration.write_text(text)
    process = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(configuration)])
    try:
        time.sleep(0.5)
        yield process
    finally:
        process.terminate()
        process.wait(10)


def locust(folder: Path, source: str, seconds: float, users: int = USERS) -> list[str]:
    file = folder / f"locustfile_{abs(hash(source))}.py"
    file.write_text(textwrap.dedent(source))
    return [
        sys.executable, "-m", "locust", "-f", str(file), "--headless", "-u", str(users), "-r", str(users),
        "-t", f"{seconds:g}s", "--host", f"http://127.0.0.1:{PORT}", "--only-summary", "--skip-log",
    ]  # fmt: skip


def start(command: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "GOMAXPROCS": "1"}
    pinned = ["taskset", "-c", str(CORES[-1]), *command]
    return subprocess.Popen(
        pinned, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def steady(count: int) -> None:
    """Come back a second after a generator made its first requests."""
    until = time.monotonic() + 30
    while served() < count + 200 and time.monotonic() < until:
        time.sleep(0.05)
        # Each look is a request, too.
        count += 1
    time.sleep(1)


def ran(process: subprocess.Popen[str]) -> float:
    """Seconds that all threads of a process have had a core for, to the last switch or tick."""
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def slice_of(process: subprocess.Popen[str], seconds: float) -> tuple[float, float]:
    """Microseconds of CPU for a request, and requests a second, of a generator that is let go for a while."""
    process.send_signal(signal.SIGCONT)
    # All its connections are at work again, and what its clock owed it is done.
    time.sleep(0.3)
    before, count, began = ran(process), served(), time.monotonic()
    time.sleep(seconds)
    used, more, took = ran(process) - before, served() - count - 1, time.monotonic() - began
    process.send_signal(signal.SIGSTOP)
    if process.poll() is not None or more <= 0:
        process.kill()
        raise SystemExit(f"a generator ended early: {process.communicate()}")
    return used / more * 1e6, more / took


def bench_cpu(folder: Path, rounds: int, seconds: float) -> None:
    url = f"http://127.0.0.1:{PORT}/x"
    commands = {name: locust(folder, source, 3600) for name, source in USER_CLASSES.items()}
    commands["wrk"] = ["wrk", "-t1", f"-c{USERS}", "-d3600s", url]
    commands["hey"] = ["hey", "-c", str(USERS), "-z", "3600s", url]
    print(f"load average before: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    results: dict[str, list[tuple[float, float]]] = {}
    generators: dict[str, subprocess.Popen[str]] = {}
    try:
        # All are there from the start and stand still; each goes for a slice of every round.
        for name, command in commands.items():
            if shutil.which(command[0]):
                count = served()
                generators[name] = start(command)
                steady(count)
                generators[name].send_signal(signal.SIGSTOP)
        for _ in range(rounds):
            for name, process in generators.items():
                results.setdefault(name, []).append(slice_of(process, seconds))
    finally:
        for process in generators.values():
            process.kill()
            process.communicate()
    medians = {name: statistics.median(each[0] for each in all_) for name, all_ in results.items()}
    print(f"\n{USERS} connections, {rounds} rounds of slices of {seconds:g} s: µs of CPU for a request")
    print(f"{'':22}{'min':>8}{'median':>8}{'max':>8}{'best/s':>10}{'FastHttpUser ÷':>16}{'÷ wrk':>8}")
    for name, measured in results.items():
        costs = [each[0] for each in measured]
        print(
            f"{name:22}{min(costs):8.2f}{medians[name]:8.2f}{max(costs):8.2f}"
            f"{max(each[1] for each in measured):10,.0f}{medians['FastHttpUser'] / medians[name]:16.2f}"
            f"{medians[name] / medians.get('wrk', float('nan')):8.2f}"
        )


def bench_open(folder: Path, seconds: float) -> None:
    print(f"\narrivals at a rate, {seconds:g} s each")
    print(f"{'asked/s':>10}{'made/s':>10}{'late':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU':>6}{'µs each':>9}")
    for rate in (1_000, 20_000, 40_000, 60_000, 80_000, 100_000):
        source = OPEN_CLASS.format(rate=rate, members=200)
        count = served()
        process = start(locust(folder, source, seconds + 1, users=1))
        steady(count)
        before, count, began = ran(process), served(), time.monotonic()
        time.sleep(seconds - 2)
        used, more, took = ran(process) - before, served() - count, time.monotonic() - began
        n, made, late, at = last_line(process)
        print(
            f"{rate:10,}{made:10,.1f}{late / n:9.1%}{at[0]:9.3f}{at[3]:9.3f}{used / took:6.0%}"
            f"{used / more * 1e6:9.2f}"
        )


def last_line(process: subprocess.Popen[str]) -> tuple[int, float, int, list[float]]:
    """Arrivals, how many a second, those that began late, latencies in ms."""
    import json

    out, error = process.communicate()
    lines = [line for line in error.splitlines() if line.startswith("[")]
    if not lines:
        raise SystemExit(out + error)
    n, rate, late, at = json.loads(lines[-1])
    return n, rate, late, at


def bench_stall(folder: Path, server: subprocess.Popen[bytes], seconds: float) -> None:
    (worker,) = psutil.Process(server.pid).children()
    print(f"\na server that stalls 1 s in 10, 1,000 requests a second, {seconds:g} s: ms")
    print(f"{'':28}{'rate/s':>8}{'late':>7}{'p50':>9}{'p95':>9}{'p99':>9}{'p99.9':>9}   off the truth")
    print(f"{'truth':28}{1000:8}{'':7}{'~0.1':>9}{500:9}{900:9}{990:9}")

    def stall(over: threading.Event, began: float) -> None:
        round_ = 0
        while not over.wait(max(began + 10 * round_ + 4 - time.monotonic(), 0)):
            worker.send_signal(signal.SIGSTOP)
            time.sleep(max(began + 10 * round_ + 5 - time.monotonic(), 0))
            worker.send_signal(signal.SIGCONT)
            round_ += 1

    def run(command: list[str]) -> subprocess.Popen[str]:
        over = threading.Event()
        process = start(command)
        thread = threading.Thread(target=stall, args=(over, time.monotonic()))
        thread.start()
        process.wait()
        over.set()
        thread.join()
        return process

    _, rate, late, at = last_line(
        run(locust(folder, OPEN_CLASS.format(rate=1000, members=1200), seconds + 1, users=1))
    )
    print(
        f"{'sretool, OpenUser':28}{rate:8.1f}{late:7}{at[0]:9.3f}{at[2]:9.1f}{at[3]:9.1f}{at[4]:9.1f}"
        f"   {_off(at[2:])}"
    )
    stock = locust(folder, STOCK_PACED, seconds)
    stock.remove("--skip-log")
    out = "".join(run(stock).communicate())
    row = next(line for line in reversed(out.splitlines()) if "Aggregated" in line).split()
    made = int(row[-1]) / seconds
    off = _off([float(row[each]) for each in (6, 8, 9)])
    print(
        f"{'Locust, constant_throughput':28}{made:8.0f}{'-':>7}{row[1]:>9}{row[6]:>9}{row[8]:>9}{row[9]:>9}"
        f"   {off}"
    )


def _off(at: list[float]) -> str:
    """How far p95, p99 and p99.9 are from what they are by the stall's own arithmetic."""
    pairs = zip(("p95", "p99", "p99.9"), at, (500, 900, 990), strict=True)
    return ", ".join(f"{name} {value / truth - 1:+.1%}" for name, value, truth in pairs)


def bench_memory(folder: Path, requests: int) -> None:
    count = served()
    process = start(locust(folder, USER_CLASSES["sretool, yielding"], 3600))
    steady(count)
    # Locust keeps what the last 20 seconds had counted, a copy for each; it has them all by then.
    time.sleep(30)
    watched = psutil.Process(process.pid)
    before, count = watched.memory_info().rss, served()
    while served() - count < requests and process.poll() is None:
        time.sleep(1)
    after, count_after = watched.memory_info().rss, served()
    process.terminate()
    process.communicate()
    print(
        f"\nmemory: {(after - before) / 1e6:+.2f} MB over {(count_after - count) / 1e6:.2f} million requests"
    )


def bench_start(folder: Path, rounds: int) -> None:
    print("\nseconds from start to the first request, median")
    for name in ("FastHttpUser", "sretool"):
        for workers in ([], ["--processes", "2"]):
            times = []
            for _ in range(rounds):
                # The question itself is counted, too.
                count = served() + 1
                began = time.monotonic()
                process = start([*locust(folder, USER_CLASSES[name], 4), *workers])
                while served() <= count:
                    count += 1
                    time.sleep(0.005)
                times.append(time.monotonic() - began)
                process.terminate()
                process.communicate()
            print(f"{name:22}{' '.join(workers):16}{statistics.median(times):8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=1, help="of a slice of the rounds")
    parser.add_argument("--open-seconds", type=float, default=8)
    parser.add_argument("--stall-seconds", type=float, default=60)
    parser.add_argument("--memory-requests", type=int, default=10_000_000)
    parser.add_argument("--only", default="cpu,open,stall,memory,start")
    options = parser.parse_args()
    if not shutil.which("nginx") and not Path("/usr/sbin/nginx").exists():
        raise SystemExit("no nginx on this machine: sudo apt-get install nginx-light wrk hey")
    wanted = options.only.split(",")
    with tempfile.TemporaryDirectory() as name, nginx(Path(name)) as server:
        folder = Path(name)
        if "cpu" in wanted:
            bench_cpu(folder, options.rounds, options.seconds)
        if "open" in wanted:
            bench_open(folder, options.open_seconds)
        if "stall" in wanted:
            bench_stall(folder, server, options.stall_seconds)
        if "memory" in wanted:
            bench_memory(folder, options.memory_requests)
        if "start" in wanted:
            bench_start(folder, options.rounds)


if __name__ == "__main__":
    main()
