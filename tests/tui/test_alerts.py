"""Triage in the running dashboard: every key and dialog of the alerts view and the silences."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len

from sretool.core.alerting import acks
from sretool.core.alerting.firings import Firing
from sretool.core.alerting.silences import SilenceState, text_of
from sretool.core.observe.model import AlertState
from sretool.errors import SourceRefused
from sretool.tui import alerts as draw
from sretool.tui import format as fmt
from sretool.tui.screens.alerts import AlertsScreen, OpenAlertScreen, SilencesScreen
from sretool.tui.triage import AlertPast
from sretool.tui.widgets.dialog import Confirm, Form
from tests.support.dashboard import NOW, alert
from tests.tui.duty import Room
from tests.tui.screens import SMALL, WIDE, check_screen, dashboard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.tui.screens import Dash

SIZES = [(80, 24), WIDE, SMALL]


@asynccontextmanager
async def alerts_view(
    width: int = 80, height: int = 24, room: Room | None = None, **options: Any
) -> AsyncIterator[tuple[Dash, Room]]:
    room = room or Room()
    async with dashboard(width, height, **{**room.options, **options}) as dash:
        await room.into(dash)
        dash.app.clear_notifications()
        await dash.press("2")
        await dash.until(lambda: room.triage.silences_at is not None)
        yield dash, room


async def typed(dash: Dash, text: str) -> None:
    await dash.press(*("space" if char == " " else char for char in text))


async def told(dash: Dash, words: str) -> None:
    """Wait until the dashboard has told this."""
    await dash.until(lambda: any(words in note.message for note in dash.app._notifications))


# --- what is shown ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_alerts(width: int, height: int) -> None:
    async with alerts_view(width, height) as (dash, _):
        if height > 10:
            await dash.until(lambda: "times in 30d" in dash.text())
        check_screen("alerts", dash)


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_silences(width: int, height: int) -> None:
    async with alerts_view(width, height) as (dash, room):
        await dash.press("S")
        if height > 10:
            await dash.until(lambda: room.triage.debts is not None)
            await dash.until(lambda: "as far as Alertmanager remembers" in dash.text())
        check_screen("silences", dash)


@pytest.mark.parametrize(("width", "height"), [(80, 24), WIDE])
async def test_one_alert_over_the_whole_screen(width: int, height: int) -> None:
    async with alerts_view(width, height) as (dash, _):
        await dash.press("j", "enter")
        assert isinstance(dash.app.screen, OpenAlertScreen)
        await dash.until(lambda: "times in 30d" in dash.text())
        check_screen("alert", dash)
        await dash.press("escape")
        assert isinstance(dash.app.screen, AlertsScreen)


async def test_the_views_in_ascii() -> None:
    async with alerts_view(glyphs=fmt.ASCII) as (dash, _):
        assert dash.text().isascii()
        await dash.press("S")
        assert dash.text().isascii()
        await dash.press("escape", "s")
        assert dash.text().isascii()


@pytest.mark.slow
@pytest.mark.parametrize("keys", [[], ["enter"], ["S"], ["s"], ["a"]], ids=str)
async def test_nothing_overflows_at_any_size(keys: list[str]) -> None:
    async with alerts_view(200, 60) as (dash, _):
        await dash.press(*keys)
        for width, height in ((140, 40), (99, 30), (57, 17), (40, 10)):
            await dash.resize(width, height)
            await dash.settle()
            assert all(cell_len(line) <= width for line in dash.lines())


async def test_an_ack_is_counted_apart_from_silences() -> None:
    async with alerts_view() as (dash, _):
        assert dash.row("HighMemory").rstrip().endswith("acked bo")
        assert dash.row("DiskFull").rstrip().endswith("silenced")
        await dash.press("S")
        assert "silences 2, acks 1" in dash.text()
        assert "1 match nothing" in dash.text()


async def test_without_an_alertmanager_it_says_how_to_configure_one() -> None:
    async with dashboard(alerts_configured=False) as dash:
        await dash.press("2")
        assert "give --alertmanager URL" in dash.text()
        await dash.press("a", "s", "x", "S")
        assert "give --alertmanager URL" in dash.text()


async def test_silence_debt_is_told_in_shares_of_the_budget() -> None:
    room = Room()
    from tests.tui.duty import silence

    burned = silence("burned", 'alertname="SLOBudgetBurn",slo="amas/learning-availability"')
    room.alertmanager.kept["burned"] = burned
    async with alerts_view(room=room) as (dash, _):
        await dash.press("S")
        await dash.until(lambda: "of its budget burned" in dash.text())
        line = dash.row("of its budget burned")
        assert "amas/learning-availability" in line
        assert "3.1% of its budget burned" in line
        assert "page silenced for 30m" in line


# --- acknowledging ----------------------------------------------------------------------------------------


async def test_an_ack_names_owner_and_note_and_is_a_silence_of_exactly_this_alert() -> None:
    async with alerts_view() as (dash, room):
        await dash.press("a")
        assert "the page comes back" in " ".join(dash.text().split())
        await dash.press("tab")
        await typed(dash, "v412 suspect")
        await dash.press("enter", "enter")
        await told(dash, "acknowledged by mia")
        (new,) = room.alertmanager.written
        assert {(m.name, m.value) for m in new.matchers} == set(room.alertmanager.held[0].labels.items())
        assert new.ends - new.starts == acks.LENGTH
        await room.refresh(dash)
        assert dash.row("SLOBudgetBurn").rstrip().endswith("acked mia")


async def test_an_ack_needs_a_name_where_nobody_is_known() -> None:
    async with alerts_view(room=Room(me=None)) as (dash, room):
        await dash.press("a", "enter", "enter", "enter")
        assert isinstance(dash.app.screen, Form)
        assert "something is needed here" in dash.text()
        await typed(dash, "zoe")
        await dash.press("enter", "enter", "enter")
        await told(dash, "acknowledged by zoe")
        assert room.alertmanager.written[0].created_by == "zoe"


async def test_marked_alerts_are_acknowledged_together() -> None:
    async with alerts_view() as (dash, room):
        await dash.press("space", "space")
        assert "2 marked" in dash.text()
        await dash.press("a", "enter", "enter", "enter")
        await told(dash, "2 alerts")
        assert len(room.alertmanager.written) == 2
        assert not room.triage.marked


async def test_escape_takes_the_marks_away_first() -> None:
    async with alerts_view() as (dash, room):
        await dash.press("space", "escape")
        assert not room.triage.marked
        assert isinstance(dash.app.screen, AlertsScreen)


@pytest.mark.slow
async def test_taking_over_somebody_elses_ack_says_so() -> None:
    async with alerts_view() as (dash, room):
        await dash.press("j", "j", "a")
        assert "takes over from bo" in dash.text()
        await dash.press("enter", "enter", "enter")
        await told(dash, "acknowledged by mia")
        assert room.alertmanager.expired == ["ack1"]


async def test_a_cancelled_ack_changes_nothing() -> None:
    async with alerts_view() as (dash, room):
        await dash.press("a", "escape")
        assert isinstance(dash.app.screen, AlertsScreen)
        assert room.alertmanager.written == []


async def test_acks_are_renewed_whatever_is_on_screen() -> None:
    room = Room()
    async with dashboard(**room.options) as dash:  # type: ignore[arg-type]
        await room.into(dash)
        dash.clock.forward(8 * 60)
        dash.app._look_after_acks()
        await dash.until(lambda: room.alertmanager.written)
        assert room.alertmanager.written[0].id == "ack1"
        assert room.alertmanager.kept["ack1"].ends == dash.clock() + acks.LENGTH


async def test_a_readonly_dashboard_renews_nothing() -> None:
    room = Room()
    async with alerts_view(room=room, readonly=True) as (dash, _):
        dash.clock.forward(8 * 60)
        dash.app._look_after_acks()
        await dash.poll()
        assert room.alertmanager.written == []
        await dash.press("j", "j")
        assert "read-only and does not renew it" in " ".join(dash.text().split())


# --- silencing --------------------------------------------------------------------------------------------


async def test_a_silence_shows_what_it_hides_before_it_is_made() -> None:
    async with alerts_view() as (dash, _):
        await dash.press("s")
        await dash.until(lambda: "2 in the last 30d" in dash.text())
        assert "matches 1 open alert now (1 PAGE)" in dash.text()
        await dash.press("ctrl+u")
        await typed(dash, 'service="amas"')
        assert "matches 5 open alerts now (2 PAGE, 2 TICKET)" in dash.text()
        assert "WIDE: names no alert" in dash.text()
        await dash.press("ctrl+u")
        await typed(dash, "service")
        assert "'service' is not a matcher" in dash.text()


async def test_a_silence_is_made_with_creator_comment_and_end() -> None:
    async with alerts_view() as (dash, room):
        await dash.press("j", "s", "tab", "ctrl+u")
        await typed(dash, "30m")
        await dash.press("tab", "tab")
        await typed(dash, "rolling deploy")
        assert "Silence 30m" in dash.text()
        await dash.press("enter", "right", "enter")
        await told(dash, "silenced until 03:42Z")
        (new,) = room.alertmanager.written
        assert text_of(new.matchers) == 'alertname="ServiceDown", service="amas", instance="app-2"'
        assert (new.created_by, new.comment) == ("mia", "rolling deploy")
        assert new.ends - new.starts == timedelta(minutes=30)


async def test_whoever_only_presses_enter_silences_nothing() -> None:
    async with alerts_view() as (dash, room):
        await dash.press("s", *["enter"] * 5)
        assert isinstance(dash.app.screen, AlertsScreen)
        assert room.alertmanager.written == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("length", "comment", "said"),
    [
        ("2d", "x", "longer than a silence may be (1d)"),
        ("soon", "x", "soon"),
        ("1h", "", "COMMENT: something is needed here"),
    ],
)
async def test_a_silence_without_end_or_reason_is_refused(length: str, comment: str, said: str) -> None:
    async with alerts_view() as (dash, room):
        await dash.press("s", "tab", "ctrl+u")
        await typed(dash, length)
        await dash.press("tab", "tab")
        await typed(dash, comment)
        await dash.press("tab", "right", "enter")
        assert isinstance(dash.app.screen, Form)
        assert said in dash.text()
        assert room.alertmanager.written == []


async def test_marked_alerts_get_a_silence_each() -> None:
    async with alerts_view() as (dash, room):
        await dash.press("space", "space", "s")
        assert "MATCHERS" not in dash.text()
        assert "matches 2 open alerts now (2 PAGE)" in dash.text()
        await dash.press("tab", "tab")
        await typed(dash, "both")
        await dash.press("enter", "right", "enter")
        await told(dash, "silenced until")
        assert len(room.alertmanager.written) == 2


async def test_in_production_the_service_must_be_typed_to_silence_a_page() -> None:
    room = Room()
    async with alerts_view(room=room) as (dash, _):
        dash.app.board.production = True
        await dash.press("s", "tab", "tab", "tab")
        await typed(dash, "deploy")
        await dash.press("enter", "right", "enter")
        assert isinstance(dash.app.screen, Confirm)
        assert "This is production" in dash.text()
        await dash.press("enter", "right", "enter")
        assert "type amas to go on" in dash.text()
        assert room.alertmanager.written == []
        await typed(dash, "amas")
        await dash.press("enter", "right", "enter")
        await told(dash, "silenced until")
        assert len(room.alertmanager.written) == 1


async def test_in_production_a_ticket_is_silenced_without_that() -> None:
    async with alerts_view() as (dash, room):
        dash.app.board.production = True
        await dash.press("G", "k", "s", "tab", "tab", "tab")
        await typed(dash, "deploy")
        await dash.press("enter", "right", "enter")
        await told(dash, "silenced until")
        assert len(room.alertmanager.written) == 1


async def test_what_alertmanager_refuses_is_told_and_changes_nothing() -> None:
    room = Room()
    room.alertmanager.written_error = SourceRefused(
        "Alertmanager answered HTTP 403", remedy="check the token"
    )
    async with alerts_view(room=room) as (dash, _):
        await dash.press("a", "enter", "enter", "enter")
        await told(dash, "HTTP 403: check the token")
        assert any("HTTP 403" in text for _, text in dash.app.board.log)
        assert room.alertmanager.written == []


# --- ending -----------------------------------------------------------------------------------------------


async def test_my_own_ack_is_given_back_without_a_question() -> None:
    room = Room(me="bo")
    async with alerts_view(room=room) as (dash, _):
        await dash.press("j", "j", "x")
        await told(dash, "HighMemory is open again")
        assert room.alertmanager.expired == ["ack1"]


async def test_somebody_elses_silence_is_ended_only_after_a_question() -> None:
    async with alerts_view() as (dash, room):
        await dash.press("j", "j", "j", "x")
        assert isinstance(dash.app.screen, Confirm)
        assert "made by bo, not by you" in dash.text()
        await dash.press("enter")
        assert room.alertmanager.expired == []
        await dash.press("x", "right", "enter")
        await told(dash, "is open again")
        assert room.alertmanager.expired == ["sil1"]


async def test_an_alert_that_nothing_hides_has_nothing_to_end() -> None:
    async with alerts_view() as (dash, room):
        await dash.press("x")
        await told(dash, "nothing hides it")
        assert room.alertmanager.expired == []


# --- filters ----------------------------------------------------------------------------------------------


async def test_mine_only() -> None:
    async with alerts_view(room=Room(me="bo")) as (dash, room):
        room.triage.teams = ()
        await dash.press("m")
        # Bo has duty and was told of both pages, and has taken the ticket.
        shown = [
            name for name in ("SLOBudgetBurn", "ServiceDown", "HighMemory", "DiskFull") if name in dash.text()
        ]
        assert shown == ["SLOBudgetBurn", "ServiceDown", "HighMemory"]
        await dash.press("escape")
        assert "DiskFull" in dash.text()


async def test_mine_needs_somebody() -> None:
    async with alerts_view(room=Room(me=None)) as (dash, room):
        room.triage.teams = ()
        await dash.press("m")
        await told(dash, "nobody is known")


async def test_only_what_nobody_has() -> None:
    async with alerts_view() as (dash, _):
        await dash.press("!")
        assert "DiskFull" not in dash.text()
        assert "ServiceDown" in dash.text()


async def test_a_filter_by_label() -> None:
    async with alerts_view() as (dash, _):
        await dash.press("slash")
        await typed(dash, "instance=db-1")
        await dash.press("enter")
        assert "DiskFull" in dash.text()
        assert "ServiceDown" not in dash.text()
        await dash.press("slash", "ctrl+u")
        await typed(dash, "nosuch")
        await dash.press("enter")
        assert "no alert matches the filter" in dash.text()


# --- the silences -----------------------------------------------------------------------------------------


async def silences(dash: Dash) -> None:
    await dash.press("S")
    assert isinstance(dash.app.screen, SilencesScreen)


async def test_my_own_silence_is_expired_without_a_question() -> None:
    async with alerts_view() as (dash, room):
        await silences(dash)
        await dash.press("j", "x")
        await told(dash, "expired: 1 silence")
        assert not any("1 silences" in note.message for note in dash.app._notifications)
        assert room.alertmanager.expired == ["idle"]


async def test_somebody_elses_is_expired_after_a_question() -> None:
    async with alerts_view() as (dash, room):
        await silences(dash)
        await dash.press("space", "space", "x")
        assert "made by bo, not by you" in dash.text()
        await dash.press("enter")
        assert room.alertmanager.expired == []
        await dash.press("x", "right", "enter")
        await told(dash, "expired: 2 silences")
        assert set(room.alertmanager.expired) == {"sil1", "idle"}


async def test_a_silence_is_extended_in_place_and_not_beyond_the_cap() -> None:
    async with alerts_view() as (dash, room):
        await silences(dash)
        await dash.press(">")
        assert "Extend by 1h" in dash.text()
        await dash.press("enter", "right", "enter")
        await told(dash, "extended by 1h")
        assert room.alertmanager.kept["sil1"].ends == NOW + timedelta(minutes=81)
        room.triage.longest = timedelta(hours=1)
        await dash.press(">", "enter", "right", "enter")
        assert "for more than 1h from now" in dash.text()


async def test_silences_that_match_nothing_and_mine() -> None:
    async with alerts_view() as (dash, _):
        await silences(dash)
        await dash.press("!")
        assert "Gone" in dash.text()
        assert "DiskFull" not in dash.text()
        await dash.press("!", "m")
        assert "Gone" in dash.text()
        assert "DiskFull" not in dash.text()
        await dash.press("escape")
        assert isinstance(dash.app.screen, AlertsScreen)


async def test_an_alert_under_a_silence_can_be_taken_from_there() -> None:
    async with alerts_view() as (dash, room):
        await silences(dash)
        await dash.press("a", "enter", "enter", "enter")
        await told(dash, "acknowledged by mia")
        assert {m.value for m in room.alertmanager.written[0].matchers} >= {"DiskFull"}


# --- read-only --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", [[], ["enter"], ["S"], ["7"]], ids=["alerts", "one alert", "silences", "on-call"]
)
@pytest.mark.parametrize("key", ["a", "s", "x", ">"])
async def test_no_key_writes_in_a_readonly_dashboard(place: list[str], key: str) -> None:
    async with alerts_view(readonly=True) as (dash, room):
        await dash.press(*place)
        screen = dash.app.screen
        bar = dash.lines()[-1]
        assert not any(word in bar for word in ("a ack", "s silence", "x e", "> extend"))
        await dash.press(key)
        assert dash.app.screen is screen
        assert (room.alertmanager.written, room.alertmanager.expired) == ([], [])


async def test_the_help_of_a_readonly_dashboard_names_no_key_that_writes() -> None:
    async with alerts_view(120, 60, readonly=True) as (dash, _):
        await dash.press("question_mark")
        assert "acknowledge: somebody is on it" not in dash.text()
    async with alerts_view(120, 60) as (dash, _):
        await dash.press("question_mark")
        assert "acknowledge: somebody is on it" in dash.text()


# --- many -------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_five_thousand_alerts_are_all_there() -> None:
    room = Room()
    many = [
        replace(
            alert("Many", ago=timedelta(seconds=number), instance=f"app-{number}"), fingerprint=f"f{number}"
        )
        for number in range(5_000)
    ]
    room.alertmanager.held = many
    room.alertmanager.kept = {}
    async with alerts_view(160, 48, room) as (dash, _):
        assert "5000 pages need an ack" in dash.text()
        assert "app-4999 " in dash.text()
        await dash.press("G")
        assert "app-0 " in dash.text()
        await dash.press("m")
        await asyncio.sleep(0)
        assert "app-" in dash.text()


@pytest.mark.slow
async def test_an_alert_that_ends_while_it_is_on_screen() -> None:
    async with alerts_view() as (dash, room):
        await dash.press("enter")
        room.alertmanager.held = room.alertmanager.held[1:]
        await room.refresh(dash)
        assert "this alert is no longer open" in dash.text()
        await dash.press("a", "s", "x")
        assert isinstance(dash.app.screen, OpenAlertScreen)


async def test_a_lost_alertmanager_keeps_what_was_known() -> None:
    async with alerts_view() as (dash, room):
        dash.watch.down.add("alertmanager")
        room.alertmanager.error = SourceRefused("gone")
        dash.clock.forward(130)
        await dash.poll()
        assert "ServiceDown" in dash.text()
        assert room.triage.silences
        assert all(each.state is not AlertState.RESOLVED for each in dash.app.view().alerts)
        assert all(silence.state is SilenceState.ACTIVE for silence in room.triage.silences)
        assert "as of" in dash.text().splitlines()[1]


async def test_a_lost_alertmanager_is_no_empty_list() -> None:
    async with alerts_view() as (dash, room):
        dash.watch.alerts = ()
        room.alertmanager.held = []
        await room.refresh(dash)
        assert "Nothing is open." in dash.text()
        dash.watch.down.add("alertmanager")
        room.alertmanager.error = SourceRefused("gone")
        dash.clock.forward(130)
        await dash.poll()
        assert " Alerts are unknown since " in dash.text()
        assert "none was open when Alertmanager last answered" in dash.text()


async def test_pauses_shorter_than_the_question_are_no_first_time() -> None:
    async with alerts_view() as (dash, room):
        found = dash.app.view().alerts[0]
        going = Firing({}, found.since - timedelta(minutes=20), NOW, going_on=True)
        room.triage.pasts[found.fingerprint] = AlertPast(dash.clock(), (going,))
        said = draw.past_text(found, dash.app.view(), room.triage)
        assert said == f"on and off since {fmt.clock(going.start, local=False, seconds=False)}"
        first = replace(going, start=found.since)
        room.triage.pasts[found.fingerprint] = AlertPast(dash.clock(), (first,))
        assert draw.past_text(found, dash.app.view(), room.triage) == "for the first time in 30d"
