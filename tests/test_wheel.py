"""What is built into the wheel besides code."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import sretool
from sretool.adapters.files import profiles

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_load_profiles_are_found_beside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    package = tmp_path / "installed" / "sretool"
    monkeypatch.setattr(sretool, "__file__", str(package / "__init__.py"))
    found = profiles.names(tmp_path)
    assert {file.parent for file in found.values()} == {package / "loadprofiles"}
    assert set(found) == {file.stem for file in (ROOT / "loadprofiles").glob("*.yaml")} > {"mixed", "replay"}
    usable, problems = profiles.every(tmp_path)
    assert (len(usable), problems) == (len(found), [])
