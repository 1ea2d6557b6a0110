from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.plans.load.shape import Shape, Stage, flat, hill, named_spans

STAGES = st.lists(
    st.builds(
        Stage,
        begin=st.floats(0, 1000),
        end=st.floats(0, 1000),
        seconds=st.floats(0.1, 100),
        smooth=st.booleans(),
    ),
    min_size=1,
    max_size=6,
).map(lambda stages: Shape(tuple(stages)))

RAMP = Shape((Stage(0, 100, 10), Stage(100, 100, 20, "hold"), Stage(40, 40, 5)))


@pytest.mark.parametrize(
    ("seconds", "value"),
    [
        (-1, 0),
        (0, 0),
        (2.5, 25),
        (9.999999, 100),
        (10, 100),
        (29, 100),
        (30, 40),
        (34.9, 40),
        (35, 0),
        (99, 0),
    ],
)
def test_a_shape_is_what_its_stages_say(seconds: float, value: float) -> None:
    assert RAMP.at(seconds) == pytest.approx(value, abs=1e-4)


def test_a_hill_rises_gently_to_base_times_ratio() -> None:
    shape = Shape(hill(20, 5, 60, 30, 60))
    assert [shape.at(t) for t in (0, 30, 60, 75, 120)] == pytest.approx([20, 60, 100, 100, 60])
    assert shape.at(1) - 20 < 0.1 * 80 / 60
    assert [stage.name for stage in Shape(hill(20, 5, 60, 0, 60)).stages] == ["rise", "fall"]


@given(STAGES, st.floats(1, 500), st.floats(1, 500))
def test_another_height_or_length_keeps_the_proportions(shape: Shape, highest: float, seconds: float) -> None:
    other = shape.to(highest).over(seconds)
    assert other.highest == pytest.approx(highest)
    assert other.seconds == pytest.approx(seconds)
    if shape.highest > 1e-6:
        factor = highest / shape.highest
        assert other.total == pytest.approx(shape.total * factor * seconds / shape.seconds, rel=1e-6)


@given(STAGES)
def test_the_area_is_the_sum_of_what_the_shape_says(shape: Shape) -> None:
    # Each stage by itself: a step over the edge between two would count for both.
    steps, sampled, begin = 1000, 0.0, 0.0
    for stage in shape.stages:
        step = stage.seconds / steps
        sampled += sum(shape.at(begin + (each + 0.5) * step) for each in range(steps)) * step
        begin += stage.seconds
    assert sampled == pytest.approx(shape.total, rel=1e-6, abs=1e-6)


@given(STAGES, st.floats(0, 50))
def test_spans_fill_the_whole_run(shape: Shape, warm_up: float) -> None:
    spans = named_spans(shape, "/s", min(warm_up, shape.seconds / 2))
    assert sum(seconds for _, seconds in spans) == pytest.approx(shape.seconds, abs=1e-6)
    assert len({name for name, _ in spans}) == len(spans)


def test_spans_have_names() -> None:
    assert named_spans(RAMP.repeated(2), "/s", 12) == [
        ("warm-up", 12),
        ("hold", 18),
        ("at 40/s", 5),
        ("to 100/s", 10),
        ("hold (2)", 20),
        ("at 40/s (2)", 5),
    ]


def test_nothing_can_be_raised_to_something() -> None:
    assert flat(0, 10).to(50) == flat(50, 10)
