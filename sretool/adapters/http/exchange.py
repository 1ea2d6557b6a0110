"""A question and its answer, independent of what carries them, and the ways in which an exchange fails."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from sretool.errors import SourceReplyInvalid, SourceTimeout, SourceUnreachable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

LARGEST_REPLY: Final = 64 * 1024 * 1024
"""Bytes after decompression; 1,000 SLOs need some 3 MiB."""

CONNECT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One question, independent of what sends it."""

    path: str
    """Below the endpoint's address, with a slash in front."""
    form: Mapping[str, str] | None = None
    """Sent as a POST form, because queries outgrow what fits into an address; None: no form."""
    json: bytes | None = None
    """Sent as the body of a POST."""
    delete: bool = False
    """Whether what stands at `path` is to be deleted; else, without form and JSON, it is read."""

    @property
    def method(self) -> str:
        if self.delete:
            return "DELETE"
        return "GET" if self.form is None and self.json is None else "POST"

    @property
    def changes(self) -> bool:
        """Whether it must not be sent twice; a form carries a query."""
        return self.delete or self.json is not None


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An answer with a 2xx status."""

    body: bytes
    where: str
    """The server and its address, for messages: "Prometheus at http://127.0.0.1:9090"."""


class Wire(Protocol):
    """Carries questions to one server."""

    async def exchange(self, request: HttpRequest, deadline: timedelta) -> tuple[int, bytes]:
        """Status and body, whole and decompressed; raises a SourceError where there is no answer in time."""
        ...

    async def aclose(self) -> None: ...


def no_answer(where: str, deadline: timedelta) -> SourceTimeout:
    said = f"no answer in {deadline.total_seconds():g} s"
    return SourceTimeout(f"{where} gave {said}", cause=said)


def not_reached(where: str, reason: str) -> SourceUnreachable:
    said = f"cannot be reached: {reason}"
    return SourceUnreachable(
        f"{where} {said}", remedy="check that it runs and that the address is right", cause=said
    )


def broken(where: str, reason: str) -> SourceUnreachable:
    said = f"broke the connection: {reason}"
    return SourceUnreachable(
        f"{where} {said}",
        remedy="check the port: something that speaks another protocol may listen there",
        cause=said,
    )


def garbled(where: str, remedy: str) -> SourceReplyInvalid:
    said = "sent an answer that cannot be decompressed"
    return SourceReplyInvalid(f"{where} {said}", remedy=remedy, cause=said)


def too_long(where: str) -> SourceReplyInvalid:
    said = f"sent more than {LARGEST_REPLY >> 20} MiB"
    return SourceReplyInvalid(f"{where} {said}", cause=said)


def not_the_api(name: str) -> str:
    return f"check the address and its path prefix: the API of {name} must lie below it"


def one_line(text: str) -> str:
    return " ".join(text.split())


def is_loopback(host: str) -> bool:
    """Whether it is our own machine, which no proxy of the environment can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def shown(url: str) -> str:
    """The address without a user name and password in it."""
    try:
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    except ValueError:
        return url
