"""Bytes of a file → its YAML documents, or what keeps it from being read.

libyaml's loader recurses in C and Python's composer keeps every value in memory, so size, nesting and aliases
are measured before anything is built. Nothing here raises for what a file holds.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from sretool.core.lint.findings import Edit, Finding, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST: Final = 16 * 2**20
"""Bytes. The rules of a thousand SLOs need ten million."""
MOST_VALUES: Final = 1_000_000
"""Of a file, aliases written out; each costs half a kilobyte of memory."""
DEEPEST: Final = 100
"""Levels. Real files have some ten."""

_BOM: Final = "\ufeff"
_FOREIGN_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file that could be read."""

    file: str
    text: str
    """Without a byte order mark."""
    documents: tuple[yaml.Node, ...]
    """The YAML documents in it, empty ones left out."""
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    source: Source | None
    """None: the file can't be read at all; `findings` say why."""
    findings: tuple[Finding, ...]


def open_source(file: str, content: bytes) -> Opened:
    """The documents of a file, or every reason why there are none."""
    text = _text(file, content)
    if isinstance(text, Finding):
        return Opened(None, (text,))
    found: list[Finding] = []
    if text.startswith(_BOM):
        edit = Edit(1, 1, _BOM, "")
        found.append(
            finding(file, 1, "SLO004", "begins with a byte order mark", "save without it", edit=edit)
        )
        text = text.removeprefix(_BOM)
    if not text.strip():
        return Opened(None, (*found, finding(file, 1, "SLO003", "the file is empty")))
    problems = tuple(_measured(file, text)) or tuple(_tabs(file, text))
    if problems:
        return Opened(None, (*found, *problems))
    try:
        documents = [node for node in yaml.compose_all(text, Loader=yaml.CSafeLoader) if node is not None]
    except yaml.YAMLError as error:
        return Opened(None, (*found, _not_yaml(file, text, error)))
    if not any(_says_something(node) for node in documents):
        return Opened(None, (*found, finding(file, 1, "SLO003", "the file holds nothing but remarks")))
    bomb = _written_out(file, documents)
    if bomb is not None:
        return Opened(None, (*found, bomb))
    return Opened(
        Source(file, text, tuple(filter(_says_something, documents)), tuple(text.split("\n"))), tuple(found)
    )


def _text(file: str, content: bytes) -> str | Finding:
    if len(content) > LARGEST:
        message = f"the file has more than the {LARGEST // 2**20} MiB that are read"
        return finding(file, 1, "SLO001", message, "split it")
    for mark, name in _FOREIGN_BOMS:
        if content.startswith(mark):
            return finding(file, 1, "SLO001", f"the file is {name}", "save it as UTF-8")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        byte = f"0x{content[error.start]:02x}"
        message = f"not UTF-8: byte {byte} at column {column}"
        return finding(file, line, "SLO001", message, "save it as UTF-8")


def _measured(file: str, text: str) -> Iterator[Finding]:
    """Sizes that would cost too much, found without building anything."""
    marks = sum(text.count(mark) for mark in ("\n", ",", "[", "{", ": "))
    if marks > MOST_VALUES:
        yield finding(file, 1, "SLO001", f"the file has more than {MOST_VALUES} values", "split it")
    elif _deepest_guess(text) > DEEPEST:
        line = _too_deep(text)
        if line is not None:
            yield finding(file, line, "SLO001", f"nested more than {DEEPEST} levels deep")


def _deepest_guess(text: str) -> int:
    """At least as deep as the text can be; quick, and exact enough to let every usual file pass."""
    flow = deepest_flow = deepest_block = 0
    for line in text.splitlines():
        flow += line.count("[") + line.count("{")
        deepest_flow = max(deepest_flow, flow)
        flow = max(flow - line.count("]") - line.count("}"), 0)
        rest = line.lstrip(" ")
        indent = len(line) - len(rest)
        starts = rest[: len(rest) - len(rest.lstrip("-? \t:"))]
        deepest_block = max(deepest_block, indent + starts.count("-") + starts.count("?") + starts.count(":"))
    return deepest_flow + deepest_block


def _too_deep(text: str) -> int | None:
    """The line where it gets too deep, by the parser's events, which need no recursion."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEEPEST:
                    return event.start_mark.line + 1 if event.start_mark is not None else 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError:
        return None
    return None


def _tabs(file: str, text: str) -> Iterator[Finding]:
    """Every line indented with a tab, where the parser stumbles over one; it would name the first only."""
    if "\t" not in text:
        return
    try:
        for _ in yaml.parse(text, Loader=yaml.CSafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        lines = text.split("\n")
        line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
        if "\t" not in line[: len(line) - len(line.lstrip())]:
            return
    except yaml.YAMLError:
        return
    else:
        return
    for number, line in enumerate(text.splitlines(), 1):
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in indent and line.strip():
            column = indent.index("\t") + 1
            message = f"not YAML: a tab at column {column} is used for indentation"
            yield finding(file, number, "SLO002", message, "indent with spaces")


def _not_yaml(file: str, text: str, error: yaml.YAMLError) -> Finding:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        if mark is not None:
            return finding(file, mark.line + 1, "SLO002", f"not YAML: {what} (column {mark.column + 1})")
        return finding(file, 1, "SLO002", f"not YAML: {what}")
    position = getattr(error, "position", None)
    line = text.count("\n", 0, position) + 1 if isinstance(position, int) else 1
    reason = getattr(error, "reason", None) or " ".join(str(error).split())
    return finding(file, line, "SLO002", f"not YAML: {reason}")


def _says_something(node: yaml.Node) -> bool:
    return not (isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null")


def _written_out(file: str, documents: list[yaml.Node]) -> Finding | None:
    """Whether aliases make more of the file than can be read, or an endless loop."""
    sizes: dict[int, int] = {}
    open_: set[int] = set()

    def size(node: yaml.Node) -> int:
        known = sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in open_:
            raise RecursionError(line_of(node))
        if isinstance(node, yaml.ScalarNode):
            return 1
        open_.add(id(node))
        if isinstance(node, yaml.MappingNode):
            total = 1 + sum(size(key) + size(value) for key, value in node.value)
        else:
            total = 1 + sum(size(item) for item in node.value)
        open_.discard(id(node))
        sizes[id(node)] = total
        return total

    for document in documents:
        try:
            total = size(document)
        except RecursionError as error:
            line = error.args[0] if error.args and isinstance(error.args[0], int) else 1
            return finding(file, line, "SLO001", "an alias stands inside what it repeats, without end")
        if total > MOST_VALUES:
            message = f"aliases written out, the file has {total:.2g} values; {MOST_VALUES} are read"
            return finding(file, line_of(document), "SLO001", message)
    return None


def line_of(node: yaml.Node) -> int:
    """1-based."""
    return node.start_mark.line + 1 if node.start_mark is not None else 1


def entry(node: yaml.Node | None, *path: str) -> yaml.Node | None:
    """What stands under the keys of nested mappings; None where one of them is missing."""
    for key in path:
        node = next((value for name, value in pairs(node) if name.value == key), None)
    return node


def pairs(node: yaml.Node | None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    """Of a mapping, those with a plain key; nothing of anything else."""
    if not isinstance(node, yaml.MappingNode):
        return []
    return [(name, value) for name, value in node.value if isinstance(name, yaml.ScalarNode)]


def items(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def scalar(node: yaml.Node | None) -> yaml.ScalarNode | None:
    """A single value that is there."""
    if isinstance(node, yaml.ScalarNode) and node.tag != "tag:yaml.org,2002:null":
        return node
    return None


def text_at(node: yaml.Node | None, *path: str) -> str | None:
    found = scalar(entry(node, *path))
    return found.value if found is not None else None


def edit_of(node: yaml.ScalarNode, old: str, new: str) -> Edit | None:
    """The replacement of a value written on one line, quotes kept; None where it spans several."""
    if node.start_mark.line != node.end_mark.line or node.style in ("|", ">") or old != node.value:
        return None
    quoted = 1 if node.style in ("'", '"') else 0
    return Edit(line_of(node), int(node.start_mark.column) + 1 + quoted, old, new)
