"""Real labs for tests: a folder of their own, the real command, and proof that nothing is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from sretool.adapters.lab import cgroups, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from sretool.adapters.lab.record import LabRecord, Process

BUSY: Final = 4
"""How many times as long as an idle machine one may take that other tests run on."""


@dataclass(frozen=True, slots=True)
class LabHome:
    """A state folder with labs in it."""

    state: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "XDG_STATE_HOME": str(self.state)}

    def sretool(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run the real command."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-c", "from sretool.cli.main import main; main()", *arguments]

    def up(self, name: str, *options: str) -> LabRecord:
        """The lab, up; the test fails with what the command said where it isn't."""
        done = self.sretool("lab", "up", "--name", name, *options)
        assert done.returncode == 0, done.stderr
        return self.lab(name)

    def lab(self, name: str) -> LabRecord:
        found = record.load_from(self.state / "sretool" / "labs" / name)
        assert found is not None
        return found

    def process(self, name: str, process: str) -> Process:
        return self.lab(name).process_by_name[process]


def need_groups(made: object) -> None:
    """Skips a test that works with the control groups `made` where this machine lets nobody make any."""
    if not made and cgroups.tried() is None:
        pytest.skip(
            "no control groups with limits can be made here: run as root, or give your user control groups"
            " of its own (systemd: loginctl enable-linger)"
        )
    assert made, "control groups can be made here, and there are none"


def eventually(what: str, check: Callable[[], Any], *, within: float) -> float:
    """Seconds until `check` was true (an error counts as not yet).

    `within` is what an idle machine may take; a busy one gets `BUSY` times as long.
    """
    patience = BUSY * within
    began = time.monotonic()
    said: object = None
    while time.monotonic() - began < patience:
        try:
            said = check()
        except (OSError, urllib.error.URLError, AssertionError) as error:
            said = error
        else:
            if said:
                return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"not within {patience:.0f} s: {what}; at last: {said!r}")


def get(url: str, *, timeout: float = 3) -> str:
    with urllib.request.urlopen(url, timeout=timeout) as reply:
        text: str = reply.read().decode()
        return text


def query(prometheus: str, promql: str) -> list[tuple[dict[str, str], float]]:
    """An instant vector: labels and value."""
    reply = json.loads(get(f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': promql})}"))
    return [(row["metric"], float(row["value"][1])) for row in reply["data"]["result"]]


def traces(lab: LabRecord) -> list[str]:
    """Whatever of the lab is still on the machine, by other means than the lab's own: command lines,
    working directories, environments, listening ports and control groups."""
    found = []
    folder = Path(lab.processes[0].log).parent.parent
    wanted = (f"SRETOOL_LAB={lab.marker}", f"{folder}/", f"/{lab.marker}/")
    mine = {os.getpid(), os.getppid()}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in mine:
            continue
        texts = [_read(entry / "environ"), _read(entry / "cmdline"), _folder(entry)]
        if any(sign in text for sign in wanted for text in texts):
            found.append(f"{entry.name}: {texts[1] or _read(entry / 'comm')}")
    listening = {
        int(row.split()[1].rpartition(":")[2], 16)
        for row in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if row.split()[3] == "0A"
    }
    found += [f"{name} still listens on {port}" for name, port in lab.ports.items() if port in listening]
    return found + [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/**/sretool-{lab.marker}-*")]


def _folder(process: Path) -> str:
    try:
        return f"{(process / 'cwd').readlink()}/"
    except OSError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
