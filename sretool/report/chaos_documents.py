"""An experiment for programs: one JSON document, or JUnit's XML with one test case for each check."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sretool.report import chaos as pages
from sretool.report import run_documents

if TYPE_CHECKING:
    from sretool.report.chaos_story import Alert, ChaosReport, Point


def document(report: ChaosReport) -> dict[str, Any]:
    """Ratios 0..1, seconds since the run began, and null where nothing is known."""
    record, story = report.record, report.story
    started = story.started
    return {
        **run_documents.identity(record),
        "production": record.production,
        **run_documents.ground(record),
        "plan_hash": (started.plan_hash or None) if started is not None else None,
        **run_documents.judgement(report),
        "measures": asdict(report.measures) if report.measures is not None else None,
        "phases": run_documents.phases(report),
        "faults": [
            {
                "fault": each.fault,
                "text": each.text,
                "target": each.target,
                "undo_ready": each.undo_ready,
                "begin_s": each.begin,
                "end_s": each.end,
                "how": each.how or None,
                "undone": each.ok and each.end is not None,
            }
            for each in report.faults
        ],
        "alerts": [_alert(each) for each in report.alerts.values()],
        "hypothesis": [{"t": t, "met": met, "text": text} for t, met, text in report.steady],
        "dose": _points(report.dose()),
        "writes": asdict(story.writes) if story.writes is not None else None,
        "slos": {
            slo: [{"t": each.t, "sli": each.sli, "burn": each.burn, "budget_spent": each.budget_spent}
                  for each in found]
            for slo, found in report.slos.items()
        },
        "traffic": {instance: _points(points) for instance, points in report.traffic.items()},
        "probes": {name: _points(points) for name, points in report.probes.items()},
        "log": [
            {"at": each.at, "t": each.t, "source": each.source, "text": each.text, "result": each.result}
            for each in story.log
        ],
    }  # fmt: skip


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "name": alert.name,
        "severity": alert.severity,
        "expected": alert.expected,
        "fired_for": alert.many,
        "pending_s": alert.pending,
        "firing_s": alert.firing,
        "received_s": alert.received,
        "resolved_s": alert.resolved,
        "waited_s": alert.took,
        "theory_s": alert.theory,
    }


def _points(points: list[Point]) -> list[dict[str, float | None]]:
    return [{"t": t, "value": value} for t, value in points]


def junit(report: ChaosReport) -> str:
    """A test suite: each check is a test case, and so is the run itself.

    A run without a verdict to give (aborted, inconclusive, broken) is an error: nothing else in the file
    could make a pipeline stop for it.
    """
    record = report.record
    took = (record.ended - record.started).total_seconds() if record.ended is not None else report.end
    attributes = {
        "name": f"chaos {record.title}",
        "timestamp": record.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "time": f"{took:.3f}",
    }
    suite = run_documents.Suite(report, "chaos", attributes)
    suite.take_checks(pages.in_words)
    suite.take_run(pages.reason(report))
    return suite.text()
