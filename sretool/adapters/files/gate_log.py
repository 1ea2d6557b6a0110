"""The record of what the release gate let pass unseen or by exception: a JSON line each, only appended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sretool.adapters import project as projects

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "gate.jsonl"


def path(project: Path, environment: Mapping[str, str]) -> Path:
    """In the project's state folder."""
    return projects.state_folder(project, environment) / FILE


def append(file: Path, entry: Mapping[str, Any]) -> None:
    """Add one line that is on the disk when this returns; OSError where it cannot be kept."""
    projects.append_line(file, json.dumps(entry, ensure_ascii=False, allow_nan=False).encode())
