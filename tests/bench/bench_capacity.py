"""How far a search for the highest rate is off, and how long it takes, before a server whose limit is known.

`python -m tests.bench.bench_capacity [--searches 5] [--limit 2000] [--arrivals uniform,poisson]`
`python -m tests.bench.bench_capacity --simulated 200`

nginx lets `--limit` requests a second through and lets the others wait (`limit_req` with a large burst): what
is beyond the limit piles up and its latency climbs without end. Each search is a whole `sretool load
capacity` on the last core, nginx has the first. With `--simulated` the searches go against computed servers,
many seeds of each; nothing is started.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sretool.core.analysis.capacity import Judgement, Plan, Search
from tests.support.queues import Bench, Bucket, Queue, Server, constant, exponential, lognormal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sretool.core.analysis.totals import Totals

CORES = sorted(os.sched_getaffinity(0))
PORT = 18_092

NGINX = """
worker_processes 1;
worker_cpu_affinity {mask};
worker_rlimit_nofile 32768;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 3600;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    limit_req_zone $server_port zone=all:1m rate={limit}r/s;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {folder}/www;
        location / {{ limit_req zone=all burst=100000; try_files /word.json =404; }}
    }}
}}
"""

LOCUSTFILE = """
from sretool.load import HttpUser, task

class Reader(HttpUser):
    @task
    def word(self):
        self.client.get("/word")
"""

PROFILE = """
name: word
title: One request
locustfile: word.py
open:
  arrivals: {arrivals}
  stages:
    - {{rate: 400, for: 10s}}
objectives:
  - p99 < 100ms
  - errors < 1%
"""


@contextmanager
def limited(folder: Path, limit: int) -> Iterator[str]:
    """The address of a server that answers so many requests a second."""
    # nginx answers as another user.
    folder.chmod(0o755)
    (folder / "www").mkdir()
    (folder / "www/word.json").write_text('{"word": "abacus"}')
    configuration = folder / "nginx.conf"
    mask = "1".ljust(CORES[0] + 1, "0")
    configuration.write_text(NGINX.format(mask=mask, folder=folder, port=PORT, limit=limit))
    server = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(configuration)])
    url = f"http://127.0.0.1:{PORT}"
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"{url}/word", timeout=1).read()
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait()


def searched(folder: Path, url: str) -> tuple[dict[str, Any], float]:
    """What one search said, and its seconds from start to end."""
    program = str(Path(sys.executable).with_name("sretool"))
    command = [
        "taskset", "-c", str(CORES[-1]), program, "-C", str(folder), "load", "capacity", "word",
        "--target", url, "--from", "100", "--format", "json",
    ]  # fmt: skip
    begin = time.monotonic()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.monotonic() - begin
    if ended.returncode not in (0, 6):
        raise SystemExit(f"the search ended with {ended.returncode}: {ended.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found, took


def real(searches: int, limit: int, arrivals: str) -> None:
    knees, lowers, seconds, inside = [], [], [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".sretool").mkdir()
        profiles = folder / "loadprofiles"
        profiles.mkdir()
        (profiles / "word.py").write_text(textwrap.dedent(LOCUSTFILE))
        (profiles / "word.yaml").write_text(PROFILE.format(arrivals=arrivals))
        with limited(folder, limit) as url:
            for number in range(searches):
                found, took = searched(folder, url)
                capacity = found["capacity"]
                lower, upper, knee = capacity["lower"], capacity["upper"], capacity["knee"]
                print(
                    f"  {arrivals} {number + 1}: {found['ending']:9} holds {_off(lower, limit)}  "
                    f"breaks {_off(upper, limit)}  knee {_off(knee, limit)}  "
                    f"search {found['search_s']:.1f} s  whole {took:.1f} s",
                    flush=True,
                )
                if lower and upper and knee:
                    knees.append(knee / limit - 1)
                    lowers.append(lower / limit - 1)
                    inside += lower <= limit * 1.002 and upper >= limit * 0.998
                seconds.append(took)
    if knees:
        print(
            f"{arrivals}: knee off by {statistics.median(map(abs, knees)):.2%} (median), "
            f"{max(map(abs, knees)):.2%} (worst); confirmed rate by {statistics.median(lowers):+.2%}, "
            f"{min(lowers):+.2%} to {max(lowers):+.2%}; limit inside the interval {inside} of {searches}; "
            f"{statistics.median(seconds):.1f} s (median), {max(seconds):.1f} s (longest)"
        )


def _off(rate: float | None, limit: float) -> str:
    return f"{rate:7.1f} ({rate / limit - 1:+.2%})" if rate is not None else "-"


def within(limit_s: float, share: float) -> Callable[[Totals], Judgement]:
    def judge(totals: Totals) -> Judgement:
        latency, failed = totals.whole.quantile(share), totals.whole.error_share or 0.0
        broken = [
            *(["latency"] if latency is not None and latency > limit_s else []),
            *(["errors"] if failed > 0.01 else []),
        ]
        return Judgement(tuple(broken), latency / limit_s if latency is not None else None)

    return judge


SERVERS: dict[str, tuple[Callable[[int], Server], float, float, float, bool]] = {
    # name: (server of a seed, p99 limit, share, true capacity, arrivals at random)
    "M/D/1 2000/s, even arrivals": (lambda seed: Queue(constant(1 / 2000)), 0.1, 0.99, 2000, False),
    "M/D/1 2000/s": (lambda seed: Queue(constant(1 / 2000)), 0.1, 0.99, 2000, True),
    "M/M/1 2000/s": (
        lambda seed: Queue(exponential(1 / 2000), seed=seed), 0.1, 0.99, 2000 - math.log(100) / 0.1, True
    ),
    "M/M/1 1000/s, p95 < 20 ms": (
        lambda seed: Queue(exponential(1 / 1000), seed=seed), 0.02, 0.95, 1000 - math.log(20) / 0.02, True
    ),
    "16 workers, clients give up": (
        lambda seed: Queue(exponential(0.02), workers=16, timeout=1.0, seed=seed), 0.5, 0.99, 791, True
    ),
    "429 above 1000/s": (lambda seed: Bucket(1000, 200), 0.1, 0.99, 1000, True),
    "pauses of 60 ms": (
        lambda seed: Queue(lognormal(1 / 2000, 1.0), pause_every=4, pause=0.06, seed=seed),
        0.2, 0.99, 2000 * (1 - 0.06 / 4), True,
    ),
}  # fmt: skip


def simulated(seeds: int) -> None:
    print(f"{'':28} {'confirmed':>24} {'knee':>24}   seconds")
    for name, (server, limit_s, share, truth, random) in SERVERS.items():
        lowers, knees, seconds = [], [], []
        for seed in range(seeds):
            bench = Bench(server(seed), poisson=random, seed=10_000 + seed)
            search = Search(within(limit_s, share), Plan(start=100))
            while not search.done:
                search.take(bench.second(search.rate))
            result = search.result()
            if result.lower is not None and result.knee is not None:
                lowers.append(result.lower / truth - 1)
                knees.append(result.knee / truth - 1)
            seconds.append(result.seconds)
        longest = sorted(seconds)[int(0.95 * len(seconds))]
        print(
            f"{name:28} {_spread(lowers):>24} {_spread(knees):>24}   "
            f"{statistics.median(seconds):.0f} ({longest:.0f})",
            flush=True,
        )
    print("median (5th to 95th percentile) off the truth; seconds: median (95th percentile)")


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    ordered = sorted(values)
    low, high = (ordered[int(share * (len(ordered) - 1))] for share in (0.05, 0.95))
    return f"{statistics.median(ordered):+.1%} ({low:+.1%} {high:+.1%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--searches", type=int, default=5)
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--arrivals", default="uniform,poisson")
    parser.add_argument("--simulated", type=int, default=0, metavar="SEEDS")
    options = parser.parse_args()
    if options.simulated:
        simulated(options.simulated)
        return
    if shutil.which("nginx") is None:
        raise SystemExit("nginx is not installed")
    for arrivals in options.arrivals.split(","):
        real(options.searches, options.limit, arrivals)


if __name__ == "__main__":
    main()
