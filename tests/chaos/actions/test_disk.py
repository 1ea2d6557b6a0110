"""A small file system is filled and emptied; the machine's own never is."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos.actions import disk
from sretool.undo import heal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sretool.undo.log import UndoLog


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("no file system can be mounted here: run as root of the machine")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_file_system_is_filled_to_its_share_and_emptied(small: Path, undo_log: UndoLog) -> None:
    told = disk.fill_disk(str(small), "90%")
    assert told["share"] == pytest.approx(0.9, abs=0.01)
    assert disk.used_share(small) == pytest.approx(0.9, abs=0.01)
    with pytest.raises(ActivityFailed, match="filled already"):
        disk.fill_disk(str(small))
    assert disk.free_disk(str(small)) == 1
    assert os.listdir(small) == []
    assert undo_log.left() == []


def test_all_of_it_leaves_no_room_for_anybody(small: Path, undo_log: UndoLog) -> None:
    disk.fill_disk(str(small), 1)
    with pytest.raises(OSError, match="No space left"):
        (small / "another").write_bytes(b"x" * 8192)
    assert heal.heal(undo_log.folder).complete
    assert disk.used_share(small) < 0.05


def test_so_many_bytes(small: Path) -> None:
    assert disk.fill_disk(str(small), size_bytes=4 * 2**20)["taken_bytes"] == 4 * 2**20
    assert disk.free_disk(str(small)) == 1


def test_the_machines_own_file_system_is_never_filled(tmp_path: Path, undo_log: UndoLog) -> None:
    if tmp_path.stat().st_dev != os.stat("/").st_dev:
        pytest.skip("temporary folders are not on the file system of /: give --basetemp a folder on it")
    for wish in ({"share": 1}, {"size_bytes": shutil.disk_usage("/").free - 2**20}):
        with pytest.raises(ActivityFailed, match="the file system that this machine lives on"):
            disk.fill_disk(str(tmp_path), **wish)
    assert undo_log.read() == []
    assert not (tmp_path / disk.NAME).exists()


def test_plans_are_the_same_each_time(small: Path) -> None:
    assert disk.plan_fill_disk(str(small)) == disk.plan_fill_disk(str(small))
    with pytest.raises(ActivityFailed, match="no folder"):
        disk.plan_fill_disk(str(small / "none"))
    with pytest.raises(ActivityFailed, match="more than there is"):
        disk.plan_fill_disk(str(small), "101%")
