"""`sretool slo lint`: what is wrong with files of objectives and rules, before a server reads them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sretool.cli import diagnostics
from sretool.cli.output import format_option, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.adapters.files.raw import Collected
    from sretool.cli.context import Settings
    from sretool.core.lint.findings import Finding
    from sretool.core.lint.run import Report
    from sretool.ports import Endpoint

_PATIENCE: Final = timedelta(seconds=30)
"""For one query; traffic over a day is counted."""


@click.command(name="lint")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--live", is_flag=True, help="Also ask Prometheus: metrics, labels, buckets, retention, traffic."
)
@click.option("--fix", is_flag=True, help="Correct in place what has only one correct form.")
@click.option("--codes", is_flag=True, help="List every code and what it means.")
@format_option
@click.pass_context
def command(
    ctx: click.Context, paths: tuple[Path, ...], live: bool, fix: bool, codes: bool, output_format: str
) -> None:
    """What is wrong with files of objectives (sretool, Sloth, Pyrra, OpenSLO, slo-generator) and rule files.

    PATH is a file or a folder; without one the catalog is checked. No server is asked without --live. A
    remark `# sretool: ignore CODE reason`, behind or right above what is meant, keeps a finding from being
    told.

    Ends with 0 where no error is found (there may be warnings), 1 where one is, 2 where a file cannot be read
    at all, 3 where --live cannot reach Prometheus.
    """
    if codes:
        _list_codes(output_format)
        return
    from sretool.adapters.files.raw import collect
    from sretool.core.lint import remarks
    from sretool.core.lint.source import LARGEST

    settings: Settings = ctx.obj
    server = _server(settings) if live else None
    collected = collect(_paths(settings, paths), LARGEST)
    report = _lint(collected, live=live)
    if fix and _fix(report, collected):
        collected = collect(_paths(settings, paths), LARGEST)
        report = _lint(collected, live=live)
    found = [*_unreadable(collected), *report.findings]
    if server is not None:
        found += remarks.obeyed(collected.contents, _ask(server, report))
        order = {file: number for number, file in enumerate(collected.contents)}
        found.sort(key=lambda each: (order.get(each.file, -1), each.line))
    if output_format == "json":
        write_json({"findings": [_as_json(each) for each in found]})
    else:
        for each in found:
            click.echo(_line(each))
        _summary(found, report.files, fix=fix)
    ctx.exit(_exit_code(found, report, collected))


def _paths(settings: Settings, paths: Sequence[Path]) -> Sequence[Path]:
    from sretool.errors import UsageError

    if paths:
        return paths
    if settings.catalog:
        return settings.catalog
    lab = settings.chosen_lab()
    if lab is not None:
        return [Path(lab.catalog)]
    raise UsageError("nothing to check", remedy="give files or folders: sretool slo lint slos.yaml")


def _server(settings: Settings) -> Endpoint:
    from sretool.errors import UsageError

    prometheus, _ = settings.endpoints(settings.chosen_lab())
    if prometheus is None:
        raise UsageError("no Prometheus is known", remedy="give --prometheus URL")
    return prometheus


def _lint(collected: Collected, *, live: bool) -> Report:
    from sretool.core.lint.expressions import USUAL_SCRAPE
    from sretool.core.lint.run import lint

    return lint(collected.contents, None if live else USUAL_SCRAPE)


def _ask(server: Endpoint, report: Report) -> list[Finding]:
    import asyncio

    from sretool.adapters.prometheus.source import Prometheus
    from sretool.services.linting import against_server

    async def once() -> list[Finding]:
        prometheus = Prometheus(server, deadline=_PATIENCE)
        try:
            return await against_server(report, prometheus)
        finally:
            await prometheus.aclose()

    return asyncio.run(once())


def _fix(report: Report, collected: Collected) -> int:
    """Make every safe edit; how many there were, said on stderr."""
    from sretool.adapters.files.raw import replace
    from sretool.core.lint.run import fixed

    made = files = 0
    for name in dict.fromkeys(each.file for each in report.findings if each.edit is not None):
        mine = [each for each in report.findings if each.file == name]
        text, count = fixed(collected.contents[name].decode("utf-8"), mine)
        if count:
            replace(collected.paths[name], text.encode("utf-8"))
            made, files = made + count, files + 1
    if made:
        click.echo(f"corrected {_counted(made, 'place')} in {_counted(files, 'file')}", err=True)
    return made


def _unreadable(collected: Collected) -> list[Finding]:
    from sretool.core.lint.findings import finding

    return [
        finding(problem.file, problem.line, "SLO001", problem.message) for problem in collected.unreadable
    ]


def _exit_code(found: Sequence[Finding], report: Report, collected: Collected) -> int:
    from sretool.core.lint.findings import Severity

    if report.unreadable or collected.unreadable:
        return diagnostics.USAGE
    errors = any(each.severity is Severity.ERROR for each in found)
    return diagnostics.FAILED if errors else diagnostics.OK


def _line(found: Finding) -> str:
    """`file:line: CODE message`, the code in colour on a terminal."""
    from sretool.core.lint.findings import Severity

    colour = "red" if found.severity is Severity.ERROR else "yellow"
    fix = f"; {found.fix}" if found.fix else ""
    return f"{found.file}:{found.line}: {click.style(found.code, fg=colour)} {found.message}{fix}"


def _as_json(found: Finding) -> dict[str, Any]:
    return {
        "file": found.file,
        "line": found.line,
        "code": found.code,
        "severity": str(found.severity),
        "message": found.message,
        "fix": found.fix,
    }


def _summary(found: Sequence[Finding], files: int, *, fix: bool) -> None:
    from sretool.core.lint.findings import Severity

    errors = sum(each.severity is Severity.ERROR for each in found)
    words = f"{_counted(errors, 'error')}, {_counted(len(found) - errors, 'warning')}"
    click.echo(f"{words} in {_counted(files, 'file')}", err=True)
    correctable = sum(each.edit is not None for each in found)
    if correctable and not fix:
        click.echo(f"  → --fix corrects {correctable} of them", err=True)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _list_codes(output_format: str) -> None:
    from sretool.core.lint.findings import CODES

    if output_format == "json":
        rows = [
            {"code": code, "severity": str(row.severity), "title": row.title} for code, row in CODES.items()
        ]
        write_json({"codes": rows})
        return
    for code, row in CODES.items():
        click.echo(f"{code}  {row.severity!s:8} {row.title}")
