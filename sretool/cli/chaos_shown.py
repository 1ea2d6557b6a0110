"""A plan in words: what would be hurt, how it is put back, what it may cost, and what it is judged by."""

from __future__ import annotations

import shlex
import textwrap
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sretool.core.plans.chaos.gates import LEAST_OF_HASH
from sretool.core.plans.chaos.plan import amount, percent
from sretool.core.plans.chaos.targets import HEALS
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sretool.core.plans.chaos.plan import ChaosPlan, PlannedAction
    from sretool.core.plans.chaos.targets import Target

WIDTH: Final = 80
_LABEL: Final = 13


def text(plan: ChaosPlan) -> str:
    return "\n".join(_lines(plan))


def _lines(plan: ChaosPlan) -> Iterator[str]:
    block = plan.block
    yield from textwrap.wrap(plan.title, WIDTH)
    yield from _field("file", plan.file)
    yield from _field("plan", plan.hash[:LEAST_OF_HASH] + ("   PRODUCTION" if plan.production else ""))
    fmea = f" ({block.fmea})" if block.fmea else ""
    if block.fault or fmea:
        yield from _field("fault", f"{block.fault}{fmea}".strip())
    against = ", ".join(f"{name} {value}" for name, value in plan.where.items())
    yield from _field("against", against or "no Prometheus, no Alertmanager, no lab: nothing is watched")
    yield from _field("takes", _takes(plan))
    yield from _field("budget", _price(plan))
    if block.load is not None:
        rate = f" at {amount(block.load.rate, '')}/s" if block.load.rate is not None else ""
        against = f" against {block.load.target}" if block.load.target else ""
        yield from _field("load", f"{block.load.profile}{rate}{against}")
    if block.blast_radius.services:
        yield from _field("may be felt", ", ".join(block.blast_radius.services))
    yield ""
    yield from _hurts(plan)
    yield ""
    yield "Steps"
    for step in plan.steps:
        when = "" if step.section != "method" else f"+{step.at:g}s"
        beside = "  in the background" if step.background else ""
        yield f"  {step.section:<11}{when:>7}  {step.what:<7} {step.name}{beside}"
    yield ""
    yield "Judged by"
    yield from _judged_by(plan)
    yield ""
    yield "Stops when"
    yield from items([each.text for each in block.stop_when] or ["nobody says; only by hand"])
    if plan.remarks:
        yield ""
        yield "Remarks"
        yield from items(plan.remarks)
    if plan.production:
        yield ""
        yield "This is production: it runs only after a second person has approved this plan"
        yield f"  sretool chaos approve {shlex.quote(plan.file)}"


def _hurts(plan: ChaosPlan) -> Iterator[str]:
    hurt = {each.target for each in plan.targets}
    limit = plan.block.blast_radius.max_targets
    most = f", at most {limit} may be" if limit is not None else ""
    beyond = f", and what {len(plan.unknown)} of the actions do not say" if plan.unknown else ""
    yield f"Hurts {len(hurt)} target{'' if len(hurt) == 1 else 's'}{most}{beyond}"
    for action in plan.actions:
        if action.targets is None:
            yield from _unknown(action)
        for target in action.targets or ():
            yield from _target(action, target)


def _unknown(action: PlannedAction) -> Iterator[str]:
    yield f"  ? (action {action.name!r})"
    yield from _field("calls", action.call, deep=True)
    arguments = ", ".join(f"{name}={value!r}" for name, value in action.arguments.items())
    if arguments:
        yield from _field("with", arguments, deep=True)
    yield from _field("undone by", "only the experiment's own rollbacks", deep=True)


def _target(action: PlannedAction, target: Target) -> Iterator[str]:
    yield f"  {target.target}"
    yield from _field("fault", target.fault or action.name, deep=True)
    if target.prior:
        yield from _field("now", target.prior, deep=True)
    yield from _field("undone by", undo_words(target.undo) or "itself", deep=True)
    ttl = (
        f", undone after {format_duration(timedelta(seconds=target.ttl))} at the latest" if target.ttl else ""
    )
    yield from _field("left alone", f"{HEALS[target.heals]}{ttl}", deep=True)
    if target.of is not None:
        yield from _field("chosen", f"one of {target.of}", deep=True)


def undo_words(undo: Mapping[str, Any]) -> str:
    """`cgroup_write path=/sys/… value=max`; a command as a shell would take it."""
    kind = str(undo.get("kind", ""))
    if kind == "command" and isinstance(undo.get("argv"), list):
        return f"command {shlex.join(map(str, undo['argv']))}"
    rest = " ".join(
        f"{name}={value}" for name, value in undo.items() if name != "kind" and value not in ({}, None)
    )
    return f"{kind} {rest}".strip()


def _takes(plan: ChaosPlan) -> str:
    least = format_duration(timedelta(seconds=plan.least_seconds))
    most = plan.most_seconds
    bound = f", at most {format_duration(timedelta(seconds=most))}" if most is not None else ""
    return f"at least {least}{bound}; then up to {format_duration(plan.block.recovery_deadline)} to recover"


def _price(plan: ChaosPlan) -> str:
    price = plan.block.budget_price
    return "no price is told" if price is None else f"at most {percent(price)} of an objective's error budget"


def _judged_by(plan: ChaosPlan) -> Iterator[str]:
    block, experiment = plan.block, plan.experiment
    told = []
    asked = [
        word
        for there, word in (
            (experiment.asked_before, "before"),
            (experiment.asked_during, "during"),
            (experiment.asked_after, "after"),
        )
        if there
    ]
    if experiment.hypothesis:
        told.append(f"steady state {', '.join(asked)}")
    if block.dose is not None:
        dose = block.dose
        added = " added" if dose.measured == "added" else ""
        told.append(
            f"dose {amount(dose.want, dose.unit)}{added} ± {amount(dose.tolerance, dose.unit)}"
            f" by probe {dose.probe!r}"
        )
    told += [
        f"alert {each.name} fires within {format_duration(each.within)}" for each in block.expected_alerts
    ]
    if block.unexpected_alerts_fail:
        told.append("no other alert fires")
    objectives = block.objectives
    if objectives.rto is not None:
        told.append(f"RTO {format_duration(objectives.rto)}")
    if objectives.rpo is not None:
        told.append(f"RPO {format_duration(objectives.rpo)}, at most {objectives.lost_writes} lost writes")
    told.append(f"everything as before within {format_duration(block.recovery_deadline)}")
    yield from items(told)


def _field(label: str, value: str, *, deep: bool = False) -> Iterator[str]:
    indent = "    " if deep else "  "
    first = f"{indent}{label:<{_LABEL}}"
    yield from wrapped(value, first, " " * len(first))


def items(words: Iterable[str]) -> Iterator[str]:
    for each in words:
        yield from wrapped(each, "  ", "    ")


def wrapped(value: str, first: str, rest: str) -> list[str]:
    """Lines of at most 80 signs behind `first`, then behind `rest`; none where there is no word."""
    # Paths and commands are for copying: they are not cut.
    return textwrap.wrap(
        value,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
