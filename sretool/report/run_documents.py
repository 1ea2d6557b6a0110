"""What runs of every kind say to programs: parts of a JSON document, and a test suite of JUnit's XML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from sretool.core.runs.model import Outcome
from sretool.report.run import word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sretool.core.runs.model import Check, RunRecord
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
        "checks": [_check(check) for check in report.story.checks.values()],
    }


def _check(check: Check) -> dict[str, Any]:
    return {"name": check.name, "want": check.want, "got": check.got, "unit": check.unit, "ok": check.ok}


def phases(report: RunReport) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "planned_s": each.planned, "begin_s": each.begin, "end_s": each.end}
        for each in report.story.phases
    ]


# --- JUnit


class Suite:
    """A test suite: each check is a test case, and so is the run where it has something of its own to say."""

    def __init__(self, report: RunReport, group: str, attributes: Mapping[str, str]) -> None:
        """`group`: what stands before the run's title in the names of test cases."""
        self.failed = 0
        """Test cases so far."""
        self._report = report
        self._class = f"{group}.{report.record.title}"
        self._suite = ElementTree.Element("testsuite", dict(attributes))
        self._skipped = 0

    def take_checks(
        self, in_words: Callable[[float | str | None, str], str], why: Callable[[str], str] = lambda name: ""
    ) -> None:
        """`in_words`: of a value and its unit; `why` a check of this name was broken, empty: nobody said."""
        for check in self._report.story.checks.values():
            case = self._case(check.name)
            measured = f"measured {in_words(check.got, check.unit)}"
            if check.ok is False:
                self.failed += 1
                wanted = f", wanted {in_words(check.want, check.unit)}" if check.want is not None else ""
                failure = ElementTree.SubElement(case, "failure", message=f"{measured}{wanted}")
                failure.text = why(check.name)
            elif check.ok is None:
                self._skipped += 1
                ElementTree.SubElement(case, "skipped", message="not measured")
            else:
                ElementTree.SubElement(case, "system-out").text = measured

    @property
    def broken(self) -> bool:
        """Whether the run says nothing of its checks."""
        verdict = self._report.verdict
        return verdict is None or verdict.outcome not in (Outcome.PASSED, Outcome.FAILED)

    @property
    def failed_alone(self) -> bool:
        """Whether the run has failed without any check that says so."""
        verdict = self._report.verdict
        return verdict is not None and verdict.outcome is Outcome.FAILED and not self.failed

    def take_run(self, reason: str) -> None:
        """A test case for the run itself, after its checks."""
        case = self._case("the run")
        if self.broken:
            ElementTree.SubElement(case, "error", message=f"{word(self._report)}: {reason}")
        elif self.failed_alone:
            self.failed += 1
            ElementTree.SubElement(case, "failure", message=reason)

    def text(self) -> str:
        suite = self._suite
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(self.failed))
        suite.set("errors", "1" if self.broken else "0")
        suite.set("skipped", str(self._skipped))
        root = ElementTree.Element("testsuites")
        root.append(suite)
        ElementTree.indent(root)
        text = ElementTree.tostring(root, encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{_UNWRITABLE.sub("?", text)}\n'

    def _case(self, name: str) -> ElementTree.Element:
        return ElementTree.SubElement(self._suite, "testcase", classname=self._class, name=name)
