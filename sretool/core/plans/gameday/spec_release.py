"""What is asked of a release, as people write it, and what that means.

release:
  change: normal
  reserve: 20%
  forecast: {peak: 12/s, weekend: 1.5, growth: 3%, ahead: 90d}
  scale: {tested: 2, resource: Replica}
  currency: USD
  stages:
    - id: launch
      rate: 20/s
      search: stage-1
      must: true
      costs:
        - {what: replicas, count: 2, price: 0.068, per: hour, scales: true}
        - {what: storage, count: 100, unit: GB, price: 0.1}
  water_lines:
    during: peak
    lines:
      - {resource: Replica cpu, safe: 60%, warn: 80%, danger: 95%}
"""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - resolved at run time
from decimal import Decimal
from typing import Annotated, Literal

from sretool.core.analysis.release import (
    HOURS,
    Cost,
    Forecast,
    GrowthStage,
    Release,
    Scale,
    WaterLine,
)
from sretool.core.catalog import values
from sretool.core.catalog.spec import (
    Declares,
    DurationOrNone,
    Found,
    Parsed,
    PositiveNumber,
    Text,
    Written,
)
from sretool.core.plans.load.profile import parse_rate
from sretool.errors import UsageError, Wrong
from sretool.units import parse_ratio


def rate_of(raw: str) -> float:
    """Requests per second, more than none."""
    value = parse_rate(raw)
    if not value:
        raise UsageError(f"{raw!r} is no load at all", remedy="write it like 20/s")
    return value


def _growth(raw: str) -> float:
    """`"3%"`, `"-2%"`: what a month adds."""
    text = raw.strip()
    shrinks = text.startswith("-")
    value = float(parse_ratio(text.lstrip("-+")))
    if shrinks and value >= 1:
        raise UsageError(f"{raw!r} a month leaves nothing", remedy="write it like 3% or -3%")
    return -value if shrinks else value


def _level(raw: str) -> float:
    """`"80%"` of what there is, or a number in the resource's own unit."""
    if raw.strip().endswith("%"):
        return float(values.ratio(raw))
    return float(values.positive_number(raw))


def _price(raw: str) -> Decimal:
    value = values.number(raw)
    if value < 0:
        raise UsageError(f"{raw!r} is no price", remedy="write it without its currency, like 0.068")
    return value


class ForecastSpec(Written):
    peak: Annotated[float, Parsed(rate_of)]
    weekend: PositiveNumber = Decimal(1)
    growth: Annotated[float, Parsed(_growth)] = 0.0
    ahead: DurationOrNone | None = None

    def problems(self) -> Iterator[Found]:
        if self.growth and not self.ahead:
            yield "growth", "growth: `ahead` is missing: how long does the release have to last?"
        elif self.ahead and not self.growth:
            yield "ahead", "ahead: `growth` is missing: how much does a month add?"


class ScaleSpec(Written):
    tested: Annotated[int, Parsed(values.positive_whole)]
    resource: Text = ""


class CostSpec(Written):
    what: Text
    price: Annotated[Decimal, Parsed(_price)]
    count: PositiveNumber = Decimal(1)
    unit: Text = ""
    per: Literal["month", "hour"] = "month"
    scales: Literal["true", "false"] = "false"

    @property
    def cost(self) -> Cost:
        monthly = self.price * HOURS if self.per == "hour" else self.price
        return Cost(self.what, monthly, self.count, self.unit, self.scales == "true")


class GrowthSpec(Written):
    id: Annotated[str, Parsed(values.identifier), Declares("growth stage")]
    rate: Annotated[float, Parsed(rate_of)]
    search: Annotated[str, Parsed(values.identifier)]
    must: Literal["true", "false"] = "false"
    costs: tuple[CostSpec, ...] = ()


class LineSpec(Written):
    resource: Text
    warn: Annotated[float, Parsed(_level)]
    safe: Annotated[float, Parsed(_level)] | None = None
    danger: Annotated[float, Parsed(_level)] | None = None

    def problems(self) -> Iterator[Found]:
        if self.safe is not None and self.safe >= self.warn:
            yield "safe", "safe: is not below `warn`"
        if self.danger is not None and self.danger <= self.warn:
            yield "danger", "danger: is not above `warn`"


class WaterLinesSpec(Written):
    during: Annotated[str, Parsed(values.identifier)]
    lines: tuple[LineSpec, ...]

    def problems(self) -> Iterator[Found]:
        if not self.lines:
            yield "lines", "lines: no resource has one", Wrong.MISSING


class ReleaseSpec(Written):
    change: Text = ""
    reserve: Annotated[Decimal, Parsed(values.ratio)] = Decimal(0)
    forecast: ForecastSpec | None = None
    scale: ScaleSpec | None = None
    currency: Text = ""
    stages: tuple[GrowthSpec, ...] = ()
    water_lines: WaterLinesSpec | None = None

    def problems(self) -> Iterator[Found]:
        deciding = {"change", "forecast", "water_lines"} & self.place.keys.keys()
        if not deciding and not any(_must(each) for each in self.stages):
            told = (
                "nothing decides: give it `change`, `forecast`, `water_lines`, or a stage with `must: true`"
            )
            yield None, told, Wrong.MISSING
        if self.forecast is not None and not self.stages:
            yield "forecast", "forecast: there is no stage whose traffic it can be compared with"
        if self.scale is None:
            scaling = [each.id for each in self.stages if any(cost.scales == "true" for cost in each.costs)]
            if scaling:
                yield "stages", f"stages: {scaling[0]}: `scale` is missing: how many were tested?"

    @property
    def release(self) -> Release:
        forecast, water = self.forecast, self.water_lines
        return Release(
            change=self.change,
            stages=tuple(
                GrowthStage(
                    each.id,
                    each.rate,
                    each.search,
                    _must(each),
                    tuple(cost.cost for cost in each.costs),
                    each.place.line,
                )
                for each in self.stages
            ),
            forecast=None
            if forecast is None
            else Forecast(
                forecast.peak,
                float(forecast.weekend),
                forecast.growth,
                forecast.ahead.total_seconds() if forecast.ahead else 0.0,
            ),
            reserve=float(self.reserve),
            during=water.during if water is not None else "",
            water_lines=tuple(
                WaterLine(each.resource, each.warn, each.safe, each.danger, each.place.line)
                for each in (water.lines if water is not None else ())
            ),
            scale=Scale(self.scale.tested, self.scale.resource) if self.scale is not None else None,
            currency=self.currency,
            lines={key: self.place.line_of(key) for key in self.place.keys}
            | ({"during": water.place.line_of("during")} if water is not None else {}),
        )


def _must(stage: GrowthSpec) -> bool:
    return stage.must == "true"
