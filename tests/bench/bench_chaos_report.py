"""Time of the reports of an experiment: `python -m tests.bench.bench_chaos_report [SECONDS OF THE RUN]`.

A run of an hour: load and figures every second, two objectives, two instances, a failover. Each form is made
in a fresh process as from a command line; then all of them and the seal, as at the end of a run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sretool.cli import chaos_reports
from sretool.core.runs.model import Outcome, Verdict
from tests.support import chaos_runs

LIMIT = 2.0
"""Seconds."""


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 3600
    over = False
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / ".sretool").mkdir()
        run = chaos_runs.failover(project / ".sretool", seconds=seconds, fault=600.0)
        run.finish(Verdict(Outcome.PASSED, "every check held"))
        events = run.folder / "events.jsonl"
        size = events.stat().st_size / 2**20
        print(f"{seconds} s of run, {len(events.read_bytes().splitlines())} events, {size:.1f} MiB")
        for form in chaos_reports.NAMES:
            command = [str(Path(sys.executable).with_name("sretool")), "-C", folder, "runs", "report", "last"]
            began = time.perf_counter()
            done = subprocess.run(
                [*command, "--to", form], check=True, capture_output=True, env={**os.environ, "HOME": folder}
            )
            took = time.perf_counter() - began
            over |= took > LIMIT
            print(f"{form:<6} {took:5.2f} s {len(done.stdout) / 2**10:8.0f} KiB")
        began = time.perf_counter()
        chaos_reports.write(run.folder, run.run, datetime.now(UTC))
        took = time.perf_counter() - began
        over |= took > LIMIT
        print(f"all    {took:5.2f} s with the seal")
    print(f"limit  {LIMIT:5.2f} s: {'exceeded' if over else 'kept'}")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
