"""The calendar: turns, changes of clocks, overrides, gaps; whom a page reaches when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.alerting import escalation, handoff, oncall
from sretool.core.alerting.acks import take
from sretool.core.alerting.escalation import Due
from sretool.core.alerting.firings import Firing
from sretool.core.alerting.silences import Silence, SilenceState
from sretool.core.catalog.oncall import Escalation, Hours, Member, OnCall, Override, Schedule, Step

HOUR = timedelta(hours=1)
WORKING = Hours("working", frozenset(range(5)), time(9), time(18), "Europe/Berlin")
SRE = Schedule(
    id="sre",
    title="SRE",
    zone="Europe/Berlin",
    since=date(2026, 1, 1),
    at=time(9),
    weekday=0,
    turn_days=7,
    members=("ann", "bo", "cy"),
    manager="kim",
)
P0 = Escalation(
    "p0",
    {"priority": "P0"},
    (
        Step(timedelta(), ("sre",), "phone"),
        Step(timedelta(minutes=5), ("sre/backup", "lead")),
        Step(HOUR, ("sre/manager",)),
    ),
)
CALENDAR = OnCall(
    members=(Member("ann", "Ann"), Member("bo", "Bo"), Member("cy", "Cy"), Member("kim", "Kim")),
    hours=(WORKING,),
    schedules=(SRE,),
    escalations=(
        P0,
        Escalation("p1-day", {"priority": "P1"}, (Step(timedelta(), ("team",)),), during="working"),
        Escalation("p1-night", {"priority": "P1"}, (Step(timedelta(), ("sre",)),), outside="working"),
    ),
    titles={"lead": "Team lead", "team": "The team"},
)  # fmt: skip


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def with_schedule(**changes: object) -> tuple[OnCall, Schedule]:
    schedule = replace(SRE, **changes)  # type: ignore[arg-type]
    return replace(CALENDAR, schedules=(schedule,)), schedule


def test_members_take_turns_from_the_first_handover_on() -> None:
    # 5 January 2026 is the first Monday from the 1st on; 09:00 in Berlin is 08:00 UTC in winter.
    assert oncall.turn_start(SRE, 0) == utc(2026, 1, 5, 8)
    assert oncall.on_duty(CALENDAR, SRE, utc(2026, 1, 5, 7, 59)) == (None, None)
    assert oncall.on_duty(CALENDAR, SRE, utc(2026, 1, 5, 8)) == ("ann", "bo")
    assert oncall.on_duty(CALENDAR, SRE, utc(2026, 1, 12, 7, 59)) == ("ann", "bo")
    assert oncall.on_duty(CALENDAR, SRE, utc(2026, 1, 12, 8)) == ("bo", "cy")
    assert oncall.on_duty(CALENDAR, SRE, utc(2026, 1, 26, 8)) == ("ann", "bo")


@pytest.mark.parametrize(
    ("start", "length"),
    [
        pytest.param(utc(2026, 3, 23, 8), timedelta(days=7) - HOUR, id="clocks go forward"),
        pytest.param(utc(2026, 10, 19, 7), timedelta(days=7) + HOUR, id="clocks go back"),
        pytest.param(utc(2026, 6, 1, 7), timedelta(days=7), id="summer"),
    ],
)
def test_handovers_stay_at_nine_when_the_clocks_change(start: datetime, length: timedelta) -> None:
    (shift,) = [s for s in oncall.shifts(CALENDAR, SRE, start, start + length)]
    assert shift.end - shift.start == length
    after = oncall.on_duty(CALENDAR, SRE, start + length)
    assert after != (shift.primary, shift.backup)


def test_a_handover_in_the_hour_that_is_left_out_still_happens_once() -> None:
    calendar, schedule = with_schedule(at=time(2, 30), weekday=None, turn_days=1, since=date(2026, 3, 27))
    starts = [oncall.turn_start(schedule, number) for number in range(5)]
    assert starts == sorted(set(starts))
    shown = list(oncall.shifts(calendar, schedule, starts[0], starts[4]))
    assert [shift.primary for shift in shown] == ["ann", "bo", "cy", "ann"]


def test_an_override_takes_the_duty_and_the_backup_is_somebody_else() -> None:
    swap = Override(utc(2026, 1, 6), utc(2026, 1, 7), "bo")
    calendar, schedule = with_schedule(overrides=(swap,))
    assert oncall.on_duty(calendar, schedule, utc(2026, 1, 6)) == ("bo", "cy")
    assert oncall.on_duty(calendar, schedule, utc(2026, 1, 7)) == ("ann", "bo")


def test_a_turn_nobody_has_taken_is_a_gap_until_its_end() -> None:
    calendar, schedule = with_schedule(overrides=(Override(utc(2026, 1, 6), utc(2026, 1, 6, 5), None),))
    (gap,) = oncall.gaps(calendar, schedule, utc(2026, 1, 5, 8), utc(2026, 1, 12))
    assert (gap.start, gap.end) == (utc(2026, 1, 6), utc(2026, 1, 6, 5))
    present, following = oncall.now_and_next(calendar, schedule, utc(2026, 1, 6, 2))
    assert present.gap
    assert present.end == utc(2026, 1, 6, 5)
    assert following is not None
    assert following.primary == "ann"


def test_who_is_on_call_only_in_working_hours_leaves_planned_gaps() -> None:
    calendar, schedule = with_schedule(hours="working")
    monday_noon, saturday = utc(2026, 1, 5, 11), utc(2026, 1, 10, 11)
    present, following = oncall.now_and_next(calendar, schedule, monday_noon)
    assert (present.primary, present.end) == ("ann", utc(2026, 1, 5, 17))
    assert following is not None
    assert following.gap
    assert oncall.on_duty(calendar, schedule, saturday) == (None, None)
    assert oncall.gaps(calendar, schedule, utc(2026, 1, 5, 8), utc(2026, 1, 12, 8))
    assert not oncall.unplanned(calendar, schedule, utc(2026, 1, 5, 8), utc(2026, 1, 12, 8))


def test_now_and_next_over_more_than_one_shift() -> None:
    present, following = oncall.now_and_next(CALENDAR, SRE, utc(2026, 1, 8))
    assert (present.primary, present.start, present.end) == ("ann", utc(2026, 1, 5, 8), utc(2026, 1, 12, 8))
    assert following is not None
    assert (following.primary, following.start) == ("bo", present.end)


@given(
    st.datetimes(datetime(2026, 1, 6), datetime(2028, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Shanghai"]),
    st.integers(1, 21),
    st.sampled_from([time(0), time(2, 30), time(9), time(23, 59)]),
)
def test_turns_cover_all_time_without_overlap(moment: datetime, zone: str, days: int, at: time) -> None:
    _, schedule = with_schedule(zone=zone, turn_days=days, at=at, weekday=0 if days % 7 == 0 else None)
    number = oncall.turn_number(schedule, moment)
    assert oncall.turn_start(schedule, number) <= moment < oncall.turn_start(schedule, number + 1)


# --- escalation -------------------------------------------------------------------------------------------

PAGED = utc(2026, 1, 5, 12)


def test_the_timetable_says_who_is_due_and_when() -> None:
    rows = escalation.timetable(CALENDAR, P0, PAGED, PAGED + timedelta(minutes=2))
    assert [(row.at - PAGED, row.due) for row in rows] == [
        (timedelta(), Due.PAST),
        (timedelta(minutes=5), Due.NEXT),
        (HOUR, Due.LATER),
    ]
    assert [target.text for row in rows for target in row.who] == [
        "Ann (sre)", "Bo (sre/backup)", "Team lead", "Kim (sre/manager)",
    ]  # fmt: skip
    assert escalation.escalates_in(rows, PAGED + timedelta(minutes=2)) == timedelta(minutes=3)


def test_an_ack_stops_what_would_come_after_it() -> None:
    rows = escalation.timetable(CALENDAR, P0, PAGED, PAGED + HOUR, PAGED + timedelta(minutes=4))
    assert [row.due for row in rows] == [Due.PAST, Due.STOPPED, Due.STOPPED]
    assert escalation.escalates_in(rows, PAGED + HOUR) is None


def test_a_step_reaches_who_has_duty_at_its_time() -> None:
    paged = utc(2026, 1, 12, 7, 58)
    rows = escalation.timetable(CALENDAR, P0, paged, paged)
    assert [rows[0].who[0].member, rows[1].who[0].member] == ["ann", "cy"]


@pytest.mark.parametrize(
    ("at", "rule"),
    [
        pytest.param(utc(2026, 1, 5, 12), "p1-day", id="monday noon"),
        pytest.param(utc(2026, 1, 5, 17), "p1-night", id="monday 18:00 in Berlin"),
        pytest.param(utc(2026, 1, 5, 8), "p1-day", id="monday 09:00 in Berlin"),
        pytest.param(utc(2026, 1, 10, 12), "p1-night", id="saturday"),
    ],
)
def test_the_hour_of_the_alert_chooses_the_escalation(at: datetime, rule: str) -> None:
    found = escalation.rule_for(CALENDAR, {"priority": "P1"}, at)
    assert found is not None
    assert found.id == rule
    assert escalation.rule_for(CALENDAR, {"priority": "P2"}, at) is None


def test_nobody_on_duty_is_told_as_nobody() -> None:
    target = escalation.target(CALENDAR, "sre", utc(2026, 1, 1))
    assert (target.member, target.text) == (None, "NOBODY (sre)")


def firing(
    name: str, start: datetime, minutes: int = 5, *, severity: str = "page", going_on: bool = False
) -> Firing:
    labels = {"alertname": name, "severity": severity, "priority": "P0", "instance": "app-1"}
    return Firing(labels, start, start + timedelta(minutes=minutes), going_on)


def test_pages_belong_to_the_schedule_that_hears_first() -> None:
    pages = [firing("A", PAGED), firing("B", PAGED)]
    assert escalation.pages_of(CALENDAR, SRE, pages) == tuple(pages)
    assert escalation.pages_of(CALENDAR, replace(SRE, id="data"), pages) == ()


# --- handing over -----------------------------------------------------------------------------------------


def test_the_handoff_is_about_the_last_and_the_next_twelve_hours() -> None:
    now = utc(2026, 1, 8, 12)
    week = [
        firing("Down", now - HOUR, going_on=True),
        firing("Slow", now - 2 * HOUR, severity="ticket"),
        firing("Old", now - 20 * HOUR),
        *(firing("Flaky", now - timedelta(days=day), 3) for day in (1, 2, 3)),
        *(firing("Long", now - timedelta(days=day), 90) for day in (1, 2, 3)),
    ]
    new = take({"alertname": "Down"}, "ann", "", now)
    plain = Silence("s1", new.matchers, now, now + HOUR, "bo", "deploy", SilenceState.ACTIVE)
    silences = [
        replace(plain, id="ack", comment=new.comment),
        replace(plain, id="later", ends=now + 13 * HOUR),
        replace(plain, id="over", state=SilenceState.EXPIRED),
        plain,
    ]
    found = handoff.handoff(week, silences, now)
    assert [f.labels["alertname"] for f in found.pages] == ["Down"]
    assert [f.labels["alertname"] for f in found.tickets] == ["Slow"]
    assert [silence.id for silence in found.silences_ending] == ["s1"]
    assert found.noise == (("Flaky app-1", 3),)


def test_a_night_is_counted_once_and_by_the_local_clock() -> None:
    pages = [
        firing("A", utc(2026, 1, 6, 21, 30)),  # 22:30 in Berlin
        firing("A", utc(2026, 1, 7, 5)),  # 06:00 of the same night
        firing("A", utc(2026, 1, 7, 20)),  # 21:00: evening
    ]
    assert handoff.load(pages, "Europe/Berlin") == handoff.Load(pages=3, nights=1)
    assert handoff.load(pages, "Asia/Shanghai").nights == 2
