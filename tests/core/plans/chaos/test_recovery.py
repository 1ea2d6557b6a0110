"""RTO, RPO and recovery, from a client's ledger and from what happened."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from sretool.chaos import writes as ledger
from sretool.core.plans.chaos import criteria as names
from sretool.core.plans.chaos.criteria import Criteria
from sretool.core.plans.chaos.detection import detect
from sretool.core.plans.chaos.recovery import checks, mttr_s, rto_s, writes_found
from sretool.core.plans.chaos.timeline import Timeline
from sretool.core.runs.events import (
    FaultOff,
    FaultOn,
    RunnerEnded,
    SteadyState,
    WatchEnded,
    What,
    WritesFound,
)
from sretool.core.runs.model import Check
from sretool.services.chaos_telling import told
from tests.support.drills import event

PROMISED = Criteria(actions=("kill",), rto_s=30.0, rpo_s=0.0, recovery_deadline_s=60.0)
RESULT: dict[str, Any] = {
    "format": 1,
    "fault_at": 1000.0,
    "sent": 120,
    "acked": 100,
    "refused": 5,
    "unknown": 15,
    "lost": 0,
    "duplicated": 0,
    "resurrected": 0,
    "rpo_s": 0.0,
    "rto_s": 6.5,
    "first_failed_at": 1000.2,
    "servers": [
        {"name": "pg-1", "acked_before": 60, "acked_after": 0, "first_ack_after_at": None},
        {"name": "pg-2", "acked_before": 0, "acked_after": 40, "first_ack_after_at": 1006.5},
    ],
    "promoted": "pg-2",
    "split_brain": False,
    "redundant": True,
}


def judged(found: WritesFound | None, of: Criteria = PROMISED, *also: tuple[float, What]) -> dict[str, Check]:
    timeline = timeline_of(found, of, *also)
    return {each.name: each for each in checks(of, detect(of, timeline), timeline)}


def timeline_of(found: WritesFound | None, of: Criteria, *also: tuple[float, What]) -> Timeline:
    happened: list[tuple[float, What]] = [
        (10.0, FaultOn("f", "kill", undo_ready=True)),
        (50.0, FaultOff("f")),
        (51.0, RunnerEnded("completed")),
        (100.0, WatchEnded(3)),
        *also,
    ]
    if found is not None:
        happened.append((60.0, found))
    return Timeline(of, [event(t, what) for t, what in happened])


def test_acks_are_those_of_the_server_that_gave_them() -> None:
    found = writes_found(RESULT)
    assert [
        (each.name, each.acked_before, each.acked_after, each.first_ack_after_t) for each in found.servers
    ] == [
        ("pg-1", 60, 0, None),
        ("pg-2", 0, 40, 6.5),
    ]
    assert (found.rto_s, found.promoted, found.first_failed_after_s) == (6.5, True, 0.2)
    assert all(each.ok for each in judged(found).values())


def test_acks_of_the_old_primary_that_were_under_way_make_no_rto() -> None:
    servers = [RESULT["servers"][0] | {"acked_after": 3, "first_ack_after_at": 1000.02}, RESULT["servers"][1]]
    assert writes_found(RESULT | {"servers": servers, "rto_s": 0.02}).rto_s == 6.5
    silent = [servers[0], servers[1] | {"first_ack_after_at": None, "acked_after": 0}]
    assert writes_found(RESULT | {"servers": silent, "rto_s": 0.02}).rto_s is None
    assert writes_found(RESULT | {"servers": servers, "rto_s": 0.02, "promoted": None}).rto_s == 0.02
    unnamed = [each | {"acked_before": 0, "acked_after": 0, "first_ack_after_at": None} for each in servers]
    found = RESULT | {"servers": unnamed, "rto_s": 0.02}
    assert writes_found(found).rto_s is None
    assert writes_found(found | {"rto_database_s": 4.0}).rto_s == 4.0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param({"format": 2}, "format 2", id="another format"),
        pytest.param({"acked": None}, "not every write", id="not counted"),
        pytest.param({"acked": 101}, "120 sent, 101 acknowledged", id="does not add up"),
        pytest.param({"acked": -1}, "acked is -1", id="below 0"),
        pytest.param({"lost": 1.5}, "lost is 1.5", id="half a row"),
        pytest.param({"lost": True}, "lost is True", id="no number"),
        pytest.param({"lost": 101}, "101 lost of 100", id="more than there were"),
        pytest.param({"resurrected": 6}, "6 resurrected of 5", id="more than refused"),
        pytest.param({"rpo_s": 3.0}, "none lost, and yet 3 s", id="nothing lost for some time"),
    ],
)
def test_a_ledger_that_contradicts_itself_knows_nothing(wrong: dict[str, Any], said: str) -> None:
    found = writes_found(RESULT | wrong)
    assert said in found.text
    assert found == WritesFound(text=found.text)
    assert all(each.ok is None for name, each in judged(found).items() if name != names.RECOVERED)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -1.0, "6", True])
def test_a_time_that_is_none_is_not_known(value: object) -> None:
    found = writes_found(RESULT | {"rto_s": value})
    assert found.rto_s is None
    assert judged(found)[names.RTO].ok is not True


def test_what_the_runner_tells_of_the_ledger_is_read() -> None:
    said = told({"event": "writes", "at": 1.0, "name": "writes", "result": RESULT, "folder": "/x"})
    assert said.whats == (writes_found(RESULT),)
    (note,) = told({"event": "writes", "at": 1.0}).whats
    assert not isinstance(note, WritesFound)


def test_a_promotion_that_never_ends_ends_in_a_verdict() -> None:
    found = replace(writes_found(RESULT), rto_s=None)
    assert judged(found)[names.RTO] == Check(names.RTO, want=30.0, got="not over", unit="s", ok=False)
    assert judged(found)[names.RECOVERED].ok is not True


def test_an_outage_that_was_watched_for_less_than_promised_is_not_decided() -> None:
    patient = replace(PROMISED, rto_s=300.0)
    assert judged(replace(writes_found(RESULT), rto_s=None), patient)[names.RTO].ok is None


def test_a_client_that_wrote_nothing_before_proves_nothing() -> None:
    servers = [each | {"acked_before": 0} for each in RESULT["servers"]]
    found = judged(writes_found(RESULT | {"servers": servers}))
    assert found[names.LOST].ok is None
    assert found[names.RPO].ok is None
    idle = judged(writes_found(RESULT | {"acked": 0, "sent": 20}))
    assert idle[names.LOST].ok is None


def test_a_loss_that_is_allowed_is_held_against_both_bounds() -> None:
    of = replace(PROMISED, rpo_s=1.0, lost_writes=3)
    assert judged(writes_found(RESULT | {"lost": 3, "rpo_s": 0.8}), of)[names.LOST].ok
    assert judged(writes_found(RESULT | {"lost": 3, "rpo_s": 0.8}), of)[names.RPO].ok
    assert judged(writes_found(RESULT | {"lost": 4, "rpo_s": 0.8}), of)[names.LOST].ok is False
    assert judged(writes_found(RESULT | {"lost": 3, "rpo_s": 1.2}), of)[names.RPO].ok is False


def test_a_loss_counts_though_nothing_was_promised() -> None:
    of = replace(PROMISED, rto_s=None, rpo_s=None)
    assert judged(writes_found(RESULT | {"lost": 1, "rpo_s": 0.8}), of)[names.LOST].ok is False
    assert names.LOST not in judged(None, of)


def test_an_account_from_before_the_fault_is_none() -> None:
    timeline = timeline_of(None, PROMISED, (5.0, writes_found(RESULT)))
    assert rto_s(PROMISED, timeline) is None


def test_one_server_has_no_split_brain() -> None:
    found = judged(writes_found(RESULT | {"servers": RESULT["servers"][:1], "split_brain": None}))
    assert names.ONE_PRIMARY not in found
    assert names.REDUNDANCY not in found


STEADY = replace(PROMISED, rpo_s=None)


def steady(*told_: tuple[float, bool | None]) -> list[tuple[float, What]]:
    return [(t, SteadyState("during", met)) for t, met in told_]


@pytest.mark.parametrize(
    ("answers", "rto"),
    [
        pytest.param([(11, True), (20, False), (25, True), (30, True)], 15.0, id="an outage"),
        pytest.param([(11, True), (20, True)], 0.0, id="none"),
        pytest.param([(11, False), (20, True), (30, False), (40, True)], 30.0, id="the last one counts"),
        pytest.param([(11, None), (20, True), (30, True)], 10.0, id="no answer is no good one"),
        pytest.param([(11, True), (20, False)], None, id="not over"),
        pytest.param([(20, True)], None, id="asked once"),
        pytest.param([], None, id="never asked"),
    ],
)
def test_without_a_ledger_the_steady_state_tells(
    answers: list[tuple[float, bool | None]], rto: float | None
) -> None:
    assert rto_s(STEADY, timeline_of(None, STEADY, *steady(*answers))) == rto


def test_recovery_lasts_until_the_last_thing_is_well() -> None:
    timeline = timeline_of(writes_found(RESULT | {"rto_s": 55.0}), PROMISED)
    assert mttr_s(PROMISED, detect(PROMISED, timeline), timeline) == 55.0
    assert judged(writes_found(RESULT | {"rto_s": 55.0}))[names.RECOVERED].got == 15.0


def test_a_fault_that_is_never_over_is_no_recovery() -> None:
    timeline = Timeline(PROMISED, [event(1.0, FaultOn("f", "kill")), event(200.0, WatchEnded(1))])
    found = {each.name: each for each in checks(PROMISED, detect(PROMISED, timeline), timeline)}
    assert found[names.RECOVERED].ok is not True
    assert mttr_s(PROMISED, detect(PROMISED, timeline), timeline) is None


def test_the_result_of_a_real_ledger_is_understood() -> None:
    """A failover as the ledger writes it down: what its own arithmetic makes of it is what is judged."""
    lines: list[dict[str, Any]] = [{"began": 0.0}]
    lines += [
        {"state": "writable", "server": "pg-1", "t": 0.0},
        {"state": "standby", "server": "pg-2", "t": 0.0},
    ]
    number = 0

    def write(sent: float, *, status: int, server: str = "", took: float = 0.01) -> None:
        nonlocal number
        lines.append({"sent": sent, "n": number, "id": f"w{number}"})
        lines.append({"ended": sent + took, "n": number, "status": status, "server": server})
        number += 1

    for tenth in range(100):
        write(tenth / 10, status=201, server="pg-1")
    lines.append({"fault": 10.0})
    lines += [
        {"state": "away", "server": "pg-1", "t": 10.1},
        {"state": "writable", "server": "pg-2", "t": 14.0},
    ]
    for tenth in range(40):
        write(10.05 + tenth / 10, status=503)
    for tenth in range(50):
        write(14.1 + tenth / 10, status=201, server="pg-2")
    lines += [{"state": "standby", "server": "pg-1", "t": 18.0}, {"stopped": 20.0}]
    journal = ledger.read(lines)
    held = Counter(name for write in journal.writes.values() if write.acked for name in [write.id])
    lost = Counter({name: count for name, count in held.items() if name not in ("w98", "w99")})
    names_of = {"pg-1": (), "pg-2": ()}
    for there, gone in ((held, 0), (lost, 2)):
        readings = {"pg-1": ledger.Reading(there), "pg-2": ledger.Reading(there, streaming=1)}
        result = ledger.fold(journal, names_of, readings, offset=0.0, late=1.0)
        found = writes_found(result)
        assert found.text == ""
        assert (found.acked, found.lost, found.unknown) == (150, gone, 40)
        assert found.rto_s == pytest.approx(4.11)
        assert (found.promoted, found.split_brain, found.redundant) == (True, False, True)
        assert judged(found)[names.LOST].ok is (gone == 0)
        assert judged(found)[names.RPO].ok is (gone == 0)
