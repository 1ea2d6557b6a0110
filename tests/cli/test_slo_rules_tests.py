"""`slo rules --tests`: what is written is accepted and proven by promtool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.cli.main import main
from tests.support.programs import run

if TYPE_CHECKING:
    from pathlib import Path

CATALOG = """\
slos:
  - id: shop/checkout
    title: Checkout
    objective: 90%
    window: 1d
    sli: {bad: 'http_requests_total{code=~"5.."}', total: http_requests_total}
"""


def ended(argv: list[str]) -> object:
    """The exit code of one command."""
    with pytest.raises(SystemExit) as end:
        main(argv)
    return end.value.code


def test_the_tests_prove_the_rules_beside_them(tmp_path: Path) -> None:
    catalog, out, tests = (tmp_path / name for name in ("slos.yaml", "out/rules.yml", "out/tests/rules.yml"))
    catalog.write_text(CATALOG)
    tests.parent.mkdir(parents=True)
    assert ended(["slo", "rules", str(catalog), "--out", str(out), "--tests", str(tests)]) == 0
    assert "SUCCESS" in run("promtool", "test", "rules", tests)


def test_tests_need_a_rule_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = tmp_path / "slos.yaml"
    catalog.write_text(CATALOG)
    assert ended(["slo", "rules", str(catalog), "--tests", str(tmp_path / "tests.yml")]) == 2
    assert "--out" in capsys.readouterr().err
    assert not (tmp_path / "tests.yml").exists()
