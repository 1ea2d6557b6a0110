"""A runbook as lines: headings, words, steps with their ticks, commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from rich.cells import cell_len

from sretool.core.observe.runbook import CodeKind, Heading, Listing, Paragraph, Piece, Step, Table, parse
from sretool.tui import format as fmt
from sretool.tui.line import Span, cells, crop, plain, rule
from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sretool.adapters.files.runbooks import Runbooks
    from sretool.adapters.store.notebook import Notebook
    from sretool.adapters.store.ticks import Tick
    from sretool.core.observe.runbook import Block, Code, Runbook, Style
    from sretool.tui.board import View
    from sretool.tui.line import Line, Role

_ROLES: Final[dict[Style, Role]] = {
    "text": "text",
    "strong": "bold",
    "emphasis": "bold",
    "code": "key",
    "link": "chart",
}
_MARGIN: Final = 2


class Row(NamedTuple):
    """One line of the screen."""

    key: str
    """Unique; a step's first line is `step:` and the step's key, a listing's `code:` and a number."""
    line: Line


@dataclass(frozen=True, slots=True)
class Stop:
    """What the cursor stands on."""

    step: Step | None
    """None: a listing outside of any step."""
    codes: tuple[Code, ...]


def rows(book: Runbook, ticks: Mapping[str, Tick], view: View, width: int) -> tuple[Row, ...]:
    """The whole runbook in lines of `width` cells."""
    found: list[Row] = []
    for number, block in enumerate(book.blocks):
        key, lines = _block(number, block, ticks, view, width)
        for place, line in enumerate(lines):
            blank = not plain(line).strip()
            if not (blank and (not found or not plain(found[-1].line).strip())):
                found.append(Row(key if place == 0 else f"{key}+{place}", crop(line, width)))
    return tuple(found)


def stops(book: Runbook) -> dict[str, Stop]:
    """What can be ticked, copied or run, by the key of its row."""
    found: dict[str, Stop] = {}
    for number, block in enumerate(book.blocks):
        if isinstance(block, Step):
            found[f"step:{block.key}"] = Stop(block, block.codes)
        elif isinstance(block, Listing) and not block.depth:
            found[f"code:{number}"] = Stop(None, (block.code,))
    return found


def _block(
    number: int, block: Block, ticks: Mapping[str, Tick], view: View, width: int
) -> tuple[str, Iterable[Line]]:
    key = f"line:{number}"
    match block:
        case Heading(level, text):
            if level <= 1:
                return key, [[Span(f" {text}", "title")]]
            return key, [[], rule(text, width, view.glyphs.rule)]
        case Paragraph(pieces, depth):
            indent = _MARGIN - 1 + 4 * depth
            return key, [*_wrapped(pieces, indent, indent, width), *([] if depth else [[]])]
        case Step():
            return f"step:{block.key}", _step(block, ticks.get(block.key), view, width)
        case Listing(code, depth):
            role: Role = "key" if code.kind is not CodeKind.TEXT else "text"
            prompt = "$ " if code.kind is CodeKind.COMMAND else "  "
            margin = " " * (_MARGIN + 4 * depth)
            texts = [
                text for line in code.text.splitlines() for text in _chopped(line, width - len(margin) - 2)
            ]
            first = f"code:{number}" if not depth else key
            return first, [[Span(margin), Span(prompt, "dim"), Span(text, role)] for text in texts]
        case Table(table):
            return key, [*_table(table, view, width), []]
        case _ as never:
            assert_never(never)


def _step(step: Step, tick: Tick | None, view: View, width: int) -> list[Line]:
    box = "[x] " if tick is not None else "[ ] "
    number = f"{step.number} " if step.number else ""
    indent = _MARGIN + 4 * step.depth
    head = [
        Span(" " * indent),
        Span(box, "key" if tick is None else "dim"),
        Span(number, "title"),
    ]
    pieces = step.pieces
    if tick is not None:
        pieces = tuple(Piece(piece.text, "text") for piece in pieces)
    hanging = indent + len(box) + len(number)
    lines = _wrapped(pieces, hanging, hanging, width, "dim" if tick is not None else None)
    first = lines[0] if lines else []
    # The first line begins with the box where the others are indented.
    body = [span for span in first][1:]
    told: list[Line] = [[*head, *body], *lines[1:]]
    if tick is not None:
        who = f" {tr('by {who}', who=tick.by)}" if tick.by else ""
        ago = fmt.age(view.now - tick.at)
        said = f"{view.clock(tick.at, seconds=False)}{who}, {tr('{age} ago', age=ago)}"
        told.append([Span(" " * hanging), Span(said, "dim")])
    return told


def _wrapped(
    pieces: Sequence[Piece], first: int, rest: int, width: int, role: Role | None = None
) -> list[list[Span]]:
    """Words of pieces in lines; code and links keep their style over the line's end."""
    room = max(width - rest - 1, 8)
    lines: list[list[Span]] = [[Span(" " * first)]]
    used = 0
    for text, style in _words(pieces):
        shown: Role = role or _ROLES[style]
        for part in _chopped(text, room):
            size = cell_len(part)
            if used and used + size > room:
                if not part.strip():
                    continue
                lines.append([Span(" " * rest)])
                used = 0
            if not used and not part.strip():
                continue
            lines[-1].append(Span(part, shown))
            used += size
    return lines if any(len(line) > 1 for line in lines) else []


def _words(pieces: Sequence[Piece]) -> Iterable[tuple[str, Style]]:
    """Words and the spaces between them; of a link its address, too, where it is none of ours."""
    for piece in pieces:
        text = piece.text
        if piece.style == "link" and "://" in piece.target and piece.target != text:
            text = f"{text} ({piece.target})"
        word = ""
        for sign in text:
            if sign == " ":
                if word:
                    yield word, piece.style
                yield " ", piece.style
                word = ""
            else:
                word += sign
                if cell_len(sign) > 1:
                    # Between wide characters a line may end anywhere.
                    yield word, piece.style
                    word = ""
        if word:
            yield word, piece.style


def _chopped(text: str, room: int) -> list[str]:
    """A word that is longer than a line in parts that are not."""
    parts: list[str] = []
    while cell_len(text) > room:
        cut = room
        while cell_len(text[:cut]) > room:
            cut -= 1
        parts.append(text[:cut])
        text = text[cut:]
    return [*parts, text]


def _table(table: Sequence[Sequence[str]], view: View, width: int) -> list[Line]:
    columns = max((len(row) for row in table), default=0)
    wide = [
        max((cell_len(row[number]) for row in table if number < len(row)), default=1)
        for number in range(columns)
    ]
    spare = width - _MARGIN - sum(wide) - 2 * max(columns - 1, 0)
    while spare < 0 and max(wide) > 6:
        widest = wide.index(max(wide))
        wide[widest] -= 1
        spare += 1
    lines: list[Line] = []
    for place, row in enumerate(table):
        texts = (
            fmt.fit(text, size, ellipsis=view.glyphs.ellipsis) for text, size in zip(row, wide, strict=False)
        )
        lines.append([Span(" " * _MARGIN), Span("  ".join(texts), "title" if place == 0 else "text")])
    return lines


# --- row 2 and what stands in place of a runbook ----------------------------------------------------------


def headline(book: Runbook, ticks: Mapping[str, Tick], about: str, view: View, width: int) -> Line:
    """How far it has been worked through, for what, and by whom last."""
    steps = book.steps
    done = sum(1 for step in steps if step.key in ticks)
    spans = [Span(f" {tr('{done} of {all} steps done', done=done, all=len(steps))}", "bold")]
    if about:
        spans.append(Span(f"  {tr('for {what}', what=about)}"))
    last = max(
        (ticks[step.key] for step in steps if step.key in ticks), key=lambda tick: tick.at, default=None
    )
    if last is not None:
        ago = fmt.age(view.now - last.at)
        by = f" {tr('by {who}', who=last.by)}" if last.by else ""
        said = Span(f"  {tr('last{by} {age} ago', by=by, age=ago)}", "dim")
        if cells([*spans, said]) <= width:
            spans.append(said)
    return crop(spans, width)


def missing(name: str, place: str | None, width: int) -> list[Line]:
    """How to write the runbook that is asked for."""
    texts = [tr("There is no runbook {name} yet.", name=name)]
    if place is not None:
        texts += [
            tr("Write it in Markdown and put it here:"),
            f"  {place}",
            tr("Entries of its lists become steps to tick; commands in them can be copied and run."),
        ]
    else:
        texts.append(
            tr("Give a catalog with --catalog PATH: runbooks are the .md files in its folder runbooks.")
        )
    return [crop([], width), *(line for text in texts for line in _told(text, width))]


def address(url: str, width: int) -> list[Line]:
    """A runbook that lies elsewhere."""
    texts = (
        tr("This runbook is a page on another server; it is not fetched."),
        f"  {url}",
        tr("y copies the address."),
    )
    return [crop([], width), *(line for text in texts for line in _told(text, width))]


def _told(text: str, width: int) -> list[Line]:
    indent = 2 + len(text) - len(text.lstrip())
    return [crop(line, width) for line in _wrapped((Piece(text.lstrip()),), indent, indent, width)]


def steps_of(
    runbooks: Runbooks | None, notebook: Notebook | None, name: str, subject: str
) -> tuple[tuple[str, bool], ...]:
    """Each step and whether it is done for `subject`; none where there is no such runbook."""
    try:
        text = runbooks.text(name) if runbooks is not None else None
    except OSError:
        text = None
    if text is None:
        return ()
    ticks = notebook.ticks.of(subject, name) if notebook is not None else {}
    return tuple((step.text, step.key in ticks) for step in parse(name, text).steps)
