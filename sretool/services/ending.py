"""How a run that makes faults ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.runs.model import RunRecord


@dataclass(frozen=True, slots=True)
class Ending:
    record: RunRecord
    left: tuple[str, ...] = ()
    """What could not be undone, each in words."""
    interrupted: bool = False

    @property
    def undone(self) -> bool:
        """Whether nothing is left in."""
        return not self.left


def undone_words(left: Sequence[str]) -> str:
    return f"not undone: {', '.join(left)}" if left else "everything was undone"
