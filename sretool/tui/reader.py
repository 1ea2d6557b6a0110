"""Who looks at the dashboard, and how they want it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sretool.core.alerting.silences import LONGEST

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Reader:
    """Defaults stand for somebody who said nothing."""

    me: str = ""
    """Name under which the reader acts; empty: nobody is known."""
    teams: frozenset[str] = frozenset()
    keys: Mapping[str, str] = field(default_factory=dict)
    """Keys of their own by id; others are as the table has them."""
    bell: bool = True
    silence_longest: timedelta = LONGEST
    """Cap on a silence."""
    folder: Path = Path()
    """Where exports go."""

    @property
    def owners(self) -> frozenset[str]:
        """Who "mine" means."""
        return self.teams | ({self.me} if self.me else set())
