"""`${name}` in an experiment: where values come from, and what is put in, as Chaos Toolkit does it.

Secrets are never put in: what a plan shows keeps `${name}`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from string import Template
from typing import TYPE_CHECKING, Any, Final

from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sretool.core.plans.chaos.experiment import Path

_BRACED: Final = re.compile(r"(?<!\$)(?:\$\$)*\$\{([_a-zA-Z][_a-zA-Z0-9]*)\}")
_TYPES: Final = "str, int, float, bool or json"


@dataclass(slots=True)
class Variables:
    known: dict[str, Any] = field(default_factory=dict)
    """Name → value."""
    open: set[str] = field(default_factory=set)
    """Names whose values only the run knows."""
    problems: list[tuple[Path, str]] = field(default_factory=list)

    def put_in(self, value: Any) -> Any:
        """`value` with every known variable put in; a text that is one variable gets its type."""
        # Without any variable the toolkit leaves `$$` alone, too.
        return _put_in(value, self.known) if self.known or self.open else value

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.known) | self.open


def given(texts: Iterable[str]) -> dict[str, Any]:
    """`name[:type]=value` of a command line; UsageError where one is not."""
    found: dict[str, Any] = {}
    for text in texts:
        left, equals, raw = text.partition("=")
        name, _, kind = left.partition(":")
        if not equals or not name.isidentifier():
            raise UsageError(f"--vars {text}: not a variable", remedy="write it like --vars rate:int=50")
        try:
            found[name] = typed(kind or None, raw)
        except ValueError:
            raise UsageError(
                f"--vars {text}: {raw!r} is no {kind}"
                if kind in _TYPES
                else f"--vars {text}: no type {kind!r}",
                remedy=f"types are {_TYPES}",
            ) from None
    return found


def typed(kind: str | None, raw: Any) -> Any:
    """`raw` as the toolkit's type `kind`; ValueError where it is not or there is no such type."""
    match kind:
        case None | "str" | "string":
            return raw
        case "int" | "integer":
            return int(raw)
        case "float" | "number":
            return float(raw)
        case "bool":
            return raw if isinstance(raw, bool) else str(raw).lower() not in ("false", "0", "no")
        case "json":
            return json.loads(raw) if isinstance(raw, str) and raw else raw
        case "bytes":
            return raw
        case _:
            raise ValueError(kind)


def load(
    configuration: Mapping[str, Any],
    secrets: Mapping[str, Any],
    environment: Mapping[str, str],
    overrides: Mapping[str, Any],
) -> Variables:
    """What the experiment's `configuration` and `secrets` give, `overrides` (`--vars`) before all."""
    found = Variables()
    for name, written in configuration.items():
        value = overrides.get(name, written)
        kind = value.get("type") if isinstance(value, dict) else None
        if kind == "env":
            _from_environment(name, value, environment, found)
        elif kind == "probe":
            found.open.add(name)
        else:
            found.known[name] = value
    for name, value in overrides.items():
        found.known.setdefault(name, value)
    found.open |= set(_names_of_secrets(secrets))
    for where, value in secrets.items():
        _check_secrets(("secrets", where), value, environment, found)
    return found


def _from_environment(
    name: str, value: Mapping[str, Any], environment: Mapping[str, str], found: Variables
) -> None:
    path: Path = ("configuration", name)
    key = value.get("key")
    if not isinstance(key, str):
        found.problems.append((path, f"variable {name!r}: `key` names the environment variable"))
        found.open.add(name)
        return
    if key not in environment and "default" not in value:
        remedy = f"export {key}=…, give a `default`, or --vars {name}=…"
        found.problems.append(
            (path, f"variable {name!r}: the environment variable {key} is not set; {remedy}")
        )
        found.open.add(name)
        return
    raw = environment.get(key, value.get("default"))
    try:
        found.known[name] = typed(value.get("env_var_type"), raw)
    except (TypeError, ValueError):
        found.problems.append((path, f"variable {name!r}: the value is no {value.get('env_var_type')}"))
        found.open.add(name)


def _names_of_secrets(secrets: Mapping[str, Any]) -> Iterator[str]:
    """Of groups of secrets the names inside count, as the toolkit looks only there."""
    for value in secrets.values():
        if isinstance(value, dict):
            yield from (str(name) for name in value)


def _check_secrets(path: Path, value: Any, environment: Mapping[str, str], found: Variables) -> None:
    if not isinstance(value, dict):
        return
    if value.get("type") == "env":
        key = value.get("key")
        if key not in environment:
            found.problems.append((path, f"the secret's environment variable {key} is not set"))
        return
    if value.get("type") == "vault":
        return
    for name, inner in value.items():
        _check_secrets((*path, name), inner, environment, found)


def _put_in(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        whole = Template.pattern.fullmatch(value)
        if whole is not None and whole["braced"] in known:
            return known[whole["braced"]]
        return Template(value).safe_substitute(known)
    if isinstance(value, dict):
        return {key: _put_in(each, known) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_put_in(each, known) for each in value]
    return value


def used(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every `${name}` in texts below, with where it stands; `$${name}` is none."""
    if isinstance(value, str):
        yield from ((path, name) for name in _BRACED.findall(value))
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from used(each, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from used(each, (*path, number))
