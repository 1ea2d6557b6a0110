"""The store of a lab without PostgreSQL: in this process, gone with it."""

from __future__ import annotations

import itertools
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sretool.lab_apps.amas import vocabulary
from sretool.lab_apps.amas.decision import Context, Decision
from sretool.lab_apps.amas.memory_model import WordState, after
from sretool.lab_apps.amas.store import (
    MOST_WORDS,
    Answer,
    EndedSession,
    Overview,
    Stored,
    Summary,
    UnknownSession,
    Word,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_ANSWERS = 50_000
MOST_USERS = 5_000
MOST_SESSIONS = 5_000


@dataclass(slots=True)
class _Session:
    user: int
    started_at: datetime
    open: bool = True
    answers: int = 0
    correct: int = 0


@dataclass(slots=True)
class _User:
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    states: dict[int, WordState] = field(default_factory=dict)
    recent: deque[tuple[datetime, bool, int]] = field(default_factory=lambda: deque(maxlen=50))


class MemoryStore:
    """Same results as the database's; the oldest users, sessions and answers go when there are too many."""

    def __init__(self) -> None:
        self._session_ids = itertools.count(1)
        self._decision_ids = itertools.count(1)
        self._users: OrderedDict[int, _User] = OrderedDict()
        self._sessions: OrderedDict[int, _Session] = OrderedDict()
        self._answers: OrderedDict[tuple[int, int, datetime], Stored] = OrderedDict()
        self._answered: deque[tuple[datetime, int]] = deque(maxlen=MOST_ANSWERS)
        self._decisions: deque[datetime] = deque(maxlen=MOST_ANSWERS)

    async def start_session(self, user: int, started_at: datetime) -> int:
        self._user(user)
        session = next(self._session_ids)
        self._sessions[session] = _Session(user, started_at)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    async def end_session(self, user: int, session: int, now: datetime) -> EndedSession:
        found = self._open(user, session)
        found.open = False
        return EndedSession((now - found.started_at).total_seconds(), found.answers, found.correct)

    async def words(self, user: int, count: int, now: datetime, *, record: bool) -> Sequence[Word]:
        states = self._user(user).states
        by_due = sorted(states.items(), key=lambda item: item[1].due_at)[:count]
        chosen = [item for item in by_due if item[1].due_at <= now or len(states) >= MOST_WORDS]
        result = [
            Word(word, vocabulary.spelling(word), state.recall(now), state.due_at) for word, state in chosen
        ]
        fresh = (word for word in vocabulary.from_users_place(user) if word not in states)
        new = itertools.islice(fresh, count - len(result))
        return result + [Word(word, vocabulary.spelling(word), None, None) for word in new]

    async def answer(self, answer: Answer) -> Stored:
        key = (answer.user, answer.word, answer.answered_at)
        before = self._answers.get(key)
        if before is not None:
            return Stored(before.correct, before.due_at, repeated=True)
        session = self._open(answer.user, answer.session)
        user = self._user(answer.user)
        state = after(user.states.get(answer.word), answer.correct, answer.answered_at)
        user.states[answer.word] = state
        user.recent.append((answer.answered_at, answer.correct, answer.response_ms))
        session.answers += 1
        session.correct += answer.correct
        stored = Stored(answer.correct, state.due_at, repeated=False)
        self._answers[key] = stored
        self._answered.append((answer.answered_at, answer.user))
        if len(self._answers) > MOST_ANSWERS:
            self._answers.popitem(last=False)
        return stored

    async def context(self, user: int, now: datetime) -> Context:
        known = self._user(user)
        count = len(known.recent)
        return Context(
            answers=count,
            accuracy=sum(right for _, right, _ in known.recent) / count if count else None,
            mean_ms=sum(ms for _, _, ms in known.recent) / count if count else None,
            due_words=min(_due(known.states.values(), now), 50),
            registered_for=now - known.since,
        )

    async def record_decision(self, user: int, decision: Decision, now: datetime) -> int:
        self._decisions.append(now)
        return next(self._decision_ids)

    async def summary(self, user: int, now: datetime) -> Summary:
        known = self._user(user)
        return Summary(
            sessions=sum(session.user == user for session in self._sessions.values()),
            answers=len(known.recent),
            correct=sum(right for _, right, _ in known.recent),
            known_words=len(known.states),
            due_words=_due(known.states.values(), now),
        )

    async def overview(self, now: datetime) -> Overview:
        return Overview(
            users=len(self._users),
            sessions=len(self._sessions),
            open_sessions=sum(session.open for session in self._sessions.values()),
            answers=len(self._answers),
            decisions=len(self._decisions),
            alerts=0,
            waiting_rewards=0,
        )

    async def active_users(self, now: datetime) -> int:
        return len({user for at, user in self._answered if at > now - timedelta(minutes=5)})

    async def model(self, newer_than: int) -> tuple[int, str] | None:
        return None

    async def ping(self) -> None:
        return None

    async def close(self) -> None:
        return None

    def _user(self, user: int) -> _User:
        found = self._users.pop(user, None) or _User()
        self._users[user] = found
        if len(self._users) > MOST_USERS:
            self._users.popitem(last=False)
        return found

    def _open(self, user: int, session: int) -> _Session:
        found = self._sessions.get(session)
        if found is None or found.user != user or not found.open:
            raise UnknownSession(f"user {user} has no open session {session}")
        return found


def _due(states: Iterable[WordState], now: datetime) -> int:
    return sum(state.due_at <= now for state in states)
