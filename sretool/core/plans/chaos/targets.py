"""What an action would hurt: the answers of planning functions, read with care.

Beside an action `f(**arguments)` stands `plan_f(**arguments) -> list[dict]`: the same arguments, no fault.
One mapping for each thing that would be changed, in the words of `sretool.chaos.undoing.before`:

    {"fault": "CPU 50% api-1", "target": "api-1 (pid 812)", "prior": "no limit", "heals": "undo", "ttl": 600,
     "undo": {"kind": "cgroup_write", "path": …, "value": …}, "of": 2}

`target`, `prior` and `undo` are part of what is approved, so they say nothing that changes by itself:
identities and settings, never readings. `of` says how many things could have been chosen. An empty list: the
action hurts nothing, as one that only waits or undoes. One that chooses and finds nothing raises.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - fields are looked up where documents are made
from dataclasses import dataclass, field
from typing import Any, Final

HEALS: Final = {
    "undo": "stays until undone",
    "restart": "ends when its process restarts",
    "duration": "ends by itself",
    "reboot": "ends with a reboot at the latest",
}
"""Self-heal class → what it means."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that would be changed."""

    target: str
    """Exactly which: `api-1 (pid 812)`."""
    fault: str = ""
    """What would be done to it, in words."""
    prior: str = ""
    """What is there now, in words."""
    undo: Mapping[str, Any] = field(default_factory=dict)
    """As data, of the kinds of the undo log."""
    heals: str = "undo"
    """Self-heal class, a key of `HEALS`."""
    ttl: float | None = None
    """Seconds after which it is undone whatever happens; None: no such limit."""
    of: int | None = None
    """How many could have been chosen; None: not told."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a planning function says."""

    targets: tuple[Target, ...] | None
    """None: it is not known what the action hurts."""
    problem: str = ""
    """Why not, where a planning function failed."""


UNKNOWN: Final = Answer(None)
"""Of an action without a planning function."""


def answer(document: Mapping[str, Any]) -> Answer:
    """One answer of the planning program: `{"targets": […]}`, `{"problem": "…"}` or `{}`."""
    if not document:
        return UNKNOWN
    if document.get("problem"):
        return Answer(None, str(document["problem"]))
    listed = document.get("targets")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        return Answer(None, "its planning function does not give a list of mappings")
    found = []
    for each in listed:
        target, undo, heals = each.get("target"), each.get("undo", {}), each.get("heals", "undo")
        if not isinstance(target, str) or not target:
            return Answer(None, "its planning function gives something without `target`")
        if not isinstance(undo, dict) or heals not in HEALS:
            return Answer(None, f"its planning function does not say how {target} is put back")
        ttl, of = each.get("ttl"), each.get("of")
        found.append(
            Target(
                target=target,
                fault=str(each.get("fault", "")),
                prior=str(each.get("prior", "")),
                undo=undo,
                heals=heals,
                ttl=float(ttl) if isinstance(ttl, int | float) else None,
                of=of if isinstance(of, int) else None,
            )
        )
    return Answer(tuple(found))
