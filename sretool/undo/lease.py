"""Who looks after a log at present: a lock that ends with its holders, and a date they keep renewing.

The supervisor of an experiment takes the lease and hands it to its warden; it is free when neither lives any
more, however they ended. A holder that is stopped or hangs no longer renews the date: after `PATIENCE`
anybody may undo what it left.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FILE = "undo.lease"
RENEW = 1.0
"""Seconds between two renewals."""
PATIENCE = 10.0
"""Seconds after which a lease that is held but not renewed counts for nothing."""


class Lease:
    """Held from its making until `release`, or until every process that inherited it has ended."""

    def __init__(self, folder: Path) -> None:
        """BlockingIOError where somebody holds it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(self.descriptor)
            raise
        self.renew()

    @classmethod
    def inherited(cls, descriptor: int) -> Lease:
        """The one that this process was started with."""
        lease = cls.__new__(cls)
        lease.descriptor = descriptor
        os.set_inheritable(descriptor, False)
        return lease

    def renew(self) -> None:
        os.utime(self.descriptor)

    def release(self) -> None:
        """Let go of it here; others that inherited it keep it."""
        os.close(self.descriptor)


def live(folder: Path) -> bool:
    """Whether somebody who is awake looks after the log of `folder`."""
    try:
        descriptor = os.open(folder / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return time.time() - os.fstat(descriptor).st_mtime < PATIENCE
    else:
        return False
    finally:
        os.close(descriptor)
