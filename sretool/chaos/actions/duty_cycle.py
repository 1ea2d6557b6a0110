"""Stops a process for a part of each period: `python -m sretool.chaos.actions.duty_cycle PID START SHARE …`.

A helper (see `sretool.chaos.actions.helper`). When its standard input ends or it is told to end, the process
goes on for good; where this program is killed, the undo log has the process go on.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import sys
import time

from sretool.chaos.actions.helper import told_to_begin
from sretool.undo import identity


class _Told(Exception):
    """To end."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="duty_cycle")
    parser.add_argument("pid", type=int)
    parser.add_argument("start", type=int)
    parser.add_argument("share", type=float, help="of each period that the process runs")
    parser.add_argument("--period", type=float, default=0.1, help="seconds")
    parser.add_argument("--group", action="store_true", help="its whole process group")
    given = parser.parse_args()

    def end(number: int, frame: object) -> None:
        raise _Told

    signal.signal(signal.SIGTERM, end)
    if not told_to_begin():
        return 0

    def send(number: signal.Signals) -> bool:
        """Whether it is still there, and the same."""
        if identity.start_time(given.pid) != given.start:
            return False
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if given.group else os.kill)(given.pid, number)
        return True

    stop, run = given.period * (1 - given.share), given.period * given.share
    try:
        print("in", flush=True)
        due = time.monotonic()
        while send(signal.SIGSTOP):
            due += stop
            if _ended_before(due) or not send(signal.SIGCONT):
                break
            due += run
            if _ended_before(due):
                break
    except _Told:
        pass
    finally:
        send(signal.SIGCONT)
    return 0


def _ended_before(due: float) -> bool:
    """Wait until then; whether whoever started us is gone meanwhile."""
    readable, _, _ = select.select([0], [], [], max(0.0, due - time.monotonic()))
    return bool(readable) and not os.read(0, 64)


if __name__ == "__main__":
    sys.exit(main())
