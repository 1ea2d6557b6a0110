"""Doses of CPU and memory, read while the fault is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos.actions import cpu
from sretool.chaos.probes import resources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.actions.conftest import Group


@pytest.mark.slow
def test_the_limit_is_read_back_and_the_group_runs_into_it(group: Group, spinning: int) -> None:
    group.enter(spinning)
    assert resources.cpu_limit(pid=spinning) == 0.5
    assert 0 < resources.cpu_used(pid=spinning) < 0.8
    assert 0 < resources.cpu_share(pid=spinning) <= 1.1
    # So little that it runs into it however busy the machine is.
    cpu.limit_cpu("2%", of="core", pid=spinning)
    assert resources.cpu_limit(pid=spinning) == 0.02
    assert resources.cpu_throttled(pid=spinning) > 0.2
    cpu.restore_cpu(pid=spinning)


def test_memory_of_the_group_and_of_the_process(group: Group, sleeping: int) -> None:
    group.enter(sleeping)
    assert 0 <= resources.memory_share(pid=sleeping) < 0.5
    assert 0 < resources.memory_share(pid=sleeping, of="process") < 0.5


def test_a_limit_as_a_share_of_so_many_cores(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("20000 100000")
    (tmp_path / "cpu.cfs_quota_us").write_text("20000")
    (tmp_path / "cpu.cfs_period_us").write_text("100000")
    assert resources.cpu_limit(cgroup=str(tmp_path)) == pytest.approx(0.2)
    assert resources.cpu_limit(cgroup=str(tmp_path), of=0.5) == pytest.approx(0.4)
    with pytest.raises(ActivityFailed, match="of: 0 is below"):
        resources.cpu_limit(cgroup=str(tmp_path), of=0)


def test_what_cannot_be_measured_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000")
    (tmp_path / "memory.max").write_text("max")
    asks: list[Callable[[], float]] = [
        lambda: resources.cpu_limit(cgroup=str(tmp_path)),
        lambda: resources.memory_share(cgroup=str(tmp_path)),
        lambda: resources.cpu_throttled(cgroup=str(tmp_path), over_s=0.1),
        lambda: resources.cpu_used(pid=2**22 + 1),
    ]
    for ask in asks:
        with pytest.raises(ActivityFailed):
            ask()
