"""From an experiment's file to its plan and its servers: one way for `plan`, `approve` and `run`."""

from __future__ import annotations

import getpass
import re
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from sretool.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sretool.adapters.lab.record import LabRecord
    from sretool.cli.context import Settings, Sources
    from sretool.core.plans.chaos.experiment import Experiment
    from sretool.core.plans.chaos.plan import ChaosPlan
    from sretool.errors import Problem
    from sretool.ports import Endpoint

F = TypeVar("F")

PRODUCTION: Final = "SRETOOL_PRODUCTION"
"""Environment variable: regular expression of what is production, searched in addresses and names."""
_LABELS: Final = ("ns", "namespace", "label_selector", "labels", "context")
"""Arguments of actions that say where they act."""
_KUBERNETES: Final = re.compile(r"sretool\.chaos\.\w+\.(?:kubernetes|chaos_mesh)\b|\bchaosk8s\.|\bkubectl\b")
"""What an experiment that acts on a cluster names."""
_PRODUCTION: Final = r"(?<![a-z])(?:prod|production|live)(?![a-z])"


class ExperimentProblems(UsageError):
    """An experiment that cannot be run; `problems` holds every finding."""

    def __init__(self, problems: Sequence[Problem], warnings: Sequence[Problem]) -> None:
        count = len(problems)
        super().__init__(f"the experiment has {count} problem{'s' if count != 1 else ''}")
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)


@dataclass(frozen=True, slots=True)
class Prepared:
    plan: ChaosPlan
    file: Path
    data: bytes
    """Of the file."""
    overrides: Mapping[str, Any]
    """What `--vars` said."""
    environment: Mapping[str, str]
    """Of every program that plays or asks the experiment."""
    sources: Sources | None
    """None: neither a Prometheus nor a lab is known."""
    lab: LabRecord | None
    warnings: tuple[Problem, ...]
    me: str
    """Who asks."""


@contextmanager
def tell_problems() -> Iterator[None]:
    """Everything that is wrong with an experiment goes to stderr, before the command ends."""
    from sretool.cli import diagnostics

    try:
        yield
    except ExperimentProblems as error:
        for each in error.problems:
            diagnostics.talk(str(each))
        diagnostics.tell_warnings(error.warnings)
        raise


def vars_option(function: F) -> F:
    """`--vars NAME[:TYPE]=VALUE`, as the parameter `variables`."""
    option = click.option(
        "--vars",
        "variables",
        metavar="NAME=VALUE",
        multiple=True,
        help="Value of a variable of the experiment; NAME:int=3 gives it a type. May be repeated.",
    )
    decorated: F = option(function)  # type: ignore[type-var]
    return decorated


def prepare(settings: Settings, name: str, variables: Sequence[str] = ()) -> Prepared:
    """`name`: a file, or an experiment that comes with sretool.

    ExperimentProblems with everything that is wrong with it, UsageError where there is no such file.
    """
    from sretool import wiring
    from sretool.core.plans.chaos import variables as experiment_variables

    overrides = experiment_variables.given(variables)
    file = find(name, settings.project)
    sources = sources_of(settings)
    lab = sources.lab if sources is not None else None
    environment = environment_of(settings, sources, lab)
    where = where_of(sources, lab) | where_of_cluster(file, environment)
    plan, problems, warnings = wiring.chaos_plan(
        file, environment, overrides, where, partial(is_production, settings, sources)
    )
    if problems or plan is None:
        raise ExperimentProblems(problems, warnings)
    return Prepared(
        plan=plan,
        file=file,
        data=file.read_bytes(),
        overrides=overrides,
        environment=environment,
        sources=sources,
        lab=lab,
        warnings=tuple(warnings),
        me=whoami(settings),
    )


def find(name: str, project: Path) -> Path:
    """The file of an experiment: a path, or the name of one of the project's or of those of sretool."""
    from sretool import wiring

    file = Path(name)
    if file.is_file():
        return file.absolute()
    known = wiring.bundled_experiments() | wiring.project_experiments(project)
    if name in known:
        return known[name]
    raise UsageError(
        f"there is no experiment {name!r}{did_you_mean(name, list(known))}",
        remedy="give a file, or a name that `sretool chaos list` shows",
    )


def whoami(settings: Settings) -> str:
    context = settings.chosen_context()
    if context is not None and context.me:
        return context.me
    return settings.configuration().me or getpass.getuser()


def environment_of(settings: Settings, sources: Sources | None, lab: LabRecord | None) -> dict[str, str]:
    """Ours, and where the servers of the experiment are, for its variables and probes."""
    found = dict(settings.environment or {})
    if sources is not None:
        found |= _of_endpoint("PROMETHEUS", sources.prometheus)
        if sources.alertmanager is not None:
            found |= _of_endpoint("ALERTMANAGER", sources.alertmanager)
        if sources.catalog:
            found["SRETOOL_CATALOG"] = str(sources.catalog[0].absolute())
        if sources.context is not None and sources.context.kubernetes:
            found["KUBERNETES_CONTEXT"] = sources.context.kubernetes
    if lab is not None:
        found["SRETOOL_LAB_NAME"] = lab.name
    return found


def _of_endpoint(name: str, endpoint: Endpoint) -> dict[str, str]:
    found = {f"SRETOOL_{name}_URL": endpoint.url}
    if endpoint.token:
        found[f"SRETOOL_{name}_TOKEN"] = endpoint.token
    if endpoint.basic:
        found[f"SRETOOL_{name}_USERNAME"], found[f"SRETOOL_{name}_PASSWORD"] = endpoint.basic
    if endpoint.ca_file:
        found[f"SRETOOL_{name}_CA_FILE"] = endpoint.ca_file
    if endpoint.headers:
        found[f"SRETOOL_{name}_HEADERS"] = ",".join(f"{key}={each}" for key, each in endpoint.headers.items())
    return found


def sources_of(settings: Settings) -> Sources | None:
    """None where neither a server nor a lab is known."""
    from sretool.adapters.lab import record

    given = (settings.prometheus, settings.alertmanager, settings.lab, settings.chosen_context())
    if given == (None, None, None, None) and not record.running():
        return None
    return settings.resolve_sources(catalog_needed=False)


def where_of(sources: Sources | None, lab: LabRecord | None) -> dict[str, str]:
    found = {}
    if sources is not None:
        found["prometheus"] = sources.prometheus.url
        if sources.alertmanager is not None:
            found["alertmanager"] = sources.alertmanager.url
        if sources.context is not None:
            found["context"] = sources.context.name
            if sources.context.kubernetes:
                found["kubernetes"] = sources.context.kubernetes
    if lab is not None:
        found["lab"] = lab.name
    return found


def where_of_cluster(file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Where an experiment acts that names something of Kubernetes, whichever context is the current one."""
    from sretool.adapters.files import kubeconfig

    try:
        uses = _KUBERNETES.search(file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return {}
    found = kubeconfig.chosen(environment) if uses else None
    if found is None:
        return {}
    return {"kubernetes": found.context, **({"kubernetes server": found.server} if found.server else {})}


def is_production(
    settings: Settings, sources: Sources | None, experiment: Experiment, where: Mapping[str, str]
) -> bool:
    """What the context says; else by the pattern on addresses, names and labels. A lab alone never is."""
    if sources is not None and sources.context is not None and sources.context.production:
        return True
    if "lab" in where and "kubernetes" not in where:
        return False
    pattern = (settings.environment or {}).get(PRODUCTION) or _PRODUCTION
    try:
        found = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"{PRODUCTION} is no regular expression: {error}") from error
    labels = [
        str(value)
        for action in experiment.actions
        for name, value in action.arguments.items()
        if name in _LABELS and value
    ]
    return any(found.search(each) for each in (*where.values(), *labels))
