"""Status of every kind of SLO, from raw series and from recorded rates of a real Prometheus."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.prometheus.source import Prometheus
from sretool.core.observe import assemble
from sretool.core.slo.model import (
    BooleanGauge,
    CalendarUnit,
    CalendarWindow,
    Composite,
    ErrorRatioQuery,
    EventRatio,
    Exclusion,
    Freshness,
    Level,
    Part,
)
from sretool.ports import Endpoint
from sretool.services.reading import MetricsReader
from tests.support.slos import slo
from tests.support.throwaway import prometheus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sretool.core.observe.model import SloStatus
    from sretool.core.slo.model import Sli, Slo

pytestmark = pytest.mark.lab

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 3, 6, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
INCIDENT = datetime(2026, 11, 2, 10, tzinfo=UTC)
"""For two hours 6 of 60 requests a minute to /b fail."""
DOWN = datetime(2026, 11, 3, 4, tzinfo=UTC)
"""For half an hour the probe is down and the backup, one a minute, does not come."""
MAINTENANCE = Exclusion(INCIDENT, INCIDENT + HOUR, "Upgrade")

EVENTS = EventRatio("errors_total", "requests_total")
PROBE = BooleanGauge("probe_success")


def bad_at(at: datetime) -> float:
    """Bad requests until `at`."""
    return 6 * min(max((at - INCIDENT) / MINUTE, 0), 120)


def during(at: datetime) -> bool:
    return DOWN < at <= DOWN + HOUR / 2


RAW: dict[str, Callable[[datetime], float]] = {
    'requests_total{route="/a"}': lambda at: 600 * ((at - BEGIN) / MINUTE),
    'requests_total{route="/b"}': lambda at: 60 * ((at - BEGIN) / MINUTE),
    'errors_total{route="/b"}': bad_at,
    "probe_success": lambda at: 0 if during(at) else 1,
    "backup_timestamp_seconds": lambda at: (min(at, DOWN) if during(at) else at).timestamp(),
}


def rate(value: Callable[[datetime], float]) -> Callable[[datetime], float]:
    return lambda at: (value(at) - value(max(at - 5 * MINUTE, BEGIN))) / 300


def recorded() -> dict[str, Callable[[datetime], float]]:
    """What rules without exclusions recorded, among them those of a group that is gone now."""
    found: dict[str, Callable[[datetime], float]] = {}
    totals = {route: rate(RAW[f'requests_total{{route="{route}"}}']) for route in ("/a", "/b")}
    for route, total in totals.items():
        labels = f'slo="rec/routes",service="rec",route="{route}"'
        found[f"slo:total:rate5m{{{labels}}}"] = total
        found[f"slo:bad:rate5m{{{labels}}}"] = rate(bad_at) if route == "/b" else lambda _: 0
    for name in ("month", "maintained"):
        labels = f'slo="rec/{name}",service="rec"'
        found[f"slo:total:rate5m{{{labels}}}"] = lambda at: sum(total(at) for total in totals.values())
        found[f"slo:bad:rate5m{{{labels}}}"] = rate(bad_at)
    return found


def openmetrics() -> str:
    """All series, a sample a minute, grouped by metric as the format wants."""
    lines: list[str] = []
    minutes = int((NOW - BEGIN) / MINUTE)
    families: dict[str, list[tuple[str, Callable[[datetime], float]]]] = {}
    for series, value in {**RAW, **recorded()}.items():
        families.setdefault(series.partition("{")[0], []).append((series, value))
    for family, members in families.items():
        lines.append(f"# TYPE {family} unknown")
        for series, value in members:
            for number in range(minutes + 1):
                at = BEGIN + number * MINUTE
                lines.append(f"{series} {value(at)} {int(at.timestamp())}")
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: apt-get install prometheus"
    folder = tmp_path_factory.mktemp("prometheus")
    folder.joinpath("data.om").write_text(openmetrics())
    arguments = [promtool, "tsdb", "create-blocks-from", "openmetrics", "-q", "data.om", "data"]
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True)
    folder.joinpath("prometheus.yml").write_text("{}\n")
    with prometheus(folder) as url:
        yield url


def statuses(url: str, *slos: Slo) -> dict[str, SloStatus]:
    async def read() -> dict[str, SloStatus]:
        source = Prometheus(Endpoint(url), deadline=timedelta(seconds=10))
        try:
            reading = await MetricsReader(slos, source).read(NOW, NOW)
        finally:
            await source.aclose()
        found = assemble.statuses(reading.slos, reading.numbers, reading.pasts, NOW)
        return {str(status.slo.id): status for status in found}

    return asyncio.run(read())


def bad(status: SloStatus) -> float:
    assert status.total is not None
    assert status.good is not None
    return status.total - status.good


DAY_REQUESTS = 660 * 1440


def test_raw_series_of_every_kind(server: str) -> None:
    ratio = ErrorRatioQuery(
        "sum(rate(errors_total[{window}])) / sum(rate(requests_total[{window}]))",
        "sum(rate(requests_total[{window}]))",
    )
    fresh = Freshness("time() - backup_timestamp_seconds", 2 * MINUTE)
    both = Composite((Part(EVENTS), Part(PROBE, Decimal(100))))
    kinds: dict[str, Sli] = {"events": EVENTS, "ratio": ratio, "probe": PROBE, "fresh": fresh, "both": both}
    found = statuses(server, *(slo(id=f"raw/{name}", days=1, sli=sli) for name, sli in kinds.items()))
    totals = {name.removeprefix("raw/"): status.total for name, status in found.items()}
    bads = {name.removeprefix("raw/"): bad(status) for name, status in found.items()}
    two_kinds = DAY_REQUESTS + 144_000
    wanted = {"events": DAY_REQUESTS, "ratio": DAY_REQUESTS, "probe": 1440, "fresh": 1440, "both": two_kinds}
    assert totals == pytest.approx(wanted, rel=0.006)
    # The first two minutes without a backup are no delay yet.
    wanted = {"events": 720, "ratio": 720, "probe": 30, "fresh": 28, "both": 720 + 3000}
    assert bads == pytest.approx(wanted, rel=0.01)
    assert all(each.coverage == pytest.approx(1, abs=0.01) for each in found.values())


@pytest.mark.parametrize("rec", ["raw/routes", "rec/routes"], ids=["raw", "recorded"])
def test_every_group_has_a_budget_of_its_own(server: str, rec: str) -> None:
    found = statuses(server, slo("0.99", id=rec, days=1, sli=EVENTS, group_by=("route",)))
    assert set(found) == {f'{rec}{{route="/a"}}', f'{rec}{{route="/b"}}'}
    quiet, loud = found[f'{rec}{{route="/a"}}'], found[f'{rec}{{route="/b"}}']
    assert quiet.budget_left == 1
    assert quiet.total == pytest.approx(600 * 1440, rel=0.006)
    assert loud.budget_left == pytest.approx(1 - 720 / 864, abs=0.01)
    assert quiet.level is Level.OK


def test_a_group_that_nothing_knows_has_no_data(server: str) -> None:
    (status,) = statuses(server, slo(sli=EventRatio("no_total", "none_total"), group_by=("route",))).values()
    assert (status.slo.id, status.level) == ("shop/checkout", Level.NO_DATA)


@pytest.mark.parametrize("name", ["raw/month", "rec/month"], ids=["raw", "recorded"])
def test_a_calendar_month_counts_what_came_so_far(server: str, name: str) -> None:
    month = CalendarWindow(CalendarUnit.MONTH)
    (status,) = statuses(server, slo(id=name, sli=EVENTS, calendar=month)).values()
    assert status.total == pytest.approx(660 * 60 * 54, rel=0.006)
    assert status.budget_left == pytest.approx(1 - 720 / (660 * 60 * 54 * 0.001), abs=0.01)
    assert status.coverage == pytest.approx(1, abs=0.01)
    elsewhere = CalendarWindow(CalendarUnit.MONTH, "Pacific/Kiritimati")
    (status,) = statuses(server, slo(id=name, sli=EVENTS, calendar=elsewhere)).values()
    # There the month began fourteen hours earlier: before there was any data.
    assert status.coverage == pytest.approx(54 / 68, abs=0.01)


@pytest.mark.parametrize("name", ["raw/maintained", "rec/maintained"], ids=["raw", "recorded"])
def test_maintenance_is_subtracted_even_after_it_was_counted(server: str, name: str) -> None:
    plain, less = (slo(id=name, days=1, sli=EVENTS, exclusions=each) for each in ((), (MAINTENANCE,)))
    (before,), (after,) = statuses(server, plain).values(), statuses(server, less).values()
    assert bad(before) == pytest.approx(720, rel=0.01)
    # One of two hours, and the five minutes in which rates still look back at it.
    assert bad(after) == pytest.approx(6 * 60, rel=0.06)
    assert after.total == pytest.approx(660 * (1440 - 65), rel=0.01)
    assert after.coverage == pytest.approx(1, abs=0.01)


def test_few_events_fire_nothing(server: str) -> None:
    always = EventRatio("requests_total", "requests_total")
    loud, guarded = (
        slo("0.9", id=f"raw/{n}", sli=always, days=1, min_events=n) for n in (1000, 1_000_000_000)
    )
    found = statuses(server, loud, guarded)
    assert found["raw/1000"].level is Level.PAGE
    assert found["raw/1000000000"].firing == ()
