"""`sretool load compare`, `runs compare` and `load baseline` on real run folders."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from sretool.core.runs.events import WARM_UP, LoadTick, PhaseBegan, RequestTick, Started
from sretool.core.runs.model import Outcome, RunKind, Verdict
from tests.support.runs import store_at
from tests.support.runs_of_load import seconds

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.adapters.store.runs import RunStore
    from sretool.core.analysis.totals import Totals
    from tests.support.runs import RunClock


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunStore, RunClock]:
    (tmp_path / ".sretool").mkdir()
    monkeypatch.chdir(tmp_path)
    return store_at(tmp_path / ".sretool")


def load(
    store: tuple[RunStore, RunClock],
    slices: list[Totals],
    *,
    rate: float | None = 400,
    target: str = "http://127.0.0.1:1",
    outcome: Outcome = Outcome.PASSED,
    kind: RunKind = RunKind.LOAD,
) -> str:
    """The id of a finished run whose first five seconds, ten times as slow, were its warm-up."""
    runs, clock = store
    run = runs.create(kind, "answers", targets=[target])
    run.record(Started(kind, "answers"))
    run.record(PhaseBegan(WARM_UP))
    warm = seconds(99, length=5, slower=10)
    for number, part in enumerate([*warm, *slices]):
        if number == len(warm):
            run.record(PhaseBegan("hold"))
        clock.sleep(1)
        ticks = tuple(
            RequestTick(name, total.requests, total.failures, total.latency.counts())
            for name, total in part.names.items()
        )
        run.record(LoadTick(1.0, None if rate else 50, ticks, rate))
    run.finish(Verdict(outcome, "because"))
    return run.run.id


def steady(seed: int, **how: Any) -> list[Totals]:
    return seconds(seed, unrest=0.02, rate=300, length=30, **how)


def test_the_same_system_twice_is_no_regression(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = load(store, steady(1)), load(store, steady(2))
    assert diagnostics.run(group, ["load", "compare", one, other]) == 0
    out = capsys.readouterr().out
    assert f"{other} against {one}: same" in out
    assert "all requests" in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.slow
def test_a_regression_is_exit_1_in_every_format(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = load(store, steady(1)), load(store, steady(2, slower=1.2))
    for command in (["load", "compare"], ["runs", "compare"]):
        assert diagnostics.run(group, [*command, one, "last"]) == 1
        assert "worse: all requests p50" in capsys.readouterr().out
    assert diagnostics.run(group, ["load", "compare", one, other, "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "worse"
    assert (found["before"]["run"], found["after"]["run"]) == (one, other)
    p50 = next(row for row in found["rows"] if row["request"] is None and row["measure"] == "p50")
    assert p50["verdict"] == "worse"
    assert p50["low"] < 0.2 < p50["high"]
    assert p50["before"] == pytest.approx(0.05, rel=0.05)
    assert diagnostics.run(group, ["load", "compare", one, other, "--format", "md"]) == 1
    page = capsys.readouterr().out.splitlines()
    assert page[0].startswith("**worse** all requests p50")
    assert page[2].startswith("| Request | Measure |")
    # The other way round it is an improvement.
    assert diagnostics.run(group, ["load", "compare", other, one]) == 0
    assert "better" in capsys.readouterr().out


def test_the_name_of_a_request_is_no_markup(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = (
        load(store, seconds(seed, length=30, names=("GET /users/<id>|all", "GET /"))) for seed in (1, 2)
    )
    assert diagnostics.run(group, ["load", "compare", one, other, "--format", "md"]) == 0
    assert "\n| GET /users/&lt;id>\\|all | " in capsys.readouterr().out


@pytest.mark.slow
def test_what_matters_can_be_said(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = load(store, steady(1)), load(store, steady(2, slower=1.2))
    assert diagnostics.run(group, ["load", "compare", one, other, "--smallest", "50%"]) == 0
    assert diagnostics.run(group, ["load", "compare", one, other, "--smallest-time", "1s"]) == 0
    assert diagnostics.run(group, ["load", "compare", one, other, "--smallest-time", "2 apples"]) == 2
    assert diagnostics.run(group, ["load", "compare", one, other, "--smallest", "lots"]) == 2


def test_too_little_data_is_inconclusive(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = load(store, steady(1)[:5]), load(store, steady(2, slower=3)[:5])
    assert diagnostics.run(group, ["load", "compare", one, other]) == 6
    assert "too little data: 5 of 10 seconds needed" in capsys.readouterr().out


@pytest.mark.slow
def test_another_load_is_inconclusive_unless_one_insists(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = load(store, steady(1)), load(store, steady(2), rate=800)
    assert diagnostics.run(group, ["load", "compare", one, other]) == 6
    assert "not the same load: 400/s before, 800/s after" in capsys.readouterr().out
    assert diagnostics.run(group, ["load", "compare", one, other, "--any-load"]) == 0
    closed = load(store, steady(2), rate=None)
    assert diagnostics.run(group, ["load", "compare", one, closed]) == 6
    assert "the other a number of users" in capsys.readouterr().out


@pytest.mark.slow
def test_what_makes_two_runs_doubtful_is_noted(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    one = load(store, steady(1))
    other = load(store, steady(2), target="http://127.0.0.1:2", outcome=Outcome.INCONCLUSIVE)
    assert diagnostics.run(group, ["load", "compare", one, other]) == 0
    out = capsys.readouterr().out
    assert "note: other targets: http://127.0.0.1:1 before, http://127.0.0.1:2 after" in out
    assert f"note: {other} was inconclusive: because" in out


@pytest.mark.slow
def test_a_baseline_outlives_its_run(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    first = load(store, steady(1))
    assert diagnostics.run(group, ["load", "baseline", "keep", first]) == 0
    assert diagnostics.run(group, ["load", "baseline", "keep", first, "--name", "release-7"]) == 0
    assert diagnostics.run(group, ["runs", "prune", "--keep", "0"]) == 0
    slow = load(store, steady(2, slower=1.3))
    capsys.readouterr()
    assert diagnostics.run(group, ["load", "baseline", "list", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)["baselines"]
    assert [(each["name"], each["run"]) for each in listed] == [("main", first), ("release-7", first)]
    assert diagnostics.run(group, ["load", "compare", slow, "--baseline", "main"]) == 1
    assert f"{slow} against main: worse" in capsys.readouterr().out
    # Kept anew under the same name, it is the other run.
    assert diagnostics.run(group, ["load", "baseline", "keep", slow]) == 0
    assert diagnostics.run(group, ["load", "compare", slow, "--baseline", "main"]) == 0
    assert diagnostics.run(group, ["load", "baseline", "drop", "release-7"]) == 0
    assert diagnostics.run(group, ["load", "baseline", "drop", "release-7"]) == 2
    capsys.readouterr()
    assert diagnostics.run(group, ["load", "baseline", "list"]) == 0
    assert "release-7" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["last"], "two runs are compared, or one with a baseline"),
        (["last", "last", "--baseline", "main"], "two runs are compared"),
        (["last", "--baseline", "mian"], "there is no baseline 'mian'; did you mean 'main'?"),
        (["last", "zzz"], "there is no run 'zzz'"),
        (["last", "last", "--seed", "-1"], "a seed is from 0 on"),
    ],
)
def test_what_cannot_be_compared_is_said(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    load(store, steady(1))
    diagnostics.run(group, ["load", "baseline", "keep", "last"])
    assert diagnostics.run(group, ["load", "compare", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_only_load_tests_that_are_over_are_compared(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    search = load(store, steady(1), kind=RunKind.CAPACITY)
    assert diagnostics.run(group, ["load", "compare", search, search]) == 2
    assert "of kind capacity; only load tests" in capsys.readouterr().err
    runs, _ = store
    with runs.create(RunKind.LOAD, "now") as running:
        running.record(Started(RunKind.LOAD, "now"))
        assert diagnostics.run(group, ["load", "compare", running.run.id, running.run.id]) == 2
        assert "is not over yet" in capsys.readouterr().err
    assert diagnostics.run(group, ["load", "baseline", "keep", "last"]) == 2
    assert "has no load that counts" in capsys.readouterr().err


@pytest.mark.slow
def test_a_damaged_line_is_left_out_and_told(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    one = load(store, steady(1))
    runs, _ = store
    with (runs.open(one).folder / "events.jsonl").open("a") as events:
        events.write("half a li\n")
    assert diagnostics.run(group, ["load", "compare", one, one]) == 0
    assert "1 lines are no events and left out" in capsys.readouterr().err
