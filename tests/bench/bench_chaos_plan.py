"""Time of `sretool chaos plan`, `list` and `docs`: `python -m tests.bench.bench_chaos_plan`.

Each is a fresh process. One experiment calls a driver of its own that is asked what it would hurt; one is
ours; one calls chaostoolkit-kubernetes, whose import alone takes a second: it is read and never imported,
neither by us nor by the program that asks. Processor time is told, too: a busy machine makes waiting longer.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

TIMES: Final = 5
BOUND: Final = 1.0
"""Seconds that a plan may take."""
HEAVY: Final = ("kubernetes", "chaosk8s", "locust", "gevent", "matplotlib", "textual")
DRIVER: Final = '''\
def slow(target): ...
def plan_slow(target):
    """One."""
    return [{"target": target, "fault": "latency", "undo": {"kind": "toxic_remove"}, "of": 2}]
'''
OWN: Final = """\
title: The network is slow
description: Each round trip takes longer.
steady-state-hypothesis: {title: It answers, probes: [PROBE]}
method:
  - name: slow it
    type: action
    provider: {type: python, module: bench_driver, func: slow, arguments: {target: a}}
rollbacks: []
extensions:
  - name: sretool
    dose: {want: 200ms, probe: it answers}
    stop_when: [burn > 14.4, after 10m]
"""
KUBERNETES: Final = """\
title: A pod is gone
description: One of many.
steady-state-hypothesis: {title: It answers, probes: [PROBE]}
method:
  - name: kill a pod
    type: action
    provider:
      type: python
      module: chaosk8s.pod.actions
      func: terminate_pods
      arguments: {label_selector: app=shop, ns: shop, rand: true, qty: 1}
rollbacks:
  - name: scale
    type: action
    provider:
      type: python
      module: chaosk8s.deployment.actions
      func: scale_deployment
      arguments: {name: shop, replicas: 2, ns: shop}
"""
PROBE: Final = (
    "{name: it answers, type: probe, tolerance: 200,"
    " provider: {type: http, url: 'http://127.0.0.1:1/', timeout: 1}}"
)
PROGRAM: Final = (
    "import sys; from sretool.cli import chaos, diagnostics, main; main.COMMANDS['chaos'] = ''; main.main()"
)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="sretool-bench-") as place:
        folder = Path(place)
        (folder / "bench_driver.py").write_text(DRIVER)
        (folder / "own.yaml").write_text(OWN.replace("PROBE", PROBE))
        (folder / "kubernetes.yaml").write_text(KUBERNETES.replace("PROBE", PROBE))
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONUNBUFFERED": "1"}
        for name in ("STATE", "CACHE", "CONFIG"):
            environment[f"XDG_{name}_HOME"] = str(folder / name.lower())
        slowest = 0.0
        plans = (["plan", "own.yaml"], ["plan", "kubernetes.yaml"], ["plan", "network-latency"])
        for arguments in (*plans, ["list"], ["docs"]):
            before = _processor()
            took = [_once(arguments, folder, environment) for _ in range(TIMES)]
            slowest = max(slowest, *took)
            worked = (_processor() - before) / TIMES
            shown = (
                f"median {statistics.median(took):.2f} s, worst {max(took):.2f} s, processor {worked:.2f} s"
            )
            heavy = _heavy(arguments, folder, environment)
            print(f"chaos {' '.join(arguments):<22} {shown}, heavy modules: {heavy}")
    print(f"{'within' if slowest <= BOUND else 'ABOVE'} {BOUND:g} s")
    return slowest > BOUND


def _once(arguments: list[str], folder: Path, environment: dict[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "chaos", *arguments],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
    )
    took = time.perf_counter() - began
    # Without a lab ours has a problem: its actions were asked all the same.
    if done.returncode not in (0, 2):
        sys.exit(done.stderr.decode())
    return took


def _processor() -> float:
    """Seconds that all our children have worked."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _heavy(arguments: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Heavy modules that any Python process of the command has loaded."""
    spy = folder / "spy"
    spy.mkdir(exist_ok=True)
    (spy / "sitecustomize.py").write_text(
        "import atexit, json, os, sys\n"
        "def tell():\n"
        f"    found = sorted(set(sys.modules) & set({HEAVY!r}))\n"
        "    with open(os.environ['SPY'], 'a') as file: file.write(json.dumps(found) + '\\n')\n"
        "atexit.register(tell)\n"
    )
    told = folder / "told.jsonl"
    told.unlink(missing_ok=True)
    path = f"{spy}{os.pathsep}{environment['PYTHONPATH']}"
    _once(arguments, folder, {**environment, "PYTHONPATH": path, "SPY": str(told)})
    rows = [json.loads(line) for line in told.read_text().splitlines()]
    found = sorted({name for row in rows for name in row})
    return f"{', '.join(found) or 'none'} ({len(rows)} process{'' if len(rows) == 1 else 'es'})"


if __name__ == "__main__":
    sys.exit(main())
