"""How commands end: exit codes and what the user reads."""

from __future__ import annotations

import errno
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from sretool.errors import (
    BinaryMissing,
    CatalogError,
    LabLocked,
    Problem,
    SourceTimeout,
    SretoolError,
    UsageError,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("SRETOOL_DEBUG", raising=False)
    return tmp_path


def ending_with(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (CatalogError((Problem("f", 1, "m"),)), 2),
        (click.UsageError("x"), 2),
        (SourceTimeout("x"), 3),
        (BinaryMissing("x"), 7),
        (LabLocked("x"), 7),
        (SretoolError("x"), 7),
        (OSError(errno.ENOSPC, "No space left on device"), 7),
        (ZeroDivisionError("x"), 7),
        (KeyboardInterrupt(), 130),
        (click.exceptions.Exit(6), 6),
        (ExceptionGroup("tasks", [SourceTimeout("x"), ExceptionGroup("more", [UsageError("y")])]), 3),
        (ExceptionGroup("tasks", [SourceTimeout("x"), KeyError("y")]), 7),
    ],
)
def test_every_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert diagnostics.run(ending_with(error), []) == code


def test_an_error_is_one_message_and_its_remedy_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    error = BinaryMissing("the program haproxy is not installed", remedy="apt-get install haproxy")
    diagnostics.run(ending_with(error), [])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "sretool: the program haproxy is not installed\n  → apt-get install haproxy\n"


def test_every_problem_of_a_catalog_is_shown_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    error = CatalogError((Problem("a.yaml", 3, "no objective"), Problem("b.yaml", 1, "empty")))
    diagnostics.run(ending_with(error), [])
    assert capsys.readouterr().err == (
        "a.yaml:3: no objective\nb.yaml:1: empty\nsretool: the catalog has 2 problems\n"
    )


def test_a_defect_keeps_its_traceback_in_a_file(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diagnostics.run(ending_with(ZeroDivisionError("division by zero")), [])
    said = capsys.readouterr().err
    (file,) = (state / "sretool").glob("crash-*.txt")
    assert said == (
        "sretool: a defect in sretool: ZeroDivisionError: division by zero\n"
        f"  → where it happened is in {file}\n"
    )
    assert "Traceback" in file.read_text()


def test_debugging_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SRETOOL_DEBUG", "1")
    diagnostics.run(ending_with(ZeroDivisionError("x")), [])
    assert "Traceback" in capsys.readouterr().err


def test_a_defect_on_a_full_disk_is_still_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", os.devnull)
    diagnostics.run(ending_with(ZeroDivisionError("x")), [])
    assert "SRETOOL_DEBUG=1 shows where" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOTDIR, "a file is in the way, move it"),
        (errno.EEXIST, "a file is in the way, move it"),
        (errno.EISDIR, "a folder is in the way, move it"),
        (errno.ENOENT, "make the folder"),
        (errno.EACCES, "make it writable for you"),
    ],
)
def test_a_state_folder_that_cannot_be_used_is_told_with_what_to_do(
    state: Path, capsys: pytest.CaptureFixture[str], code: int, remedy: str
) -> None:
    path = str(state / "sretool" / "labs")
    assert diagnostics.run(ending_with(OSError(code, os.strerror(code), path)), []) == 7
    assert capsys.readouterr().err == (
        f"sretool: {os.strerror(code)}: {path}\n"
        f"  → sretool keeps its files below {state}: {remedy}, or set XDG_STATE_HOME\n"
    )
    assert not list(state.rglob("crash-*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], "sretool: No such command 'frobnicate'.\n  → sretool --help shows what it takes\n"),
        (["completion"], "Missing argument"),
        (["completion", "tcsh"], "sretool completion --help shows what it takes"),
        (["-C", "/nowhere", "completion", "bash"], "'/nowhere' does not exist"),
        (["--catalog", "/nowhere", "completion", "bash"], "'/nowhere' does not exist"),
        ([], "Usage: sretool"),
    ],
)
def test_a_wrong_command_line_is_explained(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diagnostics.run(group, arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_the_project_folder_is_where_relative_paths_start(tmp_path: Path) -> None:
    (tmp_path / "slo.yaml").touch()
    before = os.getcwd()
    arguments = ["-C", str(tmp_path), "--catalog", "slo.yaml", "completion", "bash"]
    assert diagnostics.run(group, arguments) == 0
    assert os.getcwd() == before


PRINTER = """
import sys
import click
from sretool.cli import diagnostics
@click.command()
def command():
    for line in range(100_000):
        click.echo(line)
sys.exit(diagnostics.run(command, []))
"""


def test_a_closed_pipe_ends_silently() -> None:
    argv = ["bash", "-c", 'set -o pipefail; "$0" -c "$1" | head -1', sys.executable, PRINTER]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_a_full_disk_is_one_clear_error() -> None:
    with open("/dev/full", "w") as full:
        argv = [sys.executable, "-c", PRINTER]
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 7
    assert done.stderr.startswith("sretool: No space left on device\n")
    assert "Traceback" not in done.stderr


HUNG_UP = """
import signal, sys, time
import click
from sretool.cli import demo, diagnostics
@click.command()
def command():
    with demo._ended_like_ctrl_c():
        try:
            click.echo("ready")
            time.sleep(60)
        finally:
            for word in ("stopping", "stopped"):
                %s
                time.sleep(0.05)
sys.exit(diagnostics.run(command, []))
"""


@pytest.mark.parametrize(
    "last_words",
    [
        pytest.param("diagnostics.talk(word)", id="talk"),
        pytest.param("click.echo(word, err=True)", id="anything else written to it"),
    ],
)
def test_a_closed_terminal_is_no_defect(state: Path, last_words: str) -> None:
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    argv = [sys.executable, "-c", HUNG_UP % last_words]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, argv, environment)
    seen = b""
    while b"ready" not in seen:
        seen += os.read(terminal, 1024)
    os.close(terminal)
    _, ended = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(ended) == diagnostics.INTERRUPTED
    assert not list(state.rglob("crash-*"))


@pytest.mark.parametrize("redirection", ["2>&-", "2> >(exit)"])
def test_talk_to_nobody_is_no_error(redirection: str) -> None:
    program = "import time; time.sleep(0.1); from sretool.cli.diagnostics import talk; talk('x'); talk('y')"
    argv = ["bash", "-c", f'"$0" -c "$1" {redirection}', sys.executable, program]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
