"""How requests spread over the instances of a service, as its load balancer counts them.

The load balancer keeps counting for an instance that is gone; what the instance itself counts would be
missing just then.
"""

from __future__ import annotations

from typing import Final

from chaoslib.exceptions import ActivityFailed

from sretool.chaos import sources
from sretool.chaos.probes.prometheus import value
from sretool.chaos.telling import tell

REQUESTS: Final = 'haproxy_server_http_responses_total{proxy="app"}'
"""HAProxy's own figures; the label `server` is the instance."""


def share(
    instance: str,
    window: str = "5s",
    requests: str = REQUESTS,
    label: str = "server",
    prometheus: str = "",
    lab: str = "",
) -> float:
    """Share of all requests of the last `window` that one instance got, 0 to 1.

    `requests` selects the counters of requests of all instances, `label` is the one that names the instance.
    Without any request in the window there is no share: the probe fails.
    """
    if not requests.rstrip().endswith("}"):
        requests = f"{requests}{{}}"
    own = f'{requests.rstrip()[:-1].rstrip(", ")},{label}="{instance}"}}'.replace("{,", "{")
    total = value(f"sum(rate({requests}[{window}]))", prometheus, lab)
    if total <= 0:
        raise ActivityFailed(f"no requests within {window}: there are no shares")
    found = value(f"sum(rate({own}[{window}]))", prometheus, lab) / total
    tell("traffic", instance=instance, share=found)
    return found


def share_within(
    instance: str,
    low: float = 0.0,
    high: float = 1.0,
    wait: float = 0.0,
    window: str = "5s",
    requests: str = REQUESTS,
    label: str = "server",
    prometheus: str = "",
    lab: str = "",
    sure: bool = False,
) -> bool:
    """Whether the share of one instance gets to `low` … `high` (0 to 1) within `wait` seconds.

    `sure`: fail instead of giving False, so that no run passes without it.
    """

    def there() -> bool:
        return low <= share(instance, window, requests, label, prometheus, lab) <= high

    problem = f"the share of {instance} is not from {low:g} to {high:g} after {wait:.0f} s"
    return sources.sure_of(sources.wait_until(there, wait), sure, problem)
