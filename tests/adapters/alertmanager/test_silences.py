"""Writing to Alertmanager: what goes over the wire, and what comes back where it does not work."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from sretool.adapters.alertmanager import protocol
from sretool.adapters.alertmanager.source import Alertmanager
from sretool.core.alerting.silences import Matcher, NewSilence, SilenceState
from sretool.core.observe.drills import Announcement
from sretool.errors import SourceRefused, SourceReplyInvalid
from sretool.ports import Endpoint

URL = "http://am.test:9093/am"
NOW = datetime(2026, 11, 20, 3, 12, 41, tzinfo=UTC)
NEW = NewSilence(
    (Matcher("alertname", "A"), Matcher("zone", "x|y", regex=True), Matcher("env", "dev", equal=False)),
    NOW,
    NOW + timedelta(hours=1),
    "mia",
    "deploy of v412",
)


class Server:
    """Answers with one status and body and keeps what it was asked."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.asked: list[httpx.Request] = []
        self.body = body
        self.status = status
        self.alertmanager = Alertmanager(Endpoint(URL), transport=httpx.MockTransport(self.handle))

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return httpx.Response(self.status, content=self.body)

    @property
    def sent(self) -> Any:
        return json.loads(self.asked[-1].content)


async def test_a_new_silence_goes_out_whole() -> None:
    server = Server(b'{"silenceID":"s9"}')
    assert await server.alertmanager.silence(NEW) == "s9"
    (request,) = server.asked
    assert (request.method, request.url.path) == ("POST", "/am/api/v2/silences")
    assert request.headers["content-type"] == "application/json"
    assert server.sent == {
        "matchers": [
            {"name": "alertname", "value": "A", "isRegex": False, "isEqual": True},
            {"name": "zone", "value": "x|y", "isRegex": True, "isEqual": True},
            {"name": "env", "value": "dev", "isRegex": False, "isEqual": False},
        ],
        "startsAt": "2026-11-20T03:12:41Z",
        "endsAt": "2026-11-20T04:12:41Z",
        "createdBy": "mia",
        "comment": "deploy of v412",
    }


async def test_a_changed_silence_names_its_id() -> None:
    server = Server(b'{"silenceID":"s9"}')
    await server.alertmanager.silence(NewSilence(NEW.matchers, NEW.starts, NEW.ends, "mia", "x", "s1"))
    assert server.sent["id"] == "s1"


async def test_expiring_deletes() -> None:
    server = Server(b"")
    await server.alertmanager.expire("a/b")
    assert (server.asked[0].method, server.asked[0].url.raw_path) == ("DELETE", b"/am/api/v2/silence/a%2Fb")


async def test_silences_are_read() -> None:
    body = b"""[{"id":"s1","status":{"state":"active"},"updatedAt":"2026-11-20T03:00:00Z","comment":"c",
        "createdBy":"bo","startsAt":"2026-11-20T03:00:00Z","endsAt":"2026-11-20T05:00:00+01:00",
        "matchers":[{"name":"a","value":"b","isRegex":false},
                    {"name":"c","value":"d","isRegex":true,"isEqual":false}]}]"""
    (silence,) = await Server(body).alertmanager.silences()
    assert (silence.id, silence.state, silence.created_by) == ("s1", SilenceState.ACTIVE, "bo")
    assert silence.matchers == (Matcher("a", "b"), Matcher("c", "d", equal=False, regex=True))
    assert silence.ends == datetime(2026, 11, 20, 4, tzinfo=UTC)


async def test_the_configuration_is_read() -> None:
    body = b'{"cluster":{"status":"disabled"},"config":{"original":"route: {}\\n"},"uptime":"x"}'
    assert await Server(body).alertmanager.configuration() == "route: {}\n"


@pytest.mark.parametrize("ask", ["silence", "expire", "silences", "configuration"])
@pytest.mark.parametrize(
    ("status", "body", "said", "remedy"),
    [
        (
            400,
            b'"silence invalid: end time must not be in the past"',
            "end time must not be in the past",
            None,
        ),
        (403, b"forbidden", "HTTP 403", "token"),
        (404, b"<html>", "not the API of Alertmanager", "address"),
    ],
)
async def test_a_refusal_says_why(ask: str, status: int, body: bytes, said: str, remedy: str | None) -> None:
    alertmanager = Server(body, status).alertmanager
    asked = {
        "silence": lambda: alertmanager.silence(NEW),
        "expire": lambda: alertmanager.expire("s1"),
        "silences": alertmanager.silences,
        "configuration": alertmanager.configuration,
    }
    with pytest.raises(SourceRefused, match=said) as failure:
        await asked[ask]()
    assert (remedy or "None") in str(failure.value.remedy)


@pytest.mark.parametrize("read", [protocol.read_silences, protocol.read_created, protocol.read_configuration])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"[1]", b"\xff\xfe", b'"x"'])
def test_what_is_no_answer_is_told_as_such(read: Any, body: bytes) -> None:
    with pytest.raises(SourceReplyInvalid, match="not Alertmanager's"):
        read(body, "Alertmanager at http://x")


async def test_an_announcement_goes_out_as_an_alert() -> None:
    server = Server(b"")
    await server.alertmanager.announce(
        Announcement({"alertname": "SretoolDrill"}, {"summary": "a drill"}, NOW, NOW + timedelta(minutes=1))
    )
    (request,) = server.asked
    assert (request.method, request.url.path) == ("POST", "/am/api/v2/alerts")
    assert server.sent == [
        {
            "labels": {"alertname": "SretoolDrill"},
            "annotations": {"summary": "a drill"},
            "startsAt": "2026-11-20T03:12:41Z",
            "endsAt": "2026-11-20T03:13:41Z",
        }
    ]
