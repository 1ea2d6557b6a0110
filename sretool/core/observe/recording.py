"""What a dashboard was told, as values that can be written down line by line and read again.

`encode` turns any value of the core into plain data that tells its own types, `decode` back; the two are
exact. A snapshot is written as what differs from the one before, so that a session of hours stays small.
Nothing here knows of files.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sretool.core.observe.questions import Answers, Track
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sretool.core.observe.model import Snapshot

Plain = Any
"""None, bool, int, float, str, list and dict with str keys."""

_MICROSECOND: Final = timedelta(microseconds=1)
_HOME: Final = "sretool.core."
_NAME: Final = re.compile(r"[a-z_]+(\.[a-z_]+)*:[A-Za-z]+")

KEYED: Final[dict[str, Callable[[Any], str]]] = {
    "statuses": lambda status: str(status.slo.id),
    "alerts": lambda alert: str(alert.fingerprint),
}
"""Parts of a snapshot that are written item by item."""


class RecordingUnreadable(UsageError):
    """Something written by another version, or by nobody of ours."""


# --- values -----------------------------------------------------------------------------------------------


def encode(value: object) -> Plain:
    """Plain data; TypeError for what is no value of the core."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return {"e": [_name_of(type(value)), value.value]}
    if isinstance(value, int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"f": repr(value)}
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, timedelta):
        return {"d": value // _MICROSECOND}
    if isinstance(value, date):
        return {"y": value.isoformat()}
    if isinstance(value, time):
        return {"h": value.isoformat()}
    if isinstance(value, Decimal):
        return {"n": str(value)}
    if isinstance(value, tuple | list):
        return [encode(each) for each in value]
    if isinstance(value, frozenset | set):
        return {"s": sorted((encode(each) for each in value), key=repr)}
    if is_dataclass(value) and not isinstance(value, type):
        return {
            "c": [
                _name_of(type(value)),
                {name: encode(getattr(value, name)) for name in _fields(type(value))},
            ]
        }
    if hasattr(value, "items"):
        return {"m": [[encode(key), encode(each)] for key, each in value.items()]}
    raise TypeError(f"{type(value).__name__} cannot be recorded")


def decode(plain: Plain) -> Any:
    """The value; RecordingUnreadable where it is none of this version."""
    if isinstance(plain, list):
        return tuple(decode(each) for each in plain)
    if not isinstance(plain, dict):
        return plain
    try:
        ((tag, inner),) = plain.items()
        match tag:
            case "t":
                return datetime.fromisoformat(inner)
            case "y":
                return date.fromisoformat(inner)
            case "h":
                return time.fromisoformat(inner)
            case "d":
                return inner * _MICROSECOND
            case "n":
                return Decimal(inner)
            case "f":
                return float(inner)
            case "e":
                return _class_of(inner[0])(inner[1])
            case "s":
                return frozenset(decode(each) for each in inner)
            case "m":
                return {decode(key): decode(each) for key, each in inner}
            case "c":
                kind = _class_of(inner[0])
                known = _fields(kind)
                return kind(**{name: decode(each) for name, each in inner[1].items() if name in known})
    except RecordingUnreadable:
        raise
    except (TypeError, ValueError, ArithmeticError, KeyError, IndexError) as error:
        raise RecordingUnreadable(f"a recorded value cannot be read: {error}") from error
    raise RecordingUnreadable(f"a recorded value has the unknown type {tag!r}")


def _fields(kind: type) -> tuple[str, ...]:
    known = _FIELDS.get(kind)
    if known is None:
        known = _FIELDS[kind] = tuple(field.name for field in fields(kind) if field.init)
    return known


_FIELDS: Final[dict[type, tuple[str, ...]]] = {}


@cache
def _name_of(kind: type) -> str:
    if not kind.__module__.startswith(_HOME):
        raise TypeError(f"{kind.__name__} cannot be recorded")
    return f"{kind.__module__.removeprefix(_HOME)}:{kind.__name__}"


@cache
def _class_of(name: str) -> type:
    """Only values of the core: a file may name nothing else."""
    if _NAME.fullmatch(name):
        module, _, own = name.partition(":")
        try:
            kind = getattr(import_module(_HOME + module), own)
        except (ImportError, AttributeError):
            kind = None
        if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, Enum)):
            return kind
    raise RecordingUnreadable(f"this version knows no {name!r}")


# --- snapshots --------------------------------------------------------------------------------------------


def difference(before: Snapshot | None, after: Snapshot) -> dict[str, Plain]:
    """What `apply` needs to make `after` out of `before`; None: out of nothing."""
    changed: dict[str, Plain] = {}
    if before is None:
        return {"whole": encode(after)}
    for name in _fields(type(after)):
        old, new = getattr(before, name), getattr(after, name)
        if new is old or new == old:
            continue
        keyed = KEYED.get(name)
        changed[name] = {"=": encode(new)} if keyed is None else _items(keyed, old, new)
    return {"changed": changed}


def apply(before: Snapshot | None, change: Mapping[str, Plain]) -> Snapshot:
    """The snapshot `difference` was made for."""
    if "whole" in change:
        snapshot: Snapshot = decode(change["whole"])
        return snapshot
    if before is None:
        raise RecordingUnreadable("the recording does not begin with a whole snapshot")
    new = {name: getattr(before, name) for name in _fields(type(before))}
    for name, how in change["changed"].items():
        if name not in new:
            continue
        new[name] = decode(how["="]) if "=" in how else _patched(KEYED[name], new[name], how)
    return type(before)(**new)


def _items(key: Callable[[Any], str], old: Sequence[Any], new: Sequence[Any]) -> Plain:
    known = {key(each): each for each in old}
    order = [key(each) for each in new]
    if len(set(order)) < len(order) or len(known) < len(old):
        return {"=": encode(new)}
    changes = {}
    for each in new:
        before = known.get(key(each))
        if before is None or type(before) is not type(each):
            changes[key(each)] = {"=": encode(each)}
        elif before is not each and (parts := _parts(before, each)):
            changes[key(each)] = {"+": parts}
    found: dict[str, Plain] = {"items": changes}
    if order != [key(each) for each in old]:
        found["order"] = order
    return found


def _parts(before: Any, after: Any) -> dict[str, Plain]:
    """Fields that differ."""
    parts = {}
    for name in _fields(type(after)):
        old, new = getattr(before, name), getattr(after, name)
        if new is not old and new != old:
            parts[name] = encode(new)
    return parts


def _patched(key: Callable[[Any], str], old: Sequence[Any], change: Mapping[str, Plain]) -> tuple[Any, ...]:
    known = {key(each): each for each in old}
    for name, how in change["items"].items():
        if "=" in how:
            known[name] = decode(how["="])
        else:
            before = known[name]
            parts = {each: getattr(before, each) for each in _fields(type(before))}
            known[name] = type(before)(**parts | {part: decode(value) for part, value in how["+"].items()})
    return tuple(known[name] for name in change.get("order", [key(each) for each in old]))


# --- answers ----------------------------------------------------------------------------------------------


def added_answers(before: Answers, after: Answers) -> dict[str, Plain] | None:
    """What the newer answers know that the older ones did not; None: nothing."""
    found = [[expr, encode(each)] for expr, each in after.found.items() if before.found.get(expr) != each]
    tracks = [
        [expr, encode(span), encode(track)]
        for (expr, span), track in after.tracks.items()
        if before.tracks.get((expr, span)) is not track and before.tracks.get((expr, span)) != track
    ]
    if not found and not tracks and before.error == after.error:
        return None
    return {"found": found, "tracks": tracks, "error": after.error}


def with_answers(before: Answers, change: Mapping[str, Plain]) -> Answers:
    found = {expr: decode(each) for expr, each in change["found"]}
    tracks: dict[Any, Track] = {(expr, decode(span)): decode(track) for expr, span, track in change["tracks"]}
    return Answers({**before.found, **found}, {**before.tracks, **tracks}, change["error"])


@dataclass(frozen=True, slots=True)
class Seen:
    """What the person at the dashboard had on screen, and the keys that led there."""

    screen: str
    about: str = ""
    keys: tuple[str, ...] = ()
