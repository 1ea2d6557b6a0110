"""Prometheus rule files, and the resources that hold one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import yaml

from sretool.core.catalog.document import Intake
from sretool.core.catalog.values import duration_or_none
from sretool.core.lint.expression_text import Expression
from sretool.core.lint.expressions import Use
from sretool.core.lint.findings import Edit, Finding, finding
from sretool.core.lint.source import Source, entry, items, line_of, pairs, scalar, text_at
from sretool.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE_KEYS: Final = ("groups", "namespace")
_GROUP_KEYS: Final = (
    "name",
    "interval",
    "query_offset",
    "limit",
    "labels",
    "rules",
    "partial_response_strategy",
)
_RULE_KEYS: Final = ("record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations")
_DURATIONS: Final = ("for", "keep_firing_for", "interval", "query_offset")


def expressions(source: Source, root: yaml.Node) -> Iterator[Expression]:
    for group in items(entry(root, "groups")):
        for rule in items(entry(group, "rules")):
            node = scalar(entry(rule, "expr"))
            if node is not None:
                use = Use.RECORDED if entry(rule, "record") is not None else Use.ALERT
                yield Expression.read(source, node, use)


def recorded(root: yaml.Node) -> Iterator[str]:
    """Names of the series the rules record."""
    for group in items(entry(root, "groups")):
        for rule in items(entry(group, "rules")):
            name = text_at(rule, "record")
            if name is not None:
                yield name


def check(source: Source, root: yaml.Node) -> Iterator[Finding]:
    """What Prometheus would refuse or silently do otherwise, apart from the expressions."""
    file = source.file
    groups: dict[str, int] = {}
    recorded: dict[tuple[str, ...], int] = {}
    yield from _keys(file, root, _FILE_KEYS)
    yield from _list(file, root, "groups")
    for group in items(entry(root, "groups")):
        yield from _keys(file, group, _GROUP_KEYS)
        yield from _list(file, group, "rules")
        name = scalar(entry(group, "name"))
        if name is None:
            yield finding(file, line_of(group), "SLO009", "a group needs a `name`")
        elif name.value in groups:
            message = f"group {name.value!r} is already in line {groups[name.value]}"
            yield finding(file, line_of(name), "SLO007", message)
        else:
            groups[name.value] = line_of(name)
        for rule in items(entry(group, "rules")):
            yield from _rule(file, rule, recorded)


def _rule(file: str, rule: yaml.Node, known: dict[tuple[str, ...], int]) -> Iterator[Finding]:
    yield from _keys(file, rule, _RULE_KEYS)
    record, alert = text_at(rule, "record"), text_at(rule, "alert")
    if (record is None) == (alert is None):
        yield finding(file, line_of(rule), "SLO009", "a rule has either `record` or `alert`")
        return
    if text_at(rule, "expr") is None:
        yield finding(file, line_of(rule), "SLO009", f"{record or alert}: `expr` is missing")
    labels = sorted(f"{key.value}={value.value}" for key, value in pairs(entry(rule, "labels")))
    same = (
        f"record {record}" if record else f"alert {alert}",
        *labels,
        "" if record else text_at(rule, "expr") or "",
    )
    if same in known:
        message = f"{same[0]} with the same labels is already in line {known[same]}"
        yield finding(file, line_of(rule), "SLO007", message)
    known.setdefault(same, line_of(rule))


def _keys(file: str, node: yaml.Node, known: tuple[str, ...]) -> Iterator[Finding]:
    if not isinstance(node, yaml.MappingNode):
        yield finding(file, line_of(node), "SLO008", "a mapping is wanted here")
        return
    seen: dict[str, int] = {}
    for key, value in pairs(node):
        if key.value in seen:
            message = f"key {key.value!r} is given twice, first in line {seen[key.value]}"
            yield finding(file, line_of(key), "SLO006", message)
        elif key.value not in known:
            yield _unknown(file, key, known, {each.value for each, _ in pairs(node)})
        elif key.value in _DURATIONS:
            yield from _duration(file, key.value, value)
        seen.setdefault(key.value, line_of(key))


def _unknown(file: str, key: yaml.ScalarNode, known: tuple[str, ...], given: set[str]) -> Finding:
    intake = Intake()
    intake.unknown_key(file, key, known, given)
    (problem,) = intake.problems
    edit = None
    if problem.column is not None:
        edit = Edit(problem.line, problem.column, problem.word, problem.instead)
    hint = did_you_mean(key.value, known).removeprefix("; ")
    return finding(file, problem.line, "SLO005", f"unknown key {key.value!r}", hint or None, edit=edit)


def _list(file: str, holder: yaml.Node, key: str) -> Iterator[Finding]:
    node = entry(holder, key)
    if node is not None and not isinstance(node, yaml.SequenceNode) and scalar(node) is not None:
        yield finding(file, line_of(node), "SLO008", f"{key}: a list is wanted here")


def _duration(file: str, key: str, node: yaml.Node) -> Iterator[Finding]:
    value = scalar(node)
    if value is None:
        return
    try:
        duration_or_none(value.value)
    except UsageError as error:
        yield finding(file, line_of(value), "SLO008", f"{key}: {error.message}", error.remedy)
