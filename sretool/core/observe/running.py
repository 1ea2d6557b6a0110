"""SLOs that other tools' rules already record on a server: known from their series, without any file.

What such a rule records is kept as it is: Sloth's figures over a whole period are means of 5-minute ratios,
each of which counts the same, however many events it saw.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.catalog.foreign import percent, slug, title_of
from sretool.core.catalog.values import objective as ratio
from sretool.core.observe.pyrra_rules import objectives
from sretool.core.slo.model import WINDOW, ErrorRatioQuery, Shared, Slo, SloId
from sretool.core.slo.promql import quote
from sretool.core.slo.rules import RESERVED_LABELS
from sretool.core.slo.windows import default_alerts
from sretool.errors import UsageError
from sretool.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from decimal import Decimal

    from sretool.core.observe.model import Rule, Sample
    from sretool.core.observe.pyrra_rules import Objective
    from sretool.core.slo.model import Sli

QUERY: Final = (
    '{__name__=~"sloth_slo_info|slo:time_period:days|slo:sli_error:ratio_rate5m'
    '|pyrra_objective|pyrra_window|pyrra_requests:rate5m"}'
    ' or count by (slo, __name__) ({__name__=~".+:burnrate[0-9]+[mh]|.+:count[0-9]+[dhwy]",slo!=""})'
)
"""Everything there is to recognise, with one question."""

_PER_METRIC: Final = re.compile(r".+:(burnrate|count)(\d+[a-z]+)")
"""Series of Pyrra whose names begin with that of the metric."""
_SLOTH_PERIOD: Final = timedelta(days=30)
_WINDOW_OF_SLOTH: Final = "sloth_window"
_OF_SLOTH: Final = re.compile(r"sloth_.*|__name__|job|instance")
_OF_PYRRA: Final = re.compile(r"slo|__name__|job|instance|namespace|service")
_NAMELESS: Final = "default"


@dataclass(frozen=True, slots=True)
class Running:
    """What a server records."""

    slos: tuple[Slo, ...] = ()
    notes: tuple[str, ...] = ()
    """What is there and cannot be shown, and how to read what is shown."""


def needs_rules(samples: Iterable[Sample]) -> bool:
    """Whether some of Pyrra's objectives can be known from its rules only."""
    return bool(_without_objective(_grouped(samples)))


def recognised(samples: Iterable[Sample], rules: Iterable[Rule] = ()) -> Running:
    """Answer to `QUERY`, and the rules of the server where `needs_rules`."""
    by_name = _grouped(samples)
    of_sloth = _unique(_sloth(by_name))
    missing = _without_objective(by_name)
    of_rules = [each for each in objectives(rules) if each.name in missing]
    of_pyrra = _unique([*_pyrra(by_name), *_by_rules(of_rules)])
    both = _unique([*of_sloth, *of_pyrra])
    notes: list[str] = []
    if of_sloth:
        notes.append(
            f"{_count(of_sloth)} recorded by Sloth, whose budgets are means of 5-minute ratios: five quiet"
            " minutes count as much as busy ones, and seconds take the place of events"
        )
    if of_pyrra:
        notes.append(f"{_count(of_pyrra)} recorded by Pyrra")
    without = sorted(missing - {each.name for each in of_rules})
    if without:
        shown = ", ".join(without[:5]) + (", …" if len(without) > 5 else "")
        notes.append(
            f"{len(without)} of Pyrra's objectives cannot be shown ({shown}): neither series nor rules say"
            " their targets and windows; start Pyrra with --generic-rules, or give their files with --catalog"
        )
    return Running(tuple(both), tuple(notes))


def _grouped(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    """By the names of the series; of those that begin with a metric's name by what follows."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        name = sample.labels.get("__name__", "")
        match = _PER_METRIC.fullmatch(name)
        by_name.setdefault(match[1] if match else name, []).append(sample)
    return by_name


def _count(slos: list[Slo]) -> str:
    return f"{len(slos)} objective{'s are' if len(slos) != 1 else ' is'}"


def _unique(slos: Iterable[Slo]) -> list[Slo]:
    """One of each id: several servers that run the same rules record the same SLO."""
    return list({slo.id: slo for slo in slos}.values())


def _id(service: str, name: str) -> SloId | None:
    made = f"{slug(service)}/{slug(name)}"
    return SloId(made) if slug(service) and slug(name) else None


def _sloth(by_name: Mapping[str, list[Sample]]) -> Iterator[Slo]:
    days = {
        sample.labels.get("sloth_id", ""): sample.value for sample in by_name.get("slo:time_period:days", ())
    }
    recorded: dict[str, set[str]] = {}
    for sample in by_name.get("slo:sli_error:ratio_rate5m", ()):
        recorded.setdefault(sample.labels.get("sloth_id", ""), set()).update(sample.labels)
    for sample in by_name.get("sloth_slo_info", ()):
        labels = sample.labels
        sloth_id, name = labels.get("sloth_id", ""), labels.get("sloth_slo", "")
        id_ = _id(labels.get("sloth_service", ""), name)
        goal = _objective(labels.get("sloth_objective", ""))
        if id_ is None or goal is None or not sloth_id:
            continue
        window = timedelta(days=round(days[sloth_id])) if days.get(sloth_id, 0) >= 1 else _SLOTH_PERIOD
        # What the ratio has and the information lacks comes from the query: it is one ratio for each value.
        groups = tuple(sorted(recorded.get(sloth_id, set()) - set(labels) - {_WINDOW_OF_SLOTH}))
        sli = _of_sloth(sloth_id, groups)
        yield _slo(id_, title_of(name), goal, window, sli, labels, _OF_SLOTH, groups)


def _objective(text: str) -> Decimal | None:
    try:
        return percent(text)
    except UsageError:
        return None


def _of_sloth(sloth_id: str, groups: tuple[str, ...]) -> ErrorRatioQuery:
    """The ratio Sloth recorded over the window itself, else the mean of those over 5 minutes."""

    def ratio(matcher: str) -> str:
        recorded = f'{{__name__="slo:sli_error:ratio_rate{WINDOW}",{matcher}}}'
        mean = f"avg_over_time(slo:sli_error:ratio_rate5m{{{matcher}}}[{WINDOW}])"
        return f"{recorded} or on ({', '.join(('sloth_id', *groups))}) {mean}"

    if groups:
        return ErrorRatioQuery(ratio(f"sloth_id={quote(sloth_id)}"))
    of_all = Shared(ratio('sloth_id!=""'), None, "sloth_id", sloth_id)
    return ErrorRatioQuery(ratio(f"sloth_id={quote(sloth_id)}"), shared=of_all)


def _pyrra(by_name: Mapping[str, list[Sample]]) -> Iterator[Slo]:
    windows = {sample.labels.get("slo", ""): sample.value for sample in by_name.get("pyrra_window", ())}
    # What Pyrra calls the rate of a gauge is a number of samples over the whole window.
    counted = _names(by_name, "pyrra_requests:rate5m") - _names(by_name, "count")
    shortest = _shortest_burnrates(by_name)
    for sample in by_name.get("pyrra_objective", ()):
        labels = sample.labels
        name = labels.get("slo", "")
        id_ = _id(labels.get("service") or labels.get("namespace") or _NAMELESS, name)
        seconds = windows.get(name, 0)
        try:
            goal = ratio(repr(sample.value))
        except UsageError:
            continue
        if id_ is None or seconds < 3600:
            continue
        sli = _of_pyrra(name) if name in counted else _burnrate_of_pyrra(name, shortest.get(name))
        yield _slo(id_, title_of(name), goal, timedelta(seconds=round(seconds)), sli, labels, _OF_PYRRA)


def _by_rules(found: Iterable[Objective]) -> Iterator[Slo]:
    """Grouped ones, and all where Pyrra records no target: their counters are read."""
    for each in found:
        labels, measured = each.labels, each.measured
        id_ = _id(labels.get("service") or labels.get("namespace") or _NAMELESS, each.name)
        if id_ is None or RESERVED_LABELS.intersection(measured.group_by):
            continue
        yield _slo(
            id_,
            title_of(each.name),
            each.target,
            each.window,
            measured.sli,
            labels,
            _OF_PYRRA,
            measured.group_by,
        )


def _of_pyrra(name: str) -> ErrorRatioQuery:
    """Errors of requests, both recorded as rates over 5 minutes."""
    errors, requests = (
        f"sum(avg_over_time(pyrra_{what}:rate5m{{slo={quote(name)}}}[{WINDOW}]))"
        for what in ("errors", "requests")
    )
    all_errors, all_requests = (
        f"sum by ({_NAME_OF_PYRRA}) ({_named(f'avg_over_time(pyrra_{what}:rate5m[{WINDOW}])')})"
        for what in ("errors", "requests")
    )
    of_all = Shared(f"{all_errors} / ({all_requests} > 0)", all_requests, _NAME_OF_PYRRA, name)
    return ErrorRatioQuery(f"{errors} / ({requests} > 0)", requests, of_all)


_NAME_OF_PYRRA: Final = "pyrra_slo"
"""The label that names an SLO in queries for many; `slo` is taken by the ids of what is asked."""


def _named(expr: str) -> str:
    return f'label_replace({expr}, "{_NAME_OF_PYRRA}", "$1", "slo", "(.*)")'


def _shortest_burnrates(by_name: Mapping[str, list[Sample]]) -> dict[str, str]:
    """Name of the series of each SLO that covers the shortest window."""
    found: dict[str, tuple[timedelta, str]] = {}
    for sample in by_name.get("burnrate", ()):
        name, slo = sample.labels.get("__name__", ""), sample.labels.get("slo", "")
        length = parse_duration(name.rpartition("burnrate")[2])
        found[slo] = min(found.get(slo, (length, name)), (length, name))
    return {slo: name for slo, (_, name) in found.items()}


def _burnrate_of_pyrra(name: str, shortest: str | None) -> ErrorRatioQuery:
    """What Pyrra calls a burn rate is the bad share over a window: that over the window itself, else the mean
    of those over the shortest."""
    matcher = f"slo={quote(name)}"
    recorded = f'max({{__name__=~".+:burnrate{WINDOW}",{matcher}}})'
    if shortest is None:
        return ErrorRatioQuery(recorded)
    mean = f"avg_over_time({shortest}{{MATCHER}}[{WINDOW}])"
    each = f"max by ({_NAME_OF_PYRRA})"
    of_all = Shared(
        f'{each} ({_named(f"""{{__name__=~".+:burnrate{WINDOW}",slo!=""}}""")})'
        f" or {each} ({_named(mean.replace('MATCHER', ''))})",
        None,
        _NAME_OF_PYRRA,
        name,
    )
    return ErrorRatioQuery(f"{recorded} or max({mean.replace('MATCHER', matcher)})", shared=of_all)


def _without_objective(by_name: Mapping[str, list[Sample]]) -> set[str]:
    return _names(by_name, "burnrate") - _names(by_name, "pyrra_objective")


def _names(by_name: Mapping[str, list[Sample]], series: str) -> set[str]:
    return {sample.labels.get("slo", "") for sample in by_name.get(series, ())}


def _slo(
    id_: SloId,
    title: str,
    objective: Decimal,
    window: timedelta,
    sli: Sli,
    labels: Mapping[str, str],
    technical: re.Pattern[str],
    group_by: tuple[str, ...] = (),
) -> Slo:
    return Slo(
        id=id_,
        title=title,
        objective=objective,
        window=window,
        sli=sli,
        alerts=default_alerts(window, 1 - objective),
        owner=labels.get("owner"),
        labels={
            name: value for name, value in labels.items() if name != "owner" and not technical.fullmatch(name)
        },
        group_by=group_by,
    )
