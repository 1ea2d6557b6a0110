"""Looks at what experiments can do on this machine: `python -m sretool.chaos.host [--lab NAME]`.

Standard output is one JSON object, the fields of `sretool.core.plans.chaos.host.HostFacts`. Everything is
tried for real and put away again: a control group, a line in a log, a proxy; what could hurt others is tried
in a network of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import socket
import sys
import tempfile
import time
from importlib import metadata, util
from pathlib import Path
from typing import Any

import httpx

from sretool.adapters.lab import cgroups
from sretool.chaos import lab
from sretool.chaos.actions import disk
from sretool.chaos.actions.cpu import systemd_problem
from sretool.chaos.actions.network import netem_problem
from sretool.chaos.actions.queue import queue_problem
from sretool.errors import ChaosError
from sretool.undo import heal, index
from sretool.undo.entry import UndoEntry
from sretool.undo.log import UndoLog


def facts(lab_name: str) -> dict[str, Any]:
    root = os.geteuid() == 0
    places = index.place(os.environ)
    log_problem, log_ms = _log(places.parent)
    groups, groups_problem = _groups()
    found, proxies = _lab(lab_name)
    return {
        "root": root,
        "python": platform.python_version(),
        "toolkit": _version("chaostoolkit-lib"),
        "kubernetes": _version("chaostoolkit-kubernetes"),
        "kubeconfig": _kubeconfig(),
        "log_folder": str(places.parent),
        "log_problem": log_problem,
        "log_ms": log_ms,
        "left": [str(each) for each in heal.left_over(places)],
        "proxy_problem": _proxy(),
        "uvloop": util.find_spec("uvloop") is not None,
        "netem_problem": netem_problem() if root else "netem needs root",
        "queue_problem": queue_problem() if root else "NFQUEUE needs root",
        "cgroups": groups,
        "cgroups_problem": groups_problem,
        "systemd_problem": systemd_problem(),
        "lab": found,
        "lab_proxies": proxies,
        "disk_free": shutil.disk_usage("/").free,
        "disk_reserve": disk.reserve_of_the_machine(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _kubeconfig() -> str | None:
    given = os.environ.get("KUBECONFIG", "").split(os.pathsep)
    files = [*filter(None, given), os.path.expanduser("~/.kube/config")]
    return next((file for file in files if Path(file).is_file()), None)


def _log(state: Path) -> tuple[str | None, float | None]:
    """Why no log can be kept; milliseconds that one line takes."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=state, prefix=".doctor-") as folder:
            log = UndoLog(Path(folder))
            began = time.monotonic()
            log.open(UndoEntry("1", "none", "nothing", {"kind": "file_remove", "path": folder}))
            return None, (time.monotonic() - began) * 1000
    except OSError as error:
        return error.strerror or str(error), None


def _groups() -> tuple[str | None, str | None]:
    found = cgroups.tried()
    if found is not None:
        return found[0], None
    who = "root" if os.geteuid() == 0 else "this user"
    return None, f"no control group with limits can be made by {who}"


def _proxy() -> str | None:
    if util.find_spec("aiohttp") is None:
        return "aiohttp is not installed"
    try:
        socket.create_server(("127.0.0.1", 0)).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _lab(name: str) -> tuple[str | None, list[str]]:
    """The running lab, and the proxies that answer."""
    try:
        found = lab.find(name)
    except ChaosError:
        return None, []
    proxies: list[str] = []
    with contextlib.suppress(ChaosError, httpx.HTTPError, ValueError):
        reply = httpx.get(f"{found.endpoint('toxiproxy')}/proxies", timeout=2.0, trust_env=False)
        proxies = sorted(reply.json())
    return found.name, proxies


def main() -> int:
    parser = argparse.ArgumentParser(prog="sretool.chaos.host")
    parser.add_argument("--lab", default="", metavar="NAME")
    given = parser.parse_args()
    json.dump(facts(given.lab), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
