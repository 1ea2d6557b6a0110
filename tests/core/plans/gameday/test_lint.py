"""What is wrong with a game day beyond its form."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

from sretool.core.catalog.oncall import Member, OnCall, Schedule
from sretool.core.plans.gameday.lint import Around, lint, price, too_dear
from sretool.core.plans.gameday.people import resolve
from sretool.core.plans.gameday.timetable import Known
from sretool.core.plans.load.profile import Closed, LoadProfile
from sretool.core.plans.load.shape import flat
from tests.core.plans.gameday.test_timetable import experiment, plan

if TYPE_CHECKING:
    from sretool.core.plans.gameday.plan import GameDayPlan

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GUARDS = "stop_when: [after 5m]\nbudget_price: 10%\n"


def found(
    of: GameDayPlan, known: Known | None = None, around: Around | None = None
) -> tuple[list[str], list[str]]:
    told = lint(of, known or Known({each.id: experiment() for each in of.experiments}), around or Around())
    return [str(each) for each in told.problems], [str(each) for each in told.warnings]


def test_nothing_is_wrong_with_a_good_one() -> None:
    of = plan("  - {experiment: slow, vars: {who: api-2}}", GUARDS)
    assert found(of) == ([], [])


def test_references_that_lead_nowhere() -> None:
    of = plan(
        "  - {id: l, load: evning}\n  - {id: e, experiment: slw}\n"
        "  - {id: f, experiment: slow, vars: {whom: x}}\n"
        "  - {ask: led, question: why}",
        GUARDS + "roles: [{id: lead}]\nhypotheses:\n  - sli shop/api >= 9%\n  - checks pass",
    )
    known = Known({"f": experiment()})
    lost = {"l": "there is no load profile 'evning'", "e": "there is no experiment 'slw'"}
    around = Around(lost, people={"lead": "ann"}, slos=frozenset({"shop/apis"}))
    assert found(of, known, around)[0] == [
        "plan.yaml:4: step 'l': there is no load profile 'evning'",
        "plan.yaml:5: step 'e': there is no experiment 'slw'",
        "plan.yaml:6: step 'f': experiment 'slow' has no variable 'whom'; did you mean 'who'?",
        "plan.yaml:7: step 'ask': there is no role 'led'; did you mean 'lead'?",
        "plan.yaml:12: there is no objective 'shop/api'; did you mean 'shop/apis'?",
        "plan.yaml:13: 'checks pass' is of a check, and there is none",
    ]


def test_a_load_that_its_profile_cannot_make() -> None:
    profile = LoadProfile("smoke", "Smoke", "smoke.py", Closed(flat(2, 10)))
    of = plan("  - {id: l, load: smoke, rate: 5}\n  - {id: c, capacity: smoke}", GUARDS)
    assert found(of, Known({}, {"l": profile, "c": profile}))[0] == [
        "plan.yaml:4: step 'l': smoke has a number of users, not a rate",
        "plan.yaml:5: step 'c': smoke has a number of users, not a rate",
    ]


def test_claims_of_what_is_not_there() -> None:
    of = plan("  - {wait: 1s}", GUARDS + "hypotheses: [p95 <= 1s, recovered <= 2m]")
    assert found(of)[0] == [
        "plan.yaml:7: 'p95 <= 1s' is of a load, and there is none",
        "plan.yaml:7: 'recovered <= 2m' is of an experiment, and there is none",
    ]


def test_claims_of_what_nobody_would_ever_measure() -> None:
    of = plan(
        "  - {capacity: smoke}\n  - {rounds: slow, load: evening}",
        GUARDS + "hypotheses: [p95 <= 1s, loads pass]\nat_end: [experiments pass]",
    )
    assert found(of)[0] == [
        "plan.yaml:8: 'p95 <= 1s' is of a load, and there is only a search for the highest rate",
        "plan.yaml:9: 'experiments pass' is of an experiment, and there is only what is made to be measured:"
        " rounds, or a search for a dose",
    ]
    more = "  - {load: evening, for: 1m}\n  - {experiment: slow}\n  - {rounds: slow, load: evening}"
    assert found(plan(more, GUARDS + "hypotheses: [p95 <= 1s, experiments pass]"))[0] == []


def test_a_price_beyond_that_of_the_day() -> None:
    of = plan("  - {id: e, experiment: slow}\n  - {id: f, experiment: slow}", GUARDS)
    dear = Known({"e": experiment(price="20%"), "f": experiment(price="9%")})
    assert found(of, dear) == (
        ["plan.yaml:4: step 'e': experiment 'slow' may take 20% of an error budget, the whole game day 10%"],
        ["plan.yaml:7: the experiments may take 29% together; the game day is stopped at 10%"],
    )


def test_a_price_that_nobody_tells() -> None:
    of = plan("  - {experiment: slow}")
    assert found(of)[1] == [
        "plan.yaml:1: there is no `budget_price`: nothing says what it may cost",
        "plan.yaml:1: `stop_when` has no limit of time, as in `after 90m`",
    ]


def test_of_what_is_picked_from_the_dearest_count() -> None:
    of = plan("  - {shuffle: [{experiment: a}, {experiment: b}, {experiment: c}], pick: 2}", GUARDS)
    known = Known({"a": experiment(price="1%"), "b": experiment(price="2%"), "c": experiment(price="3%")})
    told = price(of, known)
    assert (told.worst, told.together, told.untold) == (Decimal("0.03"), Decimal("0.05"), ())


def test_budgets_without_room_for_it() -> None:
    of = plan("  - {wait: 1s}", GUARDS)
    assert list(too_dear(of, {"a/b": 0.1, "a/c": 0.099, "a/d": None, "a/e": -2.0})) == [
        "a/c has 9.9% of its budget left, the game day may take 10%",
        "a/e has -200.0% of its budget left, the game day may take 10%",
    ]


def test_a_load_of_an_experiments_own_beside_that_of_the_day() -> None:
    of = plan("  - {id: l, load: x}\n  - {id: e, experiment: slow}", GUARDS)
    known = Known({"e": experiment(more="load: {profile: soak}")})
    assert found(of, known)[1] == [
        "plan.yaml:5: experiment 'slow' brings the load 'soak' of its own, beside that of the game day"
    ]


ROLES = """\
roles:
  - {id: lead, person: me}
  - {id: pager, person: on-call}
  - {id: scribe}
  - {id: guest, person: Eve}
"""
ROTA = OnCall(
    members=(Member("bo", "Bo B."),),
    schedules=(Schedule("s", "S", "UTC", date(2026, 1, 1), time(9), 0, 7, ("bo",)),),
)


def test_roles_are_persons() -> None:
    of = plan("  - {wait: 1s}", GUARDS + ROLES)
    people, nobody = resolve(of, given={"scribe": "Al"}, me="ann", oncall=ROTA, now=NOW)
    assert (people, nobody) == ({"lead": "ann", "pager": "Bo B.", "scribe": "Al", "guest": "Eve"}, {})
    assert found(of, around=Around(people=people, nobody=nobody)) == ([], [])


def test_a_role_without_a_person() -> None:
    of = plan("  - {wait: 1s}", GUARDS + ROLES)
    people, nobody = resolve(of, given={}, me="ann", oncall=None, now=NOW)
    assert found(of, around=Around(people=people, nobody=nobody))[0] == [
        "plan.yaml:9: role 'pager' is of whoever is on call, and no catalog with a calendar is known;"
        " write `person: NAME`, or give --role pager=NAME",
        "plan.yaml:10: role 'scribe' has no person; write `person: NAME`, or give --role scribe=NAME",
    ]
    before = datetime(2025, 1, 1, tzinfo=UTC)
    _, nobody = resolve(of, given={"scribe": "on-call"}, me="ann", oncall=ROTA, now=before)
    assert nobody["scribe"] == "is of whoever is on call, and nobody is now"
