"""Texts and JSON with places to fill: `/users/${user}`, `{"word": "${item.word_id}"}`.

A value is looked up by its name; what follows a dot is a key, or a number, inside it. In JSON a text that is
one place alone becomes the value as it is, a number stays one. `$$` is a dollar sign.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_PLACE: Final = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)*)\})")
_MISSING: Final = object()


class NoValue(LookupError):
    """A place has no value."""

    def __init__(self, name: str) -> None:
        super().__init__(f"${{{name}}} has no value here")
        self.name = name


class Template:
    """Made once, filled often."""

    __slots__ = ("_pieces", "constant", "names")

    def __init__(self, pieces: list[str | tuple[str, Callable[[Any], str]]]) -> None:
        joined: list[str | tuple[str, Callable[[Any], str]]] = []
        for piece in pieces:
            if isinstance(piece, str) and joined and isinstance(joined[-1], str):
                joined[-1] += piece
            elif piece:
                joined.append(piece)
        self._pieces = tuple(joined)
        self.names = tuple(dict.fromkeys(piece[0] for piece in joined if not isinstance(piece, str)))
        """Of the places, in order."""
        self.constant: str | None = "".join(map(str, joined)) if not self.names else None
        """The whole, where there is no place in it."""

    def fill(self, values: Mapping[str, Any]) -> str:
        """NoValue where one is missing."""
        if self.constant is not None:
            return self.constant
        return "".join(
            [
                piece if isinstance(piece, str) else piece[1](look_up(values, piece[0]))
                for piece in self._pieces
            ]
        )


def text(raw: str, quote: Callable[[str], str] = str) -> Template:
    """`quote` makes what is put in harmless where it is put. UsageError where a place cannot be one."""
    return Template([*_pieces(raw, lambda value: quote(plain(value)))])


def json_text(value: Any) -> Template:
    """JSON whose texts have places."""
    return Template([*_json(value)])


def names(value: Any) -> tuple[str, ...]:
    """Of the places in a text, or in the texts of lists and mappings. UsageError as from `text`."""
    if isinstance(value, str):
        return text(value).names
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return tuple(dict.fromkeys(name for each in inside for name in names(each)))


def look_up(values: Mapping[str, Any], name: str) -> Any:
    """`values[name]`, or what is inside of it; NoValue where there is none."""
    found = values.get(name, _MISSING)
    if found is _MISSING:
        first, *rest = name.split(".")
        found = inside(values.get(first, _MISSING), rest)
        if found is _MISSING:
            raise NoValue(name)
    return found


def inside(value: Any, path: list[str], default: Any = _MISSING) -> Any:
    """What lies at `path` in JSON; list items have numbers, from 0, or from -1 at their ends."""
    for key in path:
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif (
            isinstance(value, list)
            and re.fullmatch(r"-?\d{1,9}", key)
            and -len(value) <= int(key) < len(value)
        ):
            value = value[int(key)]
        else:
            return default
    return value


def plain(value: Any) -> str:
    """A value in the middle of a text."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool | dict | list):
        return json.dumps(value)
    return str(value)


def _pieces(
    raw: str, show: Callable[[Any], str], around: Callable[[str], str] = str
) -> Iterator[str | tuple[str, Callable[[Any], str]]]:
    end = 0
    for found in _PLACE.finditer(raw):
        yield _literal(raw[end : found.start()], around)
        end = found.end()
        yield "$" if found["dollar"] else (found["name"], show)
    yield _literal(raw[end:], around)


def _literal(raw: str, around: Callable[[str], str]) -> str:
    if "${" in raw:
        start = raw.index("${")
        raise UsageError(
            f"{raw[start : start + 30]!r} is no place", remedy="write it like ${user} or ${item.id}"
        )
    return around(raw)


def _json(value: Any) -> Iterator[str | tuple[str, Callable[[Any], str]]]:
    if isinstance(value, str):
        whole = _PLACE.fullmatch(value)
        if whole and whole["name"]:
            yield whole["name"], json.dumps
            return
        yield '"'
        yield from _pieces(value, lambda each: _in_string(plain(each)), _in_string)
        yield '"'
    elif isinstance(value, dict):
        yield "{"
        for number, (key, each) in enumerate(value.items()):
            yield f"{', ' if number else ''}{json.dumps(str(key))}: "
            yield from _json(each)
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for number, each in enumerate(value):
            yield ", " if number else ""
            yield from _json(each)
        yield "]"
    else:
        yield json.dumps(value)


def _in_string(raw: str) -> str:
    return json.dumps(raw)[1:-1]
