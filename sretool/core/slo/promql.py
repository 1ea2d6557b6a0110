"""PromQL that names the series the rules record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.units import format_duration

if TYPE_CHECKING:
    from datetime import timedelta

    from sretool.core.slo.model import Slo


def quote(value: str) -> str:
    """`value` as a PromQL string literal."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def recorded(name: str, slo: Slo, window: timedelta | None = None) -> str:
    """Selector of one recorded series of the SLO."""
    by_window = f",window={quote(format_duration(window))}" if window is not None else ""
    group = "".join(f",{label}={quote(value)}" for label, value in slo.group)
    return f"{name}{{slo={quote(slo.base_id)}{group}{by_window}}}"
