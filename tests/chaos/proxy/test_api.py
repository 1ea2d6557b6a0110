"""The HTTP API: paths, statuses, bodies and errors of Toxiproxy 2.x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.chaos.proxy.conftest import Rig

LATENCY = {"type": "latency", "attributes": {"latency": 100}}


async def test_a_proxy_is_made_shown_listed_changed_and_removed(rig: Rig) -> None:
    status, made = await rig.ask(
        "POST", "/proxies", {"name": "q", "listen": "localhost:0", "upstream": "host:1"}
    )
    assert status == 201
    assert made["listen"].startswith("127.0.0.1:")
    assert made == {
        "name": "q", "listen": made["listen"], "upstream": "host:1", "enabled": True, "toxics": []
    }  # fmt: skip
    assert await rig.ask("GET", "/proxies/q") == (200, made)
    status, listed = await rig.ask("GET", "/proxies")
    assert (status, sorted(listed), listed["q"]) == (200, ["p", "q"], made)
    changed = {**made, "upstream": "other:2"}
    assert await rig.ask("PATCH", "/proxies/q", {"upstream": "other:2"}) == (200, changed)
    assert await rig.ask("POST", "/proxies/q", {"enabled": False}) == (200, {**changed, "enabled": False})
    assert await rig.ask("DELETE", "/proxies/q") == (204, "")
    assert (await rig.ask("GET", "/proxies/q"))[0] == 404


async def test_a_proxy_may_be_made_switched_off(rig: Rig) -> None:
    body = {"name": "q", "listen": "127.0.0.1:0", "upstream": "host:1", "enabled": False}
    assert await rig.ask("POST", "/proxies", body) == (201, {**body, "toxics": []})


async def test_an_update_that_changes_nothing_leaves_connections_alone(rig: Rig) -> None:
    reader, writer = await rig.connect()
    host, _, port = rig.proxies.get("p").listen.rpartition(":")
    assert host == "127.0.0.1"
    status, _ = await rig.ask("POST", "/proxies/p", {"listen": f"localhost:{port}", "enabled": True})
    assert status == 200
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"


async def test_a_toxic_is_made_shown_listed_changed_and_removed(rig: Rig) -> None:
    made = {
        "attributes": {"latency": 100, "jitter": 0},
        "name": "latency_downstream",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 1,
    }
    assert await rig.ask("POST", "/proxies/p/toxics", LATENCY) == (200, made)
    up = {"name": "up", "type": "noop", "stream": "UPSTREAM", "toxicity": 0.25}
    status, second = await rig.ask("POST", "/proxies/p/toxics", up)
    assert (status, second) == (200, {**up, "stream": "upstream", "attributes": {}})
    # Upstream ones come first, as Toxiproxy lists them.
    assert await rig.ask("GET", "/proxies/p/toxics") == (200, [second, made])
    assert (await rig.ask("GET", "/proxies/p"))[1]["toxics"] == [second, made]
    assert await rig.ask("GET", "/proxies/p/toxics/up") == (200, second)
    changed = {**made, "attributes": {"latency": 100, "jitter": 7}, "toxicity": 0.5}
    body = {"attributes": {"Jitter": 7, "unknown": True}, "toxicity": 0.5}
    assert await rig.ask("POST", "/proxies/p/toxics/latency_downstream", body) == (200, changed)
    assert await rig.ask("DELETE", "/proxies/p/toxics/latency_downstream") == (204, "")
    assert await rig.ask("GET", "/proxies/p/toxics") == (200, [second])


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("noop", {}),
        ("latency", {"latency": 1, "jitter": 2}),
        ("bandwidth", {"rate": 3}),
        ("slow_close", {"delay": 4}),
        ("timeout", {"timeout": 5}),
        ("reset_peer", {"timeout": 6}),
        ("slicer", {"average_size": 7, "size_variation": 8, "delay": 9}),
        ("limit_data", {"bytes": 10}),
    ],
)
async def test_every_type_of_toxic_has_its_attributes(
    rig: Rig, kind: str, attributes: dict[str, int]
) -> None:
    status, made = await rig.ask("POST", "/proxies/p/toxics", {"type": kind, "attributes": attributes})
    assert (status, made["attributes"], made["name"]) == (200, attributes, f"{kind}_downstream")
    _, empty = await rig.ask("POST", "/proxies/p/toxics", {"name": "e", "type": kind})
    assert empty["attributes"] == dict.fromkeys(attributes, 0)


async def test_reset_takes_all_toxics_away_and_switches_everything_on(rig: Rig) -> None:
    await rig.ask("POST", "/proxies/p/toxics", LATENCY)
    await rig.ask("POST", "/proxies/p", {"enabled": False})
    assert await rig.ask("POST", "/reset") == (204, "")
    _, now = await rig.ask("GET", "/proxies/p")
    assert (now["enabled"], now["toxics"]) == (True, [])


async def test_populate_makes_what_is_missing_and_leaves_alone_what_is_the_same(rig: Rig) -> None:
    await rig.ask("POST", "/proxies/p/toxics", LATENCY)
    p = (await rig.ask("GET", "/proxies/p"))[1]
    same = {name: p[name] for name in ("name", "listen", "upstream")}
    new = {"name": "q", "listen": "127.0.0.1:0", "upstream": "host:1"}
    status, made = await rig.ask("POST", "/populate", [same, new])
    assert status == 201
    assert made["proxies"][0] == p
    assert made["proxies"][1]["enabled"] is True
    _, replaced = await rig.ask("POST", "/populate", [{**same, "upstream": "host:2"}])
    assert replaced["proxies"][0]["toxics"] == []
    assert await rig.ask("POST", "/populate", []) == (201, {"proxies": None})


async def test_populate_tells_what_was_made_before_it_failed(rig: Rig) -> None:
    good = {"name": "q", "listen": "127.0.0.1:0", "upstream": "host:1"}
    status, told = await rig.ask("POST", "/populate", [good, {**good, "name": "r", "listen": "here"}])
    assert (status, told["error"]) == (500, "address here: missing port in address") or (
        status,
        told["error"],
    ) == (500, "listen tcp: address here: missing port in address")
    assert [each["name"] for each in told["proxies"]] == ["q"]
    status, told = await rig.ask("POST", "/populate", [good, {"name": "s"}])
    assert (status, told["error"]) == (400, "missing required field: upstream at proxy 2")
    assert told["proxies"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("GET", "/proxies/none", None, 404, "proxy not found"),
        ("DELETE", "/proxies/none", None, 404, "proxy not found"),
        ("POST", "/proxies/none/toxics", LATENCY, 404, "proxy not found"),
        ("GET", "/proxies/p/toxics/none", None, 404, "toxic not found"),
        ("DELETE", "/proxies/p/toxics/none", None, 404, "toxic not found"),
        ("PATCH", "/proxies/p/toxics/none", {}, 404, "toxic not found"),
        ("POST", "/proxies", {"upstream": "a:1"}, 400, "missing required field: name"),
        ("POST", "/proxies", {"name": "a"}, 400, "missing required field: upstream"),
        ("POST", "/proxies", {"name": "p", "upstream": "a:1"}, 409, "proxy already exists"),
        ("POST", "/proxies/p/toxics", {"type": "none"}, 400, "invalid toxic type"),
        ("POST", "/proxies/p/toxics", {}, 400, "invalid toxic type"),
        (
            "POST",
            "/proxies/p/toxics",
            {**LATENCY, "stream": "sideways"},
            400,
            "stream was invalid, can be either upstream or downstream",
        ),
    ],
)
async def test_errors_are_told_in_toxiproxys_words(
    rig: Rig, method: str, path: str, body: Any, status: int, error: str
) -> None:
    assert await rig.ask(method, path, body) == (status, {"error": error, "status": status})


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/proxies", b""),
        ("/proxies", b"{"),
        ("/proxies", b'{"name": 3}'),
        ("/proxies", b"[]"),
        ("/populate", b"{}"),
        ("/proxies/p", b""),
        ("/proxies/p/toxics", b'{"type": "latency", "attributes": {"latency": "soon"}}'),
        ("/proxies/p/toxics", b'{"type": "latency", "attributes": {"latency": 1.5}}'),
        ("/proxies/p/toxics", b'{"type": "latency", "toxicity": "all"}'),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused_and_changes_nothing(
    rig: Rig, path: str, raw: bytes
) -> None:
    before = await rig.ask("GET", "/proxies")
    status, told = await rig.ask("POST", path, raw=raw)
    assert (status, told["status"]) == (400, 400)
    assert told["error"].startswith("bad request body: ")
    assert await rig.ask("GET", "/proxies") == before


async def test_a_toxic_of_a_name_that_is_taken_is_refused(rig: Rig) -> None:
    await rig.ask("POST", "/proxies/p/toxics", LATENCY)
    for stream in ("downstream", "upstream"):
        told = await rig.ask(
            "POST", "/proxies/p/toxics", {**LATENCY, "name": "latency_downstream", "stream": stream}
        )
        assert told == (409, {"error": "toxic already exists", "status": 409})


async def test_an_address_that_is_taken_is_told_and_leaves_no_proxy(rig: Rig) -> None:
    listen = rig.proxies.get("p").listen
    told = await rig.ask("POST", "/proxies", {"name": "q", "listen": listen, "upstream": "a:1"})
    message = f"listen tcp {listen}: bind: address already in use"
    assert told == (500, {"error": message, "status": 500})
    assert sorted((await rig.ask("GET", "/proxies"))[1]) == ["p"]


async def test_the_version_and_what_does_not_exist(rig: Rig) -> None:
    assert await rig.ask("GET", "/version") == (200, {"version": "2.12.0"})
    assert await rig.ask("GET", "/nothing") == (404, "404 page not found\n")
    assert await rig.ask("PUT", "/proxies") == (405, "")


async def test_web_pages_cannot_reach_the_api(rig: Rig) -> None:
    headers = {"User-Agent": "Mozilla/5.0 (X11)"}
    async with rig.session.get(f"{rig.url}/proxies", headers=headers) as reply:
        assert (reply.status, await reply.text()) == (403, "User agent not allowed\n")


async def test_metrics_can_be_read_whatever_proxies_are_called(rig: Rig) -> None:
    await rig.ask("POST", "/proxies", {"name": 'a"\\b', "listen": "127.0.0.1:0", "upstream": "host:1"})
    status, text = await rig.ask("GET", "/metrics")
    assert status == 200
    assert 'proxy="a\\"\\\\b"' in text
    assert "\nprocess_cpu_seconds_total " in text
