"""`sretool canary serve`: verdicts for controllers that ask over HTTP."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sretool.cli import canary_judge, diagnostics
from sretool.cli.canary_words import as_json
from sretool.cli.output import json_text
from sretool.core.analysis.canary import Outcome
from sretool.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.adapters.verdicts.server import Answer
    from sretool.cli.context import Settings, Sources
    from sretool.core.catalog.canary import CanaryPolicy

_PARAMETERS: Final = ("stage", "canary", "baseline", "since", "baseline_offset")
_GATES: Final[dict[str, frozenset[Outcome]]] = {
    "judge": frozenset(Outcome),
    "gate/promote": frozenset({Outcome.PROMOTE}),
    "gate/continue": frozenset({Outcome.PROMOTE, Outcome.HOLD}),
    "gate/rollback": frozenset({Outcome.ROLLBACK}),
}
"""Path → outcomes that are answered with 200; the others are with 409."""


@click.command()
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--listen", default="127.0.0.1:9798", show_default=True, metavar="[HOST:]PORT",
              help="Only this machine reaches it unless a host is named.")  # fmt: skip
@click.option("--service", metavar="ID", help="Of the catalog: whose series are meant.")
@click.pass_context
def serve(ctx: click.Context, file: Path | None, listen: str, service: str | None) -> None:
    """Verdicts as `sretool canary judge` finds them, over HTTP.

    \b
    GET  /judge?stage=1&canary=…&baseline=…&since=30m   always 200, JSON
    POST /gate/promote    200 to promote, otherwise 409
    POST /gate/continue   200 unless it is to be rolled back
    POST /gate/rollback   200 where it is to be rolled back

    Parameters are stage, canary, baseline, since and baseline_offset: in the address, or in the body's
    `metadata`, as Flagger sends it. 400 is a wrong question; 503 means that Prometheus does not answer.
    Nobody is asked who he is: let only the controller reach it.
    """
    from sretool.adapters.scraped.server import parse_address
    from sretool.adapters.verdicts import server

    settings: Settings = ctx.obj
    sources = settings.resolve_sources(catalog_needed=False)
    policy = canary_judge.policy_of(file, sources, canary_judge.catalog(sources), service)
    host, port = parse_address(listen)

    async def find(path: str, parameters: Mapping[str, str]) -> Answer:
        return await answer(path, parameters, policy, sources)

    asyncio.run(server.serve(host, port, find, lambda url: diagnostics.talk(f"verdicts at {url}/judge")))


async def answer(path: str, parameters: Mapping[str, str], policy: CanaryPolicy, sources: Sources) -> Answer:
    """To one question; UsageError where it is none, SourceError where nobody can answer it now."""
    from sretool.adapters.verdicts.server import Answer

    if path not in _GATES:
        raise UsageError(f"there is no /{path}", remedy=f"ask for one of /{', /'.join(_GATES)}")
    for name in parameters:
        if name not in _PARAMETERS:
            raise UsageError(f"unknown parameter {name!r}{did_you_mean(name, _PARAMETERS)}")
    at = datetime.now(UTC).replace(microsecond=0)
    order = canary_judge.order_of(
        policy,
        _number(parameters.get("stage")),
        parameters.get("canary"),
        parameters.get("baseline"),
        parameters.get("since"),
        parameters.get("baseline_offset"),
        at,
    )
    found = await canary_judge.judged(sources, order, at)
    status = 200 if found.outcome in _GATES[path] else 409
    return Answer(status, json_text(as_json(policy, found)))


def _number(text: str | None) -> int:
    if text is None or not re.fullmatch(r"[0-9]{1,9}", text):
        raise UsageError("stage is missing or no number", remedy="give it like stage=1")
    return int(text)
