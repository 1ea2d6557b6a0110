"""Time and size of the reports of a game day: `python -m tests.bench.bench_gameday_report`.

A quarter of an hour with a load and four experiments, after three earlier game days that its trend is made
of. Each form is made in a fresh process as from a command line; then all of them and the seal, as at the end
of a run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sretool.adapters.files import catalog
from sretool.cli import chaos_reports, gameday_reports, gameday_session
from tests.support import gameday_runs as days

LIMIT = 3.0
"""Seconds."""
LARGEST = 2 * 2**20
"""Bytes of the page."""
EARLIER = 3


def main() -> int:
    over = False
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        state = project / ".sretool"
        state.mkdir()
        for number in range(EARLIER, 0, -1):
            days.judged(days.gameday(state, began=days.BEGAN - timedelta(days=91 * number)))
        run = days.gameday(state)
        amas = catalog.bundled("amas")
        for file in amas.rglob("*.y*ml"):
            name = str(file.relative_to(amas.parent)).replace("/", "_")
            run.keep_input(f"{gameday_session.CATALOG}{name}", file.read_bytes(), str(file))
        days.judged(run)
        events = (run.folder / "events.jsonl").read_bytes()
        print(f"900 s, {len(events.splitlines())} events, {len(events) / 2**20:.1f} MiB, 5 steps with runs")
        for form in chaos_reports.NAMES:
            command = [str(Path(sys.executable).with_name("sretool")), "-C", folder, "runs", "report"]
            began = time.perf_counter()
            done = subprocess.run(
                [*command, run.run.id, "--to", form],
                check=True,
                capture_output=True,
                env={**os.environ, "HOME": folder},
            )
            took = time.perf_counter() - began
            over |= took > LIMIT or len(done.stdout) > LARGEST
            print(f"{form:<6} {took:5.2f} s {len(done.stdout) / 2**10:8.0f} KiB")
        began = time.perf_counter()
        gameday_reports.write(run.folder, run.run, datetime.now(UTC))
        took = time.perf_counter() - began
        over |= took > LIMIT
        print(f"all    {took:5.2f} s with the seal")
    print(f"limits {LIMIT:5.2f} s {LARGEST / 2**10:8.0f} KiB: {'exceeded' if over else 'kept'}")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
