"""The text of an experiment as plain values, with the line of every one of them.

JSON is read by Python's own reader, as the toolkit does, and a second time as YAML for its lines.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml
from yaml.constructor import ConstructorError, SafeConstructor

from sretool.core.catalog import document
from sretool.errors import Wrong

if TYPE_CHECKING:
    from sretool.core.catalog.document import Intake
    from sretool.core.plans.chaos.experiment import Path

_ESCAPE: Final = re.compile(r'\\(?:u[0-9a-fA-F]{4}|[^"])')


@dataclass(frozen=True, slots=True)
class Tree:
    file: str
    value: Any
    """Mappings, lists, texts, numbers, as the toolkit loads them."""
    root: yaml.Node

    def line(self, path: Path) -> int:
        """Of the key or entry at `path`, or of the nearest there is above it."""
        return document.line_of(self._at(path)[0])

    def node(self, path: Path) -> yaml.Node | None:
        """The value at `path`; None where there is none."""
        _, value, whole = self._at(path)
        return value if whole else None

    def _at(self, path: Path) -> tuple[yaml.Node, yaml.Node, bool]:
        """What shows where it is (a key, an entry), its value, and whether the whole path is there."""
        shown = value = self.root
        for step in path:
            found = _step(value, step)
            if found is None:
                return shown, value, False
            shown, value = found
        return shown, value, True


def _step(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        # The last of several equal keys is what loaders take.
        found = [(key, value) for key, value in node.value if str(key.value) == str(step)]
        return found[-1] if found else None
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def parse(file: str, text: str, intake: Intake) -> Tree | None:
    """None (and a problem) where it cannot be read, or is no mapping."""
    is_json = file.endswith(".json")
    value: Any = None
    if is_json:
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            intake.problem(file, error.lineno, f"not JSON: {error.msg}", Wrong.NO_YAML)
            return None
        except RecursionError:
            intake.problem(file, 1, f"is nested more than {document.DEEPEST} times")
            return None
        # Lines are all that is wanted, and not every escape of JSON is one of YAML.
        text = _ESCAPE.sub(lambda found: "·" * len(found[0]), text)
    root = document.compose(file, text, intake)
    if root is None:
        if not intake.problems:
            intake.problem(file, 1, "is empty: an experiment has a `title` and a `method`", Wrong.MISSING)
        return None
    if not isinstance(root, yaml.MappingNode):
        intake.problem(file, document.line_of(root), "an experiment is a mapping with `title` and `method`")
        return None
    _keys_given_twice(root, file, intake)
    if not is_json:
        try:
            value = SafeConstructor().construct_document(root)
        except ConstructorError as error:
            mark = error.problem_mark
            intake.problem(file, mark.line + 1 if mark else 1, f"not readable: {error.problem}")
            return None
        except (ValueError, OverflowError, TypeError, AttributeError) as error:
            # A date or a number that is none.
            intake.problem(file, 1, f"has a value that cannot be read: {error}")
            return None
    return Tree(file, value, root)


def with_values(node: yaml.Node, value: Any) -> yaml.Node:
    """`node` with the texts of `value`, which has its form: variables are put in there."""
    if isinstance(node, yaml.MappingNode) and isinstance(value, dict):
        pairs = [(key, with_values(below, value.get(key.value))) for key, below in node.value]
        return yaml.MappingNode(node.tag, pairs, node.start_mark, node.end_mark)
    if isinstance(node, yaml.SequenceNode) and isinstance(value, list):
        items = [with_values(below, each) for below, each in zip(node.value, value, strict=True)]
        return yaml.SequenceNode(node.tag, items, node.start_mark, node.end_mark)
    if isinstance(node, yaml.ScalarNode) and "$" in node.value and not isinstance(value, dict | list | None):
        return yaml.ScalarNode(node.tag, str(value), node.start_mark, node.end_mark)
    if isinstance(node, yaml.ScalarNode) and isinstance(value, str):
        return yaml.ScalarNode(node.tag, value, node.start_mark, node.end_mark)
    return node


def _keys_given_twice(node: yaml.Node, file: str, intake: Intake) -> None:
    work, seen = [node], set[int]()
    while work:
        current = work.pop()
        if id(current) in seen:
            continue  # An alias.
        seen.add(id(current))
        if isinstance(current, yaml.MappingNode):
            document.pairs(current, file, intake)
            work += [value for _, value in current.value]
        elif isinstance(current, yaml.SequenceNode):
            work += current.value
