"""Functions of drivers, found without importing them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.chaostoolkit.functions import Surroundings
from sretool.core.plans.chaos.lint import Function, Missing, Parameter

if TYPE_CHECKING:
    from pathlib import Path

BOOM = "raise SystemExit('imported')\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Modules that must not be imported."""
    package = tmp_path / "drivers_here"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text(
        f"from .inner.deep import far as near\nfrom .inner.deep import *\n{BOOM}"
    )
    (package / "inner" / "__init__.py").write_text(BOOM)
    (package / "inner" / "deep.py").write_text(
        f"""\
def far(a, b=1, *, c, d=2, **rest): ...
def plan_far(**words): ...
async def late(x: int): ...
made = some_decorator(far)
try:
    from gone.module import there
except ImportError:
    def there(y): ...
if True:
    def conditional(): ...
from os.path import join
{BOOM}"""
    )
    (package / "torn.py").write_text("def broken(:\n")
    (package / "odd.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "a.yaml").touch()
    program = tmp_path / "run.sh"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return tmp_path


def test_parameters_are_read_from_the_text(folder: Path) -> None:
    found = Surroundings(folder).function("drivers_here.inner.deep", "far")
    assert found == Function(
        (
            Parameter("a", required=True),
            Parameter("b", required=False),
            Parameter("c", required=True),
            Parameter("d", required=False),
        ),
        any_keyword=True,
        planned=True,
    )


@pytest.mark.parametrize(
    ("module", "func"),
    [
        ("drivers_here", "near"),
        ("drivers_here", "late"),
        ("drivers_here.inner.deep", "late"),
        ("drivers_here.inner.deep", "there"),
        ("drivers_here.inner.deep", "made"),
        ("drivers_here.inner.deep", "conditional"),
        ("drivers_here.inner.deep", "join"),
        ("os.path", "exists"),
        ("math", "sqrt"),
        ("time", "sleep"),
    ],
)
def test_a_function_is_found_wherever_it_comes_from(folder: Path, module: str, func: str) -> None:
    assert isinstance(Surroundings(folder).function(module, func), Function)


@pytest.mark.parametrize(
    ("module", "func", "said"),
    [
        pytest.param("drivers_nowhere", "x", Missing(module=True), id="no module"),
        pytest.param("drivers_here.gone", "x", Missing(module=True), id="no module in the package"),
        pytest.param("drivers_here..inner", "x", Missing(module=True), id="no name"),
        pytest.param("", "x", Missing(module=True), id="empty"),
        pytest.param("a b", "x", Missing(module=True), id="with a space"),
        pytest.param("math.gone", "x", Missing(module=True), id="no module in Python's own"),
    ],
)
def test_a_module_that_is_not_there_is_missing(folder: Path, module: str, func: str, said: Missing) -> None:
    assert Surroundings(folder).function(module, func) == said


def test_what_the_module_has_is_told_with_what_it_has_not(folder: Path) -> None:
    found = Surroundings(folder).function("drivers_here.inner.deep", "fars")
    assert isinstance(found, Missing)
    assert not found.module
    assert "far" in found.names
    found = Surroundings(folder).function("math", "sqr")
    assert isinstance(found, Missing)
    assert "sqrt" in found.names


@pytest.mark.parametrize("module", ["drivers_here.torn", "drivers_here.odd"])
def test_a_module_that_cannot_be_read_says_why(folder: Path, module: str) -> None:
    found = Surroundings(folder).function(module, "broken")
    assert isinstance(found, Missing)
    assert found.problem


def test_files_and_programs_are_looked_for_beside_the_experiment(folder: Path) -> None:
    around = Surroundings(folder)
    assert around.has_file("a.yaml")
    assert not around.has_file("b.yaml")
    assert not around.has_file("drivers_here")
    assert around.has_program("./run.sh")
    assert around.has_program("sh")
    assert not around.has_program("./a.yaml")
    assert not around.has_program("no-such-program")


def test_a_driver_that_takes_long_to_import_is_not_imported() -> None:
    code = """
import sys
from pathlib import Path
from sretool.adapters.chaostoolkit.functions import Surroundings
found = Surroundings(Path(".")).function("chaosk8s.pod.actions", "terminate_pods")
assert {"name_pattern", "ns"} <= {each.name for each in found.parameters}, found
assert not {"kubernetes", "chaosk8s", "chaoslib"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)
