"""A small past for tests: one service with two replicas, a worker's gauge, two incidents."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sretool.core.plans.history import History
from sretool.core.plans.history_file import HistoryPlan, read
from sretool.core.plans.traffic import AMAS_LAB
from sretool.core.slo.model import BucketRatio, EventRatio, Slo, SloId

SMALL = """\
title: A shop
pattern: amas-lab
days: 2
streams:
  - name: requests
    per_request: 1
    labels: {job: shop}
    each: {instance: {a: 0.5, b: 0.5}}
    splits:
      - {name: answer, labels: [status], rest: "200", shares: {"404": 0.01, "500": 0.001}}
families:
  - {kind: counter, name: requests_total, stream: requests, split: answer}
  - {kind: counter, name: errors_total, stream: requests, split: answer, only: ["500"]}
  - kind: histogram
    name: duration_seconds
    stream: requests
    le: ["0.1", "0.2", "1.0"]
    mix: [{share: 0.98, median: 0.05, sigma: 0.5}, {share: 0.02, median: 0.5, sigma: 0.3}]
  - {kind: meter, name: cpu_seconds_total, labels: {job: shop}, per_second: 0.1, unit: 0.01, noise: 0.1}
  - {kind: gauge, name: queue_length, labels: {job: shop}, level: 3, per_request: 0.5, noise: 1, least: 0}
incidents:
  - id: outage
    title: Everything failed
    days_ago: 1
    at: "20:00"
    duration: 10m
    effects:
      - {kind: outcome, stream: requests, split: answer, shares: {"500": 0.5}}
      - {kind: level, family: queue_length, value: 99}
  - id: slow
    title: Half of it was slow
    days_ago: 0.25
    duration: 30m
    effects:
      - {kind: values, family: duration_seconds, mix: {share: 0.5, median: 0.6, sigma: 0.2}}
"""

AVAILABILITY = Slo(
    id=SloId("shop/availability"),
    title="Availability",
    objective=Decimal("0.99"),
    window=timedelta(days=1),
    sli=EventRatio(bad='errors_total{job="shop"}', total='requests_total{job="shop"}'),
    alerts=(),
)
LATENCY = Slo(
    id=SloId("shop/latency"),
    title="Latency",
    objective=Decimal("0.9"),
    window=timedelta(days=1),
    sli=BucketRatio("duration_seconds", Decimal("0.2"), 'instance=~"a|b"'),
    alerts=(),
)
SLOS = (AVAILABILITY, LATENCY)
ANCHOR = 1_800_000_000 // 3600 * 3600
"""A Friday at 07:00 UTC."""


def plan(text: str = SMALL) -> HistoryPlan:
    return read(text, "history.yaml")


def history(anchor: int = ANCHOR) -> History:
    return History(plan(), AMAS_LAB, SLOS, anchor)
