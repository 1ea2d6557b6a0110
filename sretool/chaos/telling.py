"""What happens in an experiment, as lines of JSON for the program that started it.

A control for Chaos Toolkit (`before_…_control`, `after_…_control` are its names). Lines go to the file
descriptor in `SRETOOL_EVENTS`; without one it says nothing. Controls fail open, so none of this decides
anything: a line that is missing makes a verdict inconclusive, never passed.
"""

from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EVENTS: Final = "SRETOOL_EVENTS"
"""Environment variable: number of the file descriptor."""

_lock = threading.Lock()
_secret: set[str] = set()
_section = {"now": "method"}
_listeners: list[Callable[[dict[str, Any]], None]] = []


def tell(event: str, **words: Any) -> None:
    """One line: `{"event": …, "at": unix time, …}`. Values of secrets are cut out of every text."""
    given = os.environ.get(EVENTS)
    if given is None and not _listeners:
        return
    told = {"event": event, "at": time.time(), **without_secrets(words)}
    with _lock:
        for hear in _listeners:
            hear(told)
    if given is None:
        return
    line = json.dumps(told, default=repr)
    with _lock:
        rest = memoryview(line.encode() + b"\n")
        while rest:
            rest = rest[os.write(int(given), rest) :]


def listen(hear: Callable[[dict[str, Any]], None]) -> None:
    """Let `hear` have every line, too, one at a time; it must neither raise nor tell anything itself."""
    _listeners.append(hear)


def listen_no_more(hear: Callable[[dict[str, Any]], None]) -> None:
    if hear in _listeners:
        _listeners.remove(hear)


def section(name: str) -> None:
    """What the activities that follow belong to: `hypothesis`, `method`, `rollbacks`."""
    _section["now"] = name


def hide(secrets: Mapping[str, Any]) -> None:
    """Never let these values out."""
    for value in secrets.values():
        if isinstance(value, dict):
            hide(value)
        elif isinstance(value, str) and len(value) >= 4:
            _secret.add(value)


def without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        for secret in _secret:
            value = value.replace(secret, "•••")
        return value
    if isinstance(value, dict):
        return {str(key): without_secrets(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(each) for each in value]
    return value


def configure_control(
    experiment: dict[str, Any],
    configuration: dict[str, Any],
    secrets: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    hide(secrets or {})


def before_activity_control(context: dict[str, Any], **_: Any) -> None:
    tell(
        "activity",
        state="started",
        section=_section["now"],
        name=context.get("name", ""),
        what=context.get("type", ""),
        background=bool(context.get("background")),
    )


# Whether a probe's answer is within its tolerance is decided after this; the hypothesis as a whole tells it.
# The toolkit decides nothing for probes of the method.
def after_activity_control(
    context: dict[str, Any],
    state: dict[str, Any] | None = None,
    configuration: dict[str, Any] | None = None,
    secrets: dict[str, Any] | None = None,
    **_: Any,
) -> None:
    run = state or {}
    error = run.get("exception")
    judged = (
        _section["now"] == "method" and context.get("type") == "probe" and run.get("status") == "succeeded"
    )
    tell(
        "activity",
        state="ok" if run.get("status") == "succeeded" else "failed",
        section=_section["now"],
        name=context.get("name", ""),
        what=context.get("type", ""),
        output=run.get("output"),
        duration=run.get("duration"),
        text=error[-1].strip() if isinstance(error, list) and error else "",
        met=_met(context, run.get("output"), configuration, secrets) if judged else None,
    )


def _met(
    probe: dict[str, Any],
    output: Any,
    configuration: dict[str, Any] | None,
    secrets: dict[str, Any] | None,
) -> bool | None:
    """Whether an answer is as wanted: within its tolerance; without one False is not. None: unknown."""
    if "tolerance" not in probe:
        return False if output is False else None
    from chaoslib import substitute
    from chaoslib.hypothesis import within_tolerance

    wanted = probe["tolerance"]
    try:
        if isinstance(wanted, str):
            wanted = substitute(wanted, configuration, secrets)
        return bool(within_tolerance(wanted, output, configuration=configuration, secrets=secrets))
    except Exception:
        # Whatever a tolerance of others raises: nobody knows then.
        return None
