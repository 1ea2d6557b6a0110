"""What a look at a machine comes to, thing by thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    LIMITED = "limited"
    """Something falls away; the rest works."""
    FAILED = "failed"
    """What the machine was looked at for cannot work like this."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    subject: str
    state: State
    detail: str
    remedy: str | None = None
    """What to do; None where nothing needs to be done, or nothing can be."""
