"""What the linter can find: one row per code, and one finding as a value.

Codes are stable, because people write them into CI jobs and remarks: a code is never given a second meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Severity(StrEnum):
    ERROR = "error"
    """Wrong whatever was meant: the figure, or the alert, cannot be right."""
    WARNING = "warning"
    """Right for some servers or some traffic only; somebody has to decide."""


@dataclass(frozen=True, slots=True)
class Code:
    severity: Severity
    title: str
    """What it is about, for the table of codes."""


_E, _W = Severity.ERROR, Severity.WARNING

CODES: Final[Mapping[str, Code]] = {
    "SLO001": Code(
        _E, "the file cannot be read: missing, too large, not UTF-8, nested too deep, a YAML bomb"
    ),
    "SLO002": Code(_E, "not YAML"),
    "SLO003": Code(_E, "the file is empty"),
    "SLO004": Code(_W, "the file begins with a byte order mark"),
    "SLO005": Code(_E, "a key that does not exist here"),
    "SLO006": Code(_E, "a key given twice"),
    "SLO007": Code(_E, "an id declared twice"),
    "SLO008": Code(_E, "a value that cannot be used"),
    "SLO009": Code(_E, "something needed is missing"),
    "SLO010": Code(_W, "a part of another tool's format that is not supported"),
    "SLO011": Code(_W, "a remark `# sretool: ignore CODE reason` that is not obeyed, or about nothing"),
    "SLO101": Code(_E, "a target out of range"),
    "SLO102": Code(_E, "ratio and per cent mixed up"),
    "SLO103": Code(_E, "an alert that can never fire: factor times budget is 1 or more"),
    "SLO104": Code(_E, "minutes (m) and months (M) mixed up"),
    "SLO105": Code(_E, "the query has no place for the window"),
    "SLO106": Code(_E, "bad events and all events are the same series"),
    "SLO107": Code(_E, "a latency threshold that cannot be a bucket"),
    "SLO108": Code(_W, "a window shorter than four scrapes"),
    "SLO109": Code(_W, "so little traffic that one bad event fires an alert"),
    "SLO201": Code(_E, "not PromQL"),
    "SLO202": Code(_E, "histogram_quantile without le: the buckets are summed away or not summed"),
    "SLO203": Code(_E, "histogram_quantile over raw buckets: no rate"),
    "SLO204": Code(_W, "histogram_quantile of every single series: no sum by (le)"),
    "SLO205": Code(_E, "a quantile outside 0 to 1"),
    "SLO206": Code(_E, "rate of a sum: sum the rates instead"),
    "SLO207": Code(_W, "rate of a gauge, or a difference of a counter"),
    "SLO208": Code(_W, "a counter without rate"),
    "SLO209": Code(_E, "buckets added up: every event is counted once per bucket"),
    "SLO210": Code(_W, "a whole-number le that Prometheus 3 writes differently"),
    "SLO211": Code(_W, "a ratio that disappears while no bad event exists"),
    "SLO212": Code(_W, "a recorded ratio that is NaN without traffic"),
    "SLO213": Code(_E, "the numerator is not part of the denominator"),
    "SLO214": Code(_E, "the two sides of an operator have different labels"),
    "SLO215": Code(_W, "an average of ratios or quantiles"),
    "SLO216": Code(_W, "or vector(0) beside labels: it does not fill in what is missing"),
    "SLO217": Code(_E, "a ratio compared with a value it cannot exceed"),
    "SLO301": Code(_E, "the server has no such metric"),
    "SLO302": Code(_E, "no series has these labels"),
    "SLO303": Code(_E, "the threshold is no bucket of the histogram"),
    "SLO304": Code(_E, "the window is longer than the server keeps data"),
    "SLO305": Code(_W, "the window is shorter than four of the server's scrapes"),
    "SLO306": Code(_W, "so many series that queries will be slow"),
    "SLO307": Code(_W, "the server says the metric is of another type"),
}


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of one piece of one line, safe enough to be made without asking."""

    line: int
    column: int
    """Both 1-based; the column counts characters."""
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Finding:
    file: str
    line: int
    """1-based; 1 where the whole file is meant."""
    code: str
    message: str
    fix: str | None = None
    """What to write instead; None where only its author can know."""
    edit: Edit | None = None
    """What `--fix` does; None where a person has to decide."""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.file}:{self.line}: {self.code} {self.message}{fix}"


def finding(
    file: str,
    line: int,
    code: str,
    message: str,
    fix: str | None = None,
    *,
    edit: Edit | None = None,
    severity: Severity | None = None,
) -> Finding:
    """A finding with the severity of its code, unless the case at hand has another."""
    return Finding(file, line, code, message, fix, edit, severity or CODES[code].severity)
