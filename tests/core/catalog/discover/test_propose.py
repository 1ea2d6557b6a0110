"""Targets that would have been kept, and text of a server that must not break the file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.catalog.discover.propose import (
    STEPS,
    Look,
    Row,
    fitting,
    propose,
    shown_share,
    target,
)
from sretool.core.catalog.discover.recognise import Plan, leads, looked_for, plan
from sretool.core.catalog.discover.write import render, scalar
from sretool.core.catalog.read import read
from sretool.core.slo.model import EventRatio
from sretool.core.slo.promql import quote

AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_a_target_leaves_half_its_budget_and_the_next_one_does_not(total: int, share: float) -> None:
    bad = share * total
    chosen = target(bad, total)
    held = [
        step
        for step in STEPS
        if float(1 - step) * total >= 10 and bad <= float(1 - step) * total * float("0.5")
    ]
    assert (chosen[0] if chosen else None) == max(held, default=None)


def test_a_target_says_why_it_is_not_stricter() -> None:
    assert target(6, 10_000) == (
        Decimal("0.995"),
        "would have spent 12% of its budget; 99.9% would have spent 60% of its budget",
    )
    assert target(0, 20_000) == (
        Decimal("0.9995"),
        "would have spent nothing; 99.99% would allow fewer than 10 bad ones, and chance would decide",
    )
    assert target(9, 10) is None


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [(1, "100%"), (0.9994, "99.940%"), (0.5, "50.0%"), (0.9999996, "99.999960%"), (0, "0.0%")],
)
def test_shares_show_what_is_missing(ratio: float, shown: str) -> None:
    assert shown_share(ratio) == shown


def test_the_window_fits_what_the_server_keeps() -> None:
    assert [fitting(kept).days for kept in (None, timedelta(days=90), timedelta(days=15))] == [30, 30, 7]


def test_pairs_are_found_by_name() -> None:
    names = {"a_total", "a_failed_total", "b_total", "b_errors_total", "c_errors_total", "x:d_total"}
    assert [(lead.metric, lead.bad) for lead in leads(names)] == [
        ("a_total", "a_failed_total"),
        ("b_total", "b_errors_total"),
    ]


def test_a_histogram_without_buckets_is_none() -> None:
    assert leads({"http_request_duration_seconds_bucket"}) == ()
    assert [
        lead.asked
        for lead in leads({"grpc_server_handling_seconds_bucket", "grpc_server_handling_seconds_count"})
    ] == ["grpc_server_handling_seconds_bucket"]


def test_what_is_looked_for_names_each_family_once() -> None:
    found = looked_for()
    assert len(found) == len(set(found))
    assert {"Istio", "Envoy", "PostgreSQL", "Redis", "blackbox probes"} <= set(found)


@given(st.text(min_size=1, max_size=20))
def test_whatever_a_service_is_called_the_file_reads_back(service: str) -> None:
    (lead,) = leads({"http_requests_total"})
    planned = plan(lead, {"job", "code"})
    assert isinstance(planned, Plan)
    rows = [Row("status", {"job": service, "code": "200"}, {AT: 1e6})]
    proposal = propose([(planned, rows)], [], Look(30))
    written = render(proposal, "http://prometheus:9090", AT, 30)
    (slo,) = read({"slos.yaml": written}).slos
    total = f"http_requests_total{{job={quote(service)}}}"
    assert slo.sli == EventRatio(f'http_requests_total{{job={quote(service)},code=~"5.."}}', total)


@given(st.lists(st.text(max_size=8), min_size=2, max_size=6, unique=True))
def test_ids_are_different_whatever_services_are_called(services: list[str]) -> None:
    (lead,) = leads({"http_requests_total"})
    planned = plan(lead, {"job", "code", "namespace"})
    assert isinstance(planned, Plan)
    rows = [
        Row("status", {"job": service, "namespace": space, "code": "200"}, {AT: 1e6})
        for service in services
        for space in ("a", "b")
    ]
    slos = propose([(planned, rows)], [], Look(30)).slos
    assert len({slo.id for slo in slos}) == 2 * len(services)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a", "a"),
        ('r_total{job="a"}', 'r_total{job="a"}'),
        ("a: b", "'a: b'"),
        ("it's # no remark", "'it''s # no remark'"),
        ("0.25", "0.25"),
        ('a\n"b"', '"a\\U0000000a\\"b\\""'),
    ],
)
def test_scalars_get_quotes_where_they_need_them(text: str, written: str) -> None:
    assert scalar(text) == written
