"""A game day judged by its own events, and by nothing else: its claims, its figures, its verdict.

The outcome, the first that applies:

1. `error`: a fault is still in, or a step's program failed.
2. `aborted` or `inconclusive`: it was ended early, by a guard or by hand; `inconclusive` where that is
   because nobody could see any more, or because the load was gone.
3. `aborted`: a guard of an experiment's own ended the experiment, and so the game day.
4. `failed`: a step failed, or something that was to hold was measured and does not.
5. `inconclusive`: a step said nothing, or something that was to hold was not measured.
6. `passed`.

A claim is `ok` None where nobody knows. As long as the game day goes on, what holds so far counts as holding;
what can only be true at the end is not known before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos.detection import ALERTMANAGER, PROMETHEUS
from sretool.core.plans.gameday import claims
from sretool.core.plans.gameday.claims import Claims
from sretool.core.plans.gameday.machine import WORSE
from sretool.core.plans.gameday.release import PREFIX
from sretool.core.runs import events
from sretool.core.runs.load import Load
from sretool.core.runs.model import Check, GameDayMeasures, Outcome, Verdict
from sretool.core.runs.words import value_words
from sretool.core.slo.model import Severity
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from sretool.core.plans.gameday.claims import Claim
    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import ChaosMeasures

INTERRUPTED: Final = "interrupted"
"""Guard of a game day that somebody ended by hand."""
LOAD: Final = "load"
"""Guard of one whose load was gone."""
BLIND: Final = "blind"
"""What the guard of one that nobody could watch begins with."""
_SEEN_LATE: Final = 10.0
"""Seconds by which a page may be seen later than somebody took it; beyond, an earlier one was taken."""
_STEPS: Final = {
    Claims.EXPERIMENTS: ("experiment",),
    Claims.LOADS: ("load", "capacity"),
    Claims.CHECKS: ("check",),
}
"""Claim → kinds of steps it is about."""


@dataclass(slots=True)
class _Step:
    plan: events.PlannedStep
    began: float | None = None
    fault_on: float | None = None
    """The first."""
    alerted: float | None = None
    """The first alert that fired after it, as long as the step went on."""
    ended: events.StepEnded | None = None


@dataclass(slots=True)
class _Page:
    """One time that a page fired."""

    fired: float
    fired_at: datetime
    taken_s: float | None = None
    """After how long somebody took it."""
    before: bool = False
    """Somebody had silenced it before it fired: nobody was paged."""
    over: float | None = None


@dataclass(frozen=True, slots=True)
class _Figures:
    """What a claim's worst, or only, figure is."""

    known: tuple[float, ...] = ()
    missing: int = 0
    """How many there should be besides."""
    broken: bool = False
    """One is missing that is too late already."""


@dataclass(slots=True)
class Judging:
    """Takes the events of a game day in their order."""

    claims: tuple[Claim, ...] = ()
    _steps: dict[str, _Step] = field(default_factory=dict)
    _faults: dict[str, str] = field(default_factory=dict)
    """Faults that are in → their words."""
    _pages: dict[str, list[_Page]] = field(default_factory=dict)
    """Alert → each time that it fired."""
    _silenced: dict[str, datetime | None] = field(default_factory=dict)
    """Alerts that were silenced before they fired → since when."""
    _open_pages: set[str] = field(default_factory=set)
    _sources: dict[str, bool] = field(default_factory=dict)
    _spent: dict[str, float | None] = field(default_factory=dict)
    """Objective → share of its budget; None: nobody ever knew."""
    _told: dict[str, float] = field(default_factory=dict)
    """Claims that only the objectives' own figures tell."""
    _strange: list[Check] = field(default_factory=list)
    """Claims that this program cannot judge."""
    _released: dict[str, Check] = field(default_factory=dict)
    """What is asked of a release, as it was found last."""
    _load: Load = field(default_factory=Load)
    _stopped: events.GuardTripped | None = None
    _stopping: bool = False
    _late: set[str] = field(default_factory=set)
    """Steps that ended because everything did."""
    _held_since: float | None = None
    _held: float = 0.0
    _t: float = 0.0
    _begun: bool = False

    def take(self, event: RunEvent) -> None:
        self._t = max(self._t, event.t)
        match event.what:
            case events.Started() as what:
                self._start(what)
            case events.PhaseBegan("stopping"):
                self._stopping = True
            case events.StepBegan(step):
                self._begun = True
                self._step(step).began = event.t
            case events.StepEnded() as what:
                self._ended(what)
            case events.FaultOn(fault):
                self._faults[fault] = event.what.text
                of = self._of_fault(fault)
                if of is not None and of.fault_on is None:
                    of.fault_on = event.t
            case events.FaultOff(fault, ok=True):
                self._faults.pop(fault, None)
            case events.AlertChange() as what:
                self._alert(event, what)
            case events.SourceState(source, ok):
                self._sources[source] = ok
            case events.SloTick(slo, budget_spent=spent):
                known = [each for each in (spent, self._spent.get(slo)) if each is not None]
                self._spent[slo] = max(known, default=None)
            case events.LoadTick() as what:
                self._load.take(what)
            case events.Checked(check) if check.name in self._released:
                self._released[check.name] = check
            case events.Checked(check) if isinstance(check.got, float | int):
                self._told[check.name] = float(check.got)
            case events.GuardTripped() as what if not self._of_step(what.guard):
                self._stopped = self._stopped or what
            case events.Held():
                self._held_since = event.t if self._held_since is None else self._held_since
            case events.WentOn():
                self._held, self._held_since = self._held_until(event.t), None
            case _:
                pass

    def checks(self, *, over: bool) -> tuple[Check, ...]:
        """Every claim as it stands; `over`: as if nothing more came."""
        judged = (self._check(each, over=over) for each in self.claims)
        return (*judged, *self._strange, *self._released.values())

    def holds(self, texts: Iterable[str]) -> bool:
        """Whether these claims were true if it were over now."""
        wanted = set(texts)
        return all(each.ok is True for each in self.checks(over=True) if each.name in wanted)

    def open_faults(self, step: str) -> tuple[str, ...]:
        """Faults of a step that are still in, as far as anybody told."""
        return tuple(each for each in self._faults if each.partition("/")[0] == step)

    def measures(self) -> GameDayMeasures:
        experiments = self._experiments()
        ended = [each.ended for each in experiments if each.ended is not None]
        found = [each.chaos for each in ended if each.chaos is not None]
        passed = sum(each.outcome is Outcome.PASSED for each in ended)
        pages = [page for each in self._pages.values() for page in each if not page.before]
        taken = [page.taken_s for page in pages if page.taken_s is not None]
        watched = ALERTMANAGER in self._sources or PROMETHEUS in self._sources
        return GameDayMeasures(
            experiments=len(found) if experiments else None,
            experiments_passed=passed if experiments else None,
            rto_s=_most(each.rto_s for each in found),
            rpo_s=_most(each.rpo_s for each in found),
            lost_writes=_sum(each.lost_writes for each in found),
            acked_writes=_sum(each.acked_writes for each in found),
            mttd_s=_mean(each.mttd_s for each in found),
            mtta_s=_mean(taken),
            mttr_s=_mean(each.mttr_s for each in found),
            pages=len(pages) if watched else None,
            pages_acked=len(taken) if watched else None,
            budget_spent=_most(self._spent.values()),
            held_s=round(self._held_until(self._t), 3),
            undone=not self._left() if experiments else None,
        )

    def verdict(self) -> Verdict:
        checks = self.checks(over=True)
        outcome, reason = self._outcome(checks)
        return Verdict(outcome, reason, checks)

    # --- what happens ---------------------------------------------------------------------------------------

    def _start(self, what: events.Started) -> None:
        self._steps = {each.id: _Step(each) for each in what.steps}
        found = []
        for check in what.checks:
            if check.name.startswith(PREFIX):
                self._released[check.name] = check
                continue
            try:
                found.append(claims.parse(check.name))
            except UsageError:
                # A newer program may know claims that this one does not: nobody knows whether they hold.
                self._strange.append(Check(check.name, check.want, None, check.unit))
        self.claims = tuple(found)

    def _step(self, id_: str) -> _Step:
        return self._steps.setdefault(id_, _Step(events.PlannedStep(id_, "", id_)))

    def _of_fault(self, fault: str) -> _Step | None:
        return self._steps.get(fault.partition("/")[0])

    def _of_step(self, guard: str) -> bool:
        step, colon, _ = guard.partition(": ")
        return bool(colon) and step in self._steps

    def _ended(self, what: events.StepEnded) -> None:
        self._step(what.step).ended = what
        if self._stopping:
            self._late.add(what.step)

    def _alert(self, event: RunEvent, what: events.AlertChange) -> None:
        key = what.fingerprint or what.name
        if what.state == "firing" and self._begun:
            for step in self._steps.values():
                if step.fault_on is not None and step.ended is None and step.alerted is None:
                    step.alerted = event.t
        if what.severity != Severity.PAGE:
            return
        pages = self._pages.setdefault(key, [])
        match what.state:
            case "firing":
                self._open_pages.add(key)
                # What fired before the first step is nobody's answer to a fault.
                if self._begun:
                    before = key in self._silenced
                    pages.append(_Page(event.t, event.at, before=before))
            case "acknowledged" | "silenced":
                since = what.since or event.at
                if not pages or pages[-1].over is not None:
                    self._silenced[key] = since
                    return
                page = pages[-1]
                after = (since - page.fired_at).total_seconds()
                if after < (-_SEEN_LATE if what.state == "acknowledged" else 0):
                    page.before = page.taken_s is None
                elif page.taken_s is None:
                    # A clock may have been set meanwhile: it was not taken later than that was seen.
                    page.taken_s = round(min(max(0.0, after), event.t - page.fired), 6)
            case "resolved":
                self._open_pages.discard(key)
                self._silenced.pop(key, None)
                if pages:
                    pages[-1].over = event.t
            case _:
                pass

    def _held_until(self, t: float) -> float:
        return self._held + (t - self._held_since if self._held_since is not None else 0.0)

    # --- claims ---------------------------------------------------------------------------------------------

    def _check(self, claim: Claim, *, over: bool) -> Check:
        match claim.kind:
            case Claims.EXPERIMENTS | Claims.LOADS | Claims.CHECKS:
                return self._all(claim, over=over)
            case Claims.NO_PAGE:
                return self._no_page(claim, over=over)
            case Claims.UNDONE:
                return self._all_undone(claim, over=over)
            case _:
                return self._bounded(claim, over=over)

    def _bounded(self, claim: Claim, *, over: bool) -> Check:
        found = self._figures(claim, over=over)
        worst = (min if claim.at_least else max)(found.known, default=None)
        ok = claim.holds(worst)
        if found.broken:
            ok = False
        elif ok is True and found.missing and over:
            ok = None
        if claim.unit == "s" and worst is not None:
            worst = round(worst, 6)
        return Check(claim.text, claim.bound, worst, claim.unit, ok)

    def _figures(self, claim: Claim, *, over: bool) -> _Figures:
        match claim.kind:
            case Claims.SLI | Claims.LEFT:
                got = self._told.get(claim.text)
                return _Figures() if got is None else _Figures((got,))
            case Claims.SPENT:
                found = [spent for slo, spent in self._spent.items() if claim.slo in (None, slo)]
                return _Figures(tuple(_known(found)), found.count(None))
            case Claims.DETECTED:
                return self._detected()
            case Claims.ACKED:
                return self._taken(claim.bound or 0.0, over=over)
            case Claims.RECOVERED:
                return self._of_experiments(lambda found: found.mttr_s)
            case Claims.LOST_WRITES:
                return self._lost()
            case _:
                return self._of_load(claim)

    def _detected(self) -> _Figures:
        known, missing, broken = [], 0, False
        for step in self._experiments():
            if step.fault_on is None:
                # Nothing was there to be noticed.
                continue
            chaos = step.ended.chaos if step.ended is not None else None
            if chaos is not None:
                # One that nobody is to notice has no alert that tells of it.
                if not any(each.expected for each in chaos.alerts):
                    continue
                if chaos.mttd_s is None:
                    broken = True
                else:
                    known.append(chaos.mttd_s)
            elif step.alerted is not None:
                known.append(step.alerted - step.fault_on)
            else:
                missing += 1
        return _Figures(tuple(known), missing, broken)

    def _taken(self, bound: float, *, over: bool) -> _Figures:
        if not self._sources:
            return _Figures()
        known, missing, broken = [], 0, False
        for pages in self._pages.values():
            for page in pages:
                if page.before:
                    continue
                if page.taken_s is not None:
                    known.append(page.taken_s)
                    continue
                lasted = (page.over if page.over is not None else self._t) - page.fired
                if lasted > bound:
                    known.append(round(lasted, 6))
                    broken = True
                elif page.over is None:
                    missing += 1
        return _Figures(tuple(known), missing, broken)

    def _of_experiments(self, measure: Callable[[ChaosMeasures], float | None]) -> _Figures:
        """Of each experiment that made its fault."""
        known, missing = [], 0
        for step in self._experiments():
            if step.fault_on is None:
                continue
            chaos = step.ended.chaos if step.ended is not None else None
            got = measure(chaos) if chaos is not None else None
            if got is None:
                missing += 1
            else:
                known.append(got)
        return _Figures(tuple(known), missing)

    def _lost(self) -> _Figures:
        """Experiments without a ledger say nothing of writes; one without measures may have had one."""
        ended = [(each, each.ended.chaos) for each in self._experiments() if each.ended is not None]
        lost = _sum(chaos.lost_writes for _, chaos in ended if chaos is not None)
        missing = sum(chaos is None and each.fault_on is not None for each, chaos in ended)
        return _Figures(() if lost is None else (float(lost),), missing)

    def _of_load(self, claim: Claim) -> _Figures:
        measured = self._load.measures()
        if measured is None or not measured.requests:
            return _Figures()
        got = {
            Claims.P95: measured.p95_s,
            Claims.P99: measured.p99_s,
            Claims.ERRORS: (measured.failures or 0) / measured.requests,
        }.get(claim.kind)
        return _Figures() if got is None else _Figures((got,))

    def _all(self, claim: Claim, *, over: bool) -> Check:
        wanted = [
            each
            for each in self._steps.values()
            if each.plan.kind in _STEPS[claim.kind] and not _only_noted(each)
        ]
        bad, unknown = [], []
        for step in wanted:
            outcome = step.ended.outcome if step.ended is not None else None
            if outcome in (Outcome.FAILED, Outcome.ABORTED, Outcome.ERROR):
                bad.append(step.plan.id)
            elif outcome is not Outcome.PASSED:
                unknown.append(step.plan.id)
        if bad:
            return Check(claim.text, "all", f"not {', '.join(bad)}", ok=False)
        if unknown or not wanted:
            got = f"not known: {', '.join(unknown)}" if over and unknown else None
            return Check(claim.text, "all", got)
        return Check(claim.text, "all", "all", ok=True)

    def _no_page(self, claim: Claim, *, over: bool) -> Check:
        if not over or not self._sources.get(PROMETHEUS, False):
            return Check(claim.text, "none")
        count = len(self._open_pages)
        return Check(claim.text, "none", str(count) if count else "none", ok=not count)

    def _all_undone(self, claim: Claim, *, over: bool) -> Check:
        if not over:
            return Check(claim.text, "all")
        left = self._left()
        got = f"still in: {', '.join(left)}" if left else "all"
        return Check(claim.text, "all", got, ok=not left)

    def _left(self) -> list[str]:
        """Faults that are still in; where nobody told of any, the steps that left something."""
        steps = (id_ for id_, each in self._steps.items() if each.ended is not None and not each.ended.undone)
        return sorted(set(self._faults.values() or steps))

    def _experiments(self) -> list[_Step]:
        return [each for each in self._steps.values() if each.plan.kind == "experiment"]

    # --- outcome --------------------------------------------------------------------------------------------

    def _outcome(self, checks: Sequence[Check]) -> tuple[Outcome, str]:
        left = self._left()
        if left:
            return Outcome.ERROR, f"not everything is undone: {', '.join(left)}"
        if self._stopped is not None:
            return self._stop(self._stopped)
        worst = self._worst()
        if worst is not None and worst.outcome in (Outcome.ERROR, Outcome.ABORTED):
            return worst.outcome, _of(worst)
        broken = [each for each in checks if each.ok is False]
        if worst is not None and worst.outcome is Outcome.FAILED:
            others = f"; {_said(broken)}" if broken else ""
            return Outcome.FAILED, f"{_of(worst)}{others}"
        if broken:
            return Outcome.FAILED, _said(broken)
        unknown = [each for each in checks if each.ok is None]
        if worst is not None and worst.outcome is Outcome.INCONCLUSIVE:
            return Outcome.INCONCLUSIVE, _of(worst)
        missed = [id_ for id_, each in self._steps.items() if each.ended is None]
        if missed:
            return Outcome.INCONCLUSIVE, f"not carried out: {', '.join(missed)}"
        if unknown:
            return Outcome.INCONCLUSIVE, f"not measured: {', '.join(each.name for each in unknown)}"
        if not checks:
            return Outcome.PASSED, "every step came out as it should; nothing else was to hold"
        return Outcome.PASSED, "every step came out as it should, and everything that was to hold does"

    @staticmethod
    def _stop(what: events.GuardTripped) -> tuple[Outcome, str]:
        blind = what.guard == LOAD or what.guard.startswith(BLIND)
        said = what.text.startswith(what.guard) or what.guard == INTERRUPTED or not what.text
        reason = (what.text or what.guard) if said else f"{what.guard}: {what.text}"
        return (Outcome.INCONCLUSIVE if blind else Outcome.ABORTED), reason

    def _worst(self) -> events.StepEnded | None:
        """The worst step; one that ended because everything did counts only where it broke."""
        found = [
            each.ended
            for id_, each in self._steps.items()
            if each.ended is not None
            and (id_ not in self._late or each.ended.outcome is Outcome.ERROR)
            and not _only_noted(each)
        ]
        return max(found, key=lambda each: WORSE.index(each.outcome), default=None)


def _only_noted(step: _Step) -> bool:
    """Whether it came out badly, and that is to count for nothing."""
    bad = step.ended is not None and step.ended.outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE)
    return step.plan.noted and bad


def judge(happened: Iterable[RunEvent]) -> tuple[Verdict, GameDayMeasures]:
    """`happened`: every event of the game day's own run, in their order; `Finished` says nothing here."""
    judging = Judging()
    for event in happened:
        judging.take(event)
    return judging.verdict(), judging.measures()


def _of(ended: events.StepEnded) -> str:
    return f"step {ended.step} {ended.outcome.value}{f': {ended.why}' if ended.why else ''}"


def _said(checks: Sequence[Check]) -> str:
    return ", ".join(
        f"{each.name} ({value_words(each.got, each.unit)})" if each.got is not None else each.name
        for each in checks
    )


def _known(values: Iterable[float | None]) -> Iterator[float]:
    return (each for each in values if each is not None)


def _most(values: Iterable[float | None]) -> float | None:
    return max(_known(values), default=None)


def _mean(values: Iterable[float | None]) -> float | None:
    found = list(_known(values))
    return round(sum(found) / len(found), 6) if found else None


def _sum(values: Iterable[int | None]) -> int | None:
    found = [each for each in values if each is not None]
    return sum(found) if found else None
