"""How fast and how light the dashboard is: `python -m tests.bench.bench_dash [--slos N] [--lab NAME]`.

Measures in a pseudo-terminal of 160x48: the first frame, the first live figures, processor time and bytes at
a refresh of one second with the chart open, resident memory, ways to other screens, keys while queries hang,
requests. Without `--lab` against a stand-in server on loopback that answers after 50 ms.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sretool.tui.views import ROOT, VIEWS
from tests.support import prometheus_server
from tests.support.proxy import Proxy
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COLUMNS, ROWS = 160, 48


@contextmanager
def stand_in(count: int, delay: float = 0.05) -> Iterator[list[str]]:
    """Options for a stand-in with `count` SLOs that answers after `delay` seconds."""
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.support.prometheus_server",
            "--slos",
            str(count),
            "--delay",
            str(delay),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "slos.yaml"
            file.write_text(prometheus_server.catalog(count))
            yield ["--catalog", folder, "--prometheus", url, "--alertmanager", url]
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def start(options: list[str], refresh: str) -> Terminal:
    program = "import sys; from sretool.cli.main import main; sys.exit(main())"
    argv = [sys.executable, "-c", program, *options, "dash", "--refresh", refresh]
    env = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    # Installed programs have their bytecode; the first run of a measurement makes it.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    # Nothing of the user's own: a state folder that this run and the ones after it share.
    for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        env[variable] = str(Path(tempfile.gettempdir()) / "sretool-bench" / variable.lower())
    env["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / "sretool-bench-bytecode")
    return Terminal(argv, COLUMNS, ROWS, env)


def _is_live(lines: list[str]) -> bool:
    """Figures that are not of an earlier session."""
    return lines[3].count("x") >= 3 and "OLD" not in lines[0]


def _cursor_on(row: int, lines: list[str]) -> bool:
    return lines[row].startswith(">")


def first_frames(options: list[str], times: int) -> tuple[float, float, float]:
    """Best of `times`: seconds to the first frame and to the first live figures, and processor time."""
    frames, lives, cpu = [], [], []
    for _ in range(times + 1):
        with start(options, "5s") as terminal:
            terminal.gather(2)
            frames.append(terminal.when(lambda lines: "BURN" in lines[2], "first frame") - terminal.started)
        with start(options, "5s") as terminal:
            terminal.gather(2)
            lives.append(terminal.when(_is_live, "live figures") - terminal.started)
            cpu.append(terminal.cpu_seconds())
    return min(frames), min(lives), min(cpu)


def ways(options: list[str], times: int) -> list[tuple[str, float, float]]:
    """For one SLO and each view: seconds from its key to its screen, the first time and the best of later."""
    with start(options, "1s") as terminal:
        terminal.wait_for(_is_live, 20, "live figures")
        terminal.gather(4)
        terminal.when(lambda lines: True, "what came meanwhile")
        found = []
        for key, name in (("\r", "an SLO"), *((view.key, view.name) for view in VIEWS if view.name != ROOT)):
            taken = []
            for _ in range(times):
                taken.append(_seconds_to(terminal, key, lambda lines: not _overview(lines), name))
                _seconds_to(terminal, "\x1b" if key == "\r" else "1", _overview, ROOT)
            found.append((name, taken[0], min(taken[1:])))
        return found


def _overview(lines: list[str]) -> bool:
    return "SERVICE/SLO" in lines[2]


def _seconds_to(terminal: Terminal, key: str, seen: Callable[[list[str]], bool], what: str) -> float:
    sent = time.monotonic()
    terminal.send(key)
    terminal.gather(0.6)
    return terminal.when(seen, what) - sent


def steady(options: list[str], seconds: float) -> tuple[float, float, float]:
    """Share of a core, resident MB and bytes a second at a refresh of one second."""
    with start(options, "1s") as terminal:
        terminal.wait_for(_is_live, 20, "live figures")
        terminal.read(3)
        before, written = terminal.cpu_seconds(), len(terminal.written)
        terminal.read(seconds)
        share = (terminal.cpu_seconds() - before) / seconds
        return share, terminal.resident_mb(), (len(terminal.written) - written) / seconds


def keys(options: list[str], url: str, presses: int) -> tuple[float, float]:
    """Seconds from a key to its row on the screen, 99th percentile, well and while every query hangs."""
    with Proxy(url) as proxy:
        through = [proxy.url if option == url else option for option in options]
        with start(through, "1s") as terminal:
            terminal.wait_for(_is_live, 30, "live figures")
            terminal.read(3)
            well = _worst_of(terminal, presses)
            proxy.be("hang")
            terminal.read(2)
            return well, _worst_of(terminal, presses)


def _worst_of(terminal: Terminal, presses: int) -> float:
    """99th percentile of the time from `j` or `k` to the cursor on the next row."""
    taken = []
    for number in range(presses):
        down = number % 2 == 0
        sent = time.monotonic()
        terminal.send("j" if down else "k")
        terminal.gather(1, quiet=0.12)
        taken.append(terminal.when(partial(_cursor_on, 4 if down else 3), "the cursor") - sent)
    return sorted(taken)[int(0.99 * (len(taken) - 1))]


def requests(options: list[str], url: str, seconds: float) -> float:
    """Requests to both sources for each refresh."""
    with Proxy(url) as proxy:
        through = [proxy.url if option == url else option for option in options]
        with start(through, "1s") as terminal:
            terminal.wait_for(_is_live, 30, "live figures")
            terminal.read(2)
            before = proxy.asked
            terminal.read(seconds)
            return (proxy.asked - before) / seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--slos", type=int, default=7)
    parser.add_argument("--lab")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    if arguments.lab:
        report(["--lab", arguments.lab], arguments)
        return
    with stand_in(arguments.slos) as options:
        report(options, arguments)


def report(options: list[str], arguments: argparse.Namespace) -> None:
    frame, live, cpu = first_frames(options, arguments.times)
    print(
        f"first frame {frame * 1000:.0f} ms, first live figures {live * 1000:.0f} ms, {cpu * 1000:.0f} ms CPU"
    )
    share, memory, traffic = steady(options, arguments.seconds)
    print(
        f"at 1 s refresh: {share:.2%} of a core, {memory:.1f} MB resident, {traffic / 1000:.1f} kB/s written"
    )
    for name, first, later in ways(options, arguments.times):
        print(f"key to {name}: {first * 1000:.0f} ms the first time, then {later * 1000:.0f} ms")
    if "--prometheus" in options:
        url = options[options.index("--prometheus") + 1]
        well, hanging = keys(options, url, 100)
        print(f"key to paint, p99: {well * 1000:.0f} ms, while every query hangs {hanging * 1000:.0f} ms")
        print(f"{requests(options, url, arguments.seconds):.1f} requests a refresh")


if __name__ == "__main__":
    main()
