"""One screen as a file: for the incident channel, a post-mortem, another program."""

from __future__ import annotations

import json
import re
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final

from sretool.tui import format as fmt
from sretool.tui.words import later

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sretool.core.observe.freshness import SourceAge
    from sretool.core.observe.model import Alert, SloStatus
    from sretool.tui.board import View

FORMATS: Final = {"text": "txt", "svg": "svg", "json": "json", "markdown": "md"}
"""Name → end of the file's name."""
KEYS: Final = {
    "t": ("text", later("text")),
    "s": ("svg", "SVG"),
    "j": ("json", "JSON"),
    "m": ("markdown", "Markdown"),
}


def stem(screen: str, now: datetime) -> str:
    """`sretool-overview-20261120T031241Z`."""
    words = re.sub(r"[^a-z0-9]+", "-", screen.casefold()).strip("-") or "screen"
    return f"sretool-{words}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def as_text(view: View, screen: str, lines: Sequence[str]) -> str:
    """The screen as it is, under a line that says what it is."""
    return "\n".join([_headline(view, screen), "", *_trimmed(lines)]) + "\n"


def as_markdown(view: View, screen: str, lines: Sequence[str]) -> str:
    fence = "```"
    sources = ", ".join(f"{source.name} {source.freshness.value}" for source in _sources(view))
    head = [
        f"### {_headline(view, screen)}",
        "",
        f"**{view.verdict.text(1_000)}**",
        "",
        f"Sources: {sources}",
    ]
    return "\n".join([*head, "", f"{fence}text", *_trimmed(lines), fence]) + "\n"


def as_json(view: View, screen: str, lines: Sequence[str], more: Mapping[str, Any]) -> str:
    """Times RFC 3339 UTC, ratios 0 to 1, durations in seconds (`_s`); null is no data."""
    document = {
        "schema": 1,
        "screen": screen,
        "at": _time(view.now),
        "origin": view.origin,
        "production": view.production,
        "filter": view.filter.text,
        "verdict": {"tag": view.verdict.tag.value, "text": view.verdict.text(1_000)},
        "sources": [_source(source) for source in _sources(view)],
        **more,
        "slos": [_slo(status) for status in view.statuses],
        "alerts": [_alert(alert) for alert in view.alerts],
        "lines": _trimmed(lines),
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def slo_text(view: View, status: SloStatus, query: str) -> str:
    """One objective for the clipboard: its state, when, and the query of its bad share."""
    hour = status.burns.get(timedelta(hours=1))
    parts = [
        fmt.LEVEL_WORDS[status.level].upper(),
        f"{fmt.percent_of_objective(status.sli, status.slo.objective).strip()}% vs "
        f"{fmt.objective_percent(status.slo.objective).strip()}%"
        if status.sli is not None
        else "",
        f"budget left {fmt.budget_percent(status.budget_left).strip()}",
        f"burn {fmt.burn(hour).strip()} (1h)",
        f"gone in {fmt.left_for(status.exhausts_in)}" if status.exhausts_in is not None else "",
    ]
    state = ", ".join(part for part in parts if part)
    return f"{status.slo.id}  {state}\n{_where(view)}\nPromQL: {query}"


def alert_text(view: View, alert: Alert) -> str:
    """One alert for the clipboard."""
    severity = alert.severity.value if alert.severity is not None else "alert"
    labels = ", ".join(f'{key}="{value}"' for key, value in sorted(alert.labels.items()))
    summary = alert.annotations.get("summary", "")
    head = f"{severity.upper()} {alert.name}  {fmt.STATE_WORDS[alert.state]} since {_time(alert.since)}"
    series = f"PromQL: ALERTS{{{labels}}}"
    return "\n".join(filter(None, [head, summary, _where(view), series]))


def _where(view: View) -> str:
    return f"at {_time(view.now)}  {view.origin}".rstrip()


def _headline(view: View, screen: str) -> str:
    place = f"PRODUCTION {view.origin}" if view.production else view.origin
    return f"{place}  {screen}  {_time(view.now)}".strip()


def _trimmed(lines: Sequence[str]) -> list[str]:
    return [line.rstrip() for line in lines]


def _sources(view: View) -> list[SourceAge]:
    return [view.prometheus, *([view.alertmanager] if view.alertmanager is not None else [])]


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _source(source: SourceAge) -> dict[str, Any]:
    return {
        "name": source.name,
        "freshness": source.freshness.value,
        "age_s": source.age.total_seconds() if source.age is not None else None,
        "error": source.error,
    }


def _slo(status: SloStatus) -> dict[str, Any]:
    slo = status.slo
    return {
        "id": slo.id,
        "service": slo.service,
        "owner": slo.owner,
        "objective": float(slo.objective),
        "level": status.level.value,
        "sli": status.sli,
        "budget_left": status.budget_left,
        "burn": {f"{int(window.total_seconds())}s": burn for window, burn in status.burns.items()},
        "exhausts_in_s": status.exhausts_in.total_seconds() if status.exhausts_in is not None else None,
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "name": alert.name,
        "severity": alert.severity.value if alert.severity is not None else None,
        "state": alert.state.value,
        "since": _time(alert.since),
        "slo": alert.slo,
        "labels": dict(alert.labels),
    }
