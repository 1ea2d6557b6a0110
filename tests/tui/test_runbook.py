"""The runbook reader: reading, ticking, copying, running."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.files.runbooks import Runbooks
from sretool.adapters.store.notebook import Notebook
from sretool.adapters.store.ticks import Tick
from sretool.core.observe import runbook as books
from sretool.tui import format as fmt
from sretool.tui.line import plain
from sretool.tui.runbook import rows
from sretool.tui.screens.runbook import RunbookScreen
from sretool.tui.widgets.dialog import Confirm
from tests.support.dashboard import NOW
from tests.tui.screens import SMALL, WIDE, Dash, check_screen, dashboard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BOOK = """\
# Learning availability

Answers fail. What is left of the budget decides on **releases**.

| severity | windows | spent |
| --- | --- | --- |
| page | 1h and 5m | 2 % |

## Check

1. Who burns? `sum(rate(http_request_5xx_total[5m])) / sum(rate(http_request_total[5m]))`
2. Is the database there? `pg_isready -d "$POSTGRES"` or `psql "$POSTGRES" -c "select 1"`.
3. Which alert explains it? Errors: [Other](Other.md).
4. Ask 值班工程师 in the channel, the one that is named in the hand-over of the last shift.

## Mitigate

- Roll back:

  ```sh
  $ echo rolled back
  ```
- Restart `kubectl delete pod <pod>`
- Tell the others.

```sh
make undo
```
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "catalog/runbooks"
    folder.mkdir(parents=True)
    (folder / "learning-availability.md").write_text(BOOK)
    (folder / "Other.md").write_text("# Other\n\n- look\n")
    return tmp_path


@asynccontextmanager
async def reading(
    width: int = 80, height: int = 24, *, glyphs: fmt.Glyphs = fmt.UNICODE, **more: Any
) -> AsyncIterator[Dash]:
    """The runbook of the first SLO, opened with its key."""
    options: dict[str, Any] = {
        "runbooks": Runbooks([Path("catalog")], Path(".sretool")),
        "notebook": Notebook(Path(".sretool"), "mia"),
        "environment": {"PATH": "/bin:/usr/bin"},
        "addresses": {"POSTGRES": "postgresql://127.0.0.1:5432"},
    }
    async with dashboard(width, height, glyphs=glyphs, **(options | more)) as dash:
        await dash.press("r")
        yield dash


@pytest.mark.parametrize(("width", "height"), [(80, 24), WIDE, SMALL])
async def test_the_runbook_of_the_slo_under_the_cursor(project: Path, width: int, height: int) -> None:
    async with reading(width, height) as dash:
        assert isinstance(dash.app.screen, RunbookScreen)
        await dash.press("space", "j")
        check_screen("runbook", dash)


async def test_in_ascii_only_the_words_of_the_runbook_are_not(project: Path) -> None:
    async with reading(glyphs=fmt.ASCII) as dash:
        text = dash.text().replace("值班工程师", "")
        assert text.isascii(), text


async def test_a_step_is_ticked_for_everybody_and_unticked(project: Path) -> None:
    async with reading() as dash:
        assert "0 of 7 steps done  for amas/learning-availability" in dash.lines()[1]
        await dash.press("space")
        assert "[x] 1 Who burns?" in dash.text()
        assert "03:12Z by mia, 0s ago" in dash.text()
        assert "1 of 7 steps done" in dash.lines()[1]
        found = Notebook(Path(".sretool")).ticks.of("slo:amas/learning-availability", "learning-availability")
        assert [(tick.by, tick.at) for tick in found.values()] == [("mia", NOW)]
        await dash.press("space")
        assert "[ ] 1 Who burns?" in dash.text()


async def test_ticks_of_others_appear(project: Path) -> None:
    async with reading() as dash:
        step = books.parse("learning-availability", BOOK).steps[1]
        tick = Tick(at=NOW, subject="slo:amas/learning-availability", runbook="learning-availability",
                    step=step.key, by="bo")  # fmt: skip
        Notebook(Path(".sretool")).ticks.append(tick)
        await dash.poll()
        await dash.until(lambda: "[x] 2 Is the database there?" in dash.text())
        assert "last by bo 0s ago" in dash.lines()[1]


async def test_ticks_of_one_incident_are_not_those_of_the_next(project: Path) -> None:
    async with dashboard(
        runbooks=Runbooks([Path("catalog")]), notebook=Notebook(Path(".sretool"), "mia")
    ) as dash:
        alert = next(alert for alert in dash.watch.alerts if alert.slo == "amas/learning-availability")
        dash.app.open_runbook_of_alert(alert)
        await dash.settle()
        await dash.press("space", "escape")
        dash.app.open_runbook_of_slo(dash.watch.statuses[0].slo)
        await dash.settle()
        assert "0 of 7 steps done" in dash.lines()[1]


async def test_the_cursor_goes_from_step_to_step(project: Path) -> None:
    async with reading() as dash:
        seen = []
        for _ in range(8):
            seen.append(next(line[2:].strip() for line in dash.lines()[2:] if line.startswith(">")))
            await dash.press("j")
        assert [text[:9] for text in seen[:4]] == ["[ ] 1 Who", "[ ] 2 Is ", "[ ] 3 Whi", "[ ] 4 Ask"]
        assert seen[7] == "$ make undo"


async def test_enter_asks_before_a_command_is_run_and_cancels_by_default(project: Path) -> None:
    async with reading() as dash:
        await dash.press("j", "enter")
        assert "run" in dash.lines()[-1]
        assert "2 psql" in dash.lines()[-1]
        await dash.press("1")
        assert isinstance(dash.app.screen, Confirm)
        text = dash.text()
        assert 'pg_isready -d "$POSTGRES"' in text
        assert "POSTGRES is postgresql://127.0.0.1:5432" in text
        await dash.press("enter")
        assert isinstance(dash.app.screen, RunbookScreen)
        assert dash.app.clipboard == ""


async def test_where_the_terminal_cannot_be_lent_a_confirmed_command_is_copied(project: Path) -> None:
    async with reading() as dash:
        await dash.press("j", "j", "j", "j", "enter")
        assert isinstance(dash.app.screen, Confirm)
        await dash.press("tab", "enter")
        assert isinstance(dash.app.screen, RunbookScreen)
        assert dash.app.clipboard == "echo rolled back"


async def test_in_production_the_service_is_typed(project: Path) -> None:
    async with reading() as dash:
        dash.app.board.production = True
        await dash.press("j", "j", "j", "j", "enter")
        assert "This is production." in dash.text()
        await dash.press("tab", "tab", "enter")
        assert isinstance(dash.app.screen, Confirm)
        assert "type amas to go on" in dash.text()
        await dash.press("escape")
        assert isinstance(dash.app.screen, RunbookScreen)
        assert dash.app.clipboard == ""


async def test_a_command_with_a_placeholder_is_copied_and_not_run(project: Path) -> None:
    async with reading() as dash:
        await dash.press(*["j"] * 5, "enter")
        assert isinstance(dash.app.screen, RunbookScreen)
        assert dash.app.clipboard == "kubectl delete pod <pod>"


async def test_enter_on_a_query_copies_it(project: Path) -> None:
    async with reading() as dash:
        await dash.press("enter")
        assert dash.app.clipboard.startswith("sum(rate(http_request_5xx_total[5m]))")


async def test_enter_on_a_link_opens_that_runbook_and_escape_comes_back(project: Path) -> None:
    async with reading() as dash:
        await dash.press("j", "j", "enter")
        assert "runbook > Other" in dash.lines()[0]
        await dash.press("escape")
        assert "runbook > learning-availability" in dash.lines()[0]


async def test_a_step_without_a_command_is_copied_as_words(project: Path) -> None:
    async with reading() as dash:
        await dash.press("j", "j", "j", "y")
        assert dash.app.clipboard.startswith("Ask 值班工程师 in the channel")


async def test_readonly_neither_ticks_nor_runs_nor_edits(project: Path) -> None:
    async with reading(readonly=True) as dash:
        await dash.press("space")
        assert "0 of 7 steps done" in dash.lines()[1]
        await dash.press("j", "j", "j", "j", "enter")
        assert isinstance(dash.app.screen, RunbookScreen)
        assert dash.app.clipboard == "echo rolled back"
        assert "edit" not in dash.lines()[-1]
        assert "tick" not in dash.lines()[-1]


@pytest.mark.parametrize(("width", "height"), [(80, 24), WIDE])
async def test_a_missing_runbook_says_how_to_write_it(project: Path, width: int, height: int) -> None:
    (project / "catalog/runbooks/learning-availability.md").unlink()
    async with reading(width, height) as dash:
        check_screen("runbook-missing", dash)


async def test_an_address_is_shown_and_copied_not_fetched(project: Path) -> None:
    async with dashboard(runbooks=Runbooks([Path("catalog")])) as dash:
        dash.app.open_runbook("https://wiki.example/burn", "x")
        await dash.settle()
        assert "https://wiki.example/burn" in dash.text()
        assert "not fetched" in dash.text()
        await dash.press("y")
        assert dash.app.clipboard == "https://wiki.example/burn"


async def test_without_a_name_nothing_is_opened(project: Path) -> None:
    async with reading() as dash:
        dash.app.open_runbook(None, "x")
        await dash.settle()
        assert "learning-availability" in dash.lines()[0]


async def test_a_file_that_cannot_be_read_is_told(project: Path) -> None:
    file = project / "catalog/runbooks/learning-availability.md"
    file.unlink()
    file.mkdir()
    async with reading() as dash:
        assert "cannot be read" in dash.text()


async def test_ticks_that_cannot_be_kept_are_told(project: Path) -> None:
    (project / ".sretool").write_text("in the way")
    async with reading() as dash:
        await dash.press("space")
        assert "could not be kept" in [each.message for each in dash.app._notifications][-1]


async def test_the_detail_shows_what_is_ticked(project: Path) -> None:
    async with reading(160, 48) as dash:
        await dash.press("space", "escape", "enter")
        await dash.until(lambda: "[x] 1 Who burns?" in dash.text())
        await dash.press("r")
        assert isinstance(dash.app.screen, RunbookScreen)


async def test_a_bundled_runbook_opens() -> None:
    from sretool.adapters.files.catalog import bundled

    async with dashboard(160, 48, runbooks=Runbooks([bundled("amas")])) as dash:
        dash.app.open_runbook("SLOBudgetBurn", "x")
        await dash.settle()
        await dash.press("escape")
        dash.app.open_runbook("DatabasePrimaryDown", "x")
        await dash.settle()
        assert "DatabasePrimaryDown" in dash.lines()[0]
        assert "Nothing can be written" in dash.text()


@pytest.mark.slow
@pytest.mark.parametrize("width", [20, 40, 80, 160])
async def test_no_line_is_wider_than_the_screen(project: Path, width: int) -> None:
    from rich.cells import cell_len

    async with dashboard() as dash:
        for row in rows(books.parse("x", BOOK), {}, dash.app.view(), width):
            assert cell_len(plain(row.line)) == width, row


async def test_a_note_is_kept_and_stands_among_the_changes(project: Path) -> None:
    notebook = Notebook(Path(".sretool"), "mia")
    async with dashboard(notebook=notebook) as dash:
        await dash.press("n", *"looking", "enter")
        (change,) = notebook.changes()
        assert (change.kind, change.text) == ("note", "looking (mia)")
        assert change.at == NOW
        await dash.press("n", *"no", "escape")
        assert len(notebook.changes()) == 1


async def test_a_note_on_an_slo_is_about_its_service(project: Path) -> None:
    notebook = Notebook(Path(".sretool"), "mia")
    async with dashboard(notebook=notebook) as dash:
        await dash.press("enter", "n", *"v412", "enter")
        (change,) = notebook.changes()
        assert change.labels == {"service": "amas"}


async def test_readonly_takes_no_notes(project: Path) -> None:
    notebook = Notebook(Path(".sretool"), "mia")
    async with dashboard(notebook=notebook, readonly=True) as dash:
        await dash.press("n", *"looking", "enter")
        assert not notebook.changes()
