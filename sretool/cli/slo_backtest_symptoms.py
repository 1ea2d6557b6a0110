"""The part of `sretool slo backtest` about plain alerting rules."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sretool.core.analysis import symptoms
from sretool.errors import CatalogError
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from sretool.core.analysis.backtest import Score
    from sretool.core.analysis.symptoms import Replayed, Symptom, SymptomRule
    from sretool.errors import Problem
    from sretool.ports import Endpoint

_ROWS: Final = 100
"""Firings that people read; programs get all of them."""
_HEADINGS: Final = ("FIRED", "RULE", "OF", "START (UTC)", "LASTED")
_SHOWN_OF_LABELS: Final = 60


def read(given: Sequence[Path], of_catalog: Mapping[str, str]) -> tuple[SymptomRule, ...]:
    """The rules to replay; CatalogError with every problem of all files, UsageError."""
    from sretool.adapters.files.texts import text_of

    files = {str(path): text_of(path) for path in given} if given else of_catalog
    found: list[SymptomRule] = []
    problems: list[Problem] = []
    for file, text in files.items():
        try:
            found += symptoms.read(file, text)
        except CatalogError as error:
            problems += error.problems
    if problems:
        raise CatalogError(tuple(problems))
    return tuple(found)


def replay(prometheus: Endpoint, rules: Sequence[SymptomRule], since: datetime, until: datetime) -> Replayed:
    from sretool import wiring
    from sretool.services import backtesting

    source = wiring.history(prometheus)
    try:
        return backtesting.symptoms(source, rules, since, until)
    finally:
        source.close()


def as_json(found: Replayed, score: Score[Symptom] | None) -> dict[str, Any]:
    return {
        "symptoms": {
            "rules": [_rule_as_json(rule, found) for rule in found.rules],
            "firings": [
                {
                    "rule": each.rule.name,
                    "severity": each.rule.labels.get("severity"),
                    "labels": each.labels,
                    "start": each.start,
                    "end": each.end,
                    "incidents": [span.name for span in score.explain(each)] if score is not None else [],
                }
                for each in found.firings
            ],
            "score": _score_as_json(score) if score is not None else None,
        }
    }


def _rule_as_json(rule: SymptomRule, found: Replayed) -> dict[str, Any]:
    return {
        "name": rule.name,
        "file": rule.file,
        "line": rule.line,
        "interval_s": rule.interval,
        "for_s": rule.hold,
        "keep_firing_for_s": rule.keep,
        "firings": sum(each.rule is rule for each in found.firings),
        "problem": found.silent.get(rule),
    }


def _score_as_json(score: Score[Symptom]) -> dict[str, Any]:
    return {
        "precision": score.precision,
        "recall": score.recall,
        "page_recall": score.page_recall,
        "false": len(score.false),
        "incidents": [
            {
                "name": each.incident.name,
                "detected": each.first is not None,
                "after_s": each.delay(each.first),
                "rule": each.first.rule.name if each.first is not None else None,
            }
            for each in score.detections
        ],
    }


def text(found: Replayed, score: Score[Symptom] | None, until: datetime) -> list[str]:
    """For people; nothing at all where no rule was replayed."""
    if not found.rules:
        return []
    lines = ["", f"{_count(len(found.rules), 'alerting rule')} replayed beside them", ""]
    lines += _table(found, score, until)
    if score is not None:
        right = score.alarms - len(score.false)
        seen = sum(each.first is not None for each in score.detections)
        lines += [
            "",
            f"{_count(len(found.firings), 'firing')}; precision {_ratio(score.precision)} ({right} of"
            f" {score.alarms}), recall {_ratio(score.recall)} ({seen} of"
            f" {_count(len(score.detections), 'incident')})",
        ]
    if found.silent:
        lines += ["", *(f"{rule.file}:{rule.line}: {rule.name}: {why}" for rule, why in found.silent.items())]
    return lines


def _table(found: Replayed, score: Score[Symptom] | None, until: datetime) -> list[str]:
    if not found.firings:
        return ["no rule would have fired"]
    headings = (*_HEADINGS, "KNOWN AS") if score is not None else _HEADINGS
    left_out = len(found.firings) - _ROWS
    before = [f"{left_out} earlier ones are left out; --format json has them"] if left_out > 0 else []
    rows = [_cells(each, score, until) for each in found.firings[-_ROWS:]]
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    return before + [
        " ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (headings, *rows)
    ]


def _cells(each: Symptom, score: Score[Symptom] | None, until: datetime) -> tuple[str, ...]:
    lasted = format_duration(timedelta(seconds=round(((each.end or until) - each.start).total_seconds())))
    labels = ", ".join(f"{name}={value}" for name, value in each.labels.items()) or "-"
    cells = (
        each.rule.labels.get("severity", "-"),
        each.rule.name,
        labels if len(labels) <= _SHOWN_OF_LABELS else f"{labels[: _SHOWN_OF_LABELS - 1]}…",
        f"{each.start:%Y-%m-%d %H:%M}",
        lasted if each.end is not None else f"{lasted}+",
    )
    if score is None:
        return cells
    return (*cells, ", ".join(span.name for span in score.explain(each)) or "nothing known")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _ratio(value: float | None) -> str:
    return f"{value:.0%}" if value is not None else "-"
