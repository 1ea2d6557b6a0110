"""How a running drill is known to everybody: an informational alert in Alertmanager, while it lasts.

Whoever announces a drill renews the alert; it ends by itself soon after nobody does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.observe.model import Alert, AlertState, Drill

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALERT: Final = "SretoolDrill"
LASTS: Final = timedelta(seconds=60)
"""How long an announcement holds without being renewed."""
RENEWED: Final = timedelta(seconds=20)
_SEVERITY: Final = "info"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One alert as it is sent."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts: datetime
    ends: datetime


def announcement(
    drill: Drill, *, run: str, by: str, ends: datetime, verdict: str = "", parent: str | None = None
) -> Announcement:
    """What says that `drill` runs until `ends`, or, with a `verdict`, that it has ended.

    `parent`: id of the game day that it is a step of.
    """
    services = ",".join(drill.services)
    labels = {"alertname": ALERT, "severity": _SEVERITY, "drill": drill.name, "run": run}
    if parent:
        labels["parent"] = parent
    if services:
        labels["services"] = services
    on = f" on {', '.join(drill.services)}" if drill.services else ""
    summary = f"DRILL {drill.name} has ended: {verdict}" if verdict else f"DRILL: {by} runs {drill.name}{on}"
    description = "Caused on purpose; faults are undone by the end, or by `sretool chaos heal`."
    return Announcement(labels, {"summary": summary, "description": description}, drill.started, ends)


def is_drill(alert: Alert) -> bool:
    return alert.name == ALERT


def announced(alerts: Iterable[Alert]) -> tuple[Drill, ...]:
    """Drills that Alertmanager knows of, the oldest first; a game day stands for its steps."""
    known = [each for each in alerts if is_drill(each) and each.state is not AlertState.RESOLVED]
    runs = {each.labels["run"] for each in known if each.labels.get("run")}
    found = (
        Drill(
            alert.labels.get("drill", alert.name),
            alert.since,
            tuple(filter(None, alert.labels.get("services", "").split(","))),
            runs=tuple(filter(None, (alert.labels.get("run"), alert.labels.get("parent")))),
        )
        for alert in known
        if alert.labels.get("parent") not in runs
    )
    return tuple(sorted(found, key=lambda drill: drill.started))
