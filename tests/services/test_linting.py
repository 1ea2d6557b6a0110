"""Files against a server that is made of facts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.core.lint.run import lint
from sretool.core.observe.model import Sample
from sretool.errors import SourceRefused, SourceUnreachable
from sretool.services.linting import against_server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ASKED = re.compile(r'label_replace\((count|count by \(le\)|sum)\s?\((.*?)\), "n", "(\d+)", "", ""\)')

CATALOG = b"""\
slos:
  - id: shop/availability
    objective: 99.9%
    window: 30d
    sli: {bad: 'r_total{code=~"5.."}', total: r_total}
  - id: shop/latency
    objective: 99%
    window: 7d
    sli: {histogram: d_seconds, threshold: 0.25}
"""


class Server:
    """Has some series and answers the questions about them."""

    def __init__(
        self,
        counts: Mapping[str, float],
        buckets: Sequence[str] = ("0.1", "0.25", "1.0", "+Inf"),
        per_second: float = 100,
        retention: timedelta | None = timedelta(days=40),
        tells: bool = True,
    ) -> None:
        self.counts, self.buckets, self.per_second = counts, buckets, per_second
        self.kept, self.tells = retention, tells

    async def instant(self, query: str) -> list[Sample]:
        samples = []
        for how, what, number in ASKED.findall(query):
            if how == "count" and what in self.counts:
                samples.append(Sample({"n": number}, NOON, self.counts[what]))
            elif how.startswith("count by"):
                samples += [Sample({"n": number, "le": le}, NOON, 1) for le in self.buckets]
            elif how == "sum":
                samples.append(Sample({"n": number}, NOON, self.per_second))
        return samples

    async def metric_names(self) -> frozenset[str]:
        return frozenset(name.partition("{")[0] for name in self.counts)

    async def metric_types(self) -> Mapping[str, str]:
        self._refuse()
        return {"jobs_running": "gauge"}

    async def retention(self) -> timedelta | None:
        self._refuse()
        return self.kept

    async def scrape_intervals(self) -> Mapping[str, timedelta]:
        self._refuse()
        return {"a": timedelta(seconds=15), "slow": timedelta(minutes=2)}

    def _refuse(self) -> None:
        if not self.tells:
            raise SourceRefused("HTTP 404")


SERIES = {
    "r_total": 4.0,
    'r_total{code=~"5.."}': 1.0,
    'r_total{code!=""}': 4.0,
    "d_seconds_bucket": 4.0,
    "d_seconds_count": 1.0,
}


async def codes(server: Server, text: bytes = CATALOG) -> list[tuple[int, str, str]]:
    found = await against_server(lint({"f.yaml": text}, None), server)
    return [(each.line, each.code, str(each.severity)) for each in found]


def rule(expression: str) -> bytes:
    return f"groups:\n  - name: g\n    rules:\n      - {{record: a, expr: '{expression}'}}\n".encode()


async def test_a_catalog_the_server_has_everything_for_is_right() -> None:
    assert await codes(Server(SERIES)) == []
    assert await codes(Server(SERIES, tells=False)) == []


@pytest.mark.parametrize(
    ("server", "found"),
    [
        pytest.param(
            Server({name: 1 for name in SERIES if name.startswith("d")}),
            [(5, "SLO301", "warning"), (5, "SLO301", "error")],
            id="no metric",
        ),
        pytest.param(
            Server({**SERIES, 'r_total{code=~"5.."}': 0}), [(5, "SLO302", "warning")], id="no failure yet"
        ),
        pytest.param(
            Server({name: 1 for name in SERIES if "code" not in name}),
            [(5, "SLO302", "error")],
            id="no such label",
        ),
        pytest.param(Server(SERIES, ["0.1", "0.3"]), [(6, "SLO303", "error")], id="no such bucket"),
        pytest.param(
            Server(SERIES, retention=timedelta(days=15)), [(2, "SLO304", "error")], id="kept too short"
        ),
        pytest.param(Server({**SERIES, "r_total": 20_000}), [(5, "SLO306", "warning")], id="too many series"),
        pytest.param(
            Server(SERIES, per_second=0.01),
            [(2, "SLO109", "warning")],
            id="low traffic",
        ),
    ],
)
async def test_what_the_server_lacks_is_found(server: Server, found: list[tuple[int, str, str]]) -> None:
    assert sorted(await codes(server)) == sorted(found)


async def test_low_traffic_is_said_in_events() -> None:
    report = lint({"f.yaml": CATALOG}, None)
    messages = [each.message for each in await against_server(report, Server(SERIES, per_second=0.01))]
    assert messages[0] == (
        "shop/availability: one bad event fires the page over 1h, which sees 36 events;"
        " it takes 69.44 so that one is not enough"
    )


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ('rate(r_total{code=~"5.."}[30s])', "SLO305"),
        ("rate(r_total[60d])", "SLO304"),
        ("rate(jobs_running[5m])", "SLO307"),
        ('rate(d_seconds_bucket{le="1"}[5m])', "SLO303"),
    ],
)
async def test_expressions_are_held_against_the_server(expression: str, code: str) -> None:
    series = {**SERIES, "jobs_running": 1.0, 'd_seconds_bucket{le!=""}': 4.0}
    assert [found for _, found, _ in await codes(Server(series), rule(expression))] == [code]


async def test_what_the_files_record_need_not_be_there() -> None:
    text = rule("sum(rate(r_total[5m]))") + b"      - {alert: B, expr: a > 1}\n"
    assert await codes(Server(SERIES), text) == []


async def test_a_server_that_cannot_be_reached_ends_it() -> None:
    class Down(Server):
        async def metric_names(self) -> frozenset[str]:
            raise SourceUnreachable("down")

    with pytest.raises(SourceUnreachable):
        await codes(Down(SERIES))
