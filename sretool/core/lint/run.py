"""Linting a set of files: everything that is wrong with each, and with all of them together."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from sretool.core.catalog import canary
from sretool.core.catalog.read import HISTORY_FILE, read
from sretool.core.catalog.spec import CatalogFile
from sretool.core.lint import dialects, native, remarks, rule_file
from sretool.core.lint.expressions import USUAL_SCRAPE
from sretool.core.lint.findings import Edit, Finding, Severity, finding
from sretool.core.lint.source import Source, entry, line_of, open_source, pairs
from sretool.errors import CatalogError, Wrong

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
    has_slos: bool = False
    """Whether a file is of a kind that declares SLOs."""
    rule_documents: set[tuple[str, int]] = field(default_factory=set)
    """File and line of resources that hold rules: no SLOs, and not to be complained about."""
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    slos: list[Slo] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)


def lint(files: Mapping[str, bytes], scrape: timedelta | None = USUAL_SCRAPE) -> Report:
    """Everything wrong with `files` (name → content); never raises for what they hold.

    `scrape` is the interval ranges are measured by; None leaves that to a check against a server.
    """
    run = _Run(scrape)
    for file, content in files.items():
        _file(run, file, content)
    if run.has_slos:
        run.findings += _catalog_problems(run)
    order = {file: number for number, file in enumerate(files)}
    found = _once(run.findings)
    told = [*remarks.obeyed(files, found), *remarks.doubtful(files, found)]
    return Report(
        tuple(sorted(told, key=lambda each: (order.get(each.file, -1), each.line))),
        run.unreadable,
        len(files),
        tuple(run.expressions),
        tuple(run.slos),
        tuple(run.recorded),
        run.places,
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
        _for_catalog(run, source)
    elif rules is not None and entry(rules, "groups") is not None:
        run.findings += rule_file.check(source, rules)
        found = list(rule_file.expressions(source, rules))
        run.recorded += rule_file.recorded(rules)
        run.rule_documents.add((source.file, line_of(root)))
        if rules is root:
            run.for_catalog[source.file] = source.text
    elif "route" in keys:
        run.for_catalog[source.file] = source.text
    elif keys == {"canary"}:
        run.findings += _canary_problems(source)
    elif "apiVersion" in keys or {"version", "service"} <= keys:
        _for_catalog(run, source)
    elif _is_foreign(keys):
        run.findings.append(finding(source.file, line_of(root), "SLO010", "left out: no SLOs and no rules"))
    else:
        run.findings += native.check(source, root)
        found = list(native.expressions(source, root))
        _for_catalog(run, source)
    for expression in found:
        run.findings += expression.findings(run.scrape)
    run.expressions += [each for each in found if each.tree is not None]


def _for_catalog(run: _Run, source: Source) -> None:
    run.for_catalog[source.file] = source.text
    run.has_slos = True


def _is_foreign(keys: set[str]) -> bool:
    """Whether a mapping is nothing like a catalog file: most keys are unknown, and not just mistyped."""
    known = CatalogFile.__struct_fields__
    strange = [key for key in keys if not get_close_matches(key, known, n=1, cutoff=0.8)]
    return len(strange) > len(keys) / 2


def _catalog_problems(run: _Run) -> Iterator[Finding]:
    """What the catalog's reader says of the native files and of what they refer to."""
    problems: Sequence[Problem] = ()
    try:
        system = read(run.for_catalog)
    except CatalogError as error:
        problems, warnings = error.problems, error.warnings
    else:
        run.slos += system.slos
        run.places = {str(slo): place for slo, place in system.places.items()}
        warnings = system.warnings
    yield from _as_findings(problems)
    for warning in warnings:
        if (warning.file, warning.line) not in run.rule_documents:
            yield finding(warning.file, warning.line, "SLO010", warning.message)


def _canary_problems(source: Source) -> Iterator[Finding]:
    try:
        canary.read(source.file, source.text)
    except CatalogError as error:
        yield from _as_findings(error.problems)


def _as_findings(problems: Sequence[Problem]) -> Iterator[Finding]:
    for problem in problems:
        code = _CODES[problem.wrong]
        if code is not None:
            edit = None
            if problem.column is not None:
                edit = Edit(problem.line, problem.column, problem.word, problem.instead)
            yield finding(
                problem.file, problem.line, code, problem.message, edit=edit, severity=Severity.ERROR
            )


_CODES: Final[Mapping[Wrong, str | None]] = {
    Wrong.VALUE: "SLO008",
    Wrong.TARGET: "SLO101",
    Wrong.MIXED_UP: "SLO102",
    Wrong.NO_YAML: "SLO002",
    Wrong.KEY: "SLO005",
    Wrong.TWICE: "SLO006",
    Wrong.DECLARED: "SLO007",
    Wrong.MISSING: "SLO009",
    Wrong.UNSUPPORTED: "SLO010",
    Wrong.UNREADABLE: "SLO001",
    Wrong.OF_SET: None,
}
"""Of what the reader of catalogs finds; None for what a set of files need not have."""


def _once(found: Sequence[Finding]) -> list[Finding]:
    """One finding of a code for each line, the first; several expressions may say the same of one."""
    kept: dict[tuple[object, ...], Finding] = {}
    for each in found:
        shared = each.code in ("SLO005", "SLO008", "SLO009", "SLO201", "SLO213", "SLO301", "SLO302")
        key = (each.file, each.line, each.code, each.message if shared else "")
        kept.setdefault(key, each)
    explained = {(each.file, each.line) for each in kept.values() if each.code in _SAYS_MORE}
    return [
        each
        for each in kept.values()
        if not (each.code in _SAYS_LESS and (each.file, each.line) in explained)
    ]


_SAYS_MORE: Final = frozenset({"SLO102", "SLO104", "SLO105", "SLO107", "SLO201", "SLO206"})
_SAYS_LESS: Final = frozenset({"SLO008", "SLO101"})
"""Codes of values that cannot be used, beside which the others of the same line say why."""


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
