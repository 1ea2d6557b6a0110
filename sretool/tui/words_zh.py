"""The dashboard in Chinese. Keys are the English texts as they stand in the code."""

from __future__ import annotations

from typing import Final

from sretool.tui.words_zh_verdict import VERDICT

WORDS: Final[dict[str, str]] = {
    "overview": "总览",
} | VERDICT
