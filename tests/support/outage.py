"""A Prometheus that has seen an outage: what it answers about one SLO with recorded rates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tests.support.sources import RECORDED_AT, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NOW = RECORDED_AT.replace(microsecond=0)
PER_SECOND = 2.0
START = NOW - timedelta(minutes=40)
"""Since then half of the events go bad."""
BEFORE = 0.0002
"""Bad share before that."""


def bad_share(at: datetime) -> float:
    return 0.5 if at > START else BEFORE


@dataclass(frozen=True, slots=True)
class Ranges:
    """Answers a range query with a figure for `bad` and one for `total`, both functions of time."""

    bad: Callable[[datetime], float]
    total: Callable[[datetime], float]

    def body(self, start: datetime, end: datetime, step: timedelta) -> bytes:
        series = [
            ({"figure": figure}, [(at, value(at)) for at in _times(start, end, step)])
            for figure, value in (("bad", self.bad), ("total", self.total))
        ]
        return matrix(series)


def _times(start: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    for number in range((end - start) // step + 1):
        yield start + number * step


def matrix(series: Sequence[tuple[Mapping[str, str], Sequence[tuple[datetime, float]]]]) -> bytes:
    result = [
        {"metric": labels, "values": [[at.timestamp(), str(value)] for at, value in points]}
        for labels, points in series
    ]
    return _reply("matrix", result)


def vector(samples: list[tuple[dict[str, str], float]]) -> bytes:
    at = NOW.timestamp()
    return _reply("vector", [{"metric": labels, "value": [at, str(value)]} for labels, value in samples])


def _reply(kind: str, result: list[dict[str, Any]]) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


def status(error_ratio: str, bad: float, total: float) -> bytes:
    """The recorded answer about the SLO's status with other figures."""
    document = json.loads(reply("prometheus/recorded.json"))
    new = {"slo:error_ratio:rate": error_ratio, "slo:bad:sum": str(bad), "slo:total:sum": str(total)}
    for item in document["data"]["result"]:
        item["value"][1] = new.get(item["metric"]["__name__"], item["value"][1])
    return json.dumps(document).encode()


def alerts(end: datetime, *, others: bool) -> bytes:
    """A page that began 30 minutes before `end`, one of a week before that lasted ten, and one of no SLO."""
    labels = {
        "__name__": "ALERTS",
        "alertname": "SLOBudgetBurn",
        "alertstate": "firing",
        "severity": "page",
        "slo": "amas/learning-availability",
        "long": "1h",
        "short": "5m",
    }
    other = {"__name__": "ALERTS", "alertname": "DiskFull", "severity": "ticket", "instance": "db-1"}
    now = [(at, 1.0) for at in _times(end - timedelta(minutes=30), end, timedelta(minutes=1))]
    week = timedelta(days=7)
    old = [(at, 1.0) for at in _times(end - week, end - week + timedelta(minutes=9), timedelta(minutes=1))]
    return matrix([(labels, [*old, *now]), *([(other, old)] if others else [])])


COUNTED = 300 * PER_SECOND
"""Events of five minutes."""


def counts(start: datetime, end: datetime) -> bytes:
    step = timedelta(minutes=5)
    return Ranges(lambda at: COUNTED * bad_share(at), lambda _: COUNTED).body(start, end, step)


@lru_cache
def answers(evaluations: int = 43_200) -> Mapping[str, bytes]:
    """By a part of the query; the status is that of the outage over 30 days."""
    window = timedelta(days=30)
    bad = 8 * COUNTED * 0.5 + (8640 - 8) * COUNTED * BEFORE
    increases = [
        ({"route": "/a", "figure": "total:0"}, 3600.0),
        ({"route": "/b", "figure": "total:0"}, 1200.0),
    ]
    increases += [({"route": "/a", "figure": "bad:0"}, 600.0), ({"route": "/b", "figure": "bad:0"}, 1800.0)]
    recent = Ranges(lambda at: PER_SECOND * bad_share(at), lambda _: PER_SECOND)
    return {
        "last_over_time(slo:bad": recent.body(NOW - timedelta(days=6), NOW, timedelta(minutes=1)),
        "[4m59s999ms]": counts(NOW - window + timedelta(minutes=5), NOW),
        'ALERTS{alertstate="firing",slo=': alerts(NOW, others=False),
        "ALERTS{": alerts(NOW, others=True),
        "count_over_time(slo:info": vector([({}, float(evaluations))]),
        "increase(": vector(increases),
        "{__name__=~": status("0.02", bad, 8640 * COUNTED),
        "timestamp(slo:info": reply("prometheus/ages.json"),
    }
