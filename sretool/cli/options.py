"""What was given as an option."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def parsed(option: str, parse: Callable[[str], T], text: str) -> T:
    """Its value; UsageError that names the option."""
    try:
        return parse(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error.message}", remedy=error.remedy, wrong=error.wrong) from None
