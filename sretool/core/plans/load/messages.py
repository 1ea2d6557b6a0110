"""What the program that makes the load tells, one line of JSON each, and what it is told meanwhile.

It is a program of its own, whose standard input and output these lines go through: the plan comes first, then
commands; the end of the input is the order to stop.
"""

from __future__ import annotations

# Types of fields are looked up when lines are read, so they are imported for good.
from collections.abc import Mapping  # noqa: TC003
from typing import Final, TypeAlias

import msgspec

from sretool.core.runs.events import LoadTick, ProcessChange  # noqa: TC001


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """`{"set_rate": 120}`, `{"stop": true}`."""

    set_rate: float | None = None
    """Arrivals a second from now on, instead of what the plan says."""
    stop: bool = False
    """Let requests under way end, and nothing new begin."""


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The locustfile is loaded."""

    pid: int
    versions: Mapping[str, str]
    scenarios: tuple[str, ...]
    """User classes that take part."""
    listening: str = ""
    """`host:port` where workers are waited for."""


class Began(msgspec.Struct, frozen=True, tag="began"):
    """The clock of the plan runs from now on."""

    workers: tuple[str, ...]


class Ticked(msgspec.Struct, frozen=True, tag="tick"):
    t: float
    """Seconds since it began, at the end of the tick."""
    tick: LoadTick


class Changed(msgspec.Struct, frozen=True, tag="changed"):
    """A worker came, went, was lost or refused."""

    change: ProcessChange


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """It cannot be done, or not go on; nothing comes after this."""

    message: str
    remedy: str = ""
    usage: bool = False
    """Whether the locustfile or the plan asks for something impossible."""


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The last line of a test that was done; every request is told by then."""

    why: str
    """`done`, `stopped`, `left alone`, or what a user class said when it stopped the test."""
    requests: int
    """Completed ones of the whole test."""
    unserved: int = 0
    """Arrivals that never began, for want of a free user."""


Message: TypeAlias = Hello | Began | Ticked | Changed | Failed | Ended

_DECODER: Final = msgspec.json.Decoder(Message)
_COMMANDS: Final = msgspec.json.Decoder(Command)


def encode(message: Message | Command) -> bytes:
    """One line with its line end."""
    return msgspec.json.encode(message) + b"\n"


def decode(line: bytes) -> Message:
    """ValueError where it is none."""
    message: Message = _DECODER.decode(line)
    return message


def decode_command(line: bytes) -> Command:
    """ValueError where it is none."""
    return _COMMANDS.decode(line)
