"""`sretool gameday plan` of a release: what is asked of it is shown, and what is wrong with that is told."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from sretool import wiring
from sretool.cli import diagnostics, gameday
from sretool.cli.context import Settings
from sretool.core.plans.gameday.read import read
from sretool.core.runs.events import GateSaid
from sretool.ports import Endpoint
from tests.support.prometheus_server import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.core.runs.events import What

AMAS = Path(__file__).parents[2] / "sretool" / "systems" / "amas"
BUNDLED = Path(__file__).parents[2] / "experiments" / "gamedays" / "pre-release.yaml"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without a lab and without servers."""
    for name in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    for name in ("SRETOOL_PROMETHEUS_URL", "SRETOOL_ALERTMANAGER_URL", "SRETOOL_CATALOG"):
        monkeypatch.delenv(name, raising=False)
    found = tmp_path / "project"
    found.mkdir()
    monkeypatch.chdir(found)
    return found


def run(*arguments: str, catalog: bool = True) -> int:
    @click.group()
    @click.pass_context
    def group(ctx: click.Context) -> None:
        ctx.obj = Settings(
            project=Path.cwd(),
            environment=dict(os.environ),
            prometheus=NOWHERE if catalog else None,
            catalog=(AMAS,) if catalog else (),
        )

    group.add_command(gameday.command, "gameday")
    return diagnostics.run(group, ["gameday", *arguments])


def test_what_is_asked_of_a_release_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", "pre-release", "--offline") == 0
    out = capsys.readouterr().out
    assert out.splitlines()[out.splitlines().index("A release may go out where") + 1 :] == [
        "  stage stage-1 is carried: 20/s, 350 USD a month",
        "  the forecast peak is carried: 19.67/s, and 20% more",
        "  Replica cpu below 80% in peak",
        "  Replica mem below 85% in peak",
        "  Replica db pool below 80% in peak",
        "  Host disk below 75% in peak",
        "  error budgets let a normal change through",
        "  as an outlook: stage stage-2: 200/s, 1,080 USD a month",
        "  as an outlook: stage stage-3: 2,000/s, 4,700 USD a month",
    ]
    assert "search for the highest rate of stage-3" in out
    assert "only noted" in out
    assert run("plan", "pre-release", "--offline", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)["release"]
    assert found["forecast"]["rate"] == pytest.approx(12 * 1.5 * 1.03**3)
    assert [each["monthly"] for each in found["stages"]] == [350, 1080, 4700]


WRONG = (
    ("{id: lead, person: me, ", "{id: lead, ", "role 'lead' has no person; write `person: NAME`"),
    ("load: smoke", "load: smok", "step 'answers': there is no load profile 'smok'; did you mean"),
    ("most: 60/s", "most: 6/s", ""),
    (
        "change: normal",
        "change: feature",
        "change: the error budget policy knows no 'feature' change; known: ",
    ),
    ("during: peak", "during: pek", "during: there is no load 'pek'; did you mean 'peak'?"),
    ("Replica mem,", "Replica memory,", "water line: the catalog watches no 'Replica memory'; did you mean"),
)
"""What is written instead of what, and what is told of its line."""


def wrong(project: Path) -> list[str]:
    """A plan with all of it, and how the lines about it begin."""
    text = BUNDLED.read_text()
    for old, new, _ in WRONG:
        assert text.count(old) == 1
        text = text.replace(old, new)
    text = text.replace("search: stage-2", "search: stage-4")
    (project / "pre.yaml").write_text(text)
    lines = text.splitlines()

    def at(words: str) -> int:
        return next(number for number, each in enumerate(lines, 1) if words in each)

    stages = at("  stages:")
    first, second = (stages + next(n for n, each in enumerate(lines[stages:], 1) if f"id: stage-{of}" in each)
                     for of in (1, 2))  # fmt: skip
    return [
        *(f"pre.yaml:{at(new)}: {message}" for _, new, message in WRONG if message),
        f"pre.yaml:{first}: stage 'stage-1' needs 20/s, but the search 'stage-1' tries 6/s at most",
        f"pre.yaml:{second}: stage 'stage-2': there is no search 'stage-4'; did you mean 'stage-",
    ]


def test_what_it_names_must_be_there(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = wrong(project)
    assert run("plan", "pre.yaml", "--offline") == 2
    told = capsys.readouterr().out.splitlines()
    assert len(told) == len(expected)
    for each in expected:
        assert any(line.startswith(each) for line in told), (each, told)


@pytest.fixture
def server() -> Iterator[str]:
    """A Prometheus with two objectives that have 50 to 60 % of their budgets left."""
    command = [sys.executable, "-m", "tests.support.prometheus_server", "--delay", "0", "--slos", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    with process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


def asked(project: Path, address: str) -> tuple[What, ...]:
    file = project / "slos.yaml"
    file.write_text(catalog(2))
    system = wiring.system((file,), project / "cache")
    of = read("pre.yaml", BUNDLED.read_text()).release
    assert of is not None
    return asyncio.run(wiring.releasing(of, system, Endpoint(address)).gate())


def test_the_gate_is_asked_by_the_budgets_of_a_server(project: Path, server: str) -> None:
    (said,) = asked(project, server)
    assert isinstance(said, GateSaid)
    assert (said.change, said.outcome, said.needs) == ("normal", "go", "a second reviewer")
    assert said.slo.startswith("svc-000")
    assert said.budget_left is not None
    assert 0.5 <= said.budget_left <= 0.6


def test_a_server_that_is_down_leaves_the_gate_open(project: Path) -> None:
    (said,) = asked(project, NOWHERE)
    assert isinstance(said, GateSaid)
    assert (said.outcome, said.budget_left) == ("unknown", None)
    assert "cannot decide" in said.reason
