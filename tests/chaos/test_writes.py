"""What a client ledger makes of its journal: no outage hidden, no loss overlooked, nothing claimed unseen."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.chaos import writes
from sretool.chaos.writes import AWAY, STANDBY, WRITABLE, Reading

PAIR = {"a": ("10.0.0.1:5432",), "b": ("10.0.0.2:5432",)}
OFFSET = 1000.0


class Client:
    """Builds a journal: a write each tenth of a second."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = [{"began": 0.0}]
        self._next = 0

    def writes(
        self, start: float, end: float, status: int = 200, server: str = "10.0.0.1:5432", took: float = 0.01
    ) -> list[str]:
        """Ids of the writes sent from `start` to before `end`."""
        found = []
        at = start
        while at < end - 1e-9:
            name = f"w{self._next}"
            self.lines.append({"n": self._next, "id": name, "sent": at})
            words = {"server": server} if 200 <= status < 300 else {}
            self.lines.append({"n": self._next, "ended": at + took, "status": status, **words})
            found.append(name)
            self._next += 1
            at = round(at + 0.1, 3)
        return found

    def seen(self, server: str, state: str, at: float) -> None:
        self.lines.append({"server": server, "state": state, "t": at})

    def fault(self, at: float) -> None:
        self.lines.append({"fault": at})

    def result(
        self,
        there: dict[str, list[str]] | None = None,
        streaming: int = 1,
        servers: dict[str, tuple[str, ...]] | None = None,
        stopped: float = 100.0,
        calm: float = 0.0,
    ) -> dict[str, Any]:
        readings = {name: Reading(Counter(ids), streaming) for name, ids in (there or {}).items()}
        journal = writes.read([*self.lines, {"stopped": stopped, "calm": calm}])
        return writes.fold(journal, PAIR if servers is None else servers, readings, offset=OFFSET, late=1.0)


def calm() -> Client:
    client = Client()
    client.seen("a", WRITABLE, 0.0)
    client.seen("b", STANDBY, 0.0)
    return client


def failover() -> tuple[Client, list[str]]:
    """The primary dies at 10 s, the other one takes writes from 13 s on, the old one follows at 18 s."""
    client = calm()
    acked = client.writes(0, 10)
    client.fault(10.0)
    client.seen("a", AWAY, 10.0)
    client.writes(10, 13, status=503)
    client.seen("b", WRITABLE, 13.0)
    acked += client.writes(13, 20, server="10.0.0.2:5432")
    client.seen("a", STANDBY, 18.0)
    return client, acked


def test_a_failover_without_loss() -> None:
    client, acked = failover()
    found = client.result({"a": acked, "b": acked})
    assert (found["sent"], found["acked"], found["unknown"]) == (200, 170, 30)
    assert (found["lost"], found["duplicated"], found["resurrected"]) == (0, 0, 0)
    assert found["rpo_s"] == 0.0
    assert found["rto_s"] == pytest.approx(3.01)
    assert found["rto_database_s"] == pytest.approx(3.0)
    assert (found["promoted"], found["split_brain"], found["redundant"]) == ("b", False, True)
    old, new = found["servers"]
    assert (old["acked_before"], old["acked_after"]) == (100, 0)
    assert (new["acked_before"], new["acked_after"]) == (0, 70)
    assert new["first_ack_after_at"] == pytest.approx(OFFSET + 13.01)


def test_acks_that_were_on_their_way_end_no_outage() -> None:
    client = calm()
    acked = client.writes(0, 10)
    client.fault(9.95)
    client.writes(10, 20, status=503)
    acked += client.writes(20, 30)
    assert client.result({"a": acked, "b": acked})["rto_s"] == pytest.approx(10.06)


def test_an_outage_that_is_not_over_has_no_rto() -> None:
    client = calm()
    acked = client.writes(0, 10)
    client.fault(10.0)
    client.writes(10, 20, status=503)
    found = client.result({"a": acked, "b": acked})
    assert found["rto_s"] is None
    assert found["outages"][-1]["until_at"] is None


def test_an_outage_of_every_other_write_is_not_over_with_one_that_went_well() -> None:
    client = calm()
    client.writes(0, 10)
    client.fault(10.0)
    for second in range(10, 20):
        client.writes(second, second + 0.1, status=503)
        client.writes(second + 0.1, second + 1)
    assert client.result(stopped=20.0, calm=2.0)["rto_s"] is None
    client.writes(20, 23)
    assert client.result(stopped=23.0, calm=2.0)["rto_s"] == pytest.approx(9.11, abs=0.01)


def test_one_bad_write_later_counts() -> None:
    client = calm()
    acked = client.writes(0, 10)
    client.fault(10.0)
    acked += client.writes(10, 40)
    client.writes(40, 40.1, status=0)
    acked += client.writes(41, 50)
    assert client.result({"a": acked, "b": acked})["rto_s"] == pytest.approx(31.01)


def test_slow_acks_are_an_outage() -> None:
    client = calm()
    acked = client.writes(0, 10)
    client.fault(10.0)
    acked += client.writes(10, 11, took=4.0)
    acked += client.writes(14, 20)
    found = client.result({"a": acked, "b": acked})
    assert found["unknown"] == 0
    assert found["rto_s"] == pytest.approx(4.01)


def test_what_failed_before_the_fault_is_not_its_doing() -> None:
    client = calm()
    client.writes(0, 1, status=503)
    acked = client.writes(1, 10)
    client.fault(10.0)
    acked += client.writes(10, 20)
    found = client.result({"a": acked, "b": acked})
    assert (found["rto_s"], found["first_failed_at"]) == (0.0, None)


def test_without_writes_after_the_fault_nothing_is_known() -> None:
    client = calm()
    acked = client.writes(0, 10)
    client.fault(10.0)
    assert client.result({"a": acked, "b": acked})["rto_s"] is None


def test_without_a_fault_there_is_no_rto() -> None:
    client = calm()
    acked = client.writes(0, 10)
    found = client.result({"a": acked, "b": acked})
    assert (found["rto_s"], found["rto_database_s"], found["promoted"]) == (None, None, None)


def test_lost_writes_and_how_far_back_they_go() -> None:
    client, acked = failover()
    kept = [name for name in acked if name not in ("w95", "w96", "w97")]
    found = client.result({"a": kept, "b": kept})
    assert found["lost"] == 3
    assert found["examples"]["lost"] == ["w95", "w96", "w97"]
    assert found["rpo_s"] == pytest.approx(0.49)


def test_what_only_the_old_primary_has_is_lost() -> None:
    client, acked = failover()
    found = client.result({"a": acked, "b": acked[50:]})
    assert found["lost"] == 50
    assert found["servers"][1]["missing"] == 50
    assert found["servers"][0]["missing"] == 0


def test_duplicates_and_what_was_refused_and_is_there() -> None:
    client = calm()
    acked = client.writes(0, 10)
    refused = client.writes(10, 10.2, status=429)
    unknown = client.writes(10.2, 10.5, status=0)
    there = [*acked, acked[0], refused[0], unknown[0]]
    found = client.result({"a": there, "b": there})
    assert (found["duplicated"], found["resurrected"], found["kept_unknown"]) == (1, 1, 1)
    assert (found["refused"], found["unknown"]) == (2, 3)


def test_nothing_is_claimed_of_servers_that_could_not_be_read() -> None:
    client, _ = failover()
    found = client.result({})
    for key in ("lost", "duplicated", "resurrected", "kept_unknown", "rpo_s", "redundant"):
        assert found[key] is None, key


def test_two_that_take_writes_at_the_end_are_no_primary() -> None:
    client, acked = failover()
    client.seen("a", WRITABLE, 30.0)
    found = client.result({"a": acked, "b": acked})
    assert found["split_brain"] is True
    assert (found["lost"], found["promoted"], found["redundant"]) == (None, None, None)


def test_a_split_brain_that_is_over_is_remembered() -> None:
    client, acked = failover()
    client.seen("a", WRITABLE, 14.0)
    client.seen("a", AWAY, 14.5)
    assert client.result({"a": acked, "b": acked})["split_brain"] is True


def test_taking_turns_is_no_split_brain() -> None:
    client = calm()
    acked = client.writes(0, 10)
    client.fault(10.0)
    client.seen("a", AWAY, 10.0)
    client.seen("a", WRITABLE, 11.0)
    client.seen("a", AWAY, 12.0)
    client.seen("b", WRITABLE, 12.0)
    acked += client.writes(12, 20)
    client.seen("a", STANDBY, 15.0)
    found = client.result({"a": acked, "b": acked})
    assert found["split_brain"] is False
    assert found["rto_database_s"] == pytest.approx(2.0)


def test_a_server_that_stays_away_leaves_open_whether_it_took_writes() -> None:
    client = calm()
    acked = client.writes(0, 10)
    client.fault(10.0)
    client.seen("a", AWAY, 10.0)
    client.seen("b", WRITABLE, 12.0)
    acked += client.writes(12, 20)
    found = client.result({"b": acked}, streaming=0)
    assert found["split_brain"] is None
    assert found["redundant"] is False


def test_a_standby_that_lags_is_no_redundancy() -> None:
    client, acked = failover()
    assert client.result({"a": acked[:-1], "b": acked})["redundant"] is False


def test_a_promotion_that_hangs_has_no_rto() -> None:
    client = calm()
    acked = client.writes(0, 10)
    client.fault(10.0)
    client.seen("a", AWAY, 10.0)
    client.writes(10, 60, status=503)
    found = client.result({"b": acked})
    assert (found["rto_s"], found["rto_database_s"], found["promoted"], found["lost"]) == (None,) * 4


def test_a_single_server_has_neither_split_brain_nor_redundancy() -> None:
    client = Client()
    client.seen("a", WRITABLE, 0.0)
    acked = client.writes(0, 10)
    client.fault(5.0)
    found = client.result({"a": acked}, servers={"a": ()})
    assert (found["split_brain"], found["redundant"], found["lost"]) == (None, None, 0)
    assert found["rto_database_s"] == 0.0


@given(
    st.lists(st.tuples(st.sampled_from([200, 429, 503, 0]), st.booleans()), min_size=1, max_size=60),
    st.floats(0, 6),
)
def test_every_write_is_counted_once(outcomes: list[tuple[int, bool]], fault: float) -> None:
    client = calm()
    client.fault(fault)
    there = []
    for number, (status, kept) in enumerate(outcomes):
        (name,) = client.writes(number / 10, number / 10 + 0.1, status=status)
        there += [name] if kept else []
    found = client.result({"a": there, "b": there})
    assert found["sent"] == found["acked"] + found["refused"] + found["unknown"] == len(outcomes)
    assert found["lost"] == sum(status == 200 and not kept for status, kept in outcomes)
    assert found["resurrected"] == sum(status == 429 and kept for status, kept in outcomes)
    assert found["kept_unknown"] == sum(status in (503, 0) and kept for status, kept in outcomes)
    assert (found["rpo_s"] == 0) == (found["lost"] == 0) or found["rpo_s"] >= 0
