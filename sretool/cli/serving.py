"""`sretool dash --serve`: the dashboard in a browser on this machine, to look at."""

from __future__ import annotations

import asyncio
import shlex
import sys
from typing import TYPE_CHECKING, Final

import click

from sretool.cli import diagnostics
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from sretool.cli.context import Settings

_PROGRAM: Final = "import sys; from sretool.cli.main import main; sys.exit(main())"
_WEB_DRIVER: Final = "web_driver:WebDriver"


def is_served(environment: Mapping[str, str]) -> bool:
    """Whether this process draws for a browser: its streams are not a terminal and need not be one."""
    return environment.get("TEXTUAL_DRIVER", "").endswith(_WEB_DRIVER)


def serve(settings: Settings, arguments: Sequence[str], port: int, title: str) -> int:
    """Until Ctrl-C; `arguments` are those of `dash` for each tab, read-only whatever they say."""
    from sretool.adapters.browser.server import serve as run

    # Files, servers and the context are looked at once before, so that what is wrong is told here.
    settings.resolve_sources(catalog_needed=False)
    command = command_of(settings, arguments)
    asyncio.run(run(command, port, title, _announce))
    return diagnostics.OK


def command_of(settings: Settings, arguments: Sequence[str]) -> str:
    """What each tab runs, for a shell. Secrets stay in the environment, which tabs inherit."""
    given = [
        *(part for path in settings.catalog for part in ("--catalog", str(path))),
        *_option("--prometheus", settings.prometheus),
        *_option("--alertmanager", settings.alertmanager),
        *_option("--lab", settings.lab),
        *_option("--context", settings.context),
    ]
    program = [sys.executable, "-X", "utf8", "-c", _PROGRAM, *given, "dash", *arguments]
    readonly = [] if "--readonly" in arguments else ["--readonly"]
    return "exec " + shlex.join([*program, *readonly])


def looks_of(
    refresh: timedelta, theme: str | None, graph: str | None, language: str | None, *, only_ascii: bool
) -> list[str]:
    """The options of `dash` that say how it looks, as they were given."""
    return [
        "--refresh",
        format_duration(refresh),
        *_option("--theme", theme),
        *_option("--graph", graph),
        *_option("--lang", language),
        *(["--ascii"] if only_ascii else []),
    ]


def _option(name: str, value: str | None) -> list[str]:
    return [name, value] if value is not None else []


def _announce(address: str) -> None:
    click.echo(address)
    sys.stdout.flush()
    diagnostics.talk("open this address in a browser on this machine; it works once, and only to look")
    diagnostics.talk("ctrl+c ends it")
