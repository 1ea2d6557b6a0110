"""`sretool dash --serve` as a user has it: the real program, and a real browser where one is installed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from tests.bench.bench_dash import stand_in
from tests.support.browser import CHROMIUM, NO_CHROMIUM
from tests.support.processes import lives

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

pytestmark = pytest.mark.lab

PROGRAM = [sys.executable, "-c", "import sys; from sretool.cli.main import main; sys.exit(main())"]
_PATIENCE = 30.0


class Served:
    """A running `dash --serve`."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.address = address
        self.base = address.partition("/?")[0]

    def tabs(self) -> list[int]:
        """Process ids of the dashboards behind it."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    with stand_in(5) as options:
        environment = os.environ | {"XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        process = subprocess.Popen(
            [*PROGRAM, *options, "dash", "--serve", "--refresh", "1s"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=folder,
        )
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), address
            yield Served(process, address)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(timeout=_PATIENCE)
            process.stdout.close()


def _arguments(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def _marks(folder: Path) -> list[Path]:
    return list(folder.rglob("marks.jsonl"))


async def _until(seen: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + _PATIENCE
    while not seen():
        assert time.monotonic() < until, what
        await asyncio.sleep(0.1)


async def test_the_dashboard_is_drawn_takes_no_write_key_and_ends_with_its_tab(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            async with session.get(served.address) as page:
                assert page.status == 200
            tab = await session.ws_connect(f"{served.base}/ws?width=80&height=24", origin=served.base)
            drawn = ""
            async with asyncio.timeout(_PATIENCE):
                while "svc-0000" not in drawn:
                    drawn += (await tab.receive_bytes()).decode(errors="replace")
            pids = served.tabs()
            assert len(pids) == 1
            assert "--readonly" in _arguments(pids[0])
            await tab.send_json(["stdin", "nhello\r"])
            await asyncio.sleep(1.0)
            assert not _marks(tmp_path)
            await tab.close()
            await _until(lambda: not any(lives(pid) for pid in pids), "the tab's program goes on")
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(timeout=_PATIENCE) == 0


async def test_an_end_of_the_server_ends_its_tabs(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            async with session.get(served.address):
                pass
            tab = await session.ws_connect(f"{served.base}/ws", origin=served.base)
            await tab.receive_bytes()
            pids = served.tabs()
            assert pids
            served.process.send_signal(signal.SIGTERM)
            await _until(lambda: served.process.poll() is not None, "the server goes on")
            await _until(lambda: not any(lives(pid) for pid in pids), "a tab's program goes on")


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with serving(tmp_path) as served, stand_in(1) as options:
        port = served.base.rpartition(":")[2]
        again = subprocess.run(
            [*PROGRAM, *options, "dash", "--serve", "--port", port],
            capture_output=True,
            text=True,
            check=False,
        )
    assert again.returncode == 2
    assert f"port {port} is in use" in again.stderr


# --- in a real browser ------------------------------------------------------------------------------------


class Page:
    """One page of a browser, told what to do over its debugging protocol."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self._connection = connection
        self._number = 0

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        await self._connection.send_json({"id": self._number, "method": method, "params": parameters})
        async with asyncio.timeout(_PATIENCE):
            while True:
                answer: dict[str, Any] = json.loads(await self._connection.receive_str())
                if answer.get("id") == self._number:
                    return answer

    async def go_to(self, address: str) -> None:
        await self.send("Page.navigate", url=address)

    async def ask(self, script: str) -> Any:
        answer = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        return answer["result"]["result"].get("value")


def _first_word(file: Path) -> str:
    return file.read_text().split()[0]


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Page]:
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
        "--remote-debugging-port=0", "--remote-allow-origins=*", f"--user-data-dir={folder}/profile",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        port_file = folder / "profile/DevToolsActivePort"
        await _until(port_file.exists, "Chromium does not start")
        port = _first_word(port_file)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                pages = [page for page in await answer.json() if page["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as connection:
                yield Page(connection)
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def foreign_page() -> AsyncIterator[str]:
    """A page on another port of this machine, which browsers count to the same site."""
    app = web.Application()

    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<title>foreign</title>", content_type="text/html")

    app.add_routes([web.get("/", page)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


_CONNECT = """
new Promise(done => {{
  const socket = new WebSocket("{address}");
  socket.onmessage = () => done("served");
  socket.onerror = () => done("refused");
  setTimeout(() => done("nothing"), 10000);
}})
"""


async def test_in_chromium_the_dashboard_opens_once_and_foreign_pages_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        async with chromium(tmp_path) as page, foreign_page() as foreign:
            await page.go_to(served.base)
            await asyncio.sleep(0.5)
            assert "refused" in await page.ask("document.body.innerText")

            await page.go_to(served.address)
            drawn = "document.body.classList.contains('-first-byte')"
            until = time.monotonic() + _PATIENCE
            while not await page.ask(drawn):
                assert time.monotonic() < until, await page.ask("document.documentElement.outerHTML")
                await asyncio.sleep(0.2)
            assert "token" not in await page.ask("location.href")
            ours = _CONNECT.format(address=served.base.replace("http", "ws") + "/ws")
            assert await page.ask(ours) == "served"

            # The browser has the session now, and sends it along from any port of this machine.
            await page.go_to(foreign)
            await asyncio.sleep(0.5)
            assert await page.ask("document.title") == "foreign"
            assert await page.ask(ours) == "refused"
            fetched = (
                f"fetch('{served.base}/', {{credentials: 'include', mode: 'no-cors'}}).then(r => r.type)"
            )
            assert await page.ask(fetched) == "opaque"

            await page.go_to(served.address)
            await asyncio.sleep(0.5)
            assert "used already" in await page.ask("document.body.innerText")
