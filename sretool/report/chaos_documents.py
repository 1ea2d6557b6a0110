"""An experiment for programs: one JSON document, or JUnit's XML with one test case for each check."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sretool.report import chaos as pages
from sretool.report import run_documents
from sretool.report.run import word

if TYPE_CHECKING:
    from sretool.report.chaos_story import Alert, ChaosReport, Point


def document(report: ChaosReport) -> dict[str, Any]:
    """Ratios 0..1, seconds since the run began, and null where nothing is known."""
    story = report.story
    return head(report) | {
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
        "slos": slos(report),
        "traffic": {instance: _points(found) for instance, found in report.traffic.items()},
        "probes": {name: _points(found) for name, found in report.probes.items()},
        "log": log(report),
    }


def head(report: ChaosReport) -> dict[str, Any]:
    """What the run is, how it ended, and what was to hold."""
    record, started = report.record, report.story.started
    return {
        **run_documents.identity(record),
        "production": record.production,
        **run_documents.ground(record),
        "plan_hash": (started.plan_hash or None) if started is not None else None,
        **run_documents.judgement(report),
    }


def slos(report: ChaosReport) -> dict[str, Any]:
    return {slo: [asdict(each) for each in found] for slo, found in report.slos.items()}


def log(report: ChaosReport) -> list[dict[str, Any]]:
    return [
        {"at": each.at, "t": each.t, "source": each.source, "text": each.text, "result": each.result}
        for each in report.story.log
    ]


def _alert(of: Alert) -> dict[str, Any]:
    return {
        "name": of.name,
        "severity": of.severity,
        "expected": of.expected,
        "fired_for": of.many,
        "pending_s": of.pending,
        "firing_s": of.firing,
        "received_s": of.received,
        "resolved_s": of.resolved,
        "waited_s": of.took,
        "theory_s": of.theory,
    }


def _points(of: list[Point]) -> list[dict[str, float | None]]:
    return [{"t": t, "value": value} for t, value in of]


def junit(report: ChaosReport) -> str:
    """A test suite: each check is a test case, and so is the run itself.

    A run without a verdict to give (aborted, inconclusive, broken) is an error: nothing else in the file
    could make a pipeline stop for it.
    """
    record = report.record
    took = (record.ended - record.started).total_seconds() if record.ended is not None else report.end
    suite = run_documents.Suite.of(f"chaos {record.title}", f"chaos.{record.title}", record.started, took)
    for check in report.story.checks.values():
        suite.check(check, pages.in_words)
    suite.run(report.verdict, word(report), pages.reason(report))
    return run_documents.junit([suite])
