"""The undo of a crash, where there is nothing to wait for any more."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def test_with_the_lab_its_crash_is_gone(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sretool.chaos.back", "--lab", "gone", "app-1", "7"],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (3, "lab gone is gone\n")
