"""The program that looks, asked for real."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.chaostoolkit import host
from sretool.adapters.lab import cgroups
from sretool.core.plans.chaos.host import findings
from sretool.errors import ChaosError
from sretool.undo.entry import UndoEntry
from sretool.undo.index import add, place
from sretool.undo.log import UndoLog

if TYPE_CHECKING:
    from pathlib import Path


def test_this_machine_is_looked_at_and_nothing_stays(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "KUBECONFIG": "", "HOME": str(tmp_path)}
    found = host.look(environment)
    assert found.toolkit is not None
    assert found.log_problem is None
    assert (found.left, found.lab, found.kubeconfig) == ((), None, None)
    assert found.root == (os.geteuid() == 0)
    assert len(list(findings(found))) == 11
    assert os.listdir(tmp_path / "sretool") == []
    assert cgroups.named("sretool-doctor") == ()


def test_faults_that_were_left_are_found(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    run = tmp_path / "run"
    add(place(environment), run)
    UndoLog(run).open(UndoEntry("1", "a fault", "it", {"kind": "file_remove", "path": str(tmp_path / "x")}))
    assert host.look(environment).left == (str(run),)


def test_a_state_folder_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = host.look({**os.environ, "XDG_STATE_HOME": str(tmp_path / "file")})
    assert found.log_problem == "Not a directory"


def test_a_program_that_cannot_start_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "httpx.py"
    broken.write_text("raise ImportError('httpx is broken')")
    with pytest.raises(ChaosError, match="httpx is broken"):
        host.look({**os.environ, "PYTHONPATH": str(tmp_path)})
