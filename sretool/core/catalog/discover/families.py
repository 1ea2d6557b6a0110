"""What is known of the metrics that libraries, proxies and exporters write: one row per family.

A row says which metrics it is about, which label tells good from bad and which labels name the service.
Rows come in the order of preference: of two that would give the same service the same objective, the first
does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ByStatus:
    """A counter of all events; one of its labels says how an event ended."""

    counters: tuple[str, ...]
    """Names it goes by, each enough."""
    labels: tuple[str, ...]
    """Names of the label, the first that exists counts."""
    bad: str
    """Regular expression of the label's values that are bad."""
    counted: str | None = None
    """Regular expression of the values that are events at all; None: every value."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A counter of bad events beside one of all events."""

    bad: str
    total: str


@dataclass(frozen=True, slots=True)
class Buckets:
    """A classic histogram of durations."""

    histograms: tuple[str, ...]
    """Base names it goes by, each enough."""
    unit: str = "s"
    """Of the boundaries: s or ms."""


@dataclass(frozen=True, slots=True)
class Up:
    """A gauge that is 1 while something works."""

    gauges: tuple[str, ...]


Signal = ByStatus | Pair | Buckets | Up


@dataclass(frozen=True, slots=True)
class Family:
    """One row."""

    title: str
    """Who writes these metrics."""
    slo: str
    """The part of an objective's id after the slash."""
    what: str
    """Title of the objective; `{service}` and, for durations, `{limit}` are filled in."""
    signal: Signal
    identity: tuple[str, ...] = ("job",)
    """Labels that may name the service, the first that exists does."""
    space: tuple[str, ...] = ("namespace",)
    """Labels that keep services of the same name apart, where one exists."""
    matchers: str = ""
    """Only these series, so that nothing is counted twice."""
    doubt: str | None = None
    """What somebody who knows the service should look at."""


_5XX: Final = "5.."
_ANSWERED: Final = "{service}: requests answered without a server error"
_FAST: Final = "{service}: requests within {limit}"
_UP: Final = "{service}: up"
_4XX: Final = "4xx answers count as good, 429 (too many requests) too"
_OTEL: Final = ("service_name", "exported_job", "job")
_MICROMETER: Final = ("application", "job")
_K8S: Final = ("exported_namespace", "namespace")

FAMILIES: Final[tuple[Family, ...]] = (
    Family(
        "HTTP of a Prometheus client library",
        "availability",
        _ANSWERED,
        ByStatus(
            ("http_requests_total", "http_request_total", "http_requests_received_total"),
            ("status", "code", "status_code", "http_status", "response_code"),
            _5XX,
        ),
        doubt=_4XX,
    ),
    Family(
        "HTTP of Micrometer (Spring Boot, Quarkus)",
        "availability",
        _ANSWERED,
        ByStatus(("http_server_requests_seconds_count",), ("status",), _5XX),
        _MICROMETER,
        doubt=_4XX,
    ),
    Family(
        "OpenTelemetry http.server.request.duration",
        "availability",
        _ANSWERED,
        ByStatus(
            ("http_server_request_duration_seconds_count",),
            ("http_response_status_code", "http_status_code"),
            _5XX,
        ),
        _OTEL,
        doubt=_4XX,
    ),
    Family(
        "OpenTelemetry http.server.duration (before the stable conventions)",
        "availability",
        _ANSWERED,
        ByStatus(
            ("http_server_duration_milliseconds_count", "http_server_duration_seconds_count"),
            ("http_status_code", "http_response_status_code"),
            _5XX,
        ),
        _OTEL,
        doubt=_4XX,
    ),
    Family(
        "Flask, FastAPI and Starlette, Gin, Echo, Django",
        "availability",
        _ANSWERED,
        ByStatus(
            (
                "flask_http_request_total",
                "fastapi_responses_total",
                "starlette_requests_total",
                "starlette_responses_total",
                "gin_requests_total",
                "gin_uri_request_total",
                "echo_requests_total",
                "django_http_responses_total_by_status_total",
            ),
            ("status", "status_code", "code"),
            _5XX,
        ),
        ("app_name", "job"),
        doubt=_4XX,
    ),
    Family(
        "durations with a status (express-prom-bundle, prom-client, prometheus-net)",
        "availability",
        _ANSWERED,
        ByStatus(
            ("http_request_duration_seconds_count", "flask_http_request_duration_seconds_count"),
            ("status", "code", "status_code"),
            _5XX,
        ),
        doubt=_4XX,
    ),
    Family(
        "gRPC servers",
        "grpc-availability",
        "{service}: calls without a server error",
        ByStatus(
            ("grpc_server_handled_total",),
            ("grpc_code",),
            "Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss",
        ),
        doubt="the codes that are the server's fault by OpenTelemetry's rule; ResourceExhausted is not one",
    ),
    Family(
        "OpenTelemetry rpc.server.duration",
        "grpc-availability",
        "{service}: calls without a server error",
        ByStatus(
            ("rpc_server_duration_milliseconds_count", "rpc_server_duration_seconds_count"),
            ("rpc_grpc_status_code",),
            "2|4|12|13|14|15",
        ),
        _OTEL,
        doubt="the codes that are the server's fault by OpenTelemetry's rule; 8 (exhausted) is not one",
    ),
    Family(
        "Istio",
        "mesh-availability",
        "{service}: requests through the mesh without a server error",
        ByStatus(("istio_requests_total",), ("response_code",), _5XX),
        ("destination_service_name", "destination_service", "destination_workload"),
        ("destination_service_namespace", "destination_workload_namespace"),
        'reporter="destination"',
        "as the called side saw it: a caller that never got through is not counted; gRPC errors are not 5xx",
    ),
    Family(
        "Envoy",
        "upstream-availability",
        "{service}: requests answered without a server error",
        ByStatus(("envoy_cluster_upstream_rq_xx",), ("envoy_response_code_class",), "5"),
        ("envoy_cluster_name",),
        doubt="as Envoy saw its upstream; answers that Envoy gave by itself are not among them",
    ),
    Family(
        "ingress-nginx",
        "ingress-availability",
        _ANSWERED,
        ByStatus(("nginx_ingress_controller_requests",), ("status",), _5XX),
        ("ingress", "exported_service", "service"),
        _K8S,
        doubt="4xx answers count as good, 499 (the client gave up) too",
    ),
    Family(
        "Traefik",
        "ingress-availability",
        _ANSWERED,
        ByStatus(("traefik_service_requests_total",), ("code",), _5XX),
        ("exported_service", "service"),
        doubt=_4XX,
    ),
    Family(
        "HAProxy frontends",
        "frontend-availability",
        _ANSWERED,
        ByStatus(("haproxy_frontend_http_responses_total",), ("code",), "5xx"),
        ("proxy", "frontend"),
        doubt="what clients got from this frontend, its own errors too; a statistics page counts as well",
    ),
    Family(
        "HAProxy backends",
        "backend-availability",
        _ANSWERED,
        ByStatus(("haproxy_backend_http_responses_total",), ("code",), "5xx"),
        ("route", "proxy", "backend"),
        _K8S,
        doubt="what the servers behind this backend said, not what clients waited for",
    ),
    Family(
        "HTTP of a Prometheus client library",
        "latency",
        _FAST,
        Buckets(("http_request_duration_seconds", "http_request_duration_highr_seconds")),
    ),
    Family(
        "HTTP of Micrometer (Spring Boot, Quarkus)",
        "latency",
        _FAST,
        Buckets(("http_server_requests_seconds",)),
        _MICROMETER,
    ),
    Family(
        "OpenTelemetry http.server.request.duration",
        "latency",
        _FAST,
        Buckets(("http_server_request_duration_seconds", "http_server_duration_seconds")),
        _OTEL,
    ),
    Family(
        "OpenTelemetry http.server.duration (before the stable conventions)",
        "latency",
        _FAST,
        Buckets(("http_server_duration_milliseconds",), "ms"),
        _OTEL,
    ),
    Family(
        "Flask, FastAPI and Starlette, Gin, Echo, Django",
        "latency",
        _FAST,
        Buckets(
            (
                "flask_http_request_duration_seconds",
                "fastapi_requests_duration_seconds",
                "starlette_request_duration_seconds",
                "starlette_requests_processing_time_seconds",
                "gin_request_duration_seconds",
                "gin_request_duration",
                "echo_request_duration_seconds",
                "django_http_requests_latency_seconds_by_view_method",
            )
        ),
        ("app_name", "job"),
    ),
    Family(
        "gRPC servers",
        "grpc-latency",
        "{service}: calls within {limit}",
        Buckets(("grpc_server_handling_seconds",)),
        doubt='streams last as long as they are used: grpc_type="unary" leaves them out',
    ),
    Family(
        "OpenTelemetry rpc.server.duration",
        "grpc-latency",
        "{service}: calls within {limit}",
        Buckets(("rpc_server_duration_milliseconds",), "ms"),
        _OTEL,
    ),
    Family(
        "Istio",
        "mesh-latency",
        "{service}: requests through the mesh within {limit}",
        Buckets(("istio_request_duration_milliseconds",), "ms"),
        ("destination_service_name", "destination_service", "destination_workload"),
        ("destination_service_namespace", "destination_workload_namespace"),
        'reporter="destination"',
    ),
    Family(
        "Envoy",
        "upstream-latency",
        _FAST,
        Buckets(("envoy_cluster_upstream_rq_time",), "ms"),
        ("envoy_cluster_name",),
    ),
    Family(
        "ingress-nginx",
        "ingress-latency",
        _FAST,
        Buckets(("nginx_ingress_controller_request_duration_seconds",)),
        ("ingress", "exported_service", "service"),
        _K8S,
        doubt="the time until the client had the whole answer: slow clients are in it",
    ),
    Family(
        "Traefik",
        "ingress-latency",
        _FAST,
        Buckets(("traefik_service_request_duration_seconds",)),
        ("exported_service", "service"),
    ),
    Family(
        "Celery (celery-exporter)",
        "task-success",
        "{service}: tasks without a failure",
        Pair("celery_task_failed_total", "celery_task_started_total"),
        ("queue_name", "job"),
        doubt="a task that is retried starts more than once and fails at most once",
    ),
    Family(
        "Celery (state of tasks)",
        "task-success",
        "{service}: tasks without a failure",
        ByStatus(
            ("celery_tasks_total",),
            ("state",),
            "(?i)failed|failure|retries-exceeded",
            "(?i)succeeded|success|failed|failure|retries-exceeded",
        ),
        ("queue", "job"),
    ),
    Family(
        "Sidekiq (yabeda)",
        "job-success",
        "{service}: jobs without a failure",
        Pair("sidekiq_jobs_failed_total", "sidekiq_jobs_executed_total"),
        ("queue", "job"),
        doubt="a job that fails and then succeeds in a retry counts as one failure of two runs",
    ),
    Family(
        "Sidekiq (sidekiq-prometheus-exporter)",
        "job-success",
        "{service}: jobs without a failure",
        Pair("sidekiq_failed_jobs_total", "sidekiq_processed_jobs_total"),
        doubt="a job that fails and then succeeds in a retry counts as one failure of two runs",
    ),
    Family(
        "Sidekiq (prometheus_exporter)",
        "job-success",
        "{service}: jobs without a failure",
        Pair("ruby_sidekiq_failed_jobs_total", "ruby_sidekiq_jobs_total"),
        doubt="a job that fails and then succeeds in a retry counts as one failure of two runs",
    ),
    Family(
        "RabbitMQ",
        "routing",
        "{service}: messages that reached a queue",
        Pair(
            "rabbitmq_global_messages_unroutable_dropped_total",
            "rabbitmq_global_messages_received_total",
        ),
        doubt="says that the broker took the messages, not that anybody handled them",
    ),
    Family("PostgreSQL", "up", _UP, Up(("pg_up",)), doubt="the exporter could log in, nothing more"),
    Family("MySQL", "up", _UP, Up(("mysql_up",)), doubt="the exporter could log in, nothing more"),
    Family("Redis", "up", _UP, Up(("redis_up",)), doubt="the exporter got an answer, nothing more"),
    Family("nginx", "up", _UP, Up(("nginx_up",)), doubt="the exporter could read nginx's status page"),
    Family("RabbitMQ", "up", _UP, Up(("rabbitmq_up",)), doubt="the exporter could ask the broker"),
    Family("Celery workers", "workers-up", "{service}: workers up", Up(("celery_worker_up",))),
    Family(
        "blackbox probes",
        "probe",
        "{service}: probes that succeed",
        Up(("probe_success",)),
        ("instance", "job"),
        doubt="as seen from where the exporter runs; a probe is not a user",
    ),
)

BAD_SUFFIXES: Final = ("_5xx_total", "_failed_total", "_failures_total", "_errors_total")
"""`x_failed_total` beside `x_total` is a pair whatever `x` is."""

OWN_PREFIXES: Final = (
    "prometheus_",
    "promhttp_",
    "go_",
    "process_",
    "python_",
    "node_",
    "scrape_",
    "sretool_",
)
"""What monitoring says about itself and about machines: no service of anybody."""
