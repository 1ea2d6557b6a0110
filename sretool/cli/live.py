"""The line a second that a running load test says on stderr."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Final

from sretool.cli import diagnostics
from sretool.core.runs.live import LiveLines

if TYPE_CHECKING:
    from sretool.core.runs.events import RunEvent

_TERMINAL: Final = 1.0
"""Seconds to a line where somebody watches."""
_LOG: Final = 10.0
"""Seconds to a line where it is written down."""


class LiveTalk:
    """Takes a run's events as they happen; `close` says what is left."""

    def __init__(self, every: float | None = None) -> None:
        on_terminal = sys.stderr.isatty()
        width = shutil.get_terminal_size().columns if on_terminal else 80
        self._lines = LiveLines(width, every or (_TERMINAL if on_terminal else _LOG))

    def __call__(self, event: RunEvent) -> None:
        for line in self._lines.take(event):
            diagnostics.talk(line)

    def close(self) -> None:
        for line in self._lines.rest():
            diagnostics.talk(line)
