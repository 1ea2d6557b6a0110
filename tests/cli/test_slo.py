from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from tests.support.sources import reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CATALOG = """\
slos:
  - id: amas/learning-availability
    title: Learning API availability
    objective: 99.9%
    window: 30d
    sli: {bad: errors_total, total: requests_total}
"""

SECOND = """\
  - id: amas/write-durability
    title: Writes
    objective: 99.999%
    window: 30d
    sli: {bad: failed_total, total: writes_total}
"""


@contextmanager
def prometheus(answers: Mapping[str, bytes]) -> Iterator[tuple[str, list[dict[str, list[str]]]]]:
    """A server on loopback that answers queries containing a key; its address and what it was asked."""
    asked: list[dict[str, list[str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            asked.append(form)
            kind = b"matrix" if "step" in form else b"vector"
            nothing = b'{"status":"success","data":{"resultType":"%b","result":[]}}' % kind
            body = next((body for key, body in answers.items() if key in form["query"][0]), nothing)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


RECORDED = {
    "{__name__=~": reply("prometheus/recorded.json"),
    "timestamp(slo:info": reply("prometheus/ages.json"),
}


def with_value(name: str, value: str) -> dict[str, bytes]:
    """The recorded answer with another value of one series."""
    document = json.loads(RECORDED["{__name__=~"])
    for item in document["data"]["result"]:
        if item["metric"]["__name__"] == name:
            item["value"][1] = value
    return {**RECORDED, "{__name__=~": json.dumps(document).encode()}


def run(url: str, catalog: Path, *arguments: str) -> int:
    options = ["--prometheus", url, "--catalog", str(catalog)]
    return diagnostics.run(group, [*options, "slo", "status", *arguments])


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "slos.yaml"
    path.write_text(CATALOG)
    return path


def test_json_has_the_promised_keys_and_figures(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(RECORDED) as (url, _):
        assert run(url, catalog, "--format", "json") == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert list(document) == ["at", "slos"]
    (found,) = document["slos"]
    assert list(found) == [
        "id",
        "service",
        "objective",
        "window_s",
        "sli",
        "sli_1h",
        "good",
        "total",
        "budget_left",
        "burn",
        "level",
        "firing",
        "exhausts_in_s",
        "recovers_in_s",
        "coverage",
        "group",
        "calendar",
        "exclusions",
        "unmatched",
        "blind",
    ]
    assert (found["id"], found["service"], found["objective"]) == (
        "amas/learning-availability",
        "amas",
        0.999,
    )
    assert found["window_s"] == 2_592_000
    assert found["sli"] == pytest.approx(0.99942448)
    assert list(found["burn"]) == ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]
    assert (found["level"], found["firing"], found["coverage"]) == ("ok", [], 1)


def test_a_page_ends_with_1_and_says_which_pair(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(with_value("slo:error_ratio:rate", "0.5")) as (url, _):
        assert run(url, catalog, "--format", "json") == 1
        (found,) = json.loads(capsys.readouterr().out)["slos"]
        assert found["firing"][0] == {"severity": "page", "long_s": 3600, "short_s": 300, "factor": 14.4}
        assert run(url, catalog) == 1
    text = capsys.readouterr().out
    assert "amas/learning-availability: page, burns 500x over 1h and 500x over 5m, limit 14.4x" in text


def test_a_spent_budget_ends_with_1(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(with_value("slo:bad:sum", "100000")) as (url, _):
        assert run(url, catalog) == 1
    assert "budget spent" in capsys.readouterr().out


def test_a_ticket_ends_with_0(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(with_value("slo:error_ratio:rate", "0.004")) as (url, _):
        assert run(url, catalog) == 0
    assert capsys.readouterr().out.startswith("1 ticket")


def test_an_slo_without_data_ends_with_6(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog.write_text(CATALOG + SECOND)
    with prometheus(RECORDED) as (url, _):
        assert run(url, catalog) == 6
        assert run(url, catalog, "amas/learning-availability") == 0
    assert "no data" in capsys.readouterr().out


def test_a_server_that_is_not_there_ends_with_3(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("http://127.0.0.1:9", catalog) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("sretool: Prometheus at http://127.0.0.1:9 cannot be reached")
    assert "  → " in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["amas/lerning-availability"], "did you mean amas/learning-availability?", id="typo"),
        pytest.param(["amas/x*"], "there are: amas/learning-availability", id="pattern without a match"),
        pytest.param(["--at", "yesterday"], "is not a time", id="no time"),
        pytest.param(["--at", "2999-01-01T00:00:00Z"], "lies in the future", id="future"),
        pytest.param(["--at", "-5"], "no server has figures that old", id="negative"),
        pytest.param(["--at", "0"], "no server has figures that old", id="epoch"),
    ],
)
def test_what_cannot_be_asked_ends_with_2(
    catalog: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run("http://127.0.0.1:9", catalog, *arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("chosen", ["amas/learn", "learn", "amas/*", "*avail*", "amas/learning-availability"])
def test_ids_may_be_beginnings_and_patterns(
    catalog: Path, capsys: pytest.CaptureFixture[str], chosen: str
) -> None:
    with prometheus(RECORDED) as (url, _):
        assert run(url, catalog, chosen) == 0
    assert "amas/learning-availability" in capsys.readouterr().out


def test_a_past_moment_is_asked_for_and_printed(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(RECORDED) as (url, asked):
        assert run(url, catalog, "--at", "2026-11-21T07:30:00Z", "--format", "json") == 0
    assert {tuple(form["time"]) for form in asked if "time" in form} == {("1795246200.000",)}
    assert json.loads(capsys.readouterr().out)["at"] == "2026-11-21T07:30:00Z"


def test_figures_that_cannot_be_right_are_told_on_stderr(
    catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with prometheus(with_value("slo:bad:sum", "1e12")) as (url, _):
        assert run(url, catalog, "--format", "json") == 6
    said = capsys.readouterr()
    assert json.loads(said.out)["slos"][0]["sli"] is None
    assert "the bad ones are not a part of the total" in said.err


def test_figures_of_rules_that_stopped_are_told_to_be_old(
    catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with prometheus(RECORDED) as (url, _):
        assert run(url, catalog, "--at", "2026-11-21T07:36:54Z") == 0
        assert "sretool: some figures are 4m old" in capsys.readouterr().err
        run(url, catalog, "--at", "2026-11-21T07:33:30Z")
    assert capsys.readouterr().err == ""


def test_the_table_fits_80_columns(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog.write_text((CATALOG + SECOND).replace("write-durability", "forgetting-alert-delivery"))
    with prometheus(with_value("slo:bad:sum", "9000000")) as (url, _):
        run(url, catalog)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[:5])) <= 80
    heading = next(line for line in lines if line.startswith("STATE"))
    assert heading.split() == ["STATE", "OBJECTIVE", "SLI", "%", "GOAL", "LEFT", "BURN", "1h", "GONE", "IN"]


CALENDAR = """\
exclusions:
  - {start: 2026-11-02T10:00:00Z, end: 2026-11-02T12:00:00Z, reason: Database upgrade}
  - {start: 2026-10-02T10:00:00Z, end: 2026-10-02T12:00:00Z, reason: Long ago}
slos:
  - id: shop/month
    objective: 99.9%
    window: month
    timezone: Europe/Berlin
    sli: {good: answers_total, total: requests_total}
"""


def test_a_calendar_window_and_what_is_left_out_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "slos.yaml"
    path.write_text(CALENDAR)
    with prometheus({}) as (url, _):
        run(url, path, "--at", "2026-11-03T06:00:00Z", "--format", "json")
        (found,) = json.loads(capsys.readouterr().out)["slos"]
        run(url, path, "--at", "2026-11-03T06:00:00Z")
        text = capsys.readouterr().out
    assert found["calendar"] == {
        "unit": "month",
        "timezone": "Europe/Berlin",
        "start": "2026-10-31T23:00:00Z",
        "end": "2026-11-30T23:00:00Z",
        "budget_of": "events so far",
    }
    assert [each["reason"] for each in found["exclusions"]] == ["Database upgrade"]
    assert "month (Europe/Berlin) since 2026-10-31T23:00:00Z, budget of the events so far" in text
    assert "without 2026-11-02T10:00:00Z to 2026-11-02T12:00:00Z: Database upgrade" in text


def test_the_plan_shows_every_query_and_where_figures_come_from(
    catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with prometheus(RECORDED) as (url, asked):
        run(url, catalog, "--explain-plan", "--format", "json")
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert plan["recorded"] == ["amas/learning-availability"]
    assert plan["recorded_rates"] == plan["raw"] == []
    # Two of them are asked at the same time.
    assert sorted(query["promql"] for query in plan["queries"]) == sorted(form["query"][0] for form in asked)
    assert all(query["purpose"] and query["took_s"] > 0 for query in plan["queries"])
    assert max(query["samples"] for query in plan["queries"]) > 10


def test_the_plan_as_text(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog.write_text(CATALOG + SECOND.replace("amas/write", "shop/write"))
    with prometheus(RECORDED) as (url, asked):
        run(url, catalog, "--explain-plan")
    out = capsys.readouterr().out
    assert "1 SLO read from what their rules recorded: amas/learning-availability" in out
    assert "1 SLO computed from raw series" in out
    assert f"{len(asked)} queries" in out
    assert f"\n{len(asked)}. " in out


def test_selectors_that_match_nothing_are_named_with_their_place(
    catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = "".join(SECOND.replace("write-d", f"d{n}").replace("writes", f"w{n}") for n in range(12))
    catalog.write_text(CATALOG + entries)
    with prometheus(RECORDED) as (url, asked):
        run(url, catalog)
    err = capsys.readouterr().err
    assert f"{catalog}:7: amas/d0urability: no series match w0_total" in err
    assert err.count("no series match") == 10
    assert "and 2 more" in err
    assert "failed_total" not in err
    assert "slo lint --live" in err
    looked = [form["query"][0] for form in asked if "last_over_time(w0_total[1h])" in form["query"][0]]
    assert len(looked) == 1
    assert "requests_total" not in looked[0]


def test_no_data_alone_blames_no_selector(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog.write_text("slos:\n" + SECOND)
    there = {
        "last_over_time(writes_total[1h])": json.dumps(
            {
                "status": "success",
                "data": {"resultType": "vector", "result": [{"metric": {"figure": "0"}, "value": [1, "3"]}]},
            }
        ).encode()
    }
    with prometheus(there) as (url, _):
        run(url, catalog)
    assert "no series match" not in capsys.readouterr().err
