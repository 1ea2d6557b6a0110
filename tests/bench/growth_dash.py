"""Whether the dashboard grows: `python -m tests.bench.growth_dash [--refreshes 10000] [--slos 200]`.

Hands the whole program, in one process and without a server, one snapshot after the other with a fifth of the
rows changed, lets it draw every one, and prints its resident memory on the way.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from dataclasses import replace
from datetime import timedelta

from tests.support.dashboard import slo, status
from tests.tui.screens import dashboard


def resident_mb() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def grow(refreshes: int, count: int) -> None:
    statuses = [status(slo(f"amas/service-{number:04}")) for number in range(count)]
    async with dashboard(160, 48) as dash:
        snapshot = dash.app.board.snapshot
        warm = 0.0
        for refresh in range(1, refreshes + 1):
            for number in range(refresh % 5, count, 5):
                statuses[number] = replace(statuses[number], budget_left=((refresh + number) % 997) / 1000)
            snapshot = replace(
                snapshot,
                seq=snapshot.seq + 1,
                at=snapshot.at + timedelta(seconds=1),
                statuses=tuple(statuses),
            )
            dash.app._take(snapshot)
            if refresh % 5 == 0:
                await asyncio.sleep(0)
            if refresh % 50 == 0:
                await dash.pilot.pause()
            if refresh == refreshes // 10:
                warm = resident_mb()
            if refresh % (refreshes // 10) == 0:
                print(f"{refresh} refreshes: {resident_mb():.1f} MB", flush=True)
        print(f"growth after the first tenth: {resident_mb() - warm:+.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--refreshes", type=int, default=10_000)
    parser.add_argument("--slos", type=int, default=200)
    arguments = parser.parse_args()
    asyncio.run(grow(arguments.refreshes, arguments.slos))


if __name__ == "__main__":
    main()
