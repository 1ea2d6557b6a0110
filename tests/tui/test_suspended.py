"""Programs that a runbook lends the terminal to, in a real terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bench.bench_dash import stand_in
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, "-c", "import sys; from sretool.cli.main import main; sys.exit(main())"]
_PATIENCE = 30

BOOK = """\
# Burn

1. Say `printf '%s-%s\\n' ran $SVC_NAME`
2. Fail `sh -c 'exit 3'`
3. Wait `sleep 600`
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """The dashboard with the runbook of its first SLO open."""
    with stand_in(1) as options:
        catalog = Path(options[1])
        file = catalog / "slos.yaml"
        file.write_text(file.read_text().replace("    owner:", "    runbook: Burn\n    owner:"))
        (catalog / "runbooks").mkdir()
        (catalog / "runbooks/Burn.md").write_text(BOOK)
        pager = tmp_path / "pager"
        pager.write_text("#!/bin/sh\necho paged; grep Burn $1; read line\n")
        pager.chmod(0o755)
        editor = tmp_path / "editor"
        editor.write_text("#!/bin/sh\nprintf '4. Added `true it is`\\n' >> $1\n")
        editor.chmod(0o755)
        environment = {name: text for name, text in os.environ.items() if not name.startswith("SRETOOL_")}
        environment |= {
            "TERM": "xterm-256color",
            "SHELL": "/bin/sh",
            "SVC_NAME": "shop",
            "PAGER": str(pager),
            "EDITOR": str(editor),
            "VISUAL": "",
            "XDG_STATE_HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path),
        }
        with Terminal([*PROGRAM, *options, "dash"], 80, 24, environment) as terminal:
            terminal.wait_for(lambda lines: "IT IS US" in lines[1], _PATIENCE, "the overview")
            # The first frame is painted before keys are answered.
            terminal.wait_for(lambda lines: "help" in lines[-1], _PATIENCE, "the keys")
            terminal.send("r")
            terminal.wait_for(lambda lines: "runbook > Burn" in lines[0], _PATIENCE, "the runbook")
            yield terminal


def _back(lines: list[str]) -> bool:
    return "runbook > Burn" in lines[0] and "steps done" in lines[1]


def test_a_command_runs_in_the_terminal_only_after_it_was_confirmed(terminal: Terminal) -> None:
    terminal.send("\r")
    terminal.wait_for(lambda lines: any("RUN THIS COMMAND?" in line for line in lines), _PATIENCE, "question")
    terminal.send("\r")
    terminal.wait_for(lambda lines: not any("RUN THIS" in line for line in lines), _PATIENCE, "cancelled")
    assert "ran-shop" not in terminal.text()
    terminal.send("\r")
    terminal.wait_for(lambda lines: any("RUN THIS COMMAND?" in line for line in lines), _PATIENCE, "question")
    terminal.send("\t\r")
    terminal.wait_for(lambda lines: any("ran-shop" in line for line in lines), _PATIENCE, "its output")
    terminal.wait_for(lambda lines: any("exit code 0" in line for line in lines), _PATIENCE, "its end")
    terminal.send("\r")
    terminal.wait_for(_back, _PATIENCE, "the runbook again")


def test_ctrl_c_ends_the_command_and_not_the_dashboard(terminal: Terminal) -> None:
    terminal.send("jj\r")
    terminal.wait_for(lambda lines: any("RUN THIS COMMAND?" in line for line in lines), _PATIENCE, "question")
    terminal.send("\t\r")
    terminal.wait_for(lambda lines: any("$ sleep 600" in line for line in lines), _PATIENCE, "it runs")
    terminal.read(0.5)
    terminal.send("\x03")
    terminal.wait_for(lambda lines: any("exit code" in line for line in lines), _PATIENCE, "its end")
    terminal.send("\r")
    terminal.wait_for(_back, _PATIENCE, "the runbook again")


def test_pager_and_editor_are_the_readers_own(terminal: Terminal) -> None:
    terminal.send("|")
    terminal.wait_for(lambda lines: any("# Burn" in line for line in lines), _PATIENCE, "the pager")
    terminal.send("\r")
    terminal.wait_for(_back, _PATIENCE, "the runbook again")
    terminal.send("\x05")
    terminal.wait_for(lambda lines: any("4 Added" in line for line in lines), _PATIENCE, "the new step")
    terminal.send("q")
    terminal.wait_for(lambda lines: "runbook" not in lines[0], _PATIENCE, "the overview")
    terminal.send("q")
    assert terminal.wait_for_end(_PATIENCE) == 0
