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
