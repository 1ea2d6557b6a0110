"""Just enough PromQL to see which metrics an expression reads."""

from __future__ import annotations

import re

_NO_METRICS = re.compile(
    r"""
      "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | \{[^{}]*\} | \[[^\]]*\]
    | \b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)
    | \boffset\s+-?\w+ | \b\d[\w.]* | \#[^\n]*
    """,
    re.VERBOSE,
)
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\(|[a-zA-Z0-9_:])")
_WORDS = {
    "and",
    "or",
    "unless",
    "bool",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "offset",
}


def metrics(expression: str) -> set[str]:
    """Names of the metrics it reads."""
    strings_out = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    bare = _NO_METRICS.sub(" ", _NO_METRICS.sub(" ", strings_out))
    return set(_NAME.findall(bare)) - _WORDS
