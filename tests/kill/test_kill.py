"""A sample of the kill matrix: every experiment, every moment and every way to end it, each at least once."""

from __future__ import annotations

import time

import pytest

from tests.kill import matrix

pytestmark = pytest.mark.lab

_SECONDS = 70.0
"""No cell is begun after that; the whole is `make kill-matrix`."""


def test_however_an_experiment_ends_nothing_is_left() -> None:
    began, outcomes = time.monotonic(), []
    for cell in matrix.sample(count=24, seed=7):
        if time.monotonic() - began > _SECONDS:
            break
        outcomes.append(matrix.play(cell))
    text = matrix.table(outcomes)
    print(text)
    assert len(outcomes) >= 10, "the machine is too slow to say anything"
    assert not [each for each in outcomes if each.left], text
    # Seconds on a busy machine say little; what takes several times as long is wrong on any.
    assert not [each for each in outcomes if each.seconds > 5 * matrix.WAYS[each.cell.way].allowed], text


def test_the_sample_leaves_no_way_and_no_experiment_out() -> None:
    chosen = matrix.sample(count=24, seed=7)
    assert {each.way for each in chosen} == set(matrix.WAYS)
    assert {each.moment for each in chosen} == set(matrix.MOMENTS)
    assert {each.world for each in chosen} == {each.world for each in matrix.every(1)}
