"""How a command ends: its exit code, and one clear message where something is wrong.

stderr gets `sretool: what is wrong and where` and, where there is one, `  → what to do about it`.
"""

from __future__ import annotations

import errno
import os
import sys
import termios
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.exceptions import NoArgsIsHelpError
from click.shell_completion import shell_complete

from sretool.errors import CatalogError, LabError, SourceError, SretoolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from sretool.core.runs.model import Verdict
    from sretool.errors import Problem

OK = 0
FAILED = 1
"""An objective or a check failed."""
USAGE = 2
UNREACHABLE = 3
ABORTED = 4
"""A guard ended it early, and everything is undone."""
NOT_UNDONE = 5
"""A fault is still in."""
NO_DATA = 6
"""Nothing failed, but something could not be judged."""
BROKEN = 7
"""The run itself failed."""
INTERRUPTED = 130

_EXIT_CODES: tuple[tuple[type[SretoolError], int], ...] = (
    (UsageError, USAGE),
    (SourceError, UNREACHABLE),
    (LabError, BROKEN),
)

_NOBODY_READS = frozenset({errno.EIO, errno.EPIPE, errno.EBADF})
"""How writing to a closed terminal, to a closed pipe and to a closed descriptor fails."""

_UNUSABLE_FOLDER = {
    errno.ENOTDIR: "a file is in the way, move it",
    errno.EEXIST: "a file is in the way, move it",
    errno.EISDIR: "a folder is in the way, move it",
    errno.ENOENT: "make the folder",
    errno.EACCES: "make it writable for you",
    errno.EPERM: "make it writable for you",
    errno.EROFS: "make it writable",
}


def exit_code(error: SretoolError) -> int:
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), BROKEN)


def verdict_code(verdict: Verdict | None) -> int:
    """Of a run that is over; None: it came to no verdict."""
    from sretool.core.runs.model import Outcome

    if verdict is None:
        return BROKEN
    return {
        Outcome.PASSED: OK,
        Outcome.FAILED: FAILED,
        Outcome.ABORTED: ABORTED,
        Outcome.INCONCLUSIVE: NO_DATA,
        Outcome.ERROR: BROKEN,
    }[verdict.outcome]


def talk(text: str) -> None:
    """A line on stderr; nothing where nobody can read it any more: a closed terminal, pipe or stream."""
    try:
        click.echo(text, err=True)
    except ValueError:
        # stderr was closed within this process.
        return
    except OSError as error:
        if error.errno not in _NOBODY_READS:
            raise
        _discard(sys.stderr)


def tell(message: str, remedy: str | None = None) -> None:
    """One message on stderr, in the form every error has."""
    talk(f"sretool: {message}")
    if remedy:
        talk(f"  → {remedy}")


_WARNINGS_SHOWN = 12


def tell_warnings(warnings: Sequence[Problem]) -> None:
    """What of other tools' files was left out or read in another way; of a long list its beginning."""
    for warning in warnings[:_WARNINGS_SHOWN]:
        click.echo(f"{warning.file}:{warning.line}: warning: {warning.message}", err=True)
    more = len(warnings) - _WARNINGS_SHOWN
    if more > 0:
        click.echo(f"and {more} more warnings", err=True)


def run(command: click.Command, argv: Sequence[str] | None) -> int:
    """Run `command` and return the exit code; every way a command can fail ends here."""
    code = _run(command, argv)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except ValueError:
            # It was closed within this process.
            continue
        except OSError:
            _discard(stream)
    return code


def _discard(stream: TextIO) -> None:
    """What is still in the buffer goes nowhere; Python must not complain about it once more at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def _terminal_is_gone(error: BaseException) -> bool:
    """Whether `error` is what a program meets that writes to a terminal somebody has closed."""
    if not isinstance(error, OSError) or error.errno != errno.EIO:
        return False
    return any(_hung_up(descriptor) for descriptor in range(3))


def _hung_up(descriptor: int) -> bool:
    try:
        termios.tcgetattr(descriptor)
    except termios.error as error:
        code: int = error.args[0]
        return code == errno.EIO
    return False


def _run(command: click.Command, argv: Sequence[str] | None) -> int:
    try:
        return _invoke(command, argv)
    except BrokenPipeError:
        # The reader of the pipe has seen enough.
        return OK
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except NoArgsIsHelpError as error:
        talk(error.ctx.get_help() if error.ctx else error.format_message())
        return USAGE
    except click.ClickException as error:
        _tell_click(error)
        return USAGE
    except ExceptionGroup as group:
        return _tell_group(group)
    except Exception as error:
        return INTERRUPTED if _terminal_is_gone(error) else _tell(error)


def _invoke(command: click.Command, argv: Sequence[str] | None) -> int:
    instruction = os.environ.get("_SRETOOL_COMPLETE")
    if instruction:
        return shell_complete(command, {}, "sretool", "_SRETOOL_COMPLETE", instruction)
    try:
        arguments = list(argv) if argv is not None else sys.argv[1:]
        with command.make_context("sretool", arguments) as context:
            command.invoke(context)
    except click.exceptions.Exit as ending:
        code: int = ending.exit_code
    else:
        code = OK
    # Text still in the buffer can meet a closed pipe or a full disk, too.
    sys.stdout.flush()
    return code


def _tell_click(error: click.ClickException) -> None:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "sretool"
    tell(error.format_message(), f"{path} --help shows what it takes")


def _tell_group(group: ExceptionGroup[Exception]) -> int:
    """Concurrent tasks failed: what they say on purpose counts, unless one of them is a defect."""
    _known, unknown = group.split(SretoolError)
    if unknown is not None:
        return _tell(unknown)
    codes = [_tell(error) for error in _leaves(group)]
    return codes[0]


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return leaves


def _tell(error: BaseException) -> int:
    match error:
        case CatalogError():
            for problem in error.problems:
                talk(str(problem))
            count = len(error.problems)
            tell(f"{error.of} has {count} problem{'s' if count != 1 else ''}", error.remedy)
            return USAGE
        case SretoolError():
            tell(error.message, error.remedy)
            return exit_code(error)
        case OSError() if error.strerror:
            where = f": {error.filename}" if error.filename else ""
            tell(f"{error.strerror}{where}", _remedy_of_state(error) or _keep(error))
        case _:
            summary = "".join(traceback.format_exception_only(error)).strip()
            tell(f"a defect in sretool: {summary}", _keep(error))
    return BROKEN


def _state_home() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")


def _remedy_of_state(error: OSError) -> str | None:
    """What to do where our own folder cannot be used; None where something else failed."""
    home = _state_home()
    below = isinstance(error.filename, str) and Path(error.filename).is_relative_to(home)
    if not below or error.errno not in _UNUSABLE_FOLDER:
        return None
    return f"sretool keeps its files below {home}: {_UNUSABLE_FOLDER[error.errno]}, or set XDG_STATE_HOME"


def _keep(error: BaseException) -> str:
    """Put the traceback where a report about it can pick it up; what to tell the user about that."""
    text = "".join(traceback.format_exception(error))
    if os.environ.get("SRETOOL_DEBUG"):
        talk(text)
        return "the traceback is above"
    state = _state_home() / "sretool"
    file = state / f"crash-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.txt"
    try:
        state.mkdir(parents=True, exist_ok=True)
        file.write_text(f"sretool {' '.join(sys.argv[1:])}\n{text}")
    except OSError:
        return "SRETOOL_DEBUG=1 shows where it happened"
    return f"where it happened is in {file}"
