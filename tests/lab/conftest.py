"""One real lab for all tests that need one; each may break it as long as it waits for its repair."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.lab import LabHome, traces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.adapters.lab.record import LabRecord

LAB = "first"


@pytest.fixture(scope="session")
def lab_home() -> Iterator[LabHome]:
    # Short, because sockets live below it where PostgreSQL runs as ourselves.
    folder = Path(tempfile.mkdtemp(prefix="sretool-lab-"))
    home = LabHome(folder)
    try:
        yield home
    finally:
        for lab in ("first", "second"):
            home.sretool("lab", "reset", "--name", lab)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def lab(lab_home: LabHome) -> Iterator[LabRecord]:
    """The record of a running lab of amas with history."""
    started = lab_home.up(LAB)
    yield started
    stopped = lab_home.sretool("lab", "down", "--name", LAB)
    assert stopped.returncode == 0, stopped.stderr
    assert traces(started) == []


@pytest.fixture(autouse=True)
def _labs_of_this_session(lab_home: LabHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(lab_home.state))
