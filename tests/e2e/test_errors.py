"""Mistakes on the command line, and what the user reads about them."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.lab import LabHome

if TYPE_CHECKING:
    from pathlib import Path

GOOD_CATALOG = "sretool/systems/amas"


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    """No lab, and no settings in the environment."""
    return LabHome(tmp_path)


@pytest.fixture
def nobody_there() -> str:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["slo", "status"], 2, "no Prometheus is known", id="no lab"),
        pytest.param(["dash"], 2, "no Prometheus is known", id="dashboard of nothing"),
        pytest.param(["--lab", "nope", "slo", "status"], 2, "no lab named 'nope'", id="unknown lab"),
        pytest.param(
            ["--prometheus", "localhost:9090", "slo", "status"], 2, "not an address", id="no scheme"
        ),
        pytest.param(["--catalog", "/nowhere", "slo", "status"], 2, "'/nowhere'", id="no such catalog"),
        pytest.param(["slo", "stauts"], 2, "'stauts'", id="typing error"),
        pytest.param(["lab", "up", "nonesuch"], 2, "nonesuch", id="unknown system"),
        pytest.param(["lab", "logs", "nonesuch"], 2, "nonesuch", id="unknown log"),
        pytest.param(["lab", "up", "--name", "A b"], 2, "'A b'", id="impossible name"),
        pytest.param(["demo", "--for", "soon"], 2, "'soon'", id="no number"),
    ],
)
def test_a_mistake_is_one_message_with_what_to_do(
    home: LabHome, arguments: list[str], code: int, said: str
) -> None:
    done = home.sretool(*arguments)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("sretool: ")
    assert said in done.stderr
    assert "\n  → " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_does_not_answer_is_named_with_its_address(home: LabHome, nobody_there: str) -> None:
    done = home.sretool("--catalog", GOOD_CATALOG, "--prometheus", nobody_there, "slo", "status")
    assert done.returncode == 3
    assert nobody_there in done.stderr
    assert "Traceback" not in done.stderr


def test_every_problem_of_a_catalog_is_shown_with_file_and_line(home: LabHome, tmp_path: Path) -> None:
    (tmp_path / "slos.yaml").write_text("slos:\n  - id: a b\n    objective: 99.9\n")
    done = home.sretool("--catalog", str(tmp_path), "--prometheus", "http://127.0.0.1:1", "slo", "status")
    assert done.returncode == 2
    assert re.search(r"^\S*slos\.yaml:\d+: ", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr


def test_a_password_in_an_address_is_never_shown(home: LabHome, nobody_there: str) -> None:
    address = nobody_there.replace("http://", "http://ana:secret@")
    done = home.sretool("--catalog", GOOD_CATALOG, "--prometheus", address, "slo", "status")
    assert done.returncode == 3
    assert "secret" not in done.stdout + done.stderr
