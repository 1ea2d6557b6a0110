"""`canary.yaml`: how a new version goes out, and what sends it back. `DEFAULT` holds for what is left out.

canary:
  service: shop
  matchers: job="shop"          # of every series below
  criteria:
    - id: errors
      title: 5xx answers
      bad: http_requests_total{status=~"5.."}
      total: http_requests_total
      limit: {above_baseline: 0.5%}
      rollback: {above_baseline: 1%, for: 5m}
    - id: latency
      title: p95 latency
      histogram: http_request_duration_seconds
      quantile: 95%
      limit: {above_baseline: 100ms}
      rollback: {above_baseline: 200ms, for: 5m}
  stages:
    - {weight: 5%, lasts: 30m}
    - {weight: 100%, lasts: 24h}
  checklist:
    - {id: budget, title: More than half of the error budget is left, budget_above: 50%}
    - {id: approval, title: An SRE has approved it}
"""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - resolved at run time
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from sretool.core.catalog import document, values
from sretool.core.catalog.spec import Declares, Found, Parsed, Text, Written
from sretool.errors import CatalogError, UsageError, Wrong
from sretool.units import parse_duration

CANARY_FILE: Final = "canary.yaml"
"""Lies beside a catalog. Not part of the catalog."""


class CanaryError(CatalogError):
    """Canary files that cannot be used."""

    of: ClassVar[str] = "the canary file"


class Side(StrEnum):
    """On which side of a limit it is bad, and what the limit is measured from."""

    ABOVE_BASELINE = "above_baseline"
    BELOW_BASELINE = "below_baseline"
    ABOVE = "above"
    BELOW = "below"

    @property
    def relative(self) -> bool:
        return self in (Side.ABOVE_BASELINE, Side.BELOW_BASELINE)

    @property
    def sign(self) -> int:
        """1 where more is worse, -1 where less is."""
        return 1 if self in (Side.ABOVE_BASELINE, Side.ABOVE) else -1


@dataclass(frozen=True, slots=True)
class Limit:
    side: Side
    value: float
    """A difference from the baseline or a value, in the criterion's unit."""


@dataclass(frozen=True, slots=True)
class RollbackRule:
    """What sends a canary back at once."""

    limit: Limit
    lasting: timedelta
    """How long it is beyond the limit without a break."""


@dataclass(frozen=True, slots=True)
class EventShare:
    """Bad events of all: two counters."""

    bad: str
    total: str


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of a classic histogram."""

    histogram: str
    """Base name."""
    of: float
    """0..1, ends excluded."""
    unit: str = "s"
    """`s`, `ms` or another; empty: a bare number."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One figure by which a canary is compared with its baseline."""

    id: str
    title: str
    measure: EventShare | Quantile
    limit: Limit
    """Beyond it no stage is passed."""
    rollback: RollbackRule | None = None
    matchers: str = ""
    """Of its series, on top of those of the policy."""

    @property
    def unit(self) -> str:
        return "ratio" if isinstance(self.measure, EventShare) else self.measure.unit


@dataclass(frozen=True, slots=True)
class Stage:
    weight: float
    """Share of the traffic that the canary gets, 0..1."""
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class Check:
    """Something that holds before a release begins."""

    id: str
    title: str
    budget_above: float | None = None
    """What every objective of the service has left, 0..1; None: a person or a job confirms it."""


@dataclass(frozen=True, slots=True)
class CanaryPolicy:
    criteria: tuple[Criterion, ...]
    stages: tuple[Stage, ...]
    checklist: tuple[Check, ...]
    service: str | None = None
    """Whose objectives the checklist means; None: all there are."""
    matchers: str = ""
    """Of all series of the criteria."""
    confidence: float = 0.95
    """How sure a verdict is, 0..1."""
    least: int = 50
    """Events on each side below which nothing is concluded from a criterion."""
    over: timedelta = timedelta(minutes=1)
    """Slices in which roll-back rules look at the canary; at least four scrape intervals."""


DEFAULT: Final = CanaryPolicy(
    criteria=(
        Criterion(
            "errors",
            "5xx answers",
            EventShare("http_request_5xx_total", "http_request_total"),
            Limit(Side.ABOVE_BASELINE, 0.005),
            RollbackRule(Limit(Side.ABOVE_BASELINE, 0.01), timedelta(minutes=5)),
        ),
        Criterion(
            "latency",
            "p95 latency",
            Quantile("http_request_duration_seconds", 0.95),
            Limit(Side.ABOVE_BASELINE, 0.1),
            RollbackRule(Limit(Side.ABOVE_BASELINE, 0.2), timedelta(minutes=5)),
        ),
        Criterion(
            "confidence",
            "median decision confidence",
            Quantile("amas_decision_confidence", 0.5, ""),
            Limit(Side.BELOW, 0.5),
            RollbackRule(Limit(Side.BELOW, 0.4), timedelta(minutes=10)),
        ),
    ),
    stages=(
        Stage(0.05, timedelta(minutes=30)),
        Stage(0.25, timedelta(hours=1)),
        Stage(1.0, timedelta(hours=24)),
    ),
    checklist=(
        Check("unit-tests", "All unit tests pass"),
        Check("integration-tests", "More than 95 % of the integration tests pass"),
        Check("coverage", "More than 80 % of the code is covered"),
        Check("security-scan", "The security scan found nothing severe"),
        Check("budget", "More than half of the error budget is left", budget_above=0.5),
        Check("approval", "An SRE has approved it"),
    ),
)


_LONGEST: Final = timedelta(days=30)


def _length(raw: str) -> timedelta:
    value = values.duration(raw)
    if value > _LONGEST:
        raise UsageError(f"{raw!r} is longer than {_LONGEST.days} days")
    return value


def _inside(raw: str) -> Decimal:
    value = values.ratio(raw)
    if not 0 < value < 1:
        raise UsageError(f"{raw!r} is not between 0 and 1", remedy="write it like 95%")
    return value


def _confidence(raw: str) -> Decimal:
    value = values.ratio(raw)
    if not Decimal("0.5") < value < 1:
        raise UsageError(f"{raw!r} is not between 50% and 100%", remedy="write it like 95%")
    return value


Length = Annotated[timedelta, Parsed(_length)]
SIDES: Final = tuple(side.value for side in Side)


class LimitSpec(Written):
    """Its value is read once the criterion's unit is known."""

    above_baseline: Text | None = None
    below_baseline: Text | None = None
    above: Text | None = None
    below: Text | None = None

    @property
    def given(self) -> list[tuple[Side, str]]:
        return [(side, raw) for side in Side if (raw := getattr(self, side.value)) is not None]

    def problems(self) -> Iterator[Found]:
        if len(self.given) != 1:
            yield None, f"one of {', '.join(SIDES)} is wanted here, each saying beyond what it is bad"


class RollbackSpec(LimitSpec, rename={"lasting": "for"}):
    lasting: Length = timedelta(0)

    def problems(self) -> Iterator[Found]:
        yield from super().problems()
        if "for" not in self.place.keys:
            yield None, "`for` is missing: how long it is beyond the limit", Wrong.MISSING


class CriterionSpec(Written, kw_only=True):
    id: Annotated[str, Parsed(values.identifier), Declares("criterion")]
    title: Text | None = None
    bad: Annotated[str, Parsed(values.selector)] | None = None
    total: Annotated[str, Parsed(values.selector)] | None = None
    histogram: Annotated[str, Parsed(values.metric_name)] | None = None
    quantile: Annotated[Decimal, Parsed(_inside)] | None = None
    unit: str = "s"
    matchers: Annotated[str, Parsed(values.matchers)] = ""
    limit: LimitSpec
    rollback: RollbackSpec | None = None

    def problems(self) -> Iterator[Found]:
        # Written, but perhaps not readable: then that has been said already.
        written = self.place.keys.keys()
        shares, quantiles = written & {"bad", "total"}, written & {"histogram", "quantile"}
        if bool(shares) == bool(quantiles):
            yield None, "a criterion has either `bad` and `total`, or `histogram` and `quantile`"
            return
        for key in sorted(({"bad", "total"} if shares else {"histogram", "quantile"}) - written):
            yield None, f"`{key}` is missing", Wrong.MISSING
        yield from self._limit_problems()

    def _limit_problems(self) -> Iterator[Found]:
        for key, written in (("limit", self.limit), ("rollback", self.rollback)):
            for side, raw in written.given if written is not None else ():
                try:
                    self.value(side, raw)
                except UsageError as error:
                    remedy = f"; {error.remedy}" if error.remedy else ""
                    yield key, f"{side}: {error.message}{remedy}", error.wrong
                    return
        if self.rollback is None or len(self.limit.given) != 1 or len(self.rollback.given) != 1:
            return
        (mild, mild_raw), (severe, severe_raw) = self.limit.given[0], self.rollback.given[0]
        nearer = (self.value(severe, severe_raw) - self.value(mild, mild_raw)) * mild.sign < 0
        if mild is severe and nearer:
            yield "rollback", "rolls back what the limit still lets pass: it is to be the wider of the two"

    def value(self, side: Side, raw: str) -> float:
        if "bad" in self.place.keys or "total" in self.place.keys:
            return float(values.ratio(raw))
        if self.unit in ("s", "ms") and not _is_number(raw):
            seconds = parse_duration(raw).total_seconds()
            return seconds * (1000 if self.unit == "ms" else 1)
        if raw.endswith("%"):
            return float(values.ratio(raw))
        number = float(values.number(raw))
        if side.relative and number < 0:
            raise UsageError(f"{raw!r} is below 0; a distance from the baseline is wanted")
        return number


def _is_number(raw: str) -> bool:
    try:
        values.number(raw)
    except UsageError:
        return False
    return True


class StageSpec(Written):
    weight: Annotated[Decimal, Parsed(values.share)]
    lasts: Length


class CheckSpec(Written):
    id: Annotated[str, Parsed(values.identifier), Declares("check")]
    title: Text
    budget_above: Annotated[Decimal, Parsed(values.ratio)] | None = None


class CanarySpec(Written):
    service: Annotated[str, Parsed(values.identifier)] | None = None
    matchers: Annotated[str, Parsed(values.matchers)] = ""
    criteria: tuple[CriterionSpec, ...] | None = None
    stages: tuple[StageSpec, ...] | None = None
    checklist: tuple[CheckSpec, ...] | None = None
    confidence: Annotated[Decimal, Parsed(_confidence)] | None = None
    least: Annotated[int, Parsed(values.positive_whole)] | None = None
    over: Length | None = None

    def problems(self) -> Iterator[Found]:
        weights = [stage.weight for stage in self.stages or ()]
        if weights != sorted(set(weights)):
            yield "stages", "the weights of the stages go up from one to the next"


class CanaryFile(Written):
    canary: CanarySpec


_EMPTY: Final = {
    "criteria": "nothing is compared: without a criterion every version would do",
    "stages": "a release without stages never begins",
}


def read(file: str, text: str) -> CanaryPolicy:
    """What a canary file says; CanaryError with every problem found."""
    intake = document.Intake()
    root = document.compose(file, text, intake)
    if root is None and not intake.problems:
        intake.problem(file, 1, "the file is empty; it should hold `canary`")
    found = document.decode(root, CanaryFile, file, intake) if root is not None else None
    # Entries that cannot be used are left out: without this their lists would seem to be empty.
    if found is not None and not intake.problems:
        for key, why in _EMPTY.items():
            if getattr(found.canary, key) == ():
                intake.problem(file, found.canary.place.line_of(key), why)
    if intake.problems or found is None:
        raise CanaryError(tuple(sorted(intake.problems, key=lambda problem: problem.line)))
    return _policy(found.canary)


def _policy(written: CanarySpec) -> CanaryPolicy:
    criteria, stages, checklist = written.criteria, written.stages, written.checklist
    return CanaryPolicy(
        criteria=DEFAULT.criteria if criteria is None else tuple(_criterion(each) for each in criteria),
        stages=DEFAULT.stages
        if stages is None
        else tuple(Stage(float(each.weight), each.lasts) for each in stages),
        checklist=DEFAULT.checklist if checklist is None else tuple(_check(each) for each in checklist),
        service=written.service,
        matchers=written.matchers,
        confidence=DEFAULT.confidence if written.confidence is None else float(written.confidence),
        least=DEFAULT.least if written.least is None else written.least,
        over=DEFAULT.over if written.over is None else written.over,
    )


def _check(written: CheckSpec) -> Check:
    above = written.budget_above
    return Check(written.id, written.title, float(above) if above is not None else None)


def _criterion(written: CriterionSpec) -> Criterion:
    rollback = written.rollback
    return Criterion(
        written.id,
        written.title or written.id.replace("-", " "),
        _measure(written),
        _limit(written, written.limit),
        RollbackRule(_limit(written, rollback), rollback.lasting) if rollback is not None else None,
        written.matchers,
    )


def _limit(criterion: CriterionSpec, written: LimitSpec) -> Limit:
    ((side, raw),) = written.given
    return Limit(side, criterion.value(side, raw))


def _measure(written: CriterionSpec) -> EventShare | Quantile:
    match written:
        case CriterionSpec(bad=str(bad), total=str(total)):
            return EventShare(bad, total)
        case CriterionSpec(histogram=str(histogram), quantile=Decimal() as wanted):
            return Quantile(histogram, float(wanted), written.unit)
    raise AssertionError("problems() lets only whole criteria pass")
