"""What was recorded is held against what the events say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sretool.core.plans.chaos.recheck import recheck
from sretool.core.runs import lines
from sretool.core.runs.events import Finished, Started
from sretool.core.runs.model import Check, Outcome
from tests.support import chaos_runs

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import RunRecord

    Run = tuple[RunRecord, list[RunEvent]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    done = chaos_runs.judged(chaos_runs.failover(tmp_path, seconds=150))
    data = (done.folder / "events.jsonl").read_bytes().splitlines()
    return done.run, [event for line in data if (event := lines.decode(line)) is not None]


def test_what_the_events_say_is_confirmed(run: Run) -> None:
    found = recheck(*run)
    assert found.problems == ()
    assert found.verdict == found.recorded


def test_the_order_of_lines_means_nothing(run: Run) -> None:
    record, happened = run
    assert recheck(record, happened[::-1]).problems == ()


def test_a_better_outcome_in_the_record_is_told(run: Run) -> None:
    record, happened = run
    assert record.verdict is not None
    better = replace(record, verdict=replace(record.verdict, outcome=Outcome.FAILED))
    (problem,) = recheck(better, happened).problems
    assert problem.startswith("run.json says failed, the events say passed")


def test_a_changed_check_and_a_changed_measure_are_told(run: Run) -> None:
    record, happened = run
    assert record.verdict is not None
    assert record.measures.chaos is not None
    checks = tuple(
        Check("RTO", 30.0, 2.0, "s", ok=True) if each.name == "RTO" else each
        for each in record.verdict.checks
    )
    changed = replace(
        record,
        verdict=replace(record.verdict, checks=checks),
        measures=replace(record.measures, chaos=replace(record.measures.chaos, budget_spent=0.001)),
    )
    told = recheck(changed, happened).problems
    assert "run.json has check RTO got 2.0, the events say 12.4" in told
    assert any(each.startswith("run.json has budget_spent 0.001") for each in told)


def test_rounding_is_no_difference(run: Run) -> None:
    record, happened = run
    assert record.measures.chaos is not None
    close = replace(record.measures.chaos, rto_s=12.4 + 1e-7)
    changed = replace(record, measures=replace(record.measures, chaos=close))
    assert recheck(changed, happened).problems == ()


def test_without_an_end_there_is_nothing_to_hold_it_against(run: Run) -> None:
    record, happened = run
    found = recheck(record, [each for each in happened if not isinstance(each.what, Finished)])
    assert found.recorded is None
    assert found.verdict is not None


@pytest.mark.parametrize("criteria", [None, {"budget_price": "much"}], ids=["no start", "nonsense"])
def test_without_what_was_to_hold_there_is_no_verdict(run: Run, criteria: dict[str, str] | None) -> None:
    record, happened = run
    rest = [each for each in happened if not isinstance(each.what, Started)]
    if criteria is not None:
        first = next(each for each in happened if isinstance(each.what, Started))
        assert isinstance(first.what, Started)
        rest = [replace(first, what=replace(first.what, criteria=criteria)), *rest]
    found = recheck(record, rest)
    assert found.verdict is None
    assert len(found.problems) == 1
