"""Proposed objectives as a catalog file whose remarks say where every line comes from."""

from __future__ import annotations

import re
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from sretool.core.catalog.discover.propose import WINDOW, percent, shown_share
from sretool.core.slo.model import BooleanGauge, BucketRatio, EventRatio
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from sretool.core.catalog.discover.propose import Proposal, Proposed

_WIDTH: Final = 100
_PLAIN: Final = re.compile(r"[A-Za-z_][^#:]*(?::[^\s#:][^#:]*)*")
"""Text that YAML reads as itself without quotes, as far as it begins like a name."""


def render(proposal: Proposal, server: str, at: datetime, days: int) -> str:
    """The file. `server` is where the figures come from, `at` when the newest of them was taken."""
    lines = [
        *_remark(f"Objectives that `sretool init` proposes from the metrics of {server}", ""),
        *_remark(
            f"and what they were in the {days} days before {at:%Y-%m-%d %H:%M} UTC. Each target is the"
            " highest usual one that would have been kept with half its budget left; its window rolls. Read"
            " what is uncertain, ask those who use the service, then delete these remarks.",
            "",
        ),
        "slos:",
    ]
    for slo in proposal.slos:
        lines += [*_slo(slo, proposal.window), ""]
    if proposal.passed:
        lines += _remark("Recognised, but not proposed:", "")
        for passed in proposal.passed:
            lines += _remark(f"- {passed.what}: {passed.why}", "", "  ")
    return "\n".join(lines).rstrip("\n") + "\n"


def _slo(slo: Proposed, window: timedelta) -> Iterator[str]:
    yield from _remark(f"from: {slo.source}", "  ")
    yield from _remark(f"attained: {attained(slo)}", "  ")
    for each in slo.unsure:
        yield from _remark(f"uncertain: {each}", "  ")
    yield f"  - id: {scalar(slo.id)}"
    yield f"    title: {scalar(slo.title)}"
    yield from _remark(f"{percent(slo.objective)} {slo.why}", "    ")
    yield f"    objective: {percent(slo.objective)}"
    if window < WINDOW:
        yield from _remark(f"the server keeps samples for less than {format_duration(WINDOW)}", "    ")
    yield f"    window: {format_duration(window)}"
    if slo.min_events is not None:
        an_hour = slo.attained.total / (slo.attained.days * 24)
        yield from _remark(f"some {an_hour:.3g} events an hour: a single bad one must not page", "    ")
        yield f"    min_events: {slo.min_events}"
    yield from _remark(slo.meaning, "    ")
    yield "    sli:"
    for key, value in sli_keys(slo).items():
        yield f"      {key}: {scalar(value)}"


def attained(slo: Proposed) -> str:
    """What the past was like, in one sentence."""
    past = slo.attained
    days = "1 day" if past.days == 1 else f"{past.days} days"
    said = f"{shown_share(past.ratio)} of {past.total:,.0f} {slo.events} in {days}"
    if past.worst is None:
        return said
    day, share = past.worst
    return f"{said}; the worst day ended {day:%Y-%m-%d %H:%M} with {shown_share(share)}"


def sli_keys(slo: Proposed) -> dict[str, str]:
    """The keys below `sli`."""
    match slo.sli:
        case EventRatio(bad=str(bad), total=total):
            return {"bad": bad, "total": total}
        case BucketRatio(histogram=histogram, threshold=threshold, matchers=matchers):
            return {
                "histogram": histogram,
                "threshold": format_decimal(threshold),
                "matchers": matchers,
            }
        case BooleanGauge(query=query):
            return {"up": query}
    raise AssertionError("no other kind is proposed")


def scalar(text: str) -> str:
    """`text` as YAML, in quotes only where it needs them."""
    if not text.isprintable():
        return '"' + "".join(map(_escaped, text)) + '"'
    if (_PLAIN.fullmatch(text) and text == text.strip()) or re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return text
    return "'" + text.replace("'", "''") + "'"


def _escaped(each: str) -> str:
    if each in '"\\':
        return f"\\{each}"
    return each if each.isprintable() else f"\\U{ord(each):08x}"


def _remark(text: str, indent: str, hanging: str = "") -> list[str]:
    """Lines of a remark; whatever a server's text holds, it stays one."""
    clean = "".join(each if each.isprintable() else " " for each in text)
    lines = wrap(
        " ".join(clean.split()), _WIDTH - len(indent) - 2, break_long_words=False, break_on_hyphens=False
    )
    return [f"{indent}# {'' if number == 0 else hanging}{line}" for number, line in enumerate(lines)]
