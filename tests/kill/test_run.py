"""Whole runs of `sretool chaos run`, with small faults and a Prometheus of our own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sretool.undo import index
from sretool.undo.entry import UndoEntry
from sretool.undo.log import UndoLog
from tests.kill.matrix import PROGRAM
from tests.kill.prometheus import FakePrometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

ROOT = Path(__file__).resolve().parents[2]


class Shell:
    """`sretool` in a folder of its own."""

    def __init__(self, folder: Path, prometheus: FakePrometheus) -> None:
        self.folder = folder
        self.prometheus = prometheus
        self.state = folder / "state"
        self.environment = {
            **os.environ,
            "XDG_STATE_HOME": str(self.state),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PYTHONPATH": str(ROOT),
        }

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "--prometheus", self.prometheus.url, *words],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **environment: str) -> tuple[int, str, str]:
        with self.start(*words, **environment) as program:
            out, err = program.communicate(timeout=60)
        return program.returncode, out, err

    def write(self, *method: dict[str, Any], **words: Any) -> str:
        probe = {**act("well", "wait", seconds=0), "type": "probe", "tolerance": True}
        document = {
            "title": "small",
            "description": "…",
            "steady-state-hypothesis": {"title": "well", "probes": [probe]},
            "method": list(method),
            "rollbacks": [act("mend", "mend")],
            "extensions": [{"name": "sretool", "fault": "a small one", "stop_when": ["after 1m"]}],
            **words,
        }
        file = self.folder / "x.json"
        file.write_text(json.dumps(document))
        return str(file)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with FakePrometheus() as prometheus:
        yield Shell(tmp_path, prometheus)


def act(name: str, func: str, module: str = "tests.kill.faults", **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
    return {"type": "action", "name": name, "provider": provider}


def until_there(file: Path, program: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 20
    while not file.exists():
        assert program.poll() is None, program.communicate()
        assert time.monotonic() < until, "it is never made"
        time.sleep(0.02)


def test_the_folder_of_the_run_is_the_last_line_and_tells_everything(shell: Shell) -> None:
    fault = shell.folder / "fault"
    file = shell.write(act("hurt", "file", path=str(fault)), act("stay", "wait", seconds=0.2))
    code, out, err = shell.run("chaos", "run", file, "--yes")
    # Without a dose nobody knows whether the fault took effect.
    assert code == 6, err
    folder = Path(out.splitlines()[-1])
    record = json.loads((folder / "run.json").read_text())
    assert record["kind"] == "chaos"
    assert record["state"] == "finished"
    assert record["verdict"]["outcome"] == "inconclusive"
    assert {Path(each["path"]).name for each in record["inputs"]} == {"x.json", "plan.json"}
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [each["event"] for each in events if each["event"].startswith("fault")] == [
        "fault_on",
        "fault_off",
    ]
    assert not fault.exists()
    assert list((shell.state / "sretool/undo").glob("*.json")) == []


def test_of_fifty_that_start_at_once_one_runs(shell: Shell) -> None:
    file = shell.write(act("hurt", "file", path=str(shell.folder / "fault")), act("stay", "wait", seconds=60))
    started = [shell.start("chaos", "run", file, "--yes") for _ in range(50)]
    until = time.monotonic() + 120
    while sum(each.poll() is None for each in started) > 1 and time.monotonic() < until:
        time.sleep(0.1)
    (running,) = [each for each in started if each.poll() is None]
    until_there(shell.folder / "fault", running)
    running.send_signal(2)
    ended = [(each.communicate(timeout=60)[1], each.returncode) for each in started]
    codes = sorted(code for _, code in ended)
    assert codes == [4] * 49 + [130]
    assert sum("another experiment runs" in err for err, _ in ended) == 49
    assert len(list((shell.state / "sretool/runs").iterdir())) == 1
    assert not (shell.folder / "fault").exists()


def test_secrets_stay_out_of_everything_that_is_written_or_listed(shell: Shell) -> None:
    say = act("say", "password", "tests.chaos.acts", word="${word}")
    fail = act("fail", "open_file", "tests.chaos.acts", path="/none/${word}")
    for each in (say, fail):
        each["provider"]["secrets"] = ["shop"]
    file = shell.write(
        say,
        act("hurt", "file", path=str(shell.folder / "fault")),
        fail,
        act("stay", "wait", seconds=1.5),
        secrets={"shop": {"word": {"type": "env", "key": "SHOP_WORD"}}},
    )
    listed = ""
    with shell.start("chaos", "run", file, "--yes", SHOP_WORD="quite-hidden") as program:
        while program.poll() is None:
            listed += subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
            time.sleep(0.2)
        out, err = program.communicate()
    assert "sretool.chaos.runner" in listed
    folder = Path(out.splitlines()[-1])
    written = {each: each.read_text() for each in folder.rglob("*") if each.is_file()}
    whole = "".join(written.values())
    assert "the word is" in whole
    assert "No such file or directory" in whole
    assert [each.name for each, text in written.items() if "quite-hidden" in text] == []
    assert "quite-hidden" not in listed + out + err


def test_the_next_start_of_any_command_undoes_what_is_left(shell: Shell) -> None:
    folder, fault = shell.folder / "run", shell.folder / "fault"
    fault.touch()
    undo = {"kind": "file_remove", "path": str(fault)}
    folder.mkdir()
    UndoLog(folder).open(UndoEntry("1", "a file", str(fault), undo=undo))
    index.add(index.place(shell.environment), folder)
    code, out, err = shell.run("--version")
    assert (code, out.startswith("sretool ")) == (0, True)
    assert "undid what an experiment had left: a file" in err
    assert not fault.exists()
    assert shell.run("chaos", "heal") == (0, "nothing to undo\n", "")


def test_heal_tells_what_it_undid_and_what_it_could_not(shell: Shell) -> None:
    places = index.place(shell.environment)
    fault = shell.folder / "fault"
    fault.touch()
    undos: dict[str, dict[str, Any]] = {
        "one": {"kind": "file_remove", "path": str(fault)},
        "two": {"kind": "command", "argv": [sys.executable, "-c", "raise SystemExit('the server is gone')"]},
    }
    for name, undo in undos.items():
        folder = shell.folder / name
        folder.mkdir()
        UndoLog(folder).open(UndoEntry("1", f"fault {name}", "somewhere", undo=undo))
        index.add(places, folder)
    code, out, _ = shell.run("chaos", "heal", "--format", "json")
    found = json.loads(out)
    assert code == 5
    assert found["complete"] is False
    told = {one["fault"]: (one["how"], one["text"]) for log in found["logs"] for one in log["faults"]}
    assert told["fault one"][0] == "undone"
    assert told["fault two"] == ("failed", "the server is gone")
    assert not fault.exists()


def test_an_experiment_that_is_watched_over_is_left_alone(shell: Shell) -> None:
    fault = shell.folder / "fault"
    file = shell.write(act("hurt", "file", path=str(fault)), act("stay", "wait", seconds=30))
    with shell.start("chaos", "run", file, "--yes") as program:
        until_there(fault, program)
        code, out, err = shell.run("chaos", "heal")
        assert (code, out) == (0, "nothing to undo\n")
        assert "still" in err or "looks after" in err
        assert fault.exists()
        code, _, err = shell.run("chaos", "run", file, "--yes")
        assert (code, "another experiment runs: " in err) == (4, True)
        program.terminate()
        program.communicate(timeout=20)
    assert program.returncode == 130
    assert not fault.exists()


def test_a_stop_file_keeps_experiments_from_beginning_and_ends_those_that_run(shell: Shell) -> None:
    fault, stop = shell.folder / "fault", shell.state / "sretool/chaos.stop"
    file = shell.write(act("hurt", "file", path=str(fault)), act("stay", "wait", seconds=30))
    with shell.start("chaos", "run", file, "--yes") as program:
        until_there(fault, program)
        stop.touch()
        program.communicate(timeout=20)
    assert program.returncode == 4
    assert not fault.exists()
    code, _, err = shell.run("chaos", "run", file, "--yes")
    assert (code, str(stop) in err) == (4, True)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of one megabyte at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here: run as root of the machine")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_leaves_nothing_behind(shell: Shell) -> None:
    fault = shell.folder / "fault"
    file = shell.write(act("hurt", "file", path=str(fault)), act("stay", "wait", seconds=30))
    with small_disk(shell.state), shell.start("chaos", "run", file, "--yes") as program:
        until_there(fault, program)
        with pytest.raises(OSError, match="No space"):
            (shell.state / "all").write_bytes(b"x" * 2_000_000)
        shell.prometheus.hang()
        program.terminate()
        _, err = program.communicate(timeout=60)
        assert not fault.exists()
        assert program.returncode in (7, 130), err


def test_a_folder_that_is_deleted_leaves_nothing_behind(shell: Shell) -> None:
    fault = shell.folder / "fault"
    file = shell.write(act("hurt", "file", path=str(fault)), act("stay", "wait", seconds=30))
    with shell.start("chaos", "run", file, "--yes") as program:
        until_there(fault, program)
        shutil.rmtree(shell.state / "sretool/runs")
        _, err = program.communicate(timeout=60)
    assert not fault.exists()
    assert program.returncode == 7, err
    assert "its file was deleted" in err
    assert "Traceback" not in err


def test_where_nobody_can_be_asked_it_is_not_run(shell: Shell) -> None:
    file = shell.write(act("hurt", "file", path=str(shell.folder / "fault")))
    code, out, err = shell.run("chaos", "run", file)
    assert (code, out) == (2, "")
    assert "give --yes" in err


def test_everything_that_is_wrong_is_told_with_its_line(shell: Shell) -> None:
    file = shell.write(act("hurt", "no_such_function"), act("stay", "wait"))
    code, out, err = shell.run("chaos", "run", file, "--yes")
    assert (code, out) == (2, "")
    assert "no_such_function" in err
    assert "x.json:1:" in err
    assert "Traceback" not in err
