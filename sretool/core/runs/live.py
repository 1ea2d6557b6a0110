"""A running load test as lines of text: one for each moment, what happened between them, a header at times.

 time   rate   plan     p50     p95     p99  errors users  late  cpu  checks
00:41    118    120    12ms    36ms    48ms      0%   300     0  41%  2/2 hold
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sretool.core.runs.events import LoadTick, Note
from sretool.core.runs.load import Load
from sretool.core.runs.story import Story
from sretool.core.runs.words import NONE, clock_words, seconds_words, share_words, value_words

if TYPE_CHECKING:
    from sretool.core.runs.events import RunEvent

_HEADER_EVERY: Final = 20
"""Lines of figures."""
_LEAST_WIDTH: Final = 40


class LiveLines:
    """Lines for the events taken, none wider than `width`. Figures are those since the line before."""

    def __init__(self, width: int = 80, every: float = 1.0) -> None:
        """`every`: seconds of load to a line of figures."""
        self._width = max(width, _LEAST_WIDTH)
        self._every = every
        self._story = Story()
        self._told = 0
        """Lines of the story's log."""
        self._lines = 0
        self._since = Load()
        self._last: tuple[float, LoadTick] | None = None

    def take(self, event: RunEvent) -> list[str]:
        """What there is to say now, often nothing."""
        self._story.take(event)
        lines: list[str] = []
        if isinstance(event.what, LoadTick) and event.what.seconds > 0:
            tick = event.what
            self._since.take(tick)
            self._last = (event.t, tick)
            # A tick is never exactly as long as it should be.
            if self._since.totals.seconds >= self._every - 0.5:
                lines += self._figures()
        log = self._story.log[self._told :]
        self._told = len(self._story.log)
        for entry in log:
            if not isinstance(event.what, Note):
                words = f"{entry.text}  {entry.result}" if entry.result else entry.text
                lines.append(self._cut(f"{clock_words(entry.t):>7}  {entry.source:<5} {words}"))
        return lines

    def rest(self) -> list[str]:
        """The figures that no line has shown yet."""
        return self._figures() if self._since.totals.seconds else []

    def _figures(self) -> list[str]:
        assert self._last is not None
        t, tick = self._last
        lines = []
        if self._lines % _HEADER_EVERY == 0:
            lines.append(self._cut(_row(*_TITLES, "users" if tick.users is not None else "open", *_MORE)))
        self._lines += 1
        whole = self._since.totals.whole
        at_work = tick.users if tick.users is not None else tick.in_flight
        busiest = self._since.busiest
        rate, planned = self._since.totals.rate(), self._since.planned_rate
        quantiles = [seconds_words(whole.quantile(share)) for share in (0.5, 0.95, 0.99)]
        lines.append(
            self._cut(
                _row(
                    clock_words(t),
                    NONE if rate is None else f"{rate:.0f}",
                    NONE if planned is None else f"{planned:.0f}",
                    *quantiles,
                    share_words(whole.error_share),
                    NONE if at_work is None else str(at_work),
                    str(self._since.late_starts),
                    NONE if busiest is None else f"{busiest * 100:.0f}%",
                    self._objectives(),
                )
            )
        )
        self._since = Load()
        return lines

    def _objectives(self) -> str:
        checks = self._story.checks.values()
        broken = [check for check in checks if check.ok is False]
        held = sum(1 for check in checks if check.ok)
        if broken:
            # What does not fit is the name: how many it are is always seen.
            first = broken[0]
            return f"{len(broken)} broken  {first.name}: {value_words(first.got, first.unit)}"
        return f"{held}/{len(checks)} hold" if held else ""

    def _cut(self, line: str) -> str:
        return line[: self._width].rstrip()


_TITLES: Final = ("time", "rate", "plan", "p50", "p95", "p99", "errors")
_MORE: Final = ("late", "cpu", "checks")
_WIDTHS: Final = (7, 7, 7, 8, 8, 8, 8, 6, 6, 5)


def _row(*cells: str) -> str:
    columns = [cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=False)]
    return "".join(columns) + "  " + cells[-1]
