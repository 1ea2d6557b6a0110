"""What goes on beside a load, whatever becomes of it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sretool.cli import load_beside
from sretool.cli.context import Settings
from sretool.cli.load_beside import Beside
from sretool.cli.load_cockpit import LoadThread
from sretool.core.runs.events import Started
from sretool.core.runs.model import Outcome, RunKind, Verdict
from sretool.errors import LoadFailed, UsageError
from sretool.services.load import Control
from tests.support.runs import load_tick, store_at

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from sretool.adapters.store.writer import RunWriter
    from sretool.core.runs.events import RunEvent

REPORTS = {
    *("report.html", "report.md", "report.json", "junit.xml"),
    *("stats.csv", "failures.csv", "stats_history.csv"),
}


@pytest.fixture
def journal(tmp_path: Path) -> RunWriter:
    store, _ = store_at(tmp_path / ".sretool")
    return store.create(RunKind.LOAD, "mixed", targets=["http://127.0.0.1:8000"])


def made(
    journal: RunWriter,
    work: Callable[[Callable[[RunEvent], None]], Coroutine[Any, Any, str]],
    beside: Beside | None = None,
    control: Control | None = None,
) -> str | None:
    return load_beside.carry_out(
        Settings(project=journal.folder), beside or Beside(), journal, control or Control(), work
    )


def some_load(journal: RunWriter, on_event: Callable[[RunEvent], None], seconds: int = 3) -> None:
    on_event(journal.record(Started(RunKind.LOAD, "mixed", 3)))
    for second in range(seconds):
        on_event(journal.record(load_tick(second + 30)))


def reports(journal: RunWriter) -> set[str]:
    return {file.name for file in journal.folder.iterdir()} & REPORTS


def test_lines_go_to_stderr_and_reports_into_the_folder(
    journal: RunWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(on_event: Callable[[RunEvent], None]) -> str:
        some_load(journal, on_event, 12)
        journal.finish(Verdict(Outcome.PASSED, "all hold"))
        return "done"

    assert made(journal, work) == "done"
    said = capsys.readouterr()
    assert said.out == ""
    # No terminal: one line for ten seconds, and one for the rest.
    assert [line.split()[1] for line in said.err.splitlines() if line.split()[0] == "00:00"][-2:] == [
        *("120", "120"),
    ]
    assert reports(journal) == REPORTS
    assert "all hold" in (journal.folder / "report.md").read_text()


def test_a_load_that_breaks_off_is_reported_and_raised(journal: RunWriter) -> None:
    async def work(on_event: Callable[[RunEvent], None]) -> str:
        some_load(journal, on_event)
        raise LoadFailed("the generator was killed")

    with pytest.raises(LoadFailed):
        made(journal, work)
    assert reports(journal) == REPORTS
    assert "the generator was killed" in (journal.folder / "report.md").read_text()


def test_nothing_was_sent_nothing_is_left(journal: RunWriter) -> None:
    async def work(on_event: Callable[[RunEvent], None]) -> str:
        raise UsageError("the locustfile has no users")

    with pytest.raises(UsageError):
        made(journal, work)
    assert not journal.folder.exists()


def test_the_first_signal_asks_it_to_end_and_the_second_cuts_it_off(
    journal: RunWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    control = Control()

    async def work(on_event: Callable[[RunEvent], None]) -> str:
        some_load(journal, on_event)
        os.kill(os.getpid(), signal.SIGTERM)
        await control.stop.wait()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)
        return "never"

    assert made(journal, work, control=control) is None
    assert control.stopped_by == "ended by SIGTERM"
    assert "Ctrl-C once more" in capsys.readouterr().err
    assert reports(journal) == REPORTS
    assert journal.run.verdict is not None
    assert journal.run.verdict.outcome is Outcome.ABORTED


def test_a_prometheus_can_fetch_it_while_it_runs(
    journal: RunWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(on_event: Callable[[RunEvent], None]) -> str:
        some_load(journal, on_event)
        found = re.search(r"metrics at (http://127\.0\.0\.1:\d+/metrics)", capsys.readouterr().err)
        assert found is not None
        async with httpx.AsyncClient() as client:
            page = await client.get(found[1])
        journal.finish(Verdict(Outcome.PASSED, "all hold"))
        return page.text

    text = made(journal, work, Beside(metrics_port="0"))
    assert text is not None
    assert f'sretool_load_info{{profile="mixed",run="{journal.run.id}"' in text
    assert 'sretool_load_requests_total{request="GET /words"} 180\n' in text


def test_where_no_report_can_be_written_the_result_still_counts(
    journal: RunWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(on_event: Callable[[RunEvent], None]) -> str:
        some_load(journal, on_event)
        journal.finish(Verdict(Outcome.PASSED, "all hold"))
        (journal.folder / "report.html").mkdir()
        (journal.folder / "report.html" / "in the way").touch()
        return "done"

    assert made(journal, work) == "done"
    said = capsys.readouterr().err
    assert "sretool: no report was written: " in said
    assert f"sretool runs report {journal.run.id}" in said


def test_impossible_options_are_refused_before_anything_is_sent() -> None:
    with pytest.raises(UsageError, match="is no port to listen on"):
        Beside(metrics_port="http")
    with pytest.raises(UsageError, match="--tui needs stdin, stdout and stderr to be a terminal"):
        Beside(tui=True)


# --- beside a screen --------------------------------------------------------------------------------------


def test_a_load_thread_gives_its_result_and_stops_when_told() -> None:
    stop = asyncio.Event()
    told: list[str] = []

    def end(why: str) -> None:
        told.append(why)
        stop.set()

    async def work() -> int:
        await stop.wait()
        return 4

    load = LoadThread("kx72pa", work, end)
    load.start()
    assert load.running
    assert not load.failed
    load.stop("stopped by hand")
    assert load.result() == 4
    assert (load.running, load.failed, told) == (False, False, ["stopped by hand"])
    load.stop("too late")
    assert told == ["stopped by hand"]


def test_a_load_thread_raises_what_its_work_raised() -> None:
    async def work() -> int:
        assert threading.current_thread() is not threading.main_thread()
        raise UsageError("the locustfile has no users")

    load = LoadThread("kx72pa", work, lambda _: None)
    load.start()
    with pytest.raises(UsageError, match="no users"):
        load.result()
    assert load.failed
