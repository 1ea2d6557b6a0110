"""`ticks.jsonl` of a project: which steps of a runbook were done, by whom and when, one JSON line each."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003
from typing import TYPE_CHECKING, Final

import msgspec

from sretool.adapters import project as projects

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "ticks.jsonl"


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A step that was done, or that was not done after all."""

    at: datetime
    subject: str
    """What it was done for: one firing of an alert, or an SLO."""
    runbook: str
    step: str
    """Key of the step: it follows the step's words, not its number."""
    by: str = ""
    done: bool = True


_DECODER: Final = msgspec.json.Decoder(Tick)


class TickFile:
    """Ticks of everybody who works on this project."""

    def __init__(self, state: Path) -> None:
        self.path = state / FILE

    def append(self, tick: Tick) -> None:
        """On the disk when this returns; OSError where it cannot be kept."""
        projects.append_line(self.path, msgspec.json.encode(tick))

    def of(self, subject: str, runbook: str) -> dict[str, Tick]:
        """Step → how it was last ticked, without those that were taken back."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError:
            return {}
        found: dict[str, Tick] = {}
        # Only lines about this subject are decoded: the file grows for years.
        marker = msgspec.json.encode(subject)
        for line in lines:
            if marker not in line:
                continue
            try:
                tick = _DECODER.decode(line)
            except msgspec.MsgspecError:
                continue
            if (tick.subject, tick.runbook) == (subject, runbook):
                found[tick.step] = tick
        return {step: tick for step, tick in found.items() if tick.done}
