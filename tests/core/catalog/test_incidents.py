from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sretool.core.catalog.incidents import read
from sretool.core.slo.ledger import Kind, Span
from sretool.errors import CatalogError


def test_spans_are_read_in_the_order_of_the_file() -> None:
    text = """\
incidents:
  - {name: Upgrade, start: 2026-11-10T02:00:00Z, end: 2026-11-10T03:00:00Z, kind: maintenance}
  - name: Failover
    start: 2026-10-27T14:05:00+01:00
    end: 2026-10-27T14:09:00+01:00
"""
    assert read("incidents.yaml", text) == (
        Span(
            "Upgrade",
            datetime(2026, 11, 10, 2, tzinfo=UTC),
            datetime(2026, 11, 10, 3, tzinfo=UTC),
            Kind.MAINTENANCE,
            "incidents.yaml",
        ),
        Span(
            "Failover",
            datetime(2026, 10, 27, 13, 5, tzinfo=UTC),
            datetime(2026, 10, 27, 13, 9, tzinfo=UTC),
            Kind.INCIDENT,
            "incidents.yaml",
        ),
    )


def test_every_problem_is_found_at_once_with_its_line() -> None:
    text = """\
incidents:
  - name: A
    start: yesterday
    end: 2026-11-10T03:00:00Z
  - name: B
    start: 2026-11-10T03:00:00Z
    end: 2026-11-10T02:00:00Z
    kind: chaoss
  - nme: C
    start: 2026-11-10T01:00:00Z
    end: 2026-11-10T02:00:00Z
"""
    with pytest.raises(CatalogError) as caught:
        read("i.yaml", text)
    assert [str(problem).split("; ")[0] for problem in caught.value.problems] == [
        "i.yaml:3: start: 'yesterday' is not a time",
        "i.yaml:7: an incident must end after it starts",
        "i.yaml:8: kind: 'chaoss' is not possible",
        "i.yaml:9: unknown key 'nme'",
        "i.yaml:9: `name` is missing",
    ]


@pytest.mark.parametrize(
    "text",
    ["", "[1]", "incidents: 3", "a: [", "incidents:\n\t- x", "incidents: [{name: {}, start: [], end: 9e99}]"],
)
def test_what_is_no_such_file_is_a_problem_and_no_traceback(text: str) -> None:
    with pytest.raises(CatalogError, match=r"i\.yaml:\d+: "):
        read("i.yaml", text)
