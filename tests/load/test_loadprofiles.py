"""The profiles that come with sretool: their files fit together, and their locustfiles run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import gevent
import pytest
from locust.util.load_locustfile import load_locustfile

from sretool.adapters.files import profiles
from sretool.core.plans.load.plan import LoadPlan
from sretool.core.plans.load.profile import Closed, Open, OwnShape
from sretool.load import child
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


LIKE_PEAK = {"evening", "soak", "spike", "stage-1", "stage-2", "stage-3", "write-heavy"}
"""Of the same class and the same model."""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(NAMES) - LIKE_PEAK - {"replay"}))
def test_plain_locust_runs_it_against_any_target(name: str, server: Server, mapping: Path) -> None:
    process = plain_locust(name, server, mapping, "-u", "3", "-r", "3")
    before, end = asked(server), time.monotonic() + 40
    while asked(server) < before + 3 and process.poll() is None and time.monotonic() < end:
        gevent.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    requests, failures = told(process)
    assert requests >= 3
    assert failures == "0(0.00%)"


@pytest.mark.slow
def test_a_log_is_replayed_to_its_end_and_shared_by_workers(server: Server, mapping: Path) -> None:
    lines = len((FILES["replay"].parent / "sample.access.jsonl").read_text().splitlines())
    assert told(plain_locust("replay", server, mapping, "--processes", "2")) == (lines, "0(0.00%)")


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    file = tmp_path / "target.yaml"
    file.write_text(MAPPING)
    return file


def plain_locust(name: str, server: Server, mapping: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable, "-m", "locust", "-f", str(FILES[name].with_suffix(".py")),
            "--headless", "-H", server.url(), "--only-summary", *options,
        ],
        env={**os.environ, "SRETOOL_MAPPING": str(mapping), "SRETOOL_PARAM_speed": "20"},
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def told(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Requests and failures of all kinds together."""
    with process:
        _, text = process.communicate(timeout=60)
    assert process.returncode == 0, text
    total = next(line.split() for line in text.splitlines() if "Aggregated" in line)
    return int(total[1]), total[2]


def asked(server: Server) -> int:
    with urlopen(server.url() + "/counts") as answer:
        counts = json.load(answer)
    return sum(count for path, count in counts.items() if path in ("/echo", "/hello") or "/api" in path)


def test_workers_of_a_plan_know_how_many_they_are() -> None:
    profile = stored("smoke")
    plan = LoadPlan(
        profile="smoke", locustfile="/x.py", target="http://127.0.0.1:1", model=profile.model, workers=3
    )
    assert child.options(plan).expect_workers == 3


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
