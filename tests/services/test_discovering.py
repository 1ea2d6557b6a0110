"""What libraries, proxies and exporters write becomes a catalog that reads and lints clean."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from sretool.core.catalog.discover.families import FAMILIES, Buckets, ByStatus, Pair
from sretool.core.catalog.discover.write import render, sli_keys
from sretool.core.catalog.read import read
from sretool.core.lint.run import lint
from sretool.errors import SourceRefused, SourceTimeout, SourceUnreachable
from sretool.services.discovering import Survey
from tests.support.survey import NOW, FakeServer

if TYPE_CHECKING:
    from sretool.core.catalog.discover.propose import Proposal

SERVERS = {
    "client_golang": (
        """
        http_requests_total{job="shop",code="200",method="get"} 90000
        http_requests_total{job="shop",code="404",method="get"} 500
        http_requests_total{job="shop",code="500",method="get"} 20
        http_request_duration_seconds_bucket{job="shop",le="0.1"} 80000
        http_request_duration_seconds_bucket{job="shop",le="0.25"} 90200
        http_request_duration_seconds_bucket{job="shop",le="1"} 90500
        http_request_duration_seconds_bucket{job="shop",le="+Inf"} 90520
        http_request_duration_seconds_count{job="shop"} 90520
        """,
        {
            "shop/availability": (
                "99.95%",
                {
                    "bad": 'http_requests_total{job="shop",code=~"5.."}',
                    "total": 'http_requests_total{job="shop"}',
                },
            ),
            "shop/latency": (
                "99%",
                {
                    "histogram": "http_request_duration_seconds",
                    "threshold": "0.25",
                    "matchers": 'job="shop"',
                },
            ),
        },
    ),
    "micrometer": (
        """
        http_server_requests_seconds_count{application="cart",job="spring",status="200"} 9000
        http_server_requests_seconds_count{application="cart",job="spring",status="503"} 9
        """,
        {
            "cart/availability": (
                "99.5%",
                {
                    "bad": 'http_server_requests_seconds_count{application="cart",status=~"5.."}',
                    "total": 'http_server_requests_seconds_count{application="cart"}',
                },
            )
        },
    ),
    "opentelemetry": (
        """
        http_server_request_duration_seconds_count{service_name="pay",http_response_status_code="200"} 9990
        http_server_request_duration_seconds_count{service_name="pay",http_response_status_code="500"} 10
        http_server_request_duration_seconds_bucket{service_name="pay",le="0.5"} 9000
        http_server_request_duration_seconds_bucket{service_name="pay",le="2.5"} 9980
        http_server_request_duration_seconds_bucket{service_name="pay",le="+Inf"} 10000
        """,
        {
            "pay/availability": (
                "99.5%",
                {
                    "bad": 'http_server_request_duration_seconds_count{service_name="pay",'
                    'http_response_status_code=~"5.."}',
                    "total": 'http_server_request_duration_seconds_count{service_name="pay"}',
                },
            ),
            "pay/latency": (
                "99.5%",
                {
                    "histogram": "http_server_request_duration_seconds",
                    "threshold": "2.5",
                    "matchers": 'service_name="pay"',
                },
            ),
        },
    ),
    "fastapi": (
        """
        http_requests_total{handler="/a",job="api",method="GET",status="2xx"} 5000
        http_requests_total{handler="/a",job="api",method="GET",status="5xx"} 1
        """,
        {
            "api/availability": (
                "99.95%",
                {
                    "bad": 'http_requests_total{job="api",status=~"5.."}',
                    "total": 'http_requests_total{job="api"}',
                },
            )
        },
    ),
    "grpc": (
        """
        grpc_server_handled_total{job="users",grpc_code="OK",grpc_service="v1.Users"} 9000
        grpc_server_handled_total{job="users",grpc_code="NotFound",grpc_service="v1.Users"} 900
        grpc_server_handled_total{job="users",grpc_code="Internal",grpc_service="v1.Users"} 90
        """,
        {
            "users/grpc-availability": (
                "98%",
                {
                    "bad": 'grpc_server_handled_total{job="users",grpc_code=~"Unknown|DeadlineExceeded|'
                    'Unimplemented|Internal|Unavailable|DataLoss"}',
                    "total": 'grpc_server_handled_total{job="users"}',
                },
            )
        },
    ),
    "istio": (
        """
        istio_requests_total{reporter="destination",destination_service_name="a",response_code="200"} 9999
        istio_requests_total{reporter="destination",destination_service_name="a",response_code="503"} 1
        istio_requests_total{reporter="source",destination_service_name="a",response_code="503"} 5000
        """,
        {
            "a/mesh-availability": (
                "99.95%",
                {
                    "bad": 'istio_requests_total{destination_service_name="a",reporter="destination",'
                    'response_code=~"5.."}',
                    "total": 'istio_requests_total{destination_service_name="a",reporter="destination"}',
                },
            )
        },
    ),
    "envoy": (
        """
        envoy_cluster_upstream_rq_xx{envoy_cluster_name="web",envoy_response_code_class="2"} 9990
        envoy_cluster_upstream_rq_xx{envoy_cluster_name="web",envoy_response_code_class="5"} 10
        envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="web",le="25"} 9999
        envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="web",le="+Inf"} 10000
        envoy_cluster_upstream_rq_time_count{envoy_cluster_name="web"} 10000
        """,
        {
            "web/upstream-availability": (
                "99.5%",
                {
                    "bad": 'envoy_cluster_upstream_rq_xx{envoy_cluster_name="web",'
                    'envoy_response_code_class="5"}',
                    "total": 'envoy_cluster_upstream_rq_xx{envoy_cluster_name="web"}',
                },
            ),
            "web/upstream-latency": (
                "99.9%",
                {
                    "histogram": "envoy_cluster_upstream_rq_time",
                    "threshold": "25",
                    "matchers": 'envoy_cluster_name="web"',
                },
            ),
        },
    ),
    "ingress-nginx": (
        """
        nginx_ingress_controller_requests{exported_namespace="x",ingress="front",status="200"} 7000
        nginx_ingress_controller_requests{exported_namespace="x",ingress="front",status="502"} 1
        nginx_ingress_controller_requests{exported_namespace="y",ingress="front",status="200"} 7000
        """,
        {
            f"{space}-front/ingress-availability": (
                target,
                {
                    "bad": f'nginx_ingress_controller_requests{{exported_namespace="{space}",'
                    'ingress="front",status=~"5.."}',
                    "total": f'nginx_ingress_controller_requests{{exported_namespace="{space}",'
                    'ingress="front"}',
                },
            )
            for space, target in (("x", "99.95%"), ("y", "99.99%"))
        },
    ),
    "haproxy": (
        """
        haproxy_frontend_http_responses_total{proxy="www",code="2xx"} 9900
        haproxy_frontend_http_responses_total{proxy="www",code="5xx"} 40
        """,
        {
            "www/frontend-availability": (
                "99%",
                {
                    "bad": 'haproxy_frontend_http_responses_total{proxy="www",code="5xx"}',
                    "total": 'haproxy_frontend_http_responses_total{proxy="www"}',
                },
            )
        },
    ),
    "exporters": (
        """
        pg_up{job="postgres",instance="a:9187"} 1
        pg_up{job="postgres",instance="b:9187"} 0.9991
        redis_up{job="redis"} 1
        probe_success{job="blackbox",instance="https://shop.example/health"} 0.9998
        """,
        {
            "postgres/up": ("99.9%", {"up": 'pg_up{job="postgres"}'}),
            "redis/up": ("99.95%", {"up": 'redis_up{job="redis"}'}),
            "shop.example-health/probe": (
                "99.95%",
                {"up": 'probe_success{instance="https://shop.example/health"}'},
            ),
        },
    ),
    "workers": (
        """
        celery_task_started_total{job="celery",queue_name="mail"} 4000
        celery_task_failed_total{job="celery",queue_name="mail",exception="E"} 4
        celery_tasks_total{job="older",state="SUCCESS"} 999
        celery_tasks_total{job="older",state="FAILURE"} 1
        celery_tasks_total{job="older",state="RECEIVED"} 1000
        sidekiq_jobs_executed_total{job="yabeda",queue="low"} 1000
        sidekiq_jobs_failed_total{job="yabeda",queue="low"} 9
        rabbitmq_global_messages_received_total{job="rabbit"} 1000
        rabbitmq_global_messages_unroutable_dropped_total{job="rabbit"} 0
        worker_task_total{job="own"} 1000
        worker_task_failed_total{job="own"} 20
        """,
        {
            "mail/task-success": (
                "99.5%",
                {
                    "bad": 'celery_task_failed_total{queue_name="mail"}',
                    "total": 'celery_task_started_total{queue_name="mail"}',
                },
            ),
            "older/task-success": (
                "99.5%",
                {
                    "bad": 'celery_tasks_total{job="older",state=~"(?i)failed|failure|retries-exceeded"}',
                    "total": 'celery_tasks_total{job="older",'
                    'state=~"(?i)succeeded|success|failed|failure|retries-exceeded"}',
                },
            ),
            "low/job-success": (
                "98%",
                {
                    "bad": 'sidekiq_jobs_failed_total{queue="low"}',
                    "total": 'sidekiq_jobs_executed_total{queue="low"}',
                },
            ),
            "rabbit/routing": (
                "99.95%",
                {
                    "bad": 'rabbitmq_global_messages_unroutable_dropped_total{job="rabbit"}',
                    "total": 'rabbitmq_global_messages_received_total{job="rabbit"}',
                },
            ),
            "own/worker-task-success": (
                "95%",
                {"bad": 'worker_task_failed_total{job="own"}', "total": 'worker_task_total{job="own"}'},
            ),
        },
    ),
    "a counter for 5xx": (
        """
        http_request_total{job="danci"} 9000
        http_request_5xx_total{job="danci"} 2
        """,
        {
            "danci/availability": (
                "99.95%",
                {"bad": 'http_request_5xx_total{job="danci"}', "total": 'http_request_total{job="danci"}'},
            )
        },
    ),
}


async def survey(server: FakeServer, days: int = 30) -> Proposal:
    return await Survey(server, NOW, days).run()


@pytest.mark.parametrize("kind", SERVERS)
async def test_every_family_gives_its_objectives(kind: str) -> None:
    text, expected = SERVERS[kind]
    proposal = await survey(FakeServer(text))
    written = render(proposal, "http://prometheus:9090", NOW, 30)
    found = {
        slo.id: (f"{slo.objective * 100:f}".rstrip("0").rstrip(".") + "%", sli_keys(slo))
        for slo in proposal.slos
    }
    assert {slo: keys for slo, (_, keys) in found.items()} == {
        slo: keys for slo, (_, keys) in expected.items()
    }
    assert {slo: target for slo, (target, _) in found.items()} == {
        slo: target for slo, (target, _) in expected.items()
    }
    system = read({"slos.yaml": written})
    assert {slo.id: slo.sli for slo in system.slos} == {slo.id: slo.sli for slo in proposal.slos}
    assert lint({"slos.yaml": written.encode()}).findings == ()


def test_every_row_of_the_table_is_complete() -> None:
    for family in FAMILIES:
        match family.signal:
            case ByStatus(counters=names) | Buckets(histograms=names):
                assert names
            case Pair(bad=bad, total=total):
                assert bad != total
        assert "{service}" in family.what
        assert ("{limit}" in family.what) == isinstance(family.signal, Buckets)


async def test_remarks_say_where_everything_comes_from() -> None:
    text, _ = SERVERS["client_golang"]
    types = {"http_requests_total": "gauge"}
    proposal = await survey(FakeServer(text, types=types, days=9))
    written = render(proposal, "http://prometheus:9090", NOW, 30)
    assert "# from: http_requests_total (HTTP of a Prometheus client library); label job names the" in written
    assert "# attained: 99.978% of 814,680 events in 9 days; the worst day ended 2026-11-" in written
    assert (
        "# 99.95% would have spent 44% of its budget; 99.99% would have spent 221% of its budget" in written
    )
    assert "# uncertain: only 9 of 30 days had events" in written
    assert "# uncertain: the server calls http_requests_total a gauge, not a counter" in written
    assert '# bad is code=~"5.."; seen: 200, 404, 500' in written
    assert "within 100 ms: 88.4%, 250 ms: 99.65%, 1 s: 99.978%" in " ".join(written.replace("# ", "").split())


async def test_a_service_that_is_gone_is_doubted() -> None:
    text, _ = SERVERS["client_golang"]
    slo = (await survey(FakeServer(text, ended=4))).slos[0]
    assert slo.unsure[:2] == (
        "only 26 of 30 days had events",
        "no events since 2026-11-17 09:00: is it still there?",
    )
    assert not any("since" in each for each in (await survey(FakeServer(text))).slos[0].unsure)


async def test_a_server_that_forgets_early_gets_a_short_window() -> None:
    text, _ = SERVERS["client_golang"]
    proposal = await survey(FakeServer(text, kept=timedelta(days=15)))
    assert proposal.window == timedelta(days=7)
    written = render(proposal, "http://prometheus:9090", NOW, 30)
    assert {slo.window for slo in read({"slos.yaml": written}).slos} == {timedelta(days=7)}


async def test_quiet_services_need_a_number_of_events_before_they_page() -> None:
    proposal = await survey(
        FakeServer('http_requests_total{job="a",code="200"} 240\nhttp_requests_total{job="a",code="500"} 0')
    )
    assert [(slo.objective, slo.min_events) for slo in proposal.slos] == [(Decimal("0.995"), 15)]
    written = render(proposal, "http://prometheus:9090", NOW, 30)
    assert "# some 10 events an hour: a single bad one must not page" in written
    assert [slo.min_events for slo in read({"slos.yaml": written}).slos] == [15]


@pytest.mark.parametrize(
    ("text", "what", "why"),
    [
        ('http_requests_total{job="a"} 9', "http_requests_total", "no label says how a request ended"),
        (
            'http_requests_total{code="200"} 9',
            "http_requests_total",
            "none of its labels names a service (job)",
        ),
        ('http_requests_total{job="a",code="200"} 0', "http_requests_total", "no events in 30 days"),
        ('http_requests_total{job="a",code="200"} 0.1', "http_requests_total of a", "only 3 events, too few"),
        ('http_requests_total{job="a",code="500"} 99', "http_requests_total of a", "only 0.0% were good"),
        (
            'a_total{job="x"} 1\na_failed_total{job="x"} 2',
            "a_total and a_failed_total of x",
            "more bad events",
        ),
        (
            'http_request_duration_seconds_count{job="a"} 9000\n'
            'http_request_duration_seconds_bucket{job="a",le="0.1"} 90\n'
            'http_request_duration_seconds_bucket{job="a",le="+Inf"} 9000',
            "http_request_duration_seconds of a",
            "only 1.0% stayed within the largest boundary, 100 ms",
        ),
    ],
)
async def test_what_is_recognised_but_gives_no_objective_is_told(text: str, what: str, why: str) -> None:
    proposal = await survey(FakeServer(text))
    assert proposal.slos == ()
    assert any(passed.what == what and passed.why.startswith(why) for passed in proposal.passed), (
        proposal.passed
    )


async def test_services_beyond_the_twentieth_are_told() -> None:
    lines = [f'http_requests_total{{job="s{n:02}",code="200"}} {9000 + n}' for n in range(23)]
    proposal = await survey(FakeServer("\n".join(lines)))
    assert len(proposal.slos) == 20
    assert sorted(passed.what for passed in proposal.passed) == [
        f"http_requests_total of s{n:02}" for n in range(3)
    ]


async def test_what_monitoring_says_about_itself_is_no_service() -> None:
    server = FakeServer(
        'prometheus_x_total{job="p"} 9\nprometheus_x_failed_total{job="p"} 1\n'
        'job:a_total{job="p"} 1\njob:a_failed_total{job="p"} 1'
    )
    look = Survey(server, NOW, 30)
    assert (await look.run()).slos == ()
    assert (look.names, look.known) == (4, ())


async def test_a_family_that_cannot_be_asked_about_does_not_stop_the_others() -> None:
    text, _ = SERVERS["client_golang"]
    slow = SourceTimeout("Prometheus gave no answer in 120 s")
    proposal = await survey(
        FakeServer(text, refuses={"_bucket": slow, "types": SourceRefused("HTTP 404"), "retention": slow})
    )
    assert [slo.id for slo in proposal.slos] == ["shop/availability"]
    assert [(p.what, p.why) for p in proposal.passed if "asked" in p.why] == [
        ("http_request_duration_seconds", "could not be asked about: Prometheus gave no answer in 120 s")
    ]


async def test_a_server_that_is_gone_is_an_error() -> None:
    text, _ = SERVERS["client_golang"]
    with pytest.raises(SourceUnreachable):
        await survey(FakeServer(text, refuses={"increase": SourceUnreachable("gone")}))
