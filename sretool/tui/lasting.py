"""A screen that is left in order when its terminal is gone.

Textual writes from a thread of its own, to `sys.__stderr__`. Where the terminal has been closed that thread
dies of the first error, and whoever has more to write waits for it for ever.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def outliving_the_terminal() -> Iterator[None]:
    """What cannot be written any more is dropped, for apps that are run meanwhile."""
    before = sys.__stderr__
    if before is None:
        yield
        return
    setattr(sys, "__stderr__", _Lasting(before))  # noqa: B010 - declared as final
    try:
        yield
    finally:
        setattr(sys, "__stderr__", before)  # noqa: B010


class _Lasting:
    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
