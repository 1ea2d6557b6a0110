"""Verdicts on runs whose truth is known: nothing passes that should not, and what is well passes.

`pytest -s -k table` prints what became of every kind.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import pytest

from sretool.core.plans.chaos import criteria as names
from sretool.core.plans.chaos.criteria import Criteria, from_document
from sretool.core.plans.chaos.verdict import judge, undone
from sretool.core.runs import events as told
from sretool.core.runs import lines
from sretool.core.runs.model import Outcome, RunKind
from tests.support.drills import Drill, at_no_time, event, without

if TYPE_CHECKING:
    from collections.abc import Callable

    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import Verdict

SEEDS: Final = 6
PASSED, FAILED, ABORTED = Outcome.PASSED, Outcome.FAILED, Outcome.ABORTED
INCONCLUSIVE, ERROR = Outcome.INCONCLUSIVE, Outcome.ERROR


@dataclass(frozen=True)
class Kind:
    """A way in which a run can go, what is done to the world for it, and the only right outcome."""

    name: str
    change: Callable[[Drill], None]
    outcome: Outcome
    about: str = ""
    """Words that the reason must hold."""
    damage: Callable[[list[RunEvent], random.Random], list[RunEvent]] | None = None


def seen(**words: object) -> Callable[[Drill], None]:
    return lambda drill: drill.seen.update({key.replace("_", " "): value for key, value in words.items()})


def world(**words: object) -> Callable[[Drill], None]:
    def change(drill: Drill) -> None:
        for name, value in words.items():
            setattr(drill, name, value)

    return change


def ledger(**words: object) -> Callable[[Drill], None]:
    def change(drill: Drill) -> None:
        assert drill.ledger is not None
        drill.ledger = replace(drill.ledger, **words)  # type: ignore[arg-type]

    return change


def both(*changes: Callable[[Drill], None]) -> Callable[[Drill], None]:
    def change(drill: Drill) -> None:
        for each in changes:
            each(drill)

    return change


def as_it_is(_: Drill) -> None:
    pass


def silent(source: str, begin: float, seconds: float) -> Callable[[Drill], None]:
    def change(drill: Drill) -> None:
        at = drill.fault_at + begin
        drill.seen[f"{source} silent"] = (at, at + seconds)

    return change


def late(seconds: float) -> Callable[[Drill], None]:
    def change(drill: Drill) -> None:
        drill.seen["undo at"] = drill.off_at + seconds

    return change


def level_already_there(drill: Drill) -> None:
    drill.added, drill.want, drill.usual, drill.strength = False, 0.5, 1.0, 1.0
    drill.seen["dose before says"] = 0.5


def budget_from(what: object) -> Callable[[Drill], None]:
    def change(drill: Drill) -> None:
        drill.seen |= {"budget unseen from": drill.fault_at + 5, "budget then": what}

    return change


def unexpected(drill: Drill) -> None:
    drill.seen["also fire"] = {"QueueFull": drill.fault_at + 7}


def before_the_fault(drill: Drill) -> None:
    drill.seen["also fire"] = {"QueueFull": 1.0}


def cut(found: list[RunEvent], dice: random.Random) -> list[RunEvent]:
    return found[: dice.randrange(1, len(found) - 1)]


def one_dropped(found: list[RunEvent], dice: random.Random) -> list[RunEvent]:
    return without(found, dice.randrange(0, len(found)))


def one_twice(found: list[RunEvent], dice: random.Random) -> list[RunEvent]:
    return [*found, found[dice.randrange(0, len(found))]]


def shuffled(found: list[RunEvent], dice: random.Random) -> list[RunEvent]:
    mixed = list(found)
    dice.shuffle(mixed)
    return mixed


def one_without_time(found: list[RunEvent], dice: random.Random) -> list[RunEvent]:
    number = dice.randrange(1, len(found))
    return [*found[:number], at_no_time(found[number]), *found[number + 1 :]]


def through_the_file(found: list[RunEvent], _: random.Random) -> list[RunEvent]:
    read = [lines.decode(lines.encode(each)) for each in found]
    return [each for each in read if each is not None]


def all_of(*kinds: type) -> Callable[[list[RunEvent], random.Random], list[RunEvent]]:
    """Without every event of these kinds, and with a count that does not give it away."""

    def damage(found: list[RunEvent], _: random.Random) -> list[RunEvent]:
        left = [each for each in found if not isinstance(each.what, (*kinds, told.WatchEnded))]
        return [*left, event(found[-1].t, told.WatchEnded(len(left)))]

    return damage


def first_answers(found: list[RunEvent], _: random.Random) -> list[RunEvent]:
    return [each for each in found if not isinstance(each.what, told.WatchEnded)]


NAN: Final = float("nan")
KINDS: Final = (
    Kind("all is well", as_it_is, PASSED),
    Kind("all is well, lines in any order", as_it_is, PASSED, damage=shuffled),
    Kind("all is well, through the file", as_it_is, PASSED, damage=through_the_file),
    Kind("undo fails once, then heals", seen(undo="fails once"), PASSED),
    Kind("another alert fired and went before the fault", before_the_fault, PASSED),
    Kind("prometheus silent for a moment", silent("prometheus", 10, 8), PASSED),
    # The fault is not what was ordered.
    Kind("fault has no effect", world(strength=0.0), INCONCLUSIVE, "dose"),
    Kind("fault too weak", world(strength=0.8), INCONCLUSIVE, "dose"),
    Kind("fault too strong", world(strength=1.3), INCONCLUSIVE, "dose"),
    Kind("fault wears off", world(fades=True), INCONCLUSIVE, "dose"),
    Kind("dose was there before", level_already_there, INCONCLUSIVE, "dose before"),
    Kind("dose probe raises", seen(dose_says=("failed", None)), INCONCLUSIVE, "dose"),
    Kind("dose is NaN", seen(dose_says=("ok", NAN)), INCONCLUSIVE, "dose"),
    Kind("dose is infinite", seen(dose_says=("ok", float("inf"))), INCONCLUSIVE, "dose"),
    Kind("dose is no number", seen(dose_says=("ok", None)), INCONCLUSIVE, "dose"),
    Kind("dose never asked", seen(no_dose=True), INCONCLUSIVE, "dose"),
    Kind("action fails", seen(action_fails=True), INCONCLUSIVE, "fault made failed"),
    Kind(
        "no fault is told", both(seen(no_fault=True), world(strength=0.0)), INCONCLUSIVE, "no fault was made"
    ),
    # Alerts.
    Kind("alert never fires", world(alert_works=False), FAILED, "alert DatabaseSlow never"),
    Kind("alert fires late", world(for_s=30.0, within=20.0), FAILED, "alert DatabaseSlow"),
    Kind("alert already firing", seen(already="firing"), INCONCLUSIVE, "fired before"),
    Kind("alert already pending", seen(already="pending"), INCONCLUSIVE, "pending before"),
    Kind("alert silenced", seen(silenced=True), FAILED, "silenced"),
    Kind("alert not received", seen(not_received=True), FAILED, "received no"),
    Kind("alert never resolves", seen(keeps_firing=True, waits=True), FAILED, "still firing"),
    Kind("alert not resolved when watching ends", seen(keeps_firing=True), INCONCLUSIVE, "still firing"),
    Kind("unexpected alert", unexpected, FAILED, "QueueFull"),
    # Sources.
    Kind("prometheus silent too long", silent("prometheus", 5, 35), INCONCLUSIVE, "prometheus"),
    Kind("prometheus silent at the end", silent("prometheus", 30, 9999), INCONCLUSIVE, "prometheus"),
    Kind("alertmanager silent too long", silent("alertmanager", 5, 35), INCONCLUSIVE, "alertmanager"),
    Kind("nobody watches", seen(no_sources=True), INCONCLUSIVE, "alerts watched"),
    # Writes.
    Kind("lost row", ledger(lost=1), FAILED, "lost writes 1"),
    Kind("lost rows", ledger(lost=250), FAILED, "lost writes 250"),
    Kind("duplicate row", ledger(duplicated=1), FAILED, "duplicated writes 1"),
    Kind("resurrected row", ledger(resurrected=1), FAILED, "resurrected writes 1"),
    Kind("promotion hangs", both(ledger(promoted_after=None), seen(waits=True)), FAILED, "RTO not over"),
    Kind("promotion too slow", ledger(promoted_after=40.0), FAILED, "RTO 40"),
    Kind("split brain", ledger(split_brain=True), FAILED, "one primary no"),
    Kind("split brain not known", ledger(split_brain=None), INCONCLUSIVE, "one primary"),
    Kind("redundancy lost", ledger(redundant=False), FAILED, "redundancy restored no"),
    Kind("redundancy not known", ledger(redundant=None), INCONCLUSIVE, "redundancy"),
    Kind("rows cannot be read", ledger(readable=False), INCONCLUSIVE, "lost writes"),
    Kind("ledger contradicts itself", ledger(miscounted=True), INCONCLUSIVE, "lost writes"),
    Kind("ledger missing", seen(no_ledger=True), INCONCLUSIVE, "RTO"),
    # Undo.
    Kind("undo fails", seen(undo="fails"), ERROR, "not everything is undone"),
    Kind("undo never told", seen(undo="never told"), ERROR, "not everything is undone"),
    Kind("heal late", late(130), FAILED, "recovered"),
    # The steady state and probes.
    Kind(
        "not steady before", both(seen(steady={"before": False}), world(strength=0.0)), INCONCLUSIVE, "before"
    ),
    Kind("hypothesis fails before", both(seen(steady={"before": None}), world(strength=0.0)), INCONCLUSIVE),
    Kind("not steady during", seen(steady={"during": False}), FAILED, "steady state during"),
    Kind("probe raises during", seen(steady={"during": None}), INCONCLUSIVE, "steady state during"),
    Kind("not steady after", seen(steady={"after": False}), FAILED, "steady state after"),
    Kind("probe raises after", seen(steady={"after": None}), INCONCLUSIVE, "steady state after"),
    Kind("steady state not told", as_it_is, INCONCLUSIVE, "steady", damage=all_of(told.SteadyState)),
    Kind("a probe of the method says no", seen(dose_met=False), FAILED, "answers as wanted not: dose"),
    # The budget.
    Kind("budget overspent", world(spent=0.2), FAILED, "budget spent 20%"),
    Kind("budget NaN", budget_from(NAN), INCONCLUSIVE, "budget"),
    Kind("budget without data", budget_from(None), INCONCLUSIVE, "budget"),
    Kind("budget stale", budget_from("stale"), INCONCLUSIVE, "budget"),
    Kind("budget never told", as_it_is, INCONCLUSIVE, "budget", damage=all_of(told.SloTick)),
    # How it ended.
    Kind("guard trips", seen(guard="shop/answers burns 20"), ABORTED, "burns 20"),
    Kind("guard trips, undo fails", seen(guard="x", undo="fails"), ERROR, "undone"),
    Kind("interrupted", seen(runner="interrupted"), ABORTED, "in words"),
    Kind("runner crashes", seen(runner="crashed"), ERROR, "crashed"),
    Kind("toolkit gives up", seen(runner="aborted"), ERROR, "aborted"),
    Kind("runner never ends", seen(runner=None), ERROR, "did not come to an end"),
    Kind("too many targets", seen(targets=2), FAILED, "targets hurt 2"),
    # The record.
    Kind("one event missing", as_it_is, INCONCLUSIVE, damage=one_dropped),
    Kind("one event twice", as_it_is, INCONCLUSIVE, damage=one_twice),
    Kind("record cut", as_it_is, INCONCLUSIVE, damage=cut),
    Kind("record without its end", as_it_is, INCONCLUSIVE, "not complete", damage=first_answers),
    Kind("an event without a time", as_it_is, INCONCLUSIVE, damage=one_without_time),
)
ANYTHING_BUT_PASSED: Final = {"one event missing", "one event twice", "record cut", "an event without a time"}
"""What is lost decides which it is."""


def played(kind: Kind, seed: int) -> tuple[Criteria, list[RunEvent]]:
    drill = Drill.of(seed)
    kind.change(drill)
    found = drill.events()
    return drill.criteria, kind.damage(found, random.Random(seed)) if kind.damage else found


def right(kind: Kind, verdict: Verdict) -> bool:
    if kind.name in ANYTHING_BUT_PASSED:
        return verdict.outcome is not PASSED
    return verdict.outcome is kind.outcome and kind.about in verdict.reason


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_verdict_is_the_truth(kind: Kind, seed: int) -> None:
    criteria, found = played(kind, seed)
    verdict, _ = judge(criteria, found)
    assert right(kind, verdict), f"{verdict.outcome}: {verdict.reason}"


def test_the_table_has_no_false_pass() -> None:
    rows, false_passes = [], 0
    for kind in KINDS:
        outcomes = Counter(judge(*played(kind, seed))[0].outcome.value for seed in range(SEEDS))
        false = outcomes["passed"] if kind.outcome is not PASSED else 0
        false_passes += false
        truth = "not passed" if kind.name in ANYTHING_BUT_PASSED else kind.outcome.value
        rows.append(f"{kind.name:46} {truth:13} {dict(outcomes)}")
    print(f"\n{'kind':46} {'truth':13} verdicts of {SEEDS} seeds")
    print("\n".join(rows))
    print(f"{len(KINDS) * SEEDS} scenarios, {false_passes} false passes")
    assert len(KINDS) * SEEDS >= 200
    assert false_passes == 0


@pytest.mark.parametrize("seed", range(60))
def test_two_things_wrong_at_once_do_not_cancel_out(seed: int) -> None:
    dice = random.Random(1000 + seed)
    wrong = [kind for kind in KINDS if kind.outcome is not PASSED]
    first, second = dice.sample(wrong, 2)
    drill = Drill.of(seed)
    first.change(drill)
    second.change(drill)
    found = drill.events()
    for kind in (first, second):
        found = kind.damage(found, dice) if kind.damage else found
    verdict, _ = judge(drill.criteria, found)
    assert verdict.outcome is not PASSED, (first.name, second.name)


def test_no_event_can_be_left_out() -> None:
    drill = Drill.of(3)
    found = drill.events()
    passed = [
        each.what
        for number, each in enumerate(found)
        if judge(drill.criteria, without(found, number))[0].outcome is PASSED
    ]
    assert passed == []


@pytest.mark.parametrize("seed", range(100))
def test_events_that_make_no_sense_together_are_judged_and_never_passed(seed: int) -> None:
    """Events of several runs at times of their own, twice, backwards: no verdict is an error of ours."""
    dice = random.Random(seed)
    drills = [Drill.of(dice.randrange(1000)) for _ in range(3)]
    soup = [each for drill in drills for each in drill.events() if dice.random() < 0.5]
    found = [
        event(dice.choice([0.0, -5.0, 1e9, NAN, dice.uniform(0, 200)]), each.what) for each in soup
    ] + dice.choices(soup, k=20)
    dice.shuffle(found)
    verdict, _ = judge(drills[0].criteria, found)
    assert verdict.outcome is not PASSED


@pytest.mark.parametrize("seed", range(20))
def test_no_figure_decides_with_a_number_that_is_none(seed: int) -> None:
    """Every NaN in turn where a number stood: no verdict gets better by it."""
    drill = Drill.of(seed)
    drill.seen["steady"] = {"during": False}
    worse, _ = judge(drill.criteria, drill.events())
    assert worse.outcome is FAILED
    found = [
        replace(each, what=replace(each.what, burn=NAN, sli=NAN, budget_spent=NAN))
        if isinstance(each.what, told.SloTick)
        else each
        for each in drill.events()
    ]
    verdict, measures = judge(drill.criteria, found)
    assert verdict.outcome is FAILED
    assert measures.chaos is not None
    assert measures.chaos.budget_spent is None


def test_criteria_come_out_of_the_first_event() -> None:
    drill = Drill.of(0)
    first = drill.events()[0].what
    assert isinstance(first, told.Started)
    assert from_document(first.criteria) == drill.criteria


def test_the_measures_are_those_of_the_world() -> None:
    drill = Drill.of(5)
    drill.ledger = replace(drill.ledger, promoted_after=12.5) if drill.ledger else None
    _, measures = judge(drill.criteria, drill.events())
    chaos = measures.chaos
    assert chaos is not None
    assert chaos.rto_s == 12.5
    assert chaos.rpo_s == 0.0
    assert chaos.lost_writes == 0
    assert chaos.dose == pytest.approx(drill.strength, rel=0.02)
    assert chaos.dose_before == pytest.approx(drill.usual, rel=0.01)
    assert chaos.budget_spent == pytest.approx(drill.spent, rel=0.01)
    assert chaos.mttr_s is not None
    assert chaos.mttr_s >= drill.hold
    (alert,) = chaos.alerts
    assert alert.detected_s == chaos.mttd_s
    assert alert.theory_s == drill.for_s + 2 * drill.interval_s
    (traffic,) = chaos.traffic
    assert (traffic.before, traffic.least, traffic.after) == (0.5, 0.0, 0.5)
    assert [each.name for each in chaos.servers] == ["pg-1", "pg-2"]


def test_a_failed_undo_is_told_from_a_failed_run() -> None:
    for what, there in (("fails", False), ("works", True)):
        drill = Drill.of(1)
        drill.seen |= {"undo": what, "runner": "crashed"}
        verdict, _ = judge(drill.criteria, drill.events())
        assert verdict.outcome is ERROR
        assert undone(verdict) is there


def test_who_ended_it_by_hand_is_told_once() -> None:
    drill = Drill.of(1)
    found = [each for each in drill.events() if not isinstance(each.what, told.WatchEnded)]
    tripped = told.GuardTripped("interrupted", "interrupted by hand (Ctrl-C)")
    verdict, _ = judge(drill.criteria, [*found, event(drill.off_at, tripped)])
    assert (verdict.outcome, verdict.reason) == (ABORTED, "interrupted by hand (Ctrl-C)")


def test_an_experiment_without_a_dose_is_never_passed() -> None:
    drill = Drill.of(2)
    verdict, _ = judge(replace(drill.criteria, dose=None), drill.events())
    assert verdict.outcome is INCONCLUSIVE
    assert "dose" in verdict.reason


def test_where_nothing_was_to_hold_nothing_is_passed() -> None:
    found = [
        event(0, told.Started(RunKind.CHAOS, "x")),
        event(1, told.RunnerEnded("completed")),
        event(2, told.WatchEnded(2)),
    ]
    verdict, _ = judge(Criteria(unexpected_fail=False), found)
    assert (verdict.outcome, verdict.reason) == (INCONCLUSIVE, "nothing was to hold")


def test_an_empty_record_is_an_error() -> None:
    verdict, measures = judge(Drill.of(0).criteria, [])
    assert verdict.outcome is ERROR
    assert measures.load is None


@pytest.mark.parametrize(
    ("rollback", "outcome"),
    [
        pytest.param("ok", PASSED, id="played"),
        pytest.param("failed", ERROR, id="failed"),
        pytest.param(None, INCONCLUSIVE, id="not played"),
    ],
)
def test_what_no_log_knows_is_undone_by_rollbacks(rollback: str | None, outcome: Outcome) -> None:
    drill = Drill.of(4)
    drill.seen["no fault"] = True
    criteria = replace(drill.criteria, unknown=("hurt the database",), max_targets=None, dose=None)
    criteria = replace(criteria, dose=drill.criteria.dose)
    found = []
    for each in drill.events():
        what = each.what
        if isinstance(what, told.WatchEnded):
            continue
        if isinstance(what, told.ChaosStep) and what.section == "rollbacks":
            if rollback is None:
                continue
            what = what if what.state == "started" else replace(what, state=rollback)
        found.append(replace(each, what=what))
    found.append(event(drill.ends_at, told.WatchEnded(len(found))))
    verdict, _ = judge(criteria, found)
    assert verdict.outcome is outcome, verdict.reason


@pytest.mark.parametrize(
    ("met", "outcome"),
    [
        pytest.param(True, PASSED, id="as wanted"),
        pytest.param(False, FAILED, id="not as wanted"),
        # Its answer was never held against what is wanted.
        pytest.param(None, INCONCLUSIVE, id="not known"),
    ],
)
def test_a_probe_of_the_method_that_says_what_is_wanted_is_held_to_it(
    met: bool | None, outcome: Outcome
) -> None:
    drill = Drill.of(0)
    drill.seen["dose met"] = met
    criteria = replace(drill.criteria, tolerated=("dose",))
    verdict, _ = judge(criteria, drill.events())
    assert verdict.outcome is outcome, verdict.reason
    (check,) = (each for each in verdict.checks if each.name == names.WANTED)
    assert check.ok is met
    assert names.WANTED in {each.name for each in names.to_hold(criteria)}


def test_every_check_of_a_whole_run_has_a_name_of_its_own() -> None:
    drill = Drill.of(0)
    verdict, _ = judge(drill.criteria, drill.events())
    found = [each.name for each in verdict.checks]
    assert len(found) == len(set(found))
    assert {each.name for each in names.to_hold(drill.criteria)} <= set(found)
