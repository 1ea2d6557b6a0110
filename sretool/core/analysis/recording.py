"""The past of SLOs, minute by minute: which questions bring it, and how the answers become arrays.

Rules record two series of each SLO, events per second over the last five minutes. What they did not record is
computed from the counters by the same expressions. Either way there is one value for each evaluation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from sretool.core.slo.model import SloId
from sretool.core.slo.promql import quote
from sretool.core.slo.windows import RATE_WINDOW, RULE_INTERVAL, reads_counters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from sretool.core.slo.model import Slo

STEP: Final = int(RULE_INTERVAL.total_seconds())
"""Seconds between two values."""

CHUNK: Final = timedelta(days=7)
"""Prometheus answers with 11,000 points of a series at most; these are 10,080."""

SLOS_AT_ONCE: Final = 20
"""Recorded SLOs in one query, which keeps an answer at some 12 MB."""

ENOUGH: Final = 0.95
"""Share of a chunk that must be recorded so that the counters are not asked as well."""

_FIGURE: Final = "figure"


@dataclass(frozen=True, slots=True)
class Points:
    """One series of an answer."""

    labels: Mapping[str, str]
    times: NDArray[np.int64]
    """Seconds since the epoch."""
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recording:
    """What happened to one SLO, a value for every evaluation."""

    slo: Slo
    start: int
    """Time of the first value, seconds since the epoch; the others follow every `STEP`."""
    bad: NDArray[np.float64]
    """Events per second over the five minutes that end there; NaN: no data."""
    total: NDArray[np.float64]
    origin: str
    """Where it is from: `"rules"`, `"counters"`, `"rules and counters"` or `"nothing"`."""

    longer: Mapping[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)
    """Bad and total likewise over 6 to 9 minutes, by their number: what windows need that are no multiple of
    five minutes. Only those that were read."""

    def coverage(self, since: datetime) -> float:
        """Share of the evaluations from `since` on that have data."""
        first = max(-((self.start - int(since.timestamp())) // STEP), 0)
        asked = self.total[first:]
        return float(np.isfinite(asked).mean()) if len(asked) else 0.0


def chunks(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Spans without gap or overlap, both ends asked for."""
    while start <= end:
        last = min(start + CHUNK - RULE_INTERVAL, end)
        yield start, last
        start = last + RULE_INTERVAL


def recorded_query(slos: Sequence[Slo]) -> str:
    """PromQL of what the rules recorded for these SLOs."""
    names = "|".join(re.escape(slo.base_id) for slo in slos)
    return f'{{__name__=~"slo:(bad|total):rate5m",slo=~{quote(names)}}}'


def counters_query(slo: Slo) -> str:
    """PromQL of the same, out of the SLI itself."""
    parts = (("bad", slo.bad_rate(RATE_WINDOW)), ("total", slo.total_rate(RATE_WINDOW)))
    return " or ".join(f'label_replace({rate}, "{_FIGURE}", "{what}", "", "")' for what, rate in parts)


def odd_lengths(slo: Slo) -> frozenset[timedelta]:
    """Ranges of 6 to 9 minutes: with one of them and 5-minute rates a window of its pairs can be tiled."""
    windows = {window for pair in slo.alerts for window in (pair.long, pair.short)}
    return frozenset(
        RATE_WINDOW + window % RATE_WINDOW
        for window in windows
        if window % RATE_WINDOW and window > RATE_WINDOW and reads_counters(slo, window)
    )


def odd_query(slo: Slo, lengths: Iterable[timedelta]) -> str:
    """PromQL of the rates over such ranges, which no rule records."""
    return " or ".join(
        f'label_replace({rate}, "{_FIGURE}", "{what}:{length // RULE_INTERVAL}", "", "")'
        for length in sorted(lengths)
        for what, rate in (("bad", slo.bad_rate(length)), ("total", slo.total_rate(length)))
    )


class Sheet:
    """Arrays that answers are entered into, and that become recordings."""

    def __init__(self, slos: Iterable[Slo], start: datetime, end: datetime) -> None:
        self._slos = tuple(slos)
        self._by_base: dict[SloId, list[Slo]] = {}
        for slo in self._slos:
            self._by_base.setdefault(slo.base_id, []).append(slo)
        self._start = int(start.timestamp())
        self._length = (int(end.timestamp()) - self._start) // STEP + 1
        self._members: dict[SloId, Slo] = {}
        self._rows: dict[SloId, dict[str, NDArray[np.float64]]] = {}
        self._origins: dict[SloId, set[str]] = {}

    def enter_recorded(self, answer: Iterable[Points]) -> None:
        """What the rules recorded; series of SLOs that are none of ours are left out."""
        for series in answer:
            for slo in self._by_base.get(SloId(series.labels.get("slo", "")), ()):
                member = slo.member(series.labels)
                if _covers(slo, member.id):
                    what = "bad" if series.labels.get("__name__") == "slo:bad:rate5m" else "total"
                    self._enter(member, what, series, "rules")

    def enter_counters(self, slo: Slo, answer: Iterable[Points]) -> None:
        """What the counters say; only where no rule recorded anything."""
        for series in answer:
            what = series.labels.get(_FIGURE)
            if what is not None:
                self._enter(slo.member(series.labels), what, series, "counters")

    def enter_odd(self, slo: Slo, answer: Iterable[Points]) -> None:
        """Answer to `odd_query`; of groups without any other value nothing is kept."""
        for series in answer:
            member = slo.member(series.labels)
            if member.id in self._rows:
                self._enter(member, series.labels.get(_FIGURE, ""), series, None)

    def lacking(self, start: datetime, end: datetime) -> tuple[Slo, ...]:
        """SLOs of which not enough of this span is recorded."""
        first, last = self._place(start), self._place(end) + 1
        known = {
            id_: float(np.isfinite(row["total"][first:last]).mean())
            for id_, row in self._rows.items()
            if "total" in row
        }

        def best(slo: Slo) -> float:
            return max((share for id_, share in known.items() if _covers(slo, id_)), default=0.0)

        return tuple(slo for slo in self._slos if best(slo) < ENOUGH)

    def recordings(self) -> tuple[Recording, ...]:
        """One for every SLO, in catalog order; of an SLO with groups one for each of them."""
        found = []
        for slo in self._slos:
            members = [self._members[id_] for id_ in sorted(self._members) if _covers(slo, id_)]
            found += [self._recording(member) for member in members or [slo]]
        return tuple(found)

    def _recording(self, slo: Slo) -> Recording:
        row = self._rows.get(slo.id, {})
        nothing = np.full(self._length, np.nan)
        total = row.get("total", nothing).copy()
        bad = row.get("bad", nothing)
        bad = np.where(np.isfinite(total), np.clip(np.nan_to_num(bad), 0, None), np.nan)
        for each in slo.exclusions:
            # A rate looks back, so that it holds excluded events for a while.
            first, last = self._place(each.start), self._place(each.end + RATE_WINDOW)
            bad[max(first, 0) : max(last, 0)] = total[max(first, 0) : max(last, 0)] = np.nan
        origins = self._origins.get(slo.id, set())
        origin = " and ".join(sorted(origins, reverse=True)) or "nothing"
        longer = {
            int(what.partition(":")[2]): (
                np.where(np.isfinite(of_all), np.nan_to_num(of_bad), np.nan),
                of_all,
            )
            for what, of_all in row.items()
            if what.startswith("total:")
            for of_bad in [row.get(what.replace("total", "bad"), nothing)]
        }
        return Recording(slo, self._start, bad, total, origin, longer)

    def _place(self, at: datetime) -> int:
        return -((self._start - int(at.timestamp())) // STEP)

    def _enter(self, slo: Slo, what: str, series: Points, origin: str | None) -> None:
        self._members[slo.id] = slo
        row = self._rows.setdefault(slo.id, {})
        if what not in row:
            row[what] = np.full(self._length, np.nan)
        places = (series.times - self._start) // STEP
        inside = (places >= 0) & (places < self._length) & np.isfinite(series.values)
        places, values = places[inside], series.values[inside]
        known = row[what][places]
        if origin == "rules":
            # Two series of one SLO differ in labels only: a rule that was changed, two Prometheus.
            row[what][places] = np.fmax(known, values)
        else:
            row[what][places] = np.where(np.isfinite(known), known, values)
            inside_new = ~np.isfinite(known)
            if not inside_new.any():
                return
        if len(places) and origin is not None:
            self._origins.setdefault(slo.id, set()).add(origin)


def _covers(slo: Slo, id_: SloId) -> bool:
    """Whether an id is the SLO's own, or that of one of the groups it stands for."""
    return slo.id == id_ or (slo.is_template and SloId(id_.partition("{")[0]) == slo.id)
