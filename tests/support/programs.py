"""Running programs that tests need: the checkers of Prometheus and Alertmanager, OpenSSL."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGES = {"promtool": "prometheus", "amtool": "prometheus-alertmanager", "openssl": "openssl"}


def run(program: str, *arguments: str | Path, cwd: Path | None = None) -> str:
    """What it prints; the test fails with that where the program is not content."""
    found = shutil.which(program)
    assert found is not None, f"{program} is missing: apt-get install {_PACKAGES[program]}"
    command = [found, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
