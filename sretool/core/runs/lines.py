"""Events as lines of JSON, and the record as a document: the wire between a run's programs and its readers.

`{"at": "2026-11-21T10:15:00.125Z", "t": 3.2, "event": "fault_on", "fault": "f1", …}`: one flat object to a
line, so that `grep` and `jq` work on it. Readers skip events and fields they don't know: a newer program may
have written them.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime  # noqa: TC003
from typing import Any, Final, cast, get_args

import msgspec

from sretool.core.runs import events
from sretool.core.runs.events import RunEvent
from sretool.core.runs.model import (
    SCHEMA,
    ChaosMeasures,
    GameDayMeasures,
    LoadMeasures,
    Measures,
    RunRecord,
    Verdict,
)
from sretool.errors import RunUnreadable


def _tag(kind: type) -> str:
    """`LoadTick` → `load_tick`."""
    name = kind.__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


_BY_TAG: Final[dict[str, type]] = {_tag(kind): kind for kind in get_args(events.What)}
_TAGS: Final = {kind: tag for tag, kind in _BY_TAG.items()}


class _Head(msgspec.Struct):
    at: datetime
    t: float
    event: str


_HEAD: Final = msgspec.json.Decoder(_Head)


def encode(event: RunEvent) -> bytes:
    """One line with its line end."""
    what = event.what
    flat: dict[str, Any] = {"at": event.at, "t": round(event.t, 6), "event": _TAGS[type(what)]}
    for field in fields(what):
        value = getattr(what, field.name)
        flat[field.name] = _measures(value) if isinstance(value, Measures) else value
    return msgspec.json.encode(flat) + b"\n"


def decode(line: bytes) -> RunEvent | None:
    """The event of one line, None where its kind is not known here; RunUnreadable where it is no event."""
    try:
        head = _HEAD.decode(line)
        kind = _BY_TAG.get(head.event)
        if kind is None:
            return None
        if kind is events.Finished:
            return RunEvent(head.at, head.t, _finished(line))
        return RunEvent(head.at, head.t, cast("events.What", msgspec.json.decode(line, type=kind)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RunUnreadable(f"not an event: {error}") from error


def _finished(line: bytes) -> events.Finished:
    data = msgspec.json.decode(line)
    return events.Finished(
        verdict=msgspec.convert(data.get("verdict"), Verdict), measures=_as_measures(data.get("measures"))
    )


def encode_record(record: RunRecord) -> bytes:
    """The text of `run.json`."""
    return msgspec.json.format(msgspec.json.encode(document(record)), indent=1) + b"\n"


def document(record: RunRecord) -> dict[str, Any]:
    """`run.json` before it is text."""
    flat: dict[str, Any] = {"schema": SCHEMA}
    for field in fields(record):
        flat[field.name] = getattr(record, field.name)
    flat["measures"] = _measures(record.measures)
    return flat


def decode_record(text: bytes) -> RunRecord:
    """RunUnreadable where `text` is no run.json, or one of a newer schema."""
    try:
        data = msgspec.json.decode(text, type=dict[str, Any])
        schema = data.pop("schema", None)
        if schema != SCHEMA:
            raise RunUnreadable(
                f"run.json has schema {schema!r}, this program reads {SCHEMA}", remedy="use a newer sretool"
            )
        measures = _as_measures(data.pop("measures", None))
        return replace(msgspec.convert(data, RunRecord), measures=measures)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RunUnreadable(f"not a run.json: {error}") from error


def _measures(measures: Measures) -> dict[str, Any]:
    """The fields of the parts that were measured, side by side."""
    flat: dict[str, Any] = {}
    for part in (measures.load, measures.chaos, measures.gameday):
        if part is not None:
            flat |= {field.name: getattr(part, field.name) for field in fields(part)}
    return flat


def _as_measures(flat: object) -> Measures:
    if not isinstance(flat, dict):
        return Measures()
    # Many of its fields are named like those of an experiment: this one is not.
    if "experiments" in flat:
        return Measures(gameday=msgspec.convert(flat, GameDayMeasures))
    load = msgspec.convert(flat, LoadMeasures) if flat.keys() & _LOAD else None
    chaos = msgspec.convert(flat, ChaosMeasures) if flat.keys() & _CHAOS else None
    return Measures(load, chaos)


_LOAD: Final = {field.name for field in fields(LoadMeasures)}
_CHAOS: Final = {field.name for field in fields(ChaosMeasures)}
