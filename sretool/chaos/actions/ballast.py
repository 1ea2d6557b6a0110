"""Takes memory in somebody's control group: `python -m sretool.chaos.actions.ballast GROUP --share 0.9 …`.

A helper (see `sretool.chaos.actions.helper`). It enters the group, so that what it takes counts there, and
brings the group's use to a share of its limit in even steps; then it follows the group's own use up and down.
Above the hard stop it gives memory back at once. When the group runs out of memory, the kernel kills this
program first. Ending it, in any way, undoes everything.
"""

from __future__ import annotations

import argparse
import mmap
import os
import select
import sys
import time
from pathlib import Path
from typing import Final

from chaoslib.exceptions import ActivityFailed

from sretool.chaos.actions import groups
from sretool.chaos.actions.helper import told_to_begin

_PIECE: Final = 1024 * 1024
"""Bytes taken or given back at once."""
_STEP: Final = 0.05
"""Seconds between two looks."""
_KILL_FIRST: Final = "1000"


def main() -> int:
    parser = argparse.ArgumentParser(prog="ballast")
    parser.add_argument("group", type=Path)
    parser.add_argument("--share", type=float, required=True, help="of the group's limit")
    parser.add_argument("--over", type=float, required=True, help="seconds of the ramp")
    parser.add_argument("--stop-at", type=float, required=True, help="share never to be exceeded")
    given = parser.parse_args()
    if not told_to_begin():
        return 0
    try:
        limit = groups.memory_limit(given.group)
        if limit is None:
            raise ActivityFailed(f"{given.group} has no limit of memory")
        Path("/proc/self/oom_score_adj").write_text(_KILL_FIRST)
        (given.group / "cgroup.procs").write_text(str(os.getpid()))
        _hold(given.group, limit, given.share, given.over, given.stop_at)
    except (OSError, ActivityFailed) as error:
        print(f"! {error}", flush=True)
        return 1
    return 0


def _hold(group: Path, limit: int, share: float, over: float, stop_at: float) -> None:
    pieces: list[mmap.mmap] = []
    began = time.monotonic()
    first = groups.memory_used(group)
    goal = int(limit * share)
    told = False
    while True:
        used = groups.memory_used(group)
        passed = min(1.0, (time.monotonic() - began) / over) if over > 0 else 1.0
        now_wanted = first + (goal - first) * passed
        while pieces and (used > limit * stop_at or used > goal + _PIECE):
            pieces.pop().close()
            used -= _PIECE
        while used + _PIECE <= min(now_wanted, limit * stop_at):
            pieces.append(_taken())
            used += _PIECE
        if not told and passed >= 1.0:
            told = True
            print(f"{groups.memory_used(group)} {limit}", flush=True)
        readable, _, _ = select.select([0], [], [], _STEP)
        if readable and not os.read(0, 64):
            return


def _taken() -> mmap.mmap:
    """A piece of memory, each page of it written to."""
    piece = mmap.mmap(-1, _PIECE)
    for place in range(0, _PIECE, mmap.PAGESIZE):
        piece[place] = 1
    return piece


if __name__ == "__main__":
    sys.exit(main())
