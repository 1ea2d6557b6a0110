"""Reports of a load test: every figure from its events."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from sretool.core.analysis.generator import KEEPS_UP
from sretool.core.runs.events import (
    CapacityFound,
    Checked,
    CurvePoint,
    Explained,
    Finished,
    GuardTripped,
    LoadTick,
    PhaseBegan,
    ProcessChange,
    RequestTick,
    RunEvent,
    Stage,
    Started,
    What,
    WorkerTick,
)
from sretool.core.runs.model import Check, Outcome, RunInput, RunKind, RunRecord, RunState, Verdict
from sretool.report import load, load_charts, load_csv, load_documents
from tests.support.runs import request_tick

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGAN = datetime(2026, 11, 20, 3, tzinfo=UTC)
MADE = BEGAN + timedelta(hours=1)
RECORD = RunRecord(
    id="kx72pa",
    kind=RunKind.LOAD,
    title="mixed",
    state=RunState.FINISHED,
    started=BEGAN,
    ended=BEGAN + timedelta(seconds=30),
    inputs=(RunInput("loadprofiles/mixed.yaml", "ab" * 32),),
    targets=("http://127.0.0.1:8000",),
    versions={"sretool": "1.0", "locust": "2.47.0"},
)
CHECKS = (
    Check("p95 < 200ms", 0.2, 0.1, "s", ok=True),
    Check("errors < 0.1%", 0.001, 0.05, "ratio", ok=False),
    Check("amas/learning-latency (client)", 0.99, 0.9871, "ratio", ok=False),
    Check("amas/learning-latency (server)", 0.99, 0.9934, "ratio", ok=True),
    Check("rate >= 5/s", 5.0, None, "1/s"),
)
VERDICT = Verdict(Outcome.FAILED, "errors were 5%, wanted below 0.1%", CHECKS)


def tick(
    requests: Sequence[RequestTick], *, cpu: float | None = 0.4, late: int = 0, lag: float | None = 0.003
) -> LoadTick:
    workers = (WorkerTick("w1", cpu),) if cpu is not None else ()
    return LoadTick(1.0, 12, tuple(requests), 20.0, late, workers=workers, lag_s=lag, in_flight=3)


def ordinary() -> list[RequestTick]:
    return [
        request_tick("GET /words", [0.01] * 15),
        request_tick("POST /answer", [0.1] * 4 + [0.4], 1, "HTTP 503 <b>down</b> | busy"),
    ]


def events(
    *, seconds: int = 30, load: LoadTick | None = None, verdict: Verdict | None = VERDICT
) -> list[RunEvent]:
    found: list[tuple[float, What]] = [
        (0, Started(RunKind.LOAD, "mixed", seconds, checks=CHECKS)),
        (0, PhaseBegan("warm-up")),
        *((t, tick([request_tick("GET /words", [3.0])])) for t in range(1, 6)),
        (5, PhaseBegan("hold")),
        *((t, load or tick(ordinary())) for t in range(6, seconds + 1)),
        (20, ProcessChange("worker 2", "lost", text="its users go to worker 1")),
        (21, Explained("amas/learning-latency", "the client waits in the queue, too")),
    ]
    if verdict is not None:
        found.append((seconds, Finished(verdict)))
    return [RunEvent(BEGAN + timedelta(seconds=t), t, what) for t, what in found]


def report(found: Sequence[RunEvent] | None = None, record: RunRecord = RECORD) -> load.LoadReport:
    made = load.LoadReport(record)
    made.take_all(found if found is not None else events())
    return made


class Page(HTMLParser):
    """What a browser would find in it."""

    _VOID = ("meta", "br", "rect", "line", "circle", "polyline", "polygon")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.outside: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self._VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        # A line that says what it is has an end.
        if tag in self._VOID:
            return
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(" ".join(data.split()))


def test_the_page_stands_alone_and_has_every_part() -> None:
    page = Page(load.html(report(), MADE))
    assert page.outside == []
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert page.tags.count("svg") > 5
    for part in ("Objectives", "Over time", "Requests", "Errors", "Generators", "What happened", "With what"):
        assert part in page.texts
    said = " ".join(page.texts)
    assert "failed errors were 5%, wanted below 0.1%" in said
    assert "HTTP 503 <b>down</b> | busy" in said
    assert "b" not in {tag for tag in page.tags} or page.tags.count("b") == 1
    assert "sha256 abababababab" in said


def test_the_warm_up_is_drawn_and_not_counted() -> None:
    made = report()
    assert made.story.counted.totals.whole.requests == 25 * 20
    assert max(each.whole.most or 0 for each in made.slices) == 3.0
    assert made.story.counted.totals.whole.most == 0.4
    figures = {each.title: each for each in load.figures(made)}
    assert (figures["Requests"].text, figures["Requests"].beside) == ("500", "in 25s")
    assert (figures["Rate"].text, figures["Rate"].beside) == ("20/s", "of 20/s planned")
    assert (figures["Maximum"].text, figures["Errors"].text) == ("400ms", "5.00%")


def test_objectives_of_the_catalog_show_both_sides_in_one_row() -> None:
    rows = {row.name: row for row in load.objectives(report())}
    assert list(rows) == ["p95 < 200ms", "errors < 0.1%", "amas/learning-latency", "rate >= 5/s"]
    both = rows["amas/learning-latency"]
    assert (both.want, both.client, both.server, both.result) == ("99%", "98.71%", "99.34%", "broken")
    assert both.why == "the client waits in the queue, too"
    assert (rows["p95 < 200ms"].client, rows["p95 < 200ms"].server) == ("100ms", "")
    assert rows["rate >= 5/s"].result == "not measured"


def test_an_explanation_of_either_side_is_that_of_the_objective() -> None:
    checks = (
        Check("slo: amas/a", 0.99, 0.5, "ratio", ok=False),
        Check("slo: amas/a (server)", 0.99, 0.6, "ratio", ok=False),
    )
    happened = events(verdict=Verdict(Outcome.FAILED, "x", checks))[-1:]
    happened.insert(0, RunEvent(BEGAN, 0, Explained("slo: amas/a (server)", "it is the queue")))
    (row,) = load.objectives(report(happened))
    assert (row.name, row.client, row.server, row.why) == ("slo: amas/a", "50%", "60%", "it is the queue")


def test_a_server_side_alone_has_no_client_figure() -> None:
    checks = (Check("amas/a (server)", 0.99, 0.5, "ratio", ok=False),)
    (row,) = load.objectives(report(events(verdict=Verdict(Outcome.FAILED, "x", checks))[-1:]))
    assert (row.name, row.client, row.server, row.ok) == ("amas/a", "", "50%", False)


@pytest.mark.parametrize(
    ("load_tick", "trusted", "said"),
    [
        (tick(ordinary()), True, "The generators kept up: 40% of a core at most, no late starts."),
        (tick(ordinary(), cpu=0.95), False, "A generator used 95% of its core."),
        (tick(ordinary(), late=2), False, "50 requests (10.00%) started later than planned."),
        (tick(ordinary(), lag=0.25), False, "A generator kept everything waiting for up to 250ms."),
        (tick(ordinary(), cpu=None), True, "Nothing is known of the generators' processors."),
    ],
)
def test_whether_the_figures_are_the_servers(load_tick: LoadTick, trusted: bool, said: str) -> None:
    found = [each for each in events(load=load_tick) if each.t > 5]
    told = load.health(report(found))
    assert told[0] is trusted
    assert told[1].startswith(said)


@pytest.mark.parametrize(
    ("check", "trusted", "said"),
    [
        (
            Check(KEEPS_UP, "yes", "yes; 50 of 500 requests began late, which latencies include", ok=True),
            True,
            "The generators kept up: 40% of a core at most, 50 late starts, which latencies include.",
        ),
        (Check(KEEPS_UP, "yes", "50 of 500 requests began late"), False, "50 of 500 requests began late."),
    ],
)
def test_what_was_judged_of_the_generators_is_what_is_told(check: Check, trusted: bool, said: str) -> None:
    found = [each for each in events(load=tick(ordinary(), late=2)) if each.t > 5]
    assert load.health(report([*found, RunEvent(MADE, 31, Checked(check))])) == (trusted, said)


def test_markdown_has_whole_tables_and_no_markup_of_others() -> None:
    text = load.markdown(report(), MADE)
    assert text.startswith("## mixed: failed\n")
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 4
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1, table
    assert "&lt;b>down&lt;/b> \\| busy" in text
    assert "| errors < 0.1% | 0.1% | 5% |  | **broken** |" in text


def test_a_run_that_broke_off_is_reported_as_far_as_it_came() -> None:
    lost = replace(RECORD, state=RunState.LOST, ended=None)
    made = report(events(verdict=None), lost)
    page = Page(load.html(made, MADE))
    said = " ".join(page.texts)
    assert "lost its program ended without a word; these are its figures up to then" in said
    assert "500" in said
    assert "<error" in load_documents.junit(made)


def test_a_run_without_any_load_has_a_page_too() -> None:
    verdict = Verdict(Outcome.ERROR, "the target does not answer")
    made = report([RunEvent(BEGAN, 0, Started(RunKind.LOAD, "x")), RunEvent(BEGAN, 1, Finished(verdict))])
    said = " ".join(Page(load.html(made, MADE)).texts)
    assert "error the target does not answer" in said
    assert "Over time" not in said
    assert "the target does not answer" in load.markdown(made, MADE)
    document = load_documents.document(made)
    assert document["total"]["p99_s"] is None
    assert document["slices"] == []
    assert (
        load_csv.files(events(verdict=None)[:1])["stats.csv"].splitlines()[1].startswith(",Aggregated,0,0,")
    )


# --- pictures


def test_charts_are_those_there_are_figures_for() -> None:
    titles = [each.title for each in load_charts.over_time(report())]
    assert titles == [
        "Requests a second",
        "Latency, logarithmic",
        "Errors, share of the requests",
        "Users and requests in flight",
        "Generators",
    ]
    plain = LoadTick(1.0, None, (request_tick("GET /", [0.01] * 9),))
    found = [RunEvent(BEGAN, float(t), plain) for t in range(1, 5)]
    assert [each.title for each in load_charts.over_time(report(found))] == ["Requests a second", "Latency"]


def test_every_point_of_every_chart_is_inside_its_picture() -> None:
    for chart in load_charts.over_time(report()):
        root = ElementTree.fromstring(str(chart.svg))
        _, _, width, height = (float(each) for each in root.attrib["viewBox"].split())
        drawn = [shape for shape in root if shape.tag in ("polyline", "polygon")]
        assert drawn or chart.title.startswith("Errors")
        for shape in drawn:
            for point in shape.attrib["points"].split():
                x, y = (float(each) for each in point.split(","))
                assert 0 <= x <= width
                assert 0 <= y <= height


def test_a_pause_is_a_gap_in_the_lines() -> None:
    seconds = [*range(1, 6), *range(20, 26)]
    found = [RunEvent(BEGAN, float(t), tick(ordinary())) for t in seconds]
    root = ElementTree.fromstring(str(load_charts.over_time(report(found))[0].svg))
    lines = [shape for shape in root if shape.tag == "polyline" and shape.attrib["class"] == "line"]
    assert [len(line.attrib["points"].split()) for line in lines] == [5, 6]


def test_the_spread_counts_every_request() -> None:
    svg = load_charts.distribution(report())
    assert svg is not None
    titles = [each.text or "" for each in ElementTree.fromstring(str(svg)).iter("title")]
    counts = [int(text.rpartition(": ")[2].split()[0].replace(",", "")) for text in titles if " to " in text]
    assert sum(counts) == 500


# --- programs


def test_the_document_has_the_figures_of_the_events() -> None:
    document = load_documents.document(report())
    assert document["verdict"] == {"outcome": "failed", "reason": VERDICT.reason}
    assert document["checks"][0] == {"name": "p95 < 200ms", "want": 0.2, "got": 0.1, "unit": "s", "ok": True}
    assert (document["total"]["requests"], document["total"]["failures"]) == (500, 25)
    assert document["total"]["max_s"] == 0.4
    assert document["total"]["mean_s"] == pytest.approx((15 * 0.01 + 4 * 0.1 + 0.4) / 20)
    assert [(each["name"], each["requests"]) for each in document["requests"]] == [
        ("GET /words", 375),
        ("POST /answer", 125),
    ]
    assert document["errors"] == [
        {"text": "HTTP 503 <b>down</b> | busy", "request": "POST /answer", "count": 25}
    ]
    assert sum(each["requests"] for each in document["slices"]) == 505


def test_junit_has_one_case_for_each_objective() -> None:
    suite = ElementTree.fromstring(load_documents.junit(report()))[0]
    assert {key: suite.attrib[key] for key in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "5",
        "failures": "2",
        "errors": "0",
        "skipped": "1",
        "time": "30.000",
    }
    outcome = {case.attrib["name"]: case[0].tag for case in suite}
    assert outcome == {
        "p95 < 200ms": "system-out",
        "errors < 0.1%": "failure",
        "amas/learning-latency (client)": "failure",
        "amas/learning-latency (server)": "system-out",
        "rate >= 5/s": "skipped",
    }
    assert suite[1][0].attrib["message"] == "measured 5%, wanted 0.1%"
    assert suite[2][0].text == "the client waits in the queue, too"


@pytest.mark.parametrize("outcome", [Outcome.ABORTED, Outcome.INCONCLUSIVE, Outcome.ERROR])
def test_junit_of_a_run_without_an_answer_is_an_error(outcome: Outcome) -> None:
    verdict = Verdict(outcome, "a generator was at its limit \x00", (CHECKS[0],))
    suite = ElementTree.fromstring(load_documents.junit(report(events(verdict=verdict))))[0]
    (error,) = suite.iter("error")
    assert error.attrib["message"] == f"{outcome.value}: a generator was at its limit ?"
    assert suite.attrib["errors"] == "1"
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))


def test_junit_of_a_run_without_objectives_has_the_run() -> None:
    passed = Verdict(Outcome.PASSED, "nothing was to hold")
    found = [RunEvent(BEGAN, 1, Finished(passed)), RunEvent(BEGAN, 1, GuardTripped("x", "y"))]
    suite = ElementTree.fromstring(load_documents.junit(report(found)))[0]
    assert [case.attrib["name"] for case in suite] == ["the run"]
    assert suite.attrib["errors"] == "0"


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_files_add_up() -> None:
    files = load_csv.files(events())
    words, answer, whole = rows(files["stats.csv"])
    assert (words["Type"], words["Name"], words["Request Count"]) == ("GET", "/words", "375")
    assert (answer["Type"], answer["Failure Count"]) == ("POST", "25")
    assert (whole["Type"], whole["Name"], whole["Request Count"]) == ("", "Aggregated", "500")
    assert float(whole["Requests/s"]) == 20
    assert float(whole["Max Response Time"]) == float(whole["100%"]) == 400
    assert float(whole["50%"]) == pytest.approx(10, rel=0.001)
    (failure,) = rows(files["failures.csv"])
    assert failure == {
        "Method": "POST",
        "Name": "/answer",
        "Error": "HTTP 503 <b>down</b> | busy",
        "Occurrences": "25",
        "First Seen": "2026-11-20T03:00:06Z",
        "Last Seen": "2026-11-20T03:00:30Z",
    }
    history = rows(files["stats_history.csv"])
    assert len(history) == 30
    # The totals begin again where the warm-up ends, and end where the statistics do.
    assert [row["Total Request Count"] for row in history[3:7]] == ["4", "5", "20", "40"]
    assert history[-1]["Total Request Count"] == "500"
    assert [history[-1][share] for share in ("50%", "99%")] == [whole[share] for share in ("50%", "99%")]


def test_an_error_of_no_request_is_in_the_failures() -> None:
    odd = LoadTick(1.0, 1, (), errors={"no route": 3})
    (failure,) = rows(load_csv.files([RunEvent(BEGAN, 1.0, odd)])["failures.csv"])
    assert (failure["Method"], failure["Name"], failure["Error"], failure["Occurrences"]) == (
        *("", "", "no route", "3"),
    )


# --- capacity


def search(verdict: Verdict, *, found: bool = True) -> load.LoadReport:
    def point(phase: str, rate: float, p99: float, *, held: bool | None, why: str = "") -> CurvePoint:
        return CurvePoint(
            phase, rate, 4.0, rate, min(rate, 2000), rate, 0.01, p99 / 2, p99, held, (why,) if why else ()
        )

    happened: list[What] = [
        Started(RunKind.CAPACITY, "mixed"),
        tick(ordinary()),
        point("grow", 1000, 0.02, held=True),
        point("grow", 2400, 0.9, held=False, why="p99 < 200ms: 900ms"),
        point("confirm", 1980, 0.05, held=True),
    ]
    if found:
        stages = (
            Stage("stage-1", 20, True, 98.0),
            Stage("stage-3", 2500, False, -0.21),
            Stage("x", 1990, None, None),
        )
        happened.append(CapacityFound(1980.0, 2020.0, 2001.0, 2, ("p99 < 200ms",), "pg connections", stages))
    happened.append(Finished(verdict))
    record = replace(RECORD, kind=RunKind.CAPACITY)
    return report([RunEvent(BEGAN, float(t), what) for t, what in enumerate(happened)], record)


def test_a_search_tells_what_holds_its_steps_and_its_stages() -> None:
    made = search(Verdict(Outcome.PASSED, "holds 1980/s, breaks at 2020/s"))
    said = " ".join(Page(load.html(made, MADE)).texts)
    assert "search for the capacity of http://127.0.0.1:8000" in said
    figures = {each.title: each for each in load.figures(made)}
    assert (figures["Holds"].text, figures["Holds"].beside) == ("1,980/s", "held 2 times")
    assert (figures["Breaks at"].text, figures["Breaks at"].beside) == ("2,020/s", "p99 < 200ms")
    assert "stage-3 2,500/s no -21%" in said
    assert "x 1,990/s not known -" in said
    assert "p99 < 200ms: 900ms" in said
    text = load.markdown(made, MADE)
    assert "| stage-1 | 20/s | yes | 99x |" in text
    assert "| grow | 2,400/s | 2,000/s | 10ms | 900ms | broken: p99 < 200ms: 900ms |" in text
    document = load_documents.document(made)["capacity"]
    assert (document["lower"], document["upper"], len(document["curve"])) == (1980.0, 2020.0, 3)
    assert document["stages"][1] == {"name": "stage-3", "rate": 2500, "carries": False, "headroom": -0.21}


def test_the_curve_has_two_points_for_each_step_and_the_interval() -> None:
    drawn = load_charts.curve(search(Verdict(Outcome.PASSED, "x")))
    assert drawn is not None
    root = ElementTree.fromstring(str(drawn))
    kinds = [shape.attrib["class"] for shape in root if shape.tag == "circle"]
    assert sorted(kinds) == ["breaks", "breaks faint", *(["holds"] * 2), *(["holds faint"] * 2)]
    assert [shape.attrib["class"] for shape in root if shape.tag == "rect"] == ["between"]


def test_a_search_that_found_nothing_fails_in_junit_and_has_a_page() -> None:
    made = search(Verdict(Outcome.FAILED, "not even 10/s holds: errors < 1%"), found=False)
    suite = ElementTree.fromstring(load_documents.junit(made))[0]
    (case,) = suite
    assert (case.attrib["name"], case[0].tag) == ("the run", "failure")
    assert suite.attrib["failures"] == "1"
    assert "not even 10/s holds" in load.html(made, MADE)
    assert load.figures(made) == []


def test_a_load_test_has_no_capacity() -> None:
    assert load_documents.document(report())["capacity"] is None
    assert "Latency over rate" not in load.html(report(), MADE)
