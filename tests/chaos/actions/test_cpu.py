"""Less CPU, measured, and all of it back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos.actions import cpu, groups
from sretool.undo import heal, identity
from tests.chaos.actions.conftest import until

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.undo.log import UndoLog
    from tests.chaos.actions.conftest import Group


def used(pid: int, over: float = 1.0) -> float:
    """Cores that a process used over so many seconds."""
    before, began = groups.process_cpu(pid), time.monotonic()
    time.sleep(over)
    return (groups.process_cpu(pid) - before) / (time.monotonic() - began)


@pytest.mark.slow
def test_half_of_the_limit_is_half_of_what_it_could_use(
    group: Group, spinning: int, undo_log: UndoLog
) -> None:
    group.enter(spinning)
    told = cpu.limit_cpu("50%", of="limit", cgroup=str(group.cpu))
    assert (told["cores"], told["before_cores"]) == (0.25, 0.5)
    assert groups.cpu_limit(group.cpu).cores == 0.25
    # A busy machine gives less than the limit, and never more.
    assert used(spinning, 2.0) < 0.4
    assert cpu.restore_cpu(cgroup=str(group.cpu)) == 1
    assert groups.cpu_limit(group.cpu).cores == 0.5
    assert undo_log.left() == []


@pytest.mark.slow
def test_the_group_of_a_pid_is_found_and_a_share_of_its_use_is_measured(group: Group, spinning: int) -> None:
    group.enter(spinning)
    told = cpu.limit_cpu(0.9, of="usage", pid=spinning)
    assert 0 < told["cores"] < 0.6
    assert groups.cpu_limit(group.cpu).cores == pytest.approx(told["cores"], abs=1e-4)
    assert cpu.restore_cpu(pid=spinning) == 1


@pytest.mark.slow
def test_an_approved_plan_stays_the_same(group: Group, spinning: int) -> None:
    group.enter(spinning)
    for of in ("limit", "core", "usage"):
        first, second = (cpu.plan_limit_cpu("40%", of=of, pid=spinning) for _ in range(2))
        assert first == second
    assert groups.cpu_limit(group.cpu).cores == 0.5


def test_healing_restores_the_limit_and_respects_what_somebody_else_wrote(
    group: Group, undo_log: UndoLog
) -> None:
    cpu.limit_cpu("50%", cgroup=str(group.cpu))
    file = next(each for name in ("cpu.max", "cpu.cfs_quota_us") if (each := group.cpu / name).exists())
    theirs = "30000 100000" if file.name == "cpu.max" else "30000"
    file.write_text(theirs)
    assert [each.how for each in heal.heal(undo_log.folder).results] == ["foreign"]
    assert groups.cpu_limit(group.cpu).cores == 0.3


def test_without_a_limit_a_share_of_it_makes_no_sense(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000")
    with pytest.raises(ActivityFailed, match="no limit of CPU; say `of: core`"):
        cpu.plan_limit_cpu(0.5, cgroup=str(tmp_path))
    with pytest.raises(ActivityFailed, match="none of limit, core, usage"):
        cpu.plan_limit_cpu(0.5, of="all", cgroup=str(tmp_path))
    with pytest.raises(ActivityFailed, match="less than the kernel can give"):
        cpu.plan_limit_cpu("0.1%", of="core", cgroup=str(tmp_path))
    with pytest.raises(ActivityFailed, match="'-3' is not above 0"):
        cpu.plan_limit_cpu("-3", of="core", cgroup=str(tmp_path))


def test_a_group_that_holds_the_experiment_itself_is_left_alone(group: Group, undo_log: UndoLog) -> None:
    home = next(each for each in group.cpu.parents if (each / "cgroup.procs").exists())
    group.enter(os.getpid())
    try:
        with pytest.raises(ActivityFailed, match="holds this experiment itself"):
            cpu.limit_cpu(0.5, cgroup=str(group.cpu))
        with pytest.raises(ActivityFailed, match="holds this experiment itself"):
            cpu.limit_cpu(0.5, of="core", cgroup=str(home))
    finally:
        for folder in {group.cpu, group.memory}:
            (folder.parent / "cgroup.procs").write_text(str(os.getpid()))
    assert undo_log.read() == []


def test_version_2_is_written_as_quota_and_period(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 50000\n")
    told = cpu.limit_cpu("50%", of="core", cgroup=str(tmp_path))
    assert (told["cores"], told["before_cores"]) == (0.5, None)
    assert (tmp_path / "cpu.max").read_text() == "25000 50000"
    assert cpu.restore_cpu(cgroup=str(tmp_path)) == 1
    assert (tmp_path / "cpu.max").read_text() == "max 50000"


def test_a_slowed_process_runs_for_its_share_of_the_time_and_then_freely(
    spinning: int, undo_log: UndoLog
) -> None:
    cpu.slow_down("20%", pid=spinning)
    assert used(spinning, 1.5) < 0.6
    assert cpu.speed_up(pid=spinning) == 1
    assert undo_log.left() == []
    assert not identity.stopped(spinning)
    assert _stays_running(spinning)


def test_healing_ends_the_helper_and_lets_its_victim_go_on(sleeping: int, undo_log: UndoLog) -> None:
    cpu.slow_down("10%", pid=sleeping, period_ms=50)
    helper = next(each.entry.undo["pid"] for each in undo_log.left() if each.entry.undo["kind"] == "end")
    healed = heal.heal(undo_log.folder)
    assert healed.complete
    assert identity.start_time(helper) is None
    assert _stays_running(sleeping)


def test_a_helper_that_is_killed_leaves_nothing_that_healing_does_not_find(
    sleeping: int, undo_log: UndoLog
) -> None:
    cpu.slow_down("5%", pid=sleeping, period_ms=1000)
    helper = next(each.entry.undo["pid"] for each in undo_log.left() if each.entry.undo["kind"] == "end")
    until(lambda: identity.stopped(sleeping))
    os.kill(helper, signal.SIGKILL)
    assert identity.stopped(sleeping)
    assert heal.heal(undo_log.folder).complete
    assert _stays_running(sleeping)


def test_a_helper_goes_with_whoever_started_it(sleeping: int, undo_log: UndoLog) -> None:
    program = (
        "import os, signal\nfrom sretool.chaos.actions import cpu\n"
        f"cpu.slow_down('5%', pid={sleeping}, period_ms=1000)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    helper = next(each.entry.undo for each in undo_log.left() if each.entry.undo["kind"] == "end")
    until(lambda: identity.start_time(helper["pid"]) != helper["start"])
    assert _stays_running(sleeping)


def test_systemd_units_are_refused_where_there_is_no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "systemd_problem", lambda: "systemd does not run this machine")
    with pytest.raises(ActivityFailed, match="systemd does not run this machine; use limit_cpu"):
        cpu.plan_limit_cpu_of_unit("nginx.service", 0.5)


@pytest.mark.parametrize(
    ("shown", "quota"), [("infinity", ""), ("500ms", "50%"), ("1s 500ms", "150%"), ("2min", "12000%")]
)
def test_quotas_are_given_back_as_systemd_shows_them(shown: str, quota: str) -> None:
    assert cpu._quota(shown) == quota


def _stays_running(pid: int) -> bool:
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        if identity.stopped(pid):
            return False
        time.sleep(0.005)
    return True
