"""What a load profile calls a request → what it is on one target: method, path, headers, body, checks.

    headers: {X-User-Id: "${user}"}
    requests:
      start:
        request: POST /api/learning/sessions
        json: {}
        save: {session: session_id}
      words: GET /api/learning/words

A profile names requests, a mapping says what they are; so one profile runs against several systems. Places in
texts (see `template`) are filled by what the locustfile sets, by columns of data files, by what earlier
answers gave (`save`), and by secrets: `${env.NAME}` is the environment variable NAME, or the text of the file
that NAME_FILE names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import yaml

from sretool.core.catalog.document import Intake, compose, line_of, pairs
from sretool.core.plans.load import template
from sretool.core.plans.load.requests import ENVIRONMENT, Expect, Request
from sretool.errors import CatalogError, UsageError, Wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
BODIES: Final = ("json", "form", "text")
KEYS: Final = ("request", "name", "headers", *BODIES, "save", "expect")

_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REQUEST_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_INF: Final = float("inf")
_STATUS: Final = re.compile(r"[1-5]\d\d")
T = TypeVar("T")


def read(file: str, text: str) -> dict[str, Request]:
    """The requests of a mapping's file; CatalogError with every problem in it."""
    intake = Intake()
    root = compose(file, text, intake)
    found: dict[str, Request] = {}
    if root is not None:
        found = mapping_of(root, file, intake)
    elif not intake.problems:
        intake.problem(file, 1, "is empty; a mapping has `requests`")
    if intake.problems:
        raise CatalogError(tuple(sorted(intake.problems, key=lambda each: each.line)))
    return found


def mapping_of(root: yaml.Node, file: str, intake: Intake) -> dict[str, Request]:
    """The requests of a mapping; problems go to `intake`."""
    reader = _Reader(file, intake)
    keys = reader.mapping(root, "a mapping", ("headers", "requests"))
    headers = reader.at(keys, "headers", reader.headers) or {}
    requests = reader.at(keys, "requests", reader.any_keys) or {}
    if keys and not requests and not intake.problems:
        intake.problem(file, line_of(root), "`requests` is missing", Wrong.MISSING)
    found: dict[str, Request] = {}
    for name, (key, node) in requests.items():
        if not _REQUEST_NAME.fullmatch(name):
            intake.problem(
                file,
                line_of(key),
                f"{name!r} is no name of a request; use letters, digits, dashes and underscores",
            )
        elif (request := reader.request(name, node, headers)) is not None:
            found[name] = request
    return found


class _Reader:
    """Nodes of one file → values; what cannot be one is None, and a problem."""

    def __init__(self, file: str, intake: Intake) -> None:
        self._file, self._intake = file, intake

    def _wrong(self, node: yaml.Node, error: UsageError | str, key: str = "") -> None:
        if isinstance(error, UsageError):
            error = f"{error.message}; {error.remedy}" if error.remedy else error.message
        self._intake.problem(self._file, line_of(node), f"{key}: {error}" if key else error)

    def at(
        self,
        keys: Mapping[str, tuple[yaml.Node, yaml.Node]],
        key: str,
        read_node: Callable[[str, yaml.Node], T | None],
    ) -> T | None:
        return read_node(key, keys[key][1]) if key in keys else None

    def mapping(
        self, node: yaml.Node, key: str, known: tuple[str, ...]
    ) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, f"{key} with {' and '.join(f'`{each}`' for each in known[:2])} is wanted here")
            return {}
        found = pairs(node, self._file, self._intake)
        for name, (key_node, _) in found.items():
            if name not in known:
                self._intake.unknown_key(self._file, key_node, known, found)
        return found

    def any_keys(self, key: str, node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]] | None:
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, "a mapping is wanted", key)
            return None
        return pairs(node, self._file, self._intake)

    def request(self, name: str, node: yaml.Node, headers: Mapping[str, str]) -> Request | None:
        place = f"{self._file}:{line_of(node)}"
        if isinstance(node, yaml.ScalarNode):
            line = self._line(name, node)
            return Request(*line, place=place, headers=headers) if line else None
        keys = self.mapping(node, name, KEYS)
        if not keys:
            return None
        if "request" not in keys:
            self._intake.problem(self._file, line_of(node), f"{name}: `request` is missing", Wrong.MISSING)
            return None
        bodies = [each for each in BODIES if each in keys]
        if len(bodies) > 1:
            self._wrong(keys[bodies[1]][0], f"has `{bodies[0]}` already; a request has one body", bodies[1])
        line = self.at(keys, "request", self._line)
        own = self.at(keys, "headers", self.headers) or {}
        save = self.at(keys, "save", self._save) or {}
        expect = self.at(keys, "expect", self._expect)
        title = self.at(keys, "name", self._scalar) or ""
        body = None
        if bodies:
            readers: dict[str, Callable[[str, yaml.Node], Any]] = {
                "json": self._json,
                "form": self._texts,
                "text": self._template,
            }
            body = readers[bodies[0]](bodies[0], keys[bodies[0]][1])
        if line is None:
            return None
        return Request(
            *line,
            place=place,
            name=title,
            headers={**headers, **own},
            kind=bodies[0] if bodies else "none",
            body=body,
            save=save,
            expect=expect,
        )

    def headers(self, key: str, node: yaml.Node) -> dict[str, str] | None:
        found = self._texts(key, node)
        for name, value in (found or {}).items():
            if not _HEADER.fullmatch(name) or "\n" in value or "\r" in value:
                self._wrong(node, f"{name!r} cannot be a header", key)
        return found

    def _line(self, key: str, node: yaml.Node) -> tuple[str, str] | None:
        raw = self._template(key, node)
        if raw is None:
            return None
        method, _, path = raw.strip().partition(" ")
        if method.startswith("/"):
            method, path = "GET", raw.strip()
        path = path.strip()
        if method not in METHODS or not path.startswith("/") or " " in template.text(path).fill(_Anything()):
            self._wrong(
                node, f"{raw!r} is no request; write it like POST /answer; methods: {', '.join(METHODS)}", key
            )
            return None
        return method, path

    def _scalar(self, key: str, node: yaml.Node) -> str | None:
        if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null":
            self._wrong(node, "a text is wanted", key)
            return None
        return str(node.value)

    def _template(self, key: str, node: yaml.Node) -> str | None:
        raw = self._scalar(key, node)
        return raw if raw is not None and self._filled(key, node, raw) else None

    def _filled(self, key: str, node: yaml.Node, value: Any) -> bool:
        try:
            template.names(value)
        except UsageError as error:
            self._wrong(node, error, key)
            return False
        return True

    def _texts(self, key: str, node: yaml.Node) -> dict[str, str] | None:
        keys = self.any_keys(key, node)
        if keys is None:
            return None
        found = {name: self._template(name, value) for name, (_, value) in keys.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _json(self, key: str, node: yaml.Node) -> Any:
        try:
            value = yaml.constructor.SafeConstructor().construct_document(node)
            msgspec.json.encode(value)
            _only_json(value)
        except (yaml.YAMLError, TypeError, ValueError, UsageError) as error:
            message = error.message if isinstance(error, UsageError) else " ".join(str(error).split())
            self._wrong(node, f"cannot be JSON: {message}", key)
            return None
        return value if self._filled(key, node, value) else None

    def _save(self, key: str, node: yaml.Node) -> dict[str, str] | None:
        keys = self.any_keys(key, node)
        if keys is None:
            return None
        for name, (key_node, _) in keys.items():
            if not _NAME.fullmatch(name) or name == ENVIRONMENT:
                self._wrong(key_node, f"{name!r} cannot be the name of a value", key)
        found = {name: self._scalar(name, value) for name, (_, value) in keys.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _expect(self, key: str, node: yaml.Node) -> Expect | None:
        keys = self.mapping(node, key, ("status", "contains", "json"))
        status = self.at(keys, "status", self._statuses) or ()
        contains = self.at(keys, "contains", self._scalar) or ""
        wanted = self.at(keys, "json", self._json) or {}
        if not isinstance(wanted, dict) or any(isinstance(each, dict | list) for each in wanted.values()):
            self._wrong(keys["json"][1], "paths and single values are wanted, like `status: ok`", "json")
            return None
        return Expect(status, contains, wanted)

    def _statuses(self, key: str, node: yaml.Node) -> tuple[int, ...] | None:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        raw = [str(each.value) for each in nodes]
        if not raw or not all(_STATUS.fullmatch(each) for each in raw):
            self._wrong(node, "one status of HTTP or a list of them is wanted, like [200, 201]", key)
            return None
        return tuple(map(int, raw))


class _Anything(dict[str, Any]):
    def get(self, key: str, default: Any = None) -> Any:
        return "x"


def _only_json(value: Any) -> None:
    """YAML knows more than JSON: dates, bytes, keys that are no texts."""
    if isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(key, str):
                raise UsageError(f"its key {key!r} is no text; put it in quotes")
            _only_json(each)
    elif isinstance(value, list):
        for each in value:
            _only_json(each)
    elif (
        not (value is None or isinstance(value, str | int | float | bool))
        or value in (_INF, -_INF)
        or value != value
    ):
        raise UsageError(f"{value!r} is none; put it in quotes")
