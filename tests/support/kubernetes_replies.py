"""What a real Kubernetes API server answered: recorded once, given again on loopback.

A file of tests/data/kubernetes holds what one test asked and was told, in that order. Whoever asks again must
ask the same: who, method, path, content type, body; what changed something goes in the order it was recorded,
and none may be left out. What only was read, or was refused, is given as it was after as many changes; asked
more often than it was recorded, it stays as it was last.

Recording, a proxy stands between the test and a cluster, and the test's preparations are real:

    SRETOOL_RECORD_KUBECONFIG=FILE .venv/bin/python -m pytest tests/chaos/test_kubernetes_replies.py

That cluster must be one to throw away (a node is drained), with two nodes for work, RBAC, Chaos Mesh, and
something that lets pods become ready. Left out are managed fields, addresses of machines, and every header
but a few; tokens are in no exchange.

What is there was said by a kube-apiserver with its controllers and its scheduler. Kubelets were played, and
so was the controller of Chaos Mesh behind its own resource definitions.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.config import new_client_from_config
from kubernetes.utils import create_from_dict

from sretool.chaos.cluster import is_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA: Final = Path(__file__).parent.parent / "data" / "kubernetes"
RECORD: Final = "SRETOOL_RECORD_KUBECONFIG"
NS: Final = "sretool-recorded"
CONTEXTS: Final = ("admin", "reader", "stranger")
"""Who asks: who may do everything, who may read pods of `NS`, and whom the server does not know."""
_HEADERS: Final = ("content-type", "retry-after", "warning")
_MACHINE: Final = ("machineID", "systemUUID", "bootID")
_ADDRESS: Final = re.compile(r"\b(?!192\.0\.2\.|198\.51\.100\.)\d{1,3}(?:\.\d{1,3}){3}\b")
_NOBODY: Final = "192.0.2.1"
"""Of a network that is for documentation."""
_READY: Final = 180.0
"""Seconds in which preparations must be there."""

Exchange = dict[str, Any]
Answer = tuple[int, dict[str, str], Any]
"""Status, headers, and a body: text or what JSON has."""


class World:
    """The cluster behind a test; giving replies again there is none, and preparations do nothing."""

    def __init__(self, api: Any | None) -> None:
        self.api = api

    def have(self, *objects: dict[str, Any]) -> None:
        """These objects in `NS`, and their pods ready."""
        if self.api is None:
            return
        for each in objects:
            create_from_dict(self.api, each, namespace=NS)  # type: ignore[no-untyped-call]
        wanted = sum(each["spec"].get("replicas", each["kind"] == "Pod") for each in objects)
        core: Any = client.CoreV1Api(self.api)
        self.wait(lambda: sum(is_ready(pod) for pod in core.list_namespaced_pod(NS).items) >= wanted)

    def do(self, change: Callable[[Any], Any]) -> None:
        """Something that somebody else does to the cluster."""
        if self.api is not None:
            change(self.api)

    def wait(self, until: Callable[[], Any]) -> None:
        """Until the cluster is like that."""
        ends = time.monotonic() + _READY
        while self.api is not None and not until():
            assert time.monotonic() < ends, "the cluster does not get ready"
            time.sleep(0.2)


@contextmanager
def cluster(name: str, folder: Path) -> Iterator[tuple[World, Path]]:
    """The cluster of one recording, and a kubeconfig in `folder` that leads to it; fails at the end where
    something else was asked than is recorded."""
    real = os.environ.get(RECORD)
    file = DATA / f"{name}.json"
    if not real:
        replay = _Replay(_read(file))
        with _served(replay.answer, folder) as config:
            yield World(None), config
        assert replay.problems() == []
        return
    api: Any = new_client_from_config(real)  # type: ignore[no-untyped-call]
    with _namespace(api):
        recording = _Recording(api)
        with _served(recording.answer, folder) as config:
            yield World(api), config
    version = client.VersionApi(api).get_code()
    _write(file, version.git_version, recording.exchanges)


# --- over the wire


@contextmanager
def _served(answer: Callable[[Exchange], Answer], folder: Path) -> Iterator[Path]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked: Exchange = {
                "who": (self.headers.get("Authorization") or "").removeprefix("Bearer token-of-"),
                "method": self.command,
                "path": self.path,
            }
            if sent:
                asked |= {"as": self.headers.get("Content-Type"), "sent": json.loads(sent)}
            status, headers, body = answer(asked)
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            for header, value in headers.items():
                self.send_header(header, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        file = folder / "kubeconfig"
        config = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
            "users": [{"name": who, "user": {"token": f"token-of-{who}"}} for who in CONTEXTS],
            "contexts": [{"name": who, "context": {"cluster": "c", "user": who}} for who in CONTEXTS],
            "current-context": CONTEXTS[0],
        }
        file.write_text(yaml.safe_dump(config))
        try:
            yield file
        finally:
            server.shutdown()


def _is_change(exchange: Exchange) -> bool:
    """What is refused changes nothing."""
    return bool(exchange["asked"]["method"] != "GET" and exchange["told"]["status"] < 400)


class _Replay:
    def __init__(self, exchanges: list[Exchange]) -> None:
        self.looks: dict[str, list[tuple[int, Answer]]] = {}
        """By what is asked: after how many changes, and what is told."""
        self.changes = [each for each in exchanges if _is_change(each)]
        changed = 0
        for each in exchanges:
            if _is_change(each):
                changed += 1
            else:
                self.looks.setdefault(_line(each["asked"]), []).append((changed, _answer(each)))
        self.changed = 0
        self.odd: list[str] = []

    def answer(self, asked: Exchange) -> Answer:
        known = self.looks.get(_line(asked), [])
        past = [after for after, _ in known if after <= self.changed]
        while past and known[0][0] < past[-1]:
            known.pop(0)
        wanted = self.changes[self.changed] if self.changed < len(self.changes) else None
        if wanted is not None and wanted["asked"] == asked:
            # What was refused at first, and then was not.
            if past and known[0][0] == self.changed:
                return known.pop(0)[1]
            self.changed += 1
            return _answer(wanted)
        if past:
            return known.pop(0)[1] if len(known) > 1 and known[1][0] == past[-1] else known[0][1]
        said = f"asked: {_line(asked)}; recorded: {_line(wanted and wanted['asked'])}"
        self.odd.append(said)
        return 501, {"content-type": "text/plain"}, said

    def problems(self) -> list[str]:
        return self.odd + [f"never asked: {_line(each['asked'])}" for each in self.changes[self.changed :]]


def _answer(exchange: Exchange) -> Answer:
    told = exchange["told"]
    return told["status"], told["headers"], told["body"]


# --- files: each object is there once, exchanges name it by its number


def _read(file: Path) -> list[Exchange]:
    found = json.loads(file.read_text(encoding="utf-8"))

    def whole(part: Any) -> Any:
        if isinstance(part, list):
            return [whole(each) for each in part]
        if not isinstance(part, dict):
            return part
        if part.keys() == {"object"}:
            return found["objects"][part["object"]]
        return {name: whole(value) for name, value in part.items()}

    exchanges: list[Exchange] = whole(found["exchanges"])
    return exchanges


def _write(file: Path, server: str, exchanges: list[Exchange]) -> None:
    objects: dict[str, int] = {}

    def packed(part: Any) -> Any:
        if isinstance(part, list):
            return [packed(each) for each in part]
        if not isinstance(part, dict):
            return part
        if "uid" in (part.get("metadata") or ()):
            return {"object": objects.setdefault(_line(part), len(objects))}
        return {name: packed(value) for name, value in part.items()}

    lines = ",\n".join([_line(packed(each)) for each in exchanges])
    kept = ",\n".join(objects)
    text = f'{{"server":"{server}",\n"exchanges":[\n{lines}\n],\n"objects":[\n{kept}\n]}}\n'
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _line(part: Any) -> str:
    return json.dumps(part, separators=(",", ":"))


# --- recording


class _Recording:
    def __init__(self, api: Any) -> None:
        self.api = api
        self.exchanges: list[Exchange] = []
        self.reader = _reader(api)

    def answer(self, asked: Exchange) -> Answer:
        headers: dict[str, str] = {"Accept": "application/json"}
        if asked["who"] == CONTEXTS[0]:
            self.api.update_params_for_auth(
                headers, [], ["BearerToken"], asked["path"], asked["method"], None
            )
        else:
            headers["Authorization"] = f"Bearer {self.reader if asked['who'] == 'reader' else 'unknown'}"
        body = None
        if "sent" in asked:
            if asked["as"]:
                headers["Content-Type"] = asked["as"]
            body = json.dumps(asked["sent"])
        said = self.api.rest_client.pool_manager.request(
            asked["method"], self.api.configuration.host + asked["path"], headers=headers, body=body,
            retries=False,
        )  # fmt: skip
        kept = {name.lower(): value for name, value in said.headers.items() if name.lower() in _HEADERS}
        text = _ADDRESS.sub(_NOBODY, said.data.decode())
        scrubbed = _scrubbed(json.loads(text)) if "json" in kept.get("content-type", "") else text
        told = {"status": said.status, "headers": kept, "body": scrubbed}
        exchange = {"asked": asked, "told": told}
        if not self._told_already(exchange):
            self.exchanges.append(exchange)
        return said.status, kept, scrubbed

    def _told_already(self, exchange: Exchange) -> bool:
        """Whether it was the same since the last change."""
        if _is_change(exchange):
            return False
        for each in reversed(self.exchanges):
            if _is_change(each):
                return False
            if each["asked"] == exchange["asked"]:
                return _without_version(each["told"]) == _without_version(exchange["told"])
        return False


def _scrubbed(body: Any) -> Any:
    if isinstance(body, list):
        return [_scrubbed(each) for each in body]
    if not isinstance(body, dict):
        return body
    return {
        name: "" if name in _MACHINE else [] if name == "images" else _scrubbed(value)
        for name, value in body.items()
        if name != "managedFields"
    }


def _without_version(told: dict[str, Any]) -> str:
    """A list has the version of everything in the cluster."""
    body = told["body"]
    if isinstance(body, dict) and str(body.get("kind")).endswith("List"):
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": ""}}
    return json.dumps({**told, "body": body})


@contextmanager
def _namespace(api: Any) -> Iterator[None]:
    core: Any = client.CoreV1Api(api)
    world = World(api)
    core.create_namespace({"metadata": {"name": NS}})
    try:
        yield
    finally:
        core.delete_namespace(NS)
        world.wait(lambda: not _is_there(lambda: core.read_namespace(NS)))


def _is_there(read: Callable[[], Any]) -> bool:
    try:
        read()
    except ApiException as error:
        if error.status == 404:
            return False
        raise
    return True


def _reader(api: Any) -> str:
    """A token of somebody who may read pods of `NS`."""
    core: Any = client.CoreV1Api(api)
    of = {"kind": "ServiceAccount", "name": "reader", "namespace": NS}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    core.create_namespaced_service_account(NS, {"metadata": {"name": "reader"}})
    rbac: Any = client.RbacAuthorizationV1Api(api)
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    rbac.create_namespaced_role(NS, {"metadata": {"name": "reader"}, "rules": rules})
    rbac.create_namespaced_role_binding(
        NS, {"metadata": {"name": "reader"}, "roleRef": role, "subjects": [of]}
    )
    token = core.create_namespaced_service_account_token("reader", NS, {"spec": {}}).status.token
    time.sleep(1.0)  # until the server knows what the reader may do
    return str(token)
