"""`sretool slo rules`: the Prometheus rules of a catalog, as a rule file or as Kubernetes resources."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sretool.cli import diagnostics
from sretool.core.slo.model import Severity
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sretool.cli.context import Settings
    from sretool.core.catalog.model import System
    from sretool.core.slo.model import Slo
    from sretool.errors import Problem


NOT_PROMQL: Final = "SLO201"
"""The linter's code for it."""


def _pairs(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` options as a mapping."""
    found: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not (sign and name and value):
            raise click.BadParameter(f"{text!r} is not NAME=VALUE")
        found[name] = value
    return found


@click.command(name="rules")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    metavar="FILE|DIR/",
    help="Write here instead of stdout; into a folder one file for each objective.",
)
@click.option(
    "--tests",
    metavar="FILE|DIR/",
    help="Also write unit tests for promtool that prove every alert; needs --out. Tests in a folder are much"
    " faster, as promtool evaluates all rules of a file in each test.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["prometheus", "kubernetes"]),
    default="prometheus",
    show_default=True,
    help="A rule file, or PrometheusRule resources, one for each service.",
)
@click.option(
    "--severity",
    "renamed",
    metavar="page=NAME",
    multiple=True,
    callback=_pairs,
    help="What the label `severity` says instead of page or ticket; goes before the catalog's own names.",
)
@click.option("--runbook-base", metavar="URL", help="Where runbooks that are no address lie.")
@click.option("--namespace", metavar="NAME", help="Of the Kubernetes resources.")
@click.option(
    "--label",
    "labels",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_pairs,
    help="Of the Kubernetes resources; may be repeated.",
)
@click.pass_obj
def command(
    settings: Settings,
    paths: tuple[Path, ...],
    out: str | None,
    tests: str | None,
    output_format: str,
    renamed: Mapping[str, str],
    runbook_base: str | None,
    namespace: str | None,
    labels: Mapping[str, str],
) -> None:
    """Recording and alerting rules of the objectives in PATH, or in the catalog in use.

    One group for each objective. Load the file in Prometheus (or vmalert, Thanos Ruler, Mimir), and
    `sretool slo status` reads what it records.

    The tests say in which minute each alert fires and clears, as counted from the events, and that it is
    silent otherwise: `promtool test rules FILE`, or DIR/*.yml where --out and --tests are folders (which
    exist already, or are written with a slash at the end).
    """
    from sretool.adapters.files import catalog
    from sretool.core.slo import rules

    if tests is not None and (out is None or output_format != "prometheus"):
        raise UsageError(
            "--tests needs a rule file beside it", remedy="add --out FILE, without --format kubernetes"
        )
    if out is not None and tests is not None and _is_folder(out) != _is_folder(tests):
        raise UsageError(
            "one of --out and --tests is a folder and the other a file",
            remedy="give two files, or two folders with a slash at their end",
        )
    if out is not None and _is_folder(out) and output_format != "prometheus":
        raise UsageError("Kubernetes resources go into one file", remedy="give a file as --out")
    files = catalog_paths(settings, paths)
    system = catalog.load(files)
    _refuse_what_is_no_promql(system, files)
    diagnostics.tell_warnings(system.warnings)
    severities = {**system.severities, **_severities(renamed)}
    if output_format == "kubernetes":
        text = rules.render_kubernetes(
            system.slos, runbook_base, severities, namespace=namespace, labels=labels
        )
    else:
        if namespace or labels:
            raise UsageError("--namespace and --label go with --format kubernetes only")
        if out is not None and _is_folder(out):
            _write_folders(Path(out), Path(tests) if tests else None, system.slos, runbook_base, severities)
            return
        text = rules.render(system.slos, runbook_base, severities)
    if out is None:
        click.echo(text, nl=False)
    else:
        write(Path(out), text)
    if tests is not None and out is not None:
        _write_tests(Path(tests), Path(out), system.slos, severities)


def _refuse_what_is_no_promql(system: System, paths: Sequence[Path]) -> None:
    """Raise CatalogError with the place of every query that no Prometheus would load."""
    from sretool.core.lint.promql import SyntaxProblem, parse
    from sretool.core.slo.windows import RATE_WINDOW
    from sretool.errors import CatalogError, Problem

    wrong: list[Problem] = []
    for slo in system.slos:
        trees = (parse(expr) for expr in (slo.bad_rate(RATE_WINDOW), slo.total_rate(RATE_WINDOW)))
        found = next((tree for tree in trees if isinstance(tree, SyntaxProblem)), None)
        if found is not None:
            file, line = system.places[slo.base_id]
            wrong.append(Problem(file, line, f"{slo.id}: not PromQL: {found.message}"))
    if wrong:
        raise CatalogError(_as_written(paths) or tuple(wrong))


def _as_written(paths: Sequence[Path]) -> tuple[Problem, ...]:
    """The same where the files say it, with line and column; the rules wrap it in more."""
    from sretool.adapters.files import catalog
    from sretool.core.lint.run import lint
    from sretool.errors import Problem

    texts = {catalog.shown(file): file.read_bytes() for path in paths for file in catalog.files_of(path)}
    return tuple(
        Problem(found.file, found.line, found.message)
        for found in lint(texts).findings
        if found.code == NOT_PROMQL
    )


def _is_folder(path: str) -> bool:
    return path.endswith(os.sep) or Path(path).is_dir()


def _write_folders(
    out: Path,
    tests: Path | None,
    slos: Sequence[Slo],
    runbook_base: str | None,
    severities: Mapping[Severity, str],
) -> None:
    """A rule file, and one of tests, for each SLO."""
    from sretool.core.slo import rules

    if tests is not None and tests.resolve() == out.resolve():
        raise UsageError("--out and --tests are the same folder", remedy="give two folders")
    for folder in (out, tests):
        if folder is not None:
            _make(folder)
    names = _names(slos)
    for slo, name in zip(slos, names, strict=True):
        write(out / name, rules.render([slo], runbook_base, severities))
        if tests is not None:
            _write_tests(tests / name, out / name, [slo], severities)
    for folder in (out, tests):
        for stranger in sorted(folder.glob("*.yml")) if folder is not None else ():
            if stranger.name not in names:
                diagnostics.tell(f"{stranger} is of none of these objectives", "remove it where it is old")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from error


def _names(slos: Sequence[Slo]) -> list[str]:
    """File names: `shop-checkout.yml`; with a number where another objective has the same."""
    names: list[str] = []
    for slo in slos:
        stem = slo.base_id.replace("/", "-")
        spellings = (f"{stem}-{number}.yml" if number > 1 else f"{stem}.yml" for number in count(1))
        names.append(next(name for name in spellings if name not in names))
    return names


def _write_tests(
    file: Path, rule_file: Path, slos: Sequence[Slo], severities: Mapping[Severity, str]
) -> None:
    """Tests of a rule file that is written already; what cannot be proven is told on stderr."""
    from sretool.core.slo import proof

    sets = [proof.prove(slo, severities, proof.ANY_RANGES) for slo in slos]
    write(file, proof.write_tests(sets, os.path.relpath(rule_file, file.parent)))
    for each in sets:
        if each.missing is not None:
            diagnostics.tell(
                f"{each.slo.id}: tests prove only that it is silent without data: {each.missing}"
            )


def catalog_paths(settings: Settings, paths: Sequence[Path]) -> Sequence[Path]:
    """The paths given, else the catalog in use; no server has to be known."""
    if paths or settings.catalog:
        return paths or settings.catalog
    lab = settings.chosen_lab()
    if lab is None:
        raise UsageError("no catalog of objectives is known", remedy="give PATH, or --catalog PATH")
    return (Path(lab.catalog),)


def write(file: Path, text: str) -> None:
    """`text` as the whole new content of `file`; a reader never sees half of it."""
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UsageError(f"cannot write {file}: {error.strerror}") from error


def _severities(renamed: Mapping[str, str]) -> dict[Severity, str]:
    for name in renamed:
        if name not in set(Severity):
            raise UsageError(f"there is no severity {name!r}", remedy="write page=NAME or ticket=NAME")
    return {Severity(name): value for name, value in renamed.items()}
