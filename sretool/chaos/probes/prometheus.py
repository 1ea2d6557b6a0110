"""Figures of Prometheus, by any query."""

from __future__ import annotations

from chaoslib.exceptions import ActivityFailed

from sretool.chaos.sources import Secrets, get, number, sure_of, wait_until
from sretool.chaos.sources import prometheus as server


def value(query: str, prometheus: str = "", lab: str = "", secrets: Secrets = None) -> float:
    """The number that a query gives now, in the query's own unit.

    No series, more than one, NaN and infinity are no answer: the probe fails. Write `sum(…)`, and `or
    vector(0)` only where nothing really means 0.
    """
    place = server(prometheus, lab)
    reply = get(f"{place}/api/v1/query", {"query": query}, secrets)
    data = reply.get("data") if isinstance(reply, dict) else None
    if not isinstance(data, dict):
        raise ActivityFailed(f"{place} does not answer like a Prometheus")
    result = data.get("result")
    if data.get("resultType") == "scalar" and isinstance(result, list):
        return number(result[1], query)
    if data.get("resultType") != "vector" or not isinstance(result, list):
        raise ActivityFailed(f"{query!r} gives a {data.get('resultType')}, not one number")
    if not result:
        raise ActivityFailed(f"no data for {query!r}")
    if len(result) > 1:
        raise ActivityFailed(f"{query!r} gives {len(result)} series; aggregate them to one")
    return number(result[0]["value"][1], query)


def within(
    query: str,
    low: float | None = None,
    high: float | None = None,
    wait: float = 0.0,
    prometheus: str = "",
    lab: str = "",
    secrets: Secrets = None,
    sure: bool = False,
) -> bool:
    """Whether the number of a query is from `low` to `high` (None: no such bound), both included.

    `wait`: seconds that it may take to get there. `sure`: fail instead of giving False, so that no run passes
    without it.
    """
    if low is None and high is None:
        raise ActivityFailed("give `low`, `high` or both")

    def there() -> bool:
        found = value(query, prometheus, lab, secrets)
        return (low is None or found >= low) and (high is None or found <= high)

    return sure_of(wait_until(there, wait), sure, f"{query} did not get there within {wait:.0f} s")
