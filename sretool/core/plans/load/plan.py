"""What the program that makes the load is told, as one JSON document."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - looked up when plans are read
from typing import Final

import msgspec

from sretool.core.plans.load.mapping import Request  # noqa: TC001
from sretool.core.plans.load.profile import Model, Value  # noqa: TC001

PROTOCOL: Final = 1
"""Of plan, commands and what is told back."""


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A profile resolved for one target. Times in seconds."""

    profile: str
    """Its name."""
    locustfile: str
    """Absolute path."""
    target: str
    """`http(s)://host[:port]` with or without a path, no slash at the end."""
    model: Model
    scenarios: Mapping[str, float] = {}
    parameters: Mapping[str, Value] = {}
    data: Mapping[str, str] = {}
    """Feeder → absolute path."""
    requests: Mapping[str, Request] = {}
    """Name → request; its secrets are named in it, not told."""
    think_time: tuple[float, float] | None = None
    tags: tuple[str, ...] = ()
    seed: int | None = None
    workers: int = 1
    """Processes that make load."""
    allowed_hosts: tuple[str, ...] = ()
    """The only hosts anything may be sent to; the target's, and what the user named besides."""
    grace: float = 5.0
    """How long requests under way may take to end after the last has begun."""
    fingerprint: str = ""
    """Of profile and locustfile: programs on several machines must have the same."""
    protocol: int = PROTOCOL

    @property
    def seconds(self) -> float | None:
        shape = getattr(self.model, "rate", None) or getattr(self.model, "users", None)
        return None if shape is None else shape.seconds


def encode(plan: LoadPlan) -> bytes:
    """One line without its line end."""
    return msgspec.json.encode(plan)


def decode(text: bytes) -> LoadPlan:
    """ValueError where it is none."""
    return msgspec.json.decode(text, type=LoadPlan)
