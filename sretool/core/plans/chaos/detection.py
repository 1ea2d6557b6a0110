"""How alerts saw the fault: when each was pending, fired, was received and resolved, and what was unexpected.

    condition true → pending → (`for`, evaluated every so often) → firing → received by Alertmanager

A rule's condition is seen at the next evaluation and its `for` is over at an evaluation, so from pending to
firing takes `for` and at most two evaluations: what takes longer was held up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos import criteria as names
from sretool.core.runs import events
from sretool.core.runs.model import AlertMeasure, Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.core.plans.chaos.criteria import AlertCriterion, Criteria
    from sretool.core.plans.chaos.timeline import Timeline
    from sretool.core.runs.events import RunEvent

PROMETHEUS: Final = "prometheus"
ALERTMANAGER: Final = "alertmanager"


@dataclass(slots=True)
class Episode:
    """One time that one alert was raised; times are `t`."""

    name: str
    key: str
    pending: float | None = None
    firing: float | None = None
    received: float | None = None
    resolved: float | None = None
    silenced: bool = False
    for_s: float | None = None
    interval_s: float | None = None

    @property
    def began(self) -> float | None:
        known = [each for each in (self.pending, self.firing, self.received) if each is not None]
        return min(known, default=None)

    @property
    def fired(self) -> float | None:
        """What Alertmanager got has fired, even where nobody saw it in Prometheus."""
        return self.received if self.firing is None else self.firing

    def fired_before(self, t: float) -> bool:
        return self.fired is not None and self.fired < t

    @property
    def theory_s(self) -> float | None:
        """From pending to firing at most."""
        if self.for_s is None or self.interval_s is None:
            return None
        return self.for_s + 2 * self.interval_s

    @property
    def took_s(self) -> float | None:
        return None if self.pending is None or self.firing is None else self.firing - self.pending


@dataclass(slots=True)
class Detection:
    """What alerts did around the fault."""

    fault_on: float | None
    episodes: tuple[Episode, ...] = ()
    watched: dict[str, bool] = field(default_factory=dict)
    """Source → whether it could be asked all the time from before the fault to the end."""

    def since_fault(self, name: str | None = None) -> list[Episode]:
        """Those that began after the fault, by `name` only where one is given."""
        return [
            each
            for each in self.episodes
            if self.fault_on is not None
            and each.began is not None
            and each.began >= self.fault_on
            and name in (None, each.name)
        ]

    def across_fault(self, name: str) -> list[Episode]:
        """Those that had begun when the fault was made: what they say is not about it."""
        return [
            each
            for each in self.episodes
            if self.fault_on is not None
            and each.name == name
            and each.began is not None
            and each.began < self.fault_on
            and (each.resolved is None or each.resolved >= self.fault_on)
        ]

    def fired(self, name: str) -> Episode | None:
        """The first time after the fault."""
        found = [(each.fired, each) for each in self.since_fault(name) if each.fired is not None]
        return min(found, key=lambda each: each[0])[1] if found else None


def detect(of: Criteria, timeline: Timeline) -> Detection:
    sources = {PROMETHEUS: _watched(PROMETHEUS, of, timeline)}
    if of.received:
        sources[ALERTMANAGER] = _watched(ALERTMANAGER, of, timeline)
    return Detection(timeline.fault_on, tuple(_episodes(timeline)), sources)


def _watched(source: str, of: Criteria, timeline: Timeline) -> bool:
    """Answers before the fault and at the end, and in between was never silent for too long."""
    told = [(t, what.ok) for t, what in timeline.of(events.SourceState) if what.source == source]
    begin, end = timeline.fault_on, timeline.watch_ended
    if begin is None or end is None or not told:
        return False
    before = [ok for t, ok in told if t <= begin]
    last_t, last = told[-1]
    over = timeline.all_off if timeline.all_off is not None else end
    if not before or not before[-1] or not last or last_t < over or end - last_t > of.blind_s:
        return False
    silent_since: float | None = None
    for t, ok in told:
        if silent_since is not None and t >= begin and t - max(silent_since, begin) > of.blind_s:
            return False
        silent_since = None if ok else t if silent_since is None else silent_since
    return True


def _episodes(timeline: Timeline) -> Iterator[Episode]:
    now: dict[str, Episode] = {}
    latest: dict[str, Episode] = {}
    hidden: set[str] = set()
    found: list[Episode] = []
    for event in timeline.events:
        if not isinstance(event.what, events.AlertChange):
            continue
        what = event.what
        key = what.fingerprint or what.name
        episode = now.get(key)
        if what.state in ("silenced", "inhibited"):
            hidden.add(key)
        if episode is None and what.state not in ("pending", "firing"):
            # Alertmanager may speak of what is over in Prometheus already.
            episode = latest.get(key)
            if what.state == "received" and (episode is None or episode.received is not None):
                episode = None
            elif episode is None or what.state != "received":
                continue
        if episode is None:
            episode = now[key] = latest[key] = Episode(what.name, key, silenced=key in hidden)
            found.append(episode)
        episode.for_s = episode.for_s if what.for_s is None else what.for_s
        episode.interval_s = episode.interval_s if what.interval_s is None else what.interval_s
        match what.state:
            case "pending" if episode.pending is None:
                episode.pending = _since(event, what)
            case "firing" if episode.firing is None:
                episode.firing = _since(event, what)
            case "received" if episode.received is None:
                episode.received = event.t
            case "silenced" | "inhibited":
                episode.silenced = True
            case "resolved":
                episode.resolved = event.t
                del now[key]
            case _:
                pass
    yield from found


def _since(event: RunEvent, what: events.AlertChange) -> float:
    """By its own clock, never later than it was seen."""
    if what.since is None:
        return event.t
    return min(event.t, event.t + (what.since - event.at).total_seconds())


def checks(of: Criteria, found: Detection, timeline: Timeline) -> Iterator[Check]:
    if of.expected_alerts or of.unexpected_fail:
        silent = sorted(source for source, watched in found.watched.items() if not watched)
        got = "all the time" if not silent else f"not all the time: {', '.join(silent)}"
        yield Check(names.WATCHED, want="all the time", got=got, ok=None if silent else True)
    for each in of.expected_alerts:
        yield from _expected(each, found, of)
    if of.expected_alerts:
        yield _resolved(found, of, timeline)
    if of.unexpected_fail:
        yield _unexpected(of, found)


def _expected(of: AlertCriterion, found: Detection, whole: Criteria) -> Iterator[Check]:
    name = names.alert_check(of.name)
    fired = found.fired(of.name)
    if fired is None or fired.fired is None or found.fault_on is None:
        across = found.across_fault(of.name)
        if across and found.fault_on is not None:
            got = (
                "fired before"
                if any(each.fired_before(found.fault_on) for each in across)
                else "pending before"
            )
            yield Check(name, want=of.within_s, got=got, unit="s")
        elif found.watched.get(PROMETHEUS) and found.fault_on is not None:
            yield Check(name, want=of.within_s, got="never", unit="s", ok=False)
        else:
            yield Check(name, want=of.within_s, unit="s")
        return
    after = fired.fired - found.fault_on
    yield Check(name, want=of.within_s, got=round(after, 3), unit="s", ok=after <= of.within_s)
    if not whole.received:
        return
    name = names.received_check(of.name)
    if fired.silenced:
        yield Check(name, want="yes", got="silenced", ok=False)
    elif fired.received is not None:
        yield Check(name, want="yes", got="yes", ok=True)
    else:
        seen = found.watched.get(ALERTMANAGER)
        yield Check(name, want="yes", got="no" if seen else None, ok=False if seen else None)


def _resolved(found: Detection, of: Criteria, timeline: Timeline) -> Check:
    left = sorted({each.name for each in raised(of, found) if each.resolved is None})
    if left:
        return Check(
            names.RESOLVED,
            want="all",
            got=f"still firing: {', '.join(left)}",
            ok=False if deadline_over(of, timeline) else None,
        )
    watched = found.watched.get(PROMETHEUS)
    return Check(names.RESOLVED, want="all", got="all" if watched else None, ok=True if watched else None)


def raised(of: Criteria, found: Detection) -> list[Episode]:
    """Expected alerts that fired for the fault. Others may remember it for hours, as budgets do: whether they
    are allowed at all is another question."""
    expected = {each.name for each in of.expected_alerts}
    return [each for each in found.episodes if each.name in expected and _fired_after(each, found)]


def deadline_over(of: Criteria, timeline: Timeline) -> bool:
    """Whether everything had the time it was given to recover."""
    begin, end = timeline.to_be_over, timeline.watch_ended
    if begin is None or end is None or of.recovery_deadline_s is None:
        return False
    return end - begin >= of.recovery_deadline_s


def unexpected(of: Criteria, found: Detection) -> list[str]:
    """Alerts that began to fire after the fault, and nobody said they would."""
    expected = {each.name for each in of.expected_alerts}
    return sorted(
        {each.name for each in found.episodes if _fired_after(each, found) and each.name not in expected}
    )


def _fired_after(episode: Episode, found: Detection) -> bool:
    """It may have been pending before."""
    return found.fault_on is not None and episode.fired is not None and episode.fired >= found.fault_on


def _unexpected(of: Criteria, found: Detection) -> Check:
    those = unexpected(of, found)
    if those:
        return Check(names.UNEXPECTED, want=0, got=", ".join(those), ok=False)
    watched = found.watched.get(PROMETHEUS)
    return Check(names.UNEXPECTED, want=0, got=0 if watched else None, ok=True if watched else None)


def mttd_s(of: Criteria, found: Detection) -> float | None:
    """From the fault to the first alert that fired for it: of those expected, where any is."""
    expected = {each.name for each in of.expected_alerts}
    fired = [
        each.fired
        for each in found.since_fault()
        if each.fired is not None and (each.name in expected or not expected)
    ]
    return round(min(fired) - found.fault_on, 6) if fired and found.fault_on is not None else None


def measures(of: Criteria, found: Detection, timeline: Timeline) -> tuple[AlertMeasure, ...]:
    """One for each time that an alert was raised, and one for each that was expected and never was."""
    expected = {each.name for each in of.expected_alerts}
    on = found.fault_on

    def after(t: float | None) -> float | None:
        return None if t is None or on is None or t < on else round(t - on, 6)

    told = [
        AlertMeasure(
            name=each.name,
            pending_at=timeline.at(each.pending),
            firing_at=timeline.at(each.firing),
            received_at=timeline.at(each.received),
            resolved_at=timeline.at(each.resolved),
            expected=each.name in expected,
            silenced=each.silenced,
            before=on is not None and each.began is not None and each.began < on,
            detected_s=after(each.fired),
            theory_s=each.theory_s,
            took_s=None if each.took_s is None else round(each.took_s, 6),
        )
        for each in found.episodes
    ]
    raised = {each.name for each in told}
    told += [AlertMeasure(each.name, expected=True) for each in of.expected_alerts if each.name not in raised]
    return tuple(told)
