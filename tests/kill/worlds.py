"""What each experiment of the kill matrix hurts, and how to see from outside whether it still is."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_GROUPS = (
    (Path("/sys/fs/cgroup/cpu"), "cpu.cfs_quota_us", "50000"),
    (Path("/sys/fs/cgroup"), "cpu.max", "50000 100000"),
)


class World:
    """One thing that can be hurt."""

    def __init__(self, action: str, arguments: dict[str, Any], left: Callable[[], str]) -> None:
        self.action = action
        """A function of `tests.kill.faults`."""
        self.arguments = arguments
        self.left = left
        """What is still broken, in words; empty: nothing is."""


@contextlib.contextmanager
def file(folder: Path) -> Iterator[World]:
    path = folder / "fault"
    yield World("file", {"path": str(path)}, lambda: "the file is there" if path.exists() else "")


@contextlib.contextmanager
def content(folder: Path) -> Iterator[World]:
    path = folder / "content"
    path.write_bytes(b"whole")
    yield World(
        "content", {"path": str(path)}, lambda: "" if path.read_bytes() == b"whole" else "it is changed"
    )


@contextlib.contextmanager
def stopped(folder: Path) -> Iterator[World]:
    with _child([sys.executable, "-c", "import time; time.sleep(600)"]) as child:

        def left() -> str:
            state = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0]
            return "it is stopped" if state == "T" else ""

        yield World("stop", {"pid": child.pid}, left)


@contextlib.contextmanager
def burner(folder: Path) -> Iterator[World]:
    mark = folder / "burner"

    def left() -> str:
        found = []
        for place in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if place.name.isdigit() and str(mark).encode() in (place / "cmdline").read_bytes().split(
                    b"\0"
                ):
                    found.append(place.name)
        return f"it lives: {', '.join(found)}" if found else ""

    yield World("burner", {"mark": str(mark)}, left)


@contextlib.contextmanager
def group(folder: Path) -> Iterator[World]:
    place, name, value = next(each for each in _GROUPS if (each[0] / each[1]).exists() or _leaf(each))
    ours = place / f"sretool-kill-{os.getpid()}-{folder.name}"
    ours.mkdir()
    file = ours / name
    before = file.read_text().strip()
    try:
        yield World(
            "group",
            {"path": str(file), "inode": ours.stat().st_ino, "value": value},
            lambda: "" if file.read_text().strip() == before else f"it is {file.read_text().strip()}",
        )
    finally:
        ours.rmdir()


def groups_possible() -> bool:
    return any(_leaf(each) for each in _GROUPS)


def _leaf(of: tuple[Path, str, str]) -> bool:
    """Whether a group can be made there that has this file."""
    place, name, _ = of
    probe = place / f"sretool-kill-probe-{os.getpid()}"
    try:
        probe.mkdir()
    except OSError:
        return False
    try:
        return (probe / name).exists()
    finally:
        probe.rmdir()


@contextlib.contextmanager
def toxic(folder: Path) -> Iterator[World]:
    with _proxy() as api:
        yield World(
            "toxic",
            {"api": api, "proxy": "database"},
            lambda: ", ".join(each["name"] for each in _get(f"{api}/proxies/database/toxics")),
        )


@contextlib.contextmanager
def proxy_off(folder: Path) -> Iterator[World]:
    with _proxy() as api:
        yield World(
            "proxy_off",
            {"api": api, "proxy": "database"},
            lambda: "" if _get(f"{api}/proxies/database")["enabled"] else "it is off",
        )


@contextlib.contextmanager
def command(folder: Path) -> Iterator[World]:
    path = folder / "folder"
    yield World("command", {"path": str(path)}, lambda: "the folder is there" if path.exists() else "")


WORLDS: dict[str, Callable[[Path], AbstractContextManager[World]]] = {
    each.__name__: each for each in (file, content, stopped, burner, group, toxic, proxy_off, command)
}


@contextlib.contextmanager
def _child(argv: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGCONT)
        child.kill()
        child.wait()


@contextlib.contextmanager
def _proxy() -> Iterator[str]:
    api_port, port = free_ports(2)
    api = f"http://127.0.0.1:{api_port}"
    with _child([sys.executable, "-m", "sretool.chaos.proxy", "--api", f"127.0.0.1:{api_port}"]):
        until = time.monotonic() + 10
        while True:
            try:
                _get(f"{api}/version")
                break
            except (OSError, ValueError):
                assert time.monotonic() < until, "the proxy does not start"
                time.sleep(0.02)
        document = {"name": "database", "listen": f"127.0.0.1:{port}", "upstream": "127.0.0.1:9"}
        request = urllib.request.Request(f"{api}/proxies", json.dumps(document).encode(), method="POST")
        urllib.request.urlopen(request, timeout=5).close()
        yield api


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as reply:
        text = reply.read()
    try:
        return json.loads(text)
    except ValueError:
        return text


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
