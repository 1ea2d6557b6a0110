from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.core.catalog.model import Dependency
from sretool.core.observe import answer, freshness, verdict
from sretool.core.observe.model import AlertState, Change, DeadMan, Down, Drill, Probe, Targets
from sretool.core.observe.verdict import Tag
from sretool.core.slo import policy
from sretool.core.slo.model import Level, Severity
from tests.support.dashboard import NOW, alert, amas, health, quiet, slo, snapshot, status
from tests.support.scenarios import SCENARIOS, Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.observe.model import Alert, SloStatus, Snapshot, SourceHealth
    from sretool.core.observe.verdict import Verdict

REFRESH = timedelta(seconds=5)
LONG_AGO = timedelta(seconds=130)
WIDTH = 78
"""Cells of row 2 on the narrowest normal screen."""


def _judge(of: Snapshot) -> Verdict:
    sources = {source.name: freshness.judge(source, NOW, REFRESH) for source in of.sources}
    return verdict.judge(of, sources["prometheus"], sources.get("alertmanager"), NOW)


def _reasons(of: Verdict) -> list[str]:
    return [str(reason) for reason in of.reasons]


def _lost(name: str) -> SourceHealth:
    return health(name, ok=False, ago=LONG_AGO)


def _paging() -> tuple[SloStatus, ...]:
    return (amas()[0], *quiet()[1:])


def _text(
    statuses: Sequence[SloStatus],
    alerts: Sequence[Alert] = (),
    sources: Sequence[SourceHealth] | None = None,
    changes: Sequence[Change] = (),
) -> str:
    return _judge(snapshot(statuses, alerts=alerts, sources=sources, changes=changes)).text(WIDTH)


def test_a_page_names_the_slo_its_burn_the_time_left_and_the_key() -> None:
    text = _text(_paging(), [alert("SLOBudgetBurn", of="amas/learning-availability")])
    assert text == "IT IS US  amas/learning-availability burns 20.7x, gone in 18h29m  > enter"


def test_the_worst_of_several_pages_is_named_and_the_others_counted() -> None:
    second = status(slo("amas/learning-latency", "0.95"), Level.PAGE, burn=8.0)
    text = _judge(snapshot([*_paging(), second])).text(200)
    assert "amas/learning-availability" in text
    assert ", 1 more" in text


def test_a_silenced_page_is_still_us_and_says_silenced() -> None:
    silenced = alert("SLOBudgetBurn", state=AlertState.SILENCED, of="amas/learning-availability")
    text = _text(_paging(), [silenced])
    assert text.startswith("IT IS US  amas/learning-avail.. burns 20.7x, gone in 18h29m, silenced")


def test_a_spent_budget_without_burn_says_since_when_it_is_back() -> None:
    spent = status(
        slo("amas/write-durability", "0.99999"),
        Level.SPENT,
        budget_left=-0.12,
        burn=0.4,
        recovers_in=timedelta(days=3),
    )
    assert _text([spent, *quiet()[2:]]) == (
        "IT IS US  amas/write-durability spent its budget (-12%), back in 3d  > enter"
    )
    assert "back in 3d" in _judge(snapshot([spent])).text(200)


def test_a_slow_burn_is_called_slow() -> None:
    text = _text([amas()[2], *quiet()[:2]])
    assert text.startswith("IT IS US  amas/learning-latency burns ")
    assert " slowly, gone in 6d" in text


def test_slos_without_data_make_it_unsure_and_are_named() -> None:
    blind = status(slo("amas/decision-confidence", "0.5"), Level.NO_DATA)
    assert _text([*quiet(2), blind]) == "UNSURE  1 of 3 SLOs without data: amas/decision-confidence  > enter"


def test_why_an_slo_has_no_data_is_among_the_reasons() -> None:
    blind = replace(status(slo("amas/decision-confidence"), Level.NO_DATA), problem="more bad than all")
    assert "amas/decision-confidence: more bad than all" in _reasons(_judge(snapshot([blind])))


def test_all_slos_holding_and_no_page_is_all_clear() -> None:
    changes = [Change(NOW - timedelta(hours=2), "resolved", "SLOBudgetBurn amas/learning-availability")]
    assert _text(quiet(), changes=changes) == (
        "ALL CLEAR  7 of 7 SLOs hold, no page open, last alert ended 2h00m ago  > i"
    )


def test_open_tickets_and_silenced_pages_are_mentioned_when_all_is_clear() -> None:
    tickets = [alert("HighMemory", Severity.TICKET, instance="app-2")]
    assert _text(quiet(), tickets) == "ALL CLEAR  7 of 7 SLOs hold, no page open, 1 ticket  > i"
    silenced = [alert("ServiceDown", state=AlertState.SILENCED, instance="app-1")]
    assert _text(quiet(), silenced) == "ALL CLEAR  7 of 7 SLOs hold, 1 page silenced: ServiceDown app-1  > i"


def test_a_page_of_a_symptom_without_burn_is_named() -> None:
    text = _text(quiet(), [alert("ServiceDown", instance="app-1")])
    assert text == "IT IS US  ServiceDown app-1 pages for 3m  learning  > tab, enter"


def test_the_next_key_outlives_the_explanation() -> None:
    two = [alert("ServiceDown", instance="app-1"), alert("ServiceDown", instance="app-2")]
    judged = _judge(snapshot(quiet(), alerts=two))
    assert judged.text(200) == (
        "IT IS US  ServiceDown app-1 pages for 3m, no SLO burns at page level, 1 more  learning  > tab, enter"
    )
    assert judged.text(WIDTH) == "IT IS US  ServiceDown app-1 pages for 3m, 1 more  learning  > tab, enter"
    assert judged.text(54) == "IT IS US  ServiceDown app-1 pages for 3m  > tab, enter"
    assert judged.text(50) == "IT IS US  ServiceDown.. pages for 3m  > tab, enter"
    assert judged.text(40) == "IT IS US  ServiceDown app-1 pages for 3m"


def test_a_page_of_another_service_is_not_us() -> None:
    text = _text(quiet(), [alert("DiskFull", service="billing", instance="node-3")])
    assert text.startswith("NOT US  our 7 SLOs hold; DiskFull node-3 of billing pages for 3m")


def test_a_burn_below_page_level_with_the_page_still_open_recovers() -> None:
    minutes, hour = timedelta(minutes=5), timedelta(hours=1)
    cooling = status(slo(), Level.OK, burns={minutes: 0.2, hour: 9.8})
    text = _text([cooling, *quiet()[1:]], [alert("SLOBudgetBurn", of="amas/learning-availability")])
    assert text.startswith("IT IS US  amas/learning-availability recovers: now 0.2x, 1h 9.8x")


def test_prometheus_lost_freezes_and_leaves_the_word_to_alertmanager() -> None:
    sources = [_lost("prometheus"), health("alertmanager")]
    text = _text(_paging(), [alert("SLOBudgetBurn", of="amas/learning-availability")], sources)
    assert text == "STALE  amas/learning-availability paged, gone in 18h29m at 03:10:31Z  > R"


def test_prometheus_lost_while_all_was_well_is_never_all_clear() -> None:
    judged = _judge(snapshot(quiet(), sources=[_lost("prometheus"), health("alertmanager")]))
    assert judged.tag is Tag.STALE


def test_both_sources_lost_says_both_and_what_was_known_last() -> None:
    judged = _judge(snapshot(_paging(), sources=[_lost("prometheus"), _lost("alertmanager")]))
    text = judged.text(200)
    assert text == (
        "STALE  amas/learning-availability paged, gone in 18h29m at 03:10:31Z;"
        " Alertmanager is lost as well  > R"
    )


def test_a_prometheus_that_never_answered_says_why() -> None:
    sources = [health(ok=False, ago=None, error="connection refused"), health("alertmanager")]
    assert _text(quiet(), sources=sources) == "STALE  Prometheus has never answered: connection refused  > R"


def test_alertmanager_lost_keeps_burns_certain_but_all_clear_away() -> None:
    sources = [health(), _lost("alertmanager")]
    assert _text(_paging(), sources=sources).startswith("IT IS US  amas/learning-availability")
    assert _text(quiet(), sources=sources) == (
        "UNSURE  7 SLOs hold; alerts unknown: Alertmanager lost 2m  > R"
    )


def test_without_an_alertmanager_the_missing_half_is_said() -> None:
    assert _text(quiet(), sources=[health()]) == (
        "ALL CLEAR  7 of 7 SLOs hold, no Alertmanager configured: pages unknown  > i"
    )


def test_before_the_first_answer_nothing_is_claimed() -> None:
    sources = [health(ago=None), health("alertmanager", ago=None)]
    assert _text(quiet(), sources=sources) == "UNSURE  waiting for the first answer of Prometheus"


def test_a_countdown_stops_while_prometheus_answers_late() -> None:
    late = [health(ago=timedelta(seconds=30)), health("alertmanager")]
    assert "gone in" not in _text(_paging(), sources=late)


def test_a_spent_budget_of_a_paging_slo_replaces_the_time_left() -> None:
    burning = status(slo(), Level.PAGE, budget_left=-0.4, burn=30, exhausts_in=None)
    assert "budget spent (-40%)" in _text([burning])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_a_scenario_is_answered_in_one_line(scenario: Scenario) -> None:
    judged = _judge(scenario.known)
    text = judged.text(WIDTH)
    assert text == scenario.line
    assert judged.tag is scenario.tag
    assert text.startswith(scenario.tag.value)
    assert all(said in text for said in scenario.says)
    assert text.endswith(f"  > {scenario.key}")
    assert answer.cells(text) <= WIDTH


def test_there_are_twelve_scenarios_and_every_tag_is_among_them() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == 12
    assert {scenario.tag for scenario in SCENARIOS} == set(Tag)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_the_reasons_name_the_rule_and_every_input(scenario: Scenario) -> None:
    reasons = _reasons(_judge(scenario.known))
    assert len(reasons) >= 3
    assert any(reason.startswith("Prometheus: ") for reason in reasons)
    assert any(reason.startswith("Alertmanager: ") for reason in reasons)


@pytest.mark.parametrize("scenario", [*SCENARIOS, None], ids=lambda each: each.name if each else "no SLO")
@pytest.mark.parametrize("width", [10, 40, 78, 120])
def test_every_verdict_fits_and_keeps_its_tag(scenario: Scenario | None, width: int) -> None:
    judged = _judge(scenario.known if scenario is not None else snapshot([]))
    text = judged.text(width)
    wide = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
    assert wide <= width
    assert text.startswith(judged.tag.value[:width])
    assert judged.reasons


def test_a_drill_explains_only_what_it_may_hurt_and_what_began_after_it() -> None:
    page = alert("SLOBudgetBurn", of="amas/learning-availability")
    known = snapshot(_paging(), alerts=[page])

    def tag(drill: Drill) -> Tag:
        return _judge(replace(known, drills=(drill,))).tag

    early, late = page.since - timedelta(minutes=1), page.since + timedelta(minutes=1)
    assert tag(Drill("zone", early, ("amas",))) is Tag.DRILL
    assert tag(Drill("zone", early)) is Tag.DRILL
    assert tag(Drill("zone", late, ("amas",))) is Tag.US
    assert tag(Drill("zone", early, ("billing",))) is Tag.US


def test_a_drill_that_hurts_nothing_is_named_all_the_same() -> None:
    drill = Drill("zone", NOW - timedelta(minutes=7), ("amas",))
    text = _judge(replace(snapshot(quiet()), drills=(drill,))).text(WIDTH)
    assert text == "DRILL  zone runs for 7m, on amas, 7 of 7 SLOs hold  > 5"


def test_a_dependency_of_our_own_is_a_cause_but_still_us() -> None:
    own = Dependency("db", "Database")
    down = alert("DatabaseDown", dependency="db")
    known = replace(snapshot(_paging(), alerts=[down]), dependencies=(own,))
    judged = _judge(known)
    assert judged.tag is Tag.US
    assert ", db is down" in judged.text(200)


def test_a_dependency_that_the_burning_service_does_not_stand_on_explains_nothing() -> None:
    bought = Dependency("cdn", "CDN", provider="Vendor")
    down = alert("CdnDown", dependency="cdn", service="other")
    dependencies = (Dependency("amas", "Backend"), bought)
    known = replace(snapshot(_paging(), alerts=[down]), dependencies=dependencies)
    assert _judge(known).tag is Tag.US
    linked = (replace(dependencies[0], needs=("cdn",)), bought)
    assert _judge(replace(known, dependencies=linked)).tag is Tag.NOT_US


def test_a_silenced_or_unlabelled_alert_blames_no_dependency() -> None:
    bought = (Dependency("cdn", "CDN", provider="Vendor"),)
    for excuse in (
        alert("CdnDown", state=AlertState.SILENCED, dependency="cdn"),
        alert("CdnDown", component="cdn"),
        alert("CdnDown", None, dependency="cdn"),
    ):
        assert _judge(replace(snapshot(_paging(), alerts=[excuse]), dependencies=bought)).tag is Tag.US


def test_a_failing_probe_of_a_dependency_explains_the_burn() -> None:
    known = replace(
        snapshot(_paging()),
        dependencies=(Dependency("cdn", "CDN", provider="Vendor"),),
        probes=(Probe("cdn-eu", up=False, at=NOW, dependency="cdn"),),
    )
    text = _judge(known).text(WIDTH)
    assert text.startswith("NOT US  amas/learning-availability, gone in 18h29m: cdn down")


def test_a_missing_dead_man_alert_takes_all_clear_away() -> None:
    missing = DeadMan("Watchdog", NOW - timedelta(minutes=9), NOW - timedelta(minutes=4))
    text = _judge(replace(snapshot(quiet()), dead_man=missing)).text(WIDTH)
    assert text == "UNSURE  7 SLOs hold; Watchdog is missing for 4m: pages may reach nobody  > i"
    there = DeadMan("Watchdog", NOW, None)
    assert _judge(replace(snapshot(quiet()), dead_man=there)).tag is Tag.CLEAR


def test_a_deploy_long_before_the_page_or_of_another_service_is_no_suspect() -> None:
    page = alert("SLOBudgetBurn", of="amas/learning-availability")

    def says(*changes: Change) -> str:
        return _judge(snapshot(_paging(), alerts=[page], changes=changes)).text(200)

    before = page.since - timedelta(minutes=26)
    assert ", 26m after deploy v412" in says(Change(before, "deploy", "v412", {"service": "amas"}))
    assert ", 26m after deploy v412" in says(Change(before, "deploy", "deploy v412"))
    assert "after" not in says(Change(before, "deploy", "v412", {"service": "billing"}))
    assert "after" not in says(Change(before - timedelta(hours=3), "deploy", "v412"))
    assert "after" not in says(Change(NOW, "deploy", "v413"))


def test_wide_characters_count_twice() -> None:
    japanese = status(slo("結算服務/可用性の目標は九九点九パーセント"), Level.PAGE, burn=15)
    text = _judge(snapshot([japanese])).text(30)
    assert sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text) <= 30


def test_the_release_gate_is_among_the_reasons() -> None:
    gate = policy.state(policy.DEFAULT, [policy.Standing(slo().id, 0.123)])
    reasons = _reasons(_judge(replace(snapshot(quiet()), gate=gate)))
    assert (
        "Release gate: FREEZE by amas/learning-availability, 12.3% left; wait: normal, non-critical"
        in reasons
    )
    assert "Response level 2: Less than a quarter of the budget is left" in reasons


_APP = Targets("danci-backend", 0, 2)
_ALIVE = (Targets("haproxy", 1, 1), Targets("prometheus", 1, 1))


def _blind(count: int = 2) -> tuple[SloStatus, ...]:
    """As many SLOs of which nothing counts any more, and the others, which hold."""
    return tuple(
        replace(each, level=Level.NO_DATA, blind=_APP) if number < count else each
        for number, each in enumerate(quiet())
    )


def test_slos_that_nothing_counts_for_are_us_before_any_alert_fires() -> None:
    known = replace(snapshot(_blind()), targets=(_APP, *_ALIVE))
    judged = _judge(known)
    assert judged.text(WIDTH) == ("IT IS US  amas: 0 of 2 targets of danci-backend up, 2 SLOs blind  > enter")
    assert judged.level is Level.PAGE
    assert "Blind: amas/learning-availability, amas/write-durability" in _reasons(judged)
    one = replace(snapshot(_blind(1)), targets=(_APP, *_ALIVE))
    assert ", 1 SLO blind" in _judge(one).text(200)


def test_what_is_blind_and_silenced_is_marked_so_and_shouts_no_longer() -> None:
    silenced = [
        alert(state=AlertState.SILENCED, job="danci-backend", instance=f"app-{number}") for number in (1, 2)
    ]
    known = replace(snapshot(_blind(), alerts=silenced), targets=(_APP, *_ALIVE))
    judged = _judge(known)
    said = "IT IS US  amas: 0 of 2 targets of danci-backend up, 2 SLOs blind, silenced"
    assert judged.text(200).startswith(said)
    assert judged.text(WIDTH).endswith("> enter")
    assert judged.level is Level.TICKET
    assert "The page that tells of it is silenced: somebody knows." in _reasons(judged)
    for other in (
        [silenced[0], alert(job="danci-backend", instance="app-2")],
        [alert("Slow", state=AlertState.SILENCED)],
        [alert(Severity.TICKET.value, Severity.TICKET, AlertState.SILENCED, job="danci-backend")],
    ):
        loud = _judge(replace(snapshot(_blind(), alerts=other), targets=(_APP, *_ALIVE)))
        assert loud.level is Level.PAGE
        assert "silenced" not in loud.text(200)


def test_nothing_answers_prometheus_is_not_known_to_be_us() -> None:
    targets = (_APP, Targets("haproxy", 0, 1), Targets("prometheus", 1, 1))
    judged = _judge(replace(snapshot(_blind()), targets=targets))
    assert judged.text(WIDTH) == "UNSURE  0 of 3 targets answer Prometheus, 2 SLOs blind  > enter"


def test_targets_that_a_drill_has_taken_down_are_the_drill() -> None:
    drill = Drill("kill-both", NOW - timedelta(minutes=2), ("amas",), NOW + timedelta(minutes=8))
    judged = _judge(replace(snapshot(_blind()), targets=(_APP, *_ALIVE), drills=(drill,)))
    assert judged.tag is Tag.DRILL
    assert ", 2 without data" in judged.text(200)


def test_a_page_level_burn_comes_before_targets_that_are_down() -> None:
    known = replace(snapshot([amas()[0], *_blind()[1:]]), targets=(_APP, *_ALIVE))
    assert "burns 20.7x" in _judge(known).text(200)


_BALANCER = Dependency(
    "load-balancer", "Load balancer", provider="Ingress", up='up{job="lb"}', breaks="Nobody gets in"
)
_CACHE = Dependency("cache", "Redis", up="redis_up")


def _down(statuses: Sequence[SloStatus], *ids: str) -> Snapshot:
    down = tuple(Down(each, NOW - timedelta(minutes=4)) for each in ids)
    return replace(snapshot(statuses), dependencies=(_BALANCER, _CACHE), down=down)


def test_a_dependency_whose_measure_says_down_explains_a_burn_without_any_alert() -> None:
    judged = _judge(_down(_paging(), "load-balancer", "cache"))
    assert judged.text(WIDTH) == (
        "NOT US  amas/learning-availa.., gone in 18h29m: load-balancer down 4m  > enter"
    )
    own = _judge(_down(_paging(), "cache"))
    assert own.tag is Tag.US
    assert ", cache is down" in own.text(200)


def test_a_dependency_that_is_down_while_nothing_burns_is_told() -> None:
    judged = _judge(_down(quiet(), "cache", "load-balancer"))
    assert judged.text(200) == "NOT US  load-balancer down 4m, our 7 SLOs hold, of Ingress, 1 more  > i"
    assert "While it is down: Nobody gets in" in _reasons(judged)
    assert 'load-balancer (Load balancer): up{job="lb"}' in _reasons(judged)
    own = _judge(_down(quiet(), "cache"))
    assert own.text(WIDTH) == "IT IS US  cache down 4m, our 7 SLOs hold  > i"
    drilled = replace(_down(quiet(), "cache"), drills=(Drill("cache-loss", NOW - timedelta(minutes=5)),))
    assert _judge(drilled).tag is Tag.DRILL
