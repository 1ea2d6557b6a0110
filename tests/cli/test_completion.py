"""Completion as a shell asks for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sretool.cli.main import COMMANDS

SRETOOL = [sys.executable, "-c", "from sretool.cli.main import main; main()"]


def complete(words: str) -> list[str]:
    """What bash would offer at the end of `words`."""
    variables = {
        "_SRETOOL_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    environment = {**os.environ, **variables}
    done = subprocess.run(SRETOOL, env=environment, capture_output=True, text=True, check=True)
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_prints_the_script_of_the_shell(shell: str) -> None:
    done = subprocess.run([*SRETOOL, "completion", shell], capture_output=True, text=True, check=True)
    assert f"_SRETOOL_COMPLETE={shell}_complete" in done.stdout
    assert done.stderr == ""


def test_offers_every_command() -> None:
    assert set(COMMANDS) <= set(complete("sretool "))


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("sretool comp", ["completion"]),
        ("sretool completion z", ["zsh"]),
        ("sretool --prom", ["--prometheus"]),
    ],
)
def test_completes_what_was_begun(words: str, offered: list[str]) -> None:
    assert complete(words) == offered
