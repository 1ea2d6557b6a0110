"""What experiments of tests do: a fault that is a file, so that anybody can see whether it is in."""

from __future__ import annotations

import time
from pathlib import Path

from sretool.chaos import undoing


def break_file(path: str) -> str:
    undoing.before("a file", target=path, undo={"kind": "file_remove", "path": path})
    Path(path).touch()
    return path


def mend_file(path: str) -> int:
    return len(undoing.undo(target=path))


def is_there(path: str) -> bool:
    return Path(path).exists()


def wait(seconds: float) -> None:
    time.sleep(seconds)


def open_file(path: str) -> str:
    return Path(path).read_text()


def password(word: str) -> str:
    return f"the word is {word}"
