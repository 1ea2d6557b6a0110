"""Every sentence a verdict can be made of has its translation, and row 2 in Chinese fits as well."""

from __future__ import annotations

import ast
import inspect
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.core.observe import answer, freshness, verdict, wording
from sretool.core.observe.freshness import Freshness
from sretool.tui.words import speak, tr
from sretool.tui.words_zh_verdict import VERDICT
from tests.support.dashboard import NOW
from tests.support.scenarios import SCENARIOS, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _chinese() -> Iterator[None]:
    speak("zh")
    yield
    speak("en")


def _patterns() -> set[str]:
    """The first argument of every `phrase(...)` in the rules and their words."""
    found = {tag.value for tag in verdict.Tag} | {each.value for each in Freshness}
    for module in (verdict, wording):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            is_phrase = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "phrase"
            if is_phrase and isinstance(node, ast.Call):
                texts = (each for each in ast.walk(node.args[0]) if isinstance(each, ast.Constant))
                found |= {each.value for each in texts if isinstance(each.value, str)}
    return found - {"", "{id}", "{drill}", "{alert}", "  {owner}"}


def test_every_sentence_of_a_verdict_is_translated_with_the_same_values() -> None:
    missing = _patterns() - set(VERDICT)
    assert missing == set()
    for english, chinese in VERDICT.items():
        for name in ("{id}", "{count}", "{span}", "{burn}", "{why}", "{slos}"):
            assert (name in english) == (name in chinese), english


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_row_2_in_chinese(scenario: Scenario) -> None:
    ages = {s.name: freshness.judge(s, NOW, timedelta(seconds=5)) for s in scenario.known.sources}
    text = verdict.judge(scenario.known, ages["prometheus"], ages.get("alertmanager"), NOW).text(78, tr)
    assert text == scenario.chinese
    assert answer.cells(text) <= 78
    assert text.startswith(tr(scenario.tag.value))
    assert text.endswith(f"  > {scenario.key}")
