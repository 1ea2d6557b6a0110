"""How long it takes from a command to the first request: sretool with one process and two, and plain Locust.

`python -m tests.bench.bench_load_start [ROUNDS]`

Each way has a listener of its own that notes when the first request comes. Rounds are interleaved; the best
and the median are shown. The generator alone is what a command starts before it looks at anything.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from sretool.core.plans.load import plan as plans
from sretool.core.plans.load.plan import LoadPlan
from sretool.core.plans.load.profile import Open
from sretool.core.plans.load.shape import flat

_ROUNDS: Final = 7
_PATIENCE: Final = 60.0
_USERS: Final = """
from sretool.load import HttpUser, task
class One(HttpUser):
    @task
    def ask(self):
        self.client.get("/")
"""
_STOCK: Final = _USERS.replace("sretool.load import HttpUser", "locust import FastHttpUser").replace(
    "(HttpUser)", "(FastHttpUser)"
)


def first_request(listener: socket.socket) -> float:
    """When it came; connections without one are looks whether anybody listens."""
    listener.settimeout(_PATIENCE)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(_PATIENCE)
            if connection.recv(1):
                return time.perf_counter()


def took(words: list[str], stdin: bytes, folder: str) -> float:
    """Seconds from the start of a command to its first request; TARGET in it is the listener's address."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        target = f"http://127.0.0.1:{listener.getsockname()[1]}"
        began = time.perf_counter()
        process = subprocess.Popen(
            [word.replace("TARGET", target) for word in words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "XDG_STATE_HOME": folder},
        )
        assert process.stdin is not None
        try:
            process.stdin.write(stdin.replace(b"TARGET", target.encode()))
            process.stdin.flush()
            return first_request(listener) - began
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdin.close()


def main(rounds: int) -> None:
    here = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        users, stock = Path(folder, "users.py"), Path(folder, "stock.py")
        users.write_text(_USERS)
        stock.write_text(_STOCK)

        def plan(workers: int) -> bytes:
            model = Open(flat(1000, 60), "uniform")
            made = LoadPlan(
                profile="p", locustfile=str(users), target="TARGET", model=model, workers=workers,
                allowed_hosts=("127.0.0.1",),
            )  # fmt: skip
            return plans.encode(made) + b"\n"

        child = [sys.executable, "-P", "-m", "sretool.load.child"]
        ours = f"{here}/sretool load run {users} --target TARGET --rate 1000 --duration 60s".split()
        plain = f"{here}/locust -f {stock} --headless -u 1 -H TARGET --skip-log".split()
        ways = {
            "generator alone": (child, plan(1)),
            "generator, two workers": (child, plan(2)),
            "sretool load run": (ours, b""),
            "sretool load run --workers 2": ([*ours, "--workers", "2"], b""),
            "locust, FastHttpUser": (plain, b""),
            "locust --processes 2": ([*plain, "--processes", "2"], b""),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, (words, stdin) in ways.items():
                seconds[name].append(took(words, stdin, folder))
    print(f"{'':<30} {'best':>7} {'median':>7}  seconds to the first request, {rounds} rounds")
    for name, found in seconds.items():
        print(f"{name:<30} {min(found):7.3f} {statistics.median(found):7.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else _ROUNDS)
