"""Asks the probes of stop conditions all the time, beside the experiment.

Each probe has a thread of its own, so that one that hangs holds back no other; what it answers is told, and
the program that started us decides.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from chaoslib.activity import run_activity
from chaoslib.configuration import load_configuration
from chaoslib.hypothesis import within_tolerance
from chaoslib.secret import load_secrets

from sretool.chaos.telling import hide, tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def begin(
    experiment: Mapping[str, Any], given: Mapping[str, Any], names: Iterable[str], every: float
) -> None:
    """Ask the probes `names` of `experiment` every so many seconds until the program ends."""
    wanted = set(names)
    probes = [each for each in _probes(experiment) if each.get("name") in wanted]
    if not probes:
        return
    configuration = load_configuration(experiment.get("configuration", {}), given.get("configuration") or {})
    secrets = load_secrets(experiment.get("secrets", {}), configuration, given.get("secrets") or {})
    hide(secrets or {})
    for probe in probes:
        threading.Thread(
            target=_ask,
            args=(probe, configuration, secrets, every),
            daemon=True,
            name=f"probe {probe['name']}",
        ).start()


def _probes(experiment: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Of the hypothesis first: those have a tolerance."""
    hypothesis = experiment.get("steady-state-hypothesis") or {}
    seen = set()
    for each in (*hypothesis.get("probes", ()), *experiment.get("method", ())):
        if each.get("type") == "probe" and each.get("name") not in seen:
            seen.add(each.get("name"))
            yield each


def _ask(probe: dict[str, Any], configuration: Any, secrets: Any, every: float) -> None:
    name = probe["name"]
    tell("asked", name=name)
    while True:
        began = time.monotonic()
        met, text = _answer(probe, configuration, secrets)
        tell("guard", name=name, met=met, text=text)
        time.sleep(max(0.0, every - (time.monotonic() - began)))


def _answer(probe: dict[str, Any], configuration: Any, secrets: Any) -> tuple[bool | None, str]:
    # Whatever a probe of others raises is an answer: it does not know.
    try:
        output = run_activity(probe, configuration, secrets)
        if "tolerance" in probe:
            met = bool(within_tolerance(probe["tolerance"], output, configuration, secrets))
        else:
            met = output is not False and output is not None
    except Exception as error:
        return None, str(error)[:200]
    return met, str(output)[:200]
