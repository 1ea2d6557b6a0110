"""Catalog files as people write them: one struct per mapping, one field per key.

A file holds any of the keys of `CatalogFile`; what several files say adds up. The type of a field says how
its text is read (`Parsed`), and whether it names something new (`Declares`) or something that must exist
(`Refers`). Rules between fields of one mapping are its `problems()`. `document.decode` finds everything, with
the line it stands on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator  # noqa: TC003 - resolved at run time
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from sretool.core.catalog import values
from sretool.core.catalog.kpis import UNITS, FromRuns, Quarter, quarter
from sretool.core.slo.model import CalendarUnit, CalendarWindow, Severity
from sretool.core.slo.rules import RESERVED_LABELS
from sretool.errors import Wrong
from sretool.units import format_duration


@dataclass(frozen=True, slots=True)
class Parsed:
    """The value is what `parse` makes of the text."""

    parse: Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Declares:
    """The value is the id of a new thing of this kind; no other may have it."""

    kind: str


@dataclass(frozen=True, slots=True)
class Refers:
    """The value is the id of a thing of this kind. Checked where the catalog declares any of the kind."""

    kind: str


class OneOrMore:
    """Marks a list of which a single value is one without its brackets."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mapping and its keys stand in a file."""

    file: str
    line: int
    keys: dict[str, int]

    def line_of(self, key: str | None) -> int:
        return self.keys.get(key, self.line) if key else self.line


Found = tuple[str | None, str] | tuple[str | None, str, Wrong]
"""The key a problem is shown at, what is wrong, and of which kind that is where it is not a value."""


class Written(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, dict=True):
    """A mapping of a file."""

    @property
    def place(self) -> Place:
        found = self.__dict__["place"]
        assert isinstance(found, Place)
        return found

    @place.setter
    def place(self, place: Place) -> None:
        self.__dict__["place"] = place

    def problems(self) -> Iterator[Found]:
        """What is wrong between fields."""
        yield from ()


Text = Annotated[str, Parsed(values.text)]
Promql = Annotated[str, Parsed(values.promql)]
Selector = Annotated[str, Parsed(values.selector)]
Matchers = Annotated[str, Parsed(values.matchers)]
MetricName = Annotated[str, Parsed(values.metric_name)]
Objective = Annotated[Decimal, Parsed(values.objective)]
Share = Annotated[Decimal, Parsed(values.share)]
Ratio = Annotated[Decimal, Parsed(values.ratio)]
Number = Annotated[Decimal, Parsed(values.number)]
PositiveNumber = Annotated[Decimal, Parsed(values.positive_number)]
Whole = Annotated[int, Parsed(values.whole)]
Window = Annotated[timedelta | CalendarUnit, Parsed(values.window)]
Zone = Annotated[str, Parsed(values.zone)]
Moment = Annotated[datetime, Parsed(values.moment)]
Day = Annotated[date, Parsed(values.day)]
TimeOfDay = Annotated[time, Parsed(values.time_of_day)]
Address = Annotated[str, Parsed(values.address)]
LabelName = Annotated[str, Parsed(values.label_name)]
RangedPromql = Annotated[str, Parsed(values.ranged_promql)]
Duration = Annotated[timedelta, Parsed(values.duration)]
DurationOrNone = Annotated[timedelta, Parsed(values.duration_or_none)]

OwnerRef = Annotated[str, Parsed(values.identifier), Refers("owner")]
TierRef = Annotated[int, Parsed(values.whole), Refers("tier")]
RunbookRef = Annotated[str, Parsed(values.text), Refers("runbook")]
DependencyRef = Annotated[str, Parsed(values.identifier), Refers("dependency")]
ServiceRef = Annotated[str, Parsed(values.identifier), Refers("service")]
SloRef = Annotated[str, Parsed(values.slo_id), Refers("SLO")]

Unit = Literal["ratio", "s", "ms", "per_s", "per_min", "per_day", "count", "bytes", "bytes_per_s", "state"]
"""ratio 0..1 · seconds · milliseconds · events per second, minute, day · a number of things · bytes · bytes
per second · a code whose meanings the panel's or indicator's text gives."""


class SystemSpec(Written):
    name: Annotated[str, Parsed(values.identifier)]
    title: Text


class OwnerSpec(Written):
    id: Annotated[str, Parsed(values.identifier), Declares("owner")]
    title: Text
    contact: Text | None = None
    duties: Text | None = None


class TierSpec(Written):
    tier: Annotated[int, Parsed(values.whole), Declares("tier")]
    title: Text
    availability: Objective
    latency_p95: Duration
    error_ratio: Ratio


class ServiceSpec(Written):
    id: Annotated[str, Parsed(values.identifier), Declares("service")]
    title: Text
    owner: OwnerRef | None = None
    tier: TierRef | None = None
    job: Text | None = None
    parts: tuple[DependencyRef, ...] = ()


class DependencySpec(Written):
    id: Annotated[str, Parsed(values.identifier), Declares("dependency")]
    title: Text
    needs: tuple[DependencyRef, ...] = ()
    provider: Text | None = None
    sla: Ratio | None = None
    breaks: Text | None = None
    fallback: Text | None = None
    up: Promql | None = None


class PartSpec(Written):
    title: Text
    budget: Duration
    measured: Promql | None = None
    unit: Literal["s", "ms"] = "s"


class HopSpec(Written):
    title: Text
    budget: Duration
    measured: Promql | None = None
    unit: Literal["s", "ms"] = "s"
    parts: tuple[PartSpec, ...] = ()

    def problems(self) -> Iterator[Found]:
        if self.parts and sum((part.budget for part in self.parts), timedelta()) != self.budget:
            yield "parts", f"the budgets of the parts of {self.title!r} do not add up to its own"


class CriticalPathSpec(Written):
    id: Annotated[str, Parsed(values.identifier), Declares("critical path")]
    title: Text
    hops: tuple[HopSpec, ...] = ()
    guarantees: tuple[Text, ...] = ()
    service: ServiceRef | None = None


class ImpactSpec(Written):
    module: Text
    tier: TierRef
    breaks: Text
    users: Text


class DegradationSpec(Written):
    level: Annotated[int, Parsed(values.whole), Declares("degradation level")]
    title: Text
    trigger: Text
    measures: tuple[Text, ...]
    effect: Text


class RecoverySpec(Written):
    failure: Text
    rto: Duration
    rpo: DurationOrNone
    strategy: Text


class TargetSpec(Written):
    above: Number | None = None
    below: Number | None = None

    def problems(self) -> Iterator[Found]:
        if (self.above is None) == (self.below is None):
            yield None, "a target has either `above` or `below`"


class SliSpec(Written):
    """An indicator that is shown; the ratio behind an objective is a `RatioSpec`."""

    id: Annotated[str, Parsed(values.identifier), Declares("SLI")]
    title: Text
    group: Text
    query: Promql
    unit: Unit
    target: TargetSpec | None = None
    meaning: Text | None = None


SLICES: Final = tuple(timedelta(seconds=seconds) for seconds in (10, 15, 20, 30, 60, 300))
"""Possible lengths of a slice: whole numbers of them make the five minutes of a recorded rate."""


class RatioSpec(Written):
    """What is measured; the first key of a kind in `KINDS` decides which one it is."""

    KINDS: ClassVar[dict[str, tuple[str, ...]]] = {
        "histogram": ("threshold", "matchers", "good", "native"),
        "error_ratio": ("traffic",),
        "up": ("slice",),
        "age": ("max_age", "slice"),
        "weighted": (),
        "worst": (),
        "bad": ("total",),
        "good": ("total",),
        "total": (),
    }
    """Kind by the key that stands for it → the keys that go with that."""

    bad: Selector | None = None
    good: Annotated[str, Parsed(values.good)] | None = None
    """Good events' counters; of a histogram the side of the threshold that is good."""
    total: Selector | None = None
    histogram: MetricName | None = None
    threshold: PositiveNumber | None = None
    """In the histogram's own unit; must be one of its bucket boundaries unless it is native."""
    matchers: Matchers = ""
    native: Literal["true", "false"] = "false"
    error_ratio: RangedPromql | None = None
    traffic: RangedPromql | None = None
    up: Promql | None = None
    age: Promql | None = None
    max_age: Duration | None = None
    slice: Duration | None = None
    """1m where it is not given."""
    weighted: tuple[PartOfSliSpec, ...] | None = None
    worst: tuple[PartOfSliSpec, ...] | None = None

    @property
    def kind(self) -> str | None:
        """The key that stands for it; None where there is none."""
        return next((key for key in self.KINDS if key in self.place.keys), None)

    def problems(self) -> Iterator[Found]:
        kind = self.kind
        if kind is None:
            yield (
                None,
                "an sli has `bad` (or `good`) and `total` counters, a `histogram` and a `threshold`,"
                " an `error_ratio` query, an `up` or `age` query, or `weighted` or `worst` parts",
            )
            return
        written = [key for key in self.place.keys if key in _ALL_KEYS]
        first = written[0] if written[0] in self.KINDS else kind
        for key in written:
            if key != kind and key not in self.KINDS[kind]:
                stranger, own = (kind, key) if first == key or kind == "histogram" else (key, kind)
                yield stranger, f"`{stranger}` does not go with `{own}`: an sli is one or the other"
                return
        yield from self._incomplete(kind)

    def _incomplete(self, kind: str) -> Iterator[Found]:
        given = self.place.keys
        match kind:
            case "bad" | "good" if "total" not in given:
                yield None, f"`total` is missing: an sli of counters has `{kind}` and `total`", Wrong.MISSING
            case "total":
                yield (
                    None,
                    "`bad` is missing: an sli of counters has `bad` (or `good`) and `total`",
                    Wrong.MISSING,
                )
            case "histogram" if "threshold" not in given:
                yield (
                    None,
                    "`threshold` is missing: an sli of a histogram has `histogram` and `threshold`",
                    Wrong.MISSING,
                )
            case "age" if "max_age" not in given:
                yield None, "`max_age` is missing: an sli of an age has `age` and `max_age`", Wrong.MISSING
            case "weighted" | "worst":
                parts = self.weighted if kind == "weighted" else self.worst
                if parts is not None and len(parts) < 2:
                    yield kind, "a composite has at least two parts"
        if kind == "good" and self.good in ("below", "above"):
            yield "good", f"good: {self.good!r} is a side of a threshold; a series selector is wanted"
        if kind == "histogram" and self.good is not None and self.good not in ("below", "above"):
            yield "good", f"good: {self.good!r} is not possible; known: above, below"
        if self.slice is not None and self.slice not in SLICES:
            known = ", ".join(map(format_duration, SLICES))
            yield "slice", f"slice: {format_duration(self.slice)} is not possible; known: {known}"


class PartOfSliSpec(RatioSpec):
    """One of the parts of a composite."""

    weight: PositiveNumber | None = None
    """How many events each event counts for; 1 where it is not given."""

    def problems(self) -> Iterator[Found]:
        yield from super().problems()
        for how in ("weighted", "worst"):
            if how in self.place.keys:
                yield how, "a part of a composite is no composite itself"


_ALL_KEYS: Final = frozenset(RatioSpec.KINDS) | {key for keys in RatioSpec.KINDS.values() for key in keys}


class BurnAlertSpec(Written, kw_only=True):
    severity: Annotated[str, Parsed(values.label_text)]
    """page, ticket, or a name of one's own with its `urgency`."""
    urgency: Literal["page", "ticket"] | None = None
    spends: Share | None = None
    factor: PositiveNumber | None = None
    """Instead of `spends`: how many times too fast."""
    long: Duration
    short: Duration

    def problems(self) -> Iterator[Found]:
        if self.short >= self.long:
            yield "short", "the short window must be shorter than the long one"
        if (self.spends is None) == (self.factor is None):
            yield "factor" if self.factor else None, "an alert has either `spends` or a `factor`"
        if self.urgency is None and self.severity not in _SEVERITIES:
            yield "severity", f"severity {self.severity!r} needs an `urgency`: page or ticket"
        if self.urgency is not None and self.severity in _SEVERITIES and self.severity != self.urgency:
            yield "urgency", f"a {self.severity} cannot be as urgent as a {self.urgency}"

    def spent(self, long: timedelta, window: timedelta) -> Decimal:
        """Share of an SLO's budget that is gone when it has burnt at the factor for `long`."""
        if self.spends is not None:
            return self.spends
        assert self.factor is not None
        second = timedelta(seconds=1)
        return self.factor * (long // second) / (window // second)


_SEVERITIES: Final = tuple(Severity)


class AlertPolicySpec(Written, kw_only=True):
    """Burn-rate alerts for many SLOs; their windows are those of an SLO over 30 days."""

    id: Annotated[str, Parsed(values.identifier), Declares("alert policy")]
    title: Text | None = None
    tiers: tuple[TierRef, ...] = ()
    """SLOs of these tiers have it; without any, those that name it."""
    default: Literal["true", "false"] = "false"
    """Whether SLOs for which no other policy is meant have it."""
    alerts: tuple[BurnAlertSpec, ...]

    def problems(self) -> Iterator[Found]:
        seen: set[tuple[timedelta, timedelta]] = set()
        for alert in self.alerts:
            line = alert.place.line
            windows = (alert.long, alert.short)
            words = f"{format_duration(alert.long)}/{format_duration(alert.short)} (line {line})"
            if windows in seen:
                yield "alerts", f"the windows {words} are there twice"
            seen.add(windows)
            if alert.long > _POLICY_WINDOW:
                yield "alerts", f"{words} is longer than {format_duration(_POLICY_WINDOW)}"
            elif alert.factor is not None and alert.spent(alert.long, _POLICY_WINDOW) > 1:
                yield "alerts", f"{words} spends more than the whole budget before it fires"


_POLICY_WINDOW: Final = timedelta(days=30)


class ExclusionSpec(Written, kw_only=True):
    """A span that does not count; in the catalog itself for all its SLOs, or for those that `slos` names."""

    start: Moment
    end: Moment
    reason: Text
    slos: tuple[Text, ...] = ()
    """Ids, with `*` and `?` for several; only where it stands in the catalog itself."""

    def problems(self) -> Iterator[Found]:
        if self.end <= self.start:
            yield "end", "an exclusion ends after its start"


class SloSpec(Written, kw_only=True):
    id: Annotated[str, Parsed(values.slo_id), Declares("SLO")]
    title: Text | None = None
    objective: Objective
    window: Window
    timezone: Zone | None = None
    """Of a calendar window; UTC where it is not given."""
    sli: RatioSpec
    group_by: tuple[LabelName, ...] = ()
    alerts: tuple[BurnAlertSpec, ...] | None = None
    """None: those of its policy; an empty list: no alerts."""
    alert_policy: Annotated[str, Parsed(values.identifier), Refers("alert policy")] | None = None
    """None: that of its tier or of the catalog, else the standard pairs for its window."""
    min_events: Annotated[int, Parsed(values.positive_whole)] | None = None
    exclusions: tuple[ExclusionSpec, ...] = ()
    tier: TierRef | None = None
    owner: OwnerRef | None = None
    runbook: RunbookRef | None = None
    dashboard: Address | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    @property
    def calendar(self) -> CalendarWindow | None:
        unit = self.window
        return CalendarWindow(unit, self.timezone or "UTC") if isinstance(unit, CalendarUnit) else None

    @property
    def length(self) -> timedelta:
        """Of a calendar window the nominal one."""
        if isinstance(self.window, timedelta):
            return self.window
        return CalendarWindow(self.window).nominal

    def problems(self) -> Iterator[Found]:
        for alert in self.alerts or ():
            if alert.long > self.length:
                yield "alerts", "an alert's long window is longer than the SLO's own window"
            elif alert.factor is not None and alert.spent(alert.long, self.length) > 1:
                yield "alerts", f"at {alert.factor}x the whole budget is gone before {alert.severity} fires"
        if self.alerts is not None and self.alert_policy is not None:
            yield "alert_policy", "an SLO has either its own `alerts` or an `alert_policy`"
        if self.timezone is not None and self.calendar is None:
            yield "timezone", "a time zone goes with a calendar window only: week, month or quarter"
        for label in self.group_by:
            if label in RESERVED_LABELS:
                yield "group_by", f"label {label!r} is one the rules need themselves; group by another"
        if len(set(self.group_by)) < len(self.group_by):
            yield "group_by", "a label is given twice"
        for exclusion in self.exclusions:
            if exclusion.slos:
                yield "exclusions", "`slos` belongs to exclusions of the whole catalog only"


class SeveritiesSpec(Written):
    """What the `severity` labels of alerts are called."""

    page: Text | None = None
    ticket: Text | None = None


class QuerySpec(Written):
    expr: Promql
    legend: Text | None = None


class ThresholdSpec(Written, kw_only=True):
    above: Number | None = None
    below: Number | None = None
    state: Literal["warn", "bad", "emergency"]

    def problems(self) -> Iterator[Found]:
        if (self.above is None) == (self.below is None):
            yield None, "a threshold has either `above` or `below`"


class PanelSpec(Written):
    title: Text
    kind: Literal["stat", "gauge", "chart", "bars", "table", "states", "distribution", "budget", "alerts"]
    unit: Unit = "count"
    row: Text | None = None
    queries: tuple[QuerySpec, ...] = ()
    thresholds: tuple[ThresholdSpec, ...] = ()
    source: Text | None = None
    not_configured: Text | None = None

    def problems(self) -> Iterator[Found]:
        if bool(self.queries) == bool(self.not_configured):
            yield None, "a panel has `queries`, or `not_configured` that says what is missing"
        if self.queries and not self.source:
            yield (
                None,
                "`source` is missing: a panel with queries says where its figures come from",
                Wrong.MISSING,
            )


class DashboardSpec(Written):
    id: Annotated[str, Parsed(values.identifier), Declares("dashboard")]
    title: Text
    refresh: Duration
    range: Duration
    panels: tuple[PanelSpec, ...]


class Figured(Written, kw_only=True):
    """Something with queries, or with a text that says what would have to be set up."""

    NEEDS: ClassVar[tuple[str, ...]] = ()
    """Keys that make it measurable; each is needed."""

    source: Text | None = None
    not_configured: Text | None = None

    def problems(self) -> Iterator[tuple[str | None, str]]:
        given = [key for key in self.NEEDS if key in self.place.keys]
        wanted = " and ".join(f"`{key}`" for key in self.NEEDS)
        if self.not_configured is not None:
            if given:
                yield "not_configured", f"either {wanted}, or `not_configured` that says what is missing"
        elif len(given) < len(self.NEEDS):
            yield None, f"{wanted}, or `not_configured` that says what would have to be set up, is missing"
        elif not self.source and "source" not in self.place.keys:
            yield None, "`source` is missing: what is measured says where its figures come from"


class UtilisationSpec(Written):
    """A share 0..1 of what there is."""

    title: Text
    expr: Promql
    thresholds: tuple[ThresholdSpec, ...] = ()


class MeasureSpec(Written):
    title: Text
    expr: Promql
    unit: Unit = "count"
    thresholds: tuple[ThresholdSpec, ...] = ()


class ResourceSpec(Figured):
    """One row of the USE table for each combination of the labels `by`."""

    id: Annotated[str, Parsed(values.identifier), Declares("resource")]
    title: Text
    by: tuple[LabelName, ...] = ()
    utilisation: tuple[UtilisationSpec, ...] = ()
    saturation: tuple[MeasureSpec, ...] = ()
    errors: tuple[MeasureSpec, ...] = ()

    def problems(self) -> Iterator[tuple[str | None, str]]:
        yield from super().problems()
        if bool(self.utilisation or self.saturation or self.errors) == bool(self.not_configured):
            yield (
                None,
                (
                    "a resource has `utilisation`, `saturation` or `errors`,"
                    " or `not_configured` that says what is missing"
                ),
            )


class RateSpec(Written):
    expr: Promql


class ErrorShareSpec(Written):
    """A share 0..1 of the requests."""

    expr: Promql
    thresholds: tuple[ThresholdSpec, ...] = ()


class CallDurationSpec(Written):
    expr: Promql
    title: Text = "p95"
    unit: Literal["s", "ms"] = "s"
    thresholds: tuple[ThresholdSpec, ...] = ()


class CallSpec(Figured):
    """Requests that a service answers, or (with `to`) sends."""

    NEEDS: ClassVar[tuple[str, ...]] = ("rate",)

    id: Annotated[str, Parsed(values.identifier), Declares("call")]
    title: Text
    service: ServiceRef | None = None
    to: DependencyRef | None = None
    by: tuple[LabelName, ...] = ()
    rate: RateSpec | None = None
    errors: ErrorShareSpec | None = None
    duration: CallDurationSpec | None = None


class HeadroomSpec(Figured):
    """Something that can become full."""

    NEEDS: ClassVar[tuple[str, ...]] = ("used",)

    id: Annotated[str, Parsed(values.identifier), Declares("headroom")]
    title: Text
    by: tuple[LabelName, ...] = ()
    used: Promql | None = None
    limit: Promql | None = None
    """PromQL, or a plain number."""
    unit: Unit = "count"
    over: Duration = timedelta(hours=6)
    thresholds: tuple[ThresholdSpec, ...] = ()

    def problems(self) -> Iterator[tuple[str | None, str]]:
        yield from super().problems()
        if not timedelta(minutes=10) <= self.over <= timedelta(days=7):
            yield "over", "a trend is read over 10m at least and 7d at most"


class StepSpec(Written):
    title: Text
    expr: Promql


class JourneySpec(Figured):
    NEEDS: ClassVar[tuple[str, ...]] = ("sli",)

    id: Annotated[str, Parsed(values.identifier), Declares("journey")]
    title: Text
    sli: Promql | None = None
    steps: tuple[StepSpec, ...] = ()
    thresholds: tuple[ThresholdSpec, ...] = ()
    service: ServiceRef | None = None
    slo: SloRef | None = None


FigureUnit = Literal[
    "ratio", "s", "ms", "per_s", "per_min", "per_h", "per_day", "count", "bytes", "score", "money"
]
"""As `Unit`; a score has no unit (NPS, CLS), money has a `currency`."""


class FigureSpec(Figured):
    NEEDS: ClassVar[tuple[str, ...]] = ("expr",)

    id: Annotated[str, Parsed(values.identifier), Declares("figure")]
    title: Text
    group: Literal["business", "vitals", "money"] = "business"
    expr: Promql | None = None
    unit: FigureUnit = "count"
    currency: Text | None = None
    by: tuple[LabelName, ...] = ()
    bad: Literal["below", "above", "both"] = "both"
    cycle: Literal["week", "day"] = "week"
    thresholds: tuple[ThresholdSpec, ...] = ()

    def problems(self) -> Iterator[tuple[str | None, str]]:
        yield from super().problems()
        if (self.unit == "money") != (self.currency is not None) and self.not_configured is None:
            yield "currency", "`unit: money` and `currency` go together"


class ApdexSpec(Figured):
    NEEDS: ClassVar[tuple[str, ...]] = ("histogram", "satisfied")

    id: Annotated[str, Parsed(values.identifier), Declares("apdex")]
    title: Text
    histogram: MetricName | None = None
    satisfied: PositiveNumber | None = None
    tolerating: PositiveNumber | None = None
    """Four times `satisfied` where it is not given."""
    matchers: Matchers = ""
    thresholds: tuple[ThresholdSpec, ...] | None = None
    """None: below 0.85 is a warning, below 0.7 is bad."""

    def problems(self) -> Iterator[tuple[str | None, str]]:
        yield from super().problems()
        if None not in (self.satisfied, self.tolerating) and self.tolerating <= self.satisfied:  # type: ignore[operator]
            yield "tolerating", "what is tolerated is longer than what satisfies"


class ProbeSpec(Figured):
    NEEDS: ClassVar[tuple[str, ...]] = ("expr",)

    id: Annotated[str, Parsed(values.identifier), Declares("probe")]
    title: Text
    expr: Promql | None = None
    by: tuple[LabelName, ...] = ()


class ResponseLevelSpec(Written, kw_only=True):
    """What is done from a height of the budget downwards."""

    below: Ratio | None = None
    upto: Ratio | None = None
    title: Text
    actions: tuple[Text, ...] = ()

    def problems(self) -> Iterator[Found]:
        if (self.below is None) == (self.upto is None):
            yield None, "a mark is either `below` a share of the budget or `upto` one (that share included)"


class GateStepSpec(Written, kw_only=True):
    below: Ratio | None = None
    upto: Ratio | None = None
    """Neither of the two: the step of a full budget, which comes first."""
    name: Text
    allow: tuple[Annotated[str, Parsed(values.identifier)], ...]
    """Kinds of changes; the first step lists all there are."""
    asks: Text | None = None

    def problems(self) -> Iterator[Found]:
        if self.below is not None and self.upto is not None:
            yield "upto", "a mark is either `below` a share of the budget or `upto` one (that share included)"


class ExceptionKindSpec(Written):
    id: Annotated[str, Parsed(values.identifier), Declares("exception")]
    title: Text


class PolicySpec(Written):
    """The error budget policy; a part that is left out is the standard one."""

    levels: tuple[ResponseLevelSpec, ...] | None = None
    gate: tuple[GateStepSpec, ...] | None = None
    exceptions: tuple[ExceptionKindSpec, ...] | None = None

    def problems(self) -> Iterator[Found]:
        steps = self.gate
        if steps is not None:
            yield from _gate_problems(steps)
        for what, marked in (("levels", self.levels or ()), ("gate", (steps or ())[1:])):
            heights = [_height(each) for each in marked]
            if heights != sorted(set(heights), reverse=True):
                yield what, f"the marks of `{what}` go from a high share of the budget down to a low one"


def _height(marked: ResponseLevelSpec | GateStepSpec) -> tuple[Decimal, bool]:
    """Of two marks at the same share the one that includes it is higher."""
    if marked.upto is not None:
        return marked.upto, True
    return marked.below or Decimal(0), False


def _gate_problems(steps: tuple[GateStepSpec, ...]) -> Iterator[Found]:
    if not steps or any(mark is not None for mark in (steps[0].below, steps[0].upto)):
        yield "gate", "the first step of a gate is that of a full budget: it has neither `below` nor `upto`"
    known = set(steps[0].allow) if steps else set()
    for step in steps[1:]:
        if step.below is None and step.upto is None:
            yield "gate", f"step {step.name!r} of the gate has neither `below` nor `upto`"
        if strangers := [change for change in step.allow if change not in known]:
            yield "gate", f"step {step.name!r} allows {strangers[0]!r}, which the first step does not know"


MemberRef = Annotated[str, Parsed(values.identifier), Refers("on-call member")]
HoursRef = Annotated[str, Parsed(values.identifier), Refers("hours")]


class MemberSpec(Written):
    id: Annotated[str, Parsed(values.identifier), Declares("on-call member")]
    title: Text
    contact: Text | None = None


class HoursSpec(Written):
    id: Annotated[str, Parsed(values.identifier), Declares("hours")]
    weekdays: tuple[Annotated[int, Parsed(values.weekday)], ...]
    start: TimeOfDay
    end: TimeOfDay
    zone: Zone = "UTC"

    def problems(self) -> Iterator[tuple[str | None, str]]:
        if not self.weekdays:
            yield "weekdays", "hours on no day never come"
        if self.end <= self.start and self.end != time(0):
            yield "end", "hours end later on the same day than they start; 00:00 is the end of the day"


class OverrideSpec(Written, kw_only=True):
    """Somebody else, or nobody where there is no `member`."""

    start: Moment
    end: Moment
    member: MemberRef | None = None
    role: Literal["primary", "backup"] = "primary"

    def problems(self) -> Iterator[tuple[str | None, str]]:
        if self.end <= self.start:
            yield "end", "an override ends after it has started"


class ScheduleSpec(Written, kw_only=True):
    id: Annotated[str, Parsed(values.identifier), Declares("schedule")]
    title: Text | None = None
    zone: Zone = "UTC"
    handover: Annotated[tuple[int | None, time], Parsed(values.handover)]
    turn: Duration = timedelta(weeks=1)
    since: Day
    members: tuple[MemberRef, ...]
    backups: tuple[MemberRef, ...] = ()
    manager: MemberRef | None = None
    hours: HoursRef | None = None
    overrides: tuple[OverrideSpec, ...] = ()

    def problems(self) -> Iterator[tuple[str | None, str]]:
        if not self.members:
            yield "members", "a rotation of nobody"
        weekly = self.turn % timedelta(weeks=1) == timedelta(0)
        if self.turn % timedelta(days=1):
            yield "turn", "a turn is whole days or weeks long: 1d, 1w, 2w"
        elif weekly and self.handover[0] is None:
            yield "handover", "a turn of weeks is handed over on a day of the week: monday 09:00"
        elif not weekly and self.handover[0] is not None:
            yield "handover", "a turn that is not whole weeks has no day of the week: write 09:00"


class EscalationStepSpec(Written):
    after: DurationOrNone
    to: tuple[Text, ...]
    how: Text | None = None


class EscalationSpec(Written):
    id: Annotated[str, Parsed(values.identifier), Declares("escalation")]
    labels: dict[str, str]
    steps: tuple[EscalationStepSpec, ...]
    during: HoursRef | None = None
    outside: HoursRef | None = None

    def problems(self) -> Iterator[tuple[str | None, str]]:
        if not self.labels:
            yield "labels", "an escalation without labels would be that of every alert"
        if not self.steps:
            yield "steps", "an escalation without steps reaches nobody"
        delays = [step.after for step in self.steps]
        if delays != sorted(set(delays)):
            yield "steps", "each step comes later than the one before it"


class OnCallSpec(Written):
    """Who is on call, and who hears of an alert when."""

    members: tuple[MemberSpec, ...] = ()
    hours: tuple[HoursSpec, ...] = ()
    schedules: tuple[ScheduleSpec, ...] = ()
    escalations: tuple[EscalationSpec, ...] = ()


class KpiTargetSpec(TargetSpec, kw_only=True):
    """In the unit of its KPI."""

    since: Annotated[Quarter, Parsed(quarter)]


class KpiSpec(Written):
    id: Annotated[str, Parsed(values.identifier), Declares("KPI")]
    title: Text
    unit: Literal["ratio", "s"]
    query: RangedPromql | None = None
    runs: Literal["availability", "errors", "p95", "mttr", "mttd"] | None = None
    targets: tuple[KpiTargetSpec, ...] = ()

    def problems(self) -> Iterator[Found]:
        if not {"query", "runs"} & self.place.keys.keys():
            yield None, "a KPI has a `query`, or `runs` says what of run folders it is", Wrong.MISSING
        if self.runs is not None and self.unit != UNITS[FromRuns(self.runs)]:
            yield "unit", f"unit: {self.runs} of runs is in {UNITS[FromRuns(self.runs)]}, not in {self.unit}"
        quarters = [each.since for each in self.targets]
        if quarters != sorted(set(quarters)):
            yield "targets", "the targets of a KPI go from quarter to quarter, each once"


class CatalogFile(Written):
    """The keys a catalog file may have, each at most once in a file."""

    system: SystemSpec | None = None
    owners: tuple[OwnerSpec, ...] = ()
    tiers: tuple[TierSpec, ...] = ()
    services: tuple[ServiceSpec, ...] = ()
    dependencies: tuple[DependencySpec, ...] = ()
    critical_paths: tuple[CriticalPathSpec, ...] = ()
    impacts: tuple[ImpactSpec, ...] = ()
    degradation: tuple[DegradationSpec, ...] = ()
    recovery: tuple[RecoverySpec, ...] = ()
    slis: tuple[SliSpec, ...] = ()
    slos: tuple[SloSpec, ...] = ()
    exclusions: tuple[ExclusionSpec, ...] = ()
    severities: SeveritiesSpec | None = None
    alert_policies: tuple[AlertPolicySpec, ...] = ()
    policy: PolicySpec | None = None
    oncall: OnCallSpec | None = None
    dashboards: tuple[DashboardSpec, ...] = ()
    resources: tuple[ResourceSpec, ...] = ()
    calls: tuple[CallSpec, ...] = ()
    headroom: tuple[HeadroomSpec, ...] = ()
    journeys: tuple[JourneySpec, ...] = ()
    figures: tuple[FigureSpec, ...] = ()
    apdex: tuple[ApdexSpec, ...] = ()
    probes: tuple[ProbeSpec, ...] = ()
    load_targets: tuple[Text, ...] = ()
    kpis: tuple[KpiSpec, ...] = ()
