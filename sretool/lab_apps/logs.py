"""One log format for every program of the lab: UTC time, level, program, message; on stderr."""

from __future__ import annotations

import logging
import sys
import time

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"


def configure(*handlers: logging.Handler) -> None:
    """Send the log to stderr and to `handlers`; libraries are heard from warning on."""
    formatter = logging.Formatter(_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    stderr = logging.StreamHandler(sys.stderr)
    stderr.setFormatter(formatter)
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    root.handlers = [stderr, *handlers]
    logging.getLogger("amas").setLevel(logging.INFO)
    logging.getLogger("receiver").setLevel(logging.INFO)
    logging.getLogger("psycopg.pool").addFilter(OncePerKind())


class OncePerKind(logging.Filter):
    """For a library's logger: one message per template and `interval` seconds."""

    def __init__(self, interval: float = 5.0) -> None:
        super().__init__()
        self._interval = interval
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.created - self._last.get(record.msg, 0.0) < self._interval:
            return False
        self._last[record.msg] = record.created
        return True


class Sparse:
    """Lets one message of a kind through per `interval` seconds and counts what it held back.

    A dependency that is down fails every request; the log has to say so once, not a thousand times a second.
    """

    def __init__(self, logger: logging.Logger, interval: float = 5.0) -> None:
        self._logger = logger
        self._interval = interval
        self._last: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def warning(self, kind: str, message: str) -> None:
        self._say(logging.WARNING, kind, message)

    def error(self, kind: str, message: str) -> None:
        self._say(logging.ERROR, kind, message)

    def _say(self, level: int, kind: str, message: str) -> None:
        now = time.monotonic()
        if now - self._last.get(kind, -self._interval) < self._interval:
            self._held[kind] = self._held.get(kind, 0) + 1
            return
        self._last[kind] = now
        held = self._held.pop(kind, 0)
        self._logger.log(level, "%s%s", message, f" ({held} more like it)" if held else "")
