"""Written in another tool's format and read again, an SLO keeps what the format can say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.catalog import write_native, write_openslo, write_sloth
from sretool.core.catalog.read import read
from sretool.core.slo.model import (
    BooleanGauge,
    BucketRatio,
    BurnAlert,
    CalendarUnit,
    CalendarWindow,
    Composite,
    ErrorRatioQuery,
    EventRatio,
    Exclusion,
    Freshness,
    NativeBucketRatio,
    Part,
    Severity,
    Sli,
    Slo,
    SloId,
)
from sretool.core.slo.windows import default_alerts

if TYPE_CHECKING:
    from sretool.core.catalog.writing import Written

MONTH = timedelta(days=30)


def slo(sli: Sli | None = None, window: timedelta = MONTH, objective: str = "0.999") -> Slo:
    return Slo(
        id=SloId("shop/availability"),
        title="availability",
        objective=Decimal(objective),
        window=window,
        sli=sli or EventRatio('errors_total{code=~"5..",path="/a\\"b"}', "requests_total"),
        alerts=default_alerts(window, 1 - Decimal(objective)),
        tier=1,
        owner="web",
        runbook="https://example.org/orders",
        dashboard="https://example.org/board",
        labels={"region": "eu"},
        annotations={"about": "Orders go through.", "summary": "Help"},
    )


def openslo(one: Slo) -> Written:
    return write_openslo.render([one], {})


def again(written: Written) -> Slo:
    assert written.losses == []
    (found,) = read({"a.yaml": written.text}).slos
    return found


COUNTED = [
    pytest.param(EventRatio("e_total", 't_total{a="b"}'), id="bad"),
    pytest.param(EventRatio(None, "t_total", 't_total{code!~"5.."}'), id="good"),
    pytest.param(BucketRatio("h", Decimal("0.25"), 'a="b"'), id="below"),
    pytest.param(BucketRatio("h", Decimal(2)), id="whole boundary"),
    pytest.param(BucketRatio("h", Decimal("0.25"), good="above"), id="above"),
    pytest.param(ErrorRatioQuery("1 - avg_over_time(ok[{window}])"), id="query"),
]
OTHERS = [
    pytest.param(NativeBucketRatio("h", Decimal("0.3"), 'a="b"'), id="native"),
    pytest.param(ErrorRatioQuery("x[{window}]", "sum(rate(t[{window}]))"), id="query with traffic"),
    pytest.param(BooleanGauge("min(up)", timedelta(minutes=5)), id="gauge"),
    pytest.param(Freshness("time() - last", timedelta(milliseconds=1500)), id="freshness"),
    pytest.param(
        Composite((Part(EventRatio("e", "t"), Decimal("0.5")), Part(BooleanGauge("up"))), "weighted"),
        id="composite",
    ),
    pytest.param(Composite((Part(EventRatio("e", "t")), Part(EventRatio("f", "s"))), "worst"), id="worst"),
]


@pytest.mark.parametrize("sli", COUNTED + OTHERS)
def test_native_files_say_everything(sli: Sli) -> None:
    if isinstance(sli, ErrorRatioQuery) and sli.traffic is not None:
        sli = replace(sli, query="max(bad:rate{window})")
    spring = Exclusion(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC), "Move")
    pair = BurnAlert(Severity.PAGE, Decimal("0.02"), timedelta(hours=2), timedelta(minutes=7))
    for one in (
        slo(sli),
        replace(slo(sli), alerts=(), exclusions=(spring,), min_events=10, group_by=("route",)),
        replace(
            slo(sli),
            alerts=(pair,),
            calendar=CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin"),
            tier=None,
            runbook="Orders",
        ),
    ):
        assert again(write_native.render([one])) == one


@pytest.mark.parametrize("sli", COUNTED)
@pytest.mark.parametrize("groups", [(), ("route",)])
def test_counted_slis_come_back_from_every_format(sli: Sli, groups: tuple[str, ...]) -> None:
    if groups and isinstance(sli, ErrorRatioQuery):
        sli = ErrorRatioQuery("1 - avg by (route) (avg_over_time(ok[{window}]))")
        one = replace(slo(sli), group_by=groups)
        assert again(write_sloth.render([one])) == one
        return
    one = replace(slo(sli), group_by=groups)
    assert again(openslo(one)) == one
    assert again(write_sloth.render([one])) == one


@pytest.mark.parametrize(
    ("sli", "comes_back"),
    [
        (
            BooleanGauge("min(up)", timedelta(minutes=5)),
            BooleanGauge("(min(up)) >= bool 1", timedelta(minutes=5)),
        ),
        (Freshness("time() - last", timedelta(seconds=90)), BooleanGauge("(time() - last) <= bool 90")),
    ],
)
def test_slices_come_back_from_openslo_as_thresholds(sli: Sli, comes_back: Sli) -> None:
    assert again(openslo(slo(sli))).sli == comes_back


@pytest.mark.parametrize(
    "sli",
    [
        NativeBucketRatio("h", Decimal("0.3"), 'a="b"'),
        ErrorRatioQuery("bad_share[{window}]", "sum(rate(t[{window}]))"),
        BooleanGauge("min(up)"),
        Composite((Part(EventRatio("e", "t")), Part(EventRatio("f", "s"))), "worst"),
    ],
)
def test_any_other_kind_becomes_queries_in_sloth(sli: Sli) -> None:
    if isinstance(sli, ErrorRatioQuery):
        sli = replace(sli, query="avg_over_time(bad_share[{window}])")
    written = write_sloth.render([slo(sli)])
    assert written.losses == []
    (found,) = read({"a.yaml": written.text}).slos
    assert isinstance(found.sli, ErrorRatioQuery)
    assert found.sli.traffic is not None


@pytest.mark.parametrize(
    ("change", "of_sloth", "of_openslo"),
    [
        ({"min_events": 5}, "min_events", "min_events"),
        ({"window": timedelta(days=7), "alerts": ()}, "window: 7d", ""),
        ({"calendar": CalendarWindow(CalendarUnit.MONTH)}, "window: month", ""),
        ({"title": "Orders go through"}, "title", ""),
        (
            {"alerts": (BurnAlert(Severity.PAGE, Decimal("0.1"), timedelta(hours=1), timedelta(minutes=9)),)},
            "alerts",
            "alerts: the short window of 9m",
        ),
        (
            {
                "exclusions": (
                    Exclusion(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC), "M"),
                )
            },
            "1 exclusions",
            "1 exclusions",
        ),
    ],
)
def test_what_a_format_cannot_say_is_listed(
    change: dict[str, object], of_sloth: str, of_openslo: str
) -> None:
    one = replace(slo(), **change)  # type: ignore[arg-type]
    for written, expected in ((write_sloth.render([one]), of_sloth), (openslo(one), of_openslo)):
        said = [loss.what for loss in written.losses]
        assert len(said) == (1 if expected else 0), said
        assert all(each.startswith(expected) for each in said)
        assert read({"a.yaml": written.text}).slos


def test_an_slo_that_cannot_be_said_is_not_written() -> None:
    parts = Composite((Part(EventRatio("e", "t")), Part(BooleanGauge("up"))))
    for written in (write_sloth.render([slo(parts)]), openslo(slo(parts))):
        assert [loss.whole for loss in written.losses] == [True]
        assert "availability" not in written.text


@pytest.mark.parametrize(
    ("window", "calendar"),
    [
        (timedelta(days=28), None),
        (timedelta(hours=36), None),
        (timedelta(minutes=90), None),
        (timedelta(days=90), CalendarWindow(CalendarUnit.QUARTER, "Asia/Tokyo")),
        (timedelta(days=7), CalendarWindow(CalendarUnit.WEEK)),
    ],
)
def test_openslo_keeps_windows(window: timedelta, calendar: CalendarWindow | None) -> None:
    one = replace(slo(window=window), calendar=calendar)
    assert again(openslo(one)) == one


def test_openslo_keeps_alerts_with_one_window_and_none_at_all() -> None:
    pair = BurnAlert(Severity.TICKET, Decimal("0.1"), timedelta(hours=6), timedelta(minutes=30))
    assert again(openslo(replace(slo(), alerts=(pair,)))).alerts == (pair,)
    assert again(openslo(replace(slo(), alerts=()))).alerts == ()


def test_sloth_keeps_which_alerts_are_off() -> None:
    pages = tuple(pair for pair in slo().alerts if pair.severity is Severity.PAGE)
    assert again(write_sloth.render([replace(slo(), alerts=pages)])).alerts == pages
    assert again(write_sloth.render([replace(slo(), alerts=())])).alerts == ()


@given(st.integers(1, 999_999).map(lambda n: Decimal(n).scaleb(-6)))
def test_every_format_keeps_an_objective_exactly(objective: Decimal) -> None:
    one = slo(objective=str(objective))
    # Percentages below 1 are taken for ratios by mistake, so no objective is that low.
    writers = (
        write_native.render([one]),
        openslo(one),
        *([write_sloth.render([one])] * (objective > Decimal("0.01"))),
    )
    for written in writers:
        assert again(written).objective == objective
