"""What actions would hurt, asked in a program of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.chaostoolkit import planning
from sretool.core.plans.chaos.experiment import Activity, Section
from sretool.errors import ChaosError

if TYPE_CHECKING:
    from pathlib import Path

DRIVER = '''\
import os, sys, time
print("what it prints is no answer")
def plan_slow(target, delay=1):
    """One of two."""
    return [{"target": target, "fault": f"slow {delay}", "undo": {"kind": "end"}, "of": 2}]
def plan_choose(name):
    raise LookupError(f"no process is named {name!r}")
def plan_leave():
    sys.exit("no more")
def plan_odd():
    return [object()]
def plan_hang():
    time.sleep(60)
def plan_die():
    os._exit(3)
def harmless(): ...
'''


def action(func: str, number: int = 0, **arguments: Any) -> Activity:
    provider = {"type": "python", "module": "driver_asked", "func": func, "arguments": arguments}
    return Activity(Section.METHOD, ("method", number), func, "action", provider)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "driver_asked.py").write_text(DRIVER)
    return tmp_path


def test_every_action_gets_its_own_answer(folder: Path) -> None:
    asked = [action("slow", 0, target="a", delay=3), action("choose", 1, name="b"), action("harmless", 2)]
    answers = planning.ask(asked, folder, os.environ)
    first = answers["method", 0]
    assert first.targets is not None
    assert [(each.target, each.fault, each.of) for each in first.targets] == [("a", "slow 3", 2)]
    assert answers["method", 1].problem == "no process is named 'b'"
    assert answers["method", 2].targets is None
    assert not answers["method", 2].problem


def test_what_a_function_does_wrong_is_its_answer(folder: Path) -> None:
    asked = [action("leave", 0), action("odd", 1), action("slow", 2), action("slow", 3, target="a")]
    answers = planning.ask(asked, folder, os.environ)
    assert answers["method", 0].problem == "no more"
    assert "not JSON serializable" in answers["method", 1].problem
    assert "target" in answers["method", 2].problem
    assert answers["method", 3].targets


def test_a_program_that_dies_is_an_error(folder: Path) -> None:
    with pytest.raises(ChaosError, match="cannot be asked"):
        planning.ask([action("die")], folder, os.environ)


def test_a_function_that_hangs_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "_PATIENCE", 1.0)
    with pytest.raises(ChaosError, match="not known after 1 s"):
        planning.ask([action("hang")], folder, os.environ)


def test_nothing_is_started_where_nobody_is_asked(folder: Path) -> None:
    assert planning.ask([], folder, {}) == {}
