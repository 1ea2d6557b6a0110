"""The client ledger as activities: start it before the fault, stop it when all should be well again.

What it found is for the probes of `sretool.chaos.probes.ledger`, and for the verdict of `sretool chaos run`.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chaoslib.exceptions import ActivityFailed

from sretool.chaos import sources, undoing
from sretool.chaos.lab import NODES
from sretool.chaos.telling import tell
from sretool.undo import index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.chaos.lab import Lab

_FIRST_USER: Final = 900_000_000
"""Users of ledgers, far from those of the lab's own traffic; each run takes a thousand of its own."""
_RUNS: Final = 99_000
_PER_WRITER: Final = 0.5
"""Writes per second of one user: the service lets each make one."""
_BEGIN_PATIENCE: Final = 30.0


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    began: float
    folder: Path
    settle: float
    pending: bytes = b""


_running: dict[str, _Running] = {}
_found: dict[str, dict[str, Any]] = {}


def start_ledger(
    lab: str = "",
    rate: float = 20.0,
    late: float = 1.0,
    settle: float = 60.0,
    config: Mapping[str, Any] | None = None,
    name: str = "writes",
) -> dict[str, Any]:
    """Start a client that writes through the service and remembers every acknowledged write.

    Returns once the first write was acknowledged: `{"pid", "folder"}`.

    `rate`: writes per second. `late`: seconds after which an answer counts as an outage. `settle`: seconds
    that the database servers may take to agree when the ledger is stopped. `lab`: name of the lab whose
    service and database are meant. For any other service give `config`, as `sretool.chaos.ledger` describes.
    """
    if name in _running:
        raise ActivityFailed(f"the ledger {name!r} is running already")
    given = dict(config) if config is not None else _of_lab(sources.lab(lab))
    given = {"rate": rate, "late_s": late, "settle_s": settle, **given}
    folder = _folder(name)
    # It ends when its standard input does, so whatever ends us ends it: there is nothing to undo.
    with (folder / "errors.txt").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "sretool.chaos.ledger", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    running = _Running(process, time.time(), folder, float(given["settle_s"]))
    _running[name] = running
    _order(running, given)
    if _line(running, _BEGIN_PATIENCE) is None:
        said = (folder / "errors.txt").read_text(errors="replace").strip().splitlines()
        _end(name)
        reason = said[-1] if said else f"no write was acknowledged within {_BEGIN_PATIENCE:.0f} s"
        raise ActivityFailed(f"the ledger {name!r} did not begin: {reason}")
    return {"pid": process.pid, "folder": str(folder)}


def plan_start_ledger(**_: Any) -> list[dict[str, Any]]:
    """It hurts nothing: a client, ended with the experiment."""
    return []


def mark_fault(name: str = "writes", at: float | None = None) -> float:
    """Tell the ledger that a fault was made now, or at the unix time `at`; gives that time.

    Only needed for faults that are not in the undo log: those that are, are found by `stop_ledger`.
    """
    moment = time.time() if at is None else at
    _order(_of(name), {"mark": moment})
    return moment


def plan_mark_fault(**_: Any) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


def stop_ledger(name: str = "writes", calm: float = 0.0, within: float = 120.0) -> dict[str, Any]:
    """Stop the ledger and say what became of its writes, in the words of `sretool.chaos.ledger`.

    The fault is the first one that was put into the undo log after the ledger began. `calm`: it goes on
    until every write of so many seconds went well, for `within` seconds at most, so that the end of an outage
    is seen, whoever answered whatever before; 0 stops it now.
    """
    running = _of(name)
    at = _first_fault_since(running.began)
    if at is not None:
        _order(running, {"mark": at})
    waits = within if calm else 0.0
    _order(running, {"stop": True, "calm": calm, "within": waits})
    line = _line(running, waits + running.settle + 60.0)
    _end(name)
    if line is None:
        raise ActivityFailed(f"the ledger {name!r} ended without saying what became of its writes")
    result: dict[str, Any] = line["result"]
    _found[name] = result
    tell("writes", name=name, result=result, folder=str(running.folder))
    return result


def plan_stop_ledger(**_: Any) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


def result(name: str = "writes") -> dict[str, Any]:
    """What the ledger said when it was stopped; ActivityFailed where it was not, or not in this run."""
    if name not in _found:
        raise ActivityFailed(f"the ledger {name!r} has not been stopped yet: nothing is known of its writes")
    return _found[name]


def _of_lab(lab: Lab) -> dict[str, Any]:
    """Answers of learners, each a row of its own."""
    nodes = {node: lab.endpoints[node.replace("-", "_")] for node in NODES if node in lab.names}
    servers = [
        {
            "name": node,
            # The application's own role reads its rows, and the one of checks the state of replication.
            "url": url.replace("://", "://amas@", 1),
            "statistics": url.replace("://", "://probe@", 1),
            "known_as": [url.split("://", 1)[1].split("/", 1)[0]],
        }
        for node, url in nodes.items()
    ]
    return {
        "url": lab.endpoints["app"],
        "writers": 60,
        "first_user": _FIRST_USER + (time.time_ns() // 1_000_000_000 % _RUNS) * 1000,
        "instance": "x-served-by",
        "begin": {
            "path": "/api/learning/sessions",
            "headers": {"X-User-Id": "{user}"},
            "body": {},
            "take": {"session": "session_id"},
        },
        "write": {
            "path": "/api/learning/answers",
            "headers": {"X-User-Id": "{user}"},
            "body": {
                "session_id": "{session}",
                "word_id": 1,
                "correct": True,
                "response_ms": 1000,
                "answered_at": "{time}",
            },
            "id": "{user}/{micros}",
            "server": "stored_by",
        },
        "end": {"path": "/api/learning/sessions/{session}/end", "headers": {"X-User-Id": "{user}"}},
        "servers": servers,
        "read": (
            "SELECT user_id || '/' || (extract(epoch FROM answered_at) * 1000000)::bigint "
            "FROM amas.answers WHERE user_id BETWEEN %(first)s AND %(last)s"
        ),
    }


def _folder(name: str) -> Path:
    """Beside the run's own files; in the folder for state where the experiment runs without `sretool`."""
    given = os.environ.get(undoing.LOG)
    if given is not None:
        folder = Path(given) / "raw" / name
        folder.mkdir(parents=True)
        return folder
    ledgers = index.place(os.environ).parent / "ledgers"
    ledgers.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=ledgers))


def _of(name: str) -> _Running:
    if name not in _running:
        raise ActivityFailed(f"there is no running ledger {name!r}")
    return _running[name]


def _order(running: _Running, words: Mapping[str, Any]) -> None:
    assert running.process.stdin is not None
    try:
        running.process.stdin.write(json.dumps(words).encode() + b"\n")
        running.process.stdin.flush()
    except OSError:
        # It has ended; whoever waits for its answer finds out, and why.
        return


def _line(running: _Running, within: float) -> dict[str, Any] | None:
    """The next line of the ledger; None where none comes in time or it has ended."""
    assert running.process.stdout is not None
    descriptor = running.process.stdout.fileno()
    until = time.monotonic() + within
    while b"\n" not in running.pending:
        if not select.select([descriptor], [], [], max(until - time.monotonic(), 0))[0]:
            return None
        more = os.read(descriptor, 65536)
        if not more:
            return None
        running.pending += more
    line, _, running.pending = running.pending.partition(b"\n")
    found: dict[str, Any] = json.loads(line)
    return found


def _end(name: str) -> None:
    running = _running.pop(name)
    assert running.process.stdin is not None
    assert running.process.stdout is not None
    running.process.stdin.close()
    try:
        running.process.wait(5.0)
    except subprocess.TimeoutExpired:
        running.process.kill()
        running.process.wait()
    running.process.stdout.close()


def _first_fault_since(began: float) -> float | None:
    return min((each.at for each in undoing.faults() if each.at > began), default=None)
