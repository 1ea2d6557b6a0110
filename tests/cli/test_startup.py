"""What starting `sretool` costs: modules, because times depend on the machine."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"textual", "httpx", "locust", "chaoslib", "kubernetes", "pandas", "numpy", "rich", "yaml", "asyncio"}
LOADED = """
import json, sys
from sretool.cli.main import main
try:
    main(json.loads(sys.argv[1]))
except SystemExit as ending:
    code = ending.code
print(json.dumps({"code": code, "modules": sorted(sys.modules)}), file=sys.stderr)
"""


def modules_after(*arguments: str) -> set[str]:
    argv = [sys.executable, "-c", LOADED, json.dumps(arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    ending = json.loads(done.stderr.splitlines()[-1])
    assert ending["code"] == 0
    return set(ending["modules"])


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="help"),
        pytest.param(["--version"], id="version"),
        pytest.param(["completion", "bash"], id="completion"),
    ],
)
def test_loads_nothing_heavy(arguments: list[str]) -> None:
    assert modules_after(*arguments) & HEAVY == set()


def test_help_imports_no_command() -> None:
    loaded = {name for name in modules_after("--help") if name.startswith("sretool.cli.")}
    assert loaded == {
        f"sretool.cli.{name}" for name in ("context", "diagnostics", "lazy", "leftovers", "main")
    }
    # Nothing is left of an experiment, so nothing that undoes it is loaded.
    assert not {name for name in modules_after("--help") if name.startswith("sretool.undo")}
