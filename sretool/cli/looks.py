"""How the dashboard looks and whose it is: options first, then the configuration, then the environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.errors import UsageError
from sretool.tui import keys, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from pathlib import Path

    from sretool.adapters.files.config import Config, Context
    from sretool.tui.braille import Graph
    from sretool.tui.format import Glyphs
    from sretool.tui.reader import Reader

THEMES: Final = ("dark", "light", "ansi", "mono", "deuteranopia")
"""Names of `sretool.tui.themes` without their `sre-`, written out so that `--help` needs no Textual."""
GRAPHS: Final[tuple[Graph, ...]] = ("braille", "block", "ascii")


@dataclass(frozen=True, slots=True)
class Looks:
    """What the screen is drawn with."""

    theme: str
    language: str
    only_ascii: bool
    graph: Graph | None
    """None: what suits the glyphs."""

    def glyphs(self) -> Glyphs:
        from dataclasses import replace

        from sretool.tui import format as fmt

        glyphs = fmt.ASCII if self.only_ascii else fmt.UNICODE
        return replace(glyphs, graph=self.graph) if self.graph is not None else glyphs


def choose(
    config: Config,
    environment: Mapping[str, str],
    *,
    encoding: str,
    theme: str | None = None,
    graph: str | None = None,
    language: str | None = None,
    only_ascii: bool = False,
) -> Looks:
    """UsageError with file and line where the configuration asks for something that is not there."""
    theme = (theme or _known(config, "theme", config.theme, THEMES) or THEMES[0]).removeprefix("sre-")
    graph = graph or _known(config, "graph", config.graph, GRAPHS)
    drawn = next((known for known in GRAPHS if known == graph), None)
    language = language or _known(config, "lang", config.lang, words.LANGUAGES)
    only_ascii = only_ascii or not encoding.lower().startswith("utf")
    # Only a theme in the terminal's own colours can be stripped of every colour code.
    theme = "mono" if environment.get("NO_COLOR") else theme
    language = language or words.language_of(environment)
    if only_ascii:
        language, drawn = "en", "ascii"
    return Looks(f"sre-{theme}", language, only_ascii, drawn)


def reader(config: Config, context: Context | None, folder: Path) -> Reader:
    """Who reads; UsageError with file and line where their keys cannot be used."""
    from sretool.tui.reader import Reader

    found = [config.problem(("keys", id), f"keys: {why}") for id, why in keys.problems(config.keys)]
    if found:
        raise UsageError("\n".join(str(problem) for problem in found))
    of_context = context.me if context is not None else None
    teams = (context.teams if context is not None else ()) or config.teams
    return Reader(
        me=of_context or config.me or "",
        teams=frozenset(teams),
        keys=config.keys,
        bell=config.bell is not False,
        silence_longest=silence_longest(config),
        folder=folder,
    )


def silence_longest(config: Config) -> timedelta:
    """How long a silence may be; UsageError with file and line where that is no duration."""
    from sretool.core.alerting.silences import LONGEST
    from sretool.units import parse_duration

    if config.silence_longest is None:
        return LONGEST
    try:
        return parse_duration(config.silence_longest)
    except UsageError as error:
        message = f"silence_longest: {error.message}"
        raise UsageError(str(config.problem(("silence_longest",), message)), remedy=error.remedy) from None


def _known(config: Config, key: str, value: str | None, known: Sequence[str]) -> str | None:
    if value is not None and value.removeprefix("sre-") not in known:
        message = f"{key}: there is no {value!r}; choose one of {', '.join(known)}"
        raise UsageError(str(config.problem((key,), message)))
    return value
