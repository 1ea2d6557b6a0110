from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sretool.core.observe.freshness import Freshness
from sretool.core.observe.verdict import Tag
from sretool.core.slo.model import Level
from sretool.tui.board import Board
from tests.support.dashboard import NOW, alert, amas, health, quiet, slo, snapshot, status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.observe.model import SloStatus, Snapshot
    from sretool.tui.board import View

REFRESH = timedelta(seconds=5)
SECOND = timedelta(seconds=1)


def _board(of: Snapshot | None = None) -> Board:
    board = Board(of or snapshot(), refresh=REFRESH)
    board.take(of or snapshot(), NOW)
    return board


def _ids(view: View) -> list[str]:
    return [each.slo.name for each in view.statuses]


def _lost(statuses: Sequence[SloStatus] | None = None) -> Snapshot:
    sources = [health(ok=False, ago=timedelta(seconds=11)), health("alertmanager")]
    return snapshot(statuses, sources=sources, seq=9)


def _improved() -> tuple[SloStatus, ...]:
    """The paging SLO is ok now, another one pages."""
    first, *rest = amas()
    return (
        status(slo("amas/admin-availability", "0.99"), Level.PAGE, burn=20),
        replace(first, level=Level.OK),
        *rest[:-1],
    )


def test_rows_are_worst_first() -> None:
    assert _ids(_board().view(NOW))[:3] == ["learning-availability", "write-durability", "learning-latency"]


def test_rows_move_when_a_state_changes() -> None:
    board = _board()
    board.take(snapshot(_improved(), seq=2), NOW)
    assert _ids(board.view(NOW))[0] == "admin-availability"


def test_rows_do_not_move_while_only_figures_change() -> None:
    board = _board(snapshot(quiet()))
    before = _ids(board.view(NOW))
    board.take(snapshot(tuple(reversed(quiet())), seq=2), NOW)
    assert _ids(board.view(NOW)) == before


def test_rows_do_not_move_within_two_seconds_of_a_key() -> None:
    board = _board()
    board.touched(NOW)
    board.take(snapshot(_improved(), seq=2), NOW + SECOND)
    assert _ids(board.view(NOW))[0] == "learning-availability"
    board.take(snapshot(_improved(), seq=3), NOW + 2 * SECOND)
    assert _ids(board.view(NOW))[0] == "admin-availability"


def test_while_prometheus_is_lost_order_and_states_stay_and_the_rows_are_stale() -> None:
    board = _board()
    before = board.view(NOW)
    board.take(_lost(), NOW)
    after = board.view(NOW)
    assert after.stale
    assert _ids(after) == _ids(before)
    assert [each.level for each in after.statuses] == [each.level for each in before.statuses]
    assert after.verdict.tag is Tag.STALE


def test_a_loss_is_told_once_and_so_is_the_return() -> None:
    board = _board()
    first = board.take(_lost(), NOW)
    again = board.tick(NOW + SECOND)
    back = board.take(snapshot(seq=10), NOW + 2 * SECOND)
    assert [notice.text for notice in first] == ["Prometheus lost: connection refused"]
    assert again == ()
    assert [notice.text for notice in back] == ["Prometheus back after 2s"]
    assert [notice.bad for notice in (*first, *back)] == [True, False]


def test_a_source_that_hangs_is_lost_by_time_alone() -> None:
    board = _board()
    assert board.tick(NOW + timedelta(seconds=30)) == ()
    notices = board.tick(NOW + timedelta(seconds=62))
    assert {notice.text.split()[0] for notice in notices} == {"Prometheus", "Alertmanager"}


def test_a_new_page_is_told_but_not_those_found_at_the_start() -> None:
    board = _board()
    assert board.take(snapshot(seq=2), NOW) == ()
    texts = [notice.text for notice in board.take(snapshot(_improved(), seq=3), NOW)]
    assert texts == [
        "amas/admin-availability burns at page level",
        "amas/learning-availability no longer burns at page level",
    ]


def test_a_new_page_of_a_symptom_is_told_once() -> None:
    board = _board()
    paged = snapshot(alerts=[alert("ServiceDown", instance="app-1")], seq=2)
    assert [notice.text for notice in board.take(paged, NOW)] == ["ServiceDown app-1 pages"]
    assert board.take(paged, NOW) == ()


def test_a_frozen_screen_keeps_its_figures_and_counts_what_it_missed() -> None:
    board = _board()
    board.freeze(NOW)
    board.take(snapshot(quiet(), seq=2), NOW + SECOND)
    frozen = board.view(NOW + SECOND)
    assert (frozen.missed, frozen.frozen_at) == (1, NOW)
    assert frozen.statuses[0].level is Level.PAGE
    board.freeze(NOW + 2 * SECOND)
    assert board.view(NOW).statuses[0].level is Level.OK


def test_sources_are_judged_live_on_a_frozen_screen() -> None:
    board = _board()
    board.freeze(NOW)
    board.take(_lost(), NOW)
    assert board.view(NOW).prometheus.freshness is Freshness.LOST


def test_a_filter_hides_rows_and_says_how_many() -> None:
    board = _board()
    board.search("latency")
    view = board.view(NOW)
    assert _ids(view) == ["learning-latency"]
    assert view.hidden == 6


def test_the_verdict_looks_past_the_filter() -> None:
    board = _board()
    board.search("admin")
    assert "learning-availability" in board.view(NOW).verdict.text(78)


def test_without_alertmanager_none_is_shown() -> None:
    board = Board(snapshot(sources=[health()]), refresh=REFRESH, alerts_configured=False)
    assert board.view(NOW).alertmanager is None
