"""The rows that the lab begins with, and those that fill the gap since the lab last ran.

Everything is a function of the population and of a seed per user and day, so the same stretch of time always
gets the same rows. Sessions of the last weeks, and answers, predictions and memory states of the last days,
are lived through in order with the same rules that the service and its users follow.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from sretool.core.plans.traffic import AMAS_LAB
from sretool.lab_apps.amas import learner, population, vocabulary
from sretool.lab_apps.amas.decision import ARMS, Context, Difficulty, Hint, Model, reward
from sretool.lab_apps.amas.memory_model import WordState, after
from sretool.lab_apps.amas.store import MOST_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

SESSION_DAYS = 38
"""30-day retention of the seven newest complete days reaches this far back."""
ANSWER_DAYS = 7
"""Days of which answers are lived through; older ones would have been pruned."""
KEPT_ANSWER_DAYS = 3
KEPT_PREDICTION_DAYS = 1
LIST_LENGTH = 6
_STEP = 900  # seconds; resolution of the day's curve


@dataclass(frozen=True, slots=True)
class Session:
    user: int
    started_at: datetime
    ended_at: datetime
    """Last activity where it was abandoned."""
    habit: learner.Habit

    @property
    def abandoned(self) -> bool:
        return self.habit.leaves_after is not None


@dataclass(frozen=True, slots=True)
class AnswerRow:
    user: int
    word: int
    answered_at: datetime
    correct: bool
    response_ms: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class PredictionRow:
    user: int
    word: int
    predicted_at: datetime
    recall: float
    answered_at: datetime | None
    correct: bool | None


@dataclass(slots=True)
class Lived:
    """What one session left behind."""

    answers: list[AnswerRow] = field(default_factory=list)
    predictions: list[PredictionRow] = field(default_factory=list)


def sessions(since: datetime, until: datetime) -> Iterator[Session]:
    """Every session of the population that ended in (since, until], day by day."""
    day = population.day_of(since) - timedelta(days=1)
    while day <= population.day_of(until):
        for user in population.active_users(day):
            session = _session(user, day)
            if since < session.ended_at <= until:
                yield session
        day += timedelta(days=1)


def active_days(since: datetime, until: datetime) -> Iterator[tuple[int, date]]:
    """(user, day) of everybody active on the days from `since` to `until`; the last one up to `until`."""
    day = population.day_of(since)
    while day <= population.day_of(until):
        for user in population.active_users(day):
            if _session(user, day).started_at <= until:
                yield user, day
        day += timedelta(days=1)


def live_through(session: Session, states: dict[int, WordState]) -> Lived:
    """Play one session; `states`, the user's memory, is brought forward."""
    random = Random(f"{session.user} {session.started_at.isoformat()}")
    lived = Lived()
    planned = session.habit.leaves_after or session.habit.requests
    step = (session.ended_at - session.started_at) / planned
    now = session.started_at
    requests = 1
    while requests < planned - 1:
        requests += 1
        now += step
        handed_out = now
        for word in _word_list(session.user, states, now):
            state = states.get(word)
            recall = state.recall(handed_out) if state else None
            answered_at = correct = None
            if requests < planned - 2 and random.random() >= learner.SKIPS:
                requests += 2
                now += 2 * step
                answered_at, correct = now, learner.answers_right(recall, random)
                states[word] = after(state, correct, now)
                response_ms = session.habit.answer_ms(random)
                lived.answers.append(
                    AnswerRow(session.user, word, now, correct, response_ms, states[word].due_at)
                )
            if recall is not None:
                row = PredictionRow(session.user, word, handed_out, recall, answered_at, correct)
                lived.predictions.append(row)
    return lived


def trained_model(rewards: int = 4000) -> Model:
    """A model that has seen `rewards` answers of the population: mostly one arm after the other."""
    return Model.decode(_trained(rewards))


@functools.cache
def _trained(rewards: int) -> str:
    random = Random(20251213)
    model = Model.untrained()
    for number in range(rewards):
        context = Context(
            answers=random.randint(10, 50),
            accuracy=min(max(random.gauss(0.76, 0.08), 0.0), 1.0),
            mean_ms=random.gauss(6000, 1200),
            due_words=random.randint(0, 20),
            registered_for=timedelta(days=9),
        )
        # Asking the model means solving it anew after each reward; a few hundred times are enough.
        arm = _chosen(model, context) if number % 20 == 0 else ARMS[number % len(ARMS)]
        correct = learner.answers_right(0.9, random, *arm)
        model.learn(arm, context.features(), reward(*arm, correct, int(random.gauss(6000, 2000))))
    return model.encode()


def _chosen(model: Model, context: Context) -> tuple[Difficulty, Hint]:
    decision = model.decide(context)
    return decision.difficulty, decision.hint


@functools.lru_cache(maxsize=32_768)
def _session(user: int, day: date) -> Session:
    random = Random(f"{user} {day.isoformat()}")
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) - AMAS_LAB.utc_offset
    started_at = midnight + timedelta(seconds=_time_of_day(random.random()))
    habit = learner.habit(random)
    requests = habit.leaves_after or habit.requests
    length = learner.MEAN_THINK * requests * random.uniform(0.9, 1.1)
    return Session(user, started_at, started_at + timedelta(seconds=length), habit)


def _word_list(user: int, states: dict[int, WordState], now: datetime) -> list[int]:
    by_due = sorted(states, key=lambda word: states[word].due_at)[:LIST_LENGTH]
    chosen = [word for word in by_due if states[word].due_at <= now or len(states) >= MOST_WORDS]
    fresh = (word for word in vocabulary.from_users_place(user) if word not in states)
    return chosen + list(itertools.islice(fresh, LIST_LENGTH - len(chosen)))


def _cumulative_day() -> list[float]:
    monday = datetime(2024, 1, 1, tzinfo=UTC) - AMAS_LAB.utc_offset
    rates = [AMAS_LAB.rate(monday + timedelta(seconds=second)) for second in range(0, 86400, _STEP)]
    total = math.fsum(rates)
    return [upto / total for upto in itertools.accumulate(rates)]


_DAY = _cumulative_day()


def _time_of_day(share: float) -> float:
    """Seconds after midnight by which `share` of a day's traffic has come."""
    index = min(bisect.bisect_left(_DAY, share), len(_DAY) - 1)
    below = _DAY[index - 1] if index else 0.0
    return (index + (share - below) / (_DAY[index] - below)) * _STEP
