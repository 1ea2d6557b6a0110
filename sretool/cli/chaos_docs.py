"""`sretool chaos docs`: the probes, actions and controls that experiments can use."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from sretool.cli import output
from sretool.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sretool.adapters.chaostoolkit.extension import Page

_HEADS: Final = {
    "probe": "Probes: they look and change nothing",
    "action": "Actions: they make faults, undo them, or help",
    "control": "Controls: they hear of everything that happens",
}


@click.command()
@click.argument("name", required=False)
@output.format_option
def docs(name: str | None, output_format: str) -> None:
    """The probes, actions and controls of sretool, for any experiment.

    NAME is one of the list, or part of it from its end: `answers`,
    `http.answers`; a module (`probes.http`) shows all that is in it.
    Everything works under Chaos Toolkit's own `chaos run`, too.
    """
    from sretool import wiring

    pages = wiring.chaos_extension()
    found = pages if name is None else _named(name, pages)
    if output_format == "json":
        output.write_json({"functions": [_plain(page) for page in found]})
    elif name is None:
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        click.echo("\n".join(_list(found, columns)))
    else:
        click.echo("\n\n\n".join("\n".join(_page(page)) for page in found))


def _named(name: str, pages: Sequence[Page]) -> Sequence[Page]:
    """UsageError where nothing has that name."""
    wanted = f".{name.strip('.')}"
    found = [page for page in pages if f".{page.name}".endswith(wanted)]
    found = found or [page for page in pages if f".{page.module}".endswith(wanted)]
    if found:
        return found

    ends = {page.name.rpartition(".")[2] for page in pages} | {page.short for page in pages}
    hint = did_you_mean(name.rpartition(".")[2] if name.rpartition(".")[2] in ends else name, sorted(ends))
    raise UsageError(
        f"there is no probe, action or control {name!r}{hint if 'mean' in hint else ''}",
        remedy="`sretool chaos docs` lists them",
    )


def _plain(page: Page) -> dict[str, Any]:
    return {"name": page.name, **asdict(page), "summary": page.summary}


def _list(pages: Sequence[Page], columns: int | None) -> Iterator[str]:
    """`columns` of the terminal; None: there is none, and lines are whole."""
    width = max((len(_last(page)) for page in pages), default=0)
    for kind, head in _HEADS.items():
        of_kind = [page for page in pages if page.kind == kind]
        if not of_kind:
            continue
        yield head
        for page in of_kind:
            line = f"  {_last(page):<{width}}  {page.summary}"
            yield line if columns is None or len(line) <= columns else f"{line[: columns - 1].rstrip()}…"
        yield ""
    yield "A name alone shows its page: `sretool chaos docs NAME`."


def _last(page: Page) -> str:
    """`network.add_latency`: the list says what kind it is."""
    return page.short.partition(".")[2]


def _page(page: Page) -> Iterator[str]:
    yield f"{page.name}   ({page.kind})"
    yield ""
    yield from page.text.splitlines()
    if page.kind == "control":
        yield from ("", "In an experiment:", "", *_control_example(page))
        return
    given = [each for each in page.arguments if not each.by_toolkit]
    if given:
        yield from ("", "Arguments:", "")
        names = max(len(each.name) for each in given)
        types = max(len(each.type) for each in given)
        for each in given:
            default = "must be given" if each.default is None else f"default {each.default}"
            yield f"  {each.name:<{names}}  {each.type:<{types}}  {default}".rstrip()
    if any(each.name == "secrets" for each in page.arguments):
        yield from ("", "It takes `secrets`.")
    if page.gives and page.gives != "None":
        yield from ("", f"Gives {page.gives}.")
    if page.kind == "action" and page.planned:
        yield from ("", "`sretool chaos plan` says exactly what it would hurt.")
    yield from (
        "",
        "In an experiment:",
        "",
        *_example(page, [each.name for each in given if not each.default]),
    )


def _example(page: Page, needed: Sequence[str]) -> Iterator[str]:
    yield f"  - type: {page.kind}"
    yield f"    name: {page.func.replace('_', ' ')}"
    if page.kind == "probe":
        yield "    tolerance: …            # in the method: without it any answer but False is as wanted"
    yield "    provider:"
    yield "      type: python"
    yield f"      module: {page.module}"
    yield f"      func: {page.func}"
    if needed:
        yield "      arguments:"
        yield from (f"        {name}: …" for name in needed)


def _control_example(page: Page) -> Iterator[str]:
    yield "  controls:"
    yield f"    - name: {page.module.rpartition('.')[2]}"
    yield f"      provider: {{type: python, module: {page.module}}}"
