"""The dashboard's texts in the reader's language. English is the key; a text without a translation stays so.

Whoever shows a text calls `tr` when it is drawn, not when a module is loaded. A text that stands in a table
is marked with `later` there and given to `tr` as a variable where it is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("en", "zh")

_table: Mapping[str, str] = {}


def speak(language: str) -> None:
    """Choose the language of everything drawn from now on; one of LANGUAGES."""
    global _table
    if language == "zh":
        from sretool.tui.words_zh import WORDS

        _table = WORDS
    else:
        _table = {}


def tr(text: str, /, **values: object) -> str:
    """`text` in the language chosen; `{name}` stands for the value `name`."""
    words = _table.get(text, text)
    return words.format(**values) if values else words


def later(text: str) -> str:
    """`text` itself; says that it is translated where it is shown."""
    return text


def language_of(environment: Mapping[str, str]) -> str:
    """The language the environment asks for: the first of LC_ALL, LC_MESSAGES and LANG that is set."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(variable)
        if value:
            language = value.partition("_")[0].partition(".")[0].lower()
            return language if language in LANGUAGES else "en"
    return "en"
