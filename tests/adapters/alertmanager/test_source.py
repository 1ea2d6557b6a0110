from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sretool.adapters.alertmanager.source import Alertmanager
from sretool.core.observe.model import AlertState
from sretool.core.slo.model import Severity
from sretool.errors import SourceRefused, SourceReplyInvalid
from sretool.ports import Endpoint
from tests.support.sources import reply, serving

URL = "http://am.test:9093"


def answering(body: bytes, status: int = 200) -> Alertmanager:
    return Alertmanager(Endpoint(URL), transport=serving({"/api/v2/alerts": body}, status))


async def test_states_severities_and_slos_of_a_real_answer() -> None:
    alerts = await answering(reply("alertmanager/alerts.json")).alerts()
    found = {(each.name, each.severity, each.state, each.slo) for each in alerts}
    assert found == {
        ("SLOBudgetBurn", Severity.PAGE, AlertState.FIRING, "amas/learning-availability"),
        ("SLOBudgetBurn", Severity.TICKET, AlertState.INHIBITED, "amas/learning-availability"),
        ("MemoryHigh", Severity.TICKET, AlertState.SILENCED, None),
        ("Watchdog", None, AlertState.FIRING, None),
    }


async def test_silences_receivers_and_start_are_kept() -> None:
    alerts = {each.name: each for each in await answering(reply("alertmanager/alerts.json")).alerts()}
    memory = alerts["MemoryHigh"]
    assert memory.silenced_by == ("c12c31c0-d166-4c72-b485-02965746bde9",)
    assert memory.receivers == ("default",)
    assert memory.since == datetime(2026, 11, 21, 7, 33, 12, 86000, UTC)
    assert memory.labels["instance"] == "app-1"


async def test_a_silence_outweighs_an_inhibition() -> None:
    body = b"""[{"fingerprint":"f","labels":{},"startsAt":"2026-11-21T07:00:00Z",
        "status":{"state":"suppressed","silencedBy":["s"],"inhibitedBy":["i"]}}]"""
    (found,) = await answering(body).alerts()
    assert (found.state, found.name) == (AlertState.SILENCED, "(no name)")


async def test_no_alerts() -> None:
    assert list(await answering(b"[]").alerts()) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b'"bad matcher format"', "HTTP 400: bad matcher format", id="text"),
        pytest.param(
            b'{"code":602,"message":"active must be boolean"}', "active must be boolean", id="object"
        ),
    ],
)
async def test_a_refusal_says_what_alertmanager_said(body: bytes, words: str) -> None:
    with pytest.raises(SourceRefused, match=words):
        await answering(body, 400).alerts()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>", id="HTML"),
        pytest.param(b'{"status":"success","data":[]}', id="API of version 1"),
        pytest.param(b"[{}]", id="empty alert"),
        pytest.param(reply("alertmanager/alerts.json")[:700], id="truncated"),
        pytest.param(
            b'[{"fingerprint":"f","labels":{},"startsAt":"yesterday","status":{"state":"active"}}]',
            id="no time",
        ),
    ],
)
async def test_an_answer_that_is_not_alertmanagers_is_invalid(body: bytes) -> None:
    with pytest.raises(SourceReplyInvalid, match=f"Alertmanager at {URL}"):
        await answering(body).alerts()
