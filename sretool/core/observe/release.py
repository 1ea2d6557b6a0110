"""What the release gate looks at in a snapshot."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.slo.policy import Standing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sretool.core.observe.model import SloStatus

TOO_OLD: Final = timedelta(minutes=15)
"""A budget changes slowly, but of figures older than this nobody knows why there are no new ones."""


def standings(statuses: Iterable[SloStatus], now: datetime) -> tuple[Standing, ...]:
    """What each SLO has left; not known where its figures are too old."""
    return tuple(
        Standing(status.slo.id, status.budget_left if now - status.at <= TOO_OLD else None)
        for status in statuses
    )
