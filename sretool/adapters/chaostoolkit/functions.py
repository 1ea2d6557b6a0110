"""What activities call, found by reading modules' text: none of them is imported.

Some drivers take a second to import, and importing runs their code; a plan needs names and parameters only.
Modules of Python's own library that have no text are the exception.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import shutil
import sys
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos.lint import Function, Missing, Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEEPEST: Final = 8
"""Modules that pass a function on."""
_PARSING: Final = Lock()
"""Python 3.11's parser counts how deep it is for all threads together, and fails where two are at it."""


class Surroundings:
    """What an experiment in `folder` can refer to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def function(self, module: str, func: str) -> Function | Missing:
        """Whether there is a function `func`; of an empty one whether there is the module."""
        file = _file(module, str(self._folder))
        if file is None:
            standard = module.partition(".")[0] in sys.stdlib_module_names
            return _of_standard_library(module, func) if standard else Missing(module=True)
        try:
            names = _names(file)
        except (OSError, SyntaxError, ValueError) as error:
            return Missing(module=False, problem=str(error))
        found = self._follow(module, func, _DEEPEST)
        if found is None:
            functions = sorted(name for name in names.functions if not name.startswith("_"))
            return Missing(module=False, names=tuple(functions))
        parameters, any_keyword = found
        planned = self._follow(module, f"plan_{func}", _DEEPEST) is not None
        return Function(parameters, any_keyword, planned)

    def has_file(self, path: str) -> bool:
        return (self._folder / Path(path).expanduser()).is_file()

    def has_program(self, path: str) -> bool:
        # The runner works in the experiment's folder.
        expanded = os.path.expanduser(path)
        if os.sep in expanded:
            expanded = str(self._folder / expanded)
        return shutil.which(expanded) is not None

    def _follow(self, module: str, func: str, deep: int) -> tuple[tuple[Parameter, ...], bool] | None:
        """Parameters of a function, here or in the module it comes from; None: there is none."""
        file = _file(module, str(self._folder))
        if file is None or not deep:
            return None
        try:
            names = _names(file)
        except (OSError, SyntaxError, ValueError):
            return None
        if func in names.functions:
            return _parameters(names.functions[func])
        if func in names.imported:
            origin, original = names.imported[func]
            there = self._follow(_absolute(module, file, origin), original, deep - 1)
            # What comes from a module that cannot be looked into may take anything.
            return there or ((), True)
        if func in names.assigned:
            return (), True
        for origin in names.stars:
            there = self._follow(_absolute(module, file, origin), func, deep - 1)
            if there is not None:
                return there
        return None


def _of_standard_library(module: str, func: str) -> Function | Missing:
    try:
        loaded = importlib.import_module(module)
    except ImportError:
        return Missing(module=True)
    function = getattr(loaded, func, None) if func else _of_standard_library
    if not callable(function):
        names = [name for name in dir(loaded) if callable(getattr(loaded, name)) and name[0] != "_"]
        return Missing(module=False, names=tuple(names))
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return Function(any_keyword=True)
    found = [
        Parameter(each.name, each.default is each.empty)
        for each in signature.parameters.values()
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    ]
    any_keyword = any(each.kind is each.VAR_KEYWORD for each in signature.parameters.values())
    return Function(tuple(found), any_keyword)


@cache
def _file(module: str, folder: str) -> Path | None:
    """The file of a module; None where there is none or it has no text.

    Python's own search would import every package above the module, and with them all they need.
    """
    first, *rest = module.split(".")
    if not all(part.isidentifier() for part in (first, *rest)):
        return None
    spec = PathFinder.find_spec(first, [folder, *sys.path]) or find_spec(first)
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or ())
    file = spec.origin
    for part in rest:
        spec = PathFinder.find_spec(part, places)
        if spec is None:
            return None
        places, file = list(spec.submodule_search_locations or ()), spec.origin
    return Path(file) if file is not None and file.endswith(".py") else None


def _absolute(module: str, file: Path, origin: str) -> str:
    """`.errors` as seen from a module."""
    dots = len(origin) - len(origin.lstrip("."))
    if not dots:
        return origin
    parts = module.split(".")
    package = parts if file.name == "__init__.py" else parts[:-1]
    package = package[: len(package) - (dots - 1)]
    return ".".join([*package, *filter(None, [origin.lstrip(".")])])


class _Names:
    """What a module's text gives names to."""

    def __init__(self) -> None:
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self.imported: dict[str, tuple[str, str]] = {}
        """Name → module (with leading dots) and name there."""
        self.stars: list[str] = []
        self.assigned: set[str] = set()


@cache
def _names(file: Path) -> _Names:
    """Raises OSError, SyntaxError, ValueError."""
    found = _Names()
    with _PARSING:
        tree = ast.parse(file.read_bytes())
    for node in _statements(tree.body):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                found.functions[node.name] = node
            case ast.ImportFrom():
                origin = "." * node.level + (node.module or "")
                for alias in node.names:
                    if alias.name == "*":
                        found.stars.append(origin)
                    else:
                        found.imported[alias.asname or alias.name] = (origin, alias.name)
            case ast.Assign():
                found.assigned |= {each.id for each in node.targets if isinstance(each, ast.Name)}
    return found


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Of a module, those inside `if`, `try` and `with`, too."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _statements(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            yield from _statements(handler.body)


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[tuple[Parameter, ...], bool]:
    arguments = node.args
    free = len(arguments.args) - len(arguments.defaults)
    found = [Parameter(each.arg, required=number < free) for number, each in enumerate(arguments.args)]
    found += [
        Parameter(each.arg, required=default is None)
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    return tuple(found), arguments.kwarg is not None
