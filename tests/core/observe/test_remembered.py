from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sretool.core.observe import freshness, verdict
from sretool.core.observe.freshness import Freshness
from sretool.core.observe.model import SourceHealth
from sretool.core.observe.remembered import as_it_was, remembered
from sretool.core.observe.verdict import Tag
from sretool.core.slo.model import Level
from tests.support.dashboard import NOW, amas, health, slo, snapshot, some_alerts, status

REFRESH = timedelta(seconds=5)
LATER = NOW + timedelta(hours=1)
LAST = snapshot(amas(), alerts=some_alerts())


def _blank(*ids: str) -> list[SourceHealth]:
    return [SourceHealth(name, False, LATER, None, None, None, None) for name in ids]


def test_what_was_known_is_shown_as_old_and_never_as_how_things_are() -> None:
    shown = as_it_was(LAST, LATER)
    assert shown.statuses == LAST.statuses
    ages = {source.name: freshness.judge(source, LATER, REFRESH) for source in shown.sources}
    assert {age.freshness for age in ages.values()} == {Freshness.REMEMBERED}
    assert not any(age.freshness.usable for age in ages.values())
    assert ages["prometheus"].age == timedelta(hours=1, seconds=1)
    judged = verdict.judge(shown, ages["prometheus"], ages["alertmanager"], LATER)
    assert judged.tag is Tag.STALE
    assert "amas/learning-availability paged" in judged.text(78)


def test_only_what_the_catalog_still_has_is_kept_and_what_is_new_has_no_data() -> None:
    first = amas()[0]
    changed = replace(first.slo, owner="somebody else")
    blank = replace(
        snapshot([status(changed, Level.NO_DATA), status(slo("new/one"), Level.NO_DATA)]),
        sources=tuple(_blank("prometheus")),
    )
    shown = remembered(LAST, blank)
    assert [each.slo.id for each in shown.statuses] == [first.slo.id, "new/one"]
    assert shown.statuses[0] == replace(first, slo=changed)
    assert shown.statuses[1].level is Level.NO_DATA
    assert shown.alerts == ()


def test_groups_belong_to_what_they_are_groups_of_now() -> None:
    template = replace(slo("shop/by-route"), group_by=("route",))
    member = template.member({"route": "/a"})
    last = snapshot([status(member, Level.PAGE, burn=20)])
    shown = remembered(last, snapshot([status(replace(template, owner="new"), Level.NO_DATA)]))
    assert [each.slo for each in shown.statuses] == [replace(member, owner="new")]


def test_a_source_that_then_fails_is_lost_and_one_that_never_answered_waits() -> None:
    shown = as_it_was(replace(LAST, sources=(health(), health("alertmanager", ago=None))), LATER)
    prometheus, alertmanager = shown.sources
    assert freshness.judge(alertmanager, LATER, REFRESH).freshness is Freshness.WAITING
    failed = replace(prometheus, error="refused")
    assert freshness.judge(failed, LATER, REFRESH).freshness is Freshness.LOST
