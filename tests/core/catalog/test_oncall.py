"""The `oncall` section of a catalog."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from textwrap import dedent

import pytest

from sretool.core.catalog import read
from sretool.core.catalog.oncall import Override, Schedule, Step
from sretool.errors import CatalogError

SLO = """
slos:
  - id: shop/availability
    objective: 99%
    window: 30d
    sli: {bad: "errors_total", total: "requests_total"}
"""

ONCALL = """
owners:
  - {id: managers, title: Managers}
oncall:
  members:
    - {id: ann, title: Ann, contact: phone}
    - {id: bo, title: Bo}
  hours:
    - {id: working, weekdays: [monday, friday], start: "09:00", end: "18:00", zone: Europe/Berlin}
  schedules:
    - id: sre
      title: SRE
      zone: Europe/Berlin
      handover: monday 09:00
      since: 2026-01-05
      members: [ann, bo]
      manager: bo
      overrides:
        - {start: 2026-02-01T00:00:00Z, end: 2026-02-02T00:00:00Z}
  escalations:
    - id: p0
      labels: {priority: P0}
      steps:
        - {after: 0, to: [sre, sre/backup], how: phone}
        - {after: 5m, to: [managers]}
    - id: p1
      labels: {priority: P1}
      during: working
      steps:
        - {after: 0s, to: [sre/manager, ann]}
"""


def test_the_section_is_read() -> None:
    oncall = read.read({"a.yaml": SLO + ONCALL}).oncall
    assert oncall
    assert oncall.schedules == (
        Schedule(
            id="sre",
            title="SRE",
            zone="Europe/Berlin",
            since=date(2026, 1, 5),
            at=time(9),
            weekday=0,
            turn_days=7,
            members=("ann", "bo"),
            manager="bo",
            overrides=(
                Override(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC), None, "primary"),
            ),
        ),
    )
    first, second = oncall.escalations
    assert first.steps == (
        Step(timedelta(), ("sre", "sre/backup"), "phone"),
        Step(timedelta(minutes=5), ("managers",)),
    )
    assert (second.during, second.labels) == ("working", {"priority": "P1"})
    assert oncall.hours[0].weekdays == {0, 4}
    assert oncall.titles == {"managers": "Managers"}


def test_a_catalog_without_it_has_nobody_on_call() -> None:
    assert not read.read({"a.yaml": SLO}).oncall


def test_everything_that_is_wrong_is_found_at_once() -> None:
    text = SLO + dedent(
        """
        oncall:
          members:
            - {id: ann, title: Ann}
            - {id: ann, title: Ann again}
          hours:
            - {id: night, weekdays: [], start: "22:00", end: "07:00"}
            - {id: late, weekdays: [sonntag], start: "9", end: "10:00"}
          schedules:
            - {id: sre, handover: "09:00", since: 2026-01-05, members: [ann, zoe]}
            - {id: daily, handover: monday 09:00, turn: 1d, since: 05.01.2026, members: []}
            - {id: hourly, handover: "09:00", turn: 90m, since: 2026-01-05, members: [ann], hours: nigth}
            - id: out
              handover: 09:00
              turn: 1d
              since: 2026-01-05
              members: [ann]
              overrides:
                - {start: 2026-02-02T00:00:00Z, end: 2026-02-01T00:00:00Z, member: bob}
          escalations:
            - id: p0
              labels: {}
              steps:
                - {after: 5m, to: [srr, sre/second, managers]}
                - {after: 5m, to: [ann/backup]}
            - {id: p1, labels: {a: b}, steps: []}
        """
    )
    with pytest.raises(CatalogError) as failure:
        read.read({"a.yaml": text})
    said = str(failure.value)
    for expected in (
        "a.yaml:11: on-call member ann is already declared at a.yaml:10",
        "a.yaml:13: hours on no day never come",
        "hours end later on the same day",
        "a.yaml:14: weekdays: 'sonntag' is no day of the week",
        "a.yaml:14: start: '9' is no time of day",
        "a.yaml:16: a turn of weeks is handed over on a day of the week",
        "a.yaml:16: no on-call member 'zoe' is declared",
        "a.yaml:17: since: '05.01.2026' is no day",
        "a.yaml:18: a turn is whole days or weeks long",
        "a.yaml:18: no hours 'nigth' is declared; did you mean 'night'?",
        "a.yaml:25: an override ends after it has started",
        "a.yaml:25: no on-call member 'bob' is declared",
        "a.yaml:28: an escalation without labels would be that of every alert",
        "a.yaml:29: each step comes later than the one before it",
        "a.yaml:30: to: no schedule, on-call member or owner 'srr' is declared; did you mean 'sre'?",
        "a.yaml:30: to: 'second' is no role of a schedule",
        "a.yaml:30: to: no schedule, on-call member or owner 'managers' is declared",
        "a.yaml:31: to: no schedule 'ann' is declared",
        "a.yaml:32: an escalation without steps reaches nobody",
    ):
        assert expected in said
