"""YAML text → structs of `spec`, with the line of every mapping and key.

One pass finds everything that is wrong with single values and single mappings, so that a file is corrected in
one go. What names or needs something of another file is noted in the `Intake` and compared at its end.
"""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass, field
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec
import yaml

from sretool.core.catalog.spec import Declares, OneOrMore, Parsed, Place, Refers, Written
from sretool.core.catalog.values import label_name
from sretool.errors import Problem, UsageError, Wrong, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

W = TypeVar("W", bound=Written)

LONGEST: Final = 5_000_000
"""Characters of a file; a thousand SLOs have some 300,000."""

DEEPEST: Final = 100
"""Mappings and lists inside each other."""

MOST_NODES: Final = 1_000_000
"""Entries of a document with each alias counted as what it stands for."""

_NEAR: Final = 0.75
"""How alike two keys are, 0..1, of which one is taken for a mistyped other."""

_ONE_OF_SET: Final = frozenset({"rule file", "Alertmanager configuration"})
"""What files that are no catalog together may well have several of."""

_MISSING = object()
_KIND_OF_NODE = {
    yaml.MappingNode: "a mapping",
    yaml.SequenceNode: "a list",
    yaml.ScalarNode: "a single value",
}


@dataclass(frozen=True, slots=True)
class Reference:
    kind: str
    id: str
    file: str
    line: int


@dataclass(slots=True)
class Intake:
    """What was found while files were read."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    """What of a foreign file is left out or read in another way, without making it unusable."""
    declared: dict[str, dict[str, str]] = field(default_factory=dict)
    """kind → id → "file:line" of its declaration."""
    references: list[Reference] = field(default_factory=list)

    def problem(self, file: str, line: int, message: str, wrong: Wrong = Wrong.VALUE) -> None:
        self.problems.append(Problem(file, line, message, wrong))

    def unknown_key(self, file: str, key: yaml.Node, known: Iterable[str], given: Container[str]) -> None:
        """A key that does not exist; where only one that does is near, and not `given` yet, it
        is known what to write."""
        names = list(known)
        message = f"unknown key {key.value!r}{did_you_mean(key.value, names)}"
        near = difflib.get_close_matches(key.value, names, n=2, cutoff=_NEAR)
        # A quoted key is longer than its value.
        plain = key.end_mark.index - key.start_mark.index == len(key.value)
        sure = len(near) == 1 and near[0] not in given and plain
        column = key.start_mark.column + 1 if sure else None
        self.problems.append(
            Problem(
                file,
                line_of(key),
                message,
                Wrong.KEY,
                column,
                key.value,
                near[0] if column is not None else "",
            )
        )

    def warn(self, file: str, line: int, message: str) -> None:
        self.warnings.append(Problem(file, line, message))

    def declare(self, kind: str, id_: str, file: str, line: int) -> None:
        known = self.declared.setdefault(kind, {})
        if id_ in known:
            wrong = Wrong.OF_SET if kind in _ONE_OF_SET else Wrong.DECLARED
            self.problem(file, line, f"{kind} {id_} is already declared at {known[id_]}", wrong)
        else:
            known[id_] = f"{file}:{line}"

    def refer(self, kind: str, id_: str, file: str, line: int) -> None:
        """Note what is needed; an address (`https://…`) needs nothing of the catalog."""
        if "://" not in id_:
            self.references.append(Reference(kind, id_, file, line))

    def check_references(self) -> None:
        """Every reference to a kind of which anything is declared must have its declaration."""
        for reference in self.references:
            known = self.declared.get(reference.kind)
            if known and reference.id not in known:
                hint = did_you_mean(reference.id, known)
                message = f"no {reference.kind} {reference.id!r} is declared{hint}"
                self.problem(reference.file, reference.line, message)


def compose(file: str, text: str, intake: Intake) -> yaml.Node | None:
    """The root node of a file of one document; None (and perhaps a problem) where it has none."""
    roots = compose_all(file, text, intake)
    if len(roots) > 1:
        intake.problem(file, line_of(roots[1]), "a second document; this file has one only")
    return roots[0] if roots else None


def compose_all(file: str, text: str, intake: Intake) -> list[yaml.Node]:
    """The root nodes of a file's documents, without empty ones; none (and a problem) where it is not YAML."""
    if len(text) > LONGEST:
        intake.problem(file, 1, f"has more than {LONGEST // 1_000_000} million characters")
        return []
    try:
        deep = _too_deep(text)
        if deep is not None:
            intake.problem(file, deep, f"is nested more than {DEEPEST} times")
            return []
        roots = [root for root in yaml.compose_all(text, Loader=yaml.CSafeLoader) if not _is_empty(root)]
        if "&" in text and any(_too_large(root, file, intake) for root in roots):
            return []
        return roots
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        intake.problem(file, mark.line + 1 if mark else 1, f"not YAML: {what}", Wrong.NO_YAML)
    except yaml.YAMLError as error:
        intake.problem(file, 1, f"not YAML: {' '.join(str(error).split())}", Wrong.NO_YAML)
    return []


def _too_deep(text: str) -> int | None:
    """The line where the nesting exceeds `DEEPEST`; None: it does not. The composer itself has no limit."""
    flow = text.count("[") + text.count("{")
    block = max((len(line) - len(line.lstrip(" -?\t")) for line in text.splitlines()), default=0)
    if max(flow, block) <= DEEPEST:
        return None
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > DEEPEST:
                return int(event.start_mark.line) + 1 if event.start_mark else 1
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
    return None


def _too_large(root: yaml.Node, file: str, intake: Intake) -> bool:
    """Whether aliases make the document endless, or far larger than it is written; then a problem says so."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()
    work: list[tuple[yaml.Node, bool]] = [(root, False)]
    while work:
        node, done = work.pop()
        below = _below(node)
        if done:
            open_nodes.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes[id(each)] for each in below)
            if sizes[id(node)] > MOST_NODES:
                intake.problem(file, line_of(node), f"aliases make more than {MOST_NODES} entries of this")
                return True
        elif id(node) in open_nodes:
            intake.problem(file, line_of(node), "contains itself by an alias")
            return True
        elif id(node) not in sizes:
            open_nodes.add(id(node))
            work.append((node, True))
            work += [(each, False) for each in below if id(each) not in sizes]
    return False


def _below(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _is_empty(root: yaml.Node) -> bool:
    return isinstance(root, yaml.ScalarNode) and root.tag == "tag:yaml.org,2002:null"


def line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def pairs(node: yaml.MappingNode, file: str, intake: Intake) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Key text → (key node, value node); keys given twice and keys that are not text become problems."""
    found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            intake.problem(file, line_of(key), "a key must be plain text")
        elif key.value in found:
            first = line_of(found[key.value][0])
            intake.problem(
                file, line_of(key), f"key {key.value!r} is given twice, first in line {first}", Wrong.TWICE
            )
        else:
            found[key.value] = (key, value)
    return found


def decode(node: yaml.Node, kind: type[W], file: str, intake: Intake) -> W | None:
    """The struct a mapping stands for; None (and problems) where a required field of it is not usable."""
    if not isinstance(node, yaml.MappingNode):
        intake.problem(file, line_of(node), f"a mapping with {_keys_text(kind)} is wanted here")
        return None
    fields = _fields(kind)
    written = pairs(node, file, intake)
    for key, (key_node, _) in written.items():
        if key not in fields:
            intake.unknown_key(file, key_node, fields, written)
    place = Place(file, line_of(node), {key: line_of(key_node) for key, (key_node, _) in written.items()})
    values: dict[str, Any] = {}
    complete = True
    for name, info in fields.items():
        if name not in written:
            if info.required:
                intake.problem(file, place.line, f"`{name}` is missing", Wrong.MISSING)
                complete = False
            continue
        value = _value(written[name][1], info.type, name, file, intake)
        if value is _MISSING:
            complete = complete and not info.required
        else:
            values[info.name] = value
    if not complete:
        return None
    struct = kind(**values)
    struct.place = place
    for at, message, *wrong in struct.problems():
        intake.problem(file, place.line_of(at), message, *wrong)
    return struct


@functools.cache
def _fields(kind: type[Written]) -> dict[str, msgspec.structs.FieldInfo]:
    """By the key as it is written."""
    return {info.encode_name: info for info in msgspec.structs.fields(kind)}


def _keys_text(kind: type[Written]) -> str:
    required = [name for name, info in _fields(kind).items() if info.required]
    return " and ".join(f"`{name}`" for name in required or list(_fields(kind))[:3])


def _value(node: yaml.Node, wanted: Any, key: str, file: str, intake: Intake) -> Any:
    """What `node` says, in the type `wanted`; `_MISSING` (and a problem) where it says nothing usable."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        inner = next(argument for argument in arguments if argument is not type(None))
        return _value(node, inner, key, file, intake)
    if origin is tuple:
        return _sequence(node, arguments[0], key, file, intake)
    if origin is dict:
        if arguments[1] is not str:
            return _named(node, arguments[1], key, file, intake)
        return _labels(node, key, file, intake)
    if origin is Annotated and OneOrMore in arguments[1:]:
        if isinstance(node, yaml.SequenceNode):
            return _value(node, arguments[0], key, file, intake)
        one = _value(node, get_args(arguments[0])[0], key, file, intake)
        return one if one is _MISSING else (one,)
    if isinstance(wanted, type) and issubclass(wanted, Written):
        struct = decode(node, wanted, file, intake)
        return _MISSING if struct is None else struct
    if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null":
        got = "nothing" if isinstance(node, yaml.ScalarNode) else _KIND_OF_NODE[type(node)]
        intake.problem(file, line_of(node), f"{key}: a single value is wanted, not {got}")
        return _MISSING
    if origin is Literal:
        if node.value in arguments:
            return node.value
        hint = did_you_mean(node.value, arguments)
        intake.problem(file, line_of(node), f"{key}: {node.value!r} is not possible{hint}")
        return _MISSING
    marks = arguments[1:] if origin is Annotated else ()
    return _scalar(node, marks, key, file, intake)


def _scalar(node: yaml.ScalarNode, marks: tuple[Any, ...], key: str, file: str, intake: Intake) -> Any:
    value: Any = node.value
    for mark in marks:
        match mark:
            case Parsed(parse):
                try:
                    value = parse(node.value)
                except UsageError as error:
                    remedy = f"; {error.remedy}" if error.remedy else ""
                    intake.problem(file, line_of(node), f"{key}: {error.message}{remedy}", error.wrong)
                    return _MISSING
            case Declares(kind):
                intake.declare(kind, str(value), file, line_of(node))
            case Refers(kind):
                intake.refer(kind, str(value), file, line_of(node))
    return value


def _sequence(node: yaml.Node, wanted: Any, key: str, file: str, intake: Intake) -> Any:
    if not isinstance(node, yaml.SequenceNode):
        intake.problem(file, line_of(node), f"{key}: a list is wanted, not {_KIND_OF_NODE[type(node)]}")
        return _MISSING
    items = [_value(item, wanted, key, file, intake) for item in node.value]
    return tuple(item for item in items if item is not _MISSING)


def _named(node: yaml.Node, wanted: Any, key: str, file: str, intake: Intake) -> Any:
    """A mapping of names to values of one type; names are made as those of labels."""
    if not isinstance(node, yaml.MappingNode):
        intake.problem(file, line_of(node), f"{key}: a mapping is wanted, not {_KIND_OF_NODE[type(node)]}")
        return _MISSING
    found: dict[str, Any] = {}
    for name, (name_node, value_node) in pairs(node, file, intake).items():
        try:
            label_name(name)
        except UsageError:
            intake.problem(
                file,
                line_of(name_node),
                f"{key}: {name!r} is not a name; use letters, digits and underscores",
            )
            continue
        value = _value(value_node, wanted, f"{key}.{name}", file, intake)
        if value is not _MISSING:
            found[name] = value
    return found


def _labels(node: yaml.Node, key: str, file: str, intake: Intake) -> Any:

    if not isinstance(node, yaml.MappingNode):
        intake.problem(file, line_of(node), f"{key}: a mapping is wanted, not {_KIND_OF_NODE[type(node)]}")
        return _MISSING
    labels: dict[str, str] = {}
    for name, (name_node, value) in pairs(node, file, intake).items():
        try:
            label_name(name)
        except UsageError as error:
            intake.problem(file, line_of(name_node), f"{key}: {error.message}; {error.remedy}")
        if isinstance(value, yaml.ScalarNode):
            labels[name] = value.value
        else:
            intake.problem(file, line_of(value), f"{key}: label {name!r} must have a single value")
    return labels
