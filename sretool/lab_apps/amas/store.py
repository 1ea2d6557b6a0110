"""What the service asks of its storage, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sretool.lab_apps.amas.decision import Context, Decision

MOST_WORDS = 60
"""Words a user learns at a time; new ones are only handed out below this."""


class StoreError(Exception):
    """Base of what a store raises."""


class Unavailable(StoreError):
    """The storage cannot be used right now; the same call may succeed in a second."""


class StoreTimeout(Unavailable):
    """It did not answer in time."""


class UnknownSession(StoreError):
    """No open session of this user has this id."""


class StoreFault(StoreError):
    """The storage refused what it was asked: a defect, not a state that passes."""


@dataclass(frozen=True, slots=True)
class Answer:
    user: int
    session: int
    word: int
    answered_at: datetime
    """Aware; user, word and this instant identify the answer."""
    correct: bool
    response_ms: int
    decision: int | None
    """The decision the question came from."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer as it was stored, now or by an earlier call."""

    correct: bool
    due_at: datetime
    repeated: bool
    """Whether it had been there before."""
    server: str = ""
    """The database server that has it now; empty where it is kept in memory."""


@dataclass(frozen=True, slots=True)
class Word:
    id: int
    spelling: str
    predicted_recall: float | None
    """None: new to the user."""
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class EndedSession:
    seconds: float
    answers: int
    correct: int


@dataclass(frozen=True, slots=True)
class Summary:
    """One user's statistics of the last week."""

    sessions: int
    answers: int
    correct: int
    known_words: int
    due_words: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole product's last day."""

    users: int
    sessions: int
    open_sessions: int
    answers: int
    decisions: int
    alerts: int
    waiting_rewards: int


class Store(Protocol):
    """Every method may raise Unavailable or StoreFault."""

    async def start_session(self, user: int, started_at: datetime) -> int:
        """The new session's id; registers a user never seen before."""
        ...

    async def end_session(self, user: int, session: int, now: datetime) -> EndedSession:
        """UnknownSession where there is no such open session."""
        ...

    async def words(self, user: int, count: int, now: datetime, *, record: bool) -> Sequence[Word]:
        """Due words first, then new ones; `record`: keep the predictions made for them."""
        ...

    async def answer(self, answer: Answer) -> Stored:
        """Answer, memory state and reward in one transaction; UnknownSession as above."""
        ...

    async def context(self, user: int, now: datetime) -> Context: ...

    async def record_decision(self, user: int, decision: Decision, now: datetime) -> int: ...

    async def summary(self, user: int, now: datetime) -> Summary: ...

    async def overview(self, now: datetime) -> Overview: ...

    async def active_users(self, now: datetime) -> int:
        """Users who answered in the last five minutes."""
        ...

    async def model(self, newer_than: int) -> tuple[int, str] | None:
        """Version and parameters of the stored decision model, where it is newer."""
        ...

    async def ping(self) -> None:
        """Return where the store can be used."""
        ...

    async def close(self) -> None: ...
