"""Our block of an experiment as people write it: one struct per mapping, one field per key."""

from __future__ import annotations

import re
from collections.abc import Iterator  # noqa: TC003 - resolved at run time
from decimal import Decimal
from typing import Annotated, Literal

from sretool.core.catalog import values
from sretool.core.catalog.spec import (
    Duration,
    DurationOrNone,
    Found,
    Parsed,
    PositiveNumber,
    Share,
    Text,
    Written,
)
from sretool.core.plans.chaos.experiment import (
    Dose,
    Measured,
    Stop,
    StopCondition,
)
from sretool.errors import UsageError

NAME = "sretool"
"""Of our extension."""

_STOP_FORMS = "burn > 14.4, budget > 2%, probe NAME, after 10m, blind 30s"
_ABOVE = re.compile(r"(?P<kind>burn|budget)(?:\s+(?P<slo>\S+/\S+))?\s*>\s*(?P<bound>\S+)")
_SPAN = re.compile(r"(?P<kind>after|blind)\s+(?P<span>\S+)")
_PARTS = re.compile(r"(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?P<unit>ms|s|m|h)")
_UNITS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_PROBE = re.compile(r"probe\s+(?P<name>\S.*)")


def stop_condition(raw: str) -> StopCondition:
    """`"burn > 14.4"`, `"burn shop/availability > 10"`, `"budget > 2%"`, `"probe api answers"`,
    `"after 10m"`, `"blind 30s"`."""
    written = raw.strip()
    if found := _ABOVE.fullmatch(written):
        slo = values.slo_id(found["slo"]) if found["slo"] else None
        kind = Stop(found["kind"])
        parse = values.positive_number if kind is Stop.BURN else values.share
        return StopCondition(kind, written, bound=parse(found["bound"]), slo=slo)
    if found := _SPAN.fullmatch(written):
        return StopCondition(Stop(found["kind"]), written, after=values.duration(found["span"]))
    if found := _PROBE.fullmatch(written):
        return StopCondition(Stop.PROBE, written, probe=found["name"].strip())
    raise UsageError(f"{raw!r} is no stop condition", remedy=f"write one of: {_STOP_FORMS}")


def quantity(raw: str) -> tuple[Decimal, str]:
    """`"200ms"` → 0.2 s, `"50%"` → 0.5 as a ratio, `"3"` → 3 of nothing in particular.

    A variable may make a number of what a duration counts that is not whole: `"12.5ms"`.
    """
    written = raw.strip()
    if found := _PARTS.fullmatch(written):
        return values.number(found["number"]) * _UNITS[found["unit"]], "s"
    if written.endswith("%"):
        # More than all there is can be asked for: a load of 150 % of the limit.
        return values.number(written[:-1]) / 100, "ratio"
    if re.search(r"[a-z]$", written):
        return Decimal(str(values.duration_or_none(written).total_seconds())), "s"
    return values.number(written), ""


def tolerance(raw: str, want: Decimal, unit: str) -> Decimal:
    """In the unit of `want`: `"10ms"`, `"5%"`, or the larger of both, `"10ms or 5%"`.

    Per cent are points where the dose itself is a share, and a part of the dose otherwise.
    """
    sizes = []
    for part in raw.split(" or "):
        size, its = quantity(part)
        if size < 0:
            raise UsageError(f"{part.strip()!r} is below 0")
        if its == unit:
            sizes.append(size)
        elif its == "ratio":
            sizes.append(size * abs(want))
        else:
            raise UsageError(
                f"{part.strip()!r} does not fit the dose", remedy="write it in the dose's unit or as 5%"
            )
    return max(sizes)


class DoseSpec(Written):
    want: Text
    probe: Text
    tolerance: Text = "5%"
    measured: Literal["level", "added"] = "level"

    def problems(self) -> Iterator[Found]:
        try:
            want, unit = quantity(self.want)
        except UsageError as error:
            yield "want", f"want: {error.message}; write it like 200ms, 50% or 3"
            return
        try:
            tolerance(self.tolerance, want, unit)
        except UsageError as error:
            yield "tolerance", f"tolerance: {error.message}" + (f"; {error.remedy}" if error.remedy else "")

    @property
    def dose(self) -> Dose | None:
        """None where a figure cannot be used."""
        if any(True for _ in self.problems()):
            return None
        want, unit = quantity(self.want)
        return Dose(want, unit, tolerance(self.tolerance, want, unit), self.probe, Measured(self.measured))


class AlertSpec(Written):
    name: Text
    within: Duration


class BlastRadiusSpec(Written):
    max_targets: Annotated[int, Parsed(values.positive_whole)] | None = None
    max_share: Share | None = None
    services: tuple[Text, ...] = ()


class LoadSpec(Written):
    profile: Text
    rate: PositiveNumber | None = None
    target: Text | None = None


def _count(raw: str) -> int:
    value = values.whole(raw)
    if value < 0:
        raise UsageError(f"{raw!r} is below 0")
    return value


class ObjectivesSpec(Written):
    rto: Duration | None = None
    rpo: DurationOrNone | None = None
    lost_writes: Annotated[int, Parsed(_count)] = 0

    def problems(self) -> Iterator[Found]:
        if self.rpo is None and "lost_writes" in self.place.keys:
            yield "lost_writes", "lost_writes: counts only where `rpo` is given"


class BlockSpec(Written):
    name: Literal["sretool"]
    fault: Text = ""
    dose: DoseSpec | None = None
    expected_alerts: tuple[AlertSpec, ...] = ()
    unexpected_alerts: Literal["allow", "fail"] = "fail"
    stop_when: tuple[Annotated[StopCondition, Parsed(stop_condition)], ...] = ()
    budget_price: Share | None = None
    blast_radius: BlastRadiusSpec | None = None
    fmea: Text | None = None
    load: LoadSpec | None = None
    objectives: ObjectivesSpec | None = None
    baseline: DurationOrNone | None = None
    recovery_deadline: Duration | None = None
    every: Literal["week", "month", "quarter", "year"] | None = None

    def problems(self) -> Iterator[Found]:
        names = [each.name for each in self.expected_alerts]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield "expected_alerts", f"alert {name!r} is expected twice"
