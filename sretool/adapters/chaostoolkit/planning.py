"""Asks actions what they would hurt, in a program of its own: their modules are not for our process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos.targets import Answer, answer
from sretool.errors import ChaosError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sretool.core.plans.chaos.experiment import Activity
    from sretool.core.plans.chaos.experiment import Path as Place

_PATIENCE: Final = 20.0
"""Seconds for all answers: some ask a server."""


def ask(actions: Sequence[Activity], folder: Path, environment: Mapping[str, str]) -> dict[Place, Answer]:
    """Path of the action → answer; ChaosError where the program itself fails."""
    if not actions:
        return {}
    calls = [
        {"id": str(number), "module": each.module, "func": each.func, "arguments": dict(each.arguments)}
        for number, each in enumerate(actions)
    ]
    asked = json.dumps({"folder": str(folder), "calls": calls}, default=str)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "sretool.chaos.planning"],
            input=asked.encode(),
            capture_output=True,
            timeout=_PATIENCE,
            env=dict(environment),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ChaosError(
            f"what the experiment would hurt is not known after {_PATIENCE:.0f} s",
            remedy="an action's planning function hangs; is the server it asks up?",
        ) from None
    except OSError as error:
        raise ChaosError(f"what the experiment would hurt cannot be asked: {error}") from error
    try:
        answers = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        said = f": {last[0]}" if last else ""
        raise ChaosError(f"what the experiment would hurt cannot be asked{said}") from None
    return {each.path: answer(answers.get(str(number), {})) for number, each in enumerate(actions)}
