"""One objective seen from both sides: what the load test's clients got, and what the server counted.

Both are shares of good requests over the same stretch of time, and they never agree to the last digit. Each
known cause is given with the figure it accounts for; what no cause accounts for is said as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.totals import NANO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.analysis.totals import Total


@dataclass(frozen=True, slots=True)
class ClientSide:
    """What the test counted."""

    total: Total
    seconds: float
    unanswered: int = 0
    """Failures without any answer: refused, broken off, given up. The server may not know of them."""

    @property
    def rate(self) -> float:
        return self.total.requests / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class ServerSide:
    """What the server's metrics say."""

    good: float | None
    """Share of good requests, 0..1; None: no data."""
    requests: float | None = None
    """How many it counted in `seconds`; None: not known."""
    seconds: float = 0.0
    """Length of the window that was asked for."""
    scrape_s: float | None = None
    """Seconds between two samples; None: not known."""
    bounds: Sequence[float] = ()
    """Upper bounds of its histogram's buckets in seconds, ascending; empty: it counts exactly."""


@dataclass(frozen=True, slots=True)
class Cause:
    text: str
    """What is different, with its figures."""
    share: float | None = None
    """By how much of all requests it can move the server's figure away from the client's, 0..1; None: in
    requests nobody can tell."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Both figures and why they differ."""

    client: float | None
    """Share of good requests, 0..1."""
    server: float | None
    causes: tuple[Cause, ...]
    unexplained: float | None
    """What of the difference no cause accounts for, 0..1; None: one of the figures is missing."""

    @property
    def text(self) -> str:
        """One or several sentences."""
        if self.client is None or self.server is None:
            missing = "client" if self.client is None else "server"
            return f"the {missing} has no figure" + "".join(f"; {cause.text}" for cause in self.causes)
        off = self.client - self.server
        if abs(off) < _SAME:
            head = "both sides agree"
        else:
            worse = "lower" if off < 0 else "higher"
            head = f"the client's figure is {_percent(abs(off))} {worse}"
        parts = [head, *(cause.text for cause in self.causes)]
        if self.unexplained is not None and self.unexplained >= _WORTH:
            parts.append(f"{_percent(self.unexplained)} remain unexplained")
        return "; ".join(parts)


_SAME: Final = 5e-6
_WORTH: Final = 1e-4
"""Of all requests: less of a difference is not worth a word."""


def availability(client: ClientSide, server: ServerSide) -> Sides:
    """Share of requests that were answered well."""
    failed = client.total.error_share
    good = 1 - failed if failed is not None else None
    causes = _counts(client, server)
    if good is not None and server.good is not None and server.requests is not None:
        theirs = (1 - server.good) * server.requests
        known = client.total.failures - client.unanswered
        more = known - theirs
        if more > max(1.0, _edge(client, server)) and more / client.total.requests >= _WORTH:
            share = more / client.total.requests
            causes.append(
                Cause(
                    f"the client calls about {_count(more)} answers failures that the server calls good "
                    f"({_percent(share)}: failed checks, statuses that only one of them takes for errors)",
                    share,
                )
            )
    return _sides(good, server, causes)


def latency(client: ClientSide, server: ServerSide, threshold_s: float) -> Sides:
    """Share of requests that took no longer than a threshold."""
    counted = client.total.latency
    good = counted.below(threshold_s * NANO)
    causes = _counts(client, server)
    if good is None or server.good is None:
        return _sides(good, server, causes)
    between = _between(client.total, server.bounds, threshold_s)
    if between is not None:
        low, high, share = between
        causes.append(
            Cause(
                f"the server's histogram has no boundary at {_time(threshold_s)}, only {_time(low)} and "
                f"{_time(high)}: {_percent(share)} of the requests lie between them",
                share,
            )
        )
    # The time that, added on the way, would turn the one figure into the other.
    same = client.total.quantile(server.good)
    if good < server.good - _WORTH and same is not None and same > threshold_s:
        causes.append(
            Cause(
                f"what the server answers within {_time(threshold_s)} reaches the client within "
                f"{_time(same)}: {_time(same - threshold_s)} more on the way (network, queueing in the "
                "balancer, connections being made)",
                server.good - good,
            )
        )
    elif good > server.good + _WORTH:
        causes.append(
            Cause(
                "the server is slower than its clients say: it counts requests of others too, or works on "
                "after it has answered"
            )
        )
    return _sides(good, server, causes)


def _counts(client: ClientSide, server: ServerSide) -> list[Cause]:
    """Requests that only one of the sides has counted."""
    causes: list[Cause] = []
    sent = client.total.requests
    if server.requests is None or not sent:
        return causes
    edge = _edge(client, server)
    if server.scrape_s:
        share = min(edge / sent, 1.0)
        causes.append(
            Cause(
                f"the server is read every {_time(server.scrape_s)}, so up to {_count(edge)} requests at the "
                f"edges fall on one side only ({_percent(share)})",
                # At the edges requests are as good and as bad as elsewhere.
                share * _badness(client, server),
            )
        )
    if server.seconds and abs(server.seconds - client.seconds) > (server.scrape_s or 1.0):
        causes.append(
            Cause(
                f"the server's figure covers {_time(server.seconds)}, the client's {_time(client.seconds)}",
                abs(1 - min(server.seconds, client.seconds) / max(server.seconds, client.seconds))
                * _badness(client, server),
            )
        )
    off = sent - server.requests * (client.seconds / server.seconds if server.seconds else 1.0)
    if off > edge and off / sent >= _WORTH:
        told = f", {_count(client.unanswered)} of them without any answer" if client.unanswered else ""
        causes.append(
            Cause(
                f"about {_count(off)} of {_count(sent)} requests never reached the server "
                f"({_percent(off / sent)}{told})",
                min(off, client.total.failures) / sent,
            )
        )
    elif -off > edge and -off / sent >= _WORTH:
        causes.append(
            Cause(
                f"the server counted about {_count(-off)} requests that this test did not send "
                f"({_percent(-off / sent)}: other clients, health checks, retries of the balancer)",
                min(-off / (sent - off), 1.0),
            )
        )
    return causes


def _edge(client: ClientSide, server: ServerSide) -> float:
    """Requests that scrapes at the two ends of a window may miss or add."""
    return 2 * client.rate * (server.scrape_s or 0.0) if server.scrape_s else max(client.rate, 1.0)


def _badness(client: ClientSide, server: ServerSide) -> float:
    """The larger share of bad requests: what a request at an edge can matter on average, at least."""
    return max(client.total.error_share or 0.0, 1 - server.good if server.good is not None else 0.0)


def _between(total: Total, bounds: Sequence[float], threshold_s: float) -> tuple[float, float, float] | None:
    """(Boundary below, boundary above, share of requests between them); None where there is one at the
    threshold, or none around it."""
    near = [bound for bound in bounds if abs(bound - threshold_s) <= 1e-9 * threshold_s]
    low = max((bound for bound in bounds if bound < threshold_s), default=None)
    high = min((bound for bound in bounds if bound > threshold_s), default=None)
    if near or low is None or high is None:
        return None
    below, above = total.latency.below(low * NANO), total.latency.below(high * NANO)
    assert below is not None
    assert above is not None
    return low, high, above - below


def _sides(good: float | None, server: ServerSide, causes: list[Cause]) -> Sides:
    if good is None or server.good is None:
        return Sides(good, server.good, tuple(causes), None)
    known = sum(cause.share for cause in causes if cause.share is not None)
    return Sides(good, server.good, tuple(causes), max(abs(good - server.good) - known, 0.0))


def _percent(share: float) -> str:
    percent = abs(share) * 100
    return f"{percent:.2f}%" if percent >= 0.01 or not percent else f"{percent:.1g}%"


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.3g}ms"
    return f"{seconds:.4g}s"
