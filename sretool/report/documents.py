"""Explanations and reports as JSON documents: times, durations and decimals are left to the writer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sretool.core.observe.explanation import Explanation, PairState, Suspicion
    from sretool.core.observe.month import Month, MonthOfSlo
    from sretool.core.slo.firing import Firing
    from sretool.core.slo.ledger import Entry, Ledger
    from sretool.core.slo.model import Slo


def explanation(found: Explanation) -> dict[str, Any]:
    """The explanation for programs."""
    status, slo = found.status, found.status.slo
    return {
        "at": found.at,
        "id": slo.id,
        "title": slo.title,
        "service": slo.service,
        "objective": slo.objective,
        "window_s": slo.window,
        "window_start": slo.window_start(found.at),
        "level": status.level,
        "sli": status.sli,
        "good": status.good,
        "total": status.total,
        "budget_left": status.budget_left,
        "events_left": found.events_left,
        "coverage": status.coverage,
        "exhausts_in_s": status.exhausts_in,
        "recovers_in_s": status.recovers_in,
        "pairs": [_pair_as_json(state, slo) for state in found.pairs],
        "burning": {
            "since": found.burning.start,
            "bad": found.burning.bad,
            "total": found.burning.total,
            "budget_eaten": found.burning.eaten,
        }
        if found.burning is not None
        else None,
        "clears_in_s": found.clears_in,
        "ledger": ledger(found.ledger) if found.ledger is not None else None,
        "suspects": _suspicion_as_json(found.suspicion) if found.suspicion is not None else None,
        "alerts": [firing(each) for each in found.alerts],
        "alerts_replayed": found.alerts_replayed,
    }


def _pair_as_json(state: PairState, slo: Slo) -> dict[str, Any]:
    return {
        "severity": state.pair.severity,
        "long_s": state.pair.long,
        "short_s": state.pair.short,
        "factor": state.pair.factor(slo.window),
        "burn_long": state.burn_long,
        "burn_short": state.burn_short,
        "firing": state.fires,
        "since": state.since.at if state.since is not None else None,
        "since_earlier": state.since.earlier if state.since is not None else None,
        "clears_in_s": state.clears_in,
    }


def ledger(found: Ledger) -> dict[str, Any]:
    """What is gone and its entries, shares of the whole budget."""
    return {
        "since": found.since,
        "until": found.until,
        "allowed": float(found.allowed),
        "bad": float(found.bad),
        "total": float(found.total),
        "spent": float(found.spent),
        "coverage": found.coverage,
        "entries": [_entry_as_json(entry) for entry in found.entries],
    }


def _entry_as_json(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        "start": entry.start,
        "end": entry.end,
        "bad": float(entry.bad),
        "total": float(entry.total),
        "share": float(entry.share),
        "peak_burn": entry.peak_burn,
        "alerts": [firing(each) for each in entry.alerts],
        "source": entry.source or None,
        "left_out": {"bad": entry.left_out.bad, "total": entry.left_out.total} if entry.left_out else None,
    }


def firing(found: Firing) -> dict[str, Any]:
    """One time an alert fired."""
    return {
        "alert": found.alert,
        "severity": found.severity,
        "long_s": found.long,
        "short_s": found.short,
        "start": found.start,
        "end": found.end,
    }


def _suspicion_as_json(suspicion: Suspicion) -> dict[str, Any]:
    return {
        "start": suspicion.start,
        "end": suspicion.end,
        "of": suspicion.of,
        "unknown": suspicion.unknown,
        "labels": [
            {
                "label": each.label,
                "tells_kind": each.tells_kind,
                "values": [
                    {
                        "value": suspect.value,
                        "bad": suspect.bad,
                        "share": suspect.share,
                        "traffic_share": suspect.traffic_share,
                        "error_ratio": suspect.error_ratio,
                    }
                    for suspect in each.values
                ],
            }
            for each in suspicion.breakdowns
        ],
    }


def month(found: Month) -> dict[str, Any]:
    """A month's report for programs."""
    return {
        "month": found.name,
        "start": found.start,
        "end": found.end,
        "until": found.until,
        "complete": found.complete,
        "zone": found.period.zone,
        "slos": [_month_of_slo(each) for each in found.slos],
        "other_alerts": [{**firing(each), "labels": dict(labels)} for labels, each in found.other_alerts],
    }


def _month_of_slo(found: MonthOfSlo) -> dict[str, Any]:
    slo, own = found.slo, found.status
    return {
        "id": slo.id,
        "title": slo.title,
        "service": slo.service,
        "owner": slo.owner,
        "tier": slo.tier,
        "objective": slo.objective,
        "zone": found.period.zone,
        "start": found.period.start,
        "end": found.period.end,
        "until": found.period.until,
        "sli": found.sli,
        "met": found.met,
        "good": float(found.ledger.total - found.ledger.bad) if found.ledger is not None else None,
        "total": float(found.ledger.total) if found.ledger is not None else None,
        "budget_left": found.budget_left,
        "coverage": found.coverage,
        "own_window": {
            "window_s": slo.window,
            "calendar": str(slo.calendar) if slo.calendar is not None else None,
            "sli": own.sli,
            "budget_left": own.budget_left,
        },
        "weeks": [
            {"start": week.start, "end": week.end, "sli": week.sli, "bad": week.bad, "total": week.total}
            for week in found.weeks
        ],
        "ledger": ledger(found.ledger) if found.ledger is not None else None,
        "alerts": [firing(each) for each in found.alerts],
        "alerts_replayed": found.alerts_replayed,
    }
