"""What is to hold on a game day, a line each."""

from __future__ import annotations

import pytest

from sretool.core.plans.gameday.claims import Claim, Claims, parse
from sretool.errors import UsageError


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        (
            "sli shop/api >= 99.5%",
            Claim(Claims.SLI, "sli shop/api >= 99.5%", 0.995, "ratio", True, "shop/api"),
        ),
        ("left  >= 50%", Claim(Claims.LEFT, "left >= 50%", 0.5, "ratio", True)),
        ("spent shop/api <= 2%", Claim(Claims.SPENT, "spent shop/api <= 2%", 0.02, "ratio", slo="shop/api")),
        ("detected <= 2m", Claim(Claims.DETECTED, "detected <= 2m", 120.0, "s")),
        ("lost writes <= 0", Claim(Claims.LOST_WRITES, "lost writes <= 0", 0.0)),
        ("p99<=1s", Claim(Claims.P99, "p99<=1s", 1.0, "s")),
        ("errors <= 1%", Claim(Claims.ERRORS, "errors <= 1%", 0.01, "ratio")),
        ("experiments pass", Claim(Claims.EXPERIMENTS, "experiments pass")),
        ("no page", Claim(Claims.NO_PAGE, "no page")),
    ],
)
def test_forms(text: str, claim: Claim) -> None:
    assert parse(text) == claim


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sli >= 99%", "sli: of which objective?"),
        ("detected shop/api <= 2m", "detected is of no objective: leave out shop/api"),
        ("detected >= 2m", "'detected >= 2m' is meant the other way round"),
        ("left <= 2%", "'left <= 2%' is meant the other way round"),
        ("detectd <= 2m", "'detectd <= 2m' cannot be judged; did you mean 'detected'?"),
        ("undone <= 2", "'undone <= 2' cannot be judged; did you mean 'undone'?"),
        ("detected <= soon", "'soon' is not a duration"),
        ("sli shop >= 9%", "'sli shop >= 9%' cannot be judged; did you mean 'no page'?"),
    ],
)
def test_what_cannot_be_judged(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.message.startswith(message.partition(";")[0])


def test_what_was_not_measured_is_neither_true_nor_false() -> None:
    spent, left = parse("spent <= 5%"), parse("left >= 50%")
    assert [spent.holds(got) for got in (0.05, 0.06, None)] == [True, False, None]
    assert [left.holds(got) for got in (0.5, 0.4, None)] == [True, False, None]
    assert parse("undone").holds(1.0) is None
