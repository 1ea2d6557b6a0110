"""Clients that ask again as soon as they are answered: `python -m sretool.chaos.press`.

Their number bounds what waits at the server, so it is kept busy and not drowned. The first line of standard
input is `{"url", "headers", "clients"}`; a header's `{client}` is the client's number. When standard input
ends they end, and one line of JSON on standard output says how often they asked: `{"seconds", "answers":
{"200": …}, "failures"}`, where failures are requests without an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE: Final = 10.0
"""Seconds for an answer."""
_PAUSE: Final = 0.1
"""Seconds after a request without an answer."""


async def _ask_on(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], found: Counter[str]
) -> None:
    while True:
        try:
            async with session.get(url, headers=headers) as reply:
                await reply.read()
                found[str(reply.status)] += 1
        except (aiohttp.ClientError, TimeoutError):
            found["none"] += 1
            await asyncio.sleep(_PAUSE)


async def _main() -> int:
    orders = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    given = json.loads(await orders.readline())
    found: Counter[str] = Counter()
    began = time.monotonic()
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        clients = [
            asyncio.create_task(
                _ask_on(
                    session,
                    given["url"],
                    {name: value.replace("{client}", str(n)) for name, value in given["headers"].items()},
                    found,
                )
            )
            for n in range(given["clients"])
        ]
        await orders.read()
        for client in clients:
            client.cancel()
        for client in clients:
            with contextlib.suppress(asyncio.CancelledError):
                await client
    failures = found.pop("none", 0)
    told = {"seconds": time.monotonic() - began, "answers": dict(found), "failures": failures}
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
