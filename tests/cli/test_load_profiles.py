"""`sretool load list` and `load run`: the profiles that come along, and what cannot be done with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_the_profiles_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnostics.run(group, ["load", "list", "--format", "json"]) == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)["profiles"]}
    assert set(found) == {
        "evening", "mixed", "peak", "rate-limit", "replay", "session", "single-endpoint", "smoke", "soak",
        "spike", "stage-1", "stage-2", "stage-3", "step", "write-heavy",
    }  # fmt: skip
    assert [found[f"stage-{number}"]["rate"] for number in (1, 2, 3)] == [20, 200, 2000]
    assert (found["session"]["users"], found["replay"]["model"]) == (100, "own")
    assert all(each["objectives"] for each in found.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["smok"], "there is no load profile 'smok'; did you mean 'smoke'?"),
        (["replay", "--data", "lo=x"], "the profile has no data 'lo'; did you mean 'log'?"),
        (["replay", "--data", "log=none.log"], "--data log: there is no file none.log"),
        (["replay", "--data", "log"], "--data 'log' names nothing"),
        (["smoke", "--mapping", "bad.yaml"], "bad.yaml:2: words: 'GET products' is no request"),
        (["smoke", "--mapping", "less.yaml"], "less.yaml:1: has no request 'words', which the profile needs"),
        (["smoke", "--mapping", "none.yaml"], "none.yaml"),
    ],
)
def test_wishes_that_cannot_be(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    (elsewhere / "bad.yaml").write_text("requests:\n  words: GET products\n")
    (elsewhere / "less.yaml").write_text("requests: {word: /products}\n")
    assert diagnostics.run(group, ["load", "run", *options, "--target", NOBODY]) == diagnostics.USAGE
    assert message in capsys.readouterr().err
    assert not (elsewhere / "state/sretool/runs").exists()
