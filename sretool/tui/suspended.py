"""Programs that take the whole terminal for a while: a command of a runbook, a pager, an editor."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from textual.app import App


def run(app: App[Any], command: Sequence[str], environment: Mapping[str, str], *, wait: bool) -> int | None:
    """Exit code of `command`, which has the terminal until it ends; None where there is none to give away.

    With `wait` what it printed stays until Enter. OSError where it cannot be started.
    """
    try:
        with app.suspend():
            return _run(command, environment, wait=wait)
    except SuspendNotSupported:
        return None


def _run(command: Sequence[str], environment: Mapping[str, str], *, wait: bool) -> int:
    # Ctrl-C is for the program alone: a handler that does nothing, which the program does not inherit.
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        if wait:
            print(f"$ {command[-1]}", flush=True)
        code = subprocess.run(command, env=dict(environment), check=False).returncode
        if wait:
            print(f"\n{tr('It ended with exit code {code}. Enter goes back.', code=code)}", flush=True)
            sys.stdin.readline()
        return code
    finally:
        signal.signal(signal.SIGINT, before)
