"""What operators do to one replica, past the load balancer.

`POST /upkeep/restart` takes the replica out of the traffic and ends it a moment later; whoever supervises it
starts it again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request

DRAIN = 2.0
"""Seconds without traffic before the end: twice what the load balancer needs to notice."""

log = logging.getLogger("amas.upkeep")


class Upkeep:
    def __init__(self) -> None:
        self.draining = False
        """Whether the load balancer is to send nothing any more."""
        self._ending: asyncio.Task[None] | None = None

    async def restart(self, _: Request) -> Response:
        if self._ending is None:
            log.warning("asked to restart: out of the traffic, ends in %.0f s", DRAIN)
            self.draining = True
            self._ending = asyncio.create_task(self._end())
        return JSONResponse({"status": "draining"}, 202)

    async def _end(self) -> None:
        await asyncio.sleep(DRAIN)
        os.kill(os.getpid(), signal.SIGTERM)
