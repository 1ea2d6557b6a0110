"""The dashboard speaks two languages: every text has its Chinese, with the same values in it."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest

import sretool.tui
from sretool.tui import words
from sretool.tui.words import language_of, later, tr
from sretool.tui.words_zh import WORDS

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
