"""Pages of reports in a real browser, held against the rules of accessibility that axe-core knows."""

from __future__ import annotations

import html
import json
import re
import subprocess
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import pytest

from sretool.cli import run_reports
from sretool.core.runs import events, lines
from sretool.core.runs.model import RunKind, RunRecord, RunState
from sretool.core.runs.rounds import rounds
from sretool.core.slo.budget import Past
from sretool.report import gameday, month
from sretool.report.gameday_story import GameDayReport
from tests.core.runs.test_rounds import AT, Told
from tests.report import test_month, test_release
from tests.support import gameday_runs as days
from tests.support.browser import CHROMIUM, NO_CHROMIUM
from tests.support.runs import passed_load, store_at

if TYPE_CHECKING:
    from pathlib import Path

NOW: Final = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
VIEWS: Final = {
    "desktop": ["--window-size=1280,900"],
    "phone": ["--window-size=400,800"],
    "dark": ["--window-size=1280,900", "--blink-settings=preferredColorScheme=0"],
}
RUN: Final = """
axe.run(document, {resultTypes: ["violations"]}).then(found => {
  const told = document.createElement("pre");
  told.id = "axe-found";
  told.textContent = JSON.stringify({
    violations: found.violations.map(each => ({id: each.id, first: each.nodes[0].html})),
    passes: found.passes.map(each => each.id),
  });
  document.body.appendChild(told);
});
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One page of each kind of run, and a month's."""
    state = tmp_path_factory.mktemp("state")
    day = days.judged(days.gameday(state))
    load = passed_load(*store_at(state))
    (drill,) = (state / "runs").glob("*db-failover*")
    found = {}
    for kind, folder in (("gameday", day.folder), ("load", load), ("chaos", drill)):
        record = lines.decode_record((folder / "run.json").read_bytes())
        found[kind] = run_reports.texts(folder, record, "html", NOW)["report.html"]
    return found | {"rounds": rounds_page(), "release": release_page(), "month": month_page()}


def rounds_page() -> str:
    """A measurement with one pair of rounds."""
    told, names = Told(), {"without-1": (1, False), "with-1": (1, True)}
    steps = tuple(events.PlannedStep(each, "load", each) for each in names)
    told.tell(events.Started(RunKind.GAMEDAY, "rounds of latency", steps=steps))
    told.round("without-1")
    told.round("with-1", bucket=9000)
    report = GameDayReport(RunRecord("r1", RunKind.GAMEDAY, "rounds", RunState.RUNNING, AT))
    report.take_all(told.events)
    report.rounds = rounds(told.events, names, "measured")
    page = gameday.html(report, NOW)
    assert "What the fault changes" in page
    return page


def release_page() -> str:
    report = GameDayReport(RunRecord("r2", RunKind.GAMEDAY, "pre-release", RunState.RUNNING, AT))
    report.release = test_release.judged()
    page = gameday.html(report, NOW)
    assert "Stages of growth" in page
    return page


def month_page() -> str:
    """One objective was kept, one was missed, of one there is no data."""
    unknown = test_month.made(Past(test_month.END, test_month.STEP, (None,) * 30), alerts=())
    kept, missed = (test_month.made(test_month.happened(bad)) for bad in (0.1, 2.0))
    page = month.html(test_month.month(kept, missed, unknown), NOW)
    assert all(f'class="{each}"' in page for each in ("kept", "missed", "no data"))
    return page


def looked_at(page: str, folder: Path, arguments: list[str]) -> dict[str, Any]:
    """What axe finds in it."""
    axe = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    file = folder / "page.html"
    file.write_text(
        page.replace("</body>", f"<script>{axe}</script><script>{RUN}</script></body>"), encoding="utf-8"
    )
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000"),
            *(f"--user-data-dir={folder / 'profile'}", *arguments, "--dump-dom", file.as_uri()),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    told = re.search(r'<pre id="axe-found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told is not None, "axe did not come to an end"
    found = json.loads(html.unescape(told[1]))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("kind", ["gameday", "chaos", "load", "month"])
def test_nothing_keeps_anybody_from_reading_it(
    pages: dict[str, str], tmp_path: Path, kind: str, view: str
) -> None:
    found = looked_at(pages[kind], tmp_path, VIEWS[view])
    assert found["violations"] == []
    assert {"color-contrast", "svg-img-alt", "heading-order", "landmark-one-main"} <= set(found["passes"])


@pytest.mark.parametrize("kind", ["rounds", "release"])
def test_nothing_keeps_anybody_from_reading_what_only_some_have(
    pages: dict[str, str], tmp_path: Path, kind: str
) -> None:
    found = looked_at(pages[kind], tmp_path, VIEWS["phone"])
    assert found["violations"] == []
    assert {"color-contrast", "heading-order", "landmark-one-main", "td-headers-attr"} <= set(found["passes"])


def test_what_is_wrong_is_found(pages: dict[str, str], tmp_path: Path) -> None:
    page = (
        pages["gameday"].replace('<html lang="en">', "<html>").replace("--soft: #5b6675", "--soft: #c9ced4")
    )
    found = looked_at(page, tmp_path, VIEWS["desktop"])
    assert {"html-has-lang", "color-contrast"} <= {each["id"] for each in found["violations"]}
