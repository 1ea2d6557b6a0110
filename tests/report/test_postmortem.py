"""A draft of a post-mortem says what its events say, asks for the rest, and invents nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sretool.core.plans.chaos import criteria as holding
from sretool.core.plans.chaos.criteria import AlertCriterion, Criteria
from sretool.core.plans.chaos.verdict import judge
from sretool.core.runs import events
from sretool.core.runs.events import LoadTick, RequestTick, RunEvent
from sretool.core.runs.model import Check, Outcome, RunKind, RunRecord, RunState, Verdict
from sretool.report.chaos_story import ChaosReport
from sretool.report.postmortem import Requests, actions, markdown, needed

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
BEGAN = datetime(2026, 11, 20, 2, 50, tzinfo=UTC)
ASKED = Criteria(
    asked_after=True,
    actions=("slow",),
    expected_alerts=(AlertCriterion("Slow", 5.0),),
    unexpected_fail=False,
    rto_s=10.0,
)
STARTED = events.Started(
    RunKind.CHAOS,
    "net",
    checks=holding.to_hold(ASKED),
    criteria=holding.document(ASKED),
    people={"lead": "ann"},
)
FAULT = events.FaultOn("f1", "latency 200ms", "database", undo_ready=True)


def tick(requests: int, failures: int) -> LoadTick:
    return LoadTick(1.0, None, (RequestTick("GET /", requests, failures),))


HAPPENED: tuple[tuple[float, events.What], ...] = (
    (0, STARTED),
    (0, events.SourceState("prometheus", ok=True)),
    (5, tick(100, 0)),
    (10, FAULT),
    (12, tick(100, 30)),
    (19, events.AlertChange("Slow", "firing", "page", "a", expected=True)),
    (24, events.AlertChange("Slow", "acknowledged", "page", "a", by="mia")),
    (30, events.FaultOff("f1")),
    (31, events.SteadyState("after", met=False)),
    (40, events.Note("pool | exhausted", "ann")),
    (60, events.AlertChange("Slow", "resolved", "page", "a")),
    (61, events.RunnerEnded("completed")),
    (62, events.SourceState("prometheus", ok=True)),
)


def drafted(
    *happened: tuple[float, events.What], verdict: Verdict | None = None, unreadable: str = ""
) -> tuple[str, ChaosReport]:
    told = [RunEvent(BEGAN + timedelta(seconds=t), t, what) for t, what in happened]
    record = RunRecord("k7f3qa", RunKind.CHAOS, "net", RunState.FINISHED, BEGAN, targets=("learning",))
    if verdict is not None:
        told.append(RunEvent(BEGAN + timedelta(seconds=70), 70, events.Finished(verdict)))
    report = ChaosReport(record)
    report.take_all(told)
    report.unreadable = unreadable
    return markdown(report, Requests.of(told), NOW), report


def judged() -> tuple[str, ChaosReport]:
    told = [RunEvent(BEGAN + timedelta(seconds=t), t, what) for t, what in HAPPENED]
    verdict, measures = judge(ASKED, told)
    return drafted(*HAPPENED, (70, events.Finished(verdict, measures)))


def section(text: str, title: str) -> list[str]:
    lines = text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0].splitlines()
    return [line for line in lines if line]


def test_the_whole_draft() -> None:
    text, _ = judged()
    assert text.startswith("# Post-mortem of net (draft)\n\n| | |\n| --- | --- |\n| Status | draft, made ")
    assert "| Lead | ann |\n" in text
    assert section(text, "Impact") == [
        "- 30 of 100 requests failed since the first fault, 30.00% (before: 0%).",
        "- _What did users notice, and how many of them?_",
    ]
    assert section(text, "Timeline")[1:12] == [
        "| Time | | Who | What |",
        "| --- | ---: | --- | --- |",
        "| 02:50:00 | −00:10 | run | chaos net starts |",
        "| 02:50:10 | +00:00 | fault | latency 200ms on (undo ready) |",
        "| 02:50:19 | +00:09 | signal | Slow firing (+9s) |",
        "| 02:50:24 | +00:14 | person | Slow acknowledged by mia (+5s) |",
        "| 02:50:30 | +00:20 | fault | latency 200ms off (undone) |",
        "| 02:50:31 | +00:21 | probe | steady state after (**not met**) |",
        "| 02:50:40 | +00:30 | person | pool \\| exhausted (ann) |",
        "| 02:51:00 | +00:50 | signal | Slow resolved |",
        "| 02:51:01 | +00:51 | run | experiment completed |",
    ]
    assert section(text, "Detection") == [
        "- Slow (expected within 5s) fired 9s after the fault, acknowledged by mia 14s after the fault,"
        " resolved 50s after the fault.",
        "- Time to detection: 9s from the fault to the first alert for it.",
        "- Time to acknowledgement: 5s from firing to the first one.",
    ]
    assert section(text, "Recovery") == [
        "- latency 200ms: in for 20s, undone.",
        "- RTO: not measured (10s promised).",
        "- Everything as before: 50s.",
    ]
    wrong = section(text, "What went wrong")
    assert "- **steady state after**: not met, wanted met" in wrong
    assert "- **alert Slow**: 9s, wanted 5s" in wrong
    assert "- RTO is not known" in wrong
    assert section(text, "What went well") == ["- faults undone: all"]
    assert section(text, "Action items")[3:5] == [
        "| 2 | Have the service come back to its steady state | recover |"
        " steady state after: not met, wanted met | _who?_ | _when?_ |",
        "| 3 | Have Slow fire within 5s: expression, `for`, interval | detect |"
        " alert Slow: 9s, wanted 5s | _who?_ | _when?_ |",
    ]
    assert text.endswith("`sretool chaos verify k7f3qa` judges it again.\n")


def test_what_was_not_measured_has_no_figure() -> None:
    text, _ = drafted((0, STARTED), (10, FAULT), verdict=Verdict(Outcome.ABORTED, "burn > 14.4"))
    assert section(text, "Impact")[0] == "- Nothing was measured."
    assert section(text, "Detection") == ["- Slow was expected and never came."]
    assert section(text, "Recovery") == ["- latency 200ms: in for 60s, still in."]
    assert "**aborted**" in text
    assert "burn > 14.4" in section(text, "Summary")


def test_a_run_that_broke_off_has_a_draft() -> None:
    text, _ = drafted((0, STARTED), (10, FAULT), unreadable="1 line is no event")
    assert section(text, "Action items")[2].startswith("| 1 | Find out why the program that ran it ended |")
    assert "**The record is not whole.** 1 line is no event" in text


def test_without_a_fault_requests_are_those_of_the_whole_run() -> None:
    text, _ = drafted((0, tick(50, 5)), (1, tick(50, 5)), verdict=Verdict(Outcome.FAILED, "errors"))
    assert section(text, "Impact")[0] == "- 10 of 100 requests failed, 10.00%."
    assert section(text, "Recovery") == ["- No fault was made."]


def test_names_are_no_markup() -> None:
    harm = "a|b\n# <script>"
    check = Check(harm, want="x|y", got="<b>", ok=False)
    text, _ = drafted((0, events.Note(harm, harm)), verdict=Verdict(Outcome.FAILED, harm, (check,)))
    assert "<script>" not in text
    assert "<b>" not in text
    assert "\n# <" not in text
    for row in (line for line in text.splitlines() if line.startswith("| ") and "script" in line):
        assert row.replace("\\|", "").count("|") in (5, 7)


@pytest.mark.parametrize(
    "name",
    sorted(
        {value for key, value in vars(holding).items() if key.isupper() and isinstance(value, str)}
        | {holding.alert_check("Slow"), holding.received_check("Slow"), "anything else"}
    ),
)
def test_each_check_that_can_break_has_an_action_item_with_its_figures(name: str) -> None:
    check = Check(name, want=3.0, got=7.0, unit="s", ok=False)
    _, report = drafted((0, STARTED), verdict=Verdict(Outcome.FAILED, "", (check,)))
    found = next(each for each in actions(report) if each.check.startswith(f"{name}: "))
    assert found.kind in ("detect", "recover", "prevent", "measure")
    assert found.check == f"{name}: 7s, wanted 3s"
    assert "{" not in found.text


def test_only_what_did_not_pass_needs_one() -> None:
    assert [needed(each) for each in Outcome] == [each is not Outcome.PASSED for each in Outcome]
    assert needed(None)
