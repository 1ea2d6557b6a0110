"""A sentence of the core that a front end may say in another language.

The core writes English; whoever shows it looks the pattern up in a table of its own and fills in the values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Phrase:
    """A pattern with `{name}` for every value; two are equal where they read the same in every language."""

    pattern: str
    values: Mapping[str, str | Phrase] = field(default_factory=dict)

    def said(self, translate: Callable[[str], str]) -> str:
        """In the language of `translate`, which gives a pattern's translation or the pattern itself."""
        if not self.values:
            return translate(self.pattern)
        known = {
            name: value.said(translate) if isinstance(value, Phrase) else value
            for name, value in self.values.items()
        }
        return translate(self.pattern).format(**known)

    def __str__(self) -> str:
        return self.said(_english)


def phrase(pattern: str, **values: str | Phrase) -> Phrase:
    return Phrase(pattern, values)


def _english(pattern: str) -> str:
    return pattern
