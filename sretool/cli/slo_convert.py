"""`sretool slo convert`: objectives in the format of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sretool.cli import diagnostics
from sretool.cli.slo_rules import catalog_paths, write

if TYPE_CHECKING:
    from sretool.cli.context import Settings
    from sretool.core.catalog.model import System
    from sretool.core.catalog.writing import Written

_NAMES: Final = {"openslo": "OpenSLO", "sloth": "Sloth", "native": "sretool's own format"}


@click.command(name="convert")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--to", "target", type=click.Choice(list(_NAMES)), required=True, help="The format to write.")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Write here instead of stdout.")
@click.option("--lossy", is_flag=True, help="End with 0 although something could not be expressed.")
@click.pass_context
def command(ctx: click.Context, paths: tuple[Path, ...], target: str, out: Path | None, lossy: bool) -> None:
    """The objectives in PATH, or in the catalog in use, as OpenSLO v1, Sloth or native file.

    What the target cannot express is listed on stderr with file:line; the rest is written.

    Ends with 0 where everything is expressed (or with --lossy), 1 where something is not.
    """
    from sretool.adapters.files import catalog

    settings: Settings = ctx.obj
    system = catalog.load(catalog_paths(settings, paths))
    written = _written(system, target)
    if out is None:
        click.echo(written.text, nl=False)
    else:
        write(out, written.text)
    diagnostics.tell_warnings(system.warnings)
    for loss in written.losses:
        file, line = system.places.get(loss.slo, ("catalog", 1))
        what = f"not written: {loss.what}" if loss.whole else f"not in {_NAMES[target]}: {loss.what}"
        click.echo(f"{file}:{line}: {loss.slo}: {what}", err=True)
    if written.losses and not lossy:
        ctx.exit(diagnostics.FAILED)


def _written(system: System, target: str) -> Written:
    from sretool.core.catalog import write_native, write_openslo, write_sloth

    match target:
        case "openslo":
            return write_openslo.render(
                system.slos, {service.id: service.title for service in system.services}
            )
        case "sloth":
            return write_sloth.render(system.slos)
    return write_native.render(system.slos)
