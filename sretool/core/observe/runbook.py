"""A runbook in Markdown as what an on-call does with it: sections to read, steps to tick, commands to run."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token

Style = Literal["text", "strong", "emphasis", "code", "link"]


class CodeKind(Enum):
    COMMAND = "command"
    """For a shell."""
    QUERY = "query"
    """PromQL."""
    TEXT = "text"
    """A name, a value, something else to be read."""


@dataclass(frozen=True, slots=True)
class Code:
    text: str
    kind: CodeKind


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words in one style."""

    text: str
    style: Style = "text"
    target: str = ""
    """Of a link: an address, or the name of another runbook."""


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    pieces: tuple[Piece, ...]
    depth: int = 0
    """Lists it stands in."""


@dataclass(frozen=True, slots=True)
class Step:
    """An entry of a list: something to do, and to tick."""

    key: str
    """Follows section and words, so that a tick stays where steps before it come and go."""
    number: str
    """`1`, or empty in a list without numbers."""
    depth: int
    """0 in a list of its own."""
    pieces: tuple[Piece, ...]
    codes: tuple[Code, ...] = ()
    """Commands and queries it names, listings below it included."""

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def links(self) -> tuple[Piece, ...]:
        return tuple(piece for piece in self.pieces if piece.style == "link")


@dataclass(frozen=True, slots=True)
class Listing:
    code: Code
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    rows: tuple[tuple[str, ...], ...]
    """The header first."""


Block: TypeAlias = Heading | Paragraph | Step | Listing | Table


@dataclass(frozen=True, slots=True)
class Runbook:
    name: str
    title: str
    blocks: tuple[Block, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(block for block in self.blocks if isinstance(block, Step))


def parse(name: str, text: str) -> Runbook:
    """Any text is a runbook; what Markdown does not know is a paragraph."""
    from markdown_it import MarkdownIt

    reader = _Reader()
    reader.read(MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text))
    headings = [block for block in reader.blocks if isinstance(block, Heading)]
    title = headings[0].text if headings else name
    return Runbook(name, title, tuple(reader.blocks))


_SHELLS: Final = frozenset({"sh", "bash", "shell", "zsh", "console", "shell-session"})
_PROMPT: Final = re.compile(r"^\$ ", re.MULTILINE)
_PROGRAM: Final = re.compile(r"(?:[A-Z_]+=\S* )*(?:\./|/)?[A-Za-z][\w./-]*")
_PLACEHOLDER: Final = re.compile(r"<[A-Za-z][\w -]*>|\.\.\.|…")
_TASK: Final = re.compile(r"^\[[ xX]\] ")


def code_of(text: str, language: str | None = None) -> Code:
    """What a piece of code is for; `language` is that of a listing, None inside a line."""
    stripped = text.strip()
    words = (language or "").split()
    if words and words[0] in _SHELLS:
        return Code(_PROMPT.sub("", stripped), CodeKind.COMMAND)
    if words:
        return Code(stripped, CodeKind.QUERY if words[0] == "promql" else CodeKind.TEXT)
    if not stripped or " " not in stripped:
        # One word is a name: of a metric, a label, a program.
        return Code(stripped, CodeKind.QUERY if "{" in stripped or "(" in stripped else CodeKind.TEXT)
    if _is_promql(stripped):
        return Code(stripped, CodeKind.QUERY)
    program = stripped.split()[0]
    return Code(stripped, CodeKind.COMMAND if _PROGRAM.fullmatch(program) else CodeKind.TEXT)


def _is_promql(text: str) -> bool:
    import promql_parser

    try:
        promql_parser.parse(text)
    except ValueError:
        return False
    return True


def needs_filling_in(command: str) -> bool:
    """Whether it holds a placeholder (`<pod>`, `…`), so that it cannot be run as it stands."""
    return _PLACEHOLDER.search(command) is not None


@dataclass(slots=True)
class _Entry:
    """A list entry that is being read."""

    number: str
    depth: int
    at: int | None = None
    """Place of its step among the blocks, once it has one."""
    codes: list[Code] = field(default_factory=list)


class _Reader:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._section = ""
        self._keys: dict[str, int] = {}
        self._lists: list[int | None] = []
        """Number of the next entry of each list that is open; None without numbers."""
        self._entries: list[_Entry] = []
        self._table: list[tuple[str, ...]] | None = None
        self._row: list[str] = []
        self._heading: int | None = None

    def read(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            match token.type:
                case "heading_open":
                    self._heading = int(token.tag[1:])
                case "inline":
                    self._inline(token)
                case "bullet_list_open":
                    self._lists.append(None)
                case "ordered_list_open":
                    self._lists.append(int(token.attrs.get("start", 1)))
                case "bullet_list_close" | "ordered_list_close":
                    self._lists.pop()
                case "list_item_open":
                    self._entries.append(_Entry(self._number(), len(self._lists) - 1))
                case "list_item_close":
                    self._close_entry(self._entries.pop())
                case "fence" | "code_block":
                    self._listing(code_of(token.content, token.info or None))
                case "table_open":
                    self._table = []
                case "tr_open":
                    self._row = []
                case "tr_close":
                    if self._table is not None:
                        self._table.append(tuple(self._row))
                case "table_close":
                    self.blocks.append(Table(tuple(self._table or ())))
                    self._table = None
                case "html_block":
                    self._add(Paragraph((Piece(token.content.strip()),), len(self._lists)))

    def _number(self) -> str:
        number = self._lists[-1]
        if number is None:
            return ""
        self._lists[-1] = number + 1
        return str(number)

    def _inline(self, token: Token) -> None:
        pieces = tuple(_pieces(token.children or ()))
        if self._heading is not None:
            text = "".join(piece.text for piece in pieces)
            self.blocks.append(Heading(self._heading, text))
            self._section = text if self._heading > 1 else self._section
            self._heading = None
        elif self._table is not None:
            self._row.append("".join(piece.text for piece in pieces))
        elif self._entries and self._entries[-1].at is None:
            self._step(self._entries[-1], pieces)
        else:
            if self._entries:
                self._entries[-1].codes += _codes(pieces)
            self._add(Paragraph(pieces, len(self._lists)))

    def _step(self, entry: _Entry, pieces: tuple[Piece, ...]) -> None:
        if pieces and _TASK.match(pieces[0].text):
            pieces = (Piece(_TASK.sub("", pieces[0].text), pieces[0].style), *pieces[1:])
        entry.at = len(self.blocks)
        entry.codes += _codes(pieces)
        text = "".join(piece.text for piece in pieces)
        key = hashlib.sha256(f"{self._section}\n{text}".encode()).hexdigest()[:12]
        count = self._keys[key] = self._keys.get(key, 0) + 1
        key = key if count == 1 else f"{key}-{count}"
        self.blocks.append(Step(key, entry.number, entry.depth, pieces))

    def _close_entry(self, entry: _Entry) -> None:
        if entry.at is None:
            self._step(entry, ())
        assert entry.at is not None
        step = self.blocks[entry.at]
        assert isinstance(step, Step)
        self.blocks[entry.at] = Step(
            step.key, step.number, step.depth, step.pieces, tuple(dict.fromkeys(entry.codes))
        )

    def _listing(self, code: Code) -> None:
        if self._entries:
            if self._entries[-1].at is None:
                self._step(self._entries[-1], ())
            if code.kind is not CodeKind.TEXT:
                self._entries[-1].codes.append(code)
        self._add(Listing(code, len(self._lists)))

    def _add(self, block: Block) -> None:
        self.blocks.append(block)


def _codes(pieces: Sequence[Piece]) -> list[Code]:
    found = (code_of(piece.text) for piece in pieces if piece.style == "code")
    return [code for code in found if code.kind is not CodeKind.TEXT]


def _pieces(tokens: Sequence[Token]) -> Iterator[Piece]:
    styles: list[Style] = ["text"]
    target = ""
    for token in tokens:
        match token.type:
            case "strong_open":
                styles.append("strong")
            case "em_open":
                styles.append("emphasis")
            case "link_open":
                styles.append("link")
                target = str(token.attrs.get("href", ""))
            case "strong_close" | "em_close" | "link_close":
                styles.pop()
            case "code_inline":
                yield Piece(token.content, "code")
            case "softbreak" | "hardbreak":
                yield Piece(" ")
            case "image":
                yield Piece(token.content or "image", "link", str(token.attrs.get("src", "")))
            case _ if token.content:
                yield Piece(token.content, styles[-1], target if styles[-1] == "link" else "")
