"""One request of a load profile on one target, its places (see `template`) unfilled."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - resolved at run time
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from sretool.core.plans.load import template
from sretool.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

ENVIRONMENT: Final = "env"
"""Before the dot of a place that is a secret."""


class Expect(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an answer must be; otherwise the request has failed."""

    status: tuple[int, ...] = ()
    """One of these; empty: any below 400."""
    contains: str = ""
    """This text is in its body."""
    json: Mapping[str, str | int | float | bool | None] = {}
    """Path into its JSON (`items.0.id`) → value there."""


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request with its places unfilled."""

    method: str
    path: str
    place: str = ""
    """file:line"""
    name: str = ""
    """In reports and objectives; empty: as the profile calls it."""
    headers: Mapping[str, str] = {}
    """With those of the whole mapping."""
    kind: Literal["none", "json", "form", "text"] = "none"
    """Of the body."""
    body: Any = None
    """What JSON holds; of a form a mapping of texts."""
    save: Mapping[str, str] = {}
    """Name → path into the answer's JSON; an answer that has nothing there has failed."""
    expect: Expect | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the places to fill, dots and what follows them included."""
        return template.names([self.path, dict(self.headers), self.body])

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of environment variables."""
        split = (name.partition(".") for name in self.names)
        return tuple(rest for first, dot, rest in split if dot and first == ENVIRONMENT)


def missing(needs: Iterable[str], found: Mapping[str, Request]) -> str:
    """What to say where not all that a profile needs is there; empty where it is."""
    lacking = [name for name in needs if name not in found]
    if not lacking:
        return ""
    return f"has no request {lacking[0]!r}, which the profile needs{did_you_mean(lacking[0], found)}"
