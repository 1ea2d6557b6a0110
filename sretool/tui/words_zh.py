"""The dashboard in Chinese. Keys are the English texts as they stand in the code."""

from __future__ import annotations

from typing import Final

from sretool.tui.words_zh_alerts import ALERTS
from sretool.tui.words_zh_gamedays import GAME_DAYS
from sretool.tui.words_zh_runs import RUNS
from sretool.tui.words_zh_shell import SHELL
from sretool.tui.words_zh_verdict import VERDICT
from sretool.tui.words_zh_views import VIEWS

WORDS: Final[dict[str, str]] = RUNS | GAME_DAYS | SHELL | ALERTS | VIEWS | VERDICT
