"""`python -m sretool.chaos.proxy --api HOST:PORT [--config FILE]`: runs until SIGTERM or SIGINT.

The file is Toxiproxy's: a JSON list of proxies, `[{"name": …, "listen": …, "upstream": …}]`.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from sretool.chaos.proxy import bodies, listeners
from sretool.chaos.proxy.api import Api
from sretool.chaos.proxy.listeners import AddressError
from sretool.chaos.proxy.proxies import ApiError, Proxies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = logging.getLogger("proxy")


async def serve(api: str, config: bytes | None) -> None:
    """Until told to end; AddressError or ApiError where it cannot begin."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    proxies = Proxies()
    if config is not None:
        for wanted in bodies.population(config):
            proxy = await proxies.add_or_replace(wanted)
            log.info("%s: %s → %s", proxy.name, proxy.listen, proxy.upstream)
    runner = web.AppRunner(Api(proxies).application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    listening = await listeners.listen(api)
    await web.SockSite(runner, listening).start()
    log.info("Toxiproxy's API on %s", listeners.of(listening))
    await stop.wait()
    await runner.cleanup()
    await proxies.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sretool.chaos.proxy")
    parser.add_argument("--api", required=True, metavar="HOST:PORT", help="where the HTTP API listens")
    parser.add_argument("--config", type=Path, metavar="FILE", help="JSON list of proxies to begin with")
    given = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(given.api, given.config.read_bytes() if given.config else None))
    except (ApiError, AddressError) as error:
        where = f"{given.config}: " if isinstance(error, ApiError) else ""
        print(f"{where}{error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or given.api}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed: half the CPU for each piece of data."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
