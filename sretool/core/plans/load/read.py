"""YAML text → load profile. Every problem of a file is found in one go, with its line.

name: mixed
title: What learners do in an hour, in a minute
locustfile: mixed.py
open:
  stages:
    - {rate: [0, 200], for: 10s}
    - {rate: 200, for: 50s}
warm_up: 10s
objectives:
  - p95 < 200ms
  - errors < 0.1%
"""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - resolved at run time
from dataclasses import dataclass, field, replace
from datetime import timedelta  # noqa: TC003 - resolved at run time
from decimal import Decimal  # noqa: TC003 - resolved at run time
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
import yaml

from sretool.core.catalog import spec, values
from sretool.core.catalog.document import Intake, compose, decode, line_of
from sretool.core.catalog.spec import Found, OneOrMore, Parsed, Written
from sretool.core.plans.load import mapping, objectives
from sretool.core.plans.load.profile import (
    Abort,
    Closed,
    LoadProfile,
    Model,
    Open,
    OwnShape,
    Parameter,
    ParameterType,
    parse_rate,
)
from sretool.core.plans.load.requests import Request, missing
from sretool.core.plans.load.shape import Shape, Stage, hill
from sretool.errors import CatalogError, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_STAGES: Final = 10_000


def _users(raw: str) -> int:
    value = values.whole(raw)
    if value < 0:
        raise UsageError(f"{raw!r} is below 0")
    return value


def _weight(raw: str) -> float:
    return float(values.positive_number(raw))


Rate = Annotated[float, Parsed(parse_rate)]
Users = Annotated[int, Parsed(_users)]
Duration = spec.Duration
Text = spec.Text


class _RateStage(Written):
    rate: Annotated[tuple[Rate, ...], OneOrMore]
    seconds: Duration = msgspec.field(name="for")
    name: Text | None = None
    shape: Literal["straight", "smooth"] = "straight"

    def problems(self) -> Iterator[Found]:
        yield from _one_or_two("rate", self.rate)

    def stage(self) -> Stage:
        return _stage(self.rate, self.seconds, self.name, self.shape)


class _UserStage(Written):
    users: Annotated[tuple[Users, ...], OneOrMore]
    seconds: Duration = msgspec.field(name="for")
    name: Text | None = None
    shape: Literal["straight", "smooth"] = "straight"

    def problems(self) -> Iterator[Found]:
        yield from _one_or_two("users", self.users)

    def stage(self) -> Stage:
        return _stage(self.users, self.seconds, self.name, self.shape)


def _one_or_two(key: str, given: tuple[float, ...]) -> Iterator[Found]:
    if len(given) not in (1, 2):
        yield key, f"{key}: one value that stays, or two from which to which it goes: {key}: [0, 100]"


def _stage(given: tuple[float, ...], seconds: timedelta, name: str | None, shape: str) -> Stage:
    return Stage(given[0], given[-1], seconds.total_seconds(), name or "", smooth=shape == "smooth")


class _Peak(Written):
    ratio: Annotated[Decimal, Parsed(values.positive_number)]
    rise: Duration
    fall: Duration
    hold: spec.DurationOrNone | None = None
    rate: Rate | None = None
    users: Users | None = None

    def stages(self) -> tuple[Stage, ...]:
        base = self.rate if self.rate is not None else float(self.users or 0)
        hold = self.hold.total_seconds() if self.hold else 0.0
        return hill(base, float(self.ratio), self.rise.total_seconds(), hold, self.fall.total_seconds())


def _shape_problems(
    unit: str, stages: tuple[Written, ...], peak: _Peak | None, repeat: int
) -> Iterator[Found]:
    if bool(stages) == (peak is not None):
        yield None, "give either `stages` or `peak`"
    if peak is not None and (getattr(peak, unit) is None or (peak.rate is None) == (peak.users is None)):
        yield "peak", f"peak: its base is a number of `{unit}`, and nothing else"
    if repeat > 0 and repeat * max(len(stages), 3) > _MOST_STAGES:
        yield "repeat", f"repeat: makes more than {_MOST_STAGES} stages"


def _repeated(stages: tuple[Stage, ...], times: int) -> Shape:
    # More are refused, and could be more than there is memory for.
    return Shape(stages).repeated(min(times, _MOST_STAGES))


class _Open(Written):
    stages: tuple[_RateStage, ...] = ()
    peak: _Peak | None = None
    repeat: Annotated[int, Parsed(values.positive_whole)] = 1
    arrivals: Literal["poisson", "uniform"] = "poisson"
    max_users: Annotated[int, Parsed(values.positive_whole)] = 10_000

    def problems(self) -> Iterator[Found]:
        yield from _shape_problems("rate", self.stages, self.peak, self.repeat)

    def model(self) -> Open:
        stages = tuple(each.stage() for each in self.stages) if self.peak is None else self.peak.stages()
        return Open(_repeated(stages, self.repeat), self.arrivals, self.max_users)


class _Closed(Written):
    stages: tuple[_UserStage, ...] = ()
    peak: _Peak | None = None
    repeat: Annotated[int, Parsed(values.positive_whole)] = 1
    spawn_rate: Rate | None = None

    def problems(self) -> Iterator[Found]:
        yield from _shape_problems("users", self.stages, self.peak, self.repeat)
        if self.spawn_rate == 0:
            yield "spawn_rate", "spawn_rate: must be above 0"

    def model(self) -> Closed:
        stages = tuple(each.stage() for each in self.stages) if self.peak is None else self.peak.stages()
        return Closed(_repeated(stages, self.repeat), self.spawn_rate)


class _Parameter(Written):
    type: ParameterType
    default: str
    about: Text | None = None

    def problems(self) -> Iterator[Found]:
        try:
            Parameter(self.type, "").read(self.default)
        except UsageError as error:
            remedy = f"; {error.remedy}" if error.remedy else ""
            yield "default", f"default: {error.message}{remedy}"

    def parameter(self) -> Parameter:
        return Parameter(self.type, Parameter(self.type, "").read(self.default), self.about or "")


class _Abort(Written):
    after: spec.DurationOrNone | None = None
    delay: spec.DurationOrNone | None = None


class _Profile(Written):
    name: Annotated[str, Parsed(values.identifier)]
    title: Text
    locustfile: Text
    about: Text | None = None
    open: _Open | None = None
    closed: _Closed | None = None
    scenarios: dict[str, Annotated[float, Parsed(_weight)]] = msgspec.field(default_factory=dict)
    parameters: dict[str, _Parameter] = msgspec.field(default_factory=dict)
    data: dict[str, Annotated[str, Parsed(str.strip)]] = msgspec.field(default_factory=dict)
    needs: tuple[Text, ...] = ()
    think_time: Annotated[tuple[spec.DurationOrNone, ...], OneOrMore] = ()
    warm_up: spec.DurationOrNone | None = None
    abort: _Abort | None = None
    tags: tuple[Text, ...] = ()

    def problems(self) -> Iterator[Found]:
        if self.open is not None and self.closed is not None:
            yield "closed", "a profile has either `open` (a rate) or `closed` (a number of users)"
        if len(self.think_time) > 2 or (
            len(self.think_time) == 2 and self.think_time[0] > self.think_time[1]
        ):
            yield "think_time", "think_time: one time, or the least and the most: think_time: [10s, 30s]"
        model = self.model()
        if isinstance(model, OwnShape):
            return
        shape = model.rate if isinstance(model, Open) else model.users
        if shape.stages and self.warm_up and self.warm_up.total_seconds() >= shape.seconds:
            yield "warm_up", "warm_up: nothing is left to judge: it takes as long as all stages together"

    def model(self) -> Model:
        if self.open is not None:
            return self.open.model()
        return self.closed.model() if self.closed is not None else OwnShape()


@dataclass(slots=True)
class _Apart:
    """What of a profile's document is no plain mapping of keys to values of known types."""

    objectives: list[objectives.Objective] = field(default_factory=list)
    mapping: str = ""
    requests: dict[str, Request] = field(default_factory=dict)


def read(file: str, text: str) -> LoadProfile:
    """The profile of a file of this name; CatalogError with every problem in it."""
    intake = Intake()
    root = compose(file, text, intake)
    written: _Profile | None = None
    apart = _Apart()
    if root is None and not intake.problems:
        intake.problem(file, 1, "is empty; a load profile has `name`, `title` and `locustfile`")
    if root is not None:
        rest, apart = _apart(root, file, intake)
        written = decode(rest, _Profile, file, intake)
    if written is not None and not apart.mapping and (lacking := missing(written.needs, apart.requests)):
        intake.problem(file, written.place.line_of("needs"), lacking)
    if intake.problems or written is None:
        raise CatalogError(tuple(sorted(intake.problems, key=lambda each: each.line)))
    return _profile(written, apart, file, _lines(root))


def with_mapping(profile: LoadProfile, file: str, text: str) -> LoadProfile:
    """The profile with the requests of a mapping's file.

    CatalogError where anything is wrong with it, or it lacks what the profile needs.
    """
    found = mapping.read(file, text)
    if lacking := missing(profile.needs, found):
        raise CatalogError((Problem(file, 1, f"{lacking} ({profile.name})"),))
    return replace(profile, requests=found)


def _apart(root: yaml.Node, file: str, intake: Intake) -> tuple[yaml.Node, _Apart]:
    """The document without its objectives and its mapping, and those: `POST /answer: p95 < 300ms` and
    `slo: a/b` are mappings to YAML and lines to people."""
    apart = _Apart()
    if not isinstance(root, yaml.MappingNode):
        return root, apart
    kept = []
    for key, value in root.value:
        if isinstance(key, yaml.ScalarNode) and key.value == "objectives":
            _objectives(value, file, intake, apart.objectives)
        elif isinstance(key, yaml.ScalarNode) and key.value == "mapping":
            if isinstance(value, yaml.ScalarNode) and value.value.strip():
                apart.mapping = value.value.strip()
            else:
                apart.requests = mapping.mapping_of(value, file, intake)
        else:
            kept.append((key, value))
    return yaml.MappingNode(root.tag, kept, root.start_mark, root.end_mark, root.flow_style), apart


def _objectives(value: yaml.Node, file: str, intake: Intake, found: list[objectives.Objective]) -> None:
    if not isinstance(value, yaml.SequenceNode):
        intake.problem(file, line_of(value), "objectives: a list is wanted, like `- p95 < 200ms`")
        return
    for each in value.value:
        line = _line_text(each)
        try:
            if line is None:
                raise UsageError("an objective is one line", remedy=objectives.ALLOWED)
            objective = objectives.parse(line)
            if objective in found:
                raise UsageError(f"{line!r} is given twice")
            found.append(objective)
        except UsageError as error:
            remedy = f"; {error.remedy}" if error.remedy else ""
            intake.problem(file, line_of(each), f"objectives: {error.message}{remedy}")


def _line_text(node: yaml.Node) -> str | None:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if isinstance(node, yaml.MappingNode) and len(node.value) == 1:
        key, value = node.value[0]
        if isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode):
            return f"{key.value}: {value.value}"
    return None


def _lines(root: yaml.Node | None) -> dict[str, int]:
    """Where the keys stand, those one level down as `parameters.NAME`."""
    found: dict[str, int] = {}
    if isinstance(root, yaml.MappingNode):
        for key, value in root.value:
            found[key.value] = line_of(key)
            if isinstance(value, yaml.MappingNode):
                found |= {f"{key.value}.{below.value}": line_of(below) for below, _ in value.value}
    return found


def _profile(written: _Profile, apart: _Apart, file: str, lines: Mapping[str, int]) -> LoadProfile:
    think = [each.total_seconds() for each in written.think_time]
    abort = None
    if written.abort is not None:
        after, delay = written.abort.after, written.abort.delay
        abort = Abort(after.total_seconds() if after else 0.0, delay.total_seconds() if delay else 0.0)
    return LoadProfile(
        name=written.name,
        title=written.title,
        about=written.about or "",
        locustfile=written.locustfile,
        model=written.model(),
        scenarios=written.scenarios,
        objectives=tuple(apart.objectives),
        parameters={name: each.parameter() for name, each in written.parameters.items()},
        data=written.data,
        mapping=apart.mapping,
        requests=apart.requests,
        needs=written.needs,
        think_time=(think[0], think[-1]) if think else None,
        warm_up=written.warm_up.total_seconds() if written.warm_up else 0.0,
        abort=abort,
        tags=written.tags,
        file=file,
        lines=lines,
    )
