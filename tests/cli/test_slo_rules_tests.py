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


@pytest.mark.slow
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


SECOND = CATALOG + CATALOG.replace("slos:\n", "").replace("shop/checkout", "shop-checkout/x").replace(
    "http_requests", "writes"
)


@pytest.mark.lab
def test_folders_hold_rules_and_tests_of_each_objective(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog, out, tests = (tmp_path / name for name in ("slos.yaml", "rules", "tests"))
    catalog.write_text(SECOND)
    out.mkdir()
    (out / "old.yml").write_text("groups: []")
    assert ended(["slo", "rules", str(catalog), "--out", str(out), "--tests", f"{tests}/"]) == 0
    names = ["shop-checkout-x.yml", "shop-checkout.yml"]
    assert sorted(file.name for file in tests.iterdir()) == names
    assert sorted(file.name for file in out.iterdir()) == ["old.yml", *names]
    assert "old.yml is of none of these objectives" in capsys.readouterr().err
    assert run("promtool", "test", "rules", *sorted(tests.iterdir())).count("SUCCESS") == 2


def test_names_of_files_are_told_apart(tmp_path: Path) -> None:
    catalog = tmp_path / "slos.yaml"
    catalog.write_text(SECOND.replace("shop-checkout/x", "shop-a/b").replace("shop/checkout", "shop/a-b"))
    assert ended(["slo", "rules", str(catalog), "--out", f"{tmp_path}/out/"]) == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["shop-a-b-2.yml", "shop-a-b.yml"]


def test_a_file_and_a_folder_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = tmp_path / "slos.yaml"
    catalog.write_text(CATALOG)
    arguments = ["slo", "rules", str(catalog), "--out", f"{tmp_path}/out/", "--tests", f"{tmp_path}/t.yml"]
    assert ended(arguments) == 2
    assert "two folders" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
