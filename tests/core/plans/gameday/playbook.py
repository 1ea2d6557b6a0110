"""Game days as playbooks: what is told (`>> seconds event …`), and what is to follow (`<< command …`).

    >> 0 begin
    << StartLoad traffic
    >> 30 tick
    << StartExperiment crash

After each event exactly the commands below it are given. `::` holds the machine's phase against its word.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from sretool.core.plans.gameday import machine
from sretool.core.plans.gameday.read import read
from sretool.core.plans.gameday.timetable import arranged
from sretool.core.runs.model import Outcome

if TYPE_CHECKING:
    from sretool.core.plans.gameday.machine import Command, Event, Machine


def of_steps(steps: str, *, settle: float = 0.0) -> Machine:
    """A machine of a plan with these steps, in YAML."""
    plan = read("plan.yaml", f"name: p\ntitle: P\nsteps:\n{steps}")
    return machine.Machine(arranged(plan, 0), settle=settle)


def play(of: Machine, book: str) -> None:
    expected: list[str] = []
    given: list[str] = []
    event = ""
    for line in (*filter(None, map(str.strip, book.splitlines())), ">> end"):
        sign, _, rest = line.partition(" ")
        if sign == "<<":
            expected.append(rest)
            continue
        if sign == "::":
            assert (event, of.phase.value) == (event, rest)
            continue
        assert sign == ">>", line
        assert (event, given) == (event, expected)
        if rest == "end":
            return
        event, expected = rest, []
        seconds, _, words = rest.partition(" ")
        given = [said(each) for each in of.take(float(seconds), _event(words))]


def said(command: Command) -> str:
    """`StartLoad traffic`; an empty field and a False one are left out."""
    shown = [type(command).__name__]
    for each in fields(command):
        value = getattr(command, each.name)
        if value is True:
            shown.append(each.name)
        elif isinstance(value, tuple):
            shown += [f"[{', '.join(value)}]"] if value else []
        elif value:
            shown.append(str(value))
    return " ".join(shown)


def _event(words: str) -> Event:
    kind, *rest = words.split()
    match kind, rest:
        case "begin", []:
            return machine.Begin()
        case "tick", []:
            return machine.Tick()
        case "done", [step, outcome]:
            return machine.StepDone(step, Outcome(outcome))
        case "stuck", [step]:
            return machine.StepDone(step, Outcome.FAILED, undone=False)
        case "answer", [step, *answer]:
            return machine.Answered(step, " ".join(answer))
        case "seen", [step]:
            return machine.Observed(step)
        case "hold", []:
            return machine.Hold()
        case "go", ["on"]:
            return machine.GoOn()
        case "tripped", guard:
            return machine.Tripped(" ".join(guard))
        case "blind", []:
            return machine.Tripped("blind 30s", blind=True)
        case "abort", [by]:
            return machine.Abort(by)
        case "stopped", []:
            return machine.AllStopped()
        case "stopped", ["not", "undone"]:
            return machine.AllStopped(undone=False)
        case _:
            raise AssertionError(words)
