"""Silences and acks with a real Alertmanager."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.alertmanager.source import Alertmanager
from sretool.core.alerting import acks
from sretool.core.alerting.silences import NewSilence, SilenceState, parse_matchers
from sretool.core.observe import assemble
from sretool.core.observe.model import AlertState
from sretool.errors import SourceRefused
from sretool.ports import Endpoint
from tests.support.throwaway import alertmanager, fire, resolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from sretool.core.observe.model import Alert

pytestmark = pytest.mark.lab

DOWN = {"alertname": "ServiceDown", "service": "amas", "severity": "page", "instance": "app-1"}
OTHER = {**DOWN, "instance": "app-2", "path": 'a"b\\c'}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("alertmanager")
    with alertmanager(folder) as address:
        yield address


@pytest.fixture
async def desk(url: str) -> AsyncIterator[Alertmanager]:
    found = Alertmanager(Endpoint(url))
    yield found
    await found.aclose()


async def _alerts(desk: Alertmanager) -> dict[str, Alert]:
    found = assemble.open_alerts(await desk.alerts(), silences=await desk.silences())
    return {alert.labels["instance"]: alert for alert in found}


async def _until(desk: Alertmanager, instance: str, state: AlertState) -> Alert:
    """Alertmanager marks alerts when it next looks at them."""
    for _ in range(100):
        alert = (await _alerts(desk)).get(instance)
        if alert is not None and alert.state is state:
            return alert
        await asyncio.sleep(0.1)
    raise AssertionError(f"{instance} did not become {state}: {await _alerts(desk)}")


async def test_the_life_of_a_silence(url: str, desk: Alertmanager) -> None:
    fire(url, DOWN, OTHER)
    now = datetime.now(UTC)
    new = NewSilence(parse_matchers('alertname="ServiceDown",instance=~"app-1"'), now,
                     now + timedelta(minutes=5), "mia", "deploy")  # fmt: skip
    id_ = await desk.silence(new)
    silenced = await _until(desk, "app-1", AlertState.SILENCED)
    assert silenced.silenced_by == (id_,)
    assert (await _alerts(desk))["app-2"].state is AlertState.FIRING

    (kept,) = [silence for silence in await desk.silences() if silence.id == id_]
    assert (kept.matchers, kept.created_by, kept.comment) == (new.matchers, "mia", "deploy")
    longer = NewSilence(kept.matchers, kept.starts, kept.ends + timedelta(hours=1), "mia", "deploy", id_)
    assert await desk.silence(longer) == id_
    (extended,) = [silence for silence in await desk.silences() if silence.id == id_]
    assert extended.ends == kept.ends + timedelta(hours=1)

    await desk.expire(id_)
    await _until(desk, "app-1", AlertState.FIRING)
    (expired,) = [silence for silence in await desk.silences() if silence.id == id_]
    assert expired.state is SilenceState.EXPIRED


async def test_the_life_of_an_ack(url: str, desk: Alertmanager) -> None:
    fire(url, DOWN, OTHER)
    other = (await _alerts(desk))["app-2"]
    id_ = await desk.silence(acks.take(other.labels, "mia", 'looking "hard"', datetime.now(UTC)))
    acked = await _until(desk, "app-2", AlertState.ACKNOWLEDGED)
    assert acked.ack is not None
    assert (acked.ack.owner, acked.ack.note, acked.ack.silence) == ("mia", 'looking "hard"', id_)
    assert (await _alerts(desk))["app-1"].state is AlertState.FIRING

    silences = [silence for silence in await desk.silences() if silence.id == id_]
    firing = [alert.labels for alert in (await _alerts(desk)).values()]
    (renewed,) = acks.upkeep(silences, firing, silences[0].ends - timedelta(minutes=1)).renew
    # Alertmanager changes the end in place: the ack keeps its id, so that nothing is forked.
    assert await desk.silence(renewed) == id_
    (later,) = [silence for silence in await desk.silences() if silence.id == id_]
    assert later.ends > silences[0].ends

    resolve(url, OTHER)
    for _ in range(100):
        labels = [alert.labels for alert in await desk.alerts()]
        if OTHER not in labels:
            break
        await asyncio.sleep(0.1)
    gone = acks.missing([later], labels, datetime.now(UTC) - timedelta(minutes=2), {})
    assert acks.upkeep([later], labels, datetime.now(UTC), gone).drop == (id_,)
    await desk.expire(id_)


async def test_alertmanager_says_why_it_refuses(desk: Alertmanager) -> None:
    now = datetime.now(UTC)
    past = NewSilence(parse_matchers("a=b"), now - timedelta(hours=2), now - timedelta(hours=1), "mia", "x")
    with pytest.raises(SourceRefused, match="end time"):
        await desk.silence(past)
    with pytest.raises(SourceRefused, match=r"not found|404"):
        await desk.expire("00000000-0000-0000-0000-000000000000")
    assert "receiver: nobody" in await desk.configuration()
