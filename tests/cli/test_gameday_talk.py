"""A game day on a plain terminal: what is told when, and what people type."""

from __future__ import annotations

import contextlib
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from sretool.cli.gameday_run import summary
from sretool.cli.gameday_talk import Lines, Typed
from sretool.core.plans.gameday.machine import Phase
from sretool.core.runs.events import (
    Asked,
    FaultOff,
    FaultOn,
    Note,
    PlannedStep,
    RunEvent,
    Started,
    StepBegan,
    StepEnded,
)
from sretool.core.runs.model import (
    Check,
    GameDayMeasures,
    Measures,
    Outcome,
    RunKind,
    RunRecord,
    RunState,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.runs.events import What

T0 = datetime(2026, 11, 21, 10, tzinfo=UTC)
STEPS = (
    PlannedStep("open", "experiment", "cache-loss"),
    PlannedStep("secret", "experiment", "replica-crash", hidden=True),
)
DAY: Sequence[What] = (
    Started(RunKind.GAMEDAY, "day", steps=STEPS),
    StepBegan("open"),
    StepEnded("open", Outcome.PASSED),
    StepBegan("secret"),
    FaultOn("secret/f1", "kill app-1", "app-1", undo_ready=True),
    Note("users wait"),
    FaultOff("secret/f1"),
    StepEnded("secret", Outcome.PASSED),
)


def told(happened: Sequence[What], capsys: pytest.CaptureFixture[str], *, reveal: bool = False) -> list[str]:
    """What stands on stderr, after each event."""
    lines, found = Lines(reveal=reveal), []
    for second, what in enumerate(happened):
        lines.show(RunEvent(T0 + timedelta(seconds=second), float(second), what))
        found.append(capsys.readouterr().err)
    return found


def test_what_is_hidden_is_told_when_it_is_over_and_once(capsys: pytest.CaptureFixture[str]) -> None:
    after = told(DAY, capsys)
    assert "step cache-loss  passed" in after[2]
    assert after[3:5] == ["", ""]
    assert "users wait" in after[5]
    whole = "".join(after[:7])
    assert "app-1" not in whole
    assert "replica-crash" not in whole
    assert "kill app-1 on" in after[7]
    assert "step replica-crash  passed" in after[7]
    assert "users wait" not in after[7]
    assert "cache-loss" not in after[7]


def test_who_leads_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    after = told(DAY, capsys, reveal=True)
    assert "kill app-1 on" in after[4]


def test_a_question_shows_its_answers(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = told([Asked("seen", "lead", "Was it seen?", ("yes", "no"), 20)], capsys)
    assert "lead: Was it seen?" in line
    assert "one of: yes, no" in line


def test_a_full_disk_takes_the_audience_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", buffering=1) as full:
        monkeypatch.setattr(sys, "stderr", full)
        lines, session = Lines(reveal=False), MadeUpSession(seen=QUESTION)
        for second, what in enumerate((*DAY, QUESTION)):
            lines.show(RunEvent(T0 + timedelta(seconds=second), float(second), what))
        Typed(session, "ann").take(b"perhaps\nx\n")  # type: ignore[arg-type]
        monkeypatch.undo()
        # What it could not write must not come again when it is closed.
        with contextlib.suppress(OSError):
            full.close()
    assert [call[0] for call in session.calls] == ["answer", "abort"]


class MadeUpSession:
    """Remembers what it is told."""

    def __init__(self, phase: Phase = Phase.RUNNING, **asked: Asked) -> None:
        self.machine = SimpleNamespace(phase=phase)
        self.asked = asked
        self.calls: list[tuple[Any, ...]] = []

    def answer(self, step: str, text: str, by: str) -> str:
        self.calls.append(("answer", step, text, by))
        return "" if text == "yes" else "the answer is one of yes, no"

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self.calls.append((name, *given))


QUESTION = Asked("seen", "lead", "Was it seen?", ("yes", "no"))


@pytest.mark.parametrize(
    ("typed", "phase", "asked", "calls"),
    [
        (b"n a storm of retries\n", Phase.RUNNING, {}, [("note", "a storm of retries", "ann")]),
        (b"m\n", Phase.RUNNING, {}, [("mark", "ann", "")]),
        (b"m odd\n", Phase.RUNNING, {}, [("mark", "ann", "odd")]),
        (b"p\n", Phase.RUNNING, {}, [("hold", "ann")]),
        (b"p\n", Phase.HELD, {}, [("go_on", "ann")]),
        (b"x\n", Phase.RUNNING, {}, [("abort", "ann")]),
        (b"yes\n", Phase.RUNNING, {"seen": QUESTION}, [("answer", "seen", "yes", "ann")]),
        (b"  yes  \n", Phase.RUNNING, {"seen": QUESTION}, [("answer", "seen", "yes", "ann")]),
        (b"ye", Phase.RUNNING, {"seen": QUESTION}, []),
        (b"\n\n", Phase.RUNNING, {"seen": QUESTION}, []),
        (b"what?\n", Phase.RUNNING, {}, []),
    ],
)
def test_what_is_typed(typed: bytes, phase: Phase, asked: dict[str, Asked], calls: list[Any]) -> None:
    session = MadeUpSession(phase, **asked)
    Typed(session, "ann").take(typed)  # type: ignore[arg-type]
    assert session.calls == calls


def test_a_line_may_come_in_pieces(capsys: pytest.CaptureFixture[str]) -> None:
    session = MadeUpSession(seen=QUESTION)
    typed = Typed(session, "ann")  # type: ignore[arg-type]
    for each in (b"per", b"haps\ny", b"es\n"):
        typed.take(each)
    assert [call[2] for call in session.calls] == ["perhaps", "yes"]
    assert "the answer is one of yes, no" in capsys.readouterr().err


def test_what_can_be_typed_is_told_in_lines_that_fit_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Typed(MadeUpSession(), "ann").take(b"what?\n")  # type: ignore[arg-type]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(len(line) < 80 for line in lines)
    assert all(f"`{key}" in " ".join(lines) for key in ("n TEXT", "m", "p", "x"))


def test_how_it_ended_in_a_few_lines() -> None:
    record = RunRecord(
        "day",
        RunKind.GAMEDAY,
        "day",
        RunState.FINISHED,
        T0,
        verdict=Verdict(
            Outcome.FAILED,
            "recovered <= 5s (8s)",
            (Check("recovered <= 5s", 5.0, 8.0, "s", ok=False), Check("undone", "all", "all", ok=True)),
        ),
        measures=Measures(gameday=GameDayMeasures(mttr_s=8.0, lost_writes=0)),
    )
    assert list(summary(record)) == [
        "failed: recovered <= 5s (8s)",
        "  BROKEN  recovered <= 5s: 8s",
        "  ok      undone: all",
        "recovered 8s  lost writes 0",
    ]
