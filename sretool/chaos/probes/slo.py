"""How objectives of a catalog stand, by the same figures as `sretool slo status`."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chaoslib.exceptions import ActivityFailed

from sretool import wiring
from sretool.chaos import sources
from sretool.core.slo.select import select
from sretool.errors import SretoolError
from sretool.ports import Endpoint
from sretool.units import format_duration, parse_duration

if TYPE_CHECKING:
    from sretool.core.observe.model import SloStatus


def met(slo: str, prometheus: str = "", catalog: str = "", lab: str = "") -> bool:
    """Whether the objective `slo` (`service/name`) is kept over its window: its budget is not spent."""
    return budget_left(slo, prometheus, catalog, lab) >= 0


def budget_left(slo: str, prometheus: str = "", catalog: str = "", lab: str = "") -> float:
    """What is left of the error budget as a ratio: 1 untouched, 0 spent, below 0 overspent."""
    status = _status(slo, prometheus, catalog, lab)
    if status.budget_left is None:
        raise ActivityFailed(f"no data for the budget of {slo}{_why(status)}")
    return sources.number(status.budget_left, f"the budget of {slo}")


def burn(slo: str, window: str = "5m", prometheus: str = "", catalog: str = "", lab: str = "") -> float:
    """How many times as fast as allowed the budget was spent in the last `window`; 1 spends it exactly.

    `window` is one of those the objective's alerts look at: 5m, 30m, 1h, 2h, 6h, 1d, 3d.
    """
    status = _status(slo, prometheus, catalog, lab)
    try:
        span: timedelta = parse_duration(window)
    except SretoolError as error:
        raise ActivityFailed(error.message) from error
    if span not in status.burns:
        known = ", ".join(format_duration(each) for each in sorted(status.burns))
        raise ActivityFailed(f"{slo} has no burn rate over {window}; it has {known}")
    found = status.burns[span]
    if found is None:
        raise ActivityFailed(f"no data for the burn rate of {slo} over {window}{_why(status)}")
    return sources.number(found, f"the burn rate of {slo}")


def burn_below(
    slo: str, bound: float, window: str = "5m", prometheus: str = "", catalog: str = "", lab: str = ""
) -> bool:
    """Whether the budget was spent less than `bound` times as fast as allowed in the last `window`."""
    return burn(slo, window, prometheus, catalog, lab) < bound


def _status(slo: str, prometheus: str, catalog: str, lab: str) -> SloStatus:
    place = sources.catalog(catalog, lab)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sretool"
    try:
        chosen = select(wiring.system([place], cache).slos, (slo,))
    except SretoolError as error:
        raise ActivityFailed(error.message) from error
    if len(chosen) != 1:
        raise ActivityFailed(f"{slo} names {len(chosen)} objectives, not one")
    endpoints = wiring.Endpoints(
        tuple(chosen),
        Endpoint(sources.prometheus(prometheus, lab)),
        deadline=timedelta(seconds=sources.PATIENCE),
    )

    async def ask() -> SloStatus:
        watch = wiring.watch(endpoints)
        try:
            snapshot = await watch.poll_metrics(changes=False)
        finally:
            await watch.aclose()
        failed = next((source for source in snapshot.sources if not source.ok), None)
        if failed is not None:
            raise ActivityFailed(failed.error or f"{failed.name} gave no answer")
        return snapshot.statuses[0]

    return asyncio.run(ask())


def _why(status: SloStatus) -> str:
    return f": {status.problem}" if status.problem else ""
