"""Recording what is on screen, as the dashboard sees it: started, stopped, handed things to write down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.core.observe.model import SloHistory, Snapshot
    from sretool.core.observe.questions import Answers
    from sretool.core.observe.recording import Seen
    from sretool.core.slo.model import SloId


class Session(Protocol):
    """What takes notes: `services.recording.Session`."""

    @property
    def running(self) -> bool: ...

    def snapshot(self, snapshot: Snapshot) -> None: ...

    def history(self, slo: SloId, found: SloHistory | str) -> None: ...

    def answers(self, answers: Answers) -> None: ...

    def seen(self, seen: Seen) -> None: ...


class SessionKeeper(Protocol):
    """Where the notes go: a run folder, made when recording starts."""

    @property
    def session(self) -> Session: ...

    @property
    def problem(self) -> str | None:
        """Why nothing is written any more although recording was started."""
        ...

    def start(self) -> Path:
        """The folder; UsageError where it cannot be made."""
        ...

    def stop(self) -> Path | None:
        """The folder; None where nothing was recorded."""
        ...
