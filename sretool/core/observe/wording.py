"""The words a verdict is made of: figures, names, spans of time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sretool.core.observe.freshness import Freshness
from sretool.core.observe.phrase import Phrase, phrase
from sretool.core.slo.model import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sretool.core.observe.freshness import SourceAge
    from sretool.core.observe.model import Alert, SloStatus, Snapshot

NOTHING = phrase("")


def kept(parts: Sequence[Phrase]) -> tuple[Phrase, ...]:
    return tuple(part for part in parts if part.pattern)


def name_of(status: SloStatus) -> Phrase:
    return phrase("{id}", id=str(status.slo.id))


def short_and_long(status: SloStatus) -> tuple[float | None, float | None]:
    """Burn over the shortest window known, and over one hour (or the next longer one known)."""
    windows = sorted(status.burns)
    long = next((window for window in windows if window >= timedelta(hours=1)), None)
    return (
        status.burns[windows[0]] if windows else None,
        status.burns[long] if long is not None else None,
    )


def burn(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:.1f}x" if value < 100 else f"{value:.0f}x"


def burn_words(status: SloStatus) -> Phrase:
    pair = status.firing[0] if status.firing else None
    value = status.burns.get(pair.long) if pair is not None else None
    if value is None:
        value = short_and_long(status)[1]
    return phrase(" burns {burn}", burn=burn(value)) if value is not None else NOTHING


def gone_words(status: SloStatus, prometheus: SourceAge) -> Phrase:
    """When the budget is used up; a countdown from figures that are late would be a guess."""
    if status.budget_left is not None and status.budget_left <= 0:
        return phrase(", budget spent ({left})", left=percent(status.budget_left))
    if status.exhausts_in is None or prometheus.freshness is not Freshness.FRESH:
        return NOTHING
    return phrase(", gone in {span}", span=span(status.exhausts_in))


def percent(share: float) -> str:
    return f"{share * 100:.0f}%"


def owner(status: SloStatus) -> Phrase:
    return phrase("  {owner}", owner=status.slo.owner) if status.slo.owner else NOTHING


def alert_owner(alert: Alert) -> Phrase:
    name = alert.labels.get("owner")
    return phrase("  {owner}", owner=name) if name else NOTHING


def alert_name(alert: Alert) -> str:
    instance = alert.labels.get("instance")
    return f"{alert.name} {instance}" if instance else alert.name


def summary(alert: Alert) -> Phrase:
    said = alert.annotations.get("summary")
    return phrase("{alert}: {summary}", alert=alert_name(alert), summary=said or phrase("no summary"))


def more(count: int) -> Phrase:
    return phrase(", {count} more", count=str(count)) if count > 0 else NOTHING


def slos(count: int) -> Phrase:
    return phrase("1 SLO") if count == 1 else phrase("{count} SLOs", count=str(count))


def counts(statuses: Iterable[SloStatus]) -> Phrase:
    levels = [status.level for status in statuses]
    found = [f"{levels.count(level)} {level.value.replace('_', ' ')}" for level in Level if level in levels]
    return phrase("SLOs: {counts}", counts=", ".join(found))


def gate_facts(snapshot: Snapshot) -> tuple[Phrase, ...]:
    gate = snapshot.gate
    if gate is None:
        return ()
    wait = phrase("; wait: {changes}", changes=", ".join(gate.frozen)) if gate.frozen else NOTHING
    said = phrase(
        "Release gate: {step} by {slo}, {left}% left{wait}",
        step=gate.step.name,
        slo=str(gate.slo),
        left=f"{gate.left * 100:.1f}",
        wait=wait,
    )
    if gate.response is None:
        return (said,)
    actions = "; ".join(gate.response.actions)
    response = phrase(
        "Response level {level}: {title}{actions}",
        level=str(gate.level),
        title=gate.response.title,
        actions=f": {actions}" if actions else "",
    )
    return (said, response)


def source_facts(
    snapshot: Snapshot, prometheus: SourceAge, alertmanager: SourceAge | None
) -> tuple[Phrase, ...]:
    """How old each source is, which server of several answers, and what it said beside its answer."""
    facts = [_source_fact("Prometheus", prometheus)]
    if alertmanager is None:
        facts.append(phrase("Alertmanager: not configured (--alertmanager URL)"))
    else:
        facts.append(_source_fact("Alertmanager", alertmanager))
    for health in snapshot.sources:
        if health.endpoint is not None:
            facts.append(phrase("{source} is read from {where}", source=health.name, where=health.endpoint))
        facts += [
            phrase("{source} remarks: {remark}", source=health.name, remark=remark)
            for remark in health.remarks
        ]
    return tuple(facts)


def _source_fact(label: str, source: SourceAge) -> Phrase:
    old = phrase(", {span} old", span=span(source.age)) if source.age is not None else NOTHING
    error = f", {source.error}" if source.error else ""
    return phrase(
        "{source}: {state}{old}{error}",
        source=label,
        state=phrase(source.freshness.value),
        old=old,
        error=error,
    )


def ago(now: datetime, moment: datetime) -> str:
    return span(now - moment)


def span(duration: timedelta | None) -> str:
    """The two largest units at most: `18h29m`, `6d`, `41s`."""
    if duration is None:
        return "?"
    seconds = max(int(duration.total_seconds()), 0)
    if seconds >= 2 * 86400:
        return f"{seconds // 86400}d"
    if seconds >= 3600:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"
    if seconds >= 60:
        return f"{seconds // 60}m"
    return f"{seconds}s"
