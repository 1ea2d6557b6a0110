"""What is due again, by the records of runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sretool.core.plans.gameday.due import due
from sretool.core.plans.often import Every
from sretool.core.runs.model import Outcome, RunInput, RunKind, RunRecord, RunState, Verdict

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def run(days: int, outcome: Outcome | None, path: str = "/old/experiments/crash.yaml") -> RunRecord:
    return RunRecord(
        id=f"r{days}",
        kind=RunKind.CHAOS,
        title="Crash",
        state=RunState.LOST if outcome is None else RunState.FINISHED,
        started=NOW - timedelta(days=days),
        inputs=(RunInput(path, "0"),),
        verdict=Verdict(outcome, "") if outcome is not None else None,
    )


def test_what_was_never_done_is_due() -> None:
    found = due("crash", "Crash", Every.MONTH, "/here/experiments/crash.yaml", [], NOW)
    assert (found.now, found.at, found.last, found.tried) == (True, None, None, None)


def test_what_has_no_frequency_is_never_due() -> None:
    assert due("crash", "Crash", None, "/here/experiments/crash.yaml", [], NOW).now is False


def test_only_a_run_to_its_end_counts_wherever_the_files_lay() -> None:
    runs = [
        run(1, None),
        run(2, Outcome.INCONCLUSIVE),
        run(3, Outcome.ABORTED),
        run(4, Outcome.PASSED, "/old/experiments/kubernetes/crash.yaml"),
        run(5, Outcome.PASSED, "/old/other.yaml"),
        run(20, Outcome.FAILED),
        run(30, Outcome.PASSED),
    ]
    found = due("crash", "Crash", Every.MONTH, "/here/experiments/crash.yaml", runs, NOW)
    assert (found.last, found.tried) == (runs[5], runs[0])
    assert (found.now, found.at) == (False, NOW - timedelta(days=20) + timedelta(days=31))


def test_the_same_date_every_time_is_never_late() -> None:
    for every, days in ((Every.WEEK, 7), (Every.MONTH, 31), (Every.QUARTER, 92), (Every.YEAR, 366)):
        runs = [run(days, Outcome.PASSED)]
        assert due("crash", "Crash", every, "experiments/crash.yaml", runs, NOW).now is True
        early = NOW - timedelta(seconds=1)
        assert due("crash", "Crash", every, "experiments/crash.yaml", runs, early).now is False
