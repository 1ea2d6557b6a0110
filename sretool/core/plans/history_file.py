"""How a system's `history.yaml` says what its past looked like.

A past is made of streams (events that arrive with the day's traffic), of the metric families that count,
time or accompany them, and of incidents that bend both for a while. That is all
a system's history consists of; `sretool.core.plans.history` turns it into samples.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import yaml

from sretool.errors import CatalogError, Problem, UsageError
from sretool.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FACTS: Mapping[str, frozenset[str]] = {
    "processor": frozenset(),
    "memory": frozenset({"total", "available"}),
    "disk": frozenset({"size", "available"}),
    "network": frozenset(),
}
"""Kinds of parts a machine has, and the numbers that are known of each."""

Match = dict[str, str | list[str]]
"""Label → the value, or one of the values, it must have."""


class _Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Strict: an unknown key is an error."""


class Split(_Spec, frozen=True, kw_only=True):
    """Every event of a stream has exactly one of several outcomes."""

    name: str
    labels: list[str]
    """Labels that tell the outcomes apart."""
    rest: str
    """The outcome of what `shares` leaves over; values of several labels are joined by `|`."""
    shares: dict[str, float]

    @property
    def outcomes(self) -> tuple[str, ...]:
        return (*self.shares, self.rest)


class Part(_Spec, frozen=True, kw_only=True):
    labels: dict[str, str]
    weight: float


class Stream(_Spec, frozen=True, kw_only=True):
    """Events arriving independently of each other, minute by minute."""

    name: str
    labels: dict[str, str] = {}
    per_request: float = 0.0
    """Events for each request of the traffic pattern."""
    per_second: float = 0.0
    """Events that come whatever the traffic."""
    each: dict[str, dict[str, float]] = {}
    """Label → value → share of the events: the stream is divided along every one of these labels."""
    parts: list[Part] = []
    """Sets of labels that go together, each with its share of the events; empty: not divided."""
    splits: list[Split] = []


class Mixture(_Spec, frozen=True, kw_only=True):
    """A log-normal share of a histogram's values."""

    median: float
    """In the histogram's unit."""
    sigma: float
    """Of the logarithm: 0.7 puts the 95th percentile at about three times the median."""
    share: float = 1.0


class CellMix(_Spec, frozen=True, kw_only=True):
    match: Match
    mix: list[Mixture]


class Counter(_Spec, tag_field="kind", tag="counter", frozen=True, kw_only=True):
    """Counts the events of a stream."""

    name: str
    stream: str
    split: str | None = None
    """Count by this split's outcomes, or only those of `only`."""
    only: list[str] = []
    """Outcomes to count together, without the split's labels; empty: one series for each outcome."""
    labels: dict[str, str] = {}
    """Further labels of every series."""


class Histogram(_Spec, tag_field="kind", tag="histogram", frozen=True, kw_only=True):
    """Observes one value for each event of a stream."""

    name: str
    stream: str
    le: list[str]
    """Upper bounds as the service prints them, without +Inf."""
    mix: list[Mixture] = []
    shares: list[float] = []
    """Instead of `mix`: share of the values in each bucket, +Inf last."""
    by: list[CellMix] = []
    """Other mixtures for some of the label sets; the first that matches holds."""
    labels: dict[str, str] = {}
    """Further labels of every series."""


class Meter(_Spec, tag_field="kind", tag="meter", frozen=True, kw_only=True):
    """A counter that grows with time and traffic, not event by event: processor seconds, bytes."""

    name: str
    labels: dict[str, str]
    series: tuple[dict[str, str], ...] = ({},)
    of: str | None = None
    """Kind of the machine's parts: one series for each of them, with its labels."""
    per_second: float = 0.0
    per_request: float = 0.0
    noise: float = 0.0
    """Standard deviation of a minute's growth, as a share of it."""
    unit: float = 1.0
    """The smallest step."""


class Gauge(_Spec, tag_field="kind", tag="gauge", frozen=True, kw_only=True):
    name: str
    labels: dict[str, str]
    series: tuple[dict[str, str], ...] = ({},)
    of: str | None = None
    """Kind of the machine's parts: one series for each of them, with its labels."""
    level: float | str
    """The value without traffic, at the end of the history; a name stands for that number of the part."""
    per_request: float = 0.0
    """What each request a second adds."""
    per_day: float = 0.0
    """Growth over time."""
    noise: float = 0.0
    """Standard deviation from sample to sample."""
    least: float | None = None
    most: float | str | None = None
    unit: float = 1.0
    """Values are multiples of it."""


class Started(_Spec, tag_field="kind", tag="started", frozen=True, kw_only=True):
    """A gauge with the time at which the segment's processes started: where it began."""

    name: str
    labels: dict[str, str]
    series: tuple[dict[str, str], ...] = ({},)


Family = Counter | Histogram | Meter | Gauge | Started


class Outcome(_Spec, tag_field="kind", tag="outcome", frozen=True, kw_only=True):
    """For the incident, a split's shares are these; outcomes that are not named keep theirs."""

    stream: str
    split: str
    shares: dict[str, float]
    match: Match = {}


class Values(_Spec, tag_field="kind", tag="values", frozen=True, kw_only=True):
    """For the incident, this share of a histogram's values comes from another distribution."""

    family: str
    mix: Mixture
    match: Match = {}


class Level(_Spec, tag_field="kind", tag="level", frozen=True, kw_only=True):
    """For the incident, a gauge has this value."""

    family: str
    value: float
    match: Match = {}


class Volume(_Spec, tag_field="kind", tag="volume", frozen=True, kw_only=True):
    """For the incident, a stream has this many times its events."""

    stream: str
    factor: float
    match: Match = {}


class Growth(_Spec, tag_field="kind", tag="growth", frozen=True, kw_only=True):
    """For the incident, a meter grows by this much more a second."""

    family: str
    per_second: float
    match: Match = {}


Effect = Outcome | Values | Level | Volume | Growth


class Incident(_Spec, frozen=True, kw_only=True):
    id: str
    title: str
    days_ago: float
    """Days before the history was made; with `at` the last such time of day before that."""
    at: str | None = None
    """Time of day, `"20:15"`, where the users are; None: exactly `days_ago`."""
    duration: str
    effects: list[Effect]

    @property
    def seconds(self) -> int:
        return int(parse_duration(self.duration).total_seconds())


class HistoryPlan(_Spec, frozen=True, kw_only=True):
    """A whole file."""

    title: str
    pattern: str
    """Name of the traffic pattern the live system follows too."""
    days: int
    """How far back the history goes."""
    streams: list[Stream]
    families: list[Family]
    incidents: list[Incident] = []

    def stream(self, name: str) -> Stream:
        return next(stream for stream in self.streams if stream.name == name)


def read(text: str, file: str) -> HistoryPlan:
    """The plan a file holds; CatalogError with file and line of what is wrong with it."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise CatalogError(
            (Problem(file, mark.line + 1 if mark else 1, f"not YAML: {error.problem}"),)
        ) from None
    try:
        plan = msgspec.convert(data, HistoryPlan)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `")
        where = where.rstrip("`")
        if unknown := re.search(r"unknown field `(\w+)`", what):
            where = f"{where or '$'}.{unknown[1]}"
        raise CatalogError((Problem(file, _line(root, where), what),)) from None
    problems = tuple(Problem(file, _line(root, where), what) for where, what in _problems(plan))
    if problems:
        raise CatalogError(tuple(sorted(problems, key=lambda problem: problem.line)))
    return plan


def matches(match: Match, labels: Mapping[str, str]) -> bool:
    """Whether the labels have every value that is asked for."""
    return all(
        labels.get(name) == wanted if isinstance(wanted, str) else labels.get(name) in wanted
        for name, wanted in match.items()
    )


def _line(node: yaml.Node | None, path: str) -> int:
    """Line of `$.families[3].le`, or of the nearest thing around it that exists."""
    line = 1
    for key, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == key), None)
        elif isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
            found = (node.value[int(index)], node.value[int(index)])
        else:
            found = None
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _problems(plan: HistoryPlan) -> Iterator[tuple[str, str]]:
    streams = {stream.name: stream for stream in plan.streams}
    if len(streams) < len(plan.streams):
        yield "$.streams", "two streams have the same name"
    if plan.days < 1:
        yield "$.days", "a history of less than a day"
    for number, stream in enumerate(plan.streams):
        yield from _stream_problems(f"$.streams[{number}]", stream)
    for number, family in enumerate(plan.families):
        yield from _family_problems(f"$.families[{number}]", family, streams)
    for number, incident in enumerate(plan.incidents):
        yield from _incident_problems(f"$.incidents[{number}]", incident, plan, streams)


def _stream_problems(where: str, stream: Stream) -> Iterator[tuple[str, str]]:
    divisions = [(f"each.{label}", list(values.values())) for label, values in stream.each.items()]
    if stream.parts:
        divisions.append(("parts", [part.weight for part in stream.parts]))
    for what, weights in divisions:
        if min(weights, default=0) < 0 or abs(sum(weights) - 1) > 1e-6:
            yield f"{where}.{what}", f"the shares of {what} add up to {sum(weights):g}, not to 1"
    for number, split in enumerate(stream.splits):
        yield from _share_problems(f"{where}.splits[{number}].shares", split.shares)
        for outcome in split.outcomes:
            if len(outcome.split("|")) != len(split.labels):
                yield f"{where}.splits[{number}]", f"{outcome!r} is not one value for each of {split.labels}"


def _share_problems(where: str, shares: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    if min(shares.values(), default=0) < 0 or sum(shares.values()) > 1:
        yield where, "shares are between 0 and 1, and no more than 1 together"


def _family_problems(where: str, family: Family, streams: Mapping[str, Stream]) -> Iterator[tuple[str, str]]:
    if isinstance(family, Meter | Gauge):
        if family.unit <= 0:
            yield f"{where}.unit", "the unit is above 0"
        if family.of is not None and family.of not in FACTS:
            yield f"{where}.of", f"a machine has {', '.join(FACTS)}, not {family.of!r}"
        elif isinstance(family, Gauge):
            known = FACTS[family.of] if family.of else frozenset()
            for key, number in (("level", family.level), ("most", family.most)):
                if isinstance(number, str) and number not in known:
                    yield f"{where}.{key}", f"{number!r} is not known of {family.of or 'this'}"
        return
    if isinstance(family, Started):
        return
    stream = streams.get(family.stream)
    if stream is None:
        yield f"{where}.stream", f"no stream is called {family.stream!r}"
    elif isinstance(family, Counter):
        yield from _counter_problems(where, family, stream)
    if isinstance(family, Histogram):
        bounds = [_number(bound) for bound in family.le]
        if not bounds or any(not low < high for low, high in pairwise((0.0, *bounds))):
            yield f"{where}.le", "bounds are numbers above 0, each above the one before"
        if bool(family.mix) == bool(family.shares):
            yield where, "a histogram has either mix or shares"
        if family.shares and len(family.shares) != len(family.le) + 1:
            yield f"{where}.shares", f"{len(family.le) + 1} shares are wanted: one for each bound and +Inf"
        for mix in (family.mix, *(cell.mix for cell in family.by)):
            if mix and abs(sum(part.share for part in mix) - 1) > 1e-6:
                yield f"{where}.mix", "the shares of a mixture add up to 1"
        if family.shares and abs(sum(family.shares) - 1) > 1e-6:
            yield f"{where}.shares", f"the shares add up to {sum(family.shares):g}, not to 1"


def _counter_problems(where: str, family: Counter, stream: Stream) -> Iterator[tuple[str, str]]:
    split = next((split for split in stream.splits if split.name == family.split), None)
    if family.split is not None and split is None:
        yield f"{where}.split", f"stream {stream.name!r} has no split {family.split!r}"
    if family.only and split is None:
        yield f"{where}.only", "outcomes are those of a split"
    for outcome in family.only if split else []:
        if split is not None and outcome not in split.outcomes:
            yield f"{where}.only", f"split {split.name!r} has no outcome {outcome!r}"


def _incident_problems(
    where: str, incident: Incident, plan: HistoryPlan, streams: Mapping[str, Stream]
) -> Iterator[tuple[str, str]]:
    try:
        if incident.seconds <= 0:
            yield f"{where}.duration", "an incident lasts"
    except UsageError as error:
        yield f"{where}.duration", error.message
    if incident.at is not None and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", incident.at):
        yield f"{where}.at", f"{incident.at!r} is not a time of day like 20:15"
    if not 0 < incident.days_ago < plan.days:
        yield f"{where}.days_ago", f"the history has {plan.days} days"
    wanted = {Values: Histogram, Level: Gauge, Growth: Meter}
    for number, effect in enumerate(incident.effects):
        here = f"{where}.effects[{number}]"
        if isinstance(effect, Outcome | Volume):
            stream = streams.get(effect.stream)
            if stream is None:
                yield f"{here}.stream", f"no stream is called {effect.stream!r}"
            elif isinstance(effect, Outcome):
                yield from _outcome_problems(here, effect, stream)
        elif not any(
            family.name == effect.family and isinstance(family, wanted[type(effect)])
            for family in plan.families
        ):
            kind = wanted[type(effect)].__name__.lower()
            yield f"{here}.family", f"no {kind} is called {effect.family!r}"


def _outcome_problems(where: str, effect: Outcome, stream: Stream) -> Iterator[tuple[str, str]]:
    split = next((split for split in stream.splits if split.name == effect.split), None)
    if split is None:
        yield f"{where}.split", f"stream {stream.name!r} has no split {effect.split!r}"
        return
    for outcome in effect.shares:
        if outcome not in split.shares:
            yield f"{where}.shares", f"split {split.name!r} has no outcome {outcome!r} with a share"
    yield from _share_problems(f"{where}.shares", {**split.shares, **effect.shares})


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def cells(stream: Stream) -> list[tuple[dict[str, str], float]]:
    """The label sets a stream is divided into, each with its share of the events."""
    sets: list[tuple[dict[str, str], float]] = [(dict(stream.labels), 1.0)]
    for label, values in stream.each.items():
        sets = [
            ({**labels, label: value}, weight * share)
            for labels, weight in sets
            for value, share in values.items()
        ]
    if stream.parts:
        sets = [
            ({**labels, **part.labels}, weight * part.weight)
            for labels, weight in sets
            for part in stream.parts
        ]
    return sets


def split_labels(split: Split, outcome: str) -> dict[str, str]:
    return dict(zip(split.labels, outcome.split("|"), strict=True))
