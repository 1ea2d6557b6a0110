from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.slo.suspects import bad_from_good, breakdowns


def test_the_value_with_more_errors_than_its_traffic_explains_comes_first() -> None:
    total = [({"route": "/a", "instance": i}, 400.0) for i in "12"]
    total += [({"route": "/b", "instance": i}, 100.0) for i in "12"]
    bad = [({"route": "/a", "instance": i}, 20.0) for i in "12"]
    bad += [({"route": "/b", "instance": i}, 30.0) for i in "12"]
    route, instance = breakdowns(bad, total)
    assert (route.label, [each.value for each in route.values]) == ("route", ["/b", "/a"])
    worst = route.values[0]
    assert (worst.share, worst.traffic_share, worst.error_ratio) == pytest.approx((0.6, 0.2, 0.3))
    assert instance.label == "instance"
    assert instance.values[0].excess == 0


def test_a_label_that_names_the_error_is_told_apart_from_places() -> None:
    total = [({"status": "200", "zone": z}, 900.0) for z in "ab"] + [({"status": "503", "zone": "a"}, 100.0)]
    bad = [({"status": "503", "zone": "a"}, 100.0)]
    zone, status = breakdowns(bad, total)
    assert (zone.label, zone.tells_kind) == ("zone", False)
    assert (status.label, status.tells_kind) == ("status", True)


def test_a_label_only_bad_events_have_names_the_error() -> None:
    found = breakdowns([({"reason": "timeout"}, 3.0), ({"reason": "reset"}, 1.0)], [({}, 100.0)])
    assert [(each.label, each.tells_kind) for each in found] == [("reason", True)]
    assert found[0].values[0].traffic_share is None


def test_a_label_with_one_value_tells_nothing() -> None:
    assert breakdowns([({"job": "shop"}, 3.0)], [({"job": "shop"}, 100.0)]) == ()


def test_where_nothing_went_bad_nobody_is_suspected() -> None:
    assert breakdowns([({"route": "/a"}, 0.0)], [({"route": "/a"}, 5.0), ({"route": "/b"}, 5.0)]) == ()


def test_bad_events_are_what_is_not_good_of_each_label_set() -> None:
    good = [({"route": "/a"}, 90.0), ({"route": "/b"}, 10.00001)]
    total = [({"route": "/a"}, 100.0), ({"route": "/b"}, 10.0), ({"route": "/c"}, 1.0)]
    found = {labels["route"]: value for labels, value in bad_from_good(good, total)}
    assert found == {"/a": 10.0, "/b": 0.0, "/c": 1.0}


events = st.lists(
    st.tuples(
        st.fixed_dictionaries({"a": st.sampled_from("xyz"), "b": st.sampled_from("12")}), st.floats(1, 1e6)
    ),
    min_size=1,
)


@given(events)
def test_shares_of_a_label_add_up(bad: list[tuple[dict[str, str], float]]) -> None:
    total = [*bad, *(({"a": a, "b": b}, 1.0) for a in "xyz" for b in "12")]
    for found in breakdowns(bad, total):
        assert sum(each.share for each in found.values) == pytest.approx(1, abs=0.01)
        assert all(0 <= (each.error_ratio or 0) <= 1 for each in found.values)
