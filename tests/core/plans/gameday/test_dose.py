"""The search for the smallest dose that breaks something, as playbooks and against thresholds of any kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.plans.gameday.dose import Aim, Ending, Search, Trial
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sretool.core.plans.gameday.dose import Result


def found(aim: Aim, breaks: Callable[[float], bool | None]) -> Result:
    search = Search(aim)
    while (dose := search.next()) is not None:
        search.take(Trial(dose, breaks(dose)))
    return search.result()


def play(aim: Aim, book: str) -> Result:
    """`DOSE holds|breaks|?`: each dose that is to be tried, and what comes of it."""
    search = Search(aim)
    for line in book.strip().splitlines():
        dose, came = line.split()
        assert search.next() == float(dose), line
        search.take(Trial(float(dose), {"holds": False, "breaks": True, "?": None}[came]))
    assert search.next() is None
    return search.result()


def test_it_halves_and_tries_both_ends_again() -> None:
    result = play(
        Aim(0, 100, precision=0.15, whole=True),
        """
        0 holds
        50 holds
        75 breaks
        62 holds
        62 holds
        75 breaks
        """,
    )
    assert (result.ending, result.holds, result.breaks) == (Ending.FOUND, 62, 75)
    assert result.monotone
    assert result.confirmed


def test_the_harshest_dose_is_tried_where_everything_milder_held() -> None:
    result = play(
        Aim(0, 100, precision=0.3, confirm=0),
        """
        0 holds
        50 holds
        75 holds
        100 holds
        """,
    )
    assert (result.ending, result.holds, result.breaks) == (Ending.NOTHING_BREAKS, 100, None)


def test_the_mildest_dose_may_break_it_already() -> None:
    result = play(Aim(10, 20), "10 breaks\n10 breaks")
    assert (result.ending, result.holds, result.breaks) == (Ending.ALL_BREAKS, None, 10)


def test_an_end_that_does_not_stand_widens_the_answer() -> None:
    result = play(
        Aim(0, 100, precision=0.3, confirm=1),
        """
        0 holds
        50 breaks
        25 holds
        25 breaks
        0 holds
        50 breaks
        """,
    )
    assert (result.ending, result.holds, result.breaks) == (Ending.FOUND, 0, 50)
    assert not result.monotone


def test_both_sides_of_a_grey_zone_are_narrowed() -> None:
    search = Search(Aim(0, 100, precision=0.1, whole=True))
    for dose, broke in (
        (0, False),
        (50, True),
        (25, False),
        (38, False),
        (44, False),
        (44, True),
        (50, False),
    ):
        search.take(Trial(dose, broke))
    # 44 and 50 did both: above 50 nothing is sure, and below 44 it is.
    result = search.result()
    assert (result.holds, result.breaks, result.monotone) == (38, None, False)
    assert search.next() == 75
    for dose in (75, 62, 56):
        assert search.next() == dose
        search.take(Trial(dose, broke=True))
    assert search.result().breaks == 56


def test_less_may_be_harsher() -> None:
    result = found(Aim(100, 10, precision=0.02, whole=True), lambda share: share <= 40)
    assert result.holds is not None
    assert result.breaks is not None
    assert result.breaks <= 40 < result.holds
    assert result.holds - result.breaks <= 2


def test_wide_ranges_go_by_factors() -> None:
    aim = Aim(1, 10_000)
    assert aim.factors
    search = Search(aim)
    search.take(Trial(1, broke=False))
    assert search.next() == 100


def test_a_trial_that_tells_nothing_is_made_again_once() -> None:
    result = play(Aim(0, 100), "0 ?\n0 ?")
    assert (result.ending, result.holds, result.breaks, result.confirmed) == (
        Ending.UNKNOWN, None, None, False,
    )  # fmt: skip
    assert found(Aim(0, 100, most=5), lambda dose: dose > 90 or None).ending is Ending.UNKNOWN


def test_it_ends_with_what_is_known_where_it_is_stopped() -> None:
    search = Search(Aim(0, 100))
    search.take(Trial(0, broke=False))
    search.take(Trial(50, broke=True))
    search.stop("budget > 30%")
    search.stop("again")
    assert search.next() is None
    result = search.result()
    assert (result.ending, result.holds, result.breaks, result.why) == (Ending.STOPPED, 0, 50, "budget > 30%")


def test_it_ends_after_as_many_trials_as_there_may_be() -> None:
    result = found(Aim(0, 1000, precision=0.001, most=4), lambda dose: dose > 700)
    assert (result.ending, len(result.trials)) == (Ending.TRIALS, 4)
    assert not result.confirmed


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"mild": 5, "harsh": 5}, "nothing to look for"),
        ({"mild": 5, "harsh": float("inf")}, "finite"),
        ({"mild": 1, "harsh": 5, "precision": 0.6}, "cannot be aimed at"),
    ],
)
def test_what_cannot_be_looked_for(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Aim(**given_)


@given(
    st.floats(-1000, 1000),
    st.floats(0.5, 2000),
    st.booleans(),
    st.floats(0.01, 0.3),
    st.floats(0.0, 1.0),
    st.integers(0, 2),
)
def test_any_threshold_is_enclosed_as_narrowly_as_was_asked_for(
    least: float, width: float, turned: bool, precision: float, share: float, confirm: int
) -> None:
    ends = (least, least + width)
    mild, harsh = reversed(ends) if turned else ends
    aim = Aim(mild, harsh, precision, confirm=confirm, most=60)
    threshold = aim.dose(share)

    def breaks(dose: float) -> bool:
        return aim.place(dose) >= aim.place(threshold)

    result = found(aim, breaks)
    assert result.confirmed
    assert result.monotone
    assert len({each.dose for each in result.trials}) <= 12
    assert all(min(ends) <= each.dose <= max(ends) for each in result.trials)
    if result.ending is Ending.ALL_BREAKS:
        assert breaks(mild)
        return
    assert result.ending is Ending.FOUND
    assert result.holds is not None
    assert result.breaks is not None
    assert not breaks(result.holds)
    assert breaks(result.breaks)
    # Doses are rounded to four digits.
    slack = 2e-3 * max(abs(least), abs(least + width), 1) / width
    assert aim.factors or aim.place(result.breaks) - aim.place(result.holds) <= precision * 1.01 + slack


@given(st.lists(st.booleans() | st.none(), min_size=40, max_size=40), st.integers(0, 3))
def test_whatever_comes_it_ends_and_never_contradicts_itself(
    answers: list[bool | None], confirm: int
) -> None:
    aim, left = Aim(0, 64, 0.1, confirm=confirm, most=30, whole=True), iter(answers)
    result = found(aim, lambda _: next(left))
    told = [each for each in result.trials if each.broke is not None]
    assert len(result.trials) <= 30
    if result.holds is not None:
        assert all(not each.broke for each in told if each.dose <= result.holds)
    if result.breaks is not None:
        assert all(each.broke for each in told if each.dose >= result.breaks)
    if result.holds is not None and result.breaks is not None:
        assert result.holds < result.breaks
