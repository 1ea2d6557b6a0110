"""When alerts fired, out of Prometheus' own series of them (`ALERTS`).

The series has a sample for each evaluation while an alert fires, so counting its samples counts minutes, not
firings. A firing is a stretch of samples in which the alert began once: `ALERTS_FOR_STATE` says when, so that
two firings with less than a step between them are told apart where the server has that series.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.slo.promql import quote
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sretool.core.alerting.silences import Matcher

BACK: Final = timedelta(days=30)
WEEK: Final = timedelta(days=7)

_MOST_STEPS: Final = 8_640
"""Prometheus answers 11,000 points for a series; 30 days in steps of 5 minutes are 8,640."""
_FINEST: Final = timedelta(seconds=15)
_FIRING: Final = 'alertstate="firing"'
_OWN: Final = frozenset({"__name__", "alertstate"})


@dataclass(frozen=True, slots=True)
class Firing:
    """One stretch in which an alert fired; both ends are right to a step."""

    labels: Mapping[str, str]
    start: datetime
    end: datetime
    going_on: bool
    """Whether it still fired at the end of what was asked for."""

    @property
    def lasted(self) -> timedelta:
        return self.end - self.start


def step_for(span: timedelta) -> timedelta:
    """The finest step that covers `span` with one question."""
    seconds = span.total_seconds() / _MOST_STEPS
    return max(_FINEST, timedelta(seconds=-(-seconds // 15) * 15))


def query(matchers: Iterable[Matcher], step: timedelta, external: frozenset[str] = frozenset()) -> str:
    """PromQL of when the alerts these matchers mean began, as seconds, or of 1 where that is not known.

    It has values at the steps in which an alert fired, however shortly. Labels of `external` are added on the
    way to Alertmanager, so that `ALERTS` may not have them.
    """
    conditions = [_condition(matcher, external) for matcher in matchers]
    firing = f"ALERTS{{{','.join([_FIRING, *conditions])}}}"
    began = f"ALERTS_FOR_STATE{{{','.join(conditions)}}}"
    window, finest = format_duration(step), format_duration(_FINEST)
    at_once = f"{began} and ignoring (alertstate) {firing} or ignoring (alertstate) {firing}"
    # A firing too short for any of these looks is still in the step as a whole.
    fired = f"max_over_time({firing}[{window}])"
    shortly = f"max_over_time({began}[{window}]) and ignoring (alertstate) {fired}"
    return (
        f"max_over_time(({at_once})[{window}:{finest}])"
        f" or ignoring (alertstate) ({shortly}) or ignoring (alertstate) {fired}"
    )


def ever(matchers: Iterable[Matcher], span: timedelta, external: frozenset[str] = frozenset()) -> str:
    """PromQL of the alerts these matchers mean that fired during the last `span`; labels as with `query`."""
    conditions = [_FIRING, *(_condition(matcher, external) for matcher in matchers)]
    return f"max_over_time(ALERTS{{{','.join(conditions)}}}[{format_duration(span)}])"


def _condition(matcher: Matcher, external: frozenset[str]) -> str:
    if matcher.name in external and matcher.equal and not matcher.regex:
        return f"{matcher.name}=~{quote(_literal(matcher.value) + '|')}"
    return str(matcher)


def _literal(text: str) -> str:
    return "".join(f"\\{char}" if char in r"\.+*?()|[]{}^$" else char for char in text)


def common_labels(alerts: Sequence[Mapping[str, str]]) -> frozenset[str]:
    """Labels that all of several alerts have with one value; Prometheus' external ones are among them."""
    if len(alerts) < 2:
        return frozenset()
    first, *rest = alerts
    return frozenset(
        name for name, value in first.items() if all(each.get(name) == value for each in rest)
    ) - {"alertname"}


def firings(
    series: Iterable[tuple[Mapping[str, str], Sequence[tuple[datetime, float]]]],
    step: timedelta,
    end: datetime,
) -> tuple[Firing, ...]:
    """Answer to `query` → firings, newest first; `step` is that of the question."""
    points: dict[frozenset[tuple[str, str]], dict[datetime, float]] = {}
    for labels, found in series:
        own = frozenset((name, value) for name, value in labels.items() if name not in _OWN)
        # A server that began to record when alerts begin has two series of one alert.
        of = points.setdefault(own, {})
        of.update((at, max(value, of.get(at, value))) for at, value in found)
    every = (_stretches(dict(own), sorted(found.items()), step, end) for own, found in points.items())
    return tuple(sorted((each for of in every for each in of), key=lambda firing: firing.start, reverse=True))


def _stretches(
    labels: Mapping[str, str], points: Sequence[tuple[datetime, float]], step: timedelta, end: datetime
) -> Iterator[Firing]:
    start = last = began = None
    for at, value in points:
        if start is None or last is None or began is None:
            start = at
        elif at - last > step * 1.5 or value != began:
            yield Firing(labels, start, last, going_on=False)
            start = at
        last, began = at, value
    if start is not None and last is not None:
        yield Firing(labels, start, last, going_on=end - last < step * 1.5)


def of_alert(found: Iterable[Firing], labels: Mapping[str, str]) -> tuple[Firing, ...]:
    """Those of one alert: whatever labels the series has, the alert has, too."""
    return tuple(f for f in found if f.labels and all(labels.get(k) == v for k, v in f.labels.items()))
