"""Reading SLO figures from a Prometheus: few questions, the costly ones only when they are due."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from sretool.core.observe import assemble, history, plan
from sretool.core.observe.batch import batched
from sretool.core.observe.model import Down
from sretool.core.slo.evaluate import Numbers, needs_past
from sretool.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping, Sequence

    from sretool.core.catalog.model import Dependency
    from sretool.core.observe.batch import Batch
    from sretool.core.observe.model import Change, Probe, Sample, Series, SloHistory, Targets
    from sretool.core.slo.budget import Past
    from sretool.core.slo.exclusions import Spans
    from sretool.core.slo.model import Slo, SloId
    from sretool.ports import MetricsSource

PAST_EVERY: Final = timedelta(minutes=10)
"""How old the past behind a forecast may become."""

_RECORDED: Final = "everything that rules recorded of the SLOs"
_EVALUATED: Final = "when their rules were evaluated last"

WHOLE_EVERY: Final = timedelta(minutes=1)
"""How often everything that is recorded of many SLOs is read, even where nothing says that it has changed."""

CHANGES_EVERY: Final = timedelta(seconds=15)

RAW_PRESENT_EVERY: Final = timedelta(seconds=30)
"""Ratios out of raw counters are as new as recorded ones are on average."""

RAW_WINDOW_EVERY: Final = timedelta(minutes=5)
"""Subqueries only move on with their step."""

RETRY_AFTER: Final = timedelta(seconds=30)
"""Pause after a forecast or the changes could not be read, so that a slow query is not asked every second."""

MATCHED_EVERY: Final = timedelta(minutes=5)
"""Selectors that match nothing are somebody's mistake and change with a catalog or a deploy."""

_AT_ONCE: Final = 4
"""Queries under way at the same time, so that a server in trouble is not met by a crowd."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Asked:
    """One query and what it took."""

    purpose: str
    """What it is asked for, for people."""
    promql: str
    took: timedelta
    """Until its answer was read, waiting for other queries left out."""
    samples: int | None
    """In the answer; None: it failed."""
    span: plan.RangeQuery | None = None
    """None: at one instant."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one Prometheus says about the SLOs of a catalog."""

    numbers: Mapping[SloId, Numbers] = field(default_factory=dict)
    slos: tuple[Slo, ...] = ()
    """The SLOs of the catalog, those with groups replaced by one for each group found."""
    recorded: frozenset[SloId] = frozenset()
    """SLOs whose rates are recorded; the others are computed from raw counters."""
    pasts: Mapping[SloId, Past] = field(default_factory=dict)
    """Of SLOs whose budget may end or recover."""
    changes: tuple[Change, ...] = ()
    probes: tuple[Probe, ...] = ()
    targets: tuple[Targets, ...] = ()
    """What is scraped, by job."""
    down: tuple[Down, ...] = ()
    """Dependencies whose measure said so twice in a row."""
    blind: Mapping[SloId, Targets] = field(default_factory=dict)
    """What counts the events of an SLO, where none of it answers."""
    dead_men: tuple[str, ...] = ()
    """Alerts that fire all the time, as far as the rules are concerned."""
    data_at: datetime | None = None
    """When rules were evaluated last, or, without rules, when anything was scraped last."""
    rated: frozenset[SloId] = frozenset()
    """Those of `recorded` of which only the rates are, so that ratios and sums are computed from these."""
    unmatched: Mapping[SloId, tuple[str, ...]] = field(default_factory=dict)
    """Selectors without any series, of SLOs without figures."""
    asked: tuple[Asked, ...] = ()
    """Every query for this reading, in the order they were put."""
    shortfall: str | None = None
    """What could not be read although the figures could, in one line; its last values are kept."""


@dataclass(slots=True)
class _Kept:
    """An answer that is used again until it is due."""

    every: timedelta
    about: frozenset[SloId] = frozenset()
    due_at: datetime | None = None
    error: str | None = None
    """Why the last attempt failed; None where it did not."""

    def due(self, about: frozenset[SloId], now: datetime) -> bool:
        return self.due_at is None or now >= self.due_at or not about <= self.about

    def renewed(self, about: frozenset[SloId], now: datetime) -> None:
        self.about, self.due_at, self.error = about, now + self.every, None

    def failed(self, about: frozenset[SloId], now: datetime, error: SourceError) -> None:
        self.about, self.due_at, self.error = about, now + RETRY_AFTER, error.cause


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What the rules recorded."""

    slos: tuple[Slo, ...]
    recorded: Mapping[SloId, Numbers]
    rates: Mapping[SloId, Numbers]
    """Of SLOs of which only rates are recorded."""
    evaluated_at: Mapping[SloId, datetime]
    scraped_at: datetime | None


@dataclass(frozen=True, slots=True)
class _RawAnswer:
    numbers: Mapping[SloId, Numbers] = field(default_factory=dict)
    slos: tuple[Slo, ...] = ()
    """Those asked for, with their groups in place of those with groups."""


def _in_place(slos: Sequence[Slo], found: Sequence[Slo]) -> tuple[Slo, ...]:
    """`slos` with the groups `found` in place of those they are groups of."""
    groups: dict[SloId, list[Slo]] = {}
    for slo in found:
        if slo.group:
            groups.setdefault(slo.base_id, []).append(slo)
    return tuple(each for slo in slos for each in (groups.get(slo.id) if slo.is_template else None) or (slo,))


def _is_empty(numbers: Numbers | None) -> bool:
    return numbers is None or (numbers.total is None and not numbers.error_ratios)


def _since(began: float) -> timedelta:
    return timedelta(seconds=time.perf_counter() - began)


class MetricsReader:
    """Asks one Prometheus about a fixed set of SLOs, again and again."""

    def __init__(
        self, slos: Sequence[Slo], source: MetricsSource, dependencies: Sequence[Dependency] = ()
    ) -> None:
        self._slos = tuple(slos)
        self._working = plan.working(dependencies)
        self._working_error: str | None = None
        self._down_since: dict[str, datetime] = {}
        self._source = source
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._last = Reading()
        self._recorded: _Recorded | None = None
        """What can be completed by what is newer; None: everything has to be read."""
        self._whole_due_at = datetime.min.replace(tzinfo=UTC)
        self._needs: dict[SloId, tuple[Numbers, bool]] = {}
        """Whether each SLO's future depends on its past, by the numbers that say so."""
        self._raw_present = _RawAnswer()
        self._raw_window = _RawAnswer()
        self._raw_present_kept = _Kept(RAW_PRESENT_EVERY)
        self._raw_window_kept = _Kept(RAW_WINDOW_EVERY)
        self._past_kept = _Kept(PAST_EVERY)
        self._changes_kept = _Kept(CHANGES_EVERY)
        self._matched_kept = _Kept(MATCHED_EVERY)
        self._jobs: dict[tuple[SloId, tuple[str, ...]], tuple[frozenset[str], ...]] = {}
        """Which of the jobs then known the selectors of an SLO read."""
        self._asked: list[Asked] = []

    async def read(self, now: datetime, at: datetime | None = None, *, changes: bool = True) -> Reading:
        """The present, or what was at `at`; raises SourceError where the figures could not be had."""
        when = at or now
        self._asked = []
        lately = asyncio.create_task(self._read_changes(now)) if at is None and changes else None
        try:
            await self._read_figures(now, at, when)
            if lately is not None:
                await lately
        finally:
            if lately is not None:
                lately.cancel()
        self._find_blind(at)
        failed = (
            self._past_kept.error
            or self._changes_kept.error
            or self._matched_kept.error
            or self._working_error
        )
        self._last = replace(self._last, shortfall=failed, asked=tuple(self._asked))
        return self._last

    async def _read_figures(self, now: datetime, at: datetime | None, when: datetime) -> None:
        """Everything but the changes, which are read meanwhile."""
        found = await self._read_recorded(now, at)
        slos, recorded, rates = found.slos, found.recorded, found.rates
        evaluated_at, scraped_at = found.evaluated_at, found.scraped_at
        from_rules = [slo for slo in slos if slo.id in recorded or slo.id in rates]
        unrecorded = [slo for slo in slos if slo.id not in recorded and slo.id not in rates]
        known = {
            **await self._read_rated([slo for slo in from_rules if slo.id in rates], rates, at),
            **recorded,
        }
        known = await self._read_sums(from_rules, known, at, when)
        raw, raw_slos = await self._read_raw(unrecorded, now, at, scraped_at or when)
        self._last = replace(
            self._last,
            numbers={**raw, **known},
            slos=_in_place(slos, raw_slos),
            recorded=frozenset(recorded) | frozenset(rates),
            rated=frozenset(rates) - frozenset(recorded),
            data_at=max(evaluated_at.values(), default=scraped_at),
        )
        await self._read_pasts(when, now, fresh=at is not None)
        await self._read_matched(at, now)

    async def _read_recorded(self, now: datetime, at: datetime | None) -> _Recorded:
        """What the rules recorded: whole now and then, in between only what they have evaluated since."""
        before = self._recorded
        if at is None and before is not None and now < self._whole_due_at:
            newer = await self._read_newer(before, now)
            if newer is not None:
                self._recorded = newer
                return newer
        samples, ages = await self._all(
            self._instant(_RECORDED, plan.recorded(self._slos), at),
            self._instant(_EVALUATED, plan.ages(self._slos), at),
        )
        evaluated_at, scraped_at = assemble.evaluation_times(ages)
        slos = assemble.members(self._slos, samples)
        recorded, rates = assemble.recorded_numbers(slos, samples, evaluated_at, at or now)
        rates = {slo: numbers for slo, numbers in rates.items() if numbers.total_rate is not None}
        groupless = {slo.id for slo in slos if slo.is_template}
        recorded = {slo: numbers for slo, numbers in recorded.items() if slo not in groupless}
        found = _Recorded(slos, recorded, rates, evaluated_at, scraped_at)
        if at is None:
            many = len(self._slos) > plan.SLOS_BY_NAME
            plain = not rates and not any(slo.group_by for slo in self._slos)
            self._recorded = found if many and plain else None
            self._whole_due_at = now + WHOLE_EVERY
        return found

    async def _read_newer(self, before: _Recorded, now: datetime) -> _Recorded | None:
        """`before` with what was evaluated since; None where that does not tell everything."""
        (ages,) = await self._all(self._instant(_EVALUATED, plan.ages(self._slos)))
        evaluated_at, scraped_at = assemble.evaluation_times(ages)
        if evaluated_at.keys() != before.evaluated_at.keys():
            return None
        known = before.evaluated_at
        changed = {slo: moment for slo, moment in evaluated_at.items() if moment != known[slo]}
        if not changed:
            return replace(before, scraped_at=scraped_at)
        query = plan.recorded_since(self._slos, min(changed.values()))
        (samples,) = await self._all(self._instant("what rules recorded since", query))
        slos = [slo for slo in before.slos if slo.id in changed]
        recorded, rates = assemble.recorded_numbers(slos, samples, evaluated_at, now)
        if rates or recorded.keys() != {slo.id for slo in slos if slo.id in before.recorded}:
            return None
        return replace(
            before,
            recorded={**before.recorded, **recorded},
            evaluated_at=evaluated_at,
            scraped_at=scraped_at,
        )

    async def history(self, slo: Slo, now: datetime) -> SloHistory:
        """What the charts of one SLO need; raises SourceError."""
        asked = history.queries(slo, now, from_rules=slo.id in self._last.recorded)
        (counts,) = await self._all(self._range("events", asked.counts))
        (spent,) = await self._all(self._instant("budget spent", asked.spent))
        # Figures out of raw counters lack what is excluded already.
        spans = history.excluded_parts(slo, now) if slo.id in self._last.recorded else []
        taken = assemble.excluded_sums([slo], await self._taken_away([(slo, spans)]))
        return history.assemble(slo, now, counts, spent, taken.get(slo.id, {}))

    def error_ratio(self, slo: Slo, step: timedelta) -> str:
        """PromQL of its bad share at points `step` apart, of what the rules recorded where they did."""
        return history.error_ratio(slo, step, from_rules=slo.id in self._last.recorded)

    async def _taken_away(self, spans_of: Iterable[tuple[Slo, Spans]]) -> Sequence[Sample]:
        query = plan.taken_away(spans_of)
        if query is None:
            return ()
        (samples,) = await self._all(self._instant("what exclusions take away", query))
        return samples

    async def _read_sums(
        self, slos: Sequence[Slo], known: dict[SloId, Numbers], at: datetime | None, when: datetime
    ) -> dict[SloId, Numbers]:
        query = plan.sums(slos, when)
        if query is None:
            return known
        purpose = "events of calendar windows so far, and what exclusions take away"
        (samples,) = await self._all(self._instant(purpose, query, at))
        return assemble.with_sums(slos, samples, known, when)

    async def _read_rated(
        self, slos: Sequence[Slo], rates: Mapping[SloId, Numbers], at: datetime | None
    ) -> dict[SloId, Numbers]:
        if not slos:
            return {}
        purpose = "ratios and sums of SLOs of which only rates are recorded"
        (samples,) = await self._all(self._instant(purpose, plan.from_rates(slos), at))
        return assemble.rated_numbers(slos, samples, rates)

    async def _read_raw(
        self, slos: Sequence[Slo], now: datetime, at: datetime | None, data_at: datetime
    ) -> tuple[dict[SloId, Numbers], tuple[Slo, ...]]:
        """Numbers from raw counters, and the SLOs they are about: groups in place of those with groups."""
        about = frozenset(slo.id for slo in slos)
        if not about:
            return {}, ()
        together = batched(slos)
        if at is not None or self._raw_present_kept.due(about, now):
            purpose = "ratios of short windows and present traffic, from counters"
            self._raw_present = await self._raw_answer(
                purpose, together, plan.raw_present(together.asked), at, data_at
            )
            self._raw_present_kept.renewed(about, now)
        if at is not None or self._raw_window_kept.due(about, now):
            queries = plan.raw_window(together.asked, at or now)
            purpose = "ratios of long windows, sums and coverage, from counters"
            self._raw_window = await self._raw_answer(purpose, together, queries, at, data_at)
            self._raw_window_kept.renewed(about, now)
        present, window = self._raw_present, self._raw_window
        found = {slo.id: slo for answer in (present, window) for slo in answer.slos}
        nothing = Numbers(at=data_at)
        numbers = {}
        for slo_id in found:
            lately, whole = present.numbers.get(slo_id, nothing), window.numbers.get(slo_id, nothing)
            numbers[slo_id] = replace(
                whole,
                at=lately.at,
                total_rate=lately.total_rate,
                error_ratios={**whole.error_ratios, **lately.error_ratios},
            )
        # A template is only there while none of its groups is known.
        grouped = {slo.base_id for slo in found.values() if slo.group}
        kept = tuple(slo for slo in found.values() if not (slo.is_template and slo.id in grouped))
        when = at or now
        return {s.id: assemble.without_excluded(s, numbers[s.id], {}, when) for s in kept}, kept

    async def _raw_answer(
        self,
        purpose: str,
        slos: Batch,
        queries: Sequence[str],
        at: datetime | None,
        data_at: datetime,
    ) -> _RawAnswer:
        answers = await self._all(*(self._instant(purpose, query, at) for query in queries))
        samples = [sample for answer in answers for sample in answer]
        return _RawAnswer(
            slos.own(assemble.raw_numbers(slos.asked, samples, data_at)),
            slos.own_slos(assemble.raw_members(slos.asked, samples)),
        )

    async def _read_pasts(self, when: datetime, now: datetime, *, fresh: bool) -> None:
        """Read the past of the SLOs whose future depends on it; a quiet system needs none."""
        reading = self._last
        numbers = reading.numbers
        slos = [slo for slo in reading.slos if slo.id in numbers and self._needs_past(slo, numbers[slo.id])]
        about = frozenset(slo.id for slo in slos)
        if not about or not (fresh or self._past_kept.due(about, now)):
            return
        from_rules = [slo for slo in slos if slo.id in reading.recorded]
        queries = [*plan.past(from_rules, when)]
        raw = batched([slo for slo in slos if slo.id not in reading.recorded])
        queries += plan.raw_pasts(raw.asked, when)
        try:
            purpose = "the past, for when a budget ends or recovers"
            answers = await self._all(*(self._range(purpose, query) for query in queries))
            parts = ((slo, assemble.excluded_parts(slo, when)) for slo in from_rules)
            taken = assemble.excluded_sums(from_rules, await self._taken_away(parts))
        except SourceError as error:
            self._past_kept.failed(about, now, error)
            return
        series = [each for answer in answers for each in answer]
        pasts = raw.own(assemble.pasts((*from_rules, *raw.members), series, when, taken))
        self._last = replace(self._last, pasts=pasts)
        self._past_kept.renewed(about, now)

    def _needs_past(self, slo: Slo, numbers: Numbers) -> bool:
        known = self._needs.get(slo.id)
        if known is None or known[0] is not numbers:
            known = self._needs[slo.id] = (numbers, needs_past(slo, numbers))
        return known[1]

    async def _read_matched(self, at: datetime | None, now: datetime) -> None:
        """Ask which selectors of SLOs without figures match nothing."""
        reading = self._last
        empty = [slo for slo in reading.slos if _is_empty(reading.numbers.get(slo.id))]
        if not empty:
            self._last = replace(self._last, unmatched={})
            return
        about = frozenset(slo.id for slo in empty)
        if at is None and not self._matched_kept.due(about, now):
            return
        # The parser behind it is read only where it is needed.
        from sretool.core.slo.selectors import needed

        needs = {slo.id: needed(slo) for slo in empty}
        every = list(dict.fromkeys(selector for each in needs.values() for selector in each))
        purpose = "which selectors of SLOs without data match any series"
        try:
            answers = await self._all(*(self._instant(purpose, query, at) for query in plan.matched(every)))
        except SourceError as error:
            self._matched_kept.failed(about, now, error)
            return
        nowhere = assemble.unmatched(every, [sample for answer in answers for sample in answer])
        found = {
            slo_id: missing
            for slo_id, each in needs.items()
            if (missing := tuple(selector for selector in each if selector in nowhere))
        }
        self._last = replace(self._last, unmatched=found)
        self._matched_kept.renewed(about, now)

    def _find_blind(self, at: datetime | None) -> None:
        """Tell which SLOs are read from nothing that answers; of the past it is not known what did."""
        silent = {each.job: each for each in self._last.targets if at is None and each.of and not each.up}
        blind: dict[SloId, Targets] = {}
        if silent:
            # The parser behind it is read only where it is needed.
            from sretool.core.slo.selectors import jobs

            known = tuple(each.job for each in self._last.targets)
            for slo in self._last.slos:
                key = (slo.id, known)
                if key not in self._jobs:
                    self._jobs[key] = jobs(slo, known)
                for read in self._jobs[key]:
                    if read and read <= silent.keys():
                        blind[slo.id] = max((silent[job] for job in read), key=lambda each: each.of)
                        break
        else:
            self._jobs.clear()
        self._last = replace(self._last, blind=blind)

    async def _read_changes(self, now: datetime) -> None:
        if not self._changes_kept.due(frozenset(), now):
            return
        try:
            (samples,) = await self._all(self._instant("what started lately", plan.changes()))
        except SourceError as error:
            self._changes_kept.failed(frozenset(), now, error)
            return
        self._last = replace(
            self._last,
            changes=assemble.changes(samples),
            probes=assemble.probes(samples),
            targets=assemble.targets(samples),
            dead_men=assemble.dead_men(samples),
        )
        await self._read_working(now)
        self._changes_kept.renewed(frozenset(), now)

    async def _read_working(self, now: datetime) -> None:
        """Which dependencies work; what says so once may be one missed scrape."""
        if self._working is None:
            return
        try:
            (samples,) = await self._all(self._instant("which dependencies work", self._working))
        except SourceError as error:
            self._working_error = error.cause
            return
        self._working_error = None
        before, broken = self._down_since, assemble.not_working(samples)
        self._down_since = {each: before.get(each, now) for each in sorted(broken)}
        down = tuple(Down(each, since) for each, since in self._down_since.items() if each in before)
        self._last = replace(self._last, down=down)

    async def _instant(self, purpose: str, expr: str, at: datetime | None = None) -> Sequence[Sample]:
        began = time.perf_counter()
        samples: Sequence[Sample] | None = None
        try:
            samples = await self._source.instant(expr, at)
            return samples
        finally:
            count = len(samples) if samples is not None else None
            self._asked.append(Asked(purpose, expr, _since(began), count))

    async def _range(self, purpose: str, query: plan.RangeQuery) -> Sequence[Series]:
        began = time.perf_counter()
        series: Sequence[Series] | None = None
        try:
            series = await self._source.range(query.expr, query.start, query.end, query.step)
            return series
        finally:
            count = sum(len(each.points) for each in series) if series is not None else None
            self._asked.append(Asked(purpose, query.expr, _since(began), count, query))

    async def _all(self, *asks: Coroutine[None, None, _T]) -> list[_T]:
        """The answers in order, asked a few at a time; all are awaited before the first error is raised."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._attempt(ask)) for ask in asks]
        answers: list[_T] = []
        for task in tasks:
            answer = task.result()
            if isinstance(answer, SourceError):
                raise answer
            answers.append(answer)
        return answers

    async def _attempt(self, ask: Coroutine[None, None, _T]) -> _T | SourceError:
        async with self._gate:
            try:
                return await ask
            except SourceError as error:
                return error
