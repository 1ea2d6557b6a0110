"""Whether the alert that always fires still arrives: when it does not, no page would."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.observe.model import DeadMan

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

GRACE: Final = timedelta(minutes=1)
"""How long one that was never seen may take from the rules to Alertmanager."""


class DeadManWatch:
    """Expects what the rules say fires all the time, and whatever was seen once."""

    def __init__(self) -> None:
        self._expected: dict[str, datetime | None] = {}
        """Name → when it was seen last."""
        self._missing_since: dict[str, datetime] = {}

    def expect(self, names: Sequence[str]) -> None:
        for name in names:
            self._expected.setdefault(name, None)

    def seen(self, names: Collection[str], now: datetime) -> DeadMan | None:
        """What Alertmanager holds now; the one that is missing longest, else any that is there."""
        for name in names:
            self._expected[name] = now
        for name in self._expected:
            if name in names:
                self._missing_since.pop(name, None)
            else:
                self._missing_since.setdefault(name, now)
        if not self._expected:
            return None
        late = [
            (since, name)
            for name, since in self._missing_since.items()
            if self._expected[name] is not None or now - since >= GRACE
        ]
        if late:
            since, name = min(late)
            return DeadMan(name, self._expected[name], since)
        name = min(self._expected)
        return DeadMan(name, self._expected[name], None)
