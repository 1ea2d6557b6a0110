"""An experiment for programs: one JSON document, or JUnit's XML with one test case for each check."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from sretool.core.runs.model import Outcome
from sretool.report import chaos as pages

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sretool.core.runs.model import Check, Verdict
    from sretool.report.chaos_story import Alert, ChaosReport, Point

_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Signs that no XML document may hold."""


def document(report: ChaosReport) -> dict[str, Any]:
    """Ratios 0..1, seconds since the run began, and null where nothing is known."""
    story = report.story
    return head(report) | {
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
        "slos": slos(report),
        "traffic": {instance: _points(found) for instance, found in report.traffic.items()},
        "probes": {name: _points(found) for name, found in report.probes.items()},
        "log": log(report),
    }


def head(report: ChaosReport) -> dict[str, Any]:
    """What the run is, how it ended, and what was to hold."""
    record, verdict, started = report.record, report.verdict, report.story.started
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
        "checks": [check(each) for each in report.story.checks.values()],
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


def check(of: Check) -> dict[str, Any]:
    return {"name": of.name, "want": of.want, "got": of.got, "unit": of.unit, "ok": of.ok}


def junit(report: ChaosReport) -> str:
    """A test suite: each check is a test case, and so is the run itself.

    A run without a verdict to give (aborted, inconclusive, broken) is an error: nothing else in the file
    could make a pipeline stop for it.
    """
    record = report.record
    took = (record.ended - record.started).total_seconds() if record.ended is not None else report.end
    suite = Suite(f"chaos {record.title}", f"chaos.{record.title}", record.started, took)
    for check in report.story.checks.values():
        suite.check(check)
    suite.run(report.verdict, pages.word(report), pages.reason(report))
    return junit_text([suite])


class Suite:
    """Test cases that belong together."""

    def __init__(self, name: str, classname: str, at: datetime, took: float) -> None:
        self.element = ElementTree.Element(
            "testsuite", name=name, timestamp=at.strftime("%Y-%m-%dT%H:%M:%SZ"), time=f"{took:.3f}"
        )
        self._classname = classname
        self.counts = {"failures": 0, "errors": 0, "skipped": 0}

    def case(self, name: str, ok: bool | None, said: str, took: float | None = None) -> None:
        """`said`: why not, or what was measured; None: nobody knows."""
        case = ElementTree.SubElement(self.element, "testcase", classname=self._classname, name=name)
        if took is not None:
            case.set("time", f"{took:.3f}")
        if ok is False:
            self.counts["failures"] += 1
            ElementTree.SubElement(case, "failure", message=said)
        elif ok is None:
            self.counts["skipped"] += 1
            ElementTree.SubElement(case, "skipped", message=said)
        elif said:
            ElementTree.SubElement(case, "system-out").text = said

    def check(self, check: Check) -> None:
        got = pages.in_words(check.got, check.unit)
        said = f"measured {got}"
        if check.ok is False and check.want is not None:
            said = f"{said}, wanted {pages.in_words(check.want, check.unit)}"
        self.case(check.name, check.ok, said if check.ok is not None else "not measured")

    def run(self, verdict: Verdict | None, word: str, reason: str) -> None:
        """The last case: the run itself."""
        case = ElementTree.SubElement(self.element, "testcase", classname=self._classname, name="the run")
        if verdict is None or verdict.outcome not in (Outcome.PASSED, Outcome.FAILED):
            self.counts["errors"] += 1
            ElementTree.SubElement(case, "error", message=f"{word}: {reason}")
        elif verdict.outcome is Outcome.FAILED and not self.counts["failures"]:
            self.counts["failures"] += 1
            ElementTree.SubElement(case, "failure", message=reason)


def junit_text(suites: Iterable[Suite]) -> str:
    root = ElementTree.Element("testsuites")
    for suite in suites:
        suite.element.set("tests", str(len(suite.element)))
        for name, count in suite.counts.items():
            suite.element.set(name, str(count))
        root.append(suite.element)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_UNWRITABLE.sub("?", text)}\n'
