"""What goes on beside a load: a line a second or a screen, figures for Prometheus, and reports at its end."""

from __future__ import annotations

import contextlib
import errno
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from sretool.cli import diagnostics
from sretool.errors import LoadFailed, UsageError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from sretool.adapters.store.writer import RunWriter
    from sretool.cli.context import Settings
    from sretool.core.runs.events import RunEvent
    from sretool.services.load import Control

T = TypeVar("T")

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
_ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def beside_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--tui` and `--metrics-port`; they come as one `Beside`."""
    options = [
        click.option("--tui", is_flag=True, help="Watch it on the dashboard; x stops it."),
        click.option("--metrics-port", metavar="[HOST:]PORT",
                     help="Let a Prometheus fetch how it goes from /metrics there; 0 is a free port."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class Beside:
    """`beside_options` as given."""

    tui: bool = False
    metrics_port: str | None = None

    def __post_init__(self) -> None:
        """UsageError where they cannot be had, before anything is sent."""
        if self.tui:
            from sretool.cli.load_cockpit import needs_a_terminal

            needs_a_terminal()
        if self.metrics_port is not None:
            from sretool.adapters.scraped.server import parse_address

            parse_address(self.metrics_port)


def carry_out(
    settings: Settings,
    beside: Beside,
    journal: RunWriter,
    control: Control,
    work: Callable[[Callable[[RunEvent], None]], Coroutine[Any, Any, T]],
) -> T | None:
    """What `work` gives, which takes who is to be told of events; None where it was cut off by hand.

    Whatever its end, the run's folder has its reports. A UsageError means that nothing was sent: then there
    is no folder.
    """
    import asyncio

    result: T | None = None
    try:
        with journal:
            if beside.tui:
                result = _on_screen(settings, beside, journal, control, work)
            else:
                result = asyncio.run(_in_lines(beside, journal, control, work))
    except UsageError:
        journal.discard()
        raise
    except asyncio.CancelledError:
        pass
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise LoadFailed(
            f"the load was ended, as nothing more can be written to {journal.folder}: {error.strerror}",
            remedy=f"make room; `sretool runs show {journal.run.id}` tells what was written so far",
        ) from error
    finally:
        if journal.folder.is_dir():
            _report(journal)
    return result


def _report(journal: RunWriter) -> None:
    from sretool.cli import run_reports
    from sretool.wiring import SystemClock

    try:
        run_reports.write(journal.folder, journal.run, SystemClock().now())
    except OSError as error:
        diagnostics.tell(
            f"no report was written: {error.strerror}: {error.filename or journal.folder}",
            f"sretool runs report {journal.run.id} makes one",
        )


async def _in_lines(
    beside: Beside,
    journal: RunWriter,
    control: Control,
    work: Callable[[Callable[[RunEvent], None]], Coroutine[Any, Any, T]],
) -> T:
    import asyncio

    from sretool.cli.live import LiveTalk

    live = LiveTalk()
    async with _exposed(beside, journal, diagnostics.talk) as expose:

        def on_event(event: RunEvent) -> None:
            expose(event)
            live(event)

        task = asyncio.ensure_future(work(on_event))
        with ending(control, task):
            try:
                return await task
            finally:
                live.close()


def _on_screen(
    settings: Settings,
    beside: Beside,
    journal: RunWriter,
    control: Control,
    work: Callable[[Callable[[RunEvent], None]], Coroutine[Any, Any, T]],
) -> T:
    from sretool.cli import load_cockpit

    def stop(why: str) -> None:
        if not control.stop.is_set():
            control.stopped_by = why
            control.stop.set()

    def note(text: str) -> None:
        from sretool.core.runs.events import Note

        journal.record(Note(text))

    async def main() -> T:
        async with _exposed(beside, journal, note) as expose:
            return await work(expose)

    return load_cockpit.run(settings, load_cockpit.LoadThread(journal.run.id, main, stop))


@contextlib.asynccontextmanager
async def _exposed(
    beside: Beside, journal: RunWriter, tell: Callable[[str], None]
) -> AsyncIterator[Callable[[RunEvent], None]]:
    """Gives who is to be told of events so that a Prometheus can fetch them."""
    if beside.metrics_port is None:
        yield lambda _: None
        return
    from sretool.adapters.scraped.server import parse_address, served
    from sretool.core.runs.exposition import CONTENT_TYPE, Exposition

    run = journal.run
    exposition = Exposition(run.id, run.title, ", ".join(run.targets))
    async with served(*parse_address(beside.metrics_port), exposition.text, CONTENT_TYPE) as url:
        tell(f"metrics at {url}")
        yield exposition.take


@contextlib.contextmanager
def ending(control: Control, work: asyncio.Future[Any]) -> Iterator[None]:
    """The first signal ends the load in order, the second at once."""
    import asyncio

    loop = asyncio.get_running_loop()

    def end(number: signal.Signals) -> None:
        if control.stop.is_set():
            work.cancel()
            return
        if number is not signal.SIGINT:
            control.stopped_by = f"ended by {number.name}"
        control.stop.set()
        diagnostics.talk("ends when the requests under way have ended; Ctrl-C once more: at once")

    for number in _ENDS:
        loop.add_signal_handler(number, end, number)
    try:
        yield
    finally:
        for number in _ENDS:
            loop.remove_signal_handler(number)
