"""A canary's verdict out of one Prometheus."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.analysis import canary as judging
from sretool.core.observe import canary as feed
from sretool.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from sretool.core.analysis.canary import Judgement
    from sretool.core.catalog.canary import CanaryPolicy, Criterion
    from sretool.core.observe.canary import Answer, Query, Sides
    from sretool.ports import MetricsSource

_AT_ONCE: Final = 6
"""Queries under way at the same time."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be judged."""

    policy: CanaryPolicy
    sides: Sides
    number: int
    """Of the stage, from 1."""
    since: datetime | None = None
    """Begin of the stage; None: as long ago as it lasts."""


async def judge(order: Order, source: MetricsSource, at: datetime) -> Judgement:
    """The verdict as of `at`; SourceError where the server cannot be asked, UsageError where canary and
    baseline are not two things."""
    policy, stage = order.policy, order.policy.stages[order.number - 1]
    since = order.since if order.since is not None else at - stage.lasts
    window = judging.Window(since, at)
    over = feed.slice_length(policy, window)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def answer(query: Query) -> Answer:
        steps = feed.steps(window, over)
        async with gate:
            whole = await source.instant(query.whole, at)
            slices = await source.range(query.slices, steps[0], steps[-1], over) if steps else ()
        return feed.Answer(whole, slices)

    async def known(criterion: Criterion) -> bool:
        asked = feed.known_name(criterion, window)
        if asked is None:
            return True
        async with gate:
            return any(sample.value > 0 for sample in await source.instant(asked, at))

    await _refuse_overlap(order, source, at)
    queries = feed.queries(policy, order.sides, window, over)
    try:
        async with asyncio.TaskGroup() as group:
            answers = {query: group.create_task(answer(query)) for query in queries}
            names = {each.id: group.create_task(known(each)) for each in policy.criteria}
    except ExceptionGroup as failed:
        # One server: what the first question met is what all would meet.
        raise failed.exceptions[0] from None
    observed = feed.observed(
        policy,
        window,
        over,
        {query: task.result() for query, task in answers.items()},
        {id_: task.result() for id_, task in names.items()},
    )
    return judging.judge(policy, order.number, window, observed, over, _notes(order, window))


async def _refuse_overlap(order: Order, source: MetricsSource, at: datetime) -> None:
    query = feed.overlap(order.policy, order.sides)
    if query is None:
        return
    shared = sum(sample.value for sample in await source.instant(query, at))
    if shared:
        raise UsageError(
            f"{shared:.0f} series are both canary {{{order.sides.canary}}}"
            f" and baseline {{{order.sides.baseline}}}",
            remedy='leave the canary out of the baseline, with version!="v2" for example',
        )


def _notes(order: Order, window: judging.Window) -> list[str]:
    stage = order.policy.stages[order.number - 1]
    notes = []
    if stage.weight >= 1 and not order.sides.earlier:
        notes.append(
            "all traffic goes to the canary in this stage: --baseline-offset compares it with the"
            " old version's past"
        )
    if window.length < order.policy.over:
        notes.append("the stage is younger than one slice of the roll-back rules")
    if window.length > 2 * stage.lasts + timedelta(minutes=1):
        notes.append("the time judged is more than twice as long as the stage lasts")
    return notes
