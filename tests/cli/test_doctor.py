"""What the doctor finds, and how it ends."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.lab import install, programs
from sretool.cli import diagnostics
from sretool.cli.main import group

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any program, not even a package manager: its root."""
    monkeypatch.setattr(programs, "_ROOT", tmp_path)
    monkeypatch.setattr(install, "this_machine", lambda: install.Machine(apt=False, root=False, sudo=False))
    for variable, folder in (("PATH", "bin"), ("XDG_DATA_HOME", "data"), ("XDG_STATE_HOME", "state")):
        monkeypatch.setenv(variable, str(tmp_path / folder))
    return tmp_path


def install_everything(machine: Path) -> None:
    postgres = machine / "usr/lib/postgresql/15"
    (postgres / "lib").mkdir(parents=True)
    (postgres / "lib" / programs.FAILOVER_LIBRARY).touch()
    for program in programs.PROGRAMS:
        file = (postgres if program.of_postgres else machine) / "bin" / program.name
        file.parent.mkdir(exist_ok=True)
        file.write_text("#!/bin/sh\necho version 1.2.3\n")
        file.chmod(0o755)


def diagnose(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the findings by subject."""
    code = diagnostics.run(group, [*options, "doctor", "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is (code == 0)
    return code, {finding["subject"]: finding for finding in report["findings"]}


def test_a_machine_that_has_everything_is_well(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install_everything(machine)
    code, findings = diagnose(capsys)
    assert code == 0
    assert findings["haproxy"]["detail"] == f"1.2.3, {machine}/bin/haproxy"
    assert findings["PostgreSQL failover"]["state"] == "ok"


def test_what_the_lab_cannot_do_without_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    code, findings = diagnose(capsys)
    assert code == 1
    assert findings["prometheus"]["state"] == "failed"
    assert findings["haproxy"]["state"] == "limited"
    for program in programs.PROGRAMS:
        assert program.without in findings[program.name]["detail"]
        assert findings[program.name]["remedy"].startswith("install with your package manager: ")


def test_a_program_that_does_not_start_is_no_program(
    machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install_everything(machine)
    (machine / "bin/prometheus").write_text("#!/bin/sh\nexit 127\n")
    code, findings = diagnose(capsys)
    assert code == 1
    assert findings["prometheus"]["remedy"] == f"run `{machine}/bin/prometheus --version` to see why"


def test_an_endpoint_that_does_not_answer_is_a_failure(
    machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install_everything(machine)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
        code, findings = diagnose(capsys, "--prometheus", address, "--alertmanager", address)
    assert code == 1
    for subject in ("Prometheus", "Alertmanager"):
        assert findings[subject]["state"] == "failed"
        assert address in findings[subject]["detail"]
        assert findings[subject]["remedy"]


def test_text_has_a_line_and_a_remedy_for_every_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnostics.run(group, ["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("failed   prometheus "))
    assert (
        lines[place + 1] == "         → install with your package manager: Prometheus (prometheus, promtool)"
    )
    assert "\x1b" not in "".join(lines)
    assert lines[-1] == "3 things must be put right first."
