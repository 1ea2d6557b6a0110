"""The page that a Prometheus fetches, over a real socket."""

from __future__ import annotations

import socket

import httpx
import pytest

from sretool.adapters.scraped.server import parse_address, served
from sretool.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9646", ("127.0.0.1", 9646)),
        ("0", ("127.0.0.1", 0)),
        ("0.0.0.0:9646", ("0.0.0.0", 9646)),
        ("[::1]:80", ("::1", 80)),
        ("generator-1:9646", ("generator-1", 9646)),
    ],
)
def test_an_address_is_a_port_or_a_host_with_one(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["", "http", "70000", "1:2:3", ":80", "http://x:80", "::1:80", "-1"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no port to listen on"):
        parse_address(text)


async def test_each_scrape_gets_the_page_of_that_moment() -> None:
    said = ["one 1\n", "one 2\n"]
    kind = "text/plain; version=0.0.4; charset=utf-8"
    async with served("127.0.0.1", 0, lambda: said.pop(0), kind) as url, httpx.AsyncClient() as client:
        first, second = await client.get(url), await client.get(url)
        lost = await client.get(url.replace("metrics", "elsewhere"))
    assert (first.text, second.text) == ("one 1\n", "one 2\n")
    assert first.headers["content-type"] == kind
    assert lost.status_code == 404
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_a_port_in_use_is_one_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"--metrics-port 127.0.0.1:{port}: Address already in use"):
            async with served("127.0.0.1", port, str, "text/plain"):
                pass


async def test_a_host_of_somebody_else_is_one_message() -> None:
    with pytest.raises(UsageError, match=r"192\.0\.2\.1:0: Cannot assign requested address"):
        async with served("192.0.2.1", 0, str, "text/plain"):
            pass
