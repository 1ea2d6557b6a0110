"""Whether this process keeps up: its share of a core, and how long its event loop keeps things waiting."""

from __future__ import annotations

import time
from typing import Final

import gevent

_LOOK: Final = 0.02
"""Seconds between two looks at the loop."""


class Health:
    """Measures from its making on."""

    def __init__(self) -> None:
        self._worst = 0.0
        self._since = time.perf_counter()
        self._used = time.process_time()
        self._greenlet = gevent.spawn(self._look)

    def take(self) -> tuple[float, float]:
        """(Share of one core, the loop's longest lag in seconds) since the time before."""
        moment, used = time.perf_counter(), time.process_time()
        passed = max(moment - self._since, 1e-9)
        share = (used - self._used) / passed
        worst, self._worst = self._worst, 0.0
        self._since, self._used = moment, used
        return share, worst

    def close(self) -> None:
        self._greenlet.kill(block=False)

    def _look(self) -> None:
        while True:
            begin = time.perf_counter()
            gevent.sleep(_LOOK)
            lag = time.perf_counter() - begin - _LOOK
            if lag > self._worst:
                self._worst = lag
