"""A game day in words and for programs: who, when, to whom, at what price, and what must be true.

What is hidden from whoever responds is shown by `reveal` only: without it, neither what happens nor when.
"""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sretool.cli import gameday_release
from sretool.cli.chaos_shown import WIDTH, items, undo_words, wrapped
from sretool.cli.gameday_prepare import plain
from sretool.core.plans.chaos.plan import percent
from sretool.core.plans.chaos.targets import HEALS
from sretool.core.plans.gameday import planned
from sretool.core.plans.gameday.lint import price
from sretool.core.plans.gameday.plan import (
    AskStep,
    CapacityStep,
    CheckStep,
    DoseStep,
    ExperimentStep,
    LoadStep,
    Otherwise,
    RoundsStep,
    WaitForStep,
    WaitStep,
)
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.cli.gameday_prepare import Prepared
    from sretool.cli.gameday_ready import Ready
    from sretool.core.plans.chaos.targets import Target
    from sretool.core.plans.gameday.plan import Played
    from sretool.core.plans.gameday.timetable import Span
    from sretool.errors import Problem

_LABEL: Final = 12
_READY: Final = "no page, more budget left than the price, no fault of another experiment"


def text(prepared: Prepared, ready: Ready, *, reveal: bool) -> str:
    return "\n".join(_lines(prepared, ready, reveal=reveal))


def _lines(prepared: Prepared, ready: Ready, *, reveal: bool) -> Iterator[str]:
    plan = prepared.plan
    yield from textwrap.wrap(plan.title, WIDTH)
    yield from _field("file", plan.file)
    yield from _field("about", plan.about)
    if plan.every is not None:
        yield from _field("due", f"once a {plan.every.value}")
    against = ", ".join(f"{name} {value}" for name, value in prepared.where.items())
    yield from _field("against", against or "no Prometheus, no Alertmanager, no lab: nothing is watched")
    if prepared.production:
        yield from _field("PRODUCTION", "a second person must approve each experiment's plan")
    yield from _field("takes", _takes(prepared))
    yield from _field("price", _price(prepared))
    if plan.shuffled:
        told = f"{prepared.seed}: the same order again with --seed {prepared.seed}"
        yield from _field("seed", told if reveal else "--reveal shows it, as the order follows from it")
    yield from _roles(prepared)
    if plan.hypotheses:
        yield from ("", "Believed to hold, whatever is done")
        yield from items(each.text for each in plan.hypotheses)
    yield from _timetable(prepared, reveal=reveal)
    yield from _hurts(prepared, reveal=reveal)
    yield from ("", "Stops when")
    yield from items([each.text for each in plan.stop_when] or ["nobody says; only by hand"])
    yield from _before(ready)
    if plan.at_end:
        late = f", {_words(plan.settle)} after the last step at the latest" if plan.settle else ""
        yield from ("", f"Must be true at the end{late}")
        yield from items(each.text for each in plan.at_end)
    if plan.release is not None:
        yield from ("", "A release may go out where")
        yield from items(gameday_release.asked(plan.release))
    if prepared.warnings:
        yield from ("", "Remarks")
        yield from items(str(each) for each in _told(prepared, reveal=reveal))


def _takes(prepared: Prepared) -> str:
    whole, limit = prepared.table.whole, prepared.plan.limit
    most = "as long as it takes" if whole.most is None else _words(whole.most)
    stopped = f"; stopped after {_words(limit)}" if limit is not None else ""
    return f"{_words(whole.least)} at least, {most} at most{stopped}"


def _price(prepared: Prepared) -> str:
    plan, found = prepared.plan, price(prepared.plan, prepared.known)
    whole = "no price is told"
    if plan.budget_price is not None:
        whole = f"at most {percent(plan.budget_price)} of any objective's error budget"
    if found.worst is None:
        return whole
    return f"{whole}; one experiment {percent(found.worst)}, all together {percent(found.together)}"


def _roles(prepared: Prepared) -> Iterator[str]:
    if not prepared.plan.roles:
        return
    yield from ("", "Roles")
    wide = max(len(each.id) for each in prepared.plan.roles)
    named = max(len(name) for name in prepared.people.values())
    for role in prepared.plan.roles:
        first = f"  {role.id:<{wide}}  {prepared.people[role.id]:<{named}}  "
        yield from wrapped(role.does, first, " " * len(first)) or [first.rstrip()]


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the timetable: a step, or all hidden ones that follow each other."""

    begin: Span
    end: Span
    steps: tuple[Played, ...]
    hidden: bool = False


def _rows(prepared: Prepared, *, reveal: bool) -> list[_Row]:
    rows: list[_Row] = []
    for slot in prepared.table.slots:
        secret = planned.hidden(prepared.plan, slot.step) and not reveal
        if secret and rows and rows[-1].hidden:
            last = rows.pop()
            rows.append(_Row(last.begin, slot.end, (*last.steps, slot.step), hidden=True))
        else:
            rows.append(_Row(slot.begin, slot.end, (slot.step,), hidden=secret))
    return rows


def _timetable(prepared: Prepared, *, reveal: bool) -> Iterator[str]:
    cells = [("BEGINS", "ENDS", "STEP")]
    for row in _rows(prepared, reveal=reveal):
        words = _hidden_words(prepared, row) if row.hidden else _step_words(prepared, row.steps[0])
        cells.append((_between(row.begin), _between(row.end), words))
    widths = [max(len(each[column]) for each in cells) for column in range(2)]
    yield from ("", "Timetable: minutes after the begin, at the earliest and at the latest")
    for begin, end, words in cells:
        first = f"  {begin:<{widths[0]}}  {end:<{widths[1]}}  "
        yield from wrapped(words, first, " " * len(first))


def _hidden_words(prepared: Prepared, row: _Row) -> str:
    count = sum(isinstance(each, ExperimentStep) for each in row.steps)
    candidates = _candidates(prepared)
    of = f" of {candidates}" if candidates > count else ""
    return f"hidden: {count} experiment{'' if count == 1 else 's'}{of}; --reveal shows which"


def _candidates(prepared: Prepared) -> int:
    return sum(each.hidden for each in prepared.plan.experiments)


def _step_words(prepared: Prepared, step: Played) -> str:
    words = _what(prepared, step)
    if step.otherwise is Otherwise.STOP:
        words += "; if not, everything is stopped"
    elif step.otherwise is Otherwise.NOTE:
        words += "; only noted"
    return words


def _what(prepared: Prepared, step: Played) -> str:
    match step:
        case LoadStep():
            return f"load {step.profile}{_amount(prepared, step)} begins, and goes on beside"
        case CapacityStep():
            most = f" up to {step.most:g}/s" if step.most is not None else ""
            return f"search for the highest rate of {step.profile}{most}"
        case RoundsStep():
            what = f"the highest rate of {step.profile}" if step.capacity else f"load {step.profile}"
            return f"rounds of {what} with and without {step.experiment}"
        case DoseStep():
            dose = f"{step.variable} of {step.experiment}, from {step.mild} to {step.harsh}"
            return f"search for the smallest {dose}, that breaks {step.slo or step.check}"
        case ExperimentStep():
            found = prepared.known.experiments.get(step.id)
            fault = f": {found.block.fault or found.title}" if found is not None else ""
            given = " ".join(f"{name}={value}" for name, value in step.variables.items())
            return f"experiment {step.experiment}{f' ({given})' if given else ''}{fault}"
        case WaitStep():
            return f"wait {_words(step.seconds)}"
        case WaitForStep():
            return f"wait for: {step.condition.text}"
        case AskStep():
            return f"ask {_person(prepared, step.role)}: {step.question}"
        case CheckStep():
            return f"{_person(prepared, step.role)} checks that {step.that}"


def _amount(prepared: Prepared, step: LoadStep) -> str:
    if step.rate is not None:
        return f" at {step.rate:g}/s"
    if step.users is not None:
        return f" with {step.users} users"
    profile = prepared.known.profiles.get(step.id)
    return f" ({profile.title})" if profile is not None else ""


def _person(prepared: Prepared, role: str) -> str:
    return f"{role} ({prepared.people[role]})"


def _hurts(prepared: Prepared, *, reveal: bool) -> Iterator[str]:
    if not prepared.plan.experiments:
        yield from ("", "Hurts nothing on purpose; a load may be more than a service can carry")
        return
    if not prepared.asked:
        yield from ("", "What would be hurt was not asked (--offline)")
        return
    yield from ("", "Hurts")
    for step in _played(prepared):
        if planned.hidden(prepared.plan, step) and not reveal:
            continue
        yield from _of_step(prepared, step)
    secret = [] if reveal else [each for each in prepared.plan.experiments if each.hidden]
    if secret:
        names = sorted({target.target for each in secret for target in _targets(prepared, each)})
        yield from _field("hidden", f"any of {', '.join(names)}")


def _of_step(prepared: Prepared, step: ExperimentStep) -> Iterator[str]:
    yield f"  {step.id}"
    found = prepared.known.experiments[step.id]
    for target in _targets(prepared, step):
        yield from wrapped(f"{target.target}: {target.fault}", "    ", "      ")
        yield from wrapped(
            f"undone by {undo_words(target.undo) or 'itself'}; {HEALS[target.heals]}", "      ", "      "
        )
    for action in found.unknown:
        yield from wrapped(
            f"?: action {action.name!r} does not say; only rollbacks undo it", "    ", "      "
        )


def _played(prepared: Prepared) -> list[ExperimentStep]:
    return [each.step for each in prepared.table.slots if isinstance(each.step, ExperimentStep)]


def _targets(prepared: Prepared, step: ExperimentStep) -> tuple[Target, ...]:
    found = prepared.known.experiments.get(step.id)
    # Several actions may change one thing in one way.
    return tuple({(each.target, each.fault): each for each in found.targets}.values()) if found else ()


def _before(ready: Ready) -> Iterator[str]:
    yield from ("", "Must be true before")
    if not ready.looked:
        yield from items([f"not looked at: {_READY}"])
        return
    for each in ready.refusals:
        remedy = f" ({each.remedy})" if each.remedy else ""
        yield from wrapped(f"NO  {each.gate}: {each.text}{remedy}", "  ", "      ")
    for silent in ready.silent:
        yield from wrapped(f"?   {silent}", "  ", "      ")
    if not ready.refusals and not ready.silent:
        yield from wrapped(f"ok  {_READY}", "  ", "      ")


def _told(prepared: Prepared, *, reveal: bool) -> tuple[Problem, ...]:
    """Remarks; those on hidden steps would tell what they are."""
    secret = {each.line for each in prepared.plan.experiments if each.hidden}
    return tuple(each for each in prepared.warnings if reveal or each.line not in secret)


def _between(span: Span) -> str:
    least = _clock(span.least)
    if span.most is None:
        return f"{least} – ?"
    most = _clock(span.most)
    return least if least == most else f"{least} – {most}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _words(seconds: float) -> str:
    return format_duration(timedelta(seconds=round(seconds, 3)))


def _field(label: str, value: str) -> Iterator[str]:
    first = f"  {label:<{_LABEL}}"
    yield from wrapped(value, first, " " * len(first))


def document(prepared: Prepared, ready: Ready, *, reveal: bool) -> dict[str, Any]:
    """The game day for programs: seconds as `[least, most]`, no most where nothing bounds it; shares 0..1."""
    plan, found = prepared.plan, price(prepared.plan, prepared.known)
    secret = [] if reveal else [each for each in plan.experiments if each.hidden]
    hidden = sorted({target.target for each in secret for target in _targets(prepared, each)})
    return {
        "name": plan.name,
        "title": plan.title,
        "about": plan.about or None,
        "file": plan.file,
        "every": plan.every.value if plan.every else None,
        # It would tell what is hidden to whoever has the file.
        "seed": prepared.seed if plan.shuffled and reveal else None,
        "where": dict(prepared.where),
        "production": prepared.production,
        "roles": [
            {"id": each.id, "person": prepared.people[each.id], "does": each.does or None}
            for each in plan.roles
        ],
        "hypotheses": [each.text for each in plan.hypotheses],
        "steps": [_row_document(prepared, row) for row in _rows(prepared, reveal=reveal)],
        "takes_s": _span(prepared.table.whole),
        "stopped_after_s": plan.limit,
        "budget_price": None if plan.budget_price is None else float(plan.budget_price),
        "price": {
            "worst": None if found.worst is None else float(found.worst),
            "together": float(found.together),
            "untold": [] if secret else list(found.untold),
        },
        "targets": [
            {"step": step.id, **asdict(target)}
            for step in _played(prepared)
            if reveal or not planned.hidden(plan, step)
            for target in _targets(prepared, step)
        ]
        if prepared.asked
        else None,
        "hidden_targets": hidden if prepared.asked else None,
        "stop_when": [each.text for each in plan.stop_when],
        "ready": {
            "looked": ready.looked,
            "refusals": [asdict(each) for each in ready.refusals],
            "silent": list(ready.silent),
            "budgets": None if ready.budgets is None else dict(ready.budgets),
        },
        "at_end": [each.text for each in plan.at_end],
        "settle_s": plan.settle,
        "release": gameday_release.document(plan.release) if plan.release is not None else None,
        "problems": [],
        "warnings": plain(_told(prepared, reveal=reveal)),
    }


def _row_document(prepared: Prepared, row: _Row) -> dict[str, Any]:
    common = {"begins_s": _span(row.begin), "ends_s": _span(row.end)}
    if row.hidden:
        count = sum(isinstance(each, ExperimentStep) for each in row.steps)
        return {"kind": "hidden", **common, "experiments": count, "of": _candidates(prepared)}
    step = row.steps[0]
    return {
        "id": step.id,
        "kind": _KINDS[type(step)],
        **common,
        "at_s": step.at,
        "otherwise": step.otherwise.value,
        **_own(prepared, step),
    }


_KINDS: Final = {
    LoadStep: "load",
    CapacityStep: "capacity",
    RoundsStep: "rounds",
    DoseStep: "dose",
    ExperimentStep: "experiment",
    WaitStep: "wait",
    WaitForStep: "wait",
    AskStep: "ask",
    CheckStep: "check",
}


def _own(prepared: Prepared, step: Played) -> dict[str, Any]:
    match step:
        case LoadStep():
            return {"profile": step.profile, "rate": step.rate, "users": step.users}
        case CapacityStep():
            return {"profile": step.profile, "most": step.most}
        case ExperimentStep():
            found = prepared.known.experiments[step.id]
            block = found.block
            return {
                "experiment": step.experiment,
                "variables": dict(step.variables),
                "title": found.title,
                "fault": block.fault or None,
                "hidden": step.hidden,
                "under": step.under or None,
                "budget_price": None if block.budget_price is None else float(block.budget_price),
                "production": found.production,
                "hash": found.hash if prepared.asked else None,
                **_beside(step),
            }
        case WaitForStep():
            return {"until": step.condition.text}
        case AskStep():
            return {"role": step.role, "question": step.question, "answers": list(step.answers)}
        case CheckStep():
            return {"role": step.role, "that": step.that}
        case WaitStep():
            return {"seconds": step.seconds}


def _beside(step: ExperimentStep) -> dict[str, Any]:
    match step:
        case RoundsStep():
            return {
                "profile": step.profile,
                "rate": step.rate,
                "pairs": step.pairs,
                "window_s": step.window,
                "capacity": step.capacity,
            }
        case DoseStep():
            return {
                "profile": step.profile or None,
                "rate": step.rate,
                "variable": step.variable,
                "from": float(step.mild),
                "to": float(step.harsh),
                "breaks": step.slo or step.check,
            }
        case _:
            return {}


def _span(span: Span) -> list[float | None]:
    return [span.least, span.most]
