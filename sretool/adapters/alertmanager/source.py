"""An Alertmanager as an AlertSource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.adapters.alertmanager import protocol
from sretool.adapters.http import DEADLINE, HttpSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    import httpx

    from sretool.core.observe.model import Alert
    from sretool.ports import Endpoint


class Alertmanager:
    """Asks one server; every method raises a `SourceError` and nothing else."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        deadline: timedelta = DEADLINE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = HttpSource(
            "Alertmanager", endpoint, error_text=protocol.error_text, deadline=deadline, transport=transport
        )

    async def alerts(self) -> Sequence[Alert]:
        reply = await self._http.ask(protocol.ALERTS)
        return protocol.read_alerts(reply.body, reply.where)

    async def aclose(self) -> None:
        await self._http.aclose()
