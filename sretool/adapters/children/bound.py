"""A program that ends with the one that started it, however that ends."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def end_with(parent: int, number: int) -> None:
    """Called in the child, first of all: the kernel sends us this signal when `parent` is gone."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        # It was gone before the kernel knew.
        os.kill(os.getpid(), signal.SIGKILL)
