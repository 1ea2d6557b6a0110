"""What an action says of its fault, once: for the plan, for the undo log, for its inverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chaoslib.exceptions import ActivityFailed

from sretool.chaos import undoing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sretool.undo.entry import UndoEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault that is about to be made; fields as of `sretool.undo.entry.UndoEntry`."""

    fault: str
    target: str
    undo: Mapping[str, Any]
    prior: str = ""
    heals: str = "undo"
    ttl: float | None = None
    """Seconds."""
    of: int | None = None
    """How many things could have been chosen."""
    helper: bool = False
    """It hurts nothing itself and only has to be put away."""

    def planned(self) -> dict[str, Any]:
        """In the words of planning functions."""
        told: dict[str, Any] = {
            "fault": self.fault,
            "target": self.target,
            "prior": self.prior,
            "heals": self.heals,
            "undo": dict(self.undo),
        }
        if self.ttl is not None:
            told["ttl"] = self.ttl
        if self.of is not None:
            told["of"] = self.of
        return told

    def register(self) -> UndoEntry:
        """Put on the disk how it is undone; make it right after."""
        return undoing.before(
            self.fault,
            self.target,
            self.undo,
            prior=self.prior,
            ttl=self.ttl,
            heals=self.heals,
            helper=self.helper,
        )


def undone(**words: Any) -> int:
    """Undo what is open of this run and whose undo has these words, the newest first; how many there were.

    ActivityFailed where one cannot be undone.
    """
    return undone_where(lambda entry: all(entry.undo.get(name) == value for name, value in words.items()))


def undone_where(meant: Callable[[UndoEntry], bool]) -> int:
    """As `undone`, for entries that are meant."""
    entries = [each.entry for each in undoing.log().left() if meant(each.entry)]
    results = [undoing.after(entry) for entry in entries]
    failed = [f"{each.fault}: {each.text}" for each in results if not each.ok]
    if failed:
        raise ActivityFailed("; ".join(failed))
    return len(results)


def share(value: float | str, name: str = "share") -> float:
    """`0.5`, `"0.5"` and `"50%"` as 0.5; ActivityFailed where it is no share above 0."""
    written = str(value).strip()
    try:
        found = float(written[:-1]) / 100 if written.endswith("%") else float(written)
    except ValueError:
        raise ActivityFailed(f"{name}: {value!r} is no share; write 0.5 or 50%") from None
    if not 0 < found < float("inf"):
        raise ActivityFailed(f"{name}: {value!r} is not above 0")
    return found


def figure(value: float | str, name: str, *, least: float = 0.0) -> float:
    """A number as YAML or a variable gives it; ActivityFailed where it is none or below `least`."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise ActivityFailed(f"{name}: {value!r} is no number") from None
    if not least <= found < float("inf"):
        raise ActivityFailed(f"{name}: {value!r} is below {least:g}")
    return found


def seconds(value: float | str | None, name: str = "ttl_s") -> float | None:
    """A time limit, or None."""
    return None if value is None or value == "" else figure(value, name, least=0.001)
