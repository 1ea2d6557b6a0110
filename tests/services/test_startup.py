"""What watching costs at start-up: modules, because times depend on the machine."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"textual", "numpy", "yaml", "pandas"}


def modules_after(statements: str) -> set[str]:
    script = f"{statements}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("statements", "absent"),
    [
        pytest.param(
            "import sretool.services.watch", {*HEAVY, "httpx", "msgspec", "click", "rich"}, id="the service"
        ),
        pytest.param("import sretool.wiring", {*HEAVY, "httpx", "msgspec", "asyncio"}, id="the wiring"),
        pytest.param(
            "from sretool import wiring\nfrom sretool.ports import Endpoint\n"
            "wiring.watch(wiring.Endpoints((), Endpoint('http://localhost:1'), Endpoint('http://localhost:2')))",
            HEAVY,
            id="a watch over real servers",
        ),
    ],
)
def test_watching_loads_nothing_it_does_not_need(statements: str, absent: set[str]) -> None:
    assert modules_after(statements) & absent == set()
