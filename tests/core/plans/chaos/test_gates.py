"""What keeps an experiment from beginning."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sretool.core.plans.chaos import plan as plans
from sretool.core.plans.chaos.gates import WAIVABLE, Approval, Earlier, Facts, Page, refusals
from sretool.core.plans.chaos.read import read
from sretool.core.plans.chaos.targets import UNKNOWN, Answer, Target

if TYPE_CHECKING:
    from sretool.core.plans.chaos.plan import ChaosPlan

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
KNOWN = Answer((Target("app-1 (pid 812)", undo={"kind": "proceed"}),))


def plan(
    *, production: bool = False, hypothesis: bool = True, strategy: str = "default",
    answer: Answer = KNOWN, **block: Any,
) -> ChaosPlan:  # fmt: skip
    provider = {"type": "python", "module": "m", "func": "f"}
    probe = {"type": "probe", "name": "well", "tolerance": True, "provider": provider}
    document: dict[str, Any] = {
        "title": "A replica stops",
        "description": "…",
        "method": [{"type": "action", "name": "stop", "provider": provider}],
        "runtime": {"hypothesis": {"strategy": strategy}},
        "extensions": [{"name": "sretool", **block}],
    }
    if hypothesis:
        document["steady-state-hypothesis"] = {"title": "well", "probes": [probe]}
    experiment = read("x.json", json.dumps(document), {}).experiment
    assert experiment is not None
    return plans.plan(experiment, {("method", 0): answer}, {}, production=production)


def facts(**found: Any) -> Facts:
    return Facts(NOW, "mia", **found)


def closed(of: ChaosPlan, found: Facts, *waived: str) -> list[str]:
    return [each.gate for each in refusals(of, found, frozenset(waived))]


def test_nothing_wrong_lets_it_begin() -> None:
    assert closed(plan(), facts(budgets={"shop/up": 0.4})) == []


@pytest.mark.parametrize(
    ("found", "gate"),
    [
        pytest.param({"stop_file": "/etc/sretool/chaos.stop"}, "stop", id="stop file"),
        pytest.param({"running": "another one (process 12)"}, "lock", id="another run"),
        pytest.param({"left_over": ("latency (database)",)}, "faults", id="fault still in"),
        pytest.param({"sources": ("Prometheus gave no answer in 2 s",)}, "sources", id="no answer"),
        pytest.param({"pages": (Page("ServiceDown"),)}, "page", id="page"),
        pytest.param({"budgets": {"shop/up": 0.0}}, "budget", id="spent budget"),
        pytest.param({"budgets": {"shop/up": -0.2}}, "budget", id="overspent budget"),
        pytest.param({"frozen": "the budget policy is at FREEZE"}, "freeze", id="frozen"),
        pytest.param({"load": "no such profile"}, "load", id="no load"),
    ],
)
def test_each_of_these_keeps_it_from_beginning(found: dict[str, Any], gate: str) -> None:
    assert closed(plan(), facts(**found)) == [gate]
    assert closed(plan(), facts(**found), gate) == ([] if gate in WAIVABLE else [gate])
    assert gate in closed(plan(production=True), facts(**found), gate)


MINUTE = timedelta(minutes=1)
DRILL = Earlier("x7f3q2", "The primary dies", NOW - 10 * MINUTE, NOW - 4 * MINUTE)
TAIL = Page("SLOBudgetBurn (shop/up)", NOW - 8 * MINUTE, 30 * MINUTE)


def test_the_tail_of_our_own_drill_is_told_with_its_end() -> None:
    (found,) = refusals(plan(), facts(pages=(TAIL,), earlier=(DRILL,)))
    assert found.text == (
        "a page fires: SLOBudgetBurn (shop/up) since 8m: the tail of 'The primary dies' (run x7f3q2), "
        "which ended 4m ago"
    )
    assert found.remedy == (
        f"wait until about {NOW + 26 * MINUTE:%H:%M} UTC, when the window of 30m has forgotten it, "
        "or go on with `--waive page`"
    )
    (found, *_) = refusals(plan(production=True), facts(pages=(TAIL,), earlier=(DRILL,)))
    assert "waive" not in found.remedy


def test_a_page_that_one_drill_raised_is_kept_up_by_the_next() -> None:
    after = Earlier("b2", "The network is slow", NOW - 3 * MINUTE, NOW - MINUTE)
    short = Page("SLOBudgetBurn (shop/fast)", NOW - 2 * MINUTE, 5 * MINUTE)
    again = Page(TAIL.text, NOW - 3 * MINUTE, 5 * MINUTE)
    found = refusals(plan(), facts(pages=(TAIL, short, again), earlier=(after, DRILL)))
    assert [each.text for each in found] == [
        "a page fires: SLOBudgetBurn (shop/fast) since 2m, SLOBudgetBurn (shop/up) since 8m: the tail of "
        "'The network is slow' (run b2), which ended 1m ago"
    ]
    assert f"about {NOW + 29 * MINUTE:%H:%M} UTC, when the window of 30m" in found[0].remedy


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(Page("SLOBudgetBurn", NOW - 11 * MINUTE, 30 * MINUTE), id="it fired before the drill"),
        pytest.param(Page("ServiceDown", NOW - 8 * MINUTE), id="it is about now"),
        pytest.param(Page("SLOBudgetBurn", None, 30 * MINUTE), id="nobody knows since when"),
        # It should have forgotten the drill two minutes ago.
        pytest.param(Page("SLOBudgetBurn", NOW - 8 * MINUTE, MINUTE), id="it fires for too long"),
        pytest.param(Page("SLOBudgetBurn", NOW - MINUTE, MINUTE), id="it began too late"),
    ],
)
def test_what_is_no_tail_of_a_drill_is_to_be_mended(page: Page) -> None:
    (found,) = refusals(plan(), facts(pages=(page,), earlier=(DRILL,)))
    assert found.text.startswith(f"a page fires: {page.text}")
    assert found.remedy == "mend that first"
    # And so is one beside a tail.
    (found,) = refusals(plan(), facts(pages=(TAIL, page), earlier=(DRILL,)))
    assert "SLOBudgetBurn (shop/up)" not in found.text
    assert found.remedy == "mend that first"


def test_a_budget_smaller_than_the_price_is_not_enough() -> None:
    assert closed(plan(budget_price="5%"), facts(budgets={"shop/up": 0.049, "shop/fast": 0.5})) == ["budget"]
    assert closed(plan(budget_price="5%"), facts(budgets={"shop/up": 0.05})) == []


def test_a_budget_that_is_not_known_keeps_nothing() -> None:
    assert closed(plan(budget_price="5%"), facts(budgets={"shop/new": None})) == []


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ({"hypothesis": False}, False),
        ({"strategy": "after-method-only"}, False),
        ({"strategy": "before-method-only"}, True),
        ({"strategy": "continuously"}, True),
    ],
)
def test_a_steady_state_has_to_be_asked_for_before_the_fault(words: dict[str, Any], asked: bool) -> None:
    assert closed(plan(**words), facts()) == ([] if asked else ["hypothesis"])


def approved(of: ChaosPlan, *approvals: Approval) -> list[str]:
    return [each.text for each in refusals(of, facts(approvals=approvals))]


def test_production_needs_a_second_person() -> None:
    live = plan(production=True)
    (refusal,) = refusals(live, facts())
    assert refusal.gate == "approval"
    assert live.hash[:12] in refusal.remedy
    assert approved(live, Approval("leo", live.hash)) == []
    assert approved(live, Approval("leo", live.hash[:12].upper())) == []


def test_nobody_approves_their_own_experiment() -> None:
    live = plan(production=True)
    assert approved(live, Approval("Mia", live.hash)) == ["Mia cannot approve their own experiment"]
    assert approved(live, Approval("mia", live.hash), Approval("leo", live.hash)) == []


def test_an_approval_is_for_one_plan() -> None:
    live, other = plan(production=True), plan(production=True, fault="another one")
    assert live.hash != other.hash
    assert approved(live, Approval("leo", other.hash)) == [f"leo approved another plan ({other.hash[:12]})"]
    assert approved(live, Approval("leo", live.hash[:11])) == [
        f"leo approved another plan ({live.hash[:11]})"
    ]


def test_an_approval_grows_old() -> None:
    live = plan(production=True)
    day = timedelta(hours=24)
    assert approved(live, Approval("leo", live.hash, NOW - day)) == []
    assert "older" in approved(live, Approval("leo", live.hash, NOW - day - timedelta(seconds=1)))[0]


def test_production_takes_no_action_that_does_not_say_what_it_hurts() -> None:
    live = plan(production=True, answer=UNKNOWN)
    assert closed(live, facts(approvals=(Approval("leo", live.hash),))) == ["targets"]
    assert closed(plan(answer=UNKNOWN), facts()) == []
