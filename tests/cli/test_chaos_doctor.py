"""`sretool chaos doctor`: a line for each thing, and an exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

from sretool.adapters.chaostoolkit import host
from sretool.cli.chaos_doctor import doctor
from sretool.cli.context import Settings
from tests.core.plans.chaos.test_host import ABLE

if TYPE_CHECKING:
    import pytest

    from sretool.core.plans.chaos.host import HostFacts


def run(monkeypatch: pytest.MonkeyPatch, facts: HostFacts, *words: str) -> tuple[int, str]:
    monkeypatch.setattr(host, "look", lambda environment, lab: facts)
    done = CliRunner().invoke(doctor, words, obj=Settings(Path(), environment={}))
    return done.exit_code, done.stdout


def test_where_everything_works_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = run(monkeypatch, ABLE)
    assert code == 0
    assert text.splitlines()[-1] == "Every kind of fault can be made."
    assert "→" not in text


def test_what_is_missing_has_its_remedy_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = run(monkeypatch, replace(ABLE, lab=None))
    assert code == 0
    assert "limited  lab" in text
    assert "         → sretool lab up\n" in text
    assert text.splitlines()[-1] == "Experiments can be run; 1 kind of fault or target less."


def test_what_stops_everything_is_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = run(monkeypatch, replace(ABLE, left=("/run",)), "--format", "json")
    assert code == 1
    document = json.loads(text)
    assert document["ok"] is False
    (found,) = (each for each in document["findings"] if each["state"] == "failed")
    assert found == {
        "subject": "faults left",
        "state": "failed",
        "detail": "not undone yet: /run",
        "remedy": "sretool chaos heal",
    }
