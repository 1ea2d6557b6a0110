"""Who uses the product on which day: a pure function of user and day.

The seeded rows and the live traffic ask the same function, so retention keeps its value over days of running
and after days off. A *loyal* user is active on half of all days for ever. Every day a cohort of *passing*
users registers; they stay for an exponentially distributed time and are active on about half of their days.
Of the users active on a day, the share active again k days later is then LOYAL_SHARE/2 + (1 −
LOYAL_SHARE)·p·e^(−k/STAY).
"""

from __future__ import annotations

import functools
import math
from datetime import date, datetime, timedelta

from sretool.core.plans.traffic import AMAS_LAB

LOYAL = 208
"""Loyal users; ids 1 to LOYAL."""
LOYAL_ACTIVE = 0.5
COHORT = 96
"""Passing users registering each day."""
STAY = 6.1
"""Mean stay of a passing user, in days."""
PASSING_ACTIVE = 0.53

_EPOCH = date(2024, 1, 1)
_FIRST_PASSING = 1001
_LONGEST_STAY = 45  # days; e^(−45/6.1) of a cohort would stay longer: none
_MASK = 0xFFFFFFFF


def fraction(*keys: int) -> float:
    """A number in [0, 1) that looks random and depends on `keys` alone (the murmur3 finaliser per key)."""
    state = 0x9E3779B9
    for key in keys:
        state = (state ^ (key & _MASK)) * 0x85EBCA6B & _MASK
        state ^= state >> 13
        state = state * 0xC2B2AE35 & _MASK
        state ^= state >> 16
    return state / 2**32


def day_of(moment: datetime) -> date:
    """The users' local calendar day."""
    return (moment + AMAS_LAB.utc_offset).date()


def registered(user: int) -> date:
    """The day the user registered; loyal users long before everybody else."""
    if user < _FIRST_PASSING:
        return _EPOCH - timedelta(days=365)
    return _EPOCH + timedelta(days=(user - _FIRST_PASSING) // COHORT)


def active(user: int, day: date) -> bool:
    """Whether a user of the population uses the product on `day`."""
    number = (day - _EPOCH).days
    if user <= LOYAL:
        return fraction(user, number) < LOYAL_ACTIVE
    age = (day - registered(user)).days
    if not 0 <= age <= _stay(user):
        return False
    return fraction(user, number) < PASSING_ACTIVE


@functools.lru_cache(maxsize=64)
def active_users(day: date) -> tuple[int, ...]:
    """Everybody who is active on `day`, in order of id."""
    number = (day - _EPOCH).days
    oldest = _FIRST_PASSING + max(number - _LONGEST_STAY, 0) * COHORT
    newest = _FIRST_PASSING + (number + 1) * COHORT
    return tuple(user for user in (*range(1, LOYAL + 1), *range(oldest, newest)) if active(user, day))


def ability(user: int) -> float:
    """How well a user does, 0 to 1; centred on 0.5."""
    return 0.25 + 0.5 * (fraction(user, 11) + fraction(user, 12)) / 2


def _stay(user: int) -> float:
    return min(-STAY * math.log(1 - fraction(user, 7)), float(_LONGEST_STAY))
