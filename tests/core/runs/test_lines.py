"""Events and records survive the way to text and back, also from programs of other versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest

from sretool.core.runs import events, lines
from sretool.core.runs.events import RunEvent, What
from sretool.core.runs.model import (
    AlertMeasure,
    ChaosMeasures,
    Check,
    LoadMeasures,
    Measures,
    Outcome,
    RunInput,
    RunKind,
    RunRecord,
    RunState,
    Verdict,
)
from sretool.errors import RunUnreadable

AT = datetime(2026, 11, 20, 3, 0, 0, 125_000, tzinfo=UTC)
VERDICT = Verdict(Outcome.FAILED, "p99 too high", (Check("p99", 0.5, 0.7, "s", ok=False), Check("c", "up")))
MEASURES = Measures(
    LoadMeasures(requests=10, p99_s=0.7), ChaosMeasures(rto_s=3.5, alerts=(AlertMeasure("A", firing_at=AT),))
)

EXAMPLES: tuple[What, ...] = (
    events.Started(
        RunKind.GAMEDAY,
        "x",
        60,
        (events.PlannedPhase("a", 1),),
        (Check("c"),),
        ("g",),
        {"lead": "ann"},
        steps=(events.PlannedStep("a", "experiment", "kill", hidden=True, earliest_s=1, latest_s=None),),
    ),
    events.PhaseBegan("fault"),
    events.LoadTick(
        1.0,
        5,
        (events.RequestTick("GET /", 3, 1, ((8373, 2), (8500, 1)), 600, 0.01, 0.2, 0.22, {"503": 1}),),
        3.0,
        1,
        {"no route": 1},
        (events.WorkerTick("w1", None),),
        0.004,
        7,
    ),
    events.ChaosStep("method", "kill", "action", "ok", "pid 7"),
    events.SteadyState("after", None, "a probe raised"),
    events.FaultOn("f1", "kill pg-1", "pg-1", undo_ready=True, seconds=5),
    events.FaultOff("f1", ok=False),
    events.SloTick("amas/a", None, 2.5),
    events.AlertChange("A", "firing", "page", "f", expected=True, since=AT, for_s=60, interval_s=15),
    events.SourceState("prometheus", ok=False, text="no answer in 2 s"),
    events.ProcessChange("pg-1", "killed", 7),
    events.WritesFound(
        9, 0, 0, 0, 1, 3.5, 0.0, 0.1, (events.ServerWrites("pg-2", 0, 4, 3.5),), promoted=True
    ),
    events.TrafficTick("app-1", None),
    events.RunnerEnded("completed"),
    events.WatchEnded(12),
    events.Checked(Check("p99", 0.5, None, "s")),
    events.Explained("amas/a", "the client waits for the queue, too"),
    events.CurvePoint("hold", 100, 6.0, 101.5, 101.0, 100.5, 0.01, 0.02, 0.05, held=False, why=("p99",)),
    events.CapacityFound(
        1970.0, 2030.0, 2001.5, 2, ("p99",), "pg connections", (events.Stage("a", 20.0, True, 97.5),)
    ),
    events.GuardTripped("budget", "2.3% against 2%"),
    events.Note("looking 結算", "mia"),
    events.StepBegan("guess"),
    events.StepRun("crash", "20261121T200000Z-chaos-replica-crash-a1b2c3"),
    events.StepEnded("crash", Outcome.INCONCLUSIVE, "no effect", undone=False),
    events.Asked("guess", "lead", "How many?", ("one", "two"), 30.0),
    events.Answer("guess", "two", "ann"),
    events.Withdrawn("guess"),
    events.Held("ann"),
    events.WentOn("ann"),
    events.Mark("ann", "here"),
    events.ResourceUsed("peak", "Replica cpu app-1", 0.41, 0.6),
    events.GateSaid("normal", "stop", "FREEZE", "amas/a", -0.2, "a second reviewer"),
    events.Finished(VERDICT, MEASURES),
)


def test_every_kind_of_event_has_an_example() -> None:
    assert {type(example) for example in EXAMPLES} == set(get_args(What))


@pytest.mark.parametrize("what", EXAMPLES, ids=lambda what: type(what).__name__)
def test_an_event_is_one_line_and_comes_back_as_it_was(what: What) -> None:
    event = RunEvent(AT, 3.25, what)
    line = lines.encode(event)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert lines.decode(line) == event


def test_a_line_is_flat_and_says_when_and_what() -> None:
    data = msgspec.json.decode(lines.encode(RunEvent(AT, 3.25, events.FaultOff("f1"))))
    assert data == {
        "at": "2026-11-20T03:00:00.125000Z",
        "t": 3.25,
        "event": "fault_off",
        "fault": "f1",
        "how": "undone",
        "ok": True,
    }


def test_an_event_of_a_newer_program_is_passed_over() -> None:
    assert lines.decode(b'{"at":"2026-11-20T03:00:00Z","t":1,"event":"wormhole","depth":3}') is None


def test_a_field_of_a_newer_program_is_passed_over() -> None:
    line = b'{"at":"2026-11-20T03:00:00Z","t":1,"event":"note","text":"x","mood":"calm"}'
    event = lines.decode(line)
    assert event is not None
    assert event.what == events.Note("x")


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'{"at":"2026-11-20T03:00:00Z","t":1,"event":"note"}', id="a field is missing"),
        pytest.param(b'{"at":"yesterday","t":1,"event":"note","text":"x"}', id="no time"),
        pytest.param(b'{"at":"2026-11-20T03:00:00Z","t":1,"eve', id="torn"),
        pytest.param(b"\xff\xfe", id="not text"),
        pytest.param(b"[]", id="not an object"),
        pytest.param(b'{"at":"2026-11-20T03:00:00Z","t":1,"event":"finished"}', id="no verdict"),
    ],
)
def test_what_is_no_event_is_told(line: bytes) -> None:
    with pytest.raises(RunUnreadable, match="not an event"):
        lines.decode(line)


RECORD = RunRecord(
    id="abc123",
    kind=RunKind.CHAOS,
    title="x",
    state=RunState.FINISHED,
    started=AT,
    ended=AT,
    inputs=(RunInput("a.yaml", "00"),),
    targets=("app",),
    versions={"sretool": "1"},
    verdict=VERDICT,
    measures=MEASURES,
)


def test_a_record_comes_back_as_it_was() -> None:
    assert lines.decode_record(lines.encode_record(RECORD)) == RECORD


def test_measures_of_load_and_chaos_stand_side_by_side() -> None:
    data = msgspec.json.decode(lines.encode_record(RECORD))
    assert data["schema"] == 1
    assert data["measures"]["requests"] == 10
    assert data["measures"]["rto_s"] == 3.5
    assert data["verdict"]["outcome"] == "failed"
    assert data["verdict"]["checks"][0] == {"name": "p99", "want": 0.5, "got": 0.7, "unit": "s", "ok": False}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(b"", "not a run.json", id="empty"),
        pytest.param(b'{"schema":2}', "schema 2", id="newer"),
        pytest.param(b'{"schema":1,"id":"x"}', "not a run.json", id="incomplete"),
    ],
)
def test_what_is_no_record_is_told(text: bytes, said: str) -> None:
    with pytest.raises(RunUnreadable, match=said):
        lines.decode_record(text)
