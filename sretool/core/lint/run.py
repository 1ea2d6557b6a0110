"""Linting a set of files: everything that is wrong with each, and with all of them together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sretool.core.catalog.read import HISTORY_FILE, read
from sretool.core.lint import dialects, native, rule_file
from sretool.core.lint.expressions import USUAL_SCRAPE
from sretool.core.lint.findings import Finding, finding
from sretool.core.lint.source import Source, entry, items, line_of, open_source, pairs, scalar
from sretool.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    import yaml

    from sretool.core.lint.expression_text import Expression
    from sretool.core.slo.model import Slo
    from sretool.errors import Problem

_BESIDE_CATALOGS: Final = frozenset({HISTORY_FILE, "incidents.yaml"})
"""Read by other commands, and no part of a catalog."""


@dataclass(frozen=True, slots=True)
class Report:
    findings: tuple[Finding, ...]
    """In the order of the files, then of their lines."""
    unreadable: bool
    """Whether a file could not be read at all."""
    files: int
    expressions: tuple[Expression, ...] = ()
    """Those that are PromQL, for checks against a server."""
    slos: tuple[Slo, ...] = ()
    """Of the native files, where nothing is wrong with them; likewise."""
    recorded: tuple[str, ...] = ()
    """Series the files record themselves; a server need not have them yet."""
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Where each of them stands: file and line of its id."""


@dataclass(slots=True)
class _Run:
    scrape: timedelta | None
    findings: list[Finding] = field(default_factory=list)
    unreadable: bool = False
    for_catalog: dict[str, str] = field(default_factory=dict)
    """Files that the catalog's own reader judges."""
    expressions: list[Expression] = field(default_factory=list)
    catalogs: list[tuple[Source, yaml.Node]] = field(default_factory=list)
    slos: list[Slo] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)


def lint(files: Mapping[str, bytes], scrape: timedelta | None = USUAL_SCRAPE) -> Report:
    """Everything wrong with `files` (name → content); never raises for what they hold.

    `scrape` is the interval ranges are measured by; None leaves that to a check against a server.
    """
    run = _Run(scrape)
    for file, content in files.items():
        _file(run, file, content)
    if run.catalogs:
        run.findings += _catalog_problems(run)
    order = {file: number for number, file in enumerate(files)}
    return Report(
        tuple(sorted(_once(run.findings), key=lambda each: (order.get(each.file, -1), each.line))),
        run.unreadable,
        len(files),
        tuple(run.expressions),
        tuple(run.slos),
        tuple(run.recorded),
        dict(_places(run)),
    )


def _file(run: _Run, file: str, content: bytes) -> None:
    base = file.rsplit("/", 1)[-1]
    if base.endswith(".md"):
        run.for_catalog[file] = ""
        return
    if base in _BESIDE_CATALOGS:
        return
    opened = open_source(file, content)
    run.findings += opened.findings
    if opened.source is None:
        run.unreadable = True
        return
    for root in opened.source.documents:
        _document(run, opened.source, root)


def _document(run: _Run, source: Source, root: yaml.Node) -> None:
    rules = entry(root, "spec") if entry(root, "spec", "groups") is not None else root
    kind = dialects.kind_of(root)
    keys = {key.value for key, _ in pairs(root)}
    found: list[Expression] = []
    if kind is not None:
        reading = dialects.Reading(source)
        run.findings += dialects.check(reading, root, kind)
        run.expressions += [each for each in reading.queries if each.tree is not None]
    elif rules is not None and entry(rules, "groups") is not None:
        run.findings += rule_file.check(source, rules)
        found = list(rule_file.expressions(source, rules))
        run.recorded += rule_file.recorded(rules)
        if rules is root and len(source.documents) == 1:
            run.for_catalog[source.file] = source.text
    elif "route" in keys:
        run.for_catalog[source.file] = source.text
    elif "apiVersion" in keys and "kind" in keys:
        run.findings.append(
            finding(source.file, 1, "SLO010", "no SLO and no rules: the document is left out")
        )
    else:
        run.findings += native.check(source, root)
        found = list(native.expressions(source, root))
        run.for_catalog[source.file] = source.text
        run.catalogs.append((source, root))
    for expression in found:
        run.findings += expression.findings(run.scrape)
    run.expressions += [each for each in found if each.tree is not None]


def _catalog_problems(run: _Run) -> Iterator[Finding]:
    """What the catalog's reader says of the native files and of what they refer to."""
    try:
        run.slos += read(run.for_catalog).slos
    except CatalogError as error:
        for problem in error.problems:
            code = code_of(problem)
            if code is not None:
                yield finding(problem.file, problem.line, code, problem.message)


def _places(run: _Run) -> Iterator[tuple[str, tuple[str, int]]]:
    for source, root in run.catalogs:
        for slo in items(entry(root, "slos")):
            name = scalar(entry(slo, "id"))
            if name is not None:
                yield name.value, (source.file, line_of(name))


def code_of(problem: Problem) -> str | None:
    """The code of what the reader of catalogs found; None for what a set of files need not have."""
    message = problem.message
    for words, code in _CODES_OF_WORDS:
        if words in message:
            return code
    return "SLO008"


_CODES_OF_WORDS: Final[Sequence[tuple[str, str | None]]] = (
    ("no SLO is declared", None),
    ("not YAML", "SLO002"),
    ("unknown key", "SLO005"),
    ("is given twice", "SLO006"),
    ("is already declared", "SLO007"),
    ("did you mean", "SLO102"),
    ("leaves no error budget", "SLO101"),
    ("asks for nothing", "SLO101"),
    ("objective:", "SLO101"),
    ("is missing", "SLO009"),
    ("needs an `expr`", "SLO009"),
)


def _once(found: Sequence[Finding]) -> list[Finding]:
    """One finding of a code for each line, the first; several expressions may say the same of one."""
    kept: dict[tuple[object, ...], Finding] = {}
    for each in found:
        shared = each.code in ("SLO005", "SLO008", "SLO009", "SLO201", "SLO213", "SLO301", "SLO302")
        key = (each.file, each.line, each.code, each.message if shared else "")
        kept.setdefault(key, each)
    promql_lines = {
        (each.file, each.line) for each in kept.values() if each.code in ("SLO201", "SLO206", "SLO102")
    }
    return [
        each
        for each in kept.values()
        if not (each.code in ("SLO008", "SLO101") and (each.file, each.line) in promql_lines)
    ]


def fixed(text: str, findings: Sequence[Finding]) -> tuple[str, int]:
    """The text of one file with every safe edit made, and how many there were."""
    lines = text.split("\n")
    made = 0
    taken: set[tuple[int, int]] = set()
    edits = sorted(
        {each.edit for each in findings if each.edit is not None},
        key=lambda e: (e.line, e.column),
        reverse=True,
    )
    for edit in edits:
        line = lines[edit.line - 1] if edit.line <= len(lines) else ""
        start = edit.column - 1
        if line[start : start + len(edit.old)] == edit.old and (edit.line, edit.column) not in taken:
            lines[edit.line - 1] = line[:start] + edit.new + line[start + len(edit.old) :]
            taken.add((edit.line, edit.column))
            made += 1
    return "\n".join(lines), made
