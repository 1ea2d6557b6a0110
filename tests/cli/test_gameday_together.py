"""`sretool gameday rounds` and `dose`: what is refused, what is shown, what is told in the end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.store.runs import RunStore
from sretool.cli import diagnostics, gameday_dose, gameday_recheck, gameday_rounds
from sretool.cli.main import group
from sretool.core.plans.chaos.read import read
from sretool.core.plans.gameday.dose import Aim, Ending, Result, Trial
from sretool.core.plans.gameday.rounds import MEASURED, order
from sretool.core.runs.events import (
    Checked,
    LoadTick,
    PhaseBegan,
    PlannedStep,
    RequestTick,
    RunEvent,
    Started,
    StepBegan,
    StepEnded,
)
from sretool.core.runs.model import Check, Outcome, RunKind, RunRecord, RunState, Verdict
from sretool.core.runs.rounds import rounds
from sretool.services import gameday_dose as dose_services
from sretool.services import gameday_rounds as round_services
from sretool.services.ending import Ending as Ended
from tests.cli.test_gameday import project, run

if TYPE_CHECKING:
    from sretool.core.runs.events import What

__all__ = ["project"]
AT = datetime(2026, 11, 21, 10, tzinfo=UTC)
DOSE = ("dose", "slow", "--variable", "who", "--from", "1", "--to", "9", "--load", "users")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("rounds", "nothing", "--load", "users"), "there is no experiment 'nothing'"),
        (("rounds", "slow", "--load", "user"), "user"),
        (("rounds", "slow", "--load", "users", "--rate", "5", "--users", "3"), "two kinds of load"),
        (("rounds", "slow", "--load", "users", "--capacity", "--rate", "5"), "give --to R"),
        (("rounds", "slow", "--load", "users", "--waive", "lock"), "'lock' cannot be waived"),
        (("rounds", "slow", "--load", "users", "--approve", "ann"), "--approve ann: not an approval"),
        (("rounds", "slow", "--load", "users", "--budget", "much"), "--budget: 'much' is not a ratio"),
        ((*DOSE, "--check", "p95 < 1s", "--budget", "30"), "--budget: '30' is not a ratio between 0 and 1"),
        ((*DOSE, "--check", "p95 < 1s", "--precision", "fine"), "--precision: 'fine' is not a ratio"),
        (("rounds", "slow", "--load", "users", "--vars", "who=api-9"), "no instance is named"),
        (DOSE, "nothing says what is not to break"),
        ((*DOSE, "--check", "p95 < 1s", "--slo", "a/b"), "--check and --slo are two things"),
        (("rounds", "slow", "--load", "users", "--to", "50/s"), "give --capacity"),
        ((*DOSE[:-2], "--check", "p95 < 1s"), "is of a load"),
        ((*DOSE, "--check", "p95 is fine"), "is no objective"),
        ((*DOSE, "--check", "slo: a/b"), "give --slo a/b"),
        ((*DOSE, "--check", "p95 < 1s", "--vars", "who:int=3"), "it is the dose"),
        ((*DOSE, "--check", "p95 < 1s", "--precision", "90%"), "a precision of 0.9 cannot be aimed at"),
        ((*DOSE, "--check", "p95 < 1s", "--from", "9"), "nothing to look for"),
        ((*DOSE, "--check", "p95 < 1s", "--from", "few"), "--from few: a dose is a number"),
        ((*DOSE, "--check", "p95 < 1s", "--variable", "whom"), "no variable 'whom'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    assert run(*arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert says in told.err
    assert "Traceback" not in told.err
    assert not list((project.parent / "state").rglob("runs/*"))


def test_it_is_shown_before_and_nobody_can_be_asked_here(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("rounds", "slow", "--load", "users", "--pairs", "3", "--seed", "7", "--waive", "sources") == 2
    told = capsys.readouterr().err
    assert "6 rounds of the load users, every second one with this fault, 30s of each compared" in told
    assert "seed 7; ends when any error budget has lost 50%" in told
    assert "give --yes" in told


def test_a_closed_gate_says_what_to_do(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rounds", "slow", "--load", "users", "--yes") == diagnostics.ABORTED
    told = capsys.readouterr()
    assert told.out == ""
    assert "sretool: refused (sources): no Prometheus is known\n  → an experiment that nobody" in told.err
    assert not list((project.parent / "state").rglob("runs/*"))


def record(verdict: Verdict) -> RunRecord:
    return RunRecord("abc", RunKind.GAMEDAY, "x", RunState.FINISHED, AT, verdict=verdict)


def told_events(pairs: int) -> list[RunEvent]:
    """Each round 10 s of 40 requests a second; with the fault a tenth of them fail, and all are slower."""
    found, clock = [], AT

    def tell(what: object) -> None:
        found.append(RunEvent(clock, (clock - AT).total_seconds(), what))  # type: ignore[arg-type]

    for each in order(pairs, 1):
        tell(StepBegan(each.id))
        tell(PhaseBegan(MEASURED))
        for _ in range(10):
            clock += timedelta(seconds=1)
            request = RequestTick("GET /", 40, 4 if each.fault else 0, ((4400 + 64 * each.fault, 40),))
            tell(LoadTick(1.0, None, (request,)))
        tell(PhaseBegan("between"))
        tell(StepEnded(each.id, Outcome.PASSED))
    return found


def test_the_differences_are_told_as_a_table() -> None:
    names = {each.id: (each.pair, each.fault) for each in order(3, 1)}
    made = round_services.Made(
        Ended(record(Verdict(Outcome.PASSED, "as it came"))), rounds(told_events(3), names, MEASURED)
    )
    of = round_services.Order(
        title="x", pairs=3, seed=1, window=10, lead=5, load=(), capacity=(), chaos=(), dosed=True,
        longest=60, people={},
    )  # fmt: skip
    lines = "\n".join(gameday_rounds._lines(made, of))
    assert "3 of 3 pairs count" in lines
    assert (
        "errors             0%        10%     +10 pt  +10 pt … +10 pt        25.0% (the least there is)"
        in lines
    )
    assert "throughput       40/s       36/s       -10%" in lines
    document = gameday_rounds._document(made)
    assert [each["measure"] for each in document["differences"]] == ["p95", "errors", "throughput"]
    assert document["differences"][1]["worse"] is True
    assert len(document["rounds"]) == 6


def test_the_same_table_is_shown_of_rounds_that_are_over(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = tuple(PlannedStep(each.id, "load", "a round") for each in order(3, 1))
    with RunStore(project / ".sretool").create(RunKind.GAMEDAY, "rounds of x") as journal:
        journal.record(Started(RunKind.GAMEDAY, "rounds of x", steps=steps), at=AT, t=0.0)
        for each in told_events(3):
            journal.record(each.what, at=each.at, t=each.t)
        journal.finish(Verdict(Outcome.PASSED, "as it came"))
    assert diagnostics.run(group, ["runs", "show", "last"]) == 0
    shown = capsys.readouterr().out.splitlines()
    names = {each.id: (each.pair, each.fault) for each in order(3, 1)}
    table = list(gameday_rounds.table(rounds(told_events(3), names, MEASURED)))
    begin = shown.index("WHAT THE FAULT CHANGES") + 1
    assert shown[begin : begin + len(table)] == table
    assert [line.split()[0] for line in table[1:]] == ["p95", "errors", "throughput"]


def test_the_trials_of_a_dose_are_told_as_a_table() -> None:
    trials = (Trial(10, broke=False), Trial(205, broke=True), Trial(108, broke=None, why="too few requests"))
    made = dose_services.Made(
        Ended(record(Verdict(Outcome.INCONCLUSIVE, "as it came"))),
        Result(Ending.UNKNOWN, 10, 205, True, False, trials),
        (
            Check("trial-1: latency=10", 0.2, 0.061, "s", True),
            Check("trial-2: latency=205", 0.2, 0.4, "s", False),
        ),
    )
    of = dose_services.Order(
        title="x", aim=Aim(10, 400), variable="latency", what="p95 < 200ms", check=None, server=None, load=(),
        chaos=(), longest=60, people={},
    )  # fmt: skip
    assert list(gameday_dose._lines(made, of)) == [
        "inconclusive: as it came",
        "  the ends of this were not tried again",
        "",
        "  TRIAL  LATENCY          p95 < 200ms",
        "      1       10  holds   61ms",
        "      2      205  breaks  400ms",
        "      3      108  ?       too few requests",
    ]
    assert gameday_dose._document(made)["ending"] == "unknown"


def kept(folder: Path, plan: dict[str, Any], name: str, result: dict[str, Any]) -> Path:
    (folder / "input").mkdir(parents=True, exist_ok=True)
    (folder / "input" / "plan.json").write_text(json.dumps(plan))
    (folder / f"{name}.json").write_text(json.dumps(result, default=str))
    return folder


def test_differences_must_follow_from_the_events(tmp_path: Path) -> None:
    happened = told_events(3)
    names = {each.id: (each.pair, each.fault) for each in order(3, 1)}
    made = round_services.Made(
        Ended(record(Verdict(Outcome.PASSED, "as it came"))), rounds(happened, names, MEASURED)
    )
    plan, result = {"kind": "rounds", "pairs": 3, "seed": 1}, gameday_rounds._document(made)
    folder = kept(tmp_path, plan, "rounds", result)
    assert gameday_recheck.wrong(folder, happened) == ("rounds.json", [])
    result["differences"][0]["change"] = 0.01
    result["pairs_that_count"] = 4
    found = gameday_recheck.wrong(kept(tmp_path, plan, "rounds", result), happened)
    assert found is not None
    assert found[1][0] == "4 pairs count; by the events 3 do"
    assert found[1][1].startswith("p95: change 0.01; by the events ")
    assert gameday_recheck.wrong(kept(tmp_path, plan, "rounds", {}), happened) == (
        "rounds.json",
        ["is no result of rounds: KeyError 'pairs_that_count'"],
    )
    (tmp_path / "rounds.json").write_text("{")
    assert gameday_recheck.wrong(tmp_path, happened) == ("rounds.json", ["is missing, or no JSON"])


def test_a_dose_must_follow_from_the_events(tmp_path: Path) -> None:
    whats: list[What] = [
        Checked(Check("trial-1: latency=10", 0.2, 0.06, "s", True)),
        StepEnded("trial-1", Outcome.PASSED),
        StepEnded("trial-2", Outcome.INCONCLUSIVE, "too few"),
        Checked(Check("trial-3: latency=205", 0.2, 0.4, "s", False)),
        StepEnded("trial-3", Outcome.PASSED),
        StepEnded("trial-4", Outcome.ABORTED, "by hand"),
    ]
    happened = [RunEvent(AT, 0.0, each) for each in whats]
    plan = {"kind": "dose", "from": 10, "to": 400, "precision": 0.05, "confirm": 1}
    trials = [{"broke": False}, {"broke": None}, {"broke": True}]
    result = {"trials": trials, "holds": 10, "breaks": 205}
    assert gameday_recheck.wrong(kept(tmp_path, plan, "dose", result), happened) == ("dose.json", [])
    forged = {"trials": trials[:2], "holds": 10, "breaks": 400}
    assert gameday_recheck.wrong(kept(tmp_path, plan, "dose", forged), happened) == (
        "dose.json",
        ["2 trials are told otherwise than the events tell 3", "breaks 400; by the events 205.0"],
    )


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        ({"kind": "rounds", "pairs": float("inf")}, "OverflowError"),
        ({"kind": "rounds", "pairs": 10**15}, "KeyError 'pairs_that_count'"),
        ({"kind": "dose", "from": 1, "to": 1, "precision": 0.05, "confirm": 1}, "nothing to look for"),
        ({"kind": "dose", "from": 1, "to": 9, "precision": 9, "confirm": 1}, "cannot be aimed at"),
    ],
)
def test_a_plan_that_nobody_can_have_made_is_told(tmp_path: Path, plan: dict[str, Any], says: str) -> None:
    found = gameday_recheck.wrong(kept(tmp_path, plan, plan["kind"], {}), told_events(1))
    assert found is not None
    assert found[1][0].startswith(f"is no result of {plan['kind']}: ")
    assert says in found[1][0]


def test_other_runs_have_no_such_result(tmp_path: Path) -> None:
    assert gameday_recheck.wrong(tmp_path, []) is None
    assert gameday_recheck.wrong(kept(tmp_path, {"name": "drill"}, "rounds", {}), []) is None


@pytest.mark.parametrize(
    ("own", "each"), [("200", 0.001), ("0.2", 1.0), ("30", None), ("true", None), ("fast", None)]
)
def test_a_dose_is_measured_where_the_variable_is_the_figure_that_is_wanted(
    own: str, each: float | None
) -> None:
    file = Path(__file__).parents[2] / "experiments" / "network-latency.yaml"
    text = file.read_text(encoding="utf-8").replace("  rate: 30\n", f"  rate: 30\n  latency: {own}\n")
    experiment = read(str(file), text, {}, {"latency": 50}).experiment
    assert experiment is not None
    found = gameday_dose.ordered(experiment, "latency")
    assert (None if found is None else found.each) == (None if each is None else pytest.approx(each))
    if found is not None:
        assert (found.want, found.tolerance) == (0.2, 0.01)
