"""Acks: carried by silences, renewed while the alert fires, dropped when it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sretool.core.alerting import acks
from sretool.core.alerting.acks import Ack
from sretool.core.alerting.silences import NewSilence, Silence, SilenceState

NOW = datetime(2026, 11, 20, 3, 12, 41, tzinfo=UTC)
DOWN = {"alertname": "ServiceDown", "service": "amas", "instance": "app-1"}
OTHER = {**DOWN, "instance": "app-2"}
MINUTE = timedelta(minutes=1)


def kept(new: NewSilence, id_: str = "s1", state: SilenceState = SilenceState.ACTIVE) -> Silence:
    """As Alertmanager would keep it."""
    return Silence(id_, new.matchers, new.starts, new.ends, new.created_by, new.comment, state)


def test_an_ack_is_a_short_silence_of_exactly_one_alert() -> None:
    silence = kept(acks.take(DOWN, "mia", "looking,\n v412 suspect", NOW))
    assert silence.matches(DOWN)
    assert not silence.matches(OTHER)
    assert silence.ends - silence.starts == acks.LENGTH
    assert acks.ack_of(silence) == Ack("s1", "mia", "looking, v412 suspect", NOW, silence.ends, ours=True)


def test_the_record_survives_a_renewal() -> None:
    silence = kept(acks.take(DOWN, "mia", "", NOW))
    later = NOW + acks.LENGTH - MINUTE
    (renewed,) = acks.upkeep([silence], [DOWN], later).renew
    assert (renewed.id, renewed.starts, renewed.ends) == ("s1", NOW, later + acks.LENGTH)
    ack = acks.ack_of(kept(renewed))
    assert ack is not None
    assert (ack.owner, ack.since) == ("mia", NOW)


@pytest.mark.parametrize(
    ("left", "renewed"), [(acks.RENEW_BELOW + MINUTE, 0), (acks.RENEW_BELOW - MINUTE, 1), (MINUTE / 60, 1)]
)
def test_an_ack_is_renewed_only_near_its_end(left: timedelta, renewed: int) -> None:
    silence = kept(acks.take(DOWN, "mia", "", NOW))
    assert len(acks.upkeep([silence], [DOWN], silence.ends - left).renew) == renewed


def test_where_nobody_renews_the_ack_ends_and_the_alert_is_new_again() -> None:
    silence = kept(acks.take(DOWN, "mia", "", NOW))
    assert acks.held([silence], DOWN) is not None
    assert acks.held([replace(silence, state=SilenceState.EXPIRED)], DOWN) is None


def test_an_ack_is_dropped_once_its_alert_is_really_gone() -> None:
    silence = kept(acks.take(DOWN, "mia", "", NOW))
    gone = acks.missing([silence], [OTHER], NOW, {})
    assert gone == {"s1": NOW}
    assert not acks.upkeep([silence], [OTHER], NOW, gone)
    later = NOW + acks.LATE_RESOLVE
    gone = acks.missing([silence], [OTHER], later, gone)
    assert acks.upkeep([silence], [OTHER], later, gone).drop == ("s1",)
    # Back before it was dropped: the wait starts afresh.
    assert acks.missing([silence], [DOWN], later, gone) == {}


def test_acks_of_karma_are_recognised_and_left_to_it() -> None:
    comment = "ACK! This alert was acknowledged using karma on Fri, 20 Nov 2026 03:12:41 GMT"
    silence = replace(kept(acks.take(DOWN, "kim", "", NOW)), comment=comment)
    ack = acks.ack_of(silence)
    assert ack is not None
    assert (ack.owner, ack.ours, ack.since) == ("kim", False, NOW)
    assert ack.note.startswith("This alert was acknowledged using karma")
    assert not acks.upkeep([silence], [DOWN], silence.ends - MINUTE)
    assert not acks.upkeep([silence], [], NOW, {"s1": NOW - timedelta(hours=1)})


def test_a_plain_silence_is_no_ack_and_is_never_touched() -> None:
    silence = replace(kept(acks.take(DOWN, "kim", "", NOW)), comment="deploy; ACK! comes later")
    assert acks.ack_of(silence) is None
    assert acks.held([silence], DOWN) is None
    assert not acks.upkeep([silence], [DOWN], silence.ends - MINUTE)


def test_the_first_of_two_acks_counts() -> None:
    first = kept(acks.take(DOWN, "mia", "", NOW), "s1")
    second = kept(acks.take(DOWN, "bo", "", NOW + MINUTE), "s2")
    ack = acks.held([second, first], DOWN)
    assert ack is not None
    assert ack.owner == "mia"


@pytest.mark.parametrize("owner", ["mia", "mia chen", "結算", "a]b", "x=y"])
def test_any_name_of_an_owner_can_be_read_back(owner: str) -> None:
    ack = acks.ack_of(kept(acks.take(DOWN, owner, "note [with] brackets", NOW)))
    assert ack is not None
    assert ack.ours
    assert ack.note == "note [with] brackets"
    assert " " not in ack.owner


def test_a_spoiled_record_falls_back_to_what_alertmanager_knows() -> None:
    silence = replace(
        kept(acks.take(DOWN, "mia", "", NOW)), comment="ACK! [sretool-ack v1 owner=mia since=never]"
    )
    ack = acks.ack_of(silence)
    assert ack is not None
    assert ack.since == NOW
