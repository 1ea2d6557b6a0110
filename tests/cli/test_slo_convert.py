from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from sretool.cli import diagnostics
from sretool.cli.main import group

if TYPE_CHECKING:
    from pathlib import Path

CATALOG = """\
slos:
  - {id: shop/availability, objective: 99.9%, window: 30d, sli: {bad: e_total, total: t_total}}
  - {id: shop/latency, objective: 99%, window: 7d, sli: {histogram: h, threshold: 0.5}}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "slos.yaml"
    path.write_text(CATALOG)
    return path


def convert(*arguments: str) -> int:
    return diagnostics.run(group, ["slo", "convert", *arguments])


def test_what_is_expressed_goes_to_stdout(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert("--to", "openslo", str(catalog)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    kinds = [(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(out)]
    assert kinds == [("Service", "shop"), ("SLO", "availability"), ("SLO", "latency")]


def test_what_is_lost_is_listed_where_it_stands(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sloth.yaml"
    assert convert("--to", "sloth", str(catalog), "--out", str(file)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.rpartition("/")[2] for line in err.splitlines()] == [
        "latency: not in Sloth: window: 7d: Sloth takes 30d unless it is started with another one"
    ]
    assert "slos.yaml:3: shop/latency" in err
    assert [slo["name"] for slo in yaml.safe_load(file.read_text())["slos"]] == ["availability", "latency"]
    assert convert("--to", "sloth", "--lossy", str(catalog)) == 0


def test_what_the_source_has_in_vain_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pyrra.yaml"
    path.write_text(
        "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: {name: a, namespace: shop}\n"
        "spec: {target: '99', window: 4w, surprise: 1,"
        " indicator: {ratio: {errors: {metric: e}, total: {metric: t}}}}\n"
    )
    assert convert("--to", "native", str(path)) == 0
    out, err = capsys.readouterr()
    assert yaml.safe_load(out)["slos"][0]["id"] == "shop/a"
    assert err.endswith("pyrra.yaml:4: warning: spec.surprise: left out: no such key is known here\n")
