"""Whether a new version may get more traffic: canary against baseline, by the limits of a policy.

Each criterion is judged by how sure the counts make it that the canary keeps its limit, or breaks it; what
they leave open holds the stage up and says how much more is needed. Roll-back rules look at the stage in
slices: beyond the limit in every slice for as long as the rule says, and not by chance. What is not known
never promotes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sretool.core.analysis import belief
from sretool.core.catalog.canary import EventShare, Quantile
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sretool.core.analysis.belief import Belief
    from sretool.core.catalog.canary import CanaryPolicy, Check, Criterion, Limit, Stage

_MOST_TIMES: Final = 1000
"""More than so many times the data is not worth to wait for."""


@dataclass(frozen=True, slots=True)
class Events:
    """Bad ones of all."""

    bad: int
    of: int


@dataclass(frozen=True, slots=True)
class Buckets:
    """How many fell into each bucket of a histogram."""

    bounds: tuple[float, ...]
    """Upper ends, ascending, the last one infinite."""
    counts: tuple[int, ...]

    @property
    def of(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing was seen."""

    why: str


Seen = Events | Buckets | Missing


@dataclass(frozen=True, slots=True)
class Pair:
    """The same stretch of time on both sides."""

    canary: Seen
    baseline: Seen


@dataclass(frozen=True, slots=True)
class Slice:
    """A short part of the stage."""

    end: datetime
    pair: Pair


@dataclass(frozen=True, slots=True)
class Observed:
    """All that was seen of one criterion."""

    whole: Pair
    slices: tuple[Slice, ...] = ()
    """Of equal length, without gaps, oldest first."""


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNCLEAR = "unclear"
    """Too little data for as little difference."""
    NO_DATA = "no_data"


class RuleState(StrEnum):
    QUIET = "quiet"
    PENDING = "pending"
    """Beyond its limit, but not for long enough yet."""
    UNPROVEN = "unproven"
    """For long enough, but it may be chance."""
    FIRED = "fired"
    NO_DATA = "no_data"


class Outcome(StrEnum):
    PROMOTE = "promote"
    HOLD = "hold"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Figure:
    """One side's value and the interval that holds it at the policy's confidence."""

    value: float | None
    """None: nothing was seen."""
    low: float | None
    high: float | None
    """None: nothing was seen, or no bucket bounds it."""
    events: int
    bad: int | None = None
    """Of a share."""


@dataclass(frozen=True, slots=True)
class More:
    """What it would take to be sure, should the canary go on like this."""

    events: int
    """Of the canary."""
    time: timedelta


@dataclass(frozen=True, slots=True)
class Judged:
    """One criterion."""

    criterion: Criterion
    verdict: Verdict
    canary: Figure
    baseline: Figure
    difference: float | None = None
    """Canary less baseline."""
    low: float | None = None
    high: float | None = None
    """Of the difference, at the policy's confidence; None: not known, or unbounded."""
    kept: float | None = None
    """How sure it is that the limit is kept, 0..1."""
    broken: float | None = None
    """How sure it is that it is not."""
    more: More | None = None
    """None: nothing is missing, or nobody can tell how much."""
    why: str = ""
    """What is missing."""

    @property
    def chance(self) -> float | None:
        """How likely figures as good as these are just beyond the limit: the p-value of the promotion."""
        return None if self.kept is None else 1 - self.kept


@dataclass(frozen=True, slots=True)
class JudgedRule:
    criterion: Criterion
    state: RuleState
    since: datetime | None = None
    """Begin of the stretch beyond the limit."""
    held: timedelta = timedelta(0)
    """How long it was beyond it."""
    broken: float | None = None
    """How sure it is that the stretch was beyond the limit, 0..1."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One item of the checklist."""

    check: Check
    ok: bool | None
    """None: not known."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a stage that is behind us."""

    since: datetime
    at: datetime

    @property
    def length(self) -> timedelta:
        return self.at - self.since


@dataclass(frozen=True, slots=True)
class Judgement:
    outcome: Outcome
    reason: str
    """One line."""
    window: Window
    number: int
    """Of the stage, from 1; 0: before the release."""
    stage: Stage | None
    criteria: tuple[Judged, ...] = ()
    rules: tuple[JudgedRule, ...] = ()
    checklist: tuple[Checked, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def remaining(self) -> timedelta:
        """Of the stage."""
        return max(self.stage.lasts - self.window.length, timedelta(0)) if self.stage else timedelta(0)


def before_release(checklist: Sequence[Checked], at: datetime) -> Judgement:
    """Whether the first stage may begin. What is not known holds it up."""
    missing = [each for each in checklist if not each.ok]
    reason = "the checklist is complete"
    if missing:
        named = ", ".join(each.check.id for each in missing)
        reason = f"the checklist lacks {named}"
    outcome = Outcome.HOLD if missing else Outcome.PROMOTE
    return Judgement(outcome, reason, Window(at, at), 0, None, checklist=tuple(checklist))


def judge(
    policy: CanaryPolicy,
    number: int,
    window: Window,
    observed: Sequence[Observed],
    over: timedelta,
    notes: Sequence[str] = (),
) -> Judgement:
    """Stage `number` (from 1); `observed` is one for each criterion of the policy, in slices of `over`."""
    stage = policy.stages[number - 1]
    pairs = list(zip(policy.criteria, observed, strict=True))
    criteria = tuple(_criterion(policy, criterion, seen, window.length) for criterion, seen in pairs)
    rules = tuple(_rule(policy, criterion, seen, over) for criterion, seen in pairs if criterion.rollback)
    said = (*notes, *_notes(pairs))
    found = Judgement(Outcome.HOLD, "", window, number, stage, criteria, rules, notes=said)
    outcome, reason = _outcome(found, policy, pairs, over)
    return replace(found, outcome=outcome, reason=reason)


# -- one criterion


def _criterion(policy: CanaryPolicy, criterion: Criterion, seen: Observed, length: timedelta) -> Judged:
    canary, baseline = seen.whole.canary, seen.whole.baseline
    relative = criterion.limit.side.relative
    figures = (
        _figure(criterion, canary, policy.confidence),
        _figure(criterion, baseline, policy.confidence),
    )
    if isinstance(canary, Missing) or (relative and isinstance(baseline, Missing)):
        sides = [("canary", canary), ("baseline", baseline)] if relative else [("canary", canary)]
        why = "; ".join(f"{name}: {side.why}" for name, side in sides if isinstance(side, Missing))
        return Judged(criterion, Verdict.NO_DATA, *figures, why=why)
    kept, broken = _sureness(criterion, criterion.limit, canary, baseline)
    verdict, more, why = _verdict(policy, criterion, seen.whole, (kept, broken), length)
    difference = low = high = None
    if figures[0].value is not None and figures[1].value is not None and not isinstance(baseline, Missing):
        difference = figures[0].value - figures[1].value
        ends = belief.difference(_belief(criterion, canary), _belief(criterion, baseline), policy.confidence)
        low, high = (_finite(end) for end in ends)
    return Judged(criterion, verdict, *figures, difference, low, high, kept, broken, more, why)


def _verdict(
    policy: CanaryPolicy,
    criterion: Criterion,
    pair: Pair,
    sureness: tuple[float, float],
    length: timedelta,
) -> tuple[Verdict, More | None, str]:
    sides = [("canary", pair.canary)]
    if criterion.limit.side.relative:
        sides.append(("baseline", pair.baseline))
    counts = [(name, _events(side)) for name, side in sides]
    few = [
        f"{name} has {count} of {policy.least} events needed"
        for name, count in counts
        if count < policy.least
    ]
    if not few and sureness[0] >= policy.confidence:
        return Verdict.PASSED, None, ""
    if not few and sureness[1] >= policy.confidence:
        return Verdict.FAILED, None, ""
    times = _times_needed(policy, criterion, pair, min(count for _, count in counts))
    more = None
    if times is not None:
        more = More(math.ceil((times - 1) * counts[0][1]), (times - 1) * length)
    if few:
        return Verdict.UNCLEAR, more, ", ".join(few)
    close = "for as little data" if more else "to ever become clear"
    return Verdict.UNCLEAR, more, f"too close to its limit {close}"


def _times_needed(policy: CanaryPolicy, criterion: Criterion, pair: Pair, fewest: int) -> float | None:
    """How many times the data would be clear, were it like this; None: not even a lot more is known to do."""
    if not fewest:
        return None
    least = max(policy.least / fewest, 1.0)

    def clear(times: float) -> bool:
        sides = (_scaled(pair.canary, times), _scaled(pair.baseline, times))
        return max(_sureness(criterion, criterion.limit, *sides)) >= policy.confidence

    high = least
    while not clear(high):
        high *= 2
        if high > _MOST_TIMES:
            return None
    low = max(high / 2, least)
    while high / low > 1.02:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if clear(middle) else (middle, high)
    return high


def _scaled(seen: Seen, times: float) -> Seen:
    match seen:
        case Events(bad, of):
            return Events(round(bad * times), max(round(of * times), round(bad * times)))
        case Buckets(bounds, counts):
            return Buckets(bounds, tuple(round(count * times) for count in counts))
        case Missing():
            return seen


def _sureness(criterion: Criterion, limit: Limit, canary: Seen, baseline: Seen) -> tuple[float, float]:
    """How sure it is that the limit is kept, and that it is broken; both 0 where a side is missing."""
    relative = limit.side.relative
    if not _events(canary) or (relative and not _events(baseline)):
        return 0.0, 0.0
    mine = _belief(criterion, canary)
    other: Belief | float = _belief(criterion, baseline) if relative else limit.value
    margin = limit.value if relative else 0.0
    if limit.side.sign > 0:
        least, most = belief.beyond(mine, other, margin)
        return 1 - most, least
    least, most = belief.beyond(mine, other, -margin)
    return least, 1 - most


def _belief(criterion: Criterion, seen: Seen) -> Belief:
    match seen, criterion.measure:
        case Events(bad, of), EventShare():
            return belief.share(bad, of)
        case Buckets(bounds, counts), Quantile(of=wanted):
            return belief.quantile(bounds, counts, wanted)
    raise AssertionError(f"{criterion.id} was not measured like this")


def _figure(criterion: Criterion, seen: Seen, confidence: float) -> Figure:
    events = _events(seen)
    if not events:
        return Figure(None, None, None, 0)
    mine = _belief(criterion, seen)
    low, high = (_finite(mine.quantile(share)) for share in ((1 - confidence) / 2, (1 + confidence) / 2))
    bad = seen.bad if isinstance(seen, Events) else None
    return Figure(_value(criterion, seen), low, high, events, bad)


def _value(criterion: Criterion, seen: Seen) -> float | None:
    """As PromQL would have it; of what lies above the last bucket that bucket's bound. None: no events."""
    match seen, criterion.measure:
        case Events(bad, of), _ if of:
            return bad / of
        case Buckets(bounds, counts), Quantile(of=wanted) if seen.of:
            return belief.value_at(bounds, counts, seen.of * wanted)
        case _:
            return None


def _events(seen: Seen) -> int:
    return 0 if isinstance(seen, Missing) else seen.of


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


# -- roll-back rules


def _rule(policy: CanaryPolicy, criterion: Criterion, seen: Observed, over: timedelta) -> JudgedRule:
    """By the first stretch that was long enough and no chance, else by the one that goes on now."""
    rule = criterion.rollback
    assert rule is not None
    needed = max(math.ceil(rule.lasting / over), 1)
    states = [_beyond(criterion, rule.limit, each.pair) for each in seen.slices]
    if all(state is None for state in states):
        return JudgedRule(criterion, RuleState.NO_DATA)
    unproven = None
    for begin, end in _stretches(states):
        if end - begin < needed:
            continue
        found = _stretch(criterion, seen.slices[begin:end], over)
        if found.broken is not None and found.broken >= policy.confidence:
            return found
        unproven = (end, found)
    begin, end = next(((b, e) for b, e in _stretches(states) if e == len(states)), (0, 0))
    if unproven is not None and unproven[0] == len(states):
        stretch = unproven[1]
        return JudgedRule(criterion, RuleState.UNPROVEN, stretch.since, stretch.held, stretch.broken)
    if end:
        stretch = _stretch(criterion, seen.slices[begin:end], over)
        return JudgedRule(criterion, RuleState.PENDING, stretch.since, stretch.held, stretch.broken)
    return JudgedRule(criterion, RuleState.NO_DATA if states[-1] is None else RuleState.QUIET)


def _stretches(states: Sequence[bool | None]) -> list[tuple[int, int]]:
    """Begin and end of each run of slices beyond the limit."""
    found: list[tuple[int, int]] = []
    begin = None
    for place, state in enumerate([*states, False]):
        if state and begin is None:
            begin = place
        elif not state and begin is not None:
            found.append((begin, place))
            begin = None
    return found


def _stretch(criterion: Criterion, slices: Sequence[Slice], over: timedelta) -> JudgedRule:
    assert criterion.rollback is not None
    canary = _together([each.pair.canary for each in slices])
    baseline = _together([each.pair.baseline for each in slices])
    broken = _sureness(criterion, criterion.rollback.limit, canary, baseline)[1]
    return JudgedRule(
        criterion, RuleState.FIRED, slices[0].end - over, slices[-1].end - slices[0].end + over, broken
    )


def _beyond(criterion: Criterion, limit: Limit, pair: Pair) -> bool | None:
    """Whether a slice is beyond a limit as it stands; None: nothing to tell by."""
    mine = _value(criterion, pair.canary)
    other = _value(criterion, pair.baseline) if limit.side.relative else 0.0
    if mine is None or other is None:
        return None
    away = (mine - other) * limit.side.sign
    return away > limit.value if limit.side.relative else away > limit.value * limit.side.sign


def _together(parts: Sequence[Seen]) -> Seen:
    """What was seen in several slices."""
    events = [each for each in parts if isinstance(each, Events)]
    buckets = [each for each in parts if isinstance(each, Buckets)]
    if events:
        return Events(sum(each.bad for each in events), sum(each.of for each in events))
    if buckets and all(each.bounds == buckets[0].bounds for each in buckets):
        return Buckets(
            buckets[0].bounds, tuple(map(sum, zip(*(each.counts for each in buckets), strict=True)))
        )
    return Missing("its buckets changed" if buckets else "no data")


# -- all of them


def _notes(pairs: Sequence[tuple[Criterion, Observed]]) -> list[str]:
    return [
        f"{criterion.title}: the buckets of canary and baseline differ"
        for criterion, seen in pairs
        if isinstance(seen.whole.canary, Buckets)
        and isinstance(seen.whole.baseline, Buckets)
        and seen.whole.canary.bounds != seen.whole.baseline.bounds
    ]


def _outcome(
    found: Judgement,
    policy: CanaryPolicy,
    pairs: Sequence[tuple[Criterion, Observed]],
    over: timedelta,
) -> tuple[Outcome, str]:
    fired = [rule.criterion.title for rule in found.rules if rule.state is RuleState.FIRED]
    if fired:
        return Outcome.ROLLBACK, f"roll-back rule: {', '.join(fired)}"
    failed = [each.criterion.title for each in found.criteria if each.verdict is Verdict.FAILED]
    if failed:
        return Outcome.ROLLBACK, f"beyond the limit: {', '.join(failed)}"
    blind = [each for each in found.criteria if each.verdict is Verdict.NO_DATA]
    if blind:
        same = {each.why for each in blind}
        named = ", ".join(each.criterion.title for each in blind)
        return Outcome.HOLD, f"no data for {named}: {same.pop() if len(same) == 1 else blind[0].why}"
    silent = [
        criterion.title for criterion, seen in pairs if seen.slices and _silent(seen.slices[-1], criterion)
    ]
    if silent:
        return Outcome.HOLD, _silence(silent, [seen for _, seen in pairs], over)
    waiting = [_waits(each) for each in found.criteria if each.verdict is Verdict.UNCLEAR]
    if waiting:
        return Outcome.HOLD, "; ".join(waiting)
    doubtful = [rule for rule in found.rules if rule.state in (RuleState.PENDING, RuleState.UNPROVEN)]
    if doubtful:
        named = ", ".join(rule.criterion.title for rule in doubtful)
        return Outcome.HOLD, f"beyond the limit of a roll-back rule at the moment: {named}"
    if found.remaining:
        return Outcome.HOLD, "all criteria are kept, the stage is not over yet"
    last = found.number == len(policy.stages)
    return Outcome.PROMOTE, "all criteria are kept" + ("; the release is complete" if last else "")


def _silent(last: Slice, criterion: Criterion) -> bool:
    sides = [last.pair.canary, last.pair.baseline] if criterion.limit.side.relative else [last.pair.canary]
    return any(not _events(side) for side in sides)


def _silence(silent: Sequence[str], observed: Sequence[Observed], over: timedelta) -> str:
    slices = [each.pair for seen in observed for each in seen.slices]
    if any(_events(pair.canary) for pair in slices):
        return f"nothing new of {', '.join(silent)} lately, though there was before"
    # Over the whole stage there was something: each slice has too few samples to see it.
    return f"no slice of {format_duration(over)} has data: make `over` at least four scrape intervals long"


def _waits(each: Judged) -> str:
    return f"{each.criterion.title}: {each.why}"
