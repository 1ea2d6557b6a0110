"""`sretool doctor`: what this machine and the endpoints can do, each line with its remedy."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

import click

from sretool.cli import diagnostics
from sretool.cli.output import format_option, write_json
from sretool.core.plans.findings import Finding, State
from sretool.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sretool.cli.context import Settings
    from sretool.ports import Endpoint


_COLOURS = {"ok": "green", "limited": "yellow", "failed": "red"}


@click.command()
@format_option
@click.pass_context
def command(ctx: click.Context, output_format: str) -> None:
    """What this machine and the endpoints can do, each line with its remedy.

    Ends with 1 where something the lab needs is missing or an endpoint does not answer.
    """
    from sretool.adapters.lab.inspection import inspect

    findings = []
    for finding in (*inspect(), *_endpoints(ctx.obj)):
        findings.append(finding)
        if output_format == "text":
            write_finding(finding)
    failed = sum(finding.state is State.FAILED for finding in findings)
    if output_format == "json":
        write_json(findings_document(findings, ok=not failed))
    else:
        _write_summary(findings, failed)
    ctx.exit(diagnostics.FAILED if failed else diagnostics.OK)


def _endpoints(settings: Settings) -> Iterator[Finding]:
    """The servers given, otherwise those of the lab that would be used."""
    try:
        prometheus, alertmanager = settings.endpoints(settings.chosen_lab())
    except UsageError as error:
        yield Finding("endpoints", State.FAILED, error.message, error.remedy)
        return
    if prometheus is not None:
        yield _reach("Prometheus", prometheus)
    if alertmanager is not None:
        yield _reach("Alertmanager", alertmanager)


def _reach(name: str, endpoint: Endpoint) -> Finding:
    import asyncio
    import time

    ask = _ask_prometheus if name == "Prometheus" else _ask_alertmanager
    began = time.monotonic()
    try:
        found = asyncio.run(ask(endpoint))
    except SourceError as error:
        remedy = error.remedy or "check the address, the network and the identification (sretool --help)"
        return Finding(name, State.FAILED, error.message, remedy)
    took = (time.monotonic() - began) * 1000
    return Finding(name, State.OK, f"{endpoint.url} answers in {took:.0f} ms, {found}")


async def _ask_prometheus(endpoint: Endpoint) -> str:
    from sretool.adapters.prometheus.source import Prometheus

    source = Prometheus(endpoint)
    try:
        up = await source.instant("count(up == 1)")
        down = await source.instant("count(up == 0)")
    finally:
        await source.aclose()
    ups, downs = (int(samples[0].value) if samples else 0 for samples in (up, down))
    return f"{ups} of {ups + downs} targets are up"


async def _ask_alertmanager(endpoint: Endpoint) -> str:
    from sretool.adapters.alertmanager.source import Alertmanager

    source = Alertmanager(endpoint)
    try:
        alerts = await source.alerts()
    finally:
        await source.aclose()
    return f"{len(alerts)} alert{'s' if len(alerts) != 1 else ''}"


def findings_document(findings: Iterable[Finding], *, ok: bool) -> dict[str, object]:
    rows = [
        {
            "subject": finding.subject,
            "state": finding.state.value,
            "detail": finding.detail,
            "remedy": finding.remedy,
        }
        for finding in findings
    ]
    return {"ok": ok, "findings": rows}


def write_finding(finding: Finding) -> None:
    """One line, and one for its remedy; folded below their beginning on a terminal."""
    state = click.style(f"{finding.state.value:<8}", fg=_COLOURS[finding.state.value])
    head = f"{'':<8} {finding.subject:<28} "
    for number, line in enumerate(_folded(finding.detail, len(head))):
        click.echo(f"{state} {finding.subject:<28} {line}" if number == 0 else f"{'':<{len(head)}}{line}")
    if finding.remedy is not None:
        for number, line in enumerate(_folded(finding.remedy, 11)):
            click.echo(f"{'':<8} {' ' if number else '→'} {line}")


def _folded(text: str, indent: int) -> list[str]:
    """Lines that fit behind `indent` columns of the terminal; one line where there is none."""
    if not sys.stdout.isatty():
        return [text]
    width = max(shutil.get_terminal_size().columns - indent, 30)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _write_summary(findings: Sequence[Finding], failed: int) -> None:
    limited = sum(finding.state.value == "limited" for finding in findings)
    click.echo()
    if failed:
        click.echo(f"{failed} thing{'s' if failed != 1 else ''} must be put right first.")
    elif limited:
        click.echo(
            f"The lab can run, with {limited} thing{'s' if limited != 1 else ''} less than it could have."
        )
    else:
        click.echo("Everything is there.")
