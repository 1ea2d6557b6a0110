"""From a locustfile and a plan to the user classes that run."""

from __future__ import annotations

import itertools
import math
import random
import traceback
from typing import TYPE_CHECKING, Any

from locust.dispatch import UsersDispatcher
from locust.util.load_locustfile import load_locustfile

from sretool.core.plans.load.profile import Open
from sretool.load.clock import now
from sretool.load.open import OpenUser
from sretool.load.users import HttpUser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from locust import LoadTestShape, User
    from locust.env import Environment

    from sretool.core.plans.load.plan import LoadPlan
    from sretool.load.open import Pool


class Unusable(Exception):
    """A locustfile cannot do what the plan says; its message says why."""


class Pace:
    """The rate of a test now, and the clock it goes by: the same for all users of a process."""

    def __init__(self, plan: LoadPlan) -> None:
        self._shape = plan.model.rate if isinstance(plan.model, Open) else None
        self.fixed: float | None = None
        """Arrivals a second that were set instead of the plan's."""
        self._began: int | None = None
        self.workers = plan.workers
        """Among how many the arrivals are divided; a worker hears it from its master."""

    def begin(self, elapsed: float = 0.0, *, anew: bool = True) -> None:
        """The test began so many seconds ago, unless (not `anew`) users have begun it already."""
        if anew or self._began is None:
            self._began = now() - int(elapsed * 1e9)

    def set(self, rate: float) -> None:
        """From now on, instead of the plan's."""
        self.fixed = rate

    @property
    def elapsed(self) -> float:
        """Seconds since the test began; 0 before."""
        return 0.0 if self._began is None else (now() - self._began) / 1e9

    def rate(self, elapsed: float) -> float | None:
        """Arrivals a second, so many seconds after the test began; None where users decide."""
        if self.fixed is not None:
            return self.fixed
        return self._shape.at(elapsed) if self._shape is not None else None

    def rate_of(self, share: float) -> Callable[[OpenUser, float], float]:
        """`rate_at` of a class that makes this share of all arrivals, one of its users at each worker."""

        def rate_at(user: OpenUser, seconds: float) -> float:
            if self._began is None:
                self._began = user.pool.started
            since = seconds + (user.pool.started - self._began) / 1e9
            return share / self.workers * (self.rate(since) or 0.0)

        return rate_at


def load(file: str) -> tuple[dict[str, type[User]], list[LoadTestShape]]:
    """User classes by name, and shapes; Unusable with file and line where it cannot be imported."""
    try:
        return load_locustfile(file)
    except FileNotFoundError as error:
        if error.filename == file:
            raise Unusable(f"no locustfile {file}") from error
        raise Unusable(_where(file, error)) from error
    except SyntaxError as error:
        raise Unusable(f"{error.filename}:{error.lineno}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        raise Unusable(_where(file, error)) from error


def _where(file: str, error: BaseException) -> str:
    lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == file]
    place = f"{file}:{lines[-1]}" if lines else file
    said = str(error) or type(error).__name__
    remedy = getattr(error, "remedy", None)
    kind = "" if remedy else f"{type(error).__name__}: "
    return f"{place}: {kind}{said}" + (f"; {remedy}" if remedy else "")


def chosen(found: Mapping[str, type[User]], plan: LoadPlan, pace: Pace, worker: int) -> list[type[User]]:
    """The classes that take part, as the plan wants them; Unusable where it cannot have them."""
    if not found:
        raise Unusable(f"{plan.locustfile} has no user class")
    weights = dict(plan.scenarios) or {name: _own_weight(each) for name, each in found.items()}
    for name in weights.keys() - found.keys():
        raise Unusable(
            f"{plan.locustfile} has no user class {name!r}, a scenario of the profile; "
            f"it has {', '.join(sorted(found))}"
        )
    weights = {name: weight for name, weight in weights.items() if weight > 0}
    if not weights:
        raise Unusable(f"{plan.locustfile}: no user class has a weight above 0")
    classes = [_guarded(found[name], plan) for name in weights]
    if not isinstance(plan.model, Open):
        if plan.scenarios:
            for each in classes:
                each.weight, each.fixed_count = weights[each.__name__], 0
        return classes
    whole = sum(weights.values())
    return [_open(each, plan, plan.model, pace, weights[each.__name__] / whole, worker) for each in classes]


def hosts(classes: Iterable[type[User]], plan: LoadPlan) -> set[str]:
    """Where the test may connect to: where the plan says, and what its user classes name."""
    found = set(plan.allowed_hosts)
    for each in classes:
        found.update(getattr(each, "allowed_hosts", None) or ())
        if proxy := getattr(each, "proxy_host", None):
            found.add(proxy)
    return found


def _own_weight(each: type[User]) -> float:
    return float(each.fixed_count or each.weight)


def _guarded(each: type[User], plan: LoadPlan) -> type[User]:
    if issubclass(each, HttpUser):
        named = set(each.allowed_hosts or ())
        each.allowed_hosts = frozenset(named | set(plan.allowed_hosts)) if plan.allowed_hosts else None
        each.ca_file = plan.ca_file or each.ca_file
        each.insecure = plan.insecure or each.insecure
    return each


def _open(each: type[User], plan: LoadPlan, model: Open, pace: Pace, share: float, worker: int) -> type[User]:
    """A class of which every worker's one user makes this share of the arrivals of its worker."""
    if not issubclass(each, HttpUser):
        raise Unusable(
            f"{plan.locustfile}: {each.__name__} is one of Locust's own classes, which know no arrival rate; "
            "derive it from HttpUser or OpenUser of sretool.load, or run a profile with `closed`"
        )
    number = itertools.count()
    name = each.__name__

    def seed(_: OpenUser) -> int | None:
        if plan.seed is None:
            return None
        return random.Random(f"{plan.seed}/{name}/{worker}/{next(number)}").getrandbits(64)

    bases = (each,) if issubclass(each, OpenUser) else (OpenUser, each)
    attributes: dict[str, Any] = {
        "abstract": False,
        "__module__": each.__module__,
        "__qualname__": each.__qualname__,
        "fixed_count": plan.workers,
        "rate_at": pace.rate_of(share),
        "arrivals": model.arrivals,
        "seed": property(seed),
        "max_users": property(lambda _: max(math.ceil(model.max_users * share / pace.workers), 1)),
    }
    return type(name, bases, attributes)


class EvenDispatcher(UsersDispatcher):
    """Gives every worker one user of each class; as far as it goes, after one was lost."""

    def _user_gen(self) -> Iterator[str | None]:
        names = [each.__name__ for each in self._user_classes for _ in range(each.fixed_count)]
        return itertools.cycle(names)


def pools(environment: Environment) -> list[Pool]:
    """Of the open users at work in this process."""
    runner = environment.runner
    if runner is None:
        return []
    found = []
    for greenlet in list(runner.user_greenlets):
        user = greenlet.args[0] if greenlet.args else None
        if isinstance(user, OpenUser) and user._pool is not None:
            found.append(user._pool)
    return found
