"""From what the past days measured to objectives that would have been kept, or why there are none."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Final

from sretool.core.catalog.discover.families import Buckets, ByStatus, Pair, Up
from sretool.core.catalog.discover.recognise import Passed, Plan, type_doubt
from sretool.core.slo.model import BooleanGauge, BucketRatio, EventRatio, Severity
from sretool.core.slo.promql import quote
from sretool.core.slo.windows import default_alerts
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sretool.core.slo.model import SimpleSli

WINDOW: Final = timedelta(days=30)
"""Of the objectives, where the server keeps samples as long."""

SHORT_WINDOW: Final = timedelta(days=7)
"""Where it does not."""

STEPS: Final = tuple(
    Decimal(step) / 100 for step in ("50", "75", "90", "95", "98", "99", "99.5", "99.9", "99.95", "99.99")
)
"""Targets that people use."""

SPENT_AT_MOST: Final = Decimal("0.5")
"""Share of its budget that the past may have spent of a target that is proposed."""

_FEWEST_BAD: Final = 10
"""Bad events that a budget allows at least; with fewer, chance decides whether it is kept."""

_LATENCY_GOALS: Final = (Decimal("0.99"), Decimal("0.95"), Decimal("0.9"))
"""A threshold is the smallest boundary that reaches one of these, tried in this order."""

_TIGHTEST_LATENCY: Final = Decimal("0.999")

_MOST_SERVICES: Final = 20
"""Of one family; a list that nobody reads to its end helps nobody."""


@dataclass(frozen=True, slots=True)
class Look:
    """What all of the proposal goes by."""

    days: int
    """How many were looked at."""
    window: timedelta = WINDOW
    types: Mapping[str, str] = field(default_factory=dict)
    """Metric → type as the server knows it."""
    at: datetime | None = None
    """The end of the newest day; None: it does not matter."""

    def share_of_window(self, attained: Attained) -> float:
        """How many times as many events the window holds as were counted."""
        return self.window / timedelta(days=1) / max(attained.days, 1)


@dataclass(frozen=True, slots=True)
class Row:
    """One series of an answer: the role of its query, its labels, and one figure for each day, by its end."""

    role: str
    labels: Mapping[str, str]
    days: Mapping[datetime, float]


@dataclass(frozen=True, slots=True)
class Attained:
    """What the past was like."""

    bad: float
    total: float
    days: int
    """How many days had events."""
    asked: int
    """How many days were looked at."""
    worst: tuple[datetime, float] | None
    """The end of the worst day, and its share of good events; None where every day was without fault."""
    newest: datetime | None = None
    """The end of the newest day that had events."""

    @property
    def ratio(self) -> float:
        return 1 - self.bad / self.total


@dataclass(frozen=True, slots=True)
class Proposed:
    """One objective with its reasons."""

    service: str
    """As the metrics name it."""
    space: str
    """What keeps it apart from others of that name; empty where nothing does."""
    name: str
    title: str
    objective: Decimal
    sli: SimpleSli
    attained: Attained
    events: str
    """What is counted: events, or minutes."""
    source: str
    """The metrics, and who writes them."""
    meaning: str
    """Which events are bad."""
    why: str
    """Why this target and no other."""
    unsure: tuple[str, ...]
    min_events: int | None = None
    id: str = ""
    metric: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """All of it."""

    slos: tuple[Proposed, ...]
    passed: tuple[Passed, ...]
    window: timedelta
    """Of every objective."""


def fitting(kept: timedelta | None) -> timedelta:
    """The window for a server that keeps samples this long; None: nobody knows."""
    return WINDOW if kept is None or kept >= WINDOW else SHORT_WINDOW


def target(
    bad: float, total: float, most: Decimal = STEPS[-1], window: float = 1.0
) -> tuple[Decimal, str] | None:
    """The highest step up to `most` that leaves half its budget or more, and why none above; None: no step.

    `window` is how many times longer than the measured time the objective's window is.
    """
    reason = ""
    for step in sorted((step for step in STEPS if step <= most), reverse=True):
        allowed = float(1 - step) * total
        shown = percent(step)
        if allowed * window < _FEWEST_BAD:
            reason = f"{shown} would allow fewer than {_FEWEST_BAD} bad ones, and chance would decide"
        elif bad > allowed * float(SPENT_AT_MOST):
            reason = f"{shown} would have spent {_times(bad / allowed)} of its budget"
        else:
            spent = (
                f"would have spent {bad / allowed:.0%} of its budget" if bad else "would have spent nothing"
            )
            return (
                step,
                f"{spent}; {reason}" if reason else f"{spent}; stricter ones are seldom worth their price",
            )
    return None


def _times(share: float) -> str:
    return f"{share:.0%}" if share < 10 else f"{share:.0f} times all"


def percent(step: Decimal) -> str:
    return f"{format_decimal(step * 100)}%"


def propose(
    plans: Iterable[tuple[Plan, Sequence[Row]]],
    passed: Iterable[Passed],
    look: Look,
) -> Proposal:
    """Objectives from plans in the order of preference and what was answered."""
    slos: dict[tuple[str, str, str], Proposed] = {}
    notes = list(passed)
    for plan, rows in plans:
        found = _services(plan, rows)
        if not found:
            notes.append(Passed(plan.lead.metrics, f"no events in {_days(look.days)}"))
        by_traffic = sorted(found.items(), key=lambda item: (-_events(item[1]), item[0]))
        for (space, service), _ in by_traffic[_MOST_SERVICES:]:
            notes.append(
                Passed(
                    _of(plan, space, service), f"only the {_MOST_SERVICES} with the most events are proposed"
                )
            )
        for (space, service), own in sorted(by_traffic[:_MOST_SERVICES], key=lambda item: item[0]):
            said = _propose(plan, space, service, own, look)
            if isinstance(said, Passed):
                notes.append(said)
            elif (key := (space, service, said.name)) in slos:
                notes.append(Passed(_of(plan, space, service), f"{slos[key].metric} says the same"))
            else:
                slos[key] = said
    used = {f"{slo.metric}_count" for slo in slos.values()}
    notes = [note for note in notes if note.what not in used]
    return Proposal(tuple(_with_ids(slos.values())), tuple(notes), look.window)


def _of(plan: Plan, space: str, service: str) -> str:
    return f"{plan.lead.metrics} of {'/'.join(filter(None, (space, service))) or 'nobody'}"


def _services(plan: Plan, rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """The rows of each (space, service)."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        values = [row.labels.get(label, "") for label in plan.identity]
        found["" if len(values) == 1 else values[0], values[-1]].append(row)
    return {key: own for key, own in found.items() if _events(own) > 0}


def _events(rows: Iterable[Row]) -> float:
    return sum(sum(row.days.values()) for row in rows if row.role in ("status", "total"))


def _propose(plan: Plan, space: str, service: str, rows: Sequence[Row], look: Look) -> Proposed | Passed:
    signal = plan.lead.family.signal
    matchers = _matchers(plan, space, service)
    match signal:
        case Buckets():
            said = _latency(plan, signal, rows, matchers, look)
        case ByStatus():
            said = _by_status(plan, signal, rows, matchers, look)
        case Pair():
            assert plan.lead.bad is not None
            ratio = EventRatio(_selector(plan.lead.bad, matchers), _selector(plan.lead.metric, matchers))
            attained = _attained(rows, lambda row: row.role == "total", lambda row: row.role == "bad", look)
            said = _counted(plan, ratio, attained, f"bad is what {plan.lead.bad} counts", look)
        case Up():
            gauge = BooleanGauge(_selector(plan.lead.metric, matchers))
            attained = _attained(rows, lambda row: row.role == "total", lambda row: row.role == "good", look)
            attained = replace(attained, bad=max(attained.total - attained.bad, 0), worst=_worst_up(rows))
            said = _counted(
                plan, gauge, attained, "bad is each minute of each series in which it is not 1", look
            )
    if isinstance(said, Passed):
        return Passed(_of(plan, space, service), said.why)
    return _described(said, plan, space, service, look)


def _described(said: Proposed, plan: Plan, space: str, service: str, look: Look) -> Proposed:
    family = plan.lead.family
    attained = said.attained
    unsure = list(said.unsure)
    if attained.days < attained.asked:
        unsure.append(f"only {attained.days} of {_days(attained.asked)} had events")
    if look.at is not None and attained.newest is not None and attained.newest < look.at:
        unsure.append(f"no events since {attained.newest:%Y-%m-%d %H:%M}: is it still there?")
    if not attained.bad:
        unsure.append("nothing bad was seen: make sure that a failure would show here")
    odd = type_doubt(plan.lead, look.types.get(plan.lead.metric))
    unsure += [odd] if odd else []
    unsure += [family.doubt] if family.doubt else []
    if plan.paths and not isinstance(family.signal, Up):
        path = plan.paths[0]
        unsure.append(
            f"every {path} counts, health checks and scrapes too; a matcher of {path} leaves some out"
        )
    shown = service or family.title
    return replace(
        said,
        space=space,
        service=shown,
        title=" ".join(said.title.replace("{service}", shown).split()),
        unsure=tuple(unsure),
        min_events=_min_events(said, look.window),
        metric=plan.lead.metric,
    )


def _min_events(said: Proposed, window: timedelta) -> int | None:
    """What keeps one bad event of a quiet time from paging; None where there is traffic enough."""
    if isinstance(said.sli, BooleanGauge):
        return None
    budget = 1 - said.objective
    a_day = said.attained.total / said.attained.days
    wanted = 0
    for pair in default_alerts(window, budget):
        # Among this many events a single bad one burns below the factor of the pair.
        enough = ceil(1 / (pair.factor(window) * budget)) + 1
        if pair.severity is Severity.PAGE and a_day * (pair.long / timedelta(days=1)) < enough:
            wanted = max(wanted, enough)
    return wanted or None


def _matchers(plan: Plan, space: str, service: str) -> str:
    values = (service,) if len(plan.identity) == 1 else (space, service)
    pairs = [f"{label}={quote(value)}" for label, value in zip(plan.identity, values, strict=True)]
    return ",".join(filter(None, (*pairs, plan.lead.family.matchers)))


def _selector(metric: str, matchers: str) -> str:
    return f"{metric}{{{matchers}}}"


def _by_status(
    plan: Plan, signal: ByStatus, rows: Sequence[Row], matchers: str, look: Look
) -> Proposed | Passed:
    status = plan.status
    assert status is not None
    counted = re.compile(signal.counted or ".*")
    bad = re.compile(signal.bad)
    if not any(row.labels.get(status) for row in rows):
        return Passed("", f"none of its events has the label {status}")
    attained = _attained(
        rows,
        lambda row: bool(counted.fullmatch(row.labels.get(status, ""))),
        lambda row: bool(bad.fullmatch(row.labels.get(status, ""))),
        look,
    )
    is_bad = f"{status}=~{quote(signal.bad)}" if _is_pattern(signal.bad) else f"{status}={quote(signal.bad)}"
    all_of = matchers + (f",{status}=~{quote(signal.counted)}" if signal.counted else "")
    ratio = EventRatio(
        _selector(plan.lead.metric, f"{matchers},{is_bad}"), _selector(plan.lead.metric, all_of)
    )
    seen = Counter[str]()
    for row in rows:
        seen[row.labels.get(status, "")] += round(sum(row.days.values()))
    values = ", ".join(value or '""' for value, number in seen.most_common(8) if number)
    return _counted(plan, ratio, attained, f"bad is {is_bad}; seen: {values}", look)


def _is_pattern(text: str) -> bool:
    return re.escape(text) != text


def _counted(plan: Plan, sli: SimpleSli, attained: Attained, meaning: str, look: Look) -> Proposed | Passed:
    if attained.total <= 0:
        return Passed("", "nothing was counted")
    if attained.bad > attained.total:
        return Passed("", "more bad events than events: the bad ones are not among them")
    chosen = target(attained.bad, attained.total, window=look.share_of_window(attained))
    if chosen is None:
        return Passed("", _hopeless(attained, look))
    objective, why = chosen
    minutes = isinstance(sli, BooleanGauge)
    return _draft(plan, sli, attained, objective, why, meaning, "minutes" if minutes else "events")


def _hopeless(attained: Attained, look: Look) -> str:
    if attained.total * look.share_of_window(attained) * float(1 - STEPS[0]) < _FEWEST_BAD:
        return f"only {attained.total:.0f} events, too few to judge anything by"
    return f"only {attained.ratio:.1%} were good: look into that first, then choose a target"


def _draft(
    plan: Plan,
    sli: SimpleSli,
    attained: Attained,
    objective: Decimal,
    why: str,
    meaning: str,
    events: str,
    limit: str = "",
    unsure: tuple[str, ...] = (),
) -> Proposed:
    family = plan.lead.family
    return Proposed(
        service="",
        space="",
        name=family.slo,
        title=family.what.replace("{limit}", limit),
        objective=objective,
        sli=sli,
        attained=attained,
        events=events,
        source=f"{plan.lead.metrics} ({family.title}); label {' and '.join(plan.identity)} names the service",
        meaning=meaning,
        why=why,
        unsure=unsure,
    )


def _latency(
    plan: Plan, signal: Buckets, rows: Sequence[Row], matchers: str, look: Look
) -> Proposed | Passed:
    found: dict[Decimal, Attained] = {}
    bounds = {bound for row in rows if (bound := _boundary(row)) is not None}
    for bound in sorted(bounds):
        within = _attained(
            rows,
            lambda row: row.role == "total",
            lambda row, bound=bound: _boundary(row) == bound,  # type: ignore[misc]
            look,
        )
        found[bound] = replace(
            within, bad=max(within.total - within.bad, 0), worst=_worst_within(rows, bound)
        )
    if not found:
        return Passed("", "it has no finite bucket")
    for goal in _LATENCY_GOALS:
        for bound, attained in found.items():
            chosen = target(attained.bad, attained.total, _TIGHTEST_LATENCY, look.share_of_window(attained))
            if chosen is not None and chosen[0] >= goal:
                objective, why = chosen
                around = _around(found, bound, signal.unit)
                limit = _limit(bound, signal.unit)
                meaning = f"bad is what took longer than {limit}; of all events, within {around}"
                histogram = BucketRatio(plan.lead.metric, bound, matchers)
                return _draft(plan, histogram, attained, objective, why, meaning, "events", limit, _FASTER)
    largest, attained = max(found.items())
    if attained.total * look.share_of_window(attained) < _FEWEST_BAD / float(1 - _LATENCY_GOALS[-1]):
        return Passed("", f"only {attained.total:.0f} events, too few to judge anything by")
    return Passed(
        "",
        f"only {attained.ratio:.1%} stayed within the largest boundary, {_limit(largest, signal.unit)}:"
        " the buckets end too early, or most of it is too slow",
    )


_FASTER: Final = ("the threshold is what the service does, not what its users need: ask them",)


def _boundary(row: Row) -> Decimal | None:
    """The finite `le` above zero; exactly as a threshold is written."""
    if row.role != "bucket":
        return None
    try:
        value = Decimal(row.labels.get("le", ""))
    except ArithmeticError:
        return None
    return Decimal(format_decimal(value)) if value.is_finite() and value > 0 else None


def _around(found: Mapping[Decimal, Attained], chosen: Decimal, unit: str) -> str:
    bounds = list(found)
    place = bounds.index(chosen)
    near = bounds[max(place - 2, 0) : place + 2]
    return ", ".join(f"{_limit(bound, unit)}: {shown_share(found[bound].ratio)}" for bound in near)


def _limit(bound: Decimal, unit: str) -> str:
    """`0.25` s → `250 ms`."""
    millis = bound * 1000 if unit == "s" else bound
    if millis < 1000:
        return f"{format_decimal(millis)} ms"
    if millis < 60_000:
        return f"{format_decimal(millis / 1000)} s"
    return format_duration(timedelta(milliseconds=float(millis)))


def shown_share(ratio: float) -> str:
    """A share of good ones with two digits that tell it from 1."""
    missing = (1 - ratio) * 100
    if missing <= 0:
        return "100%"
    places = min(max(1 - floor(log10(missing)), 1), 6)
    return f"{ratio * 100:.{places}f}%"


def _attained(
    rows: Iterable[Row], is_event: Callable[[Row], bool], is_bad: Callable[[Row], bool], look: Look
) -> Attained:
    total: dict[datetime, float] = defaultdict(float)
    bad: dict[datetime, float] = defaultdict(float)
    for row in rows:
        for sums, wanted in ((total, is_event(row)), (bad, is_bad(row))):
            if wanted:
                for day, value in row.days.items():
                    sums[day] += value
    shares = {day: 1 - bad[day] / number for day, number in total.items() if number > 0}
    return Attained(
        bad=sum(bad[day] for day in shares),
        total=sum(total[day] for day in shares),
        days=len(shares),
        asked=look.days,
        worst=_worst(shares),
        newest=max(shares, default=None),
    )


def _worst(shares: Mapping[datetime, float]) -> tuple[datetime, float] | None:
    if not shares:
        return None
    day = min(shares, key=lambda each: (shares[each], each))
    return (day, max(shares[day], 0.0)) if shares[day] < 1 else None


def _worst_up(rows: Iterable[Row]) -> tuple[datetime, float] | None:
    return _worst_of(rows, lambda row: row.role == "good")


def _worst_within(rows: Iterable[Row], bound: Decimal) -> tuple[datetime, float] | None:
    return _worst_of(rows, lambda row: _boundary(row) == bound)


def _worst_of(rows: Iterable[Row], is_good: Callable[[Row], bool]) -> tuple[datetime, float] | None:
    total: dict[datetime, float] = defaultdict(float)
    good: dict[datetime, float] = defaultdict(float)
    for row in rows:
        sums = total if row.role == "total" else good if is_good(row) else None
        if sums is not None:
            for day, value in row.days.items():
                sums[day] += value
    return _worst({day: good[day] / number for day, number in total.items() if number > 0})


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _with_ids(slos: Iterable[Proposed]) -> Iterator[Proposed]:
    """Each with an id of its own, in the order of ids."""
    given = list(slos)
    spaces: dict[str, set[str]] = defaultdict(set)
    for slo in given:
        spaces[_slug(slo.service)].add(slo.space)
    taken: set[str] = set()
    named = []
    for slo in given:
        slug = _slug(slo.service)
        if len(spaces[slug]) > 1 and slo.space:
            slug = f"{_slug(slo.space)}-{slug}"
        wanted = f"{slug}/{slo.name}"
        number = 2
        while wanted in taken:
            wanted = f"{slug}-{number}/{slo.name}"
            number += 1
        taken.add(wanted)
        named.append(replace(slo, id=wanted))
    yield from sorted(named, key=lambda slo: slo.id)


def _slug(text: str) -> str:
    """`"Shop/API v2"` → `"shop-api-v2"`; without the scheme of an address."""
    bare = re.sub(r"^https?://", "", text.strip().lower())
    return re.sub(r"[^a-z0-9._]+", "-", bare).strip("-._") or "service"
