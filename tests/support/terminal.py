"""A program in a pseudo-terminal, and its screen as a terminal would show it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

COLOUR_CODE = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
"""An SGR sequence that sets a colour; 39 and 49 give the terminal its own back."""


class Terminal:
    """Starts `argv` on a terminal of `columns` x `rows` and reads what it draws."""

    def __init__(self, argv: Sequence[str], columns: int, rows: int, env: Mapping[str, str]) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.written = b""
        """Everything the program wrote."""
        self._stream = pyte.ByteStream(self.screen)
        self._gathered: list[tuple[float, bytes]] = []
        """When something was drawn, and what; not yet on the screen."""
        self.started = time.monotonic()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            # Sizes in the environment would count for more than the terminal's own.
            own = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}
            os.execvpe(argv[0], list(argv), own)
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    def text(self) -> str:
        return "\n".join(self.lines())

    def send(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def read(self, seconds: float) -> None:
        """Let the program draw for this long."""
        until = time.monotonic() + seconds
        while (rest := until - time.monotonic()) > 0 and self._read_some(rest):
            pass

    def wait_for(self, seen: Callable[[list[str]], bool], seconds: float, what: str) -> float:
        """Seconds until the screen satisfies `seen`; fails with the screen where it never does."""
        began = time.monotonic()
        while not seen(self.lines()):
            rest = began + seconds - time.monotonic()
            if rest <= 0 or not self._read_some(min(rest, 0.5)):
                if seen(self.lines()):
                    break
                if time.monotonic() - began < seconds:
                    continue
                raise AssertionError(f"{what}: not seen within {seconds} s\n{self.text()}")
        return time.monotonic() - began

    def gather(self, seconds: float, quiet: float | None = None) -> None:
        """Take what is drawn within `seconds`, or until nothing came for `quiet`, for `when` to look at.

        Emulating a terminal takes longer than drawing on it, and a program whose output is not taken waits.
        """
        now = time.monotonic()
        until = now + seconds
        while now < until:
            rest = until - now if quiet is None else min(until - now, quiet)
            if not select.select([self._fd], [], [], rest)[0]:
                return
            data = os.read(self._fd, 65536)
            now = time.monotonic()
            self._gathered.append((now, data))

    def when(self, seen: Callable[[list[str]], bool], what: str) -> float:
        """When, on the monotonic clock, the gathered output first satisfied `seen`; all of it is used up."""
        found: float | None = None
        for at, data in self._gathered:
            self.written += data
            self._stream.feed(data)
            if found is None and seen(self.lines()):
                found = at
        self._gathered.clear()
        if found is None:
            raise AssertionError(f"{what}: not seen\n{self.text()}")
        return found

    def wait_for_end(self, seconds: float) -> int:
        """The exit code."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._read_some(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"the program has not ended within {seconds} s\n{self.text()}")

    def cpu_seconds(self) -> float:
        """User and system time of the program so far."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        with open(f"/proc/{self.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
        os.close(self._fd)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _read_some(self, seconds: float) -> bool:
        """Feed what arrives within `seconds`; False once the program has closed the terminal."""
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            time.sleep(0.01)
            return False
        self.written += data
        self._stream.feed(data)
        return bool(data)
