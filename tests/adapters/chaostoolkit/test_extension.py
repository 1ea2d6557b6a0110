"""Pages of the extension, read from its text."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

from sretool.adapters.chaostoolkit.extension import pages


def test_every_page_is_of_a_function_that_is_there() -> None:
    for page in pages():
        if page.kind == "control":
            continue
        function = getattr(importlib.import_module(page.module), page.func)
        assert [each.name for each in page.arguments] == [
            each.name
            for each in inspect.signature(function).parameters.values()
            if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        ]


def test_every_page_says_what_it_does_in_a_sentence() -> None:
    found = pages()
    assert {"probe", "action"} <= {page.kind for page in found}
    for page in found:
        assert page.summary.endswith((".", "!", "?")), page.name
        assert "\n" not in page.summary


def test_planning_functions_are_no_actions() -> None:
    assert not [page.name for page in pages() if page.func.startswith(("plan_", "_"))]


def test_nothing_of_the_extension_is_imported_for_its_pages() -> None:
    code = """
import sys
from sretool.adapters.chaostoolkit.extension import pages
assert pages()
assert not [name for name in sys.modules if name.startswith(("sretool.chaos", "chaoslib", "kubernetes"))]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)
