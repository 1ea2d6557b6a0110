"""The bundled experiments on a running lab, ended in every way at moments by chance: nothing is left.

    python -m tests.kill.on_lab --lab NAME [--experiment NAME] [--count 8] [--seed 1]

The lab is looked at from outside before and after: limits of control groups, proxies, stopped processes,
files that fill disks, processes that do not answer, and the servers of the database.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from sretool.chaos import lab as labs
from sretool.chaos.actions.disk import NAME as BALLAST
from sretool.undo import identity
from tests.kill.matrix import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Mapping

_FAULT: Final = r'"event":"fault_on"'
_LIMITS: Final = ("cpu.cfs_quota_us", "cpu.max", "memory.limit_in_bytes", "memory.max")
_ROOT: Final = Path(__file__).resolve().parents[2]
_EXPERIMENTS: Final = (
    "replica-crash", "network-latency", "cpu-throttle", "memory-leak", "cache-loss", "dependency-blackhole",
    "disk-full", "db-failover",
)  # fmt: skip
_WAYS: Final[dict[str, tuple[signal.Signals, tuple[str, ...]]]] = {
    "INT": (signal.SIGINT, ("supervisor",)),
    "TERM": (signal.SIGTERM, ("supervisor",)),
    "HUP": (signal.SIGHUP, ("supervisor",)),
    "QUIT": (signal.SIGQUIT, ("supervisor",)),
    "KILL supervisor": (signal.SIGKILL, ("supervisor",)),
    "KILL runner": (signal.SIGKILL, ("sretool.chaos.runner",)),
    "KILL warden": (signal.SIGKILL, ("sretool.undo.warden",)),
    "KILL all": (signal.SIGKILL, ("supervisor", "sretool.undo.warden", "sretool.chaos.runner")),
    "STOP runner": (signal.SIGSTOP, ("sretool.chaos.runner",)),
}
_WAIVED: Final = [f"--waive={gate}" for gate in ("page", "budget", "freeze")]
"""What the run before has done to the lab."""
_PATIENCE: Final = 120.0
_MARK: Final = "SRETOOL_KILL_CELL"


def look(name: str) -> dict[str, Any]:
    """What of a lab faults change."""
    lab = labs.find(name)
    return {
        "limits": _limits(lab),
        "proxies": _proxies(lab),
        "stopped": sorted(each.name for each in lab.processes.values() if identity.stopped(each.pid)),
        "away": sorted(set(lab.names) - {each.name for each in lab.processes.values() if each.ready}),
        "ballast": sorted(str(each) for each in lab.directory.rglob(BALLAST)),
        "database": _database(lab),
    }


def _limits(lab: labs.Lab) -> dict[str, str]:
    """By process, as it may get another group when it is started again."""
    found = {}
    for each in lab.processes.values():
        for group in {each.cpu_group, each.memory_group} - {None}:
            for limit in _LIMITS:
                with contextlib.suppress(OSError):
                    found[f"{each.name} {limit}"] = (Path(str(group)) / limit).read_text().strip()
    return found


def _proxies(lab: labs.Lab) -> dict[str, Any]:
    if "toxiproxy" not in lab.endpoints:
        return {}
    with urllib.request.urlopen(f"{lab.endpoint('toxiproxy')}/proxies", timeout=5) as reply:
        found = json.load(reply)
    return {name: (each["enabled"], [one["name"] for one in each["toxics"]]) for name, each in found.items()}


def _database(lab: labs.Lab) -> list[str]:
    """Roles of its servers, and that they stream."""
    roles = []
    for name in ("pg_1", "pg_2"):
        try:
            with psycopg.connect(lab.endpoint(name), connect_timeout=3) as connection:
                row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
                roles.append("standby" if row and row[0] else "primary")
        except psycopg.Error as error:
            roles.append(f"{name}: {type(error).__name__}")
    return sorted(roles)


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    return "; ".join(f"{key}: {before[key]} → {now[key]}" for key in before if before[key] != now[key])


def end(lab: str, experiment: str, way: str, delay: float) -> tuple[str, float]:
    """What is left, and seconds until that; `delay` seconds after the first fault."""
    number, whom = _WAYS[way]
    before = look(lab)
    with tempfile.TemporaryDirectory(prefix="sretool-kill-lab-") as place:
        folder = Path(place)
        (folder / ".sretool").mkdir()
        environment = {**os.environ, "PYTHONPATH": str(_ROOT), _MARK: folder.name}
        with (folder / "said").open("wb") as said:
            program = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, "--lab", lab, "chaos", "run", experiment, "--yes", *_WAIVED],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        try:
            _until_fault(folder, program)
            time.sleep(delay)
            ended = time.monotonic()
            for pid in _pids(folder.name, program, whom):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            if way == "KILL all":
                program.wait()
                subprocess.run([sys.executable, "-c", PROGRAM, "--version"], env=environment, check=True)
            left = difference(before, look(lab))
            while left and time.monotonic() < ended + _PATIENCE:
                time.sleep(0.2)
                left = difference(before, look(lab))
            seconds = time.monotonic() - ended
            # It would watch until its alerts are resolved.
            program.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(20)
            if alive := _pids(folder.name, program, ("sretool",)):
                left = f"{left}; processes {alive}"
        finally:
            program.kill()
            program.wait()
        if left:
            sys.stderr.write((folder / "said").read_text()[-3000:])
        return left, seconds


def _until_fault(folder: Path, program: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 2 * _PATIENCE
    while time.monotonic() < until:
        for events in folder.glob(".sretool/runs/*/events.jsonl"):
            if _FAULT in events.read_text():
                return
        if program.poll() is not None:
            raise AssertionError((folder / "said").read_text()[-3000:])
        time.sleep(0.05)
    raise AssertionError("no fault was ever made")


def _pids(name: str, supervisor: subprocess.Popen[bytes], whom: tuple[str, ...]) -> list[int]:
    found = [supervisor.pid] if "supervisor" in whom else []
    mark = f"{_MARK}={name}".encode()
    for place in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if place.name.isdigit() and mark in (place / "environ").read_bytes().split(b"\0"):
                line = (place / "cmdline").read_bytes().decode(errors="replace")
                if any(each in line for each in whom if each != "supervisor"):
                    found.append(int(place.name))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.kill.on_lab")
    parser.add_argument("--lab", required=True)
    parser.add_argument("--experiment", choices=_EXPERIMENTS)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    bad = 0
    for number in range(given.count):
        experiment = given.experiment or _EXPERIMENTS[number % len(_EXPERIMENTS)]
        way, delay = chance.choice(list(_WAYS)), chance.uniform(0, 4)
        try:
            left, seconds = end(given.lab, experiment, way, delay)
        except AssertionError as error:
            left, seconds = f"it could not be played: {error}", 0.0
        bad += bool(left)
        sign = "LEFT" if left else "ok"
        print(f"{sign:<4} {seconds:6.2f} s  {experiment} · {way} · +{delay:.1f} s  {left}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
