"""`sretool lab`: a real system on this machine."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import click

from sretool.cli import output
from sretool.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.adapters.lab.record import LabRecord
    from sretool.adapters.lab.supervisor import Event

_NAME = click.option("--name", metavar="NAME", help="Name of the lab; by default the system's.")
_SCALE = 10
"""By how much the windows of symptom rules are divided, so that a drill takes minutes."""


@click.group()
def command() -> None:
    """A real system on this machine: databases, replicas, traffic, Prometheus.

    Everything listens on 127.0.0.1 only.
    """


@command.command()
@click.argument("system", default="amas")
@_NAME
@click.option("--no-history", is_flag=True, help="Start without the generated thirty days.")
@click.option("--real-time", is_flag=True, help="Load the symptom rules with their windows as they are.")
@output.format_option
def up(system: str, name: str | None, no_history: bool, real_time: bool, output_format: str) -> None:
    """Start the lab of SYSTEM and print where it answers; does nothing where it is up."""
    from sretool.adapters.files import catalog
    from sretool.adapters.lab import control
    from sretool.core.plans import lab_config

    folder = catalog.bundled(system)
    scale = 1 if real_time else _SCALE
    wish = control.Wish(
        name=system if name is None else name,
        system=system,
        catalog=folder,
        texts=lab_config.texts(catalog.load([folder]), scale),
        scale=scale,
        history=not no_history,
    )
    lab, was_up = control.up(wish, _say)
    if was_up:
        click.echo(f"the lab {lab.name!r} is up already", err=True)
    for sentence in lab.missing:
        click.echo(f"note: {sentence}", err=True)
    if output_format == "json":
        output.write_json(_as_json(lab))
    else:
        _write_endpoints(lab)


@command.command()
@_NAME
@click.pass_context
def down(ctx: click.Context, name: str | None) -> None:
    """Stop the lab; its data stay."""
    from sretool.adapters.lab import control

    chosen = _chosen(ctx, name)
    began = time.monotonic()
    stopped = control.down(chosen)
    took = time.monotonic() - began
    click.echo(
        f"lab {chosen!r} stopped in {took:.1f} s" if stopped else f"lab {chosen!r} is not up", err=True
    )


@command.command()
@_NAME
@output.format_option
@click.pass_context
def status(ctx: click.Context, name: str | None, output_format: str) -> None:
    """Processes and addresses of the lab."""
    from sretool.adapters.lab import control

    chosen = _chosen(ctx, name)
    lab = control.status(chosen)
    if output_format == "json":
        output.write_json(_as_json(lab) if lab is not None else _never_started(chosen))
    elif lab is None:
        click.echo(f"lab {chosen!r} was never started")
    else:
        _write_status(lab)


@command.command()
@click.argument("process")
@_NAME
@click.option("-f", "--follow", is_flag=True, help="Go on as the log grows.")
@click.option("-n", "--lines", default=50, show_default=True, help="Begin with this many last lines.")
@click.pass_context
def logs(ctx: click.Context, process: str, name: str | None, follow: bool, lines: int) -> None:
    """Print what PROCESS has logged."""
    from sretool.adapters.lab import control

    _print_log(control.log_path(_chosen(ctx, name), process), lines, follow)


@command.command()
@_NAME
@click.pass_context
def reset(ctx: click.Context, name: str | None) -> None:
    """Stop the lab and remove its data. The cache of generated history stays."""
    from sretool.adapters.lab import control

    chosen = _chosen(ctx, name)
    removed = control.reset(chosen)
    click.echo(f"lab {chosen!r} removed" if removed else f"there is no lab {chosen!r}", err=True)


def _chosen(ctx: click.Context, name: str | None) -> str:
    """The lab named here, or by the global --lab; else the only one there is, else amas."""
    from sretool.adapters.lab import record

    of_settings = ctx.obj.lab if ctx.obj is not None else None
    if name is not None or of_settings:
        return str(of_settings if name is None else name)
    alive = [lab.name for lab in record.every() if lab.state in record.ALIVE]
    if len(alive) > 1:
        raise UsageError(f"several labs are up: {', '.join(alive)}", remedy="choose one with --name NAME")
    return alive[0] if alive else "amas"


def _say(event: Event) -> None:
    """One line of progress."""
    what = f"{event.name} {event.what}" if event.name else event.what
    click.echo(f"{event.t:6.1f} s  {what}{': ' if event.text else ''}{event.text}", err=True)


def _as_json(lab: LabRecord) -> dict[str, Any]:
    return {
        "name": lab.name,
        "system": lab.system,
        "state": lab.state.value,
        "scale": lab.scale,
        "history": lab.history,
        "started_at": lab.started_at,
        "ready_after_s": lab.ready_after,
        "catalog": lab.catalog,
        "supervisor": {"pid": lab.supervisor.pid} if lab.supervisor is not None else None,
        "processes": [
            {
                "name": process.name,
                "pid": process.pid,
                "state": process.state.value,
                "ready": process.ready,
                "restarts": process.restarts,
                "port": process.port,
                "log": process.log,
            }
            for process in lab.processes
        ],
        "endpoints": lab.endpoints,
        "missing": list(lab.missing),
        "error": lab.failure.message if lab.failure is not None else None,
    }


def _never_started(name: str) -> dict[str, Any]:
    return {"name": name, "system": None, "state": "stopped", "processes": [], "endpoints": {}, "missing": []}


def _write_endpoints(lab: LabRecord) -> None:
    width = max((len(name) for name in lab.endpoints), default=0)
    for name, address in lab.endpoints.items():
        click.echo(f"{name:<{width}}  {address}")


def _write_status(lab: LabRecord) -> None:
    scale = "real time" if lab.scale == 1 else f"rule windows divided by {lab.scale}"
    history = "with history" if lab.history else "without history"
    click.echo(f"lab {lab.name}: {lab.state.value}, system {lab.system}, {scale}, {history}")
    if lab.failure is not None:
        click.echo(f"  {lab.failure.message}")
        if lab.failure.remedy is not None:
            click.echo(f"  → {lab.failure.remedy}")
    click.echo()
    width = max(len(name) for name in ("PROCESS", *(process.name for process in lab.processes)))
    click.echo(f"{'PROCESS':<{width}}  {'STATE':<10}  {'READY':<5}  {'PID':>7}  {'PORT':>5}  RESTARTS")
    for process in lab.processes:
        ready = "yes" if process.ready else "no"
        click.echo(
            f"{process.name:<{width}}  {process.state.value:<10}  {ready:<5}  {process.pid or '-':>7}"
            f"  {process.port or '-':>5}  {process.restarts}"
        )
    click.echo()
    _write_endpoints(lab)
    for sentence in lab.missing:
        click.echo(f"note: {sentence}")


def _print_log(path: Path, lines: int, follow: bool) -> None:
    with path.open("rb") as stream:
        text = stream.read().decode(errors="replace").splitlines()
        for line in text[-lines:] if lines > 0 else ():
            click.echo(line)
        while follow:
            chunk = stream.read()
            if chunk:
                click.echo(chunk.decode(errors="replace"), nl=False)
                continue
            # A log that became too long was emptied.
            if os.stat(path).st_size < stream.tell():
                stream.seek(0)
            time.sleep(0.2)
