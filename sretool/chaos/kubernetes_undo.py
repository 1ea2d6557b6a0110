"""Undoes one fault in a Kubernetes cluster: `python -m sretool.chaos.kubernetes_undo '{"do": …}'`.

Started by whoever undoes (a warden, `sretool chaos heal`), which need no library for it. Words for all kinds:
`context` and `config` (how the cluster is reached); then by `do`:

    delete    an object of Chaos Mesh: plural, ns, name, token (what we wrote on it)
    scale     of a workload: workload, ns, name, uid, replicas (as before), applied (what the fault set)
    uncordon  of a node: name, uid
    replaced  of killed pods: ns, label_selector, ready (how many were), name (of a stateful set's pod)

Each may be repeated at any time, looks whether the thing is still ours or the same, and reads it back. Ends
with 0 where it was undone, 3 where nothing is left to undo, 1 where it could not be; the last line on
standard error says what became of it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from chaoslib.exceptions import ActivityFailed
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from sretool.chaos import cluster
from sretool.chaos.cluster import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GROUP: Final = "chaos-mesh.org"
VERSION: Final = "v1alpha1"
TOKEN: Final = "sretool.dev/undo"
"""Annotation by which we know our objects."""
LET_GO: Final = 30.0
"""Seconds in which Chaos Mesh must have taken its fault back."""
BACK: Final = 75.0
"""Seconds in which killed pods must have been replaced."""
_LOOK: Final = 0.2

Told = tuple[int, str]
"""Exit code and what is said."""
UNDONE: Final = 0
FAILED: Final = 1
NOTHING: Final = 3


def delete(api: Any, undo: Mapping[str, Any]) -> Told:
    objects = client.CustomObjectsApi(api)
    place = (GROUP, VERSION, undo["ns"], undo["plural"], undo["name"])
    label = f"{undo['plural']} {undo['ns']}/{undo['name']}"

    def there() -> Any | None:
        return _or_none(lambda: objects.get_namespaced_custom_object(*place, _request_timeout=PATIENCE))

    found = there()
    if found is None:
        return NOTHING, f"no {label}"
    meta = found["metadata"]
    if (meta.get("annotations") or {}).get(TOKEN) != undo["token"]:
        return NOTHING, f"{label} is somebody else's"
    only_this = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=meta["uid"]))
    _or_none(
        lambda: objects.delete_namespaced_custom_object(*place, body=only_this, _request_timeout=PATIENCE)
    )
    # It goes when Chaos Mesh has taken its fault back.
    until = time.monotonic() + LET_GO
    while there() is not None:
        if time.monotonic() > until:
            return FAILED, f"{label} is still there: its fault was not taken back in {LET_GO:.0f} s"
        time.sleep(_LOOK)
    return UNDONE, f"{label} removed"


def scale(api: Any, undo: Mapping[str, Any]) -> Told:
    ns, kind, name, replicas = undo["ns"], undo["workload"], undo["name"], int(undo["replicas"])
    label = f"{kind} {ns}/{name}"
    found = _workload(api, kind, ns, name)
    if found is None:
        return NOTHING, f"{label} no longer exists"
    if found.metadata.uid != undo["uid"]:
        return NOTHING, f"{label} is another one by now"
    now = found.spec.replicas
    if now == replicas:
        return NOTHING, f"{label} has {replicas} replicas"
    if now != undo["applied"]:
        return NOTHING, f"{label} has {now} replicas, which the fault did not set: they stay"
    cluster.scale(api, ns, kind, name, replicas)
    after = _workload(api, kind, ns, name)
    if after is None or after.spec.replicas != replicas:
        return FAILED, f"{label} does not have {replicas} replicas after they were set"
    return UNDONE, f"{label} {now} → {replicas} replicas"


def _workload(api: Any, kind: str, ns: str, name: str) -> Any | None:
    apps: Any = client.AppsV1Api(api)
    read = {"deployment": apps.read_namespaced_deployment, "statefulset": apps.read_namespaced_stateful_set}
    return _or_none(lambda: read[kind](name, ns, _request_timeout=PATIENCE))


def uncordon(api: Any, undo: Mapping[str, Any]) -> Told:
    core: Any = client.CoreV1Api(api)
    name = undo["name"]
    found = _or_none(lambda: core.read_node(name, _request_timeout=PATIENCE))
    if found is None:
        return NOTHING, f"node {name} no longer exists"
    if found.metadata.uid != undo["uid"]:
        return NOTHING, f"node {name} is another one by now"
    if not found.spec.unschedulable:
        return NOTHING, f"node {name} takes work"
    after = core.patch_node(name, {"spec": {"unschedulable": False}}, _request_timeout=PATIENCE)
    if after.spec.unschedulable:
        return FAILED, f"node {name} still takes no work"
    return UNDONE, f"node {name} takes work again"


def replaced(api: Any, undo: Mapping[str, Any]) -> Told:
    """Nobody can bring a killed pod back; its controller makes another one, and this waits for it."""
    core: Any = client.CoreV1Api(api)
    wanted, label = int(undo["ready"]), f"{undo['ns']}/{undo['label_selector']}"
    until, waited = time.monotonic() + BACK, False
    while True:
        listed = core.list_namespaced_pod(
            undo["ns"], label_selector=undo["label_selector"], _request_timeout=PATIENCE
        ).items
        ready = sum(cluster.is_ready(pod) for pod in listed)
        is_back = _is_back(core, undo)
        if ready >= wanted and is_back:
            return (UNDONE if waited else NOTHING), f"{ready} pods {label} are ready"
        if time.monotonic() > until:
            which = "" if is_back else f", and {undo['name']} is not"
            return FAILED, f"{ready} of {wanted} pods {label} are ready after {BACK:.0f} s{which}"
        waited = True
        time.sleep(_LOOK)


def _is_back(core: Any, undo: Mapping[str, Any]) -> bool:
    """A stateful set's new pod has the old name; labels may be another one's by then, as a primary's are."""
    if "name" not in undo:
        return True
    found = _or_none(lambda: core.read_namespaced_pod(undo["name"], undo["ns"], _request_timeout=PATIENCE))
    return found is not None and cluster.is_ready(found)


def _or_none(read: Callable[[], Any]) -> Any | None:
    """None where there is no such thing."""
    try:
        return read()
    except ApiException as error:
        if error.status == 404:
            return None
        raise


_KINDS: Final[dict[str, Callable[[Any, Mapping[str, Any]], Told]]] = {
    each.__name__: each for each in (delete, scale, uncordon, replaced)
}


def undone(undo: Mapping[str, Any]) -> Told:
    """Never raises for what a cluster can answer."""
    if undo.get("config"):
        os.environ["KUBECONFIG"] = undo["config"]
    try:
        with cluster.told("undoing"):
            return _KINDS[undo["do"]](cluster.connected(undo.get("context", "")), undo)
    except KeyError as error:
        return FAILED, f"its entry makes no sense: {error}"
    except ActivityFailed as error:
        return FAILED, str(error)


def main() -> int:
    code, text = undone(json.loads(sys.argv[1]))
    sys.stderr.write(text + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
