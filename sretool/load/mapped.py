"""Users that ask for what a profile names; its mapping says what that is on the target.

    class Reader(MappedUser):
        requests = requests()

        @task
        def read(self):
            self.ask("words", {"user": 7})

Places in the mapping are filled from the values given to `ask`, which also takes up what the mapping saves of
the answer. An answer that is not as the mapping expects is a failed request with the reason as its error.
"""

from __future__ import annotations

import email.utils
import itertools
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote, urlencode

from sretool.core.plans.load import template
from sretool.core.plans.load.requests import ENVIRONMENT, Expect, missing
from sretool.core.plans.load.template import NoValue, Template
from sretool.errors import UsageError
from sretool.load import checks, shares
from sretool.load.clock import now, sleep_until
from sretool.load.secrets import secret
from sretool.load.users import HttpUser

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from sretool.core.plans.load.requests import Request
    from sretool.load.client import CaughtResponse, FixedPlan, Response
    from sretool.load.feeders import Feeder
    from sretool.load.generators import Command, GeneratorUser

    Values = dict[str, Any]

TOO_MANY: Final = 429
LONGEST_WAIT: Final = 300.0
"""Seconds; a server that asks for more gets no more."""
_ANYTHING: Final = Expect()
_GIVE_IT: Final = "save it of an earlier answer, or give a data file that has a column of this name"


class Prepared:
    """A request of a mapping made ready to be filled and sent. Its secrets are read here."""

    def __init__(self, name: str, request: Request) -> None:
        """UsageError where a secret is not set."""
        self.request = request
        self.method, self.name = request.method, request.name or name
        try:
            self._secrets = {f"{ENVIRONMENT}.{each}": secret(each) for each in request.secrets}
        except UsageError as error:
            raise UsageError(f"{request.place}: {name}: {error.message}", remedy=error.remedy) from None
        self._path = template.text(request.path, lambda value: quote(value, safe=""))
        self._headers = {key: template.text(value) for key, value in request.headers.items()}
        self._body: Template | None = None
        self._form: dict[str, Template] | None = None
        match request.kind:
            case "json":
                self._body = template.json_text(request.body)
                self._headers.setdefault("Content-Type", template.text("application/json"))
            case "text":
                self._body = template.text(request.body)
            case "form":
                self._form = {key: template.text(value) for key, value in request.body.items()}
                self._headers.setdefault("Content-Type", template.text("application/x-www-form-urlencoded"))
        self.judged = request.expect is not None or bool(request.save)
        """Whether the answer is looked into."""
        self._save = {name: path.split(".") for name, path in request.save.items()}

    @property
    def bare(self) -> bool:
        """Whether it has nothing but a path."""
        return self.method == "GET" and not self._headers and self._body is None and self._form is None

    def target(self, values: Mapping[str, Any]) -> str:
        """NoValue where one is missing."""
        return self._fill(self._path, values)

    def options(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What else `client.request` is to be given."""
        options: dict[str, Any] = {"name": self.name}
        if self._headers:
            options["headers"] = {key: self._fill(each, values) for key, each in self._headers.items()}
        if self._body is not None:
            options["data"] = self._fill(self._body, values)
        elif self._form is not None:
            options["data"] = urlencode({key: self._fill(each, values) for key, each in self._form.items()})
        return options

    def command(self, user: GeneratorUser, values: Mapping[str, Any]) -> FixedPlan | Command:
        """For a task that yields its requests."""
        if self.bare:
            return user.get(self.target(values), self.name)
        return user.request(self.method, self.target(values), **self.options(values))

    def check(self, response: CaughtResponse, values: Values) -> bool:
        """Judge an answer inside its with-block, and save of it what is to be saved."""
        if not checks.judge(response, self.request.expect or _ANYTHING):
            return False
        if self._save and (wrong := self._keep(response, values)):
            response.failure(wrong)
            return False
        return True

    def _keep(self, response: CaughtResponse, values: Values) -> str | None:
        document, wrong = checks.document(response)
        if wrong:
            return wrong
        for name, path in self._save.items():
            found = template.inside(document, path, checks.ABSENT)
            if found is checks.ABSENT:
                return f"the answer has no {'.'.join(path)}"
            values[name] = found
        return None

    def _fill(self, made: Template, values: Mapping[str, Any]) -> str:
        if made.constant is not None:
            return made.constant
        try:
            return made.fill({**values, **self._secrets} if self._secrets else values)
        except NoValue as error:
            raise UsageError(
                f"{self.request.place}: {error}",
                remedy=_GIVE_IT,
            ) from None


def prepared(requests: Mapping[str, Request], needs: tuple[str, ...] = ()) -> dict[str, Prepared]:
    """UsageError where a needed one is missing, or a secret is not set."""
    if lacking := missing(needs, requests):
        raise UsageError(f"the mapping {lacking}")
    return {name: Prepared(name, request) for name, request in requests.items()}


class MappedUser(HttpUser):
    """An HttpUser that asks for things by the names of its profile."""

    abstract = True

    requests: ClassVar[Mapping[str, Request]] = {}
    """What the profile names; set it with `requests()` of `sretool.load.parameters`."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Names that the tasks cannot do without."""
    uses: ClassVar[tuple[str, ...]] = ()
    """Names besides that the tasks ask for where the mapping has them."""
    leaves_out: ClassVar[Container[str]] = ()
    """Of those the ones that they don't ask for, though the mapping has them."""
    gives: ClassVar[frozenset[str]] = frozenset({"user"})
    """Values that the tasks set themselves."""
    accounts: ClassVar[Feeder | None] = None
    """Rows whose columns are values, `user` perhaps among them."""
    heeds_limits: ClassVar[bool] = False
    """Whether a 429 is no failure but counted under a name of its own, and its Retry-After is heeded."""

    first_user: ClassVar[int] = 800_000_001
    """Number of the first user of the test; far from those of people."""
    user_count: ClassVar[int] = 100_000
    """Users of the test; then the first comes again."""
    prepared: ClassVar[dict[str, Prepared]] = {}
    _numbers: ClassVar[Iterator[int] | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "requests" in cls.__dict__:
            cls.prepared = prepared(cls.requests, cls.needs)
            cls._check_values()

    @classmethod
    def _check_values(cls) -> None:
        """UsageError where a request wants a value that nobody gives it."""
        used = [
            name for name in (*cls.needs, *cls.uses) if name in cls.prepared and name not in cls.leaves_out
        ]
        known = {ENVIRONMENT, *cls.gives, *(cls.accounts.rows[0] if cls.accounts is not None else ())}
        known.update(*(cls.prepared[name].request.save for name in used))
        for name in used:
            request = cls.prepared[name].request
            for place in request.names:
                if place.partition(".")[0] not in known:
                    raise UsageError(f"{request.place}: {name}: ${{{place}}} has no value", remedy=_GIVE_IT)

    @classmethod
    def new_user(cls) -> int:
        """The number of a user; those of another worker are others."""
        if MappedUser._numbers is None:
            share = shares.mine()
            MappedUser._numbers = itertools.count(share.index, share.count)
        return cls.first_user + next(MappedUser._numbers) % cls.user_count

    hold_off = 0.0
    """Seconds that the last answer asked not to be asked again for."""

    def ask(self, name: str, values: Values) -> bool:
        """Make a request; whether it succeeded. What it saves goes into `values`."""
        made = self.prepared[name]
        client = self.client
        self.hold_off = 0.0
        if made.bare and not made.judged and not self.heeds_limits:
            return _good(client.get(made.target(values), made.name))
        target, options = made.target(values), made.options(values)
        if not made.judged and not self.heeds_limits:
            return _good(client.request(made.method, target, **options))
        with client.request(made.method, target, catch_response=True, **options) as response:
            if self.heeds_limits and response.status_code == TOO_MANY:
                self._limited(made, response)
                return False
            return made.check(response, values)

    def wait_as_told(self) -> None:
        """As long as the last answer asked for, if it did."""
        if self.hold_off:
            sleep_until(now() + int(self.hold_off * 1e9))

    def _limited(self, made: Prepared, response: CaughtResponse) -> None:
        # Counted apart: its latency is that of a refusal.
        plan = response._plan
        plan.name = f"{made.name} ({TOO_MANY})"
        plan.slot = self.client.recorder.slot(plan.method, plan.name)
        wait = retry_after(response.headers.get("Retry-After"), time.time())
        if wait is None:
            response.failure(f"{TOO_MANY} without a Retry-After that can be read")
            self.hold_off = 1.0
        else:
            response.success()
            self.hold_off = min(wait, LONGEST_WAIT)


def _good(response: Response) -> bool:
    return response.error is None


def retry_after(raw: str | None, now: float) -> float | None:
    """Seconds to wait from `now`, which is seconds since the epoch; None where nothing readable is said."""
    if raw is None:
        return None
    raw = raw.strip()
    if raw.isascii() and raw.isdigit():
        return float(raw[:9])
    try:
        return max(email.utils.parsedate_to_datetime(raw).timestamp() - now, 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
