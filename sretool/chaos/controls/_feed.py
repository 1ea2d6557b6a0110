"""What controls hear: activities, faults and their undo, the hypothesis, in the words of `telling`.

Under `sretool chaos run` all of that is told anyway. Under Chaos Toolkit's own `chaos run` the first control
that joins makes it be told, once, however many controls listen.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sretool.chaos import telling
from sretool.chaos.runner import Teller

if TYPE_CHECKING:
    from collections.abc import Callable

_feeding: dict[str, str] = {}


def watched() -> bool:
    """Whether this is a run of `sretool chaos run`, which writes everything down itself."""
    return telling.EVENTS in os.environ


def join(name: str, hear: Callable[[dict[str, Any]], None], secrets: Any, registry: Any) -> None:
    """Let `hear` have every line from now on; it must not raise."""
    telling.hide(secrets or {})
    telling.listen(hear)
    if not watched() and not _feeding:
        _feeding["by"] = name
        registry.register(Teller())


def leave(name: str, hear: Callable[[dict[str, Any]], None]) -> None:
    telling.listen_no_more(hear)
    if _feeding.get("by") == name:
        _feeding.clear()


def before(name: str, context: dict[str, Any]) -> None:
    """An activity begins."""
    if _feeding.get("by") == name:
        telling.before_activity_control(context)


def after(
    name: str,
    context: dict[str, Any],
    state: dict[str, Any] | None,
    configuration: dict[str, Any] | None,
    secrets: dict[str, Any] | None,
) -> None:
    """An activity has ended."""
    if _feeding.get("by") == name:
        telling.after_activity_control(context, state, configuration, secrets)
