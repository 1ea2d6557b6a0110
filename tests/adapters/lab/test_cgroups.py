"""Where our own control group is, by what the kernel says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sretool.adapters.lab import cgroups
from sretool.adapters.lab.cgroups import Mount
from sretool.core.plans.processes import CgroupPaths, Limits
from tests.support.lab import need_groups

V1 = """\
25 20 0:22 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 25 0:27 / {root}/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
32 25 0:28 /machine/box {root}/memory rw,nosuid - cgroup cgroup rw,memory
33 25 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""
LIMITS = {"app-1": Limits(cpu_cores=0.5, memory_bytes=1024)}


def test_mounts_are_read_with_their_versions_and_controllers() -> None:
    mounts = cgroups.parse_mounts(V1.format(root="/sys/fs/cgroup"))
    assert [(mount.version, mount.point) for mount in mounts] == [
        (1, "/sys/fs/cgroup/cpu,cpuacct"),
        (1, "/sys/fs/cgroup/memory"),
        (2, "/sys/fs/cgroup/unified"),
    ]
    assert {"cpu", "cpuacct"} <= mounts[0].controllers
    assert mounts[1].root == "/machine/box"


@pytest.mark.parametrize(
    ("mount", "membership", "inside"),
    [
        pytest.param(Mount(1, "/", "", frozenset({"cpu"})), "3:cpu,cpuacct:/a/b", "a/b", id="v1"),
        pytest.param(Mount(2, "/", "", frozenset()), "1:memory:/x\n0::/a", "a", id="v2"),
        pytest.param(
            Mount(1, "/machine/box", "", frozenset({"memory"})),
            "4:memory:/machine/box/a",
            "a",
            id="part of the hierarchy mounted",
        ),
        pytest.param(
            Mount(2, "/", "", frozenset()), "0::/not/visible/here", "", id="group outside of the mount"
        ),
    ],
)
def test_our_own_group_is_found_below_the_mount(
    tmp_path: Path, mount: Mount, membership: str, inside: str
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    here = Mount(mount.version, mount.root, str(tmp_path), mount.controllers)
    assert cgroups.own_group(here, membership) == tmp_path / inside


def test_a_hierarchy_we_are_not_in_has_no_group_of_ours(tmp_path: Path) -> None:
    mount = Mount(1, "/", str(tmp_path), frozenset({"cpu"}))
    assert cgroups.own_group(mount, "3:memory:/a") is None


def test_an_ordinary_folder_is_no_control_group(tmp_path: Path) -> None:
    """Nothing may be claimed where the kernel doesn't enforce anything."""
    mounts = [Mount(2, "/", str(tmp_path), frozenset())]
    assert cgroups.create_v2("lab", LIMITS, mounts, "0::/") == {}
    assert list(tmp_path.iterdir()) == []


def test_directories_of_v2_are_named_once() -> None:
    groups = {"a": CgroupPaths("/x/a", "/x/a"), "b": CgroupPaths("/x/b", "/x/b")}
    assert cgroups.directories(groups) == ("/x/a", "/x/b")


def test_a_limited_process_comes_before_what_else_runs_here() -> None:
    made = cgroups.create(f"sretool-test-{os.getpid()}", LIMITS | {"app-1": Limits(0.5, 64 * 1024**2)})
    try:
        need_groups(made)
        (group,) = made.values()
        found = {name: Path(group.cpu, name) for name in ("cpu.shares", "cpu.weight")}
        (told,) = (each for each in found.values() if each.exists())
        # Of one that nobody has said anything about it is 1024, and 100 in version 2.
        assert int(told.read_text()) == {"cpu.shares": 10240, "cpu.weight": 1000}[told.name]
    finally:
        cgroups.remove(cgroups.directories(made))
