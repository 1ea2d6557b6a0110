"""What a service level objective is, apart from how a file spells it and where its numbers come from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, NewType
from zoneinfo import ZoneInfo

from sretool.core.slo.promql import quote
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

SloId = NewType("SloId", str)
"""`"service/name"`."""


class Severity(StrEnum):
    """How fast somebody has to look."""

    PAGE = "page"
    TICKET = "ticket"


class Level(StrEnum):
    """The state of one SLO, worst first."""

    PAGE = "page"
    SPENT = "spent"
    TICKET = "ticket"
    NO_DATA = "no_data"
    OK = "ok"


def _by(labels: tuple[str, ...]) -> str:
    """What stands between an aggregation and its parenthesis."""
    return f" by ({', '.join(labels)}) " if labels else ""


@dataclass(frozen=True, slots=True)
class EventRatio:
    """Bad events, or good ones, over all events; counters."""

    bad: str | None
    """Series selector of the bad events' counters, without a range: `http_request_5xx_total{tier="1"}`."""
    total: str
    """Series selector of all events' counters; the bad or good ones are among them."""
    good: str | None = None
    """Selector of the good events' counters; exactly one of `bad` and `good` is given."""

    def __post_init__(self) -> None:
        if (self.bad is None) == (self.good is None):
            raise ValueError("an event ratio has either bad or good events")

    def bad_rate(self, window: timedelta, by: tuple[str, ...] = ()) -> str:
        """PromQL of bad events per second; not absent while there are events but no bad (or good) series."""
        total = self.total_rate(window, by)
        if self.good is not None:
            return f"({total} - ({self._rate(self.good, window, by)} or 0 * {total}))"
        assert self.bad is not None
        return f"({self._rate(self.bad, window, by)} or 0 * {total})"

    def total_rate(self, window: timedelta, by: tuple[str, ...] = ()) -> str:
        """PromQL of all events per second; absent where no series exists."""
        return self._rate(self.total, window, by)

    @staticmethod
    def _rate(selector: str, window: timedelta, by: tuple[str, ...]) -> str:
        return f"sum{_by(by)}(rate({selector}[{format_duration(window)}]))"


@dataclass(frozen=True, slots=True)
class BucketRatio:
    """Events on the wrong side of a bucket boundary of a classic histogram: too slow, or too unsure."""

    histogram: str
    """Base name without `_bucket`/`_count`: `http_request_duration_seconds`."""
    threshold: Decimal
    """An existing `le` of the histogram, in the histogram's own unit."""
    matchers: str = ""
    """Label matchers without braces: `route=~"/api/learning/.*"`."""
    good: Literal["below", "above"] = "below"
    """Which side of the threshold is good; a value equal to it counts as below."""

    def _bucket_rate(self, window: timedelta, by: tuple[str, ...]) -> str:
        threshold = format_decimal(self.threshold)
        # Prometheus 3 writes le="1" as le="1.0".
        le = f'le=~"{threshold}(\\\\.0)?"' if "." not in threshold else f'le="{threshold}"'
        inner = f"{self.matchers},{le}" if self.matchers else le
        return f"sum{_by(by)}(rate({self.histogram}_bucket{{{inner}}}[{format_duration(window)}]))"

    def bad_rate(self, window: timedelta, by: tuple[str, ...] = ()) -> str:
        """PromQL of bad events per second."""
        bucket = self._bucket_rate(window, by)
        return bucket if self.good == "above" else f"({self.total_rate(window, by)} - {bucket})"

    def total_rate(self, window: timedelta, by: tuple[str, ...] = ()) -> str:
        """PromQL of all events per second; absent where no series exists."""
        inner = f"{{{self.matchers}}}" if self.matchers else ""
        return f"sum{_by(by)}(rate({self.histogram}_count{inner}[{format_duration(window)}]))"


@dataclass(frozen=True, slots=True)
class NativeBucketRatio:
    """Events on the wrong side of any value of a native histogram; interpolated within one of its buckets."""

    histogram: str
    """Name of the histogram: `http_request_duration_seconds`."""
    threshold: Decimal
    """In the histogram's own unit; it need not be a boundary."""
    matchers: str = ""
    good: Literal["below", "above"] = "below"

    def _histogram(self, window: timedelta, by: tuple[str, ...]) -> str:
        inner = f"{{{self.matchers}}}" if self.matchers else ""
        return f"sum{_by(by)}(rate({self.histogram}{inner}[{format_duration(window)}]))"

    def bad_rate(self, window: timedelta, by: tuple[str, ...] = ()) -> str:
        """PromQL of bad events per second."""
        rates, total = self._histogram(window, by), self.total_rate(window, by)
        below = f"histogram_fraction(-Inf, {format_decimal(self.threshold)}, {rates})"
        bad = below if self.good == "above" else f"(1 - {below})"
        # A fraction of no events is NaN, which no comparison lets pass.
        return f"({bad} * {total} >= 0 or 0 * {total})"

    def total_rate(self, window: timedelta, by: tuple[str, ...] = ()) -> str:
        """PromQL of all events per second; absent where no series exists."""
        return f"histogram_count({self._histogram(window, by)})"


_MINUTE: Final = timedelta(minutes=1)

WINDOW: Final = "{window}"
"""Stands in a query where the length of its range belongs."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Queries that answer for many SLOs at once, told apart by the value of one label."""

    query: str
    """PromQL of the bad share over `{window}`, one value for each value of the label."""
    traffic: str | None
    """PromQL of events per second likewise."""
    label: str
    value: str
    """Of this SLO."""


@dataclass(frozen=True, slots=True)
class ErrorRatioQuery:
    """A query that gives the bad share itself."""

    query: str
    """PromQL of the bad share over `{window}`: one value, or one for each group."""
    traffic: str | None = None
    """PromQL of events per second over `{window}`, which ratios of longer windows are weighed by; None: every
    second counts the same, as if one event came in each."""
    shared: Shared | None = None
    """Queries that give the same for others, too; None: there are none."""

    def _ratio(self, window: timedelta, by: tuple[str, ...]) -> str:
        return f"max{_by(by)}({_over(self.query, window)})"

    def bad_rate(self, window: timedelta, by: tuple[str, ...] = ()) -> str:
        """PromQL of bad events per second."""
        if self.traffic is None:
            return f"({self._ratio(window, by)} >= 0)"
        total = self.total_rate(window, by)
        # A ratio of no events is NaN, which no comparison lets pass.
        return f"({self._ratio(window, by)} * {total} >= 0 or 0 * {total})"

    def total_rate(self, window: timedelta, by: tuple[str, ...] = ()) -> str:
        """PromQL of all events per second; absent where the query (or the traffic) is."""
        if self.traffic is None:
            return f"(0 * ({self._ratio(window, by)} >= 0) + 1)"
        return f"sum{_by(by)}({_over(self.traffic, window)})"


def _over(query: str, window: timedelta) -> str:
    return query.replace(WINDOW, format_duration(window))


@dataclass(frozen=True, slots=True)
class _Slices:
    """Time cut into slices of equal length; each slice of each series is an event, bad or good by the value
    at its end. Where there is no value there is no slice."""

    @property
    def _good(self) -> str:
        """PromQL: 1 where good, 0 where not."""
        raise NotImplementedError

    @property
    def _length(self) -> timedelta:
        raise NotImplementedError

    def _summed(self, what: str, window: timedelta, by: tuple[str, ...]) -> str:
        # A millisecond less, because Prometheus 2 counts both ends of a range and Prometheus 3 only one.
        span = max(window, self._length)
        every = f"{format_duration(span - timedelta(milliseconds=1))}:{format_duration(self._length)}"
        return f"sum{_by(by)}({what.replace('SLICES', every)}) / {int(span.total_seconds())}"

    def bad_rate(self, window: timedelta, by: tuple[str, ...] = ()) -> str:
        """PromQL of bad slices per second."""
        return f"({self._summed(f'sum_over_time((1 - ({self._good}))[SLICES])', window, by)})"

    def total_rate(self, window: timedelta, by: tuple[str, ...] = ()) -> str:
        """PromQL of slices per second; absent where the query is."""
        return f"({self._summed(f'count_over_time(({self._good})[SLICES])', window, by)})"


@dataclass(frozen=True, slots=True)
class BooleanGauge(_Slices):
    """Something that is up (1) or not (anything else), looked at once in every slice."""

    query: str
    """PromQL of one or more gauges."""
    slice: timedelta = timedelta(minutes=1)

    @property
    def _good(self) -> str:
        return f"({self.query}) == bool 1"

    @property
    def _length(self) -> timedelta:
        return self.slice


@dataclass(frozen=True, slots=True)
class Freshness(_Slices):
    """Something that must not be older than `threshold`, looked at once in every slice."""

    age: str
    """PromQL of the age or the delay in seconds: `time() - last_success_timestamp_seconds`."""
    threshold: timedelta
    slice: timedelta = timedelta(minutes=1)

    @property
    def _good(self) -> str:
        return f"({self.age}) <= bool {format_decimal(Decimal(repr(self.threshold.total_seconds())))}"

    @property
    def _length(self) -> timedelta:
        return self.slice


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a composite."""

    sli: SimpleSli
    weight: Decimal = Decimal(1)
    """How many events each of its events counts for, above 0; without meaning where the worst part counts."""


@dataclass(frozen=True, slots=True)
class Composite:
    """Several indicators in one."""

    parts: tuple[Part, ...]
    how: Literal["weighted", "worst"] = "weighted"
    """weighted: the events of all parts together, each as often as its part's weight says. worst: as many
    events, of which the share is bad that is bad in the worst part."""

    def bad_rate(self, window: timedelta, by: tuple[str, ...] = ()) -> str:
        """PromQL of bad events per second; a part without data does not count."""
        if self.how == "weighted":
            return self._joined("sum", [_times(p.weight, p.sli.bad_rate(window, by)) for p in self.parts], by)
        shares = [f"{p.sli.bad_rate(window, by)} / ({p.sli.total_rate(window, by)} > 0)" for p in self.parts]
        total = self.total_rate(window, by)
        return f"({self._joined('max', shares, by)} * {total} or 0 * {total})"

    def total_rate(self, window: timedelta, by: tuple[str, ...] = ()) -> str:
        """PromQL of all events per second; absent where no part has data."""
        rates = [
            _times(p.weight if self.how == "weighted" else Decimal(1), p.sli.total_rate(window, by))
            for p in self.parts
        ]
        return self._joined("sum", rates, by)

    @staticmethod
    def _joined(how: str, exprs: list[str], by: tuple[str, ...]) -> str:
        marked = (f'label_replace({expr}, "part", "{n}", "", "")' for n, expr in enumerate(exprs))
        return f"{how}{_by(by)}({' or '.join(marked)})"


def _times(weight: Decimal, expr: str) -> str:
    return expr if weight == 1 else f"{format_decimal(weight)} * {expr}"


SimpleSli = EventRatio | BucketRatio | NativeBucketRatio | ErrorRatioQuery | BooleanGauge | Freshness
Sli = SimpleSli | Composite
"""Each gives PromQL of bad and of all events per second over a window, one value for each combination of the
labels `by`; what counts as an event is the kind's business."""


def time_zone(name: str) -> tzinfo:
    """The zone of the time zone database; ValueError, OSError or LookupError where it has no such name."""
    # UTC needs no database, which small images lack.
    return UTC if name == "UTC" else ZoneInfo(name)


class CalendarUnit(StrEnum):
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


@dataclass(frozen=True, slots=True)
class CalendarWindow:
    """The week (from Monday), month or quarter that is running; its budget is that of the events so far."""

    unit: CalendarUnit
    zone: str = "UTC"
    """Name in the time zone database: where midnight is."""

    def start(self, at: datetime) -> datetime:
        """When the period that `at` falls in began; UTC."""
        local = at.astimezone(time_zone(self.zone)).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        match self.unit:
            case CalendarUnit.WEEK:
                first = local - timedelta(days=local.weekday())
            case CalendarUnit.MONTH:
                first = local.replace(day=1)
            case CalendarUnit.QUARTER:
                first = local.replace(day=1, month=(local.month - 1) // 3 * 3 + 1)
        return first.astimezone(UTC)

    def end(self, at: datetime) -> datetime:
        """When the next period begins; UTC."""
        first = self.start(at).astimezone(time_zone(self.zone))
        days = {CalendarUnit.WEEK: 7, CalendarUnit.MONTH: 31, CalendarUnit.QUARTER: 93}[self.unit]
        # Into the next period's first days and back to its start, however long months and days are.
        return self.start((first + timedelta(days=days)).astimezone(UTC) + timedelta(hours=3))

    @property
    def nominal(self) -> timedelta:
        """The length that burn-rate alerts are fitted to."""
        days = {CalendarUnit.WEEK: 7, CalendarUnit.MONTH: 30, CalendarUnit.QUARTER: 90}[self.unit]
        return timedelta(days=days)

    def __str__(self) -> str:
        return f"{self.unit.value} ({self.zone})"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A span whose events do not count, such as announced maintenance."""

    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """One multi-window pair: fires while burn(long) and burn(short) are both above the factor."""

    severity: Severity
    spends: Decimal
    """Share of the window's budget gone when `long` has burnt at the factor: 0.02 for the fastest page."""
    long: timedelta
    short: timedelta
    name: str | None = None
    """What the `severity` label says where not what the catalog calls its severity: `"critical"`."""

    @property
    def label(self) -> str:
        """Its severity for people."""
        return self.name or self.severity.value

    def factor(self, window: timedelta) -> Decimal:
        """Burn rate above which the pair fires, for an SLO over `window`: share · window / long."""
        second = timedelta(seconds=1)
        return self.spends * Decimal(window // second) / Decimal(self.long // second)


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective for one service; with `group_by` one for each group, found where the data is."""

    id: SloId
    """`"service/name"`; of one group: `service/name{route="/a"}`."""
    title: str
    """For people: "Learning API availability"."""
    objective: Decimal
    """Share of events that must be good, 0 < objective < 1, exactly as the file has it."""
    window: timedelta
    """Rolling window over which the objective holds; of a calendar window its nominal length."""
    sli: Sli
    alerts: tuple[BurnAlert, ...]
    tier: int | None = None
    owner: str | None = None
    runbook: str | None = None
    """Name of the runbook in the system's folder (without `.md`) or an address; None where there is none."""
    labels: Mapping[str, str] = field(default_factory=dict)
    calendar: CalendarWindow | None = None
    """None: the window rolls."""
    group_by: tuple[str, ...] = ()
    """Labels of which each combination of values has a budget of its own."""
    group: tuple[tuple[str, str], ...] = ()
    """The values of `group_by` this SLO is about; empty: it stands for all of them."""
    exclusions: tuple[Exclusion, ...] = ()
    min_events: int | None = None
    """No alert fires while its long window saw fewer events; None: a single event may fire one."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Go into every alert of the SLO as they are."""
    dashboard: str | None = None
    """Address of a dashboard for people who get an alert."""

    @property
    def budget(self) -> Decimal:
        """Share of events that may be bad: 1 - objective, exact."""
        return 1 - self.objective

    @property
    def service(self) -> str:
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        return self.id.partition("/")[2]

    @property
    def base_id(self) -> SloId:
        """The id without its group: the `slo` label of what rules record."""
        return SloId(self.id.partition("{")[0])

    @property
    def is_template(self) -> bool:
        """Whether it stands for groups that only the data names."""
        return bool(self.group_by) and not self.group

    def member(self, labels: Mapping[str, str]) -> Slo:
        """The SLO of the one group that `labels` name; itself where it has no groups."""
        if not self.group_by:
            return self
        group = tuple((name, labels.get(name, "")) for name in self.group_by)
        return replace(self, id=self.member_id(labels), group=group)

    def member_id(self, labels: Mapping[str, str]) -> SloId:
        """The id of `member(labels)`."""
        if not self.group_by:
            return self.id
        inside = ",".join(f"{name}={quote(labels.get(name, ''))}" for name in self.group_by)
        return SloId(f"{self.base_id}{{{inside}}}")

    def window_start(self, at: datetime) -> datetime:
        """Where the window that ends at `at` begins."""
        return self.calendar.start(at) if self.calendar is not None else at - self.window

    def length(self, at: datetime) -> timedelta:
        """Of the window that ends at `at`; a calendar window grows by whole minutes."""
        if self.calendar is None:
            return self.window
        return max((at - self.calendar.start(at)) // _MINUTE, 1) * _MINUTE

    def bad_rate(self, window: timedelta) -> str:
        """PromQL of bad events per second, per group, absent while an exclusion lasts."""
        return self._counted(self.sli.bad_rate(window, self.group_by), window)

    def total_rate(self, window: timedelta) -> str:
        """PromQL of all events per second, per group, absent while an exclusion lasts."""
        return self._counted(self.sli.total_rate(window, self.group_by), window)

    def _counted(self, rate: str, window: timedelta) -> str:
        for name, value in self.group:
            # A dollar sign would be taken for a part of the (empty) match.
            wanted = f'label_replace(vector(1), "{name}", {quote(value.replace("$", "$$"))}, "", "")'
            rate = f"({rate} and on ({name}) {wanted})"
        if not self.exclusions:
            return rate
        # A rate looks back: until its range has left the exclusion it would still count what is excluded.
        spans = " or ".join(
            f"vector(time()) >= {int(each.start.timestamp())} < {int((each.end + window).timestamp())}"
            for each in self.exclusions
        )
        return f"({rate} unless on () ({spans}))"
