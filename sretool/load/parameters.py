"""What a locustfile asks its profile for.

    from sretool.load.parameters import data, param, think_time

    WORDS = param("words", 20)
    ACCOUNTS = data("accounts")

    class Learner(HttpUser):
        wait_time = think_time()

Under `sretool load run` the run's plan answers. Under plain `locust -f` the profile does that stands beside
the locustfile: the one of its name, else the first that names it; `SRETOOL_PROFILE` names another,
`SRETOOL_MAPPING` another mapping, `SRETOOL_DATA_accounts` another data file, and `SRETOOL_PARAM_words=5`
gives one parameter another value.
"""

from __future__ import annotations

import os
import random
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sretool.core.plans.load.profile import Open, Parameter
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sretool.core.plans.load.plan import LoadPlan
    from sretool.core.plans.load.profile import LoadProfile, ParameterType, Value
    from sretool.core.plans.load.requests import Request

_plan: LoadPlan | None = None
_PREFIX: Final = "SRETOOL_PARAM_"
_NOTHING: Final[Any] = object()

V = TypeVar("V", bound="Value")


def install(plan: LoadPlan) -> None:
    """Answer from this plan from now on."""
    global _plan
    _plan = plan


def param(name: str, default: V = _NOTHING) -> V:
    """The value of a parameter in the type its profile declares, else that of `default`.

    UsageError where nobody knows it and there is no `default`, or its text is not of the type.
    """
    if _plan is not None:
        if name in _plan.parameters:
            return _as(name, _plan.parameters[name], default)
    else:
        profile = _beside(_caller())
        declared = profile.parameters.get(name) if profile is not None else None
        given = os.environ.get(_PREFIX + name)
        if given is not None:
            return _as(name, given if declared is None else declared.read(given), default)
        if declared is not None:
            return declared.default  # type: ignore[return-value]
    if default is _NOTHING:
        raise UsageError(
            f"no parameter {name!r}",
            remedy=f"declare it in the profile, give it a default, or set {_PREFIX}{name}",
        )
    return default


def _as(name: str, value: Any, default: V) -> V:
    """What nobody declared is text; the default's type says how to read it."""
    if default is _NOTHING or not isinstance(value, str) or isinstance(default, str):
        return value  # type: ignore[no-any-return]
    kind: ParameterType = (
        "bool" if isinstance(default, bool) else "int" if isinstance(default, int) else "float"
    )
    try:
        return Parameter(kind, "").read(value)  # type: ignore[return-value]
    except UsageError as error:
        raise UsageError(f"parameter {name}: {error.message}", remedy=error.remedy) from None


def requests() -> Mapping[str, Request]:
    """What the profile calls its requests → what they are on this target."""
    if _plan is not None:
        return _plan.requests
    profile = _beside(_caller())
    return profile.requests if profile is not None else {}


def data(name: str) -> str:
    """Absolute path of a feeder's file; empty where the profile has none for it and none was given."""
    if _plan is not None:
        if name in _plan.data:
            return _plan.data[name]
    else:
        profile = _beside(_caller())
        if given := os.environ.get(f"SRETOOL_DATA_{name}"):
            return given
        if profile is not None and name in profile.data:
            path = profile.data[name]
            return str(Path(profile.file).parent / path) if path else ""
    raise UsageError(f"no data {name!r}", remedy="declare it under `data` of the profile")


def think_time(least: float = 0.0, most: float | None = None) -> Callable[[Any], float]:
    """A `wait_time`: as long as the profile says, else between `least` and `most` seconds."""
    given: tuple[float, float] | None
    if _plan is not None:
        given = _plan.think_time
    else:
        profile = _beside(_caller())
        given = profile.think_time if profile is not None else None
    low, high = given or (least, least if most is None else most)
    return lambda _user: random.uniform(low, high)


def rate_at() -> Callable[[Any, float], float]:
    """A `rate_at` for open users under plain Locust: the profile's rate, of several scenarios each its share.

    Under `sretool load run` the run's own rate takes its place.
    """
    profile = None if _plan is not None else _beside(_caller())
    if profile is None or not isinstance(profile.model, Open):
        return lambda user, _seconds: user.rate
    shape, weights = profile.model.rate, profile.scenarios
    whole = sum(weights.values())

    def at(user: Any, seconds: float) -> float:
        share = weights.get(type(user).__name__, 0.0) / whole if weights else 1.0
        return share * shape.at(seconds)

    return at


def _caller() -> str:
    """The file that asks."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__") == __name__ and frame.f_back is not None:
        frame = frame.f_back
    return str(frame.f_globals.get("__file__", ""))


@cache
def _beside(locustfile: str) -> LoadProfile | None:
    """The profile that plain Locust is to run this file with."""
    named = os.environ.get("SRETOOL_PROFILE")
    if named:
        return _read(Path(named))
    file = Path(locustfile).absolute()
    for suffix in (".yaml", ".yml"):
        if (own := file.with_suffix(suffix)).is_file():
            return _read(own)
    for each in sorted(file.parent.glob("*.y*ml")):
        if file.name in each.read_text(encoding="utf-8"):
            profile = _read(each)
            if (each.parent / profile.locustfile).absolute() == file:
                return profile
    return None


def _read(file: Path) -> LoadProfile:
    from sretool.core.plans.load.read import read, with_mapping

    profile = read(str(file), file.read_text(encoding="utf-8"))
    given = os.environ.get("SRETOOL_MAPPING")
    if given or profile.mapping:
        mapping = Path(given) if given else file.parent / profile.mapping
        return with_mapping(profile, str(mapping), mapping.read_text(encoding="utf-8"))
    return profile
