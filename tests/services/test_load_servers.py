"""What Prometheus says of objectives that a load test is to keep to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from sretool.core.analysis.latency import Histogram
from sretool.core.analysis.totals import Total
from sretool.core.observe.model import Sample
from sretool.core.runs.load import Load
from sretool.core.slo.model import BooleanGauge, BucketRatio, EventRatio, Slo, SloId
from sretool.errors import SourceUnreachable
from sretool.services.load import Span
from sretool.services.load_servers import Servers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sretool.core.observe.model import Series
    from sretool.core.slo.model import Sli

T0 = datetime(2026, 11, 21, 10, tzinfo=UTC)
SPAN = Span(T0, T0 + timedelta(seconds=100))


def slo(sli: Sli, objective: str = "0.95") -> Slo:
    return Slo(SloId("shop/x"), "X", Decimal(objective), timedelta(days=7), sli, ())


LATENCY = slo(BucketRatio("http_request_duration_seconds", Decimal("0.2"), 'job="a"'))
ERRORS = slo(EventRatio("bad_total", "all_total"), "0.999")


@dataclass
class Told:
    """A Prometheus that knows these answers; what it is not told it has no data of."""

    answers: Mapping[str, float | list[Sample]]
    asked: list[tuple[str, datetime | None]] = field(default_factory=list)
    gone: bool = False

    async def instant(self, query: str, at: datetime | None = None) -> Sequence[Sample]:
        self.asked.append((query, at))
        if self.gone:
            raise SourceUnreachable("nobody at home")
        found = self.answers.get(query, [])
        return [Sample({}, T0, found)] if isinstance(found, float) else found

    async def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Series]:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


def load(milliseconds: Mapping[float, int], failures: int = 0, refused: int = 0) -> Load:
    counted = Histogram()
    for each, count in milliseconds.items():
        counted.add([each * 1e6] * count)
    found = Load()
    found.totals.seconds = 100.0
    found.totals.add("GET /a", Total(counted.count, failures, counted))
    words = Counter({"status code 500": failures - refused, "Connection refused": refused})
    found.failed["GET /a"] = +words
    found.errors.update(+words)
    return found


slept: list[float] = []


async def sleep(seconds: float) -> None:
    slept.append(seconds)


async def test_a_latency_objective_from_both_sides() -> None:
    prometheus = Told(
        {
            "min(count_over_time(up[2m]))": 24.0,
            LATENCY.bad_rate(timedelta(seconds=100)): 0.4,
            LATENCY.total_rate(timedelta(seconds=100)): 10.0,
            'count by (le) (http_request_duration_seconds_bucket{job="a"})': [
                Sample({"le": le}, T0, 1.0) for le in ("0.2", "+Inf", "0.1")
            ],
        }
    )
    slept.clear()
    found = await Servers([LATENCY], prometheus, sleep).checks(SPAN, load({100: 900, 300: 100}))
    (client, _), (server, text) = found
    assert (client.name, client.want, client.got, client.ok) == ("slo: shop/x", 0.95, 0.9, False)
    assert (server.name, server.ok) == ("slo: shop/x (server)", True)
    assert server.got == pytest.approx(0.96)
    assert "client's figure is 6.00% lower" in text
    # The last sample is waited for, and the figures are those of the span's end.
    assert slept == [5.0]
    assert {at for query, at in prometheus.asked if "rate(" in query} == {SPAN.end}


async def test_errors_from_both_sides() -> None:
    window = timedelta(seconds=100)
    prometheus = Told({ERRORS.bad_rate(window): 0.05, ERRORS.total_rate(window): 9.5})
    slept.clear()
    found = await Servers([ERRORS], prometheus, sleep).checks(SPAN, load({10: 1000}, 55, 50))
    (client, _), (server, text) = found
    assert client.got == pytest.approx(0.945)
    assert server.got == pytest.approx(1 - 0.05 / 9.5)
    assert "50 of 1,000 requests never reached the server (5.00%, 50 of them without any answer)" in text
    assert slept == [0.0]


async def test_no_data_is_no_verdict() -> None:
    (_, (server, text)) = await Servers([ERRORS], Told({}), sleep).checks(SPAN, load({10: 10}))
    assert (server.got, server.ok) == (None, None)
    assert text == "the server has no events of shop/x in 1m40s"


async def test_a_prometheus_that_is_gone_is_no_verdict() -> None:
    (_, (server, text)) = await Servers([ERRORS], Told({}, gone=True), sleep).checks(SPAN, load({10: 10}))
    assert (server.got, server.ok) == (None, None)
    assert text == "the server's figure is not known: nobody at home"


async def test_without_prometheus_the_client_alone_is_heard() -> None:
    ((client, _),) = await Servers([LATENCY], None, sleep).checks(SPAN, load({100: 990, 300: 10}))
    assert (client.got, client.ok) == (0.99, True)


async def test_what_only_the_server_can_know() -> None:
    up = slo(BooleanGauge("up"))
    window = timedelta(seconds=100)
    prometheus = Told({up.bad_rate(window): 0.0, up.total_rate(window): 1.0})
    ((server, _),) = await Servers([up], prometheus, sleep).checks(SPAN, load({10: 10}))
    assert (server.name, server.got, server.ok) == ("slo: shop/x (server)", 1.0, True)


async def test_nothing_is_asked_where_nothing_is_wanted() -> None:
    prometheus = Told({})
    assert await Servers([], prometheus, sleep).checks(SPAN, load({10: 10})) == ()
    assert not prometheus.asked
