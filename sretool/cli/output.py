"""What goes to stdout: text for people, JSON for programs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from sretool.units import format_time

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

F = TypeVar("F")


def format_option(function: F) -> F:
    """`--format text|json`, as the parameter `output_format`."""
    option = click.option(
        "--format",
        "output_format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Text for people or JSON for programs.",
    )
    decorated: F = option(function)  # type: ignore[type-var]
    return decorated


def plain(text: str) -> str:
    """What others wrote, without anything that a terminal takes for a command."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def columns(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> Iterator[str]:
    """Lines of a table, each column as wide as its longest cell; those of `right` end at its right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def write_json(value: Any) -> None:
    """One JSON document: times as RFC 3339 UTC, decimals as numbers, None as null; NaN is refused."""
    click.echo(json_text(value))


def json_text(value: Any) -> str:
    """What `write_json` writes, without a line end."""
    # Indented by msgspec, as Python's own indenting takes longer than all the rest for a thousand objectives.
    dense = json.dumps(value, default=_plain, allow_nan=False, ensure_ascii=False)
    return msgspec.json.format(dense, indent=2)


def _plain(value: object) -> object:
    match value:
        case datetime():
            return format_time(value)
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return float(value)
        case Path():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form")
