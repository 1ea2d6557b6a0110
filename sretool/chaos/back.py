"""Waits until a program of a lab is back: `python -m sretool.chaos.back --lab NAME [--standby] PROCESS PID`.

The undo of a crash. The lab's own supervisor starts what ended again; this waits until another process than
PID runs under that name and is ready, and with `--standby` until the database has one primary and every other
node streams from it. Ends with 0 when that is so, with 3 when it was so already or the lab is gone, with 1
where it is not so in time.
"""

from __future__ import annotations

import argparse
import sys
import time

from chaoslib.exceptions import ActivityFailed

from sretool.chaos.lab import find
from sretool.chaos.probes import database
from sretool.errors import ChaosError

_PAUSE = 0.2


def is_back(lab: str, process: str, pid: int, *, standby: bool) -> bool:
    """ChaosError where the lab is gone."""
    now = find(lab).processes.get(process)
    if now is None or not now.ready or now.pid == pid:
        return False
    if not standby:
        return True
    try:
        return database.redundant(lab=lab)
    except ActivityFailed:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="back", description="Waits until a program of a lab is back.")
    parser.add_argument("process")
    parser.add_argument("pid", type=int)
    parser.add_argument("--lab", required=True)
    parser.add_argument("--standby", action="store_true")
    parser.add_argument("--within", type=float, default=60.0)
    given = parser.parse_args()
    began, already = time.monotonic(), True
    while True:
        try:
            if is_back(given.lab, given.process, given.pid, standby=given.standby):
                break
        except ChaosError:
            sys.stderr.write(f"lab {given.lab} is gone\n")
            return 3
        already = False
        if time.monotonic() - began > given.within:
            sys.stderr.write(f"{given.process} is not back after {given.within:.0f} s\n")
            return 1
        time.sleep(_PAUSE)
    what = "back as part of a redundant pair" if given.standby else "back"
    sys.stderr.write(f"{given.process} is {what}\n")
    return 3 if already else 0


if __name__ == "__main__":
    sys.exit(main())
