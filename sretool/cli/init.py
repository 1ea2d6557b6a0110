"""`sretool init`: a first catalog, from what a server already measures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sretool.cli import diagnostics
from sretool.cli.output import format_option, write_json
from sretool.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sretool.cli.context import Settings
    from sretool.core.catalog.discover.propose import Proposal, Proposed
    from sretool.ports import Endpoint
    from sretool.services.discovering import Survey

_PATIENCE_SECONDS: Final = 120
"""For one question: it may read a month of a busy metric."""


@click.command(name="init")
@click.option("--prometheus", metavar="URL", help="Look here instead of where the global options say.")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the catalog here instead of to stdout.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=30,
    show_default=True,
    help="How far back targets are taken from.",
)
@format_option
@click.pass_context
def command(
    ctx: click.Context, prometheus: str | None, out: Path | None, force: bool, days: int, output_format: str
) -> None:
    """Propose a catalog of objectives from a server's metrics.

    Recognises what client libraries, OpenTelemetry, gRPC, Istio, Envoy, ingress controllers, HAProxy,
    databases, probes and queue workers write. Every target is one that the last days would have kept, and the
    remarks in the file say where each line comes from and what is uncertain.

    Ends with 0 where something is proposed, 6 where nothing was recognised or had events, 3 where Prometheus
    cannot be asked.
    """
    settings: Settings = ctx.obj
    if out is not None and out.exists() and not force:
        raise UsageError(f"{out} exists already", remedy="choose another --out, or overwrite it with --force")
    endpoint = _endpoint(settings, prometheus)
    survey, proposal, now = _look(endpoint, days)
    if not proposal.slos:
        _tell_nothing(survey, proposal)
        ctx.exit(diagnostics.NO_DATA)
    text = _text(proposal, endpoint, now, days)
    if out is not None:
        from sretool.cli.slo_rules import write

        write(out, text)
    if output_format == "json":
        write_json(_as_json(proposal, now, days, out))
    elif out is None:
        click.echo(text, nl=False)
    else:
        count = len(proposal.slos)
        click.echo(f"{out}: {count} objective{'s' if count != 1 else ''} proposed; read the remarks, then")
        click.echo(f"  sretool --prometheus {endpoint.url} --catalog {out} slo status")


def _endpoint(settings: Settings, prometheus: str | None) -> Endpoint:
    if prometheus is not None:
        settings = replace(settings, prometheus=prometheus)
    endpoint, _ = settings.endpoints(settings.chosen_lab())
    if endpoint is None:
        raise UsageError(
            "no Prometheus is known", remedy="give --prometheus URL, or start the lab with `sretool lab up`"
        )
    return endpoint


def _look(endpoint: Endpoint, days: int) -> tuple[Survey, Proposal, datetime]:
    import asyncio
    from datetime import timedelta

    from sretool import wiring
    from sretool.services.discovering import Survey

    now = wiring.SystemClock().now().replace(second=0, microsecond=0)

    async def once() -> tuple[Survey, Proposal]:
        source = wiring.survey(endpoint, timedelta(seconds=_PATIENCE_SECONDS))
        survey = Survey(source, now, days)
        try:
            return survey, await survey.run()
        finally:
            await source.aclose()

    return (*asyncio.run(once()), now)


def _text(proposal: Proposal, endpoint: Endpoint, now: datetime, days: int) -> str:
    from sretool.core.catalog.discover.write import render

    return render(proposal, endpoint.url, now, days)


def _tell_nothing(survey: Survey, proposal: Proposal) -> None:
    from sretool.core.catalog.discover.recognise import looked_for

    if survey.known:
        diagnostics.tell("no objective can be proposed from what was recognised")
        for passed in proposal.passed:
            click.echo(f"  {passed.what}: {passed.why}", err=True)
        return
    diagnostics.tell(
        f"none of the {survey.names} metrics of this server is known",
        "write a catalog by hand; looked for " + "; ".join(looked_for()) + "; pairs such as x_total and"
        " x_failed_total",
    )


def _as_json(proposal: Proposal, now: datetime, days: int, out: Path | None) -> dict[str, Any]:
    return {
        "at": now,
        "days": days,
        "file": out,
        "slos": [_slo(slo, proposal.window) for slo in proposal.slos],
        "passed": [{"what": passed.what, "why": passed.why} for passed in proposal.passed],
    }


def _slo(slo: Proposed, window: timedelta) -> dict[str, Any]:
    from sretool.core.catalog.discover.write import sli_keys

    past = slo.attained
    return {
        "id": slo.id,
        "title": slo.title,
        "service": slo.service,
        "objective": slo.objective,
        "window_s": window,
        "min_events": slo.min_events,
        "sli": sli_keys(slo),
        "attained": {
            "ratio": past.ratio,
            "bad": past.bad,
            "total": past.total,
            "counted": slo.events,
            "days": past.days,
            "worst_day": {"end": past.worst[0], "ratio": past.worst[1]} if past.worst else None,
        },
        "metric": slo.metric,
        "source": slo.source,
        "meaning": slo.meaning,
        "why": slo.why,
        "uncertain": list(slo.unsure),
    }
