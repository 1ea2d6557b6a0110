"""A run of an experiment as the resiliency score asks about it: what of its verdict answers what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sretool.core.analysis.score import Aspect, Trial
from sretool.core.plans.chaos import criteria as names
from sretool.core.plans.chaos.verdict import INCOMPLETE, PREMISES
from sretool.core.runs.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sretool.core.analysis.score import Answers
    from sretool.core.plans.chaos.criteria import Criteria
    from sretool.core.runs.model import Check, RunRecord, Verdict

_PROMISED: Final = (names.RPO, names.LOST, names.DUPLICATED, names.RESURRECTED)
"""Where an RPO is promised. One question in several checks: whether the client's writes are all there."""
_WRITES: Final = (*_PROMISED, names.ONE_PRIMARY, names.REDUNDANCY)
"""The same, and whether they are as safe as before, as far as that could be measured."""


def trial(record: RunRecord, criteria: Criteria | None) -> Trial:
    """`criteria`: what its first event says was to hold; None: that cannot be read.

    What was to hold and has no check counts as not known.
    """
    verdict = record.verdict
    checks = {each.name: each for each in verdict.checks} if verdict is not None else {}
    return Trial(
        run=record.id,
        experiment=record.title,
        at=record.started,
        services=record.targets,
        answers=_answers(criteria, checks) if criteria is not None else {},
        valid=criteria is not None and _valid(verdict, criteria, checks),
        parent=record.parent,
    )


def _valid(verdict: Verdict | None, criteria: Criteria, checks: Mapping[str, Check]) -> bool:
    if verdict is None or verdict.outcome in (Outcome.ABORTED, Outcome.ERROR):
        return False
    needed = [*PREMISES & checks.keys(), names.FAULT_MADE, names.DOSE]
    needed += [names.HELPERS] if criteria.helpers else []
    needed += [names.PROBES] if criteria.probes else []
    needed += [names.STEADY_BEFORE] if criteria.asked_before else []
    return verdict.reason != INCOMPLETE and all(_truth(checks, each) for each in needed)


def _truth(checks: Mapping[str, Check], name: str) -> bool | None:
    found = checks.get(name)
    return found.ok if found is not None else None


def _answers(criteria: Criteria, checks: Mapping[str, Check]) -> dict[Aspect, Answers]:
    return {
        Aspect.HYPOTHESES: tuple(_truth(checks, each) for each in _hypotheses(criteria)),
        Aspect.DETECTION: tuple(_detected(each.name, criteria, checks) for each in criteria.expected_alerts),
        Aspect.RECOVERY: tuple(_recovery(criteria, checks)),
        Aspect.UNDO: tuple(_truth(checks, each) for each in _undo(criteria)),
    }


def _hypotheses(criteria: Criteria) -> list[str]:
    """None where there is no hypothesis: prices and silence alone prove nothing."""
    asked = [names.STEADY_DURING] if criteria.asked_during else []
    asked += [names.STEADY_AFTER] if criteria.asked_after else []
    if not asked:
        return []
    asked += [names.UNEXPECTED] if criteria.unexpected_fail else []
    return [*asked, names.BUDGET] if criteria.budget_price is not None else asked


def _detected(alert: str, criteria: Criteria, checks: Mapping[str, Check]) -> bool | None:
    fired = _truth(checks, names.alert_check(alert))
    if not fired or not criteria.received:
        return fired
    return _truth(checks, names.received_check(alert))


def _recovery(criteria: Criteria, checks: Mapping[str, Check]) -> Iterator[bool | None]:
    if criteria.recovery_deadline_s is not None:
        yield _truth(checks, names.RECOVERED)
    if criteria.expected_alerts:
        yield _truth(checks, names.RESOLVED)
    if criteria.rto_s is not None:
        yield _truth(checks, names.RTO)
    measured = [each for each in _WRITES if each in checks]
    if criteria.rpo_s is not None or measured:
        promised = _PROMISED if criteria.rpo_s is not None else ()
        yield all(_truth(checks, each) is True for each in {*promised, *measured})


def _undo(criteria: Criteria) -> list[str]:
    return [names.UNDONE, names.DOSE_AFTER] if criteria.dose is not None else [names.UNDONE]
