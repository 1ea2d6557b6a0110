"""A server that holds what exporters and libraries write, told as one line for each series."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sretool.core.observe.model import Sample, Series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sretool.errors import SourceError

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

_LINE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_QUERY = re.compile(
    r"sum by \((?P<by>[^)]*)\) \((?P<function>\w+)\((?P<open>\(?)(?P<name>\w+)(?:\{(?P<matchers>[^}]*)\})?"
    r"(?P<up> == bool 1)?\)?\[1d(?::1m)?\]\)\)"
)


@dataclass
class FakeServer:
    """A SurveySource: each series grows by its line's value every day; a gauge is that value."""

    text: str
    types: Mapping[str, str] = field(default_factory=dict)
    kept: timedelta | None = None
    refuses: Mapping[str, SourceError] = field(default_factory=dict)
    """What is raised instead of an answer to a question that contains the key."""
    days: int = 30
    """How many of the newest days have data."""
    ended: int = 0
    """How many days before now the data ends."""

    def __post_init__(self) -> None:
        found = [_LINE.fullmatch(line.strip()) for line in self.text.splitlines() if line.strip()]
        self.series = [
            (match["name"], dict(_LABEL.findall(match["labels"] or "")), float(match["value"]))
            for match in found
            if match is not None
        ]
        assert len(self.series) == len(found)

    def _refuse(self, question: str) -> None:
        for key, error in self.refuses.items():
            if key in question:
                raise error

    async def metric_names(self) -> frozenset[str]:
        self._refuse("names")
        return frozenset(name for name, _, _ in self.series)

    async def metric_types(self) -> Mapping[str, str]:
        self._refuse("types")
        return self.types

    async def retention(self) -> timedelta | None:
        self._refuse("retention")
        return self.kept

    async def label_names(self, metric: str, start: datetime, end: datetime) -> frozenset[str]:
        return frozenset(label for name, labels, _ in self.series if name == metric for label in labels)

    async def instant(self, query: str, at: datetime | None = None) -> Sequence[Sample]:
        raise AssertionError(query)

    async def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Series]:
        self._refuse(query)
        match = _QUERY.fullmatch(query)
        assert match is not None, query
        by = match["by"].split(", ")
        wanted = dict(_LABEL.findall(match["matchers"] or ""))
        sums: dict[tuple[tuple[str, str], ...], float] = {}
        for name, labels, value in self.series:
            if name == match["name"] and all(labels.get(key) == each for key, each in wanted.items()):
                group = tuple((label, labels[label]) for label in by if label in labels)
                day = {"increase": value, "count_over_time": 1440.0, "sum_over_time": 1440.0 * value}
                sums[group] = sums.get(group, 0.0) + day[match["function"]]
        ends = [
            end - number * step for number in range(self.ended, min((end - start) // step + 1, self.days))
        ]
        return [
            Series(dict(group), tuple((at, value) for at in reversed(ends))) for group, value in sums.items()
        ]

    async def aclose(self) -> None:
        pass
