"""What of a verdict answers which question of the score."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.analysis.score import Aspect
from sretool.core.plans.chaos import criteria as names
from sretool.core.plans.chaos.trial import trial
from sretool.core.plans.chaos.verdict import INCOMPLETE
from sretool.core.runs.model import Outcome, RunRecord, Verdict
from tests.support import chaos_runs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return chaos_runs.judged(chaos_runs.failover(tmp_path_factory.mktemp("state"))).run


def with_checks(record: RunRecord, **oks: bool | None) -> RunRecord:
    assert record.verdict is not None
    checks = tuple(replace(each, ok=oks.get(each.name, each.ok)) for each in record.verdict.checks)
    return replace(record, verdict=replace(record.verdict, checks=checks))


def without(record: RunRecord, *gone: str) -> RunRecord:
    assert record.verdict is not None
    left = tuple(each for each in record.verdict.checks if each.name not in gone)
    return replace(record, verdict=replace(record.verdict, checks=left))


def test_a_run_that_passed_is_worth_everything(record: RunRecord) -> None:
    found = trial(record, chaos_runs.FAILOVER)
    assert found.score == 100
    assert found.services == ("pg-1",)
    assert {each: len(found.answers[each]) for each in Aspect} == {
        Aspect.HYPOTHESES: 3,
        Aspect.DETECTION: 1,
        Aspect.RECOVERY: 4,
        Aspect.UNDO: 2,
    }


def test_lost_writes_cost_a_part_of_recovery(tmp_path: Path) -> None:
    lost = chaos_runs.judged(chaos_runs.failover(tmp_path, lost=2)).run
    assert trial(lost, chaos_runs.FAILOVER).score == pytest.approx(100 - 25 / 4)


def test_an_alert_that_fired_and_reached_nobody_is_not_detected(record: RunRecord) -> None:
    received = names.received_check("DatabasePrimaryDown")
    asking = replace(chaos_runs.FAILOVER, received=True)
    assert trial(record, asking).answers[Aspect.DETECTION] == (None,)
    assert record.verdict is not None
    check = replace(record.verdict.checks[0], name=received, ok=True)
    told = replace(record, verdict=replace(record.verdict, checks=(*record.verdict.checks, check)))
    assert trial(told, asking).answers[Aspect.DETECTION] == (True,)
    assert trial(with_checks(told, **{received: False}), asking).answers[Aspect.DETECTION] == (False,)


@pytest.mark.parametrize(
    "verdict",
    [
        None,
        Verdict(Outcome.ABORTED, "burn > 14.4"),
        Verdict(Outcome.ERROR, "not everything is undone"),
        Verdict(Outcome.INCONCLUSIVE, INCOMPLETE),
    ],
)
def test_a_run_that_was_cut_off_says_nothing_but_its_undo(record: RunRecord, verdict: Verdict | None) -> None:
    assert record.verdict is not None
    cut = replace(record, verdict=verdict and replace(verdict, checks=record.verdict.checks))
    assert trial(cut, chaos_runs.FAILOVER).score == (0 if verdict is None else 25)


@pytest.mark.parametrize("name", [names.DOSE, names.FAULT_MADE, names.PROBES, names.STEADY_BEFORE])
def test_so_does_one_whose_fault_was_not_as_ordered(record: RunRecord, name: str) -> None:
    assert trial(with_checks(record, **{name: None}), chaos_runs.FAILOVER).score == 25
    assert trial(without(record, name), chaos_runs.FAILOVER).score == 25


def test_a_helper_that_failed_may_have_hidden_anything(record: RunRecord) -> None:
    asking = replace(chaos_runs.FAILOVER, helpers=("keep a ledger",))
    assert not trial(record, asking).valid


def test_without_what_was_to_hold_nothing_is_known(record: RunRecord) -> None:
    assert trial(record, None).score == 0


@given(data=st.data())
def test_checks_that_are_lost_never_raise_it(record: RunRecord, data: st.DataObject) -> None:
    """The promised ones, whatever the others say; a check may be gone, or not known."""
    assert record.verdict is not None
    every = [each.name for each in record.verdict.checks]
    oks = {name: data.draw(st.sampled_from([True, False, None]), label=name) for name in every}
    before = with_checks(record, **oks)
    promised = {each.name for each in names.to_hold(chaos_runs.FAILOVER)} & set(every)
    unknown = data.draw(st.sets(st.sampled_from(every)))
    gone = data.draw(st.sets(st.sampled_from(sorted(promised))))
    after = without(with_checks(before, **dict.fromkeys(unknown)), *gone)
    assert trial(after, chaos_runs.FAILOVER).score <= trial(before, chaos_runs.FAILOVER).score


def test_no_check_that_broke_can_be_left_out(record: RunRecord) -> None:
    for name in (each.name for each in names.to_hold(chaos_runs.FAILOVER)):
        broken = with_checks(record, **{name: False})
        kept, left_out = trial(broken, chaos_runs.FAILOVER), trial(without(broken, name), chaos_runs.FAILOVER)
        assert left_out.score <= kept.score
