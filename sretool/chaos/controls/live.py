"""Everything that happens as a line of JSON, at once: for a screen, a chat, a log of your own.

`path`: the file that lines are appended to; without one they go to standard error. Values of secrets are cut
out. What cannot be written is left out: the experiment goes on.

    {"event": "fault_on", "at": 1795279900.8, "fault": "812-1", "text": "latency 200ms", "target": "database"}

Events are `phase`, `hypothesis`, `activity`, `fault_on`, `fault_off`, `writes`, `traffic`.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from sretool.chaos.controls import _feed

_NAME = "live"
_to: dict[str, Path | None] = {}


def configure_control(secrets: Any = None, event_registry: Any = None, path: str = "") -> None:
    _to["path"] = Path(path) if path else None
    _feed.join(_NAME, _write, secrets, event_registry)


def cleanup_control() -> None:
    _feed.leave(_NAME, _write)


def before_activity_control(context: dict[str, Any], **_: Any) -> None:
    _feed.before(_NAME, context)


def after_activity_control(
    context: dict[str, Any],
    state: dict[str, Any] | None = None,
    configuration: dict[str, Any] | None = None,
    secrets: dict[str, Any] | None = None,
    **_: Any,
) -> None:
    _feed.after(_NAME, context, state, configuration, secrets)


def _write(line: dict[str, Any]) -> None:
    text = json.dumps(line, default=repr)
    path = _to.get("path")
    with contextlib.suppress(OSError):
        if path is None:
            print(text, file=sys.stderr, flush=True)
        else:
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{text}\n")
