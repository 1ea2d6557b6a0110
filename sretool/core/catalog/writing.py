"""What the writers of files share: what is lost on the way, and an SLI as queries over a window."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import yaml

from sretool.core.slo.model import BooleanGauge, Composite, Freshness
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from sretool.core.slo.model import Sli, Slo, SloId

TEMPLATE: Final = "{{.window}}"
"""Where the length of a range belongs, as Sloth writes it."""

_MARK: Final = timedelta(seconds=433)
"""A window no file has: it is told apart from every other range of a query."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of an SLO that the target cannot say."""

    slo: SloId
    what: str
    whole: bool = False
    """The SLO itself is not written."""


@dataclass(slots=True)
class Written:
    """A file's text and what it lacks."""

    text: str = ""
    losses: list[Loss] = field(default_factory=list)


def dump(document: Mapping[str, Any]) -> str:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(dict(document), Dumper=dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return text


def dump_all(documents: Iterable[Mapping[str, Any]]) -> str:
    return "---\n".join(dump(document) for document in documents)


@dataclass(frozen=True, slots=True)
class Queries:
    """Bad and all events over `{{.window}}`."""

    bad: str
    total: str


def queries(sli: Sli, by: tuple[str, ...]) -> Queries | None:
    """The SLI of any kind; None where it is made of parts that no one window fits."""
    if isinstance(sli, BooleanGauge | Freshness):
        good = f"({sli.query}) == bool 1" if isinstance(sli, BooleanGauge) else _fresh(sli)
        every = f"[{TEMPLATE}:{format_duration(sli.slice)}]"
        bad, total = f"sum_over_time((1 - ({good})){every})", f"count_over_time(({good}){every})"
        return Queries(_sum(bad, by), _sum(total, by))
    if isinstance(sli, Composite) and any(
        isinstance(part.sli, BooleanGauge | Freshness) for part in sli.parts
    ):
        return None
    bad, total = (
        rate.replace(format_duration(_MARK), TEMPLATE)
        for rate in (sli.bad_rate(_MARK, by), sli.total_rate(_MARK, by))
    )
    return Queries(bad, total)


def _fresh(sli: Freshness) -> str:
    return f"({sli.age}) <= bool {seconds(sli.threshold)}"


def _sum(query: str, by: tuple[str, ...]) -> str:
    return f"sum by ({', '.join(by)}) ({query})" if by else f"sum({query})"


def seconds(length: timedelta) -> str:
    """`"0.5"`: a duration in seconds, exactly."""
    micros = length // timedelta(microseconds=1)
    whole, rest = divmod(micros, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def percent(ratio: Decimal) -> str:
    """0.999 → `"99.9"`."""
    return format_decimal(ratio * 100)


def owned_labels(slo: Slo) -> dict[str, str]:
    """The labels, with owner and tier among them."""
    owner = {"owner": slo.owner} if slo.owner is not None else {}
    tier = {"tier": str(slo.tier)} if slo.tier is not None else {}
    return {**owner, **tier, **slo.labels}


def common_losses(slo: Slo) -> Iterable[str]:
    """What no other tool's file can say."""
    if slo.exclusions:
        yield f"{len(slo.exclusions)} exclusions: maintenance would count"
    if slo.min_events is not None:
        yield f"min_events: {slo.min_events}: a single event may raise an alert"
