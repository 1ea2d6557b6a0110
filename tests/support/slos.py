"""SLOs for tests, short to write."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sretool.core.slo.model import EventRatio, Sli, Slo, SloId
from sretool.core.slo.windows import default_alerts

EVENTS = EventRatio(bad="errors_total", total="requests_total")


def slo(
    objective: str = "0.999",
    *,
    id: str = "shop/checkout",
    days: float = 30,
    sli: Sli = EVENTS,
    **more: object,
) -> Slo:
    """An SLO with the alert pairs that belong to its window."""
    window, target = timedelta(days=days), Decimal(objective)
    fields: dict[str, object] = {
        "title": "Checkout",
        "alerts": default_alerts(window, 1 - target),
        "tier": 1,
        "owner": "payments",
        "runbook": "checkout-down",
    } | more
    return Slo(id=SloId(id), objective=target, window=window, sli=sli, **fields)  # type: ignore[arg-type]
