"""Proofs that an SLO's rules do what the arithmetic says: series to put in and what must come out.

What must come out follows from counting events in whole numbers, never from the rules. The same proofs are
judged here without Prometheus and written as unit tests for `promtool test rules`.
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import yaml

from sretool.core.slo.feed import CannotProve, Feed, Phase, feed_of
from sretool.core.slo.model import ErrorRatioQuery, EventRatio
from sretool.core.slo.promql import quote
from sretool.core.slo.rules import ALERT_NAME, NO_NAMES, group
from sretool.core.slo.simulate import Timeline
from sretool.core.slo.windows import RATE_WINDOW, reads_counters, threshold
from sretool.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sretool.core.slo.model import BurnAlert, Severity, Slo
    from sretool.core.slo.rules import Rule
    from sretool.core.slo.simulate import Labels

MINUTE: Final = timedelta(minutes=1)

CLOSED: Final = (False,)
"""Ranges hold both ends, as in Prometheus 2."""

ANY_RANGES: Final = (False, True)
"""With both ends or without the oldest instant, as in Prometheus 3: only what holds for both, which leaves a
minute open at the end of an alert."""

_MOST_MINUTES: Final = 9000
"""promtool reads at most 10,000 samples in one query, one a minute."""


_MOST_ORDERS: Final = 6

_SHORT: Final = 2100
"""Minutes that take promtool a few seconds."""


@dataclass(frozen=True, slots=True)
class Check:
    """What an expression must give in one minute: exactly one element of value 1, or nothing."""

    expr: str
    minute: int
    there: bool
    why: str
    """What it says about the SLO, for people."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Series and what the rules must make of them."""

    name: str
    feed: Feed | None
    """None: no series at all."""
    phases: tuple[Phase, ...]
    checks: tuple[Check, ...]
    promtool: bool = True
    """Whether promtool can judge it; it cannot read more than a week of minutes."""
    per_minute: int = 1
    """Samples of each series in a minute."""

    @property
    def minutes(self) -> int:
        return sum(phase.minutes for phase in self.phases)

    def timeline(self, *, left_open: bool = False) -> Timeline:
        """What is put in, without any rule played."""
        timeline = Timeline(self.minutes + 1, left_open=left_open, per_minute=self.per_minute)
        for source in self.feed.sources if self.feed is not None else ():
            timeline.feed(source.labels, source.values(self.phases, self.per_minute))
        return timeline


@dataclass(frozen=True, slots=True)
class ProofSet:
    """All there is to prove about one SLO."""

    slo: Slo
    proofs: tuple[Proof, ...]
    missing: str | None = None
    """Why only its silence without data is proven; None: everything is."""


@dataclass(frozen=True, slots=True)
class Episode:
    """An alert fires from the minute `start` until the one before `end`; None: it still does at the end."""

    start: int
    end: int | None


def failures(rules: Iterable[Rule], proof: Proof, *, left_open: bool = False) -> tuple[Check, ...]:
    """The checks that do not hold with these rules; CannotSimulate where Prometheus would refuse a rule."""
    timeline = proof.timeline(left_open=left_open)
    timeline.play(rules)
    return tuple(check for check in proof.checks if not holds(check, timeline))


def holds(check: Check, timeline: Timeline) -> bool:
    found: dict[Labels, float] = timeline.at(check.expr, check.minute)
    return (found == {frozenset(): 1.0}) if check.there else not found


def counted(phases: Sequence[Phase], every: int = 1) -> tuple[list[int], list[int]]:
    """Bad and all events up to each minute, from minute 0 on; minutes without a scrape are without events.

    The events of `every` minutes, a slice, come in the last of them.
    """
    bad = [phase.bad * every for phase in phases for _ in range(phase.minutes)]
    total = [(phase.total or 0) * every for phase in phases for _ in range(phase.minutes)]
    if every > 1:
        for each in (bad, total):
            each[:] = [events if minute % every == 0 else 0 for minute, events in enumerate(each, start=1)]
    return [0, *accumulate(bad)], [0, *accumulate(total)]


def episodes(
    limit: Fraction,
    long: int,
    short: int,
    phases: Sequence[Phase],
    min_events: int | None = None,
    *,
    every: int = 1,
    more: tuple[int, int] = (0, 0),
) -> tuple[Episode, ...]:
    """When a pair must fire, by counting: more than `limit` of the events of both windows (minutes) are bad.

    `more` bad events than there are (or fewer) are counted in the long and the short window.
    """
    bad, total = counted(phases, every)

    def above(window: int, minute: int) -> bool:
        since = max(minute - window, 0)
        events = total[minute] - total[since]
        wrong = bad[minute] - bad[since]
        wrong += more[window == short] if wrong else 0
        return wrong * limit.denominator > limit.numerator * events

    out: list[Episode] = []
    start: int | None = None
    for minute in range(1, len(bad)):
        enough = min_events is None or total[minute] - total[max(minute - long, 0)] >= min_events
        fires = enough and above(long, minute) and above(short, minute)
        if fires and start is None:
            start = minute
        if not fires and start is not None:
            out.append(Episode(start, minute))
            start = None
    return (*out, Episode(start, None)) if start is not None else tuple(out)


def prove(
    slo: Slo, severities: Mapping[Severity, str] = NO_NAMES, ranges: Sequence[bool] = CLOSED
) -> ProofSet:
    """Everything that can be proven about the rules of one SLO; `ranges`: CLOSED or ANY_RANGES."""
    subject = _Subject.of(slo, severities)
    silent = subject.without_data()
    try:
        feed = feed_of(slo)
    except CannotProve as error:
        return ProofSet(slo, (silent,), error.message)
    proofs = (*_Scenarios(subject, feed, ranges).all(), silent)
    return ProofSet(slo, tuple(replace(proof, per_minute=feed.cut.per_minute) for proof in proofs))


@dataclass(frozen=True, slots=True)
class _Subject:
    """An SLO with the rules made of it."""

    slo: Slo
    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, slo: Slo, severities: Mapping[Severity, str]) -> _Subject:
        return cls(slo, group(slo, None, severities).rules)

    @property
    def alerts(self) -> tuple[tuple[BurnAlert, Rule], ...]:
        raised = [rule for rule in self.rules if rule.alert is not None]
        return tuple(zip(self.slo.alerts, raised, strict=True))

    def recorded(self, name: str) -> list[Rule]:
        return [rule for rule in self.rules if rule.record == name]

    def limit(self, pair: BurnAlert) -> Fraction:
        return threshold(pair, self.slo.window, self.slo.budget)

    def silent(self, minute: int) -> Check:
        return Check(
            f"count(ALERTS{{alertname={quote(ALERT_NAME)},slo={quote(self.slo.base_id)}}})",
            minute,
            False,
            "no alert",
        )

    def fires(self, rule: Rule, minute: int, there: bool) -> Check:
        labels = {"alertname": str(rule.alert), "alertstate": "firing"} | dict(rule.labels)
        severity, long, short = (rule.labels[name] for name in ("severity", "long", "short"))
        words = f"{severity} {long}/{short} {'fires' if there else 'is silent'}"
        return Check(f"count({_selector('ALERTS', labels)})", minute, there, words)

    def value(self, rule: Rule, minute: int, wanted: float, tolerance: float = 1e-9) -> Check:
        """What a rule records, to a share of `tolerance`."""
        series = _selector(str(rule.record), rule.labels)
        close = f"abs({series} / {wanted!r} - 1) < {tolerance!r}" if wanted else f"{series} == 0"
        return Check(f"count({close})", minute, True, f"{_what(rule)} is {wanted:.6g}")

    def absent(self, rule: Rule, minute: int) -> Check:
        series = _selector(str(rule.record), rule.labels)
        return Check(f"count({series})", minute, False, f"{_what(rule)} has no value")

    def without_data(self) -> Proof:
        minute = 10
        nothing = (*self.recorded("slo:error_ratio:rate"), *self.recorded("slo:total:rate5m"))
        checks = (
            self.silent(minute),
            *(self.absent(rule, minute) for rule in nothing),
            *(self.value(rule, minute, 1.0) for rule in self.recorded("slo:info")),
        )
        return Proof("no data: silent, and no figures", None, (Phase(minute, None),), checks)


def _selector(name: str, labels: Mapping[str, str]) -> str:
    # Labels with templates come out changed.
    inside = ",".join(f"{label}={quote(value)}" for label, value in labels.items() if "{{" not in value)
    return f"{name}{{{inside}}}"


def _what(rule: Rule) -> str:
    window = rule.labels.get("window")
    return (
        f"{rule.record} over {window}"
        if window is not None and rule.record != "slo:info"
        else str(rule.record)
    )


class _Scenarios:
    """What happens to an SLO whose events can be put in."""

    def __init__(self, subject: _Subject, feed: Feed, ranges: Sequence[bool]) -> None:
        self._ranges = ranges
        self._apart = 1.5 * (len(ranges) - 1)
        """Minutes by which sums of events may differ between the kinds of ranges."""
        self._subject = subject
        self._feed = feed
        self._pairs = [(pair, rule, subject.limit(pair)) for pair, rule in subject.alerts]
        self._events = 1 if feed.whole else 4 * max(2500, (subject.slo.min_events or 0) // 4 + 1)
        sli = subject.slo.sli
        self._counts_time = isinstance(sli, ErrorRatioQuery) and sli.traffic is None
        """Whether a minute counts the same whatever its traffic."""
        self._whole_window = _minutes(subject.slo.window)
        self._every = feed.cut.minutes

    def all(self) -> tuple[Proof, ...]:
        proofs = []
        if self._pairs:
            proofs.append(self._step())
        proofs.append(self._healthy())
        if not self._feed.whole:
            for pair, rule, limit in self._pairs:
                proofs += self._at_the_limit(pair, rule, limit)
            proofs += [*self._without_error_series(), self._little(), self._nobody()]
            proofs += [*self._scrapes_end(), *self._too_few(), self._uneven()]
        if self._subject.slo.calendar is None:
            proofs.append(self._whole())
        return tuple(proofs)

    # --- a step and its end

    def _step(self) -> Proof:
        longest = max(_minutes(pair.long) for pair, _, _ in self._pairs)
        clean = self._slices(min(longest, 7000))
        bad = self._step_size()
        share = Fraction(bad, self._events)
        lasts = 3 + max(
            (
                math.ceil(_minutes(pair.long) * limit / share)
                for pair, _, limit in self._pairs
                if limit < share
            ),
            default=10,
        )
        if self._every > 1:
            lasts = self._slices(lasts + 3 * self._every)
        after = self._slices(3 + max(_minutes(pair.short) for pair, _, _ in self._pairs) + 2 * self._every)
        phases = (Phase(clean, self._events), Phase(lasts, self._events, bad), Phase(after, self._events))
        end = clean + lasts
        checks = [self._subject.silent(clean // 2), self._subject.silent(clean)]
        for pair, rule, _ in self._pairs:
            checks += self._through(pair, rule, phases) or [self._subject.fires(rule, end, False)]
        failed, total = counted(phases, self._every)
        for rule in self._subject.recorded("slo:error_ratio:rate"):
            window = parse_duration(rule.labels["window"])
            ratios = [
                (failed[end] - failed[since]) / (total[end] - total[since])
                for left_open in self._ranges
                for since in [max(end - self._effective(window, left_open), 0)]
            ]
            # A query without a measure of traffic counts from its first minute on, events from the next.
            young = 3 / end if _minutes(window) > end else 0
            tolerance = 0.002 + max(ratios) / min(ratios) - 1 + self._apart / lasts + young
            tolerance += self._blur(window) / lasts
            checks.append(self._subject.value(rule, end, ratios[0], tolerance))
        checks += self._soon(clean, lasts, share)
        checks += self._over_the_window(phases, self._apart / lasts)
        name = f"{float(share):.4%} of events fail for {lasts} minutes: alerts fire and clear in their minute"
        return Proof(name, self._feed, phases, tuple(checks))

    def _soon(self, clean: int, lasts: int, share: Fraction) -> list[Check]:
        """Minutes after a step sums of recorded rates hold all its events, the newest, too."""
        soon = min(2 * _RATE_MINUTES, lasts)
        return [
            self._subject.value(rule, clean + soon, ratio, 0.002 + (self._apart + self._blur(window)) / soon)
            for rule in self._subject.recorded("slo:error_ratio:rate")
            for window in [parse_duration(rule.labels["window"])]
            if self._is_summed(window) and _minutes(window) <= clean and soon >= _RATE_MINUTES
            for ratio in [float(share * soon / _minutes(window))]
        ]

    def _is_summed(self, window: timedelta) -> bool:
        return not reads_counters(self._subject.slo, window)

    def _effective(self, window: timedelta, left_open: bool) -> int:
        """Minutes whose events a ratio over `window` counts: between the samples that are in the range."""
        read = not self._feed.whole and reads_counters(self._subject.slo, window)
        return _minutes(window) - (1 if left_open and read else 0)

    def _blur(self, window: timedelta) -> int:
        """Minutes of bad slices by which a sum of recorded rates may differ: they hold the newest slices as
        they were when they ended."""
        return self._every if self._is_summed(window) and self._every > 1 else 0

    def _through(self, pair: BurnAlert, rule: Rule, phases: Sequence[Phase]) -> list[Check]:
        """Each start and end of an alert's firing: the minute before and the minute itself."""
        found = [
            episodes(
                self._subject.limit(pair),
                self._effective(pair.long, left_open),
                self._effective(pair.short, left_open),
                phases,
                self._subject.slo.min_events,
                every=self._every,
                more=(sign * self._blur(pair.long), sign * self._blur(pair.short)),
            )
            for left_open in self._ranges
            for sign in ((0,) if self._every == 1 else (-1, 1))
        ]
        checks: list[Check] = []
        for of_each in zip(*found, strict=True):
            starts = [each.start for each in of_each]
            ends = [each.end for each in of_each if each.end is not None]
            checks += [
                self._subject.fires(rule, min(starts) - 1, False),
                self._subject.fires(rule, max(starts), True),
            ]
            if ends:
                checks += [
                    self._subject.fires(rule, min(ends) - 1, True),
                    self._subject.fires(rule, max(ends), False),
                ]
        return checks

    def _step_size(self) -> int:
        """Bad events in a minute so that no alert fires or clears on the very edge of a minute."""
        if self._feed.whole:
            return 1
        least = max(limit for _, _, limit in self._pairs)
        lowest = min(3 * least, (1 + least) / 2)
        highest = min(5 * lowest, Fraction(999, 1000))
        candidates = [
            math.ceil(self._events * (lowest + (highest - lowest) * number / 300)) for number in range(300)
        ]

        def distance(bad: int) -> float:
            share = Fraction(bad, self._events)
            edges = [
                edge
                for pair, _, limit in self._pairs
                for edge in (_minutes(pair.long) * limit / share, _minutes(pair.short) * limit / share)
            ]
            return min(float(min(edge % 1, 1 - edge % 1)) for edge in edges)

        clear = [bad for bad in candidates if distance(bad) >= 0.2]
        return clear[0] if clear else max(candidates, key=distance)

    def _slices(self, minutes: int) -> int:
        """Minutes of whole slices, no fewer than `minutes`."""
        return -(-minutes // self._every) * self._every

    # --- exactly at a threshold

    def _at_the_limit(self, pair: BurnAlert, rule: Rule, limit: Fraction) -> list[Proof]:
        """The long, then the short window exactly at the limit is silent, slightly above it fires."""
        long, short = _minutes(pair.long), _minutes(pair.short)
        fifths = math.ceil(short / 4)
        if limit * 5 >= 4 or 5 * fifths + 1 > long or 2 * short > long:
            return []

        def rising(size: int) -> tuple[Phase, ...]:
            total, bad = 4 * limit.denominator * size, 5 * limit.numerator * size
            return (Phase(fifths, total), Phase(4 * fifths + 1, total, bad))

        def falling(size: int) -> tuple[Phase, ...]:
            total, bad = 4 * limit.denominator * size, 5 * limit.numerator * size
            return (Phase(short, total, bad), Phase(short, total, 4 * limit.numerator * size))

        label = f"{rule.labels['severity']} {rule.labels['long']}/{rule.labels['short']}"
        out = []
        for window, shape, minute, is_above in (
            (pair.long, rising, 5 * fifths, 5 * fifths + 1),
            (pair.short, falling, 2 * short, 2 * short - len(self._ranges)),
        ):
            phases = self._exact(shape, window, minute, limit)
            if phases is not None:
                checks = (
                    self._subject.fires(rule, minute, False),
                    self._subject.fires(rule, is_above, True),
                )
                name = (
                    f"{label}: {format_duration(window)} exactly at its limit is silent, just above it fires"
                )
                out.append(Proof(name, self._feed.plain, phases, checks))
        return out

    def _exact(self, shape: Any, window: timedelta, minute: int, limit: Fraction) -> tuple[Phase, ...] | None:
        """Events so that even as floating-point numbers the ratio in that minute is the limit."""
        wanted = float(limit)
        needed = [
            each
            for each in self._subject.rules
            if each.record in ("slo:info", "slo:bad:rate5m", "slo:total:rate5m")
            or (each.record == "slo:error_ratio:rate" and each.labels["window"] == format_duration(window))
        ]
        least = math.ceil((self._subject.slo.min_events or 0) / (4 * limit.denominator))
        for size in (300, 1, 3, 75, 600, 900, 1500, 3600, 7, 11, 13, 17, 19, 23, 29, 31):
            phases: tuple[Phase, ...] = shape(max(size, least))
            if self._is_exactly(wanted, needed, phases, minute):
                return phases
        return None

    def _is_exactly(
        self, wanted: float, rules: Sequence[Rule], phases: tuple[Phase, ...], minute: int
    ) -> bool:
        """Whether the last of the rules records that very number, in whatever order series are added up."""
        of_last = _selector(str(rules[-1].record), rules[-1].labels)
        plain = self._feed.plain
        for sources in itertools.islice(itertools.permutations(plain.sources), _MOST_ORDERS):
            proof = Proof("", replace(plain, sources=sources), phases, ())
            for left_open in self._ranges:
                timeline = proof.timeline(left_open=left_open)
                timeline.play(rules)
                if list(timeline.at(of_last, minute).values()) != [wanted]:
                    return False
        return True

    # --- quiet

    def _healthy(self) -> Proof:
        minute = self._slices(30)
        phases: tuple[Phase, ...] = (Phase(minute, self._events),)
        name = "no errors: silent, and ratios of 0"
        least = min((limit for _, _, limit in self._pairs), default=None)
        checks = [self._subject.silent(minute), *self._zero(minute)]
        if not self._feed.whole and least is not None:
            bad = math.floor(least * self._events * Fraction(19, 20))
            phases = (*phases, Phase(minute, self._events, bad))
            checks.append(self._subject.silent(2 * minute))
            name = "no errors, then 95 % of the lowest limit: silent, and ratios of 0"
        return Proof(name, self._feed, phases, tuple(checks))

    def _zero(self, minute: int) -> list[Check]:
        rules = (*self._subject.recorded("slo:error_ratio:rate"), *self._subject.recorded("slo:bad:rate5m"))
        return [self._subject.value(rule, minute, 0.0) for rule in rules]

    def _only_good(self) -> Feed | None:
        """The same series without those that errors alone bring about; None where there are none."""
        sources = tuple(source for source in self._feed.sources if source.good)
        return replace(self._feed, sources=sources) if len(sources) < len(self._feed.sources) else None

    def _without_error_series(self) -> list[Proof]:
        """Before the first error its series is not there, and this counts for as long as a range reaches."""
        feed = self._only_good()
        if feed is None or not isinstance(self._subject.slo.sli, EventRatio):
            return []
        raw = [
            (rule, _minutes(window))
            for rule in self._subject.recorded("slo:error_ratio:rate")
            for window in [parse_duration(rule.labels["window"])]
            if reads_counters(self._subject.slo, window)
        ]
        longest = max((window for _, window in raw), default=10)
        ends = longest // 2 + 10
        phases = (Phase(ends, self._events), Phase(longest // 2 + 1, None))
        checks = [self._subject.silent(ends), *self._zero(ends)]
        checks += [self._subject.value(rule, ends + window // 2, 0.0) for rule, window in raw]
        checks += [
            self._subject.value(rule, ends + _RATE_MINUTES // 2, 0.0)
            for rule in self._subject.recorded("slo:bad:rate5m")
        ]
        return [
            Proof("no error series yet: ratios of 0, also when scrapes fail", feed, phases, tuple(checks))
        ]

    def _little(self) -> Proof:
        minute = 6
        name = "four events a minute: ratios, though there is less than one event a second"
        ratios = self._subject.recorded("slo:error_ratio:rate")
        checks = tuple(self._subject.value(rule, minute, 0.25, 0.001) for rule in ratios)
        return Proof(name, self._feed, (Phase(minute, 4, 1),), checks)

    def _uneven(self) -> Proof:
        """Errors and traffic differ at every age, so that a ratio is right for one window only."""
        rules = [
            (rule, parse_duration(rule.labels["window"]))
            for rule in self._subject.recorded("slo:error_ratio:rate")
        ]
        if self._counts_time:
            rules = [(rule, window) for rule, window in rules if not self._is_summed(window)]
        oldest = max((_minutes(window) for _, window in rules), default=10) * 8 // 5
        # Bands of doubling length back from the end; the newest is longer than a recorded rate looks back.
        ages = [0, 8]
        while ages[-1] < oldest:
            ages.append(2 * ages[-1])
        phases = tuple(
            Phase(
                end - begin,
                self._events * (1, 3, 2)[number % 3],
                self._events // (50, 20, 80, 30)[number % 4],
            )
            for number, (begin, end) in reversed(list(enumerate(itertools.pairwise(ages))))
        )
        bad = [0, *accumulate(phase.bad for phase in phases for _ in range(phase.minutes))]
        total = [0, *accumulate(phase.total or 0 for phase in phases for _ in range(phase.minutes))]
        checks = []
        for rule, window in rules:
            minute = ages[-1] - (4 if _minutes(window) <= ages[1] else 0)
            ratios = []
            for left_open in self._ranges:
                since = max(minute - self._effective(window, left_open), 0)
                ratios.append((bad[minute] - bad[since]) / (total[minute] - total[since]))
            tolerance = max(ratios) / min(ratios) - 1 + 0.002 * len(self._ranges)
            checks.append(self._subject.value(rule, minute, ratios[0], tolerance))
        name = "errors and traffic that change all the time: every ratio is that of its window"
        return Proof(name, self._feed, phases, tuple(checks), promtool=ages[-1] <= _SHORT)

    def _nobody(self) -> Proof:
        minute = 30
        ratios = self._subject.recorded("slo:error_ratio:rate")
        checks = (self._subject.silent(minute), *(self._subject.absent(rule, minute) for rule in ratios))
        return Proof("no traffic: silent, and no ratio", self._feed, (Phase(minute, 0),), checks)

    def _scrapes_end(self) -> list[Proof]:
        """Ratios that are summed outlast what they are summed from."""
        summed = [
            rule
            for rule in self._subject.recorded("slo:error_ratio:rate")
            if self._is_summed(parse_duration(rule.labels["window"]))
        ]
        if not summed:
            return []
        until, gone = 60, 15
        phases = (Phase(until, 4, 1), Phase(gone, None))
        checks = [self._subject.value(rule, until + gone, 0.25, 0.001) for rule in summed]
        checks += [
            self._subject.absent(rule, until + gone) for rule in self._subject.recorded("slo:total:rate5m")
        ]
        return [Proof("scrapes end: long ratios stay what they were", self._feed, phases, tuple(checks))]

    def _too_few(self) -> list[Proof]:
        """All events are bad, but they are fewer than the SLO asks for; older ones do not make them more."""
        least = self._subject.slo.min_events
        if least is None or least < 40:
            return []
        out = []
        for (pair, rule, _), of_long in zip(self._pairs, self._counted_events(), strict=True):
            clean = _minutes(pair.long) + _RATE_MINUTES
            phases = self._adding_up(clean, least, of_long)
            end = sum(phase.minutes for phase in phases)
            checks = [self._subject.fires(rule, end - 10, False)]
            if not self._apart:
                checks.append(self._subject.fires(rule, end, True))
            label = f"{rule.labels['severity']} {rule.labels['long']}/{rule.labels['short']}"
            name = f"{label}: silent while fewer than {least} events came, whatever they were"
            out.append(Proof(name, self._feed.plain, phases, tuple(checks), promtool=end <= _SHORT))
        return out

    def _counted_events(self) -> list[Rule]:
        """For each pair the rule that counts the events of its long window."""
        rules = self._subject.recorded("slo:events:sum")
        by_window = {rule.labels["window"]: rule for rule in rules}
        return [by_window[rule.labels["long"]] for _, rule, _ in self._pairs]

    def _adding_up(self, clean: int, least: int, of_long: Rule) -> tuple[Phase, ...]:
        """Bad events in two minutes, so that the second makes their number exactly `least`, if it can."""
        needed = [rule for rule in self._subject.rules if rule.record == "slo:total:rate5m"] + [of_long]

        def shape(missing: int, more: int) -> tuple[Phase, ...]:
            few = least - missing
            return (
                *(Phase(1, 4 * least), Phase(clean, 0)),
                *(Phase(1, few, few), Phase(9, 0), Phase(1, missing + more, missing + more), Phase(4, 0)),
            )

        for missing in range(4, least // 10, 4):
            phases = shape(missing, 0)
            end = sum(phase.minutes for phase in phases)
            if self._is_exactly(least, needed, phases, end):
                return phases
        return shape(4, 4)

    # --- sums over the SLO's window

    def _over_the_window(self, phases: Sequence[Phase], apart: float = 0) -> list[Check]:
        end = sum(phase.minutes for phase in phases)
        bad = [phase.bad for phase in phases for _ in range(phase.minutes)]
        seen = [phase.total for phase in phases for _ in range(phase.minutes)]
        total = [events or 0 for events in seen]
        since = max(end - self._whole_window, 0)
        scale = self._scale()
        wanted = {"slo:bad:sum": sum(bad[since:]) * scale, "slo:total:sum": sum(total[since:]) * scale}
        known = sum(phase.minutes for phase in phases if phase.total is not None)
        if end > self._whole_window:
            known = sum([each is not None for each in seen][since:])
        coverage = known / self._whole_window
        # Of the newest minutes two are not in the sums yet, and one more is at their far end.
        tolerance = 0.002 + apart + 3 * self._every / min(end, self._whole_window)
        return [
            self._subject.value(rule, end, value, tolerance)
            for name, value in {**wanted, "slo:coverage:ratio": coverage}.items()
            for rule in self._subject.recorded(name)
            if value
        ]

    def _scale(self) -> float:
        """What the rules count for one event put in: a query without traffic counts one every second."""
        end, window = 12 * self._every, 5 * self._every * MINUTE
        per_minute = self._feed.cut.per_minute
        phases = (Phase(end, self._events),)
        timeline = Proof("", self._feed, phases, (), per_minute=per_minute).timeline()
        found = list(timeline.at(self._subject.slo.total_rate(window), end).values())
        return round(found[0] * 60 / self._events, 9)

    def _whole(self) -> Proof:
        """Longer than the window: what has left it no longer counts."""
        window = self._whole_window
        bad = self._events if self._feed.whole else self._events // 10
        edge = self._slices(max(window // 10, 10))
        before, between, gap = 10 * self._every, 3 * edge, self._slices(edge // 2)
        phases = (
            Phase(edge, self._events, bad),
            Phase(before + between, self._events),
            Phase(edge, self._events, bad),
            Phase(before, self._events),
            Phase(gap, None),
            Phase(window - between - edge - before - gap, self._events),
        )
        name = f"{format_duration(self._subject.slo.window)} and more: sums hold the window and nothing else"
        checks = tuple(self._over_the_window(phases, self._apart / edge))
        return Proof(name, self._feed, phases, checks, promtool=False)


_RATE_MINUTES: Final = RATE_WINDOW // MINUTE


def _minutes(duration: timedelta) -> int:
    return duration // MINUTE


# --- as unit tests for promtool


@dataclass(slots=True)
class _Block:
    """Proofs of several SLOs whose series do not meet, in one test."""

    proofs: list[tuple[Slo, Proof]]

    @property
    def per_minute(self) -> int:
        return self.proofs[0][1].per_minute

    def takes(self, proof: Proof) -> bool:
        return self.per_minute == proof.per_minute and not any(
            _meet(proof, known) for _, known in self.proofs
        )


def _meet(one: Proof, other: Proof) -> bool:
    if one.feed is None or other.feed is None:
        return (one.feed is None) != (other.feed is None)
    return any(
        reader.reads(source.labels)
        for reader, writer in ((one.feed, other.feed), (other.feed, one.feed))
        for source in writer.sources
    )


def write_tests(sets: Sequence[ProofSet], rule_file: str = "rules.yml") -> str:
    """Unit tests for `promtool test rules` (YAML), for a rule file that lies beside them.

    Proofs of different SLOs share a test where they can, because promtool evaluates all rules in every test.
    """
    blocks: list[_Block] = []
    longest_first = sorted(
        ((each.slo, proof) for each in sets for proof in each.proofs if proof.promtool),
        key=lambda pair: -pair[1].minutes,
    )
    for slo, proof in longest_first:
        if proof.minutes > _MOST_MINUTES:
            continue
        block = next((block for block in blocks if block.takes(proof)), None)
        if block is None:
            blocks.append(_Block([(slo, proof)]))
        else:
            block.proofs.append((slo, proof))
    document = {
        "rule_files": [rule_file],
        "evaluation_interval": "1m",
        "tests": [_as_test(block) for block in blocks],
    }
    text = yaml.dump(
        document,
        Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
        sort_keys=False,
        allow_unicode=True,
        width=10_000,
    )
    return _header(sets) + text


def _header(sets: Sequence[ProofSet]) -> str:
    lines = ["# Run with: promtool test rules FILE", "# What is proven, by minute of its test:"]
    for each in sets:
        lines += [f"#   {each.slo.id}: {proof.name}" for proof in each.proofs if proof.promtool]
        if each.missing is not None:
            lines.append(f"#   {each.slo.id}: nothing more, as {each.missing}")
    return "\n".join(line.replace("\n", " ") for line in lines) + "\n"


def _as_test(block: _Block) -> dict[str, Any]:
    return {
        "name": "; ".join(f"{slo.id}: {proof.name}" for slo, proof in block.proofs),
        "interval": format_duration(MINUTE / block.per_minute),
        "input_series": [
            {"series": _series(source.labels), "values": source.notation(proof.phases, block.per_minute)}
            for _, proof in block.proofs
            for source in (proof.feed.sources if proof.feed is not None else ())
        ],
        "promql_expr_test": [
            {
                "expr": check.expr,
                "eval_time": f"{check.minute}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if check.there else [],
            }
            for _, proof in block.proofs
            for check in proof.checks
        ],
    }


def _series(labels: Mapping[str, str]) -> str:
    inside = ",".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in labels.items()
        if name != "__name__"
    )
    return f"{labels['__name__']}{{{inside}}}"
