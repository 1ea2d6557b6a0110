"""What every screen of the dashboard has: row 1, a key bar, a line to type into, news of new data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

from rich.cells import cell_len, set_cell_size
from textual.events import Paste
from textual.screen import Screen

from sretool.tui import keys, overview
from sretool.tui.line import Span, crop
from sretool.tui.typed import TypedLine
from sretool.tui.widgets.rows import Rows
from sretool.tui.widgets.sheet import Sheet, Styled
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import timedelta

    from textual.binding import BindingType
    from textual.events import Key, Resize
    from textual.geometry import Offset
    from textual.widget import Widget

    from sretool.tui.app import DashApp
    from sretool.tui.board import View
    from sretool.tui.line import Line
    from sretool.tui.typed import Outcome


class ScreenPoll(NamedTuple):
    """A source that is asked only while its screen is on top."""

    name: str
    ask: Callable[[], Awaitable[bool]]
    """Whether there was an answer."""
    every: timedelta


@dataclass
class _Typing:
    """A line being typed in place of the key bar."""

    prompt: str
    line: TypedLine
    hint: Callable[[str], str]
    """What to say beside the text so far."""
    changed: Callable[[str], None]
    done: Callable[[str | None], None]
    """The text; None: dropped."""
    completions: Callable[[str], Sequence[str]]
    offered: tuple[str, ...] = ()
    """What tab goes through."""


@dataclass
class _Choosing:
    """One key being asked for in place of the key bar."""

    question: str
    choices: Mapping[str, tuple[str, Callable[[], None]]]
    """Key → its word, and what it does."""
    done: Callable[[], None]


class BoardScreen(Screen[None]):
    """A screen that shows a View."""

    BINDINGS: ClassVar[list[BindingType]] = [keys.bind("back"), keys.bind("note")]
    BAR: ClassVar[Sequence[str | tuple[str, str]]] = ()
    """Ids of the keys in the key bar, the most useful first; with another word where that says more."""
    TITLE_WORDS: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self._composed = False
        self._typing: _Typing | None = None
        self._choosing: _Choosing | None = None
        self._polled: tuple[str, ...] = ()

    @property
    def dash(self) -> DashApp:
        return cast("DashApp", self.app)

    def show(self, view: View) -> None:
        """Draw `view`; called after each refresh, each second and each key that changes what is shown."""
        raise NotImplementedError

    def polls(self) -> Sequence[ScreenPoll]:
        """What is asked while this screen is on top, beside Prometheus and Alertmanager."""
        return ()

    def on_mount(self) -> None:
        self._composed = True

    def repaint(self) -> None:
        if self._composed and self.size.width:
            self.show(self.dash.view())

    def on_resize(self, event: Resize) -> None:
        self.call_after_refresh(self.dash.repaint)

    def on_screen_resume(self) -> None:
        polls = self.polls()
        self._polled = tuple(poll.name for poll in polls)
        for poll in polls:
            self.dash.start_poll(poll.name, poll.ask, poll.every)
        # A screen that was left a while ago must not be seen as it was then.
        self.dash.repaint()
        self.call_after_refresh(self.dash.repaint)

    def on_screen_suspend(self) -> None:
        for name in self._polled:
            self.dash.stop_poll(name)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (self.dash.readonly and action in keys.WRITES)

    # --- the frame ----------------------------------------------------------------------------------------

    def show_frame(self, view: View, crumbs: str = "") -> None:
        width = self.size.width
        self.set_class(self._typing is not None or self._choosing is not None, "-asking")
        self.query_one("#status", Sheet).show([overview.status_line(view, width, crumbs)])
        self.query_one("#keys", Sheet).show([self._last_row(view, width)])

    def _last_row(self, view: View, width: int) -> Line:
        if self._typing is not None:
            return _typing_line(self._typing, width)
        if self._choosing is not None:
            words = [(key, word) for key, (word, _) in self._choosing.choices.items()]
            return overview.key_bar(words, width, ("esc", tr("back")), lead=self._choosing.question)
        return overview.key_bar(self._bar(view), width, (self._sign("help", view), tr("help")))

    def bar_items(self) -> Sequence[str | tuple[str, str]]:
        """What the key bar shows now."""
        return self.BAR

    def _bar(self, view: View) -> list[tuple[str, str]]:
        bar: list[tuple[str, str]] = []
        for item in self.bar_items():
            id, word = (item, keys.KEYS[item].word) if isinstance(item, str) else item
            if not (self.dash.readonly and keys.KEYS[id].writes):
                bar.append((self._sign(id, view), tr(word)))
        return bar

    def _sign(self, id: str, view: View) -> str:
        sign = keys.first(id, self.dash.own_keys)
        return view.glyphs.enter if sign == "enter" else sign

    @property
    def takes_text(self) -> bool:
        """Whether keys are letters now."""
        return self._typing is not None

    # --- keys before everything else ----------------------------------------------------------------------

    def take_input(self, event: Key | Paste) -> bool:
        """See a key or a paste before anything else does; True keeps it from everything else."""
        if self._typing is not None:
            self._take_typed(self._typing, event)
        elif self._choosing is not None and not isinstance(event, Paste):
            self._take_choice(self._choosing, event)
        else:
            return False
        self.dash.repaint()
        return True

    def _take_typed(self, typing: _Typing, event: Key | Paste) -> None:
        outcome: Outcome = "open"
        before = typing.line.text
        if isinstance(event, Paste):
            typing.line.paste(event.text)
        else:
            outcome = typing.line.take(event.key, event.character if event.is_printable else None)
        if outcome == "complete":
            self._complete(typing)
        elif typing.line.text != before:
            typing.offered = ()
        typing.changed(typing.line.text)
        if outcome in ("kept", "dropped"):
            self._typing = None
            typing.done(typing.line.text if outcome == "kept" else None)

    def _complete(self, typing: _Typing) -> None:
        """The next of what may be meant; tab again gives the one after it."""
        offered = typing.offered or tuple(typing.completions(typing.line.text))
        if not offered:
            return
        known = offered.index(typing.line.text) + 1 if typing.line.text in offered else 0
        typing.line.replace(offered[known % len(offered)])
        typing.offered = offered if len(offered) > 1 else ()

    def _take_choice(self, choosing: _Choosing, event: Key) -> None:
        chosen = choosing.choices.get(event.character or event.key)
        self._choosing = None
        choosing.done()
        if chosen is not None:
            chosen[1]()

    def ask_line(
        self,
        prompt: str,
        done: Callable[[str | None], None],
        *,
        text: str = "",
        hint: Callable[[str], str] = lambda text: "",
        changed: Callable[[str], None] = lambda text: None,
        completions: Callable[[str], Sequence[str]] = lambda text: (),
    ) -> None:
        """Let a line be typed in place of the key bar; `done` gets it, or None where it was dropped."""
        self._typing = _Typing(prompt, TypedLine(text), hint, changed, done, completions)
        self.dash.repaint()

    def ask_key(
        self,
        question: str,
        choices: Mapping[str, tuple[str, Callable[[], None]]],
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Ask for one of some keys in place of the key bar; any other key drops the question."""
        self._choosing = _Choosing(question, choices, done)
        self.dash.repaint()

    # --- notes ----------------------------------------------------------------------------------------------

    def note_service(self) -> str | None:
        """What a note that is written here is about; None: everything."""
        return None

    def action_note(self) -> None:
        """Let a note be typed; it stands among the changes, on the charts and in the log of a run."""
        if self.dash.notebook is None:
            self.dash.tell(tr("there is nowhere to keep notes"), bad=True)
            return
        service = self.note_service()
        hint = tr("about {service}; enter keeps it", service=service) if service else tr("enter keeps it")
        self.ask_line(tr("note: "), self._keep_note, hint=lambda text: hint)

    def _keep_note(self, text: str | None) -> None:
        notebook, words = self.dash.notebook, " ".join((text or "").split())
        if notebook is None or not words:
            return
        try:
            notebook.note(words, self.dash.clock(), self.note_service())
        except OSError as error:
            self.dash.tell(f"{error.strerror}: {notebook.marks.path}", bad=True)
            return
        self.dash.tell(tr("noted: {text}", text=words))
        self.dash.action_refresh_now()

    # --- panes, copies, exports ----------------------------------------------------------------------------

    def jump(self) -> None:
        """Put a letter on every pane; the one that is typed goes there."""
        panes = [pane for pane in self.query("*") if pane.focusable and pane.region.size]
        if len(panes) < 2:
            self.dash.tell(tr("there is only one pane"))
            return
        letters = dict(zip(_LETTERS, panes, strict=False))
        signs = [_Letter(letter, pane.region.offset) for letter, pane in letters.items()]
        self.mount_all(signs)

        def gone() -> None:
            for each in signs:
                each.remove()

        choices = {letter: (pane.id or "", partial(_focus, pane)) for letter, pane in letters.items()}
        self.ask_key(tr("go to"), choices, gone)

    def copied(self) -> str | None:
        """What a copy takes: a value with its query and time, or the row under the cursor."""
        rows = self.focused
        if not isinstance(rows, Rows) or rows.cursor is None:
            return None
        view = self.dash.view()
        return f"{rows.cursor_text()}\n{tr('at')} {view.now:%Y-%m-%dT%H:%M:%SZ}  {view.origin}".rstrip()

    @property
    def title_words(self) -> str:
        """What an export of this screen is called, in English: file names do not change with the reader."""
        return self.TITLE_WORDS

    def text_lines(self) -> list[str]:
        """The screen as text: what each pane drew last, at its place."""
        pieces: list[list[tuple[int, str]]] = [[] for _ in range(self.size.height)]
        for pane in self.query(Styled).results():
            region = pane.region
            for row in range(region.height if pane.display else 0):
                if 0 <= region.y + row < len(pieces):
                    pieces[region.y + row].append((region.x, pane.render_line(row).text))
        return [_joined(row) for row in pieces]

    def exported(self) -> Mapping[str, Any]:
        """What an export as JSON has beside objectives and alerts."""
        return {}

    # --- filter -------------------------------------------------------------------------------------------

    def filter_text(self) -> str:
        """What `/` starts from."""
        return self.dash.board.filter.text

    def filter_by(self, text: str) -> None:
        """Show only what matches; called with every key that is typed."""
        self.dash.board.search(text)

    def filter_problem(self) -> str | None:
        """Why a term of the filter is no regular expression."""
        return self.dash.board.filter.problem

    def action_filter(self) -> None:
        hint = tr(_FILTER_HINT)
        self.ask_line(
            "/",
            lambda text: self.filter_by(text or ""),
            text=self.filter_text(),
            hint=lambda text: self.filter_problem() or hint,
            changed=self.filter_by,
        )

    def action_back(self) -> None:
        """One step back; at the root of a view, which has none, drop its filter."""
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        elif self.dash.board.filter:
            self.dash.board.unfilter()
            self.dash.repaint()


def _focus(pane: Widget) -> None:
    pane.focus()


class _Letter(Sheet):
    """The letter of a pane, on its corner."""

    def __init__(self, letter: str, at: Offset) -> None:
        super().__init__()
        self.styles.position = "absolute"
        self.styles.width, self.styles.height = 3, 1
        self.styles.offset = (at.x, at.y)
        self.show([[Span(f" {letter} ", "tag")]])


_LETTERS = "asdfghjkl"
_FILTER_HINT = later("regex, !not, key=value; enter keeps, esc clears")


def _joined(pieces: list[tuple[int, str]]) -> str:
    """Texts that begin in some columns as one line."""
    line = ""
    for column, text in sorted(pieces):
        line = set_cell_size(line, column) + text
    return line.rstrip()


def _typing_line(typing: _Typing, width: int) -> Line:
    line = typing.line
    before, after = line.text[: line.cursor], line.text[line.cursor :]
    room = max(width - cell_len(typing.prompt) - 2, 1)
    while cell_len(before) > room:
        before = before[1:]
    spans = [Span(f" {typing.prompt}", "key"), Span(before, "bold"), Span("_", "key"), Span(after, "bold")]
    hint = typing.hint(line.text)
    return crop([*spans, Span(f"   {hint}", "dim")], width)
