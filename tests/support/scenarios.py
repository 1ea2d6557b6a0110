"""Twelve moments an on-call meets, as data: what is known, and what row 2 must then say in 78 cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sretool.core.catalog.model import Dependency
from sretool.core.observe.model import AlertState, Change, Drill, Probe
from sretool.core.observe.verdict import Tag
from sretool.core.slo.model import Level
from tests.support.dashboard import NOW, alert, health, quiet, slo, snapshot, status

if TYPE_CHECKING:
    from sretool.core.observe.model import Snapshot

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)

_PAGE = status(
    slo("checkout/availability", owner="payments"),
    Level.PAGE,
    budget_left=0.38,
    burn=14.8,
    exhausts_in=timedelta(hours=18, minutes=29),
)
_SECOND = status(
    slo("search/latency", "0.99"), Level.PAGE, budget_left=0.6, burn=8.0, exhausts_in=timedelta(days=3)
)
_REST = quiet()[2:]
_PAGED = alert("SLOBudgetBurn", of="checkout/availability")
_LOST = timedelta(seconds=130)

_CARD_NETWORK = Dependency("card-network", "Card network", provider="Acquirer", fallback="queue and retry")
_DEPENDENCIES = (
    Dependency("checkout", "Checkout", needs=("card-network", "orders-db")),
    _CARD_NETWORK,
    Dependency("orders-db", "Orders"),
)
_ACQUIRER_DOWN = alert("AcquirerDown", ago=4 * _MINUTE, dependency="card-network", service="acquirer")

_PROBES = tuple(Probe(name, name != "sg", NOW) for name in ("eu", "sg", "us"))

_COOLING = status(
    _PAGE.slo,
    Level.OK,
    budget_left=0.31,
    burns={5 * _MINUTE: 0.2, _HOUR: 9.8},
    exhausts_in=timedelta(hours=30),
)


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    known: Snapshot
    tag: Tag
    says: tuple[str, ...]
    """Service, time left (where a budget runs out) and what is special about it."""
    key: str
    line: str
    """Row 2 without its margin, in 78 cells."""
    chinese: str
    """The same."""


SCENARIOS = (
    Scenario(
        "page with a deploy",
        replace(
            snapshot([_PAGE, *_REST], alerts=[_PAGED]),
            changes=(Change(NOW - 29 * _MINUTE, "deploy", "v412", {"service": "checkout"}),),
        ),
        Tag.US,
        ("checkout/availability", "gone in 18h29m"),
        "enter",
        "IT IS US  checkout/availability burns 20.7x, gone in 18h29m  payments  > enter",
        "是我方  checkout/availability 消耗 20.7x，18h29m 后耗尽  payments  > enter",
    ),
    Scenario(
        "dependency down",
        replace(
            snapshot([_PAGE, *_REST], alerts=[_PAGED, _ACQUIRER_DOWN]),
            dependencies=_DEPENDENCIES,
        ),
        Tag.NOT_US,
        ("checkout/availability", "gone in 18h29m", "card-network"),
        "enter",
        "NOT US  checkout/availability, gone in 18h29m: card-network down 4m  > enter",
        "非我方  checkout/availability，18h29m 后耗尽：card-network 故障 4m  > enter",
    ),
    Scenario(
        "only probes fail",
        replace(snapshot(quiet()), probes=_PROBES),
        Tag.NOT_US,
        ("7 SLOs hold", "1 of 3 probes fail: sg"),
        "i",
        "NOT US  our 7 SLOs hold; 1 of 3 probes fail: sg  > i",
        "非我方  我方 7 个 SLO达标；3 个探针中 1 个失败：sg  > i",
    ),
    Scenario(
        "two pages at once",
        snapshot(
            [_PAGE, _SECOND, *_REST],
            alerts=[_PAGED, alert("SLOBudgetBurn", of="search/latency")],
        ),
        Tag.US,
        ("checkout/availability", "gone in 18h29m", "1 more"),
        "enter",
        "IT IS US  checkout/availability burns 20.7x, gone in 18h29m, 1 more  > enter",
        "是我方  checkout/availability 消耗 20.7x，18h29m 后耗尽，另有 1 个  > enter",
    ),
    Scenario(
        "budget spent but no burn",
        snapshot(
            [
                status(_PAGE.slo, Level.SPENT, budget_left=-0.12, burn=0.4, recovers_in=timedelta(days=3)),
                *_REST,
            ]
        ),
        Tag.US,
        ("checkout/availability", "spent its budget (-12%)", "back in 3d"),
        "enter",
        "IT IS US  checkout/availability spent its budget (-12%), back in 3d  > enter",
        "是我方  checkout/availability 预算已耗尽 (-12%)，3d 后恢复  payments  > enter",
    ),
    Scenario(
        "no data",
        snapshot([*_REST, status(_PAGE.slo, Level.NO_DATA)]),
        Tag.UNSURE,
        ("1 of 6 SLOs without data", "checkout/availability"),
        "enter",
        "UNSURE  1 of 6 SLOs without data: checkout/availability  > enter",
        "无法确定  6 个 SLO中 1 个无数据：checkout/availability  > enter",
    ),
    Scenario(
        "Prometheus lost",
        snapshot(
            [_PAGE, *_REST],
            alerts=[_PAGED],
            sources=[health(ok=False, ago=_LOST), health("alertmanager")],
        ),
        Tag.STALE,
        ("checkout/availability", "gone in 18h29m", "03:10:31Z"),
        "R",
        "STALE  checkout/availability paged, gone in 18h29m at 03:10:31Z  > R",
        "数据过期  checkout/availability 曾呼叫，18h29m 后耗尽，截至 03:10:31Z  > R",
    ),
    Scenario(
        "Alertmanager lost",
        snapshot(quiet(), sources=[health(), health("alertmanager", ok=False, ago=_LOST)]),
        Tag.UNSURE,
        ("7 SLOs hold", "Alertmanager lost 2m"),
        "R",
        "UNSURE  7 SLOs hold; alerts unknown: Alertmanager lost 2m  > R",
        "无法确定  7 个 SLO达标；告警未知：Alertmanager 失联 2m  > R",
    ),
    Scenario(
        "drill running",
        replace(
            snapshot([_PAGE, *_REST], alerts=[_PAGED]),
            drills=(Drill("pay-zone-loss", NOW - 7 * _MINUTE, ("checkout",), NOW + 8 * _MINUTE),),
        ),
        Tag.DRILL,
        ("checkout/availability", "gone in 18h29m", "pay-zone-loss"),
        "5",
        "DRILL  checkout/availability burns 20.7x, gone in 18h29m: pay-zone-loss  > 5",
        "演练  checkout/availability 消耗 20.7x，18h29m 后耗尽：pay-zone-loss 7m  > 5",
    ),
    Scenario(
        "everything ok",
        snapshot(
            quiet(), changes=[Change(NOW - 2 * _HOUR, "resolved", "SLOBudgetBurn checkout/availability")]
        ),
        Tag.CLEAR,
        ("7 of 7 SLOs hold", "no page open", "last alert ended 2h00m ago"),
        "i",
        "ALL CLEAR  7 of 7 SLOs hold, no page open, last alert ended 2h00m ago  > i",
        "一切正常  7 个 SLO中 7 个达标，没有呼叫，最近的告警于 2h00m 前结束  > i",
    ),
    Scenario(
        "silenced page",
        snapshot(
            [_PAGE, *_REST],
            alerts=[alert("SLOBudgetBurn", state=AlertState.SILENCED, of="checkout/availability")],
        ),
        Tag.US,
        ("checkout/availability", "gone in 18h29m", "silenced"),
        "enter",
        "IT IS US  checkout/availability burns 20.7x, gone in 18h29m, silenced  > enter",
        "是我方  checkout/availability 消耗 20.7x，18h29m 后耗尽，已静默  > enter",
    ),
    Scenario(
        "recovering",
        snapshot([_COOLING, *_REST], alerts=[_PAGED]),
        Tag.US,
        ("checkout/availability", "recovers: now 0.2x", "gone in 30h00m"),
        "enter",
        "IT IS US  checkout/availability recovers: now 0.2x, gone in 30h00m  > enter",
        "是我方  checkout/availability 正在恢复：现为 0.2x，30h00m 后耗尽  > enter",
    ),
)
