"""`sretool slo status --explain-plan`: which queries the figures come from, and what these took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from sretool.units import format_duration, format_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from sretool.core.slo.model import SloId
    from sretool.services.reading import Asked, Reading

_SHOWN: Final = 240
"""Characters of a query in text; JSON has all."""

_NAMED: Final = 5
"""SLOs of each kind that are named in text."""


def as_json(reading: Reading) -> dict[str, Any]:
    """SLOs by where their figures come from, and the queries in the order they were put."""
    return {
        **_sources(reading),
        "queries": [_query_as_json(each) for each in reading.asked],
    }


def _sources(reading: Reading) -> dict[str, list[SloId]]:
    """SLOs all of whose figures are recorded, those of which only rates are, and the others."""
    ids = [slo.id for slo in reading.slos]
    return {
        "recorded": [slo for slo in ids if slo in reading.recorded and slo not in reading.rated],
        "recorded_rates": [slo for slo in ids if slo in reading.rated],
        "raw": [slo for slo in ids if slo not in reading.recorded],
    }


def _query_as_json(asked: Asked) -> dict[str, Any]:
    span = asked.span
    return {
        "purpose": asked.purpose,
        "promql": asked.promql,
        "start": span.start if span is not None else None,
        "end": span.end if span is not None else None,
        "step_s": span.step if span is not None else None,
        "took_s": asked.took,
        "samples": asked.samples,
    }


def as_text(reading: Reading) -> str:
    found = _sources(reading)
    lines = [
        _count(found["recorded"], "read from what their rules recorded"),
        _count(found["recorded_rates"], "computed from recorded rates: their rules are young or not loaded"),
        _count(found["raw"], "computed from raw series: no rules record them, see `sretool slo rules`"),
    ]
    asked = reading.asked
    took = sum(each.took.total_seconds() for each in asked)
    number = f"{len(asked)} {'query' if len(asked) == 1 else 'queries'}"
    lines.append(f"{number}, {took * 1000:.0f} ms of waiting in all, some at the same time")
    for position, each in enumerate(asked, 1):
        lines += ["", f"{position}. {each.purpose}", f"   {_what(each)}", f"   {_shortened(each.promql)}"]
    return "\n".join(line for number, line in enumerate(lines) if line or number > 2)


def _count(slos: Sequence[SloId], how: str) -> str:
    if not slos:
        return ""
    named = ", ".join(slos[:_NAMED]) + (f" and {len(slos) - _NAMED} more" if len(slos) > _NAMED else "")
    return f"{len(slos)} {'SLO' if len(slos) == 1 else 'SLOs'} {how}: {named}"


def _what(asked: Asked) -> str:
    answer = "no answer" if asked.samples is None else f"{asked.samples:,} samples"
    text = f"{_milliseconds(asked.took)}, {answer}"
    if asked.span is not None:
        begin, end = format_time(asked.span.start), format_time(asked.span.end)
        text += f", {begin} to {end} every {format_duration(asked.span.step)}"
    return click.style(text, dim=True)


def _milliseconds(took: timedelta) -> str:
    return f"{took.total_seconds() * 1000:.1f} ms"


def _shortened(promql: str) -> str:
    if len(promql) <= _SHOWN:
        return promql
    return f"{promql[:_SHOWN]}… ({len(promql):,} characters; --format json has all)"
