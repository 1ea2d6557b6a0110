"""From a server's answers to the state of every SLO: reads what `plan` asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sretool.core.alerting.acks import ack_of
from sretool.core.observe.causes import DEPENDENCY
from sretool.core.observe.model import AlertState, Change, Probe, SloStatus, Targets
from sretool.core.observe.plan import (
    CHANGES_BACK,
    FIGURE,
    counted_spans,
    excluded_spans,
    past_step,
    past_until,
)
from sretool.core.slo.budget import Past, buckets
from sretool.core.slo.evaluate import Numbers, evaluate
from sretool.core.slo.exclusions import Spans, key, partial, without
from sretool.core.slo.model import Level, Severity, SloId
from sretool.core.slo.windows import RULE_INTERVAL, burn_windows
from sretool.errors import UsageError
from sretool.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sretool.core.alerting.acks import Ack
    from sretool.core.alerting.silences import Silence
    from sretool.core.observe.model import Alert, Sample, Series
    from sretool.core.slo.model import Slo

_TOGETHER: Final = timedelta(seconds=30)
"""Processes that start within this time are told as one event."""

_LATEST_CHANGES: Final = 50

_LEVELS: Final = {level: rank for rank, level in enumerate(Level)}


def recorded_numbers(
    slos: Sequence[Slo], samples: Iterable[Sample], evaluated_at: Mapping[SloId, datetime], at: datetime
) -> tuple[dict[SloId, Numbers], dict[SloId, Numbers]]:
    """Numbers of the SLOs that rules are loaded for, and what is recorded of SLOs without.

    An SLO in neither has no series at all. History may have been loaded for one whose rules are young, absent
    or for another window. `evaluated_at` dates each SLO's numbers; where it is silent they are of `at`, the
    time of the query.
    """
    of = _Index(slos)
    by_slo: dict[str, list[Sample]] = {}
    for sample in samples:
        by_slo.setdefault(of.id(sample.labels), []).append(sample)
    whole: dict[SloId, Numbers] = {}
    rates: dict[SloId, Numbers] = {}
    for slo in slos:
        found = by_slo.get(slo.id, [])
        kind = whole if _rules_loaded(slo, found) else rates
        if found:
            kind[slo.id] = _recorded(slo, found, evaluated_at.get(slo.base_id, at))
    return whole, rates


class _Index:
    """Which SLO a recorded series belongs to: its `slo` label, and the labels an SLO is grouped by."""

    def __init__(self, slos: Iterable[Slo]) -> None:
        self._grouped = {str(slo.base_id): slo for slo in slos if slo.group_by}

    def id(self, labels: Mapping[str, str]) -> str:
        name = labels.get("slo", "")
        grouped = self._grouped.get(name)
        return name if grouped is None else grouped.member_id(labels)


_GROUPED: Final = frozenset({"slo:total:sum", "slo:total:rate5m"})
"""Recorded series that carry the labels of groups and live as long as their group has events."""


def members(slos: Sequence[Slo], samples: Iterable[Sample]) -> tuple[Slo, ...]:
    """The SLOs, those with groups replaced by one for each group that the recorded `samples` know.

    One of which no group is known stays what it is.
    """
    templates = {str(slo.id): slo for slo in slos if slo.is_template}
    if not templates:
        return tuple(slos)
    found: dict[str, dict[SloId, Slo]] = {}
    for sample in samples:
        labels = sample.labels
        template = templates.get(labels.get("slo", ""))
        if template is not None and (labels.get("__name__") in _GROUPED or FIGURE in labels):
            member = template.member(labels)
            found.setdefault(template.id, {})[member.id] = member
    return tuple(each for slo in slos for each in _in_order(found.get(slo.id)) or (slo,))


def raw_members(slos: Sequence[Slo], samples: Iterable[Sample]) -> tuple[Slo, ...]:
    """As `members`, out of the answers to `plan.raw_present` and `plan.raw_window` for the same `slos`."""
    found: list[dict[SloId, Slo]] = [{} for _ in slos]
    for sample in samples:
        number = sample.labels.get(FIGURE, "").partition(":")[0]
        if number.isdecimal() and int(number) < len(slos) and slos[int(number)].is_template:
            member = slos[int(number)].member(sample.labels)
            found[int(number)][member.id] = member
    return tuple(each for number, slo in enumerate(slos) for each in _in_order(found[number]) or (slo,))


def _in_order(members: Mapping[SloId, Slo] | None) -> list[Slo]:
    return [slo for _, slo in sorted((members or {}).items())]


def with_sums(
    slos: Sequence[Slo], samples: Iterable[Sample], known: Mapping[SloId, Numbers], at: datetime
) -> dict[SloId, Numbers]:
    """`known` with what the answer to `plan.sums`, about the same `slos` and time, adds and takes away."""
    of = _Index(slos)
    by_kind: dict[str, dict[str, dict[str, float]]] = {"elapsed": {}, "excluded": {}, "counted": {}}
    for sample in samples:
        kind, what, span = (*sample.labels.get(FIGURE, "").split(":", 2), "", "")[:3]
        if kind in by_kind:
            by_kind[kind].setdefault(of.id(sample.labels), {})[f"{what}:{span}"] = sample.value
    elapsed, excluded, counted = by_kind.values()
    found = dict(known)
    for slo in slos:
        if slo.id not in known or (slo.calendar is None and not slo.exclusions):
            continue
        numbers, length = known[slo.id], slo.length(at)
        if slo.calendar is not None:
            begin = int((at - length).timestamp())
            sums = elapsed.get(slo.id, {})
            count = sums.get(f"count:{begin}")
            numbers = replace(
                numbers,
                bad=sums.get(f"bad:{begin}"),
                total=sums.get(f"total:{begin}"),
                coverage=min(count / (length // RULE_INTERVAL), 1) if count is not None else None,
            )
        numbers = _burning(slo, numbers, counted.get(slo.id, {}), at)
        found[slo.id] = without_excluded(slo, numbers, excluded.get(slo.id, {}), at)
    return found


def _burning(slo: Slo, numbers: Numbers, counted: Mapping[str, float], at: datetime) -> Numbers:
    """The numbers with the ratios of windows that exclusions take something of: those of the rest."""
    ratios, events = dict(numbers.error_ratios), dict(numbers.events)
    for window in burn_windows(slo):
        spans = counted_spans(slo, window, at)
        if spans is None:
            continue
        bad, total = (
            sum(counted.get(f"{what}:{key(*span)}", 0.0) for span in spans) for what in ("bad", "total")
        )
        ratios.pop(window, None)
        if total > 0:
            ratios[window] = max(bad, 0.0) / total
        if window in events:
            events[window] = total
    return replace(numbers, error_ratios=ratios, events=events)


def excluded_sums(slos: Sequence[Slo], samples: Iterable[Sample]) -> dict[str, dict[str, float]]:
    """Answer to `plan.taken_away` by SLO."""
    of = _Index(slos)
    found: dict[str, dict[str, float]] = {}
    for sample in samples:
        kind, _, what = sample.labels.get(FIGURE, "").partition(":")
        if kind == "excluded":
            found.setdefault(of.id(sample.labels), {})[what] = sample.value
    return found


def without_excluded(slo: Slo, numbers: Numbers, excluded: Mapping[str, float], at: datetime) -> Numbers:
    """The numbers less what was recorded during exclusions, whose time is not missing from the coverage.

    `excluded` are sums by "what:start:end"; none of numbers out of raw counters, which lack them already.
    """
    spans = excluded_spans(slo, at)
    keys = [key(*span) for span in spans]

    def taken(what: str) -> float:
        return sum(excluded.get(f"{what}:{key}", 0.0) for key in keys)

    samples = slo.length(at) / RULE_INTERVAL
    left_out = sum((end - start) / RULE_INTERVAL for start, end in spans)
    coverage = numbers.coverage
    if coverage is not None and spans:
        covered = coverage * samples - taken("count")
        coverage = min(max(covered / (samples - left_out), 0), 1) if samples > left_out else None
    return replace(
        numbers,
        bad=max(numbers.bad - taken("bad"), 0) if numbers.bad is not None and spans else numbers.bad,
        total=max(numbers.total - taken("total"), 0)
        if numbers.total is not None and spans
        else numbers.total,
        coverage=coverage,
    )


def _rules_loaded(slo: Slo, samples: Iterable[Sample]) -> bool:
    window = format_duration(slo.window)
    return any(
        sample.labels.get("__name__") in ("slo:info", "slo:total:sum")
        and sample.labels.get("window") == window
        for sample in samples
    )


def rated_numbers(
    slos: Sequence[Slo], samples: Iterable[Sample], rates: Mapping[SloId, Numbers]
) -> dict[SloId, Numbers]:
    """Answer to `plan.from_rates` about the same `slos`, completing what is known of them."""
    of = _Index(slos)
    ratios: dict[str, dict[timedelta, float]] = {}
    events: dict[str, dict[timedelta, float]] = {}
    figures: dict[tuple[str, str], float] = {}
    for sample in samples:
        slo_id, figure = of.id(sample.labels), sample.labels.get(FIGURE, "")
        kind, _, length = figure.partition(":")
        window = _window(length)
        if kind in ("ratio", "events") and window is not None:
            (ratios if kind == "ratio" else events).setdefault(slo_id, {})[window] = sample.value
        else:
            figures[slo_id, figure] = sample.value
    return {
        slo.id: replace(
            rates[slo.id],
            bad=figures.get((slo.id, f"bad:{format_duration(slo.window)}")),
            total=figures.get((slo.id, f"total:{format_duration(slo.window)}")),
            coverage=figures.get((slo.id, f"coverage:{format_duration(slo.window)}")),
            error_ratios=ratios.get(slo.id, {}),
            events=events.get(slo.id, {}),
        )
        for slo in slos
    }


def _recorded(slo: Slo, samples: Iterable[Sample], at: datetime) -> Numbers:
    ratios: dict[timedelta, float] = {}
    events: dict[timedelta, float] = {}
    figures: dict[str, float] = {}
    whole = format_duration(slo.window)
    for sample in samples:
        name, window = sample.labels.get("__name__", ""), sample.labels.get("window", "")
        if name in ("slo:error_ratio:rate", "slo:events:sum"):
            length = _window(window)
            if length is not None:
                (ratios if name == "slo:error_ratio:rate" else events)[length] = sample.value
        elif not window or window == whole:
            # A sum over another window is of other rules than this SLO's.
            figures[name] = sample.value
    return Numbers(
        at=at,
        bad=figures.get("slo:bad:sum"),
        total=figures.get("slo:total:sum"),
        error_ratios=ratios,
        events=events,
        total_rate=figures.get("slo:total:rate5m"),
        coverage=figures.get("slo:coverage:ratio"),
    )


@lru_cache(maxsize=1024)
def _window(text: str) -> timedelta | None:
    try:
        return parse_duration(text)
    except UsageError:
        return None


def raw_numbers(slos: Sequence[Slo], samples: Iterable[Sample], at: datetime) -> dict[SloId, Numbers]:
    """Numbers out of the answers to `plan.raw_present` and `plan.raw_window` for the same `slos`."""
    ids = [None if slo.is_template else slo.id for slo in slos]
    ratios: dict[SloId, dict[timedelta, float]] = {slo_id: {} for slo_id in ids if slo_id is not None}
    events: dict[SloId, dict[timedelta, float]] = {}
    figures: dict[SloId, dict[str, float]] = {}
    for sample in samples:
        number, kind, window = (*sample.labels.get(FIGURE, "").split(":", 2), "", "")[:3]
        if not number.isdecimal() or int(number) >= len(slos):
            continue
        slo_id = ids[int(number)] or slos[int(number)].member_id(sample.labels)
        of_windows = ratios.setdefault(slo_id, {})
        length = _window(window) if kind in ("ratio", "events") else None
        if length is None:
            figures.setdefault(slo_id, {})[kind] = sample.value
        elif kind == "ratio":
            of_windows[length] = sample.value
        else:
            events.setdefault(slo_id, {})[length] = sample.value
    return {
        slo_id: Numbers(
            at=at,
            bad=known.get("bad"),
            total=known.get("total"),
            error_ratios=of_windows,
            events=events.get(slo_id, {}),
            total_rate=known.get("rate"),
            coverage=known.get("coverage"),
        )
        for slo_id, of_windows in ratios.items()
        for known in (figures.get(slo_id, {}),)
    }


def evaluation_times(samples: Iterable[Sample]) -> tuple[dict[SloId, datetime], datetime | None]:
    """Answer to `plan.ages`: when each SLO's rules ran last, and when anything was scraped last."""
    times = {sample.labels.get("slo", ""): datetime.fromtimestamp(sample.value, UTC) for sample in samples}
    scraped = times.pop("", None)
    return {SloId(slo): at for slo, at in times.items()}, scraped


def excluded_parts(slo: Slo, now: datetime) -> Spans:
    """What is excluded of single steps of its past, to be asked for."""
    step = past_step(slo)
    return partial(slo, past_until(now), step, max(round(slo.window / step), 1))


def pasts(
    slos: Sequence[Slo],
    series: Iterable[Series],
    now: datetime,
    taken: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[SloId, Past]:
    """Answers to `plan.past` or `plan.raw_past` at the same `now`, less what is excluded.

    `taken` are the `excluded_sums` of the steps' `excluded_parts`. What comes when such a time expires is not
    known: the mean of the rest is taken.
    """
    of = _Index(slos)
    points: dict[tuple[str, str], tuple[tuple[datetime, float], ...]] = {
        (of.id(each.labels), each.labels.get(FIGURE, "")): each.points for each in series
    }
    until = past_until(now)
    return {
        slo.id: without(
            slo,
            buckets(
                points.get((slo.id, "bad"), ()), points[slo.id, "total"], until, past_step(slo), slo.window
            ),
            (taken or {}).get(slo.id, {}),
            None,
        )
        for slo in slos
        if (slo.id, "total") in points
    }


def unmatched(selectors: Sequence[str], samples: Iterable[Sample]) -> frozenset[str]:
    """Those of `selectors` that have no series, out of the answers to `plan.matched` about them."""
    there = {sample.labels.get(FIGURE) for sample in samples}
    return frozenset(selector for number, selector in enumerate(selectors) if str(number) not in there)


def statuses(
    slos: Sequence[Slo],
    numbers: Mapping[SloId, Numbers],
    past_of: Mapping[SloId, Past],
    now: datetime,
    unmatched_of: Mapping[SloId, tuple[str, ...]] | None = None,
    blind_of: Mapping[SloId, Targets] | None = None,
) -> tuple[SloStatus, ...]:
    """One status per SLO, worst first; an SLO without numbers has no data, nor has a blind one that held."""
    return Judging().statuses(slos, numbers, past_of, now, unmatched_of, blind_of)


class Judging:
    """Judges again and again: an SLO whose numbers have not changed keeps the status it has."""

    def __init__(self) -> None:
        self._known: dict[
            SloId, tuple[Slo, Numbers, Past | None, tuple[str, ...], Targets | None, SloStatus]
        ] = {}

    def statuses(
        self,
        slos: Sequence[Slo],
        numbers: Mapping[SloId, Numbers],
        past_of: Mapping[SloId, Past],
        now: datetime,
        unmatched_of: Mapping[SloId, tuple[str, ...]] | None = None,
        blind_of: Mapping[SloId, Targets] | None = None,
    ) -> tuple[SloStatus, ...]:
        """As the function of this name."""
        known, self._known = self._known, {}
        strangers, silent = unmatched_of or {}, blind_of or {}
        for slo in slos:
            of, past = numbers.get(slo.id) or Numbers(at=now), past_of.get(slo.id)
            missing, blind = strangers.get(slo.id, ()), silent.get(slo.id)
            before = known.get(slo.id)
            if (
                before is None
                or before[0] is not slo
                or before[1] is not of
                or before[2] is not past
                or before[3] != missing
                or before[4] != blind
            ):
                before = (slo, of, past, missing, blind, _status(slo, of, past, missing, blind))
            self._known[slo.id] = before
        return tuple(sorted((each[-1] for each in self._known.values()), key=_worst_first))


def _status(
    slo: Slo, numbers: Numbers, past: Past | None, unmatched: tuple[str, ...], blind: Targets | None
) -> SloStatus:
    found = evaluate(slo, numbers, past)
    # That no failure is counted says nothing while nobody counts; what is known to be bad stays so.
    level = Level.NO_DATA if blind is not None and found.level is Level.OK else found.level
    return SloStatus(
        slo=slo,
        at=numbers.at,
        sli=found.sli,
        sli_1h=found.sli_1h,
        good=found.good,
        total=found.total,
        budget_left=found.budget_left,
        burns=found.burns,
        firing=found.firing,
        level=level,
        coverage=found.coverage,
        exhausts_in=found.exhausts_in,
        recovers_in=found.recovers_in,
        problem=found.problem,
        unmatched=unmatched if found.level is Level.NO_DATA else (),
        blind=blind,
    )


def _worst_first(status: SloStatus) -> tuple[int, float, str]:
    left = status.budget_left
    return _LEVELS[status.level], left if left is not None else float("inf"), status.slo.id


NO_SEVERITY = "none"
"""`severity` of an alert that fires all the time, so that its absence shows that alerting is dead."""


def open_alerts(
    alerts: Iterable[Alert], slos: Iterable[Slo] = (), silences: Iterable[Silence] = ()
) -> tuple[Alert, ...]:
    """Those somebody may have to act on: firing ones first, pages before tickets, oldest first.

    An alert of one of `slos` belongs to its group, and is as severe as its pair of windows whatever its label
    calls that. One that only acks among `silences` hide is acknowledged, not silenced.
    """
    known = {str(slo.id): slo for slo in slos}
    of = _Index(known.values())
    taken = {silence.id: ack for silence in silences for ack in [ack_of(silence)] if ack is not None}
    return tuple(
        sorted(
            (
                _acknowledged(_of_slo(alert, known.get(of.id(alert.labels))), taken)
                for alert in alerts
                if alert.labels.get("severity") != NO_SEVERITY
            ),
            key=lambda alert: (
                alert.state is not AlertState.FIRING,
                alert.severity is not Severity.PAGE,
                alert.severity is None,
                alert.since,
                alert.fingerprint,
            ),
        )
    )


def _acknowledged(alert: Alert, taken: Mapping[str, Ack]) -> Alert:
    acks = [taken[id_] for id_ in alert.silenced_by if id_ in taken]
    if not acks or len(acks) < len(alert.silenced_by):
        return alert
    return replace(alert, state=AlertState.ACKNOWLEDGED, ack=min(acks, key=lambda ack: ack.since))


def _of_slo(alert: Alert, slo: Slo | None) -> Alert:
    if slo is None:
        return alert
    windows = alert.labels.get("long"), alert.labels.get("short")
    severity = next(
        (p.severity for p in slo.alerts if (format_duration(p.long), format_duration(p.short)) == windows),
        alert.severity,
    )
    return replace(alert, slo=slo.id, severity=severity)


def changes(samples: Sequence[Sample]) -> tuple[Change, ...]:
    """Answer to `plan.changes`, oldest first; processes that started together are one change."""
    starts: list[Change] = []
    found: list[Change] = []
    for sample in samples:
        figure = sample.labels.get(FIGURE)
        if figure not in ("restart", "alert"):
            continue
        at = datetime.fromtimestamp(sample.value, UTC)
        if figure == "restart":
            name = _process(sample.labels)
            starts.append(Change.told(at, "restart", "{process} started", sample.labels, process=name))
        else:
            found.append(Change(at, "alert", _alert_text(sample.labels), sample.labels))
    if not samples:
        return ()
    begin = max(sample.at for sample in samples) - CHANGES_BACK
    return latest([*(start for start in _together(starts) if start.at >= begin), *found])


def probes(samples: Iterable[Sample]) -> tuple[Probe, ...]:
    """Answer to `plan.changes`: what probes saw, failing ones first."""
    found = (
        Probe(
            name=labels.get("probe") or labels.get("instance") or labels.get("job") or "probe",
            up=sample.value > 0,
            at=sample.at,
            dependency=labels.get(DEPENDENCY),
        )
        for sample in samples
        for labels in (sample.labels,)
        if labels.get(FIGURE) == "probe"
    )
    return tuple(sorted(found, key=lambda probe: (probe.up, probe.name)))


def targets(samples: Sequence[Sample]) -> tuple[Targets, ...]:
    """Answer to `plan.changes`: what is scraped, by job."""
    up, of = (
        {s.labels.get("job", ""): round(s.value) for s in samples if s.labels.get(FIGURE) == figure}
        for figure in ("up", "targets")
    )
    # One that was taken away during the last minute still answered in it.
    return tuple(Targets(job, min(up.get(job, 0), count), count) for job, count in sorted(of.items()))


def not_working(samples: Iterable[Sample]) -> frozenset[str]:
    """Answer to `plan.working`: ids of what does not; of what gave no value it is not known."""
    return frozenset(s.labels.get(FIGURE, "") for s in samples if s.value <= 0) - {""}


def dead_men(samples: Iterable[Sample]) -> tuple[str, ...]:
    """Answer to `plan.changes`: names of the alerts that fire all the time."""
    names = {s.labels.get("alertname", "") for s in samples if s.labels.get(FIGURE) == "dead man"}
    return tuple(sorted(names - {""}))


def latest(found: Iterable[Change]) -> tuple[Change, ...]:
    """The newest changes, oldest first."""
    return tuple(sorted(found, key=lambda change: change.at)[-_LATEST_CHANGES:])


def _together(starts: Iterable[Change]) -> list[Change]:
    groups: list[list[Change]] = []
    for start in sorted(starts, key=lambda change: change.at):
        if groups and start.at - groups[-1][-1].at <= _TOGETHER:
            groups[-1].append(start)
        else:
            groups.append([start])
    return [
        group[0]
        if len(group) == 1
        else Change.told(group[-1].at, "restart", "{count} processes started", count=str(len(group)))
        for group in groups
    ]


def _process(labels: Mapping[str, str]) -> str:
    return labels.get("instance") or labels.get("job") or "a process"


def _alert_text(labels: Mapping[str, str]) -> str:
    parts = (
        labels.get("alertname", "alert"),
        labels.get("slo") or labels.get("instance"),
        labels.get("long"),
    )
    return " ".join(part for part in parts if part)
