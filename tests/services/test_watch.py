from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.prometheus.source import Prometheus
from sretool.core.alerting import acks
from sretool.core.catalog.model import Dependency
from sretool.core.observe.model import AlertState, DeadMan, Down, Sample, Series, Targets
from sretool.core.slo.model import CalendarUnit, CalendarWindow, EventRatio, Exclusion, Level
from sretool.errors import SourceTimeout, SourceUnreachable
from sretool.ports import Endpoint
from sretool.services.watch import Watch
from tests.support.slos import slo
from tests.support.sources import RECORDED_AT, FakeAlerts, FakeClock, FakeMetrics, alert, reply, serving

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sretool.core.observe.model import Alert, Snapshot, SourceHealth

AVAILABILITY = slo(id="amas/learning-availability")
HOUR = timedelta(hours=1)


def recorded(
    bad: float = 10.0, ratio: float = 0.0001, *, id: str = "shop/checkout", rate: float | None = 5.0
) -> list[Sample]:
    def sample(name: str, value: float, **labels: str) -> Sample:
        return Sample({"__name__": name, "slo": id, **labels}, RECORDED_AT, value)

    ratios = (
        sample("slo:error_ratio:rate", ratio, window=window) for window in ("5m", "30m", "1h", "2h", "6h")
    )
    found = [
        sample("slo:info", 1, window="30d"),
        sample("slo:bad:sum", bad, window="30d"),
        sample("slo:total:sum", 1e6, window="30d"),
        sample("slo:coverage:ratio", 1, window="30d"),
        *ratios,
    ]
    return found if rate is None else [*found, sample("slo:total:rate5m", rate)]


def answers(samples: Iterable[Sample]) -> FakeMetrics:
    """A Prometheus with these recorded series, evaluated 20 s ago."""
    held = list(samples)
    evaluated = RECORDED_AT.timestamp() - 20
    slos = {sample.labels["slo"] for sample in held}

    def answer(query: str) -> list[Sample]:
        if query.startswith("{__name__"):
            return held
        if "timestamp(slo:info" in query:
            return [Sample({"slo": slo}, RECORDED_AT, evaluated) for slo in slos]
        return []

    return FakeMetrics(answer)


def health(snapshot: Snapshot, name: str) -> SourceHealth:
    found = snapshot.source(name)
    assert found is not None
    return found


def test_before_the_first_poll_everything_is_there_without_data() -> None:
    watch = Watch([slo(id="shop/a"), slo(id="shop/b")], answers([]), FakeAlerts(), FakeClock())
    snapshot = watch.snapshot
    assert [status.level for status in snapshot.statuses] == [Level.NO_DATA] * 2
    assert [(source.name, source.ok, source.error, source.good_at) for source in snapshot.sources] == [
        ("prometheus", False, None, None),
        ("alertmanager", False, None, None),
    ]


async def test_without_an_alertmanager_there_is_one_source() -> None:
    watch = Watch([slo()], answers([]), None, FakeClock())
    assert [source.name for source in watch.snapshot.sources] == ["prometheus"]
    assert await watch.poll_alerts() is watch.snapshot


async def test_a_recorded_answer_of_a_real_prometheus_is_judged() -> None:
    transport = serving(
        {
            "{__name__=~": reply("prometheus/recorded.json"),
            "timestamp(slo:info": reply("prometheus/ages.json"),
            "/query_range": reply("prometheus/past.json"),
            "ALERTS": reply("prometheus/not_numbers.json"),
        }
    )
    source = Prometheus(Endpoint("http://prom.test"), transport=transport)
    watch = Watch([AVAILABILITY], source, None, FakeClock())
    snapshot = await watch.poll_metrics()
    await watch.aclose()
    (status,) = snapshot.statuses
    assert status.sli == pytest.approx(0.99942448)
    assert status.budget_left == pytest.approx(0.42448804)
    assert status.burns[HOUR] == pytest.approx(10.2328137)
    assert status.coverage == 1
    assert (RECORDED_AT - status.at).total_seconds() == pytest.approx(39.5, abs=0.1)
    assert health(snapshot, "prometheus").data_at is not None


async def test_a_poll_dates_figures_by_the_rules_last_evaluation() -> None:
    watch = Watch([slo()], answers(recorded()), None, FakeClock())
    snapshot = await watch.poll_metrics()
    assert RECORDED_AT - snapshot.statuses[0].at == timedelta(seconds=20)
    assert health(snapshot, "prometheus").data_at == snapshot.statuses[0].at


async def test_a_lost_prometheus_keeps_its_values_and_comes_back() -> None:
    source, clock = answers(recorded(ratio=0.5)), FakeClock()
    watch = Watch([slo()], source, None, clock)
    good = await watch.poll_metrics()
    assert good.statuses[0].level is Level.PAGE
    source.error = SourceTimeout("Prometheus at x gave no answer\nin 5 s")
    clock.advance(timedelta(minutes=2))
    lost = await watch.poll_metrics()
    assert lost.statuses == good.statuses
    assert lost.seq == good.seq + 1
    found = health(lost, "prometheus")
    assert (found.ok, found.error) == (False, "Prometheus at x gave no answer in 5 s")
    assert found.good_at == health(good, "prometheus").good_at
    assert [change.kind for change in lost.changes] == ["source"]
    source.error = None
    back = await watch.poll_metrics()
    assert health(back, "prometheus").ok
    assert [change.text for change in back.changes][-1] == "prometheus answers again"


async def test_a_source_that_stays_lost_is_one_change() -> None:
    source = answers(recorded())
    watch = Watch([slo()], source, None, FakeClock())
    await watch.poll_metrics()
    source.error = SourceUnreachable("gone")
    for _ in range(5):
        snapshot = await watch.poll_metrics()
    assert len(snapshot.changes) == 1


async def test_sources_fail_apart() -> None:
    source, alerts = answers(recorded()), FakeAlerts([alert()])
    watch = Watch([slo()], source, alerts, FakeClock())
    await watch.poll_metrics()
    await watch.poll_alerts()
    source.error = SourceUnreachable("gone")
    alerts.held = [alert("Other")]
    await watch.poll_metrics()
    snapshot = await watch.poll_alerts()
    assert [each.name for each in snapshot.alerts] == ["Other"]
    assert [source.ok for source in snapshot.sources] == [False, True]
    assert snapshot.statuses[0].level is Level.OK


async def test_polls_that_overlap_both_count() -> None:
    watch = Watch([slo()], answers(recorded()), FakeAlerts([alert()]), FakeClock())
    await asyncio.gather(watch.poll_metrics(), watch.poll_alerts())
    assert watch.snapshot.statuses[0].level is Level.OK
    assert len(watch.snapshot.alerts) == 1
    assert watch.snapshot.seq == 2


async def test_an_alert_that_went_away_is_told_as_resolved() -> None:
    alerts = FakeAlerts([alert("Down", slo="shop/checkout"), alert("Quiet", state=AlertState.SILENCED)])
    watch = Watch([slo()], answers([]), alerts, FakeClock())
    await watch.poll_alerts()
    alerts.held = []
    snapshot = await watch.poll_alerts()
    assert [(change.kind, change.text) for change in snapshot.changes] == [("resolved", "Down shop/checkout")]


async def test_the_end_of_an_alert_that_somebody_has_taken_is_told() -> None:
    taken = replace(alert("Down"), silenced_by=("s1",), state=AlertState.SILENCED)
    alerts = FakeAlerts([taken])
    await alerts.silence(acks.take(taken.labels, "mia", "looking", RECORDED_AT))
    watch = Watch([slo()], answers([]), alerts, FakeClock())
    (seen,) = (await watch.poll_alerts()).alerts
    assert seen.state is AlertState.ACKNOWLEDGED
    alerts.held = []
    assert [change.text for change in (await watch.poll_alerts()).changes] == ["Down"]


async def test_a_lost_alertmanager_resolves_nothing() -> None:
    alerts = FakeAlerts([alert()])
    watch = Watch([slo()], answers([]), alerts, FakeClock())
    await watch.poll_alerts()
    alerts.error = SourceUnreachable("gone")
    snapshot = await watch.poll_alerts()
    assert len(snapshot.alerts) == 1
    assert [change.kind for change in snapshot.changes] == ["source"]


@pytest.mark.parametrize("number", [1, 1000])
async def test_a_refresh_takes_at_most_six_queries(number: int) -> None:
    ids = [f"shop/{each}" for each in range(number)]
    source = answers(sample for id in ids for sample in recorded(bad=5000, ratio=0.01, id=id))
    watch = Watch([slo(id=id) for id in ids], source, None, FakeClock())
    await watch.poll_metrics()
    assert len(source.asked) <= 6


async def test_a_quiet_system_is_asked_for_no_past_and_changes_now_and_then() -> None:
    source, clock = answers(recorded()), FakeClock()
    watch = Watch([slo()], source, None, clock)
    for _ in range(10):
        await watch.poll_metrics()
        clock.advance(timedelta(seconds=1))
    assert len(source.asked) == 2 * 10 + 1


async def test_an_overspent_budget_is_told_when_it_recovers() -> None:
    source, clock = answers(recorded(bad=1500, ratio=0.0)), FakeClock()
    watch = Watch([slo()], source, None, clock)

    def past(query: str) -> list[Series]:
        until = RECORDED_AT.replace(second=30, microsecond=0)
        until -= timedelta(minutes=1) if until > RECORDED_AT - timedelta(seconds=30) else timedelta()
        at = [until - back * HOUR for back in range(719, -1, -1)]
        labels = {"slo": "shop/checkout"}
        return [
            Series(
                {**labels, "figure": "bad"}, tuple((each, 1500.0 if each == at[48] else 0.0) for each in at)
            ),
            Series({**labels, "figure": "total"}, tuple((each, 1e6 / 720) for each in at)),
        ]

    source.ranges = past
    (status,) = (await watch.poll_metrics()).statuses
    assert status.level is Level.SPENT
    assert status.recovers_in is not None
    assert status.recovers_in / HOUR == pytest.approx(48 + 500 / 1500, abs=0.01)


async def test_a_failing_forecast_leaves_the_figures_and_is_said_once() -> None:
    source = answers(recorded(bad=1500))

    def refuse(query: str) -> list[Series]:
        raise SourceTimeout("past took too long")

    source.ranges = refuse
    watch = Watch([slo()], source, None, FakeClock())
    for _ in range(5):
        snapshot = await watch.poll_metrics()
    assert health(snapshot, "prometheus").ok
    assert snapshot.statuses[0].level is Level.SPENT
    assert [change.text for change in snapshot.changes] == ["prometheus: past took too long"]
    assert len([query for query in source.asked if "[1h]" in query]) == 1


def raw(query: str) -> list[Sample]:
    """A Prometheus that holds counters and no rules."""
    if query.startswith("{__name__") or "timestamp(slo:info" in query or "ALERTS" in query:
        return []
    values = {"0:rate": 5.0, "0:ratio:1h": 0.0001, "0:bad": 10.0, "0:total": 1e6, "0:coverage": 0.9}
    return [
        Sample({"figure": figure}, RECORDED_AT, each) for figure, each in values.items() if figure in query
    ]


async def test_without_rules_counters_are_read_but_not_at_every_refresh() -> None:
    source, clock = FakeMetrics(raw), FakeClock()
    watch = Watch([slo()], source, None, clock)
    (status,) = (await watch.poll_metrics()).statuses
    assert (status.level, status.coverage) == (Level.OK, 0.9)
    assert status.budget_left == pytest.approx(0.99)
    assert len(source.asked) <= 6
    source.asked.clear()
    clock.advance(timedelta(seconds=1))
    await watch.poll_metrics()
    assert len(source.asked) == 2
    source.asked.clear()
    clock.advance(timedelta(minutes=1))
    await watch.poll_metrics()
    assert len([query for query in source.asked if "0:rate" in query]) == 1
    assert not [query for query in source.asked if "0:bad" in query]


async def test_history_of_rates_is_used_until_the_rules_have_spoken() -> None:
    rate = next(sample for sample in recorded() if sample.labels["__name__"] == "slo:total:rate5m")
    source = answers([rate])
    from_history = source.answer

    def answer(query: str) -> Iterable[Sample]:
        if "sum_over_time" not in query:
            return from_history(query)
        values = {"bad:30d": 400.0, "total:30d": 1e6, "coverage:30d": 1.0, "ratio:1h": 0.0002}
        labels = {"slo": "shop/checkout"}
        return [Sample({**labels, "figure": name}, RECORDED_AT, value) for name, value in values.items()]

    source.answer = answer
    watch = Watch([slo()], source, None, FakeClock())
    (status,) = (await watch.poll_metrics()).statuses
    assert status.level is Level.OK
    assert status.budget_left == pytest.approx(0.6)
    assert not [query for query in source.asked if "errors_total" in query]


async def test_rules_that_say_nothing_are_no_reason_to_read_counters() -> None:
    info = [sample for sample in recorded() if sample.labels["__name__"] == "slo:info"]
    source = answers(info)
    watch = Watch([slo()], source, None, FakeClock())
    snapshot = await watch.poll_metrics()
    assert snapshot.statuses[0].level is Level.NO_DATA
    assert not [query for query in source.asked if "errors_total" in query]


async def test_scrapes_that_stopped_turn_nothing_ok() -> None:
    watch = Watch([slo()], answers(recorded(rate=None)), None, FakeClock())
    snapshot = await watch.poll_metrics()
    assert snapshot.statuses[0].level is Level.NO_DATA
    assert snapshot.statuses[0].budget_left == pytest.approx(0.99)


async def test_the_past_is_asked_about_its_own_time() -> None:
    source = answers(recorded())
    watch = Watch([slo()], source, None, FakeClock())
    snapshot = await watch.poll_metrics(at=RECORDED_AT - timedelta(days=3))
    assert snapshot.statuses[0].level is Level.OK
    assert not [query for query in source.asked if "ALERTS" in query]


async def test_a_history_that_cannot_be_had_raises() -> None:
    source = answers(recorded())
    watch = Watch([slo()], source, None, FakeClock())
    await watch.poll_metrics()
    found = await watch.history(slo())
    assert found.slo == "shop/checkout"
    source.error = SourceUnreachable("gone")
    with pytest.raises(SourceUnreachable):
        await watch.history(slo())


async def test_closing_closes_both_sources() -> None:
    source, alerts = answers([]), FakeAlerts()
    await Watch([slo()], source, alerts, FakeClock()).aclose()
    assert (source.closed, alerts.closed) == (True, True)


async def test_alerts_keep_their_order_in_every_snapshot() -> None:
    pages = [alert("B", since=RECORDED_AT), alert("A", since=RECORDED_AT - HOUR)]
    watch = Watch([slo()], answers([]), FakeAlerts([*pages, replace(alert("T"), severity=None)]), FakeClock())
    assert [each.name for each in (await watch.poll_alerts()).alerts] == ["A", "B", "T"]


async def test_the_snapshot_says_what_the_policy_lets_pass() -> None:
    watch = Watch([slo(id="shop/checkout")], answers(recorded(bad=900)), None, FakeClock())
    assert watch.snapshot.gate is None
    gate = (await watch.poll_metrics()).gate
    assert gate is not None
    assert (gate.step.name, gate.slo, gate.frozen) == ("FREEZE", "shop/checkout", ("normal", "non-critical"))


async def test_a_lost_source_is_told_by_its_cause_alone() -> None:
    metrics = answers(recorded())
    watch = Watch([slo()], metrics, None, FakeClock())
    await watch.poll_metrics()
    metrics.error = SourceTimeout(
        "Prometheus at http://prom:9090 gave no answer in 5 s", cause="no answer in 5 s"
    )
    lost = await watch.poll_metrics()
    assert lost.changes[-1].text == "prometheus lost: no answer in 5 s"
    assert health(lost, "prometheus").cause == "no answer in 5 s"
    assert health(lost, "prometheus").error == "Prometheus at http://prom:9090 gave no answer in 5 s"


async def test_remarks_of_a_server_are_kept_with_its_health_and_told_once() -> None:
    metrics = answers(recorded())
    metrics.said = ("store eu is away: partial response", "info: metric might not be a counter")
    watch = Watch([slo()], metrics, None, FakeClock())
    await watch.poll_metrics()
    again = await watch.poll_metrics()
    assert health(again, "prometheus").remarks == metrics.said
    assert [change.text for change in again.changes] == [
        "prometheus remarks: store eu is away: partial response"
    ]
    metrics.said = ()
    assert health(await watch.poll_metrics(), "prometheus").remarks == ()


async def test_which_of_several_servers_answers_is_known_and_a_change_of_it_told() -> None:
    metrics = answers(recorded())
    metrics.address = "http://a:9090"
    watch = Watch([slo()], metrics, None, FakeClock())
    assert health(await watch.poll_metrics(), "prometheus").endpoint == "http://a:9090"
    metrics.address = "http://b:9090"
    other = await watch.poll_metrics()
    assert other.changes[-1].text == "prometheus is now read from http://b:9090"


async def test_a_server_with_old_samples_is_turned_away_from_now_and_then() -> None:
    metrics, clock = answers(recorded()), FakeClock()
    metrics.address = "http://a:9090"
    watch = Watch([slo()], metrics, None, clock)
    await watch.poll_metrics()
    assert metrics.turned_away == 0
    for minutes, turned in ((4, 1), (1, 1), (3, 2)):
        clock.advance(timedelta(minutes=minutes))
        await watch.poll_metrics()
        assert metrics.turned_away == turned


def _watchdog() -> Alert:
    return replace(alert("Watchdog", severity=None), labels={"alertname": "Watchdog", "severity": "none"})


async def test_a_dead_man_alert_that_was_there_and_is_gone_is_missed_at_once() -> None:
    alerts, clock = FakeAlerts([_watchdog()]), FakeClock()
    watch = Watch([slo()], answers(recorded()), alerts, clock)
    there = await watch.poll_alerts()
    assert there.alerts == ()
    assert there.dead_man == DeadMan("Watchdog", RECORDED_AT, None)
    alerts.held = ()
    clock.advance(timedelta(seconds=5))
    gone = await watch.poll_alerts()
    clock.advance(timedelta(seconds=60))
    assert gone.dead_man == DeadMan("Watchdog", RECORDED_AT, RECORDED_AT + timedelta(seconds=5))
    assert (await watch.poll_alerts()).dead_man == gone.dead_man
    alerts.held = [_watchdog()]
    assert (await watch.poll_alerts()).dead_man == DeadMan("Watchdog", clock.now(), None)


async def test_a_dead_man_alert_that_only_the_rules_know_is_missed_after_a_while() -> None:
    metrics, clock = answers(recorded()), FakeClock()
    known = metrics.answer

    def answer(query: str) -> Iterable[Sample]:
        if "probe_success" in query:
            dead_man = {"figure": "dead man", "alertname": "Watchdog"}
            probe = {"figure": "probe", "instance": "sg"}
            return [Sample(dead_man, RECORDED_AT, 1), Sample(probe, RECORDED_AT, 0)]
        return known(query)

    metrics.answer = answer
    watch = Watch([slo()], metrics, FakeAlerts(), clock)
    first = await watch.poll_metrics()
    assert [(probe.name, probe.up) for probe in first.probes] == [("sg", False)]
    assert first.changes == ()
    young = await watch.poll_alerts()
    assert young.dead_man == DeadMan("Watchdog", None, None)
    clock.advance(timedelta(seconds=61))
    assert (await watch.poll_alerts()).dead_man == DeadMan("Watchdog", None, RECORDED_AT)


async def test_where_nothing_fires_all_the_time_nothing_is_missed() -> None:
    watch = Watch([slo()], answers(recorded()), FakeAlerts(), FakeClock())
    await watch.poll_metrics()
    assert (await watch.poll_alerts()).dead_man is None


async def test_a_thousand_recorded_slos_take_six_queries_at_most() -> None:
    """Rolling and calendar windows, exclusions, some burning, some overspent."""
    exclusion = Exclusion(RECORDED_AT - 3 * HOUR, RECORDED_AT - 2 * HOUR, "maintenance")
    slos = []
    samples: list[Sample] = []
    for number in range(1000):
        id_ = f"shop/slo-{number:04}"
        calendar = CalendarWindow(CalendarUnit.MONTH) if number % 10 == 1 else None
        slos.append(slo(id=id_, calendar=calendar, exclusions=(exclusion,) if number % 10 == 2 else ()))
        bad, ratio = (1500.0, 0.02) if number % 10 == 0 else (10.0, 0.0001)
        samples += recorded(bad, ratio, id=id_)
    source = answers(samples)
    watch = Watch(slos, source, None, FakeClock())
    snapshot = await watch.poll_metrics()
    assert len(snapshot.statuses) == 1000
    assert {Level.PAGE, Level.OK} <= {status.level for status in snapshot.statuses}
    assert len(watch.reading.asked) == len(source.asked) <= 6
    assert watch.reading.recorded == {each.id for each in slos}
    assert watch.reading.rated == frozenset()


async def test_selectors_without_series_are_looked_at_now_and_then() -> None:
    source, clock = FakeMetrics(lambda _query: []), FakeClock()
    watch = Watch([slo()], source, None, clock)
    snapshot = await watch.poll_metrics()
    assert snapshot.statuses[0].unmatched == ("requests_total",)
    clock.advance(timedelta(minutes=1))
    snapshot = await watch.poll_metrics()
    assert snapshot.statuses[0].unmatched == ("requests_total",)
    assert len([query for query in source.asked if "last_over_time(requests_total" in query]) == 1


class _Many:
    """A Prometheus with rules of 60 SLOs, each evaluated when it is told."""

    def __init__(self) -> None:
        self.at = {f"shop/slo-{number}": RECORDED_AT.timestamp() - 20 for number in range(60)}
        self.bad = dict.fromkeys(self.at, 10.0)
        self.metrics = FakeMetrics(self._answer)
        self.slos = [slo(id=id) for id in self.at]

    def evaluate(self, id: str, bad: float) -> None:
        self.at[id] += 60
        self.bad[id] = bad

    def _answer(self, query: str) -> list[Sample]:
        if query.startswith("{__name__"):
            _, _, since = query.rstrip(")").rpartition(">= ")
            least = float(since) if "and on (slo)" in query else 0.0
            wanted = [id for id, at in self.at.items() if at >= least]
            return [sample for id in wanted for sample in recorded(self.bad[id], id=id)]
        if "timestamp(slo:info" in query:
            return [Sample({"slo": id}, RECORDED_AT, at) for id, at in self.at.items()]
        return []

    def whole_reads(self) -> int:
        return sum(q.startswith("{__name__") and "and on (slo)" not in q for q in self.metrics.asked)


async def test_of_many_slos_only_those_evaluated_since_are_read_and_judged_again() -> None:
    server, clock = _Many(), FakeClock()
    watch = Watch(server.slos, server.metrics, None, clock)
    first = {status.slo.id: status for status in (await watch.poll_metrics()).statuses}
    server.evaluate("shop/slo-7", bad=900.0)
    clock.advance(timedelta(seconds=5))
    second = {status.slo.id: status for status in (await watch.poll_metrics()).statuses}
    assert server.whole_reads() == 1
    changed = [id for id, status in second.items() if status is not first[id]]
    assert changed == ["shop/slo-7"]
    total = second[changed[0]].total
    assert total is not None
    assert second[changed[0]].good == total - 900
    clock.advance(timedelta(seconds=60))
    await watch.poll_metrics()
    assert server.whole_reads() == 2


async def test_an_slo_whose_rules_are_gone_has_no_data_at_once() -> None:
    server, clock = _Many(), FakeClock()
    watch = Watch(server.slos, server.metrics, None, clock)
    await watch.poll_metrics()
    del server.at["shop/slo-7"]
    clock.advance(timedelta(seconds=5))
    statuses = {status.slo.id: status for status in (await watch.poll_metrics()).statuses}
    assert statuses[slo(id="shop/slo-7").id].level is Level.NO_DATA
    assert server.whole_reads() == 2


async def test_an_slo_whose_targets_are_all_down_is_not_ok() -> None:
    of = slo(sli=EventRatio('bad{job="app"}', 'all{job="app"}'))
    source, clock = answers(recorded()), FakeClock()
    recorded_only = source.answer
    up = {"app": 2.0, "lb": 1.0}

    def answer(query: str) -> Iterable[Sample]:
        if "process_start_time_seconds" not in query:
            return recorded_only(query)
        targets = {"app": 2.0, "lb": 1.0}
        counts = (("up", up), ("targets", targets))
        return [
            Sample({"figure": figure, "job": job}, RECORDED_AT, value)
            for figure, by_job in counts
            for job, value in by_job.items()
        ]

    source.answer = answer
    watch = Watch([of], source, None, clock)
    seen = []
    for alive in (2.0, 1.0, 0.0, 1.0):
        up["app"] = alive
        clock.advance(timedelta(seconds=20))
        snapshot = await watch.poll_metrics()
        (status,) = snapshot.statuses
        seen.append((status.level, status.blind))
        assert snapshot.targets == (Targets("app", int(alive), 2), Targets("lb", 1, 1))
    down = (Level.NO_DATA, Targets("app", 0, 2))
    assert seen == [(Level.OK, None), (Level.OK, None), down, (Level.OK, None)]


async def test_a_dependency_is_down_once_its_measure_has_said_so_twice() -> None:
    source, clock = answers(recorded()), FakeClock()
    others, works = source.answer, {"cache": 1.0, "db": 1.0}

    def answer(query: str) -> Iterable[Sample]:
        if "max(cache_up)" not in query:
            return others(query)
        if not works:
            raise SourceTimeout("too slow")
        return [Sample({"figure": name}, RECORDED_AT, value) for name, value in works.items()]

    source.answer = answer
    dependencies = [Dependency("cache", "Cache", up="cache_up"), Dependency("db", "Database", up="db_up")]
    watch = Watch([slo()], source, None, clock, dependencies=dependencies)

    async def later() -> Snapshot:
        clock.advance(timedelta(seconds=20))
        return await watch.poll_metrics()

    assert (await later()).down == ()
    works["cache"] = 0.0
    began = clock.now() + timedelta(seconds=20)
    assert (await later()).down == ()
    assert (await later()).down == (Down("cache", began),)
    works.clear()
    unknown = await later()
    assert unknown.down == (Down("cache", began),)
    assert unknown.changes[-1].text == "prometheus: too slow"
    works |= {"cache": 1.0, "db": 0.0}
    assert (await later()).down == ()
