"""From the names of a server's metrics to the questions whose answers make objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.catalog.discover.families import (
    BAD_SUFFIXES,
    FAMILIES,
    OWN_PREFIXES,
    Buckets,
    ByStatus,
    Family,
    Pair,
    Up,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_PATHS: Final = ("route", "handler", "path", "uri", "http_route", "endpoint", "path_template", "url", "view")
"""Labels that tell one part of a service from another."""

_COUNTERS: Final = frozenset({"counter", "unknown", "histogram", "summary"})


@dataclass(frozen=True, slots=True)
class Lead:
    """A family that has metrics here."""

    family: Family
    metric: str
    """The metric that events are counted by: a counter, a gauge, or a histogram's base name."""
    bad: str | None = None
    """Of a pair: the counter of bad events."""

    @property
    def asked(self) -> str:
        """The metric whose labels must be known."""
        return f"{self.metric}_bucket" if isinstance(self.family.signal, Buckets) else self.metric

    @property
    def metrics(self) -> str:
        """For people."""
        return f"{self.metric} and {self.bad}" if self.bad is not None else self.metric


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask about a lead, once the labels of its metric are known."""

    lead: Lead
    identity: tuple[str, ...]
    """Labels that together name a service: what keeps names apart, then the name."""
    status: str | None
    """The label that tells good from bad."""
    paths: tuple[str, ...]
    """Labels that tell the service's parts apart."""
    queries: tuple[tuple[str, str], ...]
    """(role, PromQL of what a day had): role status, bad, good, total or bucket."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Something known that gives no objective, and why."""

    what: str
    why: str


def leads(names: Collection[str]) -> tuple[Lead, ...]:
    """The families that have all their metrics among `names`, in the order of preference."""
    known = frozenset(names)
    found = [lead for family in FAMILIES for lead in _leads_of(family, known)]
    taken = {lead.bad for lead in found}
    return (*found, *(lead for lead in _pairs(known) if lead.bad not in taken))


def _leads_of(family: Family, names: frozenset[str]) -> Iterator[Lead]:
    match family.signal:
        case ByStatus(counters=wanted) | Up(gauges=wanted):
            yield from (Lead(family, name) for name in wanted if name in names)
        case Buckets(histograms=wanted):
            yield from (Lead(family, name) for name in wanted if {f"{name}_bucket", f"{name}_count"} <= names)
        case Pair(bad=bad, total=total):
            if {bad, total} <= names:
                yield Lead(family, total, bad)


def _pairs(names: frozenset[str]) -> Iterator[Lead]:
    """Counters that are a pair by their names alone."""
    for bad in sorted(names):
        suffix = next((each for each in BAD_SUFFIXES if bad.endswith(each)), None)
        if suffix is None or bad.startswith(OWN_PREFIXES) or ":" in bad:
            continue
        stem = bad.removesuffix(suffix)
        if f"{stem}_total" in names:
            yield Lead(_pair_family(stem, suffix, bad), f"{stem}_total", bad)


def _pair_family(stem: str, suffix: str, bad: str) -> Family:
    signal = Pair(bad, f"{stem}_total")
    doubt = f"by their names alone: check that what {bad} counts is in {stem}_total, too"
    if suffix == "_5xx_total":
        title = "requests beside 5xx answers"
        what = "{service}: requests answered without a server error"
        return Family(title, "availability", what, signal, doubt=doubt)
    things = stem.replace("_", " ")
    return Family(
        "a counter beside one of its failures",
        f"{stem.strip('_').replace('_', '-').lower()}-success",
        f"{{service}}: {things} without a failure",
        signal,
        doubt=doubt,
    )


def plan(lead: Lead, labels: Collection[str]) -> Plan | Passed:
    """The questions about a lead whose metric has these labels."""
    family = lead.family
    name = next((label for label in family.identity if label in labels), None)
    if name is None:
        return Passed(lead.metrics, f"none of its labels names a service ({' or '.join(family.identity)})")
    space = next((label for label in family.space if label in labels), None)
    identity = (space, name) if space is not None else (name,)
    paths = tuple(label for label in _PATHS if label in labels and label not in identity)
    status = None
    if isinstance(family.signal, ByStatus):
        status = next((label for label in family.signal.labels if label in labels), None)
        if status is None:
            wanted = " or ".join(family.signal.labels)
            return Passed(lead.metrics, f"no label says how a request ended ({wanted})")
    return Plan(lead, identity, status, paths, tuple(_queries(lead, identity, status)))


def _queries(lead: Lead, identity: tuple[str, ...], status: str | None) -> Iterator[tuple[str, str]]:
    family = lead.family
    inside = f"{{{family.matchers}}}" if family.matchers else ""
    by = ", ".join(identity)
    metric = f"{lead.metric}{inside}"
    match family.signal:
        case ByStatus():
            yield "status", f"sum by ({by}, {status}) (increase({metric}[1d]))"
        case Pair():
            yield "total", f"sum by ({by}) (increase({metric}[1d]))"
            yield "bad", f"sum by ({by}) (increase({lead.bad}{inside}[1d]))"
        case Buckets():
            yield "total", f"sum by ({by}) (increase({lead.metric}_count{inside}[1d]))"
            yield "bucket", f"sum by ({by}, le) (increase({lead.metric}_bucket{inside}[1d]))"
        case Up():
            yield "total", f"sum by ({by}) (count_over_time(({metric})[1d:1m]))"
            yield "good", f"sum by ({by}) (sum_over_time(({metric} == bool 1)[1d:1m]))"


def type_doubt(lead: Lead, kind: str | None) -> str | None:
    """What is odd about the type that the server's metadata gives; None where nothing is, or is known."""
    if kind is None:
        return None
    match lead.family.signal:
        case Up() if kind not in ("gauge", "unknown"):
            return f"the server calls {lead.metric} a {kind}, not a gauge"
        case Buckets() if kind not in ("histogram", "unknown"):
            return f"the server calls {lead.metric} a {kind}, not a histogram"
        case ByStatus() | Pair() if kind not in _COUNTERS:
            return f"the server calls {lead.metric} a {kind}, not a counter"
    return None


def looked_for() -> tuple[str, ...]:
    """The families of the table, for somebody whose metrics are none of them."""
    return tuple(dict.fromkeys(family.title for family in FAMILIES))
