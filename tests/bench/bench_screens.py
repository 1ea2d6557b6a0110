"""CPU of what is drawn or listed often: `python -m tests.bench.bench_screens`.

Three lines of 2,000 points on a chart of 120x24, the newest 200 of 3,001 runs cold and warm.
"""

from __future__ import annotations

import math
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sretool.adapters.store.runs import RunStore
from sretool.tui import format as fmt
from sretool.tui.chart import Chart, Curve, draw
from tests.support.runs import passed_load, store_at

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 11, 20, 3, tzinfo=UTC)
SPAN = timedelta(hours=6)


def least(work: Callable[[], object], times: int = 5) -> float:
    """The least CPU of several runs, in milliseconds."""
    took = []
    for _ in range(times):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took) * 1000


def main() -> None:
    points = [(START + number * SPAN / 2000, 0.5 + 0.4 * math.sin(number / 50)) for number in range(2000)]
    curves = tuple(Curve(points, SPAN / 2000) for _ in range(3))
    chart = Chart(start=START, end=START + SPAN, low=0.0, high=1.0, label=str, curves=curves)
    print(f"chart of 3 x 2,000 points: {least(lambda: draw(chart, 120, 24, fmt.UNICODE)):.1f} ms")
    with tempfile.TemporaryDirectory() as folder:
        store, clock = store_at(Path(folder))
        text = (passed_load(store, clock, seconds=1) / "run.json").read_bytes()
        for number in range(3000):
            run = store.root / f"20260101T{number:06d}Z-load-many-a{number:05d}"
            run.mkdir()
            (run / "run.json").write_bytes(text)
        fresh = RunStore(Path(folder))
        print(f"newest 200 of 3,001 runs, cold: {least(lambda: fresh.newest(200), 1):.0f} ms")
        print(f"newest 200 of 3,001 runs, warm: {least(lambda: fresh.newest(200)):.0f} ms")


if __name__ == "__main__":
    main()
