"""Reports from templates: HTML with everything inside it, or Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TAG: Final = re.compile(r"<(?=[A-Za-z/!?])")


def render(
    template: str,
    *,
    escape: bool,
    filters: Mapping[str, Callable[..., Any]],
    functions: Mapping[str, Callable[..., Any]],
    **values: Any,
) -> str:
    """A template of this package, filled in; an unknown name in it is an error."""
    environment = Environment(
        loader=PackageLoader("sretool.report"),
        autoescape=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update({"cell": cell, **filters})
    environment.globals.update(functions)
    return environment.get_template(template).render(**values)


def cell(text: object) -> str:
    """Text that stays in one cell of a Markdown table and is no markup."""
    return _TAG.sub("&lt;", " ".join(str(text).split())).replace("|", "\\|")
