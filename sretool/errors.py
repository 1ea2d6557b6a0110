"""What can go wrong, as one tree.

    SretoolError
    ├── UsageError               what was asked for cannot be done as asked
    │   ├── CatalogError         files with problems; carries every Problem found
    │   │   └── ProfileError     those of a load profile
    │   └── RunUnreadable        a run folder that is none, or damaged
    ├── SourceError              a server sretool reads from
    │   ├── SourceUnreachable    no connection
    │   ├── SourceTimeout        connected, but no answer in time
    │   ├── SourceTooMuch        the answer would be too large or take too long
    │   ├── SourceRefused        an HTTP status that is not 2xx
    │   └── SourceReplyInvalid   an answer that is not what the API promises
    ├── ChaosError               an experiment could not be run, or not undone
    ├── LoadFailed               the program that makes the load failed, or was lost
    └── LabError                 the lab could not do what was asked
        ├── BinaryMissing        a program is not installed
        ├── PortTaken            somebody else listens there
        ├── LabLocked            another command is changing this lab
        ├── WrongOwner           its files belong to somebody else
        ├── DiskFull             no room for its data
        └── ProcessFailed        a process of the lab did not become ready

Every error says what is wrong and where; `remedy`, where there is one, says what to do.
Exit codes belong to `sretool.cli`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class SretoolError(Exception):
    """Base of everything sretool raises on purpose."""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        """What the reader can do about it, as one sentence or command; None where nothing is known."""


class Wrong(StrEnum):
    """What kind of thing is wrong with a file."""

    VALUE = "value"
    """A value that cannot be used."""
    TARGET = "target"
    """A target that cannot be one."""
    MIXED_UP = "mixed up"
    """A ratio where per cent are meant, or the reverse."""
    NO_YAML = "no yaml"
    KEY = "key"
    """A key that does not exist there."""
    TWICE = "twice"
    """A key given twice."""
    DECLARED = "declared"
    """An id declared twice."""
    MISSING = "missing"
    UNSUPPORTED = "unsupported"
    """Another tool's, and not read."""
    UNREADABLE = "unreadable"
    """The file cannot be read at all."""
    OF_SET = "of set"
    """Wrong only of files that are to be a whole catalog together."""


class UsageError(SretoolError):
    """The command line, an environment variable or a file asks for something impossible."""

    def __init__(self, message: str, *, remedy: str | None = None, wrong: Wrong = Wrong.VALUE) -> None:
        super().__init__(message, remedy=remedy)
        self.wrong = wrong


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a file."""

    file: str
    line: int
    """1-based; 1 where the whole file is meant."""
    message: str
    wrong: Wrong = field(default=Wrong.VALUE, compare=False)
    column: int | None = field(default=None, compare=False)
    """1-based, of the word that `instead` is to replace; None: only a person knows what to write."""
    word: str = field(default="", compare=False)
    instead: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class CatalogError(UsageError):
    """Catalog files that cannot be used; `problems` holds every finding, in file order."""

    of: ClassVar[str] = "the catalog"
    """Whose problems they are."""

    def __init__(self, problems: tuple[Problem, ...], warnings: tuple[Problem, ...] = ()) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
        self.warnings = warnings
        """What would have been left out of files that are otherwise usable."""


class ProfileError(CatalogError):
    """Files of a load profile that cannot be used."""

    of = "the load profile"


class RunUnreadable(UsageError):
    """A run folder or a line in it cannot be read."""


class SourceError(SretoolError):
    """A server did not give what was asked for."""

    def __init__(self, message: str, *, remedy: str | None = None, cause: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.cause = cause or message
        """The message without the server's name and address, for where both are known."""


class SourceUnreachable(SourceError):
    """No connection could be made, or it broke."""


class SourceTimeout(SourceError):
    """No answer in time."""


class SourceTooMuch(SourceError):
    """More was asked for than the server can answer at once; less may be answered."""


class SourceRefused(SourceError):
    """The server answered with an error."""


class SourceReplyInvalid(SourceError):
    """The answer does not have the promised form."""


class ChaosError(SretoolError):
    """An experiment could not be run, or its faults not be undone."""


class LoadFailed(SretoolError):
    """The program that makes the load could not go on."""


class LabError(SretoolError):
    """The lab could not do what was asked."""


class BinaryMissing(LabError):
    """A program the lab needs is not installed."""


class PortTaken(LabError):
    """A port the lab wants is in use by somebody else."""


class LabLocked(LabError):
    """Another sretool command is changing this lab right now."""


class WrongOwner(LabError):
    """Files of the lab belong to another user than the one who runs the command."""


class DiskFull(LabError):
    """There is no room, or not enough, for the lab's data."""


class ProcessFailed(LabError):
    """A process of the lab ended or did not become ready in time."""


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """`"; did you mean 'window'?"`, else what there is, else nothing."""
    import difflib

    names = sorted(str(name) for name in known)
    close = difflib.get_close_matches(written, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""
