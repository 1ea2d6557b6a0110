"""What a canary's judge has to ask a Prometheus, and what the answers say.

Counts are `increase`s, summed over the series of a side: of the whole stage at one instant, and of its
slices. An error counter without series is one that has not counted anything yet, but only where the server
knows its name at all.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.canary import Buckets, Events, Missing, Observed, Pair, Slice
from sretool.core.catalog.canary import EventShare
from sretool.core.slo.promql import quote
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sretool.core.analysis.canary import Seen, Window
    from sretool.core.catalog.canary import CanaryPolicy, Criterion
    from sretool.core.observe.model import Sample, Series

_MOST_SLICES: Final = 5000
"""Prometheus answers with 11,000 points of a series at most."""
_ROUNDING: Final = 1.01
"""Bad events may seem this many times all of them: each counter is extrapolated on its own."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Which series belong to whom, as label matchers without braces."""

    canary: str
    baseline: str
    earlier: timedelta = timedelta(0)
    """How long before the canary the baseline is looked at; 0: at the same time."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question; as `whole` at the end of the window, as `slices` at every step."""

    criterion: str
    side: str
    """`canary` or `baseline`."""
    part: str
    """`bad`, `total` or `buckets`."""
    selector: str
    """What it reads, for messages."""
    whole: str
    slices: str


@dataclass(frozen=True, slots=True)
class Answer:
    whole: Sequence[Sample]
    slices: Sequence[Series]


def slice_length(policy: CanaryPolicy, window: Window) -> timedelta:
    """As the policy has it; longer only where a stage has more of them than can be asked for."""
    return max(policy.over, timedelta(seconds=math.ceil(window.length.total_seconds() / _MOST_SLICES)))


def steps(window: Window, over: timedelta) -> list[datetime]:
    """Ends of the slices that fit into the window, the last one at its end; none where it is shorter."""
    count = int(window.length / over)
    return [window.at - over * (count - 1 - number) for number in range(count)]


def queries(policy: CanaryPolicy, sides: Sides, window: Window, over: timedelta) -> list[Query]:
    """Everything that is asked of both sides."""
    found = []
    for criterion in policy.criteria:
        for side, its in (("canary", sides.canary), ("baseline", sides.baseline)):
            ago = sides.earlier if side == "baseline" else timedelta(0)
            for part, selector, by in _parts(policy, criterion, its):
                found.append(
                    Query(
                        criterion.id,
                        side,
                        part,
                        selector,
                        _increase(selector, window.length, ago, by),
                        _increase(selector, over, ago, by),
                    )
                )
    return found


def _parts(policy: CanaryPolicy, criterion: Criterion, side: str) -> Iterator[tuple[str, str, str]]:
    """Which part, its selector, and by what it is summed."""
    matchers = [policy.matchers, criterion.matchers, side]
    if isinstance(criterion.measure, EventShare):
        yield "bad", within(criterion.measure.bad, *matchers), ""
        yield "total", within(criterion.measure.total, *matchers), ""
    else:
        yield "buckets", within(f"{criterion.measure.histogram}_bucket", *matchers), " by (le) "


def within(selector: str, *matchers: str) -> str:
    """A selector with further matchers."""
    name, _, inside = selector.partition("{")
    inside = inside.rpartition("}")[0].strip().rstrip(",")
    return f"{name}{{{','.join(part for part in (inside, *matchers) if part)}}}"


def _increase(selector: str, length: timedelta, ago: timedelta, by: str) -> str:
    offset = f" offset {format_duration(ago)}" if ago else ""
    return f"sum{by}(increase({selector}[{format_duration(length)}]{offset}))"


def known_name(criterion: Criterion, window: Window) -> str | None:
    """Whether the server knows the error counter at all, whoever counts; None: it is no criterion of one."""
    if not isinstance(criterion.measure, EventShare):
        return None
    bad = criterion.measure.bad
    name = bad.partition("{")[0].strip()
    selector = f"{{__name__={quote(name)}}}" if name else bad
    return f"count(last_over_time({selector}[{format_duration(max(window.length, timedelta(hours=1)))}]))"


def overlap(policy: CanaryPolicy, sides: Sides) -> str | None:
    """How many series count on both sides, of the first criterion; None: at different times they may."""
    if sides.earlier:
        return None
    criterion = policy.criteria[0]
    *_, (_, mine, _) = _parts(policy, criterion, sides.canary)
    *_, (_, other, _) = _parts(policy, criterion, sides.baseline)
    return f"count({mine} and {other})"


def observed(
    policy: CanaryPolicy,
    window: Window,
    over: timedelta,
    answers: Mapping[Query, Answer],
    known: Mapping[str, bool],
) -> list[Observed]:
    """By criterion, in the policy's order. `known` says by criterion whether its error counter exists."""
    return [
        _observed(window, over, _of(criterion, answers), known.get(criterion.id, True))
        for criterion in policy.criteria
    ]


_Parts = dict[tuple[str, str], tuple[Query, Answer]]
"""By side and part."""


def _of(criterion: Criterion, answers: Mapping[Query, Answer]) -> _Parts:
    return {
        (query.side, query.part): (query, answer)
        for query, answer in answers.items()
        if query.criterion == criterion.id
    }


def _observed(window: Window, over: timedelta, parts: _Parts, known: bool) -> Observed:
    length = format_duration(window.length)
    whole = {
        side: _seen(
            {part: _latest(answer.whole) for (its, part), (_, answer) in parts.items() if its == side},
            {part: query.selector for (its, part), (query, _) in parts.items() if its == side},
            length,
            known,
        )
        for side in ("canary", "baseline")
    }
    at = {key: _by_step(answer.slices) for key, (_, answer) in parts.items()}
    slices = []
    for step in steps(window, over):
        second = round(step.timestamp(), 1)
        pair = {
            side: _seen(
                {part: found.get(second, {}) for (its, part), found in at.items() if its == side},
                {},
                format_duration(over),
                known,
            )
            for side in ("canary", "baseline")
        }
        slices.append(Slice(step, Pair(pair["canary"], pair["baseline"])))
    return Observed(Pair(whole["canary"], whole["baseline"]), tuple(slices))


_Values = dict[str, float]
"""`le` → value; of a plain counter under an empty key."""


def _latest(samples: Sequence[Sample]) -> _Values:
    return {sample.labels.get("le", ""): sample.value for sample in samples}


def _by_step(series: Sequence[Series]) -> dict[float, _Values]:
    found: dict[float, _Values] = {}
    for each in series:
        for at, value in each.points:
            found.setdefault(round(at.timestamp(), 1), {})[each.labels.get("le", "")] = value
    return found


def _seen(parts: Mapping[str, _Values], selectors: Mapping[str, str], length: str, known: bool) -> Seen:
    strange = next((part for part, found in parts.items() if not all(map(math.isfinite, found.values()))), "")
    if strange:
        return Missing(f"what {selectors.get(strange, '')} counts in {length} is no number")
    if "buckets" in parts:
        return _buckets(parts["buckets"], selectors.get("buckets", ""), length)
    total, bad = parts["total"].get(""), parts["bad"].get("")
    if total is None:
        return Missing(f"no series match {selectors.get('total', '')} in {length}")
    if bad is None and not known:
        return Missing(f"nothing counts {re.sub(r'{.*', '', selectors.get('bad', ''), flags=re.DOTALL)}")
    if round(total) <= 0:
        return Missing(f"no events in {length}")
    bad = bad or 0.0
    if bad > total * _ROUNDING + 1:
        return Missing(f"{bad:.0f} bad events of {total:.0f}: the bad ones are not a part of all")
    return Events(min(max(round(bad), 0), round(total)), round(total))


def _buckets(values: _Values, selector: str, length: str) -> Seen:
    upto: dict[float, float] = {}
    for le, value in values.items():
        # The same bound may be written as 1 and as 1.0, each by series of their own.
        if (bound := _bound(le)) is not None:
            upto[bound] = upto.get(bound, 0.0) + value
    if not upto:
        return Missing(f"no series match {selector} in {length}")
    bounds = tuple(sorted(upto))
    if not math.isinf(bounds[-1]):
        return Missing(f'{selector} has no bucket le="+Inf"')
    counts, before = [], 0.0
    for value in (upto[bound] for bound in bounds):
        counts.append(round(max(value - before, 0.0)))
        before = max(value, before)
    if not sum(counts):
        return Missing(f"no events in {length}")
    return Buckets(bounds, tuple(counts))


def _bound(le: str) -> float | None:
    try:
        bound = float(le)
    except ValueError:
        return None
    return None if math.isnan(bound) else bound
