"""Which tool a document is of, seen from its shape, and the SLOs of all foreign documents of a catalog.

Documents of one catalog may complete each other, OpenSLO's by references and the others' by shared settings,
so they are read together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import yaml

from sretool.core.catalog import document
from sretool.core.slo.windows import RATE_WINDOW
from sretool.errors import UsageError, Wrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sretool.core.catalog.foreign import Found, Part


class Dialect(StrEnum):
    SLOTH = "Sloth"
    SLOTH_RESOURCE = "Sloth's PrometheusServiceLevel"
    SLOTH_WINDOWS = "Sloth's AlertWindows"
    PYRRA = "Pyrra"
    OPENSLO = "OpenSLO"
    SLO_GENERATOR = "slo-generator"
    SLO_GENERATOR_CONFIG = "slo-generator's configuration"
    OTHER = "another tool"


_RESOURCES: Final = {
    ("sloth.slok.dev/v1", "PrometheusServiceLevel"): Dialect.SLOTH_RESOURCE,
    ("sloth.slok.dev/v1", "AlertWindows"): Dialect.SLOTH_WINDOWS,
    ("pyrra.dev/v1alpha1", "ServiceLevelObjective"): Dialect.PYRRA,
    ("sre.google.com/v2", "ServiceLevelObjective"): Dialect.SLO_GENERATOR,
}
_OPENSLO: Final = ("openslo/v1", "openslo/v1beta1", "openslo/v1alpha")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file."""

    file: str
    root: yaml.Node
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class Reading:
    """What foreign documents say."""

    found: tuple[Found, ...] = ()
    services: Mapping[str, str] = field(default_factory=dict)
    """Service → what it is called."""


def documents(file: str, root: yaml.Node) -> Iterator[Document]:
    """The foreign documents in a YAML document: itself, or the items of a list; none if it is native."""
    items = _items_of_list(root)
    for node in items if items is not None else [root]:
        dialect = dialect_of(node)
        if dialect is not None:
            yield Document(file, node, dialect)
        elif items is not None:
            yield Document(file, node, Dialect.OTHER)


def _items_of_list(root: yaml.Node) -> list[yaml.Node] | None:
    if isinstance(root, yaml.SequenceNode):
        return list(root.value) if any(dialect_of(item) for item in root.value) else None
    keys = _scalars(root)
    if keys.get("apiVersion") == "v1" and keys.get("kind", "").endswith("List"):
        nodes = [value for key, value in root.value if key.value == "items"]
        return list(nodes[0].value) if nodes and isinstance(nodes[0], yaml.SequenceNode) else []
    return None


def dialect_of(node: yaml.Node) -> Dialect | None:
    """Whose the document is; None where nothing speaks for another tool."""
    keys = _scalars(node)
    version, kind = keys.get("apiVersion"), keys.get("kind")
    if version in _OPENSLO:
        return Dialect.OPENSLO
    if version is not None:
        return _RESOURCES.get((version, kind or ""), Dialect.OTHER)
    if keys.get("version", "").startswith("prometheus/") or {"version", "service"} <= keys.keys():
        return Dialect.SLOTH
    if "error_budget_policies" in keys or {"backends", "exporters"} <= keys.keys():
        return Dialect.SLO_GENERATOR_CONFIG
    return None


def _scalars(node: yaml.Node) -> dict[str, str]:
    """Keys of a mapping with their texts, empty for those that have none."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {
        key.value: value.value if isinstance(value, yaml.ScalarNode) else ""
        for key, value in node.value
        if isinstance(key, yaml.ScalarNode)
    }


def read(found: Sequence[Document], intake: document.Intake) -> Reading:
    """The SLOs of all documents, in the order they stand; problems and warnings go to `intake`."""
    from sretool.core.catalog import openslo, pyrra, slo_generator, sloth

    parts: dict[Dialect, list[Part]] = {}
    files = list(dict.fromkeys(each.file for each in found))
    for each in found:
        part = _checked(each, intake)
        if part is not None:
            parts.setdefault(each.dialect, []).append(part)

    def of(dialect: Dialect) -> list[Part]:
        return parts.get(dialect, [])

    windows = [sloth.read_windows(part) for part in of(Dialect.SLOTH_WINDOWS)]
    if len(windows) > 1:
        of(Dialect.SLOTH_WINDOWS)[1].warn(None, "left out: the catalog has another AlertWindows already")
    chosen = windows[0] if windows else None
    policies: slo_generator.Policies = {}
    for part in of(Dialect.SLO_GENERATOR_CONFIG):
        policies = slo_generator.read_config(part) | policies
    slos: list[Found] = []
    for part in of(Dialect.SLOTH):
        slos += sloth.read(part, chosen)
    for part in of(Dialect.SLOTH_RESOURCE):
        slos += sloth.read_resource(part, chosen)
    for part in of(Dialect.PYRRA):
        slos += pyrra.read(part)
    for part in of(Dialect.SLO_GENERATOR):
        slos += slo_generator.read(part, policies)
    of_openslo, services = openslo.read(of(Dialect.OPENSLO))
    slos += of_openslo
    for of_dialect in parts.values():
        for part in of_dialect:
            part.close()
    for one in slos:
        _check_queries(one, intake)
    slos.sort(key=lambda each: (files.index(each.file), each.line))
    return Reading(tuple(slos), services)


def _check_queries(found: Found, intake: document.Intake) -> None:
    """What an SLI makes of a file's queries must be PromQL, too."""
    from sretool.core.catalog.queries import parse

    slo = found.slo
    try:
        for rate in (slo.bad_rate(RATE_WINDOW), slo.total_rate(RATE_WINDOW)):
            parse(rate)
    except UsageError as error:
        intake.problem(found.file, found.line, f"its queries make no SLI: {error.message}")


def _checked(found: Document, intake: document.Intake) -> Part | None:
    """The document as a part; None (and a word about it) where it is of no tool that is read."""
    from sretool.core.catalog.foreign import Part

    keys, line = _scalars(found.root), document.line_of(found.root)
    if found.dialect is Dialect.OTHER:
        what = " ".join(filter(None, (keys.get("apiVersion"), keys.get("kind")))) or "this"
        if what.startswith(("openslo", "sloth.slok.dev", "pyrra.dev", "sre.google.com")):
            intake.problem(found.file, line, f"{what} is a version that is not read", Wrong.UNSUPPORTED)
        else:
            intake.warn(found.file, line, f"left out: {what} is no SLO")
        return None
    if found.dialect is Dialect.SLOTH and keys.get("version") != "prometheus/v1":
        intake.problem(
            found.file,
            line,
            f"version {keys.get('version')!r} is not read; prometheus/v1 is",
            Wrong.UNSUPPORTED,
        )
        return None
    return Part.of(found.root, found.file, intake)
