"""The runbook reader: read, tick, copy, run."""

from __future__ import annotations

import os
import shlex
import tempfile
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, cast

from sretool.core.observe import runbook as books
from sretool.core.observe.runbook import CodeKind, Runbook, needs_filling_in
from sretool.tui import keys, suspended
from sretool.tui import runbook as drawn
from sretool.tui.line import Span
from sretool.tui.screens.base import BoardScreen, ScreenPoll
from sretool.tui.widgets.dialog import Confirm
from sretool.tui.widgets.rows import Rows
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from typing import Final

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from sretool.adapters.store.ticks import Tick
    from sretool.core.observe.runbook import Code
    from sretool.tui.board import View
    from sretool.tui.line import Line
    from sretool.tui.runbook import Row, Stop

_TICKS_EVERY: Final = timedelta(seconds=5)
"""How often the ticks of others are looked for."""


class StepRows(Rows):
    """Rows whose cursor goes from step to step, and by single lines where none is near."""

    stops: frozenset[str] = frozenset()

    @property
    def touched(self) -> bool:
        """Whether the cursor has been put somewhere."""
        return self._moved

    def go_to(self, key: str | None) -> None:
        """Put the cursor on a row; where there is none of this key it stays."""
        if key is not None and key in self._index:
            self._moved = True
            self._go(self._index[key])

    def action_move(self, step: int) -> None:
        here, page = self._row(), max(self.size.height - 1, 1)
        order = [key for key, _ in self._values]
        for away in range(1, page):
            row = here + step * away
            if not 0 <= row < len(order):
                break
            if order[row] in self.stops:
                super().action_move(step * away)
                return
        super().action_move(step)


class RunbookScreen(BoardScreen):
    """One runbook, worked through for one alert or SLO."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("mark", "tick"),
        keys.bind("copy"),
        keys.bind("pager"),
        keys.bind("editor"),
    ]
    BAR = (
        ("open", later("run, follow")),
        ("mark", later("tick")),
        "copy",
        "down",
        "back",
        "pager",
        "editor",
    )
    TITLE_WORDS = later("runbook")

    def __init__(self, name: str, subject: str, about: str = "", service: str = "") -> None:
        """`subject` is what ticks are kept for; `about` says it in words; `service` is whose it is."""
        super().__init__()
        self.name_ = name
        self._subject = subject
        self._about = about
        self._service = service
        self._book: Runbook | None = None
        self._problem: str | None = None
        self._stops: dict[str, Stop] = {}
        self._ticks: Mapping[str, Tick] = {}

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="verdict")
        yield StepRows(self._draw, id="body", cursor=self.dash.board.glyphs.cursor)
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        self._load()
        self.query_one("#body").focus()

    def polls(self) -> Sequence[ScreenPoll]:
        return (ScreenPoll("ticks", self._read_ticks, _TICKS_EVERY),)

    async def _read_ticks(self) -> bool:
        before = self._ticks
        self._look_at_ticks()
        if before != self._ticks:
            self.dash.repaint()
        return True

    def _look_at_ticks(self) -> None:
        notebook = self.dash.notebook
        self._ticks = notebook.ticks.of(self._subject, self.name_) if notebook is not None else {}

    def _load(self) -> None:
        """Read it anew: it may have been edited."""
        self._look_at_ticks()
        self._problem = None
        self._book = None
        if "://" in self.name_ or self.dash.runbooks is None:
            return
        try:
            text = self.dash.runbooks.text(self.name_)
        except OSError as error:
            self._problem = tr("it cannot be read: {why}", why=str(error.strerror))
            return
        if text is not None:
            self._book = books.parse(self.name_, text)
            self._stops = drawn.stops(self._book)
            self.query_one(StepRows).stops = frozenset(self._stops)

    def show(self, view: View) -> None:
        width = self.size.width
        self.show_frame(view, f"{tr('runbook')} > {self.name_}")
        verdict, body = self.query_one("#verdict", Sheet), self.query_one(StepRows)
        if self._book is None:
            verdict.show([[Span(f" {self._problem or ''}", "ticket")]])
            lines = self._in_place(width)
            body.show([(str(number), tuple(line)) for number, line in enumerate(lines)])
            return
        verdict.show([drawn.headline(self._book, self._ticks, self._about, view, width)])
        found: Sequence[Row] = drawn.rows(self._book, self._ticks, view, width)
        body.show([(row.key, tuple(row.line)) for row in found])
        if not body.touched:
            body.go_to(next(iter(self._stops), None))

    def _in_place(self, width: int) -> Sequence[Line]:
        if "://" in self.name_:
            return drawn.address(self.name_, width)
        place = self.dash.runbooks.place(self.name_) if self.dash.runbooks is not None else None
        return drawn.missing(self.name_, str(place) if place is not None else None, width)

    def _draw(self, value: Hashable, width: int) -> Line:
        return cast("Line", value)

    def _stop(self) -> Stop | None:
        cursor = self.query_one("#body", Rows).cursor or ""
        return self._stops.get(cursor.partition("+")[0])

    def _bar(self, view: View) -> list[tuple[str, str]]:
        bar = super()._bar(view)
        return [item for item in bar if item[1] != tr("tick")] if self.dash.readonly else bar

    # --- ticks --------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "tick" and self.dash.readonly:
            return False
        return super().check_action(action, parameters)

    def action_tick(self) -> None:
        from sretool.adapters.store.ticks import Tick

        stop, notebook = self._stop(), self.dash.notebook
        if stop is None or stop.step is None:
            self.dash.tell(tr("there is no step here; j and k go to the next one"), bad=True)
            return
        if notebook is None:
            self.dash.tell(tr("there is nowhere to keep ticks"), bad=True)
            return
        key = stop.step.key
        tick = Tick(
            at=self.dash.clock(),
            subject=self._subject,
            runbook=self.name_,
            step=key,
            by=notebook.who,
            done=key not in self._ticks,
        )
        try:
            notebook.ticks.append(tick)
        except OSError as error:
            why = f"{error.strerror}: {notebook.ticks.path}"
            self.dash.tell(tr("the tick could not be kept: {why}", why=why), bad=True)
        self._look_at_ticks()
        self.dash.repaint()

    # --- commands and links -------------------------------------------------------------------------------

    def action_copy(self) -> None:
        if self._book is None:
            self._copy(self.name_)
            return
        stop = self._stop()
        if stop is not None and stop.codes:
            self._choose(tr("copy"), stop.codes, lambda code: self._copy(code.text))
        elif stop is not None and stop.step is not None:
            self._copy(stop.step.text)
        else:
            self.dash.tell(tr("there is no step here; j and k go to the next one"), bad=True)

    def _copy(self, text: str) -> None:
        self.app.copy_to_clipboard(text)
        self.dash.tell(tr("copied: {text}", text=text.splitlines()[0] if text else ""))

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        """Enter: run the command, after asking; follow the link; copy the query."""
        stop = self._stop()
        # A second Enter of the same burst is for the question that the first one has asked.
        if stop is None or not self.is_current:
            return
        commands = [code for code in stop.codes if code.kind is CodeKind.COMMAND]
        links = [link.target for link in stop.step.links] if stop.step is not None else []
        if commands:
            self._choose(tr("run"), commands, self._ask_to_run)
        elif links:
            self._follow(links)
        elif stop.codes:
            self._choose(tr("copy"), stop.codes, lambda code: self._copy(code.text))
        else:
            self.dash.tell(tr("this step names no command; space ticks it"))

    def _choose(self, question: str, codes: Sequence[Code], act: Callable[[Code], None]) -> None:
        """`act` on the only one, or on the one whose number is pressed."""
        if len(codes) == 1:
            act(codes[0])
            return

        def chosen(code: Code) -> Callable[[], None]:
            return lambda: act(code)

        self.ask_key(
            question,
            {
                str(number): (code.text.splitlines()[0], chosen(code))
                for number, code in enumerate(codes[:9], 1)
            },
        )

    def _follow(self, targets: Sequence[str]) -> None:
        def opened(target: str) -> Callable[[], None]:
            name = target if "://" in target else os.path.basename(target).removesuffix(".md")
            return lambda: self.dash.open_runbook(name, self._subject, self._about, self._service)

        if len(targets) == 1:
            opened(targets[0])()
        else:
            self.ask_key(
                tr("open"),
                {str(number): (target, opened(target)) for number, target in enumerate(targets[:9], 1)},
            )

    def _ask_to_run(self, code: Code) -> None:
        if self.dash.readonly:
            self._copy(code.text)
            return
        if needs_filling_in(code.text):
            self._copy(code.text)
            self.dash.tell(tr("it holds a placeholder: copied instead, run it by hand"))
            return
        view = self.dash.view()
        said: list[Line] = [[Span(line, "bold")] for line in code.text.splitlines()]
        said.append([])
        said += [
            [Span(tr("{name} is {value}", name=name, value=value), "dim")] for name, value in self._used(code)
        ]
        said.append([Span(tr("It runs in this terminal, as you, in {folder}.", folder=os.getcwd()), "dim")])
        word = ""
        if view.production:
            word = self._service or self.dash.context_name or tr("production")
            said.append([Span(tr("This is production."), "page")])
        dialog = Confirm(tr("RUN THIS COMMAND?"), said, verb=tr("Run"), glyphs=view.glyphs, word=word)
        self.app.push_screen(dialog, lambda answer: self._run(code) if answer is not None else None)

    def _used(self, code: Code) -> list[tuple[str, str]]:
        """Variables of the lab that the command names."""
        return [
            (name, value)
            for name, value in self.dash.addresses.items()
            if f"${name}" in code.text or f"${{{name}}}" in code.text
        ]

    def _run(self, code: Code) -> None:
        shell = self.dash.environment.get("SHELL") or "/bin/sh"
        environment = {**self.dash.environment, **self.dash.addresses}
        self._suspended([shell, "-c", code.text], environment, wait=True)

    # --- pager and editor ---------------------------------------------------------------------------------

    def action_pager(self) -> None:
        """Read it in $PAGER."""
        runbooks = self.dash.runbooks
        text = runbooks.text(self.name_) if runbooks is not None and self._book is not None else None
        if text is None:
            self.dash.tell(tr("there is nothing to read yet"), bad=True)
            return
        with tempfile.NamedTemporaryFile("w", suffix=".md", encoding="utf-8") as copy:
            copy.write(text)
            copy.flush()
            pager = shlex.split(self.dash.environment.get("PAGER") or "less")
            self._suspended([*pager, copy.name], self.dash.environment, wait=False)

    def action_editor(self) -> None:
        """Edit its file in $EDITOR; write it where there is none."""
        runbooks = self.dash.runbooks
        if runbooks is None or "://" in self.name_:
            self.dash.tell(tr("there is no file to edit"), bad=True)
            return
        file = runbooks.file(self.name_) or runbooks.place(self.name_)
        if file is None:
            self.dash.tell(tr("there is no file to edit"), bad=True)
            return
        environment = self.dash.environment
        editor = shlex.split(environment.get("VISUAL") or environment.get("EDITOR") or "vi")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.dash.tell(f"{error.strerror}: {error.filename}", bad=True)
            return
        self._suspended([*editor, str(file)], environment, wait=False)
        self._load()
        self.dash.repaint()

    def _suspended(self, command: Sequence[str], environment: Mapping[str, str], *, wait: bool) -> None:
        try:
            code = suspended.run(self.app, command, environment, wait=wait)
        except OSError as error:
            self.dash.tell(tr("it cannot be started: {why}", why=f"{error.strerror}: {command[0]}"), bad=True)
            return
        if code is None:
            self._copy(command[-1])
            self.dash.tell(tr("this terminal cannot be lent to a program"), bad=True)
        elif code and wait:
            self.dash.tell(tr("it ended with exit code {code}", code=code), bad=True)
        self.dash.repaint()
