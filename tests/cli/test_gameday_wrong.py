"""`gameday run` begins nothing that `gameday plan` would refuse: the same problems, at the same lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli import test_gameday, test_gameday_release
from tests.cli.test_gameday import PLAN, project, run

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["project"]

WRONG = {
    "a role without a person": (
        "person: bo, does: answers",
        "does: answers",
        "drill.yaml:6: role 'responder' has no person; write `person: NAME`, or give --role responder=NAME",
    ),
    "a role of somebody who is on call where nobody knows who": (
        "person: bo",
        "person: on-call",
        "drill.yaml:6: role 'responder' is of whoever is on call, and no catalog with a calendar is known",
    ),
    "a step of a role that there is not": (
        "check: responder",
        "check: respnder",
        "drill.yaml:13: step 'check': there is no role 'respnder'; did you mean 'responder'?",
    ),
    "a profile that is not there": (
        "load: users",
        "load: user",
        "drill.yaml:9: step 'traffic': there is no load profile 'user'; did you mean 'users'?",
    ),
    "an experiment that is not there": (
        "{experiment: slow, under",
        "{experiment: slo, under",
        "drill.yaml:11: step 'slo': there is no experiment 'slo'; did you mean 'slow'?",
    ),
    "a load that is not begun": (
        "{experiment: slow, under: traffic",
        "{experiment: slow, under: trafic",
        "drill.yaml:11: no load 'trafic' has begun by then; those that have: traffic",
    ),
    "steps that take longer than the day may": (
        "after 30m",
        "after 1s",
        "drill.yaml:16: the steps take 2m at least, but the game day is stopped after 1s",
    ),
    "a step that is to begin before those in front of it are over": (
        "{wait: 1m}",
        "{wait: 1m}\n  - {wait: 1s, at: 30s}",
        "drill.yaml:11: step 'wait-2' is to begin 30s after the begin, but those before it take 1m at least",
    ),
    "an experiment that takes longer than it may": (
        "{experiment: slow, under: traffic, within: 5m}",
        "{experiment: slow, under: traffic, within: 1s}",
        "drill.yaml:11: experiment 'slow' takes 30s at least, but is to be over within 1s",
    ),
}


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize(("old", "new", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_line_and_nothing_begins(
    project: Path, capsys: pytest.CaptureFixture[str], command: str, old: str, new: str, told: str
) -> None:
    assert PLAN.count(old) >= 1
    (project / "experiments/gamedays/drill.yaml").write_text(PLAN.replace(old, new, 1))
    assert run(command, "drill") == 2
    out, err = capsys.readouterr()
    if command == "run":
        # stdout is for what came of it.
        assert not out
        out, _, err = err.partition("sretool: ")
    assert [line.startswith(f"experiments/gamedays/{told}") for line in out.splitlines()] == [True], out
    assert "the game day has " in err
    assert "Traceback" not in err
    assert not (project / ".sretool").exists()
    assert not list(project.parent.glob("state/sretool/runs/*"))


def test_all_that_is_wrong_with_a_release_keeps_it_from_beginning(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = test_gameday_release.wrong(project)
    assert test_gameday_release.run("run", "pre.yaml", "--yes") == 2
    told = capsys.readouterr().err.partition("sretool: ")[0].splitlines()
    for each in expected:
        assert any(line.startswith(each) for line in told), (each, told)
    assert len(told) == len(expected)


def test_a_form_that_is_none(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "bad.yaml").write_text("name: bad\ntitle: B\nsteps:\n  - {capacity: x, at: sometime}\n")
    for command in ("plan", "run"):
        assert test_gameday.run(command, "bad.yaml") == 2
        assert capsys.readouterr().err.startswith("bad.yaml:4: at: 'sometime' is not a duration")


def test_wrong_answers_are_told_before_anything_else_is_asked(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "answers.yaml").write_text("# given before\nguezz: 3\n")
    (project / "experiments/slow.yaml").unlink()
    assert run("run", "drill", "--yes", "--answers", "answers.yaml") == 2
    err = capsys.readouterr().err
    assert "answers.yaml:2: " in err
    assert "slow" not in err
    assert run("run", "drill", "--yes", "--answers", "none.yaml") == 2
    assert "none.yaml" in capsys.readouterr().err


def test_without_a_terminal_there_is_no_screen(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", "drill", "--yes", "--tui") == 2
    err = capsys.readouterr().err
    assert "--tui needs stdin, stdout and stderr to be a terminal" in err
    assert "leave it out: then what happens goes to stderr" in err
    assert not list(project.parent.glob("state/sretool/runs/*"))
