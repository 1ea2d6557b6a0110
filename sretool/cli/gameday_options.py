"""Options that commands of game days have in common."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

_SEEDS: Final = 100_000


def role_option(function: F) -> F:
    """`--role ROLE=NAME`, as the parameter `roles`."""
    option = click.option(
        "--role",
        "roles",
        metavar="ROLE=NAME",
        multiple=True,
        help="Who has a role this time; may be repeated.",
    )
    return option(function)


def seed_option(decides: str) -> Callable[[F], F]:
    """`--seed N`, as the parameter `seed`; where nobody gives one it is drawn."""
    return click.option(
        "--seed",
        type=click.IntRange(0),
        metavar="N",
        callback=_drawn,
        help=f"Decides {decides}, always alike.",
    )


def _drawn(ctx: click.Context, param: click.Parameter, seed: int | None) -> int:
    return secrets.randbelow(_SEEDS) if seed is None else seed
