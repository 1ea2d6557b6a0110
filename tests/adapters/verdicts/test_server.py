"""The answers a controller gets, over a real socket."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from typing import TYPE_CHECKING

import httpx
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from sretool.adapters.verdicts.server import Answer, application, serve
from sretool.errors import SourceTimeout, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

Client = TestClient[Request, Application]


@pytest.fixture
def asked() -> list[tuple[str, dict[str, str]]]:
    return []


@pytest.fixture
async def client(asked: list[tuple[str, dict[str, str]]]) -> AsyncIterator[Client]:
    async def find(path: str, parameters: Mapping[str, str]) -> Answer:
        asked.append((path, dict(parameters)))
        if path == "away":
            raise SourceTimeout("Prometheus gave no answer")
        if path == "wrong":
            raise UsageError("there is no stage 9", remedy="stages are 1")
        return Answer(409 if path == "gate/promote" else 200, '{"outcome": "hold"}')

    async with TestClient(TestServer(application(find))) as found:
        yield found


async def test_parameters_come_from_the_address(
    client: Client, asked: list[tuple[str, dict[str, str]]]
) -> None:
    reply = await client.get("/judge", params={"stage": "1", "canary": 'version="v2"'})
    assert (reply.status, reply.content_type, await reply.json()) == (
        200,
        "application/json",
        {"outcome": "hold"},
    )
    assert asked == [("judge", {"stage": "1", "canary": 'version="v2"'})]


async def test_flagger_sends_them_as_metadata(
    client: Client, asked: list[tuple[str, dict[str, str]]]
) -> None:
    payload = {"name": "shop", "namespace": "prod", "phase": "Progressing", "metadata": {"stage": "2"}}
    reply = await client.post("/gate/promote", json=payload)
    assert reply.status == 409
    assert asked == [("gate/promote", {"stage": "2"})]


@pytest.mark.parametrize(
    "body", ["{", "[1]", '{"metadata": {"stage": 1}}', '{"metadata": "x"}', "x" * 70_000]
)
async def test_a_body_that_is_no_question_is_refused(client: Client, body: str) -> None:
    reply = await client.post("/judge", data=body)
    assert reply.status == 400
    assert (await reply.json())["error"].startswith("the body is no ")


async def test_no_answer_is_not_taken_for_one(client: Client) -> None:
    away, wrong = await client.get("/away"), await client.get("/wrong")
    assert (away.status, (await away.json())["error"]) == (503, "Prometheus gave no answer")
    assert (wrong.status, await wrong.json()) == (
        400,
        {"error": "there is no stage 9", "remedy": "stages are 1"},
    )
    assert (await client.get("/healthz")).status == 200


async def test_it_says_where_it_listens_and_ends_when_told_to() -> None:
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def find(path: str, parameters: Mapping[str, str]) -> Answer:
        return Answer(200, json.dumps({"path": path, **parameters}))

    running = asyncio.create_task(serve("127.0.0.1", 0, find, listening.set_result))
    async with httpx.AsyncClient() as asking:
        reply = await asking.get(f"{await listening}/judge?stage=1")
    assert reply.json() == {"path": "judge", "stage": "1"}
    signal.raise_signal(signal.SIGTERM)
    await asyncio.wait_for(running, 5)


async def test_a_port_that_is_taken_is_one_clear_error() -> None:
    async def find(path: str, parameters: Mapping[str, str]) -> Answer:
        raise AssertionError("nobody can ask")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}"):
            await serve("127.0.0.1", port, find, lambda url: None)
