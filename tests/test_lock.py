"""requirements.lock is what pyproject.toml asks for, and names no place it was made at."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text()


def requirement_names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=! ;]", text, maxsplit=1)[0].lower() for text in requirements}


def test_every_requirement_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = requirement_names(project["project"]["dependencies"] + project["dependency-groups"]["dev"])
    for extra in project["project"]["optional-dependencies"].values():
        wanted |= requirement_names(extra)
    locked = set(re.findall(r"^([a-z0-9._-]+)==", LOCK, re.MULTILINE))
    assert wanted - locked == set(), "run `make lock`"


def test_every_locked_package_has_hashes() -> None:
    entries = re.split(r"^(?=\S)", LOCK, flags=re.MULTILINE)
    assert [entry.splitlines()[0] for entry in entries if "==" in entry and "--hash=" not in entry] == []


def test_the_lock_holds_no_address() -> None:
    assert re.findall(r"(?:https?|file)://\S*|--(?:find-links|index-url|extra-index-url)", LOCK) == []
