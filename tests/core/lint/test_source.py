"""Files that are hard to read: what stops them, and that nothing else is hurt."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sretool.core.lint.run import fixed, lint
from sretool.core.lint.source import LARGEST, open_source

SLO = "slos:\n  - {id: a/b, objective: 99.9%, window: 30d, sli: {bad: e_total, total: r_total}}\n"


def bomb() -> bytes:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for inner, outer in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{outer}: &{outer} [{', '.join(['*' + inner] * 9)}]")
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("content", "line", "code", "words"),
    [
        pytest.param(b"", 1, "SLO003", "empty", id="empty"),
        pytest.param(b"  \n\n", 1, "SLO003", "empty", id="blank"),
        pytest.param(b"# nothing\n---\n", 1, "SLO003", "remarks", id="remarks only"),
        pytest.param(b"a: 1\nb: caf\xe9\n", 2, "SLO001", "byte 0xe9 at column 7", id="Latin-1"),
        pytest.param("slos: []".encode("utf-16"), 1, "SLO001", "UTF-16", id="UTF-16"),
        pytest.param("slos: []".encode("utf-32"), 1, "SLO001", "UTF-32", id="UTF-32"),
        pytest.param(b"x" * (LARGEST + 1), 1, "SLO001", "16 MiB", id="too large"),
        pytest.param(b"[],\n" * 700_000, 1, "SLO001", "1000000 values", id="too many values"),
        pytest.param(b"[" * 60_000 + b"]" * 60_000, 1, "SLO001", "100 levels", id="deep lists"),
        pytest.param(b"- " * 60_000 + b"a", 1, "SLO001", "100 levels", id="deep dashes"),
        pytest.param(b"? " * 60_000 + b"a", 1, "SLO001", "100 levels", id="deep keys"),
        pytest.param(b"{a: " * 60_000, 1, "SLO001", "100 levels", id="deep and broken"),
        pytest.param(bomb(), 1, "SLO001", "aliases", id="alias bomb"),
        pytest.param(b"a: &a [*a]\n", 1, "SLO001", "without end", id="alias loop"),
        pytest.param(b"a: [1\nb: {\n", 2, "SLO002", "column", id="syntax"),
        pytest.param(b"a: \x00", 1, "SLO002", "control characters", id="NUL"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, line: int, code: str, words: str) -> None:
    opened = open_source("f.yaml", content)
    assert opened.source is None
    (found,) = opened.findings
    assert (found.line, found.code) == (line, code)
    assert words in found.message


def test_every_line_with_a_tab_is_named() -> None:
    opened = open_source("f.yaml", b"slos:\n\t- id: x\n\t  y: 1\n")
    assert [(found.line, found.code) for found in opened.findings] == [(2, "SLO002"), (3, "SLO002")]


def test_a_tab_that_yaml_allows_is_none_of_our_business() -> None:
    assert open_source("f.yaml", b'a: "x\ty"\nb:\t1\n').findings == ()


def test_deep_enough_for_every_real_file() -> None:
    nested = "".join(f"{'  ' * level}a:\n" for level in range(90)) + "  " * 90 + "b"
    opened = open_source("f.yaml", nested.encode())
    assert opened.source is not None
    assert opened.findings == ()


def test_a_byte_order_mark_is_taken_away() -> None:
    content = "\ufeff" + SLO
    report = lint({"f.yaml": content.encode()})
    assert [(found.code, str(found.severity)) for found in report.findings] == [("SLO004", "warning")]
    assert not report.unreadable
    assert fixed(content, report.findings) == (SLO, 1)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet=": -[]{}&*!%?|>'\"#\n\ta0", max_size=40).map(str.encode))
def test_whatever_a_file_holds_becomes_findings(content: bytes) -> None:
    lint({"f.yaml": content, "slos.yaml": SLO.encode() + content})
