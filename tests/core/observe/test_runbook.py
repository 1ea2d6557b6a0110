"""Markdown as sections, steps, commands and links."""

from __future__ import annotations

from pathlib import Path

import pytest

from sretool.core.observe import runbook
from sretool.core.observe.runbook import Code, CodeKind, Heading, Listing, Paragraph, Step, Table

TEXT = """\
# Burn

Intro with `code` and **weight**.

| a | b |
| --- | --- |
| 1 | `2` |

## Check

1. Compare: `sum(rate(x[5m]))` beside
   `kubectl get pods -n shop`.
2. See [Other](Other.md) or [wiki](https://wiki/x).

   ```sh
   $ kubectl logs app
   ```
   - nested

## Mitigate

- [ ] Roll back
- [x] Tell people
"""


def steps(text: str) -> tuple[Step, ...]:
    return runbook.parse("x", text).steps


def test_blocks_come_in_their_order() -> None:
    parsed = runbook.parse("burn", TEXT)
    assert parsed.title == "Burn"
    kinds = [type(block) for block in parsed.blocks]
    assert kinds == [Heading, Paragraph, Table, Heading, Step, Step, Listing, Step, Heading, Step, Step]
    table = parsed.blocks[2]
    assert isinstance(table, Table)
    assert table.rows == (("a", "b"), ("1", "2"))


def test_every_entry_of_a_list_is_a_step() -> None:
    found = steps(TEXT)
    assert [(step.number, step.depth, step.text[:9]) for step in found] == [
        ("1", 0, "Compare: "),
        ("2", 0, "See Other"),
        ("", 1, "nested"),
        ("", 0, "Roll back"),
        ("", 0, "Tell peop"),
    ]


def test_a_step_knows_its_commands_queries_and_links() -> None:
    first, second, *_ = steps(TEXT)
    assert first.codes == (
        Code("sum(rate(x[5m]))", CodeKind.QUERY),
        Code("kubectl get pods -n shop", CodeKind.COMMAND),
    )
    assert second.codes == (Code("kubectl logs app", CodeKind.COMMAND),)
    assert [(link.text, link.target) for link in second.links] == [
        ("Other", "Other.md"),
        ("wiki", "https://wiki/x"),
    ]


def test_a_tick_stays_with_the_words_of_its_step() -> None:
    before = {step.text: step.key for step in steps("## A\n1. one\n2. two\n")}
    after = {step.text: step.key for step in steps("## A\n1. zero\n2. one\n3. two\n")}
    assert after["one"] == before["one"]
    assert after["two"] == before["two"]


def test_the_same_words_twice_are_two_steps() -> None:
    keys = [step.key for step in steps("## A\n- check\n- check\n## B\n- check\n")]
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("text", "language", "kind"),
    [
        ("sretool lab status", None, CodeKind.COMMAND),
        ('pg_isready -d "$POSTGRES"', None, CodeKind.COMMAND),
        ("./bin/rollback checkout v411", None, CodeKind.COMMAND),
        ("sum by (route) (rate(x[5m]))", None, CodeKind.QUERY),
        ('up{job="postgres"}', None, CodeKind.QUERY),
        ("severity", None, CodeKind.TEXT),
        ("(not a command at all", None, CodeKind.TEXT),
        ("$ make undo\n$ make check", "console", CodeKind.COMMAND),
        ("a: 1", "yaml", CodeKind.TEXT),
        ("up", "promql", CodeKind.QUERY),
    ],
)
def test_code_is_a_command_a_query_or_words(text: str, language: str | None, kind: CodeKind) -> None:
    assert runbook.code_of(text, language).kind is kind


def test_prompts_are_no_part_of_commands() -> None:
    assert runbook.code_of("$ make undo\n$ make check", "sh").text == "make undo\nmake check"


@pytest.mark.parametrize(
    ("command", "incomplete"),
    [("kubectl logs <pod>", True), ("rollback … v1", True), ("sort < file", False), ("echo 1", False)],
)
def test_placeholders_are_seen(command: str, incomplete: bool) -> None:
    assert runbook.needs_filling_in(command) is incomplete


@pytest.mark.parametrize(
    "text", ["", "plain words", "- \n- x", "1. \n\n   ```\n   code\n   ```", "<b>html</b>", "#"]
)
def test_any_text_is_a_runbook(text: str) -> None:
    assert runbook.parse("name", text).name == "name"


BUNDLED = sorted((Path(runbook.__file__).parents[2] / "systems/amas/runbooks").glob("*.md"))


@pytest.mark.parametrize("file", BUNDLED, ids=lambda file: file.stem)
def test_the_bundled_runbooks_have_steps(file: Path) -> None:
    parsed = runbook.parse(file.stem, file.read_text())
    assert parsed.title == file.stem
    assert len(parsed.steps) >= 3
