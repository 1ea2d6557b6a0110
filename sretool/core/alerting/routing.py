"""Which receivers an alert reaches, by an Alertmanager configuration: the walk down its tree of routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from sretool.core.alerting.silences import Matcher, read_matchers
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Reached:
    """One receiver that an alert reaches."""

    receiver: str
    path: tuple[str, ...]
    """The matchers of each route on the way down, the outermost first; the root has none."""
    group_by: tuple[str, ...]
    group_wait: str
    repeat_interval: str
    only_in: tuple[str, ...] = ()
    """Names of time intervals outside of which nobody is told."""
    not_in: tuple[str, ...] = ()
    """Names of time intervals in which nobody is told."""


@dataclass(frozen=True, slots=True)
class _Inherited:
    """What a route has from the one above where it says nothing itself."""

    receiver: str = ""
    group_by: tuple[str, ...] = ()
    group_wait: str = "30s"
    repeat_interval: str = "4h"


def reached(configuration: str, labels: Mapping[str, str]) -> tuple[Reached, ...]:
    """The receivers in the order Alertmanager tells them; UsageError where the configuration is unusable."""
    try:
        document = yaml.load(configuration, Loader=yaml.CSafeLoader)
        return tuple(_walk(document["route"], labels, _Inherited(), ()))
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"Alertmanager's configuration cannot be read: {error}") from error


def _walk(
    route: Mapping[str, Any], labels: Mapping[str, str], above: _Inherited, path: tuple[str, ...]
) -> Iterator[Reached]:
    own = _Inherited(
        receiver=route.get("receiver") or above.receiver,
        group_by=tuple(route.get("group_by") or above.group_by),
        group_wait=str(route.get("group_wait") or above.group_wait),
        repeat_interval=str(route.get("repeat_interval") or above.repeat_interval),
    )
    matched = False
    for child in route.get("routes") or ():
        matchers = _matchers(child)
        if not all(matcher.matches(labels) for matcher in matchers):
            continue
        matched = True
        yield from _walk(child, labels, own, (*path, ", ".join(map(str, matchers))))
        if not child.get("continue"):
            break
    if not matched:
        yield Reached(
            own.receiver,
            path,
            own.group_by,
            own.group_wait,
            own.repeat_interval,
            tuple(route.get("active_time_intervals") or ()),
            tuple(route.get("mute_time_intervals") or ()),
        )


def _matchers(route: Mapping[str, Any]) -> tuple[Matcher, ...]:
    """Of `matchers`, and of the older `match` and `match_re`."""
    found = [matcher for text in route.get("matchers") or () for matcher in read_matchers(str(text))]
    found += [Matcher(name, str(value)) for name, value in (route.get("match") or {}).items()]
    found += [Matcher(name, str(value), regex=True) for name, value in (route.get("match_re") or {}).items()]
    return tuple(found)
