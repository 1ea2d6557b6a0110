"""Expressions as they stand in files: finding their line, filling in what another program fills in later."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.lint import promql
from sretool.core.lint.expressions import USUAL_SCRAPE, Remark, Use, check
from sretool.core.lint.findings import Edit, Finding, finding
from sretool.core.lint.source import Source, line_of

if TYPE_CHECKING:
    from datetime import timedelta

    import yaml

_PLACEHOLDERS: Final = re.compile(r"\{\{\s*\.window\s*\}\}|\{window\}|(?<=\[)\s*window\s*(?=[\]:])")
"""Sloth's, sretool's own and slo-generator's words for the window."""
_OTHER_TEMPLATES: Final = re.compile(r"\{\{.*?\}\}|\$\{?\w+\}?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Expression:
    """A query, and where it is written."""

    source: Source
    node: yaml.ScalarNode
    use: Use
    text: str
    """With a window of 5 minutes in place of each placeholder, as long as the placeholder was."""
    has_window: bool
    tree: promql.Expr | None
    """None: not PromQL, or still to be filled in by a template."""
    problem: promql.SyntaxProblem | None = None

    @classmethod
    def read(cls, source: Source, node: yaml.ScalarNode, use: Use) -> Expression:
        written = node.value
        text = _PLACEHOLDERS.sub(lambda found: "5m".rjust(len(found.group()), "0"), written)
        if _has_template(text):
            return cls(source, node, use, text, True, None)
        parsed = promql.parse(text)
        tree, problem = (None, parsed) if isinstance(parsed, promql.SyntaxProblem) else (parsed, None)
        return cls(source, node, use, text, text != written, tree, problem)

    def findings(self, scrape: timedelta | None = USUAL_SCRAPE) -> list[Finding]:
        """What is wrong with the expression by itself."""
        if self.problem is not None:
            return [self._not_promql(self.problem)]
        if self.tree is None:
            return []
        return [self.found(remark) for remark in check(self.tree, self.use, scrape=scrape)]

    def _not_promql(self, problem: promql.SyntaxProblem) -> Finding:
        if problem.rate_of_sum:
            return self.found(
                Remark("SLO206", f"rate of a sum: {problem.message}", "sum the rates", offset=problem.offset)
            )
        message = f"not PromQL: {problem.message}"
        if problem.offset is not None:
            line, column = self.place(problem.offset)
            return finding(self.source.file, line, "SLO201", f"{message} (column {column})")
        return self.found(Remark("SLO201", message))

    def found(self, remark: Remark) -> Finding:
        """The remark with the line it is about."""
        return finding(
            self.source.file,
            self._line(remark),
            remark.code,
            remark.message,
            remark.fix,
            edit=self._edit(remark),
            severity=remark.severity,
        )

    def _line(self, remark: Remark) -> int:
        if remark.offset is not None:
            return self.place(remark.offset)[0]
        if remark.at:
            for number, line in self._lines():
                if remark.at in line:
                    return number
        return self._first_line()

    def _edit(self, remark: Remark) -> Edit | None:
        """Only where the text to replace stands there once, as it is written in the expression."""
        if remark.replace is None:
            return None
        old, new = remark.replace
        places = [(number, line) for number, line in self._lines() if old in line]
        if len(places) != 1 or places[0][1].count(old) != 1:
            return None
        number, line = places[0]
        return Edit(number, line.index(old) + 1, old, new)

    def _lines(self) -> list[tuple[int, str]]:
        first, last = int(self.node.start_mark.line), int(self.node.end_mark.line)
        return list(enumerate(self.source.lines[first : last + 1], first + 1))

    def _first_line(self) -> int:
        return line_of(self.node) + (1 if self.node.style in ("|", ">") else 0)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character of the expression."""
        before = self.node.value[:offset]
        row = before.count("\n")
        in_row = offset - (before.rfind("\n") + 1)
        if self.node.style == "|":
            line = self._first_line() + row
            written = self.source.lines[line - 1] if line <= len(self.source.lines) else ""
            text = self.node.value.split("\n")[row]
            return line, max(written.find(text), 0) + in_row + 1
        if self.node.start_mark.line == self.node.end_mark.line:
            quote = 1 if self.node.style else 0
            return line_of(self.node), int(self.node.start_mark.column) + quote + offset + 1
        fragment = self.node.value[offset : offset + 8]
        for number, line in self._lines():
            if fragment in line:
                return number, line.index(fragment) + 1
        return self._first_line(), 1


def _has_template(text: str) -> bool:
    """Whether something else than the window is still to be filled in, outside of strings."""
    return _OTHER_TEMPLATES.search(re.sub(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', '""', text)) is not None
