"""A canary's verdict as text for people and as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from sretool.core.analysis.canary import Outcome, RuleState, Verdict
from sretool.core.runs.words import NONE, count_words, value_words
from sretool.units import format_duration, format_time

if TYPE_CHECKING:
    from datetime import timedelta

    from sretool.core.analysis.canary import Figure, Judged, JudgedRule, Judgement
    from sretool.core.catalog.canary import CanaryPolicy, Criterion, Limit

_COLOURS: Final[dict[Outcome, str]] = {
    Outcome.PROMOTE: "green",
    Outcome.HOLD: "yellow",
    Outcome.ROLLBACK: "red",
}
_HEAD: Final = ("CRITERION", "CANARY", "BASELINE", "DIFFERENCE", "INTERVAL", "LIMIT", "SURE", "VERDICT")
_LEFT: Final = frozenset({0, 7})
"""Columns of words."""


# -- JSON


def as_json(policy: CanaryPolicy, found: Judgement) -> dict[str, Any]:
    stage = found.stage
    return {
        "at": found.window.at,
        "outcome": found.outcome,
        "promote": found.outcome is Outcome.PROMOTE,
        "reason": found.reason,
        "service": policy.service,
        "stage": found.number,
        "stages": len(policy.stages),
        "weight": stage.weight if stage else None,
        "since": found.window.since,
        "elapsed_s": found.window.length,
        "remaining_s": found.remaining if stage else None,
        "confidence": policy.confidence,
        "criteria": [_criterion(each) for each in found.criteria],
        "rollback_rules": [_rule(each) for each in found.rules],
        "checklist": [
            {"id": each.check.id, "title": each.check.title, "ok": each.ok, "why": each.why or None}
            for each in found.checklist
        ],
        "notes": list(found.notes),
    }


def _criterion(each: Judged) -> dict[str, Any]:
    return {
        "id": each.criterion.id,
        "title": each.criterion.title,
        "unit": each.criterion.unit or None,
        "verdict": each.verdict,
        "why": each.why or None,
        "canary": _figure(each.canary),
        "baseline": _figure(each.baseline),
        "difference": {"value": each.difference, "low": each.low, "high": each.high},
        "limit": _limit_as_json(each.criterion.limit),
        "probability_kept": each.kept,
        "probability_broken": each.broken,
        "p_value": each.chance,
        "needs_events": each.more.events if each.more else None,
        "needs_s": each.more.time if each.more else None,
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "events": figure.events,
        "bad": figure.bad,
    }


def _limit_as_json(limit: Limit) -> dict[str, Any]:
    return {"bad_when": limit.side, "value": limit.value}


def _rule(each: JudgedRule) -> dict[str, Any]:
    rule = each.criterion.rollback
    assert rule is not None
    return {
        "criterion": each.criterion.id,
        "limit": _limit_as_json(rule.limit),
        "for_s": rule.lasting,
        "state": each.state,
        "since": each.since,
        "held_s": each.held,
        "probability_broken": each.broken,
    }


# -- text


def as_text(policy: CanaryPolicy, found: Judgement) -> str:
    head = click.style(found.outcome.upper(), fg=_COLOURS[found.outcome], bold=True)
    if not found.stage:
        lines = [f"{head}  before the release: {found.reason}", ""]
        return "\n".join([*lines, *_checklist(found)])
    stage = f"stage {found.number} of {len(policy.stages)}"
    weight = f"{found.stage.weight * 100:.4g}% for {format_duration(found.stage.lasts)}"
    lines = [f"{head}  {stage} ({weight}): {found.reason}", "", *_table(found)]
    lines += ["", *(_rule_line(each) for each in found.rules)] if found.rules else []
    needs = [line for each in found.criteria if (line := _need(each))]
    lines += ["", *needs] if needs else []
    window = f"{format_time(found.window.since)} to {format_time(found.window.at)}"
    left = f", {_span(found.remaining)} of the stage left" if found.remaining else ""
    lines += ["", f"{window} ({_span(found.window.length)}{left}), {policy.confidence:.0%} confidence"]
    return "\n".join([*lines, *(f"note: {note}" for note in found.notes)])


def _table(found: Judgement) -> list[str]:
    rows = [_HEAD, *(_cells(each) for each in found.criteria)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return [
        " ".join(
            f"{cell:<{width}}" if column in _LEFT else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cells(each: Judged) -> tuple[str, ...]:
    criterion = each.criterion
    interval = NONE
    if each.low is not None or each.high is not None:
        interval = f"{_difference(criterion, each.low)}..{_difference(criterion, each.high)}"
    sure = each.broken if each.verdict is Verdict.FAILED else each.kept
    return (
        criterion.id,
        value(criterion, each.canary.value),
        value(criterion, each.baseline.value),
        _difference(criterion, each.difference),
        interval,
        limit_words(criterion, criterion.limit),
        _sure(sure),
        each.verdict.value.replace("_", " "),
    )


def value(criterion: Criterion, figure: float | None) -> str:
    if criterion.unit == "ratio" and figure is not None:
        return f"{figure * 100:.3g}%"
    if figure is not None and not criterion.unit:
        return f"{figure:.3g}"
    if figure is not None and criterion.unit == "s" and figure < 0.001:
        return f"{figure * 1000:.1f}ms"
    return value_words(figure, criterion.unit)


def _difference(criterion: Criterion, figure: float | None) -> str:
    """Of shares in points."""
    if figure is None:
        return "?"
    sign = "-" if figure < 0 else "+"
    if criterion.unit == "ratio":
        return f"{sign}{abs(figure) * 100:.2f}pt"
    return f"{sign}{value(criterion, abs(figure))}"


def limit_words(criterion: Criterion, limit: Limit) -> str:
    """What is still good."""
    sign = "<" if limit.side.sign > 0 else ">"
    if not limit.side.relative:
        return f"{sign} {value(criterion, limit.value)}"
    return f"{sign} {_difference(criterion, limit.value * limit.side.sign)}"


def _sure(sureness: float | None) -> str:
    if sureness is None:
        return NONE
    return ">99.9%" if sureness > 0.999 else f"{sureness * 100:.1f}%"


def _rule_line(each: JudgedRule) -> str:
    rule = each.criterion.rollback
    assert rule is not None
    limit = limit_words(each.criterion, rule.limit).replace("<", "not <").replace(">", "not >")
    what = f"roll back when {each.criterion.id} {limit} for {format_duration(rule.lasting)}"
    match each.state:
        case RuleState.QUIET:
            state = "no"
        case RuleState.NO_DATA:
            state = "not known, no data"
        case RuleState.PENDING:
            state = f"for {_span(each.held)} now"
        case RuleState.UNPROVEN:
            state = f"for {_span(each.held)}, but chance is not ruled out ({_sure(each.broken)} sure)"
        case RuleState.FIRED:
            state = f"YES, for {_span(each.held)} ({_sure(each.broken)} sure)"
    return f"{what}: {state}"


def _need(each: Judged) -> str:
    if each.verdict is not Verdict.UNCLEAR:
        return ""
    counted = f"{each.criterion.id}: {count_words(each.canary.events)} events of the canary so far"
    if each.more is None:
        return f"{counted}; {each.why}"
    return f"{counted}; about {count_words(each.more.events)} more ({_span(each.more.time)} like this) tell"


def _checklist(found: Judgement) -> list[str]:
    signs = {True: "yes", False: "NO", None: "?"}
    width = max((len(each.check.id) for each in found.checklist), default=0)
    return [
        f"{signs[each.ok]:<3}  {each.check.id:<{width}}  {each.check.title}"
        + (f": {each.why}" if each.why else "")
        for each in found.checklist
    ]


def _span(length: timedelta) -> str:
    """To the second; beyond an hour to the minute."""
    seconds = round(length.total_seconds())
    return format_duration(type(length)(seconds=seconds if seconds < 3600 else round(seconds / 60) * 60))
