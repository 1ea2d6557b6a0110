"""Which Kubernetes cluster a kubeconfig leads to: read for what is shown and asked, never to reach it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Cluster:
    context: str
    server: str
    """Address of its API; empty where the file does not say."""


def chosen(environment: Mapping[str, str]) -> Cluster | None:
    """The context of the environment or the current one, as `kubectl` finds it; None: there is none.

    Of several files the first that says something counts.
    """
    files = list(_read(environment))
    context = environment.get("KUBERNETES_CONTEXT") or next(
        (str(each["current-context"]) for each in files if each.get("current-context")), ""
    )
    if not context:
        return None
    named = _named(files, "contexts", context).get("context") or {}
    server = (_named(files, "clusters", str(named.get("cluster", ""))).get("cluster") or {}).get("server", "")
    return Cluster(context, str(server))


def _named(files: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    for file in files:
        for each in file.get(kind) or ():
            if isinstance(each, dict) and each.get("name") == name:
                return each
    return {}


def _read(environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    home = environment.get("HOME") or str(Path.home())
    for name in (environment.get("KUBECONFIG") or f"{home}/.kube/config").split(os.pathsep):
        try:
            found = yaml.load(Path(name).read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (OSError, yaml.YAMLError):
            # Whoever uses it says what is wrong with it.
            continue
        if isinstance(found, dict):
            yield found
