"""A leak on demand, for drills: memory that the service takes, keeps and never uses.

`PUT /debug/leak?bytes=N` brings it to N bytes, `GET` tells how many there are, `DELETE` lets go of them.
"""

from __future__ import annotations

import asyncio
import mmap
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.requests import Request

PIECE = 1024 * 1024
"""Bytes taken at once; requests are answered in between."""
MOST = 8 * 1024**3


class Leak:
    def __init__(self) -> None:
        self._pieces: list[mmap.mmap] = []

    @property
    def bytes(self) -> int:
        return len(self._pieces) * PIECE

    async def answer(self, request: Request) -> JSONResponse:
        if request.method == "PUT":
            written = request.query_params.get("bytes", "")
            if not (written.isascii() and written.isdigit() and int(written) <= MOST):
                return JSONResponse({"error": f"bytes: {written[:40]!r} is not a number up to {MOST}"}, 400)
            await self._bring_to(int(written) // PIECE)
        elif request.method == "DELETE":
            await self._bring_to(0)
        return JSONResponse({"bytes": self.bytes})

    async def _bring_to(self, count: int) -> None:
        while len(self._pieces) < count:
            piece = mmap.mmap(-1, PIECE)
            for place in range(0, PIECE, mmap.PAGESIZE):
                piece[place] = 1
            self._pieces.append(piece)
            await asyncio.sleep(0)
        while len(self._pieces) > count:
            self._pieces.pop().close()
