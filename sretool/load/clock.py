"""Waking at exact times: the event loop's own timers are up to a millisecond late.

One timer of the kernel (timerfd) serves all that wait in a process; the loop watches it as it watches a
socket.
"""

from __future__ import annotations

import ctypes
import heapq
import os
import time
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent import getcurrent

if TYPE_CHECKING:
    from collections.abc import Callable

now: Final = time.perf_counter_ns
"""The kernel's monotonic clock, the one that the timers run on."""

_CLOCK_MONOTONIC: Final = 1
_NONBLOCKING: Final = os.O_NONBLOCK | os.O_CLOEXEC
_ABSOLUTE: Final = 1


class _Time(ctypes.Structure):
    _fields_ = (("interval", ctypes.c_long * 2), ("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


_libc: Final = ctypes.CDLL(None, use_errno=True)
_create: Final = _libc.timerfd_create
_settime: Final = _libc.timerfd_settime
_settime.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]


class Timer:
    """Calls `ring` in the event loop at one time after the other."""

    def __init__(self, ring: Callable[[], object]) -> None:
        self._fd: int = _create(_CLOCK_MONOTONIC, _NONBLOCKING)
        if self._fd < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"no timer from the kernel: {os.strerror(number)}")
        self._time = _Time()
        self._address = ctypes.addressof(self._time)
        self._ring = ring
        self._watcher = gevent.get_hub().loop.io(self._fd, 1)
        self._watcher.start(self._expired)

    def set(self, due: int) -> None:
        """Ring at `due` instead of at any time set before; at once if that has passed."""
        self._time.seconds, self._time.nanoseconds = divmod(max(due, 1), 1_000_000_000)
        _settime(self._fd, _ABSOLUTE, self._address, None)

    def close(self) -> None:
        if self._fd >= 0:
            self._watcher.stop()
            self._watcher.close()
            os.close(self._fd)
            self._fd = -1

    def _expired(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            # Set anew since.
            return
        self._ring()


class _Sleepers:
    """Greenlets by the time they wake."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._timer = Timer(self._wake)
        self._waiting: list[tuple[int, int, Any]] = []
        self._number = count()
        self._hub = gevent.get_hub()

    def sleep_until(self, due: int) -> None:
        me = [getcurrent()]
        heapq.heappush(self._waiting, (due, next(self._number), me))
        if self._waiting[0][2] is me:
            self._timer.set(due)
        try:
            while me:
                self._hub.switch()
        finally:
            # Where the sleep ends early, the alarm finds nobody.
            me.clear()

    def _wake(self) -> None:
        waiting, moment = self._waiting, now()
        while waiting and waiting[0][0] <= moment:
            me = heapq.heappop(waiting)[2]
            if me:
                me.pop().switch()
        if waiting:
            self._timer.set(waiting[0][0])


_sleepers: _Sleepers | None = None


def sleep_until(due: int) -> None:
    """Let others run until `due` on the clock of `now`; at least once, if that has passed."""
    global _sleepers
    if due <= now():
        gevent.sleep(0)
        return
    # A forked worker has a loop, and a kernel's timer, of its own.
    if _sleepers is None or _sleepers.process != os.getpid():
        _sleepers = _Sleepers()
    _sleepers.sleep_until(due)
