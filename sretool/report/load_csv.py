"""A load test as the CSV files that Locust writes, with its columns; latencies in milliseconds.

What was counted during a warm-up is in the history only: its totals begin again where the warm-up ends, as
Locust's do with `--reset-stats`.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from sretool.core.analysis.totals import NANO
from sretool.core.runs.events import LoadTick, PhaseBegan
from sretool.core.runs.load import Counting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sretool.core.analysis.totals import Total
    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.load import Load

_SHARES: Final = (0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0)
_SHARE_NAMES: Final = tuple(f"{share * 100:g}%" for share in _SHARES)
_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_STATS: Final = (
    "Type",
    "Name",
    "Request Count",
    "Failure Count",
    "Median Response Time",
    "Average Response Time",
    "Min Response Time",
    "Max Response Time",
    "Average Content Size",
    "Requests/s",
    "Failures/s",
    *_SHARE_NAMES,
)
_FAILURES: Final = ("Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen")
_HISTORY: Final = (
    "Timestamp",
    "User Count",
    "Type",
    "Name",
    "Requests/s",
    "Failures/s",
    *_SHARE_NAMES,
    "Total Request Count",
    "Total Failure Count",
    "Total Median Response Time",
    "Total Average Response Time",
    "Total Min Response Time",
    "Total Max Response Time",
    "Total Average Content Size",
)


def files(found: Iterable[RunEvent]) -> dict[str, str]:
    """End of the file's name → its text: `stats.csv`, `failures.csv`, `stats_history.csv`."""
    counting = Counting()
    seen: dict[tuple[str, str], list[datetime]] = {}
    """(Request, error) → when it was first and last seen."""
    history = _Table(_HISTORY)
    for event in found:
        match event.what:
            case PhaseBegan(name):
                counting.begin(name)
            case LoadTick() as tick if tick.seconds > 0:
                counting.take(tick)
                history.add(_moment_row(event, tick, counting.load))
                for request, error in _failing(tick):
                    seen.setdefault((request, error), [event.at, event.at])[1] = event.at
            case _:
                pass
    return {
        "stats.csv": _stats(counting.load),
        "failures.csv": _failures(counting.load, seen),
        "stats_history.csv": history.text,
    }


class _Table:
    def __init__(self, columns: Sequence[str]) -> None:
        self._text = io.StringIO()
        self._writer = csv.writer(self._text)
        self._writer.writerow(columns)

    def add(self, row: Iterable[object]) -> None:
        self._writer.writerow(row)

    @property
    def text(self) -> str:
        return self._text.getvalue()


def _stats(counted: Load) -> str:
    totals = counted.totals
    table = _Table(_STATS)
    rows = [(*_split(name), totals.names[name], counted.bytes[name]) for name in sorted(totals.names)]
    rows.append(("", "Aggregated", totals.whole, sum(counted.bytes.values())))
    for method, name, total, size in rows:
        quantiles = _quantiles(total)
        table.add(
            [
                method,
                name,
                total.requests,
                total.failures,
                *_typical(total, quantiles[0], size),
                _per_second(total.requests, totals.seconds),
                _per_second(total.failures, totals.seconds),
                *quantiles,
            ]
        )
    return table.text


def _moment_row(event: RunEvent, tick: LoadTick, counted: Load) -> list[Any]:
    total = counted.totals.whole
    quantiles = _quantiles(total)
    users = tick.users if tick.users is not None else tick.in_flight
    return [
        int(event.at.timestamp()),
        0 if users is None else users,
        "",
        "Aggregated",
        _per_second(sum(each.requests for each in tick.requests), tick.seconds),
        _per_second(sum(each.failures for each in tick.requests), tick.seconds),
        *quantiles,
        total.requests,
        total.failures,
        *_typical(total, quantiles[0], sum(counted.bytes.values())),
    ]


def _failures(counted: Load, seen: dict[tuple[str, str], list[datetime]]) -> str:
    table = _Table(_FAILURES)
    for error, request, count in sorted(counted.failures(), key=lambda each: (each.request, each.text)):
        first, last = seen[request, error]
        table.add([*_split(request), error, count, _moment(first), _moment(last)])
    return table.text


def _failing(tick: LoadTick) -> Iterator[tuple[str, str]]:
    for request in tick.requests:
        for error in request.errors:
            yield request.name, error
    for error in tick.errors:
        yield "", error


def _split(name: str) -> tuple[str, str]:
    """`POST /answer` → method and name."""
    method, _, rest = name.partition(" ")
    return (method, rest) if method in _METHODS and rest else ("", name)


def _typical(total: Total, median: str, size: int) -> list[str | int]:
    """Median, mean, lowest and highest latency, mean size."""
    latency = total.latency
    return [
        median if latency.count else "0",
        _millis(latency.mean),
        _millis(latency.least if latency.count else None),
        _millis(latency.most if latency.count else None),
        f"{size / total.requests:.1f}" if total.requests else 0,
    ]


def _quantiles(total: Total) -> list[str]:
    found = total.latency.quantiles(_SHARES)
    return ["N/A"] * len(_SHARES) if found is None else [_millis(value) for value in found]


def _millis(nanoseconds: float | None) -> str:
    return "0" if nanoseconds is None else f"{nanoseconds / NANO * 1000:.3f}"


def _per_second(count: int, seconds: float) -> str:
    return f"{count / seconds:.3f}" if seconds else "0"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
