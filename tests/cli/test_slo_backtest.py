from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from tests.cli.test_slo import CATALOG, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNTIL = datetime(2026, 11, 20, 12, tzinfo=UTC)
BROKE = UNTIL - timedelta(days=2)
"""For half an hour every tenth event is bad."""
INCIDENTS = """\
incidents:
  - {name: bad deploy, start: 2026-11-18T11:58:00Z, end: 2026-11-18T12:30:00Z}
  - {name: quiet one, start: 2026-11-19T11:58:00Z, end: 2026-11-19T12:30:00Z}
  - {name: long ago, start: 2026-10-01T00:00:00Z, end: 2026-10-01T01:00:00Z}
"""


@contextmanager
def prometheus(*, recorded: bool = True, anything: bool = True) -> Iterator[str]:
    """Ten events a second of amas/learning-availability, a tenth of them bad after BROKE."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            form = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
            result = self._result(form["query"], int(form["start"]), int(form["end"])) if anything else []
            body = json.dumps(
                {"status": "success", "data": {"resultType": "matrix", "result": result}}
            ).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _result(self, query: str, start: int, end: int) -> list[dict[str, Any]]:
            if ("slo:(bad|total)" in query) is not recorded or "total" not in query:
                return []
            times = range(start, end + 1, 60)
            bad = [[at, "1" if 0 < at - BROKE.timestamp() <= 1800 else "0"] for at in times]
            values = {"bad": bad, "total": [[at, "10"] for at in times]}
            id_ = {"slo": "amas/learning-availability"}
            return [
                {
                    "metric": {"__name__": f"slo:{what}:rate5m", **id_} if recorded else {"figure": what},
                    "values": points,
                }
                for what, points in values.items()
            ]

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "slos.yaml"
    path.write_text(CATALOG)
    return path


def backtest(url: str, catalog: Path, *arguments: str, until: str = UNTIL.isoformat()) -> int:
    options = ["--prometheus", url, "--catalog", str(catalog), "slo", "backtest", "--days", "4"]
    return diagnostics.run(group, [*options, "--until", until, *arguments])


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "from counters"])
def test_each_firing_is_reported(catalog: Path, capsys: pytest.CaptureFixture[str], recorded: bool) -> None:
    with prometheus(recorded=recorded) as url:
        assert backtest(url, catalog, "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["since", "until", "for_s", "slos", "firings", "score", "as_it_is", "symptoms"]
    assert (document["since"], document["until"]) == ("2026-11-16T12:00:00Z", "2026-11-20T12:00:00Z")
    (slo,) = document["slos"]
    assert (slo["coverage"], slo["origin"]) == (1.0, "rules" if recorded else "counters")
    pages = [each for each in document["firings"] if each["long_s"] == 3600]
    assert [(page["start"], page["end"]) for page in pages] == [
        ("2026-11-18T12:06:00Z", "2026-11-18T12:31:00Z")
    ]
    assert pages[0]["peak_burn"] == pytest.approx(100)
    assert list(document["firings"][0]) == [
        "slo",
        "severity",
        "long_s",
        "short_s",
        "start",
        "end",
        "peak_burn",
        "budget_eaten",
        "budget_eaten_before",
        "incidents",
    ]
    assert (document["score"], document["as_it_is"]) == (None, None)


def test_the_table_and_the_score_are_for_people(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "known.yaml"
    file.write_text(INCIDENTS)
    with prometheus() as url:
        assert backtest(url, catalog, "--incidents", str(file)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1 objective replayed from 2026-11-16T12:00:00Z to 2026-11-20T12:00:00Z"
    assert lines[2].split() == [
        "FIRED",
        "OBJECTIVE",
        "PAIR",
        "START",
        "(UTC)",
        "LASTED",
        "PEAK",
        "EATEN",
        "KNOWN",
        "AS",
    ]
    page = next(line for line in lines if " 1h/5m " in line)
    assert page.startswith("page  amas/learning-availability 1h/5m  2026-11-18 12:0")
    assert page.endswith("bad deploy")
    assert any(line.startswith("bad deploy (2026-11-18 11:58, 32m): page after ") for line in lines)
    assert "quiet one (2026-11-19 11:58, 32m): MISSED" in lines
    assert lines[-1].endswith("recall 50% (1 of 2 incidents, 1 paged); 1 known ones lie outside")


def test_incidents_beside_the_catalog_are_known(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "incidents.yaml").write_text(INCIDENTS)
    with prometheus() as url:
        assert backtest(url, catalog, "--format", "json") == 0
    score = json.loads(capsys.readouterr().out)["score"]
    assert (score["precision"], score["recall"], score["outside"]) == (1.0, 0.5, 1)
    first = score["incidents"][0]
    assert (first["name"], first["detected"], first["page_slo"]) == (
        "bad deploy",
        True,
        "amas/learning-availability",
    )
    assert first["page_after_s"] == 480


def test_what_if_compares_with_what_is(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus() as url:
        assert backtest(url, catalog, "--objective", "90%", "--window", "7d") == 0
        text = capsys.readouterr().out
        assert backtest(url, catalog, "--objective", "90%", "--format", "json") == 0
    assert "what if: target 90%, window 7d" in text
    # Windows that rates over five minutes do not tile.
    assert "5h36m out of 5-minute rates, so up to 4 minutes early or late" in text
    assert "no pair would have fired" in text
    assert "0 pages, 0 tickets\nas it is: 2 pages, 0 tickets" in text
    document = json.loads(capsys.readouterr().out)
    assert document["as_it_is"] == {"pages": 2, "tickets": 0}
    assert document["slos"][0]["objective"] == 0.9


def test_without_any_data_nothing_is_concluded(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog.write_text(CATALOG + SECOND)
    with prometheus(anything=False) as url:
        assert backtest(url, catalog) == 6
    assert (
        "amas/write-durability: no data, neither recorded by rules nor of its counters"
        in capsys.readouterr().out
    )


def test_prometheus_down(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert backtest("http://127.0.0.1:9", catalog) == 3
    assert "cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--objective", "100%"], "--objective: '100%' leaves no error budget"),
        (
            ["--objective", "99.9"],
            "--objective: '99.9' is not a ratio between 0 and 1\n  → did you mean 99.9%?",
        ),
        (["--window", "month"], "--window: 'month' is not a duration"),
        (["--for", "-5m"], "--for: '-5m' is not a duration"),
        (["--days", "0"], "'--days'"),
        (["--until", "2999-01-01"], "lies in the future"),
        (["nothing"], "no objective is named 'nothing'"),
    ],
)
def test_what_cannot_be_asked_is_said_with_exit_2(
    catalog: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert backtest("http://127.0.0.1:9", catalog, *arguments) == 2
    assert said in capsys.readouterr().err


def test_problems_of_the_incidents_file_have_their_lines(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "known.yaml"
    file.write_text("incidents:\n  - {name: x, start: noon, end: 2026-11-18T12:30:00Z}\n")
    assert backtest("http://127.0.0.1:9", catalog, "--incidents", str(file)) == 2
    assert "known.yaml:2: start: 'noon' is not a time" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["slo_backtest", "slo_gate"])
def test_the_command_line_alone_loads_nothing_heavy(module: str) -> None:
    script = f"import sys, sretool.cli.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "requests", "prometheus_api_client", "httpx"} & set(done.stdout.split())
