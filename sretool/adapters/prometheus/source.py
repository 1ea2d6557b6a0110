"""A Prometheus-compatible server as a MetricsSource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sretool.adapters.http import DEADLINE, HttpSource
from sretool.adapters.prometheus import protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    import httpx

    from sretool.core.observe.model import Rule, RuleAlert, Sample, Series
    from sretool.ports import Endpoint


_MOST_REMARKS: Final = 10
_LONGEST_REMARK: Final = 200


class Prometheus:
    """Asks one server; every method raises a `SourceError` and nothing else."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        deadline: timedelta = DEADLINE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = HttpSource(
            "Prometheus", endpoint, error_text=protocol.error_text, deadline=deadline, transport=transport
        )
        self.warnings: tuple[str, ...] = ()
        """What the server remarked on the newest query: partial answers, doubtful types."""
        self._remarks: dict[str, None] = {}

    @property
    def address(self) -> str | None:
        return self._http.address

    def turn_away(self) -> bool:
        return self._http.turn_away()

    def remarks(self) -> Sequence[str]:
        said, self._remarks = self._remarks, {}
        return tuple(said)

    def _remarked(self, warnings: tuple[str, ...]) -> None:
        self.warnings = warnings
        if len(self._remarks) < _MOST_REMARKS:
            self._remarks.update(dict.fromkeys(" ".join(each.split())[:_LONGEST_REMARK] for each in warnings))

    async def instant(self, query: str, at: datetime | None = None) -> Sequence[Sample]:
        reply = await self._http.ask(protocol.instant_request(query, at, self._http.deadline))
        vector = protocol.read_vector(reply.body, reply.where)
        self._remarked(vector.warnings)
        return vector.samples

    async def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Series]:
        reply = await self._http.ask(protocol.range_request(query, start, end, step, self._http.deadline))
        matrix = protocol.read_matrix(reply.body, reply.where)
        self._remarked(matrix.warnings)
        return matrix.series

    async def metric_names(self) -> frozenset[str]:
        """Of everything it holds."""
        reply = await self._http.ask(protocol.NAMES_REQUEST)
        return protocol.read_names(reply.body, reply.where)

    async def metric_types(self) -> Mapping[str, str]:
        """Metric → type as its targets say; a histogram by its base name."""
        reply = await self._http.ask(protocol.TYPES_REQUEST)
        return protocol.read_types(reply.body, reply.where)

    async def retention(self) -> timedelta | None:
        """How long samples are kept; None where only their size is limited."""
        reply = await self._http.ask(protocol.RUNTIME_REQUEST)
        return protocol.read_retention(reply.body, reply.where)

    async def rules(self) -> Sequence[Rule]:
        """All it has loaded."""
        reply = await self._http.ask(protocol.RULES_REQUEST)
        return protocol.read_rules(reply.body, reply.where)

    async def rule_alerts(self) -> Sequence[RuleAlert]:
        """Every alert that is pending or fires."""
        reply = await self._http.ask(protocol.ALERT_RULES_REQUEST)
        return protocol.read_rule_alerts(reply.body, reply.where)

    async def scrape_intervals(self) -> Mapping[str, timedelta]:
        """Job → how often it is scraped."""
        reply = await self._http.ask(protocol.TARGETS_REQUEST)
        return protocol.read_intervals(reply.body, reply.where)

    async def label_names(self, metric: str, start: datetime, end: datetime) -> frozenset[str]:
        """Of all labels that series of this metric had in this time."""
        reply = await self._http.ask(protocol.label_names_request(metric, start, end))
        return protocol.read_names(reply.body, reply.where)

    async def aclose(self) -> None:
        await self._http.aclose()
