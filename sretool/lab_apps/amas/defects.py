"""What makes one replica a worse version than the others, for rehearsals of releases. Off by default.

AMAS_DEFECTS names a file; as long as it exists it says, as JSON, what is wrong with the version:

    {"errors": 0.05, "latency_ms": 150, "confidence": 0.2}
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.lab_apps.amas.decision import Decision

log = logging.getLogger("amas.defects")

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Defect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    errors: _Share = 0.0
    """Share of requests that fail with 500."""
    latency_ms: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 0.0
    """Added to every request."""
    confidence: _Share = 0.0
    """Taken from the confidence of every decision."""


class Defects:
    """What is wrong with this replica now."""

    def __init__(self, file: Path | None = None, random: Random | None = None) -> None:
        self._file = file
        self._random = random or Random()
        self._seen: tuple[int, int] | None = None
        self.now = Defect()

    def reload(self) -> None:
        """Take over what the file says; nothing is wrong where there is none, or none that can be read."""
        if self._file is None:
            return
        try:
            facts = self._file.stat()
            seen = (facts.st_mtime_ns, facts.st_size)
            if seen == self._seen:
                return
            written, self._seen = self._file.read_bytes(), seen
            self.now = msgspec.json.decode(written, type=Defect)
            log.warning("this version is worse on purpose: %s", self.now)
        except FileNotFoundError:
            if self._seen is not None:
                log.info("this version is as good as the others again")
            self._seen, self.now = None, Defect()
        except (OSError, msgspec.DecodeError) as error:
            log.error("%s is left out: %s", self._file, error)
            self.now = Defect()

    async def suffer(self) -> bool:
        """Be as slow as the version is; whether the request fails."""
        if self.now.latency_ms:
            await asyncio.sleep(self.now.latency_ms / 1000)
        return bool(self.now.errors) and self._random.random() < self.now.errors

    def doubted(self, decision: Decision) -> Decision:
        """The decision with as little confidence as the version has."""
        if decision.confidence is None or not self.now.confidence:
            return decision
        return replace(decision, confidence=max(decision.confidence - self.now.confidence, 0.0))
