"""The text of an experiment → `Experiment`, and everything that is wrong with its form.

What it refers to (functions, files, probes, variables) is looked at by `lint`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from numbers import Number
from typing import TYPE_CHECKING, Any, Final

from sretool.core.catalog import document
from sretool.core.catalog.document import Intake
from sretool.core.plans.chaos import spec, tree, variables
from sretool.core.plans.chaos.experiment import (
    BASELINE,
    RECOVERY_DEADLINE,
    STRATEGIES,
    Activity,
    BlastRadius,
    Block,
    ExpectedAlert,
    Experiment,
    Load,
    Objectives,
    Section,
)
from sretool.core.plans.chaos.variables import Variables
from sretool.core.plans.often import Every
from sretool.errors import Wrong, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sretool.core.plans.chaos.experiment import Path
    from sretool.core.plans.chaos.tree import Tree
    from sretool.errors import Problem

_TOP: Final = (
    "version", "title", "description", "tags", "configuration", "secrets", "steady-state-hypothesis",
    "method", "rollbacks", "controls", "extensions", "contributions", "runtime", "dry",
)  # fmt: skip
_OF_ACTIVITY: Final = (
    "type", "name", "provider", "tolerance", "background", "pauses", "controls", "dry", "ref", "timeout",
)  # fmt: skip
_OF_PROVIDER: Final = {
    "python": ("type", "module", "func", "arguments", "secrets"),
    "process": ("type", "path", "arguments", "timeout"),
    "http": (
        "type", "url", "method", "headers", "arguments", "timeout", "expected_status", "verify_tls",
        "secrets", "max_retries",
    ),
}  # fmt: skip
_PLACES: Final = {
    Section.HYPOTHESIS: ("steady-state-hypothesis", "probes"),
    Section.METHOD: ("method",),
    Section.ROLLBACKS: ("rollbacks",),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says, as far as it could be read."""

    experiment: Experiment | None
    """None where nothing could be made of it."""
    tree: Tree | None
    variables: Variables = field(default_factory=Variables)
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def read(
    file: str, text: str, environment: Mapping[str, str], overrides: Mapping[str, Any] | None = None
) -> Reading:
    """`environment` and `overrides` (`--vars`) are where the experiment's variables get their values."""
    intake = Intake()
    found = tree.parse(file, text, intake)
    if found is None:
        return Reading(None, None, problems=tuple(intake.problems))
    reader = _Reader(found, intake)
    known = reader.variables(environment, overrides or {})
    experiment = reader.experiment(known)
    return Reading(experiment, found, known, tuple(intake.problems), tuple(intake.warnings))


class _Reader:
    def __init__(self, found: Tree, intake: Intake) -> None:
        self._tree = found
        self._intake = intake

    def variables(self, environment: Mapping[str, str], overrides: Mapping[str, Any]) -> Variables:
        configuration = self._mapping(("configuration",))
        secrets = self._mapping(("secrets",))
        known = variables.load(configuration, secrets, environment, overrides)
        for path, message in known.problems:
            self._problem(path, message)
        return known

    def experiment(self, known: Variables) -> Experiment:
        value = self._tree.value
        self._unknown_keys((), value, _TOP)
        for key in ("title", "description"):
            if not (isinstance(value.get(key), str) and value[key].strip()):
                self._problem((key,), f"`{key}` is missing: what is this experiment about?", Wrong.MISSING)
        if "method" not in value:
            self._problem((), "`method` is missing; [] only asks the hypothesis", Wrong.MISSING)
        hypothesis = value.get("steady-state-hypothesis")
        if isinstance(hypothesis, dict) and not hypothesis.get("title"):
            self._problem(("steady-state-hypothesis",), "`title` of the hypothesis is missing", Wrong.MISSING)
        tags = value.get("tags") or []
        if not isinstance(tags, list) or not all(isinstance(each, str) and each for each in tags):
            self._problem(("tags",), "tags: a list of texts is wanted")
            tags = []
        found = {section: tuple(self._activities(section, known)) for section in Section}
        block, written = self._block(known)
        return Experiment(
            file=self._tree.file,
            title=str(value.get("title") or ""),
            description=str(value.get("description") or ""),
            tags=tuple(tags),
            hypothesis=found[Section.HYPOTHESIS],
            method=found[Section.METHOD],
            rollbacks=found[Section.ROLLBACKS],
            strategy=self._strategy(),
            block=block,
            written=written,
            document=value,
            configuration=known.known,
            open_names=frozenset(known.open),
        )

    def _strategy(self) -> str:
        path: Path = ("runtime", "hypothesis", "strategy")
        runtime = self._mapping(("runtime",))
        hypothesis = runtime.get("hypothesis")
        written = hypothesis.get("strategy", "default") if isinstance(hypothesis, dict) else "default"
        if written not in STRATEGIES:
            self._problem(
                path, f"strategy: {written!r} is not possible{did_you_mean(str(written), STRATEGIES)}"
            )
            return "default"
        return str(written)

    def _activities(self, section: Section, known: Variables) -> Iterator[Activity]:
        place: Path = _PLACES[section]
        for number, value in enumerate(self._list(place)):
            path: Path = (*place, number)
            if not isinstance(value, dict) or not value:
                self._problem(path, "an activity is a mapping with `type`, `name` and `provider`")
                continue
            activity = self._activity(section, path, value, known)
            if activity is not None:
                yield activity

    def _activity(
        self, section: Section, path: Path, value: Mapping[str, Any], known: Variables
    ) -> Activity | None:
        if "ref" in value:
            return self._referred(section, path, value["ref"], known)
        self._unknown_keys(path, value, _OF_ACTIVITY)
        name, what, provider = value.get("name"), value.get("type"), value.get("provider")
        complete = True
        if not isinstance(name, str) or not name:
            self._problem(path, "`name` of the activity is missing", Wrong.MISSING)
            complete = False
        if what not in ("action", "probe"):
            message = "`type` is missing" if what is None else f"type: {what!r} is not possible"
            self._problem((*path, "type"), f"{message}; it is action or probe")
            complete = False
        elif section is Section.HYPOTHESIS and what == "action":
            self._problem((*path, "type"), "an action in the hypothesis: only probes belong there")
        if not self._provider((*path, "provider"), provider):
            complete = False
        background = value.get("background", False)
        if not isinstance(background, bool):
            self._problem((*path, "background"), f"background: {background!r} is neither true nor false")
        before, after = self._pauses((*path, "pauses"), value.get("pauses"), known)
        if section is Section.HYPOTHESIS or (what == "probe" and "tolerance" in value):
            self._tolerance(path, value)
        if not complete or not isinstance(provider, dict):
            return None
        return Activity(
            section=section,
            path=path,
            name=str(name),
            what=str(what),
            provider=_with_variables(provider, known),
            tolerance=value.get("tolerance"),
            background=background is True,
            pause_before=before,
            pause_after=after,
        )

    def _referred(self, section: Section, path: Path, name: Any, known: Variables) -> Activity | None:
        for each in Section:
            place: Path = _PLACES[each]
            for number, value in enumerate(self._list(place)):
                if isinstance(value, dict) and value.get("name") == name and "ref" not in value:
                    if (*place, number) >= path and each is section:
                        continue  # Itself, read where it stands.
                    quiet = _Reader(self._tree, Intake())
                    found = quiet._activity(each, (*place, number), value, known)
                    return None if found is None else _at(found, section, path)
        names = [str(each["name"]) for each in self._named()]
        self._problem((*path, "ref"), f"no activity is named {name!r}{did_you_mean(str(name), names)}")
        return None

    def _named(self) -> Iterator[Mapping[str, Any]]:
        for place in _PLACES.values():
            for value in self._list(place):
                if isinstance(value, dict) and "name" in value:
                    yield value

    def _provider(self, path: Path, value: Any) -> bool:
        if not isinstance(value, dict):
            self._problem(path, "`provider` is missing: what does it call?", Wrong.MISSING)
            return False
        kind = value.get("type")
        if kind not in _OF_PROVIDER:
            hint = did_you_mean(str(kind), _OF_PROVIDER)
            self._problem((*path, "type"), f"provider type {kind!r} is not possible{hint}")
            return False
        self._unknown_keys(path, value, _OF_PROVIDER[kind])
        needed = {"python": ("module", "func"), "process": ("path",), "http": ("url",)}[kind]
        missing = [key for key in needed if not isinstance(value.get(key), str) or not value[key]]
        for key in missing:
            self._problem(path, f"`{key}` of the {kind} provider is missing", Wrong.MISSING)
        if kind == "python" and not isinstance(value.get("arguments", {}), dict):
            self._problem((*path, "arguments"), "arguments: a mapping of names to values is wanted")
            return False
        return not missing

    def _pauses(self, path: Path, value: Any, known: Variables) -> tuple[float, float]:
        if value is None:
            return 0.0, 0.0
        if not isinstance(value, dict):
            self._problem(path, "pauses: a mapping with `before` and `after` is wanted")
            return 0.0, 0.0
        self._unknown_keys(path, value, ("before", "after"))
        found = []
        for key in ("before", "after"):
            pause = known.put_in(value.get(key, 0))
            if isinstance(pause, str) and pause.strip("${}") in known.open:
                pause = 0  # Only the run knows it.
            if isinstance(pause, bool) or not isinstance(pause, int | float) or pause < 0:
                self._problem((*path, key), f"pauses: {key}: {pause!r} is no number of seconds")
                pause = 0
            found.append(float(pause))
        return found[0], found[1]

    def _tolerance(self, path: Path, value: Mapping[str, Any]) -> None:
        if "tolerance" not in value:
            self._problem(path, "`tolerance` is missing: which answer is the steady state?", Wrong.MISSING)
            return
        given, at = value["tolerance"], (*path, "tolerance")
        if given is None:
            self._problem(at, "tolerance: nothing is given")
        elif isinstance(given, dict):
            self._tolerance_of_kind(at, given)

    def _tolerance_of_kind(self, path: Path, given: Mapping[str, Any]) -> None:
        match given.get("type"):
            case "probe":
                self._provider((*path, "provider"), given.get("provider"))
            case "regex":
                self._regex((*path, "pattern"), given.get("pattern"))
            case "jsonpath":
                if not isinstance(given.get("path"), str) or not given["path"].strip():
                    self._problem(path, "tolerance: a jsonpath needs `path`", Wrong.MISSING)
            case "range":
                bounds = given.get("range")
                if not (isinstance(bounds, list) and len(bounds) == 2 and all(map(_is_number, bounds))):
                    self._problem((*path, "range"), "tolerance: range is a list of two numbers, [0, 0.5]")
                elif bounds[0] > bounds[1]:
                    self._problem(
                        (*path, "range"), f"tolerance: nothing is between {bounds[0]} and {bounds[1]}"
                    )
            case other:
                hint = did_you_mean(str(other), ("probe", "regex", "jsonpath", "range"))
                self._problem(path, f"tolerance: type {other!r} is not possible{hint}")

    def _regex(self, path: Path, pattern: Any) -> None:
        if not isinstance(pattern, str):
            self._problem(path, "tolerance: a regex needs `pattern`", Wrong.MISSING)
            return
        try:
            re.compile(pattern)
        except re.error as error:
            self._problem(path, f"tolerance: {pattern!r} is no regular expression: {error}")

    def _block(self, known: Variables) -> tuple[Block, bool]:
        for number, value in enumerate(self._list(("extensions",))):
            path: Path = ("extensions", number)
            if not isinstance(value, dict) or not isinstance(value.get("name"), str):
                self._problem(path, "`name` of the extension is missing", Wrong.MISSING)
            elif value["name"] == spec.NAME:
                node = self._tree.node(path)
                assert node is not None
                filled = tree.with_values(node, known.put_in(value))
                block = document.decode(filled, spec.BlockSpec, self._tree.file, self._intake)
                return (_block(block) if block else Block()), True
            else:
                near = difflib.get_close_matches(value["name"], [spec.NAME], cutoff=0.75)
                if near:
                    self._problem(
                        (*path, "name"), f"extension {value['name']!r}; did you mean {spec.NAME!r}?"
                    )
        return Block(), False

    def _unknown_keys(self, path: Path, value: Mapping[str, Any], known: tuple[str, ...]) -> None:
        """The toolkit ignores them; one that is nearly one it knows was meant to be that."""
        for key in value:
            if key in known:
                continue
            line = self._tree.line((*path, str(key)))
            if difflib.get_close_matches(str(key), known, n=1, cutoff=0.75):
                message = f"unknown key {key!r}{did_you_mean(str(key), known)}"
                self._intake.problem(self._tree.file, line, message, Wrong.KEY)
            else:
                self._intake.warn(self._tree.file, line, f"unknown key {key!r}: Chaos Toolkit ignores it")

    def _mapping(self, path: Path) -> Mapping[str, Any]:
        value = self._below(path)
        if value is not None and not isinstance(value, dict):
            self._problem(path, f"{path[-1]}: a mapping is wanted")
        return value if isinstance(value, dict) else {}

    def _list(self, path: Path) -> list[Any]:
        value = self._below(path)
        return value if isinstance(value, list) else []

    def _below(self, path: Path) -> Any:
        value = self._tree.value
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        return value

    def _problem(self, path: Path, message: str, wrong: Wrong = Wrong.VALUE) -> None:
        self._intake.problem(self._tree.file, self._tree.line(path), message, wrong)


def _is_number(value: object) -> bool:
    return isinstance(value, Number) and not isinstance(value, bool)


def _at(found: Activity, section: Section, path: Path) -> Activity:
    """A referred activity where it is referred to."""
    return Activity(
        section=section,
        path=path,
        name=found.name,
        what=found.what,
        provider=found.provider,
        tolerance=found.tolerance,
        background=found.background,
        pause_before=found.pause_before,
        pause_after=found.pause_after,
    )


def _with_variables(provider: Mapping[str, Any], known: Variables) -> dict[str, Any]:
    """Where the toolkit puts variables in: never into modules, functions and paths of programs."""
    fixed = ("type", "module", "func", "path", "secrets", "method")
    return {key: each if key in fixed else known.put_in(each) for key, each in provider.items()}


def _block(written: spec.BlockSpec) -> Block:
    radius, load, objectives = written.blast_radius, written.load, written.objectives
    return Block(
        fault=written.fault,
        dose=written.dose.dose if written.dose else None,
        expected_alerts=tuple(ExpectedAlert(each.name, each.within) for each in written.expected_alerts),
        unexpected_alerts_fail=written.unexpected_alerts == "fail",
        stop_when=written.stop_when,
        budget_price=written.budget_price,
        blast_radius=(
            BlastRadius(radius.max_targets, radius.max_share, radius.services) if radius else BlastRadius()
        ),
        fmea=written.fmea,
        load=Load(load.profile, load.rate, load.target) if load else None,
        objectives=(
            Objectives(objectives.rto, objectives.rpo, objectives.lost_writes) if objectives else Objectives()
        ),
        baseline=BASELINE if written.baseline is None else written.baseline,
        recovery_deadline=written.recovery_deadline or RECOVERY_DEADLINE,
        every=Every(written.every) if written.every else None,
    )
