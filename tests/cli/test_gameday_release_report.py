"""Reports of a game day before a release, from the folder of its run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from sretool.adapters.store.runs import StoredRun
from sretool.cli import chaos_verify, gameday_release, gameday_reports
from sretool.core.runs.model import RunInput, RunKind
from tests.services.test_gameday_release import PLAN, play

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.core.runs.model import RunRecord

pytestmark = pytest.mark.looptime
NOW = datetime(2026, 11, 21, 20, tzinfo=UTC)


async def played(folder: Path, **changed: object) -> tuple[Path, RunRecord]:
    """The folder of a day that was played, with the plan's copy in it."""
    found = await play(folder, **changed)  # type: ignore[arg-type]
    run = found.session.folder
    (run / "input").mkdir()
    (run / "input" / "pre.yaml").write_text(PLAN)
    record = replace(
        found.ending.record,
        inputs=(RunInput("some/where/pre.yaml", hashlib.sha256(PLAN.encode()).hexdigest()),),
    )
    assert record.kind is RunKind.GAMEDAY
    return run, record


def text(folder: Path, record: RunRecord, form: str) -> str:
    (found,) = gameday_reports.texts(folder, record, form, NOW).values()
    return found


async def test_a_report_has_the_release_in_every_form(tmp_path: Path) -> None:
    folder, record = await played(tmp_path, left=0.1)
    page = text(folder, record, "html")
    assert '<h2>Release: <b class="bad">no-go</b></h2>' in page
    assert "Let the change wait until the budgets allow it" in page
    assert '<td class="warn">failed, only noted</td>' in page
    # What decides comes before what happened.
    assert page.index("Release:") < page.index("What happened when")
    assert "Lost writes" not in page
    told = text(folder, record, "md")
    assert (
        told.index("### What is to be done")
        < told.index("### Release: no-go")
        < told.index("What people said")
    )
    document = json.loads(text(folder, record, "json"))
    assert document["release"]["decision"] == "no-go"
    assert document["release"]["stages"][0]["lower"] == 60
    assert [each["kind"] for each in document["actions"]] == ["prevent"]
    suite = ElementTree.fromstring(text(folder, record, "junit"))
    failed = [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None]
    assert "release: error budgets let a normal change through" in failed
    assert "release: launch is carried" not in failed


async def test_a_copy_that_cannot_be_read_leaves_the_rest_of_the_report(tmp_path: Path) -> None:
    folder, record = await played(tmp_path)
    assert gameday_release.of_run(folder, record) is not None
    (folder / "input" / "pre.yaml").write_text("name: [")
    assert gameday_release.of_run(folder, record) is None
    assert "Release:" not in text(folder, record, "html")
    (folder / "input" / "pre.yaml").unlink()
    assert gameday_release.of_run(folder, record) is None


async def test_the_decision_is_worked_out_again(tmp_path: Path) -> None:
    folder, record = await played(tmp_path, left=0.1)
    lines = (folder / "events.jsonl").read_text().splitlines()
    found = chaos_verify.look_at(StoredRun(folder, record))
    assert found.findings == []
    # Somebody lets the change through, in the event that tells of it and in its check.
    forged = [
        line.replace('"outcome":"stop"', '"outcome":"go"') if '"event":"gate_said"' in line else line
        for line in lines
    ]
    assert forged != lines
    (folder / "events.jsonl").write_text("\n".join(forged) + "\n")
    told = [each.text for each in chaos_verify.look_at(StoredRun(folder, record)).findings]
    assert any("error budgets let a normal change through" in each for each in told), told
