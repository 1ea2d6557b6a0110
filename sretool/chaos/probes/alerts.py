"""Whether an alert came, and how far: pending or firing in Prometheus, received by Alertmanager, resolved.

`labels` narrows to alerts that carry them all. `within` is in seconds; 0 asks once. True as soon as it is so,
False where it was not in time; where nobody could be asked at the end, the probe fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chaoslib.exceptions import ActivityFailed

from sretool.chaos import sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Labels = dict[str, str] | None


def pending(
    name: str, within: float = 0.0, labels: Labels = None, prometheus: str = "", lab: str = ""
) -> bool:
    """Whether the alert's expression became true within so many seconds: it is pending or fires."""
    return sources.wait_until(lambda: bool(_of_rules(prometheus, lab, name, labels)), within)


def firing(
    name: str, within: float = 0.0, labels: Labels = None, prometheus: str = "", lab: str = ""
) -> bool:
    """Whether the alert fires within so many seconds."""

    def fires() -> bool:
        return any(each["state"] == "firing" for each in _of_rules(prometheus, lab, name, labels))

    return sources.wait_until(fires, within)


def received(
    name: str, within: float = 0.0, labels: Labels = None, alertmanager: str = "", lab: str = ""
) -> bool:
    """Whether Alertmanager has the alert as active within so many seconds, neither silenced nor inhibited."""

    def there() -> bool:
        found = _in_alertmanager(alertmanager, lab, name, labels)
        return any(each["status"]["state"] == "active" for each in found)

    return sources.wait_until(there, within)


def resolved(
    name: str | list[str], within: float = 0.0, labels: Labels = None, prometheus: str = "", lab: str = ""
) -> bool:
    """Whether the alert, or each of several, is neither pending nor firing within so many seconds."""
    names = [name] if isinstance(name, str) else name
    if not names:
        raise ActivityFailed("no alert is named")

    def over() -> bool:
        found = _all_of_rules(prometheus, lab)
        return not any(_is(alert["labels"], each, labels) for alert in found for each in names)

    return sources.wait_until(over, within)


def quiet(
    besides: Iterable[str] = (),
    severity: str = "page",
    prometheus: str = "",
    lab: str = "",
    wait: float = 0.0,
) -> bool:
    """Whether no alert of this `severity` (empty: of any) fires, those named in `besides` left out.

    `wait`: seconds that it may take until it is so. Alerts on budgets remember for as long as their windows:
    what is to be said of this moment leaves them out.
    """
    return sources.wait_until(lambda: not loud(besides, severity, prometheus, lab), wait)


def loud(
    besides: Iterable[str] = (), severity: str = "page", prometheus: str = "", lab: str = ""
) -> list[str]:
    """Names of the alerts of this `severity` (empty: of any) that fire now, without `besides`."""
    left_out = set(besides)
    return sorted(
        {
            each["labels"]["alertname"]
            for each in _all_of_rules(prometheus, lab)
            if each["state"] == "firing" and severity in ("", each["labels"].get("severity"))
        }
        - left_out
    )


def _of_rules(prometheus: str, lab: str, name: str, labels: Labels) -> list[Mapping[str, Any]]:
    return [each for each in _all_of_rules(prometheus, lab) if _is(each["labels"], name, labels)]


def _all_of_rules(prometheus: str, lab: str) -> list[Mapping[str, Any]]:
    place = sources.prometheus(prometheus, lab)
    reply = sources.get(f"{place}/api/v1/alerts")
    try:
        found: list[Mapping[str, Any]] = reply["data"]["alerts"]
    except (KeyError, TypeError) as error:
        raise ActivityFailed(f"{place} does not answer like a Prometheus") from error
    return found


def _in_alertmanager(address: str, lab: str, name: str, labels: Labels) -> list[Mapping[str, Any]]:
    place = sources.alertmanager(address, lab)
    reply = sources.get(f"{place}/api/v2/alerts")
    if not isinstance(reply, list):
        raise ActivityFailed(f"{place} does not answer like an Alertmanager")
    return [each for each in reply if _is(each["labels"], name, labels)]


def _is(carried: Mapping[str, str], name: str, labels: Labels) -> bool:
    wanted = {"alertname": name, **(labels or {})}
    return all(carried.get(key) == value for key, value in wanted.items())
