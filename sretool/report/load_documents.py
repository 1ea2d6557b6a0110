"""A load test for programs: one JSON document, or JUnit's XML with one test case for each objective."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from sretool.core.runs.model import Outcome
from sretool.core.runs.words import value_words
from sretool.report import load as pages

if TYPE_CHECKING:
    from sretool.core.analysis.totals import Total
    from sretool.core.runs.model import Check
    from sretool.core.runs.story import Story
    from sretool.report.load import LoadReport


_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Signs that no XML document may hold."""
_QUANTILES: Final = ("p50_s", "p90_s", "p95_s", "p99_s", "p999_s")


def document(report: LoadReport) -> dict[str, Any]:
    """Ratios 0..1, seconds, and null where nothing is known; times and the like are left to the writer."""
    record, story = report.record, report.story
    counted = story.counted
    verdict = report.verdict
    return {
        "id": record.id,
        "kind": record.kind.value,
        "title": record.title,
        "state": record.state.value,
        "started": record.started,
        "ended": record.ended,
        "targets": record.targets,
        "inputs": [{"path": each.path, "sha256": each.sha256} for each in record.inputs],
        "versions": dict(record.versions),
        "verdict": {"outcome": verdict.outcome.value, "reason": verdict.reason} if verdict else None,
        "checks": [_check(check) for check in story.checks.values()],
        "explained": dict(story.explained),
        "seconds": counted.totals.seconds,
        "total": _total(counted.totals.whole, counted.totals.seconds, sum(counted.bytes.values())),
        "requests": [
            {"name": name, **_total(total, counted.totals.seconds, counted.bytes[name])}
            for name, total in counted.totals.names.items()
        ],
        "errors": [
            {"text": each.text, "request": each.request or None, "count": each.times}
            for each in counted.failures()
        ],
        "generators": {
            "trusted": pages.health(report)[0],
            "busiest_cpu": counted.busiest,
            "lag_s": counted.lag_s,
            "late_starts": counted.late_starts,
            "planned_rate": counted.planned_rate,
        },
        "capacity": _capacity(story),
        "phases": [
            {"name": each.name, "planned_s": each.planned, "begin_s": each.begin, "end_s": each.end}
            for each in story.phases
        ],
        "slices": [
            {
                "begin_s": each.begin,
                "end_s": each.end,
                "planned_rate": each.planned_rate,
                "users": each.users,
                "in_flight": each.in_flight,
                "late_starts": each.late_starts,
                "cpu": each.cpu,
                "lag_s": each.lag_s,
                **_total(each.whole, each.seconds, None),
            }
            for each in report.slices
        ],
    }


def _capacity(story: Story) -> dict[str, Any] | None:
    """What a search for the highest rate found; None where none was made."""
    found = story.capacity
    if found is None and not story.curve:
        return None
    figures = asdict(found) if found is not None else {}
    return figures | {"curve": [asdict(point) for point in story.curve]}


def _check(check: Check) -> dict[str, Any]:
    return {"name": check.name, "want": check.want, "got": check.got, "unit": check.unit, "ok": check.ok}


def _total(total: Total, seconds: float, size: int | None) -> dict[str, Any]:
    named = zip(_QUANTILES, pages.quantiles(total), strict=True)
    figures: dict[str, Any] = {
        "requests": total.requests,
        "failures": total.failures,
        "rate": total.requests / seconds if seconds else None,
        "mean_s": total.mean,
        **dict(named),
        "max_s": total.most,
    }
    return figures if size is None else figures | {"bytes": size}


def junit(report: LoadReport) -> str:
    """A test suite: each objective is a test case, and so is the run where it has no verdict to give."""
    record = report.record
    seconds = (record.ended - record.started).total_seconds() if record.ended is not None else 0.0
    suite = ElementTree.Element(
        "testsuite", name=record.title, timestamp=f"{record.started:%Y-%m-%dT%H:%M:%S}"
    )
    suite.set("time", f"{seconds:.3f}")
    suite.set("hostname", ", ".join(record.targets))
    failed = skipped = 0
    for check in report.story.checks.values():
        case = _case(suite, report, check.name)
        got = value_words(check.got, check.unit, 4)
        if check.ok is False:
            failed += 1
            want = value_words(check.want, check.unit, 4)
            said = f"measured {got}, wanted {want}" if check.want is not None else f"measured {got}"
            ElementTree.SubElement(case, "failure", message=said).text = pages.why(report, check.name)
        elif check.ok is None:
            skipped += 1
            ElementTree.SubElement(case, "skipped", message="not measured")
        else:
            ElementTree.SubElement(case, "system-out").text = f"measured {got}"
    broken = _broken(report)
    verdict = report.verdict
    # A search that finds no rate has failed without any objective that says so.
    alone = verdict is not None and verdict.outcome is Outcome.FAILED and not failed
    if broken or alone or not report.story.checks:
        case = _case(suite, report, "the run")
        if broken:
            ElementTree.SubElement(case, "error", message=broken)
        elif alone:
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


def _case(suite: ElementTree.Element, report: LoadReport, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=f"load.{report.record.title}", name=name)


def _broken(report: LoadReport) -> str:
    """Why the run says nothing of its objectives; empty where it does."""
    verdict = report.verdict
    if verdict is not None and verdict.outcome in (Outcome.PASSED, Outcome.FAILED):
        return ""
    return f"{pages.word(report)}: {pages.reason(report)}"
