"""Undoing as an activity, for the `rollbacks` of an experiment under `chaos run`.

Under `sretool chaos run` everything is undone without it.
"""

from __future__ import annotations

from typing import Any

from chaoslib.exceptions import ActivityFailed

from sretool.chaos import undoing


def everything(fault: str | None = None, target: str | None = None) -> int:
    """Undo every fault of this run that is still in, the newest first; gives how many were in.

    `fault` and `target`: only those with exactly these words. Fails where one cannot be undone.
    """
    results = undoing.undo(fault=fault, target=target)
    failed = [f"{each.fault}: {each.text}" for each in results if not each.ok]
    if failed:
        raise ActivityFailed("; ".join(failed))
    return len(results)


def plan_everything(**_: Any) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []
