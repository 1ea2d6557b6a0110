"""A load test for programs: one JSON document, or JUnit's XML with one test case for each objective."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from sretool.core.runs.words import value_words
from sretool.report import load as pages
from sretool.report import run_documents
from sretool.report.run import word

if TYPE_CHECKING:
    from sretool.core.analysis.totals import Total
    from sretool.core.runs.story import Story
    from sretool.report.load import LoadReport

_QUANTILES: Final = ("p50_s", "p90_s", "p95_s", "p99_s", "p999_s")


def document(report: LoadReport) -> dict[str, Any]:
    """Ratios 0..1, seconds, and null where nothing is known; times and the like are left to the writer."""
    record, story = report.record, report.story
    counted = story.counted
    return {
        **run_documents.identity(record),
        **run_documents.ground(record),
        **run_documents.judgement(report),
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
        "phases": run_documents.phases(report),
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
    attributes = {
        "name": record.title,
        "timestamp": f"{record.started:%Y-%m-%dT%H:%M:%S}",
        "time": f"{seconds:.3f}",
        "hostname": ", ".join(record.targets),
    }
    suite = run_documents.Suite(f"load.{record.title}", attributes)
    for check in report.story.checks.values():
        suite.check(check, _in_words, pages.why(report, check.name))
    # A search that finds no rate has failed without any objective that says so.
    if suite.has_more(report.verdict):
        suite.run(report.verdict, word(report), pages.reason(report))
    return run_documents.junit([suite])


def _in_words(value: float | str | None, unit: str) -> str:
    return value_words(value, unit, 4)
