"""Alert duty over sources that are not there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sretool.core.alerting import acks
from sretool.core.alerting.silences import SilenceState, parse_matchers
from sretool.core.observe import assemble
from sretool.core.observe.model import AlertState, Sample, Series
from sretool.errors import SourceRefused
from sretool.services.duty import Duty
from tests.support.sources import RECORDED_AT, FakeAlerts, FakeClock, FakeMetrics, alert

MINUTE = timedelta(minutes=1)


def duty(desk: FakeAlerts, metrics: FakeMetrics | None = None, clock: FakeClock | None = None) -> Duty:
    return Duty(desk, metrics or FakeMetrics(lambda _: ()), clock or FakeClock())


async def test_acks_are_renewed_while_they_fire_and_dropped_when_over() -> None:
    clock = FakeClock()
    desk = FakeAlerts([alert("Down")])
    at_work = duty(desk, clock=clock)
    assert await at_work.ack(desk.held, "mia", "looking") == 1
    assert await at_work.keep_acks() == replace(await at_work.keep_acks(), renewed=0, dropped=0)
    for _ in range(4):
        clock.advance(12 * MINUTE)
        kept = await at_work.keep_acks()
        assert (kept.renewed, kept.dropped) == (1, 0)
        assert kept.silences[0].ends == clock.now() + acks.LENGTH
    assert list(desk.kept) == ["s1"]

    desk.held = []
    assert (await at_work.keep_acks()).dropped == 0
    clock.advance(2 * MINUTE)
    kept = await at_work.keep_acks()
    assert kept.dropped == 1
    assert kept.silences[0].state is SilenceState.EXPIRED


async def test_taking_over_an_ack_leaves_one() -> None:
    desk = FakeAlerts([alert("Down")])
    at_work = duty(desk)
    await at_work.ack(desk.held, "mia", "")
    desk.held = [replace(alert("Down"), state=AlertState.SILENCED, silenced_by=("s1",))]
    (taken,) = assemble.open_alerts(desk.held, silences=await at_work.silences())
    await at_work.ack([taken], "bo", "taking over")
    active = [silence for silence in desk.kept.values() if silence.state is SilenceState.ACTIVE]
    assert [silence.created_by for silence in active] == ["bo"]
    assert await at_work.release([replace(taken, ack=acks.held(active, taken.labels))]) == 1
    assert all(silence.state is SilenceState.EXPIRED for silence in desk.kept.values())


async def test_a_silence_is_made_extended_and_ended() -> None:
    clock = FakeClock()
    desk = FakeAlerts()
    at_work = duty(desk, clock=clock)
    id_ = await at_work.silence(parse_matchers("alertname=Down"), 10 * MINUTE, "mia", "deploy")
    made = desk.kept[id_]
    assert (made.ends, made.created_by, made.comment) == (RECORDED_AT + 10 * MINUTE, "mia", "deploy")
    await at_work.extend(made, 5 * MINUTE)
    assert desk.kept[id_].ends == RECORDED_AT + 15 * MINUTE
    assert await at_work.expire([id_]) == 1
    expired = desk.kept[id_]
    clock.advance(30 * MINUTE)
    again = await at_work.extend(expired, 5 * MINUTE)
    assert again != id_
    assert (desk.kept[again].starts, desk.kept[again].ends) == (
        clock.now(),
        clock.now() + 5 * MINUTE,
    )


async def test_a_refusal_is_raised() -> None:
    desk = FakeAlerts([alert("Down")], written_error=SourceRefused("no"))
    with pytest.raises(SourceRefused):
        await duty(desk).ack(desk.held, "mia", "")


async def test_the_past_of_an_alert_allows_for_labels_added_on_the_way() -> None:
    def series(query: str) -> list[Series]:
        assert 'env=~"prod|"' in query
        assert 'alertname="Down"' in query
        labels = {"__name__": "ALERTS", "alertstate": "firing", "alertname": "Down"}
        points = tuple((RECORDED_AT - 5 * MINUTE * step, 1.0) for step in (40, 39, 0))
        return [Series(labels, points), Series({**labels, "instance": "other"}, points)]

    found = await duty(FakeAlerts(), FakeMetrics(lambda _: (), series)).past_of(
        {"alertname": "Down", "env": "prod"}
    )
    assert [firing.going_on for firing in found] == [True, False]


@pytest.mark.parametrize(("answer", "hits"), [([Sample({}, RECORDED_AT, 3.0)], 3), ([], 0)])
async def test_how_many_alerts_a_silence_would_have_hidden(answer: list[Sample], hits: int) -> None:
    metrics = FakeMetrics(lambda _: answer)
    assert await duty(FakeAlerts(), metrics).hit_before(parse_matchers('alertname=~"D.*"')) == hits
    assert metrics.asked == ['count(max_over_time(ALERTS{alertstate="firing",alertname=~"D.*"}[30d]))']
