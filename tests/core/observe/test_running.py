"""SLOs of Sloth and Pyrra, known from what their rules record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sretool.core.observe.model import Sample
from sretool.core.observe.running import recognised
from sretool.core.slo.model import ErrorRatioQuery, Slo

AT = datetime(2026, 11, 20, tzinfo=UTC)


def sample(name: str, value: float, **labels: str) -> Sample:
    return Sample({"__name__": name, **labels}, AT, value)


def sloth(service: str, name: str, objective: str = "99.9", **labels: str) -> Sample:
    known = {"sloth_id": f"{service}-{name}", "sloth_service": service, "sloth_slo": name}
    return sample("sloth_slo_info", 1, sloth_objective=objective, sloth_mode="cli", **known, **labels)


def alone(slo: Slo) -> ErrorRatioQuery:
    """The queries for this SLO only; those for many stand for it, too."""
    assert isinstance(slo.sli, ErrorRatioQuery)
    assert slo.sli.shared is not None
    return replace(slo.sli, shared=None)


def test_sloths_information_makes_an_slo() -> None:
    found = recognised(
        [
            sloth("shop", "availability", owner="web", region="eu", instance="b:9090"),
            sample("slo:time_period:days", 28, sloth_id="shop-availability"),
        ]
    )
    (slo,) = found.slos
    assert (slo.id, slo.objective, slo.window) == (
        "shop/availability",
        Decimal("0.999"),
        timedelta(days=28),
    )
    assert (slo.owner, slo.labels) == ("web", {"region": "eu"})
    assert alone(slo) == ErrorRatioQuery(
        '{__name__="slo:sli_error:ratio_rate{window}",sloth_id="shop-availability"}'
        ' or on (sloth_id) avg_over_time(slo:sli_error:ratio_rate5m{sloth_id="shop-availability"}[{window}])'
    )
    assert [note.split(",")[0] for note in found.notes] == ["1 objective is recorded by Sloth"]


def test_several_servers_that_record_one_slo_do_not_double_it() -> None:
    found = recognised([sloth("shop", "a", replica="1"), sloth("shop", "a", replica="2"), sloth("shop", "b")])
    assert [slo.id for slo in found.slos] == ["shop/a", "shop/b"]


def test_pyrras_generic_rules_make_an_slo() -> None:
    found = recognised(
        [
            sample("pyrra_objective", 0.995, slo="orders", team="web", namespace="shop"),
            sample("pyrra_window", 28 * 86400, slo="orders", team="web"),
            sample("pyrra_requests:rate5m", 3, slo="orders", team="web"),
            sample("http_requests:burnrate5m", 1, slo="orders"),
        ]
    )
    (slo,) = found.slos
    assert (slo.id, slo.objective, slo.window, slo.labels) == (
        "shop/orders",
        Decimal("0.995"),
        timedelta(days=28),
        {"team": "web"},
    )
    requests = 'sum(avg_over_time(pyrra_requests:rate5m{slo="orders"}[{window}]))'
    assert alone(slo) == ErrorRatioQuery(
        f"{requests.replace('requests', 'errors')} / ({requests} > 0)", requests
    )
    assert found.notes == ("1 objective is recorded by Pyrra",)


def test_gauges_of_pyrra_are_read_from_their_burn_rates() -> None:
    found = recognised(
        [
            sample("pyrra_objective", 0.99, slo="probe"),
            sample("pyrra_window", 7 * 86400, slo="probe"),
            sample("pyrra_requests:rate5m", 60480, slo="probe"),
            sample("probe_success:count1w", 1, slo="probe"),
            sample("probe_success:burnrate8m", 1, slo="probe"),
            sample("probe_success:burnrate1m", 1, slo="probe"),
        ]
    )
    (slo,) = found.slos
    assert slo.id == "default/probe"
    assert alone(slo) == ErrorRatioQuery(
        'max({__name__=~".+:burnrate{window}",slo="probe"})'
        ' or max(avg_over_time(probe_success:burnrate1m{slo="probe"}[{window}]))'
    )


def test_objectives_that_pyrra_does_not_record_are_named() -> None:
    found = recognised([sample("http_requests:burnrate5m", 2, slo=name) for name in ("b", "a")])
    assert found.slos == ()
    assert found.notes[0].startswith("2 of Pyrra's objectives cannot be shown (a, b):")


def test_what_makes_no_sense_is_no_slo() -> None:
    strange = [
        sloth("shop", "a", objective="100"),
        sloth("shop", "b", objective="soon"),
        sloth("", "c"),
        sample("pyrra_objective", 1, slo="d"),
        sample("pyrra_objective", 0.99, slo="e"),
        sample("up", 1),
    ]
    assert recognised(strange).slos == ()


def test_a_ratio_of_sloth_for_each_route_is_one_slo_for_each() -> None:
    ratio = [
        sample(
            "slo:sli_error:ratio_rate5m",
            0.1,
            sloth_id="shop-a",
            sloth_service="shop",
            sloth_slo="a",
            sloth_window="5m",
            region="eu",
            route=route,
        )
        for route in ("/", "/cart")
    ]
    (slo,) = recognised([sloth("shop", "a", region="eu"), *ratio]).slos
    assert (slo.group_by, slo.is_template, slo.labels) == (("route",), True, {"region": "eu"})
    assert slo.sli == ErrorRatioQuery(
        '{__name__="slo:sli_error:ratio_rate{window}",sloth_id="shop-a"} or on (sloth_id, route)'
        ' avg_over_time(slo:sli_error:ratio_rate5m{sloth_id="shop-a"}[{window}])'
    )
