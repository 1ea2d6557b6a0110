"""What our Chaos Toolkit extension offers, read from its text: none of its modules is imported.

A function counts where it is public, documented and in a module below `actions` or `probes`; of actions those
with a planning function beside them, as others serve other modules. A control is a module that has
functions of the toolkit's names for them.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = "sretool.chaos"
KINDS: Final = {"probes": "probe", "actions": "action", "controls": "control"}
"""Name of a module or package → what is in it."""
_CONTROL: Final = re.compile(r"(?:before|after)_\w+_control|(?:configure|cleanup)_control")
_BY_TOOLKIT: Final = frozenset({"configuration", "secrets"})


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    type: str
    """As written; empty: not told."""
    default: str | None
    """As written; None: it must be given."""
    by_toolkit: bool = False
    """The toolkit fills it in."""


@dataclass(frozen=True, slots=True)
class Page:
    kind: str
    """`probe`, `action`, `control`."""
    module: str
    func: str
    """Empty for a control: it is the module."""
    text: str
    """Its documentation."""
    arguments: tuple[Argument, ...] = ()
    any_keyword: bool = False
    gives: str = ""
    """Type of what it gives back, as written."""
    planned: bool = False
    """Of an action: it says what it would hurt."""

    @property
    def name(self) -> str:
        return f"{self.module}.{self.func}" if self.func else self.module

    @property
    def short(self) -> str:
        """Without what all of them begin with."""
        return self.name.removeprefix(f"{PACKAGE}.")

    @property
    def summary(self) -> str:
        """The first sentence, on one line."""
        first = " ".join(self.text.split("\n\n", 1)[0].split())
        return re.split(r"(?<=[.!?])\s", first, maxsplit=1)[0]


def pages() -> tuple[Page, ...]:
    """All of them: probes, actions, controls, each by name."""
    found = [page for module, file in _modules() for page in _of(module, file)]
    order = list(KINDS.values())
    return tuple(sorted(found, key=lambda page: (order.index(page.kind), page.name)))


def _modules() -> Iterator[tuple[str, Path]]:
    spec = find_spec("sretool")
    assert spec is not None
    for place in spec.submodule_search_locations or ():
        root = Path(place)
        for file in sorted((root / "chaos").rglob("*.py")):
            parts = file.relative_to(root).with_suffix("").parts
            if parts[1] in KINDS and not parts[-1].startswith("_"):
                yield ".".join(("sretool", *parts)), file


def _of(module: str, file: Path) -> Iterator[Page]:
    tree = ast.parse(file.read_bytes())
    kind = KINDS[module.split(".")[2]]
    functions = {
        each.name: each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name[0] != "_"
    }
    if kind == "control":
        if any(_CONTROL.fullmatch(name) for name in functions):
            yield Page(kind, module, "", ast.get_docstring(tree) or "")
        return
    offered = _offered(tree)
    for name, node in functions.items():
        if name.startswith("plan_") or (offered is not None and name not in offered):
            continue
        text, planned = ast.get_docstring(node), f"plan_{name}" in functions
        if text is None or (kind == "action" and not planned):
            continue
        yield Page(
            kind,
            module,
            name,
            text,
            tuple(_arguments(node)),
            node.args.kwarg is not None,
            ast.unparse(node.returns) if node.returns else "",
            planned,
        )


def _offered(tree: ast.Module) -> set[str] | None:
    """What `__all__` says; None: there is none."""
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name("__all__")], value=value)
                | ast.AnnAssign(target=ast.Name("__all__"), value=ast.expr() as value)
            ):
                return {str(each) for each in ast.literal_eval(value)}
    return None


def _arguments(node: ast.FunctionDef) -> Iterator[Argument]:
    plain = node.args.args
    free: list[ast.expr | None] = [None] * (len(plain) - len(node.args.defaults))
    defaults = [*free, *node.args.defaults]
    for each, default in (
        *zip(plain, defaults, strict=True),
        *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True),
    ):
        yield Argument(
            each.arg,
            ast.unparse(each.annotation) if each.annotation else "",
            None if default is None else ast.unparse(default),
            each.arg in _BY_TOOLKIT,
        )
