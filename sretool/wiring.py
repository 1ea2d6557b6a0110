"""The composition root: which adapters serve which service.

Imports stand inside the functions, so that a command loads only what it uses.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sretool.adapters.chaostoolkit.extension import Page
    from sretool.adapters.files.profiles import StoredProfile
    from sretool.adapters.files.runbooks import Runbooks
    from sretool.adapters.lab.record import LabRecord
    from sretool.adapters.locust.program import Program
    from sretool.adapters.store.baselines import BaselineStore
    from sretool.adapters.store.marks import MarkFile
    from sretool.adapters.store.notebook import Notebook
    from sretool.adapters.store.runs import RunStore, StoredRun
    from sretool.adapters.store.snapshots import SnapshotFile
    from sretool.adapters.store.writer import RunWriter
    from sretool.core.analysis.release import Release
    from sretool.core.catalog.model import Dependency, System
    from sretool.core.catalog.watched import Watched
    from sretool.core.observe.running import Running
    from sretool.core.plans.chaos.experiment import Experiment
    from sretool.core.plans.chaos.gates import Approval, Facts
    from sretool.core.plans.chaos.plan import ChaosPlan
    from sretool.core.plans.gameday.plan import GameDayPlan
    from sretool.core.plans.load.plan import LoadPlan
    from sretool.core.plans.load.profile import LoadProfile
    from sretool.core.plans.load.target import Target
    from sretool.core.runs.counted import Counted
    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import RunKind, RunRecord
    from sretool.core.slo.model import Severity, Slo
    from sretool.core.slo.policy import Policy, Standing
    from sretool.errors import Problem
    from sretool.ports import (
        ChaosSession,
        Endpoint,
        HistorySource,
        LoadChild,
        MetricsSource,
        SurveySource,
    )
    from sretool.services.capacity import Answer
    from sretool.services.capacity import Order as CapacityOrder
    from sretool.services.chaos_watch import Sources as ChaosSources
    from sretool.services.duty import Duty
    from sretool.services.gameday_children import Child
    from sretool.services.load import Control, Order
    from sretool.services.release import Releasing
    from sretool.services.watch import Watch

PARENT: Final = "SRETOOL_PARENT_RUN"
"""Environment variable: id of the game day that the runs made here are steps of."""
ANNOUNCED: Final = "SRETOOL_ANNOUNCED_AS"
"""Environment variable: what others are told an experiment is, where they are not to know which one it is."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What a watch looks at, and where."""

    slos: tuple[Slo, ...]
    prometheus: Endpoint
    alertmanager: Endpoint | None = None
    """None: alerts are not known."""
    deadline: timedelta = timedelta(seconds=5)
    """For one question, answer included."""
    policy: Policy | None = None
    """What a low budget means; None: the standard policy."""
    state: Path | None = None
    """Folder of marks and runs; None: none are shown."""
    dependencies: tuple[Dependency, ...] = ()
    """What the system stands on."""
    snapshots: SnapshotFile | None = None
    """Where the last snapshot is; None: it is not kept."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def system(paths: Sequence[Path], cache: Path) -> System:
    """What catalog files and folders say; read again only where one of them has changed since the last time.

    Raises as `adapters.files.catalog.load` does.
    """
    from sretool.adapters.files.catalog import read_anew, seen
    from sretool.adapters.store import freezer
    from sretool.core.catalog.model import System

    facts = seen(paths)
    place = cache / "catalogs" / facts.place
    found, _ = freezer.kept(place, tuple)
    if found is not None and len(found) == 2 and found[0] == facts.state and isinstance(found[1], System):
        return found[1]
    read = read_anew(facts.files)
    freezer.keep(place, (facts.state, read))
    return read


async def running(prometheus: Endpoint) -> Running:
    """The objectives that other tools' rules record on a server; raises SourceError."""
    from sretool.adapters.prometheus.source import Prometheus
    from sretool.services.recognising import running

    source = Prometheus(prometheus, deadline=timedelta(seconds=30))
    try:
        return await running(source)
    finally:
        await source.aclose()


def watch(sources: Endpoints) -> Watch:
    """A Watch over real servers; nothing is asked before its first poll."""
    from sretool.adapters.prometheus.source import Prometheus
    from sretool.core.slo.policy import DEFAULT
    from sretool.services.watch import Watch

    alerts = None
    if sources.alertmanager is not None:
        from sretool.adapters.alertmanager.source import Alertmanager

        alerts = Alertmanager(sources.alertmanager, deadline=sources.deadline)
    prometheus = Prometheus(sources.prometheus, deadline=sources.deadline)
    diary = None
    if sources.state is not None:
        from sretool.adapters.store.notebook import Notebook

        diary = Notebook(sources.state)
    policy = sources.policy or DEFAULT
    return Watch(
        sources.slos,
        prometheus,
        alerts,
        SystemClock(),
        policy,
        diary,
        sources.dependencies,
        sources.snapshots,
    )


def snapshots(state: Path, context: Iterable[str]) -> SnapshotFile:
    """The last snapshot of the servers and catalogs that `context` names."""
    from sretool.adapters.store.snapshots import SnapshotFile

    return SnapshotFile(state, context)


def duty(alertmanager: Endpoint, prometheus: Endpoint, severities: Mapping[Severity, str]) -> Duty:
    """Alert duty at real servers; nothing is asked or told before its first use."""
    from sretool.adapters.alertmanager.source import Alertmanager
    from sretool.adapters.prometheus.source import Prometheus
    from sretool.services.duty import Duty

    # A month of alerts takes longer than a refresh may.
    metrics = Prometheus(prometheus, deadline=timedelta(seconds=30))
    return Duty(Alertmanager(alertmanager), metrics, SystemClock(), severities)


def metrics(endpoint: Endpoint, deadline: timedelta) -> MetricsSource:
    """A Prometheus-compatible server; nothing is asked before its first query."""
    from sretool.adapters.prometheus.source import Prometheus

    return Prometheus(endpoint, deadline=deadline)


def survey(endpoint: Endpoint, deadline: timedelta) -> SurveySource:
    """A Prometheus-compatible server that is asked what it has; nothing is asked before that."""
    from sretool.adapters.prometheus.source import Prometheus

    return Prometheus(endpoint, deadline=deadline)


def history(endpoint: Endpoint) -> HistorySource:
    """Long ranges of a Prometheus-compatible server; nothing is asked before its first query."""
    from sretool.adapters.prometheus.history import PrometheusHistory

    return PrometheusHistory(endpoint)


def state_folder(project: Path, environment: Mapping[str, str]) -> Path:
    """Where sretool keeps what it writes for the project that `project` lies in."""
    from sretool.adapters.project import state_folder

    return state_folder(project, environment)


def notebook(state: Path, who: str) -> Notebook:
    """Marks, runs and ticks in `state`, written to in the name of `who`."""
    from sretool.adapters.store.notebook import Notebook

    return Notebook(state, who)


def runbooks(catalog: Sequence[Path], state: Path | None, known: Mapping[str, str]) -> Runbooks:
    """The runbooks of a catalog and of the project; `known` are those without a file."""
    from sretool.adapters.files.runbooks import Runbooks

    return Runbooks(catalog, state, known)


def runs(project: Path, environment: Mapping[str, str]) -> RunStore:
    """The run folders of the project that `project` lies in."""
    from sretool.adapters.project import state_folder
    from sretool.adapters.store.runs import RunStore

    return RunStore(state_folder(project, environment))


def marks(project: Path, environment: Mapping[str, str]) -> MarkFile:
    """The changes written down in the project that `project` lies in."""
    from sretool.adapters.project import state_folder
    from sretool.adapters.store.marks import MarkFile

    return MarkFile(state_folder(project, environment))


def load_profiles(project: Path) -> tuple[list[StoredProfile], list[Problem]]:
    """Every load profile that can be used, and what is wrong with the others."""
    from sretool.adapters.files import profiles

    return profiles.every(project)


def load_profile(wanted: str, project: Path, mapping: Path | None) -> StoredProfile:
    """A load profile by its name or its file."""
    from sretool.adapters.files import profiles

    return profiles.load(wanted, project, mapping=mapping)


def check_target(
    target: Target, *, listed: Sequence[str], meant: bool, production: bool, ca_file: str, insecure: bool
) -> None:
    """UsageError where load must not go there, SourceError where it cannot."""
    import asyncio

    from sretool.adapters.target import reach
    from sretool.core.plans.load.target import refuse_strangers

    async def look() -> None:
        addresses = await reach.addresses(target)
        refuse_strangers(target, addresses, listed, meant=meant, production=production)
        await reach.connect(target, ca_file=ca_file, insecure=insecure)

    asyncio.run(look())


def make_room(profile: LoadProfile) -> str:
    """Room for the profile's connections; what to warn of, or nothing. UsageError where there is no room."""
    from sretool.adapters.target import reach
    from sretool.core.plans.load.profile import Closed, Open

    model = profile.model
    if isinstance(model, Closed):
        reach.make_room(round(model.users.highest))
    elif isinstance(model, Open):
        reach.make_room(model.max_users)
    return reach.crowded()


def load_journal(
    project: Path,
    environment: Mapping[str, str],
    stored: StoredProfile,
    plan: LoadPlan,
    kind: RunKind | None = None,
) -> RunWriter:
    """A new run of a load profile, with what it is made from copied into its folder."""
    import platform
    from importlib import metadata

    from sretool import __version__
    from sretool.adapters.store import child
    from sretool.core.plans.load import plan as plans
    from sretool.core.runs.model import RunKind

    writer = runs(project, environment).create(
        kind or RunKind.LOAD,
        stored.profile.name,
        targets=[plan.target],
        versions={
            "sretool": __version__,
            "locust": metadata.version("locust"),
            "python": platform.python_version(),
        },
        parent=environment.get(PARENT) or None,
    )
    for name, content in stored.files:
        writer.keep_input(name.replace("/", "_"), content, str(stored.folder / name))
    writer.keep_input("plan.json", plans.encode(plan), "plan.json")
    child.tell(environment, writer.folder)
    return writer


def start_program() -> Program:
    """The program that makes load, before it is known which: it starts while that is being found out."""
    from sretool.adapters.locust.program import Program

    return Program()


async def work_load(plan: LoadPlan, tell: Callable[[str], None], control: Control, program: Program) -> None:
    """Make load as a master of another machine says."""
    from sretool.adapters.locust.driver import Locust
    from sretool.services import load

    await load.work(plan, driver=Locust(ready=program), tell=tell, control=control)


async def run_load(
    order: Order,
    journal: RunWriter,
    control: Control,
    *,
    on_event: Callable[[RunEvent], None],
    slos: Sequence[Slo] = (),
    prometheus: Endpoint | None = None,
    program: Program | None = None,
) -> RunRecord:
    """One load test, made by Locust in a process of its own (`program`, where it was started already);
    `prometheus` judges `slos`."""
    from sretool.adapters.locust.driver import Locust
    from sretool.services import load
    from sretool.services.load_servers import Servers

    source = metrics(prometheus, timedelta(seconds=10)) if prometheus is not None else None
    try:
        return await load.run(
            order,
            driver=Locust(ready=program),
            journal=journal,
            clock=SystemClock(),
            control=control,
            on_event=on_event,
            server=Servers(slos, source) if slos else None,
            log=journal.raw / "locust.log",
        )
    finally:
        if source is not None:
            await source.aclose()


async def search_capacity(
    order: CapacityOrder,
    journal: RunWriter,
    control: Control,
    *,
    on_event: Callable[[RunEvent], None],
    watching: tuple[Endpoint, Watched] | None,
) -> Answer:
    """The highest rate that holds; `watching` is asked what the servers used up meanwhile."""
    from sretool.adapters.locust.driver import Locust
    from sretool.services import capacity

    source = metrics(watching[0], timedelta(seconds=10)) if watching is not None else None
    try:
        return await capacity.run(
            order,
            driver=Locust(),
            journal=journal,
            clock=SystemClock(),
            control=control,
            on_event=on_event,
            resources=(
                capacity.WatchedResources(source, watching[1])
                if source is not None and watching is not None
                else None
            ),
            log=journal.raw / "locust.log",
        )
    finally:
        if source is not None:
            await source.aclose()


def keep_in_run(folder: Path, name: str, content: bytes) -> None:
    """A file of a run's folder, written whole."""
    from sretool.adapters import project

    project.replace_file(folder / name, content)


def baselines(project: Path, environment: Mapping[str, str]) -> BaselineStore:
    """The kept baselines of the project that `project` lies in."""
    from sretool.adapters.project import state_folder
    from sretool.adapters.store.baselines import BaselineStore

    return BaselineStore(state_folder(project, environment))


def counted_load(run: StoredRun) -> tuple[Counted, int]:
    """The judged part of a load test, and how many lines of its events could not be read."""
    from sretool.adapters.store.tail import EventTail
    from sretool.adapters.store.writer import EVENTS
    from sretool.core.runs.counted import counted

    tail = EventTail(run.folder / EVENTS)
    return counted(list(tail.rest())), tail.unreadable


def bundled_experiments() -> dict[str, Path]:
    """Experiments that come with sretool, by name."""
    from sretool.adapters.chaostoolkit import bundled

    return bundled.experiments()


def project_experiments(project: Path) -> dict[str, Path]:
    """Experiments in the project's folder for them, by name."""
    from sretool.adapters.chaostoolkit import bundled

    return bundled.of_project(project)


def chaos_extension() -> tuple[Page, ...]:
    """What experiments can use of ours."""
    from sretool.adapters.chaostoolkit.extension import pages

    return pages()


def chaos_plan(
    file: Path,
    environment: Mapping[str, str],
    overrides: Mapping[str, Any],
    where: Mapping[str, str],
    is_production: Callable[[Experiment, Mapping[str, str]], bool],
    *,
    asking: bool = True,
) -> tuple[ChaosPlan | None, Sequence[Problem], Sequence[Problem]]:
    """The plan of an experiment, and all problems and warnings; with problems there may be no plan.

    Without `asking` nobody is asked what it would hurt, and that is unknown in the plan.
    UsageError where the file cannot be read, ChaosError where nobody can say what it would hurt.
    """
    from sretool.adapters.chaostoolkit.functions import Surroundings
    from sretool.adapters.chaostoolkit.planning import ask
    from sretool.adapters.files import texts
    from sretool.core.plans.chaos.lint import askable, lint, lint_targets
    from sretool.core.plans.chaos.plan import plan
    from sretool.core.plans.chaos.read import read
    from sretool.errors import ChaosError

    reading = read(texts.shown(file), texts.text_of(file), environment, overrides)
    around = Surroundings(file.parent)
    found = lint(reading, around)
    try:
        answers = ask(askable(reading, around), file.parent, environment) if asking else {}
    except ChaosError:
        if not found.problems:
            raise
        return None, found.problems, found.warnings
    whole = found.and_(lint_targets(reading, answers)) if asking else found
    if reading.experiment is None or whole.problems:
        return None, whole.problems, whole.warnings
    made = plan(
        reading.experiment,
        answers,
        where,
        production=is_production(reading.experiment, where),
        remarks=[str(each) for each in whole.warnings],
    )
    return made, (), whole.warnings


def gameday_names(project: Path) -> dict[str, tuple[Path, bool]]:
    """Plans of game days: name → file, and whether it comes with sretool."""
    from sretool.adapters.files import gamedays

    return gamedays.names(project)


def gameday(wanted: str, project: Path) -> tuple[Path, GameDayPlan]:
    """The plan of a name or a file; GameDayProblems, UsageError where there is none."""
    from sretool.adapters.files import gamedays, texts
    from sretool.core.plans.gameday.read import read

    file = gamedays.find(wanted, project)
    return file, read(texts.shown(file), texts.text_of(file))


def chaos_session(folder: Path, environment: Mapping[str, str]) -> ChaosSession:
    """An experiment whose undo log is in `folder`; nothing runs before its start."""
    from sretool.adapters.chaostoolkit.session import Session
    from sretool.undo import index

    return Session(folder, index.place(environment))


def chaos_sources(sources: Endpoints | None, lab: str | None) -> ChaosSources:
    """Whom an experiment's watchers ask; nothing is asked yet."""
    from sretool.adapters.alertmanager.source import Alertmanager
    from sretool.adapters.lab.processes import LabProcesses
    from sretool.adapters.prometheus.source import Prometheus
    from sretool.services.chaos_watch import Sources

    processes = LabProcesses(lab) if lab is not None else None
    if sources is None:
        return Sources(processes=processes)
    board = None
    if sources.alertmanager is not None:
        board = Alertmanager(sources.alertmanager, deadline=sources.deadline)
    return Sources(
        watch=watch(replace(sources, alertmanager=None)) if sources.slos else None,
        rules=Prometheus(sources.prometheus, deadline=sources.deadline),
        board=board,
        processes=processes,
    )


def releasing(of: Release, system: System | None, prometheus: Endpoint | None) -> Releasing:
    """Who looks at what a game day asks of a release; nothing is asked yet."""
    from sretool.services.capacity import WatchedResources
    from sretool.services.release import Releasing

    if system is None or prometheus is None:
        return Releasing(of, SystemClock())
    return Releasing(
        of,
        SystemClock(),
        WatchedResources(metrics(prometheus, timedelta(seconds=10)), system.watched),
        _Budgets(Endpoints(system.slos, prometheus, deadline=timedelta(seconds=10), policy=system.policy)),
        system.policy,
    )


class _Budgets:
    """What the objectives of a catalog have left, by one look at a server."""

    def __init__(self, sources: Endpoints) -> None:
        self._sources = sources

    async def standings(self) -> tuple[Standing, ...]:
        from sretool.core.observe.release import standings
        from sretool.errors import SourceUnreachable

        looking = watch(self._sources)
        try:
            snapshot = await looking.poll_metrics(changes=False)
        finally:
            await looking.aclose()
        silent = next((each for each in snapshot.sources if not each.ok), None)
        if silent is not None:
            raise SourceUnreachable(silent.error or f"{silent.name} gave no answer", remedy=silent.remedy)
        return standings(snapshot.statuses, snapshot.at)


@contextmanager
def chaos_lock(environment: Mapping[str, str], title: str) -> Iterator[str]:
    """The machine's lock on experiments, held meanwhile; gives what holds it where that is somebody else."""
    from sretool.adapters.chaostoolkit.machine import Busy, MachineLock

    try:
        lock = MachineLock(environment, title)
    except Busy as busy:
        yield str(busy)
        return
    try:
        yield ""
    finally:
        lock.release()


def chaos_stop_file(environment: Mapping[str, str]) -> Path | None:
    """The stop file that exists; None: experiments may run."""
    from sretool.adapters.chaostoolkit import machine

    return machine.stop_file(environment)


async def chaos_facts(
    project: Path,
    environment: Mapping[str, str],
    me: str,
    approvals: tuple[Approval, ...],
    sources: ChaosSources,
) -> Facts:
    """What the gates of an experiment look at; the machine's lock is the caller's."""
    from sretool.core.plans.chaos.gates import Earlier, Facts
    from sretool.core.runs.model import RunKind
    from sretool.services import chaos_gates
    from sretool.undo import index
    from sretool.undo.heal import open_faults

    known = Facts(
        now=SystemClock().now(),
        me=me,
        stop_file=str(chaos_stop_file(environment) or ""),
        left_over=open_faults(index.place(environment)),
        approvals=approvals,
        earlier=tuple(
            Earlier(each.record.id, each.record.title, each.record.started, each.record.ended)
            for each in runs(project, environment).newest(10, [RunKind.CHAOS])
            if each.record.ended is not None
        ),
    )
    return await chaos_gates.look(known, sources)


def chaos_load(
    plan: ChaosPlan, project: Path, environment: Mapping[str, str], lab: LabRecord | None, facts: Facts
) -> tuple[Callable[[Path], LoadChild] | None, Facts]:
    """The load that an experiment brings, by the folder of its run; None: the traffic that is there is it."""
    from sretool.adapters.children.load import LoadRun

    wanted = plan.block.load
    if wanted is None:
        return None, facts
    if wanted.target is None and lab is None:
        return None, replace(facts, load=f"nothing says what to put under the load {wanted.profile!r}")
    arguments = [wanted.profile]
    if wanted.rate is not None:
        arguments += ["--rate", str(wanted.rate)]
    if wanted.target is not None:
        arguments += ["--target", wanted.target]
    # All of it is there from the beginning, and it lasts longer than whatever the experiment may take and is
    # ended with it; that the fault breaks what a load test promises is no reason to take it away.
    longest = (plan.most_seconds or 3600.0) + plan.least_seconds
    seconds = longest + plan.block.recovery_deadline.total_seconds()
    arguments += ["--duration", f"{seconds:.0f}s", "--flat", "--no-abort-on-breach"]
    before = ["-C", str(project), *(["--lab", lab.name] if lab is not None else [])]

    def made(folder: Path) -> LoadChild:
        raw = folder / "raw"
        raw.mkdir(exist_ok=True)
        return LoadRun((*before, "load", "run", *arguments), raw / "load.log", environment)

    return made, facts


def without_secrets(data: bytes, document: Mapping[str, Any]) -> bytes:
    """The text of an experiment; secrets that are written into it are cut out."""
    from sretool.core.plans.chaos.plan import HIDDEN

    def literals(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            referred = isinstance(value.get("type"), str)
            for key, each in value.items():
                if not referred or key == "default":
                    yield from literals(each)
        elif isinstance(value, str) and value:
            yield value

    for secret in sorted(literals(document.get("secrets") or {}), key=len, reverse=True):
        data = data.replace(secret.encode(), HIDDEN.encode())
    return data


def chaos_journal(
    project: Path, environment: Mapping[str, str], plan: ChaosPlan, file: Path, data: bytes
) -> RunWriter:
    """A new run of an experiment, with its file and its plan copied into its folder."""
    import json
    import platform
    from importlib import metadata

    from sretool import __version__
    from sretool.adapters.store import child
    from sretool.core.plans.chaos import plan as plans
    from sretool.core.runs.model import RunKind

    writer = runs(project, environment).create(
        RunKind.CHAOS,
        plan.title,
        targets=plan.block.blast_radius.services,
        versions={
            "sretool": __version__,
            "chaostoolkit-lib": metadata.version("chaostoolkit-lib"),
            "python": platform.python_version(),
        },
        parent=environment.get(PARENT) or None,
        production=plan.production,
    )
    writer.keep_input(file.name, without_secrets(data, plan.experiment.document), str(file))
    text = json.dumps(plans.document(plan), indent=1, default=str)
    writer.keep_input("plan.json", text.encode(), "plan.json")
    child.tell(environment, writer.folder)
    return writer


@contextmanager
def gameday_lock(environment: Mapping[str, str], title: str) -> Iterator[str]:
    """The machine's lock on game days, held meanwhile; gives what holds it, or that on experiments."""
    from sretool.adapters.chaostoolkit.machine import GAMEDAY, Busy, MachineLock

    try:
        lock = MachineLock(environment, title, GAMEDAY)
    except Busy as busy:
        yield f"another game day runs: {busy}"
        return
    try:
        with chaos_lock(environment, title) as busy_with:
            pass
        yield f"an experiment runs: {busy_with}" if busy_with else ""
    finally:
        lock.release()


def gameday_journal(
    project: Path,
    environment: Mapping[str, str],
    title: str,
    *,
    targets: Sequence[str],
    production: bool,
    inputs: Iterable[tuple[str, bytes, str]],
) -> RunWriter:
    """A new run of a game day, also as a step of one; `inputs`: name in the folder, content, path."""
    import platform
    from importlib import metadata

    from sretool import __version__
    from sretool.adapters.store import child
    from sretool.core.runs.model import RunKind

    writer = runs(project, environment).create(
        RunKind.GAMEDAY,
        title,
        targets=targets,
        versions={
            "sretool": __version__,
            "chaostoolkit-lib": metadata.version("chaostoolkit-lib"),
            "locust": metadata.version("locust"),
            "python": platform.python_version(),
        },
        parent=environment.get(PARENT) or None,
        production=production,
    )
    for name, content, path in inputs:
        writer.keep_input(name, content, path)
    child.tell(environment, writer.folder)
    return writer


def gameday_child(
    project: Path,
    environment: Mapping[str, str],
    parent: RunWriter,
    step: str,
    arguments: Sequence[str],
    *,
    load: bool = False,
    announced: str = "",
) -> Child:
    """A program that carries out `step` of the game day `parent`: `sretool` with these arguments.

    `load`: it makes load and nothing else; `announced`: what others are told of it instead of its own title.
    """
    from sretool.adapters.children.program import OF_EXPERIMENT, OF_LOAD, Program
    from sretool.adapters.store import child
    from sretool.services.gameday_children import Child
    from sretool.undo import index

    told = parent.raw / f"{step}.run"
    own = {**environment, PARENT: parent.run.id, child.TOLD: str(told)}
    if announced:
        own[ANNOUNCED] = announced
    program = Program(arguments, parent.raw / f"{step}.log", own, OF_LOAD if load else OF_EXPERIMENT)
    root = runs(project, environment).root
    return Child(program, child.ChildFolder(root, told, index.place(environment)))
