from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from sretool.cli import diagnostics
from sretool.cli.main import group

if TYPE_CHECKING:
    from pathlib import Path

CATALOG = """\
severities: {ticket: warning}
slos:
  - id: shop/availability
    objective: 99.9%
    window: 30d
    runbook: broken
    sli: {good: answers_total, total: requests_total}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "slos.yaml"
    path.write_text(CATALOG)
    return path


def run(*arguments: str) -> int:
    return diagnostics.run(group, ["slo", "rules", *arguments])


def test_rules_go_to_stdout(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(catalog), "--severity", "page=critical", "--runbook-base", "https://wiki") == 0
    out, err = capsys.readouterr()
    assert err == ""
    (found,) = yaml.safe_load(out)["groups"]
    alerts = [rule for rule in found["rules"] if "alert" in rule]
    assert {rule["labels"]["severity"] for rule in alerts} == {"critical", "warning"}
    assert alerts[0]["annotations"]["runbook"] == "https://wiki/broken.md"


def test_rules_go_to_a_file_as_kubernetes_resources(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.yml"
    file.write_text("old")
    options = ["--format", "kubernetes", "--namespace", "mon", "--label", "release=prom", "--out", str(file)]
    assert run(str(catalog), *options) == 0
    assert capsys.readouterr().out == ""
    found = yaml.safe_load(file.read_text())
    assert found["kind"] == "PrometheusRule"
    assert found["metadata"] == {"name": "slo-shop", "namespace": "mon", "labels": {"release": "prom"}}


def test_the_catalog_in_use_needs_no_server(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnostics.run(group, ["--catalog", str(catalog), "slo", "rules"]) == 0
    assert "slo:shop/availability" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--severity", "warn=x"], "no severity 'warn'", id="severity"),
        pytest.param(["--severity", "page"], "is not NAME=VALUE", id="no value"),
        pytest.param(["--namespace", "x"], "--format kubernetes only", id="namespace of a rule file"),
        pytest.param(["--out", "/nowhere/at/all"], "cannot write /nowhere/at/all", id="no folder"),
        pytest.param(["/no/such/file"], "does not exist", id="no file"),
    ],
)
def test_what_cannot_be_done_is_one_error(
    catalog: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert run(str(catalog), *options) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert "Traceback" not in err


def test_queries_that_are_no_promql_are_told_with_their_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = tmp_path / "slos.yaml"
    catalog.write_text(
        "slos:\n"
        "  - {id: shop/a, objective: 99%, window: 30d, sli: {up: 'sum by up'}}\n"
        "  - {id: shop/b, objective: 99%, window: 30d, sli: {up: 'up{job=\"x\"}'}}\n"
        "  - {id: shop/c, objective: 99%, window: 30d,\n"
        "     sli: {error_ratio: 'sum(rate(e[{window}]) ~ 2)'}}\n"
    )
    assert diagnostics.run(group, ["slo", "rules", str(catalog)]) == 2
    err = capsys.readouterr().err
    assert f"{catalog}:2: " in err
    assert f"{catalog}:5: " in err
    assert "(column 48)" in err
    assert f"{catalog}:3: " not in err
