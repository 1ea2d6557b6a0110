from __future__ import annotations

from datetime import timedelta

import pytest

from sretool.core.observe.model import AlertState
from sretool.core.slo.model import Level, Severity
from sretool.tui.search import Filter
from tests.support.dashboard import alert, slo, status

LATENCY = status(slo("amas/learning-latency", owner="learning", title="Learning API latency"))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("", True, id="nothing typed"),
        pytest.param("latency", True, id="part of the name"),
        pytest.param("LATENCY", True, id="case does not matter"),
        pytest.param("^amas/.*cy$", True, id="anchored to the id"),
        pytest.param("^Learning.*cy$", True, id="anchored to the title"),
        pytest.param("cy.Learning", False, id="never across id and title"),
        pytest.param("lear.*lat", True, id="regular expression"),
        pytest.param("!latency", False, id="inverse"),
        pytest.param("!durable", True, id="inverse of what is not there"),
        pytest.param("service=amas", True, id="one property"),
        pytest.param("service=ama", False, id="a property is compared whole"),
        pytest.param("owner=lear.*", True, id="a property as regular expression"),
        pytest.param("owner!=learning", False, id="a property that differs"),
        pytest.param("!owner=learning", False, id="inverse of a property"),
        pytest.param("tier=1 latency", True, id="all terms must match"),
        pytest.param("tier=2 latency", False, id="one term does not match"),
        pytest.param("level=ok", True, id="state"),
        pytest.param("nosuch=1", False, id="an unknown property"),
        pytest.param("(", False, id="half a regular expression is plain text"),
    ],
)
def test_what_a_filter_keeps(text: str, kept: bool) -> None:
    assert Filter(text).keeps_slo(LATENCY) is kept


def test_abnormal_only_hides_what_is_ok() -> None:
    only = Filter(abnormal_only=True)
    assert not only.keeps_slo(LATENCY)
    assert only.keeps_slo(status(level=Level.NO_DATA))


def test_alerts_are_filtered_by_their_labels_too() -> None:
    down = alert("ServiceDown", Severity.PAGE, AlertState.FIRING, instance="app-1")
    assert Filter("instance=app-1").keeps_alert(down)
    assert Filter("severity=page ServiceD").keeps_alert(down)
    assert not Filter("state=silenced").keeps_alert(down)


def test_a_broken_expression_is_named() -> None:
    assert Filter("name=[a").problem is not None
    assert Filter("good !fine a=b.*").problem is None


def test_times_in_titles_do_not_matter() -> None:
    assert Filter("7d").keeps_slo(status(slo(window=timedelta(days=7), title="7d window")))
