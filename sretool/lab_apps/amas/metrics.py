"""Every metric family of the reference service, with all its label sets at zero from the first scrape.

A series that appears with its first event hides that event from `rate()`; so nothing here is created on
demand.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from sretool.lab_apps.amas import usage
from sretool.lab_apps.amas.decision import ARMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATUSES = ("200", "400", "404", "429", "500", "503")

disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class RouteLabels:
    """One route of the API, as the labels name it."""

    route: str
    method: str
    tier: str


ROUTES = {
    "start_session": RouteLabels("/api/learning/sessions", "POST", "1"),
    "end_session": RouteLabels("/api/learning/sessions/:id/end", "POST", "1"),
    "words": RouteLabels("/api/learning/words", "GET", "1"),
    "answers": RouteLabels("/api/learning/answers", "POST", "1"),
    "decide": RouteLabels("/api/amas/decide", "POST", "1"),
    "summary": RouteLabels("/api/stats/summary", "GET", "2"),
    "overview": RouteLabels("/api/admin/overview", "GET", "3"),
}
OPERATIONS = (
    "start_session",
    "end_session",
    "due_words",
    "record_answer",
    "decision_context",
    "record_decision",
    "user_summary",
    "admin_overview",
)
"""Values of the `operation` label: what the service asks the database."""


class RouteMetrics:
    """The HTTP series of one route."""

    def __init__(self, metrics: Metrics, labels: RouteLabels) -> None:
        key = (labels.route, labels.method, labels.tier)
        self._by_status = {
            status: metrics.http_requests.labels(labels.route, labels.method, status, labels.tier)
            for status in STATUSES
        }
        self._client_errors = metrics.http_4xx.labels(*key)
        self._server_errors = metrics.http_5xx.labels(*key)
        self._duration = metrics.http_duration.labels(*key)

    def observe(self, status: int, seconds: float) -> None:
        self._by_status[str(status)].inc()
        self._duration.observe(seconds)
        if status >= 500:
            self._server_errors.inc()
        elif status >= 400:
            self._client_errors.inc()


class Metrics:
    def __init__(self, cpu_dir: Path | None = None, memory_dir: Path | None = None) -> None:
        self.registry = registry = CollectorRegistry()
        self.process = ProcessCollector(cpu_dir, memory_dir)
        registry.register(self.process)

        route = ["route", "method", "tier"]
        self.http_requests = Counter(
            "http_request",
            "Requests answered, by status.",
            ["route", "method", "status", "tier"],
            registry=registry,
        )
        self.http_4xx = Counter("http_request_4xx", "Requests answered with 4xx.", route, registry=registry)
        self.http_5xx = Counter("http_request_5xx", "Requests answered with 5xx.", route, registry=registry)
        self.http_duration = Histogram(
            "http_request_duration_seconds",
            "Time from request to answer.",
            route,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5),
            registry=registry,
        )
        self.routes = {name: RouteMetrics(self, labels) for name, labels in ROUTES.items()}

        db_duration = Histogram(
            "amas_db_query_duration_ms",
            "Time of a database operation.",
            ["operation"],
            buckets=(1, 2, 5, 10, 20, 30, 50, 100, 200, 500, 1000, 2000),
            registry=registry,
        )
        self.db_duration = {operation: db_duration.labels(operation) for operation in OPERATIONS}
        self.db_slow = self._counter("amas_db_slow_query", "Database operations slower than 200 ms.")
        self.db_active = self._gauge("db_active_connections", "Connections of the pool in use.")
        self.db_max = self._gauge("db_max_connections", "Size of the connection pool.")
        self.db_connection_failures = self._counter(
            "db_connection_failures", "Connections that could not be made or broke."
        )
        self.db_writes = self._counter("db_write", "Transactions that store learning records.")
        self.db_writes_failed = self._counter("db_write_failed", "Those that did not store them.")
        self.db_rollbacks = self._counter("db_transaction_rollback", "Transactions rolled back.")
        self.db_timeouts = self._counter(
            "db_timeouts", "Waits for a connection or a query that took too long."
        )
        self.db_breaker = self._gauge("db_circuit_breaker_state", "0 closed, 1 open, 2 half-open.")

        self.inference = Histogram(
            "amas_inference_latency_ms",
            "Time of a whole decision, database read included.",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
            registry=registry,
        )
        self.confidence = Histogram(
            "amas_decision_confidence",
            "Confidence of the native model's decisions.",
            buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
            registry=registry,
        )
        native = Counter(
            "amas_native_calls",
            "Decisions by the native model or its fall-back.",
            ["status"],
            registry=registry,
        )
        self.native_success = native.labels("success")
        self.native_fallback = native.labels("fallback")
        self.native_duration = Histogram(
            "amas_native_duration_seconds",
            "Time inside the native model.",
            ["method"],
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
            registry=registry,
        ).labels("select_action")
        self.native_breaker = self._gauge(
            "amas_native_circuit_breaker_state", "0 closed, 1 open, 2 half-open."
        )
        self.drift = self._counter("amas_model_drift_events", "Times the model moved far from its reference.")
        action = Counter(
            "amas_action", "Decisions by what was decided.", ["difficulty", "hint"], registry=registry
        )
        self.actions = {arm: action.labels(*map(str, arm)) for arm in ARMS}
        self.cold_ratio = self._gauge(
            "amas_cold_start_user_ratio", "Share of recent decisions for users with little history."
        )
        self.switches = self._counter(
            "amas_strategy_switch", "Decisions that differ from the user's decision before."
        )

        rejected = Counter(
            "rate_limit_rejected", "Requests refused by a rate limit.", ["scope"], registry=registry
        )
        self.rejected = {scope: rejected.labels(scope) for scope in ("global", "user", "ip")}
        self.degradation = self._gauge("degradation_level", "0 full function to 4 least.")
        messages = Counter("log_messages", "Messages logged, by level.", ["level"], registry=registry)
        self.log_messages = {level: messages.labels(level) for level in ("info", "warning", "error")}

        self.sessions_started = self._counter("learning_session_started", "Learning sessions started.")
        answers = Counter("learning_answers", "Answers stored.", ["correct"], registry=registry)
        self.answers = {True: answers.labels("true"), False: answers.labels("false")}
        self.session_duration = Histogram(
            "learning_session_duration_seconds",
            "Length of the sessions that were ended.",
            buckets=(60, 300, 600, 900, 1200, 1800),
            registry=registry,
        )
        self.active_users = self._gauge(
            "learning_active_users", "Users who answered in the last 5 minutes, on all replicas together."
        )

    def render(self) -> bytes:
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(name, text, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)


class ProcessCollector(Collector):
    """The process's own use and limits; limits are read at every scrape, so a changed quota shows."""

    def __init__(self, cpu_dir: Path | None = None, memory_dir: Path | None = None) -> None:
        self._cpu_dir = cpu_dir
        self._memory_dir = memory_dir
        self._started_at = usage.started_at()

    def describe(self) -> Iterable[Metric]:
        return ()

    def limits(self) -> usage.Limits:
        return usage.read_limits(self._cpu_dir, self._memory_dir)

    def collect(self) -> Iterator[Metric]:
        used, limits = usage.read_usage(), self.limits()
        yield CounterMetricFamily("process_cpu_user_seconds", "CPU time in user mode.", used.cpu_user)
        yield CounterMetricFamily("process_cpu_system_seconds", "CPU time in the kernel.", used.cpu_system)
        yield CounterMetricFamily("process_cpu_seconds", "CPU time.", used.cpu)
        gauges: tuple[tuple[str, str, float], ...] = (
            ("process_heap_bytes", "Resident memory charged to the process.", used.resident_bytes),
            ("process_resident_memory_bytes", "Resident memory.", used.resident_bytes),
            ("process_start_time_seconds", "Start, in seconds since the epoch.", self._started_at),
            ("process_open_fds", "Open files.", used.open_files),
            ("process_max_fds", "Files that may be open.", used.max_files),
            ("process_cpu_limit_cores", "Cores it may use; the host's where unlimited.", limits.cpu_cores),
            (
                "process_memory_limit_bytes",
                "Memory it may use; the host's where unlimited.",
                limits.memory_bytes,
            ),
            ("process_limits_enforced", "1 where both limits are enforced.", limits.enforced),
        )
        for name, text, value in gauges:
            yield GaugeMetricFamily(name, text, value)


class LogCounter(logging.Handler):
    """Counts what is logged."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self._levels = metrics.log_messages

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self._levels["error"].inc()
        elif record.levelno >= logging.WARNING:
            self._levels["warning"].inc()
        else:
            self._levels["info"].inc()
