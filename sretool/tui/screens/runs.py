"""Load and game day: the runs there are, the one under the cursor, and one alone."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, cast

from sretool.core.runs.model import RunState
from sretool.core.runs.words import clock_words
from sretool.tui import gameday, keys, runs
from sretool.tui.runs import DRILL_KINDS, LOAD_KINDS, RunPage
from sretool.tui.screens.base import BoardScreen, ScreenPoll
from sretool.tui.widgets.rows import Rows
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from sretool.adapters.store.notebook import Notebook
    from sretool.adapters.store.runs import StoredRun
    from sretool.adapters.store.tail import Follower
    from sretool.core.runs.model import RunKind, RunRecord
    from sretool.tui.board import View
    from sretool.tui.line import Line

_LISTED = 300
"""The newest runs that are listed; `sretool runs list` shows all."""
_EVERY = timedelta(seconds=1)
_LIST_ROWS = 5


class RunShelf:
    """The runs of a project as far as screens have asked for them; the one that is looked at is followed."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self.runs: tuple[StoredRun, ...] = ()
        self.problem: str | None = None
        """Why the list may not be true; None: nothing is wrong."""
        self.asked = False
        self._followers: dict[str, Follower] = {}
        self._wanted: str | None = None

    @property
    def folder(self) -> str:
        return str(self._notebook.runs.root)

    def want(self, run: str | None) -> None:
        """Follow this run, and no other, from the next refresh on."""
        self._wanted = run

    def refresh(self, kinds: Sequence[RunKind]) -> None:
        """Read what is new; to be called from one thread at a time."""
        try:
            self.runs = _told(self._notebook.runs.newest(_LISTED, kinds))
            self.problem = None
            for damaged in self._notebook.runs.damaged[:1]:
                self.problem = f"{damaged.folder.name}: {damaged.problem}"
            self._follow()
        except OSError as error:
            self.problem = f"{error.filename or self.folder}: {error.strerror}"
        self.asked = True

    def _follow(self) -> None:
        run = next((run for run in self.runs if run.record.id == self._wanted), None)
        if run is None:
            return
        key = run.record.id
        if key not in self._followers:
            self._followers = {key: self._notebook.runs.follow(run)}
        follower = self._followers[key]
        follower.catch_up()
        if run.record.state is not RunState.RUNNING:
            follower.unveil()
            follower.catch_up()

    def record(self, run: str | None) -> RunRecord | None:
        return next((each.record for each in self.runs if each.record.id == run), None)

    def path(self, run: str) -> str | None:
        return next((str(each.folder) for each in self.runs if each.record.id == run), None)

    def page(self, run: str | None, view: View) -> RunPage | None:
        """What is known of it; None until it has been read."""
        record = self.record(run)
        follower = self._followers.get(run or "")
        if record is None or follower is None:
            return None
        last = follower.story.last
        end = view.now if record.state is RunState.RUNNING or last is None else record.ended or last.at
        notes = tuple(mark for mark in view.snapshot.marks if record.started <= mark.at <= end)
        return RunPage(record, follower.story, notes, follower.tail.first_unreadable)


def _told(found: Sequence[StoredRun]) -> tuple[StoredRun, ...]:
    """Without the steps of a game day that goes on: their titles may tell what it keeps to itself."""
    going = {run.record.id for run in found if run.record.state is RunState.RUNNING}
    return tuple(run for run in found if run.record.parent not in going and not run.hidden)


class OfRuns(BoardScreen):
    """What the list and the page of one run have in common."""

    KINDS: ClassVar[Sequence[RunKind]] = ()
    VIEW_WORDS: ClassVar[str] = ""
    POLLED: ClassVar[str] = "runs"
    """Of the list and of the page of one run it is another: the one is left after the other has begun."""

    def polls(self) -> Sequence[ScreenPoll]:
        return (ScreenPoll(f"{self.POLLED} of {self.VIEW_WORDS}", self._read, _EVERY),)

    async def _read(self) -> bool:
        shelf = self.dash.shelf
        if shelf is not None:
            shelf.want(self.chosen())
            # A long run takes a while to read the first time; keys are answered meanwhile.
            await asyncio.to_thread(shelf.refresh, self.KINDS)
            self.dash.repaint()
        return True

    def chosen(self) -> str | None:
        """Id of the run that is looked at."""
        raise NotImplementedError

    def action_copy(self) -> None:
        shelf, chosen = self.dash.shelf, self.chosen()
        record = shelf.record(chosen) if shelf is not None else None
        if shelf is None or record is None or chosen is None:
            self.dash.tell(tr("there is nothing to copy"), bad=True)
            return
        word, _ = runs.state_of(record)
        reason = f": {record.verdict.reason}" if record.verdict is not None else ""
        text = f"{record.kind.value} {record.title} {record.id} {word}{reason}  {shelf.path(chosen)}"
        self.app.copy_to_clipboard(text)
        self.dash.tell(tr("copied: {text}", text=text))


class RunsScreen(OfRuns):
    """The runs of some kinds, newest first, and the one under the cursor below."""

    BINDINGS: ClassVar[list[BindingType]] = [keys.bind("filter", priority=True), keys.bind("copy")]
    BAR = ("open", "down", "filter", "note", "copy", "time", "refresh", "explain")

    def __init__(self) -> None:
        super().__init__()
        self._pattern = ""
        self._view: View | None = None
        self._width = 0

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="verdict")
        yield Sheet(id="header")
        yield Rows(self._draw, id="runs", cursor=self.dash.board.glyphs.cursor)
        yield Sheet(id="body")
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        self.query_one("#runs").focus()

    def chosen(self) -> str | None:
        return self.query_one("#runs", Rows).cursor

    def show(self, view: View) -> None:
        width, height = self.size
        shelf = self.dash.shelf
        self._view = view
        crumbs = tr(self.VIEW_WORDS) + (f"  /{self._pattern}" if self._pattern else "")
        self.show_frame(view, crumbs)
        self.query_one("#header", Sheet).show([runs.list_header(width)])
        found = [run.record for run in shelf.runs] if shelf is not None else []
        kept = [record for record in found if _fits(record, self._pattern)]
        listed = self.query_one("#runs", Rows)
        rows = min(max(len(kept), 1), _LIST_ROWS if height < 40 else _LIST_ROWS * 2, max(height - 4, 1))
        listed.styles.height = rows
        placeholder = runs.list_placeholder(len(found), width)
        # Every row shows how long it runs and in which time zone: drawn anew when either changes.
        listed.show(
            [(record.id, (record, view.local_time, _clock(record, view))) for record in kept],
            placeholder,
            afresh=width != self._width,
        )
        self._width = width
        self._show_chosen(view, width, max(height - 4 - rows, 0), kept)

    def _show_chosen(self, view: View, width: int, height: int, kept: Sequence[RunRecord]) -> None:
        shelf = self.dash.shelf
        page = shelf.page(self.chosen(), view) if shelf is not None else None
        verdict, body = self.query_one("#verdict", Sheet), self.query_one("#body", Sheet)
        if page is not None and kept:
            verdict.show([_headline(page, view, width)])
            # A game day knows its steps; those of other programs know phases only.
            drawn = gameday.lines if page.story.steps else runs.run_lines
            body.show(drawn(page, view, width, height))
            return
        problem = shelf.problem if shelf is not None else tr("no project folder is known")
        verdict.show([runs.no_headline(problem, width)])
        asked = shelf is not None and shelf.asked
        empty = shelf is not None and not shelf.runs and asked
        body.show(
            runs.how_to_start(self.KINDS, shelf.folder, self.dash.commands, width)
            if shelf is not None and empty
            else []
        )

    def _draw(self, value: Hashable, width: int) -> Line:
        record = cast("tuple[RunRecord, bool, str]", value)[0]
        return runs.list_row(record, self._view, width) if self._view is not None else ()

    def on_rows_moved(self, event: Rows.Moved) -> None:
        for poll in self.polls():
            self.dash.wake_poll(poll.name)

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        self.dash.open_run(event.key, self.KINDS, self.VIEW_WORDS)

    def filter_text(self) -> str:
        return self._pattern

    def filter_by(self, text: str) -> None:
        self._pattern = text.strip()

    def action_back(self) -> None:
        self._pattern = ""
        self.dash.repaint()


class LoadScreen(RunsScreen):
    """Load tests, capacity searches, canaries."""

    KINDS = LOAD_KINDS
    VIEW_WORDS = later("load")
    TITLE_WORDS = later("load")


class GameDayScreen(RunsScreen):
    """Game days and experiments."""

    KINDS = DRILL_KINDS
    VIEW_WORDS = later("game day")
    TITLE_WORDS = later("game day")


class RunScreen(OfRuns):
    """Everything about one run; what does not fit is scrolled to."""

    BINDINGS: ClassVar[list[BindingType]] = [keys.bind("copy")]
    BAR = ("back", "down", "last", "note", "copy", "time", "explain")
    TITLE_WORDS = later("one run")
    POLLED = "one run"

    def __init__(self, run: str, kinds: Sequence[RunKind], words: str) -> None:
        super().__init__()
        self._run = run
        self.KINDS = kinds  # type: ignore[misc]
        self.VIEW_WORDS = words  # type: ignore[misc]

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="verdict")
        yield Rows(self._draw, id="body", cursor="")
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        self.query_one("#body").focus()

    def chosen(self) -> str | None:
        return self._run

    def show(self, view: View) -> None:
        width = self.size.width
        shelf = self.dash.shelf
        page = shelf.page(self._run, view) if shelf is not None else None
        title = page.record.title if page is not None else self._run
        self.show_frame(view, f"{tr(self.VIEW_WORDS)} > {title}")
        body = self.query_one("#body", Rows)
        if page is None:
            gone = shelf is not None and shelf.asked and shelf.record(self._run) is None
            said = tr("this run has been removed") if gone else None
            self.query_one("#verdict", Sheet).show([runs.no_headline(said, width)])
            return
        self.query_one("#verdict", Sheet).show([_headline(page, view, width)])
        lines = gameday.whole(page, view, width) if page.story.steps else runs.whole_run(page, view, width)
        body.show([(str(number), tuple(line)) for number, line in enumerate(lines)])

    def _draw(self, value: Hashable, width: int) -> Line:
        return cast("Line", value)


def _headline(page: RunPage, view: View, width: int) -> Line:
    return (gameday.headline if page.story.steps else runs.headline)(page, view, width)


def _fits(record: RunRecord, pattern: str) -> bool:
    outcome = record.verdict.outcome.value if record.verdict is not None else record.state.value
    text = f"{record.title} {record.kind.value} {outcome} {record.id} {' '.join(record.targets)}"
    try:
        return re.search(pattern, text, re.IGNORECASE) is not None
    except re.error:
        return pattern.lower() in text.lower()


def _clock(record: RunRecord, view: View) -> str:
    """Changes as often as the row of a run does."""
    return clock_words(record.took(view.now).total_seconds()) if record.state is RunState.RUNNING else ""
