"""An Alertmanager as an AlertDesk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.adapters.alertmanager import protocol
from sretool.adapters.http import DEADLINE, HttpSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    import httpx

    from sretool.core.alerting.silences import NewSilence, Silence
    from sretool.core.observe.drills import Announcement
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

    @property
    def address(self) -> str | None:
        return self._http.address

    def turn_away(self) -> bool:
        return self._http.turn_away()

    def remarks(self) -> Sequence[str]:
        return ()

    async def alerts(self) -> Sequence[Alert]:
        reply = await self._http.ask(protocol.ALERTS)
        return protocol.read_alerts(reply.body, reply.where)

    async def silences(self) -> Sequence[Silence]:
        reply = await self._http.ask(protocol.SILENCES)
        return protocol.read_silences(reply.body, reply.where)

    async def silence(self, silence: NewSilence) -> str:
        reply = await self._http.ask(protocol.create(silence))
        return protocol.read_created(reply.body, reply.where)

    async def expire(self, silence: str) -> None:
        await self._http.ask(protocol.expire(silence))

    async def announce(self, alert: Announcement) -> None:
        """Make an alert of our own known, renew it or resolve it."""
        await self._http.ask(protocol.announce(alert))

    async def configuration(self) -> str:
        reply = await self._http.ask(protocol.STATUS)
        return protocol.read_configuration(reply.body, reply.where)

    async def aclose(self) -> None:
        await self._http.aclose()
