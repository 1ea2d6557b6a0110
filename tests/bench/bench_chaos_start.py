"""How soon the first fault is made: `python -m tests.bench.bench_chaos_start [RUNS]`.

Whole starts of `sretool chaos run --yes` with a Prometheus that answers at once, from the command to the
fault. The promise is 3 s beyond the baseline.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.kill.matrix import PROGRAM
from tests.kill.prometheus import FakePrometheus

ALLOWED: Final = 3.0
_ROOT: Final = Path(__file__).resolve().parents[2]


def first_fault(prometheus: FakePrometheus) -> float:
    """Seconds from the command to the fault."""
    with tempfile.TemporaryDirectory(prefix="sretool-bench-") as place:
        folder = Path(place)
        fault = folder / "fault"
        file = folder / "x.json"
        file.write_text(json.dumps(_experiment(fault)))
        environment = {
            **os.environ,
            "PYTHONPATH": str(_ROOT),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CACHE_HOME": str(folder / "cache"),
        }
        began = time.monotonic()
        with subprocess.Popen(
            [
                sys.executable,
                "-c",
                PROGRAM,
                "--prometheus",
                prometheus.url,
                "chaos",
                "run",
                str(file),
                "--yes",
            ],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as program:
            while not fault.exists():
                if program.poll() is not None:
                    raise RuntimeError(f"it ended with {program.returncode} before it made its fault")
                time.sleep(0.002)
            seconds = time.monotonic() - began
            program.terminate()
    return seconds


def _experiment(fault: Path) -> dict[str, object]:
    def call(what: str, name: str, func: str, **arguments: object) -> dict[str, object]:
        provider = {"type": "python", "module": "tests.chaos.acts", "func": func, "arguments": arguments}
        return {"type": what, "name": name, "provider": provider}

    probe = {**call("probe", "well", "is_there", path=str(fault)), "tolerance": False}
    return {
        "title": "a start",
        "description": "…",
        "steady-state-hypothesis": {"title": "well", "probes": [probe]},
        "method": [
            call("action", "hurt", "break_file", path=str(fault)),
            call("action", "stay", "wait", seconds=30),
        ],
        "rollbacks": [call("action", "mend", "mend_file", path=str(fault))],
        "extensions": [{"name": "sretool", "fault": "a file"}],
    }


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with FakePrometheus() as prometheus:
        found = sorted(first_fault(prometheus) for _ in range(runs))
    print(
        f"first fault after {statistics.median(found):.2f} s (median of {runs}), at worst {found[-1]:.2f} s"
    )
    return 1 if statistics.median(found) > ALLOWED else 0


if __name__ == "__main__":
    sys.exit(main())
