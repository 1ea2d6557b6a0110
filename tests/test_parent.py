"""Runs made as steps of a game day say of which."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sretool import wiring
from sretool.core.plans.load.plan import resolve
from sretool.core.plans.load.target import Target
from tests.core.plans.gameday.test_timetable import experiment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("given", "parent"), [(None, None), ("", None), ("gabc23", "gabc23")])
def test_experiments_and_loads_know_their_game_day(
    tmp_path: Path, given: str | None, parent: str | None
) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    if given is not None:
        environment[wiring.PARENT] = given
    target = Target("http://127.0.0.1:9", "http", "127.0.0.1", 9)
    stored = wiring.load_profile("smoke", tmp_path, None)
    plan = resolve(stored.profile, target, folder=str(tmp_path), given={})
    for run in (
        wiring.chaos_journal(tmp_path, environment, experiment(), tmp_path / "slow.yaml", b"x"),
        wiring.load_journal(tmp_path, environment, stored, plan),
    ):
        with run:
            pass
        written = json.loads((run.folder / "run.json").read_text())
        assert written.get("parent") == parent
