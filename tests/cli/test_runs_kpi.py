"""`sretool runs kpi` on real folders and with a server on loopback."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sretool.adapters.store.runs import RunStore
from sretool.cli import diagnostics
from sretool.cli.main import group
from sretool.core.runs import lines
from sretool.core.runs.events import Started
from sretool.core.runs.model import Outcome, RunKind, Verdict
from tests.support import chaos_runs
from tests.support.runs import passed_load, store_at

if TYPE_CHECKING:
    from collections.abc import Iterator

AMAS = str(Path(__file__).parents[2] / "sretool/systems/amas")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Without any server or lab."""
    (tmp_path / ".sretool").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("SRETOOL_PROMETHEUS_URL", raising=False)
    return tmp_path


@contextmanager
def server(value: str | None) -> Iterator[str]:
    """One that answers every query with this value, or with nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer(parse_qs(body.decode()))

        def do_GET(self) -> None:
            self._answer(parse_qs(urlsplit(self.path).query))

        def _answer(self, asked: dict[str, list[str]]) -> None:
            ranged = "query_range" in self.path
            at = float(asked["end"][0]) if ranged else time.time()
            said = ("values", [[at, value]]) if ranged else ("value", [at, value])
            result: list[dict[str, object]] = [{"metric": {}, said[0]: said[1]}] if value is not None else []
            kind = "matrix" if ranged else "vector"
            data = json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


def asked(
    capsys: pytest.CaptureFixture[str], *before: str, quarter: str = "2026Q4"
) -> tuple[int, dict[str, Any]]:
    arguments = ["--catalog", AMAS, *before, "runs", "kpi", "--quarter", quarter, "--format", "json"]
    code = diagnostics.run(group, arguments)
    return code, {each["id"]: each for each in json.loads(capsys.readouterr().out)["kpis"]}


def test_runs_feed_what_no_server_is_asked_for(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chaos_runs.judged(chaos_runs.failover(project / ".sretool"))
    passed_load(*store_at(project / ".sretool"))
    code, found = asked(capsys)
    assert code == 0
    told = {name: (each["source"], each["met"]) for name, each in found.items()}
    assert told == {
        "availability": ("runs", True),
        "latency-p95": ("runs", True),
        "errors-5xx": ("runs", True),
        "mttr": ("runs", True),
        "mttd": ("runs", True),
    }
    assert found["mttr"]["runs"] == {"value": 75.0, "runs": 1, "missing": 0, "days": 0}
    assert found["mttd"]["value"] == 26.0
    assert found["mttd"]["target"] == {"below": 60.0}


def test_rounds_and_searches_for_a_dose_are_no_drills(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chaos_runs.judged(chaos_runs.failover(project / ".sretool"))
    with RunStore(project / ".sretool").create(RunKind.GAMEDAY, "rounds of latency") as rounds:
        rounds.record(Started(RunKind.GAMEDAY, "rounds of latency"))
        rounds.finish(Verdict(Outcome.PASSED, "2 pairs"))
    folder = chaos_runs.judged(chaos_runs.failover(project / ".sretool", fault=60.0)).folder
    record = lines.decode_record((folder / "run.json").read_bytes())
    (folder / "run.json").write_bytes(lines.encode_record(replace(record, parent=rounds.run.id, targets=())))
    _, found = asked(capsys)
    assert found["mttr"]["runs"] == {"value": 75.0, "runs": 1, "missing": 0, "days": 0}
    assert diagnostics.run(group, ["runs", "score"]) == 0
    assert "no service is named" not in capsys.readouterr().err


def test_no_data_is_no_value(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chaos_runs.judged(chaos_runs.failover(project / ".sretool"))
    code, found = asked(capsys, quarter="2026Q3")
    assert code == diagnostics.NO_DATA
    assert {(each["value"], each["met"], each["source"]) for each in found.values()} == {(None, None, None)}


def test_a_server_that_answers_counts_before_runs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    passed_load(*store_at(project / ".sretool"))
    with server("0.9985") as url:
        code, found = asked(capsys, "--prometheus", url)
    assert code == 0
    availability = found["availability"]
    assert (availability["source"], availability["value"], availability["met"]) == (
        "prometheus",
        0.9985,
        False,
    )
    assert availability["prometheus"]["days"] == 1
    assert found["mttr"]["source"] is None
    with server(None) as url:
        _, found = asked(capsys, "--prometheus", url)
    assert found["availability"]["source"] == "runs"


def test_a_server_that_does_not_answer_is_told_and_runs_count(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chaos_runs.judged(chaos_runs.failover(project / ".sretool"))
    arguments = ["--catalog", AMAS, "--prometheus", "http://127.0.0.1:9", "runs", "kpi"]
    assert diagnostics.run(group, [*arguments, "--quarter", "2026Q4"]) == diagnostics.UNREACHABLE
    told = capsys.readouterr()
    assert "127.0.0.1:9" in told.err
    rows = {line.split("  ")[0]: line for line in told.out.splitlines()}
    assert rows["Mean time to recovery"].endswith("<= 10m       75s  yes  1 experiment")
    assert rows["Availability"].endswith("?    no load tests")


def test_a_catalog_without_kpis_has_what_runs_measure_and_no_goals(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chaos_runs.judged(chaos_runs.failover(project / ".sretool"))
    assert diagnostics.run(group, ["runs", "kpi", "--quarter", "2026q4"]) == 0
    told = capsys.readouterr()
    assert "a catalog has them as `kpis`" in told.err
    assert "Mean time to detection       -       26s  -    1 experiment" in told.out


@pytest.mark.parametrize(
    ("quarter", "told"), [("2026Q9", "is not a quarter"), ("2999Q1", "2999Q1 has not begun yet")]
)
def test_what_is_no_past_quarter_is_one_clear_error(
    project: Path, capsys: pytest.CaptureFixture[str], quarter: str, told: str
) -> None:
    assert diagnostics.run(group, ["runs", "kpi", "--quarter", quarter]) == diagnostics.USAGE
    assert told in capsys.readouterr().err
