"""An access log's requests made again at their times, or k times as fast: an open model of its arrivals.

    class Replay(ReplayUser):
        log = data("log")
        speed = param("speed", 1.0)

    class UntilItsEnd(ReplayShape):
        users = Replay

A request is due so long after the first as the log says, divided by the speed, whether or not the target has
answered those before; its latency counts from then. Only methods that change nothing are repeated, unless
more are named. Of several workers each makes every n-th request. The headers of the request `again` of a
mapping go with every one.
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from locust import LoadTestShape, task

from sretool.core.analysis import access_log
from sretool.core.analysis.access_log import Format, Reading
from sretool.errors import CatalogError, Problem, UsageError
from sretool.load import shares
from sretool.load.arrivals import STEP
from sretool.load.mapped import MappedUser
from sretool.load.open import OpenUser, Pool

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sretool.core.analysis.access_log import Entry

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
AGAIN: Final = "again"
"""What a mapping calls the request whose headers go with every one of the log."""
_LOOK: Final = 256 * 1024
"""Bytes at both ends of a log from which its span is told."""
_MARGIN: Final = 1.0
"""Seconds for the last requests to be due."""
_logger = logging.getLogger(__name__)


class Log:
    """One access log, read as it is needed: its size does not matter."""

    def __init__(self, file: str, format_: str = "auto", methods: Collection[str] = SAFE) -> None:
        """UsageError, or CatalogError, where it cannot be read or is no access log."""
        self.file = file
        self.methods = frozenset(methods)
        self.reading = Reading()
        self.skipped = 0
        """Requests whose method is none of `methods`."""
        self.format = self._format(format_)

    def due(self, speed: float = 1.0) -> Iterator[tuple[float, Entry]]:
        """Seconds after the first request, and each request, in the order of their times."""
        first: float | None = None
        with self._open() as lines:
            for entry in access_log.in_order(access_log.entries(lines, self.format, self.reading)):
                if entry.method not in self.methods:
                    self.skipped += 1
                    continue
                first = entry.at if first is None else first
                yield (entry.at - first) / speed, entry

    def span(self) -> float:
        """Seconds from its first request to its last, told from its beginning and its end."""
        size = Path(self.file).stat().st_size
        with Path(self.file).open("rb") as file:
            head = file.read(_LOOK)
            file.seek(max(size - _LOOK, 0))
            tail = file.read()
        # The first line of the tail may be half a one: it is none of the format's, or at no other time.
        times = [
            entry.at
            for part in (head, tail)
            for entry in access_log.entries(part.decode(errors="replace").split("\n"), self.format, Reading())
        ]
        return max(times) - min(times) if times else 0.0

    def told(self) -> list[str]:
        """What was left out, a line each."""
        told = [f"{self.file}: {what}"] if (what := self.reading.told()) else []
        if self.skipped:
            allowed = ", ".join(sorted(self.methods))
            are = "request is" if self.skipped == 1 else "requests are"
            was = "was" if self.skipped == 1 else "were"
            told.append(f"{self.file}: {self.skipped:,} {are} none of {allowed} and {was} left out")
        return told

    def _format(self, wanted: str) -> Format:
        if wanted != "auto" and wanted not in set(Format):
            raise UsageError(
                f"{wanted!r} is no format of access logs", remedy=f"write auto, {', '.join(Format)}"
            )
        with self._open() as lines:
            found = access_log.format_of(lines) if wanted == "auto" else Format(wanted)
        if found is None:
            kinds = "nginx's combined format, HAProxy's HTTP format or JSON"
            raise CatalogError(
                (Problem(self.file, 1, f"is no access log: none of its first lines is in {kinds}"),)
            )
        return found

    def _open(self) -> Any:
        try:
            return Path(self.file).open(encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageError(f"cannot read {self.file or 'a log without a name'}: {error.strerror}") from None


class ReplayUser(OpenUser, MappedUser):
    """Arrivals as a log has them; run it with one user, of several workers one each."""

    abstract = True

    log: ClassVar[str] = ""
    """Path of the log."""
    format: ClassVar[str] = "auto"
    speed: ClassVar[float] = 1.0
    """2: in half the time."""
    methods: ClassVar[Collection[str]] = SAFE

    _entries: deque[Entry]
    """Of the arrivals to come, in their order."""

    def __init_subclass__(cls, **options: Any) -> None:
        """UsageError, or CatalogError, where the log cannot be replayed: before anything is sent."""
        super().__init_subclass__(**options)
        if "log" in cls.__dict__:
            checked_speed(cls.speed)
            Log(cls.log, cls.format, cls.methods)

    def _receive(self) -> None:
        log = Log(self.log, self.format, self.methods)
        self._entries = deque()
        self._pool = Pool(self)
        self._pool._coming = self._arrivals(log)
        try:
            super()._receive()
        finally:
            for line in log.told():
                _logger.warning(line)

    def _arrivals(self, log: Log) -> Iterator[list[float]]:
        """For each step the times that are due in it; their requests come into `_entries` meanwhile."""
        share = shares.of(self.environment)
        requests = log.due(self.speed)
        # What it takes to know the first one is read before the clock starts.
        first = next(requests, None)
        return self._in_steps(
            itertools.islice(
                itertools.chain([first] if first else [], requests), share.index, None, share.count
            )
        )

    def _in_steps(self, requests: Iterator[tuple[float, Entry]]) -> Iterator[list[float]]:
        step = 1
        found: list[float] = []
        for seconds, entry in requests:
            while seconds >= step * STEP:
                yield found
                found = []
                step += 1
            found.append(seconds)
            self._entries.append(entry)
        yield found
        while True:
            yield []

    @task
    def again(self) -> None:
        # Arrivals, and the members that take them, are in the same order.
        entry = self.pool._user._entries.popleft()  # type: ignore[attr-defined]
        options: dict[str, Any] = {}
        headers = dict(entry.headers)
        if (made := self.prepared.get(AGAIN)) is not None:
            headers |= made.options({"user": self.new_user()}).get("headers", {})
        if headers:
            options["headers"] = headers
        if entry.body is not None:
            options["data"] = entry.body
        self.client.request(entry.method, entry.target, name=access_log.route(entry.target), **options)


def checked_speed(speed: float) -> float:
    if not 0 < speed < float("inf"):
        raise UsageError(f"the speed {speed:g} is not above 0", remedy="write 1, or 10 for ten times as fast")
    return speed


class ReplayShape(LoadTestShape):
    """One user for each worker, until the log is at its end."""

    abstract = True

    users: ClassVar[type[ReplayUser]]
    limit: ClassVar[float] = 0.0
    """Seconds after which it ends in any case; 0: not before the log does."""

    _end: float | None = None

    def tick(self) -> tuple[int, float] | None:
        if self._end is None:
            user = self.users
            log = Log(user.log, user.format, user.methods)
            self._end = log.span() / user.speed + _MARGIN
            if self.limit:
                self._end = min(self._end, self.limit)
        if self.get_run_time() > self._end:
            return None
        workers = shares.workers()
        return workers, workers
