"""Every line of every screen has exactly the width it was asked for, at every size and in every state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from sretool.core.observe.model import AlertState, Series
from sretool.core.observe.questions import Track
from sretool.core.slo import policy
from sretool.core.slo.model import Level
from sretool.tui import alert as alert_page
from sretool.tui import alerts as alerts_page
from sretool.tui import detail, keys, overview, pages, slo_charts
from sretool.tui import format as fmt
from sretool.tui.board import Board
from sretool.tui.chart import draw
from sretool.tui.line import cells, plain
from sretool.tui.slo_charts import Charted
from sretool.tui.timeline import Timeline
from sretool.tui.triage import Triage
from tests.support.dashboard import (
    NOW,
    alert,
    amas,
    health,
    history,
    quiet,
    ratios,
    slo,
    snapshot,
    some_alerts,
    some_changes,
    status,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sretool.core.observe.model import Alert, SloStatus, Snapshot
    from sretool.tui.board import View
    from sretool.tui.chart import Chart
    from sretool.tui.line import Line

SIZES = [
    (40, 10),
    (41, 11),
    (60, 18),
    (79, 24),
    (80, 24),
    (100, 30),
    (139, 39),
    (140, 40),
    (160, 48),
    (200, 60),
]
LOST = [health(ok=False, ago=timedelta(minutes=5)), health("alertmanager", ok=False, ago=None)]


def _extreme() -> tuple[SloStatus, ...]:
    """Names, figures and times at the edge of what their columns can hold."""
    return (
        status(slo("結算服務/可用性", owner="決済チーム"), Level.PAGE, budget_left=-123.4, burn=123456.7),
        status(
            slo("a-service-with-a-rather-long-name/and-an-slo-with-an-even-longer-name-than-that", "0.99999"),
            Level.SPENT,
            budget_left=-0.004,
            burn=99.99,
            recovers_in=timedelta(days=4000),
        ),
        status(slo("x/y", "0.5"), Level.NO_DATA),
        *amas(),
    )


def _states() -> dict[str, Snapshot]:
    many = [alert(f"Alert{number}", instance=f"app-{number}") for number in range(40)]
    return {
        "busy": snapshot(alerts=some_alerts(), changes=some_changes()),
        "quiet": snapshot(quiet()),
        "lost": snapshot(alerts=some_alerts(), changes=some_changes(), sources=LOST),
        "extreme": snapshot(_extreme(), alerts=many, changes=some_changes() * 20),
        "empty": snapshot([], sources=[]),
        "waiting": snapshot(sources=[health(ago=None), health("alertmanager", ago=None)]),
        "one source": snapshot(sources=[health()]),
    }


def _view(of: Snapshot, glyphs: fmt.Glyphs = fmt.UNICODE) -> View:
    board = Board(of, refresh=timedelta(seconds=5), origin="lab amas", glyphs=glyphs)
    return board.view(NOW)


def _overview_lines(view: View, width: int, height: int) -> list[Line]:
    columns = overview.table_columns(width, view.snapshot.statuses)
    plan = overview.layout(width, height, len(view.statuses), len(view.alerts), len(view.snapshot.changes))
    rows = overview.slo_rows(view)
    return [
        overview.status_line(view, width),
        overview.verdict_line(view, width),
        overview.table_header(columns, width, view),
        *(
            overview.slo_row(row, columns, view.glyphs, full_names=full)
            for row in rows
            for full in (True, False)
        ),
        overview.alerts_heading(view, width),
        overview.no_alerts_line(view, width),
        overview.no_slos_line(view, width),
        *(overview.alert_row(one, view, width) for one in view.alerts),
        *overview.changes_lines(view, width, plan.changes),
        overview.changes_line(view, width),
        overview.key_bar((("enter", "detail"), ("/", "filter"), ("!", "abnormal")), width),
    ]


def _alert_lines(view: View, one: Alert, width: int) -> list[Line]:
    triage = Triage()
    found = triage.reader.open(one, view.now)
    row = alerts_page.row(found, view, triage, width, alerts_page.sizes([found]))
    return [row, alerts_page.title(found, view, width), *alerts_page.detail(found, view, triage, width, 30)]


def _page_lines(view: View, width: int) -> list[Line]:
    return [
        *pages.help_lines(view, "overview", list(keys.KEYS), {"down": "x,y"}, width),
        *alert_page.explanation(view, [(NOW, "loop prometheus broke")], width),
        *(line for one in view.alerts for line in _alert_lines(view, one, width)),
    ]


@pytest.mark.parametrize("glyphs", [fmt.UNICODE, fmt.ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize("state", _states())
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_line_is_wider_or_narrower_than_the_screen(
    width: int, height: int, state: str, glyphs: fmt.Glyphs
) -> None:
    view = _view(_states()[state], glyphs)
    for line in [*_overview_lines(view, width, height), *_page_lines(view, width)]:
        assert cells(line) == width, plain(line)


def around(
    of: SloStatus, at: datetime = NOW, *, known: bool = False, error: str | None = None
) -> detail.Around:
    """What is known about an SLO beside its figures: nothing, or what was answered at `at`."""
    span = Timeline().window.asked(slo_charts.POINTS)
    track = Track()
    if known:
        points = ratios(of.slo, span.start(at), span.end(at), span.step)
        track = Track((Series({}, points),), span.end(at), at)
    past = slo_charts.Past(history(of.slo, at) if known else None, error)
    return detail.Around(Charted(past, slo_charts.Ratio("up", span, track, error=error)))


@pytest.mark.parametrize("state", _states())
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_detail_fills_its_screen_exactly(width: int, height: int, state: str) -> None:
    view = _view(_states()[state])
    for shown in view.statuses[:4]:
        pasts = (around(shown), around(shown, known=True), around(shown, known=True, error="refused"))
        for past in pasts:
            lines = detail.detail_lines(view, shown, past, width, height - 2)
            assert len(lines) == height - 2
            assert {cells(line) for line in lines} == {width}


@pytest.mark.parametrize("width", range(40, 201))
def test_rows_have_the_width_of_the_screen_at_every_width(width: int) -> None:
    view = _view(_states()["extreme"])
    for line in _overview_lines(view, width, 24):
        assert cells(line) == width, plain(line)


@pytest.mark.parametrize(
    ("width", "height"), [(width, height) for width in (40, 80, 160) for height in range(6, 61)]
)
def test_the_parts_of_the_overview_fill_the_screen(width: int, height: int) -> None:
    for slos, alerts, changes in ((7, 4, 3), (0, 0, 0), (1000, 50, 40), (1, 0, 9)):
        plan = overview.layout(width, height, slos, alerts, changes)
        assert 4 + plan.table + plan.lower + plan.changes <= height
        assert plan.table >= 1
        if slos >= height:
            assert 4 + plan.table + plan.lower + plan.changes == height


@pytest.mark.parametrize("width", [80, 100, 160])
def test_names_of_slos_are_never_cut_on_a_normal_screen(width: int) -> None:
    view = _view(snapshot())
    columns = overview.table_columns(width, view.snapshot.statuses)
    text = "\n".join(
        plain(overview.slo_row(row, columns, view.glyphs, full_names=False))
        for row in overview.slo_rows(view)
    )
    assert all(each.slo.name in text for each in amas())


@pytest.mark.parametrize(
    ("width", "shown", "missing"),
    [
        pytest.param(40, {"name", "b1h", "gone"}, {"sli"}, id="what burns and when it is gone"),
        pytest.param(
            80, {"name", "sli", "objective", "bar", "budget", "b1h", "b6h", "gone"}, {"owner"}, id="80"
        ),
        pytest.param(100, {"b5m", "b3d", "sli"}, set(), id="100"),
        pytest.param(160, {"owner", "alerts", "tier", "window", "bad"}, set(), id="160"),
    ],
)
def test_columns_by_width(width: int, shown: set[str], missing: set[str]) -> None:
    keys = {column.key for column in overview.table_columns(width, amas())}
    assert shown <= keys
    assert not missing & keys


def test_ascii_screens_are_ascii() -> None:
    view = _view(snapshot(alerts=some_alerts(), changes=some_changes()), fmt.ASCII)
    shown = view.statuses[0]
    lines = [*_overview_lines(view, 80, 24), *_page_lines(view, 80)]
    lines += detail.detail_lines(view, shown, around(shown, known=True), 160, 46)
    lines += detail.detail_lines(view, shown, around(shown), 80, 22)
    text = "\n".join(plain(line) for line in lines)
    assert text.isascii(), {char for char in text if not char.isascii()}


def test_states_are_told_apart_without_colour() -> None:
    view = _view(snapshot())
    columns = overview.table_columns(80, view.snapshot.statuses)
    rows = [
        plain(overview.slo_row(row, columns, fmt.ASCII, full_names=False)) for row in overview.slo_rows(view)
    ]
    assert [row[1] for row in rows[:5]] == ["!", "X", "~", "?", "."]


def test_an_alert_that_is_silenced_or_acknowledged_marks_its_slo() -> None:
    silenced = [alert("SLOBudgetBurn", state=AlertState.SILENCED, of="amas/learning-availability")]
    acked = [alert("SLOBudgetBurn", state=AlertState.ACKNOWLEDGED, of="amas/learning-availability")]
    assert overview.slo_rows(_view(snapshot(alerts=silenced)))[0].mark == "z"
    assert overview.slo_rows(_view(snapshot(alerts=acked)))[0].mark == "a"


def test_the_plain_table_says_what_the_screen_says() -> None:
    text = "\n".join(overview.plain_table(_view(snapshot(alerts=some_alerts())), 100))
    assert "IT IS US  amas/learning-availability burns 20.7x" in text
    assert "forgetting-alert-delivery" in text
    assert "HighMemory" in text


def test_the_charts_say_when_their_data_is_old() -> None:
    view = _view(snapshot(sources=LOST))
    shown = view.statuses[0]
    charted = around(shown, NOW - timedelta(minutes=7), known=True, error="connection refused").charted
    assert "as of 03:05:41Z" in plain(slo_charts.burn_down(view, shown.slo, charted, 100, 12)[0])
    lines = slo_charts.error_ratio(view, shown.slo, charted, 100, 12)
    assert "as of 03:05:41Z, failed: connection refused" in plain(lines[0])


def test_a_window_without_data_is_not_a_window_within_its_limit() -> None:
    blind = status(slo("amas/decision-confidence"), Level.NO_DATA)
    view = _view(snapshot([blind]))
    text = "\n".join(plain(line) for line in detail.detail_lines(view, blind, around(blind), 80, 22))
    assert "? no data" in text
    assert "· ok" not in text


def test_in_24_rows_the_budget_has_a_chart_and_every_pair_of_windows_a_row() -> None:
    view = _view(snapshot())
    worst = view.statuses[0]
    # The long window of the first pair is over its limit, the short one no longer.
    calmer = replace(worst, burns={**worst.burns, timedelta(minutes=5): 1.0})
    lines = [
        plain(line) for line in detail.detail_lines(view, calmer, around(calmer, NOW, known=True), 80, 22)
    ]
    begin = next(number for number, line in enumerate(lines) if "BUDGET LEFT 30d" in line)
    end = next(number for number, line in enumerate(lines) if "ERROR RATIO" in line)
    assert len([line for line in lines[begin:end] if "┤" in line or "│" in line]) >= 4
    rows = {line.split()[0]: line[:37].split()[3:] for line in lines[2:6]}
    assert rows == {
        "1h/5m": ["14.4x", "·", "1", "of", "2"],
        "6h/30m": ["6.0x", "▲", "over"],
        "1d/2h": ["3.0x", "△", "over"],
        "3d/6h": ["1.0x", "△", "over"],
    }


def test_why_figures_are_left_out_is_said() -> None:
    from dataclasses import replace

    odd = replace(status(), problem="more bad events than events")
    view = _view(snapshot([odd]))
    text = "\n".join(plain(line) for line in detail.detail_lines(view, odd, around(odd), 80, 24))
    assert "more bad events than events" in text


@pytest.mark.parametrize(
    ("left", "width", "shown"),
    [
        pytest.param(0.9, 160, "", id="open"),
        pytest.param(0.6, 160, "", id="only a review"),
        pytest.param(0.3, 160, " FREEZE FEATURES ", id="features wait"),
        pytest.param(0.1, 160, " FREEZE ", id="nearly spent"),
        pytest.param(-0.1, 160, " EMERGENCY ONLY ", id="spent"),
        pytest.param(0.3, 44, " FREEZE ", id="narrow"),
        pytest.param(-0.1, 20, "", id="no room"),
    ],
)
def test_a_freeze_stands_in_the_status_line(left: float, width: int, shown: str) -> None:
    gate = policy.state(policy.DEFAULT, [policy.Standing(slo().id, left)])
    line = overview.status_line(_view(replace(snapshot(quiet()), gate=gate)), width)
    assert cells(line) == width
    assert shown in plain(line)
    if not shown:
        assert not any(step.name.split()[0] in plain(line) for step in policy.DEFAULT.gate)


@pytest.mark.parametrize("width", range(40, 161, 7))
def test_the_state_of_a_stale_slo_and_its_time_stand_apart(width: int) -> None:
    lost = health(ok=False, ago=timedelta(minutes=7))
    view = _view(snapshot(sources=[lost, health("alertmanager")]))
    line = plain(detail.detail_lines(view, view.statuses[0], around(view.statuses[0]), width, 22)[0])
    assert "  as of 03:05:41Z" in line
    assert cell_len(line) == width


def test_a_chart_never_ends_in_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []

    def note(chart: Chart, width: int, height: int, glyphs: fmt.Glyphs, *, local_time: bool) -> list[Line]:
        ends.append(chart.end)
        return draw(chart, width, height, glyphs, local_time=local_time)

    monkeypatch.setattr(slo_charts, "draw", note)
    view = _view(snapshot())
    detail.detail_lines(view, view.statuses[0], around(view.statuses[0], known=True), 160, 46)
    assert len(ends) == 2
    assert all(NOW - timedelta(minutes=1) < end <= NOW for end in ends)


def test_printed_text_tells_the_whole_reason_why_no_alerts_are_known() -> None:
    why = "Alertmanager at http://127.0.0.1:9093 sent an answer that is not Alertmanager's: JSON is malformed"
    silent = health("alertmanager", ok=False, ago=None, error=why)
    text = overview.plain_table(_view(snapshot(sources=[health(), silent])), 80)
    assert text[-1] == f" Alertmanager has never answered: {why}"


@pytest.mark.parametrize(
    ("remarks", "shown"),
    [
        ((), "prom 1s  am 1s"),
        (("info: PromQL info: metric might not be a counter",), "prom 1s  am 1s"),
        (("receive Addr: store-2: connection refused",), "prom 1s partial  am 1s"),
        (("PromQL warning: quantile value should be between 0 and 1",), "prom 1s warns  am 1s"),
    ],
)
def test_row_1_marks_an_answer_that_is_not_whole(remarks: tuple[str, ...], shown: str) -> None:
    view = _view(snapshot(sources=[replace(health(), remarks=remarks), health("alertmanager")]))
    assert shown in plain(overview.status_line(view, 160))
    assert ("!" in plain(overview.status_line(view, 44))) == ("  am" in shown and shown.count(" ") > 4)


def test_row_1_counts_down_to_the_next_try_of_a_lost_source() -> None:
    lost = [health(ok=False, ago=timedelta(minutes=5)), health("alertmanager")]
    view = replace(_view(snapshot(sources=lost)), retries={"prometheus": NOW + timedelta(seconds=1.2)})
    assert "PROM LOST 5m00s, retry 2s " in plain(overview.status_line(view, 160))
    overdue = replace(view, now=NOW + timedelta(seconds=9))
    assert ", retry 0s " in plain(overview.status_line(overdue, 160))
    fresh = replace(_view(snapshot()), retries={"prometheus": NOW})
    assert "retry" not in plain(overview.status_line(fresh, 160))
