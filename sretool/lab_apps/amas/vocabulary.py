"""The words to learn: pronounceable inventions, the same in every lab."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 2000
_ONSETS = ("b", "br", "d", "f", "gl", "k", "l", "m", "n", "p", "pr", "r", "s", "st", "t", "tr", "v", "z")
_VOWELS = ("a", "e", "i", "o", "u", "ea", "ou")


def spelling(word: int) -> str:
    """The word with this id, 1 to SIZE."""
    first, rest = divmod(word * 7, len(_ONSETS) * len(_VOWELS))
    onset, vowel = divmod(rest, len(_VOWELS))
    end = _ONSETS[(first + word) % len(_ONSETS)] + _VOWELS[first % len(_VOWELS)]
    return f"{_ONSETS[onset]}{_VOWELS[vowel]}{end}{'nt' if word % 3 else 'l'}"


def from_users_place(user: int) -> Iterator[int]:
    """All words in the order in which this user meets them."""
    start = first_word(user)
    yield from range(start, SIZE + 1)
    yield from range(1, start)


def first_word(user: int) -> int:
    """Where in the list a user begins; far enough from the end for all the words of a user."""
    return 1 + user * 37 % (SIZE - 200)
