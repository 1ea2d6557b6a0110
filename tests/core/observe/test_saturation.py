"""Who was at its end first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sretool.core.catalog.model import Bound, Threshold
from sretool.core.catalog.watched import Headroom, Measure, Resource, Watched
from sretool.core.observe.model import Series
from sretool.core.observe.saturation import Course, courses, lines, reached

START = datetime(2026, 11, 20, 3, tzinfo=UTC)


def points(*values: float) -> tuple[tuple[datetime, float], ...]:
    return tuple((START + timedelta(seconds=5 * place), value) for place, value in enumerate(values))


WATCHED = Watched(
    resources=(
        Resource(
            "app",
            "App",
            ("instance",),
            (
                Measure(
                    "cpu",
                    "cpu",
                    "ratio",
                    (Threshold(Bound.ABOVE, 0.9, "bad"), Threshold(Bound.ABOVE, 0.7, "warn")),
                ),
                Measure("pool", "pool", "ratio"),
            ),
            (Measure("queue", "queue", "count"),),
        ),
    ),
    headroom=(
        Headroom("pg", "PostgreSQL connections", (), "used", "limit", thresholds=()),
        Headroom("files", "files", ("instance",), "files", 200.0),
        Headroom("lag", "lag", (), "lag"),
    ),
)


def test_every_resource_has_a_line() -> None:
    found = {line.title: (line.line, line.limit) for line in lines(WATCHED)}
    assert found == {
        "App cpu": (0.7, None),
        "App pool": (0.9, None),
        "PostgreSQL connections": (0.9, "limit"),
        "files": (0.9, 200.0),
    }


def test_values_become_shares_of_their_limit() -> None:
    by_title = {line.title: line for line in lines(WATCHED)}
    (pg,) = courses(
        by_title["PostgreSQL connections"], [Series({}, points(50, 95))], [Series({}, points(100, 100))]
    )
    assert [value for _, value in pg.points] == [0.5, 0.95]
    (files,) = courses(by_title["files"], [Series({"instance": "a"}, points(50, 100))], [])
    assert files.title == "files a"
    assert [value for _, value in files.points] == [0.25, 0.5]
    (bare,) = courses(by_title["PostgreSQL connections"], [Series({}, points(50))], [])
    assert bare.points == ()


def test_the_first_over_its_line_comes_first_and_what_was_over_it_before_is_no_cause() -> None:
    found = reached(
        [
            Course("late", 0.9, points(0.1, 0.2, 0.95)),
            Course("never", 0.9, points(0.1, 0.5, 0.8)),
            Course("first", 0.7, points(0.1, 0.75, 0.8)),
            Course("always", 0.8, points(0.85, 0.85, 0.9)),
            Course("idle", 0.9, points(0.1, 0.1, 0.1)),
            Course("unknown", 0.9, ()),
        ]
    )
    assert [each.title for each in found] == ["first", "late", "always", "never", "idle"]
    assert found[0].at == START + timedelta(seconds=5)
    assert found[2].before
    assert found[3].at is None
    assert found[3].most == pytest.approx(0.8)
