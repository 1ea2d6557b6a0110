"""The manifests for load tests in a cluster fit the program and each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sretool.cli.load_run import run

MANIFESTS = Path(__file__).parents[1] / "loadprofiles/cluster/kubernetes.yaml"
OF_ONE_SIDE = {"master", "worker", "workers", "metrics_port"}


def objects() -> dict[tuple[str, str], dict[str, Any]]:
    found = yaml.safe_load_all(MANIFESTS.read_text())
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def pod(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = job["spec"]["template"]["spec"]
    return found


def options(job: dict[str, Any]) -> dict[str, Any]:
    """What the program understands of the arguments."""
    (container,) = pod(job)["containers"]
    load, command, *words = container["args"]
    assert (load, command) == ("load", "run")
    return run.make_context("run", words).params


def test_master_and_workers_agree() -> None:
    found = objects()
    master, workers = (options(found["Job", name]) for name in ("load-master", "load-workers"))
    assert {key: value for key, value in master.items() if key not in OF_ONE_SIDE} == {
        key: value for key, value in workers.items() if key not in OF_ONE_SIDE
    }
    assert found["Job", "load-workers"]["spec"]["parallelism"] == master["workers"]
    assert found["Job", "load-workers"]["spec"]["completions"] == master["workers"]


def test_workers_find_their_master() -> None:
    found = objects()
    name, port = options(found["Job", "load-workers"])["worker"].split(":")
    service = found["Service", name]["spec"]
    master = found["Job", "load-master"]
    labels = master["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    ports = {each["name"]: each["port"] for each in service["ports"]}
    listening = options(master)
    assert (str(ports["workers"]), str(ports["metrics"])) == (
        listening["master"].rpartition(":")[2],
        listening["metrics_port"].rpartition(":")[2],
    )
    assert int(port) == ports["workers"]
    (container,) = pod(master)["containers"]
    assert {each["name"]: each["containerPort"] for each in container["ports"]} == ports


def test_what_is_mounted_is_there() -> None:
    found = objects()
    for name in ("load-master", "load-workers"):
        spec = pod(found["Job", name])
        (container,) = spec["containers"]
        given = {each["name"] for each in spec["volumes"]}
        assert {each["name"] for each in container["volumeMounts"]} == given
        for volume in spec["volumes"]:
            if claim := volume.get("persistentVolumeClaim"):
                assert ("PersistentVolumeClaim", claim["claimName"]) in found
