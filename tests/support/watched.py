# ruff: noqa: E501 - rows of a catalog and of values read best as rows
"""A web shop on Kubernetes that watches what such systems ask for, and answers of its Prometheus.

Golden signals with two and three levels, nodes and pods, PostgreSQL, Redis and RabbitMQ, orders and payments
by channel, a sign-up funnel, web vitals, money, probes: enough to see that the catalog can say all of it.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from sretool.core.catalog.read import read
from sretool.core.observe.model import Sample, Series
from sretool.core.observe.questions import Answers, Found, floor
from tests.support.dashboard import NOW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.core.catalog.model import System
    from tests.support.dashboard import FakeWatch

CATALOG = """\
system: {name: amas, title: A shop}
owners:
  - {id: payments, title: Payments, contact: chat}
tiers:
  - {tier: 1, title: Core, availability: 99.9%, latency_p95: 500ms, error_ratio: 0.1%}
services:
  - {id: amas, title: Web shop, owner: payments, tier: 1, parts: [web]}
dependencies:
  - {id: ingress, title: Load balancer, needs: [web], provider: Cloud, sla: 99.95%, breaks: Nobody gets in, up: up_ingress}
  - {id: web, title: Web, needs: [db, queue, pay], breaks: No shop}
  - {id: db, title: PostgreSQL, breaks: No orders, fallback: The replica takes over, up: up_db}
  - {id: queue, title: RabbitMQ, breaks: Orders are late, up: up_queue}
  - {id: pay, title: Payment provider, provider: PayCo, sla: 99.9%, breaks: Nobody pays}
impacts:
  - {module: Checkout, tier: 1, breaks: Nobody buys, users: All of them}
critical_paths:
  - id: order
    title: From the button to the order
    service: amas
    hops:
      - {title: Gateway, budget: 10ms, measured: gateway_seconds}
      - title: Order
        budget: 100ms
        unit: ms
        measured: order_ms
        parts:
          - {title: Database, budget: 40ms, unit: ms, measured: order_db_ms}
          - {title: Own logic, budget: 60ms}
slos:
  - id: amas/availability
    objective: 99.9%
    window: 30d
    sli: {bad: 'http_requests_total{code=~"5.."}', total: http_requests_total}

resources:
  - id: node
    title: Node
    by: [zone, node]
    source: node exporter
    utilisation:
      - title: cpu
        expr: node_cpu
        thresholds: [{above: 0.7, state: warn}, {above: 0.9, state: bad}, {above: 0.98, state: emergency}]
      - {title: mem, expr: node_mem, thresholds: [{above: 0.8, state: warn}, {above: 0.9, state: bad}]}
      - {title: disk, expr: node_disk, thresholds: [{above: 0.85, state: warn}, {above: 0.9, state: bad}]}
    saturation:
      - {title: run-q, expr: node_run_queue, thresholds: [{above: 10, state: warn}]}
    errors:
      - {title: network, unit: per_s, expr: node_net_errors, thresholds: [{above: 5, state: warn}]}
  - id: pod
    title: Pod
    by: [namespace, pod]
    source: kube-state-metrics
    utilisation: [{title: memory, expr: pod_memory, thresholds: [{above: 0.9, state: bad}]}]
    errors: [{title: restarts, unit: per_min, expr: pod_restarts, thresholds: [{above: 0, state: warn}]}]
  - id: gpu
    title: GPU
    not_configured: scrape the DCGM exporter and add a resource by node and gpu.

calls:
  - id: http
    title: requests
    service: amas
    source: web
    rate: {expr: http_rate}
    errors: {expr: http_errors, thresholds: [{above: 0.01, state: warn}, {above: 0.05, state: bad}]}
    duration: {expr: http_p95, thresholds: [{above: 1, state: warn}, {above: 3, state: bad}]}
  - id: pay
    title: "-> payments"
    service: amas
    to: pay
    source: web
    rate: {expr: pay_rate}
    errors: {expr: pay_errors, thresholds: [{above: 0.01, state: bad}]}
    duration: {title: p99, unit: ms, expr: pay_p99, thresholds: [{above: 2000, state: bad}]}
  - id: db
    title: "-> database"
    service: amas
    to: db
    source: web
    rate: {expr: db_rate}
    duration: {title: p95, unit: ms, expr: db_p95, thresholds: [{above: 100, state: warn}]}
  - {id: fx, title: "-> exchange rates", service: amas, source: web, rate: {expr: fx_rate}}

headroom:
  - id: pool
    title: conn pool
    by: [pod]
    source: web
    used: pool_used
    limit: pool_max
    over: 1h
    thresholds: [{above: 0.8, state: warn}, {above: 0.95, state: bad}]
  - {id: depth, title: queue payouts, source: RabbitMQ, used: queue_depth, over: 1h, thresholds: [{above: 10000, state: warn}]}
  - {id: unacked, title: unacked, source: RabbitMQ, used: queue_unacked, limit: 1000, over: 1h}
  - id: lag
    title: replication lag
    source: PostgreSQL exporter
    unit: s
    used: pg_lag
    limit: 30
    over: 1h
    thresholds: [{above: 0.17, state: warn}, {above: 0.99, state: bad}]
  - {id: disk, title: disk, by: [node], source: node exporter, unit: bytes, used: disk_used, limit: disk_size}

journeys:
  - id: pay
    title: pay
    service: amas
    slo: amas/availability
    source: web
    sli: journey_pay
    thresholds: [{below: 0.995, state: warn}, {below: 0.98, state: bad}]
    steps:
      - {title: cart, expr: step_cart}
      - {title: address, expr: step_address}
      - {title: pay, expr: step_pay}
  - {id: browse, title: browse, source: web, sli: journey_browse, thresholds: [{below: 0.999, state: warn}]}
figures:
  - {id: orders, title: orders, unit: per_min, source: web, bad: below, expr: orders}
  - {id: paid, title: paid, unit: per_min, source: web, by: [channel], bad: below, expr: paid}
  - {id: signups, title: sign-ups, unit: per_min, source: web, expr: signups}
  - {id: conversion, title: visit to order, unit: ratio, source: web, bad: below, cycle: day, expr: conversion}
  - id: traffic
    title: traffic against last week
    unit: ratio
    source: web
    expr: http_rate / http_rate_week_ago - 1
    thresholds: [{below: -0.5, state: warn}, {above: 2, state: warn}]
  - {id: dau, title: users a day, unit: count, source: warehouse, expr: daily_users}
  - {id: nps, title: NPS, unit: score, not_configured: load the answers of the survey into a gauge.}
  - {id: lcp, title: LCP, group: vitals, unit: s, source: browser, expr: lcp, thresholds: [{above: 2.5, state: warn}]}
  - {id: cls, title: CLS, group: vitals, unit: score, source: browser, expr: cls, thresholds: [{above: 0.1, state: warn}]}
  - {id: revenue, title: revenue/h, group: money, unit: money, currency: EUR, source: web, expr: revenue}
apdex:
  - {id: checkout, title: checkout, source: web, histogram: http_request_seconds, satisfied: 0.5}
probes:
  - {id: home, title: home page, source: blackbox exporter, by: [region], expr: probe_success}
dashboards:
  - id: shop
    title: Shop
    refresh: 30s
    range: 1h
    panels:
      - {title: Requests, kind: chart, unit: per_s, source: web, row: Traffic, queries: [{expr: http_rate, legend: all}]}
      - {title: Latency, kind: chart, unit: s, source: web, row: Traffic, thresholds: [{above: 1, state: warn}], queries: [{expr: http_p95, legend: p95}]}
      - {title: Errors, kind: stat, unit: ratio, source: web, row: Traffic, thresholds: [{above: 0.01, state: warn}], queries: [{expr: http_errors}]}
      - {title: Nodes, kind: gauge, unit: ratio, source: node exporter, row: Machines, thresholds: [{above: 0.7, state: warn}], queries: [{expr: node_cpu, legend: "{{node}}"}]}
      - {title: Probes, kind: states, unit: state, source: blackbox exporter, row: Machines, thresholds: [{below: 1, state: bad}], queries: [{expr: probe_success, legend: "{{region}}"}]}
      - {title: Broken, kind: stat, unit: count, source: web, row: Machines, queries: [{expr: broken}]}
      - {title: Mood, kind: chart, unit: ratio, row: Machines, not_configured: collect feedback; export a gauge of it.}
      - {title: Firing, kind: alerts, unit: count, source: Prometheus rules, row: Machines, queries: [{expr: alerts_firing, legend: "{{alertname}}"}]}
"""

_NODES = (
    {"zone": "eu-1a", "node": "node-03"},
    {"zone": "eu-1b", "node": "node-09"},
    {"zone": "eu-1b", "node": "node-17"},
)


def _by_node(*values: float) -> list[tuple[dict[str, str], float]]:
    return list(zip(_NODES, values, strict=True))


VALUES: dict[str, list[tuple[dict[str, str], float]]] = {
    "up_ingress": [({}, 1)],
    "up_db": [({}, 1)],
    "up_queue": [({}, 0)],
    "gateway_seconds": [({}, 0.004)],
    "order_ms": [({}, 133)],
    "order_db_ms": [({}, 88)],
    "node_cpu": _by_node(0.35, 0.78, 0.985),
    "node_mem": _by_node(0.41, 0.62, 0.7),
    "node_disk": _by_node(0.3, 0.3, 0.91),
    "node_run_queue": _by_node(1, 6, 31),
    "node_net_errors": _by_node(0, 0, 12),
    "pod_memory": [
        ({"namespace": "shop", "pod": "web-1"}, 0.55),
        ({"namespace": "shop", "pod": "web-2"}, 0.52),
    ],
    "pod_restarts": [({"namespace": "shop", "pod": "web-1"}, 0), ({"namespace": "shop", "pod": "web-2"}, 0)],
    "http_rate": [({}, 412)],
    "http_errors": [({}, 0.015)],
    "http_p95": [({}, 0.388)],
    "pay_rate": [({}, 38)],
    "pay_errors": [({}, 0.015)],
    "pay_p99": [({}, 2100)],
    "db_rate": [({}, 390)],
    "db_p95": [({}, 18)],
    "pool_used": [({"pod": "web-1"}, 48), ({"pod": "web-2"}, 20)],
    "pool_max": [({"pod": "web-1"}, 50), ({"pod": "web-2"}, 50)],
    "queue_depth": [({}, 4400)],
    "queue_unacked": [({}, 212)],
    "pg_lag": [({}, 0.4)],
    "disk_used": [({"node": "node-17"}, 910e9)],
    "disk_size": [({"node": "node-17"}, 1000e9)],
    "journey_pay": [({}, 0.968)],
    "step_cart": [({}, 0.999)],
    "step_address": [({}, 0.998)],
    "step_pay": [({}, 0.971)],
    "journey_browse": [({}, 0.9995)],
    "orders": [({}, 212)],
    "paid": [({"channel": "card"}, 140), ({"channel": "wallet"}, 61)],
    "signups": [({}, 18)],
    "conversion": [({}, 0.031)],
    "http_rate / http_rate_week_ago - 1": [({}, 0.04)],
    "daily_users": [({}, 131_000)],
    "lcp": [({}, 2.1)],
    "cls": [({}, 0.14)],
    "revenue": [({}, 9400)],
    "probe_success": [({"region": "eu"}, 1), ({"region": "us"}, 1), ({"region": "sg"}, 0)],
    "alerts_firing": [({"alertname": "PodRestarts"}, 1)],
}
"""What each expression gives now; `fx_rate` and `broken` give nothing, and the probe of Singapore fails."""

APDEX = 0.81

_BEFORE = {"journey_pay": 0.997, "orders": 301.0, "pay_errors": 0.0005, "pay_p99": 350.0, "step_pay": 0.998}
"""What some of them were until twenty minutes ago."""

_RISING = {"pool_used": 22.0, "queue_depth": 3000.0, "disk_used": 60e9}
"""What some of them grew by within an hour."""


@cache
def system() -> System:
    return read({"shop.yaml": CATALOG})


def value(expr: str, now: float, at: datetime) -> float:
    """What `expr`, which is `now` at present, was at `at`."""
    ago = NOW - at
    if expr in _RISING:
        return now - _RISING[expr] * (ago / timedelta(hours=1))
    usual = _BEFORE.get(expr, now) if ago > timedelta(minutes=20) else now
    then = usual * (1 + 0.04 * math.sin(at.timestamp() / 700))
    return min(then, 1.0) if expr.startswith(("journey_", "step_")) else then


def curve(expr: str, labels: Mapping[str, str], now: float) -> Series:
    """Seven hours by the minute, the last one by half minutes, and the same hour of past days and weeks by five minutes."""
    end = floor(NOW, timedelta(minutes=1))
    times = {end - timedelta(minutes=number) for number in range(7 * 60)}
    times |= {floor(NOW, timedelta(seconds=30)) - timedelta(seconds=30 * number) for number in range(130)}
    for days in (*range(1, 7), 7, 14, 21, 28):
        middle = floor(NOW - timedelta(days=days), timedelta(minutes=5))
        times |= {middle + timedelta(minutes=5 * number) for number in range(-7, 8)}
    return Series(labels, tuple((at, value(expr, now, at)) for at in sorted(times)))


def known_values() -> dict[str, list[tuple[dict[str, str], float]]]:
    """`VALUES` and what is computed from a histogram."""
    (apdex,) = system().watched.apdex
    assert apdex.expr is not None
    return {**VALUES, apdex.expr: [({}, APDEX)]}


def answers(at: datetime = NOW) -> Answers:
    """All present values, answered at `at`; one expression is refused."""
    found = {
        expr: Found(tuple(Sample(labels, at, now) for labels, now in values), at)
        for expr, values in known_values().items()
    }
    found["fx_rate"] = Found((), at)
    found["broken"] = Found(error="invalid parameter: unknown function")
    return Answers(found)


@cache
def curves() -> Mapping[str, tuple[Series, ...]]:
    return {
        expr: tuple(curve(expr, labels, now) for labels, now in values)
        for expr, values in known_values().items()
    }


def teach(watch: FakeWatch) -> None:
    """Let a fake watch answer as this shop's Prometheus would."""
    watch.answers = answers(watch.clock())
    watch.curves = dict(curves())
