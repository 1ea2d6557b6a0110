"""Recovery: what a client's ledger of writes says, and when everything was as before.

RTO and RPO are the client's: from the fault until its writes succeed again for good, and how old the oldest
acknowledged write is that is gone. What a server says of itself proves neither.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sretool.core.plans.chaos import criteria as names
from sretool.core.plans.chaos.detection import deadline_over, raised
from sretool.core.plans.chaos.timeline import finite
from sretool.core.runs import events
from sretool.core.runs.events import ServerWrites, WritesFound
from sretool.core.runs.model import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.core.plans.chaos.criteria import Criteria
    from sretool.core.plans.chaos.detection import Detection
    from sretool.core.plans.chaos.timeline import Timeline

FORMAT: Final = 1
"""Of the ledger's result that is read here."""


# --- what the ledger says -----------------------------------------------------------------------------------


def writes_found(result: Mapping[str, Any]) -> WritesFound:
    """The result of `sretool.chaos.ledger` as an event; what makes no sense is not known, and says why."""
    if result.get("format") != FORMAT:
        return WritesFound(text=f"a ledger of format {result.get('format')!r}, {FORMAT} is read here")
    counts = {key: _count(result.get(key)) for key in _COUNTS}
    wrong = _contradiction(result, counts)
    if wrong:
        return WritesFound(text=f"the ledger contradicts itself: {wrong}")
    fault = _number(result.get("fault_at"))
    servers = tuple(_servers(result.get("servers"), fault))
    return WritesFound(
        acked=counts["acked"],
        lost=counts["lost"],
        duplicated=counts["duplicated"],
        resurrected=counts["resurrected"],
        unknown=counts["unknown"],
        rto_s=_rto_of(result, servers),
        rpo_s=_span(result.get("rpo_s")),
        first_failed_after_s=_after(result.get("first_failed_at"), fault),
        servers=servers,
        promoted=True if isinstance(result.get("promoted"), str) else None,
        split_brain=_truth(result.get("split_brain")),
        redundant=_truth(result.get("redundant")),
        text="" if fault is not None else "the ledger was not told of a fault",
    )


_COUNTS: Final = ("sent", "acked", "refused", "unknown", "lost", "duplicated", "resurrected")


def _contradiction(result: Mapping[str, Any], counts: Mapping[str, int | None]) -> str:
    for key, count in counts.items():
        if count is None and result.get(key) is not None:
            return f"{key} is {result.get(key)!r}"
    sent, acked, refused, unknown = (counts[key] for key in _COUNTS[:4])
    if sent is None or acked is None or refused is None or unknown is None:
        return "not every write is counted"
    if sent != acked + refused + unknown:
        return f"{sent} sent, {acked} acknowledged, {refused} refused, {unknown} unknown"
    lost, resurrected, rpo = counts["lost"], counts["resurrected"], _span(result.get("rpo_s"))
    if lost is not None and lost > acked:
        return f"{lost} lost of {acked}"
    if resurrected is not None and resurrected > refused:
        return f"{resurrected} resurrected of {refused} refused"
    if lost is not None and rpo is not None and (lost == 0) != (rpo == 0) and lost == 0:
        return f"none lost, and yet {rpo:g} s of writes"
    return ""


def _rto_of(result: Mapping[str, Any], servers: tuple[ServerWrites, ...]) -> float | None:
    """Never before the new primary acknowledges: what the old one had under way arrives after its end, too.

    Where no answer names its server, the time when one was seen to take writes stands for it.
    """
    rto, promoted = _span(result.get("rto_s")), result.get("promoted")
    if rto is None or not isinstance(promoted, str):
        return rto
    if any(each.acked_before or each.acked_after for each in servers):
        first = next((each.first_ack_after_t for each in servers if each.name == promoted), None)
    else:
        first = _span(result.get("rto_database_s"))
    return None if first is None else max(rto, first)


def _servers(told: object, fault: float | None) -> Iterator[ServerWrites]:
    for each in told if isinstance(told, list) else []:
        if isinstance(each, Mapping) and isinstance(each.get("name"), str):
            yield ServerWrites(
                name=each["name"],
                acked_before=_count(each.get("acked_before")) or 0,
                acked_after=_count(each.get("acked_after")) or 0,
                first_ack_after_t=_after(each.get("first_ack_after_at"), fault),
            )


def _number(value: object) -> float | None:
    return finite(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _span(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and number >= 0 else None


def _after(at: object, fault: float | None) -> float | None:
    number = _number(at)
    return None if number is None or fault is None else round(number - fault, 6)


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


# --- what it means ------------------------------------------------------------------------------------------


def writes(timeline: Timeline) -> tuple[float, WritesFound] | None:
    """The last account of them that was made after the fault."""
    found, on = timeline.last(WritesFound), timeline.fault_on
    return None if found is None or on is None or found[0] < on else found


def rto_s(of: Criteria, timeline: Timeline) -> float | None:
    """By the ledger; where there is none, by a steady state that was asked all the time."""
    found = writes(timeline)
    if found is not None:
        return finite(found[1].rto_s)
    return None if of.rpo_s is not None else _by_steady_state(timeline)


def _by_steady_state(timeline: Timeline) -> float | None:
    on = timeline.fault_on
    told = [(t, what.met) for t, what in timeline.of(events.SteadyState) if what.when in ("during", "after")]
    after = [(t, met) for t, met in told if on is not None and t >= on]
    # One answer says nothing about the time between.
    if on is None or len([met for _, met in after if met is not None]) < 2 or after[-1][1] is not True:
        return None
    bad = [t for t, met in after if met is not True]
    if not bad:
        return 0.0
    return min(t for t, met in after if met is True and t > bad[-1]) - on


def checks(of: Criteria, found: Detection, timeline: Timeline) -> Iterator[Check]:
    if of.rto_s is not None:
        yield _rto(of, timeline)
    account = writes(timeline)
    if of.rpo_s is not None or account is not None:
        yield from _of_writes(of, account[1] if account else WritesFound())
    if of.actions and of.recovery_deadline_s is not None:
        yield _recovered(of, found, timeline)


def _rto(of: Criteria, timeline: Timeline) -> Check:
    assert of.rto_s is not None
    got, on, end = rto_s(of, timeline), timeline.fault_on, timeline.watch_ended
    if got is not None:
        return Check(names.RTO, want=of.rto_s, got=got, unit="s", ok=got <= of.rto_s)
    account = writes(timeline)
    # It is not over: longer than this, whatever is promised beyond it.
    away = account is not None and account[1].first_failed_after_s is not None
    over = on is not None and end is not None and end - on >= of.rto_s
    return Check(
        names.RTO, want=of.rto_s, got="not over" if away else None, unit="s", ok=_false_if(away and over)
    )


def _of_writes(of: Criteria, found: WritesFound) -> Iterator[Check]:
    # Where nothing was acknowledged before the fault, nothing could be lost.
    meant = bool(found.acked) and (not found.servers or any(each.acked_before for each in found.servers))
    if of.rpo_s is not None:
        rpo = finite(found.rpo_s)
        yield Check(names.RPO, want=of.rpo_s, got=rpo, unit="s", ok=_within(rpo, of.rpo_s, meant=meant))
    for name, got, most in (
        (names.LOST, found.lost, of.lost_writes),
        (names.DUPLICATED, found.duplicated, 0),
        (names.RESURRECTED, found.resurrected, 0),
    ):
        yield Check(name, want=most, got=got, ok=_within(got, most, meant=meant))
    if len(found.servers) > 1:
        one = None if found.split_brain is None else not found.split_brain
        yield Check(names.ONE_PRIMARY, want="yes", got=_yes(one), ok=one)
        yield Check(names.REDUNDANCY, want="yes", got=_yes(found.redundant), ok=found.redundant)


def _within(got: float | None, most: float, *, meant: bool) -> bool | None:
    if got is None:
        return None
    return False if got > most else True if meant else None


def _false_if(broken: bool) -> bool | None:
    return False if broken else None


def _yes(truth: bool | None) -> str | None:
    return {True: "yes", False: "no", None: None}[truth]


def recovered_at(of: Criteria, found: Detection, timeline: Timeline) -> float | None:
    """From when on everything is as before: no fault, no expected alert, writes succeed; None: it is not."""
    off, on = timeline.all_off, timeline.fault_on
    if off is None or on is None:
        return None
    alerts = raised(of, found)
    if any(each.resolved is None for each in alerts):
        return None
    account = writes(timeline)
    if account is not None and account[1].rto_s is None and account[1].first_failed_after_s is not None:
        return None
    back = account[1].rto_s if account is not None else None
    ends = [off, *(each.resolved for each in alerts if each.resolved is not None)]
    return max([*ends, on + back] if back is not None and math.isfinite(back) else ends)


def _recovered(of: Criteria, found: Detection, timeline: Timeline) -> Check:
    assert of.recovery_deadline_s is not None
    begin, at = timeline.to_be_over, recovered_at(of, found, timeline)
    if at is None or begin is None:
        broken = deadline_over(of, timeline)
        return Check(
            names.RECOVERED, want=of.recovery_deadline_s, got="not yet", unit="s", ok=_false_if(broken)
        )
    took = max(0.0, at - begin)
    return Check(
        names.RECOVERED,
        want=of.recovery_deadline_s,
        got=round(took, 3),
        unit="s",
        ok=took <= of.recovery_deadline_s,
    )


def mttr_s(of: Criteria, found: Detection, timeline: Timeline) -> float | None:
    """From the fault until everything was as before."""
    at, on = recovered_at(of, found, timeline), timeline.fault_on
    return None if at is None or on is None else round(at - on, 6)
