"""An experiment for programs: one JSON document, or JUnit's XML with one test case for each check."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from sretool.core.runs.model import Outcome
from sretool.report import chaos as pages

if TYPE_CHECKING:
    from sretool.core.runs.model import Check
    from sretool.report.chaos_story import Alert, ChaosReport, Point

_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Signs that no XML document may hold."""


def document(report: ChaosReport) -> dict[str, Any]:
    """Ratios 0..1, seconds since the run began, and null where nothing is known."""
    record, story, verdict = report.record, report.story, report.verdict
    started = story.started
    return {
        "id": record.id,
        "kind": record.kind.value,
        "title": record.title,
        "state": record.state.value,
        "started": record.started,
        "ended": record.ended,
        "production": record.production,
        "targets": record.targets,
        "inputs": [{"path": each.path, "sha256": each.sha256} for each in record.inputs],
        "versions": dict(record.versions),
        "plan_hash": (started.plan_hash or None) if started is not None else None,
        "verdict": {"outcome": verdict.outcome.value, "reason": verdict.reason} if verdict else None,
        "checks": [_check(check) for check in story.checks.values()],
        "measures": asdict(report.measures) if report.measures is not None else None,
        "phases": [
            {"name": each.name, "planned_s": each.planned, "begin_s": each.begin, "end_s": each.end}
            for each in story.phases
        ],
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


def _check(check: Check) -> dict[str, Any]:
    return {"name": check.name, "want": check.want, "got": check.got, "unit": check.unit, "ok": check.ok}


def junit(report: ChaosReport) -> str:
    """A test suite: each check is a test case, and so is the run itself.

    A run without a verdict to give (aborted, inconclusive, broken) is an error: nothing else in the file
    could make a pipeline stop for it.
    """
    record = report.record
    took = (record.ended - record.started).total_seconds() if record.ended is not None else report.end
    suite = ElementTree.Element(
        "testsuite",
        name=f"chaos {record.title}",
        timestamp=record.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        time=f"{took:.3f}",
    )
    failed = skipped = 0
    for check in report.story.checks.values():
        case = _case(suite, report, check.name)
        got = pages.in_words(check.got, check.unit)
        if check.ok is False:
            failed += 1
            want = pages.in_words(check.want, check.unit)
            said = f"measured {got}, wanted {want}" if check.want is not None else f"measured {got}"
            ElementTree.SubElement(case, "failure", message=said)
        elif check.ok is None:
            skipped += 1
            ElementTree.SubElement(case, "skipped", message="not measured")
        else:
            ElementTree.SubElement(case, "system-out").text = f"measured {got}"
    verdict = report.verdict
    case = _case(suite, report, "the run")
    broken = verdict is None or verdict.outcome not in (Outcome.PASSED, Outcome.FAILED)
    if broken:
        said = f"{pages.word(report)}: {pages.reason(report)}"
        ElementTree.SubElement(case, "error", message=said)
    elif verdict is not None and verdict.outcome is Outcome.FAILED and not failed:
        failed += 1
        ElementTree.SubElement(case, "failure", message=pages.reason(report))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failed))
    suite.set("errors", "1" if broken else "0")
    suite.set("skipped", str(skipped))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_UNWRITABLE.sub("?", text)}\n'


def _case(suite: ElementTree.Element, report: ChaosReport, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=f"chaos.{report.record.title}", name=name)
