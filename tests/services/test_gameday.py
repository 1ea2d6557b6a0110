"""A game day's record and verdict, with every program of its steps made up, in made-up time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.store.runs import RunStore
from sretool.core.plans.gameday.judge import judge
from sretool.core.plans.gameday.planned import planned_steps
from sretool.core.plans.gameday.read import read
from sretool.core.plans.gameday.timetable import Known, arranged, timetable
from sretool.core.runs.events import (
    AlertChange,
    Answer,
    Asked,
    Checked,
    FaultOff,
    FaultOn,
    GuardTripped,
    Held,
    LoadTick,
    Mark,
    Note,
    PhaseBegan,
    RunEvent,
    Started,
    StepBegan,
    StepEnded,
    StepRun,
    WatchEnded,
    WentOn,
    Withdrawn,
)
from sretool.core.runs.model import Outcome, RunKind, Verdict
from sretool.core.runs.story import Story
from sretool.errors import ChaosError
from sretool.services.chaos_watch import Sources
from sretool.services.gameday import Around, GameDaySession, Order
from sretool.services.gameday_children import Child
from tests.support.gameday_children import MadeUpFolder, MadeUpProgram, experiment, load
from tests.support.made_up import MadeUpClock, MadeUpRules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sretool.core.plans.gameday.plan import Played
    from sretool.core.runs.model import RunRecord
    from sretool.ports import ChildFolder, ChildProgram
    from sretool.services.ending import Ending
    from sretool.services.release import Releasing

pytestmark = pytest.mark.looptime

DAY = """
name: day
title: A day
roles: [{id: lead, person: ann}]
hypotheses: [recovered <= 1m, lost writes <= 0]
steps:
  - {id: traffic, load: evening, for: 60s}
  - {id: calm, wait: 2s}
  - {id: drill, experiment: replica-crash, under: traffic}
  - {id: noticed, check: lead, that: nobody noticed, within: 20s}
at_end: [experiments pass, undone]
stop_when: [blind 5s, after 10m]
"""


@dataclass
class Played_:
    ending: Ending
    events: list[RunEvent]
    programs: Mapping[str, MadeUpProgram]
    session: GameDaySession

    def of(self, kind: type) -> list[Any]:
        return [each.what for each in self.events if isinstance(each.what, kind)]

    def t(self, kind: type, **fields: Any) -> float:
        return next(
            each.t
            for each in self.events
            if isinstance(each.what, kind)
            and all(getattr(each.what, name) == value for name, value in fields.items())
        )

    @property
    def verdict(self) -> Verdict:
        assert self.ending.record.verdict is not None
        return self.ending.record.verdict

    def ended(self, step: str) -> StepEnded:
        found: list[StepEnded] = self.of(StepEnded)
        return next(each for each in found if each.step == step)


@dataclass
class Day:
    folder: Path
    text: str = DAY
    programs: dict[str, MadeUpProgram] = field(
        default_factory=lambda: {"traffic": load(), "drill": experiment()}
    )
    answers: Mapping[str, str] = field(default_factory=lambda: {"noticed": "yes"})
    rules: MadeUpRules = field(default_factory=MadeUpRules)
    disturb: Mapping[float, Callable[[GameDaySession], Any]] = field(default_factory=dict)
    """Seconds → what is done then."""
    full_from: float = float("inf")
    stop_file: Callable[[], str] = lambda: ""
    clock: MadeUpClock = field(default_factory=MadeUpClock)
    releasing: Releasing | None = None
    late: float = 0.0
    """Seconds from the begin of its record to that of the day itself."""

    def child(self, step: Played) -> Child:
        program = self.programs.get(step.id)
        if program is None:
            raise ChaosError(f"nobody can do {step.id}")
        beginning: ChildProgram = program
        folder: ChildFolder = MadeUpFolder(program)
        return Child(beginning, folder)

    async def play(self) -> Played_:
        loop = asyncio.get_running_loop()
        journal = RunStore(self.folder, now=self.clock.now, monotonic=loop.time).create(
            RunKind.GAMEDAY, "made up"
        )
        writes = journal.record
        await asyncio.sleep(self.late)

        def record(what: Any, **when: Any) -> RunEvent:
            if loop.time() > self.full_from:
                raise OSError(28, "No space left on device")
            return writes(what, **when)

        journal.record = record  # type: ignore[method-assign]
        plan = read("day.yaml", self.text)
        steps = arranged(plan, 1)
        order = Order(
            plan,
            steps,
            planned_steps(plan, timetable(plan, Known(), 1).slots),
            {"lead": "ann"},
            "mia",
            self.answers,
            remarks=("approved",),
        )
        around = Around(
            self.child, Sources(rules=self.rules), self.clock, self.stop_file, releasing=self.releasing
        )
        events: list[RunEvent] = []
        session = GameDaySession(order, around, journal, events.append)
        for at, what in self.disturb.items():
            loop.call_later(at, what, session)
        return Played_(await session.run(), events, self.programs, session)


async def test_steps_are_carried_out_and_their_runs_told_again(tmp_path: Path) -> None:
    played = await Day(tmp_path).play()
    assert played.verdict.outcome is Outcome.PASSED, played.verdict
    assert isinstance(played.events[0].what, Started)
    assert [each.step for each in played.of(StepBegan)] == ["traffic", "calm", "drill", "noticed"]
    assert {each.step for each in played.of(StepEnded)} == {"traffic", "calm", "drill", "noticed"}
    assert [each.step for each in played.of(StepRun)] == ["traffic", "drill"]
    assert played.of(StepRun)[1].run.endswith("-xdrill")
    assert played.of(FaultOn)[0].fault == "drill/f1"
    assert played.of(FaultOff)[0].fault == "drill/f1"
    assert len(played.of(LoadTick)) > 10
    assert played.of(Note)[0].text == "approved"
    assert [each.name for each in played.of(PhaseBegan)] == ["steps", "ending"]
    assert played.of(Answer)[0].by == "ann"
    assert played.of(WatchEnded)[0].events == len(played.events) - 1
    assert played.ending.undone
    assert not played.ending.interrupted
    # The load is ended with the last step, and that is no fault of its own.
    assert played.ended("traffic").outcome is Outcome.PASSED
    assert played.programs["traffic"].asked_at is not None


async def test_what_a_child_tells_stands_at_the_moment_it_happened(tmp_path: Path) -> None:
    played = await Day(tmp_path).play()
    began = played.programs["drill"].began
    assert began is not None
    assert played.t(FaultOn) == pytest.approx(began + 2.0, abs=0.15)


async def test_measures_and_claims_come_from_the_events(tmp_path: Path) -> None:
    played = await Day(tmp_path).play()
    measures = played.ending.record.measures.gameday
    assert measures is not None
    assert (measures.experiments, measures.experiments_passed) == (1, 1)
    assert (measures.mttr_s, measures.rto_s, measures.lost_writes, measures.undone) == (8.0, 2.0, 0, True)
    checks = {each.name: each for each in played.verdict.checks}
    assert checks["recovered <= 1m"].got == 8.0
    assert all(each.ok is True for each in checks.values())
    told = {each.check.name for each in played.of(Checked)}
    assert told == set(checks)
    assert judge(played.events)[0] == played.verdict


async def test_a_failed_claim_fails_the_day(tmp_path: Path) -> None:
    day = Day(tmp_path, DAY.replace("recovered <= 1m", "recovered <= 5s"))
    played = await day.play()
    assert played.verdict.outcome is Outcome.FAILED
    assert "recovered <= 5s" in played.verdict.reason


async def test_a_claim_that_nobody_measured_is_no_success(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.programs["drill"] = experiment(measures=load().measures)
    played = await day.play()
    assert played.verdict.outcome is Outcome.INCONCLUSIVE
    assert "recovered" in played.verdict.reason


async def test_aborting_asks_every_program_at_once_and_waits_until_all_is_undone(tmp_path: Path) -> None:
    day = Day(tmp_path, disturb={6.0: lambda session: session.abort("mia")})
    played = await day.play()
    assert played.verdict.outcome is Outcome.ABORTED
    assert "aborted by mia" in played.verdict.reason
    for program in played.programs.values():
        assert program.asked_at is not None
        assert program.asked_at < 6.3
    assert played.of(FaultOff)[0].how == "healed"
    assert played.t(FaultOff) < 7
    assert played.ended("drill").outcome is Outcome.ABORTED
    assert played.ended("drill").why == "ended with the game day"
    assert [each.name for each in played.of(PhaseBegan)] == ["steps", "stopping"]
    assert judge(played.events)[0] == played.verdict
    assert not played.ending.interrupted


async def test_an_interruption_says_by_what(tmp_path: Path) -> None:
    day = Day(tmp_path, disturb={4.0: lambda session: session.interrupt("interrupted by SIGTERM")})
    played = await day.play()
    assert played.ending.interrupted
    assert played.verdict == Verdict(Outcome.ABORTED, "interrupted by SIGTERM", played.verdict.checks)


async def test_an_abort_before_the_first_step_starts_nothing(tmp_path: Path) -> None:
    day = Day(tmp_path, disturb={0.0: lambda session: session.abort("mia")})
    played = await day.play()
    assert played.verdict.outcome is Outcome.ABORTED
    assert all(program.began is None for program in played.programs.values())


async def test_a_silent_prometheus_ends_it_without_any_verdict(tmp_path: Path) -> None:
    day = Day(tmp_path, rules=MadeUpRules(hangs_from=6))
    played = await day.play()
    assert played.verdict.outcome is Outcome.INCONCLUSIVE
    assert played.of(GuardTripped)[0].guard == "blind 5s"
    assert played.t(GuardTripped) < 6 + 5 + 2.5
    assert played.ending.undone
    assert judge(played.events)[0] == played.verdict


async def test_a_guard_of_a_child_is_told_under_its_step_and_ends_the_day(tmp_path: Path) -> None:
    day = Day(tmp_path)
    drill = experiment(verdict=Verdict(Outcome.ABORTED, "burn > 10: it burns"))
    drill.lines = [*drill.lines[:1], (4.0, GuardTripped("burn > 10", "it burns")), (4.1, FaultOff("f1"))]
    day.programs["drill"] = drill
    played = await day.play()
    assert played.of(GuardTripped)[0].guard == "drill: burn > 10"
    assert played.verdict.outcome is Outcome.ABORTED
    assert "it burns" in played.verdict.reason
    assert judge(played.events)[0] == played.verdict


async def test_a_stop_file_ends_it(tmp_path: Path) -> None:
    begin = asyncio.get_running_loop().time()

    def stop_file() -> str:
        return "/x/chaos.stop" if asyncio.get_running_loop().time() - begin > 5 else ""

    played = await Day(tmp_path, stop_file=stop_file).play()
    assert played.verdict.outcome is Outcome.ABORTED
    assert "chaos.stop" in played.verdict.reason


async def test_a_full_disk_ends_it_and_everything_is_undone(tmp_path: Path) -> None:
    day = Day(tmp_path, full_from=6)
    with pytest.raises(ChaosError, match=r"No space left.*aborted"):
        await day.play()
    for program in day.programs.values():
        assert program.asked_at is not None
        assert program.asked_at < 8


async def test_a_load_that_is_lost_undoes_the_experiment_under_it(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.programs["traffic"] = load(6.0, Verdict(Outcome.ERROR, "2 of 2 workers are gone"), code=7)
    played = await day.play()
    assert played.verdict.outcome is Outcome.INCONCLUSIVE
    assert "the load traffic is lost" in played.verdict.reason
    assert played.of(GuardTripped)[0].guard == "load"
    assert played.of(FaultOff)[0].how == "healed"
    assert played.ended("traffic").why == "2 of 2 workers are gone"
    assert judge(played.events)[0] == played.verdict


async def test_a_fault_that_stays_in_is_an_error_whatever_else(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.programs["drill"] = experiment(left=("kill app-1: no such process",), code=5)
    played = await day.play()
    assert played.verdict.outcome is Outcome.ERROR
    assert not played.ending.undone
    assert played.ending.left == ("kill app-1: no such process",)
    assert not played.ended("drill").undone
    assert judge(played.events)[0] == played.verdict


async def test_an_experiment_that_was_killed_is_an_error(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.programs["drill"] = experiment(verdict=None, code=-9)
    day.programs["drill"].lines = day.programs["drill"].lines[:1]
    day.programs["drill"].lasts = 4
    played = await day.play()
    assert played.verdict.outcome is Outcome.ERROR
    assert "signal 9" in played.ended("drill").why
    # Its warden undid the fault, and cannot tell.
    assert played.of(FaultOff) == [FaultOff("drill/f1", "healed")]
    assert played.ending.undone


async def test_an_experiment_that_a_gate_refused_says_why(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.programs["drill"] = experiment(1.0, makes_run=False, code=4, words="refused (page): a page fires")
    played = await day.play()
    assert played.ended("drill").outcome is Outcome.INCONCLUSIVE
    assert "a page fires" in played.verdict.reason
    assert played.verdict.outcome is Outcome.INCONCLUSIVE


async def test_a_step_that_cannot_be_started_ends_the_day(tmp_path: Path) -> None:
    day = Day(tmp_path)
    del day.programs["drill"]
    played = await day.play()
    assert played.verdict.outcome is Outcome.ERROR
    assert "nobody can do drill" in played.verdict.reason


async def test_nobody_answers(tmp_path: Path) -> None:
    played = await Day(tmp_path, answers={}).play()
    assert played.of(Asked)[0].seconds == 20
    assert played.of(Withdrawn)[0].step == "noticed"
    assert played.ended("noticed").outcome is Outcome.INCONCLUSIVE
    assert played.verdict.outcome is Outcome.INCONCLUSIVE


async def test_an_answer_from_outside(tmp_path: Path) -> None:
    said: list[str] = []

    def reply(session: GameDaySession) -> None:
        said.extend(session.answer("noticed", text, "bo") for text in ("perhaps", "no"))

    day = Day(tmp_path, answers={}, disturb={1.0: reply, 20.0: reply})
    played = await day.play()
    assert said == ["nobody is asked that now"] * 2 + ["the answer is one of yes, no", ""]
    assert played.of(Answer) == [Answer("noticed", "no", "bo")]
    assert played.verdict.outcome is Outcome.FAILED
    assert "nobody noticed" in played.verdict.reason


async def test_a_held_day_begins_no_step(tmp_path: Path) -> None:
    day = Day(
        tmp_path,
        disturb={
            1.0: lambda session: session.hold("ann"),
            11.0: lambda session: session.go_on("ann"),
            12.5: lambda session: session.mark("ann", "odd"),
            12.6: lambda session: session.note("a storm of retries", "bo"),
        },
    )
    played = await day.play()
    assert played.of(Held)
    assert played.of(WentOn)
    assert played.of(Mark) == [Mark("ann", "odd")]
    assert Note("a storm of retries", "bo") in played.of(Note)
    assert played.t(StepBegan, step="drill") > 11
    measures = played.ending.record.measures.gameday
    assert measures is not None
    assert measures.held_s == pytest.approx(10, abs=0.3)


async def test_what_is_waited_for_is_looked_at(tmp_path: Path) -> None:
    text = DAY.replace("{id: calm, wait: 2s}", "{id: calm, wait: no page, within: 60s}")
    day = Day(tmp_path, text, rules=MadeUpRules(alerts=[(0.0, 20.0, "AppDown", True)]))
    played = await day.play()
    assert played.t(StepEnded, step="calm") == pytest.approx(21, abs=1.5)
    assert [each.state for each in played.of(AlertChange)] == ["firing", "resolved"]
    # What fired before the first step is nobody's page.
    measures = played.ending.record.measures.gameday
    assert measures is not None
    assert measures.pages == 0


async def test_what_must_be_true_at_the_end_is_waited_for(tmp_path: Path) -> None:
    text = DAY.replace("at_end: [experiments pass, undone]", "at_end: [no page, undone]\nsettle: 60s")
    day = Day(tmp_path, text, rules=MadeUpRules(alerts=[(8.0, 40.0, "AppDown", True)]))
    played = await day.play()
    assert [each.name for each in played.of(PhaseBegan)] == ["steps", "ending", "settling"]
    assert played.events[-1].t == pytest.approx(41, abs=2)
    assert played.verdict.outcome is Outcome.PASSED, played.verdict


async def test_what_never_becomes_true_fails_the_day(tmp_path: Path) -> None:
    text = DAY.replace("at_end: [experiments pass, undone]", "at_end: [no page, undone]\nsettle: 10s")
    played = await Day(tmp_path, text, rules=MadeUpRules(alerts=[(8.0, 900.0, "AppDown", True)])).play()
    assert played.verdict.outcome is Outcome.FAILED
    assert "no page" in played.verdict.reason
    assert judge(played.events)[0] == played.verdict


async def test_a_clock_that_is_set_changes_no_span(tmp_path: Path) -> None:
    day = Day(tmp_path)

    def jump(_: GameDaySession) -> None:
        day.clock.jump = -3600.0

    day.disturb = {5.0: jump}
    played = await day.play()
    assert played.verdict.outcome is Outcome.PASSED
    assert any("clock was set by -3600" in each.text for each in played.of(Note))
    assert played.events[-1].t < 40


async def test_the_story_of_it_has_every_step(tmp_path: Path) -> None:
    played = await Day(tmp_path).play()
    story = Story()
    story.take_all(played.events)
    assert all(span.ended is not None for span in story.steps.values())
    assert story.steps["drill"].run.endswith("-xdrill")
    assert not story.open_faults


TWO = """
name: two
title: Two drills
roles: [{id: lead, person: ann}]
steps: [{id: one, experiment: replica-crash}, {id: two, experiment: replica-crash}]
stop_when: [blind 5s, after 10m]
"""


class Stubborn(MadeUpProgram):
    """Comes out well although it was asked to end: it was over just then."""

    def record(self) -> RunRecord | None:
        asked, self.asked_at = self.asked_at, None
        try:
            return super().record()
        finally:
            self.asked_at = asked


async def test_nothing_begins_once_the_day_itself_has_failed(tmp_path: Path) -> None:
    def stop_file() -> str:
        if asyncio.get_running_loop().time() > 5:
            raise RuntimeError("a defect")
        return ""

    one, two = experiment(), experiment()
    one = Stubborn(one.name, one.kind, one.lines, one.lasts, measures=one.measures)
    day = Day(tmp_path, TWO, {"one": one, "two": two}, stop_file=stop_file)
    with pytest.raises(RuntimeError, match="a defect"):
        await day.play()
    # Whoever ran it closes its sources meanwhile.
    await asyncio.sleep(1)
    assert one.asked_at is not None
    assert one.over.is_set()
    assert two.began is None


async def test_whoever_listens_and_fails_ends_nothing(tmp_path: Path) -> None:
    def broken(_: RunEvent) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    played = await Day(tmp_path, disturb={3: lambda session: session.listen(broken)}).play()
    assert played.verdict.outcome is Outcome.PASSED
    notes = [each.text for each in played.of(Note) if "has failed" in each.text]
    assert notes == ["what shows the game day has failed: BrokenPipeError: [Errno 32] Broken pipe"]


async def test_what_nobody_can_settle_is_taken_for_left_in(tmp_path: Path) -> None:
    class Unsettled(MadeUpProgram):
        async def settle(self) -> Sequence[str]:
            raise RuntimeError("a defect")

    drill = experiment()
    unsettled = Unsettled(drill.name, drill.kind, drill.lines, drill.lasts, measures=drill.measures)
    played = await Day(tmp_path, programs={"traffic": load(), "drill": unsettled}).play()
    assert played.verdict.outcome is Outcome.ERROR
    assert not played.ending.undone
    assert "a defect" in played.ending.left[0]


async def test_whoever_watches_beside_and_fails_ends_the_day(tmp_path: Path) -> None:
    day = Day(tmp_path)

    def lose(session: GameDaySession) -> None:
        async def fails() -> None:
            raise RuntimeError("a defect")

        session._aside(fails())

    day.disturb = {4: lose}
    with pytest.raises(RuntimeError, match="a defect"):
        await day.play()
    assert all(each.asked_at is not None for each in day.programs.values())


async def test_ending_by_hand_what_ends_already_is_not_why_it_ended(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.programs["traffic"] = load(6.0, Verdict(Outcome.ERROR, "2 of 2 workers are gone"), code=7)
    day.programs["drill"].ends_in = 3.0
    day.disturb = {7.5: lambda session: session.abort("mia")}
    played = await day.play()
    assert [each.guard for each in played.of(GuardTripped)] == ["load"]


async def test_a_slow_begin_is_no_clock_that_was_set(tmp_path: Path) -> None:
    played = await Day(tmp_path, late=5).play()
    assert not [each.text for each in played.of(Note) if "clock" in each.text]


class Odd(MadeUpProgram):
    """Its start fails, or its folder, in a way nobody has thought of."""

    async def start(self) -> None:
        if self.words == "start":
            raise ValueError("embedded null byte")
        await super().start()

    def events(self) -> Sequence[RunEvent]:
        if self.words == "events" and self.began is not None:
            raise ValueError("a defect")
        return super().events()


@pytest.mark.parametrize(
    ("where", "reason", "undone"),
    [("start", "it cannot be started: embedded null byte", True), ("events", "a defect", False)],
)
async def test_a_program_that_fails_oddly_ends_the_day(
    tmp_path: Path, where: str, reason: str, undone: bool
) -> None:
    drill = experiment()
    day = Day(tmp_path)
    day.programs["drill"] = Odd(drill.name, drill.kind, drill.lines, drill.lasts, words=where)
    played = await day.play()
    assert played.verdict.outcome is Outcome.ERROR
    assert reason in played.ended("drill").why
    assert played.ending.undone is undone
    assert day.programs["traffic"].asked_at is not None
