"""What is wrong with an experiment beyond its form: everything at once, with the line it stands on.

Modules and files are looked up by functions that the caller passes, as the core reads neither.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from sretool.core.plans.chaos import variables
from sretool.core.plans.chaos.experiment import Section, Stop
from sretool.core.plans.chaos.plan import amount, percent
from sretool.errors import Problem, did_you_mean
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sretool.core.plans.chaos.experiment import Activity, Dose, Experiment, Path
    from sretool.core.plans.chaos.read import Reading
    from sretool.core.plans.chaos.targets import Answer, Target

_GIVEN_BY_TOOLKIT: Final = frozenset({"configuration", "secrets"})
"""Parameters that the toolkit fills in itself."""

_ENDS: Final = frozenset({"duration", "seconds", "timeout", "ttl", "within", "period", "count", "iterations"})
"""Parameters by which something ends."""

_FILE: Final = re.compile(r"(?:^|_)(?:file|filename|manifest|spec_path|file_path)$")
"""Arguments that name a file which must be there."""

_SELECTORS: Final = ("label_selector", "name_pattern")
"""Parameters by which drivers choose among many."""

_GATE: Final = re.compile(
    r"approv|\bgates?\b|guard|permit|permission|allow|prevent|\bveto|may_?run|abort|\bstop", re.IGNORECASE
)
"""Words of controls that are to keep an experiment from running."""


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    required: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A function that an activity calls."""

    parameters: tuple[Parameter, ...] = ()
    any_keyword: bool = False
    """Whether it takes arguments beyond its parameters, or nobody knows them."""
    planned: bool = False
    """Whether a planning function stands beside it."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no such function."""

    module: bool
    """There is no such module; else the module has no such function."""
    names: tuple[str, ...] = ()
    """Functions that the module has."""
    problem: str = ""
    """Why the module cannot be looked into."""


class Surroundings(Protocol):
    """What an experiment refers to."""

    def function(self, module: str, func: str) -> Function | Missing: ...

    def has_file(self, path: str) -> bool:
        """Relative paths start at the experiment's folder."""
        ...

    def has_program(self, path: str) -> bool: ...


@dataclass(slots=True)
class Findings:
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def and_(self, other: Findings) -> Findings:
        return Findings([*self.problems, *other.problems], [*self.warnings, *other.warnings]).sorted()

    def sorted(self) -> Findings:
        def place(found: Problem) -> tuple[int, str]:
            return found.line, found.message

        return Findings(sorted(set(self.problems), key=place), sorted(set(self.warnings), key=place))


def lint(reading: Reading, around: Surroundings) -> Findings:
    """What reading found, and what is wrong beyond it."""
    found = Findings([*reading.problems], [*reading.warnings])
    if reading.experiment is not None and reading.tree is not None:
        _Linter(reading, around, found).everything()
    return found.sorted()


def askable(reading: Reading, around: Surroundings) -> tuple[Activity, ...]:
    """Actions that can say what they would hurt: whose function has a planning function beside it, and whose
    arguments are all known."""
    if reading.experiment is None:
        return ()
    return tuple(
        each
        for each in reading.experiment.actions
        if each.kind == "python"
        and _is_planned(around.function(each.module, each.func), each.arguments)
        and not any(True for _ in variables.used(dict(each.arguments)))
    )


def _is_planned(function: Function | Missing, arguments: Mapping[str, Any]) -> bool:
    """Whether it can be asked with these arguments; wrong ones have been told already."""
    if isinstance(function, Missing) or not function.planned:
        return False
    names = {each.name for each in function.parameters}
    missing = {each.name for each in function.parameters if each.required} - set(arguments)
    return not missing - _GIVEN_BY_TOOLKIT and (function.any_keyword or set(arguments) <= names)


def lint_targets(reading: Reading, answers: Mapping[Path, Answer]) -> Findings:
    """What is wrong with what the experiment would hurt; `answers` by the path of the action, those that were
    not asked left out."""
    found = Findings()
    if reading.experiment is None or reading.tree is None:
        return found
    experiment, tree = reading.experiment, reading.tree
    hurt: list[Target] = []
    for action in experiment.actions:
        answer = answers.get(action.path)
        line = tree.line((*action.path, "provider", "arguments"))
        if answer is None or (answer.targets is None and not answer.problem):
            message = f"action {action.name!r} does not say what it hurts; only rollbacks undo it"
            found.warnings.append(Problem(tree.file, tree.line(action.path), message))
        elif answer.targets is None:
            found.problems.append(Problem(tree.file, line, f"action {action.name!r}: {answer.problem}"))
        elif answer.targets:
            found.problems += _everything(action, answer.targets, experiment, line)
            found.warnings += _healing_too_late(action, answer.targets, experiment, line)
            hurt += answer.targets
    known = [answers[action.path].targets for action in experiment.actions if action.path in answers]
    if (
        known
        and len(known) == len(experiment.actions)
        and not any(targets is None or targets for targets in known)
    ):
        message = "no action hurts anything: there is no fault to be made"
        found.problems.append(Problem(tree.file, tree.line(("method",)), message))
    limit = experiment.block.blast_radius.max_targets
    names = {target.target for target in hurt}
    if limit is not None and len(names) > limit:
        line = tree.line((*_block_path(experiment), "blast_radius", "max_targets"))
        message = f"{len(names)} targets would be hurt, at most {limit} may be: {', '.join(sorted(names))}"
        found.problems.append(Problem(tree.file, line, message))
    return found.sorted()


def _everything(
    action: Activity, targets: Iterable[Target], experiment: Experiment, line: int
) -> Iterator[Problem]:
    chosen = {target.target for target in targets}
    of = max((target.of or 0 for target in targets), default=0)
    share = experiment.block.blast_radius.max_share
    if of > 1 and len(chosen) >= of and (share is None or share < 1):
        message = f"action {action.name!r} matches everything: all {of} there are; name some of them"
        yield Problem(experiment.file, line, message)
    elif of and share is not None and len(chosen) / of > share:
        message = (
            f"action {action.name!r} matches {len(chosen)} of {of}; at most {percent(share)} may be hurt"
        )
        yield Problem(experiment.file, line, message)


def _healing_too_late(
    action: Activity, targets: Iterable[Target], experiment: Experiment, line: int
) -> Iterator[Problem]:
    deadline = experiment.block.recovery_deadline
    longest = max((each.ttl for each in targets if each.ttl and each.heals == "duration"), default=0.0)
    if longest > deadline.total_seconds():
        span = format_duration(timedelta(seconds=longest))
        message = (
            f"what action {action.name!r} does lasts {span} where nobody ends it, longer"
            f" than the recovery_deadline of {format_duration(deadline)}"
        )
        yield Problem(experiment.file, line, message)


def _block_path(experiment: Experiment) -> Path:
    extensions = experiment.document.get("extensions")
    for number, each in enumerate(extensions if isinstance(extensions, list) else []):
        if isinstance(each, dict) and each.get("name") == "sretool":
            return ("extensions", number)
    return ()


class _Linter:
    def __init__(self, reading: Reading, around: Surroundings, found: Findings) -> None:
        assert reading.experiment is not None
        assert reading.tree is not None
        self._experiment = reading.experiment
        self._tree = reading.tree
        self._variables = reading.variables
        self._around = around
        self._found = found
        self._planned = set[str]()
        """Names of actions that say what they hurt, and so register their own undo."""

    def everything(self) -> None:
        self._names()
        self._undefined_variables()
        for activity in self._experiment.activities:
            self._provider(activity)
            if activity.tolerance is not None:
                self._tolerance((*activity.path, "tolerance"), activity.tolerance)
            if activity.background:
                self._background(activity)
        self._controls()
        self._hypothesis()
        self._rollbacks()
        self._block()

    def _names(self) -> None:
        """Verdicts and stop conditions name probes and actions; the same one may be asked again."""
        for section in Section:
            seen: dict[str, Activity] = {}
            for each in self._experiment.activities:
                if each.section is not section:
                    continue
                first = seen.setdefault(each.name, each)
                if first.provider != each.provider:
                    line = self._tree.line(first.path)
                    self._warn(each.path, f"name {each.name!r} is given to two things, first in line {line}")

    def _undefined_variables(self) -> None:
        names = self._variables.names
        for key in ("steady-state-hypothesis", "method", "rollbacks", "controls", "extensions"):
            for path, name in variables.used(self._experiment.document.get(key), (key,)):
                if name in names:
                    continue
                hint = did_you_mean(name, names)
                if self._is_shell(path):
                    self._warn(path, f"variable ${{{name}}} is not defined here; the shell will see it")
                else:
                    self._problem(path, f"variable ${{{name}}} is not defined{hint}")
        for key in ("title", "description"):
            for path, name in variables.used(self._experiment.document.get(key), (key,)):
                self._warn(path, f"${{{name}}} stays as it is: {key} takes no variables")

    def _is_shell(self, path: Path) -> bool:
        """Whether a text is the command line of a program."""
        for activity in self._experiment.activities:
            if path[: len(activity.path)] == activity.path:
                return activity.kind == "process" and path[-1] == "arguments"
        return False

    def _provider(self, activity: Activity) -> None:
        path: Path = (*activity.path, "provider")
        match activity.kind:
            case "python":
                self._function(activity, path)
                self._files(path, activity.arguments)
            case "process":
                program = str(activity.provider["path"])
                if not self._around.has_program(program):
                    self._problem((*path, "path"), f"no program {program!r} is found; give its whole path")
            case "http":
                url = str(activity.provider["url"])
                if not re.match(r"https?://\S+$|\$\{", url):
                    self._problem((*path, "url"), f"url: {url!r} is not an address; write it like http://…")
                if activity.provider.get("timeout") is None:
                    self._warn(path, f"{activity.what} {activity.name!r} has no timeout and may hang")

    def _function(self, activity: Activity, path: Path) -> None:
        module, func = activity.module, activity.func
        function = self._around.function(module, func)
        if isinstance(function, Missing):
            if function.problem:
                self._problem((*path, "module"), f"module {module!r} cannot be read: {function.problem}")
            elif function.module:
                self._problem((*path, "module"), f"there is no module {module!r}; is its driver installed?")
            else:
                near = difflib.get_close_matches(func, function.names, n=1, cutoff=0.6)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                self._problem((*path, "func"), f"module {module} has no function {func!r}{hint}")
            return
        if function.planned and activity.what == "action":
            self._planned.add(activity.name)
        elif activity.section is Section.METHOD and activity.what == "action":
            self._selectors(activity, function, path)
        if function.any_keyword:
            return
        names = [each.name for each in function.parameters]
        arguments: Path = (*path, "arguments")
        for name in activity.arguments:
            if name not in names:
                hint = did_you_mean(name, [each for each in names if each not in _GIVEN_BY_TOOLKIT])
                self._problem((*arguments, name), f"{func} has no argument {name!r}{hint}")
        for parameter in function.parameters:
            given = parameter.name in activity.arguments or parameter.name in _GIVEN_BY_TOOLKIT
            if parameter.required and not given:
                self._problem(path, f"argument {parameter.name!r} of {func} is missing")

    def _selectors(self, action: Activity, function: Function, path: Path) -> None:
        """Of what does not say what it hurts: whether it is told to choose at all."""
        given, limit = action.arguments, self._experiment.block.blast_radius.max_share
        known = [each.name for each in function.parameters if each.name in _SELECTORS]
        if known and not any(given.get(name) for name in (*known, "name")):
            message = f"action {action.name!r} matches everything: give {' or '.join(known)}"
            self._problem((*path, "arguments"), message)
        elif known and given.get("all") is True and limit != 1:
            message = (
                f"action {action.name!r} takes all that match; give `qty`, or allow it with"
                " `blast_radius: {max_share: 100%}`"
            )
            self._problem((*path, "arguments", "all"), message)

    def _files(self, path: Path, arguments: Mapping[str, Any]) -> None:
        for name, value in arguments.items():
            names_file = isinstance(value, str) and value and _FILE.search(name) and "${" not in value
            if names_file and not self._around.has_file(value):
                self._problem((*path, "arguments", name), f"{name}: there is no file {value}")

    def _tolerance(self, path: Path, given: Any) -> None:
        if isinstance(given, float):
            low, high = sorted((given * 0.95, given * 1.05))
            self._problem(
                path,
                f"tolerance: a number with a point, {given}, never matches anything;"
                f" write a range: {{type: range, range: [{low:g}, {high:g}]}}",
            )
        elif isinstance(given, list):
            if not given:
                self._problem(path, "tolerance: an empty list never matches")
            elif len(given) == 2 and all(_is_number(each) for each in given) and given[0] > given[1]:
                self._problem(path, f"tolerance: nothing is between {given[0]} and {given[1]}")
        elif isinstance(given, dict) and given.get("type") == "probe":
            provider = given.get("provider")
            if isinstance(provider, dict) and not isinstance(provider.get("arguments"), dict):
                self._problem(
                    path, "tolerance: a probe needs `arguments`, {} at least: the toolkit adds `value` to it"
                )

    def _background(self, activity: Activity) -> None:
        """The toolkit waits for what runs in the background: without an end it waits for ever."""
        names = set(activity.arguments)
        if activity.kind in ("process", "http"):
            names = set(activity.provider)
        elif activity.kind == "python":
            function = self._around.function(activity.module, activity.func)
            if isinstance(function, Missing):
                return
            # What has such a parameter and is not given it ends by its default.
            names |= {each.name for each in function.parameters if not each.required}
        if not any(name in _ENDS or name.endswith(("_timeout", "_seconds", "_duration")) for name in names):
            self._problem(
                (*activity.path, "background"),
                f"{activity.what} {activity.name!r} runs in the background without an end;"
                " give it a duration or a timeout",
            )

    def _controls(self) -> None:
        document = self._experiment.document
        places: list[tuple[Path, Any]] = [(("controls",), document.get("controls"))]
        for activity in self._experiment.activities:
            node: Any = document
            for step in activity.path:
                node = node[step]
            places.append(((*activity.path, "controls"), node.get("controls")))
        for path, controls in places:
            for number, control in enumerate(controls if isinstance(controls, list) else []):
                self._control((*path, number), control)

    def _control(self, path: Path, control: Any) -> None:
        provider = control.get("provider") if isinstance(control, dict) else None
        module = provider.get("module") if isinstance(provider, dict) else None
        if not isinstance(control, dict) or not isinstance(module, str):
            self._problem(path, "a control has a `name` and a python `provider` with its `module`")
            return
        if isinstance(missing := self._around.function(module, ""), Missing) and missing.module:
            self._problem((*path, "provider", "module"), f"there is no module {module!r}")
        if _GATE.search(f"{control.get('name', '')} {module}"):
            self._problem(
                path,
                f"control {control.get('name', module)!r} is used as a gate, but controls fail open:"
                " where it breaks, the run goes on; use `stop_when`, `--approve` or the hypothesis",
            )

    def _hypothesis(self) -> None:
        experiment = self._experiment
        if not experiment.hypothesis:
            self._warn((), "there is no hypothesis: nothing says what the steady state is")

    def _rollbacks(self) -> None:
        experiment = self._experiment
        if not experiment.actions or experiment.rollbacks:
            return
        alone = [each.name for each in experiment.actions if each.name not in self._planned]
        if alone:
            self._problem(
                ("method",), f"`rollbacks` are missing: nothing undoes {', '.join(map(repr, alone))}"
            )
        else:
            self._warn(("method",), "`rollbacks` are missing: under `chaos run` only the undo log heals")

    def _block(self) -> None:
        experiment, path = self._experiment, _block_path(self._experiment)
        if not experiment.written:
            self._warn((), "there is no `extensions: [{name: sretool, …}]`: nothing can be passed or failed")
            return
        block = experiment.block
        probes = [each.name for each in experiment.activities if each.what == "probe"]
        if block.dose is None:
            if experiment.actions:
                self._warn(path, "there is no `dose`: whether the fault took effect stays unknown")
        elif block.dose.probe not in probes:
            hint = did_you_mean(block.dose.probe, probes)
            self._problem((*path, "dose", "probe"), f"no probe is named {block.dose.probe!r}{hint}")
        else:
            self._dose(path, block.dose)
        for number, stop in enumerate(block.stop_when):
            at: Path = (*path, "stop_when", number)
            if stop.probe is not None and stop.probe not in probes:
                self._problem(at, f"no probe is named {stop.probe!r}{did_you_mean(stop.probe, probes)}")
        if not any(stop.kind is Stop.AFTER for stop in block.stop_when) and experiment.actions:
            self._warn(path, "`stop_when` has no limit of time, as in `after 10m`")
        for number, alert in enumerate(block.expected_alerts):
            if not experiment.actions:
                at = (*path, "expected_alerts", number)
                self._problem(
                    at, f"alert {alert.name!r} is expected, but nothing is done that could raise it"
                )

    def _dose(self, path: Path, dose: Dose) -> None:
        """Whether it can be measured at all: on both sides of a fault."""
        experiment = self._experiment
        if dose.tolerance >= abs(dose.want):
            allowed = amount(dose.tolerance, dose.unit)
            self._problem((*path, "dose"), f"a tolerance of {allowed} would take no fault at all for one")
        asked_by_hypothesis = any(each.name == dose.probe for each in experiment.hypothesis)
        method = list(enumerate(experiment.method))
        acts = [number for number, each in method if each.what == "action"]
        asks = [number for number, each in method if each.what == "probe" and each.name == dose.probe]
        if not acts:
            return
        at: Path = (*path, "dose", "probe")
        before = asked_by_hypothesis and experiment.asked_before
        if not before and not any(number < acts[-1] for number in asks):
            self._problem(
                at, f"probe {dose.probe!r} is never asked before a fault, so that it proves nothing"
            )
        during = asked_by_hypothesis and (experiment.asked_during or experiment.asked_after)
        if not during and not any(number > acts[0] for number in asks):
            self._problem(at, f"probe {dose.probe!r} is never asked while a fault is in")

    def _problem(self, path: Path, message: str) -> None:
        self._found.problems.append(Problem(self._tree.file, self._tree.line(path), message))

    def _warn(self, path: Path, message: str) -> None:
        self._found.warnings.append(Problem(self._tree.file, self._tree.line(path), message))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
