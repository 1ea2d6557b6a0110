"""The highest rate that a server keeps up with while its objectives hold: an adaptive search by the second.

    search = Search(judge, Plan(start=50))
    while not search.done:
        second = …             # what came of one second at `search.rate`
        search.take(second)
    search.result()

The rate grows exponentially until something gives; what the server then completes each second while requests
pile up is its limit, measured directly. Rates just below and just above are held for some seconds: below they
must hold, above they must break, and the lower one is held again before it counts as confirmed. Between steps
that broke the server drains, and where requests failed it is given time until none do: a circuit breaker may
keep it from answering for minutes, and the next rates come from below then. Where the objectives break long
before requests pile up, the next rate follows from how the latency rose between those known.

Everything is judged by the second, never by running averages, and by the rate that really left: of arrivals
at random in a few seconds one or two in a hundred more or fewer come than asked for.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from sretool.core.analysis.totals import Total, Totals, merged

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Second:
    """What came of one second."""

    totals: Totals
    """Of the requests that ended in it."""
    in_flight: int | None = None
    """Without a reply at its end; None: not known."""
    cpu: float | None = None
    """Of the busiest generator, share of its core."""
    lag_s: float | None = None
    """The longest a generator kept anything waiting."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether the objectives hold for a stretch of seconds."""

    broken: tuple[str, ...] = ()
    """What does not hold, each in words with its figure."""
    pressure: float | None = None
    """The worst latency in relation to its limit: above 1 it is broken. None: none has a limit."""


Judge: TypeAlias = Callable[[Totals], Judgement]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to search."""

    start: float = 50.0
    """Arrivals per second to begin with."""
    most: float = math.inf
    """Arrivals per second never to be exceeded."""
    warm_up: float = 2.0
    """Seconds at `start` that are not judged."""
    hold: float = 6.0
    """Seconds that a rate has to hold."""
    rounds: int = 2
    """Times that the confirmed rate has to hold."""
    precision: float = 0.02
    """Half the width of the interval aimed at, in relation to the rate."""
    within: float = 120.0
    """Seconds after which the search ends with what it knows."""


class Phase(StrEnum):
    WARM_UP = "warm-up"
    GROW = "grow"
    HOLD = "hold"
    CONFIRM = "confirm"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class Step:
    """Some seconds at one rate: a point of the curve."""

    phase: Phase
    asked: float
    """Arrivals per second."""
    at: float
    """Seconds from the start of the search to its start."""
    seconds: float
    """Judged ones."""
    rate: float
    """Requests per second that really left."""
    done: float
    """Requests per second that were answered, well or not."""
    good: float
    """Those answered well."""
    totals: Totals
    growth: float
    """Requests per second by which the waiting ones grew."""
    held: bool | None
    """None: nobody can tell, the generator itself was at its end."""
    why: tuple[str, ...] = ()
    """What did not hold."""
    pressure: float | None = None
    saturated: bool = False
    """Whether requests piled up or were turned away: the server was at its limit."""
    full_seconds: float = 0.0
    """Of these, those in which it was at its limit from the first moment to the last."""
    full_good: int = 0
    """Requests that it answered well in them."""


class Ending(StrEnum):
    """Why a search is over."""

    FOUND = "found"
    MOST = "most"
    """The highest rate allowed holds: the server can do at least that."""
    GENERATOR = "generator"
    """The generator was at its end before the server."""
    LEAST = "least"
    """The lowest rate tried does not hold."""
    TIME = "time"
    """Time was up before the interval was narrow enough."""


@dataclass(frozen=True, slots=True)
class Result:
    ending: Ending
    lower: float | None
    """Requests per second confirmed to hold; None: none is."""
    upper: float | None
    """Requests per second refuted; None: none is."""
    asked: float | None
    """Arrivals per second that `lower` was asked for with."""
    rounds: int
    """Times that the lower rate held."""
    knee: float | None
    """Requests per second where answers stop following: what is completed while requests pile up, or where
    the objectives break before that."""
    saturates: bool
    """Whether the knee is where the server completes no more, not only where the objectives break."""
    why: tuple[str, ...]
    """What broke first above it."""
    steps: tuple[Step, ...]
    seconds: float
    notes: tuple[str, ...] = ()


_MUCH_MORE: Final = 1.25
"""Times what is refuted in the end: a rate that held before and is more than chance explains."""
BUSY_CPU: Final = 0.95
BUSY_LAG_S: Final = 0.25
"""Beyond these the generator is at its end and its figures say nothing about the server."""

_GROWTH: Final = 2.0
_SHRINK: Final = 4.0
_ENOUGH: Final = 100
"""Requests that make one second of growth tell enough."""
_GLIMPSE: Final = 3
"""Seconds that a step of growth takes at most, beside those to settle."""
_RISING: Final = 0.005
"""Share of the rate by which waiting requests may grow each second: so slow a backlog is within precision."""
_SURE: Final = 2.5
"""Standard deviations of a second's arrivals by which they must have grown beside that."""
_STEEP: Final = 3.0
"""Standard errors of its slope by which they must have grown steadily."""
_HOPELESS: Final = 1.5
"""Pressure at which a hold ends before its time."""
_DRAIN_SHARE: Final = 0.1
"""Of the rate that held: how much is still asked while the server drains, so that its latency is seen."""
_DRAIN_MOST: Final = 60.0
_RECOVER_MOST: Final = 180.0
"""Seconds from the end of a rate at which requests failed until they must not any more."""
_LONG: Final = 20.0
"""Seconds of that which make a rate that is too much dear: what it completes is no limit, either."""
_CAREFUL: Final = 0.15
"""Of the way from what holds to what breaks, in relation, where each break is dear."""
_CALM: Final = 20
"""Requests that tell that none fails any more."""
_CALM_RATE: Final = 4.0
"""A second are made of them at most, once it is known that it takes longer."""
_PATIENCE: Final = 10
"""Seconds to wait at most for a change to show."""
_FEW: Final = 5
"""Requests that tell what a calm server looks like."""
_NEAR: Final = 0.75
"""Share of the precision at which rates are held below and above a measured limit."""
_TRIES: Final = 2
"""Times that the generator may be at its end at one rate: other programs may have taken its core."""
_BEYOND: Final = 1.25
"""Of rates that were too much, those up to this many times the lowest tell the limit."""
_LEAST: Final = 0.2
"""Arrivals per second below which nothing is tried."""

T = TypeVar("T")
_Course: TypeAlias = Generator[None, Second, T]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A second, and what was waiting when it began."""

    second: Second
    before: int | None

    @property
    def left(self) -> float:
        """Requests that were sent in it."""
        done = self.second.totals.whole.requests
        if self.before is None or self.second.in_flight is None:
            return done
        return max(done + self.second.in_flight - self.before, 0)


@dataclass(slots=True)
class _Held:
    """A rate that held for its whole time, perhaps several times."""

    asked: float
    steps: list[Step]

    @property
    def rate(self) -> float:
        """What really left, over all its rounds."""
        return sum(step.rate * step.seconds for step in self.steps) / sum(step.seconds for step in self.steps)


class Search:
    """Give it what came of each second, and ask it for the rate of the next."""

    def __init__(self, judge: Judge, plan: Plan) -> None:
        self.plan = plan
        self.phase = Phase.WARM_UP
        self.rate = min(plan.start, plan.most)
        """Arrivals per second for the next second."""
        self.seconds = 0.0
        self.done = False
        self.steps: list[Step] = []
        self.notes: list[str] = []
        self._judge = judge
        self._most = plan.most
        self._by_generator = False
        self._tired = 0
        self._ending = Ending.TIME
        self._in_flight: int | None = None
        self._calm: Total | None = None
        self._asked = 0.0
        self._sent = 0.0
        self._held: list[_Held] = []
        self._glimpsed: list[Step] = []
        self._refuted: list[Step] = []
        self._dear: list[Step] = []
        """Those after which requests failed for long."""
        self._course = self._search()
        next(self._course)

    def take(self, second: Second) -> None:
        """What came of a second at `rate`."""
        if self.done:
            return
        self.seconds += second.totals.seconds
        try:
            self._course.send(second)
        except StopIteration:
            self.done = True
        if self.seconds >= self.plan.within:
            self.done = True

    def result(self) -> Result:
        lower, upper, limit = self._lower(), self._upper(), self._limit()
        knee = limit
        if knee is None and lower is not None and upper is not None and upper.rate > 0:
            knee = math.sqrt(lower.rate * upper.rate)
        return Result(
            ending=self._ending,
            lower=lower.rate if lower is not None else None,
            upper=upper.rate if upper is not None else None,
            asked=lower.asked if lower is not None else None,
            rounds=len(lower.steps) if lower is not None else 0,
            knee=knee,
            saturates=limit is not None,
            why=upper.why if upper is not None else (),
            steps=tuple(self.steps),
            seconds=self.seconds,
            notes=(*self.notes, *self._forgotten(upper)),
        )

    # What is known

    def _forgotten(self, upper: Step | None) -> list[str]:
        """Whether the server did more before it was overloaded than it does since."""
        if upper is None:
            return []
        first = min(self._refuted, key=lambda step: step.at)
        before = [step for step in self.steps if step.held and step.at < first.at]
        best = max(before, key=lambda step: step.rate, default=None)
        if best is None or best.rate < upper.rate * _MUCH_MORE or upper.at <= first.at:
            return []
        return [
            f"before the first overload {best.rate:.4g}/s held for {best.seconds:.0f} s: "
            "the server may still suffer from it (--to keeps a search below)"
        ]

    def _lower(self) -> _Held | None:
        """The highest rate that held for its whole time and was not refuted since."""
        upper = self._upper()
        fit = [held for held in self._held if upper is None or held.asked < upper.asked]
        return max(fit, key=lambda held: held.asked, default=None)

    def _upper(self) -> Step | None:
        """The lowest rate that was refuted."""
        return min(self._refuted, key=lambda step: (step.asked, step.phase is Phase.GROW), default=None)

    def _floor(self) -> Step | None:
        """The highest rate that at least looked well."""
        upper, lower = self._upper(), self._lower()
        fit = [lower.steps[-1]] if lower is not None else []
        fit += [
            step
            for step in self._glimpsed
            if upper is None or step.asked * (1 + self._precision()) < upper.asked
        ]
        return max(fit, key=lambda step: step.asked, default=None)

    def _limit(self) -> float | None:
        """Requests per second that the server completes at most; None where it was never seen at its end, or
        where what it completes then is not what it can keep up."""
        if self._dear:
            return None
        full = [step for step in self._refuted if step.full_seconds]
        if not full:
            return None
        # Far beyond its limit a server may complete less than at it.
        nearest = min(step.asked for step in full)
        near = [step for step in full if step.asked <= _BEYOND * nearest]
        limit = sum(step.full_good for step in near) / sum(step.full_seconds for step in near)
        if not limit:
            # It only failed: that is no rate to go to.
            return None
        lower, upper = self._lower(), self._upper()
        assert upper is not None
        slack = 1 + self._precision()
        if limit > upper.rate * slack or (lower is not None and limit * slack < lower.rate):
            return None
        return limit

    def _precision(self) -> float:
        """What is asked for, or what so few requests as come during a hold can tell at best."""
        floor = max((step.rate for step in self.steps if step.held), default=0.0)
        count = floor * self.plan.hold
        return max(self.plan.precision, 1 / math.sqrt(count)) if count else self.plan.precision

    def _per_arrival(self) -> float:
        """Requests that an arrival makes, as far as what held tells; one where it may well be exactly one."""
        if not (self._asked and self._sent):
            return 1.0
        ratio = self._sent / self._asked
        return 1.0 if abs(ratio - 1) < 4 / math.sqrt(self._asked) else ratio

    # What is done

    def _search(self) -> _Course[None]:
        yield from self._warm_up()
        while True:
            if self._next() is None:
                return
            yield from self._drain()
            # How long it took to recover has a say in where it goes on.
            move = self._next()
            if move is None:
                return
            phase, asked = move
            if phase is Phase.GROW:
                self._learn(self._entered((yield from self._grow(asked))))
            else:
                self._learn(self._entered((yield from self._hold(phase, asked))))

    def _next(self) -> tuple[Phase, float] | None:
        """The next phase and its rate; None: it is over."""
        lower, upper, floor = self._lower(), self._upper(), self._floor()
        if self._by_generator and upper is not None and upper.asked > self._most:
            # Below what the generator can do there is nothing left to look for.
            upper = None
        if upper is None:
            return self._upwards(lower, floor)
        if floor is None:
            asked = upper.asked / _SHRINK
            if asked < _LEAST or len(self._refuted) > 8:
                self._ending = Ending.LEAST
                return None
            return Phase.GROW, asked
        if lower is None or not self._narrow(lower, upper):
            return Phase.HOLD, self._between(lower, floor, upper)
        if len(lower.steps) < self.plan.rounds:
            return Phase.CONFIRM, lower.asked
        if not self._sure(upper):
            return Phase.HOLD, upper.asked
        self._ending = Ending.FOUND
        return None

    def _upwards(self, lower: _Held | None, floor: Step | None) -> tuple[Phase, float] | None:
        if floor is None:
            if self._by_generator:
                self._ending = Ending.GENERATOR
                return None
            return Phase.GROW, min(self.plan.start, self._most)
        if floor.asked < self._most:
            return Phase.GROW, min(floor.asked * _GROWTH, self._most)
        if lower is None or lower.asked < self._most:
            return Phase.HOLD, self._most
        if len(lower.steps) < self.plan.rounds:
            return Phase.CONFIRM, lower.asked
        self._ending = Ending.GENERATOR if self._by_generator else Ending.MOST
        return None

    def _between(self, lower: _Held | None, floor: Step, upper: Step) -> float:
        """The rate that tells most: just below or above a measured limit, else by how the latency rose, else
        the middle."""
        near = _NEAR * self._precision()
        limit = self._limit()
        if limit is not None:
            limit /= self._per_arrival()
            below, above = limit * (1 - near), limit * (1 + near)
            if (lower is None or lower.asked < below * 0.998) and below < upper.asked * 0.998:
                return below
            if lower is not None and lower.asked < above * 0.998 and above < upper.asked * 0.998:
                return above
            if lower is not None and below * 0.99 < lower.asked <= above * (1 + near):
                # By chance fewer came than were asked for; a little more will do.
                more = lower.asked * (1 + near)
                if more < upper.asked * 0.998:
                    return more
            # It breaks a little before its limit: ever larger steps down to what holds.
            tried = sum(step.phase is not Phase.GROW and step.asked <= below for step in self._refuted)
            less = upper.asked * (1 - near * (1 << tried))
            if tried and less > floor.asked:
                return less
        low, high = floor.asked, upper.asked
        if self._dear:
            return low * math.pow(high / low, _CAREFUL)
        if limit is None and upper.phase is Phase.GROW and upper.full_seconds:
            # More held than it did when it seemed at its end.
            return upper.asked
        middle = math.sqrt(low * high)
        if not (floor.pressure and upper.pressure) or upper.saturated:
            return middle
        # Of a queue one over the latency falls in a straight line towards the rate that nothing survives.
        one, other = 1 / floor.pressure, 1 / upper.pressure
        if one <= other:
            return middle
        share = min(max((one - 1) / (one - other), 0.15), 0.85)
        return low + (high - low) * share

    def _narrow(self, lower: _Held, upper: Step) -> bool:
        """Whether the interval is as narrow as wanted. Of arrivals at random it is a little wider or narrower
        than the one that was asked for."""
        width = (1 + self._precision()) ** 2
        return min(upper.asked / lower.asked, upper.rate / max(lower.rate, 1e-9)) <= width

    def _sure(self, upper: Step) -> bool:
        """Whether it is the limit that broke it, and no hiccup at the wrong moment."""
        if upper.saturated and (upper.phase is not Phase.GROW or upper in self._dear):
            return True
        same = [step for step in self._refuted if step.asked <= upper.asked * (1 + self._precision())]
        return len(same) > 1

    def _learn(self, step: Step) -> None:
        if step.held is None:
            self._tired += 1
            if self._tired % _TRIES == 0:
                floor = self._floor()
                known = floor.asked if floor is not None else step.asked / _SHRINK
                # Half the way, in relation, is tried next; after that what it could send is enough.
                self._most = known if self._by_generator else math.sqrt(known * step.asked)
                self._by_generator = True
            return
        if not step.held:
            self._refuted.append(step)
            return
        # What holds now was refuted by a hiccup.
        self._refuted = [each for each in self._refuted if each.asked > step.asked]
        if self._calm is None:
            self._calm = step.totals.whole
        self._asked += step.asked * step.seconds
        self._sent += step.rate * step.seconds
        if step.phase is Phase.GROW:
            self._glimpsed.append(step)
            return
        same = next((held for held in self._held if held.asked == step.asked), None)
        if same is None:
            self._held.append(_Held(step.asked, [step]))
        else:
            same.steps.append(step)

    def _entered(self, step: Step) -> Step:
        self.steps.append(step)
        return step

    def _second(self, phase: Phase, asked: float) -> _Course[_Seen]:
        self.phase, self.rate = phase, asked
        before = self._in_flight
        second = yield
        self._in_flight = second.in_flight
        return _Seen(second, before)

    def _warm_up(self) -> _Course[None]:
        rate, spent, calm = self.rate, 0.0, Total()
        while spent < self.plan.warm_up or (calm.requests < _FEW and spent < self.plan.warm_up + _PATIENCE):
            seen = yield from self._second(Phase.WARM_UP, rate)
            spent += seen.second.totals.seconds
            # What a calm server looks like, tell the later seconds.
            if spent > self.plan.warm_up / 2:
                calm.add(seen.second.totals.whole)
        if calm.requests and not self._judge(Totals(spent, calm)).broken:
            self._calm = calm

    def _settle(self) -> int:
        """Seconds until a new rate shows: as long as requests of the old one are under way."""
        middle = self._calm.quantile(0.5) if self._calm is not None else None
        return min(1 + int(2 * (middle or 0.0)), _PATIENCE)

    def _grow(self, asked: float) -> _Course[Step]:
        at, seen = self.seconds, list[_Seen]()
        while True:
            seen.append((yield from self._second(Phase.GROW, asked)))
            step = self._step(Phase.GROW, asked, at, seen)
            answered = step.totals.whole.requests
            few = answered < _FEW and len(seen) < _PATIENCE
            many = answered >= _ENOUGH or (len(seen) >= _GLIMPSE and not few)
            if many and step.held:
                return step
            if many:
                break
        # What looks bad at first may be the change itself, or a hiccup: only what comes after it counts.
        for _ in range(self._settle()):
            seen = [(yield from self._second(Phase.GROW, asked))]
        step = self._step(Phase.GROW, asked, at, seen)
        for _ in range(_GLIMPSE):
            if step.held or step.saturated or step.growth > 0:
                break
            # It recovers while as much is asked as before.
            seen = [(yield from self._second(Phase.GROW, asked))]
            step = self._step(Phase.GROW, asked, at, seen)
        return step

    def _hold(self, phase: Phase, asked: float) -> _Course[Step]:
        at, seen = self.seconds, list[_Seen]()
        for _ in range(self._settle()):
            yield from self._second(phase, asked)
        while True:
            seen.append((yield from self._second(phase, asked)))
            step = self._step(phase, asked, at, seen)
            hopeless = step.saturated or (step.pressure or 0) > _HOPELESS
            if step.seconds >= self.plan.hold - 0.5 or (len(seen) >= 3 and not step.held and hopeless):
                return step

    def _usual(self, rate: float) -> float:
        """Requests that are under way at a rate of requests while nothing waits."""
        return rate * (self._calm.mean or 0.0) if self._calm is not None else 0.0

    def _full(self, seen: _Seen) -> bool:
        """Whether the server had more to do than it could all through this second."""
        if seen.before is None or seen.second.in_flight is None or seen.second.totals.whole.failures:
            return True
        return min(seen.before, seen.second.in_flight) > max(
            5 + 2 * self._usual(seen.left), 0.005 * seen.left
        )

    def _drain(self) -> _Course[None]:
        """After a step that was too much: until nothing of it is left, or it gets no less."""
        if not self.steps or self.steps[-1].held:
            return
        floor, began, asked = self._floor(), self.seconds, self.rate
        rate = max(floor.asked if floor is not None else 0.0, _LEAST) * _DRAIN_SHARE
        least, least_at = math.inf, self.seconds
        while True:
            waiting = self._in_flight
            if waiting is not None and waiting <= 5 + 2 * self._usual(rate * self._per_arrival()):
                break
            if waiting is not None and waiting < 0.99 * least:
                least, least_at = waiting, self.seconds
            if self.seconds - least_at >= _PATIENCE or self.seconds - began >= _DRAIN_MOST:
                took = self.seconds - began
                self.notes.append(f"the server had not recovered from {asked:.4g}/s after {took:.0f} s")
                return
            seen = yield from self._second(Phase.DRAIN, rate)
            if waiting is None and self._as_calm(seen.second.totals.whole):
                break
        if floor is not None and self.steps[-1].totals.whole.failures:
            yield from self._recover(rate, asked, began)

    def _recover(self, rate: float, asked: float, began: float) -> _Course[None]:
        """Until requests are answered well again."""
        while self.seconds - began < _RECOVER_MOST:
            seen = list[_Seen]()
            while len(seen) < _PATIENCE and sum(each.second.totals.whole.requests for each in seen) < _CALM:
                seen.append((yield from self._second(Phase.DRAIN, rate)))
            totals = merged(each.second.totals for each in seen)
            if not totals.whole.failures or not self._judge(totals).broken:
                took = self.seconds - began
                if took > _LONG:
                    self._dear.append(self.steps[-1])
                    self.notes.append(f"after {asked:.4g}/s requests failed for {took:.0f} s")
                return
            # No more are to fail than it takes to see when none does.
            rate = min(rate, _CALM_RATE)
        self.notes.append(f"{self.seconds - began:.0f} s after {asked:.4g}/s requests failed still")

    def _as_calm(self, total: Total) -> bool:
        """Where nobody knows what waits, only what is asked now tells whether older requests are still in
        the way."""
        now, calm = total.quantile(0.9), self._calm.quantile(0.9) if self._calm is not None else None
        return now is None or calm is None or now <= 2 * calm

    def _step(self, phase: Phase, asked: float, at: float, seen: Sequence[_Seen]) -> Step:
        """What some seconds at one rate tell."""
        totals = merged(each.second.totals for each in seen)
        seconds = max(totals.seconds, 1e-9)
        left = [each.left for each in seen]
        rate = sum(left) / seconds
        if seen[-1].second.in_flight is None:
            # What ended is not what left where requests pile up.
            rate = asked * self._per_arrival()
        growth, rising = _backlog(seen, rate)
        found = self._judge(totals)
        why = found.broken
        if rising:
            why = (*why, "requests waited longer and longer" + (f": {growth:+.3g}/s" if growth else ""))
        if not totals.whole.requests:
            why = (*why, "nothing was answered")
        good = _good(totals)
        held: bool | None = not why
        wanted = asked * self._per_arrival() * seconds
        if any(_tired(each.second) for each in seen):
            if why or sum(left) < 0.97 * wanted - 3 * math.sqrt(wanted):
                held = None
        elif held and sum(left) < 0.8 * wanted - 3 * math.sqrt(wanted):
            # For whatever reason it did not send what it was told to.
            held = None
        saturated = held is False and (rising or totals.whole.failures > 0.005 * totals.whole.requests)
        full = [each for each in seen if saturated and self._full(each)]
        return Step(
            phase=phase,
            asked=asked,
            at=at,
            seconds=seconds,
            rate=rate,
            done=totals.whole.requests / seconds,
            good=good / seconds,
            totals=totals,
            growth=growth,
            held=held,
            saturated=saturated,
            full_seconds=sum(each.second.totals.seconds for each in full),
            full_good=sum(_good(each.second.totals) for each in full),
            why=why,
            pressure=found.pressure,
        )


def _good(totals: Totals) -> int:
    return totals.whole.requests - totals.whole.failures


def _tired(second: Second) -> bool:
    return (second.cpu or 0.0) >= BUSY_CPU or (second.lag_s or 0.0) >= BUSY_LAG_S


def _backlog(seen: Sequence[_Seen], rate: float) -> tuple[float, bool]:
    """By how many a second the waiting requests grew, and whether that is more than arrivals at random do."""
    first, last = seen[0].before, seen[-1].second.in_flight
    seconds = sum(each.second.totals.seconds for each in seen)
    if first is None or last is None:
        return 0.0, _slower_and_slower(seen)
    growth = (last - first) / seconds
    left = [each.left for each in seen]
    # Of one or two seconds nobody can tell how they scatter: as much as arrivals at random.
    random = math.sqrt(max(rate, 1.0))
    scatter = max(statistics.stdev(left), random / 4) if len(left) > 2 else random
    waiting = [float(first), *(float(each.second.in_flight or 0) for each in seen)]
    rising = growth > _RISING * rate and last - first > _SURE * scatter and _climbs(waiting)
    return growth, rising


def _climbs(waiting: Sequence[float]) -> bool:
    """Whether a straight line through what waited rises by more than its uncertainty, which a hiccup in the
    last second does not make it; of three values nobody can tell, so they may."""
    count = len(waiting)
    if count < 4:
        return True
    slope, begin = statistics.linear_regression(range(count), waiting)
    rest = sum((value - begin - slope * place) ** 2 for place, value in enumerate(waiting)) / (count - 2)
    return slope > _STEEP * math.sqrt(rest * 12 / (count * (count**2 - 1)))


def _slower_and_slower(seen: Sequence[_Seen]) -> bool:
    """Where nobody knows what waits: whether the latency rises steadily from second to second."""
    middles = [each.second.totals.whole.quantile(0.5) for each in seen]
    if len(middles) < 3 or None in middles:
        return False
    values = [middle for middle in middles if middle is not None]
    steps = [after - before for before, after in pairwise(values)]
    return min(steps) > 0 and sum(steps) / len(steps) > _RISING
