"""Going from one set of servers to another without leaving the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Contexts(Protocol):
    """The sets of servers that are known by name.

    A dashboard shows one of them from its start to its end, so that no value of one is ever seen under the
    name of another. The next one is made ready while the one before is still on screen.
    """

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def current(self) -> str: ...

    @property
    def production(self) -> bool:
        """Whether the current one serves real users."""
        ...

    def prepare(self, name: str) -> None:
        """Make `name` the next; waits for files and servers. SretoolError where it cannot be used."""
        ...
