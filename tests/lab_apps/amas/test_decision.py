from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from sretool.lab_apps.amas.decision import (
    ARMS,
    Context,
    Difficulty,
    Hint,
    Model,
    ModelError,
    Strategy,
    heuristic,
    reward,
)
from sretool.lab_apps.amas.seeding import trained_model


def context(accuracy: float | None = 0.75, days: float = 9) -> Context:
    return Context(40, accuracy, 6000, 5, timedelta(days=days))


def test_the_trained_model_is_about_two_thirds_sure() -> None:
    model = trained_model()
    found = [
        model.decide(Context(answers, accuracy, ms, due, timedelta(days=9))).confidence
        for answers in (15, 50)
        for accuracy in (0.65, 0.75, 0.85)
        for ms in (4000.0, 7000.0)
        for due in (0, 10)
    ]
    sure = sorted(confidence for confidence in found if confidence is not None)
    assert 0.6 < sure[len(sure) // 2] < 0.75


def test_learns_which_arm_pays() -> None:
    model, random = Model.untrained(), Random(1)
    x = context().features()
    for _ in range(300):
        arm = random.choice(ARMS)
        model.learn(arm, x, 0.9 if arm == (Difficulty.HARD, Hint.LIGHT) else 0.3)
    decision = model.decide(context())
    assert (decision.difficulty, decision.hint) == (Difficulty.HARD, Hint.LIGHT)
    assert decision.strategy is Strategy.NATIVE
    assert decision.confidence == pytest.approx(0.85, abs=0.08)


def test_an_untrained_model_is_not_sure_of_anything() -> None:
    assert Model.untrained().decide(context()).confidence == 0


def test_survives_being_stored() -> None:
    model = trained_model(400)
    again = Model.decode(model.encode())
    assert again.decide(context()) == model.decide(context())
    assert again.distance(model) == 0


def test_distance_tells_a_changed_model() -> None:
    model, other = trained_model(400), trained_model(400)
    for arm in ARMS:
        for _ in range(200):
            other.learn(arm, context().features(), 0.1)
    assert other.distance(model) > 0.08


def test_old_rewards_fade() -> None:
    model = Model.untrained()
    x, arm = context().features(), ARMS[0]
    for _ in range(4000):
        model.learn(arm, x, 0.2)
    for _ in range(4000):
        model.learn(arm, x, 0.8)
    assert model.bounds(x)[0][0] > 0.6


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param('{"arms": []}', id="no arms"),
        pytest.param('{"arms": [{"outer": [[1]], "weighted": [1]}]}', id="wrong size"),
    ],
)
def test_refuses_what_is_no_model(text: str) -> None:
    with pytest.raises(ModelError):
        Model.decode(text)


def test_broken_parameters_are_an_error_not_a_decision() -> None:
    model = trained_model(100)
    model.parameters.arms[3].outer[0][0] = float("nan")
    with pytest.raises(ModelError):
        Model(model.parameters).decide(context())


@pytest.mark.parametrize(
    ("known", "difficulty"),
    [
        pytest.param(context(days=0.5), Difficulty.EASY, id="cold start"),
        pytest.param(context(accuracy=None), Difficulty.EASY, id="no answers"),
        pytest.param(context(accuracy=0.5), Difficulty.EASY, id="struggling"),
        pytest.param(context(accuracy=0.75), Difficulty.NORMAL, id="in flow"),
        pytest.param(context(accuracy=0.95), Difficulty.HARD, id="bored"),
    ],
)
def test_heuristic_aims_at_three_right_of_four(known: Context, difficulty: Difficulty) -> None:
    decision = heuristic(known)
    assert decision.difficulty is difficulty
    assert decision.confidence is None


def test_rewards_stay_between_0_and_1() -> None:
    values = [reward(*arm, right, ms) for arm in ARMS for right in (True, False) for ms in (0, 5000, 60_000)]
    assert 0 <= min(values) <= max(values) <= 1
