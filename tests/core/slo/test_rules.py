"""The generated rules, as text and as promtool sees them work."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sretool.core.slo.budget import time_to_detect
from sretool.core.slo.model import BucketRatio, Severity
from sretool.core.slo.rules import group, render
from tests.support.promtool import Rules
from tests.support.slos import slo

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.core.slo.model import Slo

LATENCY = BucketRatio("latency_seconds", Decimal("0.2"))


def rules_of(*slos: Slo) -> list[dict[str, Any]]:
    groups = yaml.safe_load(render(slos))["groups"]
    return [rule for each in groups for rule in each["rules"]]


def test_every_slo_has_a_group_with_its_own_interval() -> None:
    groups = yaml.safe_load(render([slo(id="shop/a"), slo(id="shop/b")]))["groups"]
    assert [(each["name"], each["interval"]) for each in groups] == [
        ("slo:shop/a", "1m"),
        ("slo:shop/b", "1m"),
    ]


def test_long_ratios_are_summed_from_recorded_rates_and_short_ones_read_counters() -> None:
    ratios = {
        rule["labels"]["window"]: rule["expr"]
        for rule in rules_of(slo())
        if rule.get("record") == "slo:error_ratio:rate"
    }
    assert list(ratios) == ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]
    assert all("errors_total" in ratios[window] for window in ("5m", "30m", "1h", "2h", "6h"))
    assert all("slo:bad:rate5m" in ratios[window] for window in ("1d", "3d"))


@pytest.mark.parametrize(
    ("objective", "days", "limits"),
    [
        pytest.param("0.999", 30, ["0.0144", "0.006", "0.003", "0.001"], id="99.9 %"),
        pytest.param("0.99999", 30, ["0.000144", "0.00006", "0.00003", "0.00001"], id="99.999 %"),
        pytest.param("0.95", 7, ["0.72", "0.3", "0.15", "0.05"], id="95 % of a week"),
        pytest.param("0.999", 28, ["0.01344", "0.0056", "0.0028", "0.0009333333333333333"], id="28 d"),
    ],
)
def test_limits_are_the_shortest_exact_decimals(objective: str, days: int, limits: list[str]) -> None:
    alerts = [rule["expr"] for rule in rules_of(slo(objective, days=days)) if "alert" in rule]
    assert [set(re.findall(r" > ([\d.e-]+)", expr)) for expr in alerts] == [{limit} for limit in limits]


def test_an_alert_says_whose_it_is_and_what_to_do() -> None:
    first = next(rule for rule in rules_of(slo()) if "alert" in rule)
    assert first["labels"] == {
        "severity": "page",
        "slo": "shop/checkout",
        "service": "shop",
        "owner": "payments",
        "tier": "1",
        "long": "1h",
        "short": "5m",
    }
    assert set(first["annotations"]) == {"summary", "description", "runbook"}


@pytest.mark.parametrize(
    ("runbook", "base", "shown"),
    [
        pytest.param("checkout-down", None, "checkout-down", id="name alone"),
        pytest.param(
            "checkout-down", "https://wiki/rb/", "https://wiki/rb/checkout-down.md", id="below base"
        ),
        pytest.param("https://wiki/x", "https://wiki/rb/", "https://wiki/x", id="an address stays"),
    ],
)
def test_runbook_address(runbook: str, base: str | None, shown: str) -> None:
    last = group(slo(runbook=runbook), base).rules[-1]
    assert last.annotations["runbook"] == shown


def test_what_an_slo_lacks_is_left_out() -> None:
    last = group(slo(runbook=None, owner=None, tier=None)).rules[-1]
    assert "runbook" not in last.annotations
    assert not {"owner", "tier"} & last.labels.keys()


def test_promtool_accepts_every_kind_of_slo_and_awkward_text(tmp_path: Path) -> None:
    slos = [
        slo(id="shop/events", title='Quote " and {{ .Evil }} \\ 結算'),
        slo("0.95", id="shop/latency", days=7, sli=LATENCY),
        slo("0.5", id="shop/unsure", days=7, sli=BucketRatio("confidence", Decimal(1), good="above")),
        slo("0.9", id="shop/day", days=1),
    ]
    Rules(render(slos), {}).check(tmp_path)


def firing(severity: str) -> str:
    return f'count(ALERTS{{alertname="SLOBudgetBurn",severity="{severity}"}})'


def step(minutes_before: int, ratio: float, minutes: int, after: int = 0) -> dict[str, str]:
    """1,000 requests a minute; after minute `minutes_before`, `ratio` of them fail for `minutes`."""
    each = round(1000 * ratio)
    return {
        "requests_total": f"0+1000x{minutes_before + minutes + after}",
        "errors_total": f"0+0x{minutes_before} {each}+{each}x{minutes - 1}"
        + (f" {each * minutes}+0x{after - 1}" if after else ""),
    }


@pytest.mark.parametrize(
    ("ratio", "minute"),
    [
        pytest.param(1.0, 1, id="full outage"),
        pytest.param(0.1, 9, id="10 %", marks=pytest.mark.slow),
        pytest.param(0.015, 58, id="1.5 %", marks=pytest.mark.slow),
    ],
)
def test_a_page_comes_in_the_minute_the_arithmetic_says(tmp_path: Path, ratio: float, minute: int) -> None:
    fast = slo(alerts=tuple(pair for pair in slo().alerts if pair.severity is Severity.PAGE))
    predicted = [time_to_detect(pair, fast.window, fast.budget, ratio) for pair in fast.alerts]
    assert min(each for each in predicted if each) == timedelta(minutes=minute)
    series = step(360, ratio, minute + 3)
    page = firing("page")
    before, then = Rules(render([fast]), series).values(
        tmp_path, [(page, 360 + minute - 1), (page, 360 + minute)]
    )
    assert (before, then) == (None, 1)


@pytest.mark.slow
def test_a_five_minute_blip_pages_at_once_and_clears_with_its_short_windows(tmp_path: Path) -> None:
    # 30m > 0.6 % holds for 5 + 30 - 0.18 minutes, 6h > 0.1 % for 5 + 360 - 0.36: last seen at 34 and 364.
    blip = Rules(render([slo()]), step(360, 1.0, 5, after=365))
    page, ticket = firing("page"), firing("ticket")
    minutes = [(page, 360), (page, 361), (page, 394), (page, 395), (ticket, 724), (ticket, 725)]
    assert blip.values(tmp_path, minutes) == [None, 1, 1, None, 1, None]


@pytest.mark.slow
def test_a_ticket_from_recorded_rates_is_as_early_as_from_counters(tmp_path: Path) -> None:
    ratio, minute = 0.1, 11
    week = slo(days=7)
    slow = slo(days=7, alerts=tuple(pair for pair in week.alerts if pair.severity is Severity.TICKET)[1:])
    (predicted,) = (time_to_detect(pair, slow.window, slow.budget, ratio) for pair in slow.alerts)
    assert predicted == timedelta(minutes=minute)
    series = step(1008, ratio, minute + 3)
    ticket = firing("ticket")
    before, then = Rules(render([slow]), series).values(
        tmp_path, [(ticket, 1008 + minute - 1), (ticket, 1008 + minute)]
    )
    assert (before, then) == (None, 1)


QUIET_CASES = [
    pytest.param({"requests_total": "0+1000x60", "errors_total": "0+0x60"}, 0.0, 1000.0, id="healthy"),
    pytest.param({"requests_total": "0+1000x60"}, 0.0, 1000.0, id="no error series"),
    pytest.param({"requests_total": "5+0x60", "errors_total": "0+0x60"}, None, 0.0, id="nobody comes"),
    pytest.param({}, None, None, id="no data"),
]


@pytest.mark.parametrize(("series", "ratio", "per_minute"), QUIET_CASES)
def test_silent_and_never_nan_without_errors(
    tmp_path: Path, series: dict[str, str], ratio: float | None, per_minute: float | None
) -> None:
    asked = [
        ("count(ALERTS)", 60),
        ('sum(slo:error_ratio:rate{window="1h"})', 60),
        ('sum(slo:error_ratio:rate{window="3d"})', 60),
        ("sum(slo:total:rate5m) * 60", 60),
        ("sum(slo:info)", 60),
    ]
    found = Rules(render([slo()]), series).values(tmp_path, asked)
    assert found == [None, ratio, ratio, pytest.approx(per_minute), 1]


@pytest.mark.slow
def test_a_late_first_error_counts_as_what_it_is(tmp_path: Path) -> None:
    """An error series that appears after days of clean traffic must not make the whole window bad."""
    late = Rules(render([slo()]), {"requests_total": "0+1000x300", "errors_total": "_x200 0+1x100"})
    bad, total, ratio = late.values(
        tmp_path,
        [
            ("sum(slo:bad:sum)", 300),
            ("sum(slo:total:sum)", 300),
            ("sum(slo:bad:sum) / sum(slo:total:sum)", 300),
        ],
    )
    # The last five minutes are not fully in the sum yet.
    assert bad == pytest.approx(100, abs=4)
    assert total == pytest.approx(300_000, rel=0.01)
    assert ratio == pytest.approx(100 / 300_000, rel=0.05)


def test_a_scrape_gap_does_not_resolve_the_long_ratio(tmp_path: Path) -> None:
    gap = Rules(render([slo()]), {"requests_total": "0+1000x60 _x30", "errors_total": "0+10x60 _x30"})
    now, day = gap.values(
        tmp_path, [("sum(slo:total:rate5m)", 90), ('sum(slo:error_ratio:rate{window="1d"})', 90)]
    )
    assert now is None
    assert day == pytest.approx(0.01)


@pytest.mark.slow
def test_a_burst_at_night_weighs_by_its_traffic(tmp_path: Path) -> None:
    """Ten bad requests of ten in a quiet minute are ten events, not a minute of outage."""
    night = Rules(
        render([slo()]),
        {"requests_total": "0+1000x60 60001+1x60", "errors_total": "0+0x60 1+1x9 10+0x50"},
    )
    (ratio,) = night.values(tmp_path, [("sum(slo:bad:sum) / sum(slo:total:sum)", 120)])
    assert ratio == pytest.approx(10 / 60_061, rel=0.05)


def test_latency_counts_what_is_slower_than_the_boundary(tmp_path: Path) -> None:
    series = {
        'latency_seconds_bucket{le="0.2"}': "0+90x30",
        'latency_seconds_bucket{le="+Inf"}': "0+100x30",
        "latency_seconds_count": "0+100x30",
    }
    week = slo("0.95", days=7, sli=LATENCY)
    ratio, pages = Rules(render([week]), series).values(
        tmp_path, [('sum(slo:error_ratio:rate{window="5m"})', 30), (firing("page"), 30)]
    )
    assert ratio == pytest.approx(0.1)
    assert pages is None


@pytest.mark.parametrize("le", ["1", "1.0"], ids=["Prometheus 2", "Prometheus 3"])
def test_whole_boundaries_are_found_however_they_are_written(tmp_path: Path, le: str) -> None:
    series = {f'confidence_bucket{{le="{le}"}}': "0+25x30", "confidence_count": "0+100x30"}
    unsure = slo("0.5", days=7, sli=BucketRatio("confidence", Decimal(1), good="above"))
    (ratio,) = Rules(render([unsure]), series).values(
        tmp_path, [('sum(slo:error_ratio:rate{window="5m"})', 30)]
    )
    assert ratio == pytest.approx(0.25)


def only_windows(text: str, windows: set[str]) -> str:
    """The rule file without the ratios, sums and alerts of other windows, which would only cost time."""
    document = yaml.safe_load(text)
    (of_slo,) = document["groups"]
    of_slo["rules"] = [
        rule
        for rule in of_slo["rules"]
        if rule.get("record") in ("slo:info", "slo:bad:rate5m", "slo:total:rate5m")
        or (rule["labels"].keys() & {"window"} and rule["labels"]["window"] in windows)
        or {rule["labels"].get("long"), rule["labels"].get("short")} <= windows
    ]
    dumped: str = yaml.safe_dump(document, sort_keys=False)
    return dumped


@pytest.mark.lab
@pytest.mark.parametrize(
    ("ratio", "minute"), [pytest.param(1.0, 5, id="full outage"), pytest.param(0.1, 44, id="10 %")]
)
def test_a_thirty_day_ticket_after_three_clean_days(tmp_path: Path, ratio: float, minute: int) -> None:
    series = step(4320, ratio, minute + 3)
    ticket = firing("ticket")
    asked = [(ticket, 4320 + minute - 1), (ticket, 4320 + minute)]
    text = only_windows(render([slo()]), {"2h", "6h", "1d", "3d"})
    assert Rules(text, series).values(tmp_path, asked) == [None, 2]
