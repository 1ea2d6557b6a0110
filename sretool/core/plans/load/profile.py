"""A load profile: what a load test does and what is to hold while it does. Times in seconds."""

from __future__ import annotations

# Types of fields are looked up when plans are read, so they are imported for good.
from collections.abc import Mapping  # noqa: TC003
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from sretool.core.plans.load.requests import Request  # noqa: TC001
from sretool.core.plans.load.shape import Shape, Stage, named_spans
from sretool.errors import UsageError
from sretool.units import format_duration, parse_duration

if TYPE_CHECKING:
    from sretool.core.plans.load.objectives import Objective

Value: TypeAlias = str | int | float | bool
"""Of a parameter; a duration is in seconds, a rate per second."""
ParameterType = Literal["str", "int", "float", "bool", "duration", "rate"]
Arrivals = Literal["poisson", "uniform"]

_PER: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_TRUE: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def parse_rate(raw: str) -> float:
    """`"50"`, `"50/s"`, `"3000/min"` → 50.0 per second; UsageError where it is none."""
    amount, slash, unit = raw.strip().partition("/")
    try:
        value = float(amount)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf") or (slash and unit.strip() not in _PER):
        raise UsageError(f"{raw!r} is not a rate", remedy="write it like 50, 50/s or 3000/min")
    return value / _PER[unit.strip() or "s"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something a locustfile asks for by name."""

    type: ParameterType
    default: Value
    about: str = ""

    def read(self, raw: str) -> Value:
        """What a text means; UsageError where it is nothing of this type."""
        match self.type:
            case "str":
                return raw
            case "duration":
                return parse_duration(raw).total_seconds()
            case "rate":
                return parse_rate(raw)
            case "bool":
                if raw.strip().lower() not in _TRUE:
                    raise UsageError(f"{raw!r} is neither true nor false", remedy="write true or false")
                return _TRUE[raw.strip().lower()]
            case "int" | "float":
                return _number(raw, whole=self.type == "int")

    def shown(self) -> str:
        """Its default as one would write it."""
        if self.type == "duration":
            return format_duration(timedelta(seconds=float(self.default)))
        if self.type == "bool":
            return str(self.default).lower()
        return f"{self.default:g}/s" if self.type == "rate" else f"{self.default}"


def _number(raw: str, *, whole: bool) -> Value:
    try:
        value = int(raw) if whole else float(raw)
    except ValueError:
        what = "a whole number" if whole else "a number"
        raise UsageError(f"{raw!r} is not {what}") from None
    if not -float("inf") < value < float("inf"):
        raise UsageError(f"{raw!r} is not a finite number")
    return value


class Open(msgspec.Struct, frozen=True, tag="open"):
    """Arrivals at a rate, whatever the server does."""

    rate: Shape
    """Arrivals a second over time, all scenarios together."""
    arrivals: Arrivals = "poisson"
    max_users: int = 10_000
    """Users at once at most; further arrivals wait, and count as late."""


class Closed(msgspec.Struct, frozen=True, tag="closed"):
    """Users that ask, wait for the answer, think, and ask again."""

    users: Shape
    """Users at work over time."""
    spawn_rate: float | None = None
    """Users that may begin in a second; None: all that are due."""


class OwnShape(msgspec.Struct, frozen=True, tag="own-shape"):
    """What the locustfile's LoadTestShape says."""


Model: TypeAlias = Open | Closed | OwnShape


@dataclass(frozen=True, slots=True)
class Abort:
    """When a broken objective ends the run."""

    after: float = 0.0
    """Nothing is looked at before so much was measured, the warm-up left out."""
    delay: float = 0.0
    """It must have been broken for this long without a break."""


@dataclass(frozen=True, slots=True)
class LoadProfile:
    """One file of `loadprofiles/`."""

    name: str
    title: str
    locustfile: str
    """Path relative to the profile's folder."""
    model: Model
    about: str = ""
    scenarios: Mapping[str, float] = field(default_factory=dict)
    """User class → weight; empty: all classes of the locustfile with their own weights."""
    objectives: tuple[Objective, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    """Feeder → file, relative to the profile's folder; empty: none, unless one is given."""
    mapping: str = ""
    """File of what its requests are, relative to the profile's folder; empty: they are in the profile."""
    requests: Mapping[str, Request] = field(default_factory=dict)
    """What the profile calls a request → what it is on the target; empty while `mapping` is unread."""
    needs: tuple[str, ...] = ()
    """Requests without which its locustfile can do nothing."""
    think_time: tuple[float, float] | None = None
    """Least and most, uniform between."""
    warm_up: float = 0.0
    """Not judged."""
    abort: Abort | None = None
    tags: tuple[str, ...] = ()
    """Only tasks with one of these; empty: every task."""
    file: str = ""
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Key → line in the file, those of parameters and data as `parameters.NAME`."""

    @property
    def shape(self) -> Shape | None:
        """The rate, or the users, over time; None: only the locustfile knows."""
        match self.model:
            case Open(rate=shape) | Closed(users=shape):
                return shape
            case OwnShape():
                return None

    @property
    def seconds(self) -> float | None:
        """How long it takes; None: until the locustfile's shape ends."""
        return None if self.shape is None else self.shape.seconds

    @property
    def phases(self) -> tuple[tuple[str, float], ...]:
        """(Name, seconds) of its parts; the warm-up comes first where there is one."""
        match self.model:
            case Open(rate=shape):
                return tuple(named_spans(shape, "/s", self.warm_up))
            case Closed(users=shape):
                return tuple(named_spans(shape, " users", self.warm_up))
            case OwnShape():
                return ()

    def adjusted(
        self,
        *,
        rate: float | None = None,
        users: int | None = None,
        seconds: float | None = None,
        flat: bool = False,
    ) -> LoadProfile:
        """The profile with another highest rate or number of users, or another length, in proportion.

        `flat`: the highest from the beginning to the end. UsageError where its model has no such thing.
        """
        model = self.model
        if isinstance(model, OwnShape):
            if rate is not None:
                raise UsageError(f"{self.name}: its locustfile decides the load, so it has no rate")
            if users is None and seconds is None and not flat:
                return self
            raise UsageError(
                f"{self.name}: its locustfile's LoadTestShape decides users and duration",
                remedy="leave out --users, --duration and --flat",
            )
        if rate is not None and isinstance(model, Closed):
            raise UsageError(
                f"{self.name} has a number of users, not a rate", remedy="give --users instead of --rate"
            )
        if users is not None and isinstance(model, Open):
            raise UsageError(
                f"{self.name} has a rate of arrivals, not a number of users",
                remedy="give --rate instead of --users",
            )
        shape = self.shape
        assert shape is not None
        highest = rate if rate is not None else users
        if highest is not None:
            shape = shape.to(float(highest))
        warm_up = self.warm_up
        if seconds is not None:
            # There is nothing to be stretched in what is flat.
            warm_up = min(warm_up, seconds / 2) if flat else warm_up * seconds / shape.seconds
            shape = shape.over(seconds)
        if flat:
            shape = Shape((Stage(shape.highest, shape.highest, shape.seconds),))
        changed: Model = (
            msgspec.structs.replace(model, rate=shape)
            if isinstance(model, Open)
            else msgspec.structs.replace(model, users=shape)
        )
        return replace(self, model=changed, warm_up=warm_up)
