"""Budget that burned while nobody was told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sretool.core.alerting import acks
from sretool.core.alerting.silences import Silence, SilenceState, parse_matchers
from sretool.core.observe import debt
from sretool.core.observe.model import Sample
from sretool.core.slo.model import Severity
from tests.support.dashboard import NOW, slo, status

HOUR = timedelta(hours=1)
SLO = slo()


def silence(matchers: str, start: float, end: float, comment: str = "deploy") -> Silence:
    """From `start` to `end` hours before now."""
    return Silence("s", parse_matchers(matchers), NOW - start * HOUR, NOW - end * HOUR, "mia", comment,
                   SilenceState.EXPIRED)  # fmt: skip


@pytest.mark.parametrize(
    ("matchers", "hours"),
    [
        pytest.param('alertname="SLOBudgetBurn"', 2, id="by name"),
        pytest.param('slo="amas/learning-availability",severity="page"', 2, id="by objective"),
        pytest.param('slo="amas/learning-availability",severity="ticket"', 0, id="its ticket only"),
        pytest.param('slo="shop/checkout"', 0, id="another objective"),
    ],
)
def test_only_what_hides_the_page_makes_debt(matchers: str, hours: int) -> None:
    found = debt.hidden([SLO], [silence(matchers, 3, 1)], NOW)
    assert sum((each.lasted for each in found), timedelta()) == hours * HOUR


def test_the_page_may_have_another_name() -> None:
    found = debt.hidden([SLO], [silence('severity="critical"', 3, 1)], NOW, {Severity.PAGE: "critical"})
    assert len(found) == 1


def test_silences_that_overlap_count_once_and_only_within_the_window() -> None:
    silences = [
        silence('alertname="SLOBudgetBurn"', 4, 2),
        silence('alertname=~"SLO.*"', 3, 1),
        silence('alertname="SLOBudgetBurn"', 800, 719),
        silence('alertname="SLOBudgetBurn"', 0.5, -2),
    ]
    (found,) = debt.hidden([SLO], silences, NOW)
    assert found.spans == (
        (NOW - 720 * HOUR, NOW - 719 * HOUR),
        (NOW - 4 * HOUR, NOW - HOUR),
        (NOW - HOUR / 2, NOW),
    )


def test_an_ack_is_no_debt() -> None:
    new = acks.take({"alertname": "SLOBudgetBurn"}, "mia", "", NOW - HOUR)
    acked = replace(silence('alertname="SLOBudgetBurn"', 3, 1), comment=new.comment)
    assert debt.hidden([SLO], [acked], NOW) == ()


def test_debt_is_the_share_of_the_whole_budget() -> None:
    silences = [silence('alertname="SLOBudgetBurn"', 5, 4), silence('alertname="SLOBudgetBurn"', 3, 1)]
    found = debt.hidden([SLO], silences, NOW)
    asked = debt.query(found)
    assert asked is not None
    assert 'slo:bad:rate5m{slo="amas/learning-availability"}[2h] @ ' in asked
    standing = status(SLO)
    assert standing.total is not None
    tenth = 0.1 * float(SLO.budget) * standing.total
    answer = [Sample({"figure": "0:0"}, NOW, tenth / 2), Sample({"figure": "0:1"}, NOW, tenth / 2)]
    (owed,) = debt.debts(found, answer, [standing])
    assert owed.spent == pytest.approx(0.1)
    assert owed.silenced_for == 3 * HOUR


def test_without_recorded_rates_the_debt_is_not_known_rather_than_nothing() -> None:
    found = debt.hidden([SLO], [silence('alertname="SLOBudgetBurn"', 3, 1)], NOW)
    (owed,) = debt.debts(found, [], [status(SLO)])
    assert owed.spent is None
    assert debt.query(()) is None
