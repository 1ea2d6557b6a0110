from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.slo.select import select
from sretool.errors import UsageError
from tests.support.slos import slo

SLOS = [slo(id="shop/pay"), slo(id="shop/routes", group_by=("route", "method")), slo(id="web/pay")]


def ids(*patterns: str) -> list[str]:
    return [each.id for each in select(SLOS, patterns)]


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        pytest.param([], ["shop/pay", "shop/routes", "web/pay"], id="all"),
        pytest.param(["web/pay", "shop/pay"], ["shop/pay", "web/pay"], id="in catalog order"),
        pytest.param(["pay"], ["shop/pay", "web/pay"], id="name"),
        pytest.param(["shop/*", "shop/pay"], ["shop/pay", "shop/routes"], id="each once"),
    ],
)
def test_patterns(patterns: list[str], found: list[str]) -> None:
    assert ids(*patterns) == found


def test_the_id_of_a_group_gives_that_group() -> None:
    group = SLOS[1].member({"route": '/a "b" \\c', "method": "GET"})
    assert select(SLOS, [group.id]) == (group,)
    assert ids('shop/routes{method="GET",route="/"}') == ['shop/routes{route="/",method="GET"}']


@pytest.mark.parametrize(
    "wrong", ['shop/routes{route="/"}', "shop/routes{}", 'shop/routes{path="/",method="G"}']
)
def test_other_labels_name_no_group(wrong: str) -> None:
    with pytest.raises(UsageError, match="names no group of shop/routes") as caught:
        select(SLOS, [wrong])
    assert caught.value.remedy is not None
    assert 'shop/routes{route="…",method="…"}' in caught.value.remedy


@given(route=st.text(st.characters(exclude_categories=["Cs"])), method=st.text(max_size=5))
def test_whatever_a_label_says_its_group_is_found_by_its_id(route: str, method: str) -> None:
    group = SLOS[1].member({"route": route, "method": method})
    assert select(SLOS, [group.id]) == (group,)
