"""Many SLOs asked about as one: those whose series differ by the value of one label only.

They are asked for as the groups of one SLO, and each group's figures go to the SLO it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sretool.core.slo.model import ErrorRatioQuery, SloId
from sretool.core.slo.windows import burn_windows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeVar

    from sretool.core.slo.model import Slo

    T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch:
    """SLOs, and what is asked for in their place."""

    asked: tuple[Slo, ...]
    members: tuple[Slo, ...]
    """As `asked`, with every group that is wanted in place of those with groups made here."""
    stands_for: Mapping[SloId, Slo]
    """Id of such a group → the SLO it is."""

    def own(self, found: Mapping[SloId, T]) -> dict[SloId, T]:
        """What was found, by the ids of the SLOs; groups that are none of them are left out."""
        made = {slo.id for slo in self.asked if slo.id.startswith(_PREFIX)}
        return {
            self.stands_for[id_].id if id_ in self.stands_for else id_: value
            for id_, value in found.items()
            if id_ in self.stands_for or SloId(id_.partition("{")[0]) not in made
        }

    def own_slos(self, found: Sequence[Slo]) -> tuple[Slo, ...]:
        """The SLOs found, those that were asked for together always among them."""
        others = (slo for slo in found if not slo.id.startswith(_PREFIX))
        return (*others, *self.stands_for.values())


_PREFIX = "batch/"
"""Of the ids made here: no service is called so, as ids of running SLOs are never asked for by them."""


def batched(slos: Sequence[Slo]) -> Batch:
    """The SLOs with as few as can be asked for in their place."""
    alike: dict[Any, list[Slo]] = {}
    for slo in slos:
        alike.setdefault(_shape(slo) or slo.id, []).append(slo)
    asked: list[Slo] = []
    members: list[Slo] = []
    stands_for: dict[SloId, Slo] = {}
    for number, together in enumerate(alike.values()):
        first = together[0]
        shared = first.sli.shared if isinstance(first.sli, ErrorRatioQuery) else None
        if shared is None or len(together) == 1:
            asked.append(first)
            members.append(first)
            continue
        template = replace(
            first,
            id=SloId(f"{_PREFIX}{number}"),
            sli=ErrorRatioQuery(shared.query, shared.traffic),
            group_by=(shared.label,),
        )
        asked.append(template)
        for slo in together:
            assert isinstance(slo.sli, ErrorRatioQuery)
            assert slo.sli.shared is not None
            member = template.member({shared.label: slo.sli.shared.value})
            members.append(member)
            stands_for[member.id] = slo
    return Batch(tuple(asked), tuple(members), stands_for)


def _shape(slo: Slo) -> Any:
    """What SLOs have to have in common; None: it is asked for alone."""
    shared = slo.sli.shared if isinstance(slo.sli, ErrorRatioQuery) else None
    if shared is None or slo.group_by or slo.calendar is not None or slo.exclusions:
        return None
    windows = tuple(burn_windows(slo))
    return shared.query, shared.traffic, shared.label, slo.window, windows, slo.min_events
