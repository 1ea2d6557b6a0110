"""What the runner tells, one JSON object at a time, in the words of the run's journal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sretool.core.plans.chaos.recovery import writes_found
from sretool.core.runs.events import (
    ChaosStep,
    FaultOff,
    FaultOn,
    Note,
    PhaseBegan,
    RunnerEnded,
    SteadyState,
    TrafficTick,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.core.runs.events import What

_SHOWN: Final = 200
"""Characters of an answer that are kept."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the runner."""

    at: datetime | None
    whats: tuple[What, ...] = ()
    guard: tuple[str, bool | None, str] | None = None
    """Name of a probe that a stop condition asks for, whether it is met, and what it said."""
    asked: str = ""
    """Such a probe is asked from now on."""


def told(line: Mapping[str, Any]) -> Told:
    """Never raises: a line that makes no sense becomes a note."""
    at = line.get("at")
    when = datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else None
    name = str(line.get("name") or "")
    match line.get("event"):
        case "phase":
            return Told(when, (PhaseBegan(name),))
        case "hypothesis":
            return Told(when, (SteadyState(str(line.get("when", "")), _flag(line.get("met"))),))
        case "activity":
            return Told(when, (_step(line),))
        case "guard":
            return Told(when, guard=(name, _flag(line.get("met")), str(line.get("text") or "")))
        case "asked":
            return Told(when, asked=name)
        case "fault_on":
            return Told(when, (_fault_on(line),))
        case "fault_off":
            how = str(line.get("how") or "undone")
            ok = line.get("ok") is True
            return Told(when, (FaultOff(str(line.get("fault")), how if ok else str(line.get("text")), ok),))
        case "writes":
            return Told(when, (_writes(line.get("result")),))
        case "traffic":
            return Told(when, (_traffic(line),))
        case "ended":
            status = str(line.get("status") or "failed")
            deviated = "the hypothesis was not met" if line.get("deviated") else ""
            return Told(when, (RunnerEnded(status, deviated),))
        case "failed":
            return Told(when, (RunnerEnded("failed", str(line.get("text") or "")),))
        case "note":
            return Told(when, (Note(str(line.get("text") or "")),))
        case _:
            return Told(when)


def _step(line: Mapping[str, Any]) -> ChaosStep:
    state, output = str(line.get("state", "")), line.get("output")
    text = str(line.get("text") or "")
    if state == "ok" and not text and output is not None:
        text = _shown(output)
    return ChaosStep(
        section=str(line.get("section", "")),
        name=str(line.get("name", "")),
        what=str(line.get("what", "")),
        state=state,
        text=text,
        value=_number(output) if state == "ok" else None,
        met=_flag(line.get("met")),
    )


def _fault_on(line: Mapping[str, Any]) -> FaultOn:
    seconds = line.get("ttl")
    return FaultOn(
        fault=str(line.get("fault", "")),
        text=str(line.get("text", "")),
        target=str(line.get("target", "")),
        undo_ready=True,
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
    )


def _writes(result: object) -> What:
    if isinstance(result, dict):
        return writes_found(result)
    return Note("what the ledger says of its writes cannot be read")


def _traffic(line: Mapping[str, Any]) -> What:
    words = {key: value for key, value in line.items() if key not in ("event", "at")}
    try:
        return msgspec.convert(words, TrafficTick)
    except msgspec.ValidationError as error:
        return Note(f"what the experiment says of its traffic cannot be read: {error}")


def _shown(output: Any) -> str:
    text = output if isinstance(output, str) else msgspec.json.encode(output).decode()
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
