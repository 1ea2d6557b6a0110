"""Rules proven by promtool: input series minute by minute, and what the rules make of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_GOT = re.compile(r'expr: "(?P<expr>.*?)", time: (?P<time>[\dhdms]+),\s+exp:.*?\n\s+got:(?P<got>.*?)\n', re.S)
_VALUE = re.compile(r"([-+\d.eE]+|NaN)$")

_UNLIKELY = -98765.4321
"""Expected of every question, so that promtool prints what it got instead."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A rule file and series to feed it, in promtool's notation, a sample a minute from minute 0."""

    text: str
    series: Mapping[str, str]

    def check(self, folder: Path) -> None:
        """Fail with promtool's words where it does not accept the file."""
        done = self._promtool(folder, ["check", "rules", "--lint=all", "--lint-fatal", "rules.yml"])
        assert done.returncode == 0, done.stdout + done.stderr

    def values(self, folder: Path, asked: Sequence[tuple[str, int]]) -> list[float | None]:
        """Value of each expression at its minute; None where there is none. Expressions give one element."""
        test = {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in self.series.items()],
            "promql_expr_test": [
                {
                    "expr": expr,
                    "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": "{}", "value": _UNLIKELY}],
                }
                for expr, minute in asked
            ],
        }
        text = yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]})
        folder.joinpath("test.yml").write_text(text)
        done = self._promtool(folder, ["test", "rules", "test.yml"])
        found = [match["got"].strip() for match in _GOT.finditer(done.stdout + done.stderr)]
        assert len(found) == len(asked), done.stdout + done.stderr
        return [_value(got) for got in found]

    def passes(self, folder: Path, tests: str) -> bool:
        """Whether unit tests of `rules.yml` hold for these rules."""
        folder.joinpath("tests.yml").write_text(tests)
        return self._promtool(folder, ["test", "rules", "tests.yml"]).returncode == 0

    def _promtool(self, folder: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        program = shutil.which("promtool")
        assert program is not None, "promtool is missing: apt-get install prometheus"
        folder.joinpath("rules.yml").write_text(self.text)
        return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def _value(got: str) -> float | None:
    if got == "nil":
        return None
    number = _VALUE.search(got)
    assert number is not None, got
    return float(number[1])
