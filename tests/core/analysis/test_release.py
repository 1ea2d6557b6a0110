"""Whether a release may go out: a part that is refuted stops it, one that is unknown leaves it open."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.analysis.release import (
    Cost,
    Decision,
    Forecast,
    Found,
    Gate,
    GrowthStage,
    Level,
    Release,
    Scale,
    Search,
    Use,
    WaterLine,
    beyond,
    judge,
)

COSTS = (Cost("replicas", Decimal(50), Decimal(2), scales=True), Cost("database", Decimal(150)))
RELEASE = Release(
    change="normal",
    stages=(
        GrowthStage("launch", 20, "launch", must=True, costs=COSTS),
        GrowthStage("growth", 200, "growth", costs=COSTS),
    ),
    forecast=Forecast(12, weekend=1.5),
    reserve=0.2,
    during="peak",
    water_lines=(WaterLine("Replica cpu", 0.8, 0.6, 0.95), WaterLine("Host disk", 0.75)),
    scale=Scale(2, "Replica"),
    currency="USD",
)
FOUND = Found(
    {
        "launch": Search(80, 84, 82, ("p95 250ms",), "Replica cpu app-1"),
        "growth": Search(70, 75, 71, ("p95 250ms",), "Database connections pg-1"),
    },
    (Use("Replica cpu app-1", 0.3), Use("Replica cpu app-2", 0.5), Use("Host disk sda", 0.7)),
    19.8,
    Gate(True, "OPEN", "shop/api", 0.97),
)


def test_all_that_decides_is_good() -> None:
    found = judge(RELEASE, FOUND)
    assert (found.decision, found.reasons, found.peak) == (Decision.GO, (), 19.8)
    assert [(each.stage.id, each.carries) for each in found.stages] == [("launch", True), ("growth", False)]
    assert found.headroom is not None
    assert found.headroom.rate == pytest.approx(18)
    assert found.headroom.stage == "launch"
    assert found.headroom.share == pytest.approx(80 / 18 - 1)
    assert [(each.resource, each.level) for each in found.lines] == [
        ("Replica cpu app-2", Level.SAFE),
        ("Host disk sda", Level.SAFE),
    ]


@pytest.mark.parametrize(
    ("changed", "decision", "reason"),
    [
        ({"searches": {"launch": Search(10, 12)}}, Decision.NO_GO, "launch is not carried"),
        ({"searches": {"launch": Search(19, 26)}}, Decision.OPEN, "launch is not known to be carried"),
        ({"searches": {}}, Decision.OPEN, "launch is not known to be carried"),
        (
            {"searches": {"launch": Search(20.5, 21.5)}},
            Decision.NO_GO,
            "the reserve above the forecast peak is not left",
        ),
        ({"uses": (*(FOUND.uses or ()), Use("Replica cpu x", 0.8))}, Decision.NO_GO,
         "Replica cpu x is at warning level"),
        ({"uses": (*(FOUND.uses or ()), Use("Host disk x", 0.99))}, Decision.NO_GO,
         "Host disk x is at warning level"),
        ({"uses": (Use("Replica cpu", 0.1),)}, Decision.OPEN, "Host disk was not measured at the peak"),
        ({"uses": None}, Decision.OPEN, "Replica cpu was not measured at the peak"),
        ({"gate": Gate(False, "FREEZE")}, Decision.NO_GO, "gate: FREEZE"),
        ({"gate": Gate(None, "cannot decide")}, Decision.OPEN, "gate: cannot decide"),
        ({"gate": None}, Decision.OPEN, "gate: was not asked"),
    ],
)  # fmt: skip
def test_one_thing_that_is_not_good(changed: dict[str, object], decision: Decision, reason: str) -> None:
    found = judge(RELEASE, replace(FOUND, **changed))  # type: ignore[arg-type]
    assert (found.decision, found.reasons[0]) == (decision, reason)


def test_what_is_refuted_goes_before_what_nobody_knows() -> None:
    found = judge(RELEASE, Found(gate=Gate(False, "FREEZE")))
    assert found.decision is Decision.NO_GO
    assert found.reasons[0] == "gate: FREEZE"
    assert len(found.reasons) == 5


def test_an_outlook_stops_nothing() -> None:
    assert (
        judge(RELEASE, replace(FOUND, searches={"launch": FOUND.searches["launch"]})).decision is Decision.GO
    )


@pytest.mark.parametrize(
    ("most", "level", "ok"),
    [
        (0.6, Level.SAFE, True),
        (0.61, Level.RAISED, True),
        (0.8, Level.WARNING, False),
        (0.95, Level.DANGER, False),
    ],
)
def test_levels_of_a_water_line(most: float, level: Level, ok: bool) -> None:
    found = judge(RELEASE, replace(FOUND, uses=(Use("Replica cpu app-1", most), Use("Host disk", 0.1))))
    assert (found.lines[0].level, found.lines[0].ok) == (level, ok)


def test_the_forecast_grows_by_the_month() -> None:
    assert Forecast(10, 1.5, 0.1, 60 * 86400.0).rate == pytest.approx(10 * 1.5 * 1.21)
    assert Forecast(10).rate == 10


def test_a_forecast_beyond_every_stage_is_compared_with_the_highest() -> None:
    found = judge(replace(RELEASE, forecast=Forecast(500)), FOUND).headroom
    assert found is not None
    assert (found.stage, found.ok) == ("growth", False)
    found = judge(replace(RELEASE, stages=()), FOUND).headroom
    assert found is not None
    assert (found.stage, found.ok) == ("", None)


def test_costs_of_what_is_planned_and_of_what_is_needed() -> None:
    launch, growth = judge(RELEASE, FOUND).stages
    assert launch.stage.monthly == growth.stage.monthly == 250
    # 40/s each: 20/s and the reserve need one, 200/s and the reserve 240 / 35 = 6.9.
    assert (launch.needed, launch.monthly_needed, launch.shared) == (1, Decimal(200), "")
    assert (growth.needed, growth.monthly_needed) == (7, Decimal(500))
    assert growth.shared == "Database connections pg-1"


def test_what_is_needed_is_not_told_without_a_capacity_or_where_nothing_scales() -> None:
    bare = replace(RELEASE, scale=None)
    assert {each.needed for each in judge(bare, FOUND).stages} == {None}
    nothing = judge(RELEASE, replace(FOUND, searches={"launch": Search(None, 5)})).stages
    assert {each.needed for each in nothing} == {None}
    fixed = replace(RELEASE, stages=(replace(RELEASE.stages[0], costs=COSTS[1:]),))
    assert judge(fixed, FOUND).stages[0].monthly_needed is None
    free = replace(RELEASE, stages=(replace(RELEASE.stages[0], costs=()),))
    assert judge(free, FOUND).stages[0].stage.monthly is None


def test_a_release_of_which_nothing_is_asked_may_go() -> None:
    assert judge(Release(), Found()).decision is Decision.GO


rates = st.floats(0.1, 1e5)


@given(rates, st.none() | rates, st.none() | rates, st.floats(0, 2))
def test_a_rate_is_never_both_carried_and_refuted(
    rate: float, lower: float | None, upper: float | None, reserve: float
) -> None:
    if lower is not None and upper is not None and upper <= lower:
        lower, upper = upper, lower + 1
    found = beyond(rate, Search(lower, upper), reserve)
    if found is True:
        # What a higher rate is carried with, a lower one is, too.
        assert beyond(rate / 2, Search(lower, upper), reserve) is True
    if found is False:
        assert beyond(rate * 2, Search(lower, upper), reserve) is False
    if lower is None and upper is None:
        assert found is None


@given(st.lists(st.sampled_from(["searches", "uses", "gate"]), unique=True))
def test_what_is_missing_never_makes_it_a_go(missing: list[str]) -> None:
    nothing = Found()
    found = judge(RELEASE, replace(FOUND, **{name: getattr(nothing, name) for name in missing}))
    assert (found.decision is Decision.GO) == (not missing)
