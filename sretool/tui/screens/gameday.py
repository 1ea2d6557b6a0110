"""A game day at a glance, with the keys that read its charts, and the one this program carries out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual.events import Key

from sretool.core.runs.words import clock_words
from sretool.tui import gameday, keys, runs
from sretool.tui.gameday import Look
from sretool.tui.screens.base import BoardScreen
from sretool.tui.timeline import TimeWindow
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.events import Paste

    from sretool.core.runs.story import StepSpan
    from sretool.tui.board import View
    from sretool.tui.gameday_app import GameDayApp
    from sretool.tui.gameday_replay import GameDayPlayed
    from sretool.tui.runs import RunPage

_FAR = 10
"""Steps of the cursor with H and L."""


class GameDayPage(BoardScreen):
    """Everything about one game day on one page; where it comes from is a subclass's business."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("pan_back", "pan(-1)"),
        keys.bind("pan_forward", "pan(1)"),
        keys.bind("zoom_in", "zoom(1)"),
        keys.bind("zoom_out", "zoom(-1)"),
        keys.bind("now", "whole"),
        # With priority: typed ahead, H and L must find the cursor there.
        keys.bind("inspect", priority=True),
        keys.bind("left", "cursor(-1)"),
        keys.bind("right", "cursor(1)"),
        keys.bind("next_pane", "turn(1)"),
        keys.bind("previous_pane", "turn(-1)"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.look = Look()

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="verdict")
        yield Sheet(id="body")
        yield Sheet(id="keys")

    def page(self, view: View) -> RunPage | None:
        """None: nothing has been read yet."""
        raise NotImplementedError

    def show(self, view: View) -> None:
        width, height = self.size
        page = self.page(view)
        title = page.record.title if page is not None else ""
        self.show_frame(view, f"{tr('game day')}  {title}".rstrip())
        verdict, body = self.query_one("#verdict", Sheet), self.query_one("#body", Sheet)
        body.styles.height = max(height - 3, 0)
        if page is None:
            verdict.show([runs.no_headline(None, width)])
            body.show([])
            return
        verdict.show([gameday.headline(page, view, width)])
        body.show(gameday.lines(page, view, width, max(height - 3, 0), self.look))

    # --- reading the charts -------------------------------------------------------------------------------

    def _seen(self, change: Callable[[RunPage, View], Look]) -> None:
        view = self.dash.view()
        page = self.page(view)
        if page is not None:
            self.look = change(page, view)
            self.dash.repaint()

    def _window(self, page: RunPage, view: View) -> TimeWindow:
        if self.look.window is not None:
            return self.look.window
        begin, end = gameday.span_of(page, view, Look())
        return TimeWindow(end - begin, end)

    def action_pan(self, halves: int) -> None:
        self._seen(
            lambda page, view: replace(
                self.look, window=self._window(page, view).pan(halves, gameday.latest(page, view))
            )
        )

    def action_zoom(self, closer: int) -> None:
        self._seen(
            lambda page, view: replace(
                self.look,
                window=self._window(page, view).zoom(closer, gameday.latest(page, view), self.look.cursor),
            )
        )

    def action_whole(self) -> None:
        self._seen(lambda page, view: replace(self.look, window=None, cursor=None))

    def action_turn(self, steps: int) -> None:
        self._seen(lambda page, view: replace(self.look, first=self.look.first + steps))

    def action_inspect(self) -> None:
        self._seen(
            lambda page, view: replace(
                self.look, cursor=gameday.latest(page, view) if self.look.cursor is None else None
            )
        )

    def action_cursor(self, steps: int) -> None:
        if self.look.cursor is not None:
            self._seen(lambda page, view: self._moved(page, view, steps))

    def _moved(self, page: RunPage, view: View, steps: int) -> Look:
        begin, end = gameday.span_of(page, view, self.look)
        assert self.look.cursor is not None
        moved = self.look.cursor + steps * self._step(end - begin)
        return replace(self.look, cursor=min(max(moved, begin), min(end, gameday.latest(page, view))))

    def _step(self, span: timedelta) -> timedelta:
        """About a column of the charts."""
        return span / max(self.size.width // 2, 40)

    def take_input(self, event: Key | Paste) -> bool:
        if super().take_input(event):
            return True
        if self.look.cursor is None or not isinstance(event, Key):
            return False
        # While there is a cursor these move it; elsewhere they may mean something else.
        far = {"H": -_FAR, "shift+left": -_FAR, "L": _FAR, "shift+right": _FAR}.get(event.key)
        if far is None:
            return False
        self.action_cursor(far)
        return True

    def action_back(self) -> None:
        """The cursor goes first."""
        if self.look.cursor is not None:
            self.action_inspect()
        else:
            super().action_back()


class GameDayCockpit(GameDayPage):
    """The game day that this program carries out: one key aborts it, one holds it; answers, notes, marks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("end"),
        keys.bind("pause", "hold"),
        # With priority: what is typed ahead of a line must find it open. An x in it would abort.
        keys.bind("open", "reply", priority=True),
        keys.bind("note", priority=True),
        keys.bind("mine", "moment"),
        keys.bind("copy"),
    ]
    TITLE_WORDS = later("a running game day")

    @property
    def cockpit(self) -> GameDayApp:
        return cast("GameDayApp", self.app)

    def page(self, view: View) -> RunPage | None:
        return self.cockpit.page(view)

    def on_screen_resume(self) -> None:
        # BoardScreen's own is called by Textual, too. A screen that was held still elsewhere goes on here.
        if self.dash.view().frozen_at is not None:
            self.dash.action_freeze()

    def bar_items(self) -> Sequence[str | tuple[str, str]]:
        read = ("inspect", ("export", later("report")), "next_pane", "zoom_in", "zoom_out", "now")
        if not self.cockpit.work.running:
            return (("leave", later("quit")), *read, "copy", "time", "back")
        story = self.cockpit.story
        hold = ("pause", later("go on") if story.held else later("hold"))
        asked = (("open", later("answer")),) if gameday.waiting(story) is not None else ()
        abort = ("end", later("abort + undo all"))
        return (abort, *asked, hold, "note", ("mine", later("mark")), *read, "time", "back")

    # --- what is done ---------------------------------------------------------------------------------------

    def _at_work(self) -> bool:
        if not self.cockpit.work.running:
            self.dash.tell(tr("the game day is over"))
        return self.cockpit.work.running

    def action_end(self) -> None:
        """At once: nothing is safer than what it leads to."""
        if self._at_work():
            self.cockpit.work.abort(self.cockpit.who)
            self.dash.tell(tr("aborted: everything is undone"), bad=True)
            self.cockpit.look_now()

    def action_hold(self) -> None:
        if not self._at_work():
            return
        if self.cockpit.story.held:
            self.cockpit.work.go_on(self.cockpit.who)
        else:
            self.cockpit.work.hold(self.cockpit.who)
            faults = self.cockpit.story.open_faults
            if faults:
                self.dash.tell(
                    tr("held; what goes on is not taken out: {faults}", faults=faults[0].text), bad=True
                )
        self.cockpit.look_now()

    def action_moment(self) -> None:
        if self._at_work():
            self.cockpit.work.mark(self.cockpit.who)
            now = clock_words(self._clock())
            self.dash.tell(tr("marked at {when}", when=now))
            self.cockpit.look_now()

    def _clock(self) -> float:
        """Seconds since the game day began."""
        view = self.dash.view()
        page = self.page(view)
        return page.record.took(view.now).total_seconds() if page is not None else 0.0

    def action_note(self) -> None:
        if self._at_work():
            hint = tr("enter keeps it")
            self.ask_line(tr("note: "), self._note, hint=lambda text: hint)

    def _note(self, text: str | None) -> None:
        words = " ".join((text or "").split())
        if words and self._at_work():
            self.cockpit.work.note(words, self.cockpit.who)
            self.dash.tell(tr("noted: {text}", text=words))
            self.cockpit.look_now()

    def action_reply(self) -> None:
        """Answer what somebody is asked."""
        span = gameday.waiting(self.cockpit.story) if self._at_work() else None
        if span is None or span.asked is None:
            self.dash.tell(tr("nobody is asked anything now"))
            return
        asked = span.asked
        question = f"{asked.role}: {asked.question}"
        if not asked.answers:
            hint = tr("enter gives it, esc leaves it")
            self.ask_line(
                f"{asked.role}: ", partial(self._give, span), hint=lambda text: "" if text else hint
            )
            return
        # Whatever is asked, the way out stays where it is.
        way_out = keys.first("end", self.dash.own_keys)
        choices: dict[str, tuple[str, Callable[[], None]]] = {
            key: (answer, partial(self._give, span, answer))
            for key, answer in zip(letters(asked.answers, way_out), asked.answers, strict=True)
        }
        choices[way_out] = (tr("abort + undo all"), self.action_end)
        self.ask_key(question, choices)

    def _give(self, span: StepSpan, answer: str | None) -> None:
        words = " ".join((answer or "").split())
        if not words or not self._at_work():
            return
        assert span.asked is not None
        why_not = self.cockpit.work.answer(span.plan.id, words, self._in_the_name_of(span.asked.role))
        if why_not:
            self.dash.tell(why_not, bad=True)
        self.cockpit.look_now()

    def _in_the_name_of(self, role: str) -> str:
        """Who answers: whoever sits here, for whoever was asked."""
        started, who = self.cockpit.story.started, self.cockpit.who
        asked = started.people.get(role, "") if started is not None else ""
        return who if not asked or asked == who else f"{who} for {asked}" if who else asked

    def action_copy(self) -> None:
        view = self.dash.view()
        page = self.page(view)
        if page is None:
            self.dash.tell(tr("there is nothing to copy"), bad=True)
            return
        word, _ = runs.state_of(page.record)
        reason = f": {page.record.verdict.reason}" if page.record.verdict is not None else ""
        self.dash.copy(f"gameday {page.record.title} {page.record.id} {word}{reason}  {self.cockpit.folder}")


class GameDayReplay(GameDayPage):
    """A game day that is over, played again."""

    TITLE_WORDS = later("a game day that is over")
    BAR = (
        ("pause", later("play or pause")), "next_change", "next_page", "faster", "slower", "jump_to",
        "inspect", "next_pane", "zoom_in", "zoom_out", "now", "time", ("leave", later("quit")),
    )  # fmt: skip

    def page(self, view: View) -> RunPage | None:
        return cast("GameDayPlayed", self.app).page()


def letters(answers: Sequence[str], taken: str = "") -> list[str]:
    """A key for each answer: its first letter that is free, else its number, else any; `taken` is not."""
    found: list[str] = []
    for number, answer in enumerate(answers):
        signs = (*(sign for sign in answer.lower() if sign in _SIGNS), *_SIGNS[number:], *_SIGNS)
        found.append(next((sign for sign in signs if sign != taken and sign not in found), ""))
    return found


_SIGNS = "1234567890abcdefghijklmnopqrstuvwxyz"
