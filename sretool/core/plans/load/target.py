"""Where load may go: to this machine always, elsewhere only where somebody says that it is meant."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    url: str
    """Without a slash at its end."""
    scheme: str
    host: str
    """Name or address, without brackets."""
    port: int

    @property
    def is_this_machine(self) -> bool:
        """Whether its name alone says so."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    if host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse(raw: str) -> Target:
    """`http://127.0.0.1:8080`; UsageError where it is no address that load can go to."""
    example = "write it like http://127.0.0.1:8080"
    if not _SCHEME.match(raw):
        raise UsageError(
            f"the target {raw!r} has no scheme", remedy=f"write it like http://{raw.lstrip('/')}"
        )
    try:
        parts = urlsplit(raw)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"the target {raw!r} cannot be read: {error}", remedy=example) from None
    if parts.scheme not in ("http", "https"):
        raise UsageError(f"the target {raw!r} is neither http nor https", remedy=example)
    if not parts.hostname:
        raise UsageError(f"the target {raw!r} names no host", remedy=example)
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"the target on {parts.hostname} holds a user name or password, and reports show targets",
            remedy="let the profile read them from the environment",
        )
    if parts.query or parts.fragment:
        raise UsageError(f"the target {raw!r} must end before the ? or #", remedy=example)
    if port == 0:
        raise UsageError(f"the target {raw!r} has no port that anything could listen on", remedy=example)
    return Target(
        raw.rstrip("/"), parts.scheme, parts.hostname, port or {"http": 80, "https": 443}[parts.scheme]
    )


def refuse_strangers(
    target: Target, addresses: Iterable[str], listed: Iterable[str], *, meant: bool, production: bool
) -> None:
    """UsageError where load must not go there.

    `addresses` are those its name stands for; `listed` the targets of the catalog, as they are written there;
    `meant`: somebody said so; `production`: what is under load is it.
    """
    found = tuple(addresses)
    here = target.is_this_machine or (bool(found) and all(is_loopback(each) for each in found))
    if meant or here:
        return
    if not production and any(_same(target, each) for each in listed):
        return
    why = "is production" if production else "is not this machine"
    raise UsageError(
        f"{target.host} {why}, and load can break what it meets",
        remedy="give --yes-this-is-mine if it is yours"
        + ("" if production else ", or list it under `load_targets` of the catalog"),
    )


def _same(target: Target, listed: str) -> bool:
    """A listed host stands for all its ports, a listed address for one of them."""
    if "://" not in listed:
        return listed.lower() == target.host.lower()
    try:
        other = parse(listed)
    except UsageError:
        return False
    return (other.scheme, other.host, other.port) == (target.scheme, target.host, target.port)
