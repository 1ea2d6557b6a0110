"""An outage of ten minutes, in every shape: `python -m tests.bench.soak_dash [--minutes 10]`.

A dashboard in a pseudo-terminal reads both of its sources through a proxy that hangs, refuses, sends garbage,
A dashboard in a pseudo-terminal reads both of its sources through a proxy that hangs, refuses, sends
garbage, cuts answers short and fails, one after the other, while somebody walks through the views. Told is
how long the screen took to say so, whether any value was cleared, how long it took to come back by itself,
and how memory and processor time went.
"""

from __future__ import annotations

import argparse
import re
import time
from typing import TYPE_CHECKING, Final

from tests.bench.bench_dash import stand_in, start
from tests.support.proxy import MOODS, Mood, Proxy

if TYPE_CHECKING:
    from tests.support.terminal import Terminal

SLOS: Final = 50
_MARKED_WITHIN: Final = 2 + 1 + 5.0
"""Two refreshes of a second, one second, and the deadline of a request that hangs."""
_BACK_WITHIN: Final = 2.0
_FIGURE: Final = re.compile(r"\d\d\.\d+ .*\d%")


def _rows(terminal: Terminal) -> list[str]:
    """Rows with their figures, as far to the left as no message ever lies over them."""
    terminal.read(0.5)
    left = (line[:90] for line in terminal.lines()[3:])
    return [line for line in left if "/availability" in line and _FIGURE.search(line)]


def _stale(lines: list[str]) -> bool:
    return lines[1].startswith(" STALE") and "LOST" in lines[0]


def _live(lines: list[str]) -> bool:
    return "STALE" not in lines[1] and "LOST" not in lines[0] and "availability" in lines[3]


def outage(terminal: Terminal, proxy: Proxy, mood: Mood, seconds: float) -> str:
    """One outage; fails where the screen does not do what it must."""
    terminal.send("1")
    terminal.wait_for(_live, 10, "live before the outage")
    before = len(_rows(terminal))
    began = time.monotonic()
    proxy.be(mood)
    marked = terminal.wait_for(_stale, _MARKED_WITHIN + 4, f"{mood}: STALE")
    cleared = 0
    number = 0
    while time.monotonic() - began < seconds:
        terminal.send("1234567"[number % 7])
        number += 1
        terminal.read(2)
        if not any(line.strip() for line in terminal.lines()):
            cleared += 1
        terminal.send("1")
        terminal.wait_for(_stale, 5, f"{mood}: STALE after a walk")
        cleared += len(_rows(terminal)) < before
    proxy.be("well")
    back = terminal.wait_for(_live, 30, f"{mood}: recovery")
    verdict = "ok" if marked <= _MARKED_WITHIN and back <= _BACK_WITHIN and not cleared else "MISSED"
    return (
        f"{mood:9} marked after {marked:4.1f} s, cleared {cleared}, back after {back:4.2f} s,"
        f" {terminal.resident_mb():.1f} MB  {verdict}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    each = arguments.minutes * 60 / len(MOODS)
    with stand_in(SLOS, delay=0.01) as options:
        upstream = options[options.index("--prometheus") + 1]
        with Proxy(upstream) as proxy:
            through = [proxy.url if option == upstream else option for option in options]
            with start(through, "1s") as terminal:
                terminal.wait_for(_live, 30, "first figures")
                terminal.read(5)
                began, memory = time.monotonic(), terminal.resident_mb()
                used = terminal.cpu_seconds()
                for mood in MOODS:
                    print(outage(terminal, proxy, mood, each), flush=True)
                lasted = time.monotonic() - began
                share = (terminal.cpu_seconds() - used) / lasted
                print(
                    f"{lasted:.0f} s, 0 exits, {share:.2%} of a core,"
                    f" {memory:.1f} MB before, {terminal.resident_mb():.1f} MB after"
                )
                terminal.send("1q")
                print(f"exit code {terminal.wait_for_end(10)}")


if __name__ == "__main__":
    main()
