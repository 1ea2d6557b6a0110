from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from sretool.adapters.files import gate_log

if TYPE_CHECKING:
    from pathlib import Path


def test_the_projects_folder_is_found_upward(tmp_path: Path) -> None:
    (tmp_path / ".sretool").mkdir()
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    assert gate_log.path(inside, {"XDG_STATE_HOME": "/state"}) == tmp_path / ".sretool" / "gate.jsonl"


def test_without_a_project_the_users_state_keeps_it(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}
    assert gate_log.path(tmp_path, environment) == tmp_path / "state" / "sretool" / "gate.jsonl"
    home = gate_log.path(tmp_path, {"HOME": str(tmp_path)})
    assert home == tmp_path / ".local" / "state" / "sretool" / "gate.jsonl"


def test_lines_are_appended_and_a_torn_one_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "state" / "gate.jsonl"
    gate_log.append(file, {"reason": "größer\nals"})
    with file.open("a") as torn:
        torn.write('{"half')
    gate_log.append(file, {"n": 2})
    lines = file.read_text().splitlines()
    assert (json.loads(lines[0]), lines[1], json.loads(lines[2])) == (
        {"reason": "größer\nals"},
        '{"half',
        {"n": 2},
    )


def test_jobs_at_once_lose_and_mix_nothing(tmp_path: Path) -> None:
    file = tmp_path / "gate.jsonl"
    script = (
        "import sys; from pathlib import Path; from sretool.adapters.files import gate_log\n"
        "for n in range(40):\n"
        "    gate_log.append(Path(sys.argv[1]), {'job': sys.argv[2], 'n': n, 'x': 'y' * 9000})"
    )
    jobs = [subprocess.Popen([sys.executable, "-c", script, str(file), str(job)]) for job in range(3)]
    assert [job.wait(timeout=60) for job in jobs] == [0, 0, 0]
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted((each["job"], each["n"]) for each in found) == [
        (str(job), n) for job in range(3) for n in range(40)
    ]
