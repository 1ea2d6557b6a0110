"""An experiment's journal and verdict, with everything around it made up, in made-up time."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.store.runs import RunStore
from sretool.core.observe.model import Alert, AlertState
from sretool.core.plans.chaos import plan as plans
from sretool.core.plans.chaos.read import read
from sretool.core.plans.chaos.targets import Answer, Target
from sretool.core.runs.events import (
    AlertChange,
    FaultOff,
    FaultOn,
    GuardTripped,
    Note,
    PhaseBegan,
    ProcessChange,
    RunEvent,
    RunnerEnded,
    SourceState,
    Started,
    WatchEnded,
)
from sretool.core.runs.model import Outcome, RunKind
from sretool.errors import ChaosError
from sretool.ports import ProcessNow
from sretool.services.chaos import Around, Control, Order, run
from sretool.services.chaos_watch import Sources
from sretool.undo.entry import Result, Standing, UndoEntry
from sretool.undo.heal import Healed
from tests.support.made_up import T0, MadeUpClock, MadeUpRules

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from pathlib import Path

    from sretool.core.observe.drills import Announcement
    from sretool.core.plans.chaos.plan import ChaosPlan
    from sretool.services.ending import Ending

pytestmark = pytest.mark.looptime

FAULT = "latency 200ms service → database"


def plan(**block: Any) -> ChaosPlan:
    provider = {"type": "python", "module": "m", "func": "f"}
    document = {
        "title": "The database is slow",
        "description": "…",
        "steady-state-hypothesis": {
            "title": "well",
            "probes": [{"type": "probe", "name": "well", "tolerance": True, "provider": provider}],
        },
        "method": [{"type": "action", "name": "slow", "provider": provider}],
        "extensions": [{"name": "sretool", "fault": FAULT, **block}],
    }
    experiment = read("x.json", json.dumps(document), {}).experiment
    assert experiment is not None
    target = Target("database", fault=FAULT, undo={"kind": "http"})
    return plans.plan(experiment, {("method", 0): Answer((target,))}, {})


Line = tuple[float, dict[str, Any]]
"""Seconds after the line before, and what the runner tells."""


def hypothesis(when: str, met: bool | None = True) -> list[Line]:
    return [
        (0.1, {"event": "phase", "name": f"hypothesis {when}"}),
        (0.1, {"event": "hypothesis", "when": when, "met": met}),
    ]


ON: list[Line] = [
    (0.1, {"event": "phase", "name": "method"}),
    (0.1, {"event": "fault_on", "fault": "1", "text": FAULT, "target": "database"}),
    (0.1, {"event": "activity", "state": "ok", "section": "method", "name": "slow", "what": "action"}),
]
OFF: list[Line] = [(0.1, {"event": "fault_off", "fault": "1", "how": "undone", "ok": True})]
ENDED: list[Line] = [(0.1, {"event": "ended", "status": "completed", "deviated": False})]
STAYS: list[Line] = [(3600, {"event": "note", "text": "an hour has passed"})]
WHOLE: list[Line] = [*hypothesis("before"), *ON, (5, {"event": "note"}), *OFF, *hypothesis("after"), *ENDED]


@dataclass
class MadeUpSession:
    """A runner that tells `lines`, and a warden."""

    lines: Sequence[Line]
    failing: str = ""
    """Why nothing can be undone."""
    calls: list[str] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)
    warden: asyncio.Event = field(default_factory=asyncio.Event)
    stands_still: bool = False
    refuses: str = ""
    closes: float = math.inf
    """When the undo log has the fault as undone."""
    _in: bool = False
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, given: Mapping[str, Any], *, environment: Mapping[str, str]) -> None:
        self.calls.append("start")
        self.given = dict(given)
        if self.refuses:
            raise ChaosError(self.refuses)

    async def events(self) -> AsyncGenerator[dict[str, Any], None]:
        for seconds, line in self.lines:
            try:
                async with asyncio.timeout(seconds):
                    await self._over.wait()
                return
            except TimeoutError:
                pass
            self._in = {"fault_on": True, "fault_off": False}.get(line["event"], self._in)
            yield {"at": None, **line}

    async def warden_lost(self) -> None:
        await self.warden.wait()

    def standings(self) -> list[Standing]:
        if asyncio.get_running_loop().time() < self.closes:
            return []
        return [Standing(UndoEntry("1", FAULT, "database", {"kind": "http"}, ttl=60), "undone")]

    async def heal(self) -> Healed:
        self.calls.append("heal")
        return self._healed()

    async def finish(self) -> Healed:
        self.calls.append("finish")
        self._over.set()
        return self._healed()

    def _healed(self) -> Healed:
        if not self._in:
            return Healed(folder=None)  # type: ignore[arg-type]
        self._in = bool(self.failing)
        result = Result("1", FAULT, "failed" if self.failing else "undone", self.failing)
        return Healed(folder=None, results=[result])  # type: ignore[arg-type]


@dataclass
class MadeUpBoard:
    """An Alertmanager."""

    rules: MadeUpRules
    announced: list[Announcement] = field(default_factory=list)

    async def alerts(self) -> Sequence[Alert]:
        return [
            Alert(
                each.name, each.name, None, AlertState.FIRING, T0, {"alertname": each.name, **each.labels}, {}
            )
            for each in await self.rules.rule_alerts()
            if each.firing
        ]

    async def silences(self) -> Sequence[Any]:
        return ()

    async def announce(self, alert: Announcement) -> None:
        self.announced.append(alert)

    async def aclose(self) -> None:
        pass


@dataclass
class MadeUpProcesses:
    by_time: Sequence[tuple[float, ProcessNow]]

    def processes(self) -> Sequence[ProcessNow]:
        now = asyncio.get_running_loop().time()
        found = [process for begin, process in self.by_time if begin <= now]
        return found[-1:]


@dataclass
class Played:
    ending: Ending
    events: list[RunEvent]
    session: MadeUpSession
    board: MadeUpBoard

    def of(self, kind: type) -> list[Any]:
        return [each.what for each in self.events if isinstance(each.what, kind)]

    def t(self, kind: type) -> float:
        return next(each.t for each in self.events if isinstance(each.what, kind))

    @property
    def outcome(self) -> Outcome:
        assert self.ending.record.verdict is not None
        return self.ending.record.verdict.outcome

    @property
    def reason(self) -> str:
        assert self.ending.record.verdict is not None
        return self.ending.record.verdict.reason


async def play(
    folder: Path,
    lines: Sequence[Line] = WHOLE,
    *,
    rules: MadeUpRules | None = None,
    processes: MadeUpProcesses | None = None,
    disturb: Callable[[MadeUpSession, Control], None] = lambda *_: None,
    at: float = 3.0,
    stop_file: Callable[[], str] = lambda: "",
    session: MadeUpSession | None = None,
    full: Callable[[float], bool] = lambda _: False,
    **block: Any,
) -> Played:
    """`disturb` happens at the second `at`; `full`: whether the disk takes nothing then."""
    loop = asyncio.get_running_loop()
    store = RunStore(folder, now=MadeUpClock().now, monotonic=loop.time)
    journal = store.create(RunKind.CHAOS, "made up")
    writes = journal.record

    def record(what: Any, **when: Any) -> RunEvent:
        if full(loop.time()):
            raise OSError(28, "No space left on device")
        return writes(what, **when)

    journal.record = record  # type: ignore[method-assign]
    session = session or MadeUpSession(lines)
    rules = rules or MadeUpRules()
    board = MadeUpBoard(rules)
    control = Control()
    loop.call_later(at, disturb, session, control)
    events: list[RunEvent] = []
    ending = await run(
        Order(plan(**block), {"path": "x.json"}, {}, "mia"),
        Around(session, Sources(rules=rules, board=board, processes=processes), MadeUpClock(), stop_file),
        journal,
        control,
        events.append,
    )
    return Played(ending, events, session, board)


async def test_what_the_runner_tells_becomes_the_journal(tmp_path: Path) -> None:
    played = await play(tmp_path)
    assert [each.name for each in played.of(PhaseBegan)] == [
        "hypothesis before",
        "method",
        "hypothesis after",
        "recovery",
    ]
    assert played.of(FaultOn)[0].text == FAULT
    assert played.of(FaultOff)[0].how == "undone"
    assert played.session.calls == ["start", "finish"]
    assert isinstance(played.events[0].what, Started)
    assert played.of(WatchEnded)[0].events == len(played.events) - 1
    assert played.ending.undone
    assert not played.ending.interrupted


async def test_the_baseline_is_waited_for(tmp_path: Path) -> None:
    played = await play(tmp_path, baseline="30s")
    assert played.of(PhaseBegan)[0].name == "baseline"
    assert played.t(FaultOn) > 30


async def test_an_interruption_undoes_first_and_then_ends_the_runner(tmp_path: Path) -> None:
    def interrupt(session: MadeUpSession, control: Control) -> None:
        control.stopped_by = "interrupted by hand (Ctrl-C)"
        control.stop.set()

    played = await play(tmp_path, [*hypothesis("before"), *ON, *STAYS], disturb=interrupt)
    assert played.session.calls == ["start", "heal", "finish"]
    assert played.of(FaultOff)[0].how == "healed"
    assert played.ending.interrupted
    assert played.ending.undone
    assert played.outcome is Outcome.ABORTED
    assert "Ctrl-C" in played.reason
    assert played.events[-1].t < 4


async def test_an_interruption_in_the_baseline_starts_nothing(tmp_path: Path) -> None:
    played = await play(tmp_path, baseline="1m", disturb=lambda _, control: control.stop.set())
    assert played.session.calls == []
    assert played.outcome is Outcome.ABORTED
    assert played.ending.undone


async def test_a_prometheus_that_hangs_ends_it_in_time(tmp_path: Path) -> None:
    hangs = MadeUpRules(hangs_from=10)
    lines = [*hypothesis("before"), *ON, *STAYS]
    played = await play(tmp_path, lines, rules=hangs, stop_when=["blind 5s"], recovery_deadline="10s")
    assert played.session.calls == ["start", "heal", "finish"]
    assert 14 < played.t(GuardTripped) < 16.1
    assert played.outcome is Outcome.ABORTED
    assert played.of(SourceState)[-1].ok is False


@pytest.mark.parametrize(
    ("disturb", "said"),
    [
        pytest.param(lambda session, _: session.warden.set(), "was lost", id="warden lost"),
        pytest.param(
            lambda session, _: setattr(session, "stands_still", True), "was stopped", id="runner stopped"
        ),
    ],
)
async def test_a_program_that_is_lost_or_stopped_ends_it(
    tmp_path: Path, disturb: Callable[[MadeUpSession, Control], None], said: str
) -> None:
    played = await play(tmp_path, [*hypothesis("before"), *ON, *STAYS], disturb=disturb)
    assert played.session.calls == ["start", "heal", "finish"]
    assert said in played.reason
    assert played.t(GuardTripped) < 4
    assert played.outcome is Outcome.ABORTED


async def test_a_stop_file_ends_it(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    lines = [*hypothesis("before"), *ON, *STAYS]
    played = await play(tmp_path, lines, stop_file=lambda: "/etc/stop" if loop.time() > 4 else "")
    assert played.session.calls == ["start", "heal", "finish"]
    assert "/etc/stop" in played.reason


async def test_a_probe_of_a_stop_condition_that_says_no_ends_it(tmp_path: Path) -> None:
    no = (2.0, {"event": "guard", "name": "well", "met": False, "text": "503"})
    lines = [*hypothesis("before"), *ON, no, *STAYS]
    played = await play(tmp_path, lines, stop_when=["probe well"])
    assert played.session.given["guards"] == ["well"]
    assert played.session.calls == ["start", "heal", "finish"]
    assert "503" in played.reason


async def test_one_that_hangs_ends_it_within_its_interval_and_a_second(tmp_path: Path) -> None:
    asked = (0.1, {"event": "asked", "name": "well"})
    lines = [*hypothesis("before"), *ON, asked, *STAYS]
    played = await play(tmp_path, lines, stop_when=["probe well"])
    assert played.t(GuardTripped) - 0.6 < 2.2


async def test_too_long_a_run_is_ended(tmp_path: Path) -> None:
    played = await play(tmp_path, [*hypothesis("before"), *ON, *STAYS], stop_when=["after 1m"])
    assert 60 < played.t(GuardTripped) < 61


async def test_a_runner_that_is_killed_is_an_error_and_undone(tmp_path: Path) -> None:
    played = await play(tmp_path, [*hypothesis("before"), *ON])
    assert played.of(RunnerEnded)[0].status == "crashed"
    assert played.of(FaultOff)[0].how == "healed"
    assert played.outcome is Outcome.ERROR
    assert played.ending.undone


@pytest.mark.parametrize(("closes", "how"), [(5.6, "undone"), (1.0, "expired")])
async def test_what_the_log_and_the_runner_both_say_is_told_once(
    tmp_path: Path, closes: float, how: str
) -> None:
    """The log knows it first: a moment before the runner's word, or long before."""
    played = await play(tmp_path, session=MadeUpSession(WHOLE, closes=closes))
    assert [each.how for each in played.of(FaultOff)] == [how]


async def test_what_cannot_be_undone_is_told(tmp_path: Path) -> None:
    session = MadeUpSession([*hypothesis("before"), *ON, *ENDED], failing="the server is gone")
    played = await play(tmp_path, session=session)
    assert not played.ending.undone
    assert played.ending.left == (f"{FAULT}: the server is gone",)
    assert played.of(FaultOff)[0].ok is False
    assert played.outcome is Outcome.ERROR


async def test_one_that_cannot_begin_is_an_error(tmp_path: Path) -> None:
    played = await play(tmp_path, session=MadeUpSession((), refuses="what is to be undone cannot be kept"))
    assert played.outcome is Outcome.ERROR
    assert "cannot be kept" in played.reason


async def test_a_full_disk_ends_it_and_its_story_is_whole_once_there_is_room(tmp_path: Path) -> None:
    lines = [*hypothesis("before"), *ON, (3.0, {"event": "note", "text": "while it is full"}), *STAYS]
    played = await play(tmp_path, lines, full=lambda t: 2 < t < 4)
    assert played.session.calls == ["start", "heal", "finish"]
    assert played.of(GuardTripped)[0].guard == "journal"
    assert [each.text for each in played.of(Note)] == ["while it is full"]
    assert played.outcome is Outcome.ABORTED


async def test_a_disk_that_stays_full_is_told_with_the_verdict_and_everything_undone(tmp_path: Path) -> None:
    session = MadeUpSession([*hypothesis("before"), *ON, (3.0, {"event": "note"}), *STAYS])
    with pytest.raises(ChaosError, match="aborted") as raised:
        await play(tmp_path, session=session, full=lambda t: t > 2)
    assert session.calls == ["start", "heal", "finish"]
    assert raised.value.remedy is not None
    assert "undone" in raised.value.remedy


async def test_what_cannot_be_undone_is_not_called_undone_on_a_full_disk(tmp_path: Path) -> None:
    session = MadeUpSession([*hypothesis("before"), *ON, *STAYS], failing="the server is gone")
    with pytest.raises(ChaosError) as raised:
        await play(tmp_path, session=session, full=lambda t: t > 2)
    assert raised.value.remedy is not None
    assert raised.value.remedy.startswith(f"not undone: {FAULT}: the server is gone; ")
    assert raised.value.remedy.endswith(" has to be there, with room in it")


async def test_alerts_are_followed_from_pending_to_resolved(tmp_path: Path) -> None:
    rules = MadeUpRules([(3, 5, "Slow", False), (5, 12, "Slow", True)])
    played = await play(tmp_path, rules=rules, expected_alerts=[{"name": "Slow", "within": "30s"}])
    told = [
        (each.what.state, each.what.expected) for each in played.events if isinstance(each.what, AlertChange)
    ]
    assert told == [("pending", True), ("firing", True), ("received", True), ("resolved", True)]
    pending = played.of(AlertChange)[0]
    assert (pending.for_s, pending.interval_s, pending.since) == (2.0, 1.0, T0)
    # Everything is as before only after it is resolved.
    assert played.events[-1].t > 13


async def test_an_alert_still_to_come_is_waited_for_until_its_time_is_over(tmp_path: Path) -> None:
    played = await play(tmp_path, expected_alerts=[{"name": "Slow", "within": "30s"}])
    assert 30 < played.events[-1].t < 34


async def test_watching_ends_at_the_deadline(tmp_path: Path) -> None:
    rules = MadeUpRules([(3, 900, "Slow", True)])
    played = await play(tmp_path, rules=rules, recovery_deadline="20s")
    assert 24 < played.events[-1].t < 28
    assert played.of(WatchEnded)[0].text == "Slow"


async def test_processes_that_come_back_are_waited_for(tmp_path: Path) -> None:
    up, away = ProcessNow("app-1", 1, "running", True, 0), ProcessNow("app-1", None, "restarting", False, 0)
    back = ProcessNow("app-1", 2, "running", True, 1)
    processes = MadeUpProcesses([(0, up), (2, away), (15, back)])
    played = await play(tmp_path, processes=processes)
    assert [(each.name, each.state, each.pid) for each in played.of(ProcessChange)] == [
        ("app-1", "ended", 1),
        ("app-1", "started", 2),
        ("app-1", "ready", 2),
    ]
    assert played.events[-1].t > 16


async def test_everybody_is_told_of_the_drill_and_of_its_end(tmp_path: Path) -> None:
    played = await play(tmp_path, [*hypothesis("before"), *ON, (50, {"event": "note"}), *OFF, *ENDED])
    first, *renewed, last = played.board.announced
    assert first.labels["alertname"] == "SretoolDrill"
    assert first.labels["severity"] == "info"
    assert "mia" in first.annotations["summary"]
    assert first.ends > first.starts
    assert len(renewed) >= 2
    assert last.labels == first.labels
    assert "ended" in last.annotations["summary"]
    assert last.ends < T0 + timedelta(seconds=played.events[-1].t + 1)
