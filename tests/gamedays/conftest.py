"""One fresh lab for all experiments: what other tests break would count against them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.lab import LabHome, traces

if TYPE_CHECKING:
    from collections.abc import Iterator

LAB = "drills"


@pytest.fixture(scope="session")
def drills() -> Iterator[LabHome]:
    """Where a lab named `drills` runs."""
    # Short, because sockets live below it where PostgreSQL runs as ourselves.
    folder = Path(tempfile.mkdtemp(prefix="sretool-drills-"))
    home = LabHome(folder)
    try:
        started = home.up(LAB)
        yield home
        stopped = home.sretool("lab", "down", "--name", LAB)
        assert stopped.returncode == 0, stopped.stderr
        assert traces(started) == []
    finally:
        home.sretool("lab", "reset", "--name", LAB)
        shutil.rmtree(folder, ignore_errors=True)
