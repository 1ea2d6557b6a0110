"""The dashboard speaks two languages: every text has its Chinese, with the same values in it."""

from __future__ import annotations

import ast
import inspect
import string
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import sretool.tui
from sretool.core.observe import assemble
from sretool.core.observe.model import Change
from sretool.core.slo import policy
from sretool.services import watch
from sretool.tui import overview, words
from sretool.tui.board import Board
from sretool.tui.line import plain
from sretool.tui.words import language_of, later, tr
from sretool.tui.words_zh import WORDS
from tests.support.dashboard import NOW, amas, snapshot

TUI = Path(sretool.tui.__file__).parent


def texts() -> dict[str, str]:
    """Every text given to `tr` or `later` as it stands in the code → where."""
    found = {}
    for file in sorted(TUI.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in ("tr", "later") and node.args and isinstance(node.args[0], ast.Constant):
                found[str(node.args[0].value)] = f"{file.name}:{node.lineno}"
    return found


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_of_the_dashboard_has_its_chinese() -> None:
    missing = [f"{where}: {text!r}" for text, where in texts().items() if text not in WORDS]
    assert missing == []


def test_every_change_in_words_of_our_own_has_its_chinese() -> None:
    found = set()
    for module in (assemble, watch):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and fields(node.value) - {""}:
                found.add(node.value)
    assert {"{process} started", "{count} processes started", "{name} lost: {cause}"} <= found
    assert found - set(WORDS) == set()


def test_a_translation_has_the_values_of_its_text() -> None:
    assert {text: zh for text, zh in WORDS.items() if fields(text) != fields(zh)} == {}


def test_texts_stay_english_until_asked_otherwise() -> None:
    assert tr("overview") == "overview"
    words.speak("zh")
    try:
        assert tr("overview") == WORDS["overview"] != "overview"
        assert tr("no such text") == "no such text"
        assert later("overview") == "overview"
    finally:
        words.speak("en")
    assert tr("overview") == "overview"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "zh", "LANG": "en_US"}, "zh"),
    ],
)
def test_the_language_comes_from_the_environment(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_changes_and_the_gate_are_told_in_chinese() -> None:
    words.speak("zh")
    frozen = policy.state(policy.DEFAULT, [policy.Standing(amas()[0].slo.id, 0.4)])
    restarted = Change.told(NOW - timedelta(minutes=3), "restart", "{process} started", process="app-1")
    known = replace(snapshot(changes=[restarted]), gate=frozen)
    view = Board(known, refresh=timedelta(seconds=5)).view(NOW)
    assert "重启 app-1 已启动" in plain(overview.changes_line(view, 100))
    assert "  重启" in plain(overview.changes_lines(view, 100, 3)[1])
    assert frozen is not None
    assert words.tr(frozen.step.name) != frozen.step.name
    assert words.tr(frozen.step.name) in plain(overview.status_line(view, 160))
    words.speak("en")
