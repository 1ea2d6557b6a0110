"""Input series that make an SLO's rules see a given number of good and bad events.

Found by trying: label values that its selectors accept, and which of the series so named have to grow (or
which value a gauge has to have) for an event to be good or bad. So it holds for every kind of SLI and for
queries that somebody wrote, and it is verified before it is used.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import promql_parser as promql

from sretool.core.slo.model import BooleanGauge, Composite, Freshness, NativeBucketRatio
from sretool.core.slo.selectors import selectors
from sretool.core.slo.simulate import CannotSimulate, Timeline, matchers_of, matching, parse
from sretool.core.slo.windows import RATE_WINDOW
from sretool.errors import SretoolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sretool.core.slo.model import Sli, Slo


class CannotProve(SretoolError):
    """There are no input series that behave as events of this SLO; says why."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Some minutes, each with the same events."""

    minutes: int
    total: int | None
    """Events in each minute; None: nothing is scraped."""
    bad: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """One input series."""

    labels: Mapping[str, str]
    """`__name__` among them."""
    gauge: bool
    """A gauge has the value `bad` in a minute with a bad event and `good` in others; a counter grows by them
    for each event."""
    good: float
    bad: float
    share: float = 1
    """Of the events, the part that this counter has; the rest is in its replicas."""

    def values(self, phases: Sequence[Phase], per_minute: int = 1) -> list[float | None]:
        """`per_minute` samples a minute, from minute 0, before which nothing happened."""
        out: list[float | None] = [None if self.gauge else 0.0]
        sum_so_far = 0.0
        for phase in phases:
            samples = phase.minutes * per_minute
            if phase.total is None or self.gauge:
                out += [self._gauge(phase)] * samples
                continue
            grows = self._growth(phase.total, phase.bad) / per_minute
            out += [sum_so_far + grows * number for number in range(1, samples + 1)]
            sum_so_far += grows * samples
        return out

    def notation(self, phases: Sequence[Phase], per_minute: int = 1) -> str:
        """The same in promtool's notation."""
        parts = ["_" if self.gauge else "0"]
        sum_so_far = 0.0
        for phase in phases:
            samples = phase.minutes * per_minute
            if phase.total is None:
                parts.append(f"_x{samples}")
            elif self.gauge:
                parts.append(f"{self._gauge(phase):.0f}+0x{samples - 1}")
            else:
                grows = self._growth(phase.total, phase.bad) / per_minute
                parts.append(f"{_text(sum_so_far + grows)}+{_text(grows)}x{samples - 1}")
                sum_so_far += grows * samples
        return " ".join(parts)

    def _growth(self, total: int, bad: int) -> float:
        return self.share * (self.good * (total - bad) + self.bad * bad)

    def _gauge(self, phase: Phase) -> float | None:
        return None if phase.total is None else self.bad if phase.bad else self.good


def _text(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else repr(value)


@dataclass(frozen=True, slots=True)
class Slices:
    """How time is cut by an SLO whose events are slices of it; one a minute where nothing else is said."""

    per_minute: int = 1
    """Slices that end in a minute, each with a sample."""
    minutes: int = 1
    """Of one slice, where it is no shorter than a minute."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What to put in for an SLO."""

    sources: tuple[Source, ...]
    whole: bool
    """Whether a minute's events are all good or all bad, as with gauges."""
    selectors: tuple[promql.VectorSelector, ...]
    """What the SLO reads, to tell whether another one's series would be read, too."""
    cut: Slices = Slices()
    single: tuple[Source, ...] = ()
    """Its sources where each counter is a single series; empty: as they are."""

    @property
    def plain(self) -> Feed:
        """Without replicas. Sums of more than two numbers depend on their order, which Prometheus leaves open
        and which matters where a ratio has to be exact."""
        return replace(self, sources=self.single or self.sources)

    def reads(self, labels: Mapping[str, str]) -> bool:
        return any(_accepts(selector, labels) for selector in self.selectors)


_GAUGE_VALUES: Final = (1.0, 0.0, 1e12, -1e12)
_REPLICA: Final = "instance"
_MOST_SERIES: Final = 6
_MOST_STATES: Final = 40
_MINUTE: Final = timedelta(minutes=1)
_TRIAL = 12
"""Minutes after which every rate over 5 minutes is steady; so many slices where those are longer."""


def feed_of(slo: Slo) -> Feed:
    """CannotProve where no such series are found."""
    if isinstance(slo.sli, NativeBucketRatio):
        raise CannotProve("promtool of Prometheus 2 takes no native histograms as input series")
    cut = slices_of(slo.sli)
    window = max(RATE_WINDOW, 5 * cut.minutes * _MINUTE)
    bad, total = slo.bad_rate(window), slo.total_rate(window)
    try:
        reads, counters = _selectors((bad, total))
        candidates = list(_candidates(slo, reads))
        if not candidates or len(candidates) > _MOST_SERIES:
            raise CannotProve(f"{len(candidates)} kinds of series are read, at most {_MOST_SERIES} are tried")
        gauges = [dict(labels)["__name__"] not in counters for labels in candidates]
        feed = _verified(bad, total, candidates, gauges, tuple(reads), cut)
        if not feed.whole:
            feed = _replicated(bad, total, feed)
    except CannotSimulate as error:
        raise CannotProve(error.message) from error
    return feed


def slices_of(sli: Sli) -> Slices:
    """CannotProve where slices are neither parts of a minute nor whole minutes, or long ones are unlike."""
    parts = [part.sli for part in sli.parts] if isinstance(sli, Composite) else [sli]
    lengths = {part.slice for part in parts if isinstance(part, BooleanGauge | Freshness)}
    short = [_MINUTE // length for length in lengths if length < _MINUTE]
    long = [length // _MINUTE for length in lengths if length >= _MINUTE]
    if any(_MINUTE % length and length % _MINUTE for length in lengths):
        raise CannotProve("its slices are neither a part of a minute nor whole minutes")
    if max(long, default=1) > 1 and len(lengths) > 1:
        raise CannotProve("its parts are looked at in slices of different lengths")
    return Slices(math.lcm(*short), max(long, default=1))


def _verified(
    bad: str,
    total: str,
    candidates: Sequence[Mapping[str, str]],
    gauges: Sequence[bool],
    reads: tuple[promql.VectorSelector, ...],
    cut: Slices,
) -> Feed:
    """With the first states by which shares come out as they are put in.

    Of the worst of several parts a good event of one and a bad one of another are no share of anything.
    """
    error = CannotProve("no series were found that make its events good or bad")
    for states in itertools.islice(_states(bad, total, candidates, gauges, cut), _MOST_STATES):
        sources = tuple(
            Source(labels, gauge, good, wrong)
            for labels, gauge, good, wrong in zip(candidates, gauges, *states, strict=True)
            if gauge or good or wrong
        )
        feed = Feed(sources, any(gauges), reads, cut)
        try:
            _verify(bad, total, feed)
        except CannotProve as found:
            error = found
        else:
            return feed
    raise error


def _replicated(bad: str, total: str, feed: Feed) -> Feed:
    """Every counter twice, with unlike shares, so that sums over series are told from other aggregates; the
    feed itself where the SLO looks at the label that tells them apart."""
    sources = tuple(
        replace(source, labels={**source.labels, _REPLICA: name}, share=share)
        for source in feed.sources
        for name, share in (("a", 0.75), ("b", 0.25))
        if _REPLICA not in source.labels
    )
    replicated = replace(feed, sources=sources, single=feed.sources)
    try:
        _verify(bad, total, replicated)
    except SretoolError:
        return feed
    return replicated


def _selectors(exprs: Sequence[str]) -> tuple[list[promql.VectorSelector], set[str]]:
    """All selectors, each once, and the names of those that a rate is taken of."""
    counters: set[str] = set()

    def visit(expr: Any) -> None:
        if isinstance(expr, promql.Call) and expr.func.name in ("rate", "increase"):
            counters.update(
                arg.vector_selector.name or "" for arg in expr.args if isinstance(arg, promql.MatrixSelector)
            )

    for expr in exprs:
        promql.walk(parse(expr), pre_visit=visit)
    found = list(selectors(exprs).values())
    if any(not selector.name for selector in found):
        raise CannotProve("a selector without a metric name is read")
    return found, counters


# --- label values that selectors accept


def _candidates(slo: Slo, reads: Sequence[promql.VectorSelector]) -> Iterator[dict[str, str]]:
    """Label sets, one for each way in which selectors of one metric can tell its series apart."""
    groups = dict.fromkeys(slo.group_by, "x") | {name: value for name, value in slo.group if value}
    for name in dict.fromkeys(selector.name for selector in reads):
        of_name = [selector for selector in reads if selector.name == name]
        pools: dict[str, list[str]] = {label: [value] for label, value in groups.items()}
        for selector in of_name:
            for label, op, value in matchers_of(selector):
                pool = pools.setdefault(label, [])
                pool += [text for text in _values(op, value) if text not in pool]
        seen: set[tuple[bool, ...]] = set()
        for values in itertools.islice(itertools.product(*pools.values()), 5000):
            labels = {"__name__": name or ""} | {
                label: value for label, value in zip(pools, values, strict=True) if value
            }
            accepted = tuple(_accepts(selector, labels) for selector in of_name)
            if any(accepted) and accepted not in seen:
                seen.add(accepted)
                yield labels
        missing = [s for n, s in enumerate(of_name) if not any(accepted[n] for accepted in seen)]
        if missing:
            raise CannotProve(f"no label values are known that {missing[0]} accepts")


def _accepts(selector: promql.VectorSelector, labels: Mapping[str, str]) -> bool:
    return selector.name == labels["__name__"] and all(
        matching(op, value)(labels.get(label, "")) for label, op, value in matchers_of(selector)
    )


_ORDINARY: Final = ("x", "", "200", "0")
_SIMPLER: Final = (
    (r"\[[^\]]*([A-Za-z0-9])[^\]]*\]", r"\1"),
    (r"\\d", "0"),
    (r"\\w", "x"),
    (r"\([^()]*\)[?*]", ""),
    (r"(?<!\\)\.\*", ""),
    (r"(?<!\\)\.\+", "x"),
    (r"(?<!\\)\.\{\d+(,\d*)?\}", "x"),
    (r"(?<!\\)\.", "0"),
    (r"(\w)\{(\d)(?:,\d*)?\}", r"\1\1"),
    (r"[+^$]", ""),
    (r"\\(.)", r"\1"),
)
"""Parts of regular expressions and something they match."""


def _values(op: promql.MatchOp, value: str) -> list[str]:
    """Values that a condition accepts, and some that it does not."""
    if op in (promql.MatchOp.Equal, promql.MatchOp.NotEqual):
        return [value, *_ORDINARY]
    return [*dict.fromkeys(text for text in _examples(value) if matching(promql.MatchOp.Re, value)(text))][
        :3
    ] + list(_ORDINARY)


def _examples(pattern: str) -> Iterator[str]:
    """Texts that may match; one for each alternative first."""
    whole = pattern
    while whole.startswith("(") and whole.endswith(")"):
        whole = whole[1:-1].removeprefix("?:")
    for alternative in (
        *whole.split("|"),
        pattern.split("|")[0] + ")",
        re.sub(r"\(([^()|]*)\|[^()]*\)", r"\1", whole),
    ):
        text = alternative
        for part, example in _SIMPLER:
            text = re.sub(part, example, text)
        yield text
    yield from ("500", "404", "200", "GET", "error", "true", "1", "")


# --- which series make an event good or bad


def _states(
    bad: str,
    total: str,
    candidates: Sequence[Mapping[str, str]],
    gauges: Sequence[bool],
    cut: Slices,
) -> Iterator[tuple[tuple[float, ...], tuple[float, ...]]]:
    """What each series may have to do for an event to be good, and to be bad: as little as possible first."""
    choices = [_GAUGE_VALUES if gauge else (0.0, 1.0) for gauge in gauges]
    ways = sorted(itertools.product(*choices), key=lambda way: sum(value == 1.0 for value in way))
    good: list[tuple[tuple[float, ...], float]] = []
    wrong: list[tuple[tuple[float, ...], float]] = []
    for way in ways:
        sources = [
            Source(labels, gauge, value, value)
            for labels, gauge, value in zip(candidates, gauges, way, strict=True)
        ]
        found = _rates(bad, total, sources, (Phase(_TRIAL * cut.minutes, 1),), cut)
        early = _rates(bad, total, sources, (Phase(2 * cut.minutes, 1),), cut)
        if found is None or early is None or found[1] <= 0:
            continue
        if _near(found[0], 0) and _near(early[0], 0):
            pairs, others = [(way, each) for each, size in wrong if _near(found[1], size)], good
        elif _near(found[0], found[1]) and _near(early[0], early[1]):
            pairs, others = [(each, way) for each, size in good if _near(found[1], size)], wrong
        else:
            continue
        others.append((way, found[1]))
        yield from pairs


def _rates(
    bad: str, total: str, sources: Sequence[Source], phases: Sequence[Phase], cut: Slices
) -> tuple[float, float] | None:
    """Bad and all events per second at the end; None where there is not one of each."""
    end = sum(phase.minutes for phase in phases)
    timeline = Timeline(1 + end, per_minute=cut.per_minute)
    for source in sources:
        timeline.feed(source.labels, source.values(phases, cut.per_minute))
    found = [list(timeline.at(expr, end).values()) for expr in (bad, total)]
    return (found[0][0], found[1][0]) if all(len(values) == 1 for values in found) else None


def _near(value: float, wanted: float) -> bool:
    return abs(value - wanted) <= 1e-9 * max(abs(wanted), 1e-3)


def _verify(bad: str, total: str, feed: Feed) -> None:
    """Bad shares must come out as they are put in."""
    trials: list[tuple[list[Phase], float]] = [
        ([Phase(_TRIAL, 1), Phase(1, 1, 1)], 0.2),
        ([Phase(_TRIAL, 1), Phase(3, 1, 1), Phase(1, 1)], 0.6),
    ]
    if not feed.whole:
        trials.append(([Phase(_TRIAL, 1000, 250)], 0.25))
    for phases, share in trials:
        cut = [replace(phase, minutes=phase.minutes * feed.cut.minutes) for phase in phases]
        found = _rates(bad, total, feed.sources, cut, feed.cut)
        if found is None or not found[1] or not _near(found[0] / found[1], share):
            raise CannotProve("its value depends on more than the number of good and bad events")
