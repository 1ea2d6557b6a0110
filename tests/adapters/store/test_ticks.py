"""Ticks on a real disk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sretool.adapters.store.ticks import Tick, TickFile

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 20, 3, 11, tzinfo=UTC)


def tick(subject: str = "alert:f1", step: str = "s1", *, by: str = "mia", done: bool = True) -> Tick:
    return Tick(at=AT, subject=subject, runbook="Burn", step=step, by=by, done=done)


def test_the_last_tick_of_a_step_counts(tmp_path: Path) -> None:
    file = TickFile(tmp_path)
    assert file.of("alert:f1", "Burn") == {}
    for each in (tick(), tick(step="s2"), tick(step="s2", done=False), tick(by="bo")):
        file.append(each)
    assert file.of("alert:f1", "Burn") == {"s1": tick(by="bo")}


def test_ticks_belong_to_their_subject(tmp_path: Path) -> None:
    file = TickFile(tmp_path)
    file.append(tick())
    file.append(tick("alert:f11", "s2"))
    assert list(file.of("alert:f1", "Burn")) == ["s1"]
    assert file.of("alert:f1", "Other") == {}


def test_damaged_lines_cost_only_themselves(tmp_path: Path) -> None:
    file = TickFile(tmp_path)
    file.append(tick())
    with file.path.open("ab") as stream:
        stream.write(b'{"subject":"alert:f1", nonsense}\n{"at":"20')
    file.append(tick(step="s2"))
    assert sorted(file.of("alert:f1", "Burn")) == ["s1", "s2"]
