"""A Kubernetes API server on loopback, with a little of a cluster's own life behind it.

KMock serves the API: it keeps objects, patches them, streams what changes. What it leaves out and our code
(and `kubectl`, which tests use to look from outside) stands on is added here as the API's documentation has
it: which resources there are, kinds, selectors on lists, uids, preconditions, graceful deletion, evictions
against disruption budgets, scale. Controllers work as soon as something changes: workloads replace their
pods, Chaos Mesh makes its faults and lets go of them.

It is no real cluster: no scheduler, no kubelet, no admission. `SRETOOL_TEST_KUBECONFIG` names one for that,
and `tests.support.kubernetes_replies` has what a real server says.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp.web
import kmock
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Key = tuple[kmock.resource, str | None, str]

PODS = kmock.resource("", "v1", "pods")
NODES = kmock.resource("", "v1", "nodes")
DEPLOYMENTS = kmock.resource("apps", "v1", "deployments")
NETWORK = kmock.resource("chaos-mesh.org", "v1alpha1", "networkchaos")
STRESS = kmock.resource("chaos-mesh.org", "v1alpha1", "stresschaos")
_KINDS = {
    PODS: "Pod",
    NODES: "Node",
    DEPLOYMENTS: "Deployment",
    NETWORK: "NetworkChaos",
    STRESS: "StressChaos",
}
_NAMESPACED = (PODS, DEPLOYMENTS, NETWORK, STRESS)
_VERBS = ["create", "delete", "get", "list", "patch", "watch"]
_VERSION = re.compile(r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)")
_REASONS = {400: "BadRequest", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 429: "TooManyRequests"}
_REQUIREMENT = re.compile(r"\s*(!?)([^\s!=,()]+)\s*(?:(==?|!=)\s*([^\s,()]*)|(in|notin)\s*\(([^)]*)\))?\s*")


class Cluster(kmock.KubernetesEmulator):
    """The handler; every method that changes something runs in the server's thread."""

    def prepare(self) -> None:
        for resource in _KINDS:
            self.resources[resource] = kmock.ResourceInfo(
                kind=_KINDS[resource],
                singular=None,
                shortnames=set(),
                categories=set(),
                subresources=set(),
                namespaced=resource in _NAMESPACED,
                verbs=set(_VERBS),
            )
        self.refuse: dict[str, tuple[int, str]] = {}
        """`delete pods` → status and message of a server that does not want to."""
        self.budget_blocks = 0
        """Evictions that a disruption budget still refuses."""
        self.stubborn = False
        """Chaos Mesh does not take its faults back."""
        self.idle = False
        """Controllers do nothing."""
        self.startup = 0.0
        """Seconds until a new pod of a controller is ready."""
        self.starting: dict[Key, float] = {}
        self.asked: list[tuple[str, str]] = []
        """Method and path of every request."""
        self.numbers = itertools.count(1)

    # --- the API

    async def _handle(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        path = str(request.url.path)
        self.asked.append((request.method.value, path))
        self._start()
        version = _VERSION.fullmatch(path)
        if version is not None and request.method.value == "GET":
            return _resources(version["group"] or "", version["version"])
        verb = request.action.value.lower() if request.action is not None else ""
        plural = str((request.resource.plural if request.resource is not None else None) or "")
        if request.subresource:
            plural = f"{plural}/{request.subresource}"
        if (told := self.refuse.get(f"{verb} {plural}")) is not None:
            return _status(told[0], told[1])
        match verb, plural:
            case "list", _ if plural:
                return self._listed(request)
            case _, "pods/eviction" if request.method.value == "POST":
                return self._evict(request)
            case _, "deployments/scale":
                return self._scale(request)
            case "delete", _ if plural:
                return self._remove(request)
            case _:
                pass
        if verb == "create" and isinstance(request.data, dict):
            meta = request.data.setdefault("metadata", {})
            meta.update(uid=str(uuid.uuid4()), creationTimestamp=_now(), resourceVersion="1")
            if request.resource in (NETWORK, STRESS):
                meta["finalizers"] = ["chaos-mesh/records"]
        try:
            response = await super()._handle(request)
        except kmock.KubernetesError as error:
            return _status(error.status, error.message or "")
        self.live()
        return response

    def _listed(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        assert request.resource is not None
        labels = request.params.get("labelSelector", "")
        fields = request.params.get("fieldSelector", "")
        found = [
            raw
            for key, raw in self.there(request.resource)
            if request.namespace in (None, key[1])
            and selected(labels, raw["metadata"].get("labels") or {})
            and _fields(fields, raw)
        ]
        most = int(request.params.get("limit", len(found)) or len(found))
        kind = _KINDS.get(request.resource, "Object")
        api = f"{request.resource.group}/{request.resource.version}".lstrip("/")
        return aiohttp.web.json_response(
            {
                "kind": f"{kind}List",
                "apiVersion": api,
                "metadata": {"resourceVersion": "1"},
                "items": found[:most],
            }
        )

    def _remove(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        assert request.resource is not None
        assert request.name is not None
        key = (request.resource, request.namespace, request.name)
        return self._removed(key, request.data or {})

    def _removed(self, key: Key, options: dict[str, Any]) -> aiohttp.web.StreamResponse:
        raw = self.raw(key)
        if raw is None:
            return _status(404, f'{key[0].plural} "{key[2]}" not found')
        wanted = (options.get("preconditions") or {}).get("uid")
        has = raw["metadata"]["uid"]
        if wanted not in (None, has):
            what = f'Operation cannot be fulfilled on {key[0].plural} "{key[2]}"'
            return _status(
                409,
                f"{what}: the UID in the precondition ({wanted}) does not match the UID in record ({has}). "
                "The object might have been deleted and then recreated",
            )
        graceful = key[0] == PODS and options.get("gracePeriodSeconds") != 0
        if raw["metadata"].get("finalizers") or (graceful and self.idle):
            self.objects[key].patch({"metadata": {"deletionTimestamp": _now()}})
        else:
            self.objects[key].delete()
        self.live()
        return aiohttp.web.json_response(self.raw(key) or raw)

    def _evict(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        assert request.name is not None
        if self.budget_blocks:
            self.budget_blocks -= 1
            why = "The disruption budget api needs 2 healthy pods and has 2 currently"
            return _status(
                429,
                "Cannot evict pod as it would violate the pod's disruption budget.",
                details={"causes": [{"reason": "DisruptionBudget", "message": why}]},
            )
        gone = self._removed((PODS, request.namespace, request.name), request.data.get("deleteOptions") or {})
        return gone if gone.status >= 400 else _status(201, "", "Success")

    def _scale(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        assert request.name is not None
        key = (DEPLOYMENTS, request.namespace, request.name)
        if self.raw(key) is None:
            return _status(404, f'deployments.apps "{request.name}" not found')
        if request.method.value != "GET":
            self.objects[key].patch({"spec": {"replicas": request.data["spec"]["replicas"]}})
            self.live()
        raw = self.raw(key)
        assert raw is not None
        return aiohttp.web.json_response(
            {
                "kind": "Scale",
                "apiVersion": "autoscaling/v1",
                "metadata": raw["metadata"],
                "spec": {"replicas": raw["spec"]["replicas"]},
            }
        )

    # --- the cluster's own life

    def live(self) -> None:
        """What controllers do."""
        if self.idle:
            return
        for _, raw in list(self.there(DEPLOYMENTS)):
            self._reconcile(raw)
        for resource in (NETWORK, STRESS):
            for key, raw in list(self.there(resource)):
                if raw["metadata"].get("deletionTimestamp"):
                    if not self.stubborn:
                        self.objects[key].delete()
                elif not raw.get("status"):
                    injected = [
                        {"type": "Selected", "status": "True"},
                        {"type": "AllInjected", "status": "True"},
                    ]
                    self.objects[key].patch({"status": {"conditions": injected}})

    def _reconcile(self, deployment: dict[str, Any]) -> None:
        meta = deployment["metadata"]
        own = [
            key
            for key, raw in self.there(PODS)
            if (raw["metadata"].get("ownerReferences") or [{}])[0].get("uid") == meta["uid"]
        ]
        for key in own[deployment["spec"]["replicas"] :]:
            self.objects[key].delete()
        for _ in range(deployment["spec"]["replicas"] - len(own)):
            name = self.pod(
                meta["name"],
                meta["namespace"],
                owner=("ReplicaSet", meta["uid"]),
                phase="Pending" if self.startup else "Running",
                **deployment["spec"]["template"],
            )
            if self.startup:
                self.starting[PODS, meta["namespace"], name] = time.monotonic() + self.startup

    def _start(self) -> None:
        """Pods whose time has come are ready."""
        for key, ready_at in list(self.starting.items()):
            if time.monotonic() >= ready_at:
                del self.starting[key]
                if self.raw(key) is not None:
                    self.objects[key].patch(_pod_status("Running"))

    def there(self, resource: kmock.resource) -> Iterator[tuple[Key, dict[str, Any]]]:
        for key, found in list(self.objects.items()):
            if key[0] == resource and not found.deleted:
                yield key, found.raw

    def raw(self, key: Key) -> dict[str, Any] | None:
        try:
            found = self.objects[key]
        except KeyError:
            return None
        return None if found.deleted else found.raw

    # --- what tests put into it

    def pod(
        self,
        prefix: str,
        ns: str = "shop",
        *,
        labels: dict[str, str] | None = None,
        node: str | None = None,
        owner: tuple[str, str] | None = ("ReplicaSet", "rs"),
        phase: str = "Running",
        limits: dict[str, str] | None = None,
        volumes: list[dict[str, Any]] | None = None,
        annotations: dict[str, str] | None = None,
    ) -> str:
        """The new pod's name; without `node` it goes where work is taken and there is least of it."""
        name = f"{prefix}-{next(self.numbers):03d}"
        owners = [
            {"apiVersion": "apps/v1", "kind": kind, "name": prefix, "uid": uid, "controller": True}
            for kind, uid in ([owner] if owner is not None else [])
        ]
        self.objects[PODS, ns, name] = {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {
                "name": name,
                "namespace": ns,
                "uid": str(uuid.uuid4()),
                "labels": labels or {},
                "annotations": annotations or {},
                "ownerReferences": owners,
                "creationTimestamp": _now(),
            },
            "spec": {
                "nodeName": node or self._free_node(),
                "containers": [{"name": "main", "image": "app", "resources": {"limits": limits or {}}}],
                "volumes": volumes or [],
            },
            **_pod_status(phase),
        }
        return name

    def _free_node(self) -> str:
        on = [raw["spec"]["nodeName"] for _, raw in self.there(PODS)]
        free = [
            key[2]
            for key, raw in self.there(NODES)
            if not raw["spec"].get("unschedulable")
            and "node-role.kubernetes.io/control-plane" not in raw["metadata"]["labels"]
        ]
        return min(free, key=lambda name: (on.count(name), name), default="")

    def node(self, name: str, labels: dict[str, str] | None = None, *, ready: bool = True) -> None:
        self.objects[NODES, None, name] = {
            "kind": "Node",
            "apiVersion": "v1",
            "metadata": {"name": name, "uid": str(uuid.uuid4()), "labels": labels or {}},
            "spec": {},
            "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
        }

    def deployment(self, name: str, replicas: int, ns: str = "shop", **pods: Any) -> None:
        labels = {"app": name}
        self.objects[DEPLOYMENTS, ns, name] = {
            "kind": "Deployment",
            "apiVersion": "apps/v1",
            "metadata": {"name": name, "namespace": ns, "uid": str(uuid.uuid4()), "labels": labels},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"labels": {**labels, **pods.pop("labels", {})}, **pods},
            },
        }
        self.live()


def _pod_status(phase: str) -> dict[str, Any]:
    ready = {"type": "Ready", "status": str(phase == "Running")}
    return {"status": {"phase": phase, "conditions": [ready]}}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _status(
    code: int, message: str, status: str = "Failure", details: dict[str, Any] | None = None
) -> aiohttp.web.Response:
    return aiohttp.web.json_response(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": status,
            "message": message,
            "reason": _REASONS.get(code, ""),
            "details": details or {},
            "code": code,
        },
        status=code,
    )


def _resources(group: str, version: str) -> aiohttp.web.Response:
    """What there is of one version of a group."""
    listed: list[dict[str, Any]] = []
    for resource, kind in _KINDS.items():
        if (resource.group, resource.version) != (group, version):
            continue
        of = {"namespaced": resource in _NAMESPACED, "kind": kind, "singularName": kind.lower()}
        listed.append({"name": resource.plural, "verbs": _VERBS, **of})
        if resource == PODS:
            eviction = {"kind": "Eviction", "group": "policy", "version": "v1", "verbs": ["create"]}
            listed.append({**of, "name": "pods/eviction", "singularName": "", **eviction})
        if resource == DEPLOYMENTS:
            scale = {
                "kind": "Scale",
                "group": "autoscaling",
                "version": "v1",
                "verbs": ["get", "patch", "update"],
            }
            listed.append({**of, "name": "deployments/scale", "singularName": "", **scale})
    name = f"{group}/{version}".lstrip("/")
    return aiohttp.web.json_response(
        {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": listed}
    )


def selected(selector: str, labels: dict[str, str]) -> bool:
    """Whether labels meet every requirement of a selector."""
    parts = re.split(r",(?![^(]*\))", selector) if selector else []
    return all(_meets(part, labels) for part in parts)


def _meets(part: str, labels: dict[str, str]) -> bool:
    found = _REQUIREMENT.fullmatch(part)
    assert found is not None, f"the server does not understand {part!r}"
    absent, name, sign, value, word, values = found.groups()
    has = labels.get(name)
    if sign:
        return (has == value) == (sign != "!=")
    if word:
        return (has in [each.strip() for each in values.split(",")]) == (word == "in")
    return (has is None) == bool(absent)


def _fields(selector: str, raw: dict[str, Any]) -> bool:
    for part in filter(None, selector.split(",")):
        path, _, wanted = part.partition("=")
        value: Any = raw
        for name in path.split("."):
            value = (value or {}).get(name)
        if value != wanted:
            return False
    return True


@contextmanager
def running(folder: Path) -> Iterator[tuple[Cluster, Path]]:
    """The cluster, and a kubeconfig for it with the contexts `test` and `production-eu`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True, name="API server")
    thread.start()
    cluster = Cluster()
    cluster.prepare()
    server = kmock.Server(cluster)

    def call(work: Callable[[], Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work(), loop).result(10)

    call(server.__aenter__)
    try:
        contexts = ("test", "production-eu")
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "loopback", "cluster": {"server": str(server.url).rstrip("/")}}],
            "users": [{"name": "nobody", "user": {"token": "t0ken-of-a-test"}}],
            "contexts": [
                {"name": name, "context": {"cluster": "loopback", "user": "nobody"}} for name in contexts
            ],
            "current-context": "test",
        }
        file = folder / "kubeconfig"
        file.write_text(yaml.safe_dump(config))
        yield cluster, file
    finally:
        call(lambda: server.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
