"""How a rate, or a number of users, goes over time: straight lines and smooth rises, one after the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Self

import msgspec

from sretool.core.runs.events import WARM_UP

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SMALLEST: Final = 1e-9


class Stage(msgspec.Struct, frozen=True):
    """One part of a shape."""

    begin: float
    """The value (arrivals a second, or users) at its start."""
    end: float
    """And just before its end."""
    seconds: float
    name: str = ""
    """Empty: `describe` makes one."""
    smooth: bool = False
    """Whether it goes as half a wave, gentle at both ends, and not in a straight line."""

    def at(self, seconds: float) -> float:
        """The value so many seconds after the stage began."""
        share = min(max(seconds / self.seconds, 0.0), 1.0)
        if self.smooth:
            share = (1 - math.cos(math.pi * share)) / 2
        return self.begin + (self.end - self.begin) * share

    def describe(self, unit: str) -> str:
        """`at 250/s`, `to 250/s`."""
        return self.name or f"{'at' if self.begin == self.end else 'to'} {self.end:g}{unit}"


class Shape(msgspec.Struct, frozen=True):
    """Stages one after the other; before and after them the value is 0."""

    stages: tuple[Stage, ...]

    @property
    def seconds(self) -> float:
        return math.fsum(stage.seconds for stage in self.stages)

    @property
    def highest(self) -> float:
        return max(max(stage.begin, stage.end) for stage in self.stages)

    @property
    def total(self) -> float:
        """The area below: arrivals, where the value is a rate. A smooth stage has that of a straight one."""
        return math.fsum((stage.begin + stage.end) / 2 * stage.seconds for stage in self.stages)

    def at(self, seconds: float) -> float:
        """The value so many seconds after the start; where two stages meet, that of the later one."""
        if seconds < 0:
            return 0.0
        for stage in self.stages:
            if seconds < stage.seconds - _SMALLEST:
                return stage.at(seconds)
            seconds -= stage.seconds
        return 0.0

    def repeated(self, times: int) -> Self:
        return msgspec.structs.replace(self, stages=self.stages * times)

    def to(self, highest: float) -> Self:
        """The same with every value multiplied so that the highest is this one."""
        if self.highest < _SMALLEST:
            return msgspec.structs.replace(
                self,
                stages=tuple(msgspec.structs.replace(s, begin=highest, end=highest) for s in self.stages),
            )
        factor = highest / self.highest
        return msgspec.structs.replace(
            self,
            stages=tuple(
                msgspec.structs.replace(stage, begin=stage.begin * factor, end=stage.end * factor)
                for stage in self.stages
            ),
        )

    def over(self, seconds: float) -> Self:
        """The same, stretched or shortened to last so long."""
        factor = seconds / self.seconds
        return msgspec.structs.replace(
            self,
            stages=tuple(
                msgspec.structs.replace(stage, seconds=stage.seconds * factor) for stage in self.stages
            ),
        )


def hill(base: float, ratio: float, rise: float, hold: float, fall: float) -> tuple[Stage, ...]:
    """A peak of `base` × `ratio`: a smooth rise, a time at the top, a smooth fall; times in seconds."""
    top = base * ratio
    parts = (
        Stage(base, top, rise, "rise", smooth=True),
        Stage(top, top, hold, "peak"),
        Stage(top, base, fall, "fall", smooth=True),
    )
    return tuple(part for part in parts if part.seconds > 0)


def flat(value: float, seconds: float) -> Shape:
    return Shape((Stage(value, value, seconds),))


def named_spans(shape: Shape, unit: str, first: float) -> Sequence[tuple[str, float]]:
    """(Name, seconds) of the parts of a run whose first `first` seconds warm up and are not judged."""
    spans: list[tuple[str, float]] = []
    if first > 0:
        spans.append((WARM_UP, min(first, shape.seconds)))
    passed = 0.0
    for stage in shape.stages:
        begin, passed = passed, passed + stage.seconds
        left = passed - max(begin, first)
        if left > _SMALLEST:
            spans.append((stage.describe(unit), left))
    return _numbered(spans)


def _numbered(spans: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """A name that comes again tells how often it came."""
    seen: dict[str, int] = {}
    told: list[tuple[str, float]] = []
    for name, seconds in spans:
        seen[name] = seen.get(name, 0) + 1
        told.append((f"{name} ({seen[name]})" if seen[name] > 1 else name, seconds))
    return told
