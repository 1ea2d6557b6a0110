"""When alerts fired, out of Prometheus' own series of them (`ALERTS`).

The series has a sample for each evaluation while an alert fires, so counting its samples counts minutes, not
firings. A firing is a stretch of samples; two stretches with less than a step between them are one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.slo.promql import quote
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sretool.core.alerting.silences import Matcher

BACK: Final = timedelta(days=30)
WEEK: Final = timedelta(days=7)

_MOST_STEPS: Final = 8_640
"""Prometheus answers 11,000 points for a series; 30 days in steps of 5 minutes are 8,640."""
_FINEST: Final = timedelta(seconds=15)
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
    """PromQL of the alerts these matchers mean, sampled so that none is missed between two steps.

    Labels of `external` are added on the way to Alertmanager, so that `ALERTS` may not have them.
    """
    conditions = ['alertstate="firing"', *(_condition(matcher, external) for matcher in matchers)]
    return f"max_over_time(ALERTS{{{','.join(conditions)}}}[{format_duration(step)}])"


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
    series: Iterable[tuple[Mapping[str, str], Sequence[datetime]]], step: timedelta, end: datetime
) -> tuple[Firing, ...]:
    """Labels and times of samples → firings, newest first; `step` is that of the question."""
    found: list[Firing] = []
    for labels, times in series:
        own = {name: value for name, value in labels.items() if name not in _OWN}
        start = last = None
        for at in times:
            if start is None or last is None:
                start = at
            elif at - last > step * 1.5:
                found.append(Firing(own, start, last, going_on=False))
                start = at
            last = at
        if start is not None and last is not None:
            found.append(Firing(own, start, last, going_on=end - last < step * 1.5))
    return tuple(sorted(found, key=lambda firing: firing.start, reverse=True))


def of_alert(found: Iterable[Firing], labels: Mapping[str, str]) -> tuple[Firing, ...]:
    """Those of one alert: whatever labels the series has, the alert has, too."""
    return tuple(f for f in found if f.labels and all(labels.get(k) == v for k, v in f.labels.items()))
