"""New files for exports: never over an old one, never half."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest

from sretool.adapters.files.exports import write_new


def test_an_older_file_stays(tmp_path: Path) -> None:
    files = [write_new(tmp_path, "screen", "txt", f"{number}\n") for number in range(3)]
    assert [file.name for file in files] == ["screen.txt", "screen-2.txt", "screen-3.txt"]
    assert [file.read_text() for file in files] == ["0\n", "1\n", "2\n"]


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_new(tmp_path / "gone", "screen", "txt", "x")


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.TextIOWrapper):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def full(self: Path, *arguments: object, **more: object) -> Full:
        return Full(io.FileIO(self, "x"))

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space left"):
        write_new(tmp_path, "screen", "txt", "x")
    assert list(tmp_path.iterdir()) == []
