from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.files.catalog import bundled
from sretool.cli import diagnostics
from sretool.cli.main import group
from sretool.core.lint.findings import CODES

if TYPE_CHECKING:
    from pathlib import Path

RIGHT = """\
slos:
  - id: shop/up
    objective: 99%
    window: 1d
    sli: {bad: a_total, total: b_total}
"""
WARNED = (
    RIGHT
    + "slis: [{id: a, title: t, group: g, unit: s, query: 'histogram_quantile(0.9, rate(x_bucket[5m]))'}]\n"
)


def run(*arguments: str) -> int:
    return diagnostics.run(group, ["slo", "lint", *arguments])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_right_file_is_silent_and_ends_with_0(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "slos.yaml").write_text(RIGHT)
    assert run("slos.yaml") == 0
    assert capsys.readouterr() == ("", "0 errors, 0 warnings in 1 file\n")


def test_a_finding_is_one_line_with_its_place(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "slos.yaml").write_text(RIGHT.replace("99%", "99"))
    assert run("slos.yaml") == 1
    out, err = capsys.readouterr()
    assert out == "slos.yaml:3: SLO102 objective: 99 is not a ratio between 0 and 1; write 99%\n"
    assert err == "1 error, 0 warnings in 1 file\n  → --fix corrects 1 of them\n"


def test_a_warning_alone_ends_with_0(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "slos.yaml").write_text(WARNED)
    assert run("slos.yaml") == 0
    assert "slos.yaml:6: SLO204 " in capsys.readouterr().out


def test_json_has_every_key(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "slos.yaml").write_text(WARNED.replace("window: 1d", "window: 1 day"))
    assert run("slos.yaml", "--format", "json") == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [(each["line"], each["code"], each["severity"]) for each in found] == [
        (4, "SLO008", "error"),
        (6, "SLO204", "warning"),
    ]
    assert all(set(each) == {"file", "line", "code", "severity", "message", "fix"} for each in found)


def test_what_cannot_be_read_ends_with_2_and_the_rest_is_checked(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.yaml").write_bytes(b"\xff")
    (here / "b.yaml").write_text(RIGHT.replace("99%", "99"))
    assert run("a.yaml", "b.yaml", "nowhere.yaml") == 2
    assert [line.split(" ")[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["nowhere.yaml:1:", "SLO001"],
        ["a.yaml:1:", "SLO001"],
        ["b.yaml:3:", "SLO102"],
    ]


def test_fix_corrects_in_place_and_keeps_the_rest(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = here / "slos.yaml"
    text = "# ours\r\n" + RIGHT.replace("\n", "\r\n")
    file.write_bytes(text.replace("99%", "99  # wanted").encode())
    file.chmod(0o640)
    assert run("slos.yaml", "--fix") == 0
    assert file.read_bytes() == text.replace("99%", "99%  # wanted").encode()
    assert file.stat().st_mode & 0o777 == 0o640
    assert capsys.readouterr().err == "corrected 1 place in 1 file\n0 errors, 0 warnings in 1 file\n"
    assert [entry.name for entry in here.iterdir()] == ["slos.yaml"]


def test_the_bundled_catalog_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(bundled("amas"))) == 0
    assert capsys.readouterr().out == ""


def test_without_a_path_the_catalog_is_checked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mine.yaml").write_text(RIGHT.replace("99%", "99"))
    assert diagnostics.run(group, ["--catalog", "mine.yaml", "slo", "lint"]) == 1
    assert capsys.readouterr().out.startswith("mine.yaml:3: SLO102")


def test_an_unreachable_server_ends_with_3(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "slos.yaml").write_text(RIGHT)
    assert (
        diagnostics.run(group, ["--prometheus", "http://127.0.0.1:1", "slo", "lint", "--live", "slos.yaml"])
        == 3
    )
    assert "cannot be reached" in capsys.readouterr().err


def test_the_codes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--codes") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(CODES)
    assert run("--codes", "--format", "json") == 0
    assert len(json.loads(capsys.readouterr().out)["codes"]) == len(CODES)


def test_only_a_lint_loads_the_parser_of_promql() -> None:
    script = (
        "import sys\nfrom sretool.cli.main import main\n"
        "try: main(['slo', 'lint', '--codes'])\nexcept SystemExit: pass\n"
        "assert 'promql_parser' not in sys.modules and 'yaml' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
