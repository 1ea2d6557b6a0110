"""The game days that come with sretool: nothing is wrong with them, beyond people and a lab."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.chaostoolkit import bundled
from sretool.adapters.files import catalog, gamedays, profiles
from sretool.core.observe import saturation
from sretool.core.plans.chaos import plan as chaos_plan
from sretool.core.plans.chaos.read import read as read_experiment
from sretool.core.plans.gameday.lint import Around, lint
from sretool.core.plans.gameday.plan import ExperimentStep
from sretool.core.plans.gameday.read import read
from sretool.core.plans.gameday.timetable import Known, timetable
from sretool.core.plans.load.profile import Open
from sretool.core.plans.often import Every

if TYPE_CHECKING:
    from sretool.core.plans.chaos.plan import ChaosPlan
    from sretool.core.plans.gameday.plan import GameDayPlan

NAMES = ("amas-quarterly", "database-night", "first-game-day", "pre-release", "surprise")
FOLDER = Path(__file__).parents[2] / "experiments"
AMAS = catalog.load([FOLDER.parent / "sretool" / "systems" / "amas"])
WATCHED = tuple(each.title for each in saturation.lines(AMAS.watched))
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def plan(name: str) -> GameDayPlan:
    file = FOLDER / "gamedays" / f"{name}.yaml"
    return read(file.name, file.read_text(encoding="utf-8"))


def experiment(name: str, environment: dict[str, str] | None = None) -> ChaosPlan:
    file = FOLDER / f"{name}.yaml"
    found = read_experiment(file.name, file.read_text(encoding="utf-8"), environment or {}).experiment
    assert found is not None
    return chaos_plan.plan(found, {}, {})


def known(of: GameDayPlan) -> Known:
    return Known(
        {each.id: experiment(each.experiment) for each in of.experiments},
        {each.id: profiles.load(each.profile, FOLDER).profile for each in of.loads},
    )


def test_all_of_them_come_with_sretool_and_are_no_experiments(tmp_path: Path) -> None:
    assert tuple(gamedays.names(tmp_path)) == NAMES
    assert all(bundled_ for _, bundled_ in gamedays.names(tmp_path).values())
    assert not any("gamedays" in name for name in bundled.experiments())


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wrong_with_it(name: str) -> None:
    of = plan(name)
    assert of.name == name
    people = {each.id: "ann" for each in of.roles}
    assert lint(of, known(of), Around(people=people)).problems == []
    for seed in range(20):
        found = timetable(of, known(of), seed)
        assert (found.problems, found.warnings) == ((), ())
        assert found.whole.most is not None


@pytest.mark.parametrize("name", NAMES)
def test_it_has_an_end_a_price_and_eyes(name: str) -> None:
    of = plan(name)
    # What looks for the rate that breaks an objective takes of its budget what that takes.
    assert (of.budget_price is None) == (name == "pre-release")
    assert of.at_end
    assert of.settle or not of.experiments
    assert {"after", "blind", "budget"} <= {each.kind.value for each in of.stop_when}


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"pre-release"}))
def test_its_experiments_have_users_about_them(name: str) -> None:
    of = plan(name)
    assert all(each.under for each in of.experiments)
    # A load with an `abort` of its own would be over with the first fault.
    assert all(profiles.load(each.profile, FOLDER).profile.abort is None for each in of.loads)


def test_the_quarterly_one_has_the_four_experiments_of_the_quarter() -> None:
    steps = plan("amas-quarterly").steps
    assert [each.experiment for each in steps if isinstance(each, ExperimentStep)] == [
        "memory-leak", "cpu-throttle", "network-latency", "db-failover",
    ]  # fmt: skip


def test_the_first_one_takes_five_minutes_at_most() -> None:
    of = plan("first-game-day")
    assert timetable(of, known(of)).whole.most == 300


def test_the_release_is_asked_for_the_growth_stages_at_their_cost() -> None:
    of = plan("pre-release")
    release = of.release
    assert release is not None
    assert [each.rate for each in release.stages] == [20, 200, 2000]
    assert [each.monthly for each in release.stages] == [350, 1080, 4700]
    assert [each.id for each in release.stages if each.must] == ["stage-1"]
    loads = {each.id: profiles.load(each.profile, FOLDER).profile.model for each in of.loads}
    for each in release.stages:
        model = loads[each.search]
        assert isinstance(model, Open)
        assert model.rate.highest == each.rate
    assert release.forecast is not None
    # What decides is the stage that the forecast is in.
    assert release.forecast.rate <= release.stages[0].rate
    around = Around(people={"lead": "ann"}, changes=AMAS.policy.changes, resources=WATCHED)
    assert lint(of, known(of), around).problems == []


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: str(file.stem))
def test_experiments_say_how_often_they_are_due_as_their_page_does(file: Path) -> None:
    every = experiment(file.stem).block.every
    assert isinstance(every, Every)
    row = next(line for line in README.splitlines() if line.startswith(f"| {file.stem} |"))
    assert row.rstrip(" |").rpartition("| ")[2] == every.value
