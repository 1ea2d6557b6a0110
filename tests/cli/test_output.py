"""What goes to stdout."""

from __future__ import annotations

from sretool.cli.output import columns


def test_columns_are_as_wide_as_their_longest_cell_and_lines_end_with_words() -> None:
    rows = [("NAME", "FOR", "TITLE"), ("a-long-name", "5m", "one"), ("b", "1h30m", "")]
    assert list(columns(rows)) == [
        "NAME         FOR    TITLE",
        "a-long-name  5m     one",
        "b            1h30m",
    ]


def test_figures_end_at_the_right_of_their_column() -> None:
    rows = [("NAME", "SCORE", "OF"), ("a-long-name", "5", "100"), ("b", "12.5", "7")]
    assert list(columns(rows, right=(1, 2))) == [
        "NAME         SCORE   OF",
        "a-long-name      5  100",
        "b             12.5    7",
    ]
