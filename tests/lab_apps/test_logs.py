from __future__ import annotations

import logging

from sretool.lab_apps.logs import OncePerKind


def record(message: str, about: str, at: float) -> logging.LogRecord:
    made = logging.LogRecord("library", logging.WARNING, "", 0, message, (about,), None)
    made.created = at
    return made


def test_a_library_says_the_same_thing_once_per_interval() -> None:
    heard = OncePerKind(interval=5).filter
    assert heard(record("cannot connect: %s", "refused", 100))
    assert not heard(record("cannot connect: %s", "timed out", 104))
    assert heard(record("discarding %s", "a connection", 104))
    assert heard(record("cannot connect: %s", "timed out", 105))
