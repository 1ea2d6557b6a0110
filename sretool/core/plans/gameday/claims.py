"""What is to hold during a game day and at its end: one line each.

sli amas/learning-availability >= 99%    share of good events, over the whole game day
left amas/learning-availability >= 50%   of the error budget; without an objective: of the least one
spent <= 60%                             of an error budget by this game day; the worst one
detected <= 2m                           from each fault to the alert that tells of it
acked <= 5m                              from each page to the first who takes it
recovered <= 5m                          from each fault until users are served as before
lost writes <= 0                         acknowledged and gone, all experiments together
p95 <= 500ms, p99 <= 1s, errors <= 1%    as the load sees it, all of it
experiments pass, loads pass, checks pass
no page                                  fires
undone                                   every fault is taken back
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sretool.core.catalog import values
from sretool.errors import UsageError, did_you_mean


class Claims(StrEnum):
    SLI = "sli"
    LEFT = "left"
    SPENT = "spent"
    DETECTED = "detected"
    ACKED = "acked"
    RECOVERED = "recovered"
    LOST_WRITES = "lost writes"
    P95 = "p95"
    P99 = "p99"
    ERRORS = "errors"
    EXPERIMENTS = "experiments pass"
    LOADS = "loads pass"
    CHECKS = "checks pass"
    NO_PAGE = "no page"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Claim:
    kind: Claims
    text: str
    """As written; names it."""
    bound: float | None = None
    """In `unit`; None: it holds or it does not."""
    unit: str = ""
    """`ratio`, `s`, or empty for a plain count."""
    at_least: bool = False
    """Whether the bound is the least that is good; else it is the most."""
    slo: str | None = None

    def holds(self, got: float | None) -> bool | None:
        """None: nothing was measured."""
        if got is None or self.bound is None:
            return None
        return got >= self.bound if self.at_least else got <= self.bound


_BOUND: Final = re.compile(
    r"(?P<what>[a-z][a-z0-9 ]*?)(?:\s+(?P<slo>\S+/\S+))?\s*(?P<sign>[<>]=?)\s*(?P<bound>\S+)"
)
_SHARES: Final = (Claims.SLI, Claims.LEFT, Claims.SPENT, Claims.ERRORS)
_SPANS: Final = (Claims.DETECTED, Claims.ACKED, Claims.RECOVERED, Claims.P95, Claims.P99)
_LEAST: Final = (Claims.SLI, Claims.LEFT)
_OF_SLO: Final = (Claims.SLI, Claims.LEFT, Claims.SPENT)
_PLAIN: Final = (Claims.EXPERIMENTS, Claims.LOADS, Claims.CHECKS, Claims.NO_PAGE, Claims.UNDONE)
OF_LOAD: Final = (Claims.P95, Claims.P99, Claims.ERRORS)
"""Need a load; a search for the highest rate is none: it goes beyond what is to hold on purpose."""
OF_FAULTS: Final = (Claims.DETECTED, Claims.RECOVERED, Claims.LOST_WRITES, Claims.EXPERIMENTS)
"""Need an experiment; rounds and searches for a dose are none: nobody is to notice or mend what they do."""
OF_END: Final = (Claims.UNDONE, Claims.NO_PAGE)
"""Are true at the end only."""


def parse(raw: str) -> Claim:
    """UsageError where it is none of the forms above."""
    text = " ".join(raw.split())
    if text in _PLAIN:
        return Claim(Claims(text), text)
    found = _BOUND.fullmatch(text)
    if found is None or found["what"] not in set(Claims) - set(_PLAIN):
        word = found["what"] if found else text
        hint = did_you_mean(word, Claims)
        raise UsageError(f"{raw!r} cannot be judged{hint}", remedy="write it like `sli shop/api >= 99%`")
    kind = Claims(found["what"])
    if found["slo"] and kind not in _OF_SLO:
        raise UsageError(f"{kind.value} is of no objective: leave out {found['slo']}")
    if kind is Claims.SLI and not found["slo"]:
        raise UsageError("sli: of which objective?", remedy="write it like `sli shop/api >= 99%`")
    sign = ">=" if kind in _LEAST else "<="
    if found["sign"] != sign:
        turned = found["sign"][0] != sign[0]
        what = "is meant the other way round" if turned else f"compares with {found['sign']}"
        raise UsageError(f"{raw!r} {what}", remedy=f"write {kind.value} {sign} …")
    bound, unit = _bound(kind, found["bound"])
    slo = values.slo_id(found["slo"]) if found["slo"] else None
    return Claim(kind, text, bound, unit, kind in _LEAST, slo)


def _bound(kind: Claims, raw: str) -> tuple[float, str]:
    if kind in _SHARES:
        return float(values.ratio(raw)), "ratio"
    if kind in _SPANS:
        return values.duration(raw).total_seconds(), "s"
    return float(values.whole(raw)), ""
