"""The profiles that come with sretool: their files fit together, and their locustfiles run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from locust.util.load_locustfile import load_locustfile

from sretool.adapters.files import profiles
from sretool.core.plans.load.profile import Closed, Open, OwnShape
from sretool.load.mapped import MappedUser
from sretool.load.open import OpenUser

if TYPE_CHECKING:
    from sretool.core.plans.load.profile import LoadProfile
    from tests.load.conftest import Server

FILES = profiles.names(Path(__file__).parent)
NAMES = sorted(FILES)

MAPPING = """\
requests:
  start: POST /echo
  words: {request: /echo, save: {items: headers}}
  answer: {request: POST /echo, json: {word: "${item.0}"}}
  end: POST /echo
  summary: /hello
  overview: /hello
  endpoint: /hello
"""


def stored(name: str) -> LoadProfile:
    return profiles.load(name, Path(__file__).parent).profile


@pytest.mark.parametrize("name", NAMES)
def test_a_locustfile_is_what_its_profile_says(name: str) -> None:
    profile = stored(name)
    classes, shapes = load_locustfile(str(FILES[profile.name].parent / profile.locustfile))
    assert classes
    assert set(profile.scenarios) <= set(classes)
    assert bool(shapes) is isinstance(profile.model, OwnShape)
    for each in classes.values():
        assert issubclass(each, MappedUser)
        # Each kind of model as plain Locust has it, too.
        assert issubclass(each, OpenUser) is not isinstance(profile.model, Closed)
        assert set(each.needs) <= set(profile.requests)
        for parameter in ("first_user", "user_count", "speed"):
            if parameter in profile.parameters:
                assert getattr(each, parameter) == profile.parameters[parameter].default


LIKE_PEAK = {"soak", "spike", "stage-1", "stage-2", "stage-3", "write-heavy"}
"""Of the same class and the same model."""


@pytest.mark.parametrize("name", sorted(set(NAMES) - LIKE_PEAK))
def test_plain_locust_runs_it_against_any_target(name: str, server: Server, tmp_path: Path) -> None:
    mapping = tmp_path / "target.yaml"
    mapping.write_text(MAPPING)
    run = subprocess.run(
        [
            sys.executable, "-m", "locust", "-f", str(FILES[name].with_suffix(".py")),
            "--headless", "-u", "3", "-r", "3", "-t", "2s", "-H", server.url(), "--only-summary",
        ],
        env={**os.environ, "SRETOOL_MAPPING": str(mapping), "SRETOOL_PARAM_speed": "20"},
        capture_output=True,
        text=True,
        timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    total = next(
        line.split() for line in run.stderr.splitlines() + run.stdout.splitlines() if "Aggregated" in line
    )
    assert int(total[1]) > 0
    assert total[2] == "0(0.00%)"


def test_the_rate_of_a_profile_holds_under_plain_locust() -> None:
    profile = stored("mixed")
    classes, _ = load_locustfile(str(FILES[profile.name].parent / profile.locustfile))
    assert isinstance(profile.model, Open)
    rates = {
        name: each.rate_at(each.__new__(each), 30.0)
        for name, each in classes.items()
        if issubclass(each, OpenUser)
    }
    assert rates == pytest.approx({"Learner": 36, "Reader": 3.6, "Operator": 0.4})
