"""What a load test is to keep to, and whether it did.

    p95 < 200ms            all requests together
    POST /answer: p99.9 <= 1s
    errors < 0.1%
    rate >= 500/s
    slo: amas/learning-latency

One line is one objective: a measure, a comparison and a limit, of one kind of request where its name stands
in front; or an objective of the catalog by its id, which only its own server can judge. `judge` looks at a
whole run without its warm-up, `Watchdog` at a run that is not over.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.capacity import Judgement
from sretool.core.catalog.values import slo_id
from sretool.core.runs.model import Check
from sretool.core.runs.words import value_words
from sretool.errors import UsageError
from sretool.units import format_decimal, parse_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.analysis.capacity import Judge
    from sretool.core.analysis.totals import Total, Totals


class Measure(StrEnum):
    """What of the requests is compared."""

    QUANTILE = "quantile"
    MEAN = "mean"
    MAX = "max"
    ERRORS = "errors"
    RATE = "rate"
    SLO = "slo"
    """An objective of the catalog."""


UNITS: Final = {
    Measure.QUANTILE: "s",
    Measure.MEAN: "s",
    Measure.MAX: "s",
    Measure.ERRORS: "ratio",
    Measure.RATE: "1/s",
    Measure.SLO: "",
}
"""Of limits and of what is measured."""

ALLOWED: Final = (
    "write a measure, a comparison and a limit: p95 < 200ms (any percentile), mean < 80ms, max < 2s, "
    "errors < 0.1%, rate >= 500/s; a request's name may stand in front (POST /answer: p95 < 300ms); "
    "or slo: service/name"
)

_SHAPE: Final = re.compile(
    r"(?:(?P<request>.*\S)\s*:\s+)?(?P<measure>[A-Za-z][\w.]*)\s*(?P<sign>[<>=!]+)\s*(?P<limit>\S.*)"
)
_SLO: Final = re.compile(r"slo:\s*(?P<id>\S.*)")
_PERCENTILE: Final = re.compile(r"p(\d+(?:\.\d+)?)")
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(us|µs|ms|s|m)")
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|h)")
_TIMES: Final = {
    "us": Decimal("0.000001"),
    "µs": Decimal("0.000001"),
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
}
_PER: Final = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Objective:
    """One thing a load test is to keep to."""

    measure: Measure
    limit: float = 0.0
    """In the unit of `UNITS`; of no meaning for an objective of the catalog."""
    strict: bool = True
    """Whether the limit itself breaks it: `<` and `>`, not `<=` and `>=`."""
    share: float = 0.0
    """Of a quantile, 0..1."""
    request: str = ""
    """Name of a kind of request; empty: all together."""
    slo: str = ""
    """Id in the catalog."""

    @property
    def at_least(self) -> bool:
        """Whether more is better."""
        return self.measure is Measure.RATE

    @property
    def unit(self) -> str:
        return UNITS[self.measure]

    def __str__(self) -> str:
        """As it is written, in the shortest way; parsing it gives an equal objective."""
        if self.measure is Measure.SLO:
            return f"slo: {self.slo}"
        name = f"p{_times(self.share, 100)}" if self.measure is Measure.QUANTILE else self.measure.value
        sign = (">" if self.at_least else "<") + ("" if self.strict else "=")
        of = f"{self.request}: " if self.request else ""
        return f"{of}{name} {sign} {_limit_text(self.measure, self.limit)}"

    def holds(self, got: float) -> bool:
        if got == self.limit:
            return not self.strict
        return (got > self.limit) == self.at_least

    def check(self, got: float | None) -> Check:
        """`got` None: not measured, so nobody can tell."""
        ok = self.holds(got) if got is not None else None
        want = self.limit if self.measure is not Measure.SLO else None
        return Check(str(self), want, got, self.unit, ok)


def parse(text: str) -> Objective:
    """UsageError that says what is wrong and what is allowed. A mapping `name: rest` of a file is passed as
    the text it was written as."""
    stripped = text.strip()
    found = _SLO.fullmatch(stripped)
    if found is not None:
        return Objective(Measure.SLO, slo=slo_id(found["id"].strip()))
    found = _SHAPE.fullmatch(stripped)
    if found is None:
        raise UsageError(f"{text!r} is no objective", remedy=ALLOWED)
    measure, share = _measure(found["measure"])
    strict = _strict(measure, found["measure"], found["sign"])
    limit = _limit(measure, found["limit"].strip())
    if limit == 0 and strict and measure is not Measure.RATE:
        raise UsageError(f"{text!r} can never hold", remedy=f"write {found['measure']} <= {found['limit']}")
    return Objective(measure, limit, strict, share, found["request"] or "")


def judge(objective: Objective, totals: Totals) -> Check:
    """Whether a whole run, without its warm-up, kept to it; undecided where nothing of it was measured."""
    return objective.check(got(objective, totals))


def got(objective: Objective, totals: Totals) -> float | None:
    """What was measured, in the objective's unit."""
    total = totals.of(objective.request)
    if total is None:
        return None
    match objective.measure:
        case Measure.QUANTILE:
            return total.quantile(objective.share)
        case Measure.MEAN:
            return total.mean
        case Measure.MAX:
            return total.most
        case Measure.ERRORS:
            return total.error_share
        case Measure.RATE:
            return totals.rate(objective.request)
        case Measure.SLO:
            return None


SURE: Final = 3.09
"""Standard errors from the limit at which chance is out of the question: it is right 999 times in 1000."""

LEAST: Final = 50
"""Requests before anything is called broken that a few of them could have broken."""


def surely_broken(objective: Objective, totals: Totals, *, least: int = LEAST) -> bool:
    """Whether what is measured so far is too bad for chance: a run that is stopped for it was worth stopping.

    A percentile and an error share are broken when the share of requests beyond the limit is above the one
    allowed by more than its uncertainty. One request is enough to break a maximum for good.
    """
    total = totals.of(objective.request)
    measured = got(objective, totals)
    if total is None or measured is None or objective.holds(measured):
        return False
    if objective.measure is Measure.MAX:
        return True
    if total.requests < least and objective.measure is not Measure.RATE:
        return False
    match objective.measure:
        case Measure.QUANTILE:
            return _lowest_share(total.slower(objective.limit), total.latency.count) > 1 - objective.share
        case Measure.ERRORS:
            return _lowest_share(total.failures, total.requests) > objective.limit
        case Measure.MEAN:
            return _surely_slow(total, objective.limit)
        case _:
            # Arrivals at random scatter by the root of their count.
            wanted = objective.limit * totals.seconds
            return total.requests + SURE * math.sqrt(wanted) < wanted


def judge_steps(objectives: Sequence[Objective]) -> Judge:
    """For a search for the highest rate: whether a few seconds at one rate keep to them.

    What a handful of requests cannot tell is left open, and one stray failure refutes no rate. A minimum of
    the rate and objectives of the catalog are not judged by the second.
    """
    judged = [each for each in objectives if each.measure not in (Measure.RATE, Measure.SLO)]

    def judged_step(totals: Totals) -> Judgement:
        broken: list[str] = []
        pressures: list[float] = []
        for objective in judged:
            total, measured = totals.of(objective.request), got(objective, totals)
            if total is None or measured is None:
                continue
            if objective.measure is Measure.ERRORS:
                stray = total.failures == 1 and total.requests > 2
                if not (stray or objective.holds(measured)):
                    broken.append(_told(objective, measured))
                continue
            if objective.measure is Measure.QUANTILE and total.latency.count * (1 - objective.share) < 1:
                continue
            if objective.limit:
                pressures.append(measured / objective.limit)
            if not objective.holds(measured):
                broken.append(_told(objective, measured))
        return Judgement(tuple(broken), max(pressures, default=None))

    return judged_step


def _told(objective: Objective, measured: float) -> str:
    return f"{objective} was {value_words(measured, objective.unit, 3)}"


@dataclass(slots=True)
class Watchdog:
    """Tells when a run that is not over has surely broken an objective, and for long enough.

    It is asked once a second with everything measured since the warm-up. The cumulative figure is what the
    verdict will be about: a short dip that the whole run can still make good does not end it.
    """

    objectives: Sequence[Objective]
    after: float = 0.0
    """Seconds of measuring before the first look."""
    delay: float = 0.0
    """Seconds an objective has to be broken without a break."""
    least: int = LEAST
    _since: dict[Objective, float] = field(default_factory=dict)

    def look(self, totals: Totals) -> Check | None:
        """The first objective that is broken for good; None: go on."""
        now = totals.seconds
        if now < self.after:
            return None
        for objective in self.objectives:
            if not surely_broken(objective, totals, least=self.least):
                self._since.pop(objective, None)
            elif now - self._since.setdefault(objective, now) >= self.delay:
                return judge(objective, totals)
        return None


def _measure(word: str) -> tuple[Measure, float]:
    found = _PERCENTILE.fullmatch(word)
    if found is not None:
        share = Decimal(found[1]) / 100
        if not 0 < share < 1:
            raise UsageError(
                f"{word!r} is no percentile", remedy="write p50, p95, p99.9: above 0 and below 100"
            )
        return Measure.QUANTILE, float(share)
    if word not in _WORDS:
        raise UsageError(f"{word!r} cannot be measured", remedy=ALLOWED)
    return Measure(word), 0.0


_WORDS: Final = (Measure.MEAN, Measure.MAX, Measure.ERRORS, Measure.RATE)


def _strict(measure: Measure, word: str, sign: str) -> bool:
    possible = (">", ">=") if measure is Measure.RATE else ("<", "<=")
    if sign not in possible:
        side = "lower" if measure is Measure.RATE else "upper"
        raise UsageError(
            f"{sign!r} cannot follow {word}",
            remedy=f"it has a {side} limit: {word} {possible[0]} or {word} {possible[1]}",
        )
    return sign in ("<", ">")


def _limit(measure: Measure, text: str) -> float:
    match measure:
        case Measure.ERRORS:
            return float(parse_ratio(text))
        case Measure.RATE:
            found = _RATE.fullmatch(text)
            if found is None or not Decimal(found[1]):
                raise UsageError(f"{text!r} is no rate", remedy="write it like 500/s, 30/m or 0.5/s")
            value = Decimal(found[1]) / _PER[found[2]]
        case _:
            found = _TIME.fullmatch(text)
            if found is None:
                raise UsageError(
                    f"{text!r} is no time with its unit", remedy="write it like 200ms, 1.5s, 800us or 2m"
                )
            value = Decimal(found[1]) * _TIMES[found[2]]
    if value.adjusted() > 12 or (value and value.adjusted() < -9):
        raise UsageError(f"{text!r} is beyond what can be measured")
    return float(value)


def _limit_text(measure: Measure, limit: float) -> str:
    if measure is Measure.ERRORS:
        return f"{_times(limit, 100)}%"
    if measure is Measure.RATE:
        return f"{_times(limit, 1)}/s"
    if limit >= 1 or not limit:
        return f"{_times(limit, 1)}s"
    return f"{_times(limit, 1000)}ms" if limit >= 0.001 else f"{_times(limit, 1_000_000)}us"


def _times(number: float, factor: int) -> str:
    """Without the noise that a product of floats would have."""
    return format_decimal(Decimal(repr(number)) * factor)


def _lowest_share(hits: int, count: int) -> float:
    """The lowest share that could well have brought this many hits: Wilson's interval, `SURE` wide."""
    if not count:
        return 0.0
    share, z2 = hits / count, SURE**2
    middle = share + z2 / (2 * count)
    spread = SURE * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return (middle - spread) / (1 + z2 / count)


def _surely_slow(total: Total, limit: float) -> bool:
    """Whether the mean is above the limit by more than its standard error explains."""
    mean = total.mean
    if mean is None:
        return False
    return mean - SURE * total.deviation / math.sqrt(total.latency.count) > limit
