"""What runs of every kind say to programs: parts of a JSON document, and a test suite of JUnit's XML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from sretool.core.runs.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from sretool.core.runs.model import Check, RunRecord, Verdict
    from sretool.report.run import RunReport

_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Signs that no XML document may hold."""


# --- JSON


def identity(record: RunRecord) -> dict[str, Any]:
    """Which run it is."""
    return {
        "id": record.id,
        "kind": record.kind.value,
        "title": record.title,
        "state": record.state.value,
        "started": record.started,
        "ended": record.ended,
    }


def ground(record: RunRecord) -> dict[str, Any]:
    """What it was made with."""
    return {
        "targets": record.targets,
        "inputs": [{"path": each.path, "sha256": each.sha256} for each in record.inputs],
        "versions": dict(record.versions),
    }


def judgement(report: RunReport) -> dict[str, Any]:
    """What it came to; null where it came to nothing."""
    verdict = report.verdict
    return {
        "verdict": {"outcome": verdict.outcome.value, "reason": verdict.reason} if verdict else None,
        "checks": [check(each) for each in report.story.checks.values()],
    }


def check(of: Check) -> dict[str, Any]:
    return {"name": of.name, "want": of.want, "got": of.got, "unit": of.unit, "ok": of.ok}


def phases(report: RunReport) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "planned_s": each.planned, "begin_s": each.begin, "end_s": each.end}
        for each in report.story.phases
    ]


# --- JUnit


class Suite:
    """Test cases that belong together."""

    def __init__(self, classname: str, attributes: Mapping[str, str]) -> None:
        """`classname`: what stands before the names of test cases."""
        self.element = ElementTree.Element("testsuite", dict(attributes))
        self.counts = {"failures": 0, "errors": 0, "skipped": 0}
        self._classname = classname

    @classmethod
    def of(cls, name: str, classname: str, at: datetime, took: float) -> Suite:
        """`took`: seconds."""
        attributes = {"name": name, "timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}", "time": f"{took:.3f}"}
        return cls(classname, attributes)

    def case(self, name: str, ok: bool | None, said: str, took: float | None = None, why: str = "") -> None:
        """`said`: what was measured, or why nobody knows; `why` it was broken, where somebody said so."""
        case = self._case(name)
        if took is not None:
            case.set("time", f"{took:.3f}")
        if ok is False:
            self._failed(case, said).text = why
        elif ok is None:
            self.counts["skipped"] += 1
            ElementTree.SubElement(case, "skipped", message=said)
        elif said:
            ElementTree.SubElement(case, "system-out").text = said

    def check(self, check: Check, in_words: Callable[[float | str | None, str], str], why: str = "") -> None:
        """`in_words`: of a value and its unit."""
        said = f"measured {in_words(check.got, check.unit)}"
        if check.ok is False and check.want is not None:
            said = f"{said}, wanted {in_words(check.want, check.unit)}"
        self.case(check.name, check.ok, said if check.ok is not None else "not measured", why=why)

    def has_more(self, verdict: Verdict | None) -> bool:
        """Whether a run with this verdict says something that its checks have not said."""
        failed_alone = (
            verdict is not None and verdict.outcome is Outcome.FAILED and not self.counts["failures"]
        )
        return len(self.element) == 0 or failed_alone or _says_nothing(verdict)

    def run(self, verdict: Verdict | None, word: str, reason: str) -> None:
        """A test case for the run itself, after its checks; `word`: how it ended."""
        case = self._case("the run")
        if _says_nothing(verdict):
            self.counts["errors"] += 1
            ElementTree.SubElement(case, "error", message=f"{word}: {reason}")
        elif verdict is not None and verdict.outcome is Outcome.FAILED and not self.counts["failures"]:
            self._failed(case, reason)

    def _failed(self, case: ElementTree.Element, said: str) -> ElementTree.Element:
        self.counts["failures"] += 1
        return ElementTree.SubElement(case, "failure", message=said)

    def _case(self, name: str) -> ElementTree.Element:
        return ElementTree.SubElement(self.element, "testcase", classname=self._classname, name=name)


def _says_nothing(verdict: Verdict | None) -> bool:
    """Whether the run says nothing of its checks."""
    return verdict is None or not verdict.outcome.judged


def junit(suites: Iterable[Suite]) -> str:
    root = ElementTree.Element("testsuites")
    for suite in suites:
        suite.element.set("tests", str(len(suite.element)))
        for name, count in suite.counts.items():
            suite.element.set(name, str(count))
        root.append(suite.element)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_UNWRITABLE.sub("?", text)}\n'
