"""What people wrote down stands among the changes, whatever the servers say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sretool.adapters.store.notebook import Notebook
from sretool.core.observe.drills import ALERT, announcement
from sretool.core.observe.marks import Mark
from sretool.core.observe.model import Alert, AlertState, Drill
from sretool.core.runs.model import RunKind
from sretool.errors import SourceUnreachable
from sretool.services.watch import Watch
from tests.support.runs import RunClock, begin_load, running_game_day, store_at, torn_load
from tests.support.slos import slo
from tests.support.sources import FakeAlerts, FakeClock, FakeMetrics

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.core.observe.model import Sample
    from sretool.core.runs.model import RunRecord

MINUTE = timedelta(minutes=1)


def watch_over(state: Path) -> tuple[Watch, FakeClock]:
    clock = FakeClock()

    def gone(query: str) -> list[Sample]:
        raise SourceUnreachable("Prometheus at http://x refuses connections")

    watch = Watch((slo(),), FakeMetrics(gone), FakeAlerts(), clock, diary=Notebook(state))
    return watch, clock


async def test_a_mark_is_a_change_also_while_prometheus_is_away(tmp_path: Path) -> None:
    watch, clock = watch_over(tmp_path)
    notebook = Notebook(tmp_path)
    notebook.marks.append(Mark(clock.now() - timedelta(minutes=26), "deploy", "v412", "checkout", "mia"))
    snapshot = await watch.poll_metrics()
    assert [change.text for change in snapshot.changes if change.kind == "deploy"] == [
        "checkout deployed v412 by mia"
    ]
    notebook.marks.append(Mark(clock.now(), "note", "looking"))
    snapshot = await watch.poll_alerts()
    assert "note" in [change.kind for change in snapshot.changes]


async def test_old_marks_are_for_charts_only_and_future_ones_for_later(tmp_path: Path) -> None:
    watch, clock = watch_over(tmp_path)
    notebook = Notebook(tmp_path)
    notebook.marks.append(Mark(clock.now() - timedelta(days=9), "deploy", "old"))
    notebook.marks.append(Mark(clock.now() + timedelta(hours=1), "deploy", "planned"))
    snapshot = await watch.poll_metrics()
    assert [change.text for change in snapshot.marks] == ["deployed old", "deployed planned"]
    assert not [change for change in snapshot.changes if change.kind == "deploy"]


async def test_a_running_game_day_is_a_drill_until_it_ends(tmp_path: Path) -> None:
    watch, _ = watch_over(tmp_path)
    store, clock = store_at(tmp_path, RunClock())
    run = running_game_day(store, clock, 70)
    snapshot = await watch.poll_metrics()
    assert [(drill.name, drill.services) for drill in snapshot.drills] == [("primary-loss", ("amas",))]
    run.close()
    snapshot = await watch.poll_metrics()
    assert snapshot.drills == ()


async def test_load_on_an_address_explains_nobodys_pages(tmp_path: Path) -> None:
    watch, _ = watch_over(tmp_path)
    store, clock = store_at(tmp_path, RunClock())
    torn_load(store, clock)
    with begin_load(store):
        snapshot = await watch.poll_metrics()
    assert snapshot.drills == ()


async def test_a_drill_that_others_announce_is_one_of_ours_and_no_open_alert(tmp_path: Path) -> None:
    clock = FakeClock()
    drill = Drill("A replica crashes", clock.now(), ("checkout",))
    sent = announcement(drill, run="abc123", by="mia", ends=clock.now() + timedelta(minutes=1))
    held = Alert("f", ALERT, None, AlertState.FIRING, sent.starts, sent.labels, sent.annotations)
    alerts = FakeAlerts(held=(held,))
    watch = Watch((slo(),), FakeMetrics(lambda query: []), alerts, clock, diary=Notebook(tmp_path))
    snapshot = await watch.poll_alerts()
    assert snapshot.drills == (replace(drill, runs=("abc123",)),)
    assert snapshot.alerts == ()
    alerts.held = ()
    assert (await watch.poll_alerts()).drills == ()


async def test_a_game_day_with_its_steps_is_one_drill_whatever_they_are_announced_as(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path, RunClock())
    day = running_game_day(store, clock, 70)
    rounds = store.create(RunKind.GAMEDAY, "rounds of a crash", parent=day.run.id)
    crash = store.create(RunKind.CHAOS, "A replica crashes", targets=["amas"], parent=rounds.run.id)

    def told(name: str, run: RunRecord) -> Alert:
        now = clock.now()
        sent = announcement(Drill(name, now), run=run.id, by="mia", ends=now + MINUTE, parent=run.parent)
        return Alert(run.id, ALERT, None, AlertState.FIRING, now, sent.labels, sent.annotations)

    alerts = FakeAlerts(held=(told("The primary is lost", day.run), told("A replica crashes", crash.run)))
    watch = Watch((slo(),), FakeMetrics(lambda query: []), alerts, FakeClock(), diary=Notebook(tmp_path))
    snapshot = await watch.poll_alerts()
    assert [drill.name for drill in snapshot.drills] == ["primary-loss"]
    assert set(snapshot.drills[0].runs) == {day.run.id, rounds.run.id, crash.run.id}
    alerts.held = (*alerts.held, told("A fault of somebody else", replace(day.run, id="other")))
    snapshot = await watch.poll_alerts()
    assert [drill.name for drill in snapshot.drills] == ["primary-loss", "A fault of somebody else"]
    for each in (crash, rounds, day):
        each.close()
