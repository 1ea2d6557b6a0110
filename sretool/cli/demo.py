"""`sretool demo`: the lab with its traffic and the dashboard on it, in one command."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from sretool.cli import dash, diagnostics, lab, slo
from sretool.core.slo.model import Level
from sretool.errors import LabError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.cli.context import Settings, Sources

_SYSTEM = "amas"
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LIVE = timedelta(seconds=10)
"""Traffic of this long ago counts as live."""
_PATIENCE = 75.0
"""Seconds from the lab being up to data: rules of objectives are evaluated once a minute."""


@click.command()
@click.option(
    "--for",
    "seconds",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    envvar="DEMO_FOR",
    show_envvar=True,
    default=30,
    show_default=True,
    help="How long the lab stays up where there is no terminal.",
)
@click.option("--no-history", is_flag=True, help="Start without the generated thirty days.")
@click.pass_context
def command(ctx: click.Context, seconds: float, no_history: bool) -> None:
    """Bring up the lab with its traffic and open the dashboard on it.

    Where there is no terminal: wait until traffic is measured, print the objectives, stop after a while.

    A lab that was up before stays up; one that the demo started is stopped at the end, also after Ctrl-C.
    """
    from sretool.adapters.lab import control, record

    settings: Settings = ctx.obj
    name = settings.lab or _SYSTEM
    # The demo shows its own lab, whatever the environment says about other servers.
    ctx.obj = replace(settings, lab=name, context=None, catalog=(), prometheus=None, alertmanager=None)
    before = record.load(name)
    was_up = before is not None and before.state is record.LabState.RUNNING and record.supervised(before)
    with _ended_like_ctrl_c():
        try:
            if before is None or not was_up:
                options = {"system": _SYSTEM, "name": name, "no_history": no_history, "real_time": False}
                ctx.invoke(lab.up, **options, output_format="text")
            _show(ctx, seconds)
        finally:
            if was_up:
                diagnostics.talk(f"the lab {name!r} was up before and stays up")
            else:
                # A second Ctrl-C, or a second hangup, must not leave the lab half stopped.
                for end in _ENDS:
                    signal.signal(end, signal.SIG_IGN)
                control.down(name)
                diagnostics.talk(f"the lab {name!r} is stopped")


@contextlib.contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """A closed terminal and a polite kill undo what was done, as Ctrl-C does."""
    before = {end: signal.signal(end, signal.default_int_handler) for end in _ENDS}
    try:
        yield
    finally:
        for end, handler in before.items():
            signal.signal(end, handler)


def _show(ctx: click.Context, seconds: float) -> None:
    if all(stream.isatty() for stream in (sys.stdin, sys.stdout)) and os.environ.get("TERM") != "dumb":
        ctx.exit(dash.show(ctx.obj))
    diagnostics.talk("waiting for live data")
    _wait_for_data(ctx.obj.resolve_sources())
    began = time.monotonic()
    with contextlib.suppress(click.exceptions.Exit):
        # Its exit code is about the objectives; the demo has done its work whatever they are.
        ctx.invoke(slo.status, ids=(), at_text=None, output_format="text")
    sys.stdout.flush()
    left = began + seconds - time.monotonic()
    diagnostics.talk(f"no terminal: the demo ends in {max(left, 0):.0f} s (DEMO_FOR)")
    time.sleep(max(left, 0))


def _wait_for_data(sources: Sources) -> None:
    """Until traffic is measured and, for a while, every objective has data; LabError without traffic."""
    import asyncio

    if not asyncio.run(_data_comes(sources)):
        raise LabError(
            f"no traffic was measured within {_PATIENCE:.0f} s",
            remedy="`sretool lab status` and `sretool lab logs traffic` tell why",
        )


async def _data_comes(sources: Sources) -> bool:
    """Whether Prometheus counted events of any objective in the last seconds."""
    import asyncio

    from sretool import wiring
    from sretool.adapters.files import catalog
    from sretool.adapters.prometheus.source import Prometheus

    slos = tuple(catalog.load(sources.catalog).slos)
    rates = " or ".join(f"({slo.total_rate(_LIVE)} > 0)" for slo in slos)
    until = time.monotonic() + _PATIENCE
    source = Prometheus(sources.prometheus)
    watch = wiring.watch(wiring.Endpoints(slos, sources.prometheus))
    traffic = False
    try:
        while time.monotonic() < until:
            with contextlib.suppress(SourceError):
                traffic = traffic or bool(await source.instant(rates))
            snapshot = await watch.poll_metrics()
            if traffic and all(status.level is not Level.NO_DATA for status in snapshot.statuses):
                break
            await asyncio.sleep(1)
    finally:
        await watch.aclose()
        await source.aclose()
    return traffic
