"""Reports of an experiment: what they say comes from its events, and they open anywhere."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from sretool.cli import chaos_reports
from sretool.core.plans.chaos import criteria as holding
from sretool.core.plans.chaos.criteria import Criteria, DoseCriterion
from sretool.core.runs import events
from sretool.core.runs.events import RunEvent
from sretool.core.runs.model import Check, Outcome, RunKind, RunRecord, RunState, Verdict
from sretool.errors import UsageError
from sretool.report import chaos, chaos_charts, chaos_documents
from sretool.report.chaos_story import ChaosReport
from tests.support import chaos_runs
from tests.support.runs import begin_load, store_at

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
BEGAN = chaos_runs.BEGAN


def report_of(*happened: tuple[float, events.What], state: RunState = RunState.RUNNING) -> ChaosReport:
    report = ChaosReport(RunRecord("k7f3qa", RunKind.CHAOS, "net", state, BEGAN, targets=("database",)))
    report.take_all(RunEvent(BEGAN + timedelta(seconds=t), t, what) for t, what in happened)
    return report


def started(criteria: Criteria | None = None, *guards: str, **words: Any) -> events.Started:
    of = criteria or Criteria()
    return events.Started(
        RunKind.CHAOS,
        "net",
        checks=holding.to_hold(of),
        criteria=holding.document(of),
        guards=guards,
        **words,
    )


FAULT = events.FaultOn("f1", "latency 200ms", "database", undo_ready=True)


class Page(HTMLParser):
    """What a page asks of the outside, and whether its tags are closed."""

    VOID = ("meta", "br", "link", "img", "line", "rect", "circle", "polyline", "polygon")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.outside += [str(value) for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag == "script":
            self.outside.append("script")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def failover(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    run = chaos_runs.judged(chaos_runs.failover(tmp_path_factory.mktemp("state"), lost=2))
    return {
        file.name: file.read_text(encoding="utf-8") for file in chaos_reports.write(run.folder, run.run, NOW)
    }


def test_every_form_is_written_into_the_folder(failover: dict[str, str]) -> None:
    assert list(failover) == ["report.html", "report.md", "report.json", "junit.xml"]


def test_the_page_needs_nothing_from_outside(failover: dict[str, str]) -> None:
    page = Page(failover["report.html"])
    assert page.outside == []
    assert page.open == []
    assert "@import" not in failover["report.html"]
    assert "url(" not in failover["report.html"]


def test_the_page_tells_verdict_measures_and_alerts(failover: dict[str, str]) -> None:
    text = failover["report.html"]
    assert re.search("<b>failed</b>.*lost writes 2", text)
    for words in ("12.4s", "30s at most", "DatabasePrimaryDown", "pg-1 (pid 812)", "18s of 25s", "+26s"):
        assert words in text


def test_pictures_have_fault_bands_alert_marks_and_thresholds(failover: dict[str, str]) -> None:
    pictures = re.findall(r'<svg [^>]*class="chart">.*?</svg>', failover["report.html"], re.DOTALL)
    burn = next(each for each in pictures if "<title>Burn rate" in each)
    assert 'class="fault"' in burn
    assert "DatabasePrimaryDown fires" in burn
    assert "burn &gt; 14.4" in burn
    budget = next(each for each in pictures if "<title>Error budget" in each)
    assert "price 2%" in budget


def test_markdown_and_json_say_the_same(failover: dict[str, str]) -> None:
    document = json.loads(failover["report.json"])
    assert document["verdict"]["outcome"] == "failed"
    assert document["measures"]["lost_writes"] == 2
    assert document["faults"][0]["undone"] is True
    assert document["alerts"][0]["firing_s"] == 56
    assert document["writes"]["servers"][1]["name"] == "pg-2"
    assert f"## db-failover: failed\n\n{document['verdict']['reason']}" in failover["report.md"]
    assert "| lost writes | 0 | 2 | **broken** |" in failover["report.md"]


def test_junit_has_a_case_for_each_check(failover: dict[str, str]) -> None:
    suite = ElementTree.fromstring(failover["junit.xml"])[0]
    assert suite.get("errors") == "0"
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert "lost writes" in failed
    assert suite.get("failures") == str(len(failed))
    assert suite.get("tests") == str(len(suite))


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.ABORTED, Outcome.ERROR])
def test_a_run_that_proves_nothing_is_an_error_for_a_pipeline(outcome: Outcome) -> None:
    held = Check("RTO", 30.0, 4.0, "s", ok=True)
    report = report_of((0, started()), (9, events.Finished(Verdict(outcome, "why", (held,)))))
    suite = ElementTree.fromstring(chaos_documents.junit(report))[0]
    assert suite.get("errors") == "1"
    assert suite.get("failures") == "0"


def test_a_fault_that_could_not_be_undone_stands_out() -> None:
    report = report_of((0, started()), (3, FAULT), (8, events.FaultOff("f1", "disk full", ok=False)))
    row = chaos.fault_row(report, report.faults[0])
    assert (row.end, row.kind) == ("could not be undone", "bad")
    assert "could not be undone" in chaos.html(report, NOW)


def test_a_fault_nobody_took_back_is_still_in() -> None:
    report = report_of((0, started()), (3, FAULT), (20, events.Note("power cut")), state=RunState.LOST)
    assert chaos.fault_row(report, report.faults[0]).end == "still in"
    assert chaos.word(report) == "lost"
    assert json.dumps(chaos_documents.document(report), default=str)


def test_times_of_an_alert_are_those_of_the_rules_clock() -> None:
    def change(state: str, **words: Any) -> events.AlertChange:
        return events.AlertChange("Slow", state, "page", "a", expected=True, **words)

    report = report_of(
        (0, started()),
        (10, FAULT),
        (17, change("pending", since=BEGAN + timedelta(seconds=15), for_s=30, interval_s=5)),
        (47, change("firing")),
        (48, change("received")),
        (90, change("resolved")),
    )
    row = chaos.alert_row(report, report.alerts["Slow"])
    assert (row.pending, row.firing, row.received, row.resolved) == (5, 37, 38, 80)
    assert row.theory == "32s of 40s"


def test_an_expected_alert_that_never_fires_is_no() -> None:
    criteria = Criteria(expected_alerts=(holding.AlertCriterion("Slow", 60.0),))
    change = events.AlertChange("Slow", "pending", fingerprint="a", expected=True)
    report = report_of((0, started(criteria)), (3, FAULT), (5, change))
    assert chaos.alert_row(report, report.alerts["Slow"]).kind == "bad"


def test_what_one_rule_fires_for_is_one_alert_until_all_of_it_is_over() -> None:
    def change(state: str, of: str) -> events.AlertChange:
        return events.AlertChange("Burn", state, "page", of, expected=False)

    happened: list[tuple[float, events.What]] = [
        (0, started()),
        (3, FAULT),
        (5, change("firing", "a")),
        (6, change("firing", "b")),
        (9, change("resolved", "a")),
    ]
    report = report_of(*happened)
    (alert,) = report.alerts.values()
    assert (alert.many, alert.firing, alert.resolved) == (2, 5, None)
    assert "Burn × 2" in chaos.markdown(report, NOW)
    report = report_of(*happened, (12, change("resolved", "b")))
    assert report.alerts["Burn"].resolved == 12


def test_alerts_that_may_come_are_not_marked() -> None:
    change = events.AlertChange("Other", "firing", fingerprint="a", expected=False)
    for fail, kind in ((True, "bad"), (False, "")):
        report = report_of((0, started(Criteria(unexpected_fail=fail))), (3, FAULT), (5, change))
        assert chaos.alert_row(report, report.alerts["Other"]).kind == kind


def test_a_dose_that_is_added_is_drawn_without_what_was_there_before() -> None:
    criteria = Criteria(dose=DoseCriterion(0.2, "s", 0.01, "round trip", added=True))
    answers = [(t, 0.005) for t in range(5)] + [(t, 0.205) for t in range(6, 9)]
    report = report_of(
        (0, started(criteria)),
        (5, FAULT),
        *((t, events.ChaosStep("method", "round trip", "probe", "ok", value=v)) for t, v in answers),
    )
    assert report.dose()[-1][1] == pytest.approx(0.2)


def test_an_answer_of_the_hypothesis_lasts_only_while_it_is_asked_all_the_time() -> None:
    asked = [(t, events.SteadyState("during", met=t < 30)) for t in range(20, 40, 5)]
    report = report_of(
        (0, started()),
        (2, events.SteadyState("before", met=True)),
        *asked,
        (100, events.SteadyState("after", met=True)),
    )
    lanes = chaos_charts.lanes(report)
    assert lanes is not None
    assert [word for _, word in re.findall(r'width="([\d.]+)" height="9" class="(holds|breaks)"', lanes)] == [
        "holds", "holds", "breaks", "holds",
    ]  # fmt: skip


def test_a_bound_far_above_everything_is_named_beside_the_picture() -> None:
    tick = events.SloTick("amas/a", 0.999, 0.3, 0.0001)
    report = report_of((0, started(None, "burn > 14.4")), (5, tick), (6, tick), (7, tick))
    burn = next(each for each in chaos_charts.over_time(report) if each.title == "Burn rate")
    assert "burn &gt; 14.4" not in burn.svg
    assert ("", "above this picture: burn > 14.4") in burn.legend


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0, "s", "0s"),
        (2e-7, "ratio", "<0.001%"),
        (0.0, "ratio", "0%"),
        (0.0021, "ratio", "0.21%"),
        (None, "ratio", "-"),
        ("all", "", "all"),
    ],
)
def test_figures_in_words(value: float | str | None, unit: str, words: str) -> None:
    assert chaos.in_words(value, unit) == words


def test_of_many_readings_the_worst_stay() -> None:
    points = [(float(t), 1.0) for t in range(5000)]
    points[1234] = (1234.0, 97.0)
    thin = chaos_charts.thinned(points)
    assert len(thin) <= 240
    assert (1234.0, 97.0) in thin


def test_a_stretch_without_readings_stays_empty() -> None:
    points = [(float(t), 1.0 if t < 2000 or t > 3000 else None) for t in range(5000)]
    assert None in [value for _, value in chaos_charts.thinned(points)]


def test_text_of_the_outside_is_no_markup() -> None:
    report = report_of(
        (0, started()),
        (1, events.FaultOn("f", "<script>alert(1)</script>", "a|b <b>", undo_ready=True)),
        (2, events.Note("</td><img src=x>", "eve\x01")),
    )
    assert Page(chaos.html(report, NOW)).outside == []
    assert "<script>" not in chaos.markdown(report, NOW)
    ElementTree.fromstring(chaos_documents.junit(report))


def test_a_run_without_anything_has_a_report() -> None:
    report = report_of(state=RunState.LOST)
    assert Page(chaos.html(report, NOW)).open == []
    assert chaos.markdown(report, NOW).startswith("## net: lost")


def test_lines_that_are_no_events_are_told(tmp_path: Path) -> None:
    run = chaos_runs.failover(tmp_path)
    run.close()
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b"nonsense\n")
    (text,) = chaos_reports.texts(run.folder, run.run, "md", NOW).values()
    assert "**Not whole.** 1 line is no event and left out: events.jsonl:" in text


def test_there_is_no_table_of_an_experiment(tmp_path: Path) -> None:
    run = chaos_runs.failover(tmp_path)
    run.close()
    with pytest.raises(UsageError, match="no csv of an experiment"):
        chaos_reports.texts(run.folder, run.run, "csv", NOW)


def test_runs_of_other_kinds_have_no_such_report(tmp_path: Path) -> None:
    run = begin_load(store_at(tmp_path)[0])
    run.close()
    with pytest.raises(UsageError, match="load run"):
        chaos_reports.texts(run.folder, run.run, "html", NOW)
