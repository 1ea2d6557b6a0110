"""`slo status`, `slo rules` and `slo rules --tests` for 1,000 SLOs.

`python -m tests.bench.bench_status [SLOS]`

The series that the rules of that many SLOs record are written as a TSDB block of a throw-away Prometheus on
the same machine, up to now. One SLO in 50 burns and one in 50 has spent its budget; then one in 10 each.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import TYPE_CHECKING

import numpy as np

from sretool.adapters.lab.blocks import write_block
from sretool.core.slo.windows import STANDARD_WINDOWS
from sretool.units import format_duration
from tests.bench.bench_backtest import prometheus
from tests.support.prometheus_server import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from sretool.adapters.lab.blocks import Labels

_DAYS = 30
_ROUNDS = 5
_WALL = 1.0
_QUERIES = 6


def recorded(
    number: int, until: int, every: int = 50
) -> Iterator[tuple[Labels, NDArray[np.int64], NDArray[np.float64]]]:
    """Thirty days of rates, a value a minute, and the last hour of everything else that rules record."""
    days = np.arange(until - _DAYS * 86400, until + 1, 60, dtype=np.int64) * 1000
    hour = days[-60:]
    traffic = 50 + 40 * np.sin(days / 86_400_000 * 2 * np.pi)
    for each in range(number):
        kind = each % every
        ratio = {0: 0.02, 1: 0.002}.get(kind, 0.0001)
        bad = traffic * (0.0012 if kind == 1 else 0.0001)
        if kind == 0:
            bad[-90:] = traffic[-90:] * ratio
        own = {"slo": f"svc-{each:04}/availability", "service": f"svc-{each:04}"}
        for what, values in (("bad", bad), ("total", traffic)):
            yield _labels(own, f"slo:{what}:rate5m"), days, values
        figures = [("slo:info", "30d", 1.0), ("slo:coverage:ratio", "30d", 1.0)]
        figures += [("slo:bad:sum", "30d", bad.sum() * 60), ("slo:total:sum", "30d", traffic.sum() * 60)]
        figures += [("slo:error_ratio:rate", format_duration(window), ratio) for window in STANDARD_WINDOWS]
        for name, window, value in figures:
            yield _labels(own | {"window": window}, name), hour, np.full(len(hour), value)


def _labels(own: dict[str, str], name: str) -> Labels:
    return tuple(sorted((own | {"__name__": name}).items()))


def measured(arguments: Sequence[str], *, keep: bool = True) -> tuple[float, float, int, bytes]:
    """Wall and CPU seconds, MiB at most and stdout of one sretool process, start-up included."""
    code = "from sretool.cli.main import main; main()"
    began = time.monotonic()
    child = Popen([sys.executable, "-c", code, *arguments], stdout=PIPE if keep else DEVNULL)
    out = child.stdout.read() if child.stdout is not None else b""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    assert child.returncode in (0, 1), f"sretool ended with {child.returncode}"
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss >> 10, out


def report(name: str, arguments: Sequence[str], rounds: int = _ROUNDS) -> tuple[float, bytes]:
    """Print the least and middle of some rounds; the middle wall time, and what was printed last."""
    found = [measured(arguments) for _ in range(rounds)]
    walls, cpus = sorted(each[0] for each in found), sorted(each[1] for each in found)
    middle = len(found) // 2
    print(
        f"{name:28} wall {walls[0]:5.2f} / {walls[middle]:5.2f} s,"
        f" CPU {cpus[0]:5.2f} / {cpus[middle]:5.2f} s, {max(each[2] for each in found)} MiB",
        flush=True,
    )
    return walls[middle], found[-1][3]


def status(slos: Path, number: int, every: int) -> tuple[float, int]:
    """Middle wall time and number of queries of `slo status` where one SLO in `every` burns."""
    until = int(time.time()) // 60 * 60
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tsdb").mkdir()
        write_block(folder / "tsdb", recorded(number, until, every))
        with prometheus(folder) as url:
            asked = ["--prometheus", url, "--catalog", str(slos), "slo", "status"]
            asked += ["--at", str(until), "--format", "json", "--explain-plan"]
            measured(asked)
            wall, out = report(f"slo status, 2 in {every} in trouble", asked)
    document = json.loads(out)
    plan = document["plan"]
    assert len(plan["recorded"]) == number
    levels = Counter(slo["level"] for slo in document["slos"])
    print(f"  {len(plan['queries'])} queries; {dict(levels)}")
    for query in plan["queries"]:
        print(f"  {query['took_s'] * 1000:6.0f} ms {query['samples']:8,} samples  {query['purpose']}")
    return wall, len(plan["queries"])


def main(number: int) -> int:
    print(f"{number} SLOs; least / middle of {_ROUNDS} rounds; CPU without the server's")
    with tempfile.TemporaryDirectory() as name:
        slos, out = Path(name, "slos.yaml"), Path(name, "rules.yml")
        slos.write_text(catalog(number))
        report("sretool --version", ["--version"])
        wall, queries = status(slos, number, 50)
        status(slos, number, 10)
        report("slo rules", ["slo", "rules", str(slos), "--out", str(out)])
        tests = ["slo", "rules", str(slos), "--out", str(out), "--tests", str(Path(name, "tests.yml"))]
        report("slo rules --tests", tests, rounds=1)
    print(f"status: {wall:.2f} s (limit {_WALL} s), {queries} queries (limit {_QUERIES})")
    return 0 if wall <= _WALL and queries <= _QUERIES else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
