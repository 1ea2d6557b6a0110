"""Backtest of 100 SLOs × 30 days from a throw-away Prometheus: `python -m tests.bench.bench_backtest [SLOS]`.

What the rules of that many SLOs would have recorded is written as a block; every tenth SLO has an outage.
Prometheus runs on the same machine.
"""

from __future__ import annotations

import json
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sretool.adapters.lab.blocks import write_block
from tests.support.prometheus_server import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from sretool.adapters.lab.blocks import Labels

_DAYS = 34
"""30, and what the longest windows look back."""
_LIMIT = 60.0


def recorded(number: int, until: int) -> Iterator[tuple[Labels, NDArray[np.int64], NDArray[np.float64]]]:
    """Two series of each SLO, a value a minute: traffic of day and night, background errors, outages."""
    times = np.arange(until - _DAYS * 86400, until + 1, 60, dtype=np.int64)
    chance = np.random.default_rng(7)
    for each in range(number):
        total = 50 + 40 * np.sin(times / 86400 * 2 * np.pi) + chance.poisson(20, len(times)) / 5
        bad = chance.poisson(0.0003 * total * 300) / 300
        if each % 10 == 0:
            bad[20_000 + each : 20_060 + each] += 0.1 * total[20_000 + each : 20_060 + each]
        slo = f"svc-{each:04}/availability"
        for what, values in (("bad", bad), ("total", total)):
            labels = {"__name__": f"slo:{what}:rate5m", "slo": slo, "service": slo.partition("/")[0]}
            yield tuple(sorted(labels.items())), times * 1000, values


@contextmanager
def prometheus(folder: Path) -> Iterator[str]:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    config = folder / "prometheus.yml"
    config.write_text("global: {}\n")
    argv = [
        shutil.which("prometheus") or "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        "--storage.tsdb.retention.time=60d",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    server = subprocess.Popen(argv)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1).close()
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def main(number: int) -> int:
    until = int(time.time()) // 60 * 60 - 120
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tsdb").mkdir()
        stats = write_block(folder / "tsdb", recorded(number, until))
        print(f"{number} SLOs, {stats.samples / 1e6:.1f} M samples recorded, {stats.size >> 20} MiB")
        (folder / "slos.yaml").write_text(catalog(number))
        with prometheus(folder) as url:
            code = "from sretool.cli.main import main; main()"
            argv = [sys.executable, "-c", code, "--prometheus", url, "--catalog", str(folder / "slos.yaml")]
            argv += ["slo", "backtest", "--days", "30", "--until", str(until), "--format", "json"]
            began = time.monotonic()
            done = subprocess.run(argv, capture_output=True, text=True, check=True)
            took = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    document = json.loads(done.stdout)
    fired = {each["slo"] for each in document["firings"]}
    print(f"backtest over 30 days: {took:.1f} s (limit {_LIMIT:.0f} s), {used.ru_maxrss >> 10} MiB at most")
    print(f"{len(document['firings'])} firings of {len(fired)} SLOs")
    return 0 if took <= _LIMIT and len(fired) >= number // 10 else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
