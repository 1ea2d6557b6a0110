"""From a game day's file to all that is known of it: its experiments' plans, loads, people, problems."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sretool.core.plans.gameday.lint import Around, lint
from sretool.core.plans.gameday.people import resolve
from sretool.core.plans.gameday.timetable import Known, timetable
from sretool.errors import CatalogError, ChaosError, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sretool.adapters.lab.record import LabRecord
    from sretool.cli.context import Settings, Sources
    from sretool.core.catalog.model import System
    from sretool.core.plans.chaos.plan import ChaosPlan
    from sretool.core.plans.gameday.plan import ExperimentStep, GameDayPlan
    from sretool.core.plans.gameday.timetable import Timetable
    from sretool.core.plans.load.profile import LoadProfile

_AT_ONCE: Final = 2
"""Experiments that are asked at the same time: each is a program of its own."""


@dataclass(frozen=True, slots=True)
class Prepared:
    plan: GameDayPlan
    project: Path
    file: Path
    seed: int
    known: Known
    files: Mapping[str, Path]
    """Id of a step → the file of its experiment."""
    table: Timetable
    people: Mapping[str, str]
    """Role → name."""
    where: Mapping[str, str]
    """Against what: `prometheus`, `alertmanager`, `lab` → address or name."""
    asked: bool
    """Whether the experiments were asked what they would hurt."""
    sources: Sources | None
    lab: LabRecord | None
    system: System | None
    environment: Mapping[str, str]
    me: str
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def production(self) -> bool:
        return any(each.production for each in self.known.experiments.values())


@dataclass(frozen=True, slots=True)
class _Asked:
    """What came of one reference."""

    plan: ChaosPlan | None = None
    file: Path | None = None
    lost: str = ""
    problems: tuple[Problem, ...] = ()


def prepare(
    settings: Settings, name: str, *, given: Mapping[str, str], seed: int, offline: bool = False
) -> Prepared:
    """`given`: role → person. Everything that is wrong beyond the file's form is in `problems`.

    GameDayProblems with all that is wrong with its form, UsageError where there is no such file, SourceError
    where a server does not answer.
    """
    from sretool import wiring
    from sretool.cli import chaos_prepare

    file, plan = wiring.gameday(name, settings.project)
    for role in given:
        if plan.role(role) is None:
            ids = ", ".join(each.id for each in plan.roles) or "none"
            raise UsageError(f"--role {role}: the game day has no such role", remedy=f"its roles: {ids}")
    sources = chaos_prepare.sources_of(settings)
    lab = sources.lab if sources is not None else None
    system = _system(sources)
    environment = chaos_prepare.environment_of(settings, sources, lab)
    me, now = chaos_prepare.whoami(settings), wiring.SystemClock().now()
    asking = _Asking(settings, file, sources, lab, environment, offline=offline)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = dict(
            zip((each.id for each in plan.experiments), pool.map(asking.ask, plan.experiments), strict=True)
        )
    profiles, lost = _profiles(settings, plan)
    people, nobody = resolve(
        plan, given=given, me=me, oncall=system.oncall if system is not None else None, now=now
    )
    known = Known({id_: each.plan for id_, each in asked.items() if each.plan is not None}, profiles)
    slos = frozenset(str(each.id) for each in system.slos) if system is not None else None
    lost |= {id_: each.lost for id_, each in asked.items() if each.lost}
    changes, resources = _of_release(system) if plan.release is not None else (None, None)
    found = lint(plan, known, Around(lost, people, nobody, slos, changes, resources))
    table = timetable(plan, known, seed)
    beyond = [each for one in asked.values() for each in one.problems]
    own = sorted((*found.problems, *table.problems), key=lambda each: each.line)
    return Prepared(
        plan=plan,
        project=settings.project,
        file=file,
        seed=seed,
        known=known,
        files={id_: each.file for id_, each in asked.items() if each.file is not None},
        table=table,
        people=people,
        where=chaos_prepare.where_of(sources, lab),
        asked=not offline,
        sources=sources,
        lab=lab,
        system=system,
        environment=environment,
        me=me,
        problems=tuple(dict.fromkeys((*own, *beyond))),
        warnings=tuple(dict.fromkeys((*found.warnings, *table.warnings))),
    )


def _system(sources: Sources | None) -> System | None:
    from sretool.cli import objectives

    return objectives.load(sources) if sources is not None and sources.catalog else None


def _of_release(system: System | None) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Kinds of changes, and what can be used up, by the catalog."""
    from sretool.core.observe import saturation

    if system is None:
        return None, None
    return system.policy.changes, tuple(each.title for each in saturation.lines(system.watched))


class _Asking:
    """Experiments of one game day, each asked as `sretool chaos plan` asks it."""

    def __init__(
        self,
        settings: Settings,
        file: Path,
        sources: Sources | None,
        lab: LabRecord | None,
        environment: Mapping[str, str],
        *,
        offline: bool,
    ) -> None:
        self._settings = settings
        self._folder = file.parent
        self._sources = sources
        self._lab = lab
        self._environment = environment
        self._offline = offline

    def ask(self, step: ExperimentStep) -> _Asked:
        from sretool import wiring
        from sretool.cli import chaos_prepare

        try:
            beside = self._folder / step.experiment
            name = str(beside) if beside.is_file() else step.experiment
            file = chaos_prepare.find(name, self._settings.project)
            where = chaos_prepare.where_of(self._sources, self._lab)
            where |= chaos_prepare.where_of_cluster(file, self._environment)
            plan, problems, _ = wiring.chaos_plan(
                file,
                self._environment,
                step.variables,
                where,
                partial(chaos_prepare.is_production, self._settings, self._sources),
                asking=not self._offline,
            )
        except (UsageError, ChaosError) as error:
            return _Asked(lost=error.message)
        return _Asked(plan, file, problems=tuple(problems))


def _profiles(settings: Settings, plan: GameDayPlan) -> tuple[dict[str, LoadProfile], dict[str, str]]:
    from sretool import wiring

    found: dict[str, LoadProfile] = {}
    lost: dict[str, str] = {}
    for step in (*plan.loads, *plan.beside):
        try:
            found[step.id] = wiring.load_profile(step.profile, settings.project, None).profile
        except CatalogError as error:
            lost[step.id] = f"load profile {step.profile!r}: {error.problems[0]}"
        except UsageError as error:
            lost[step.id] = error.message
    return found, lost


def people_given(texts: Sequence[str]) -> dict[str, str]:
    """`ROLE=NAME` of the command line; UsageError where one is not."""
    found: dict[str, str] = {}
    for text in texts:
        role, equals, person = (part.strip() for part in text.partition("="))
        if not (role and equals and person):
            raise UsageError(
                f"--role {text}: not a role and a person", remedy="write it like --role lead=ann"
            )
        found[role] = person
    return found


def plain(found: Sequence[Problem]) -> list[dict[str, Any]]:
    return [{"file": each.file, "line": each.line, "message": each.message} for each in found]
