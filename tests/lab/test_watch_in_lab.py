"""Watching a real Prometheus and Alertmanager, also while they die."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sretool import wiring
from sretool.adapters.files import catalog
from sretool.core.observe.questions import Span, Wanted
from sretool.core.slo.model import Level
from sretool.ports import Endpoint
from tests.support.lab import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sretool.adapters.lab.record import LabRecord
    from sretool.core.observe.model import Snapshot
    from sretool.services.watch import Watch
    from tests.support.lab import LabHome

pytestmark = pytest.mark.lab


@pytest.fixture
async def watch(lab: LabRecord) -> AsyncIterator[Watch]:
    slos = catalog.load([catalog.bundled("amas")]).slos
    prometheus, alertmanager = (Endpoint(lab.endpoints[name]) for name in ("prometheus", "alertmanager"))
    made = wiring.watch(wiring.Endpoints(slos, prometheus, alertmanager))
    yield made
    await made.aclose()


def answers(snapshot: Snapshot, name: str) -> bool:
    source = snapshot.source(name)
    return source is not None and source.ok


async def poll_until(watch: Watch, name: str, *, ok: bool, within: float) -> Snapshot:
    began = time.monotonic()
    while time.monotonic() - began < within:
        ask = watch.poll_metrics if name == "prometheus" else watch.poll_alerts
        snapshot = await ask()
        if answers(snapshot, name) is ok:
            return snapshot
        await asyncio.sleep(0.02)
    raise AssertionError(
        f"{name} not {'back' if ok else 'lost'} within {within:.0f} s: {watch.snapshot.sources}"
    )


async def test_every_slo_has_data_from_the_first_refresh_on(watch: Watch) -> None:
    snapshot = await watch.poll_metrics()
    assert answers(snapshot, "prometheus")
    assert [status.slo.id for status in snapshot.statuses if status.level is Level.NO_DATA] == []
    for status in snapshot.statuses:
        history = await watch.history(status.slo)
        assert status.budget_left is not None
        step = timedelta(minutes=1)
        ratio, span = watch.error_ratio(status.slo, step), Span(timedelta(hours=6), step)
        answers_of = await watch.ask(Wanted(past=((ratio, span),)))
        assert answers_of.error is None
        assert answers_of.track(ratio, span).series
        # The curve ends with its last whole step, some minutes ago.
        ended, left = history.budget_left[-1]
        then = await watch.poll_metrics(ended)
        judged = next(each for each in then.statuses if each.slo.id == status.slo.id)
        assert judged.budget_left == pytest.approx(left, abs=0.02)


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
async def test_a_killed_source_is_lost_keeps_its_values_and_comes_back(
    name: str, watch: Watch, lab: LabRecord, lab_home: LabHome
) -> None:
    await watch.poll_alerts()
    before = await poll_until(watch, name, ok=True, within=20)
    pid = lab_home.process(lab.name, name).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    lost = await poll_until(watch, name, ok=False, within=20)
    assert (lost.statuses, lost.alerts) == (before.statuses, before.alerts)
    source = lost.source(name)
    assert source is not None
    assert source.error is not None
    back = await poll_until(watch, name, ok=True, within=20)
    assert back.changes[-1].text == f"{name} answers again"
    eventually("ready again", lambda: lab_home.process(lab.name, name).ready, within=20)
