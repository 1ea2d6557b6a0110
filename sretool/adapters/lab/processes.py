"""The processes of a lab as its supervisor has them, for whoever watches them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.adapters.lab import record
from sretool.ports import ProcessNow

if TYPE_CHECKING:
    from collections.abc import Sequence


class LabProcesses:
    """Of one lab; none where it has gone."""

    def __init__(self, name: str) -> None:
        self._name = name

    def processes(self) -> Sequence[ProcessNow]:
        lab = record.load(self._name)
        if lab is None:
            return ()
        return tuple(
            ProcessNow(each.name, each.pid, each.state.value, each.ready, each.restarts)
            for each in lab.processes
        )
