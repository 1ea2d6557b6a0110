"""Rows of a data file, handed out to users.

    ACCOUNTS = Feeder(data("accounts"))            # one after the other, then from the start again
    ACCOUNTS = Feeder(data("accounts"), "random")
    ACCOUNTS = Feeder(data("accounts"), "once")    # the test ends where they do

    row = ACCOUNTS.next()                          # {"user": "17", "password": "…"}

A CSV file's first line has the names of its columns, and every value is text; a line of a JSON lines file is
an object. Where several workers make the load, each has rows of its own; only `random` takes any of them.
"""

from __future__ import annotations

import csv
import io
import json
import random
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from locust import events
from locust.exception import StopTest

from sretool.errors import CatalogError, Problem, UsageError
from sretool.load import shares

if TYPE_CHECKING:
    from collections.abc import Iterator

Order = Literal["circular", "random", "once"]
Row = dict[str, Any]

_MOST_PROBLEMS: Final = 20


class NoMoreRows(StopTest):
    """Every row was handed out once."""


class Feeder:
    """Of one file, in one process."""

    def __init__(self, file: str, order: Order = "circular", seed: int | None = None) -> None:
        """UsageError, or CatalogError with the lines that are none, where the file cannot be used."""
        if order not in ("circular", "random", "once"):
            raise UsageError(f"{order!r} is no order of rows", remedy="write circular, random or once")
        self.file, self.order = file, order
        self.rows = read(file)
        self._random = random.Random(seed)
        self._turns: Iterator[Row] | None = None
        self._told = False

    def next(self) -> Row:
        """A row; NoMoreRows, which ends the test, where there is none."""
        if self.order == "random":
            return self._random.choice(self.rows)
        # Not before the first row is wanted: a worker learns its place when the test starts.
        if self._turns is None:
            self._turns = self._handed_out()
        row = next(self._turns, None)
        if row is None:
            error = NoMoreRows(f"{self.file}: each of its {len(self.rows):,} rows has been used once")
            if not self._told:
                # Locust takes the end of a user for its own business; this one everybody should know.
                self._told = True
                events.user_error.fire(user_instance=None, exception=error, tb=None)
            raise error
        return row

    def _handed_out(self) -> Iterator[Row]:
        share = shares.mine()
        if self.order == "once":
            yield from islice(self.rows, share.index, None, share.count)
            return
        # Of fewer rows than workers there is none for each alone.
        own = self.rows[share.index :: share.count] or self.rows
        while True:
            yield from own


def optional(file: str, order: Order = "circular") -> Feeder | None:
    """None where there is no file: `optional(data("accounts"))`."""
    return Feeder(file, order) if file else None


def read(file: str) -> list[Row]:
    """The rows of a CSV file, or of JSON lines (`.jsonl`, `.ndjson`, `.json`)."""
    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8: byte {error.start}") from None
    lines = path.suffix.lower() in (".jsonl", ".ndjson", ".json")
    rows, problems = _json_lines(file, text) if lines else _csv(file, text)
    if problems:
        raise CatalogError(tuple(problems[:_MOST_PROBLEMS]))
    if not rows:
        raise CatalogError((Problem(file, 1, "has no rows"),))
    return rows


def _csv(file: str, text: str) -> tuple[list[Row], list[Problem]]:
    rows: list[Row] = []
    problems: list[Problem] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] | None = None
    try:
        for values in reader:
            if not values:
                continue
            if columns is None:
                columns = [each.strip() for each in values]
                if len(set(columns)) < len(columns) or not all(columns):
                    return [], [Problem(file, reader.line_num, "its columns need names, each another one")]
            elif len(values) != len(columns):
                what = f"{len(values)} values for {len(columns)} columns"
                problems.append(Problem(file, reader.line_num, what))
            else:
                rows.append(dict(zip(columns, values, strict=True)))
    except csv.Error as error:
        problems.append(Problem(file, reader.line_num, f"not CSV: {error}"))
    return rows, problems


def _json_lines(file: str, text: str) -> tuple[list[Row], list[Problem]]:
    rows: list[Row] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
        else:
            problems.append(Problem(file, number, "is no JSON object"))
    return rows, problems
