"""A game day as people write it: one struct per mapping, one field per key."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator  # noqa: TC003 - resolved at run time
from typing import Annotated, Final, Literal

import msgspec

from sretool.core.catalog import values
from sretool.core.catalog.spec import (
    Declares,
    Duration,
    DurationOrNone,
    Found,
    OneOrMore,
    Parsed,
    Share,
    Text,
    Written,
)
from sretool.core.plans.chaos.experiment import Stop, StopCondition
from sretool.core.plans.chaos.spec import stop_condition
from sretool.core.plans.gameday import claims
from sretool.core.plans.gameday.claims import Claim  # noqa: TC001 - resolved at run time
from sretool.core.plans.gameday.plan import Condition, Until
from sretool.core.plans.gameday.spec_release import ReleaseSpec, rate_of
from sretool.core.plans.load import objectives
from sretool.errors import UsageError, Wrong

KINDS: Final = {
    "rounds": ("load", "capacity", "rate", "pairs", "window", "vars", "within"),
    "dose": ("load", "rate", "variable", "from", "to", "slo", "check", "vars", "within"),
    "load": ("rate", "users", "for"),
    "capacity": ("most", "within"),
    "experiment": ("vars", "hidden", "under", "within"),
    "wait": ("within",),
    "ask": ("question", "answers", "within"),
    "check": ("that", "within"),
    "shuffle": ("pick", "pause", "under", "within"),
}
"""What a step is, by the key that says so → the other keys it may have. The first two have keys that are
kinds of steps elsewhere."""
_BESIDE: Final = ("rounds", "dose")
_OF_ALL: Final = ("id", "at", "otherwise")

_ALERT: Final = re.compile(r"alert\s+(?P<name>\S+)\s+(?:(?P<fires>fires)|is over)")
_LOAD: Final = re.compile(r"load\s+(?P<name>\S+)\s+ends")


def _guard(raw: str) -> StopCondition:
    found = stop_condition(raw)
    if found.kind is Stop.PROBE:
        raise UsageError("a game day has no probes of its own", remedy="let the experiment stop by it")
    return found


def _hypothesis(raw: str) -> Claim:
    found = claims.parse(raw)
    if found.kind in claims.OF_END:
        raise UsageError(f"{found.text!r} is true at the end only", remedy="write it under `at_end`")
    return found


def _number(raw: str) -> str:
    """As written: whether it is a whole number counts."""
    try:
        good = math.isfinite(float(raw))
    except ValueError:
        good = False
    if not good:
        raise UsageError(f"{raw!r} is no number", remedy="a dose is one, in the unit of the variable")
    return raw.strip()


def _wait(raw: str) -> Condition | float:
    """Seconds, or what is waited for."""
    text = " ".join(raw.split())
    if text == Until.NO_PAGE:
        return Condition(Until.NO_PAGE, text)
    if found := _ALERT.fullmatch(text):
        return Condition(Until.FIRES if found["fires"] else Until.RESOLVED, text, found["name"])
    if found := _LOAD.fullmatch(text):
        return Condition(Until.LOAD_ENDS, text, found["name"])
    try:
        return values.duration(text).total_seconds()
    except UsageError:
        raise UsageError(
            f"{raw!r} is nothing to wait for",
            remedy="write 2m, `no page`, `alert NAME fires`, `alert NAME is over` or `load ID ends`",
        ) from None


Id = Annotated[str, Parsed(values.identifier)]


class RoleSpec(Written):
    id: Annotated[str, Parsed(values.identifier), Declares("role")]
    person: Text = ""
    does: Text = ""


class InjectedSpec(Written):
    experiment: Text
    vars: dict[str, str] = msgspec.field(default_factory=dict)
    within: Duration | None = None


class StepSpec(Written):
    id: Id | None = None
    at: DurationOrNone | None = None
    otherwise: Literal["go on", "stop", "note"] | None = None
    load: Text | None = None
    capacity: Text | None = None
    experiment: Text | None = None
    wait: Annotated[Condition | float, Parsed(_wait)] | None = None
    ask: Text | None = None
    check: Text | None = None
    shuffle: tuple[InjectedSpec, ...] | None = None
    rate: Annotated[float, Parsed(rate_of)] | None = None
    users: Annotated[int, Parsed(values.positive_whole)] | None = None
    for_: Duration | None = msgspec.field(name="for", default=None)
    rounds: Text | None = None
    dose: Text | None = None
    pairs: Annotated[int, Parsed(values.positive_whole)] | None = None
    window: Duration | None = None
    variable: Text | None = None
    from_: Annotated[str, Parsed(_number)] | None = msgspec.field(name="from", default=None)
    to: Annotated[str, Parsed(_number)] | None = None
    slo: Annotated[str, Parsed(values.slo_id)] | None = None
    most: Annotated[float, Parsed(rate_of)] | None = None
    within: Duration | None = None
    vars: dict[str, str] = msgspec.field(default_factory=dict)
    hidden: Literal["true", "false"] = "false"
    under: Id | None = None
    question: Text | None = None
    answers: tuple[Text, ...] = ()
    that: Text | None = None
    pick: Annotated[int, Parsed(values.positive_whole)] | None = None
    pause: Annotated[tuple[DurationOrNone, ...], OneOrMore] = ()

    @property
    def kind(self) -> str:
        """The first key of `KINDS` that is given; empty: none is."""
        return next((each for each in KINDS if each in self.place.keys), "")

    def problems(self) -> Iterator[Found]:
        given = [each for each in KINDS if each in self.place.keys]
        if given[:1] and given[0] in _BESIDE:
            given = [given[0], *(each for each in given[1:] if each not in KINDS[given[0]])]
        if len(given) != 1:
            both = f"; it has {' and '.join(given)}" if given else ""
            yield None, f"a step is one of {', '.join(KINDS)}{both}", Wrong.MISSING
            return
        allowed = (*_OF_ALL, given[0], *KINDS[given[0]])
        for key in self.place.keys:
            if key not in allowed:
                yield key, f"{key}: does not belong to {_a(given[0])}; it may have {', '.join(allowed)}"
        yield from getattr(self, f"_{given[0]}", lambda: iter(()))()

    def _load(self) -> Iterator[Found]:
        if self.rate is not None and self.users is not None:
            yield "users", "give either `rate` or `users`"

    def _rounds(self) -> Iterator[Found]:
        if (self.load is None) == (self.capacity is None):
            yield None, "rounds: of what load? give `load` or `capacity`, one of them", Wrong.MISSING
        elif self.capacity is not None:
            for key in ("rate", "window"):
                if key in self.place.keys:
                    yield key, f"{key}: a search for the highest rate decides that itself"

    def _dose(self) -> Iterator[Found]:
        for key, value in (("variable", self.variable), ("from", self.from_), ("to", self.to)):
            if value is None:
                yield None, f"`{key}` is missing: which dose, from where to where?", Wrong.MISSING
        if self.from_ is not None and self.from_ == self.to:
            yield "to", f"from {self.from_} to {self.to} there is nothing to look for"
        if (self.slo is None) == (self.check is None):
            yield None, "dose: what is not to break? give `slo` or `check`, one of them", Wrong.MISSING
        elif self.check is not None:
            yield from self._dose_check(self.check)
        if self.variable is not None and self.variable in self.vars:
            yield "vars", f"vars: {self.variable} is the dose, which the search decides"

    def _dose_check(self, text: str) -> Iterator[Found]:
        try:
            found = objectives.parse(text)
        except UsageError as error:
            yield "check", f"check: {error.message}; {error.remedy}"
            return
        if found.measure is objectives.Measure.SLO:
            yield "check", f"check: an objective of the catalog; write `slo: {found.slo}`"
        elif self.load is None:
            yield "check", "check: of what load? give `load`, or `slo` instead"

    def _wait(self) -> Iterator[Found]:
        if isinstance(self.wait, float) and self.within is not None:
            yield "within", "within: belongs to something that is waited for, not to a time"

    def _ask(self) -> Iterator[Found]:
        if self.question is None:
            yield None, "`question` is missing: what is asked?", Wrong.MISSING
        if len(set(self.answers)) < len(self.answers):
            yield "answers", "answers: one is given twice"

    def _check(self) -> Iterator[Found]:
        if self.that is None:
            yield None, "`that` is missing: what is to hold?", Wrong.MISSING

    def _shuffle(self) -> Iterator[Found]:
        many = len(self.shuffle or ())
        if not many:
            yield "shuffle", "shuffle: there is nothing to pick from"
        elif self.pick is not None and self.pick > many:
            yield "pick", f"pick: {self.pick} of {many} cannot be picked"
        if len(self.pause) > 2 or (len(self.pause) == 2 and self.pause[0] > self.pause[1]):
            yield "pause", "pause: one time, or the least and the most: pause: [30s, 2m]"


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


class PlanSpec(Written):
    name: Annotated[str, Parsed(values.identifier)]
    title: Text
    steps: tuple[StepSpec, ...]
    about: Text = ""
    every: Literal["week", "month", "quarter", "year"] | None = None
    roles: tuple[RoleSpec, ...] = ()
    hypotheses: tuple[Annotated[Claim, Parsed(_hypothesis)], ...] = ()
    at_end: tuple[Annotated[Claim, Parsed(claims.parse)], ...] = ()
    settle: DurationOrNone | None = None
    stop_when: tuple[Annotated[StopCondition, Parsed(_guard)], ...] = ()
    budget_price: Share | None = None
    release: ReleaseSpec | None = None

    def problems(self) -> Iterator[Found]:
        if not self.steps:
            yield "steps", "steps: nothing happens", Wrong.MISSING
        for key, found in (("hypotheses", self.hypotheses), ("at_end", self.at_end)):
            texts = [each.text for each in found]
            for text in sorted({each for each in texts if texts.count(each) > 1}):
                yield key, f"{key}: {text!r} is given twice"
