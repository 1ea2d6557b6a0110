"""Reports of a game day: one page to be seen first, and everything from its events and those of its steps."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from sretool.adapters.files import catalog
from sretool.adapters.store.runs import RunStore
from sretool.cli import chaos_reports, gameday_reports, gameday_session, run_reports
from sretool.core.runs import differences, events, lines
from sretool.core.runs.events import PlannedStep, RunEvent
from sretool.core.runs.model import ChaosMeasures, Check, Outcome, RunKind, RunRecord, RunState, Verdict
from sretool.core.runs.rounds import rounds
from sretool.errors import UsageError
from sretool.report import chaos, chaos_charts, gameday, gameday_actions, gameday_charts, gameday_documents
from sretool.report.gameday_story import EXPERIMENT, GameDayReport
from tests.core.runs.test_rounds import Told
from tests.report.test_chaos import Page
from tests.support import gameday_runs as days

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
BEGAN = days.BEGAN


def report_of(*happened: tuple[float, events.What]) -> GameDayReport:
    record = RunRecord("k7f3qa", RunKind.GAMEDAY, "day", RunState.RUNNING, BEGAN, targets=("database",))
    report = GameDayReport(record)
    report.take_all(RunEvent(BEGAN + timedelta(seconds=t), t, what) for t, what in happened)
    return report


def started(*steps: PlannedStep, checks: tuple[Check, ...] = (), **words: Any) -> events.Started:
    words = {"plan_hash": "77aa"} | words
    return events.Started(RunKind.GAMEDAY, "day", steps=steps, checks=checks, **words)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two game days, a quarter apart; on the second one more went wrong."""
    state = tmp_path_factory.mktemp("state")
    good = tuple(replace(each, lost=0 if each.lost else None, within=120.0) for each in days.DRILLS)
    days.judged(days.gameday(state, began=BEGAN - timedelta(days=91), drills=good, runbooks="yes"))
    day = days.gameday(state)
    amas = catalog.bundled("amas")
    for file in amas.rglob("*.y*ml"):
        name = str(file.relative_to(amas.parent)).replace("/", "_")
        day.keep_input(f"{gameday_session.CATALOG}{name}", file.read_bytes(), str(file))
    days.judged(day)
    for folder in (state / "runs").iterdir():
        record = lines.decode_record((folder / "run.json").read_bytes())
        if record.kind is RunKind.CHAOS:
            chaos_reports.write(folder, record, NOW)
    return state


def day_of(state: Path) -> tuple[Path, RunRecord]:
    (folder,) = (state / "runs").glob("20261120T190000Z-gameday-*")
    return folder, lines.decode_record((folder / "run.json").read_bytes())


@pytest.fixture(scope="module")
def made(state: Path) -> dict[str, str]:
    folder, record = day_of(state)
    return {file.name: file.read_text(encoding="utf-8") for file in run_reports.write(folder, record, NOW)}


def test_every_form_is_written_and_sealed(state: Path, made: dict[str, str]) -> None:
    assert list(made) == ["report.html", "report.md", "report.json", "junit.xml"]
    assert (day_of(state)[0] / "seal.json").is_file()
    with pytest.raises(UsageError, match="there is no csv of a game day"):
        run_reports.texts(*day_of(state), "csv", NOW)


def test_the_page_needs_nothing_but_the_reports_of_its_steps(state: Path, made: dict[str, str]) -> None:
    page = Page(made["report.html"])
    assert page.open == []
    assert {each.rpartition("/")[2] for each in page.outside} == {"report.html"}
    folder = day_of(state)[0]
    assert all((folder / each).is_file() for each in page.outside)
    assert "url(" not in made["report.html"]
    assert "@import" not in made["report.html"]


def test_a_page_that_lies_elsewhere_links_nowhere(state: Path) -> None:
    (text,) = run_reports.texts(*day_of(state), "html", NOW).values()
    assert Page(text).outside == []


def test_what_is_to_be_known_first_stands_first(made: dict[str, str]) -> None:
    brief, _, rest = made["report.html"].partition("<h2>What happened when</h2>")
    for words in (
        "<b>failed</b>",
        "2</strong><span>of 4 experiments",
        "12.4s",
        "nobody",
        "lost writes &lt;= 0",
    ):
        assert words in brief
    assert "HttpP95LatencyHigh fire within 45s" in brief
    assert "mia fixes the route" in brief
    for words in ("Who noticed", "Resiliency", "queue grows", "graph of the heap", "100 &gt; 92"):
        assert words in rest


def test_pictures_have_fault_bands_and_each_time_an_alert_fired(made: dict[str, str]) -> None:
    pictures = re.findall(r'<svg [^>]*class="chart">.*?</svg>', made["report.html"], re.DOTALL)
    good = next(each for each in pictures if "<title>Good events of amas/learning-availability" in each)
    assert good.count('class="fault"') == 4
    assert good.count("HttpP95LatencyHigh fires") == 2
    when = next(each for each in pictures if "<title>What happened when" in each)
    for words in ("✗ db-failover", "evening", "acknowledged by mia", "ann: queue grows", "F4  kill pg-1"):
        assert words in when


def test_markdown_and_json_say_the_same(made: dict[str, str]) -> None:
    document = json.loads(made["report.json"])
    assert document["verdict"]["outcome"] == "failed"
    assert document["measures"]["lost_writes"] == 2
    steps = {each["id"]: each for each in document["steps"]}
    assert steps["db-failover"]["run"]["measures"]["rto_s"] == 12.4
    assert steps["db-failover"]["run"]["promised"]["rto_s"] == 300
    assert [each["taken_by"] for each in document["alerts"]] == ["mia", "mia", "mia", None]
    assert [each["step"] for each in document["alerts"]][1:3] == ["cpu-throttle", "network-latency"]
    (learning,) = [each for each in document["scores"] if each["service"] == "learning"]
    assert [each["score"] for each in learning["game_days"]] == [100, pytest.approx(92.19, abs=0.01)]
    assert f"- [ ] {document['actions'][0]['text']} (" in made["report.md"]
    assert "| db-failover | **failed**: lost writes 2 (wanted 0) | 12.4s of 5m |" in made["report.md"]


def test_what_the_catalog_promised_then_is_told(made: dict[str, str]) -> None:
    assert "| Database primary lost | db-failover | 12.4s of 5m | 800ms of 60s |" in made["report.md"]
    assert "| Region lost | not tried | - of 30m | - of 5m |" in made["report.md"]


def test_junit_has_claims_steps_and_the_checks_of_each_experiment(made: dict[str, str]) -> None:
    root = ElementTree.fromstring(made["junit.xml"])
    suites = {each.get("name"): each for each in root}
    assert list(suites)[:2] == ["game day The four experiments of the quarter", "steps"]
    failed = {
        name: [case.get("name") for case in suite if case.find("failure") is not None]
        for name, suite in suites.items()
    }
    assert failed["steps"] == ["cpu-throttle", "db-failover", "runbooks"]
    assert failed["chaos db-failover"] == ["lost writes"]
    assert all(suite.get("failures") == str(len(failed[name])) for name, suite in suites.items())


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.ABORTED, Outcome.ERROR])
def test_a_game_day_that_proves_nothing_is_an_error_for_a_pipeline(outcome: Outcome) -> None:
    report = report_of((0, started()), (9, events.Finished(Verdict(outcome, "why"))))
    suite = ElementTree.fromstring(gameday_documents.junit(report))[0]
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")


def test_a_step_whose_run_is_gone_is_told_of_and_keeps_what_the_day_says(state: Path, tmp_path: Path) -> None:
    shutil.copytree(state, tmp_path / "state")
    (gone,) = (tmp_path / "state/runs").glob("20261120*db-failover*")
    shutil.rmtree(gone)
    folder, record = day_of(tmp_path / "state")
    report, _ = gameday_reports.told(folder, record)
    assert report.missing == [f"the run of db-failover is not told of: {gone.name} is not there"]
    text = gameday.markdown(report, NOW)
    assert "**Not whole.** the run of db-failover" in text
    assert "| db-failover | **failed**: db-failover failed | 12.4s |" in text


def test_a_day_that_goes_on_has_a_report() -> None:
    fault = events.FaultOn("crash/f1", "kill app-1", "app-1", undo_ready=True)
    report = report_of(
        (
            0,
            started(
                PlannedStep("crash", "experiment", "crash"), PlannedStep("look", "check", "look", "lead")
            ),
        ),
        (1, events.StepBegan("crash")),
        (3, fault),
        (20, events.Held("ann")),
    )
    text = gameday.html(report, NOW)
    assert chaos.word(report) == "running"
    assert "not over" in text
    assert "not begun" in text
    assert gameday_charts.lanes(report) is not None
    assert json.dumps(gameday_documents.document(report), default=str)


def test_a_day_without_anything_has_a_report() -> None:
    report = report_of()
    assert "Nothing that the figures or anybody told of" in gameday.html(report, NOW)
    assert gameday.markdown(report, NOW)
    assert gameday_documents.junit(report)


def test_text_of_the_outside_is_no_markup() -> None:
    evil = "<script>alert(1)</script> | `x`"
    report = report_of(
        (0, started(PlannedStep("actions", "ask", evil, "lead"), people={"lead": evil})),
        (1, events.StepBegan("actions")),
        (1, events.Asked("actions", "lead", evil)),
        (2, events.Answer("actions", evil, evil)),
        (2, events.StepEnded("actions", Outcome.PASSED)),
        (3, events.Note(evil, evil)),
        (4, events.Mark(evil, evil)),
    )
    assert "<script" not in gameday.html(report, NOW)
    text = gameday.markdown(report, NOW)
    assert "<script" not in text
    assert "\\|" in text


# --- what is to be done


def actions_of(report: GameDayReport) -> list[tuple[str, str]]:
    return [(each.text, each.check) for each in gameday_actions.actions(report)]


def test_a_fault_that_is_still_in_comes_first() -> None:
    report = report_of(
        (0, started(PlannedStep("crash", "experiment", "crash"))),
        (1, events.FaultOn("crash/f1", "kill app-1", "app-1")),
        (2, events.FaultOff("crash/f1", "undone", ok=False)),
        (3, events.StepEnded("crash", Outcome.ERROR, "x", undone=False)),
    )
    assert actions_of(report)[0][0].startswith("Undo kill app-1 (`sretool chaos heal`)")
    assert gameday.experiment(report, report.experiments[0]).word == "not undone"


def test_checks_answered_no_and_answers_that_never_came_are_items() -> None:
    report = report_of(
        (0, started(PlannedStep("a", "check", "a", "lead"), PlannedStep("b", "ask", "why?", "lead"))),
        (1, events.StepBegan("a")),
        (1, events.Asked("a", "lead", "the runbook was right", ("yes", "no"))),
        (2, events.Answer("a", "no", "mia")),
        (2, events.StepEnded("a", Outcome.FAILED, "lead: not so")),
        (3, events.StepBegan("b")),
        (9, events.StepEnded("b", Outcome.INCONCLUSIVE, "lead gave no answer")),
    )
    assert actions_of(report) == [
        ("Make it so: the runbook was right", "mia answered no"),
        ("Ask lead again: why?", "there was no answer"),
    ]


def test_a_claim_is_an_item_unless_an_experiment_broke_the_same() -> None:
    claims = (
        Check("acked <= 1m", 60.0, 90.0, "s", ok=False),
        Check("sli shop/api >= 99%", 0.99, 0.97, "ratio", ok=False),
        Check("experiments pass", "all", "not crash", ok=False),
        Check("detected <= 2m", 120.0, 180.0, "s", ok=False),
    )
    report = report_of((0, started(checks=claims)))
    told = [text for text, _ in actions_of(report)]
    assert told == [
        "Have pages taken within 60s: 90s now",
        "Make “sli shop/api >= 99%” hold: 97% now",
        "Make “detected <= 2m” hold: 3m now",
    ]


def test_a_page_that_nobody_took_is_an_item() -> None:
    def change(state: str, **words: Any) -> events.AlertChange:
        return events.AlertChange("Down", state, "page", "a", **words)

    item = ("Find out why nobody took Down", "Down fired, and nobody acknowledged it")
    report = report_of((0, started()), (5, change("firing")), (400, change("resolved")))
    assert actions_of(report) == [item]
    # Over before it would have gone on to the next one.
    report = report_of((0, started()), (5, change("firing")), (30, change("resolved")))
    assert actions_of(report) == []
    claim = started(checks=(Check("acked <= 20s", 20.0, 12.0, "s", ok=True),))
    report = report_of((0, claim), (5, change("firing")), (30, change("resolved")))
    assert item in actions_of(report)
    report = report_of((0, started()), (5, change("firing")), (9, change("acknowledged", by="mia")))
    assert actions_of(report) == []


def test_an_experiment_stands_for_the_failure_whose_promise_it_makes(state: Path) -> None:
    report, _ = gameday_reports.told(*day_of(state))
    crash, database, region, _ = gameday.recovery(report)
    assert (crash.tried, crash.rto.beside) == ("not tried", "of 2m")
    assert (database.tried, database.kind) == ("db-failover", "good")
    assert (region.tried, region.kind) == ("not tried", "")
    child = report.children["db-failover"]
    assert child.measures is not None
    slow = replace(child.measures, rto_s=301.0)
    measures = replace(child.record.measures, chaos=slow)
    report.children["db-failover"] = replace(child, record=replace(child.record, measures=measures))
    assert gameday.recovery(report)[1].kind == "bad"


def test_how_soon_it_was_taken_is_told_of_pages_alone() -> None:
    def change(severity: str, state: str, **words: Any) -> events.AlertChange:
        return events.AlertChange("Down", state, severity, severity, **words)

    step = PlannedStep("crash", EXPERIMENT, "crash")
    report = report_of(
        (0, started(step)),
        (1, events.StepBegan("crash")),
        (2, events.FaultOn("crash/1", "crash app-1", "app-1")),
        (5, change("page", "firing")),
        (5, change("ticket", "firing")),
        (17, change("page", "acknowledged", by="mia")),
        (505, change("ticket", "acknowledged", by="mia")),
        (600, events.StepEnded("crash", Outcome.PASSED, chaos=ChaosMeasures())),
    )
    row = gameday.experiment(report, report.experiments[0])
    taken = row.cells[gameday.HEADS.index("Taken")]
    assert (taken.text, taken.beside) == ("12s", "by mia")


def test_an_experiment_promises_by_its_own_criteria(state: Path) -> None:
    report, _ = gameday_reports.told(*day_of(state))
    row = gameday.experiment(report, report.experiments[1])
    assert row.title == "cpu-throttle"
    detected = row.cells[gameday.HEADS.index("Detected")]
    assert (detected.text, detected.beside, detected.kind) == ("78s", "of 45s", "bad")


@pytest.mark.parametrize(
    ("guard", "text", "told"),
    [
        (
            "budget > 5%",
            "shop/api has spent 7%",
            [("Find out what went beyond “budget > 5%”", "shop/api has spent 7%")],
        ),
        (
            "blind 30s",
            "no answer for 30s",
            [("Find out why nobody could see what happened", "no answer for 30s")],
        ),
        ("load", "the load peak is lost", [("Find out where the load has gone", "the load peak is lost")]),
        ("interrupted", "by hand (Ctrl-C)", []),
        ("stop file", "/run/stop says so", []),
        ("crash: after 10m", "that was said by the experiment", []),
    ],
)
def test_what_a_guard_ended_it_for_is_an_item(guard: str, text: str, told: list[tuple[str, str]]) -> None:
    plan = PlannedStep("crash", "experiment", "crash")
    assert actions_of(report_of((0, started(plan)), (5, events.GuardTripped(guard, text)))) == told


def test_an_experiment_that_was_ended_is_only_to_be_tried_again(state: Path) -> None:
    report, _ = gameday_reports.told(*day_of(state))
    child = report.children["db-failover"]
    broken = Verdict(Outcome.ABORTED, "by hand", (Check("RTO", 5.0, None, "s", ok=False),))
    report.children["db-failover"] = replace(child, record=replace(child.record, verdict=broken))
    assert ("Try it again: db-failover", "db-failover: by hand") in actions_of(report)
    assert not any("RTO" in why for _, why in actions_of(report))


def ticks(slo: str, *burns: float | None) -> list[tuple[float, events.What]]:
    return [(5.0 * place, events.SloTick(slo, 0.9, burn, 0.0)) for place, burn in enumerate(burns)]


def test_good_events_are_those_of_the_shortest_window_where_the_objective_is_known() -> None:
    report = report_of((0, started()), *ticks("shop/api", 0.0, 5.0, 200.0), *ticks("shop/web", 0.0, 1.0))
    assert gameday_charts.left_out(report) == "did not move: shop/api, shop/web"
    report.objectives = {"shop/api": 0.99}
    assert gameday_charts.left_out(report) == "did not move: shop/web"
    (picture,) = [each for each in gameday_charts.over_time(report) if each.title.startswith("Good")]
    assert picture.title == "Good events: shop/api"
    assert "objective 99%" in picture.svg
    (line,) = re.findall(r'<polyline points="([^"]*)" class="line"', picture.svg)
    heights = [float(each.partition(",")[2]) for each in line.split()]
    # 1, 0.95 and no good event at all.
    assert heights == sorted(heights)
    assert (heights[1] - heights[0]) / (heights[2] - heights[0]) == pytest.approx(0.05, abs=0.01)


def test_rounds_and_searches_rehearse_nothing() -> None:
    pages = [(5.0, events.AlertChange("Down", "firing", "page", "a"))]
    steps = PlannedStep("trial-1", "experiment", "latency"), PlannedStep("trial-2", "experiment", "latency")
    report = report_of((0, started(*steps, plan_hash="")), *pages)
    assert actions_of(report) == []
    assert [gameday.experiment(report, each).title for each in report.experiments] == [
        "trial-1: latency",
        "trial-2: latency",
    ]
    page, text = gameday.html(report, NOW), gameday.markdown(report, NOW)
    assert "measurement on database" in page
    for words in ("What is to be done", "<h2>Experiments", "The other steps"):
        assert words not in page
    assert "| trial-2 | latency | - | **not begun** |" in text


def test_what_rounds_differ_by_stands_in_every_form_of_their_report(tmp_path: Path) -> None:
    of, names = (
        Told(),
        {f"{side}-{pair}": (pair, side == "with") for pair in (1, 2) for side in ("with", "without")},
    )
    steps = [PlannedStep(each, "load", each) for each in names]
    of.tell(replace(started(*steps, plan_hash="", blast_radius=("a proxy",)), title="rounds of latency"))
    for step in names:
        of.round(step, bucket=9000 if step.startswith("with-") else 4400)
    run = RunStore(tmp_path).create(RunKind.GAMEDAY, "rounds")
    with run:
        for each in of.events:
            run.record(each.what, at=each.at, t=each.t)
        run.finish(Verdict(Outcome.PASSED, "as it came"))
    made = {
        form: "".join(gameday_reports.texts(run.folder, run.run, form, NOW).values())
        for form in chaos_reports.NAMES
    }
    (expected, *_) = rounds(of.events, names, "measured").compared
    row = differences.row(expected)
    assert row.measure == "p95"
    assert row.change.startswith("+")
    assert f"| p95 | {row.without} | {row.with_} | " in made["md"]
    cells = re.findall(r'<tr><th scope="row">p95</th>(.*?)</tr>', made["html"])[0]
    found = re.findall(r">([^<]+)</td>", cells)
    assert found == [row.without, row.with_, row.change, row.interval, row.chance]
    assert "measurement <code>rounds</code> on a proxy" in made["html"]
    told = json.loads(made["json"])["differences"]
    assert told[0] == differences.document(expected)
    assert [each["measure"] for each in told] == ["p95", "p99", "errors", "throughput"]


@pytest.mark.parametrize(
    ("share", "told"), [(1.0, "100%"), (0.99996, "99.996%"), (0.9995, "99.95%"), (0.0, "0%")]
)
def test_a_share_close_to_all_is_not_told_as_all(share: float, told: str) -> None:
    assert chaos_charts.percent(share) == told


def test_pictures_of_objectives_are_left_out_of_a_measurement() -> None:
    ticks = [(t, events.SloTick("amas/api", 0.9 - t / 100, t, t / 100)) for t in (1.0, 2.0, 3.0)]
    titles = {}
    for hash_ in ("", "77aa"):
        report = report_of((0, started(plan_hash=hash_)), *ticks)
        titles[hash_] = [each.title for each in gameday_charts.over_time(report)]
    assert titles["77aa"][0] == "Good events: amas/api"
    assert titles[""] == titles["77aa"][1:]
    assert "Burn rate" in titles[""]


def test_a_fault_of_a_day_that_goes_on_is_not_left() -> None:
    fault = events.FaultOn("crash/f1", "kill app-1", "app-1", undo_ready=True)
    report = report_of((0, started()), (3, fault))
    assert actions_of(report) == []
    report.record = replace(report.record, state=RunState.LOST)
    assert len(actions_of(report)) == 1


def test_a_step_names_no_folder_elsewhere(state: Path, tmp_path: Path) -> None:
    folder, record = day_of(state)
    copy = tmp_path / "runs" / folder.name
    shutil.copytree(folder, copy)
    (evil,) = (state / "runs").glob("20261120*db-failover*")
    file = copy / "events.jsonl"
    file.write_text(file.read_text().replace(evil.name, f"{evil.name}/../../elsewhere-a1b2c3"))
    report, _ = gameday_reports.told(copy, record)
    assert any("is no name of a run's folder" in each for each in report.missing)


def test_an_alert_that_comes_and_goes_is_one_row_for_each_step() -> None:
    def change(state: str, t: float, **words: Any) -> tuple[float, events.What]:
        return t, events.AlertChange("Flaps", state, "page", "a", **words)

    fault = events.FaultOn("crash/f1", "kill app-1", "app-1", undo_ready=True)
    happened = [
        (0.0, started(PlannedStep("crash", "experiment", "crash"))),
        *(change("firing", 2), change("resolved", 4), (10.0, fault)),
        *(change("firing", 20), change("resolved", 25), change("firing", 30)),
        *(change("acknowledged", 36, by="mia"), change("resolved", 50)),
    ]
    before, during = gameday.alerts(report_of(*happened))
    assert (before.step, before.many, before.after, before.taken.text) == ("", 1, None, "nobody")
    assert (during.step, during.many, during.after, during.resolved) == ("crash", 2, 10, 30)
    assert (during.taken.text, during.taken.beside) == ("6s", "by mia")
    assert gameday.alerts(report_of(*happened[:-1]))[1].resolved is None
    assert [text for text, _ in actions_of(report_of(*happened[:1], *happened[3:]))] == []
    assert "| Flaps × 2 | crash |" in gameday.markdown(report_of(*happened), NOW)


def test_an_ack_that_is_older_than_what_it_holds_back_took_no_time() -> None:
    taken = BEGAN + timedelta(seconds=6)
    happened: list[tuple[float, events.What]] = [
        (0.0, started(PlannedStep("crash", "experiment", "crash"))),
        (40.0, events.AlertChange("Down", "firing", "page", "a")),
        (41.0, events.AlertChange("Down", "acknowledged", "page", "a", by="mia", since=taken)),
    ]
    (row,) = gameday.alerts(report_of(*happened))
    assert (row.taken.text, row.taken.beside) == ("already", "by mia")
