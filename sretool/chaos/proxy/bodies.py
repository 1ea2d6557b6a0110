"""What the API is sent: read with care, and refused in Toxiproxy's words.

Names of fields are told apart without regard to case and unknown ones are ignored, as Toxiproxy does.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from sretool.chaos.proxy.proxies import BAD_BODY, BAD_STREAM, BAD_TYPE, MISSING_FIELD, Wanted
from sretool.chaos.proxy.toxics import TYPES, Stream, Toxic

T = TypeVar("T")


class _Proxy(msgspec.Struct):
    name: str | None = None
    listen: str | None = None
    upstream: str | None = None
    enabled: bool | None = None


class _Toxic(msgspec.Struct):
    name: str | None = None
    type: str | None = None
    stream: str | None = None
    toxicity: float | None = None
    attributes: dict[str, Any] | None = None


class _Change(msgspec.Struct):
    toxicity: float | None = None
    attributes: dict[str, Any] | None = None


def new_proxy(body: bytes) -> Wanted:
    """Of POST /proxies."""
    given = _read(body, _Proxy)
    _require(given, "")
    return _wanted(given)


def changed_proxy(body: bytes, now: Wanted) -> Wanted:
    """Of POST or PATCH /proxies/NAME: what is not said stays."""
    given = _read(body, _Proxy)
    return Wanted(
        now.name,
        now.listen if given.listen is None else given.listen,
        now.upstream if given.upstream is None else given.upstream,
        now.enabled if given.enabled is None else given.enabled,
    )


def population(body: bytes) -> list[Wanted]:
    """Of POST /populate, and of a configuration file."""
    listed = _read(body, list[_Proxy])
    for place, given in enumerate(listed, start=1):
        _require(given, f" at proxy {place}")
    return [_wanted(given) for given in listed]


def new_toxic(body: bytes) -> Toxic:
    """Of POST /proxies/NAME/toxics."""
    given = _read(body, _Toxic)
    written = "downstream" if given.stream is None else given.stream
    try:
        stream = Stream(written.lower())
    except ValueError:
        raise BAD_STREAM from None
    kind = given.type or ""
    if kind not in TYPES:
        raise BAD_TYPE
    return Toxic(
        name=given.name or f"{kind}_{written}",
        type=kind,
        stream=stream,
        toxicity=1.0 if given.toxicity is None else given.toxicity,
        attributes=_convert(_lowered(given.attributes or {}), TYPES[kind]),
    )


def change_toxic(body: bytes, toxic: Toxic) -> None:
    """Of POST or PATCH /proxies/NAME/toxics/TOXIC: what is not said stays."""
    given = _read(body, _Change)
    before: dict[str, Any] = msgspec.to_builtins(toxic.attributes)
    attributes = _convert({**before, **_lowered(given.attributes or {})}, type(toxic.attributes))
    toxic.attributes = attributes
    if given.toxicity is not None:
        toxic.toxicity = given.toxicity


def _wanted(given: _Proxy) -> Wanted:
    enabled = True if given.enabled is None else given.enabled
    return Wanted(given.name or "", given.listen or "", given.upstream or "", enabled)


def _require(given: _Proxy, where: str) -> None:
    for field in ("name", "upstream"):
        if not getattr(given, field):
            raise MISSING_FIELD.of(f"{field}{where}")


def _read(body: bytes, kind: type[T]) -> T:
    try:
        document = msgspec.json.decode(body) if body.strip() else None
    except msgspec.MsgspecError as error:
        raise BAD_BODY.of(error) from None
    if document is None:
        raise BAD_BODY.of("EOF")
    return _convert(_lowered(document), kind)


def _convert(document: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(document, kind)
    except msgspec.MsgspecError as error:
        raise BAD_BODY.of(error) from None


def _lowered(document: Any) -> Any:
    """Keys in small letters, one level deep; without those that are null, which count as not said."""
    if isinstance(document, dict):
        return {key.lower(): value for key, value in document.items() if value is not None}
    if isinstance(document, list):
        return [_lowered(each) for each in document]
    return document
