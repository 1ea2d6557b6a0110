"""`incidents.yaml`: what people know of the past, so that a ledger can call it by its name.

incidents:
  - name: Bad release 2026.11.3
    start: 2026-11-16T20:15:00Z
    end: 2026-11-16T21:45:00Z
    kind: incident        # or chaos, maintenance
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from sretool.core.catalog import document, values
from sretool.core.catalog.spec import Found, Parsed, Text, Written
from sretool.core.slo.ledger import Kind, Span
from sretool.errors import CatalogError
from sretool.units import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator


def _time(raw: str) -> datetime:
    return parse_time(values.text(raw))


Time = Annotated[datetime, Parsed(_time)]


class IncidentSpec(Written):
    name: Text
    start: Time
    end: Time
    kind: Literal["incident", "chaos", "maintenance"] = "incident"

    def problems(self) -> Iterator[Found]:
        if self.end <= self.start:
            yield "end", "an incident must end after it starts"


class IncidentsFile(Written):
    incidents: tuple[IncidentSpec, ...]


def read(file: str, text: str) -> tuple[Span, ...]:
    """The spans a file names, in its order; CatalogError with every problem found."""
    intake = document.Intake()
    root = document.compose(file, text, intake)
    if root is None and not intake.problems:
        intake.problem(file, 1, "the file is empty; it should hold `incidents`")
    found = document.decode(root, IncidentsFile, file, intake) if root is not None else None
    if intake.problems or found is None:
        raise CatalogError(tuple(sorted(intake.problems, key=lambda problem: problem.line)))
    return tuple(
        Span(each.name, each.start, each.end, Kind(each.kind), source=file) for each in found.incidents
    )
