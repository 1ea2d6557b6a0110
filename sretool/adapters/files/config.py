"""The configuration files: whose dashboard it is, how it looks, and which servers belong together.

    me = "mia"                       # "mine" in the dashboard
    teams = ["payments"]
    theme = "sre-dark"
    lang = "en"
    graph = "braille"
    silence_longest = "24h"          # cap on a silence
    context = "prod-eu"              # used where none is named

    [keys]
    ack = "A"

    [contexts.prod-eu]
    prometheus = ["https://prom-1.example", "https://prom-2.example"]
    alertmanager = "https://alerts.example"
    catalog = ["slos"]               # from the folder of the file, or of the project
    kubernetes = "prod-eu"
    production = true
    prometheus_auth = { token_env = "PROM_TOKEN", headers = { X-Scope-OrgID = "payments" } }

Secrets are named, never written here: an environment variable or a file holds them.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from sretool.errors import Problem, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_T = TypeVar("_T", bound=msgspec.Struct)

FILE: Final = "config.toml"
_FOLDER: Final = ".sretool"
_LONGEST: Final = 1_000_000
_HEADER = re.compile(r"\s*\[{1,2}\s*(.+?)\s*\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_AT_KEY = re.compile(r" - at `[^`]*`$")

Place = tuple[str, ...]
"""Names of the tables and of the key: `("contexts", "prod-eu", "prometheus")`."""


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one kind of server is talked to; secrets by reference."""

    token_env: str | None = None
    token_file: str | None = None
    username: str | None = None
    password_env: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    headers: dict[str, str] = {}


class _Context(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    prometheus: str | list[str] = []
    alertmanager: str | list[str] = []
    catalog: str | list[str] = []
    prometheus_auth: Auth = Auth()
    alertmanager_auth: Auth = Auth()
    kubernetes: str | None = None
    production: bool = False
    me: str | None = None
    teams: list[str] | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    me: str | None = None
    teams: list[str] | None = None
    theme: str | None = None
    lang: str | None = None
    graph: str | None = None
    bell: bool | None = None
    silence_longest: str | None = None
    context: str | None = None
    keys: dict[str, str] = {}
    contexts: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Context:
    """Servers and objectives that belong together."""

    name: str
    file: str
    """Where it is written, for messages."""
    prometheus: tuple[str, ...]
    """Addresses, the preferred one first."""
    alertmanager: tuple[str, ...]
    catalog: tuple[Path, ...]
    prometheus_auth: Auth
    alertmanager_auth: Auth
    kubernetes: str | None
    """Name of a context of kubectl."""
    production: bool
    me: str | None
    teams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """What the files say; None and empty where they say nothing."""

    me: str | None = None
    teams: tuple[str, ...] = ()
    theme: str | None = None
    lang: str | None = None
    graph: str | None = None
    bell: bool | None = None
    silence_longest: str | None = None
    """How long a silence may be, as written."""
    context: str | None = None
    """The context used where none is named."""
    keys: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, Context] = field(default_factory=dict)
    lines: Mapping[Place, tuple[str, int]] = field(default_factory=dict)
    """Place → file and line, to say where a value is that cannot be used."""

    def problem(self, place: Place, message: str) -> Problem:
        file, line = self.lines.get(place) or self.lines.get(place[:-1]) or (FILE, 1)
        return Problem(file, line, message)


def files(project: Path, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The user's file, then the project's, which is found upward and has the last word; those that exist."""
    home = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME") or Path.home()) / ".config"
    found = [Path(home) / "sretool" / FILE]
    near = (folder / _FOLDER / FILE for folder in (project, *project.parents))
    found += [next((file for file in near if file.is_file()), found[0])]
    return tuple(dict.fromkeys(file for file in found if file.is_file()))


def read(paths: Iterable[Path]) -> Config:
    """All files as one, later ones before earlier ones; UsageError with every problem."""
    problems: list[Problem] = []
    config = Config()
    for path in paths:
        config = _merged(config, _read_one(path, problems))
    if config.context is not None and config.context not in config.contexts:
        hint = did_you_mean(config.context, config.contexts)
        problems.append(config.problem(("context",), f"there is no context {config.context!r}{hint}"))
    if problems:
        raise UsageError("\n".join(str(problem) for problem in problems))
    return config


def _merged(first: Config, then: Config) -> Config:
    return Config(
        me=then.me or first.me,
        teams=then.teams or first.teams,
        theme=then.theme or first.theme,
        lang=then.lang or first.lang,
        graph=then.graph or first.graph,
        bell=first.bell if then.bell is None else then.bell,
        silence_longest=then.silence_longest or first.silence_longest,
        context=then.context or first.context,
        keys={**first.keys, **then.keys},
        contexts={**first.contexts, **then.contexts},
        lines={**first.lines, **then.lines},
    )


def _read_one(path: Path, problems: list[Problem]) -> Config:
    before = len(problems)
    file = str(path)
    text = _text(path)
    lines = _lines(file, text)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT_LINE.search(str(error))
        last = max(len(text.splitlines()), 1)
        message = _AT_LINE.sub("", str(error))
        problems.append(Problem(file, int(at.group(1) or last) if at else 1, f"not TOML: {message}"))
        return Config()
    where = Config(lines=lines)
    _refuse_unknown(raw, _File, (), where, problems)
    known = _converted(raw, _File, (), where, problems)
    # From the project's own file paths start at the project, not at the hidden folder it lies in.
    start = path.parent.parent if path.parent.name == _FOLDER else path.parent
    contexts = {}
    for name, value in known.contexts.items():
        place = ("contexts", name)
        if not isinstance(value, dict):
            problems.append(where.problem(place, f"write it as a table [contexts.{name}]"))
            continue
        _refuse_unknown(value, _Context, place, where, problems)
        for part in ("prometheus_auth", "alertmanager_auth"):
            if isinstance(value.get(part), dict):
                _refuse_unknown(value[part], Auth, (*place, part), where, problems)
        context = _converted(value, _Context, place, where, problems)
        contexts[name] = _context(name, file, start, context)
        if "prometheus" not in value:
            problems.append(where.problem(place, f"the context {name} names no prometheus"))
    if len(problems) > before:
        return Config(lines=lines)
    return Config(
        me=known.me,
        teams=tuple(known.teams or ()),
        theme=known.theme,
        lang=known.lang,
        graph=known.graph,
        bell=known.bell,
        silence_longest=known.silence_longest,
        context=known.context,
        keys=known.keys,
        contexts=contexts,
        lines=lines,
    )


def _context(name: str, file: str, start: Path, read: _Context) -> Context:
    return Context(
        name=name,
        file=file,
        prometheus=_several(read.prometheus),
        alertmanager=_several(read.alertmanager),
        catalog=tuple(start / Path(path).expanduser() for path in _several(read.catalog)),
        prometheus_auth=_from(start, read.prometheus_auth),
        alertmanager_auth=_from(start, read.alertmanager_auth),
        kubernetes=read.kubernetes,
        production=read.production,
        me=read.me,
        teams=tuple(read.teams or ()),
    )


def _from(start: Path, auth: Auth) -> Auth:
    """The same with its paths from `start`."""
    paths = {
        name: str(start / Path(value).expanduser())
        for name in ("token_file", "password_file", "ca_file", "client_cert", "client_key")
        if (value := getattr(auth, name)) is not None
    }
    return msgspec.structs.replace(auth, **paths)


def _several(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _refuse_unknown(
    value: Mapping[str, Any],
    type_: type[msgspec.Struct],
    place: Place,
    where: Config,
    problems: list[Problem],
) -> None:
    known = type_.__struct_fields__
    for key in value:
        if key not in known:
            message = f"unknown key {key!r}{did_you_mean(key, known)}"
            problems.append(where.problem((*place, key), message))


def _converted(
    value: Mapping[str, Any], type_: type[_T], place: Place, where: Config, problems: list[Problem]
) -> _T:
    """What can be used of `value`; the rest are problems, each with its line."""
    usable = {}
    for known in msgspec.structs.fields(type_):
        if known.name not in value:
            continue
        try:
            usable[known.name] = msgspec.convert(value[known.name], known.type)
        except msgspec.ValidationError as error:
            # Unknown keys of a table one level down are told already.
            if "unknown field" not in str(error):
                message = f"{known.name}: {_AT_KEY.sub('', str(error)).lower()}"
                problems.append(where.problem((*place, known.name), message))
    return type_(**usable)


def _lines(file: str, text: str) -> dict[Place, tuple[str, int]]:
    """Where every table and key of the text stands; keys inside { } stand where their table does."""
    out: dict[Place, tuple[str, int]] = {}
    table: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            table = _parts(header.group(1))
            out.setdefault(table, (file, number))
        elif key:
            out.setdefault((*table, *_parts(key.group(1))), (file, number))
    return out


def _parts(dotted: str) -> Place:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LONGEST:
            raise UsageError(f"{path} is larger than a configuration can be", remedy="is it the right file?")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", remedy="make it readable, or move it away"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {path}: it is not UTF-8 text", remedy="save it as UTF-8") from error
