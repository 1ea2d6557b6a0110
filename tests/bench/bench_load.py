"""What a request costs each load generator, and what it says of a server that stalls.

`python -m tests.bench.bench_load [--rounds 5] [--seconds 6] [--only cpu,open,stall,memory,start]`

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
    import json, os, sys
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
    @events.quitting.add_listener
    def tell(environment, **_):
        taken = Recorder.of(environment).take()
        one, = [each for each in taken.requests if each.name == "/x"]
        at = [(quantile(one.buckets, share) or 0) / 1e6 for share in (.5, .9, .95, .99, .999)]
        print(json.dumps([one.n, taken.late, at]), file=sys.stderr)
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


def cpu_each(command: list[str], seconds: float) -> tuple[float, float]:
    """Microseconds of CPU for a request, and requests a second, when it runs steadily."""
    process = start(command)
    watched = psutil.Process(process.pid)
    time.sleep(2)
    before, count, began = watched.cpu_times(), served(), time.monotonic()
    time.sleep(seconds - 3)
    after, count_after, took = watched.cpu_times(), served(), time.monotonic() - began
    process.communicate()
    used = after.user + after.system - before.user - before.system
    return used / (count_after - count) * 1e6, (count_after - count) / took


def bench_cpu(folder: Path, rounds: int, seconds: float) -> None:
    url = f"http://127.0.0.1:{PORT}/x"
    commands = {name: locust(folder, source, seconds) for name, source in USER_CLASSES.items()}
    commands["wrk"] = ["wrk", "-t1", f"-c{USERS}", f"-d{seconds:g}s", url]
    commands["hey"] = ["hey", "-c", str(USERS), "-z", f"{seconds:g}s", url]
    results: dict[str, list[tuple[float, float]]] = {
        name: [] for name, command in commands.items() if shutil.which(command[0])
    }
    for _ in range(rounds):
        for name, measured in results.items():
            measured.append(cpu_each(commands[name], seconds))
    medians = {name: statistics.median(each[0] for each in all_) for name, all_ in results.items()}
    print(f"\n{USERS} connections, {rounds} rounds of {seconds:g} s: µs of CPU for a request")
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
    print(f"{'asked/s':>10}{'made/s':>10}{'late':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU':>6}")
    for rate in (1_000, 20_000, 40_000, 60_000, 80_000, 100_000):
        source = OPEN_CLASS.format(rate=rate, members=200)
        process = start(locust(folder, source, seconds + 1, users=1))
        time.sleep(2.5)
        before, count, began = psutil.Process(process.pid).cpu_times(), served(), time.monotonic()
        time.sleep(seconds - 2)
        after, more, took = (
            psutil.Process(process.pid).cpu_times(),
            served() - count,
            time.monotonic() - began,
        )
        n, late, at = last_line(process)
        used = (after.user + after.system - before.user - before.system) / took
        print(f"{rate:10,}{more / took:10,.0f}{late / n:9.1%}{at[0]:9.3f}{at[3]:9.3f}{used:6.0%}")


def last_line(process: subprocess.Popen[str]) -> tuple[int, int, list[float]]:
    import json

    out, error = process.communicate()
    lines = [line for line in error.splitlines() if line.startswith("[")]
    if not lines:
        raise SystemExit(out + error)
    n, late, at = json.loads(lines[-1])
    return n, late, at


def bench_stall(folder: Path, server: subprocess.Popen[bytes], seconds: float) -> None:
    (worker,) = psutil.Process(server.pid).children()
    print(f"\na server that stalls 1 s in 10, 1,000 requests a second, {seconds:g} s: ms")
    print(f"{'':28}{'rate/s':>8}{'late':>7}{'p50':>9}{'p95':>9}{'p99':>9}{'p99.9':>9}")
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

    n, late, at = last_line(
        run(locust(folder, OPEN_CLASS.format(rate=1000, members=1200), seconds + 1, users=1))
    )
    print(
        f"{'sretool, OpenUser':28}{n / seconds:8.0f}{late:7}{at[0]:9.3f}{at[2]:9.1f}{at[3]:9.1f}{at[4]:9.1f}"
    )
    stock = locust(folder, STOCK_PACED, seconds)
    stock.remove("--skip-log")
    out = "".join(run(stock).communicate())
    row = next(line for line in reversed(out.splitlines()) if "Aggregated" in line).split()
    print(f"{'Locust, constant_throughput':28}{'':8}{'-':>7}{row[1]:>9}{row[6]:>9}{row[8]:>9}{row[9]:>9}")


def bench_memory(folder: Path, seconds: float) -> None:
    process = start(locust(folder, USER_CLASSES["sretool, yielding"], seconds + 5))
    time.sleep(4)
    watched = psutil.Process(process.pid)
    before, count = watched.memory_info().rss, served()
    time.sleep(seconds)
    after, count_after = watched.memory_info().rss, served()
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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--stall-seconds", type=float, default=60)
    parser.add_argument("--memory-seconds", type=float, default=120)
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
            bench_open(folder, options.seconds)
        if "stall" in wanted:
            bench_stall(folder, server, options.stall_seconds)
        if "memory" in wanted:
            bench_memory(folder, options.memory_seconds)
        if "start" in wanted:
            bench_start(folder, options.rounds)


if __name__ == "__main__":
    main()
