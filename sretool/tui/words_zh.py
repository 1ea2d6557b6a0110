"""The dashboard in Chinese. Keys are the English texts as they stand in the code."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, str]] = {
    "overview": "总览",
}
