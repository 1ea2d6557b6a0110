"""How many requests a second a day brings: evening peak, quiet night, busier weekend.

The lab's live traffic and its generated history follow this one function of time, so that one continues
the other without a step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class DayPattern:
    """A smooth daily curve between trough and peak."""

    peak: float
    """Requests per second in the middle of the peak hours of a weekday."""
    trough_share: float
    """Trough over peak: 0.2 for 5:1."""
    peak_start_h: float
    """Local hour at which the peak plateau begins."""
    peak_end_h: float
    weekend_factor: float
    utc_offset: timedelta
    """Local time of the users; fixed, no daylight saving."""
    shoulder_h: float = 5.0
    """Hours the curve takes from trough to plateau and back."""

    def rate(self, moment: datetime) -> float:
        """Requests per second at an aware instant."""
        return self.rate_at(moment.timestamp())

    def rate_at(self, epoch: float) -> float:
        """Requests per second at seconds since the epoch."""
        local = epoch + self.utc_offset.total_seconds()
        hour = local % 86400 / 3600
        weight = max(self._plateau(hour), self._plateau(hour + 24), self._plateau(hour - 24))
        level = self.peak * (self.trough_share + (1 - self.trough_share) * weight)
        return level * self._weekend(local)

    def _plateau(self, hour: float) -> float:
        if self.peak_start_h <= hour <= self.peak_end_h:
            return 1.0
        distance = self.peak_start_h - hour if hour < self.peak_start_h else hour - self.peak_end_h
        return 0.5 + 0.5 * math.cos(math.pi * min(distance / self.shoulder_h, 1.0))

    def _weekend(self, local: float) -> float:
        """1 on weekdays, the factor on weekends, blended over the two hours around midnight."""
        days = local / 86400 + 3  # the epoch was a Thursday: day 0 is now a Monday
        since_saturday = (days - 5) % 7  # 0..2 is the weekend
        blend = 1 / 24
        if since_saturday <= 2:
            inside = min(since_saturday, 2 - since_saturday)
        else:
            inside = -min(since_saturday - 2, 7 - since_saturday)
        share = min(max(0.5 + inside / (2 * blend), 0.0), 1.0)
        return 1 + (self.weekend_factor - 1) * share


AMAS_LAB = DayPattern(
    peak=10.0,
    trough_share=0.2,
    peak_start_h=19.0,
    peak_end_h=22.0,
    weekend_factor=1.5,
    utc_offset=timedelta(hours=8),
)
"""The reference system's day at the lab's scale: 2 to 10 requests a second, 15 on weekend evenings."""

PATTERNS = {"amas-lab": AMAS_LAB}
"""By the names that files use."""
