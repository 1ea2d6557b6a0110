"""Memory taken in somebody's group, and given back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.adapters.lab import cgroups
from sretool.chaos.actions import groups, memory
from sretool.undo import heal, identity
from tests.chaos.actions.conftest import until

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.undo.log import UndoLog
    from tests.chaos.actions.conftest import Group


def share(group: Group) -> float:
    limit = groups.memory_limit(group.memory)
    assert limit is not None
    return groups.memory_used(group.memory) / limit


def test_ballast_brings_a_group_to_its_share_and_ends_with_its_inverse(
    group: Group, sleeping: int, undo_log: UndoLog
) -> None:
    group.enter(sleeping)
    told = memory.fill_memory("90%", over_s=1, pid=sleeping)
    assert told["share"] == pytest.approx(0.9, abs=0.03)
    assert share(group) == pytest.approx(0.9, abs=0.03)
    assert memory.free_memory(pid=sleeping) == 1
    until(lambda: share(group) < 0.5)
    assert undo_log.left() == []
    assert identity.start_time(sleeping) is not None


def test_ballast_gives_way_to_the_group_itself(group: Group, sleeping: int) -> None:
    group.enter(sleeping)
    memory.fill_memory(0.9, over_s=0, cgroup=str(group.memory))
    groups.perform(groups.memory_write(group.memory, 62 * 2**20))
    until(lambda: share(group) < 0.95)
    assert identity.start_time(sleeping) is not None
    assert memory.free_memory(cgroup=str(group.memory)) == 1


def test_healing_ends_the_ballast(group: Group, undo_log: UndoLog) -> None:
    memory.fill_memory(0.5, over_s=0, cgroup=str(group.memory))
    assert heal.heal(undo_log.folder).complete
    until(lambda: not cgroups.members([str(group.memory)]))


def test_nothing_goes_beyond_the_hard_stop_or_without_a_limit(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max")
    with pytest.raises(ActivityFailed, match="beyond the hard stop at 95%"):
        memory.plan_fill_memory("96%", cgroup=str(tmp_path))
    with pytest.raises(ActivityFailed, match="no limit of memory"):
        memory.plan_fill_memory(0.9, cgroup=str(tmp_path))


def test_a_lower_limit_is_set_and_taken_back(group: Group, sleeping: int, undo_log: UndoLog) -> None:
    group.enter(sleeping)
    told = memory.limit_memory("75%", pid=sleeping)
    assert told["limit_bytes"] == groups.memory_limit(group.memory) == 48 * 2**20
    assert memory.restore_memory(pid=sleeping) == 1
    assert groups.memory_limit(group.memory) == 64 * 2**20
    assert undo_log.left() == []


def test_a_limit_below_what_is_in_use_needs_to_be_meant(group: Group) -> None:
    memory.fill_memory(0.6, over_s=0, cgroup=str(group.memory))
    with pytest.raises(ActivityFailed, match="may_kill: true"):
        memory.limit_memory(0.5, cgroup=str(group.memory))
    assert groups.memory_limit(group.memory) == 64 * 2**20
    memory.free_memory(cgroup=str(group.memory))


def test_version_2_is_read_without_what_the_kernel_can_drop(tmp_path: Path) -> None:
    for name, text in {
        "memory.max": "8388608\n",
        "memory.current": "4194304\n",
        "memory.stat": "anon 1048576\nfile 3145728\ninactive_file 2097152\n",
    }.items():
        (tmp_path / name).write_text(text)
    assert groups.memory_used(tmp_path) == 2097152
    assert memory.limit_memory(0.5, cgroup=str(tmp_path))["limit_bytes"] == 4194304
    assert (tmp_path / "memory.max").read_text() == "4194304"
    assert memory.restore_memory(cgroup=str(tmp_path)) == 1
    assert (tmp_path / "memory.max").read_text() == "8388608"
