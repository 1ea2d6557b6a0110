"""What the readers of other tools' files share: nodes that know which of their keys nobody has read.

Of a foreign file nothing is dropped in silence: what makes an SLO impossible is a problem, what is left out
is a warning, and `Part.close` warns of every key that no reader has asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final, TypeVar

import yaml

from sretool.core.catalog import document, values
from sretool.core.slo.model import BurnAlert, SloId
from sretool.core.slo.windows import SHORTEST
from sretool.errors import UsageError, Wrong, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sretool.core.catalog.document import Intake
    from sretool.core.slo.model import Severity, Slo

T = TypeVar("T")

_NULL = "tag:yaml.org,2002:null"
_DIGITS: Final = Context(prec=20)
"""Of a share of the budget that no decimal states exactly."""
_TRUE = {"true", "True", "TRUE", "yes", "on"}
_FALSE = {"false", "False", "FALSE", "no", "off"}

ABOUT = "about"
"""Annotation that holds the description a foreign file has of an SLO."""


@dataclass(frozen=True, slots=True)
class Found:
    """An SLO and where it stands."""

    slo: Slo
    file: str
    line: int


@dataclass(slots=True)
class Part:
    """A mapping of a foreign file."""

    file: str
    intake: Intake
    line: int
    name: str
    """Where it is, for messages: `spec.indicator`."""
    nodes: dict[str, tuple[yaml.Node, yaml.Node]]
    read: set[str] = field(default_factory=set)
    parts: list[Part] = field(default_factory=list)
    """Those opened inside this one; closed with it."""

    @classmethod
    def of(cls, node: yaml.Node, file: str, intake: Intake, name: str = "") -> Part | None:
        if not isinstance(node, yaml.MappingNode):
            intake.problem(
                file, document.line_of(node), f"{name or 'the document'}: a mapping is wanted here"
            )
            return None
        return cls(file, intake, document.line_of(node), name, _with_merged(node, file, intake))

    def path(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def line_of(self, key: str | None = None) -> int:
        return document.line_of(self.nodes[key][0]) if key in self.nodes else self.line

    def has(self, key: str) -> bool:
        """Whether the key is there and says something."""
        return key in self.nodes and self.nodes[key][1].tag != _NULL

    def problem(self, key: str | None, message: str, wrong: Wrong = Wrong.VALUE) -> None:
        said = f"{self.path(key)}: {message}" if key else message
        self.intake.problem(self.file, self.line_of(key), said, wrong)

    def warn(self, key: str | None, message: str) -> None:
        self.intake.warn(self.file, self.line_of(key), f"{self.path(key)}: {message}" if key else message)

    def node(self, key: str) -> yaml.Node | None:
        """The value; None where the key is missing or null."""
        self.read.add(key)
        return self.nodes[key][1] if self.has(key) else None

    def text(self, key: str) -> str | None:
        """A single value as written."""
        node = self.node(key)
        if node is None or isinstance(node, yaml.ScalarNode):
            return node.value if node is not None else None
        self.problem(key, "a single value is wanted here")
        return None

    def value(self, key: str, parse: Callable[[str], T], *, required: bool = False) -> T | None:
        """What `parse` makes of the text; None (and a problem where it is there but wrong)."""
        raw = self.text(key)
        if raw is None:
            if required and not self.has(key):
                self.problem(None, f"`{self.path(key)}` is missing", Wrong.MISSING)
            return None
        try:
            return parse(raw)
        except UsageError as error:
            said = f"{error.message}; {error.remedy}" if error.remedy else error.message
            self.problem(key, said, error.wrong)
            return None

    def flag(self, key: str, *, default: bool) -> bool:
        raw = self.text(key)
        if raw is None:
            return default
        if raw in _TRUE or raw in _FALSE:
            return raw in _TRUE
        self.problem(key, f"{raw!r} is neither true nor false")
        return default

    def part(self, key: str) -> Part | None:
        node = self.node(key)
        if node is None:
            return None
        found = Part.of(node, self.file, self.intake, self.path(key))
        if found is not None:
            self.parts.append(found)
        return found

    def required_part(self, key: str) -> Part | None:
        if not self.has(key):
            self.problem(None, f"`{self.path(key)}` is missing", Wrong.MISSING)
        return self.part(key)

    def items(self, key: str) -> Iterator[Part]:
        """The mappings of a list."""
        node = self.node(key)
        if node is None:
            return
        if not isinstance(node, yaml.SequenceNode):
            self.problem(key, "a list is wanted here")
            return
        for number, item in enumerate(node.value):
            found = Part.of(item, self.file, self.intake, f"{self.path(key)}[{number}]")
            if found is not None:
                self.parts.append(found)
                yield found

    def texts(self, key: str) -> tuple[str, ...]:
        """The single values of a list."""
        node = self.node(key)
        if node is None:
            return ()
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not all(isinstance(item, yaml.ScalarNode) for item in items):
            self.problem(key, "a list of single values is wanted here")
            return ()
        return tuple(item.value for item in items)

    def labels(self, key: str) -> dict[str, str]:
        """Label names → values; a name no label can have is left out with a warning."""
        part = self.part(key)
        if part is None:
            return {}
        found: dict[str, str] = {}
        for name in part.nodes:
            value = part.node(name)
            if not isinstance(value, yaml.ScalarNode):
                part.warn(name, "left out, because a label has a single value")
            elif not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
                part.warn(name, "left out, because no label can have this name")
            else:
                found[name] = value.value
        return found

    def leave_out(self, key: str, why: str) -> None:
        """Warn of a known key that means nothing here."""
        self.read.add(key)
        if self.has(key):
            self.warn(key, f"left out: {why}")

    def ignore(self, *keys: str) -> None:
        """Keys that say nothing about objectives: those of a Kubernetes object itself."""
        self.read.update(keys)

    def close(self) -> None:
        """Warn of every key that nobody has read, here and in all parts."""
        for key in self.nodes:
            if key not in self.read:
                hint = did_you_mean(key, self.read) if self.read else ""
                near = hint if "mean" in hint else ""
                self.warn(key, f"left out: no such key is known here{near}")
        for part in self.parts:
            part.close()


def _with_merged(node: yaml.MappingNode, file: str, intake: Intake) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """The keys of a mapping, those it takes over by `<<: *anchor` included."""
    found = document.pairs(node, file, intake)
    merged = found.pop("<<", None)
    if merged is None:
        return found
    others = merged[1].value if isinstance(merged[1], yaml.SequenceNode) else [merged[1]]
    for other in others:
        if isinstance(other, yaml.MappingNode) and other is not node:
            # What a merged mapping merges itself is not followed: chains of them may have no end.
            found = document.pairs(other, file, intake) | found
    return found


def slug(text: str) -> str:
    """`text` as a part of an SLO's id: `"My API"` → `"my-api"`; empty where nothing of it can be used."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.strip().lower()).strip("-._")


def slo_id(part: Part, key: str | None, service: str, name: str) -> SloId | None:
    """`service/name`, declared; a warning where names had to be changed, a problem where nothing is left."""
    made = f"{slug(service)}/{slug(name)}"
    if not slug(service) or not slug(name):
        part.problem(key, f"{service!r} and {name!r} make no id for an SLO")
        return None
    if made != f"{service}/{name}":
        part.warn(key, f"{service}/{name} is called {made} here")
    part.intake.declare("SLO", made, part.file, part.line_of(key))
    return SloId(made)


def percent(raw: str) -> Decimal:
    """`"99.9"` → 0.999."""
    number = values.number(raw.strip().removesuffix("%"))
    if 0 < number < 1:
        raise UsageError(f"{raw!r} is a ratio where a percentage is wanted", remedy=f"write {number * 100:f}")
    if not 0 <= number <= 100:
        raise UsageError(f"{raw!r} is no percentage", remedy="write it like 99.9")
    return values.objective(f"{number / 100:f}")


def owner_and_tier(labels: dict[str, str]) -> tuple[str | None, int | None]:
    """Taken out of the labels that are called so; an owner or a tier of another form stays a label."""
    owner = labels.get("owner")
    try:
        owner = values.identifier(owner) if owner is not None else None
    except UsageError:
        owner = None
    tier = int(labels["tier"]) if labels.get("tier", "").isdecimal() else None
    for name, found in (("owner", owner), ("tier", tier)):
        if found is not None:
            del labels[name]
    return owner, tier


def runbook_and_dashboard(notes: dict[str, str]) -> tuple[str | None, str | None]:
    """Taken out of the annotations that are called so, where they are addresses."""
    links = {name: text for name in ("runbook", "dashboard") if "://" in (text := notes.get(name, ""))}
    for name in links:
        del notes[name]
    return links.get("runbook"), links.get("dashboard")


def burn_alert(severity: Severity, factor: Decimal, long: timedelta, window: timedelta) -> BurnAlert:
    """The pair of an alert that has one window only: a twelfth of it beside it ends the alert in time."""
    second = timedelta(seconds=1)
    spends = _DIGITS.divide(factor * (long // second), Decimal(window // second))
    return BurnAlert(severity, spends, long, max(long / 12 // SHORTEST * SHORTEST, SHORTEST))


def title_of(name: str) -> str:
    return name.replace("-", " ").replace("_", " ").strip()


def about(description: str | None) -> dict[str, str]:
    """The annotation that keeps a description."""
    text = " ".join(description.split()) if description else ""
    return {ABOUT: text} if text else {}
